import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { dynamoDb, sqs } from './platform/clients.ts';
import { readEnvironment } from './platform/env.ts';
import { scheduledFunction } from './platform/lambda.ts';
import { dynamoLedger } from './platform/ledger.ts';
import { createObservability } from './platform/observability.ts';
import { createQueues } from './platform/queues.ts';
import { watchRound } from './revocation/keep-watch.ts';
import type { Sources } from './revocation/source.ts';
import { sources } from './sources/index.ts';

function compose() {
  const { LANES, NOTICES_QUEUE, UNROUTED_QUEUE, SOURCES, DRILLS, TABLE } = readEnvironment('keep-watch', process.env);
  const { send } = createQueues(sqs());
  const ledger = dynamoLedger({ client: dynamoDb(), table: TABLE }, { now: Date.now, sleep, random: Math.random });
  const observability = createObservability('keep-watch');
  const passedOn = (to: string, incidents: readonly string[]) => observability.passedOn('passed on', incidents, { to });
  const tower = { ledger, lanes: LANES, notices: NOTICES_QUEUE, send, passedOn, now: Date.now, newId: randomUUID };
  const swept = SOURCES.filter((id) => (sources as Sources)[id]?.listOpen);
  return { tower, orders: { swept, unroutedQueue: UNROUTED_QUEUE, drills: DRILLS }, observability };
}

async function watch({ tower, orders, observability }: ReturnType<typeof compose>): Promise<void> {
  await watchRound(tower, orders);
  observability.heartbeat();
}

/** Every minute: whatever should have moved by now and has not, and every dead key that is to be looked at again, and drills. Every quarter of an hour: sweeps. */
export const handler = scheduledFunction('keep-watch', compose, watch);
