import type { Server } from 'node:http';
import { GetItemCommand, UpdateItemCommand } from '@aws-sdk/client-dynamodb';
import { unmarshall } from '@aws-sdk/util-dynamodb';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { names } from '../../../functions/manifest.ts';
import type { IncidentRecord } from '../../../functions/revocation/incident.ts';
import { closed, type Emulators, listen, startEmulators } from '../../../lib/local/emulators.ts';
import { type Cloud, cloudOf } from '../../../lib/local/resources.ts';
import { type DatadogKey, inventedKeys, keyWithDecoys } from '../../../lib/local/vendors/datadog.ts';
import { proxyTo } from '../../support/proxy.ts';
import { admin, testStage } from '../../support/stage.ts';

/** Lambda's own way with a queue, which the stage takes in its place. */
const ofThePump = /^AmazonSQS\.(ReceiveMessage|DeleteMessageBatch)$/;

/** A call of EventBridge names its bus. */
const busOf = (entries: { EventBusName?: string }[] | undefined) =>
  entries?.find((entry) => entry.EventBusName)?.EventBusName;

/** The operation, and which secret, queue, index or kind of item it is about. */
function inWords(operation: string, body: string): string {
  const { SecretId, QueueUrl, IndexName, Key, Item, Entries } = JSON.parse(body || '{}');
  const id: string | undefined = (Key ?? Item)?.id?.S;
  const about = SecretId ?? QueueUrl?.split('/').at(-1) ?? IndexName ?? busOf(Entries) ?? id?.replace(/[_#].*$/, '');
  return [operation.split('.').at(-1), about].filter(Boolean).join(' ');
}

const [first, second, third, looked] = inventedKeys(4, 'calls') as [DatadogKey, DatadogKey, DatadogKey, DatadogKey];

describe('the price of an incident', () => {
  let emulators: Emulators;
  let raw: Cloud;
  let stage: Awaited<ReturnType<typeof testStage>>;
  const proxies: Server[] = [];
  const calls: string[] = [];

  beforeAll(async () => {
    emulators = await startEmulators({}, undefined);
    raw = cloudOf({ ...emulators.endpoints, AWS_ACCESS_KEY_ID: 'test', AWS_SECRET_ACCESS_KEY: 'test' });
    const through = async ([name, target]: [string, string]) => {
      const proxy = proxyTo(target, (operation, body) => {
        if (!ofThePump.test(operation)) calls.push(inWords(operation, body));
      });
      proxies.push(proxy);
      return [name, await listen(proxy)] as const;
    };
    const endpoints = Object.entries(emulators.endpoints) as [string, string][];
    const variables = Object.fromEntries(await Promise.all(endpoints.map(through)));
    const keys = [...inventedKeys(30, 'stage'), first, second, looked, ...keyWithDecoys(admin.apiKey, 'leakstop', 0)];
    const config = { providers: { datadog: { accounts: ['prod'] } }, sources: ['standard'] };
    stage = await testStage({ keys, config, tuning: { variables, clockless: true } });
  });
  afterAll(async () => {
    await stage.close();
    for (const client of Object.values(raw)) client.destroy();
    await Promise.all(proxies.map((proxy) => closed(proxy)));
    await emulators.close();
  });

  /** Looks past the proxies until the incident is as wanted. */
  async function until(id: string, wanted: (record: IncidentRecord) => boolean): Promise<IncidentRecord> {
    for (const end = Date.now() + 45_000; ; ) {
      const command = new GetItemCommand({ TableName: names.table, Key: { id: { S: id } }, ConsistentRead: true });
      const { Item } = await raw.dynamoDb.send(command);
      const record = Item && (unmarshall(Item) as IncidentRecord);
      if (record && wanted(record)) return record;
      if (Date.now() > end) throw new Error(`incident ${id} did not get there: ${JSON.stringify(record)}`);
      await new Promise((resolve) => setTimeout(resolve, 25));
    }
  }

  /** What was called and asked, by whomever, while `act` was at work: call → how often. */
  async function priceOf(act: () => Promise<unknown>): Promise<Record<string, number>> {
    const [calledBefore, askedBefore] = [calls.length, stage.vendor.arrivals.length];
    await act();
    const asked = stage.vendor.arrivals.slice(askedBefore);
    const price: Record<string, number> = {};
    for (const call of [
      ...calls.slice(calledBefore),
      ...asked.map(({ method, target }) => `${method} ${target.replace(/[0-9a-f-]{36}$/, '{id}')}`),
    ])
      price[call] = (price[call] ?? 0) + 1;
    return price;
  }

  const isOver = ({ state, telling }: IncidentRecord) => state === 'closed' && !telling;

  const kill = ({ key }: DatadogKey) =>
    priceOf(async () => {
      const { json } = await stage.alert({ provider: 'datadog', secret: key });
      const record = await until(json.incidents[0].id, isOver);
      expect(record).toMatchObject({ outcome: 'revoked', proof: { checks: [{ result: 'dead' }] } });
    });

  const table = (price: Record<string, number>) =>
    Object.entries(price)
      .map(([call, times]) => `${times} × ${call}`)
      .toSorted()
      .join('\n');
  const expectPrice = (price: Record<string, number>, expected: Record<string, number>) =>
    expect(price, `what it costs now:\n${table(price)}`).toEqual(expected);

  /** Two sends, five writes, one event and the read for it, and four questions to the provider. */
  const plain = {
    'SendMessageBatch leakstop-lane-datadog': 1,
    'PutItem inc': 1,
    'PutItem key': 1,
    // That it was sent, how it ended, that it was told.
    'UpdateItem inc': 3,
    'SendMessageBatch leakstop-notices': 1,
    'GetItem inc': 1,
    'PutEvents default': 1,
    'GET /api/v2/validate': 1,
    'GET /api/v2/api_keys/{id}': 1,
    'DELETE /api/v2/api_keys/{id}': 1,
    'GET /api/v1/validate': 1,
  };

  test('is two sends, five writes, a read and an event; the first one reads each secret once', async () => {
    expectPrice(await kill(first), {
      ...plain,
      'GetSecretValue leakstop/sources/standard': 1,
      'GetSecretValue leakstop/fingerprint': 1,
      'GetSecretValue leakstop/providers/datadog/prod': 1,
    });
    expectPrice(await kill(second), plain);
  });

  test('is nothing for a forged alert: the secret that tells it is read once for all alerts', async () => {
    const secret = `whsec_${Buffer.from('the signing secret of no one here').toString('base64')}`;
    const forged = await priceOf(async () => {
      for (let sent = 0; sent < 20; sent += 1)
        expect((await stage.alert({ provider: 'datadog', secret: third.key }, { secret })).status).toBe(401);
    });
    expectPrice(forged, {});
  });

  test('is, for a key that is reported again, the note of a sighting, and the question whether anybody has to be told', async () => {
    const known: IncidentRecord[] = (await stage.call('GET', '/incidents')).json.incidents;
    const { id } = known.find(({ keyId }) => keyId === first.id) as IncidentRecord;
    const { revision } = await until(id, isOver);
    const again = await priceOf(async () => {
      await stage.alert({ provider: 'datadog', secret: first.key });
      // That it is to be told, and that it was.
      await until(id, (record) => isOver(record) && record.revision >= revision + 2);
    });
    expectPrice(again, {
      'SendMessageBatch leakstop-lane-datadog': 1,
      'PutItem inc': 1,
      'SendMessageBatch leakstop-notices': 1,
      // By who claims, by who sends for somebody to tell, and by who tells.
      'GetItem inc': 3,
      'UpdateItem inc': 3,
    });
  });

  test('is one query a minute where nothing is due', async () => {
    const round = await priceOf(() => stage.functions['keep-watch']?.invoke({}) ?? Promise.reject());
    expectPrice(round, { 'Query due': 1 });
  });

  test('is, for a look at a dead key, one message, one read, two writes and one question', async () => {
    const { json } = await stage.alert({ provider: 'datadog', secret: looked.key });
    const [{ id }] = json.incidents;
    await until(id, isOver);
    const past = new Date(Date.now() - 1000).toISOString();
    await raw.dynamoDb.send(
      new UpdateItemCommand({
        TableName: names.table,
        Key: { id: { S: id } },
        UpdateExpression: 'SET dueAt = :past, watch.#at = :at',
        ExpressionAttributeNames: { '#at': 'at' },
        ExpressionAttributeValues: { ':past': { S: past }, ':at': { N: String(Date.parse(past)) } },
      }),
    );
    const look = await priceOf(async () => {
      await stage.functions['keep-watch']?.invoke({});
      await until(id, ({ proof }) => proof?.checks.length === 2);
    });
    expectPrice(look, {
      'Query due': 1,
      'SendMessageBatch leakstop-lane-datadog': 1,
      'GetItem inc': 1,
      // That it was passed on, and what was seen.
      'UpdateItem inc': 2,
      // What was sealed is opened to present the key.
      'GetSecretValue leakstop/fingerprint': 1,
      'GET /api/v1/validate': 1,
    });
  });
});
