import { createServer } from 'node:http';
import { PassThrough } from 'node:stream';
import { GetQueueUrlCommand, SendMessageCommand } from '@aws-sdk/client-sqs';
import { afterEach, describe, expect, test } from 'vitest';
import { closed, listen } from '../../../lib/local/emulators.ts';
import type { FunctionHost } from '../../../lib/local/function-host.ts';
import { LocalMetrics } from '../../../lib/local/metrics.ts';
import { testStage } from '../../support/stage.ts';

const open: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const close of open.splice(0)) await close();
});

const line = (fields: object) =>
  `${JSON.stringify({
    _aws: {
      Timestamp: 1,
      CloudWatchMetrics: [
        {
          Namespace: 'Leakstop',
          Dimensions: [['service', 'provider']],
          Metrics: [{ Name: 'outcome.revoked', Unit: 'Count' }],
        },
      ],
    },
    service: 'revoke-key',
    provider: 'coveo',
    'outcome.revoked': 2,
    ...fields,
  })}\n`;

describe('what functions write', () => {
  test('is measured where it is in the embedded metric format, at the time of the one who collects, and passed on', async () => {
    const logs = new PassThrough();
    let passedOn = '';
    logs.on('data', (chunk: Buffer) => {
      passedOn += chunk.toString('utf8');
    });
    let time = 7;
    const metrics = new LocalMetrics({ now: () => time, logs });
    const written = `{"level":"INFO","message":"stage claimed"}\n${line({})}`;
    await new Promise((resolve) => metrics.lines.write(written, resolve));
    time = 8;
    await new Promise((resolve) => metrics.lines.write(line({ 'outcome.revoked': [1, 3] }), resolve));
    const own = {
      namespace: 'Leakstop',
      name: 'outcome.revoked',
      dimensions: { service: 'revoke-key', provider: 'coveo' },
    };
    expect(metrics.data).toEqual([
      { ...own, value: 2, at: 7 },
      { ...own, value: 1, at: 8 },
      { ...own, value: 3, at: 8 },
    ]);
    expect(passedOn).toContain(written);
  });
});

describe('what AWS would count', () => {
  const metrics = () => new LocalMetrics({ now: () => 0 });
  const seen = ({ data }: LocalMetrics) => data.map(({ name, value }) => `${name} ${value}`);

  test('is every invocation of a function, and every one that failed', async () => {
    const collected = metrics();
    const host = { invoke: async (event: unknown) => (event === 'bad' ? Promise.reject(new Error('bad')) : 1) };
    const measured = collected.measured('leakstop-keep-watch', host as FunctionHost);
    await measured.invoke('good');
    await expect(measured.invoke('bad')).rejects.toThrow('bad');
    expect(seen(collected)).toEqual(['Invocations 1', 'Invocations 1', 'Errors 1']);
    expect(collected.data[0]).toMatchObject({
      namespace: 'AWS/Lambda',
      dimensions: { FunctionName: 'leakstop-keep-watch' },
    });
  });

  test('is every request, by the kind of its answer', async () => {
    const collected = metrics();
    const statuses = [202, 404, 503];
    const server = createServer((_, response) => response.writeHead(statuses.shift() ?? 200).end());
    collected.watchGateway(server);
    const url = await listen(server);
    open.push(() => closed(server));
    for (let asked = 0; asked < 3; asked += 1) await fetch(url);
    expect(seen(collected)).toEqual([
      'Count 1',
      '4xx 0',
      '5xx 0',
      'Count 1',
      '4xx 1',
      '5xx 0',
      'Count 1',
      '4xx 0',
      '5xx 1',
    ]);
    expect(collected.data[0]).toMatchObject({ namespace: 'AWS/ApiGateway', dimensions: { ApiId: 'local' } });
  });

  test('is how many messages may be received, and the age of the oldest, whoever has it', async () => {
    const stage = await testStage();
    open.push(() => stage.close());
    const { QueueUrl } = await stage.cloud.sqs.send(
      new GetQueueUrlCommand({ QueueName: 'leakstop-lane-datadog-dead' }),
    );
    let time = Date.now();
    const collected = new LocalMetrics({ now: () => time });
    const sample = () => collected.sampleQueues(stage.cloud.sqs, ['leakstop-lane-datadog-dead']);
    await sample();
    await stage.cloud.sqs.send(new SendMessageCommand({ QueueUrl, MessageBody: 'one' }));
    await stage.cloud.sqs.send(new SendMessageCommand({ QueueUrl, MessageBody: 'two', DelaySeconds: 900 }));
    time += 600_000;
    await sample();
    const [none, noAge, visible, age] = collected.data;
    expect([none?.value, noAge?.value, visible?.value]).toEqual([0, 0, 1]);
    expect(visible).toMatchObject({
      namespace: 'AWS/SQS',
      name: 'ApproximateNumberOfMessagesVisible',
      dimensions: { QueueName: 'leakstop-lane-datadog-dead' },
    });
    expect(age?.name).toBe('ApproximateAgeOfOldestMessage');
    expect(Number(age?.value)).toBeGreaterThan(540);
    expect(Number(age?.value)).toBeLessThanOrEqual(600);
    await expect(collected.sampleQueues(stage.cloud.sqs, ['leakstop-none'])).rejects.toThrow(/no queue/);
  });
});
