import { Alarm, ComparisonOperator, Stats, TreatMissingData } from 'aws-cdk-lib/aws-cloudwatch';
import { Queue, QueueEncryption } from 'aws-cdk-lib/aws-sqs';
import { Duration } from 'aws-cdk-lib/core';
import { Construct } from 'constructs';
import { names, queues } from '../../functions/manifest.ts';

/** A queue, the queue that what failed too often is set aside in, and the alarm that calls a person to it. */
export class QueuePair extends Construct {
  readonly queue: Queue;
  readonly deadLetters: Queue;

  constructor(scope: Construct, id: string, { name }: { name: string }) {
    super(scope, id);
    const kept = {
      encryption: QueueEncryption.SQS_MANAGED,
      enforceSSL: true,
      retentionPeriod: Duration.seconds(queues.retentionSeconds),
    };
    this.deadLetters = new Queue(this, 'DeadLetters', { ...kept, queueName: names.deadLetters(name) });
    this.queue = new Queue(this, 'Queue', {
      ...kept,
      queueName: name,
      visibilityTimeout: Duration.seconds(queues.visibilitySeconds),
      deadLetterQueue: { queue: this.deadLetters, maxReceiveCount: queues.receivesAtMost },
    });
    new Alarm(this, 'DeadLettersAlarm', {
      alarmName: names.deadLetters(name),
      alarmDescription: whatToDo(name),
      metric: this.deadLetters.metricApproximateNumberOfMessagesVisible({
        period: Duration.minutes(1),
        statistic: Stats.MAXIMUM,
      }),
      threshold: 0,
      comparisonOperator: ComparisonOperator.GREATER_THAN_THRESHOLD,
      evaluationPeriods: 1,
      treatMissingData: TreatMissingData.NOT_BREACHING,
    });
  }
}

const whatToDo = (name: string) =>
  `Messages wait unhandled in ${names.deadLetters(name)}: their function failed ${queues.receivesAtMost} times. ` +
  `Find the reason in the log of the function that ${name} feeds and repair it (mostly a secret or a right), ` +
  `then redrive the messages to ${name}, at most ${queues.retentionSeconds / 86_400} days after they were sent; ` +
  'handling one twice is harmless.';
