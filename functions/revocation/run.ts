import { type Access, diagnose } from './ask.ts';
import { type Fault, letOutagePass, Refused, Unexpected } from './errors.ts';
import type { Send } from './exchange.ts';
import { seal, unseal } from './fingerprint.ts';
import { type Action, type IncidentRecord, type Outcome, restsIn, type Stage } from './incident.ts';
import type { Leak } from './leak.ts';
import type { Change, KeyName, Ledger } from './ledger.ts';
import type { Policy } from './policy.ts';
import type { AnyProvider } from './provider.ts';
import type { Report } from './report.ts';
import type { Secret } from './secret.ts';
import type { Step } from './timeline.ts';

/** Everything a run needs from outside; all of it injected. */
export interface Services {
  provider: AnyProvider;
  accounts: readonly string[];
  /** What the configuration says to do at this provider. */
  action: Action;
  policy: Policy;
  ledger: Ledger;
  /** The admin credential of an account; `fresh` reads it anew. @throws Misconfigured, Unavailable */
  adminOf(account: string, fresh: boolean): Promise<unknown>;
  /** The key that incident ids and seals are made with. @throws Misconfigured, Unavailable */
  fingerprint(): Promise<Secret>;
  send: Send;
  /** Epoch ms. */
  now(): number;
  sleep(ms: number): Promise<void>;
  /** 0 to 1. */
  random(): number;
  newId(): string;
  /** Puts a report back into the lane, to come out after `delayMs`. */
  putBack(report: Report, delayMs: number): Promise<void>;
  /** Sends for somebody who tells people and sources what became of an incident; absent, there is nobody to tell. @throws Unavailable */
  announce?: ((incident: string) => Promise<void>) | undefined;
  /** Tells logs and metrics what happened. Never given anything secret. */
  note(event: Note): void;
}

export interface Note {
  incident: string;
  stage?: Stage | undefined;
  outcome?: Outcome | undefined;
  detail?: string | undefined;
  timeToDeadMs?: number | null;
  /** The fuse has blown: from here on a person decides. */
  fuse?: 'blown';
  /** What became of a drill: `dead` after `timeToDeadMs`, `late` where that exceeds the objective, or `missed` for want of a death. */
  drill?: 'dead' | 'late' | 'missed';
  /** What went wrong with us; `isFinal`: nothing tries that again by itself. */
  fault?: { is: Fault; isFinal: boolean };
  /** How old (ms) the leak will be when it is tried again, counted from when its story began, or began anew. */
  waitedMs?: number;
  /** Its deletion was accepted more than a minute ago, and the provider honours the key. */
  stillAlive?: true;
  /** It was sent, and the answer was lost: the provider is read before anything else. */
  inDoubt?: boolean;
  /** The hash of the timeline's end: in the log it vouches for the ledger. */
  head?: string;
}

/** Time kept at the end of a function (ms) for writing down what happened. */
export const reserve = 3_000;

/** One run on one incident: what it holds, what it may use, and the story it has not written down yet. */
export interface Run {
  record: IncidentRecord;
  readonly report: Report;
  readonly services: Services;
  /** Epoch ms by which every request is over. */
  readonly deadline: number;
  readonly untold: Step[];
}

export const startRun = (record: IncidentRecord, report: Report, services: Services, endsAt: number): Run => ({
  record,
  report,
  services,
  deadline: endsAt - reserve,
  untold: [],
});

/** Adds to the story; it is written together with the next change. */
export function tell({ record, services, untold }: Run, stage: Stage, detail?: string, at = services.now()): void {
  untold.push({ at: new Date(at).toISOString(), stage, ...(detail === undefined ? {} : { detail }) });
  services.note({ incident: record.id, stage, detail });
}

/** Writes a change and the untold story under this run's fence. @throws LeaseLost */
export async function save(run: Run, change: Omit<Change, 'timeline'>): Promise<void> {
  run.record = await run.services.ledger.save(run.record, { ...change, timeline: run.untold.splice(0) });
}

/** Lets go of the incident. */
export const released = (run: Run) => ({ ...run.record.lease, until: 0, scheduled: false });

/** Rests the incident, closed or parked as its outcome says, and sends for who tells of it. */
export async function rest(
  run: Run,
  outcome: Outcome,
  reason: string | null,
  change: Omit<Change, 'timeline'> = {},
): Promise<void> {
  const { services } = run;
  const state = restsIn[outcome];
  if (state === 'parked') {
    await keepLeak(run);
    tell(run, 'parked', reason ?? undefined);
  }
  // What failed for our own sake goes on as it was approved once that is repaired.
  const approved = outcome === 'failed' ? run.record.approved : null;
  const unwatched = { watch: null, sealed: null, asking: null, approved };
  const rested = { state, outcome, reason, lease: released(run), telling: services.announce !== undefined } as const;
  await save(run, { ...unwatched, ...change, ...rested });
  const { id, timeToDeadMs, head } = run.record;
  services.note({ incident: id, outcome, timeToDeadMs, head });
  await announce(run);
}

/** Who was not sent for now is sent for later, by who keeps watch: that the incident rests is written down. */
export async function announce({ services, record }: Run): Promise<void> {
  await services.announce?.(record.id).catch(letOutagePass);
}

/** What waits for a person can only go on later if the leak is kept: sealed, apart from the incident, for two weeks. */
export async function keepLeak({ report, record, services }: Run): Promise<void> {
  const { leak, mayNameKeys, hearsay, order } = report;
  if (leak === undefined && record.sealed === null) return;
  const sealed =
    leak === undefined
      ? record.sealed
      : seal(await services.fingerprint(), record.id, { leak, mayNameKeys, hearsay, order });
  if (sealed !== null) await services.ledger.keepSealed(record.id, sealed);
}

/**
 * The leak this run is about: as the report brings it, else as it was sealed. A value that was seen to be the key's is not
 * forgotten because the next report names the key by its id alone. Where nothing is kept any more, the key that was found
 * already is known by its id, which is enough to see to its end.
 */
export async function leakOf({ report, record, services }: Run): Promise<Leak> {
  const { leak } = report;
  if (leak !== undefined && (leak.secret !== undefined || !record.valueMatched)) return leak;
  const sealed = record.sealed ?? (await services.ledger.sealed(record.id));
  const kept = sealed && unseal(await services.fingerprint(), record.id, sealed);
  if (leak !== undefined && kept?.leak.secret === undefined) return leak;
  if (kept === undefined) {
    const { keyId, inDoubt, accepted, proof } = record;
    if (keyId !== null && (inDoubt || accepted !== null || proof !== null)) return { identifiers: { keyId } };
    throw new Refused('the leak is not kept any more', { remedy: 'report it again' });
  }
  // Nobody's order must not become an empty one: that would be a person's.
  const order = kept.order || report.order ? { ...kept.order, ...report.order } : undefined;
  Object.assign(report, kept, { order, sealed: undefined });
  return kept.leak;
}

/** What it takes to go to an account about one kind of key. */
type Errand = Pick<Run, 'services' | 'deadline'> & { report: Pick<Report, 'kind'> };

/** The way to one account, with its admin credential. */
export async function accessTo(
  { services, report, deadline }: Errand,
  account: string,
  fresh = false,
): Promise<Access> {
  const kind = services.provider.kinds[report.kind];
  if (!kind) throw new Unexpected(`${services.provider.id} has no kind ${report.kind}`);
  const admin = await services.adminOf(account, fresh);
  const { provider, send, now } = services;
  return { provider, kind, account, admin, send, deadline, now };
}

/** A refused admin credential is read anew once: it may have been rotated a minute ago. */
export async function withFreshAdmin<Result>(
  run: Errand,
  account: string,
  act: (access: Access) => Promise<Result>,
): Promise<Result> {
  try {
    return await act(await accessTo(run, account));
  } catch (error) {
    if (!(error instanceof Refused)) throw error;
  }
  const access = await accessTo(run, account, true);
  try {
    return await act(access);
  } catch (error) {
    if (!(error instanceof Refused) || error.explained) throw error;
    throw new Refused(`${error.message}: ${await diagnose(access)}`);
  }
}

/** What the incident keeps of the key that was found: enough to ask for it again. */
export type Named = Pick<IncidentRecord, 'valueMatched' | 'owner'> & { account: string; keyId: string };

/** A key's own name at its provider. */
export const nameOf = ({ report }: Run, account: string, keyId: string): KeyName => ({
  provider: report.provider,
  account,
  kind: report.kind,
  keyId,
});
