import { expect, test } from 'vitest';
import { names } from '../../../functions/manifest.ts';
import { riskCodes } from '../../../functions/revocation/aws-health.ts';
import { everything, nameOf, ofType, permissionsOf, resourcesOf, textOf } from './template.ts';

const resources = resourcesOf(everything);
const named = (value: unknown) => textOf(value, (id) => nameOf(resources, id));
/** Whether this is the queue that AWS Health is heard by. */
const isHeard = (queues: unknown) => (queues as unknown[]).every((queue) => named(queue) === names.unrouted);

test('no function is allowed a wildcard, neither as action nor as resource', () => {
  const permissions = permissionsOf(resources);
  expect(permissions.length).toBeGreaterThan(0);
  expect(permissions.filter(({ action, resource }) => /\*/.test(action + resource))).toEqual([]);
});

test('no role takes over permissions that somebody else maintains', () => {
  for (const role of ofType(resources, 'AWS::IAM::Role')) {
    expect(role.ManagedPolicyArns).toBeUndefined();
    expect(role.Policies).toBeUndefined();
  }
});

test('a policy is attached to one role', () => {
  for (const { Roles } of ofType(resources, 'AWS::IAM::Policy')) expect(Roles).toHaveLength(1);
});

// Here alone stands `*`, where it takes away: everybody is denied everything over a connection that is not encrypted.
test('queues deny what does not come encrypted and allow nothing by themselves', () => {
  const policies = ofType(resources, 'AWS::SQS::QueuePolicy');
  expect(policies).toHaveLength(ofType(resources, 'AWS::SQS::Queue').length);
  for (const { PolicyDocument, Queues } of policies) {
    const statements = (PolicyDocument as { Statement: { Effect: string }[] }).Statement;
    expect(statements[0]).toMatchObject({
      Effect: 'Deny',
      Action: 'sqs:*',
      Condition: { Bool: { 'aws:SecureTransport': 'false' } },
    });
    expect(statements.slice(1).filter(({ Effect }) => Effect !== 'Allow' || !isHeard(Queues))).toEqual([]);
  }
});

test('one queue takes what one rule sends, and nothing else of EventBridge', () => {
  const rules = Object.entries(resources).filter(
    ([, { Type, Properties }]) => Type === 'AWS::Events::Rule' && Properties.EventPattern !== undefined,
  );
  expect(rules).toHaveLength(1);
  const [id, { Properties }] = rules[0] as (typeof rules)[number];
  const targets = Properties.Targets as { Arn: unknown }[];
  expect(targets.map(({ Arn }) => named(Arn))).toEqual([names.unrouted]);
  const policies = ofType(resources, 'AWS::SQS::QueuePolicy').filter(({ Queues }) => isHeard(Queues));
  const statements = policies.map(({ PolicyDocument }) =>
    (PolicyDocument as { Statement: object[] }).Statement.slice(1),
  );
  const allowed = {
    Effect: 'Allow',
    Principal: { Service: 'events.amazonaws.com' },
    Action: 'sqs:SendMessage',
    Resource: targets[0]?.Arn,
    Condition: { ArnEquals: { 'aws:SourceArn': { 'Fn::GetAtt': [id, 'Arn'] } } },
  };
  expect(statements).toEqual([[allowed]]);
  expect(Properties.EventPattern).toEqual({
    source: ['aws.health'],
    account: [{ Ref: 'AWS::AccountId' }],
    detail: { service: ['RISK'], eventTypeCode: [...riskCodes] },
  });
});

test('no secret has a policy of its own', () => {
  expect(ofType(resources, 'AWS::SecretsManager::ResourcePolicy')).toEqual([]);
});
