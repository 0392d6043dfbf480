import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { openWorld } from './history.ts';

// A bounded part of `npm run faults`: single faults, on a good day and on one on which the provider wants to be asked again later.
describe('a key dies once, and the incident tells the truth about it', () => {
  let world: Awaited<ReturnType<typeof openWorld>>;
  beforeAll(async () => {
    world = await openWorld();
  });
  afterAll(() => world.end());

  test.each([
    ['before', 'fine'],
    ['after', 'limited'],
    ['crash-before', 'fine'],
    ['crash-after', 'limited'],
  ] as const)('whatever step it meets this trouble at: %s, on a day that is %s', async (trouble, day) => {
    const { steps, violations } = await world.tell([], { day });
    expect(violations).toEqual([]);
    expect(steps.length).toBeGreaterThan(10);
    for (let step = 0; step < steps.length; step += 1) {
      const { violations: broken } = await world.tell([{ step, trouble }], { day });
      expect(broken, `${trouble} ${step} (${steps[step]})`).toEqual([]);
    }
  });
});
