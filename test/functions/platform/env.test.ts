import { describe, expect, test } from 'vitest';
import { environments, type FunctionName, readEnvironment } from '../../../functions/platform/env.ts';
import { Misconfigured } from '../../../functions/revocation/errors.ts';
import { policySchema } from '../../../functions/revocation/policy.ts';

const canary = 'canary-5e7a11ed';
const lanes = { datadog: 'http://127.0.0.1:9324/000000000000/leakstop-lane-datadog' };
const whole: Record<FunctionName, Record<string, string>> = {
  'keep-watch': {
    LANES: JSON.stringify(lanes),
    UNROUTED_QUEUE: 'http://127.0.0.1:9324/000000000000/leakstop-unrouted',
    SOURCES: '["standard"]',
    TABLE: 'leakstop-incidents',
  },
  'receive-alert': {
    LANES: JSON.stringify(lanes),
    UNROUTED_QUEUE: 'http://127.0.0.1:9324/000000000000/leakstop-unrouted',
    SOURCES: '["standard"]',
  },
  'receive-request': {
    LANES: JSON.stringify(lanes),
    UNROUTED_QUEUE: 'http://127.0.0.1:9324/000000000000/leakstop-unrouted',
    ACCOUNTS: '{"datadog":["prod","eu"]}',
    SOURCES: '["standard"]',
    TABLE: 'leakstop-incidents',
  },
  'receive-slack': {
    LANES: JSON.stringify(lanes),
    UNROUTED_QUEUE: 'http://127.0.0.1:9324/000000000000/leakstop-unrouted',
    SOURCES: '["slack","github"]',
    POLICY: JSON.stringify({ approval: { approvers: ['U012ABCDEF'] } }),
    TABLE: 'leakstop-incidents',
  },
  'resolve-alert': {
    LANES: JSON.stringify(lanes),
    UNROUTED_QUEUE: 'http://127.0.0.1:9324/000000000000/leakstop-unrouted',
    TABLE: 'leakstop-incidents',
    HEALTH_ACCOUNT: '111122223333',
  },
  'send-notice': {
    NOTICES_QUEUE: 'http://127.0.0.1:9324/000000000000/leakstop-notices',
    SOURCES: '["github"]',
    TABLE: 'leakstop-incidents',
  },
  'revoke-key': {
    PROVIDER: 'datadog',
    ACCOUNTS: '["prod"]',
    ACTION: 'delete',
    POLICY: JSON.stringify({ fuse: { limit: 25, windowMinutes: 60 } }),
    LANE: lanes.datadog,
    TABLE: 'leakstop-incidents',
  },
};
const names = Object.keys(whole) as FunctionName[];

describe.each(names)('the environment of %s', (name) => {
  test('is read whole, and nothing else of the machine with it', () => {
    const read = readEnvironment(name, { ...whole[name], PATH: '/bin', AWS_SECRET_ACCESS_KEY: canary });
    expect(Object.keys(read).sort()).toEqual(Object.keys(whole[name]).sort());
  });

  test.each(Object.keys(whole[name]))('is refused without %s, which is named', (variable) => {
    for (const value of [undefined, '']) {
      const variables = { ...whole[name], [variable]: value };
      expect(() => readEnvironment(name, variables)).toThrow(Misconfigured);
      expect(() => readEnvironment(name, variables)).toThrow(`environment of ${name}: ${variable}`);
    }
  });
});

test('the environments are those of these functions', () => {
  expect(Object.keys(environments).sort()).toEqual([...names].sort());
});

describe('a variable', () => {
  test('in JSON is what it says', () => {
    expect(readEnvironment('receive-alert', whole['receive-alert'])).toMatchObject({
      LANES: lanes,
      SOURCES: ['standard'],
    });
    const { ACCOUNTS, POLICY } = readEnvironment('revoke-key', whole['revoke-key']);
    expect(ACCOUNTS).toEqual(['prod']);
    expect(POLICY).toEqual(policySchema.parse({ fuse: { limit: 25, windowMinutes: 60 } }));
    const plan = { accounts: ['prod'], everyHours: 24, objectiveSeconds: 60 };
    const drilled = { ...whole['revoke-key'], DRILL: JSON.stringify(plan) };
    expect(readEnvironment('revoke-key', drilled).DRILL).toEqual(plan);
  });

  test.each<[FunctionName, string, string]>([
    ['receive-alert', 'LANES', `{"datadog":"${canary}"}`],
    ['receive-alert', 'LANES', '[]'],
    ['receive-alert', 'LANES', canary],
    ['receive-alert', 'UNROUTED_QUEUE', canary],
    ['receive-alert', 'SOURCES', `"${canary}"`],
    ['receive-request', 'ACCOUNTS', '{"datadog":[]}'],
    ['revoke-key', 'ACCOUNTS', '[]'],
    ['revoke-key', 'ACTION', canary],
    ['revoke-key', 'POLICY', `{"${canary}`],
    ['revoke-key', 'POLICY', '{"fuse":{"limit":0,"windowMinutes":60}}'],
    ['revoke-key', 'LANE', 'not a url'],
    ['revoke-key', 'DRILL', `{"accounts":["${canary}"]}`],
    ['keep-watch', 'DRILLS', `["${canary}"]`],
  ])('of %s that is wrong is named and not repeated: %s=%s', (name, variable, value) => {
    let thrown: unknown;
    try {
      readEnvironment(name, { ...whole[name], [variable]: value });
    } catch (error) {
      thrown = error;
    }
    expect(thrown).toBeInstanceOf(Misconfigured);
    expect(String(thrown)).toContain(`environment of ${name}: ${variable}`);
    expect(String(thrown)).not.toContain(canary);
  });
});
