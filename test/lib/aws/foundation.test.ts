import { expect, test, vi } from 'vitest';
import { everything, nameOf, ofType, type Resource, resourcesOf, statementsOf, textOf } from './template.ts';

// A test that synthesizes waits for CDK, which a busy machine is slow to load.
vi.setConfig({ testTimeout: 120_000 });

const options = { fixedEgress: true, tracing: true } as const;
const resources = resourcesOf(everything, options);
const named = (value: unknown) => textOf(value, (id) => nameOf(resources, id));
const all = (type: string) => Object.entries(resources).filter(([, { Type }]) => Type === type);

/** Where each type says what encrypts it. */
const keyOf: Record<string, (properties: Record<string, unknown>) => unknown> = {
  'AWS::SQS::Queue': ({ KmsMasterKeyId }) => KmsMasterKeyId,
  'AWS::SecretsManager::Secret': ({ KmsKeyId }) => KmsKeyId,
  'AWS::Logs::LogGroup': ({ KmsKeyId }) => KmsKeyId,
  'AWS::SNS::Topic': ({ KmsMasterKeyId }) => KmsMasterKeyId,
  'AWS::DynamoDB::GlobalTable': ({ Replicas }) =>
    (Replicas as { SSESpecification: { KMSMasterKeyId: unknown } }[])[0]?.SSESpecification.KMSMasterKeyId,
};

test.each(Object.entries(keyOf))('one key encrypts every %s', (type, keyIn) => {
  const found = all(type);
  expect(found.length).toBeGreaterThan(0);
  for (const [id, { Properties }] of found) expect([id, named(keyIn(Properties))]).toEqual([id, 'key']);
});

test('the table is encrypted with it and not with a key of DynamoDB', () => {
  const [table] = ofType(resources, 'AWS::DynamoDB::GlobalTable');
  expect(table?.SSESpecification).toEqual({ SSEEnabled: true, SSEType: 'KMS' });
});

test('the key is one, is rotated, and outlives the stack', () => {
  const [[, key] = ['', undefined], ...others] = all('AWS::KMS::Key');
  expect(others).toEqual([]);
  expect(key?.Properties.EnableKeyRotation).toBe(true);
  expect(key?.DeletionPolicy).toMatch(/^Retain/);
});

const policyOf = (deployed: Record<string, Resource>) => statementsOf(ofType(deployed, 'AWS::KMS::Key')[0]?.KeyPolicy);

test('the account manages the key, and three services of AWS use it, bound to this account where they say for whom they ask', () => {
  const [owner, ...services] = policyOf(resources);
  expect(owner).toMatchObject({ Effect: 'Allow', Action: 'kms:*', Resource: '*' });
  expect(named(owner?.Principal?.AWS)).toBe('arn:AWS::Partition:iam::AWS::AccountId:root');
  const told = services.map(({ Effect, Principal, Action, Condition }) => ({
    who: [Principal?.Service].flat().map(named),
    allowed: Effect === 'Allow' && [Action].flat().sort(),
    where: Object.entries(Condition ?? {}).flatMap(([operator, keys]) =>
      Object.entries(keys).map(([key, value]) => `${operator} ${key} ${named(value)}`),
    ),
  }));
  const sends = ['kms:Decrypt', 'kms:GenerateDataKey'];
  expect(told).toEqual([
    {
      who: ['logs.AWS::Region.amazonaws.com'],
      allowed: [
        ...[...sends, 'kms:GenerateDataKeyWithoutPlaintext', 'kms:DescribeKey'],
        ...['kms:Encrypt', 'kms:ReEncryptFrom', 'kms:ReEncryptTo'],
      ].sort(),
      where: [
        'ArnLike kms:EncryptionContext:aws:logs:arn arn:AWS::Partition:logs:AWS::Region:AWS::AccountId:log-group:*',
      ],
    },
    // With a condition on the account EventBridge could not use it: the queue's own policy names the rule.
    { who: ['events.amazonaws.com'], allowed: sends, where: [] },
    {
      who: ['cloudwatch.amazonaws.com'],
      allowed: sends,
      where: ['StringEquals aws:SourceAccount AWS::AccountId'],
    },
  ]);
});

test('without a topic of its own CloudWatch has no use for the key', () => {
  const bare = resourcesOf(everything, { alarmTopic: 'arn:aws:sns:us-east-1:111122223333:alarms' });
  expect(JSON.stringify(policyOf(bare))).not.toContain('cloudwatch');
});

test('what holds evidence outlives the stack', () => {
  for (const type of ['AWS::SecretsManager::Secret', 'AWS::Logs::LogGroup', 'AWS::DynamoDB::GlobalTable'])
    for (const [id, { DeletionPolicy }] of all(type))
      expect([id, DeletionPolicy]).toEqual([id, expect.stringMatching(/^Retain/)]);
});

test('every log is kept for a year, or as long as the deployment says', () => {
  const kept = (deployed: Record<string, Resource>) =>
    new Set(ofType(deployed, 'AWS::Logs::LogGroup').map(({ RetentionInDays }) => RetentionInDays));
  expect(kept(resources)).toEqual(new Set([365]));
  expect(kept(resourcesOf(everything, { logRetentionDays: 30 }))).toEqual(new Set([30]));
});

test('every function has a log of its own, the API one, and the network one', () => {
  const functions = ofType(resources, 'AWS::Lambda::Function');
  expect(all('AWS::Logs::LogGroup')).toHaveLength(functions.length + 2);
  const own = functions.map(({ LoggingConfig }) => named((LoggingConfig as { LogGroup: unknown }).LogGroup));
  expect(new Set(own).size).toBe(functions.length);
});

test('what it is made of can be found by its tag', () => {
  for (const type of [
    'AWS::Lambda::Function',
    'AWS::SQS::Queue',
    'AWS::KMS::Key',
    'AWS::Logs::LogGroup',
    'AWS::EC2::EIP',
  ])
    for (const [id, { Properties }] of all(type))
      expect([id, Properties.Tags]).toEqual([id, expect.arrayContaining([{ Key: 'service', Value: 'leakstop' }])]);
});
