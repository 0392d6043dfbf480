import { setTimeout as sleep } from 'node:timers/promises';
import { dynamoDb } from './platform/clients.ts';
import { readEnvironment } from './platform/env.ts';
import { queueFunction } from './platform/lambda.ts';
import { dynamoLedger } from './platform/ledger.ts';
import { createObservability } from './platform/observability.ts';
import { unroutedReport } from './revocation/intake.ts';

function compose() {
  const { TABLE } = readEnvironment('resolve-alert', process.env);
  const ledger = dynamoLedger({ client: dynamoDb(), table: TABLE }, { now: Date.now, sleep, random: Math.random });
  return { ledger, observability: createObservability('resolve-alert') };
}

async function resolve(body: string, { ledger, observability }: ReturnType<typeof compose>): Promise<void> {
  const { reason, ...report } = unroutedReport.parse(JSON.parse(body));
  const { id } = await ledger.park(report, 'unrouted', reason);
  observability.note(report.provider ?? 'none', { incident: id, outcome: 'unrouted', detail: reason });
}

/** What no lane takes: parked with the reason, never dropped. */
export const handler = queueFunction('resolve-alert', compose, resolve);
