import type { HttpAnswer, HttpRequest } from '../platform/lambda.ts';
import type { Intake } from '../revocation/intake.ts';
import type { Ledger } from '../revocation/ledger.ts';

/** What the operators' routes need. */
export interface RequestServices {
  intake: Intake;
  ledger: Ledger;
  /** Provider id → names of its accounts. */
  accounts: Readonly<Record<string, readonly string[]>>;
  /** The sources that may report here. */
  sources: readonly string[];
  sleep(ms: number): Promise<void>;
  /** Sends for who tells of an incident; absent, there is nobody to tell. @throws Unavailable */
  announce?: ((incident: string) => Promise<void>) | undefined;
  /** Tells logs what happened. Never given anything that somebody wrote. */
  info?(message: string, fields: Record<string, string>): void;
}

export type Route = (request: HttpRequest, services: RequestServices) => Promise<HttpAnswer>;
