import { GetQueueUrlCommand, SendMessageCommand } from '@aws-sdk/client-sqs';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { names } from '../../../functions/manifest.ts';
import { alarmsOf } from '../../../lib/alarms.ts';
import { readConfiguration } from '../../../lib/configuration.ts';
import { alarmedAt } from '../../../lib/local/alarm-states.ts';
import { LocalMetrics, localApi } from '../../../lib/local/metrics.ts';
import { admin, leaked, testStage } from '../../support/stage.ts';

const minute = 60_000;
const config = {
  providers: { datadog: { accounts: ['prod'] } },
  sources: ['standard', 'slack'],
  notices: { eventBus: 'default' },
};
const alarms = alarmsOf(readConfiguration(config), { apiId: localApi });
const queues = [names.lane('datadog'), names.unrouted, names.notices];

describe('a stage', () => {
  let stage: Awaited<ReturnType<typeof testStage>>;
  /** What the collector's clock is ahead (ms). */
  let ahead = 0;
  const now = () => Date.now() + ahead;
  const from = now();
  const metrics = new LocalMetrics({ now });
  const fired = () =>
    alarms.filter((alarm) => alarmedAt(alarm, metrics.data, { from, until: now() }).length > 0).map(({ name }) => name);
  const sample = () =>
    metrics.sampleQueues(
      stage.cloud.sqs,
      queues.flatMap((name) => [name, names.deadLetters(name)]),
    );

  beforeAll(async () => {
    stage = await testStage({
      config,
      secrets: {
        'leakstop/providers/datadog/prod': admin,
        'leakstop/sources/standard': {},
        'leakstop/fingerprint': {},
      },
      tuning: { metrics, logs: metrics.lines, visibilitySeconds: 1 },
    });
  });
  afterAll(() => stage?.close());

  test('in which messages fail again and again has an alarm for each queue, when they are set aside and not before', async () => {
    for (const QueueName of queues) {
      const { QueueUrl } = await stage.cloud.sqs.send(new GetQueueUrlCommand({ QueueName }));
      await stage.cloud.sqs.send(new SendMessageCommand({ QueueUrl, MessageBody: 'no message of ours' }));
    }
    await sample();
    expect(fired()).toEqual([]);
    for (const end = Date.now() + 90_000; fired().length < queues.length && Date.now() < end; ) {
      await new Promise((resolve) => setTimeout(resolve, 250));
      await sample();
    }
    expect(fired().sort()).toEqual(queues.map(names.deadLetters).sort());
  }, 120_000);

  test('whose secrets are missing has an alarm for each intake that turns something away for that', async () => {
    expect((await stage.alert({ provider: 'datadog', secret: leaked })).status).toBe(503);
    expect((await stage.call('POST', '/revocations', { provider: 'datadog', secret: leaked })).status).toBe(503);
    expect((await stage.call('POST', '/sources/slack', 'command=%2Fleakstop')).status).toBe(503);
    const wanted = ['receive-alert', 'receive-request', 'receive-slack'].map((name) => `leakstop-secret-${name}`);
    await expect
      .poll(
        () =>
          fired()
            .filter((name) => name.includes('-secret-'))
            .sort(),
        { timeout: 45_000 },
      )
      .toEqual(wanted);
    expect(fired()).not.toContain('leakstop-intake');
  });

  test('that answers with 5xx again and again has an alarm for it, and none for a bad moment', async () => {
    ahead += 6 * minute;
    await stage.alert({ provider: 'datadog', secret: leaked });
    await expect.poll(() => metrics.data.filter(({ name, value }) => name === '5xx' && value === 1).length).toBe(4);
    expect(fired()).not.toContain('leakstop-intake');
    ahead += 6 * minute;
    await stage.alert({ provider: 'datadog', secret: leaked });
    await expect.poll(fired, { timeout: 45_000 }).toContain('leakstop-intake');
  });

  test('counts what its functions are called for', () => {
    const called = metrics.data
      .filter(({ name }) => name === 'Invocations')
      .map(({ dimensions }) => dimensions.FunctionName);
    expect(called).toContain('leakstop-receive-alert');
    expect(called).toContain('leakstop-revoke-key-datadog');
  });
});
