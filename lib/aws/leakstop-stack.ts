import { CfnOutput, Stack, type StackProps } from 'aws-cdk-lib/core';
import type { Construct } from 'constructs';
import { Leakstop, type LeakstopProps } from './leakstop.ts';

/** `Leakstop` in a stack of its own. */
export class LeakstopStack extends Stack {
  readonly leakstop: Leakstop;

  constructor(scope: Construct, id: string, props: LeakstopProps & StackProps) {
    const { configuration, deployment, key, vpc, alarmTopic, ...properties } = props;
    super(scope, id, { description: 'Turns a leak alert into a dead API key, provably', ...properties });
    // Of this name a construct leaves no trace in the names of what it holds.
    this.leakstop = new Leakstop(this, 'Default', {
      configuration,
      ...(deployment && { deployment }),
      ...(key && { key }),
      ...(vpc && { vpc }),
      ...(alarmTopic && { alarmTopic }),
    });
    new CfnOutput(this, 'Url', { value: this.leakstop.url, description: 'Where alerts and requests go' });
    new CfnOutput(this, 'AlarmTopic', { value: this.leakstop.alarmTopic.topicArn, description: 'Where the alarms go' });
  }
}
