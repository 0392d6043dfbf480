import type { IncidentRecord } from '../revocation/incident.ts';
import { isReopenable, isResting, mayBeObserved } from '../revocation/ledger.ts';
import type { RequestServices } from './services.ts';

const pollEvery = 150;

/**
 * Whether the incident rests, and this request was taken into account: its run came to this, it is final, or it is nothing
 * that a dry run may take. One that is noted beside another run comes back when that run is done.
 */
export function isAnswer(record: IncidentRecord, delivery: string, isDry = false): boolean {
  if (!isResting(record)) return false;
  return record.lease.delivery === delivery || !isReopenable(record) || (isDry && !mayBeObserved(record));
}

/** The incident once it answers the request, or as it stands when the wait (ms) is over. */
export async function settled(
  id: string,
  delivery: string,
  wait: number,
  { ledger, intake, sleep }: RequestServices,
  isDry = false,
): Promise<IncidentRecord | undefined> {
  const until = intake.now() + wait;
  for (;;) {
    const record = await ledger.read(id);
    const left = until - intake.now();
    if (left <= 0 || (record !== undefined && isAnswer(record, delivery, isDry))) return record;
    await sleep(Math.min(pollEvery, left));
  }
}
