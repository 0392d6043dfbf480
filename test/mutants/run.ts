import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { cpSync, existsSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Mutant } from './mutant.ts';
import { ofExactlyOnce } from './of-exactly-once.ts';
import { ofProviders } from './of-providers.ts';
import { ofSources } from './of-sources.ts';
import { ofTheEngine } from './of-the-engine.ts';

/**
 * `npm run mutants [-- WORD]`: plants each fault (of those with WORD in their sentence or file name, or in a test's) in a copy of the
 * house, one at a time, and runs the tests that should see it. Exit 0 only if every fault was seen. Nothing here is touched.
 */
const root = join(import.meta.dirname, '../..');
const atOnce = 2;
/** Longer than any test may take (ms): whoever is still running then hangs. */
const patience = 180_000;
const running = new Set<ChildProcess>();
const houses = new Set<string>();

function copyHouse(): string {
  const house = mkdtempSync(join(tmpdir(), 'leakstop-mutants-'));
  houses.add(house);
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

/** What vitest's JSON says, as far as it matters here. */
interface Result {
  success: boolean;
  numFailedTests: number;
  testResults: { message: string; assertionResults: unknown[] }[];
}

type Verdict = 'seen' | 'NOT SEEN' | 'DOES NOT LOAD';

/** Runs tests until the first is red. A fault is seen by a test that fails, or that hangs, and not by one that cannot begin. */
async function verdictOf(house: string, tests: readonly string[], limit = patience): Promise<Verdict> {
  const report = join(house, 'vitest.json');
  rmSync(report, { force: true });
  const vitest = join(root, 'node_modules/vitest/vitest.mjs');
  const options = ['run', '--bail', '1', '--reporter', 'json', '--outputFile', report];
  // A group of its own: workers that hang must go too.
  const child = spawn(process.execPath, [vitest, ...options, ...tests], {
    cwd: house,
    stdio: 'ignore',
    detached: true,
  });
  running.add(child);
  let hangs = false;
  const alarm = setTimeout(() => {
    hangs = true;
    end(child);
  }, limit);
  await once(child, 'close');
  clearTimeout(alarm);
  running.delete(child);
  if (hangs) return 'seen';
  if (!existsSync(report)) return 'DOES NOT LOAD';
  const { success, numFailedTests, testResults } = JSON.parse(readFileSync(report, 'utf8')) as Result;
  if (success) return 'NOT SEEN';
  const isBroken = testResults.some(({ message, assertionResults }) => assertionResults.length === 0 && message !== '');
  return numFailedTests > 0 && !isBroken ? 'seen' : 'DOES NOT LOAD';
}

function end({ pid }: ChildProcess): void {
  if (pid !== undefined) process.kill(-pid, 'SIGKILL');
}

/** @throws Error when the fault cannot be planted: the code it was written for has changed */
async function judge(house: string, { file, from, to, tests }: Mutant): Promise<Verdict> {
  const path = join(house, file);
  const sound = readFileSync(path, 'utf8');
  if (sound.split(from).length !== 2) throw new Error(`${file} does not hold this exactly once: ${from}`);
  writeFileSync(
    path,
    sound.replace(from, () => to),
  );
  try {
    return await verdictOf(house, tests);
  } finally {
    writeFileSync(path, sound);
  }
}

const [word = ''] = process.argv.slice(2);
const waiting = [...ofTheEngine, ...ofExactlyOnce, ...ofProviders, ...ofSources].filter(({ fault, file, tests }) =>
  [fault, file, ...tests].some((text) => text.includes(word)),
);
const total = waiting.length;
const verdicts: Verdict[] = [];

/** A test that is red already would see every fault. */
async function mustBeGreen(house: string): Promise<void> {
  const all = [...new Set(waiting.flatMap(({ tests }) => tests))];
  if (total > 0 && (await verdictOf(house, all, 5 * patience)) !== 'NOT SEEN')
    throw new Error(`these must be green first: ${all.join(' ')}`);
}

async function work(house: string): Promise<void> {
  for (let mutant = waiting.shift(); mutant; mutant = waiting.shift()) {
    const verdict = await judge(house, mutant);
    verdicts.push(verdict);
    const place = `${String(verdicts.length).padStart(3)}/${total}`;
    process.stdout.write(`${place}  ${verdict.padEnd('DOES NOT LOAD'.length)}  ${mutant.fault}\n`);
  }
}

function clearAway(): void {
  for (const child of running) end(child);
  for (const house of houses) rmSync(house, { recursive: true, force: true });
}
for (const signal of ['SIGINT', 'SIGTERM'] as const)
  process.once(signal, () => {
    clearAway();
    process.exit(1);
  });

try {
  const first = copyHouse();
  await mustBeGreen(first);
  await Promise.all([first, ...Array.from({ length: atOnce - 1 }, copyHouse)].map(work));
} finally {
  clearAway();
}
const count = (verdict: Verdict) => verdicts.filter((one) => one === verdict).length;
process.stdout.write(
  `${count('seen')} faults seen, ${count('NOT SEEN')} not seen, ${count('DOES NOT LOAD')} that do not load\n`,
);
process.exit(count('seen') === total && total > 0 ? 0 : 1);
