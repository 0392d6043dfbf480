import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { openWorld, troubles } from './history.ts';

// A bounded part of `npm run faults`: every single fault, on a day on which the provider wants to be asked again later.
describe('a key dies once, and the incident tells the truth about it', () => {
  let world: Awaited<ReturnType<typeof openWorld>>;
  beforeAll(async () => {
    world = await openWorld();
  });
  afterAll(() => world.end());

  test.each(troubles)('whatever step it meets this trouble at: %s', async (trouble) => {
    const { steps, violations } = await world.tell([], { day: 'limited' });
    expect(violations).toEqual([]);
    expect(steps.length).toBeGreaterThan(15);
    for (let step = 0; step < steps.length; step += 1) {
      const { violations: broken } = await world.tell([{ step, trouble }], { day: 'limited' });
      expect(broken, `${trouble} ${step} (${steps[step]})`).toEqual([]);
    }
  });
});
