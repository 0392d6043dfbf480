import { randomUUID } from 'node:crypto';
import { inTime, secretsManager, sqs, within } from './platform/clients.ts';
import { readEnvironment } from './platform/env.ts';
import { fingerprintOf } from './platform/fingerprint.ts';
import { createSend } from './platform/http.ts';
import { fieldsOf, type HttpAnswer, type HttpRequest, httpFunction, Problem } from './platform/lambda.ts';
import { createObservability } from './platform/observability.ts';
import { createPublicKeys } from './platform/public-keys.ts';
import { createQueues } from './platform/queues.ts';
import { createSecrets } from './platform/secrets.ts';
import { providers } from './providers/index.ts';
import { type Accepted, acceptAlert, revocableTypes } from './revocation/alerts.ts';
import type { Sources } from './revocation/source.ts';
import { sources } from './sources/index.ts';

function compose() {
  const { LANES, UNROUTED_QUEUE, SOURCES } = readEnvironment('receive-alert', process.env);
  const secrets = createSecrets(secretsManager({ maxAttempts: 2 }), Date.now);
  const places = { lanes: LANES, unroutedQueue: UNROUTED_QUEUE, send: createQueues(sqs(within(inTime)), inTime).send };
  const fingerprint = () => fingerprintOf(secrets);
  const observability = createObservability('receive-alert');
  return {
    intake: { providers, ...places, fingerprint, now: Date.now, newId: randomUUID, queued: observability.queued },
    enabled: SOURCES,
    secrets,
    keys: createPublicKeys({ send: createSend({ now: Date.now }), now: Date.now }),
    types: revocableTypes(providers, Object.keys(LANES)),
    observability,
  };
}

async function receive(
  { route, parameters, headers, body }: HttpRequest,
  { intake, enabled, secrets, keys, types, observability }: ReturnType<typeof compose>,
): Promise<HttpAnswer> {
  const { source: id = '', endpoint: path } = parameters;
  const source = enabled.includes(id) ? (sources as Sources)[id] : undefined;
  const endpoint = source?.endpoints?.find((each) => each.path === path && route.startsWith(`${each.method} `));
  if (!source || (path !== undefined && !endpoint)) return { status: 404 };
  const config = await secrets.read(`leakstop/sources/${id}`, source.config);
  const delivery = { body, headers, config, now: Date.now() };
  if (!(await (endpoint ?? source).verify(delivery, keys))) return { status: 401 };
  const reading = endpoint ? endpoint.answer(delivery, types) : source.read(delivery);
  if (reading.is === 'nothing') return { status: 204 };
  if (reading.is === 'answer') return { status: 200, body: reading.body };
  if (reading.is === 'malformed')
    throw new Problem(400, 'Bad request', `This is not what ${source.title} sends.`, fieldsOf(reading.error));
  const skip = (skipped: { index: number; reason: string }) =>
    observability.info('entry skipped', { source: id, ...skipped });
  const incidents = await acceptAlert(intake, source, reading, skip);
  if (endpoint) return { status: 204 };
  return { status: 202, body: { incidents: incidents.map((incident) => ({ id: incident })) } satisfies Accepted };
}

/** `POST /sources/{source}`: a signed alert, verified over its raw bytes, becomes durable. Some sources have further addresses. */
export const handler = httpFunction('receive-alert', compose, receive);
