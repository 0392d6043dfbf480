import type { ISecret } from 'aws-cdk-lib/aws-secretsmanager';
import type { Queue } from 'aws-cdk-lib/aws-sqs';
import { Construct } from 'constructs';
import { names } from '../../functions/manifest.ts';
import { type Configuration, laneEnvironment } from '../configuration.ts';
import { FuseAlarm } from './fuse-alarm.ts';
import type { Ledger } from './ledger.ts';
import { QueuePair } from './queue-pair.ts';
import { EnteredSecret } from './secrets.ts';
import { ServiceFunction } from './service-function.ts';

interface Properties {
  configuration: Configuration;
  provider: string;
  ledger: Ledger;
  fingerprint: ISecret;
  /** Where it is announced what became of an incident. */
  notices: Queue | undefined;
}

/** Everything of one provider: its queue, the function that revokes its keys, the credentials only that one reads. */
export class Lane extends Construct {
  readonly queue: Queue;

  constructor(scope: Construct, id: string, { configuration, provider, ledger, fingerprint, notices }: Properties) {
    super(scope, id);
    this.queue = new QueuePair(this, 'Messages', { name: names.lane(provider) }).queue;
    const accounts = configuration.providers[provider]?.accounts ?? [];
    const credentials = accounts.map(
      (account) =>
        new EnteredSecret(this, `Account-${account}`, {
          name: names.providerSecret(provider, account),
          description: `Leakstop: the admin credential of ${provider} account ${account}`,
        }),
    );
    const places = {
      table: ledger.table.tableName,
      lanes: { [provider]: this.queue.queueUrl },
      noticesQueue: notices?.queueUrl,
    };
    const revoke = new ServiceFunction(this, 'RevokeKey', {
      name: 'revoke-key',
      provider,
      environment: laneEnvironment(configuration, provider, places),
      reach: {
        ledger,
        sendsTo: { 'own-lane': [this.queue], notices: notices ? [notices] : [] },
        reads: { 'own-provider': credentials, fingerprint: [fingerprint] },
      },
    });
    revoke.consume(this.queue);
    if (configuration.policy.fuse !== undefined) new FuseAlarm(this, 'Fuse', { provider });
  }
}
