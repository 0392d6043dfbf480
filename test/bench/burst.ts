import { ScanCommand } from '@aws-sdk/client-dynamodb';
import { unmarshall } from '@aws-sdk/util-dynamodb';
import { queues } from '../../functions/manifest.ts';
import type { IncidentRecord } from '../../functions/revocation/incident.ts';
import { alertOf, type Bundles, context, type Handler, type House, openHouse, quantile, silently } from './house.ts';
import type { WorldOptions } from './world.ts';

/** What is not dead by then (ms) counts as alive. */
const patience = 60_000;

interface Storm extends Partial<WorldOptions> {
  what: string;
  leaks: number;
  policy?: object;
}

/** Each is a row of docs/performance.md. */
export const storms: readonly Storm[] = [
  { what: '100 keys at the provider', leaks: 1000, keys: 100 },
  { what: '10,000 keys', leaks: 1000, keys: 10_000 },
  { what: '100 keys, found in the list', leaks: 200, keys: 100, policy: { useLeakedKey: false } },
  { what: '10,000 keys, found in the list', leaks: 200, keys: 10_000, policy: { useLeakedKey: false } },
  { what: '100 keys in one account', leaks: 500, keys: 100 },
  { what: '100 keys in each of 5 accounts', leaks: 500, keys: 100, accounts: 5 },
  { what: '100 keys, 5 providers', leaks: 500, keys: 100, others: true },
];

/** (d) So many leaks at once: queued first, then taken as Lambda takes them, five batches of ten at a time for each provider. */
export async function burst(bundles: Bundles, scale = 1) {
  const results = [];
  for (const { what, leaks: many, policy, ...world } of storms) {
    const house = await openHouse(bundles, world);
    const count = Math.max(Math.round(many * scale), 10);
    results.push({ what, leaks: count, ...(await silently(() => storm(house, count, policy))) });
    await house.close();
  }
  return results;
}

async function storm(house: House, count: number, policy: object | undefined) {
  const providers = Object.keys(house.places.lanes);
  const receive = await house.load('receive-alert');
  const share = Math.ceil(count / providers.length);
  const lanes = await Promise.all(providers.map(async (id) => ({ id, lane: await house.lane(id, policy) })));
  // One after another: functions of one process share its environment, and each reads its own when it is first called.
  for (const { lane } of lanes) await lane({ Records: [{ messageId: 'none', body: 'none' }] }, context());
  for (const id of providers) {
    const leaks = await house.leaks(id, share);
    while (leaks.length > 0) await Promise.all(leaks.splice(0, 10).map((leak) => receive(alertOf(leak), context())));
  }
  const begun = Date.now();
  let dead: IncidentRecord[] = [];
  // What was put back, as for a list that changed while it was read, comes again a second later or more.
  while (dead.length < count && Date.now() - begun < patience) {
    await Promise.all(lanes.map(({ id, lane }) => drain(house, house.places.lanes[id] ?? '', lane)));
    dead = (await incidentsOf(house)).filter(({ outcome }) => outcome === 'revoked');
  }
  // A leak waits in its queue for those before it: from the moment the queue is opened.
  const times = dead.map(({ proof }) => Date.parse(proof?.checks.at(-1)?.at ?? '') - begun);
  return {
    dead: dead.length,
    perSecond: (dead.length * 1000) / Math.max(...times),
    p50Ms: quantile(times, 0.5),
    p99Ms: quantile(times, 0.99),
  };
}

/** Until the queue has nothing that is due. */
async function drain(house: House, queue: string, lane: Handler): Promise<void> {
  const worker = async () => {
    for (let empty = 0; empty < 2; ) {
      const Records = await house.receive(queue, 1);
      if (Records.length > 0) await lane({ Records }, context());
      empty = Records.length > 0 ? 0 : empty + 1;
    }
  };
  await Promise.all(Array.from({ length: queues.concurrency }, worker));
}

async function incidentsOf(house: House): Promise<IncidentRecord[]> {
  const records: IncidentRecord[] = [];
  let from: Record<string, never> | undefined;
  do {
    const page = await house.cloud.dynamoDb.send(
      new ScanCommand({ TableName: house.places.table, ExclusiveStartKey: from }),
    );
    const items = (page.Items ?? []).map((item) => unmarshall(item));
    records.push(...(items.filter(({ id, sameAs }) => /^inc_/.test(id) && !sameAs) as IncidentRecord[]));
    from = page.LastEvaluatedKey as typeof from;
  } while (from !== undefined);
  return records;
}
