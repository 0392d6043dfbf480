import type { IncidentRecord } from './incident.ts';
import { isResting } from './ledger.ts';

/**
 * Names what there is to tell of an incident as it stands, the same for as long as there is nothing else to tell: that it
 * rests, and how; or that its key outlives its deletion. Undefined: it is on its way, and there is nothing to tell yet.
 */
export function momentOf(record: IncidentRecord): string | undefined {
  const { fence, state, outcome } = record;
  if (isResting(record)) return `${fence} ${state} ${outcome ?? '-'}`;
  return isAlive(record) ? `alive ${record.watch?.since}` : undefined;
}

/** The provider took the deletion, and the key lives on: people are told while it is watched. */
export const isAlive = ({ state, watch, lease }: IncidentRecord) =>
  state === 'sent' && watch !== null && lease.until === 0;

/** The key was proven dead, and then seen alive: what was told of its death does not hold, and what comes of it is not known yet. */
export const isRevived = ({ outcome, proof }: IncidentRecord) =>
  outcome === null && proof?.dead === false && proof.checks.some(({ result }) => result === 'dead');
