import { expect, test } from 'vitest';
import { everything, ofType, permissionsOf, resourcesOf } from './template.ts';

const resources = resourcesOf(everything);

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
  for (const { PolicyDocument } of policies) {
    expect(PolicyDocument).toMatchObject({
      Statement: [{ Effect: 'Deny', Action: 'sqs:*', Condition: { Bool: { 'aws:SecureTransport': 'false' } } }],
    });
  }
});

test('no secret has a policy of its own', () => {
  expect(ofType(resources, 'AWS::SecretsManager::ResourcePolicy')).toEqual([]);
});
