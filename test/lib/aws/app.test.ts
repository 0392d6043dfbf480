import { spawnSync } from 'node:child_process';
import { copyFileSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';

// Each test starts a program that loads the whole of CDK.
vi.setConfig({ testTimeout: 300_000 });

const repository = fileURLToPath(new URL('../../..', import.meta.url));
const folder = mkdtempSync(join(tmpdir(), 'leakstop-app-'));

beforeAll(() => {
  mkdirSync(join(folder, 'bin'));
  copyFileSync(join(repository, 'bin/leakstop.ts'), join(folder, 'bin/leakstop.ts'));
  writeFileSync(join(folder, 'package.json'), '{ "type": "module" }');
  for (const name of ['lib', 'functions', 'node_modules']) symlinkSync(join(repository, name), join(folder, name));
});

afterAll(() => rmSync(folder, { recursive: true }));

/** Runs the app as the CDK does, with this as `bin/config.ts`. */
function run(configuration: string, deployment?: string) {
  const lines = [`export const configuration = ${configuration};`];
  if (deployment !== undefined) lines.push(`export const deployment = ${deployment};`);
  writeFileSync(join(folder, 'bin/config.ts'), lines.join('\n'));
  const env = { CDK_OUTDIR: join(folder, 'out'), CDK_CONTEXT_JSON: '{"aws:cdk:bundling-stacks":[]}' };
  return spawnSync(process.execPath, ['bin/leakstop.ts'], { cwd: folder, env, encoding: 'utf8' });
}

test('a configuration that is wrong ends with one line that names the file and the field', () => {
  const { status, stdout, stderr } = run("{ providers: {}, sources: ['standard', 'pigeon'] }");
  expect(stderr).toMatch(/^bin\/config\.ts: sources\.1: is not a source.*\n$/);
  expect({ status, stdout }).toEqual({ status: 2, stdout: '' });
});

test.each([
  [
    "{ providers: { datadog: { accounts: ['prod'], action: 'approve' } }, sources: ['slack'] }",
    /^bin\/config\.ts: policy\.approval\.approvers: is empty, .*name who may approve\n$/,
  ],
  [
    "{ providers: { datadog: { accounts: ['prod'], action: 'disable' } } }",
    /^bin\/config\.ts: providers\.datadog\.action: cannot be disable: datadog can only delete\n$/,
  ],
])('a policy that makes no sense is refused before anything is made: %s', (configuration, line) => {
  const { status, stdout, stderr } = run(configuration);
  expect(stderr).toMatch(line);
  expect({ status, stdout }).toEqual({ status: 2, stdout: '' });
});

test('a deployment that makes no sense is refused in the same way', () => {
  const { status, stdout, stderr } = run('{ providers: {} }', '{ fixedEgress: true, natGateways: 3 }');
  expect(stderr).toBe('bin/config.ts: deployment.natGateways: is not a field that is known here\n');
  expect({ status, stdout }).toEqual({ status: 2, stdout: '' });
});

test('a configuration that is right ends without a word', () => {
  const { status, stdout, stderr } = run("{ providers: { datadog: { accounts: ['prod'] } }, sources: ['standard'] }");
  expect({ status, stdout, stderr }).toEqual({ status: 0, stdout: '', stderr: '' });
});

test('so does one with a deployment', () => {
  const { status, stdout, stderr } = run(
    "{ providers: { datadog: { accounts: ['prod'] } }, sources: ['standard'] }",
    '{ fixedEgress: { zones: 1 }, tracing: true }',
  );
  expect({ status, stdout, stderr }).toEqual({ status: 0, stdout: '', stderr: '' });
});
