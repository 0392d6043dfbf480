import { UpdateItemCommand } from '@aws-sdk/client-dynamodb';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { names } from '../../../functions/manifest.ts';
import { startClock } from '../../../lib/local/clock.ts';
import { type DatadogKey, inventedKeys, keyWithDecoys } from '../../../lib/local/vendors/datadog.ts';
import { admin, testStage } from '../../support/stage.ts';

const [dead, risen, forgotten] = inventedKeys(3, 'watched') as [DatadogKey, DatadogKey, DatadogKey];

describe('keeping watch on a stage', () => {
  let stage: Awaited<ReturnType<typeof testStage>>;
  beforeAll(async () => {
    const keys = [...inventedKeys(30, 'stage'), dead, risen, forgotten, ...keyWithDecoys(admin.apiKey, 'leakstop', 0)];
    stage = await testStage({ keys });
  });
  afterAll(() => stage.close());

  const keepWatch = async () => stage.functions['keep-watch']?.invoke({});
  async function kill({ key }: DatadogKey) {
    const { json } = await stage.alert({ provider: 'datadog', secret: key });
    const incident = await stage.resting(json.incidents[0].id);
    expect(incident.outcome).toBe('revoked');
    await untilTold(incident.id);
    return incident;
  }
  /** Who tells of it writes to it as well. */
  async function untilTold(id: string): Promise<void> {
    for (const end = Date.now() + 45_000; ; ) {
      if ((await stage.items()).find((one) => one.id === id)?.telling === false) return;
      if (Date.now() > end) throw new Error(`nobody was told of ${id}`);
      await new Promise((resolve) => setTimeout(resolve, 25));
    }
  }
  /** The time for a look has come. */
  const makeDue = (id: string) =>
    stage.cloud.dynamoDb.send(
      new UpdateItemCommand({
        TableName: names.table,
        Key: { id: { S: id } },
        UpdateExpression: 'SET dueAt = :past, watch.#at = :at',
        ExpressionAttributeNames: { '#at': 'at' },
        ExpressionAttributeValues: {
          ':past': { S: new Date(Date.now() - 1000).toISOString() },
          ':at': { N: String(Date.now() - 1000) },
        },
      }),
    );

  test('a dead key whose time has come is looked at again, and the check stands in the proof', async () => {
    const { id, timeline } = await kill(dead);
    await makeDue(id);
    await keepWatch();
    const incident = await stage.until(id, ({ proof }) => proof?.checks.length === 2);
    expect(incident).toMatchObject({ state: 'closed', outcome: 'revoked', attempts: 1, timeline });
    expect(incident.proof).toMatchObject({ dead: true, checks: [{ result: 'dead' }, { result: 'dead' }] });
    const item = (await stage.items()).find((one) => one.id === id);
    expect(item?.watch.at).toBeGreaterThan(Date.now());
    expect(item?.dueAt).toBe(new Date(item?.watch.at).toISOString());
  });

  test('a key that lives again is deleted again', async () => {
    const { id, keyId } = await kill(risen);
    stage.vendor.revive(String(keyId));
    await makeDue(id);
    await keepWatch();
    const incident = await stage.until(id, ({ state, attempts }) => state === 'closed' && attempts === 2);
    expect(incident).toMatchObject({ outcome: 'revoked', proof: { dead: true } });
    expect(incident.proof?.checks.slice(0, 2).map(({ result }) => result)).toEqual(['dead', 'alive']);
    expect(stage.vendor.deletions.filter((one) => one === keyId)).toHaveLength(2);
    expect(stage.vendor.accepts(risen.key)).toBe(false);
  });

  test('what is not due is left alone', async () => {
    const { id } = await kill(forgotten);
    const before = (await stage.items()).find((one) => one.id === id);
    const asked = stage.vendor.arrivals.length;
    await keepWatch();
    expect((await stage.items()).find((one) => one.id === id)).toEqual(before);
    expect(stage.vendor.arrivals.length).toBe(asked);
  });

  test('the schedule calls the very function, again and again, until it is stopped', async () => {
    const { id } = await kill(dead);
    await makeDue(id);
    const checks = (await stage.until(id, () => true)).proof?.checks.length ?? 0;
    const clock = startClock({ everySeconds: 0.2, invoke: keepWatch });
    await stage.until(id, ({ proof }) => (proof?.checks.length ?? 0) > checks);
    await makeDue(id);
    await stage.until(id, ({ proof }) => (proof?.checks.length ?? 0) > checks + 1);
    await clock.stop();
    await makeDue(id);
    await new Promise((resolve) => setTimeout(resolve, 600));
    expect((await stage.until(id, () => true)).proof?.checks.length).toBe(checks + 2);
  });
});
