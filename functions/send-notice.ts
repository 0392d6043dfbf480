import { setTimeout as sleep } from 'node:timers/promises';
import { channels } from './notices/index.ts';
import { dynamoDb, secretsManager, sqs } from './platform/clients.ts';
import { readEnvironment } from './platform/env.ts';
import { createSend } from './platform/http.ts';
import { inquiryOf } from './platform/inquiry.ts';
import { queueFunction } from './platform/lambda.ts';
import { dynamoLedger } from './platform/ledger.ts';
import { createObservability } from './platform/observability.ts';
import { createQueues } from './platform/queues.ts';
import { createSecrets } from './platform/secrets.ts';
import type { Sources } from './revocation/source.ts';
import { readErrand, type TellingServices, tellOf, writeErrand } from './revocation/tell.ts';
import { sources } from './sources/index.ts';

/** Time kept at the end of the function (ms) for writing down what was told. */
const reserve = 4_000;

function compose(): (endsAt: number) => TellingServices {
  const { TABLE, SOURCES, NOTICES_QUEUE } = readEnvironment('send-notice', process.env);
  const clock = { now: Date.now, sleep, random: Math.random };
  const secrets = createSecrets(secretsManager(), Date.now);
  const queues = createQueues(sqs());
  const observability = createObservability('send-notice');
  const way = { send: createSend(clock), now: Date.now };
  const enabled: Sources = Object.fromEntries(Object.entries(sources).filter(([id]) => SOURCES.includes(id)));
  const shared = {
    ...clock,
    ledger: dynamoLedger({ client: dynamoDb(), table: TABLE }, clock),
    putBack: (errand: Parameters<typeof writeErrand>[0], delayMs: number) =>
      queues.sendLater(NOTICES_QUEUE, writeErrand(errand), delayMs),
    note: (incident: string, detail: string) => observability.info('told later', { incident, detail }),
  };
  return (endsAt) => {
    const alerts = channels.alerts({
      sources: enabled,
      configOf: ({ id, config }) => secrets.read(`leakstop/sources/${id}`, config),
      inquiry: (id, config) => inquiryOf({ id, config, deadline: endsAt - reserve }, way),
    });
    return { ...shared, channels: [alerts] };
  };
}

/** Tells whoever has to know what became of an incident: from the ledger, once each, until it is delivered. */
export const handler = queueFunction('send-notice', compose, (body, services, endsAt) =>
  tellOf(readErrand(body), services(endsAt)),
);
