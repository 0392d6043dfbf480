import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { type IncidentRecord, outcomes, states } from '../../../functions/revocation/incident.ts';
import { isResting } from '../../../functions/revocation/ledger.ts';
import { dueAt, isWatched, watchAfter, watchFrom } from '../../../functions/revocation/watch.ts';
import { recordOf } from '../../support/reports.ts';

const minute = 60_000;
const hour = 60 * minute;
const death = Date.parse('2026-11-20T12:00:00.000Z');

/** The minutes after the death at which a key is looked at, each look as late as `late` says; `wasClear` tells what each saw. */
function looksAt(wasClear: (look: number) => boolean, late = () => 0): number[] {
  const times: number[] = [];
  for (let watch: ReturnType<typeof watchAfter> = watchFrom(death); watch !== null && times.length < 1000; ) {
    const now = watch.at + late();
    times.push((now - death) / minute);
    watch = watchAfter(watch, now, wasClear(times.length));
  }
  return times;
}

describe('a dead key is looked at again', () => {
  test('after 1, 5 and 60 minutes and after a day, and then no more', () => {
    expect(looksAt(() => true)).toEqual([1, 5, 60, 24 * 60]);
  });

  test('on time, however late the look before was', () => {
    expect(watchAfter(watchFrom(death), death + 4 * minute, true)).toEqual({ since: death, at: death + 5 * minute });
    expect(watchAfter(watchFrom(death), death + 5 * minute, true)).toEqual({ since: death, at: death + hour });
    expect(watchAfter(watchFrom(death), death + 30 * hour, true)).toBeNull();
  });

  test('soon after a look that told nothing, with growing pauses, and at its times all the same', () => {
    const times = looksAt((look) => look > 6);
    expect(times.slice(0, 8)).toEqual([1, 2, 3, 4, 5, 6.25, expect.closeTo(7.81, 1), 60]);
    expect(times.at(-1)).toBe(24 * 60);
  });

  test('no longer than two days after its death, if every look tells nothing', () => {
    const times = looksAt(() => false);
    expect(times.length).toBeLessThan(60);
    expect(times.at(-1)).toBeGreaterThan(36 * 60);
    expect(times.at(-1)).toBeLessThanOrEqual(48 * 60);
    for (const scheduled of [1, 5, 60, 24 * 60]) expect(times).toContain(scheduled);
  });

  test('once more after a last look that told nothing', () => {
    expect(watchAfter({ since: death, at: death + 24 * hour }, death + 24 * hour, false)).toEqual({
      since: death,
      at: death + 30 * hour,
    });
  });

  test('always later than the look before, at a whole millisecond, and not for ever', () => {
    fc.assert(
      fc.property(fc.array(fc.boolean()), fc.array(fc.nat(3 * hour)), (clear, late) => {
        const times = looksAt(
          (look) => clear[look] ?? false,
          () => late.pop() ?? 0,
        );
        expect(times.length).toBeLessThan(100);
        expect(times).toEqual(times.toSorted((left, right) => left - right));
        expect(new Set(times).size).toBe(times.length);
        for (const time of times) expect(Number.isInteger(Math.round(time * minute * 1e6) / 1e6)).toBe(true);
      }),
    );
  });
});

const now = death + 10 * minute;
const lease = { claim: 'c', message: 'm', delivery: 'd', until: now + 30_000, scheduled: false };
const watch = watchFrom(death);
const moving = states.filter((state) => !isResting({ state }));

describe('somebody looks at an incident', () => {
  test.each(moving)('that is %s, two minutes after the time of its run is over', (state) => {
    expect(dueAt(recordOf({ state, lease }), now)).toBe(now + 150_000);
    expect(dueAt(recordOf({ state, lease: { ...lease, until: now - hour } }), now)).toBe(now + 120_000);
    expect(dueAt(recordOf({ state, lease: { ...lease, until: 0 } }), now)).toBe(now + 120_000);
  });

  test.each(moving)('that is %s, though its message only waits its time', (state) => {
    const scheduled = { ...lease, until: now + hour, scheduled: true };
    expect(dueAt(recordOf({ state, lease: scheduled }), now)).toBe(now + hour + 120_000);
  });

  test('whose key outlives its deletion, at the time of the next look', () => {
    const record = recordOf({ state: 'sent', lease: { ...lease, until: 0 }, watch: { since: death, at: now + hour } });
    expect(dueAt(record, now)).toBe(now + hour);
    expect(dueAt({ ...record, lease }, now)).toBe(now + 150_000);
  });

  test('that is closed while its key is watched, and not after', () => {
    const record = recordOf({ state: 'closed', outcome: 'revoked', lease: { ...lease, until: 0 } });
    expect(dueAt({ ...record, watch }, now)).toBe(watch.at);
    expect(dueAt(record, now)).toBeUndefined();
  });

  test.each(['parked', 'awaiting-approval'] as const)('that is %s never: a person does', (state) => {
    expect(dueAt(recordOf({ state, lease, watch }), now)).toBeUndefined();
  });

  test('that rests and of which somebody has still to be told, two minutes later', () => {
    for (const state of ['parked', 'awaiting-approval', 'closed'] as const)
      expect(dueAt(recordOf({ state, telling: true }), now)).toBe(now + 120_000);
  });

  test('whose teller waits for a time of its own, two minutes after that', () => {
    const record = recordOf({ state: 'parked', telling: true, tellAt: now + hour });
    expect(dueAt(record, now)).toBe(now + hour + 120_000);
    expect(dueAt({ ...record, tellAt: now - hour }, now)).toBe(now + 120_000);
    expect(dueAt({ ...record, telling: false }, now)).toBeUndefined();
  });

  test('for the nearer of two reasons', () => {
    const record = recordOf({ state: 'closed', outcome: 'revoked', telling: true });
    expect(dueAt({ ...record, watch: { since: death, at: now + 10 } }, now)).toBe(now + 10);
    expect(dueAt({ ...record, watch: { since: death, at: now + hour } }, now)).toBe(now + 120_000);
  });

  test('whenever it moves or is watched or untold, and only then', () => {
    const recordsOf: fc.Arbitrary<IncidentRecord> = fc
      .record({
        state: fc.constantFrom(...states),
        outcome: fc.constantFrom(null, ...outcomes),
        telling: fc.boolean(),
        tellAt: fc.option(fc.nat(hour).map((ms) => now + ms)),
        watch: fc.option(fc.nat(hour).map((ms) => ({ since: death, at: death + ms }))),
        until: fc.oneof(
          fc.constant(0),
          fc.nat(hour).map((ms) => death + ms),
        ),
        scheduled: fc.boolean(),
      })
      .map(({ until, scheduled, ...given }) => recordOf({ ...given, lease: { ...lease, until, scheduled } }));
    fc.assert(
      fc.property(recordsOf, (record) => {
        const needed = !isResting(record) || record.telling || (record.state === 'closed' && record.watch !== null);
        expect(dueAt(record, now) !== undefined).toBe(needed);
      }),
    );
  });
});

test('only a closed death with looks ahead is watched', () => {
  const dead = recordOf({ state: 'closed', outcome: 'revoked', watch });
  expect(isWatched(dead)).toBe(true);
  expect(isWatched({ ...dead, watch: null })).toBe(false);
  expect(isWatched({ ...dead, outcome: 'restored' })).toBe(false);
  expect(isWatched({ ...dead, state: 'sent', outcome: null })).toBe(false);
});
