import { type Day, type Fault, openWorld, troubles } from './history.ts';

/**
 * `npm run faults [-- PAIRS]`: lets one key's story happen with a fault at every step that reaches outside, and with every
 * pair of faults (of PAIRS percent of the pairs; all, if not given). Prints what each step was put through; exit 0 only if
 * nothing happened that must never be.
 */
const days: Day[] = ['fine', 'limited', 'failing', 'failing-after', 'dropping', 'gone'];
const share = Number(process.argv[2] ?? 100);
const world = await openWorld();
const perStep = new Map<string, number>();
const broken: string[] = [];
let histories = 0;

/** The same numbers every time: a history that broke can be told again. */
function seeded(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state * 1_664_525 + 1_013_904_223) % 2 ** 32;
    return state / 2 ** 32;
  };
}

async function tell(
  faults: Fault[],
  options: { copies?: number; day?: Day; reporters?: number; atOnce?: number } = {},
): Promise<string[]> {
  const { steps, violations } = await world.tell(faults, options);
  histories += 1;
  for (const { step } of faults) {
    const name = steps[step] ?? 'beyond the end';
    perStep.set(name, (perStep.get(name) ?? 0) + 1);
  }
  const told = faults.map(({ step, trouble }) => `${trouble} ${step} (${steps[step]})`).join(', ');
  for (const violation of violations) broken.push(`${JSON.stringify(options)}, ${told}: ${violation}`);
  return steps;
}

for (const day of days) {
  for (const copies of [1, 2]) {
    const { length } = await tell([], { day, copies });
    for (let step = 0; step < length; step += 1)
      for (const trouble of troubles) await tell([{ step, trouble }], { day, copies });
    process.stdout.write(
      `${String(histories).padStart(6)} histories, ${broken.length} violations  (${day}, ${copies})\n`,
    );
  }
}
const random = seeded(20_261_121);
for (let round = 0; round < 4 * share; round += 1) {
  const faults = Array.from({ length: 1 + Math.floor(random() * 4) }, () => ({
    step: Math.floor(random() * 40),
    trouble: troubles[Math.floor(random() * troubles.length)] ?? 'before',
  }));
  const day = days[Math.floor(random() * days.length)] ?? 'fine';
  const [copies = 1, reporters = 1, atOnce = 1] = [1, 2, 3].map((most) => 1 + Math.floor(random() * (most + 1)));
  await tell(faults, { day, copies, reporters, atOnce });
}
process.stdout.write(`${String(histories).padStart(6)} histories, ${broken.length} violations  (several at once)\n`);
let pair = 0;
const { length } = (await world.tell([])).steps;
for (let first = 0; first < length; first += 1) {
  for (const one of troubles) {
    const second = (await world.tell([{ step: first, trouble: one }])).steps.length;
    for (let step = first + 1; step < second; step += 1) {
      for (const other of troubles) {
        pair += 1;
        if ((pair * 37) % 100 < share)
          await tell([
            { step: first, trouble: one },
            { step, trouble: other },
          ]);
      }
    }
  }
  process.stdout.write(
    `${String(histories).padStart(6)} histories, ${broken.length} violations  (pairs from step ${first})\n`,
  );
}
await world.end();
process.stdout.write('\nfaults per step\n');
for (const [name, count] of [...perStep].sort(([, left], [, right]) => right - left))
  process.stdout.write(`${String(count).padStart(6)}  ${name}\n`);
for (const line of broken.slice(0, 40)) process.stdout.write(`VIOLATION  ${line}\n`);
process.stdout.write(`${histories} histories, ${broken.length} violations\n`);
process.exit(broken.length === 0 ? 0 : 1);
