import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { dynamoDb, secretsManager, sqs } from './platform/clients.ts';
import { readEnvironment } from './platform/env.ts';
import { fingerprintOf } from './platform/fingerprint.ts';
import { httpFunction } from './platform/lambda.ts';
import { dynamoLedger } from './platform/ledger.ts';
import { createObservability } from './platform/observability.ts';
import { announcing, createQueues } from './platform/queues.ts';
import { createSecrets } from './platform/secrets.ts';
import { providers } from './providers/index.ts';
import { answer } from './requests/index.ts';
import type { RequestServices } from './requests/services.ts';

function compose(): RequestServices {
  const variables = readEnvironment('receive-request', process.env);
  const secrets = createSecrets(secretsManager(), Date.now);
  const queues = createQueues(sqs());
  const { queued, info } = createObservability('receive-request');
  return {
    intake: {
      providers,
      lanes: variables.LANES,
      unroutedQueue: variables.UNROUTED_QUEUE,
      fingerprint: () => fingerprintOf(secrets),
      send: queues.send,
      now: Date.now,
      newId: randomUUID,
      queued,
    },
    ledger: dynamoLedger({ client: dynamoDb(), table: variables.TABLE }, { now: Date.now, sleep, random: Math.random }),
    accounts: variables.ACCOUNTS,
    sources: variables.SOURCES,
    sleep,
    announce: announcing(queues, variables.NOTICES_QUEUE, Date.now),
    info,
  };
}

/** The operators' routes. */
export const handler = httpFunction('receive-request', compose, answer);
