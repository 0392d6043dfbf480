import { Alarm, ComparisonOperator, Metric, Stats, TreatMissingData } from 'aws-cdk-lib/aws-cloudwatch';
import { Duration } from 'aws-cdk-lib/core';
import { Construct } from 'constructs';

/** Calls a person when the fuse blows in one provider's lane: one incident blows it, so one lane's alarm goes off. */
export class FuseAlarm extends Construct {
  constructor(scope: Construct, id: string, { provider }: { provider: string }) {
    super(scope, id);
    new Alarm(this, 'Blown', {
      alarmName: `leakstop-fuse-${provider}`,
      alarmDescription:
        'The fuse has blown: more keys leaked than policy.fuse lets die without a person, and now every key waits for approval. ' +
        'See whether the alerts are real, then POST /fuse/reset; what waits is approved or rejected one by one.',
      metric: new Metric({
        namespace: 'Leakstop',
        metricName: 'fuse.blown',
        dimensionsMap: { service: 'revoke-key', provider },
        period: Duration.minutes(1),
        statistic: Stats.SUM,
      }),
      threshold: 0,
      comparisonOperator: ComparisonOperator.GREATER_THAN_THRESHOLD,
      evaluationPeriods: 1,
      treatMissingData: TreatMissingData.NOT_BREACHING,
    });
  }
}
