import { type HttpRequest, Problem, readJson } from '../platform/lambda.ts';
import { newRecord, view } from '../revocation/incident.ts';
import { accept } from '../revocation/intake.ts';
import { type Leak, leakFromOperator } from '../revocation/leak.ts';
import { withoutEcho } from '../revocation/leak-contents.ts';
import type { Providers } from '../revocation/provider.ts';
import { identifiersOf, type Route as RouteOfLeak, route as routeOf } from '../revocation/routing.ts';
import type { Route } from './services.ts';
import { isAnswer, settled } from './wait.ts';

/** The longest `Prefer: wait` (s): API Gateway gives up after 30. */
const waitAtMost = 25;

/** `POST /revocations`: an operator reports a leak, with an order if they like. */
export const postRevocation: Route = async (request, services) => {
  const { intake } = services;
  const { action, dryRun, reason, ...leak } = readJson(request.body, leakFromOperator);
  const routed = routeOf(leak, intake.providers);
  if (routed.is === 'unrouted') throw refused(routed.field, routed.problem);
  const provider = intake.providers[routed.provider];
  refuseUnknown(leak, routed, intake.providers);
  const accounts = services.accounts[routed.provider];
  if (!accounts || !intake.lanes[routed.provider])
    throw refused('provider', `is not configured here; configured: ${Object.keys(services.accounts).join(', ')}`);
  if (leak.account !== undefined && !accounts.includes(leak.account))
    throw refused('account', `is not one of ${accounts.join(', ')}`);
  if (action === 'disable' && !provider?.kinds[routed.kind]?.disable)
    throw refused('action', `cannot be disable: ${routed.provider} can only delete`);
  const order = { action, dryRun, reason: withoutEcho(reason, leak.secret), asReported: action === undefined };
  const wait = waitOf(request);
  const isDry = dryRun === true || action === 'observe';
  const applied: Record<string, string> = wait > 0 ? { 'preference-applied': `wait=${wait / 1000}` } : {};
  const [id = ''] = await accept(intake, { source: 'operator', delivery: request.id, mayNameKeys: true, order }, [
    leak,
  ]);
  const known = wait > 0 ? await settled(id, request.id, wait, services, isDry) : await services.ledger.read(id);
  const sighting = { source: 'operator', at: new Date(intake.now()).toISOString(), delivery: request.id };
  const record =
    known ??
    newRecord(id, routed.provider, routed.kind, {
      ...sighting,
      reference: routed.leak.reference,
      location: routed.leak.location,
    });
  const done = wait > 0 && isAnswer(record, request.id, isDry);
  const headers = { location: `/incidents/${record.id}`, ...applied };
  return { status: done ? 200 : 202, headers, body: view(record) };
};

/**
 * Refuses identifiers that mean nothing for the kind of key: an operator who misspells one must not believe that it counts. A name that
 * no kind here has is the sender's own word, and may be a secret.
 */
function refuseUnknown(
  { identifiers = {} }: Leak,
  { provider, kind }: Extract<RouteOfLeak, { is: 'routed' }>,
  providers: Providers,
): void {
  const ofKind = providers[provider]?.kinds[kind];
  const known = ofKind ? identifiersOf(ofKind) : [];
  const unknown = Object.keys(identifiers).find((name) => !known.includes(name));
  if (unknown === undefined) return;
  const ours = Object.values(providers).flatMap(({ kinds }) => Object.values(kinds).flatMap(identifiersOf));
  const knows = `${provider} ${kind} knows ${known.join(', ')}`;
  if (ours.includes(unknown)) throw refused(`identifiers.${unknown}`, `means nothing here: ${knows}`);
  throw refused('identifiers', `holds a name that means nothing here: ${knows}`);
}

const refused = (field: string, problem: string) =>
  new Problem(400, 'Bad request', 'The request does not match what this route takes; see errors.', [
    { field, problem },
  ]);

/** The wait that is preferred (ms); one that is malformed is not there: https://www.rfc-editor.org/rfc/rfc7240 */
function waitOf({ headers }: HttpRequest): number {
  const forms = (headers.prefer ?? '').split(',').map((preference) => form.exec(preference)?.[2]);
  const seconds = Number(forms.find((wait) => wait !== undefined) ?? 0);
  return Math.round(Math.min(seconds, waitAtMost) * 1000);
}

const form = /^\s*wait\s*=\s*("?)(\d+(?:\.\d+)?)\1\s*(?:;|$)/i;
