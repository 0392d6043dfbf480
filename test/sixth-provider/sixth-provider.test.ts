import { execFile } from 'node:child_process';
import { cpSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, relative } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';

const root = join(import.meta.dirname, '../..');
const run = promisify(execFile);

/** The files that a newcomer writes, and where they belong. */
const written: Record<string, string> = {
  'test/sixth-provider/example.ts': 'functions/providers/example.ts',
  'test/sixth-provider/example-vendor.ts': 'lib/local/vendors/example.ts',
  'test/sixth-provider/example-test.ts': 'test/functions/providers/example.test.ts',
};

/** A file as it reads in its place: what it imports is where that belongs. */
function inPlace(from: string, to: string): string {
  return readFileSync(join(root, from), 'utf8').replaceAll(/(?<=from ')\.[^']+/g, (name) => {
    const imported = join(dirname(from), name);
    const path = relative(dirname(to), written[imported] ?? imported);
    return path.startsWith('.') ? path : `./${path}`;
  });
}

/** What a newcomer touches: the provider, its vendor, its test, one line of the registry. The pages are written by `npm run docs`. */
function build(house: string): void {
  for (const part of [
    'bin',
    'docs',
    'functions',
    'lib',
    'test',
    'README.md',
    'cdk.json',
    'package.json',
    'package-lock.json',
    'tsconfig.json',
    'vitest.config.ts',
  ])
    cpSync(join(root, part), join(house, part), { recursive: true });
  symlinkSync(join(root, 'node_modules'), join(house, 'node_modules'));
  for (const [from, to] of Object.entries(written)) writeFileSync(join(house, to), inPlace(from, to));
  const registry = join(house, 'functions/providers/index.ts');
  const text = readFileSync(registry, 'utf8').replace(/export const providers = \{/, '$& example,');
  writeFileSync(registry, `import { example } from './example.ts';\n${text}`);
}

interface Tests {
  testResults: { message: string; assertionResults: { fullName: string; status: string }[] }[];
}

describe('a sixth provider: one file, one vendor, one test, one line in the registry', () => {
  let house: string;
  let seen: Record<string, unknown>;
  let tests: Tests['testResults'];

  const node = (...args: string[]) => run(process.execPath, args, { cwd: house });
  const text = (file: string) => readFileSync(join(house, file), 'utf8');
  async function look(): Promise<void> {
    const { stdout } = await node('test/sixth-provider/newcomer.ts');
    seen = JSON.parse(stdout);
  }
  /** The tests that a newcomer's work has to pass. */
  async function runTests(): Promise<void> {
    const files = ['test/functions/providers/example.test.ts', 'test/architecture.test.ts'];
    const options = ['--reporter', 'json', '--outputFile', 'vitest.json'];
    // Red tests are told by the report.
    await node('node_modules/vitest/vitest.mjs', 'run', ...options, ...files).catch(() => {});
    tests = (JSON.parse(text('vitest.json')) as Tests).testResults;
  }

  beforeAll(async () => {
    house = mkdtempSync(join(tmpdir(), 'leakstop-sixth-'));
    build(house);
    await Promise.all([look(), node('bin/docs.ts').then(runTests)]);
  }, 120_000);
  afterAll(() => rmSync(house, { recursive: true, force: true }));

  test('keeps the contract of providers, and the house its rules', () => {
    const results = tests.flatMap(({ assertionResults }) => assertionResults);
    expect(tests.map(({ message }) => message)).toEqual(['', '']);
    expect(results.filter(({ status }) => status !== 'passed').map(({ fullName }) => fullName)).toEqual([]);
    const ofTheContract = results.filter(({ fullName }) => fullName.startsWith('example api-key keeps the contract'));
    expect(ofTheContract.length).toBeGreaterThan(50);
  });

  test('has its lane in the stack', () => {
    expect(seen.queues).toEqual(expect.arrayContaining(['leakstop-lane-example', 'leakstop-lane-example-dead']));
    expect(seen.functions).toContain('leakstop-revoke-key-example');
  });

  test('has its secrets, one an account', () => {
    expect(seen.secrets).toEqual(
      expect.arrayContaining(['leakstop/providers/example/prod', 'leakstop/providers/example/eu']),
    );
  });

  test('is routed to, by its form and by a scanner’s name for it', () => {
    expect(seen.scanner).toEqual(['example', 'api-key']);
  });

  test('is on the page about providers with its requests, and in the README, once the docs are written', () => {
    expect(text('docs/providers.md')).toContain('## example\n');
    expect(text('docs/providers.md')).toContain('| `DELETE /keys/{keyId}` | delete |');
    expect(text('README.md')).toContain('| [`example`](docs/providers.md#example) | `api-key` | deletes |');
  });

  test('kills a key on the local stage', () => {
    expect(seen).toMatchObject({ outcome: 'revoked', accepted: false });
  });
});
