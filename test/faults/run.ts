import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { parseArgs } from 'node:util';
import fc from 'fast-check';
import { anyHistory, type Telling, tellOfOneFault, tellOfTwoFaults, told } from './plan.ts';
import { openWorld } from './world.ts';

/**
 * `npm run faults [-- PERCENT]`: lets one key's story happen with every fault at every step that reaches outside, on every
 * kind of day, with every pair of faults on the good day, with PERCENT percent of the pairs (5, if not given) on some others, and at
 * random beyond that: with 100, all pairs, for hours. Prints what each step was put through; exit 0 only if nothing happened that must never be.
 *
 * `npm run faults -- --seed N --path P` tells again what a random history that failed told. `--only one|two|random` tells
 * only that part.
 */
const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    seed: { type: 'string' },
    path: { type: 'string' },
    only: { type: 'string' },
    worker: { type: 'string' },
  },
});
const percent = Number(positionals[0] ?? 5);
const workers = 2;
/** Random histories of each worker, for each percent. */
const randomPerPercent = 12;
const seed = Number(values.seed ?? 20_261_121);

/** What a worker says of what it has told since it last said so. */
interface News {
  part: string;
  histories: number;
  perStep: Record<string, number>;
  broken: string[];
}

if (values.worker !== undefined) await work(Number(values.worker));
else if (values.path !== undefined) await tellAgain(values.path);
else await lead();

/** Tells its share, and then leaves. */
async function work(mine: number): Promise<void> {
  // Nobody listens any more.
  process.once('disconnect', () => process.exit(1));
  const world = await openWorld(`worker ${mine}`);
  let count = 0;
  let news: News = { part: '', histories: 0, perStep: {}, broken: [] };
  const say = () => {
    process.send?.(news);
    news = { part: news.part, histories: 0, perStep: {}, broken: [] };
  };
  const telling: Telling = {
    tell: world.tell,
    isMine: () => count++ % workers === mine,
    begin: (part) => {
      news.part = part;
      say();
    },
    heard({ steps, violations }, faults, story) {
      news.histories += 1;
      for (const { step } of faults) {
        const name = steps[step] ?? 'beyond the end';
        news.perStep[name] = (news.perStep[name] ?? 0) + 1;
      }
      for (const violation of violations) news.broken.push(`${told(steps, faults, story)}: ${violation}`);
    },
  };
  const wanted = (part: string) => values.only === undefined || values.only === part;
  if (wanted('one')) await tellOfOneFault(telling);
  if (wanted('two')) await tellOfTwoFaults(telling, percent);
  if (wanted('random')) {
    telling.begin('at random');
    const { failed, counterexample, counterexamplePath } = await fc.check(
      fc.asyncProperty(anyHistory, async ({ story, faults }) => {
        const ending = await world.tell(faults, story);
        telling.heard({ ...ending, violations: [] }, faults, story);
        return ending.violations.length === 0;
      }),
      { seed: seed + mine, numRuns: Math.ceil(randomPerPercent * percent) },
    );
    if (failed) {
      const again = `npm run faults -- --seed ${seed + mine} --path ${counterexamplePath}`;
      const [found] = counterexample ?? [];
      if (found) telling.heard(await world.tell(found.faults, found.story), found.faults, found.story);
      news.broken.push(`${JSON.stringify(found)}; tell it again: ${again}`);
    }
  }
  say();
  await world.end();
  process.exit(0);
}

/** Tells the one history that a seed and a path lead to. */
async function tellAgain(path: string): Promise<void> {
  const world = await openWorld();
  await fc.check(
    fc.asyncProperty(anyHistory, async ({ story, faults }) => {
      const { steps, violations } = await world.tell(faults, story);
      const numbered = steps.map((step, index) => `${String(index).padStart(4)}  ${step}`);
      const result = violations.map((violation) => `VIOLATION  ${violation}`);
      process.stdout.write(`${[told(steps, faults, story), ...numbered, ...result].join('\n')}\n`);
      return violations.length === 0;
    }),
    { seed, path, endOnFailure: true, numRuns: 1 },
  );
  await world.end();
  process.exit(0);
}

async function lead(): Promise<void> {
  const perStep = new Map<string, number>();
  const broken: string[] = [];
  let histories = 0;
  const line = (part: string) =>
    process.stdout.write(`${String(histories).padStart(6)} histories, ${broken.length} violations  (${part})\n`);
  const hear = ({ part, ...news }: News) => {
    histories += news.histories;
    broken.push(...news.broken);
    for (const [name, times] of Object.entries(news.perStep)) perStep.set(name, (perStep.get(name) ?? 0) + times);
    line(part);
  };
  const children = Array.from({ length: workers }, (_, mine): ChildProcess => {
    const child = fork(import.meta.filename, [...process.argv.slice(2), '--worker', String(mine)]);
    child.on('message', (news) => hear(news as News));
    return child;
  });
  const codes = await Promise.all(children.map(async (child) => (await once(child, 'exit'))[0] as number | null));
  process.stdout.write('\nfaults per step\n');
  for (const [name, times] of [...perStep].sort(([, left], [, right]) => right - left))
    process.stdout.write(`${String(times).padStart(6)}  ${name}\n`);
  for (const text of broken.slice(0, 40)) process.stdout.write(`VIOLATION  ${text}\n`);
  if (codes.some((code) => code !== 0)) process.stdout.write('a worker did not come to its end\n');
  process.stdout.write(`${histories} histories, ${broken.length} violations\n`);
  process.exit(broken.length === 0 && histories > 0 && codes.every((code) => code === 0) ? 0 : 1);
}
