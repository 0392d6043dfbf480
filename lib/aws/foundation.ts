import type { ISecurityGroup, IVpc, SubnetSelection } from 'aws-cdk-lib/aws-ec2';
import { PolicyStatement, ServicePrincipal } from 'aws-cdk-lib/aws-iam';
import { type IKey, Key } from 'aws-cdk-lib/aws-kms';
import { LogGroup } from 'aws-cdk-lib/aws-logs';
import { RemovalPolicy, Stack, Tags } from 'aws-cdk-lib/core';
import { Construct } from 'constructs';
import type { Deployment } from './deployment.ts';

/** Names that only AWS sees; those that functions know too stand in the manifest. */
export const deployedNames = {
  api: 'leakstop',
  alarmTopic: 'leakstop-alarms',
  keyAlias: 'alias/leakstop',
};

/** What holds evidence, or opens it, outlives the stack: table, secrets, logs, and the key that encrypts all of them. */
export const kept = RemovalPolicy.RETAIN_ON_UPDATE_OR_DELETE;

/** Where functions run that need a fixed address. */
export interface Network {
  vpc: IVpc;
  vpcSubnets: SubnetSelection;
  securityGroups: ISecurityGroup[];
}

/** Operator → key → value. */
type Conditions = Record<string, Record<string, string>>;

interface Properties {
  deployment: Deployment;
  /** Somebody's own key. One that is imported gets no statements: its policy must hold them already. */
  key: IKey | undefined;
}

/** What is decided once for all that is deployed: the key, how long logs are kept, what outlives the stack, the tag. */
export class Foundation extends Construct {
  readonly key: IKey;
  readonly deployment: Deployment;

  constructor(scope: Construct, id: string, { deployment, key }: Properties) {
    super(scope, id);
    this.deployment = deployment;
    this.key = key ?? this.#ownKey();
    // https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/encrypt-log-data-kms.html
    const { partition, region, account } = Stack.of(this);
    this.#letUse(
      `logs.${region}.amazonaws.com`,
      [
        ...['Encrypt', 'Decrypt', 'ReEncryptFrom', 'ReEncryptTo', 'DescribeKey'],
        ...['GenerateDataKey', 'GenerateDataKeyWithoutPlaintext'],
      ],
      { ArnLike: { 'kms:EncryptionContext:aws:logs:arn': `arn:${partition}:logs:${region}:${account}:log-group:*` } },
    );
    // CDK knows tags of dashboards that CloudFormation does not know everywhere yet.
    Tags.of(scope).add('service', 'leakstop', { excludeResourceTypes: ['AWS::CloudWatch::Dashboard'] });
  }

  /** A log group: encrypted, kept as long as the deployment says, and kept when the stack goes. */
  logGroup(scope: Construct, id: string): LogGroup {
    const { logRetentionDays } = this.deployment;
    return new LogGroup(scope, id, { encryptionKey: this.key, retention: logRetentionDays, removalPolicy: kept });
  }

  /** Lets a service of AWS put a message into a queue or a topic that the key encrypts, under these conditions of IAM. */
  letSend(service: string, conditions: Conditions = {}): void {
    this.#letUse(service, ['Decrypt', 'GenerateDataKey'], conditions);
  }

  #ownKey(): Key {
    const key = new Key(this, 'Key', {
      description: 'Leakstop: encrypts its queues, table, secrets and logs. Without it none of them can be read',
      enableKeyRotation: true,
      removalPolicy: kept,
    });
    key.addAlias(deployedNames.keyAlias);
    return key;
  }

  /** In a key's own policy `*` is this key: https://docs.aws.amazon.com/kms/latest/developerguide/key-policy-overview.html */
  #letUse(service: string, words: string[], conditions: Conditions): void {
    const actions = words.map((word) => `kms:${word}`);
    const principals = [new ServicePrincipal(service)];
    this.key.addToResourcePolicy(new PolicyStatement({ principals, actions, resources: ['*'], conditions }));
  }
}
