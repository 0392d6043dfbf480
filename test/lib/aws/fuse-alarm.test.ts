import { expect, test } from 'vitest';
import { readConfiguration } from '../../../lib/configuration.ts';
import { ofType, resourcesOf } from './template.ts';

const alarmsWith = (policy: object) =>
  ofType(
    resourcesOf(
      readConfiguration({ providers: { coveo: { accounts: ['a'] }, datadog: { accounts: ['prod'] } }, policy }),
    ),
    'AWS::CloudWatch::Alarm',
  ).filter(({ AlarmName }) => String(AlarmName).startsWith('leakstop-fuse'));

test('a fuse that blows raises an alarm in the lane where it blew, and the alarm says what to do', () => {
  const alarms = alarmsWith({ fuse: { limit: 5, windowMinutes: 60 } });
  expect(alarms.map(({ AlarmName }) => AlarmName).sort()).toEqual(['leakstop-fuse-coveo', 'leakstop-fuse-datadog']);
  expect(alarms.find(({ AlarmName }) => AlarmName === 'leakstop-fuse-datadog')).toMatchObject({
    Namespace: 'Leakstop',
    MetricName: 'fuse.blown',
    Dimensions: expect.arrayContaining([
      { Name: 'provider', Value: 'datadog' },
      { Name: 'service', Value: 'revoke-key' },
    ]),
    Statistic: 'Sum',
    ComparisonOperator: 'GreaterThanThreshold',
    Threshold: 0,
    EvaluationPeriods: 1,
    TreatMissingData: 'notBreaching',
    AlarmDescription: expect.stringMatching(/POST \/fuse\/reset/),
  });
});

test('without a fuse there is no alarm for it', () => {
  expect(alarmsWith({})).toEqual([]);
});
