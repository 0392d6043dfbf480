import type { AlertIntake } from '../revocation/alerts.ts';
import type { DecisionServices } from '../revocation/decisions.ts';
import type { Ledger } from '../revocation/ledger.ts';
import type { Policy } from '../revocation/policy.ts';
import type { AnySource, Sources } from '../revocation/source.ts';

/** What a message in Slack is made of. https://docs.slack.dev/reference/methods/chat.postMessage */
export interface Reply {
  channel: string;
  text: string;
  blocks: object[];
  thread_ts: string;
}

/** Our ways back into Slack. Each ends within its deadline (epoch ms). @throws Unavailable, Refused, Unexpected, Misconfigured */
export interface SlackWays {
  post(reply: Reply, deadline: number): Promise<unknown>;
  /** Answers whoever clicked, through the address that Slack gave for it. */
  respond(responseUrl: string, body: object, deadline: number): Promise<unknown>;
}

/** What answering people in Slack needs from outside. */
export interface SlackServices {
  intake: AlertIntake;
  ledger: Pick<Ledger, 'read' | 'list' | 'rememberAlert' | 'fuseBlown'>;
  decisions: DecisionServices;
  policy: Pick<Policy, 'approval' | 'fuse'>;
  /** The sources that may report here. */
  sources: Sources;
  /** A source's secret. @throws Misconfigured, Unavailable */
  configOf(source: AnySource): Promise<unknown>;
  slack: SlackWays;
  /** Epoch ms. */
  now(): number;
  /** Tell logs what happened. Never given anything that somebody wrote. */
  info(message: string, fields: Record<string, string | number>): void;
  fault(message: string, error: unknown, fields?: Record<string, string | number>): void;
}

/** Slack waits three seconds for an answer; whatever else there is to say must be said by then (ms). */
export const sideWay = 1_500;
