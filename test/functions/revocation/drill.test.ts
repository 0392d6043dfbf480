import { readFileSync } from 'node:fs';
import { afterEach, describe, expect, test, vi } from 'vitest';
import type { DrillServices } from '../../../functions/revocation/drill.ts';
import { Unavailable } from '../../../functions/revocation/errors.ts';
import { readReport, writeReport } from '../../../functions/revocation/report.ts';
import type { DatadogKey } from '../../../lib/local/vendors/datadog.ts';
import { admin, drilledLane, type Scene } from '../../support/drilled-lane.ts';

// Hours of virtual time are many steps, and the machine may have others to serve.
vi.setConfig({ testTimeout: 120_000 });

const minute = 60_000;
const hour = 60 * minute;

const closers: (() => Promise<void>)[] = [];
afterEach(async () => {
  await Promise.all(closers.splice(0).map((close) => close()));
});

async function begin(scene?: Scene) {
  const lane = await drilledLane(scene);
  closers.push(lane.end);
  return lane;
}

describe('a drill', () => {
  test('makes a key, leaks it to the lane, and the lane kills it as it would any other', async () => {
    const { order, work, incident, livingDrills, keys, vendor, told, clock } = await begin();
    const others = keys.map(({ id }) => id);
    await order();
    const [fresh] = livingDrills();
    expect(fresh?.name).toMatch(/^leakstop-drill-[0-9a-z]{6}-[0-9a-f]{8}$/);
    expect(fresh?.name.length).toBeLessThanOrEqual(30);
    clock.advance(2000);
    await work();
    expect(await incident()).toMatchObject({
      state: 'closed',
      outcome: 'revoked',
      keyId: fresh?.id,
      account: 'main',
      sightings: [{ source: 'drill', reference: fresh?.name }],
      timeToDeadMs: 2000,
    });
    expect(vendor.deletions).toEqual([fresh?.id]);
    expect(keys.map(({ id }) => id)).toEqual(others);
    await order();
    expect(told()).toEqual([expect.objectContaining({ drill: 'dead', timeToDeadMs: 2000 })]);
  });

  test('is told once, and is not begun again before the next is due', async () => {
    const { order, work, told, made, clock } = await begin();
    await order();
    await work();
    for (let round = 0; round < 5; round += 1) {
      await order();
      clock.advance(hour);
    }
    expect(made()).toBe(1);
    expect(told()).toHaveLength(1);
    clock.advance(hour);
    await order();
    await work();
    await order();
    expect(made()).toBe(2);
    expect(told().map(({ drill: word }) => word)).toEqual(['dead', 'dead']);
  });

  test('is begun at once when a person has deleted what is remembered of the last, as the page for operators says', async () => {
    const { order, work, told, made, forget } = await begin();
    await order();
    await work();
    await order();
    const page = readFileSync(new URL('../../../docs/operate.md', import.meta.url), 'utf8');
    const [, id = ''] = /delete-item .*"S":"([^"]+)"/.exec(page) ?? [];
    await forget(id.replace(/#prod$/, '#main'));
    await order();
    await work();
    await order();
    expect(made()).toBe(2);
    expect(told().map(({ drill: word }) => word)).toEqual(['dead', 'dead']);
  });

  test('is one at a time, however many orders come at once', async () => {
    const { order, work, made, told, livingDrills } = await begin();
    await Promise.all([order(), order(), order(), order()]);
    expect(made()).toBe(1);
    await work();
    await Promise.all([order(), order(), order()]);
    expect(told()).toHaveLength(1);
    expect(livingDrills()).toEqual([]);
  });

  test('is left to whoever is making its key, for as long as that may take', async () => {
    const { order, services, made, work, livingDrills, vendor } = await begin();
    let inBetween = 0;
    const slow: DrillServices = {
      ...services,
      send: async (to, request) => {
        inBetween += 1;
        await order();
        return services.send(to, request);
      },
    };
    await order(slow);
    expect(inBetween).toBeGreaterThan(1);
    expect(made()).toBe(1);
    expect(vendor.deletions).toEqual([]);
    await work();
    expect(livingDrills()).toEqual([]);
  });

  test.each(['observe', 'approve', 'disable'] as const)(
    'kills its key where policy says %s for all others',
    async (action) => {
      const { order, work, incident, follow, keys, livingDrills } = await begin({ action });
      await order();
      await work();
      expect(await incident()).toMatchObject({ outcome: 'revoked', action: 'delete' });
      expect(livingDrills()).toEqual([]);
      // Others' keys are treated as before.
      const other = await follow({ provider: 'datadog', secret: keys[0]?.key });
      expect(other.outcome).not.toBe('revoked');
    },
  );

  test('is found without presenting its key where policy forbids that', async () => {
    const { order, work, incident, vendor } = await begin({ policy: { useLeakedKey: false } });
    await order();
    await work();
    expect(await incident()).toMatchObject({ outcome: 'revoked', proof: { method: 'key-absent' } });
    expect(vendor.arrivals.some(({ target }) => target.includes('validate'))).toBe(false);
  });

  test('does not count against the fuse, and is not held up by one that has blown', async () => {
    const policy = { fuse: { limit: 1, windowMinutes: 600 } };
    const { order, work, incident, follow, keys, clock } = await begin({ policy });
    await order();
    await work();
    expect((await follow({ provider: 'datadog', secret: keys[0]?.key })).outcome).toBe('revoked');
    expect((await follow({ provider: 'datadog', secret: keys[0]?.key })).state).toBe('awaiting-approval');
    clock.advance(6 * hour);
    await order();
    await work();
    expect(await incident()).toMatchObject({ outcome: 'revoked', sightings: [{ source: 'drill' }] });
  });

  test('may end the key that it has made and no other, whatever the lane finds', async () => {
    const { order, waiting, run, keys, ledger, vendor, made } = await begin();
    await order();
    const [planted] = waiting.splice(0);
    const report = readReport(planted?.body ?? '');
    const other = keys[0] as DatadogKey;
    await run(readReport(writeReport({ ...report, order: { action: 'delete', drill: { keyId: other.id } } })));
    expect(await ledger.read(report.incident)).toMatchObject({ state: 'parked', outcome: 'protected' });
    expect(vendor.deletions).toEqual([]);
    expect(made()).toBe(1);
  });

  test('waits for a provider that does not show a new key at once', async () => {
    const { order, work, incident, vendor, keys } = await begin({ traits: { selfLookup: false } });
    await order();
    const hidden = keys.pop() as DatadogKey;
    await work(3000);
    expect(await incident()).toMatchObject({ state: 'claimed', outcome: null });
    keys.push(hidden);
    await work();
    expect(await incident()).toMatchObject({ outcome: 'revoked', keyId: hidden.id });
    expect(vendor.deletions).toEqual([hidden.id]);
  });

  test('is nothing that an account without a plan knows, nor an order that is old', async () => {
    const { order, services, made, clock } = await begin({ accounts: { main: admin, eu: admin } });
    await order(services, 'eu');
    await order({ ...services, drills: { ...services.drills, plan: undefined } });
    await order(services, 'main', clock.now() - 3 * minute);
    expect(made()).toBe(0);
  });

  test('holds its key in nothing but the lane, sealed and on its way', async () => {
    const { order, work, livingDrills, notes, book, incident } = await begin();
    await order();
    const value = livingDrills()[0]?.key ?? '';
    await work();
    await order();
    expect(value).toMatch(/^[0-9a-f]{32}$/);
    expect(JSON.stringify([notes, await book.read('main'), await incident()])).not.toContain(value);
  });
});

describe('a drill whose key outlives the objective', () => {
  test('is told as late when the objective is over, once, and with its time when it is dead after all', async () => {
    const { order, work, told } = await begin({ traits: { propagationMs: 20 * minute } });
    await order();
    await work(minute + 1000);
    await order();
    await order();
    expect(told()).toEqual([expect.objectContaining({ drill: 'late' })]);
    await work(3 * hour);
    await order();
    expect(told().map(({ drill: word }) => word)).toEqual(['late', 'dead']);
    expect(told()[1]?.timeToDeadMs).toBeGreaterThan(20 * minute);
  });

  test('is told as late though nobody asked in time', async () => {
    const { order, work, told } = await begin({ traits: { propagationMs: 20 * minute } });
    await order();
    await work(5 * hour);
    await order();
    expect(told().map(({ drill: word }) => word)).toEqual(['dead', 'late']);
  });

  test('is missed when it is not dead by the time that the next is due', async () => {
    const { order, work, told, made, clock } = await begin({ traits: { propagationMs: 40 * hour } });
    await order();
    await work(3 * hour);
    clock.advance(6 * hour);
    await order();
    expect(told().map(({ drill: word }) => word)).toEqual(['missed']);
    expect(made()).toBe(2);
  });
});

describe('a drill that cannot be', () => {
  test('is missed at once where the right to make keys is missing, with the remedy, and is not tried before the next is due', async () => {
    const { order, told, made, clock } = await begin({ rights: ['api_keys_read', 'api_keys_delete'] });
    await order();
    clock.advance(5 * minute);
    await order();
    expect(told()).toEqual([
      {
        incident: 'drill of account main',
        drill: 'missed',
        detail: expect.stringContaining('refuses the admin credential of account main (403)'),
      },
    ]);
    // Once with the credential that was at hand, once with it read anew.
    expect(made()).toBe(2);
  });

  test('is missed where its key was made and may not be ended, and the incident says so', async () => {
    const { order, work, told, incident } = await begin({ rights: ['api_keys_read', 'api_keys_write'] });
    await order();
    await work();
    await order();
    expect(await incident()).toMatchObject({ state: 'parked', outcome: 'failed' });
    expect(told()).toEqual([
      expect.objectContaining({
        drill: 'missed',
        detail: expect.stringMatching(/rests as failed; its key may be alive: /),
      }),
    ]);
  });

  test('is tried again while the provider has a bad moment, and begins when that is over', async () => {
    const { order, work, told, vendor, clock } = await begin();
    const trouble = { on: /^POST /, reply: { status: 503 } };
    vendor.troubles.push(trouble);
    for (let round = 0; round < 3; round += 1) {
      await order();
      clock.advance(minute);
    }
    expect(told()).toEqual([]);
    vendor.troubles.splice(0);
    await order();
    await work();
    await order();
    expect(told().map(({ drill: word }) => word)).toEqual(['dead']);
  });

  test('is given up after an hour of bad moments', async () => {
    const { order, told, vendor, clock, made } = await begin();
    vendor.troubles.push({ on: /^POST /, reply: { status: 503 } });
    for (let round = 0; round < 18; round += 1) {
      await order();
      clock.advance(5 * minute);
    }
    expect(told().map(({ drill: word }) => word)).toEqual(['missed']);
    expect(made()).toBe(13);
  });

  test('is given up after three answers that nobody wrote down, and leaves no key', async () => {
    const { order, told, vendor, clock, made, livingDrills } = await begin();
    vendor.troubles.push({ on: /^POST /, reply: { status: 200, body: {} }, afterActing: true });
    for (let round = 0; round < 9; round += 1) {
      await order();
      clock.advance(minute);
    }
    expect(told().map(({ drill: word }) => word)).toEqual(['missed']);
    expect(made()).toBe(3);
    expect(livingDrills()).toEqual([]);
  });
});

describe('what a drill has left behind', () => {
  test('after an answer that was lost is found by its name and ended before a key is made again', async () => {
    const { order, work, told, vendor, clock, livingDrills, made } = await begin();
    vendor.troubles.push({ on: /^POST /, reply: 'drop-after', times: 1 });
    await order();
    expect(livingDrills()).toHaveLength(1);
    const [orphan] = livingDrills();
    clock.advance(minute);
    await order();
    expect(vendor.deletions).toEqual([orphan?.id]);
    expect(livingDrills()).toHaveLength(1);
    await work();
    await order();
    expect(made()).toBe(2);
    expect(livingDrills()).toEqual([]);
    expect(told().map(({ drill: word }) => word)).toEqual(['dead']);
  });

  test('is told from what others call a drill: their names are not marked as ours, in this account', async () => {
    const { order, work, livingDrills } = await begin({
      others: (name) => [
        { id: 'ours', name: name('main', Date.parse('2026-11-01T00:00:00Z')) },
        { id: 'of another account', name: name('eu', Date.parse('2026-11-01T00:00:00Z')) },
        { id: 'made up', name: 'leakstop-drill-t8zzzz-0123abcd' },
        { id: 'alike', name: `${name('main', 0)}-2` },
        { id: 'somebody', name: 'leakstop-drill-of-mine' },
      ],
    });
    await order();
    await work();
    expect(livingDrills().map(({ id }) => id)).toEqual(['of another account', 'made up', 'alike', 'somebody']);
  });

  test('is left alone where policy protects it, or it is what we act with', async () => {
    const { order, work, keys, vendor } = await begin({
      policy: { protected: [{ provider: 'datadog', keyId: 'shielded', reason: 'a test' }] },
      others: (name) => [
        { id: 'shielded', name: name('main', Date.parse('2026-11-01T00:00:00Z')) },
        { id: 'own', key: admin.apiKey, name: name('main', Date.parse('2026-11-02T00:00:00Z')) },
      ],
    });
    await order();
    await work();
    expect(keys.map(({ id }) => id)).toEqual(expect.arrayContaining(['shielded', 'own']));
    expect(vendor.deletions).not.toContain('shielded');
    expect(vendor.deletions).not.toContain('own');
    expect(vendor.deletions).toHaveLength(1);
  });
});

/** A function that dies: nothing after it happens. */
class Died extends Error {}

/** Services of a function that dies at its `n`th step, before it or when it is done. */
function mortal(services: DrillServices, n: number, when: 'before' | 'after') {
  let step = 0;
  const dying =
    <Input extends unknown[], Result>(act: (...input: Input) => Promise<Result>) =>
    async (...input: Input): Promise<Result> => {
      if (step >= n) throw new Died();
      step += 1;
      if (step === n && when === 'before') throw new Died();
      const result = await act(...input);
      if (step === n) throw new Died();
      return result;
    };
  const { plan, book } = services.drills;
  const wrapped: DrillServices = {
    ...services,
    send: dying(services.send),
    putBack: dying(services.putBack),
    drills: { plan, book: { read: dying(book.read), write: dying(book.write) } },
  };
  return { wrapped, hasDied: () => step >= n };
}

describe('a function that dies in the middle of a drill', () => {
  const places = Array.from({ length: 8 }, (_, index) => index + 1).flatMap((n) =>
    (['before', 'after'] as const).map((when) => ({ n, when })),
  );

  test.each(places)('at step $n, $when it, leaves no living key, and nobody else’s is touched', async ({ n, when }) => {
    const { order, work, services, keys, clock, livingDrills, vendor, told } = await begin();
    const others = keys.map(({ id }) => id);
    const { wrapped, hasDied } = mortal(services, n, when);
    await order(wrapped).catch((error) => {
      if (!(error instanceof Died)) throw error;
    });
    // The rest of the hour, and the next drill.
    for (let round = 0; round < 60; round += 1) {
      clock.advance(minute);
      await order();
      await work(minute / 2);
    }
    expect(livingDrills(), `the drill that died: ${hasDied()}`).toEqual([]);
    clock.advance(6 * hour);
    await order();
    await work();
    await order();
    expect(livingDrills()).toEqual([]);
    expect(keys.map(({ id }) => id)).toEqual(others);
    expect(new Set(vendor.deletions).size).toBe(vendor.deletions.length);
    const words = told().map(({ drill: word }) => word);
    // What was written down as planted and never sent costs this one drill, and is told.
    const isLost = (n === 5 && when === 'after') || (n === 6 && when === 'before');
    expect(words).toEqual(isLost ? ['late', 'missed', 'dead'] : ['dead', 'dead']);
  });
});

test('a ledger that gives no answer leaves the drill to the next order', async () => {
  const { order, work, services, told, clock } = await begin();
  const { plan, book } = services.drills;
  const down = async () => {
    throw new Unavailable('the ledger gave no answer');
  };
  await order({ ...services, drills: { plan, book: { read: down, write: down } } });
  await order({ ...services, drills: { plan, book: { ...book, write: down } } });
  expect(told()).toEqual([]);
  clock.advance(minute);
  await order();
  await work();
  await order();
  expect(told().map(({ drill: word }) => word)).toEqual(['dead']);
});
