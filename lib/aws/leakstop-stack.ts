import { Arn, CfnOutput, Stack, type StackProps } from 'aws-cdk-lib/core';
import type { Construct } from 'constructs';
import { type FunctionFacts, functions, names } from '../../functions/manifest.ts';
import { type Configuration, isToldOf, sharedEnvironments } from '../configuration.ts';
import { HealthRule } from './health-rule.ts';
import { IntakeApi } from './intake-api.ts';
import { Lane } from './lane.ts';
import { Ledger } from './ledger.ts';
import { QueuePair } from './queue-pair.ts';
import { EnteredSecret, FingerprintSecret } from './secrets.ts';
import { type Reach, ServiceFunction } from './service-function.ts';

interface Properties extends StackProps {
  configuration: Configuration;
}

/** The whole service in one AWS account and region: what is configured, and nothing else. */
export class LeakstopStack extends Stack {
  constructor(scope: Construct, id: string, { configuration, ...properties }: Properties) {
    super(scope, id, { description: 'Turns a leak alert into a dead API key, provably', ...properties });
    const ledger = new Ledger(this, 'Ledger');
    const fingerprint = new FingerprintSecret(this, 'Fingerprint');
    const unrouted = new QueuePair(this, 'Unrouted', { name: names.unrouted }).queue;
    new HealthRule(this, 'HealthRule', { queue: unrouted, account: this.account });
    const notices = isToldOf(configuration) ? new QueuePair(this, 'Notices', { name: names.notices }).queue : undefined;
    const lanes = Object.keys(configuration.providers).map((provider) => {
      const parts = { configuration, provider, ledger, fingerprint, notices };
      const { queue } = new Lane(this, `Lane-${provider}`, parts);
      return { provider, queue };
    });
    const sources = configuration.sources.map(
      (source) =>
        new EnteredSecret(this, `Source-${source}`, {
          name: names.sourceSecret(source),
          description: `Leakstop: what alerts of ${source} are verified with`,
        }),
    );

    const { eventBus, topic } = configuration.notices;
    const reach: Reach = {
      ledger,
      sendsTo: { lanes: lanes.map(({ queue }) => queue), unrouted: [unrouted], notices: notices ? [notices] : [] },
      publishes: {
        'event-bus': eventBus === null ? [] : [busArn(this, eventBus)],
        topic: topic === undefined ? [] : [topic],
      },
      reads: { sources, fingerprint: [fingerprint] },
    };
    const environments = sharedEnvironments(configuration, {
      table: ledger.table.tableName,
      lanes: Object.fromEntries(lanes.map(({ provider, queue }) => [provider, queue.queueUrl])),
      unroutedQueue: unrouted.queueUrl,
      noticesQueue: notices?.queueUrl,
      account: this.account,
    });
    const api = new IntakeApi(this, 'Intake');
    for (const [key, environment] of Object.entries(environments)) {
      const name = key as keyof typeof environments;
      const shared = new ServiceFunction(this, name, { name, environment, reach });
      const facts: FunctionFacts = functions[name];
      if (facts.consumes === 'unrouted') shared.consume(unrouted);
      if (facts.consumes === 'notices' && notices) shared.consume(notices);
      if (facts.everySeconds !== undefined) shared.runEvery(facts.everySeconds);
      api.route(name, shared.lambda);
    }
    new CfnOutput(this, 'Url', { value: api.url, description: 'Where alerts and requests go' });
  }
}

/** A bus that is named without its ARN is in the stack's own account and region. */
const busArn = (stack: Stack, bus: string) =>
  bus.startsWith('arn:') ? bus : Arn.format({ service: 'events', resource: 'event-bus', resourceName: bus }, stack);
