import { execFile } from 'node:child_process';
import { cpSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { Mutant } from './mutant.ts';
import { ofProviders } from './of-providers.ts';
import { ofTheEngine } from './of-the-engine.ts';

/**
 * `npm run mutants [-- WORD]`: plants each fault (of those that hold WORD) in a copy of the house, one at a time, and runs
 * the tests that should see it. Exit 0 only if every fault was seen. Nothing here is touched.
 */
const root = join(import.meta.dirname, '../..');
const run = promisify(execFile);
const atOnce = 2;

function copyHouse(): string {
  const house = mkdtempSync(join(tmpdir(), 'leakstop-mutants-'));
  const parts = [
    'bin',
    'docs',
    'functions',
    'lib',
    'test',
    'README.md',
    'cdk.json',
    'package.json',
    'package-lock.json',
  ];
  for (const part of [...parts, 'tsconfig.json', 'vitest.config.ts'])
    cpSync(join(root, part), join(house, part), { recursive: true });
  symlinkSync(join(root, 'node_modules'), join(house, 'node_modules'));
  return house;
}

async function areGreen(house: string, tests: readonly string[]): Promise<boolean> {
  const vitest = join(root, 'node_modules/vitest/vitest.mjs');
  try {
    await run(process.execPath, [vitest, 'run', '--bail', '1', ...tests], { cwd: house, timeout: 180_000 });
    return true;
  } catch (error) {
    if ((error as { code?: unknown }).code === 1) return false;
    throw error;
  }
}

/** @throws Error when the fault cannot be planted: the code it was written for has changed */
async function isSeen(house: string, { file, from, to, tests }: Mutant): Promise<boolean> {
  const path = join(house, file);
  const sound = readFileSync(path, 'utf8');
  if (sound.split(from).length !== 2) throw new Error(`${file} does not hold this exactly once: ${from}`);
  writeFileSync(
    path,
    sound.replace(from, () => to),
  );
  try {
    return !(await areGreen(house, tests));
  } finally {
    writeFileSync(path, sound);
  }
}

const [word = ''] = process.argv.slice(2);
const waiting = [...ofTheEngine, ...ofProviders].filter((mutant) => JSON.stringify(mutant).includes(word));
const total = waiting.length;
const unseen: string[] = [];
let done = 0;

/** A test that is red already would see every fault. */
const all = [...new Set(waiting.flatMap(({ tests }) => tests))];

async function work(): Promise<void> {
  const house = copyHouse();
  try {
    if (!(await areGreen(house, all))) throw new Error(`these must be green first: ${all.join(' ')}`);
    for (let mutant = waiting.shift(); mutant; mutant = waiting.shift()) {
      const seen = await isSeen(house, mutant);
      done += 1;
      if (!seen) unseen.push(mutant.fault);
      process.stdout.write(
        `${String(done).padStart(3)}/${total}  ${seen ? 'seen    ' : 'NOT SEEN'}  ${mutant.fault}\n`,
      );
    }
  } finally {
    rmSync(house, { recursive: true, force: true });
  }
}

await Promise.all(Array.from({ length: atOnce }, work));
process.stdout.write(`${total - unseen.length} faults seen, ${unseen.length} not seen\n`);
process.exit(unseen.length === 0 && total > 0 ? 0 : 1);
