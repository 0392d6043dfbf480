import * as z from 'zod';
import { type HttpRequest, matching, Problem, readJson } from '../platform/lambda.ts';
import { BadCursor } from '../platform/ledger-listing.ts';
import {
  approve,
  type Decided,
  type Decision,
  type DecisionServices,
  type Person,
  reject,
  restore,
  retry,
} from '../revocation/decisions.ts';
import { incidentIdForm } from '../revocation/fingerprint.ts';
import { type IncidentRecord, outcomes, states, view } from '../revocation/incident.ts';
import type { incidentForm } from '../revocation/incident-form.ts';
import { type Referral, referralOf, writeReferral } from '../revocation/references.ts';
import type { RequestServices, Route } from './services.ts';
import { settled } from './wait.ts';

/** Whoever asks for more gets these, and a cursor. */
const listedAtMost = 100;
/** What the list is asked. */
export const query = z.strictObject({
  state: z.enum(states).optional(),
  outcome: z.enum(outcomes).optional(),
  provider: z
    .string()
    .regex(/^[a-z0-9][a-z0-9-]{0,63}$/, 'must be a provider id')
    .optional(),
  since: z
    .union([z.iso.datetime({ offset: true }), z.iso.date()], 'must be a time or a day in ISO 8601')
    .transform((text) => new Date(text).toISOString())
    .optional(),
  limit: z
    .string()
    .regex(/^0*[1-9]\d*$/, 'must be 1 or more')
    .transform((text) => Math.min(Number(text), listedAtMost))
    .default(50),
  cursor: z.string().max(512).optional(),
});

/** A schema for the list: `incident` is the schema for each of them. */
export const incidentList = (incident: ReturnType<typeof incidentForm>) =>
  z.strictObject({ incidents: z.array(incident), cursor: z.string().optional() });
type IncidentList = z.output<ReturnType<typeof incidentList>>;

/** An id that was handed out a moment ago may not have been claimed yet: it is looked for again after these pauses (ms). */
const pauses = [100, 150, 250, 400, 600, 1000];
/** How long the answer to a restore waits for the key to be on again (ms). */
const restoreWithin = 10_000;

/** `GET /incidents`: newest first. */
export const listIncidents: Route = async (request, { ledger, intake }) => {
  const asked = Object.entries(request.query).filter(([, value]) => value !== '');
  const wanted = matching(Object.fromEntries(asked), query);
  if (wanted.provider !== undefined && !Object.hasOwn(intake.providers, wanted.provider)) {
    throw new Problem(400, 'Bad request', 'The query makes no sense; see errors.', [
      { field: 'provider', problem: `is not one of ${Object.keys(intake.providers).join(', ')}` },
    ]);
  }
  try {
    const { records, cursor } = await ledger.list(wanted);
    const body: IncidentList = { incidents: records.map(view), ...(cursor !== undefined && { cursor }) };
    return { status: 200, body };
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
  const decision = decisionOf(request);
  if (record.state !== 'parked') throw conflict(record, 'only a parked incident can be retried');
  const at = new Date(services.intake.now()).toISOString();
  const referral = record.provider === null ? referralOf(record, await services.intake.fingerprint(), at) : undefined;
  if (referral !== undefined) {
    services.info?.('decided', {
      user: decision.by.id,
      incident: record.id,
      verb: 'retry',
      is: 'asked',
      request: request.id,
    });
    return askAgain(record, referral, decision, services);
  }
  const { body } = answerOf('retry', await retry(record, decision, decisionServices(services)), request, services);
  // One that stays parked is not restored by anybody.
  const goesOn = record.restoring && body.state !== 'parked';
  return goesOn ? afterRestore(body, request.id, services) : { status: 200, body };
};

/** `POST /incidents/{id}/approve`: acts on the key that was found when a person was asked, and on no other. */
export const approveIncident: Route = async (request, services) => {
  const record = await theIncident(request.parameters.id, services);
  return answerOf('approve', await approve(record, decisionOf(request), decisionServices(services)), request, services);
};

/** `POST /incidents/{id}/reject`: a person says no, and whatever waits for one is closed. */
export const rejectIncident: Route = async (request, services) => {
  const record = await theIncident(request.parameters.id, services);
  return answerOf('reject', await reject(record, decisionOf(request), decisionServices(services)), request, services);
};

/** `POST /incidents/{id}/restore`: a person undoes our `disable`. Answers when the key is on again, or after a few seconds. */
export const restoreIncident: Route = async (request, services) => {
  const record = await theIncident(request.parameters.id, services);
  const decided = await restore(record, decisionOf(request), decisionServices(services));
  const { body } = answerOf('restore', decided, request, services);
  return afterRestore(body, request.id, services);
};

/** What a decision may say. */
export const decisionForm = z.strictObject({ reason: z.string().min(1).max(500).optional() });

/** Who decides, and why if they say so. @throws Problem 400 */
function decisionOf(request: HttpRequest): Decision {
  const { reason } = request.body.length === 0 ? {} : readJson(request.body, decisionForm);
  return { by: personOf(request), reason, delivery: request.id };
}

async function afterRestore(decided: ReturnType<typeof view>, delivery: string, services: RequestServices) {
  const rested = await settled(decided.id, delivery, restoreWithin, services);
  return { status: 200, body: rested === undefined ? decided : view(rested) };
}

const personOf = ({ caller }: HttpRequest): Person =>
  caller === undefined ? { id: 'operator', words: 'an operator' } : { id: caller, words: `operator ${caller}` };

const decisionServices = ({ ledger, intake, announce }: RequestServices): DecisionServices => ({
  ledger,
  announce,
  lanes: intake.lanes,
  send: intake.send,
  now: intake.now,
  newId: intake.newId,
  fingerprint: intake.fingerprint,
});

/** Tells the log who decided what, and answers them. @throws Problem 409 */
function answerOf(verb: string, decided: Decided, request: HttpRequest, { info }: RequestServices) {
  const { id } = decided.record;
  info?.('decided', { user: personOf(request).id, incident: id, verb, is: decided.is, request: request.id });
  if (decided.is === 'conflict') throw conflict(decided.record, decided.why);
  return { status: 200, body: view(decided.record) };
}

const askedAgain = 'asked again: ';

/**
 * Has the credential fetched that an alert names. What comes of it is an incident of its own, so this one stays parked; the one who
 * fetches says in it what came.
 */
async function askAgain(
  record: IncidentRecord,
  referral: Referral,
  { by, reason: why }: Decision,
  { ledger, intake }: RequestServices,
) {
  if (intake.unroutedQueue === undefined) throw conflict(record, 'nothing here fetches what an alert names');
  await intake.send(intake.unroutedQueue, [writeReferral(referral)]);
  const { id, reason } = record;
  const asked = await ledger.decide(
    id,
    ['parked'],
    { reason: askedAgain + (reason ?? '').replace(askedAgain, '') },
    {
      at: referral.at,
      stage: 'received',
      detail: [`${by.words} asked for another try`, why].filter(Boolean).join(': '),
    },
    record.revision,
  );
  return { status: 200, body: view(asked ?? (await ledger.read(id)) ?? record) };
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
