import { expect, test, vi } from 'vitest';
import { everything, nameOf, ofType, resourcesOf, statementsOf, textOf } from './template.ts';

// A test that synthesizes waits for CDK, which a busy machine is slow to load.
vi.setConfig({ testTimeout: 120_000 });

const resources = resourcesOf(everything);
const arn = 'arn:aws:sns:us-east-1:111122223333:alarms';

test('a topic is made for the alarms, which takes them from this account alone and refuses what is not encrypted', () => {
  expect(ofType(resources, 'AWS::SNS::Topic').map(({ TopicName }) => TopicName)).toEqual(['leakstop-alarms']);
  const [policy] = ofType(resources, 'AWS::SNS::TopicPolicy');
  const statements = statementsOf(policy?.PolicyDocument);
  const told = statements.map(({ Effect, Action, Principal, Resource, Condition }) => ({
    ...{ Effect, Action, Condition },
    who: Principal?.Service ?? Principal,
    what: textOf(Resource, (id) => nameOf(resources, id)),
  }));
  const what = 'leakstop-alarms';
  expect(told).toContainEqual({
    ...{ Effect: 'Allow', Action: 'sns:Publish', who: 'cloudwatch.amazonaws.com', what },
    Condition: { StringEquals: { 'aws:SourceAccount': { Ref: 'AWS::AccountId' } } },
  });
  expect(told).toContainEqual(
    expect.objectContaining({ Effect: 'Deny', Condition: { Bool: { 'aws:SecureTransport': 'false' } } }),
  );
  expect(told).toHaveLength(2);
});

test('an address is subscribed where one is named, and nobody where none is', () => {
  expect(ofType(resources, 'AWS::SNS::Subscription')).toEqual([]);
  const subscribed = ofType(resourcesOf(everything, { alarmEmail: 'ops@example.com' }), 'AWS::SNS::Subscription');
  expect(subscribed).toMatchObject([{ Protocol: 'email', Endpoint: 'ops@example.com' }]);
});

test("with a topic of one's own none is made", () => {
  const given = resourcesOf(everything, { alarmTopic: arn });
  expect(ofType(given, 'AWS::SNS::Topic')).toEqual([]);
});
