import fc from 'fast-check';
import { beginning, type Day, days, type Reporter, reporters, type Story, whole } from './story.ts';
import { apartTroubles, type Fault, type Trouble, troubles } from './troubles.ts';
import type { Ending } from './world.ts';

type Tell = (faults: readonly Fault[], story: Partial<Story>) => Promise<Ending>;
/** What is done with each history that is told; `isMine`: histories are shared out. */
export interface Telling {
  tell: Tell;
  isMine(): boolean;
  heard(ending: Ending, faults: readonly Fault[], story: Partial<Story>): void;
  /** A part of the plan begins. */
  begin(part: string): void;
}

/** The days whose own troubles last until a key is looked at again: they are told to their end. */
const longDays: readonly Day[] = ['fine', 'alive-for-long', 'undying', 'resurrected'];
const minute = 60_000;

/** Every story that is put through one fault at each of its steps. */
export const storiesOfOneFault: readonly Partial<Story>[] = [
  ...days.map((day) => ({ day, forMs: longDays.includes(day) ? whole : beginning })),
  ...(['fine', 'failing-after', 'alive-for-a-while'] as const).map((day) => ({
    ...{ day, copies: 2, atOnce: 2, forMs: beginning },
  })),
  ...(
    [
      ['trusted-id'],
      ['value', 'value'],
      ['value', 'id'],
      ['id', 'value'],
      ['value-and-id', 'trusted-id'],
      ['trusted-id', 'value-and-id'],
    ] as const
  ).flatMap((names: readonly Reporter[]) => [
    { reporters: names, forMs: beginning },
    ...(names.length > 1 ? [{ reporters: names, atOnce: 2, forMs: beginning }] : []),
  ]),
  { reporters: ['value', 'value'], late: [2 * minute, 50 * 60 * minute] },
];

/** The days that are put through every pair of faults. */
export const daysOfTwoFaults: readonly Day[] = ['fine', 'limited', 'failing-after', 'alive-for-a-while'];

/** A question whose answer is lost is one that was never answered. */
const isQuestion = (step = '') => /^GET |^secret$|ledger\.(read|due|sealed|incidentOfKey)$/.test(step);
const troublesAt = (step: string | undefined): readonly Trouble[] =>
  apartTroubles.filter((trouble) => !(trouble === 'after' && isQuestion(step)));

/** Each story without a fault, and with each fault at each of its steps. */
export async function tellOfOneFault({ tell, isMine, heard, begin }: Telling): Promise<void> {
  for (const story of storiesOfOneFault) {
    begin(`one fault, ${nameOf(story)}`);
    const plain = await tell([], story);
    if (isMine()) heard(plain, [], story);
    for (let step = 0; step < plain.steps.length; step += 1)
      for (const trouble of troubles) {
        const faults = [{ step, trouble }];
        if (isMine()) heard(await tell(faults, story), faults, story);
      }
  }
}

/** Each pair of faults: on the good day all, on the others `percent` of them. */
export async function tellOfTwoFaults({ tell, isMine, heard, begin }: Telling, percent: number): Promise<void> {
  for (const day of daysOfTwoFaults) {
    const story = { day, forMs: beginning };
    let pair = 0;
    const { steps } = await tell([], story);
    for (const [first, name] of steps.entries()) {
      begin(`two faults, ${day}, the first at step ${first} of ${steps.length}`);
      for (const trouble of troublesAt(name)) {
        const one = { step: first, trouble };
        const after = await tell([one], story);
        for (let step = first + 1; step < after.steps.length; step += 1)
          for (const other of troublesAt(after.steps[step])) {
            pair += 1;
            if ((day !== 'fine' && (pair * 37) % 100 >= percent) || !isMine()) continue;
            const faults = [one, { step, trouble: other }];
            heard(await tell(faults, story), faults, story);
          }
      }
    }
  }
}

/** Any story, with up to four faults. */
export const anyHistory = fc.record({
  story: fc.record({
    day: fc.constantFrom(...days),
    reporters: fc.array(fc.constantFrom(...reporters), { minLength: 1, maxLength: 3 }),
    copies: fc.integer({ min: 1, max: 3 }),
    late: fc.array(fc.constantFrom(2 * minute, 20 * minute, 50 * 60 * minute), { maxLength: 2 }),
    atOnce: fc.integer({ min: 1, max: 4 }),
  }),
  faults: fc.uniqueArray(fc.record({ step: fc.nat(60), trouble: fc.constantFrom(...troubles) }), {
    maxLength: 4,
    selector: ({ step }) => step,
  }),
});

/** A history as a sentence. */
export function told(steps: readonly string[], faults: readonly Fault[], story: Partial<Story>): string {
  const happened = faults.map(({ step, trouble }) => `${trouble} ${step} (${steps[step] ?? 'beyond the end'})`);
  return `${nameOf(story)}: ${happened.join(', ') || 'no fault'}`;
}

function nameOf({ day = 'fine', reporters: names = ['value'], copies = 1, atOnce = 1, late = [] }: Partial<Story>) {
  const more = [
    ...(copies > 1 ? [`${copies} copies`] : []),
    ...(late.length > 0 ? [`late after ${late.map((ms) => ms / minute).join(' and ')} min`] : []),
    ...(atOnce > 1 ? [`${atOnce} at once`] : []),
  ];
  return [day, names.join(' then '), ...more].join(', ');
}
