import { expect, test } from 'vitest';
import { type FunctionFacts, functions, names } from '../../../functions/manifest.ts';
import type { FunctionName } from '../../../functions/platform/env.ts';
import { providers } from '../../../functions/providers/index.ts';
import { riskCodes } from '../../../functions/revocation/aws-health.ts';
import type { AnySource, Sources } from '../../../functions/revocation/source.ts';
import { sources } from '../../../functions/sources/index.ts';
import {
  everything,
  nameOf,
  ofType,
  permissionsOf,
  type Resource,
  resourcesOf,
  statementsOf,
  textOf,
} from './template.ts';

const told = 'arn:aws:sns:us-east-1:111122223333:told';
const configuration = { ...everything, notices: { ...everything.notices, topic: told } };
const accounts = ['prod', 'eu'];
const resources = resourcesOf(configuration);
const withOptions = resourcesOf(configuration, { fixedEgress: true, tracing: true, reserveConcurrency: true });
const named = (value: unknown) => textOf(value, (id) => nameOf(resources, id));
/** Whether this is the queue that AWS Health is heard by. */
const isHeard = (queues: unknown) => (queues as unknown[]).every((queue) => named(queue) === names.unrouted);

/** What the manifest says, word for word, as actions on resources. */
function meant(name: FunctionName, provider?: string): string[] {
  const facts: FunctionFacts = functions[name];
  const lanes = Object.keys(providers).map(names.lane);
  const own = provider === undefined ? [] : [names.lane(provider)];
  const consumed = { nothing: [], lane: own, unrouted: [names.unrouted], notices: [names.notices] }[facts.consumes];
  const sent = { lanes, 'own-lane': own, unrouted: [names.unrouted], notices: [names.notices] };
  const published = {
    'event-bus': 'events:PutEvents arn:AWS::Partition:events:AWS::Region:AWS::AccountId:event-bus/default',
    topic: `sns:Publish ${told}`,
  };
  const secretsOf = (isMeant: (source: AnySource) => unknown) =>
    Object.entries(sources as Sources).flatMap(([id, one]) => (isMeant(one) ? [names.sourceSecret(id)] : []));
  const read = {
    sources: secretsOf(() => true),
    'asked-sources': secretsOf(({ fetch }) => fetch),
    'told-sources': secretsOf(({ close }) => close),
    slack: [names.sourceSecret('slack')],
    'own-provider': accounts.map((account) => names.providerSecret(String(provider), account)),
    fingerprint: ['leakstop/fingerprint'],
  };
  return [
    ...['CreateLogStream', 'PutLogEvents'].map((action) => `logs:${action} its own log`),
    ...facts.ledger.items.map((action) => `dynamodb:${action} ${names.table}`),
    ...facts.ledger.indexes.map((index) => `dynamodb:Query ${names.table}/index/${index}`),
    ...facts.sendsTo.flatMap((word) => sent[word]).map((queue) => `sqs:SendMessage ${queue}`),
    ...['ReceiveMessage', 'DeleteMessage', 'GetQueueAttributes'].flatMap((action) =>
      consumed.map((queue) => `sqs:${action} ${queue}`),
    ),
    ...(facts.publishes ?? []).map((word) => published[word]),
    ...facts.reads.flatMap((word) => read[word]).map((secret) => `secretsmanager:GetSecretValue ${secret}`),
    'kms:Decrypt key',
    ...(facts.sendsTo.length > 0 ? ['kms:GenerateDataKey key'] : []),
  ].sort();
}

const everyFunction = (Object.keys(functions) as FunctionName[]).flatMap(
  (name): { who: string; name: FunctionName; provider?: string }[] =>
    functions[name].consumes === 'lane'
      ? Object.keys(providers).map((provider) => ({ who: names.function(name, provider), name, provider }))
      : [{ who: names.function(name), name }],
);

/** What the template allows a function, in the same words. */
function allowed(deployed: Record<string, Resource>, who: string): string[] {
  const [configured] = ofType(deployed, 'AWS::Lambda::Function').filter((one) => one.FunctionName === who);
  const log = textOf((configured?.LoggingConfig as { LogGroup: unknown } | undefined)?.LogGroup, (id) => id);
  const permissions = permissionsOf(deployed).filter((each) => each.who === who);
  return permissions.map(({ action, resource }) => `${action} ${resource === log ? 'its own log' : resource}`).sort();
}

test.each(everyFunction)('$who may do what the manifest says, and nothing else', ({ who, name, provider }) => {
  expect(allowed(resources, who)).toEqual(meant(name, provider));
});

/** Where AWS offers no resource to name, and why. Each is there only with its option, and acknowledged where it is made. */
const withoutResource = {
  tracing: ['xray:PutTelemetryRecords', 'xray:PutTraceSegments'],
  // Lambda makes the interfaces, and asks for these on all of them before it lets a function into a network.
  fixedEgress: [
    'ec2:AssignPrivateIpAddresses',
    'ec2:CreateNetworkInterface',
    'ec2:DeleteNetworkInterface',
    'ec2:DescribeNetworkInterfaces',
    'ec2:DescribeSubnets',
    'ec2:UnassignPrivateIpAddresses',
  ],
};

test.each(everyFunction)('$who gets no more than that by an option', ({ who, name, provider }) => {
  const more = allowed(withOptions, who).filter((one) => !meant(name, provider).includes(one));
  const isAway = functions[name].consumes !== 'nothing';
  const expected = [...(isAway ? withoutResource.fixedEgress : []), ...withoutResource.tracing];
  expect(more).toEqual(expected.map((action) => `${action} *`).sort());
});

test('a function that runs in a network may not itself do what Lambda does to put it there', () => {
  const denials = ofType(withOptions, 'AWS::IAM::Policy').flatMap(({ PolicyDocument }) =>
    statementsOf(PolicyDocument).filter(({ Effect }) => Effect === 'Deny'),
  );
  const own = everyFunction.filter(({ name }) => functions[name].consumes !== 'nothing');
  expect(denials.map(({ Action }) => [Action].flat().sort())).toEqual(own.map(() => withoutResource.fixedEgress));
  const denied = denials.map(({ Condition }) =>
    textOf(Condition?.ArnEquals?.['lambda:SourceFunctionArn'], String).split(':function:').at(-1),
  );
  expect(denied.sort()).toEqual(own.map(({ who }) => who).sort());
});

test('without an option no function is allowed a wildcard, neither as action nor as resource', () => {
  expect(permissionsOf(resources).filter(({ action, resource }) => /\*/.test(action + resource))).toEqual([]);
});

test('with every option still no action is a wildcard', () => {
  expect(permissionsOf(withOptions).filter(({ action }) => action.includes('*'))).toEqual([]);
});

test('the key serves a function only through the services that it uses', () => {
  const services = (who: string) =>
    ofType(resources, 'AWS::IAM::Policy').flatMap(({ PolicyDocument, Roles }) => {
      const roles = ofType(resources, 'AWS::Lambda::Function').filter(({ FunctionName }) => FunctionName === who);
      if (textOf((Roles as unknown[])[0], String) !== textOf(roles[0]?.Role, String)) return [];
      const keyed = statementsOf(PolicyDocument).filter(({ Action }) => [Action].flat().includes('kms:Decrypt'));
      return keyed.flatMap(({ Condition }) => [Condition?.StringEquals?.['kms:ViaService']].flat());
    });
  const told = (name: FunctionName) =>
    services(names.function(name)).map((service) =>
      textOf(service, (id) => id).replace('.AWS::Region.amazonaws.com', ''),
    );
  expect(told('receive-alert')).toEqual(['secretsmanager', 'sqs']);
  expect(told('keep-watch')).toEqual(['dynamodb', 'sqs']);
  expect(told('send-notice')).toEqual(['dynamodb', 'secretsmanager', 'sqs']);
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
    const statements = statementsOf(PolicyDocument);
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
  const statements = policies.map(({ PolicyDocument }) => statementsOf(PolicyDocument).slice(1));
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
