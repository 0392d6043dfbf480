import { type IncidentRecord, isDeath, type Lease } from '../revocation/incident.ts';
import type { Sighting } from '../revocation/leak.ts';
import { isKnown, isResting } from '../revocation/ledger.ts';
import type { Report } from '../revocation/report.ts';
import { extended, headOf, type Step, type TimelineEntry } from '../revocation/timeline.ts';
import { dueAt } from '../revocation/watch.ts';

// How an incident's item goes from one write to the next: pure, and bounded to what DynamoDB takes.

const sightingsKept = 100;
/** An item may have 400 kB; sightings get half of it, the timeline a third (bytes of JSON). */
const sightingsSize = 200_000;
const timelineSize = 130_000;
/** Claims that are told in the timeline; a key that is asked about for a day must not outgrow its item. */
const claimsTold = 50;

/** What the indexes sort by; `-` stands for an absent outcome or provider. */
export function indexKeys({ state, outcome, provider, receivedAt, id }: IncidentRecord): Record<string, string> {
  return {
    listing: 'incident',
    newest: `${receivedAt}#${id}`,
    byState: state,
    byOutcome: outcome ?? '-',
    byProvider: provider ?? '-',
  };
}

/** What the index of due incidents sorts by; an attribute that is undefined is taken away, and the incident with it. */
export function dueKeys(record: IncidentRecord, now: number): Record<string, string | undefined> {
  const at = dueAt(record, now);
  return at === undefined
    ? { watched: undefined, dueAt: undefined }
    : { watched: 'due', dueAt: new Date(at).toISOString() };
}

/** The lease that a report's run takes until `until` (epoch ms). */
export const leaseFor = ({ message, sighting }: Report, claim: string, until: number): Lease => ({
  claim,
  message,
  delivery: sighting.delivery,
  until,
  scheduled: false,
});

/**
 * Whether a report is about the key itself, and not yet among the sightings. What a run put back is not: it was noted when it
 * came, or it was nobody's report, and carries the leak that was sealed for it.
 */
export const isNews = (record: IncidentRecord, report: Report): boolean =>
  report.leak !== undefined && report.fence === undefined && report.noted !== true && !isKnown(record, report.sighting);

/** The sightings with more of them; those reported last that fit. A report that had to wait is noted later than it was reported. */
export function sighted(
  record: IncidentRecord,
  ...more: Sighting[]
): Pick<IncidentRecord, 'sightings' | 'sightingCount'> {
  const inOrder = [...record.sightings, ...more].sort((one, other) => Date.parse(one.at) - Date.parse(other.at));
  const sightings = inOrder.slice(-sightingsKept);
  while (sightings.length > 1 && sizeOf(sightings) > sightingsSize) sightings.shift();
  return { sightings, sightingCount: record.sightingCount + more.length };
}

/** The record as a report's run takes it over: what was sent without an answer is unknown from here on. */
export function taken(given: IncidentRecord, report: Report, lease: Lease, now: number): Grown {
  // A run that was reopened once has nothing to reopen, however often its message comes.
  const alive = isDeath(given.outcome) ? report.look?.alive : undefined;
  const record = alive === undefined ? given : revived(given, alive.at);
  const attempts = record.attempts + 1;
  const more: Step[] = [];
  if (isResting(record)) more.push({ at: report.sighting.at, stage: 'received', detail: reopening(record, report) });
  if (alive !== undefined)
    more.push({ at: alive.at, stage: 'alive', detail: `accepted again; it was ${given.outcome}` });
  if (attempts <= claimsTold) {
    more.push({
      at: new Date(now).toISOString(),
      stage: 'claimed',
      ...(attempts > 1 && { detail: `attempt ${attempts}` }),
    });
  }
  const lost = record.inDoubt && record.accepted === null;
  const next: IncidentRecord = {
    ...record,
    state: lost ? 'unknown' : record.accepted ? 'sent' : 'claimed',
    attempts,
    lease,
    outcome: null,
    reason: null,
    // What was proven once says nothing of a story that begins again.
    ...(isResting(record) && !report.order?.restore && { proof: null, timeToDeadMs: null, watch: null }),
    ...(isResting(record) && { approved: null }),
    // The run whose time for an answer was over may have been put back before it could say so.
    asking: report.look === undefined && report.fence === undefined ? null : record.asking,
    // A person who restores wants that; a person who orders something else does not want it any more.
    restoring: report.order?.restore ?? (report.order === undefined ? record.restoring : false),
    fence: record.fence + 1,
    revision: record.revision + 1,
    sealed: sealedFor(record, report),
    telling: false,
    ...(isNews(record, report) && sighted(record, report.sighting)),
  };
  return grown(next, more);
}

/**
 * What was sealed for an incident that was merged into this one opens there and nowhere else, and a report without the
 * value leaves the one that was seen to be the key's.
 */
function sealedFor({ id, sealed, valueMatched }: IncidentRecord, report: Report): Uint8Array | null {
  const isPoorer = sealed !== null && valueMatched && report.leak?.secret === undefined;
  if (report.sealed === undefined || report.incident !== id || isPoorer) return sealed;
  return new Uint8Array(Buffer.from(report.sealed, 'base64'));
}

/** A key that is alive after its death: whether our deletion ever held is in doubt. What was checked before stays in the proof. */
function revived(record: IncidentRecord, at: string): IncidentRecord {
  const ours = record.outcome === 'revoked' || record.outcome === 'disabled';
  const checks = [...(record.proof?.checks ?? []), { at, result: 'alive' as const }].slice(-100);
  const proof = record.proof && { ...record.proof, dead: false, checks };
  const state = ours ? 'unknown' : 'claimed';
  return {
    ...record,
    state,
    inDoubt: ours,
    accepted: null,
    proof,
    timeToDeadMs: null,
    watch: null,
    switchedOff: false,
  };
}

function reopening(record: IncidentRecord, report: Report): string {
  if (report.look !== undefined) return 'nobody answered in time; policy goes on';
  const asked =
    report.order === undefined ? `reported again by ${report.sighting.source}` : 'asked again by an operator';
  const was = record.outcome ?? record.state;
  return [`${asked}; it was ${was}`, report.order?.reason].filter(Boolean).join(': ');
}

/** A record whose timeline went on, and the part of it that has to be kept elsewhere because it does not fit any more. */
export interface Grown {
  record: IncidentRecord;
  archived?: { id: string; incident: string; timeline: TimelineEntry[] };
}

/**
 * Goes on with a timeline. Of one that does not fit any more, the older entries move to an item of their own, which is
 * named by the hash that the first of those that stay carries: so the way back to it is never lost.
 */
export function grown(record: IncidentRecord, steps: readonly Step[]): Grown {
  const whole = extended(record.id, record.timeline, steps);
  const head = headOf(record.id, whole);
  if (sizeOf(whole) <= timelineSize) return { record: { ...record, timeline: whole, head } };
  let cut = 1;
  while (cut < whole.length - 1 && sizeOf(whole.slice(cut)) > timelineSize / 2) cut += 1;
  const timeline = whole.slice(cut);
  const archived = { id: archiveId(record.id, timeline), incident: record.id, timeline: whole.slice(0, cut) };
  return { record: { ...record, timeline, head }, archived };
}

/** Where the entries before these are kept, if they are not the first. */
export const archiveId = (incident: string, timeline: readonly TimelineEntry[]) =>
  `timeline#${incident}#${timeline[0]?.previous ?? ''}`;

const sizeOf = (value: unknown) => Buffer.byteLength(JSON.stringify(value));
