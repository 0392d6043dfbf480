import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { functions } from '../../functions/manifest.ts';
import { storms } from '../bench/burst.ts';

const root = new URL('../../', import.meta.url);
const page = readFileSync(new URL('docs/performance.md', root), 'utf8');

test('the page shows every figure, and a cold start for every function', () => {
  for (const figure of ['a', 'b', 'c', 'd', 'e', 'f']) expect(page).toMatch(new RegExp(`^\\| ${figure} \\| `, 'm'));
  for (const name of Object.keys(functions)) expect(page).toContain(`| c | cold start of \`${name}\`, `);
});

test('the page shows each burst as it is measured', () => {
  for (const { leaks, what } of storms)
    expect(page).toContain(`| d | ${leaks.toLocaleString('en')} leaks at once: ${what} | `);
});

test.each([
  [['--only', 'a,z'], '--only: there are a, b, c, d, e, f'],
  [['--rounds', '0'], '--rounds: must be'],
])('npm run bench %j is refused in one line before anything is measured', (args, line) => {
  const options = { cwd: fileURLToPath(root), encoding: 'utf8' } as const;
  const { status, stdout, stderr } = spawnSync(process.execPath, ['test/bench/run.ts', ...args], options);
  expect({ status, stdout }).toEqual({ status: 2, stdout: '' });
  expect(stderr).toMatch(new RegExp(`^${line}.*npm run bench .*\n$`));
});

test('the page names files that are there', () => {
  const files = [...page.matchAll(/`((?:test|lib|functions)\/[^`]+\.ts)`/g)].map(([, file]) => String(file));
  expect(files.length).toBeGreaterThan(0);
  expect(files.filter((file) => !existsSync(new URL(file, root)))).toEqual([]);
});

test('the page keeps to the goals that it was measured for', () => {
  const ratios = (figure: string) =>
    page
      .split('\n')
      .filter((line) => line.startsWith(`| ${figure} | `))
      .map((line) => Number.parseFloat(line.split('|').at(-2)?.trim() ?? ''));
  expect(ratios('a')[0]).toBeLessThanOrEqual(1.3);
  for (const ratio of ratios('c')) expect(ratio).toBeLessThanOrEqual(1.25);
});
