import { createHash } from 'node:crypto';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Stage } from '../../../functions/revocation/incident.ts';
import {
  beginningOf,
  extended,
  flawsOf,
  hashOf,
  headOf,
  type Step,
  type TimelineEntry,
} from '../../../functions/revocation/timeline.ts';
import { testClock, testLedger } from '../../support/lane.ts';
import { beginning, incidentNamed, reportOf } from '../../support/reports.ts';

const incident = incidentNamed('a');
const stages: Stage[] = ['received', 'claimed', 'found', 'sent', 'accepted', 'alive', 'dead', 'parked', 'told'];
const stepOf = fc.record(
  {
    at: fc.date({ noInvalidDate: true, min: new Date(0), max: new Date(4e12) }).map((date) => date.toISOString()),
    stage: fc.constantFrom(...stages),
    detail: fc.string({ unit: 'binary', maxLength: 30 }),
  },
  { requiredKeys: ['at', 'stage'] },
) as fc.Arbitrary<Step>;
const stepsOf = fc.array(stepOf, { maxLength: 12 });
const storyOf = fc.array(stepOf, { minLength: 1, maxLength: 12 }).map((steps) => extended(incident, [], steps));

/** A story and one of its entries, by index. */
const storyAndPlace = storyOf.chain((story) =>
  fc.tuple(fc.constant(story), fc.integer({ min: 0, max: story.length - 1 })),
);
const isWhole = (story: readonly TimelineEntry[], kept: readonly TimelineEntry[], of = incident) =>
  flawsOf(of, story, { head: headOf(incident, kept) }).length === 0;

describe('the chain', () => {
  const steps: Step[] = [
    { at: '2026-11-20T12:00:00.000Z', stage: 'received' },
    { at: '2026-11-20T12:00:01.000Z', stage: 'found', detail: 'checkout – "é\u2028\n\u0001" 🔑' },
  ];
  const story = extended('inc_example', [], steps);

  test('is what anybody computes with SHA-256 from the entries as RFC 8785 writes them', () => {
    const sha256 = (text: string) => createHash('sha256').update(text, 'utf8').digest('hex');
    const first = sha256('{"incident":"inc_example"}');
    const second = sha256(`{"at":"2026-11-20T12:00:00.000Z","previous":"${first}","stage":"received"}`);
    const head = sha256(
      `{"at":"2026-11-20T12:00:01.000Z","detail":"checkout – \\"é\u2028\\n\\u0001\\" 🔑","previous":"${second}","stage":"found"}`,
    );
    expect(story.map(({ previous }) => previous)).toEqual([first, second]);
    expect(headOf('inc_example', story)).toBe(head);
  });

  test('does not change from one version to the next', () => {
    expect(story.map(({ previous }) => previous)).toEqual([
      '6d707b204d950326fceb0b0d5a18dd149039228b617e7ce70ff220d91e6a3401',
      '4838c8919efbc769df3affea8da3872bdbac2fe7c0126a47014fdb07b244555b',
    ]);
    expect(headOf('inc_example', story)).toBe('c5fe90cc714abe46ccbcb8aa4f3b8b32fdd63226c318f7c7c5f7fdbd1ed80550');
  });

  test('has no flaw as it was written, and ends at its head', () => {
    fc.assert(fc.property(stepsOf, (steps) => isWhole(extended(incident, [], steps), extended(incident, [], steps))));
  });

  test('goes on the same whether its steps come one by one or together', () => {
    fc.assert(
      fc.property(stepsOf, stepsOf, (first, second) => {
        const together = extended(incident, [], [...first, ...second]);
        expect(extended(incident, extended(incident, [], first), second)).toEqual(together);
      }),
    );
  });

  test('leaves the timeline that it goes on from as it was', () => {
    const before = structuredClone(story);
    extended('inc_example', story, steps);
    expect(story).toEqual(before);
  });

  test("does not depend on the order of an entry's fields, nor on a detail that is not there", () => {
    const [{ at, stage, previous }] = extended(incident, [], [{ at: 'then', stage: 'found', detail: undefined }]) as [
      TimelineEntry,
    ];
    expect(hashOf({ previous, stage, at })).toBe(hashOf({ at, stage, previous }));
    expect(hashOf({ at, stage, previous, detail: undefined })).toBe(hashOf({ at, stage, previous }));
    expect(hashOf({ at, stage, previous, detail: '' })).not.toBe(hashOf({ at, stage, previous }));
  });

  test('takes a detail that was cut through the middle of a character', () => {
    const [entry] = extended(incident, [], [{ at: 'then', stage: 'parked', detail: 'a key 🔑'.slice(0, -1) }]);
    expect(entry?.detail).toBe('a key \ufffd');
  });
});

describe('in a timeline that is not as it was written', () => {
  const edits = fc.constantFrom<(entry: TimelineEntry, other: string) => TimelineEntry>(
    (entry, other) => ({ ...entry, at: `${entry.at}${other}` }),
    (entry, other) => ({ ...entry, stage: `${entry.stage}${other}` as Stage }),
    (entry, other) => ({ ...entry, detail: `${entry.detail ?? ''}${other}` }),
    (entry, other) => ({ ...entry, previous: `${entry.previous}${other}` }),
    (entry, other) => ({ ...entry, [`x${other}`]: other }),
  );

  test('any edit of an entry shows', () => {
    const other = fc.string({ unit: 'grapheme', minLength: 1 });
    fc.assert(
      fc.property(storyAndPlace, edits, other, ([story, place], edit, text) => {
        const edited = story.with(place, edit(story[place] as TimelineEntry, text));
        expect(isWhole(edited, story)).toBe(false);
      }),
    );
  });

  test('an edit shows at the entry after it, or at the end', () => {
    fc.assert(
      fc.property(storyAndPlace, ([story, place]) => {
        const edited = story.with(place, { ...(story[place] as TimelineEntry), at: 'never' });
        expect(flawsOf(incident, edited, { head: headOf(incident, story) }).map(({ index }) => index)).toEqual([
          place + 1,
        ]);
      }),
    );
  });

  test('an entry that was taken out shows, wherever it was', () => {
    fc.assert(fc.property(storyAndPlace, ([story, place]) => !isWhole(story.toSpliced(place, 1), story)));
  });

  test('an entry that was put in shows, wherever, and whatever it is linked to', () => {
    fc.assert(
      fc.property(storyAndPlace, stepOf, fc.nat(12), ([story, place], step, link) => {
        const previous = story[link % story.length]?.previous ?? '';
        expect(isWhole(story.toSpliced(place, 0, { ...step, previous }), story)).toBe(false);
        expect(isWhole([...story, { ...step, previous: headOf(incident, story) }], story)).toBe(false);
      }),
    );
  });

  test('two entries that changed places show', () => {
    fc.assert(
      fc.property(storyAndPlace, fc.nat(12), ([story, left], right) => {
        fc.pre(left !== right % story.length);
        const [one, other] = [story[left], story[right % story.length]] as [TimelineEntry, TimelineEntry];
        expect(isWhole(story.with(left, other).with(right % story.length, one), story)).toBe(false);
      }),
    );
  });

  test('an end or a beginning that was cut off shows', () => {
    fc.assert(
      fc.property(storyAndPlace, ([story, place]) => {
        expect(isWhole(story.slice(0, place), story)).toBe(false);
        expect(isWhole(story.slice(place + 1), story)).toBe(false);
      }),
    );
  });

  test('a story of another incident shows, its head and all', () => {
    fc.assert(fc.property(storyOf, (story) => !isWhole(story, story, incidentNamed('b'))));
  });
});

describe('a part of a timeline', () => {
  test('is whole from where it is said to start, and from nowhere else', () => {
    fc.assert(
      fc.property(storyAndPlace, ([story, place]) => {
        const [part, head, start] = [story.slice(place), headOf(incident, story), story[place]?.previous];
        expect(flawsOf(incident, part, { start, head })).toEqual([]);
        expect(flawsOf(incident, part, { start: hashOf({ another: 1 }), head })).toMatchObject([{ index: 0 }]);
      }),
    );
  });

  test('that is empty ends where it begins', () => {
    expect(headOf(incident, [])).toBe(beginningOf(incident));
    expect(flawsOf(incident, [], { head: beginningOf(incident) })).toEqual([]);
    expect(flawsOf(incident, [], { head: 'another' })).toMatchObject([{ index: 0 }]);
  });
});

describe('the ledger', () => {
  let table: Awaited<ReturnType<typeof testLedger>>;
  const clock = testClock(beginning);
  beforeAll(async () => {
    table = await testLedger(clock);
  });
  afterAll(() => table.close());

  test('gives a timeline back so that its hashes still hold, whatever the details', async () => {
    let word = 0;
    await fc.assert(
      fc.asyncProperty(fc.array(stepOf, { minLength: 1, maxLength: 6 }), async (timeline) => {
        word += 1;
        const report = reportOf({ incident: incidentNamed(`r${word}x`), delivery: `msg_${word}` });
        const { record } = await table.ledger.claim(report, clock.now() + 60_000);
        await table.ledger.save(record, { timeline });
        const read = await table.ledger.read(report.incident);
        expect(read?.timeline).toHaveLength(2 + timeline.length);
        expect(flawsOf(report.incident, read?.timeline ?? [], { head: read?.head })).toEqual([]);
      }),
      { numRuns: 30 },
    );
  });

  test('takes an order whose reason ends in half a character', async () => {
    const report = reportOf({ incident: incidentNamed('half'), order: { reason: 'it leaked \ud83d' } });
    const { record } = await table.ledger.claim(report, clock.now() + 60_000);
    const read = await table.ledger.read(record.id);
    expect(read?.timeline[0]).toMatchObject({ stage: 'received', detail: 'it leaked \ufffd' });
    expect(flawsOf(record.id, read?.timeline ?? [], { head: read?.head })).toEqual([]);
  });
});
