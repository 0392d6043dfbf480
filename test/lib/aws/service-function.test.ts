import { App, Stack } from 'aws-cdk-lib/core';
import { expect, test, vi } from 'vitest';
import { type FunctionFacts, functions, names, queues } from '../../../functions/manifest.ts';
import type { FunctionName } from '../../../functions/platform/env.ts';
import { providers } from '../../../functions/providers/index.ts';
import { readDeployment } from '../../../lib/aws/deployment.ts';
import { Foundation } from '../../../lib/aws/foundation.ts';
import { Ledger } from '../../../lib/aws/ledger.ts';
import { ServiceFunction } from '../../../lib/aws/service-function.ts';
import { everything, ofType, resourcesOf, textOf } from './template.ts';

// A test that synthesizes waits for CDK, which a busy machine is slow to load.
vi.setConfig({ testTimeout: 120_000 });

const resources = resourcesOf(everything);
const [someProvider = ''] = Object.keys(providers);
const everyName = Object.keys(functions) as FunctionName[];

const deployed = (name: FunctionName) => {
  const wanted = names.function(name, functions[name].consumes === 'lane' ? someProvider : undefined);
  return ofType(resources, 'AWS::Lambda::Function').find(({ FunctionName: given }) => given === wanted);
};

test.each(everyName)('%s runs on Node 24 on ARM with the limits of the manifest', (name) => {
  const { timeoutSeconds, memoryMb, description } = functions[name];
  expect(deployed(name)).toMatchObject({
    Runtime: 'nodejs24.x',
    Architectures: ['arm64'],
    Timeout: timeoutSeconds,
    MemorySize: memoryMb,
    Description: description,
  });
});

test.each(everyName)(
  '%s puts messages back for as long as it takes exactly where the manifest says it does',
  (name) => {
    const { sendsTo, consumes } = functions[name] as FunctionFacts;
    const putsBack = sendsTo.some((word) => word === 'own-lane' || word === consumes);
    expect(deployed(name)?.RecursiveLoop).toBe(putsBack ? 'Allow' : undefined);
  },
);

test('executions are set aside for lanes alone, and only where that is asked for, no fewer than a queue hands out', () => {
  const setAside = (deployment: { reserveConcurrency?: boolean }) =>
    ofType(resourcesOf(everything, deployment), 'AWS::Lambda::Function').flatMap(
      ({ FunctionName, ReservedConcurrentExecutions: kept }) => (kept === undefined ? [] : [[FunctionName, kept]]),
    );
  const lanes = Object.keys(providers).map((id) => [names.function('revoke-key', id), queues.concurrency]);
  expect(setAside({ reserveConcurrency: true }).sort()).toEqual(lanes.sort());
  expect(setAside({})).toEqual([]);
});

test('what missed its minute is not made up for: the next one comes', () => {
  const scheduled = ofType(resources, 'AWS::Events::Rule').filter(({ ScheduleExpression }) => ScheduleExpression);
  expect(scheduled.map(({ ScheduleExpression }) => ScheduleExpression)).toEqual(['rate(1 minute)']);
  expect(scheduled[0]?.Targets).toMatchObject([{ RetryPolicy: { MaximumRetryAttempts: 0 } }]);
});

test('a function waits for its permissions, and not once more for its role, which linters take for a slip', () => {
  for (const { Type, Properties, DependsOn } of Object.values(resources)) {
    if (Type !== 'AWS::Lambda::Function') continue;
    const role = textOf(Properties.Role, (id) => id);
    expect(DependsOn).not.toContain(role);
    const waitedFor = (DependsOn ?? []).map((id) => resources[id]).filter((one) => one?.Type === 'AWS::IAM::Policy');
    const attached = waitedFor.flatMap((policy) => policy?.Properties.Roles as unknown[]);
    expect(attached.map((one) => textOf(one, (id) => id))).toEqual([role]);
  }
});

test('a lane is told its own provider, accounts and action', () => {
  const action = 'observe' as const;
  const one = resourcesOf({ ...everything, providers: { [someProvider]: { accounts: ['prod'], action } } });
  const lane = ofType(one, 'AWS::Lambda::Function').find(({ Environment }) =>
    JSON.stringify(Environment).includes(action),
  );
  expect(lane?.Environment).toMatchObject({
    Variables: { PROVIDER: someProvider, ACCOUNTS: '["prod"]', ACTION: action },
  });
});

test('refuses to deploy a function whose manifest names what it is not given', () => {
  const stack = new Stack(new App({ context: { 'aws:cdk:bundling-stacks': [] } }), 'Other');
  const foundation = new Foundation(stack, 'Foundation', { deployment: readDeployment({}), key: undefined });
  const reach = { ledger: new Ledger(stack, 'Ledger', { foundation }), sendsTo: {}, reads: {} };
  const deploy = () => new ServiceFunction(stack, 'Lane', { name: 'revoke-key', environment: {}, reach, foundation });
  expect(deploy).toThrow('the manifest lets revoke-key reach own-lane, which it is not given here');
});
