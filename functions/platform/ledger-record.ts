import type { IncidentRecord, Lease, TimelineEntry } from '../revocation/incident.ts';
import type { Sighting } from '../revocation/leak.ts';
import { isKnown, isResting } from '../revocation/ledger.ts';
import type { Report } from '../revocation/report.ts';

// How an incident's item goes from one write to the next: pure, and bounded to what DynamoDB takes.

const sightingsKept = 100;
/** An item may have 400 kB; sightings get half of it, the timeline a third (bytes of JSON). */
const sightingsSize = 200_000;
const timelineSize = 130_000;
/** Of a timeline that does not fit, this much of its beginning stays. */
const beginning = 20;
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

/** The lease that a report's run takes until `until` (epoch ms). */
export const leaseFor = ({ message, sighting }: Report, claim: string, until: number): Lease => ({
  claim,
  message,
  delivery: sighting.delivery,
  until,
  scheduled: false,
});

/** Whether a report is about the key itself, and not yet among the sightings. */
export const isNews = (record: IncidentRecord, report: Report): boolean =>
  report.leak !== undefined && !isKnown(record, report.sighting);

/** The sightings with one more; the newest that fit. */
export function sighted(
  record: IncidentRecord,
  sighting: Sighting,
): Pick<IncidentRecord, 'sightings' | 'sightingCount'> {
  const sightings = [...record.sightings, sighting].slice(-sightingsKept);
  while (sightings.length > 1 && sizeOf(sightings) > sightingsSize) sightings.shift();
  return { sightings, sightingCount: record.sightingCount + 1 };
}

/** The record as a report's run takes it over: what was sent without an answer is unknown from here on. */
export function taken(record: IncidentRecord, report: Report, lease: Lease, now: number): IncidentRecord {
  const attempts = record.attempts + 1;
  const more: TimelineEntry[] = [];
  if (isResting(record)) more.push({ at: report.sighting.at, stage: 'received', detail: reopening(record, report) });
  if (attempts <= claimsTold) {
    more.push({
      at: new Date(now).toISOString(),
      stage: 'claimed',
      ...(attempts > 1 && { detail: `attempt ${attempts}` }),
    });
  }
  const lost = record.inDoubt && record.accepted === null;
  return {
    ...record,
    state: lost ? 'unknown' : record.accepted ? 'sent' : 'claimed',
    attempts,
    lease,
    outcome: null,
    reason: null,
    // What was proven once says nothing of a story that begins again.
    ...(isResting(record) && !report.order?.restore && { proof: null, timeToDeadMs: null }),
    // A person who restores wants that; a person who orders something else does not want it any more.
    restoring: report.order?.restore ?? (report.order === undefined ? record.restoring : false),
    fence: record.fence + 1,
    revision: record.revision + 1,
    timeline: longer(record.timeline, more),
    ...(isNews(record, report) && sighted(record, report.sighting)),
  };
}

function reopening(record: IncidentRecord, report: Report): string {
  if (report.order?.deadline) return 'nobody answered in time; policy goes on';
  const asked =
    report.order === undefined ? `reported again by ${report.sighting.source}` : 'asked again by an operator';
  const was = record.outcome ?? record.state;
  return [`${asked}; it was ${was}`, report.order?.reason].filter(Boolean).join(': ');
}

/** A timeline that goes on. One that does not fit any more loses its middle and says so; both its ends stay. */
export function longer(timeline: TimelineEntry[], more: TimelineEntry[]): TimelineEntry[] {
  const whole = [...timeline, ...more];
  if (sizeOf(whole) <= timelineSize) return whole;
  const end = whole.slice(beginning);
  while (end.length > more.length && sizeOf(end) > timelineSize / 2) end.shift();
  const [next, ...rest] = end;
  if (next === undefined) return whole.slice(0, beginning);
  const detail = ['(the entries before this one did not fit)', next.detail].filter(Boolean).join(' ');
  return [...whole.slice(0, beginning), { ...next, detail }, ...rest];
}

const sizeOf = (value: unknown) => Buffer.byteLength(JSON.stringify(value));
