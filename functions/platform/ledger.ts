import { createHash, randomUUID } from 'node:crypto';
import {
  BatchGetItemCommand,
  type DynamoDBClient,
  GetItemCommand,
  PutItemCommand,
  UpdateItemCommand,
} from '@aws-sdk/client-dynamodb';
import { marshall, unmarshall } from '@aws-sdk/util-dynamodb';
import { LeaseLost, Unavailable } from '../revocation/errors.ts';
import { type IncidentRecord, newRecord, restsIn } from '../revocation/incident.ts';
import type { Sighting } from '../revocation/leak.ts';
import { type Claim, isKnown, type KeyName, type Ledger, standing } from '../revocation/ledger.ts';
import type { Report } from '../revocation/report.ts';
import { hashOf } from '../revocation/timeline.ts';
import { holds } from './conditional-write.ts';
import { countAgainstFuse, fuseBlown, resetFuse } from './ledger-fuse.ts';
import { listDue, listIncidents } from './ledger-listing.ts';
import { dueKeys, type Grown, grown, indexKeys, isNews, leaseFor, sighted, taken } from './ledger-record.ts';

const daysKept = 400;
const sealedDaysKept = 14;
const contested = 40;
/** Items that DynamoDB gives at a time. */
const batchAtMost = 100;
/** An id may have 2,048 bytes; a link that would not fit is named by its digest. */
const linkAtMost = 1024;

type Item = Record<string, unknown> & { id: string };
/** A second id of an incident: of a key (`key#…`), or of a report that turned out to be about the same key. */
type Pointer = Item & { sameAs: string };

/** The ledger on a DynamoDB table with partition key `id`. `now` and `sleep` in ms. */
export function dynamoLedger(
  { client: given, table }: { client: DynamoDBClient; table: string },
  {
    now,
    sleep,
    random,
    newId = randomUUID,
  }: { now(): number; sleep(ms: number): Promise<void>; random(): number; newId?(): string },
): Ledger {
  const client = tellingOutages(given);
  const expires = (days: number) => Math.floor(now() / 1000) + days * 86_400;
  const values = (item: Record<string, unknown>) => marshall(item, { removeUndefinedValues: true });
  const text = (ms: number) => new Date(ms).toISOString();

  async function get(id: string): Promise<Item | undefined> {
    const { Item } = await client.send(
      new GetItemCommand({ TableName: table, Key: { id: { S: id } }, ConsistentRead: true }),
    );
    return Item && (unmarshall(Item) as Item);
  }

  /** Those of many items that are there. @throws Unavailable when the table does not give all of them */
  async function getAll(ids: readonly string[]): Promise<Item[]> {
    const found: Item[] = [];
    const left = [...ids];
    for (let round = 0; left.length > 0; round += 1) {
      if (round > ids.length / batchAtMost + contested) throw new Unavailable('the ledger gave no answer');
      const Keys = left.splice(0, batchAtMost).map((id) => ({ id: { S: id } }));
      const { Responses, UnprocessedKeys } = await client.send(
        new BatchGetItemCommand({ RequestItems: { [table]: { Keys, ConsistentRead: true } } }),
      );
      found.push(...(Responses?.[table] ?? []).map((item) => unmarshall(item) as Item));
      const refused = UnprocessedKeys?.[table]?.Keys ?? [];
      left.push(...refused.flatMap(({ id }) => id?.S ?? []));
      if (refused.length > 0) await sleep(10 + random() * 30 * Math.min(round, 10));
    }
    return found;
  }

  /** False when the condition does not hold. */
  async function put(item: Item, condition: string, names: Record<string, unknown> = {}): Promise<boolean> {
    return holds(
      client.send(
        new PutItemCommand({
          TableName: table,
          Item: values(item),
          ConditionExpression: condition,
          ...(Object.keys(names).length > 0 && { ExpressionAttributeValues: values(names) }),
        }),
      ),
    );
  }

  /**
   * Sets under conditions (attribute path → value that must stand there); what is undefined is taken away. False when a
   * condition does not hold.
   */
  async function update(
    id: string,
    { set, only }: { set: Record<string, unknown>; only: Record<string, unknown> },
  ): Promise<boolean> {
    const names: Record<string, string> = {};
    const bound: Record<string, unknown> = {};
    const name = (path: string) =>
      path
        .split('.')
        .map((part) => {
          names[`#${part}`] = part;
          return `#${part}`;
        })
        .join('.');
    const value = (given: unknown) => {
      const key = `:v${Object.keys(bound).length}`;
      bound[key] = given;
      return key;
    };
    const entries = Object.entries(set);
    const sets = entries
      .filter(([, given]) => given !== undefined)
      .map(([path, given]) => `${name(path)} = ${value(given)}`);
    const gone = entries.filter(([, given]) => given === undefined).map(([path]) => name(path));
    const conditions = Object.entries(only).map(([path, given]) => `${name(path)} = ${value(given)}`);
    return holds(
      client.send(
        new UpdateItemCommand({
          TableName: table,
          Key: { id: { S: id } },
          UpdateExpression: [`SET ${sets.join(', ')}`, gone.length > 0 && `REMOVE ${gone.join(', ')}`]
            .filter(Boolean)
            .join(' '),
          ConditionExpression: conditions.join(' AND '),
          ExpressionAttributeNames: names,
          ExpressionAttributeValues: values(bound),
        }),
      ),
    );
  }

  /** The incident behind an id, through the pointers of reports that were about the same key. */
  async function read(id: string): Promise<IncidentRecord | undefined> {
    let item = await get(id);
    for (let hops = 0; item !== undefined && isPointer(item) && hops < 8; hops += 1) item = await get(item.sameAs);
    return item === undefined || isPointer(item) ? undefined : (item as unknown as IncidentRecord);
  }

  const keys = (record: IncidentRecord) => ({ ...indexKeys(record), ...dueKeys(record, now()) });
  const store = (record: IncidentRecord): Item => ({ ...record, ...keys(record), expiresAt: expires(daysKept) });

  /** Keeps what of a timeline does not fit into its incident any more. Named by its content, so doing it twice is harmless. */
  async function archive({ record, archived }: Grown): Promise<IncidentRecord> {
    if (archived !== undefined)
      await client.send(
        new PutItemCommand({ TableName: table, Item: values({ ...archived, expiresAt: expires(daysKept) }) }),
      );
    return record;
  }

  /** Adds sightings; false when another write came in between. */
  const note = (record: IncidentRecord, ...sightings: Sighting[]) =>
    update(record.id, { set: sighted(record, ...sightings), only: { sightingCount: record.sightingCount } });

  /**
   * Adds what is new of these sightings to an incident, in one write: older ones may find no room there, and stay new for ever.
   * @throws Unavailable when others write there all the time
   */
  async function noteAll(id: string, sightings: Sighting[]): Promise<void> {
    for (let round = 0; round < contested; round += 1) {
      const record = await read(id);
      const news = record ? sightings.filter((sighting) => !isKnown(record, sighting)) : [];
      if (record === undefined || news.length === 0 || (await note(record, ...news))) return;
      await sleep(10 + random() * 30 * Math.min(round, 10));
    }
    throw new Unavailable(`incident ${id} is contested`);
  }

  async function claim(report: Report, until: number): Promise<Claim> {
    const claimId = newId();
    if (report.fence === undefined && report.leak !== undefined) {
      const { incident, provider, kind, sighting, order } = report;
      const lease = leaseFor(report, claimId, until);
      const fresh = newRecord(incident, provider, kind, sighting, order?.reason);
      const { record } = taken(fresh, report, lease, now());
      if (await put(store(record), 'attribute_not_exists(id)')) return { is: 'claimed', record };
    }
    for (let round = 0; round < contested; round += 1) {
      if (round > 0) await sleep(10 + random() * 30 * Math.min(round, 10));
      const record = await read(report.incident);
      if (record === undefined) throw new Error(`incident ${report.incident} is not in the ledger`);
      const { lease } = record;
      // A claim whose answer was lost is ours all the same.
      if (lease.claim === claimId) return { is: 'claimed', record };
      // What was merged brought its sighting along, and fences of the one that went mean nothing here.
      const seen = record.id === report.incident ? report : { ...report, fence: undefined, noted: true };
      const is = standing(record, seen, now());
      if (is !== 'claimed') {
        const isNew = isNews(record, report);
        if (!isNew) return { is, record, isNew };
        if (await note(record, report.sighting))
          return { is, record: { ...record, ...sighted(record, report.sighting) }, isNew };
        continue;
      }
      const next = await archive(taken(record, report, leaseFor(report, claimId, until), now()));
      const set = { ...anew(record, next), ...keys(next) };
      const only = {
        fence: record.fence,
        revision: record.revision,
        sightingCount: record.sightingCount,
        'lease.message': lease.message,
      };
      if (await update(record.id, { set, only })) return { is: 'claimed', record: next };
    }
    throw new Unavailable(`incident ${report.incident} is contested`);
  }

  return {
    claim,
    read,
    async save(record, { timeline = [], ...change }) {
      const next = await archive(grown({ ...record, ...change, revision: record.revision + 1 }, timeline));
      // What stands there already is not sent again: the fence and the revision say that it does.
      const set = {
        ...anew(record, { ...change, timeline: next.timeline, head: next.head, revision: next.revision }),
        ...anew(indexKeys(record), indexKeys(next)),
        ...dueKeys(next, now()),
      };
      const only = { fence: record.fence, revision: record.revision, 'lease.message': record.lease.message };
      if (await update(record.id, { set, only })) return next;
      if (!stands(await read(record.id), next, change)) throw new LeaseLost(`another run holds ${record.id}`);
      return next;
    },
    async nameKey(record, key) {
      const id = keyItem(key);
      if (
        await put({ id, sameAs: record.id, expiresAt: expires(daysKept) }, 'attribute_not_exists(id) OR sameAs = :us', {
          ':us': record.id,
        })
      ) {
        return record.id;
      }
      const owner = await read(id);
      return owner?.id ?? record.id;
    },
    async incidentOfKey(keys) {
      if (keys.length === 0) return undefined;
      const Keys = keys.slice(0, 100).map((key) => ({ id: { S: keyItem(key) } }));
      const { Responses } = await client.send(
        new BatchGetItemCommand({ RequestItems: { [table]: { Keys, ConsistentRead: true } } }),
      );
      const first = Responses?.[table]?.[0];
      return first && (await read((unmarshall(first) as Pointer).id))?.id;
    },
    async merge(record, incident) {
      for (let round = 0; round < contested; round += 1) {
        const current = await read(record.id);
        if (current === undefined || current.id !== record.id) {
          if (current?.id === incident) return;
          throw new LeaseLost(`another run holds ${record.id}`);
        }
        await noteAll(incident, current.sightings);
        const { timeline, head } = current;
        const pointer = { id: record.id, sameAs: incident, timeline, head, expiresAt: expires(daysKept) };
        const { fence, revision } = record;
        const only = { ':fence': fence, ':revision': revision, ':count': current.sightingCount };
        if (await put(pointer, 'fence = :fence AND revision = :revision AND sightingCount = :count', only)) return;
        if (current.fence !== fence || current.revision !== revision)
          throw new LeaseLost(`another run holds ${record.id}`);
      }
      throw new Unavailable(`incident ${record.id} is contested`);
    },
    countAgainstFuse: (incident, fuse) => countAgainstFuse({ client, table, now }, incident, fuse),
    fuseBlown: () => fuseBlown({ client, table }),
    resetFuse: () => resetFuse({ client, table }),
    async decide(id, from, change, entry, revision) {
      const record = await read(id);
      if (record === undefined || !from.includes(record.state)) return undefined;
      if (revision !== undefined && record.revision !== revision) return undefined;
      const lease = { ...record.lease, until: 0, scheduled: false };
      // Where it rests as it did, what nobody has been told yet is still to be told.
      const telling = change.state === undefined && record.telling;
      const revised = { ...record, telling, ...change, revision: record.revision + 1, watch: null, lease };
      const next = await archive(grown(revised, [entry]));
      const { timeline, head, watch } = next;
      const rests = { telling: next.telling, watch, lease };
      const set = { ...change, ...rests, timeline, head, revision: next.revision, ...keys(next) };
      const held = await update(record.id, {
        set,
        only: { fence: record.fence, revision: record.revision },
      });
      if (held) return next;
      // A decision whose answer was lost stands all the same.
      const current = await read(record.id);
      const written = current?.revision === next.revision && current.head === next.head;
      return written ? next : undefined;
    },
    async amend(record, { timeline = [], ...change }) {
      const next = await archive(grown({ ...record, ...change, revision: record.revision + 1 }, timeline));
      const { revision, head } = next;
      const set = { ...change, timeline: next.timeline, head, revision, ...keys(next) };
      const { fence, sightingCount } = record;
      const only = { fence, revision: record.revision, sightingCount, state: record.state };
      if (await update(record.id, { set, only })) return next;
      return stands(await read(record.id), next, change) ? next : undefined;
    },
    due: (limit) => listDue({ client, table }, { now: text(now()), limit }),
    async postpone({ incident, at }, until) {
      await update(incident, { set: { dueAt: text(until) }, only: { dueAt: at } });
    },
    async park({ incident, provider, kind, sighting }, outcome, reason, telling = false) {
      const fresh = newRecord(incident, provider, kind, sighting);
      const step = { at: text(now()), stage: 'parked', detail: reason } as const;
      const { record: parked } = grown({ ...fresh, state: restsIn[outcome], outcome, reason, telling }, [step]);
      if (await put(store(parked), 'attribute_not_exists(id)')) return parked;
      for (let round = 0; round < contested; round += 1) {
        const record = await read(incident);
        if (record === undefined || isKnown(record, sighting)) return record ?? parked;
        if (await note(record, sighting)) return { ...record, ...sighted(record, sighting) };
        await sleep(10 + random() * 30 * Math.min(round, 10));
      }
      throw new Unavailable(`incident ${incident} is contested`);
    },
    async keepSealed(incident, sealed) {
      const item = { id: `leak#${incident}`, sealed, expiresAt: expires(sealedDaysKept) };
      await client.send(new PutItemCommand({ TableName: table, Item: values(item) }));
    },
    async sealed(incident) {
      const item = await get(`leak#${incident}`);
      return item?.sealed instanceof Uint8Array && Number(item.expiresAt) * 1000 > now() ? item.sealed : undefined;
    },
    async rememberAlert(source, link, until) {
      const expiresAt = Math.floor(until / 1000);
      const item = { id: alertItem(source, link), expiresAt };
      return put(item, 'attribute_not_exists(id) OR expiresAt < :expiresAt', { ':expiresAt': expiresAt });
    },
    async knownAlerts(source, links) {
      const linkOf = new Map(links.map((link) => [alertItem(source, link), link]));
      const items = await getAll([...linkOf.keys()]);
      const known = items.filter(({ expiresAt }) => Number(expiresAt) * 1000 > now());
      return new Set(known.map(({ id }) => String(linkOf.get(id))));
    },
    list: (query) => listIncidents({ client, table }, query),
  };
}

/** What is different from what was. */
const anew = <Values extends object>(was: Values, next: Partial<Values>) =>
  Object.fromEntries(Object.entries(next).filter(([name, value]) => was[name as keyof Values] !== value));

/** Whether a write whose answer was lost is what stands now, and not another one at the same revision. */
const stands = (current: IncidentRecord | undefined, next: IncidentRecord, change: object): boolean =>
  current?.id === next.id &&
  current.fence === next.fence &&
  current.revision === next.revision &&
  current.head === next.head &&
  current.lease.claim === next.lease.claim &&
  Object.keys(change).every((name) => same(current[name as keyof IncidentRecord], next[name as keyof IncidentRecord]));

/** The table keeps no order of names, and gives bytes back in another class. */
const same = (one: unknown, other: unknown) => hashOf({ value: plain(one) }) === hashOf({ value: plain(other) });
const plain = (value: unknown) => (value instanceof Uint8Array ? [...value] : value);

const isPointer = (item: Item): item is Pointer => typeof item.sameAs === 'string';

const keyItem = ({ provider, account, kind, keyId }: KeyName) => `key#${provider}#${account}#${kind}#${keyId}`;

const alertItem = (source: string, link: string) =>
  `alert#${source}#${Buffer.byteLength(link) <= linkAtMost ? link : createHash('sha256').update(link).digest('hex')}`;

/** The same client, whose outages are told as such; what is wrong with a request of ours stays what it is. */
export function tellingOutages(client: DynamoDBClient): Pick<DynamoDBClient, 'send'> {
  const send = async (command: Parameters<DynamoDBClient['send']>[0]) => {
    try {
      return await client.send(command);
    } catch (error) {
      if (isOutage(error)) throw new Unavailable('the ledger gave no answer');
      throw error;
    }
  };
  return { send: send as DynamoDBClient['send'] };
}

/** No answer at all, a failure of the service, or more requests than it takes. */
function isOutage(error: unknown): boolean {
  if (!(error instanceof Error)) return false;
  const status = (error as { $metadata?: { httpStatusCode?: number } }).$metadata?.httpStatusCode;
  return status === undefined || status >= 500 || /Throttl|Throughput|LimitExceeded/.test(error.name);
}
