import { execFileSync } from 'node:child_process';
import { cpus } from 'node:os';
import { parseArgs } from 'node:util';
import { complaintOf } from '../../lib/local/options.ts';
import { burst } from './burst.ts';
import { calls } from './calls.ts';
import { cold } from './cold.ts';
import { makeBundles } from './house.ts';
import { intake } from './intake.ts';
import { memory } from './memory.ts';
import { tableOf } from './table.ts';
import { warm } from './warm.ts';

/**
 * `npm run bench [-- --json] [--only a,c] [--rounds N]`: what the service costs, against the least that it could. Prints one table, or
 * JSON; how far it is goes to stderr. Nothing leaves this machine. docs/performance.md says how to read it.
 */
const all = ['a', 'b', 'c', 'd', 'e', 'f'];
const { only, rounds, asJson } = read(process.argv.slice(2));
const bundles = await makeBundles();

const figures = {
  a: () => warm(bundles, rounds),
  b: () => calls(bundles),
  c: () => cold(bundles, rounds),
  d: () => burst(bundles, rounds === undefined ? 1 : Math.min(rounds / 100, 1)),
  e: () => memory(bundles),
  f: () => intake(bundles, rounds && rounds * 4),
};
export type Figures = { [Name in keyof typeof figures]?: Awaited<ReturnType<(typeof figures)[Name]>> };

const found: Record<string, unknown> = {};
try {
  for (const [name, figure] of Object.entries(figures)) {
    if (!only.includes(name)) continue;
    const begun = Date.now();
    process.stderr.write(`(${name}) …`);
    found[name] = await figure();
    process.stderr.write(` ${((Date.now() - begun) / 1000).toFixed(0)} s\n`);
  }
} finally {
  bundles.close();
}
const machine = {
  cpus: cpus().length,
  platform: `${process.platform} ${process.arch}`,
  node: process.version,
  commit: commit(),
};
const text = asJson ? JSON.stringify({ machine, ...found }, null, 2) : tableOf(found as Figures);
process.stdout.write(`${text}\n`, () => process.exit());

/** What was asked for; what makes no sense ends it before anything is measured. */
function read(args: string[]) {
  const usage = 'npm run bench [-- --json] [--only a,c] [--rounds N]';
  try {
    const text = { type: 'string' } as const;
    const flag = { type: 'boolean' } as const;
    const options = { json: flag, only: text, rounds: text, help: flag };
    const { json = false, only, rounds, help = false } = parseArgs({ args, options }).values;
    if (help) {
      process.stdout.write(`Usage: ${usage}\n`);
      process.exit(0);
    }
    const wanted = only?.split(',') ?? all;
    if (!wanted.every((name) => all.includes(name))) throw new Error(`--only: there are ${all.join(', ')}`);
    if (rounds !== undefined && !/^[1-9]\d{0,5}$/.test(rounds)) throw new Error('--rounds: must be a number from 1 on');
    return { only: wanted, rounds: rounds === undefined ? undefined : Number(rounds), asJson: json };
  } catch (error) {
    process.stderr.write(`${complaintOf(error)}; ${usage}\n`);
    process.exit(2);
  }
}

/** Null where the source lies in no repository. */
function commit(): string | null {
  try {
    return execFileSync('git', ['rev-parse', '--short', 'HEAD'], {
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'ignore'],
    }).trim();
  } catch {
    return null;
  }
}
