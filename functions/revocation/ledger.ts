import { type IncidentRecord, isDeath, type Outcome, type State } from './incident.ts';
import type { Report } from './report.ts';
import type { Step } from './timeline.ts';

/**
 * What a claim found: the incident is ours, or somebody works on it (`isNew`: who does cannot know of this report yet), or
 * it rests; `superseded`, this message is not needed any more.
 */
export type Claim =
  | { is: 'claimed'; record: IncidentRecord }
  | { is: 'held'; record: IncidentRecord; isNew: boolean }
  | { is: 'settled'; record: IncidentRecord; isNew: boolean }
  | { is: 'superseded'; record: IncidentRecord };

/** Changes that one write of the run that holds the incident makes, all or none. */
export type Change = Partial<
  Pick<
    IncidentRecord,
    | 'state'
    | 'outcome'
    | 'account'
    | 'keyId'
    | 'owner'
    | 'action'
    | 'reason'
    | 'proof'
    | 'timeToDeadMs'
    | 'lease'
    | 'inDoubt'
    | 'accepted'
    | 'valueMatched'
    | 'switchedOff'
    | 'restoring'
    | 'valueSettles'
    | 'counted'
    | 'watch'
    | 'sealed'
    | 'telling'
    | 'tellAt'
    | 'told'
    | 'asking'
    | 'approved'
    | 'kept'
  >
> & { timeline?: Step[] };

export interface Query {
  state?: State | undefined;
  provider?: string | undefined;
  outcome?: Outcome | undefined;
  /** ISO 8601: incidents first reported at or after it. */
  since?: string | undefined;
  limit: number;
  cursor?: string | undefined;
}

/** The DynamoDB table that holds the incidents, which are the idempotency records. Every write is one conditional single-item write. */
export interface Ledger {
  // Every method throws Unavailable when the table gives no answer.
  /** Takes the incident for this report until `until` (epoch ms), creates it if nobody reported it yet, notes the sighting. */
  claim(report: Report, until: number): Promise<Claim>;
  /** Writes under the fence of `record` and returns what stands then. @throws LeaseLost when somebody else holds the incident by now. */
  save(record: IncidentRecord, change: Change): Promise<IncidentRecord>;
  /** Claims a key's own id for the incident; returns the incident that has it, which may be an earlier one. */
  nameKey(record: IncidentRecord, key: KeyName): Promise<string>;
  /** The incident that already stands for one of these keys. */
  incidentOfKey(keys: KeyName[]): Promise<string | undefined>;
  /** Makes `record` a pointer to `incident`, which gets its sightings: from now on both ids mean that one. @throws LeaseLost */
  merge(record: IncidentRecord, incident: string): Promise<void>;
  /**
   * Counts an incident's automatic revocation, once. `blows`: it is the one too many, and told so once; `blown`: the fuse
   * has blown before, and stays so until a person resets it.
   */
  countAgainstFuse(
    incident: string,
    fuse: { limit: number; windowMinutes: number },
  ): Promise<'within' | 'blows' | 'blown'>;
  /** Since when (ISO 8601) the fuse has blown; undefined, it has not. */
  fuseBlown(): Promise<string | undefined>;
  /** Makes the fuse whole again, with nothing counted; false when it was whole. */
  resetFuse(): Promise<boolean>;
  /**
   * Records what a person decided about an incident that rests in one of `from` and stands at the `revision` they saw;
   * undefined when it does not, and nothing is written.
   */
  decide(
    id: string,
    from: readonly State[],
    change: Pick<Change, 'state' | 'outcome' | 'reason' | 'restoring' | 'asking' | 'approved' | 'telling'>,
    entry: Step,
    revision?: number,
  ): Promise<IncidentRecord | undefined>;
  /** Changes an incident that nobody works on, if it still stands as it was read; undefined when it does not, and nothing is written. */
  amend(
    record: IncidentRecord,
    change: Pick<Change, 'proof' | 'watch' | 'sealed' | 'telling' | 'tellAt' | 'told' | 'kept' | 'timeline'>,
  ): Promise<IncidentRecord | undefined>;
  /** Incidents that somebody must look at by now, the most overdue first. */
  due(limit: number): Promise<Due[]>;
  /** Nobody has to look at it before `until` (epoch ms): it was passed on, unless it has moved by itself meanwhile. */
  postpone(due: Due, until: number): Promise<void>;
  /** Parks a leak that no lane takes, unless its incident exists; the sighting is noted either way. */
  park(
    report: Pick<Report, 'incident' | 'sighting'> & { provider: string | null; kind: string | null },
    outcome: Outcome,
    reason: string,
    /** Whether there is anybody to tell of it. */
    telling?: boolean,
  ): Promise<IncidentRecord>;
  /** Keeps and finds the sealed leak of an incident that waits for a person. It expires by itself. */
  keepSealed(incident: string, sealed: Uint8Array): Promise<void>;
  sealed(incident: string): Promise<Uint8Array | undefined>;
  /**
   * Remembers until `until` (epoch ms) that an alert of this source needs no fetching; never for shorter than it is remembered
   * already. False: it is remembered as long.
   */
  rememberAlert(source: string, link: string, until: number): Promise<boolean>;
  /** Which of these alerts of a source are remembered. */
  knownAlerts(source: string, links: readonly string[]): Promise<ReadonlySet<string>>;
  /** One incident, by its id or by one that was merged into it. */
  read(id: string): Promise<IncidentRecord | undefined>;
  /** Newest first. */
  list(query: Query): Promise<{ records: IncidentRecord[]; cursor: string | undefined }>;
}

/** An incident that somebody must look at, as far as that tells who. */
export interface Due {
  incident: string;
  /** ISO 8601. */
  at: string;
  provider: string | null;
  kind: string | null;
  state: State;
  telling: boolean;
  /** Epoch ms at which its key is to be looked at again, where it is watched. */
  lookAt: number | null;
  /** A run or a message has it, or had it and never let go. */
  isLeased: boolean;
}

/** A provider's own name for a key. */
export interface KeyName {
  provider: string;
  account: string;
  kind: string;
  keyId: string;
}

export const isResting = ({ state }: Pick<IncidentRecord, 'state'>) =>
  state === 'closed' || state === 'parked' || state === 'awaiting-approval';

/** Whether a sighting tells nothing new: the same message, or the same reference from the same source. */
export function isKnown(record: IncidentRecord, { source, delivery, reference }: Report['sighting']): boolean {
  return record.sightings.some(
    (known) =>
      known.source === source &&
      (known.delivery === delivery || (reference !== undefined && known.reference === reference)),
  );
}

/** What a report may do to an incident that exists: take it, leave it to the run that has it, or only be noted. */
export function standing(record: IncidentRecord, report: Report, now: number): Claim['is'] {
  const { lease } = record;
  // A message that took the incident and died with its function comes again: only another's claim makes it superfluous.
  if (report.fence !== undefined && record.fence > report.fence && lease.message !== report.message)
    return 'superseded';
  if (lease.scheduled && lease.message === report.message) return 'claimed';
  if (report.look !== undefined) return standingOfLook(record, report.look, now);
  if (isWeak(report) && hasOtherOwner(record, report)) return 'held';
  // An alert must not undo what a person is about to do.
  if (record.restoring && report.order === undefined) return 'settled';
  if (isResting(record)) return mayReopen(record, report) ? 'claimed' : 'settled';
  // A person's word does not wait for a message that is only waiting its time.
  const isOrder = report.order !== undefined && !isDryRun(report);
  return lease.until > now && !(lease.scheduled && isOrder) ? 'held' : 'claimed';
}

/** A dry run, or what somebody wrote in a chat: it must not make less of what a person or a scanner began. */
const isWeak = (report: Report) => isDryRun(report) || report.hearsay === true;

/**
 * Whether another's run is to begin or to go on: a person decided it, or a function died, whose message comes again. Where
 * that is lost, whoever keeps watch goes on with it.
 */
function hasOtherOwner({ state, lease }: IncidentRecord, { message, fence }: Report): boolean {
  if (state === 'received') return true;
  const isAtWork = state === 'claimed' || state === 'sent' || state === 'unknown';
  return isAtWork && lease.until > 0 && lease.message !== message && fence === undefined;
}

/** A look takes what should have gone on by now, and reopens what is seen alive after it was proven dead. */
function standingOfLook(record: IncidentRecord, look: NonNullable<Report['look']>, now: number): Claim['is'] {
  if (isOverdue(record, now)) return 'claimed';
  if (isResting(record))
    return isDeath(record.outcome) && record.revision === look.alive?.revision ? 'claimed' : 'settled';
  return record.lease.until > now ? 'held' : 'claimed';
}

/** Nobody has answered in time. */
const isOverdue = ({ state, asking }: IncidentRecord, now: number) =>
  state === 'awaiting-approval' && asking !== null && asking.until !== null && asking.until <= now;

/** Nothing was done to the key, or it was undone, so its story may start again; that is recorded in it. */
export function isReopenable({ state, outcome }: IncidentRecord): boolean {
  if (state !== 'closed') return true;
  return outcome === 'observed' || outcome === 'not-found' || outcome === 'rejected' || outcome === 'restored';
}

/** Only what we switched off ourselves is ours to switch on again. */
export const isRestorable = (record: IncidentRecord) =>
  record.switchedOff && isResting(record) && (record.outcome === 'disabled' || record.outcome === 'failed');

/** Whether a report asks only what would be done. */
export const isDryRun = ({ order }: Report) => order?.dryRun === true || order?.action === 'observe';

/** A dry run must not undo what a person decided, nor end a wait for one: it takes only what nothing hangs on. */
export const mayBeObserved = ({ state, outcome }: IncidentRecord) =>
  (state === 'parked' && outcome !== null) || outcome === 'observed' || outcome === 'not-found';

/**
 * Whether an order comes too late, as one that was set aside and brought back may: a person has said no since, or what it
 * would restore was ended anew.
 */
const isOverruled = ({ timeline }: IncidentRecord, { order, sighting }: Report) =>
  order !== undefined &&
  timeline.some(({ stage, at }) => stage === (order.restore ? 'dead' : 'rejected') && at > sighting.at);

/** Whether what a person or a new report says may start again what rests. */
function mayReopen(record: IncidentRecord, report: Report): boolean {
  if (isOverruled(record, report)) return false;
  if (report.order?.restore) return isRestorable(record);
  if (!isReopenable(record) || record.lease.delivery === report.sighting.delivery) return false;
  if (isDryRun(report)) return mayBeObserved(record);
  if (report.order !== undefined) return true;
  // All that was missing is the value that this report brings. A run may have died with it in hand, so that its report is known.
  const settles = record.valueSettles && !report.hearsay && report.leak?.secret !== undefined;
  if (record.outcome === null && settles) return true;
  if ((isKnown(record, report.sighting) && !report.noted) || record.outcome === 'protected') return false;
  // The key may live: a scan in a dry run, or before its account was configured, must not be the last word.
  if (record.state === 'closed') return record.outcome !== 'rejected' && record.outcome !== 'restored';
  // Who waits for a person waits for a person.
  return record.outcome !== null;
}
