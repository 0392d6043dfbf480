import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { dynamoDb, secretsManager, sqs } from './platform/clients.ts';
import { readEnvironment } from './platform/env.ts';
import { fingerprintOf } from './platform/fingerprint.ts';
import { createSend } from './platform/http.ts';
import { inquiryOf } from './platform/inquiry.ts';
import { queueFunction } from './platform/lambda.ts';
import { dynamoLedger } from './platform/ledger.ts';
import { createObservability } from './platform/observability.ts';
import { announcing, createQueues } from './platform/queues.ts';
import { createSecrets } from './platform/secrets.ts';
import { providers } from './providers/index.ts';
import { writeReferral } from './revocation/references.ts';
import { type ResolveServices, resolve } from './revocation/resolve.ts';
import { sources } from './sources/index.ts';

function compose(): ResolveServices {
  const { LANES, NOTICES_QUEUE, UNROUTED_QUEUE, TABLE, HEALTH_ACCOUNT } = readEnvironment('resolve-alert', process.env);
  const clock = { now: Date.now, sleep, random: Math.random };
  const secrets = createSecrets(secretsManager(), Date.now);
  const queues = createQueues(sqs());
  const observability = createObservability('resolve-alert');
  const way = { send: createSend(clock), now: Date.now };
  const fingerprint = () => fingerprintOf(secrets);
  const places = { lanes: LANES, unroutedQueue: UNROUTED_QUEUE, send: queues.send };
  return {
    sources,
    intake: { providers, ...places, fingerprint, now: Date.now, newId: randomUUID, queued: observability.queued },
    ledger: dynamoLedger({ client: dynamoDb(), table: TABLE }, clock),
    account: HEALTH_ACCOUNT,
    configOf: ({ id, config }, fresh) => secrets.read(`leakstop/sources/${id}`, config, fresh),
    inquiry: (id, config, deadline) => inquiryOf({ id, config, deadline }, way),
    putBack: (referral, delayMs) => queues.sendLater(UNROUTED_QUEUE, writeReferral(referral), delayMs),
    random: Math.random,
    announce: announcing(queues, NOTICES_QUEUE, Date.now),
    ...observability,
  };
}

/** What no lane takes as it came: fetched where an alert only names it, else parked with the reason, never dropped. */
export const handler = queueFunction('resolve-alert', compose, resolve);
