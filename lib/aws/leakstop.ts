import type { TableV2 } from 'aws-cdk-lib/aws-dynamodb';
import type { IVpc } from 'aws-cdk-lib/aws-ec2';
import type { IKey } from 'aws-cdk-lib/aws-kms';
import type { ITopic } from 'aws-cdk-lib/aws-sns';
import type { Queue } from 'aws-cdk-lib/aws-sqs';
import { Arn, Stack } from 'aws-cdk-lib/core';
import { Construct } from 'constructs';
import { type FunctionFacts, functions, names } from '../../functions/manifest.ts';
import type { AnySource, Sources } from '../../functions/revocation/source.ts';
import { sources } from '../../functions/sources/index.ts';
import { type Configuration, isToldOf, sharedEnvironments } from '../configuration.ts';
import { AlarmTopic } from './alarm-topic.ts';
import { type Deployment, readDeployment } from './deployment.ts';
import { FixedEgress, networkIn } from './fixed-egress.ts';
import { Foundation, type Network } from './foundation.ts';
import { HealthRule } from './health-rule.ts';
import { IntakeApi } from './intake-api.ts';
import { Lane } from './lane.ts';
import { Ledger } from './ledger.ts';
import { Overview } from './overview.ts';
import { QueuePair } from './queue-pair.ts';
import { EnteredSecret, FingerprintSecret } from './secrets.ts';
import { type Reach, ServiceFunction } from './service-function.ts';

/** What `Leakstop` is given. */
export interface LeakstopProps {
  /** What is watched over, from `readConfiguration`. */
  configuration: Configuration;
  /** How it is put into AWS, from `readDeployment`. Absent: every default. */
  deployment?: Deployment;
  /**
   * The key for queues, table, secrets and logs. Absent: one is made, and outlives the stack. One that is imported must
   * let CloudWatch Logs, EventBridge and CloudWatch use it already (docs/deploy.md).
   */
  key?: IKey;
  /** A network with private subnets and a way out, for what talks to providers and sources. Goes before `fixedEgress`. */
  vpc?: IVpc;
  /** Where the alarms go. Goes before `alarmTopic` and `alarmEmail` of the deployment. */
  alarmTopic?: ITopic;
}

/**
 * The whole service, once per account and region: what is configured, and nothing else. Its table, secrets, logs and key
 * are kept when it goes.
 */
export class Leakstop extends Construct {
  /** Encrypts queues, table, secrets and logs. */
  readonly key: IKey;
  /** The ledger's table. */
  readonly table: TableV2;
  /** Where alerts and requests go; ends in a slash. */
  readonly url: string;
  readonly api: IntakeApi;
  /** Every queue with its dead letters, by the queue's name. */
  readonly queues: Readonly<Record<string, QueuePair>>;
  /** Every function, by its name in AWS. */
  readonly functions: Readonly<Record<string, ServiceFunction>>;
  /** Where the alarms go. */
  readonly alarmTopic: ITopic;

  constructor(scope: Construct, id: string, props: LeakstopProps) {
    super(scope, id);
    const { configuration, deployment = readDeployment({}) } = props;
    const foundation = new Foundation(this, 'Foundation', { deployment, key: props.key });
    const ledger = new Ledger(this, 'Ledger', { foundation });
    const fingerprint = new FingerprintSecret(this, 'Fingerprint', { foundation });
    const network = this.#network(props, foundation);
    const pair = (part: string, name: string) => new QueuePair(this, part, { name, foundation });
    const unrouted = pair('Unrouted', names.unrouted);
    const { account } = Stack.of(this);
    new HealthRule(this, 'HealthRule', { queue: unrouted.queue, account, foundation });
    const notices = isToldOf(configuration) ? pair('Notices', names.notices) : undefined;
    const told = notices?.queue;
    const lanes = Object.keys(configuration.providers).map((provider) => {
      const parts = { configuration, provider, ledger, fingerprint, notices: told, foundation, network };
      return { provider, lane: new Lane(this, `Lane-${provider}`, parts) };
    });
    const laneQueues = lanes.map(({ provider, lane }): [string, Queue] => [provider, lane.messages.queue]);
    const secrets = configuration.sources.map((source) => {
      const secret = new EnteredSecret(this, `Source-${source}`, {
        name: names.sourceSecret(source),
        description: `Leakstop: what alerts of ${source} are verified with`,
        foundation,
      });
      return { source, secret };
    });
    const secretsOf = (isMeant: (source: AnySource | undefined) => unknown) =>
      secrets.flatMap(({ source, secret }) => (isMeant((sources as Sources)[source]) ? [secret] : []));

    const { eventBus, topic } = configuration.notices;
    const reach: Reach = {
      ledger,
      sendsTo: { lanes: laneQueues.map(([, queue]) => queue), unrouted: [unrouted.queue], notices: told ? [told] : [] },
      publishes: {
        'event-bus': eventBus === null ? [] : [busArn(Stack.of(this), eventBus)],
        topic: topic === undefined ? [] : [topic],
      },
      reads: {
        sources: secretsOf((source) => source),
        'asked-sources': secretsOf((source) => source?.fetch),
        'told-sources': secretsOf((source) => source?.close),
        slack: secretsOf((source) => source === undefined),
        fingerprint: [fingerprint],
      },
    };
    const environments = sharedEnvironments(configuration, {
      table: ledger.table.tableName,
      lanes: Object.fromEntries(laneQueues.map(([provider, queue]) => [provider, queue.queueUrl])),
      unroutedQueue: unrouted.queue.queueUrl,
      noticesQueue: told?.queueUrl,
      account,
    });
    const api = new IntakeApi(this, 'Intake', { foundation });
    const shared = Object.entries(environments).map(([key, environment]): [string, ServiceFunction] => {
      const name = key as keyof typeof environments;
      const one = new ServiceFunction(this, name, { name, environment, reach, foundation, network });
      const facts: FunctionFacts = functions[name];
      if (facts.consumes === 'unrouted') one.consume(unrouted.queue);
      if (facts.consumes === 'notices' && told) one.consume(told);
      if (facts.everySeconds !== undefined) one.runEvery(facts.everySeconds);
      api.route(name, one.lambda);
      return [names.function(name), one];
    });

    this.key = foundation.key;
    this.table = ledger.table;
    this.api = api;
    this.url = api.url;
    this.queues = {
      ...Object.fromEntries(lanes.map(({ provider, lane }) => [names.lane(provider), lane.messages])),
      [names.unrouted]: unrouted,
      ...(notices && { [names.notices]: notices }),
    };
    this.functions = {
      ...Object.fromEntries(lanes.map(({ provider, lane }) => [names.function('revoke-key', provider), lane.revoke])),
      ...Object.fromEntries(shared),
    };
    this.alarmTopic = props.alarmTopic ?? new AlarmTopic(this, 'AlarmTopic', { foundation }).topic;
    new Overview(this, 'Overview', {
      configuration,
      apiId: api.api.apiId,
      tableName: ledger.table.tableName,
      functions: this.functions,
      topic: this.alarmTopic,
      runbookUrl: deployment.runbookUrl,
    });
  }

  #network({ vpc }: LeakstopProps, foundation: Foundation): Network | undefined {
    if (vpc !== undefined) return networkIn(this, vpc);
    const { fixedEgress } = foundation.deployment;
    if (fixedEgress === false) return undefined;
    const { zones } = fixedEgress === true ? { zones: 2 } : fixedEgress;
    return new FixedEgress(this, 'FixedEgress', { foundation, zones }).network;
  }
}

/** A bus that is named without its ARN is in the stack's own account and region. */
const busArn = (stack: Stack, bus: string) =>
  bus.startsWith('arn:') ? bus : Arn.format({ service: 'events', resource: 'event-bus', resourceName: bus }, stack);
