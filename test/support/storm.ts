import { setTimeout as sleep } from 'node:timers/promises';
import { type DynamoDBClient, ScanCommand } from '@aws-sdk/client-dynamodb';
import { unmarshall } from '@aws-sdk/util-dynamodb';
import type { IncidentRecord } from '../../functions/revocation/incident.ts';
import { isResting } from '../../functions/revocation/ledger.ts';
import { flawsOf } from '../../functions/revocation/timeline.ts';
import { signedHeaders } from '../../lib/local/follow.ts';
import type { FunctionHost } from '../../lib/local/function-host.ts';
import { type DatadogKey, datadogVendor, inventedKeys, keyWithDecoys } from '../../lib/local/vendors/datadog.ts';
import { admin } from './stage.ts';

/** Chance that is the same every time. */
export function seeded(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state * 1_664_525 + 1_013_904_223) % 2 ** 32;
    return state / 2 ** 32;
  };
}

/** One delivery of one report, which its sender repeats until it is answered. */
interface Delivery {
  key: DatadogKey;
  source: 'standard' | 'operator';
  /** The message id, or for an operator the reference: sent again, it is the same one. */
  id: string;
  /** It names the key by its id beside the value. */
  isNamed: boolean;
  answer: { id: string } | undefined;
}

/** What a storm of reports is made of: keys that leaked, decoys that end like them, and who reports what. */
export interface Storm {
  keys: DatadogKey[];
  vendor: ReturnType<typeof datadogVendor>;
  deliveries: Delivery[];
  random: () => number;
}

/**
 * So many deliveries about so many leaked keys, shuffled: scanners by value, by value and id, the same message sent twice,
 * and operators.
 */
export function stormOf({ seed, keys: count, deliveries: total }: { seed: number; keys: number; deliveries: number }) {
  const random = seeded(seed);
  const leaked = inventedKeys(count, `storm ${seed}`).map(({ key }, index) =>
    keyWithDecoys(key, `storm-${seed}-${index}`, 1),
  );
  const keys = leaked.map(([key]) => key as DatadogKey);
  const organisation = {
    site: admin.site,
    id: 'org-1',
    admins: [admin],
    keys: [...inventedKeys(30, 'bystanders'), ...leaked.flat(), ...keyWithDecoys(admin.apiKey, 'leakstop', 0)],
  };
  const deliveries: Delivery[] = [];
  for (let index = 0; index < total; index += 1) {
    const key = keys[index % count] as DatadogKey;
    const round = Math.floor(index / count);
    const source = round % 5 === 4 ? 'operator' : 'standard';
    // Every third report of a scanner is the message before it, sent once more.
    const name = source === 'standard' && round % 3 === 2 ? round - 1 : round;
    const isOperators = name % 5 === 4;
    deliveries.push({
      key,
      source,
      id: `msg_${key.id}_${isOperators ? round : name}`,
      isNamed: name % 2 === 1,
      answer: undefined,
    });
  }
  for (let last = deliveries.length - 1; last > 0; last -= 1) {
    const other = Math.floor(random() * (last + 1));
    [deliveries[last], deliveries[other]] = [deliveries[other] as Delivery, deliveries[last] as Delivery];
  }
  const storm: Storm = { keys, vendor: datadogVendor([organisation]), deliveries, random };
  return storm;
}

/**
 * Sends everything, so many at once, each again until it is answered 202: what was answered 5xx, cut off, or refused
 * because nothing listens, is sent again, as a scanner does. Returns how often something had to be.
 */
export async function sendAll(
  { deliveries, random }: Storm,
  urlOf: () => string,
  { atOnce = 8, pauseMs = 0 }: { atOnce?: number; pauseMs?: number } = {},
): Promise<number> {
  const waiting = [...deliveries];
  let repeats = 0;
  const sender = async () => {
    for (let next = waiting.pop(); next !== undefined; next = waiting.pop()) {
      for (let tries = 1; next.answer === undefined; tries += 1) {
        if (tries > 500) throw new Error('a delivery was never accepted');
        next.answer = await sendOne(next, urlOf());
        if (next.answer !== undefined) break;
        repeats += 1;
        await sleep(50 + random() * Math.min(50 * tries, 1000));
      }
      if (pauseMs > 0) await sleep(pauseMs * 2 * random());
    }
  };
  await Promise.all(Array.from({ length: atOnce }, sender));
  return repeats;
}

async function sendOne({ key, source, id, isNamed }: Delivery, url: string): Promise<{ id: string } | undefined> {
  const leak = { provider: 'datadog', secret: key.key, ...(isNamed && { identifiers: { keyId: key.id } }) };
  const isSigned = source === 'standard';
  const body = JSON.stringify(
    isSigned ? { type: 'credential.leaked', data: leak } : { ...leak, kind: 'api-key', reference: id },
  );
  const headers = isSigned ? signedHeaders(body, { id }) : { 'content-type': 'application/json' };
  const path = isSigned ? '/sources/standard' : '/revocations';
  let answer: { status: number; json: unknown };
  try {
    const signal = AbortSignal.timeout(30_000);
    const response = await fetch(url + path, { method: 'POST', headers, body, signal });
    answer = { status: response.status, json: await response.json() };
  } catch {
    return undefined;
  }
  if (answer.status === 202)
    return isSigned ? (answer.json as { incidents: { id: string }[] }).incidents[0] : (answer.json as { id: string });
  if (answer.status >= 500) return undefined;
  throw new Error(`a delivery was refused: ${answer.status}`);
}

/** Every incident in the ledger. */
export async function incidentsIn(client: DynamoDBClient): Promise<IncidentRecord[]> {
  const records: IncidentRecord[] = [];
  let from: Record<string, never> | undefined;
  do {
    const page = await client.send(
      new ScanCommand({ TableName: 'leakstop-incidents', ConsistentRead: true, ExclusiveStartKey: from }),
    );
    const items = (page.Items ?? []).map((item) => unmarshall(item));
    records.push(...(items.filter(({ id, sameAs }) => /^inc_/.test(id) && !sameAs) as IncidentRecord[]));
    from = page.LastEvaluatedKey as typeof from;
  } while (from !== undefined);
  return records;
}

/** Whether every accepted report is in the ledger and every incident rests: nothing is left to happen. */
export function isOver({ deliveries }: Storm, records: IncidentRecord[]): boolean {
  const known = new Map(records.map((record) => [record.id, record]));
  return records.every(isResting) && deliveries.every((delivery) => sightingsOf(delivery, known).length > 0);
}

function sightingsOf({ source, id, answer }: Delivery, known: ReadonlyMap<string, IncidentRecord>) {
  const { sightings = [] } = known.get(answer?.id ?? '') ?? {};
  return sightings.filter(
    (sighting) => sighting.source === source && (source === 'standard' ? sighting.delivery : sighting.reference) === id,
  );
}

/** What a storm came to, and in words whatever must never be. */
export function endingOf({ keys, vendor, deliveries }: Storm, records: IncidentRecord[]) {
  const known = new Map(records.map((record) => [record.id, record]));
  const leaked = new Set(keys.map(({ id }) => id));
  const once = new Set(vendor.deletions.filter((id) => leaked.has(id)));
  const extra = vendor.deletions.length - once.size;
  const lost = deliveries.filter((delivery) => delivery.answer && sightingsOf(delivery, known).length === 0);
  const twice = deliveries.filter((delivery) => sightingsOf(delivery, known).length > 1);
  const reported = new Set(deliveries.map(({ source, id }) => `${source} ${id}`)).size;
  const noted = records.reduce((sum, { sightings }) => sum + sightings.length, 0);
  const violations = [
    ...(noted === reported ? [] : [`${noted} sightings of ${reported} reports`]),
    ...keys.filter(({ key }) => vendor.accepts(key)).map(({ id }) => `key ${id} lives`),
    ...vendor.deletions.filter((id) => !leaked.has(id)).map((id) => `key ${id} was deleted and had not leaked`),
    ...(extra > 0 ? [`${extra} deletions too many`] : []),
    ...(records.length === keys.length ? [] : [`${records.length} incidents of ${keys.length} keys`]),
    ...deliveries.filter(({ answer }) => !answer).map(({ id }) => `${id} was never accepted`),
    ...lost.map(({ id, answer }) => `${id} was accepted and is not in ${answer?.id}`),
    ...twice.map(({ id, answer }) => `${id} is more than once in ${answer?.id}`),
    ...records.flatMap((record) => {
      const { id, state, outcome, reason, timeline, head } = record;
      const ended = state === 'closed' && outcome === 'revoked';
      const flaws = flawsOf(id, timeline, { head });
      const told = timeline.filter(({ stage }) => stage === 'dead').length;
      return [
        ...(ended ? [] : [`${id} is ${state}, ${outcome}: ${reason}`]),
        ...(told === 1 || !ended ? [] : [`${id} tells of ${told} deaths`]),
        ...flaws.map(({ index, problem }) => `${id} at ${index}: ${problem}`),
      ];
    }),
  ];
  const accepted = deliveries.filter(({ answer }) => answer).length;
  return { accepted, deletions: vendor.deletions.length, extra, lost: lost.length, violations };
}

/** Functions that a storm may kill. */
const mortal = ['receive-alert', 'receive-request', 'revoke-key-datadog', 'keep-watch'];

/**
 * Kills function threads at random moments, and has keep-watch work all the while so that there is something to kill.
 * Whoever stops it hears how often each died.
 */
export function killAtRandom(
  functions: Record<string, Pick<FunctionHost, 'invoke' | 'kill'>>,
  random: () => number,
  { pauseMs = 600 }: { pauseMs?: number } = {},
) {
  const stopping = new AbortController();
  const kills: Record<string, number> = {};
  const killing = (async () => {
    while (!stopping.signal.aborted) {
      const watching = functions['keep-watch']?.invoke({}).catch(() => {});
      await sleep(pauseMs * 2 * random(), undefined, { signal: stopping.signal }).catch(() => {});
      const name = mortal[Math.floor(random() * mortal.length)] ?? '';
      await functions[name]?.kill();
      kills[name] = (kills[name] ?? 0) + 1;
      await watching;
    }
  })();
  return {
    async stop(): Promise<Record<string, number>> {
      stopping.abort();
      await killing;
      return kills;
    },
  };
}
