import { spawnSync } from 'node:child_process';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { fingerprintSchema } from '../../../functions/platform/fingerprint.ts';
import { sampleFingerprintKey, sampleSecrets, withFingerprint } from '../../../lib/local/samples.ts';
import type { World } from '../../../lib/local/vendors/vendor.ts';

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'leakstop-'));
});
afterAll(() => rmSync(folder, { recursive: true }));

const keyIn = (data: string) => (withFingerprint({}, data)['leakstop/fingerprint'] as { key: string }).key;

describe('the fingerprint key of the samples', () => {
  const key = { key: sampleFingerprintKey };

  test('is one that the functions take, and the same whatever providers there are', () => {
    expect(fingerprintSchema.safeParse(key).success).toBe(true);
    const world: World = { accounts: { prod: {} }, leaks: [], simulate: () => expect.unreachable() };
    const several: Record<string, World>[] = [{}, { acme: world }];
    for (const worlds of several)
      expect(withFingerprint(sampleSecrets(worlds), undefined)['leakstop/fingerprint']).toEqual(key);
  });

  test('is never that of a data folder, nor of secrets that somebody gives', () => {
    const data = join(folder, 'samples');
    expect(withFingerprint(sampleSecrets({}, data), data)['leakstop/fingerprint']).toEqual({ key: keyIn(data) });
    expect(keyIn(data)).not.toBe(sampleFingerprintKey);
    expect(withFingerprint({ 'leakstop/sources/standard': {} }, undefined)['leakstop/fingerprint']).not.toEqual(key);
  });
});

describe('the fingerprint key of a data folder', () => {
  test('is made once and kept, for its owner alone, with nothing beside it', () => {
    const data = join(folder, 'kept');
    const key = keyIn(data);
    expect(key).toMatch(/^[0-9a-f]{64}$/);
    expect(keyIn(data)).toBe(key);
    expect(readFileSync(join(data, 'fingerprint'), 'utf8')).toBe(key);
    expect(statSync(join(data, 'fingerprint')).mode & 0o777).toBe(0o600);
    expect(readdirSync(data)).toEqual(['fingerprint']);
  });

  test('is never half there: who ends while it is written leaves none', () => {
    const data = join(folder, 'crashed');
    const script = `import { withFingerprint } from './lib/local/samples.ts'; withFingerprint({}, process.argv[1]);`;
    // No file may grow any more, as on a full disk: it can be made, and not be filled.
    const shell = `ulimit -f 0; exec "$0" --input-type=module -e "$1" "$2"`;
    const { status } = spawnSync('sh', ['-c', shell, process.execPath, script, data]);
    expect(status).not.toBe(0);
    expect(existsSync(join(data, 'fingerprint'))).toBe(false);
    expect(keyIn(data)).toMatch(/^[0-9a-f]{64}$/);
  });

  test('is made anew where an earlier crash left nothing of it', () => {
    const data = join(folder, 'empty');
    mkdirSync(data);
    writeFileSync(join(data, 'fingerprint'), '');
    expect(keyIn(data)).toMatch(/^[0-9a-f]{64}$/);
  });
});
