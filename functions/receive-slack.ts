import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { atOnce, dynamoDb, secretsManager, sqs } from './platform/clients.ts';
import { readEnvironment } from './platform/env.ts';
import { fingerprintOf } from './platform/fingerprint.ts';
import { createSend } from './platform/http.ts';
import { type HttpRequest, httpFunction } from './platform/lambda.ts';
import { dynamoLedger } from './platform/ledger.ts';
import { createObservability } from './platform/observability.ts';
import { announcing, createQueues } from './platform/queues.ts';
import { createSecrets } from './platform/secrets.ts';
import { createSlack } from './platform/slack.ts';
import { providers } from './providers/index.ts';
import { slackConfig } from './revocation/slack.ts';
import { answer } from './slack/index.ts';
import type { SlackServices } from './slack/services.ts';
import { sources } from './sources/index.ts';

function compose() {
  const { LANES, UNROUTED_QUEUE, NOTICES_QUEUE, SOURCES, POLICY, TABLE } = readEnvironment(
    'receive-slack',
    process.env,
  );
  const clock = { now: Date.now, sleep, random: Math.random };
  const secrets = createSecrets(secretsManager(atOnce), Date.now);
  const queues = createQueues(sqs(atOnce));
  const observability = createObservability('receive-slack');
  const ledger = dynamoLedger({ client: dynamoDb(atOnce), table: TABLE }, clock);
  const way = createSlack({ send: createSend(clock), now: Date.now });
  const configOf = () => secrets.read('leakstop/sources/slack', slackConfig);
  const shared = { lanes: LANES, send: queues.send, now: Date.now, newId: randomUUID };
  const fingerprint = () => fingerprintOf(secrets);
  const services: SlackServices = {
    intake: { providers, unroutedQueue: UNROUTED_QUEUE, fingerprint, queued: observability.queued, ...shared },
    ledger,
    decisions: { ledger, fingerprint, announce: announcing(queues, NOTICES_QUEUE, Date.now), ...shared },
    policy: POLICY,
    sources: Object.fromEntries(Object.entries(sources).filter(([id]) => SOURCES.includes(id))),
    configOf: ({ id, config }) => secrets.read(`leakstop/sources/${id}`, config),
    slack: { post: async (reply, deadline) => way.post(await configOf(), reply, deadline), respond: way.respond },
    now: Date.now,
    ...observability,
  };
  return { configOf, services };
}

const receive = async (request: HttpRequest, { configOf, services }: ReturnType<typeof compose>) =>
  answer(request, await configOf(), services);

/** `POST /sources/slack`: events, commands, clicks and shortcuts, verified over their raw bytes. */
export const handler = httpFunction('receive-slack', compose, receive);
