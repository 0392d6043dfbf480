import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { dynamoDb, secretsManager, sqs } from './platform/clients.ts';
import { drillBook } from './platform/drill-book.ts';
import { readEnvironment } from './platform/env.ts';
import { fingerprintOf } from './platform/fingerprint.ts';
import { createSend } from './platform/http.ts';
import { queueFunction } from './platform/lambda.ts';
import { dynamoLedger } from './platform/ledger.ts';
import { createObservability } from './platform/observability.ts';
import { announcing, createQueues } from './platform/queues.ts';
import { createSecrets } from './platform/secrets.ts';
import { signingIn } from './platform/sign-in.ts';
import { providers } from './providers/index.ts';
import { type DrillServices, drill } from './revocation/drill.ts';
import { readDrillOrder } from './revocation/drill-order.ts';
import { Misconfigured } from './revocation/errors.ts';
import type { Providers } from './revocation/provider.ts';
import { readReport, writeReport } from './revocation/report.ts';
import { respond } from './revocation/respond.ts';

function compose(): DrillServices {
  const { PROVIDER, ACCOUNTS, ACTION, POLICY, DRILL, LANE, NOTICES_QUEUE, TABLE } = readEnvironment(
    'revoke-key',
    process.env,
  );
  const provider = (providers as Providers)[PROVIDER];
  if (!provider) throw new Misconfigured('environment of revoke-key: PROVIDER: is not in the registry');
  const clock = { now: Date.now, sleep, random: Math.random };
  const secrets = createSecrets(secretsManager(), Date.now);
  const queues = createQueues(sqs());
  const observability = createObservability('revoke-key');
  return {
    ...clock,
    ...{ provider, accounts: ACCOUNTS, action: ACTION, policy: POLICY, newId: randomUUID },
    ledger: dynamoLedger({ client: dynamoDb(), table: TABLE }, clock),
    drills: { plan: DRILL, book: drillBook({ client: dynamoDb(), table: TABLE }, PROVIDER) },
    adminOf: (account, fresh) => secrets.read(`leakstop/providers/${PROVIDER}/${account}`, provider.admin, fresh),
    fingerprint: () => fingerprintOf(secrets),
    send: signingIn(createSend(clock), clock),
    putBack: (report, delayMs) => queues.sendLater(LANE, writeReport(report), delayMs),
    announce: announcing(queues, NOTICES_QUEUE, Date.now),
    note: (event) => observability.note(PROVIDER, event),
  };
}

/** One lane: takes reports about one provider's keys and follows each to a dead key, or to a person. Sees to its drills. */
export const handler = queueFunction('revoke-key', compose, (body, services, endsAt) => {
  const order = readDrillOrder(body);
  return order ? drill(order, services, endsAt) : respond(readReport(body), services, endsAt);
});
