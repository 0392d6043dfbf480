import { PolicyStatement, ServicePrincipal } from 'aws-cdk-lib/aws-iam';
import { type ITopic, Topic } from 'aws-cdk-lib/aws-sns';
import { EmailSubscription } from 'aws-cdk-lib/aws-sns-subscriptions';
import { Stack } from 'aws-cdk-lib/core';
import { Construct } from 'constructs';
import { deployedNames, type Foundation } from './foundation.ts';

/** Where the alarms go. An alarm that nobody hears is none, so a topic is made where none is named. */
export class AlarmTopic extends Construct {
  readonly topic: ITopic;

  constructor(scope: Construct, id: string, { foundation }: { foundation: Foundation }) {
    super(scope, id);
    const { alarmTopic, alarmEmail } = foundation.deployment;
    this.topic = alarmTopic === undefined ? this.#ownTopic(foundation) : Topic.fromTopicArn(this, 'Topic', alarmTopic);
    if (alarmEmail !== undefined) this.topic.addSubscription(new EmailSubscription(alarmEmail));
  }

  #ownTopic(foundation: Foundation): Topic {
    const topic = new Topic(this, 'Topic', {
      topicName: deployedNames.alarmTopic,
      displayName: 'Leakstop alarms',
      masterKey: foundation.key,
      enforceSSL: true,
    });
    const ours = { StringEquals: { 'aws:SourceAccount': Stack.of(this).account } };
    // https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/Notify_Users_Alarm_Changes.html
    topic.addToResourcePolicy(
      new PolicyStatement({
        principals: [new ServicePrincipal('cloudwatch.amazonaws.com')],
        actions: ['sns:Publish'],
        resources: [topic.topicArn],
        conditions: ours,
      }),
    );
    foundation.letSend('cloudwatch.amazonaws.com', ours);
    return topic;
  }
}
