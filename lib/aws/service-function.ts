import { fileURLToPath } from 'node:url';
import { Rule, Schedule } from 'aws-cdk-lib/aws-events';
import { LambdaFunction } from 'aws-cdk-lib/aws-events-targets';
import { Grant, Role, ServicePrincipal } from 'aws-cdk-lib/aws-iam';
import { Architecture, type IFunction, RecursiveLoop, Runtime } from 'aws-cdk-lib/aws-lambda';
import { NodejsFunction } from 'aws-cdk-lib/aws-lambda-nodejs';
import { LogGroup, RetentionDays } from 'aws-cdk-lib/aws-logs';
import type { ISecret } from 'aws-cdk-lib/aws-secretsmanager';
import type { IQueue } from 'aws-cdk-lib/aws-sqs';
import { Duration, Names, RemovalPolicy } from 'aws-cdk-lib/core';
import { Construct } from 'constructs';
import { type FunctionFacts, functions, names, queues } from '../../functions/manifest.ts';
import type { FunctionName } from '../../functions/platform/env.ts';
import { bundling } from '../bundling.ts';
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
}

const root = (path: string) => fileURLToPath(new URL(`../../${path}`, import.meta.url));

/** One function of the manifest, deployed, with a role that may do what the manifest says and nothing else. */
export class ServiceFunction extends Construct {
  readonly lambda: NodejsFunction;

  constructor(scope: Construct, id: string, { name, provider, environment, reach }: Properties) {
    super(scope, id);
    const facts: FunctionFacts = functions[name];
    const logGroup = new LogGroup(this, 'Logs', {
      retention: RetentionDays.ONE_YEAR,
      removalPolicy: RemovalPolicy.RETAIN_ON_UPDATE_OR_DELETE,
    });
    const role = new Role(this, 'Role', { assumedBy: new ServicePrincipal('lambda.amazonaws.com') });
    logGroup.grantWrite(role);
    this.lambda = new NodejsFunction(this, 'Function', {
      functionName: names.function(name, provider),
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
      logGroup,
      // A message that is put back often enough looks like a runaway loop to Lambda, which would set it aside after
      // some 16 rounds: https://docs.aws.amazon.com/lambda/latest/dg/invocation-recursion.html
      ...(putsBack(facts) && { recursiveLoop: RecursiveLoop.ALLOW }),
    });
    allow(this.lambda, name, reach);
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
