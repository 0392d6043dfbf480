import type { ISecret } from 'aws-cdk-lib/aws-secretsmanager';
import type { Queue } from 'aws-cdk-lib/aws-sqs';
import { Construct } from 'constructs';
import { names } from '../../functions/manifest.ts';
import { type Configuration, laneEnvironment } from '../configuration.ts';
import type { Foundation, Network } from './foundation.ts';
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
  foundation: Foundation;
  network: Network | undefined;
}

/** Everything of one provider: its queue, the function that revokes its keys, the credentials only that one reads. */
export class Lane extends Construct {
  readonly messages: QueuePair;
  readonly revoke: ServiceFunction;

  constructor(scope: Construct, id: string, properties: Properties) {
    super(scope, id);
    const { configuration, provider, ledger, fingerprint, notices, foundation, network } = properties;
    this.messages = new QueuePair(this, 'Messages', { name: names.lane(provider), foundation });
    const { queue } = this.messages;
    const accounts = configuration.providers[provider]?.accounts ?? [];
    const credentials = accounts.map(
      (account) =>
        new EnteredSecret(this, `Account-${account}`, {
          name: names.providerSecret(provider, account),
          description: `Leakstop: the admin credential of ${provider} account ${account}`,
          foundation,
        }),
    );
    const places = {
      table: ledger.table.tableName,
      lanes: { [provider]: queue.queueUrl },
      noticesQueue: notices?.queueUrl,
    };
    this.revoke = new ServiceFunction(this, 'RevokeKey', {
      name: 'revoke-key',
      provider,
      foundation,
      network,
      environment: laneEnvironment(configuration, provider, places),
      reach: {
        ledger,
        sendsTo: { 'own-lane': [queue], notices: notices ? [notices] : [] },
        reads: { 'own-provider': credentials, fingerprint: [fingerprint] },
      },
    });
    this.revoke.consume(queue);
  }
}
