import { Rule } from 'aws-cdk-lib/aws-events';
import { PolicyStatement, ServicePrincipal } from 'aws-cdk-lib/aws-iam';
import type { Queue } from 'aws-cdk-lib/aws-sqs';
import { Construct } from 'constructs';
import { riskCodes } from '../../functions/revocation/aws-health.ts';
import type { Foundation } from './foundation.ts';

interface Properties {
  queue: Queue;
  account: string;
  foundation: Foundation;
}

/**
 * What AWS Health says of exposed access keys goes where leaks go that no lane takes. It says so on the default bus of
 * us-east-1: https://docs.aws.amazon.com/health/latest/ug/choosing-a-region.html
 */
export class HealthRule extends Construct {
  constructor(scope: Construct, id: string, { queue, account, foundation }: Properties) {
    super(scope, id);
    const { ruleArn } = new Rule(this, 'Rule', {
      description: 'Leakstop: AWS Health tells of exposed access keys',
      eventPattern: {
        source: ['aws.health'],
        account: [account],
        detail: { service: ['RISK'], eventTypeCode: [...riskCodes] },
      },
      targets: [{ bind: () => ({ arn: queue.queueArn }) }],
    });
    queue.addToResourcePolicy(
      new PolicyStatement({
        principals: [new ServicePrincipal('events.amazonaws.com')],
        actions: ['sqs:SendMessage'],
        resources: [queue.queueArn],
        conditions: { ArnEquals: { 'aws:SourceArn': ruleArn } },
      }),
    );
    // Without a condition: EventBridge does not tell a key for which account or rule it asks, and would drop each event in silence.
    // https://docs.aws.amazon.com/sns/latest/dg/sns-key-management.html says so of topics. For which rule the queue asks above.
    foundation.letSend('events.amazonaws.com');
  }
}
