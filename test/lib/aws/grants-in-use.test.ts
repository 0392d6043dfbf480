import { PassThrough } from 'node:stream';
import { beforeAll, describe, expect, test } from 'vitest';
import { names, queues } from '../../../functions/manifest.ts';
import { providers } from '../../../functions/providers/index.ts';
import type { Providers } from '../../../functions/revocation/provider.ts';
import { type Configuration, readConfiguration, sharedEnvironments } from '../../../lib/configuration.ts';
import { hostFunction } from '../../../lib/local/function-host.ts';
import { createResources } from '../../../lib/local/resources.ts';
import { sampleSecrets } from '../../../lib/local/samples.ts';
import { sampleSlackSecret } from '../../../lib/local/slack.ts';
import { loadWorlds, startStage } from '../../../lib/local/stage.ts';
import { approver, walkEveryPath } from '../../support/every-path.ts';
import { type RecordedCall, startRecorder } from '../../support/recorded-calls.ts';
import { nameOf, ofType, type Permission, permissionsOf, type Resource, resourcesOf, textOf } from './template.ts';

const topic = 'arn:aws:sns:eu-central-1:111122223333:alarms';
const prefix = names.sourceSecret('');

/** Every provider with two accounts, every source, and everybody who can be told. */
async function everythingAsSampled() {
  const worlds = await loadWorlds();
  const secrets = { ...sampleSecrets(worlds), [names.sourceSecret('slack')]: sampleSlackSecret };
  const configuration = readConfiguration({
    providers: Object.fromEntries(
      Object.entries(worlds).map(([id, { accounts }]) => [id, { accounts: Object.keys(accounts) }]),
    ),
    sources: Object.keys(secrets).flatMap((name) => (name.startsWith(prefix) ? [name.slice(prefix.length)] : [])),
    policy: { fuse: { limit: 1000, windowMinutes: 60 }, approval: { approvers: [approver] } },
    notices: { eventBus: 'security', topic },
    drill: { accounts: { datadog: ['prod'] } },
  });
  return { worlds, secrets, configuration };
}

/** Runs every path of every function, and answers what they called. */
async function callsOfEveryPath({ worlds, secrets, configuration }: Awaited<ReturnType<typeof everythingAsSampled>>) {
  const recorder = await startRecorder();
  const { variables } = recorder;
  const logs = new PassThrough().resume();
  const stage = await startStage(
    { port: 0, vendors: 'simulated', data: undefined, logs: false, secrets, configuration, remarks: [] },
    worlds,
    { variables, logs, cold: true },
  );
  const places = await createResources(stage.cloud, {
    ...{ providers: Object.keys(worlds), isTold: true, secrets: {}, visibilitySeconds: queues.visibilitySeconds },
  });
  const atTheQuarter = hostFunction({
    name: 'keep-watch at a quarter',
    entry: new URL('../../support/keep-watch-at-a-quarter.ts', import.meta.url),
    environment: {
      ...{ ...variables, AWS_REGION: 'us-east-1', AWS_ACCESS_KEY_ID: 'local', AWS_SECRET_ACCESS_KEY: 'local' },
      AWS_SESSION_TOKEN: names.function('keep-watch'),
      ...sharedEnvironments(configuration, places)['keep-watch'],
    },
    timeoutSeconds: 30,
    network: undefined,
    logs,
  });
  const sweepTime = () => atTheQuarter.invoke({});
  try {
    await walkEveryPath({ stage, worlds, configuration, calls: recorder.calls, sweepTime });
  } finally {
    await atTheQuarter.close();
    await stage.close();
    await recorder.close();
  }
  return recorder.calls();
}

/**
 * What a caller needs of the key that a thing is encrypted with: its own right, because these services use the key in the name of
 * whoever asks them. DynamoDB asks to decrypt the table's key also for a write, and makes new ones by the grant it was given when
 * the table was made.
 */
const ofTheKey: { calls: RegExp; needs: readonly string[]; documented: string }[] = [
  {
    calls: /^sqs:SendMessage$/,
    needs: ['kms:GenerateDataKey', 'kms:Decrypt'],
    documented: 'https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-key-management.html',
  },
  {
    calls: /^sqs:ReceiveMessage$/,
    needs: ['kms:Decrypt'],
    documented: 'https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-key-management.html',
  },
  {
    calls: /^secretsmanager:GetSecretValue$/,
    needs: ['kms:Decrypt'],
    documented: 'https://docs.aws.amazon.com/secretsmanager/latest/userguide/security-encryption.html',
  },
  {
    calls: /^dynamodb:/,
    needs: ['kms:Decrypt'],
    documented: 'https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/encryption.usagenotes.html',
  },
];

/** What Lambda itself does with a function's role. */
const ofLambda = {
  /** For each queue that feeds it: https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-configure.html */
  queue: ['sqs:ReceiveMessage', 'sqs:DeleteMessage', 'sqs:GetQueueAttributes'],
  /** For its own log group, which is there already: https://docs.aws.amazon.com/lambda/latest/dg/monitoring-cloudwatchlogs.html */
  logs: ['logs:CreateLogStream', 'logs:PutLogEvents'],
  /** Where it is traced: https://docs.aws.amazon.com/lambda/latest/dg/services-xray.html */
  tracing: ['xray:PutTraceSegments', 'xray:PutTelemetryRecords'],
};

/** What a template says of who it is for and what it is encrypted with, beside the permissions. */
function factsOf(resources: Record<string, Resource>) {
  const named = (value: unknown) => textOf(value, (id) => nameOf(resources, id));
  const properties = (type: string) => ofType(resources, type);
  const encrypted = new Map<string, string>();
  const note = (name: unknown, key: unknown) => void (key !== undefined && encrypted.set(String(name), named(key)));
  for (const { QueueName, KmsMasterKeyId } of properties('AWS::SQS::Queue')) note(QueueName, KmsMasterKeyId);
  for (const { Name, KmsKeyId } of properties('AWS::SecretsManager::Secret')) note(Name, KmsKeyId);
  for (const { TableName, Replicas } of properties('AWS::DynamoDB::GlobalTable'))
    for (const { SSESpecification } of Replicas as { SSESpecification?: { KMSMasterKeyId?: unknown } }[])
      note(TableName, SSESpecification?.KMSMasterKeyId);
  const fed = properties('AWS::Lambda::EventSourceMapping').map(({ FunctionName, EventSourceArn }) => ({
    who: named(FunctionName),
    resource: named(EventSourceArn),
  }));
  const lambdas = properties('AWS::Lambda::Function').map(({ FunctionName, LoggingConfig, TracingConfig }) => ({
    who: String(FunctionName),
    logGroup: named((LoggingConfig as { LogGroup: unknown }).LogGroup),
    isTraced: TracingConfig !== undefined,
  }));
  return { encrypted, fed, lambdas };
}

/** All that functions need to be allowed, when these are their own calls. */
function needed(calls: readonly Permission[], resources: Record<string, Resource>): Permission[] {
  const { encrypted, fed, lambdas } = factsOf(resources);
  const direct = [
    ...calls,
    ...fed.flatMap((each) => ofLambda.queue.map((action) => ({ ...each, action }))),
    ...lambdas.flatMap(({ who, logGroup, isTraced }) => [
      ...ofLambda.logs.map((action) => ({ who, action, resource: logGroup })),
      ...(isTraced ? ofLambda.tracing : []).map((action) => ({ who, action, resource: '*' })),
    ]),
  ];
  const atTheKey = direct.flatMap(({ who, action, resource }) => {
    const key = encrypted.get(resource.replace(/\/index\/.*$/, ''));
    const uses = key === undefined ? [] : ofTheKey.filter((one) => one.calls.test(action));
    return uses.flatMap(({ needs }) => needs.map((use) => ({ who, action: use, resource: String(key) })));
  });
  return [...direct, ...atTheKey];
}

/** A bus is named by its name in a call, and by its ARN in a grant. */
const withoutArn = (resource: string) => resource.replace(/^arn:.*:event-bus\//, '');

const inWords = ({ who, action, resource }: Permission) => `${who} ${action} ${withoutArn(resource)}`;

/** What is needed and not granted, and what is granted and not needed; each as a line that names function, action and resource. */
function differences(wanted: readonly Permission[], granted: readonly Permission[]) {
  const [want, have] = [wanted, granted].map((some) => new Set(some.map(inWords))) as [Set<string>, Set<string>];
  const without = (some: Set<string>, others: Set<string>) => [...some].filter((one) => !others.has(one)).sort();
  return { missing: without(want, have), unused: without(have, want) };
}

/**
 * What is granted though no path leads there today. `resolve-alert` may send to every lane, and nothing that is fetched says so far
 * that a value is one of these providers' keys: no scanner has a name for them, and their form proves nothing.
 */
function notYetReached({ providers: configured }: Configuration): string[] {
  const scanners = ['github', 'gitlab', 'gitleaks', 'gitguardian'] as const;
  return Object.keys(configured)
    .filter((id) =>
      Object.values((providers as Providers)[id]?.kinds ?? {}).every(
        ({ detectors, unmistakable }) =>
          unmistakable === undefined && scanners.every((scanner) => detectors?.[scanner] === undefined),
      ),
    )
    .map((id) =>
      inWords({ who: names.function('resolve-alert'), action: 'sqs:SendMessage', resource: names.lane(id) }),
    );
}

describe('what functions are granted', () => {
  let configuration: Configuration;
  let resources: Record<string, Resource>;
  let calls: RecordedCall[];
  beforeAll(async () => {
    const sampled = await everythingAsSampled();
    configuration = sampled.configuration;
    calls = await callsOfEveryPath(sampled);
    resources = resourcesOf(configuration);
  }, 400_000);

  test('is recorded of every one of them', () => {
    const deployed = ofType(resources, 'AWS::Lambda::Function').map(({ FunctionName }) => String(FunctionName));
    expect([...new Set(calls.map(({ who }) => who))].sort()).toEqual(deployed.sort());
  });

  test('is all that they call: nothing is missing', () => {
    expect(differences(needed(calls, resources), permissionsOf(resources)).missing).toEqual([]);
  });

  test('is nothing that they never call', () => {
    expect(differences(needed(calls, resources), permissionsOf(resources)).unused).toEqual(
      notYetReached(configuration),
    );
  });

  test('is told apart: a grant that is gone, one too many, and a call that is new', () => {
    const wanted = needed(calls, resources);
    const granted = permissionsOf(resources);
    const { missing, unused } = differences(wanted, granted);
    const own = { who: 'leakstop-receive-alert', action: 'sqs:SendMessage', resource: names.unrouted };
    const more = { who: 'leakstop-receive-alert', action: 'dynamodb:Scan', resource: names.table };
    const without = granted.filter((one) => inWords(one) !== inWords(own));
    expect(differences(wanted, without).missing).toEqual([...missing, inWords(own)].sort());
    expect(differences(wanted, [...granted, more]).unused).toEqual([...unused, inWords(more)].sort());
    const gone = [...missing, 'leakstop-receive-alert dynamodb:Scan leakstop-incidents'].sort();
    expect(differences([...wanted, more], granted).missing).toEqual(gone);
  });
});
