import { Queue, QueueEncryption } from 'aws-cdk-lib/aws-sqs';
import { Duration } from 'aws-cdk-lib/core';
import { Construct } from 'constructs';
import { names, queues } from '../../functions/manifest.ts';
import type { Foundation } from './foundation.ts';

/** A queue, and the queue that what failed too often is set aside in; lib/alarms.ts calls a person to either. */
export class QueuePair extends Construct {
  readonly queue: Queue;
  readonly deadLetters: Queue;

  constructor(scope: Construct, id: string, { name, foundation }: { name: string; foundation: Foundation }) {
    super(scope, id);
    const kept = {
      encryption: QueueEncryption.KMS,
      encryptionMasterKey: foundation.key,
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
  }
}
