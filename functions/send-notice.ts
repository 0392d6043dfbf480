import { setTimeout as sleep } from 'node:timers/promises';
import { channelsOf } from './notices/index.ts';
import { dynamoDb, eventBridge, secretsManager, sns, sqs } from './platform/clients.ts';
import { readEnvironment } from './platform/env.ts';
import { createEventBus } from './platform/event-bus.ts';
import { createSend } from './platform/http.ts';
import { inquiryOf } from './platform/inquiry.ts';
import { queueFunction } from './platform/lambda.ts';
import { dynamoLedger } from './platform/ledger.ts';
import { createObservability } from './platform/observability.ts';
import { createQueues } from './platform/queues.ts';
import { createSecrets } from './platform/secrets.ts';
import { createSlack } from './platform/slack.ts';
import { createTopic } from './platform/topic.ts';
import { slackConfig } from './revocation/slack.ts';
import type { AnySource, Sources } from './revocation/source.ts';
import { readErrand, type TellingServices, tellOf, writeErrand } from './revocation/tell.ts';
import { sources } from './sources/index.ts';

/** Time kept at the end of the function (ms) for writing down what was told. */
const reserve = 4_000;

function compose(): (endsAt: number) => TellingServices {
  const { TABLE, SOURCES, NOTICES_QUEUE, EVENT_BUS, TOPIC } = readEnvironment('send-notice', process.env);
  const clock = { now: Date.now, sleep, random: Math.random };
  const secrets = createSecrets(secretsManager(), Date.now);
  const queues = createQueues(sqs());
  const observability = createObservability('send-notice');
  const way = { send: createSend(clock), now: Date.now };
  const enabled: Sources = Object.fromEntries(Object.entries(sources).filter(([id]) => SOURCES.includes(id)));
  const config = () => secrets.read('leakstop/sources/slack', slackConfig);
  const room = { config, ...createSlack(way), now: Date.now };
  const eventBus = EVENT_BUS === undefined ? undefined : createEventBus(eventBridge(EVENT_BUS), EVENT_BUS);
  const topic = TOPIC === undefined ? undefined : createTopic(sns(TOPIC), TOPIC);
  const shared = {
    ...clock,
    ledger: dynamoLedger({ client: dynamoDb(), table: TABLE }, clock),
    putBack: (errand: Parameters<typeof writeErrand>[0], delayMs: number) =>
      queues.sendLater(NOTICES_QUEUE, writeErrand(errand), delayMs),
    note: observability.told,
  };
  return (endsAt) => {
    const deadline = endsAt - reserve;
    const alerts = {
      sources: enabled,
      configOf: ({ id, config }: AnySource) => secrets.read(`leakstop/sources/${id}`, config),
      inquiry: (id: string, config: unknown) => inquiryOf({ id, config, deadline }, way),
    };
    const slack = SOURCES.includes('slack') ? { ...room, deadline } : undefined;
    return { ...shared, channels: channelsOf({ alerts, slack, eventBus, topic, now: Date.now }) };
  };
}

/** Tells whoever has to know what became of an incident: from the ledger, once each, until it is delivered. */
export const handler = queueFunction('send-notice', compose, (body, services, endsAt) =>
  tellOf(readErrand(body), services(endsAt)),
);
