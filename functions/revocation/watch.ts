import { type IncidentRecord, isDeath } from './incident.ts';

/** After a key's death, or after a deletion that was accepted while the key lives on, it is looked at again this much later (ms). */
export const looks = [60_000, 5 * 60_000, 60 * 60_000, 24 * 60 * 60_000] as const;
/** A look that tells nothing is repeated, but no longer than until this much after the death (ms). */
const longest = 48 * 60 * 60_000;
/** A run that should be over is looked after this much later (ms): the queue itself mends what it can before. */
const overdue = 120_000;
/** A notice that should be out is sent again this much later (ms). */
const untoldFor = 120_000;

/** When a key is looked at again. */
export interface Watch {
  /** Epoch ms of the death, or of the acceptance where it lives on. */
  since: number;
  /** Epoch ms of the next look. */
  at: number;
}

export const watchFrom = (since: number): Watch => ({ since, at: since + looks[0] });

/** The watch after a look; null when that was the last. One that told nothing is repeated soon, with growing pauses. */
export function watchAfter({ since }: Watch, now: number, wasClear: boolean): Watch | null {
  const next = looks.map((look) => since + look).find((at) => at > now);
  if (wasClear) return next === undefined ? null : { since, at: next };
  const soon = now + Math.max(Math.floor((now - since) / 4), looks[0]);
  const at = Math.min(next ?? soon, soon);
  return at > since + longest ? null : { since, at };
}

/** Epoch ms at which somebody must look at an incident because nothing else may move it; undefined where a person does. */
export function dueAt(record: IncidentRecord, now: number): number | undefined {
  const untold = record.telling ? Math.max(record.tellAt ?? 0, now) + untoldFor : undefined;
  const { state, watch, lease } = record;
  if (state === 'closed') return earliest(untold, watch?.at);
  if (state === 'awaiting-approval') return earliest(untold, record.asking?.until ?? undefined);
  if (state === 'parked') return untold;
  if (watch !== null && lease.until === 0) return earliest(untold, watch.at);
  return Math.max(lease.until, now) + overdue;
}

/** Whether an incident that rests is still looked at: its key was proven dead. */
export const isWatched = (record: IncidentRecord) =>
  record.state === 'closed' && record.watch !== null && isDeath(record.outcome);

const earliest = (...times: (number | undefined)[]) => {
  const known = times.filter((time) => time !== undefined);
  return known.length === 0 ? undefined : Math.min(...known);
};
