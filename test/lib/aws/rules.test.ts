import { Bucket } from 'aws-cdk-lib/aws-s3';
import { type App, Validations } from 'aws-cdk-lib/core';
import { AwsSolutionsChecks } from 'cdk-nag';
import { expect, test, vi } from 'vitest';
import { providers } from '../../../functions/providers/index.ts';
import { readConfiguration } from '../../../lib/configuration.ts';
import { everything, resourcesOf, stackOf } from './template.ts';

// A test that synthesizes waits for CDK, which a busy machine is slow to load.
vi.setConfig({ testTimeout: 120_000 });

/** What AWS's rules find in an app, as `rule at construct`. */
const foundIn = (app: App) =>
  new AwsSolutionsChecks(app)
    .validateScope(app)
    .violations.flatMap(({ ruleName, violatingResources }) =>
      violatingResources.map(({ constructPath }) => `${ruleName} at ${constructPath}`),
    );

const topic = 'arn:aws:sns:us-east-1:111122223333:alarms';
const fuse = { limit: 5, windowMinutes: 60 };
test.each([
  ['as it is', everything, {}],
  ['with a fuse', { ...everything, policy: { ...everything.policy, fuse } }, {}],
  ['with fixed addresses', everything, { fixedEgress: true }],
  ['with traces', everything, { tracing: true }],
  ['with a topic of its own', everything, { alarmTopic: topic }],
  ['with somebody to tell', everything, { alarmEmail: 'ops@example.com' }],
  ['with all of it', everything, { fixedEgress: { zones: 1 }, tracing: true, reserveConcurrency: true }],
  ['bare', readConfiguration({ providers: {}, notices: { eventBus: null } }), {}],
] as const)("AWS's rules find nothing in the stack %s", (_, configuration, deployment) => {
  expect(foundIn(stackOf(configuration, undefined, deployment).app)).toEqual([]);
});

test('what is not acknowledged is found', () => {
  const { app, stack } = stackOf(everything);
  new Bucket(stack, 'Careless');
  expect(foundIn(app)).toContain('AwsSolutions-S1 at Leakstop/Careless/Resource');
});

test('each rule that is not followed is acknowledged where it is broken, with the reason in a sentence', () => {
  const { app } = stackOf(everything, undefined, { fixedEgress: true, tracing: true });
  const acknowledged = app.node.findAll().flatMap(({ node }) =>
    node.metadata
      .filter(({ type }) => type === Validations.ACKNOWLEDGED_RULES_METADATA_KEY)
      .flatMap(({ data }) => Object.entries(data as Record<string, string>))
      // CDK acknowledges what it does itself that its own linter does not know.
      .filter(([rule]) => rule.includes('AwsSolutions'))
      .map(([rule, reason]) => ({ path: node.path, rule: rule.replace(/^annotation::/i, ''), reason })),
  );
  const rules = ['AwsSolutions-APIG4', 'AwsSolutions-IAM5[Resource::*]', 'AwsSolutions-SMG4'];
  expect([...new Set(acknowledged.map(({ rule }) => rule))].sort()).toEqual(rules);
  for (const { path, reason } of acknowledged) {
    expect(reason).toMatch(/^[A-Z].{40,}\.$/);
    // A secret, a route or a role: never a lane, the API or the whole.
    expect(path).toMatch(/\/(Account-[^/]+|Source-[^/]+|Fingerprint|Role|(GET|POST)--[^/]+)$/);
  }
});

test('with five accounts of every provider and every source it fits into one stack', async ({ annotate }) => {
  const accounts = ['one', 'two', 'three', 'four', 'five'];
  const most = {
    ...everything,
    providers: Object.fromEntries(Object.keys(providers).map((id) => [id, { accounts, action: 'delete' as const }])),
    policy: { ...everything.policy, fuse },
  };
  const count = (deployment = {}) => Object.keys(resourcesOf(most, deployment)).length;
  const counted = { plain: count(), 'with every option': count({ fixedEgress: true, alarmEmail: 'ops@example.com' }) };
  await annotate(`resources with five accounts of every provider and every source: ${JSON.stringify(counted)}`);
  // https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/cloudformation-limits.html
  expect(Math.max(...Object.values(counted))).toBeLessThan(500);
});
