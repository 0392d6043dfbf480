import { execFile } from 'node:child_process';
import { cpSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';

const root = join(import.meta.dirname, '../..');
const run = promisify(execFile);

/** What a newcomer touches: the provider, its vendor, one line of the registry (the tests and the page come by themselves). */
function build(house: string): void {
  for (const part of [
    'bin',
    'functions',
    'lib',
    'test',
    'cdk.json',
    'package.json',
    'package-lock.json',
    'tsconfig.json',
  ])
    cpSync(join(root, part), join(house, part), { recursive: true });
  symlinkSync(join(root, 'node_modules'), join(house, 'node_modules'));
  const move = (from: string, to: string, path: string, instead: string) =>
    writeFileSync(join(house, to), readFileSync(join(root, from), 'utf8').replaceAll(path, instead));
  move('test/sixth-provider/example.ts', 'functions/providers/example.ts', '../../functions/', '../');
  move('test/sixth-provider/example-vendor.ts', 'lib/local/vendors/example.ts', '../../lib/local/vendors/', './');
  const registry = join(house, 'functions/providers/index.ts');
  const text = readFileSync(registry, 'utf8').replace(/export const providers = \{/, '$& example,');
  writeFileSync(registry, `import { example } from './example.ts';\n${text}`);
}

describe('a sixth provider: one file, one vendor, one line in the registry', () => {
  let house: string;
  let seen: Record<string, unknown> & { page: string };
  beforeAll(async () => {
    house = mkdtempSync(join(tmpdir(), 'leakstop-sixth-'));
    build(house);
    const { stdout } = await run(process.execPath, [join(house, 'test/sixth-provider/newcomer.ts')], { cwd: house });
    seen = JSON.parse(stdout);
  }, 60_000);
  afterAll(() => rmSync(house, { recursive: true, force: true }));

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

  test('is on the page about providers, with its requests', () => {
    expect(seen.page).toContain('## example\n');
    expect(seen.page).toContain('| `DELETE /keys/{keyId}` | delete |');
  });

  test('kills a key on the local stage', () => {
    expect(seen).toMatchObject({ outcome: 'revoked', accepted: false });
  });
});
