import { expect, test } from 'vitest';
import { names, queues } from '../../../functions/manifest.ts';
import { providers } from '../../../functions/providers/index.ts';
import { everything, nameOf, ofType, resourcesOf, textOf } from './template.ts';

const resources = resourcesOf(everything);
const named = (value: unknown) => textOf(value, (id) => nameOf(resources, id));
const all = ofType(resources, 'AWS::SQS::Queue');
const consumed = [names.unrouted, names.notices, ...Object.keys(providers).map(names.lane)];
const queue = (name: string) => all.find(({ QueueName }) => QueueName === name);

test.each(consumed)('%s sets aside what failed too often, and keeps it for two weeks', (name) => {
  const { RedrivePolicy } = queue(name) as { RedrivePolicy: { deadLetterTargetArn: unknown; maxReceiveCount: number } };
  expect(named(RedrivePolicy.deadLetterTargetArn)).toBe(names.deadLetters(name));
  expect(RedrivePolicy.maxReceiveCount).toBe(queues.receivesAtMost);
  expect(queue(names.deadLetters(name))?.MessageRetentionPeriod).toBe(14 * 86_400);
});

test('there is no queue without a use', () => {
  const expected = consumed.flatMap((name) => [name, names.deadLetters(name)]);
  expect(all.map(({ QueueName }) => QueueName).sort()).toEqual(expected.sort());
});

test.each(consumed)('one message set aside from %s raises an alarm that says what to do', (name) => {
  const alarm = ofType(resources, 'AWS::CloudWatch::Alarm').find(
    ({ AlarmName }) => AlarmName === names.deadLetters(name),
  );
  expect(alarm).toMatchObject({
    MetricName: 'ApproximateNumberOfMessagesVisible',
    ComparisonOperator: 'GreaterThanThreshold',
    Threshold: 0,
    EvaluationPeriods: 1,
    AlarmDescription: expect.stringMatching(/repair it.*redrive/),
  });
  const [dimension] = (alarm?.Dimensions ?? []) as { Value: unknown }[];
  expect(named(dimension?.Value)).toBe(names.deadLetters(name));
});

test('a message whose function died goes on within a minute, and never while that function may still run', () => {
  const mappings = ofType(resources, 'AWS::Lambda::EventSourceMapping');
  expect(mappings.map(({ EventSourceArn }) => named(EventSourceArn)).sort()).toEqual([...consumed].sort());
  for (const { EventSourceArn, FunctionName } of mappings) {
    const consumer = ofType(resources, 'AWS::Lambda::Function').find(
      (each) => each.FunctionName === named(FunctionName),
    );
    const hidden = Number(queue(named(EventSourceArn))?.VisibilityTimeout);
    expect(hidden).toBeGreaterThanOrEqual(Number(consumer?.Timeout));
    expect(hidden).toBeLessThanOrEqual(60);
  }
});

test('one message of a batch can fail alone', () => {
  for (const mapping of ofType(resources, 'AWS::Lambda::EventSourceMapping')) {
    expect(mapping).toMatchObject({
      FunctionResponseTypes: ['ReportBatchItemFailures'],
      BatchSize: queues.batchSize,
      ScalingConfig: { MaximumConcurrency: queues.concurrency },
    });
  }
});
