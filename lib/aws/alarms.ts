import { Alarm, ComparisonOperator, type IAlarm, Metric, TreatMissingData } from 'aws-cdk-lib/aws-cloudwatch';
import { SnsAction } from 'aws-cdk-lib/aws-cloudwatch-actions';
import type { ITopic } from 'aws-cdk-lib/aws-sns';
import { Duration } from 'aws-cdk-lib/core';
import { Construct } from 'constructs';
import { type AlarmDefinition, alarmsOf } from '../alarms.ts';
import type { Configuration } from '../configuration.ts';

interface Properties {
  configuration: Configuration;
  /** The HTTP API that takes alerts and requests. */
  apiId: string;
  /** Hears of each alarm, and when it is over. */
  topic?: ITopic | undefined;
}

const comparison = {
  above: ComparisonOperator.GREATER_THAN_THRESHOLD,
  below: ComparisonOperator.LESS_THAN_THRESHOLD,
} as const;
const missing = {
  breaching: TreatMissingData.BREACHING,
  notBreaching: TreatMissingData.NOT_BREACHING,
  ignore: TreatMissingData.IGNORE,
} as const;

/** Every alarm of the configuration, with what to do in its description. */
export class Alarms extends Construct {
  readonly all: readonly IAlarm[];

  constructor(scope: Construct, id: string, { configuration, apiId, topic }: Properties) {
    super(scope, id);
    const action = topic && new SnsAction(topic);
    this.all = alarmsOf(configuration, { apiId }).map((definition) => {
      const alarm = this.#alarm(definition);
      if (action) alarm.addAlarmAction(action);
      if (action) alarm.addOkAction(action);
      return alarm;
    });
  }

  #alarm({ name, description, metric, statistic, periodSeconds, ...definition }: AlarmDefinition): Alarm {
    return new Alarm(this, name, {
      alarmName: name,
      alarmDescription: description,
      metric: new Metric({
        namespace: metric.namespace,
        metricName: metric.name,
        dimensionsMap: { ...metric.dimensions },
        period: Duration.seconds(periodSeconds),
        statistic,
      }),
      comparisonOperator: comparison[definition.breached],
      threshold: definition.threshold,
      evaluationPeriods: definition.evaluationPeriods,
      datapointsToAlarm: definition.datapointsToAlarm,
      treatMissingData: missing[definition.missing],
    });
  }
}
