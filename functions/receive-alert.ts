import { randomUUID } from 'node:crypto';
import { secretsManager, sqs } from './platform/clients.ts';
import { readEnvironment } from './platform/env.ts';
import { fingerprintOf } from './platform/fingerprint.ts';
import { fieldsOf, type HttpAnswer, type HttpRequest, httpFunction, Problem } from './platform/lambda.ts';
import { createQueues } from './platform/queues.ts';
import { createSecrets } from './platform/secrets.ts';
import { providers } from './providers/index.ts';
import { accept, type Intake } from './revocation/intake.ts';
import type { Sources } from './revocation/source.ts';
import { sources } from './sources/index.ts';

function compose() {
  const { LANES, UNROUTED_QUEUE, SOURCES } = readEnvironment('receive-alert', process.env);
  const secrets = createSecrets(secretsManager(), Date.now);
  const { send } = createQueues(sqs());
  const fingerprint = () => fingerprintOf(secrets);
  const intake: Intake = {
    providers,
    lanes: LANES,
    unroutedQueue: UNROUTED_QUEUE,
    fingerprint,
    send,
    now: Date.now,
    newId: randomUUID,
  };
  return { intake, secrets, enabled: SOURCES };
}

async function receive(
  { parameters, headers, body }: HttpRequest,
  services: ReturnType<typeof compose>,
): Promise<HttpAnswer> {
  const id = parameters.source ?? '';
  const source = services.enabled.includes(id) ? (sources as Sources)[id] : undefined;
  if (!source) return { status: 404 };
  const config = await services.secrets.read(`leakstop/sources/${id}`, source.config);
  if (!source.verify({ body, headers, config, now: Date.now() })) return { status: 401 };
  const reading = source.read({ body, headers });
  if (reading.is === 'nothing') return { status: 204 };
  if (reading.is === 'malformed')
    throw new Problem(400, 'Bad request', `This is not what ${source.title} sends.`, fieldsOf(reading.error));
  const { delivery, leaks } = reading;
  const incidents = await accept(services.intake, { source: id, delivery, mayNameKeys: source.mayNameKeys }, leaks);
  return { status: 202, body: { incidents: incidents.map((incident) => ({ id: incident })) } };
}

/** `POST /sources/{source}`: a signed alert, verified over its raw bytes, becomes durable reports. */
export const handler = httpFunction('receive-alert', compose, receive);
