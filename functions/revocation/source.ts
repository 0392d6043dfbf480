import type * as z from 'zod';
import type { Answer, Request } from './exchange.ts';
import type { Finding } from './findings.ts';
import type { Outcome } from './incident.ts';
import type { Leak } from './leak.ts';

/** Headers of a delivery by lower-case name. One that came twice arrives joined by a comma. */
export type Headers = Readonly<Record<string, string | undefined>>;

/** One delivery as it arrived. Nothing of it is believed before it is verified. */
export interface Delivery<Config> {
  /** The bytes that were signed. */
  body: Uint8Array;
  headers: Headers;
  /** The source's secret, as its schema gives it. */
  config: Config;
  /** Epoch ms. */
  now: number;
}

/** An alert that names its credential without carrying it: what it takes to fetch it, and to close the alert afterwards. */
export interface Reference {
  /** The alert's page at its source: names it, is what a person opens, and what a sighting keeps. */
  link: string;
  /** What else a delivery said of where to look, in the source's own words. Never anything secret; nothing is trusted because it stands here. */
  hints?: Readonly<Record<string, string>> | undefined;
}

/** One entry of a delivery or a report that cannot be acted on. `reason` is ours: it repeats nothing of the entry. */
export interface Skipped {
  index: number;
  reason: string;
}

/** What an alert says: leaks in our words, findings in a scanner's, references to what has to be fetched. */
export interface Alert {
  is: 'alert';
  /** Names this delivery: the same one again is no new sighting. */
  delivery: string;
  leaks?: Leak[];
  findings?: Finding[];
  references?: Reference[];
  /** Entries beside them that say nothing: never a reason to leave the others lie. */
  skipped?: Skipped[];
}

/**
 * What an authentic delivery says: an alert, `nothing` that concerns us (ping, closing actions, tests), or `malformed`:
 * not what this source sends.
 */
export type Reading = Alert | { is: 'nothing' } | { is: 'malformed'; error: z.ZodError };

/** A key that signs, as the service that publishes it gives it. */
export interface PublicKey {
  /** PEM. */
  key: string;
  isCurrent: boolean;
}

/** What verifying needs from outside, for sources that sign with published keys. */
export interface Keys {
  /**
   * The key of this id, from the list at `url`: kept, read by one at a time, and read anew for an unknown id, but at most
   * once a minute. Undefined: the list does not hold it. @throws Unavailable when the list cannot be had
   */
  publicKey(url: string, id: string): Promise<PublicKey | undefined>;
}

/** The way to a source's own interface. */
export interface Inquiry<Config> {
  config: Config;
  /** Sends one request to `origin` (from the configuration, never from an alert) and answers whatever came back. @throws Unavailable */
  ask(origin: string, request: Request): Promise<Answer>;
  /** Epoch ms. */
  now: number;
}

/** What became of fetching an alert's credential. */
export type Fetched =
  | { is: 'found'; findings: Finding[] }
  /** The alert is closed at its source: there is nothing left to do. */
  | { is: 'over'; reason: string }
  /** No way to the credential: a person has to open the alert. `reason` says why, with the remedy. */
  | { is: 'out-of-reach'; reason: string };

/** What a source is told of a key that is proven dead. */
export interface Ending {
  incident: string;
  outcome: Outcome;
  provider: string;
  keyId: string | null;
  /** A sentence or two for the people who read the alert; names the incident, holds nothing secret. At most 280 characters. */
  comment: string;
}

/** `noted`: it may not be closed by us, so a remark was left; `nothing`: it is closed already. */
export type Closed = 'closed' | 'noted' | 'nothing';

/** What was read of a source's list of open alerts. */
export interface OpenAlerts {
  references: Reference[];
  /** Entries that name no alert. */
  skipped: number;
  /** There is more, which was not or could not be read. */
  more: boolean;
}

/** Whether our access to a source's interface has what one thing needs. */
export interface Standing {
  /** What it is needed for, and the source's own name of the right. */
  need: string;
  is: 'granted' | 'missing' | 'unknown';
  /** What a person does where it is missing or unknown. */
  remedy: string;
}

/** How our access to a source's interface stands. */
export interface SourceCheckup {
  standings: Standing[];
  /** When it ends (ISO 8601). */
  endsAt?: string | undefined;
}

/** A second address of a source, at `/sources/<source>/<path>`. */
export interface Endpoint<Config> {
  method: 'GET' | 'POST';
  path: string;
  verify(delivery: Delivery<Config>): boolean;
  /** An alert is queued and answered 204; anything else is answered as JSON. `types`: what scanners call the kinds we revoke. */
  answer(delivery: Delivery<Config>, types: readonly string[]): Reading | { is: 'answer'; body: unknown };
}

/** A source of alerts is a value too. Its id is its file name, registry key, path and secret name. */
export interface Source<Config> {
  id: string;
  title: string;
  /** The page its messages and signatures are described on. */
  docs: string;
  /** Whether an identifier alone, without the secret, may be acted on when this source names it. */
  mayNameKeys: boolean;
  /** Its secret (`leakstop/sources/<id>`); arrays are for rotation. */
  config: z.ZodType<Config>;
  /**
   * Whether the sender is who it says: over the raw bytes, in constant time, both clock directions.
   * @throws Unavailable when the doubt is about the keys and not about the sender
   */
  verify(delivery: Delivery<Config>, keys: Keys): boolean | Promise<boolean>;
  /** Reads a verified delivery. */
  read(delivery: Delivery<Config>): Reading;
  endpoints?: readonly Endpoint<Config>[];
  /** Whether a link is one of its alerts' pages: then it may be fetched, wherever it was read. */
  owns?(link: string, config: Config): boolean;
  /**
   * Fetches the credential that an alert names.
   * @throws Unavailable (try again), Refused (our token or its rights), Unexpected (not what its documentation says)
   */
  fetch?(reference: Reference, inquiry: Inquiry<Config>): Promise<Fetched>;
  /** Tells the source that the key is dead. Twice is harmless. @throws as `fetch` does */
  close?(reference: Reference, ending: Ending, inquiry: Inquiry<Config>): Promise<Closed>;
  /** The alerts that are open and were found after `after` (ISO 8601), wherever we may look. Asks for no secret. @throws as `fetch` does */
  listOpen?(after: string, inquiry: Inquiry<Config>): Promise<OpenAlerts>;
  /** Looks, before an alert needs it, whether our access is good for fetching and closing. Changes nothing. @throws as `fetch` does */
  checkup?(inquiry: Inquiry<Config>): Promise<SourceCheckup>;
  /** Has deliveries sent again that did not arrive here; answers how many. What arrived once is not sent again. @throws as `fetch` does */
  redeliver?(inquiry: Inquiry<Config>): Promise<number>;
}

// biome-ignore lint/suspicious/noExplicitAny: the registry holds sources of every shape
export type AnySource = Source<any>;
export type Sources = Readonly<Record<string, AnySource>>;
