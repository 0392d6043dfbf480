import * as z from 'zod';
import { matching, Problem } from '../platform/lambda.ts';
import { BadCursor } from '../platform/ledger-listing.ts';
import { incidentIdForm } from '../revocation/fingerprint.ts';
import { type IncidentRecord, outcomes, states, view } from '../revocation/incident.ts';
import { isResting, isRestorable } from '../revocation/ledger.ts';
import { type Referral, referralOf, writeReferral } from '../revocation/references.ts';
import type { Order } from '../revocation/report.ts';
import { writeReport } from '../revocation/report.ts';
import type { RequestServices, Route } from './services.ts';
import { settled } from './wait.ts';

const query = z.strictObject({
  state: z.enum(states).optional(),
  outcome: z.enum(outcomes).optional(),
  provider: z
    .string()
    .regex(/^[a-z0-9][a-z0-9-]{0,63}$/, 'must be a provider id')
    .optional(),
  since: z.iso
    .datetime({ offset: true })
    .transform((text) => new Date(text).toISOString())
    .optional(),
  limit: z
    .string()
    .regex(/^\d{1,4}$/, 'must be 1 to 100')
    .transform(Number)
    .pipe(z.int().min(1).max(100))
    .default(50),
  cursor: z.string().max(512).optional(),
});

/** An id that was handed out a moment ago may not have been claimed yet: it is looked for again after these pauses (ms). */
const pauses = [100, 150, 250, 400];
/** How long the answer to a restore waits for the key to be on again (ms). */
const restoreWithin = 10_000;

/** `GET /incidents`: newest first. */
export const listIncidents: Route = async (request, { ledger, intake }) => {
  const wanted = matching(request.query, query);
  if (wanted.provider !== undefined && !Object.hasOwn(intake.providers, wanted.provider)) {
    throw new Problem(400, 'Bad request', 'The query makes no sense; see errors.', [
      { field: 'provider', problem: `is not one of ${Object.keys(intake.providers).join(', ')}` },
    ]);
  }
  try {
    const { records, cursor } = await ledger.list(wanted);
    return { status: 200, body: { incidents: records.map(view), ...(cursor !== undefined && { cursor }) } };
  } catch (error) {
    if (error instanceof BadCursor) throw new Problem(400, 'Bad request', 'The cursor is not one that this list gave.');
    throw error;
  }
};

/** `GET /incidents/{id}`. */
export const getIncident: Route = async (request, services) => ({
  status: 200,
  body: view(await theIncident(request.parameters.id, services, pauses)),
});

/** `POST /incidents/{id}/retry`: a person repaired what kept a parked incident from going on. */
export const retryIncident: Route = async (request, services) => {
  const record = await theIncident(request.parameters.id, services);
  if (record.state !== 'parked') throw conflict(record, 'only a parked incident can be retried');
  if (record.restoring) return restored(record, request.id, services);
  const at = new Date(services.intake.now()).toISOString();
  const referral = record.provider === null ? referralOf(record, await services.intake.fingerprint(), at) : undefined;
  if (referral !== undefined) return askAgain(record, referral, services);
  return resume(record, { stage: 'received', detail: 'an operator asked for another try' }, {}, request.id, services);
};

/** `POST /incidents/{id}/approve`: acts on the key that was found when a person was asked, and on no other. */
export const approveIncident: Route = async (request, services) => {
  const record = await theIncident(request.parameters.id, services);
  const asked = record.state === 'awaiting-approval' || (record.state === 'parked' && record.outcome === null);
  if (!asked || record.keyId === null) throw conflict(record, 'nothing waits for approval');
  return resume(
    record,
    { stage: 'approved', detail: 'by an operator' },
    { approved: record.keyId },
    request.id,
    services,
  );
};

/** `POST /incidents/{id}/reject`: a person says no, and whatever waits for one is closed. */
export const rejectIncident: Route = async (request, services) => {
  const record = await theIncident(request.parameters.id, services);
  const untouched = !record.inDoubt && record.accepted === null && !record.switchedOff;
  if (!isResting(record) || record.state === 'closed' || !untouched)
    throw conflict(record, 'nothing waits for a person to say no');
  const at = new Date(services.intake.now()).toISOString();
  const change = { state: 'closed', outcome: 'rejected', reason: 'an operator said no' } as const;
  const rejected = await services.ledger.decide(
    record.id,
    [record.state],
    change,
    {
      at,
      stage: 'rejected',
      detail: 'by an operator',
    },
    record.revision,
  );
  if (rejected === undefined) throw conflict(record, 'somebody else has just decided it');
  return { status: 200, body: view(rejected) };
};

/** `POST /incidents/{id}/restore`: a person undoes our `disable`. Answers when the key is on again, or after a few seconds. */
export const restoreIncident: Route = async (request, services) => {
  const record = await theIncident(request.parameters.id, services);
  if (!isRestorable(record)) throw conflict(record, 'only a key that was disabled here can be restored');
  return restored(record, request.id, services);
};

async function restored(record: IncidentRecord, delivery: string, services: RequestServices) {
  const entry = { stage: 'received', detail: 'an operator asked to restore the key' } as const;
  await resume(record, entry, { restore: true }, delivery, services);
  const rested = await settled(record.id, delivery, restoreWithin, services);
  return { status: 200, body: view(rested ?? record) };
}

const askedAgain = 'asked again: ';

/**
 * Has the credential fetched that an alert names. What comes of it is an incident of its own, so this one stays parked; the one who
 * fetches says in it what came.
 */
async function askAgain(record: IncidentRecord, referral: Referral, { ledger, intake }: RequestServices) {
  if (intake.unroutedQueue === undefined) throw conflict(record, 'nothing here fetches what an alert names');
  await intake.send(intake.unroutedQueue, [writeReferral(referral)]);
  const { id, reason } = record;
  const asked = await ledger.decide(
    id,
    ['parked'],
    { reason: askedAgain + (reason ?? '').replace(askedAgain, '') },
    { at: referral.at, stage: 'received', detail: 'an operator asked for another try' },
    record.revision,
  );
  return { status: 200, body: view(asked ?? (await ledger.read(id)) ?? record) };
}

/** Puts a report into the lane first, then records the decision: dying in between costs an entry, never the leak. */
async function resume(
  record: IncidentRecord,
  { stage, detail }: { stage: 'received' | 'approved'; detail: string },
  order: Order,
  delivery: string,
  { ledger, intake }: RequestServices,
) {
  const lane = record.provider === null ? undefined : intake.lanes[record.provider];
  if (lane === undefined || record.provider === null || record.kind === null)
    throw conflict(record, 'its provider is not configured; configure it and report the leak again');
  const restoring = order.restore === true;
  if (!restoring && (await ledger.sealed(record.id)) === undefined)
    throw conflict(record, 'the leak itself is not kept any more; report it again');
  const at = new Date(intake.now()).toISOString();
  const sighting = { source: 'operator', at, delivery };
  const { id: incident, provider, kind } = record;
  const tries = { unavailable: 0, unexpected: 0 };
  await intake.send(lane, [
    writeReport({
      message: intake.newId(),
      incident,
      provider,
      kind,
      leak: undefined,
      sighting,
      mayNameKeys: true,
      order,
      tries,
    }),
  ]);
  const resumed = await ledger.decide(
    incident,
    [record.state],
    { state: record.inDoubt ? 'unknown' : 'received', outcome: null, reason: null, restoring },
    { at, stage, detail },
    record.revision,
  );
  return { status: 200, body: view(resumed ?? (await ledger.read(incident)) ?? record) };
}

const conflict = ({ state }: IncidentRecord, why: string) =>
  new Problem(409, 'Conflict', `The incident is ${state}: ${why}.`);

/** Only who asks what became of an id waits for it: there is nothing yet to decide about one that nobody has claimed. @throws Problem 404 */
async function theIncident(
  id: string | undefined,
  { ledger, sleep }: RequestServices,
  pauses: readonly number[] = [],
): Promise<IncidentRecord> {
  if (id !== undefined && incidentIdForm.test(id)) {
    for (const pause of [0, ...pauses]) {
      if (pause > 0) await sleep(pause);
      const record = await ledger.read(id);
      if (record !== undefined) return record;
    }
  }
  throw new Problem(404, 'Not found', 'There is no incident with this id.');
}
