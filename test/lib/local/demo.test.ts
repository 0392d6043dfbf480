import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';
import { providers } from '../../../functions/providers/index.ts';

const run = promisify(execFile);

test('the demo shows a key die at every provider, each with proof, and every key beside them live', async () => {
  const { stdout } = await run(process.execPath, ['bin/demo.ts'], { timeout: 60_000 });
  for (const id of Object.keys(providers)) expect(stdout).toContain(`${id}: a key has leaked`);
  const deaths = stdout.match(/a key has leaked/g)?.length ?? 0;
  for (const line of [/outcome: revoked$/gm, /proof: dead by /g, /no longer accepts the key/g])
    expect(stdout.match(line)).toHaveLength(deaths);
  expect(stdout).toMatch(/Every leaked key is dead: \d+ at \d+ providers\.\nEvery key beside them .* lives: \d+\.\n$/);
}, 60_000);
