import { fileURLToPath } from 'node:url';
import { Rule, Schedule } from 'aws-cdk-lib/aws-events';
import { LambdaFunction } from 'aws-cdk-lib/aws-events-targets';
import { Effect, Grant, PolicyStatement, Role, ServicePrincipal } from 'aws-cdk-lib/aws-iam';
import { Architecture, CfnFunction, type IFunction, RecursiveLoop, Runtime, Tracing } from 'aws-cdk-lib/aws-lambda';
import { NodejsFunction } from 'aws-cdk-lib/aws-lambda-nodejs';
import type { LogGroup } from 'aws-cdk-lib/aws-logs';
import type { ISecret } from 'aws-cdk-lib/aws-secretsmanager';
import type { IQueue } from 'aws-cdk-lib/aws-sqs';
import { Arn, ArnFormat, CfnResource, Duration, Lazy, Names, Stack, Validations } from 'aws-cdk-lib/core';
import { Construct } from 'constructs';
import { type FunctionFacts, functions, names, queues } from '../../functions/manifest.ts';
import type { FunctionName } from '../../functions/platform/env.ts';
import { bundling } from '../bundling.ts';
import type { Foundation, Network } from './foundation.ts';
import type { Ledger } from './ledger.ts';

/** What a function can be allowed to reach, by the manifest's words for it. */
export interface Reach {
  ledger: Ledger;
  sendsTo: Partial<Record<FunctionFacts['sendsTo'][number], readonly IQueue[]>>;
  /** ARNs of what is published to. */
  publishes?: Partial<Record<NonNullable<FunctionFacts['publishes']>[number], readonly string[]>>;
  reads: Partial<Record<FunctionFacts['reads'][number], readonly ISecret[]>>;
}

interface Properties {
  name: FunctionName;
  /** The provider whose lane it is, for a function that exists once per lane. */
  provider?: string;
  environment: Readonly<Record<string, string>>;
  reach: Reach;
  foundation: Foundation;
  /** Where it runs if it works off a queue, and so talks to providers and sources; absent, in no network of ours. */
  network?: Network | undefined;
}

const root = (path: string) => fileURLToPath(new URL(`../../${path}`, import.meta.url));

/** One function of the manifest, deployed, with a role that may do what the manifest says and nothing else. */
export class ServiceFunction extends Construct {
  readonly lambda: NodejsFunction;
  readonly logGroup: LogGroup;

  constructor(scope: Construct, id: string, properties: Properties) {
    super(scope, id);
    const { name, provider, environment, reach, foundation } = properties;
    const facts: FunctionFacts = functions[name];
    const network = facts.consumes === 'nothing' ? undefined : properties.network;
    const functionName = names.function(name, provider);
    const { tracing, reserveConcurrency } = foundation.deployment;
    this.logGroup = foundation.logGroup(this, 'Logs');
    const role = new Role(this, 'Role', { assumedBy: new ServicePrincipal('lambda.amazonaws.com') });
    this.logGroup.grantWrite(role);
    if (network !== undefined) enterNetwork(role, functionName);
    this.lambda = new NodejsFunction(this, 'Function', {
      functionName,
      description: facts.description,
      entry: root(`functions/${facts.entry}`),
      projectRoot: root(''),
      depsLockFilePath: root('package-lock.json'),
      bundling,
      runtime: Runtime.NODEJS_24_X,
      architecture: Architecture.ARM_64,
      timeout: Duration.seconds(facts.timeoutSeconds),
      memorySize: facts.memoryMb,
      environment,
      awsSdkConnectionReuse: false,
      role,
      logGroup: this.logGroup,
      ...network,
      ...(tracing && { tracing: Tracing.ACTIVE }),
      // No less than its event source hands it at once, or messages would be turned away and set aside.
      ...(reserveConcurrency && facts.consumes === 'lane' && { reservedConcurrentExecutions: queues.concurrency }),
      // A message that is put back often enough looks like a runaway loop to Lambda, which would set it aside after
      // some 16 rounds: https://docs.aws.amazon.com/lambda/latest/dg/invocation-recursion.html
      ...(putsBack(facts) && { recursiveLoop: RecursiveLoop.ALLOW }),
    });
    dependOnce(this.lambda, role);
    allow(this.lambda, name, reach);
    decrypt(this.lambda, facts, foundation);
    if (network !== undefined || tracing) acceptWildcards(role);
  }

  /** Calls it every so many seconds. */
  runEvery(seconds: number): void {
    new Rule(this, 'Schedule', {
      schedule: Schedule.rate(Duration.seconds(seconds)),
      targets: [new LambdaFunction(this.lambda, { retryAttempts: 0 })],
    });
  }

  /** Hands it a queue's messages; each one succeeds or fails by itself. */
  consume(queue: IQueue): void {
    // The name that CDK's own event source has: what is deployed stays the same mapping.
    this.lambda.addEventSourceMapping(`SqsEventSource:${Names.nodeUniqueId(queue.node)}`, {
      eventSourceArn: queue.queueArn,
      batchSize: queues.batchSize,
      reportBatchItemFailures: true,
      maxConcurrency: queues.concurrency,
    });
    // That one would be allowed two more things, which Lambda does not do:
    // https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-configure.html
    const actions = ['sqs:ReceiveMessage', 'sqs:DeleteMessage', 'sqs:GetQueueAttributes'];
    Grant.addToPrincipal({ grantee: this.lambda, actions, resourceArns: [queue.queueArn] });
  }
}

const putsBack = ({ sendsTo, consumes }: FunctionFacts) =>
  sendsTo.some((word) => word === 'own-lane' || word === consumes);

const publishing = { 'event-bus': 'events:PutEvents', topic: 'sns:Publish' } as const;

function allow(lambda: IFunction, name: FunctionName, reach: Reach): void {
  const facts: FunctionFacts = functions[name];
  reach.ledger.grant(lambda, facts.ledger);
  for (const word of facts.sendsTo) {
    for (const { queueArn } of known(reach.sendsTo, word, name))
      Grant.addToPrincipal({ grantee: lambda, actions: ['sqs:SendMessage'], resourceArns: [queueArn] });
  }
  for (const word of facts.publishes ?? []) {
    const resourceArns = [...known(reach.publishes ?? {}, word, name)];
    if (resourceArns.length > 0) Grant.addToPrincipal({ grantee: lambda, actions: [publishing[word]], resourceArns });
  }
  for (const word of facts.reads) {
    for (const { secretArn } of known(reach.reads, word, name))
      Grant.addToPrincipal({ grantee: lambda, actions: ['secretsmanager:GetSecretValue'], resourceArns: [secretArn] });
  }
}

function known<Word extends string, Value>(reach: Partial<Record<Word, Value>>, word: Word, name: FunctionName): Value {
  const value = reach[word];
  if (value === undefined) throw new Error(`the manifest lets ${name} reach ${word}, which it is not given here`);
  return value;
}

/** Only for the services that it uses, and through them: https://docs.aws.amazon.com/kms/latest/developerguide/conditions-kms.html */
function decrypt(lambda: IFunction, { ledger, reads, sendsTo, consumes }: FunctionFacts, { key }: Foundation): void {
  const services = [
    ...(ledger.items.length + ledger.indexes.length > 0 ? ['dynamodb'] : []),
    ...(reads.length > 0 ? ['secretsmanager'] : []),
    ...(sendsTo.length > 0 || consumes !== 'nothing' ? ['sqs'] : []),
  ];
  const via = services.map((service) => `${service}.${Stack.of(lambda).region}.amazonaws.com`);
  Grant.addToPrincipal({
    grantee: lambda,
    actions: ['kms:Decrypt', ...(sendsTo.length > 0 ? ['kms:GenerateDataKey'] : [])],
    resourceArns: [key.keyArn],
    conditions: { StringEquals: { 'kms:ViaService': via } },
  });
}

/** What Lambda needs to put a function into a network, and the function itself must not do. */
const networkActions = [
  'ec2:CreateNetworkInterface',
  'ec2:DescribeNetworkInterfaces',
  'ec2:DescribeSubnets',
  'ec2:DeleteNetworkInterface',
  'ec2:AssignPrivateIpAddresses',
  'ec2:UnassignPrivateIpAddresses',
];

/** https://docs.aws.amazon.com/lambda/latest/dg/configuration-vpc.html#configuration-vpc-permissions */
function enterNetwork(role: Role, functionName: string): void {
  role.addToPolicy(new PolicyStatement({ actions: networkActions, resources: ['*'] }));
  const parts = { service: 'lambda', resource: 'function', resourceName: functionName };
  const own = Arn.format({ ...parts, arnFormat: ArnFormat.COLON_RESOURCE_NAME }, Stack.of(role));
  role.addToPolicy(
    new PolicyStatement({
      effect: Effect.DENY,
      actions: networkActions,
      resources: ['*'],
      conditions: { ArnEquals: { 'lambda:SourceFunctionArn': own } },
    }),
  );
}

const acceptWildcards = (role: Role) =>
  Validations.of(role).acknowledge({
    id: 'AwsSolutions-IAM5[Resource::*]',
    reason:
      'X-Ray has no resources to name, and Lambda asks for the network interfaces it makes on all of them; ' +
      'to the function itself the latter is denied.',
  });

/** CDK says of every function that it waits for its role, which its properties say already; linters take that for a slip. */
function dependOnce({ node: { defaultChild } }: NodejsFunction, role: Role): void {
  if (!(defaultChild instanceof CfnFunction)) throw new Error('CDK makes functions of something else now');
  const others = () =>
    defaultChild
      .obtainDependencies()
      .flatMap((one) => (CfnResource.isCfnResource(one) && one !== role.node.defaultChild ? [one.logicalId] : []))
      .sort();
  defaultChild.addOverride('DependsOn', Lazy.list({ produce: others }));
}
