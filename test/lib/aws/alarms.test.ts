import { describe, expect, test } from 'vitest';
import { names } from '../../../functions/manifest.ts';
import { alarmsOf } from '../../../lib/alarms.ts';
import { type Configuration, readConfiguration } from '../../../lib/configuration.ts';
import { everything, nameOf, ofType, resourcesOf, textOf } from './template.ts';

const fused: Configuration = {
  ...everything,
  policy: { ...everything.policy, fuse: { limit: 5, windowMinutes: 60 } },
};
const resources = resourcesOf(fused);
const named = (value: unknown) => textOf(value, (id) => nameOf(resources, id));
const deployed = ofType(resources, 'AWS::CloudWatch::Alarm');
const alarm = (name: string) => deployed.find(({ AlarmName }) => AlarmName === name);

describe('what is deployed', () => {
  test('is every alarm of the configuration, as it is defined', () => {
    const wanted = alarmsOf(fused, { apiId: 'the api' });
    expect(deployed.map(({ AlarmName }) => AlarmName).sort()).toEqual(wanted.map(({ name }) => name).sort());
    const apis = ofType(resources, 'AWS::ApiGatewayV2::Api').map(({ Name }) => Name);
    for (const { name, description, metric, ...definition } of wanted) {
      const found = alarm(name);
      expect(found).toMatchObject({
        AlarmDescription: description,
        Namespace: metric.namespace,
        MetricName: metric.name,
        Statistic: definition.statistic,
        Period: definition.periodSeconds,
        Threshold: definition.threshold,
        ComparisonOperator: definition.breached === 'above' ? 'GreaterThanThreshold' : 'LessThanThreshold',
        EvaluationPeriods: definition.evaluationPeriods,
        DatapointsToAlarm: definition.datapointsToAlarm,
        TreatMissingData: definition.missing,
      });
      const dimensions = found?.Dimensions as { Name: string; Value: unknown }[];
      const known = Object.fromEntries(dimensions.map(({ Name, Value }) => [Name, named(Value)]));
      const { ApiId, ...others } = metric.dimensions;
      expect(known).toMatchObject(others);
      expect(Object.keys(known).sort()).toEqual(Object.keys(metric.dimensions).sort());
      if (ApiId !== undefined) expect(apis).toEqual([known.ApiId]);
    }
  });

  test('reaches the one topic, when it begins and when it is over', () => {
    const topics = Object.entries(resources).flatMap(([id, { Type }]) => (Type === 'AWS::SNS::Topic' ? [id] : []));
    expect(topics).toHaveLength(1);
    const arn = { Ref: topics[0] };
    for (const { AlarmActions, OKActions } of deployed) expect([AlarmActions, OKActions]).toEqual([[arn], [arn]]);
    const own = 'arn:aws:sns:us-east-1:111122223333:pager';
    const elsewhere = ofType(resourcesOf(fused, { alarmTopic: own }), 'AWS::CloudWatch::Alarm');
    for (const { AlarmActions, OKActions } of elsewhere) expect([AlarmActions, OKActions]).toEqual([[own], [own]]);
  });

  test('watches queues that are deployed under the very name', () => {
    const queues = ofType(resources, 'AWS::SQS::Queue').map(({ QueueName }) => QueueName);
    const watched = deployed.flatMap(({ Namespace, Dimensions }) =>
      Namespace === 'AWS/SQS' ? [named((Dimensions as { Value: unknown }[])[0]?.Value)] : [],
    );
    expect([...new Set(watched)].sort()).toEqual(queues.toSorted());
  });

  test('has no alarm of what is not configured', () => {
    const few = readConfiguration({ providers: { coveo: { accounts: ['a'] } }, notices: { eventBus: null } });
    const own = ofType(resourcesOf(few), 'AWS::CloudWatch::Alarm').map(({ AlarmName }) => String(AlarmName));
    expect(own.filter((name) => /datadog|github|gitlab|leakstop-fuse|notice|untold|slack|drill/.test(name))).toEqual(
      [],
    );
    expect(own).toContain(names.deadLetters(names.lane('coveo')));
  });
});
