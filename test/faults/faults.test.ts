import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { told } from './plan.ts';
import { beginning, type Story } from './story.ts';
import { apartTroubles, type Fault, troubles } from './troubles.ts';
import { openWorld } from './world.ts';

// A bounded part of `npm run faults`.
describe('a key dies once, and the incident tells the truth about it', () => {
  let world: Awaited<ReturnType<typeof openWorld>>;
  beforeAll(async () => {
    world = await openWorld('test');
  });
  afterAll(() => world.end());

  async function holds(story: Partial<Story>, faults: readonly Fault[] = []): Promise<string[]> {
    const { steps, violations } = await world.tell(faults, story);
    expect(violations, told(steps, faults, story)).toEqual([]);
    return steps;
  }

  /** The step of a story at which something is asked for the n-th time. */
  const stepOf = (steps: readonly string[], name: string, nth = 0): number => {
    const found = steps.flatMap((step, index) => (step.startsWith(name) ? [index] : []))[nth];
    if (found === undefined) throw new Error(`no step ${name}`);
    return found;
  };

  test.each([
    'limited',
    'failing',
    'failing-after',
    'dropping-before',
    'dropping-after',
    'gone-after',
    'alive-for-a-while',
    'alive-for-long',
    'undying',
    'unprovable',
    'gone-before',
    'rivalled',
    'resurrected',
  ] as const)('on a day that is %s', async (day) => {
    await holds({ day });
  });

  test('with one trouble or another at every step', async () => {
    const story = { forMs: beginning };
    const steps = await holds(story);
    expect(steps.length).toBeGreaterThan(20);
    for (const step of steps.keys()) await holds(story, [{ step, trouble: apartTroubles[step % 4] ?? 'before' }]);
  });

  test.each([
    ['DELETE', troubles],
    ['announce', ['crash-before']],
    ['telling: ledger.amend', ['stall']],
    ['ledger.amend', ['stall']],
    ['watch: ledger.postpone', ['after']],
  ] as const)('with trouble at this step: %s', async (name, each) => {
    const story = { forMs: beginning };
    const step = stepOf(await holds(story), name);
    for (const trouble of each) await holds(story, [{ step, trouble }]);
  });

  test('when a run dies with the value in hand, and one without it asks a person', async () => {
    const story = { reporters: ['value', 'id'], forMs: beginning } as const;
    const step = stepOf(await holds(story), 'ledger.nameKey');
    await holds(story, [{ step, trouble: 'crash-after' }]);
  });

  test('when a look at a key that lives for ever comes twice', async () => {
    const story = { day: 'undying' } as const;
    const step = stepOf(await holds(story), 'announce', 2);
    await holds(story, [{ step, trouble: 'crash-after' }]);
  });

  test('when whoever asked a person dies before sending for who tells them', async () => {
    const story = { reporters: ['id'], forMs: beginning } as const;
    const step = stepOf(await holds(story), 'announce');
    await holds(story, [{ step, trouble: 'crash-before' }]);
  });

  test('when the answer to writing that the key lives on is lost', async () => {
    const story = { day: 'alive-for-a-while', forMs: beginning } as const;
    const step = stepOf(await holds(story), 'ledger.save', 1);
    await holds(story, [{ step, trouble: 'after' }]);
  });

  test('when a run stands still between writing that it sends and sending', async () => {
    for (const day of ['failing-after', 'resurrected'] as const) {
      const step = stepOf(await holds({ day }), 'DELETE');
      await holds({ day }, [{ step, trouble: 'stall' }]);
    }
  });

  test('when a message comes several times at once, and again after the end and after the last look', async () => {
    await holds({ copies: 3, atOnce: 3, late: [2 * 60_000, 50 * 3_600_000] });
    await holds({ reporters: ['value', 'value'], atOnce: 2, late: [2 * 60_000] });
  });

  test('when the value is known, and the key lives on while others name it by its id', async () => {
    await holds({ day: 'alive-for-long', reporters: ['value', 'trusted-id'] });
    await holds({ day: 'alive-for-long', reporters: ['id', 'value'], late: [2 * 60_000] });
  });

  test.each([
    [['value', 'id']],
    [['id', 'value']],
    [['value', 'trusted-id']],
    [['trusted-id', 'value-and-id']],
    [['id', 'trusted-id']],
  ] as const)('when it is reported by %s, one after the other and at once', async (reporters) => {
    for (const atOnce of [1, 2]) await holds({ reporters, atOnce, forMs: beginning });
  });
});
