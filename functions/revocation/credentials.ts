import type { Answer, Path, Request } from './exchange.ts';
import type { Secret } from './secret.ts';

/** How a request shows who sends it. The platform does the signing in; nothing here ever travels but to the provider. */
export type Credentials =
  /** Headers that are the same for every request. */
  | { by: 'headers'; headers: Record<string, string | Secret> }
  /** HTTP Digest: https://www.rfc-editor.org/rfc/rfc7616. The challenge (a first 401) is answered and is no refusal. */
  | { by: 'digest'; username: string; password: Secret }
  /** OAuth 2.0 client credentials: https://www.rfc-editor.org/rfc/rfc6749#section-4.4. The token is kept until it expires. */
  | { by: 'client-credentials'; tokenPath: Path; clientId: string; clientSecret: Secret }
  /** A sign-in whose token is kept until it expires; `key` is the secret it is made with. */
  | {
      by: 'session';
      key: Secret;
      open: Request;
      /** Undefined for an answer nobody wrote down. */
      read(answer: Answer): Session | 'refused' | undefined;
      headers(token: Secret): Record<string, string | Secret>;
    };

/** A token and how long it is good for. */
export interface Session {
  token: Secret;
  livesMs: number;
}

/** The names of the headers that credentials bring along, for a dry run to show. */
export const headerNames = (credentials: Credentials): string[] =>
  credentials.by === 'headers' ? Object.keys(credentials.headers) : ['Authorization'];
