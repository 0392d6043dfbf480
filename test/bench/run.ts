import { execFileSync } from 'node:child_process';
import { cpus } from 'node:os';
import { parseArgs } from 'node:util';
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
const { values } = parseArgs({
  options: { json: { type: 'boolean' }, only: { type: 'string' }, rounds: { type: 'string' } },
});
const only = values.only?.split(',');
const rounds = values.rounds === undefined ? undefined : Math.max(Number.parseInt(values.rounds, 10) || 1, 1);
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
    if (only && !only.includes(name)) continue;
    const begun = Date.now();
    process.stderr.write(`(${name}) …`);
    found[name] = await figure();
    process.stderr.write(` ${((Date.now() - begun) / 1000).toFixed(0)} s\n`);
  }
} finally {
  bundles.close();
}
const commit = execFileSync('git', ['rev-parse', '--short', 'HEAD'], { encoding: 'utf8' }).trim();
const machine = { cpus: cpus().length, platform: `${process.platform} ${process.arch}`, node: process.version, commit };
const text = values.json ? JSON.stringify({ machine, ...found }, null, 2) : tableOf(found as Figures);
process.stdout.write(`${text}\n`, () => process.exit());
