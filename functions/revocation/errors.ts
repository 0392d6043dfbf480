/**
 * What is wrong with us, or with the way to the provider, is thrown; what is true of the key is returned.
 * Messages hold a provider's id and a status and nothing else: no address, header, body or cause.
 */

/** No answer, or not now (network, timeout, 429, 5xx). The queue tries again. */
export class Unavailable extends Error {
  override readonly name = 'Unavailable';
  /** The wait that the provider named. */
  readonly retryAfterMs: number | undefined;
  /** It is certain that the request changed nothing: it was refused for its rate, or never left. */
  readonly untouched: boolean;

  constructor(
    message: string,
    { retryAfterMs, untouched = false }: { retryAfterMs?: number | undefined; untouched?: boolean } = {},
  ) {
    super(message);
    this.retryAfterMs = retryAfterMs;
    this.untouched = untouched;
  }
}

/** The provider refuses our admin credential or its rights. Nothing but a person's repair helps; then a retry just works. */
export class Refused extends Error {
  override readonly name = 'Refused';
  /** The provider said why: there is nothing left to find out. */
  readonly explained: boolean;
  /** What a person has to do. */
  readonly remedy: string;

  constructor(
    message: string,
    { explained = false, remedy = 'repair it, then retry' }: { explained?: boolean; remedy?: string } = {},
  ) {
    super(message);
    this.explained = explained;
    this.remedy = remedy;
  }
}

/** The provider answered outside its documented contract. Tried three times within a minute, then a person looks. */
export class Unexpected extends Error {
  override readonly name = 'Unexpected';
}

/** A secret or a setting of ours does not match its schema. Names the secret and the field, never the value. */
export class Misconfigured extends Error {
  override readonly name = 'Misconfigured';
}

/** Another run holds the incident: whatever this run was about to write is not its to write any more. */
export class LeaseLost extends Error {
  override readonly name = 'LeaseLost';
}

/** What may be wrong with us, by the name of its class. */
export type Fault = 'Unavailable' | 'Refused' | 'Unexpected' | 'Misconfigured';
const faults = { Unavailable, Refused, Unexpected, Misconfigured } as const satisfies Record<Fault, unknown>;

/** Which of our faults an error is; undefined for any other, of which nothing is known. */
export const faultClass = (error: unknown): Fault | undefined =>
  (Object.keys(faults) as Fault[]).find((name) => error instanceof faults[name]);

/** For what may fail now because somebody does it later: an outage is let pass, all else is thrown. */
export function letOutagePass(error: unknown): void {
  if (!(error instanceof Unavailable)) throw error;
}
