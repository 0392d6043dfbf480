import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';
import { providers } from '../../../functions/providers/index.ts';

const run = promisify(execFile);

test('the demo shows a key die at every provider, each with proof, the alerts that named one closed, and every key beside them live', async () => {
  const { stdout } = await run(process.execPath, ['bin/demo.ts'], { timeout: 60_000 });
  for (const id of Object.keys(providers)) expect(stdout).toContain(`${id}: a key has leaked`);
  for (const id of ['github', 'gitlab', 'gitguardian']) expect(stdout).toContain(`${id}: has found a`);
  const closed = stdout.match(/shows its alert as closed$/gm)?.length ?? 0;
  expect(closed).toBe(3);
  const deaths = closed + (stdout.match(/a key has leaked/g)?.length ?? 0);
  for (const line of [/outcome: revoked$/gm, /no longer accepts the key/g])
    expect(stdout.match(line)).toHaveLength(deaths);
  expect(stdout.match(/proof: dead by /g)).toHaveLength(deaths - closed);
  expect(stdout).toMatch(/Every leaked key is dead: \d+ at \d+ providers\.\nEvery key beside them .* lives: \d+\.\n$/);
}, 60_000);
