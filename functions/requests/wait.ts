import type { IncidentRecord } from '../revocation/incident.ts';
import { isReopenable, isResting } from '../revocation/ledger.ts';
import type { RequestServices } from './services.ts';

const pollEvery = 150;

/**
 * Whether the incident rests, and this request was taken into account: its run came to this, or it is final. One that is
 * noted beside another run comes back when that run is done.
 */
export const isAnswer = (record: IncidentRecord, delivery: string): boolean =>
  isResting(record) && (record.lease.delivery === delivery || !isReopenable(record));

/** The incident once it answers the request, or as it stands when the wait (ms) is over. */
export async function settled(
  id: string,
  delivery: string,
  wait: number,
  { ledger, intake, sleep }: RequestServices,
): Promise<IncidentRecord | undefined> {
  const until = intake.now() + wait;
  for (;;) {
    const record = await ledger.read(id);
    const left = until - intake.now();
    if (left <= 0 || (record !== undefined && isAnswer(record, delivery))) return record;
    await sleep(Math.min(pollEvery, left));
  }
}
