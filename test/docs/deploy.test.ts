import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, describe, expect, test, vi } from 'vitest';
import { names } from '../../functions/manifest.ts';
import { readDeployment } from '../../lib/aws/deployment.ts';
import { nameOf, ofType, type Resource, textOf } from '../lib/aws/template.ts';

// One test starts a program that loads the whole of CDK.
vi.setConfig({ testTimeout: 300_000 });

const repository = fileURLToPath(new URL('../..', import.meta.url));
const page = readFileSync(join(repository, 'docs/deploy.md'), 'utf8');
const blocks = (language: string) =>
  [...page.matchAll(/^```(\w+)\n([\s\S]*?)^```$/gm)]
    .filter(([, name]) => name === language)
    .map(([, , text = '']) => text);
const folder = mkdtempSync(join(tmpdir(), 'leakstop-example-'));
afterAll(() => rmSync(folder, { recursive: true }));

test("the example of an app of one's own makes what it says", () => {
  const [example = '', ...others] = blocks('ts');
  expect(others).toEqual([]);
  writeFileSync(join(folder, 'app.ts'), example);
  writeFileSync(join(folder, 'package.json'), '{ "type": "module" }');
  symlinkSync(repository, join(folder, 'leakstop'));
  symlinkSync(join(repository, 'node_modules'), join(folder, 'node_modules'));
  const env = { CDK_OUTDIR: join(folder, 'out'), CDK_CONTEXT_JSON: '{"aws:cdk:bundling-stacks":[]}' };
  const { status, stderr } = spawnSync(process.execPath, ['app.ts'], { cwd: folder, env, encoding: 'utf8' });
  expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
  const template = JSON.parse(readFileSync(join(folder, 'out/Security.template.json'), 'utf8'));
  const resources: Record<string, Resource> = template.Resources;
  const named = (value: unknown) => textOf(value, (id) => nameOf(resources, id));
  // Its own key for everything, its own network, its own topic: none is made beside them.
  expect(ofType(resources, 'AWS::KMS::Key')).toHaveLength(1);
  for (const { KmsMasterKeyId } of ofType(resources, 'AWS::SQS::Queue')) expect(named(KmsMasterKeyId)).toBe('key');
  expect(ofType(resources, 'AWS::EC2::VPC')).toHaveLength(1);
  const inside = ofType(resources, 'AWS::Lambda::Function').filter(({ VpcConfig }) => VpcConfig !== undefined);
  const leakstops = inside.map(({ FunctionName }) => FunctionName).filter((name) => name !== undefined);
  expect(leakstops.sort()).toEqual(
    [names.function('resolve-alert'), names.function('revoke-key', 'datadog'), names.function('send-notice')].sort(),
  );
  const topics = Object.entries(resources).filter(([, { Type }]) => Type === 'AWS::SNS::Topic');
  expect(topics.map(([id]) => id)).toEqual([expect.stringMatching(/^OnCall/)]);
  const rung = ofType(resources, 'AWS::CloudWatch::Alarm').flatMap(
    ({ AlarmActions }) => (AlarmActions ?? []) as unknown[],
  );
  expect(rung.length).toBeGreaterThan(0);
  for (const topic of rung) expect(textOf(topic, (id) => id)).toMatch(/^OnCall/);
  const [log] = ofType(resources, 'AWS::Logs::LogGroup');
  expect(log?.RetentionInDays).toBe(731);
  expect(textOf(template.Outputs.LeakAlerts.Value, (id) => id)).toMatch(/^https:\/\//);
});

test('the bill of materials has every package that functions are made of, and marks the tools', () => {
  const { status, stdout } = spawnSync('npm', ['run', '-s', 'sbom'], { cwd: repository, encoding: 'utf8' });
  expect(status).toBe(0);
  interface Component {
    name: string;
    properties?: { name: string }[];
  }
  const { components }: { components: Component[] } = JSON.parse(stdout);
  const tools = components.filter(({ properties }) =>
    properties?.some(({ name }) => name === 'cdx:npm:package:development'),
  );
  const bundled = components.filter((one) => !tools.includes(one)).map(({ name }) => name);
  const { dependencies, devDependencies } = JSON.parse(readFileSync(join(repository, 'package.json'), 'utf8'));
  // What the SDK's clients share is in every bundle, and tools use some of it too.
  expect(bundled).toEqual(expect.arrayContaining([...Object.keys(dependencies), '@aws-sdk/core', '@smithy/core']));
  expect(tools.map(({ name }) => name)).toEqual(expect.arrayContaining(Object.keys(devDependencies)));
});

describe('the page', () => {
  test('names every field of a deployment with its default', () => {
    const rows = [...page.matchAll(/^\| `(\w+)` \| ([^|]+) \|/gm)].map(([, field, value]) => [
      field,
      value?.replaceAll('`', ''),
    ]);
    const defaults = Object.fromEntries(rows);
    for (const [field, value] of Object.entries(readDeployment({})))
      expect([field, defaults[field]]).toEqual([field, String(value)]);
    expect(defaults).toHaveProperty('alarmTopic');
    expect(defaults).toHaveProperty('alarmEmail');
    expect(defaults).toHaveProperty('runbookUrl');
  });

  test('gives policies that are JSON, and name no wildcard', () => {
    const policies = blocks('json');
    expect(policies).toHaveLength(2);
    for (const policy of policies) {
      expect(JSON.parse(policy)).toHaveProperty('Statement');
      expect(policy).not.toContain('*');
    }
  });

  test('trusts one environment of one repository, by the numbers that new repositories have, and deploys from it', () => {
    const [trust = ''] = blocks('json');
    const { Condition } = JSON.parse(trust).Statement[0];
    expect(Condition.StringEquals).toEqual({
      'token.actions.githubusercontent.com:aud': 'sts.amazonaws.com',
      'token.actions.githubusercontent.com:sub': 'repo:OWNER@OWNER_ID/REPOSITORY@REPOSITORY_ID:environment:production',
    });
    const [workflow = ''] = blocks('yaml');
    const [checking = '', deploying = ''] = workflow.split('\n  deploy:\n');
    expect(deploying).toContain('environment: production\n');
    // What runs packages' scripts and the tests can ask for no token.
    expect(checking).not.toContain('id-token');
    expect(deploying).toContain('npm ci --ignore-scripts\n');
  });

  test('pins every action to a commit, and runs only commands that there are', () => {
    const [workflow = ''] = blocks('yaml');
    const actions = [...workflow.matchAll(/uses: (\S+) ?(.*)/g)];
    expect(actions.length).toBeGreaterThan(0);
    for (const [, action, version] of actions) {
      expect(action).toMatch(/^[\w-]+\/[\w-]+@[0-9a-f]{40}$/);
      expect(version).toMatch(/^# v\d+\.\d+\.\d+$/);
    }
    const { scripts } = JSON.parse(readFileSync(join(repository, 'package.json'), 'utf8'));
    for (const [, script = ''] of page.matchAll(/npm run (?:-s )?([a-z][a-z-]*)/g))
      expect(scripts).toHaveProperty([script]);
    for (const [, file = ''] of page.matchAll(/`((?:lib|functions|bin)\/[\w./-]+|\.ci\/run)`/g))
      expect([file, existsSync(join(repository, file))]).toEqual([file, true]);
  });
});
