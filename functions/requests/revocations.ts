import * as z from 'zod';
import { type HttpRequest, matching, Problem, readJson } from '../platform/lambda.ts';
import { type IncidentRecord, newRecord, view } from '../revocation/incident.ts';
import { accept } from '../revocation/intake.ts';
import { leakFromOperator, withoutEcho } from '../revocation/leak.ts';
import { isReopenable, isResting } from '../revocation/ledger.ts';
import { route as routeOf } from '../revocation/routing.ts';
import type { RequestServices, Route } from './services.ts';

/** The longest `Prefer: wait` (s): API Gateway gives up after 30. */
const waitAtMost = 25;
const pollEvery = 150;

/** `POST /revocations`: an operator reports a leak, with an order if they like. */
export const postRevocation: Route = async (request, services) => {
  const { intake } = services;
  const { action, dryRun, reason, ...leak } = readJson(request.body, leakFromOperator);
  const routed = routeOf(leak, intake.providers);
  if (routed.is === 'unrouted') throw refused(routed.field, routed.problem);
  const provider = intake.providers[routed.provider];
  const accounts = services.accounts[routed.provider];
  if (!accounts || !intake.lanes[routed.provider])
    throw refused('provider', `is not configured here; configured: ${Object.keys(services.accounts).join(', ')}`);
  if (leak.account !== undefined && !accounts.includes(leak.account))
    throw refused('account', `is not one of ${accounts.join(', ')}`);
  const wanted = dryRun ? 'observe' : action;
  if (wanted === 'disable' && !provider?.kinds[routed.kind]?.disable)
    throw refused('action', `cannot be disable: ${routed.provider} can only delete`);
  const order = { action: wanted, reason: withoutEcho(reason, leak.secret) };
  const wait = waitOf(request);
  const [id = ''] = await accept(intake, { source: 'operator', delivery: request.id, mayNameKeys: true, order }, [
    leak,
  ]);
  const known = wait > 0 ? await settled(id, request.id, wait, services) : await services.ledger.read(id);
  const sighting = { source: 'operator', at: new Date(intake.now()).toISOString(), delivery: request.id };
  const record =
    known ??
    newRecord(id, routed.provider, routed.kind, {
      ...sighting,
      reference: routed.leak.reference,
      location: routed.leak.location,
    });
  const done = wait > 0 && isResting(record) && isHandled(record, request.id);
  return { status: done ? 200 : 202, headers: { location: `/incidents/${record.id}` }, body: view(record) };
};

const refused = (field: string, problem: string) =>
  new Problem(400, 'Bad request', 'The request does not match what this route takes; see errors.', [
    { field, problem },
  ]);

function waitOf({ headers }: HttpRequest): number {
  const wait = /(?:^|[,;\s])wait\s*=\s*"?(\d{1,6})"?/i.exec(headers.prefer ?? '')?.[1];
  if (wait === undefined) return 0;
  return matching(Math.min(Number(wait), waitAtMost), z.number()) * 1000;
}

/** Whether what the incident rests in takes this request into account. */
function isHandled(record: IncidentRecord, delivery: string): boolean {
  return !isReopenable(record) || record.lease.delivery === delivery;
}

/** The incident once it rests, or as it stands when the wait (ms) is over. */
async function settled(
  id: string,
  delivery: string,
  wait: number,
  { ledger, intake, sleep }: RequestServices,
): Promise<IncidentRecord | undefined> {
  const until = intake.now() + wait;
  for (;;) {
    const record = await ledger.read(id);
    const rests = record !== undefined && isResting(record) && isHandled(record, delivery);
    if (rests || intake.now() + pollEvery >= until) return record;
    await sleep(pollEvery);
  }
}
