import { GetQueueUrlCommand, SendMessageCommand } from '@aws-sdk/client-sqs';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { names } from '../../../functions/manifest.ts';
import { leaked, testStage } from '../../support/stage.ts';

type Line = Record<string, unknown> & { service?: string; message?: string };

describe('the log of a stage', () => {
  let stage: Awaited<ReturnType<typeof testStage>>;
  beforeAll(async () => {
    stage = await testStage({
      config: {
        providers: { datadog: { accounts: ['prod'] } },
        sources: ['standard'],
        notices: { eventBus: 'default' },
      },
      tuning: { visibilitySeconds: 2 },
    });
  });
  afterAll(() => stage.close());

  const lines = (): Line[] =>
    stage
      .logged()
      .split('\n')
      .filter((line) => line.startsWith('{') && !line.includes('CloudWatchMetrics'))
      .map((line) => JSON.parse(line));
  const about = (id: string) =>
    lines().filter(
      ({ incident, incidents }) =>
        incident === id ||
        String(incidents ?? '')
          .split(' ')
          .includes(id),
    );
  const servicesOf = (id: string) => [...new Set(about(id).map(({ service }) => service))].sort();

  test('names a leak’s incident in every function that has it in hand, and who told of it where it came in', async () => {
    const { json } = await stage.alert({ provider: 'datadog', secret: leaked }, { id: 'msg_correlation' });
    const { id } = json.incidents[0];
    await stage.resting(id);
    await expect
      .poll(() => servicesOf(id), { timeout: 45_000 })
      .toEqual(['receive-alert', 'revoke-key', 'send-notice']);
    const [queued] = about(id).filter(({ message }) => message === 'leaks queued');
    expect(queued).toMatchObject({
      service: 'receive-alert',
      source: 'standard',
      delivery: expect.stringContaining('msg_correlation'),
    });
    const stages = about(id).filter(({ service }) => service === 'revoke-key');
    expect(stages.map(({ message }) => message)).toContain('outcome revoked');
    expect(stages.every(({ provider }) => provider === 'datadog')).toBe(true);
  });

  test('names the incident of what no lane takes, and of a person’s decision about it', async () => {
    const { json } = await stage.alert({ provider: 'nobody-knows', secret: 'whatever-it-is-0123456789' });
    const { id } = json.incidents[0];
    await stage.resting(id);
    expect((await stage.call('POST', `/incidents/${id}/reject`)).status).toBe(200);
    await expect
      .poll(() => servicesOf(id))
      .toEqual(expect.arrayContaining(['receive-alert', 'receive-request', 'resolve-alert']));
    expect(about(id)).toContainEqual(
      expect.objectContaining({ message: 'decided', verb: 'reject', is: 'decided', user: 'operator' }),
    );
  });

  test('names the incident of a message that cannot be handled, where it names one', async () => {
    const incident = 'inc_0123456789abcdefghjkmnpqrs';
    const { QueueUrl } = await stage.cloud.sqs.send(new GetQueueUrlCommand({ QueueName: names.lane('datadog') }));
    const canary = 'ca9a7e00000000000000000000000000';
    for (const body of [{ incident, leak: canary }, { incident: canary }])
      await stage.cloud.sqs.send(new SendMessageCommand({ QueueUrl, MessageBody: JSON.stringify(body) }));
    const failed = () => lines().filter(({ message }) => message === 'message failed');
    await expect.poll(() => failed().length, { timeout: 45_000 }).toBeGreaterThanOrEqual(2);
    expect(failed()).toContainEqual(expect.objectContaining({ incident, messageId: expect.any(String) }));
    expect(stage.logged()).not.toContain(canary);
  });
});
