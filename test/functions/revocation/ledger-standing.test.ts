import { describe, expect, test } from 'vitest';
import {
  type IncidentRecord,
  type Outcome,
  outcomes,
  restsIn,
  type State,
} from '../../../functions/revocation/incident.ts';
import { leakFromSource } from '../../../functions/revocation/leak.ts';
import { isKnown, isReopenable, isResting, standing } from '../../../functions/revocation/ledger.ts';
import { beginning, recordOf, reportOf } from '../../support/reports.ts';

const now = beginning + 60_000;
const lease = (given: Partial<IncidentRecord['lease']> = {}) => ({
  claim: 'claim-0',
  message: 'message-0',
  delivery: 'msg_0',
  until: now + 10_000,
  scheduled: false,
  ...given,
});
const known = reportOf();
const news = reportOf({ message: 'message-2', delivery: 'msg_2' });
const asked = reportOf({ message: 'message-3', delivery: 'request-3', source: 'operator', order: {} });
const resting = (outcome: Outcome | null, state: State = outcome ? restsIn[outcome] : 'awaiting-approval') =>
  recordOf({ state, outcome, lease: lease({ until: 0 }) });

describe('an incident that a run holds', () => {
  const atWork: State[] = ['received', 'claimed', 'sent', 'unknown'];

  test.each(atWork)('is left to that run until its lease is over when it is %s', (state) => {
    const record = recordOf({ state, lease: lease({ until: now + 1 }) });
    for (const report of [known, news, asked]) expect(standing(record, report, now)).toBe('held');
  });

  test.each(atWork)('may be taken from the moment its lease is over when it is %s', (state) => {
    const record = recordOf({ state, lease: lease({ until: now }) });
    for (const report of [known, news, asked]) expect(standing(record, report, now)).toBe('claimed');
  });

  test.each(atWork)('is not left to a dry run or to what somebody wrote in a chat when a run died in %s', (state) => {
    const record = recordOf({ state, lease: lease({ until: now }) });
    const dry = reportOf({ message: 'dry', delivery: 'dry', order: { dryRun: true } });
    const written = { ...reportOf({ message: 'chat', delivery: 'chat' }), hearsay: true };
    for (const report of [dry, written]) {
      expect(standing(record, report, now)).toBe('held');
      const own = { ...record, lease: { ...record.lease, message: report.message } };
      if (state !== 'received') expect(standing(own, report, now)).toBe('claimed');
    }
  });

  test('is not even left to the message that drives that run: it may have been delivered twice', () => {
    const record = recordOf({ state: 'claimed', lease: lease({ message: known.message }) });
    expect(standing(record, known, now)).toBe('held');
  });
});

describe('an incident that a person has just decided, and whose run has not begun', () => {
  const record = recordOf({ state: 'received', fence: 4, lease: lease({ until: 0 }) });

  test('is taken by whatever comes, and by its own message', () => {
    const decision = reportOf({ message: 'decision', fence: 4, order: {}, leak: undefined });
    for (const report of [news, asked, decision]) expect(standing(record, report, now)).toBe('claimed');
  });

  test('is not taken by a dry run, which would make nothing of the decision', () => {
    for (const order of [{ dryRun: true }, { action: 'observe' as const }])
      expect(standing(record, reportOf({ message: 'dry', order }), now)).toBe('held');
  });

  test.each(['rejected', 'not-found', 'failed', 'observed'] as const)(
    'is not started again by its own message when another has brought it to %s',
    (outcome) => {
      const over = { ...resting(outcome), fence: 5 };
      const decision = reportOf({ message: 'decision', fence: 4, order: {}, leak: undefined });
      expect(standing(over, decision, now)).toBe('superseded');
    },
  );
});

describe('an order that was set aside and comes back', () => {
  const rejected = (at: number) => {
    const timeline = [{ at: new Date(at).toISOString(), stage: 'rejected', previous: '' }] as const;
    return { ...resting('rejected'), timeline: [...timeline] };
  };

  test('does not undo what a person said after it', () => {
    const given = Date.parse(asked.sighting.at);
    expect(standing(rejected(given + 1), asked, now)).toBe('settled');
    expect(standing(rejected(given - 1), asked, now)).toBe('claimed');
  });
});

describe('an incident that waits for a message', () => {
  const record = recordOf({ state: 'claimed', fence: 4, lease: lease({ message: 'put-back', scheduled: true }) });

  test('goes on when that message comes, before its lease is over', () => {
    expect(standing(record, reportOf({ message: 'put-back', fence: 4 }), now)).toBe('claimed');
  });

  test('does not go on for another report, but at once for a person', () => {
    for (const report of [known, news]) expect(standing(record, report, now)).toBe('held');
    expect(standing(record, asked, now)).toBe('claimed');
  });

  test('goes on for the message that took it and died, and for no other that was put back before', () => {
    const taken = recordOf({ state: 'claimed', fence: 5, lease: lease({ message: 'put-back', until: now - 1 }) });
    expect(standing(taken, reportOf({ message: 'put-back', fence: 4 }), now)).toBe('claimed');
    expect(standing(taken, reportOf({ message: 'older', fence: 4 }), now)).toBe('superseded');
  });

  test('goes on for any message when the one it waits for was lost', () => {
    expect(standing(record, news, record.lease.until)).toBe('claimed');
  });

  test('makes the message superfluous once another run has claimed it', () => {
    for (const fence of [5, 6]) {
      const taken = { ...record, fence, lease: lease({ message: 'another' }) };
      expect(standing(taken, reportOf({ message: 'put-back', fence: 4 }), now)).toBe('superseded');
    }
  });

  test('takes the message of the run that has the fence now', () => {
    expect(standing({ ...record, lease: lease({ until: 0 }) }, reportOf({ message: 'other', fence: 4 }), now)).toBe(
      'claimed',
    );
  });

  test('goes on when its deadline comes, although it rests', () => {
    const waiting = { ...record, state: 'awaiting-approval' as const };
    const deadline = reportOf({ message: 'put-back', fence: 4 });
    expect(standing(waiting, deadline, now)).toBe('claimed');
  });

  test('stays as a person decided when its deadline comes afterwards', () => {
    const rejected = {
      ...resting('rejected'),
      fence: 4,
      lease: lease({ delivery: known.sighting.delivery, until: 0 }),
    };
    const deadline = reportOf({ message: 'put-back', fence: 4 });
    expect(standing(rejected, deadline, now)).toBe('settled');
  });
});

describe('an incident that rests', () => {
  const final: Outcome[] = ['revoked', 'disabled', 'already-gone'];
  const untouched: Outcome[] = ['observed', 'not-found', 'rejected', 'restored'];
  const parked: Outcome[] = ['unrouted', 'ambiguous', 'protected', 'failed'];

  test('has one of these outcomes or waits for approval', () => {
    expect([...final, ...untouched, ...parked].sort()).toEqual([...outcomes].sort());
    for (const outcome of outcomes) expect(isResting(resting(outcome))).toBe(true);
    expect(isResting(resting(null))).toBe(true);
    for (const state of ['received', 'claimed', 'sent', 'unknown'] as const)
      expect(isResting(recordOf({ state }))).toBe(false);
  });

  test.each(final)('is never started again when it is %s', (outcome) => {
    for (const report of [known, news, asked]) expect(standing(resting(outcome), report, now)).toBe('settled');
    expect(isReopenable(resting(outcome))).toBe(false);
  });

  test.each(untouched)(
    'is started again by a person, and by news unless a person said no, when it is %s',
    (outcome) => {
      expect(standing(resting(outcome), known, now)).toBe('settled');
      expect(standing(resting(outcome), news, now)).toBe(
        outcome === 'rejected' || outcome === 'restored' ? 'settled' : 'claimed',
      );
      expect(standing(resting(outcome), asked, now)).toBe('claimed');
      expect(isReopenable(resting(outcome))).toBe(true);
    },
  );

  test.each(parked.filter((outcome) => outcome !== 'protected'))(
    'is started again by a person and by news when it is %s',
    (outcome) => {
      expect(standing(resting(outcome), known, now)).toBe('settled');
      expect(standing(resting(outcome), news, now)).toBe('claimed');
      expect(standing(resting(outcome), asked, now)).toBe('claimed');
    },
  );

  test('is started again by a person alone when the key is protected', () => {
    expect(standing(resting('protected'), news, now)).toBe('settled');
    expect(standing(resting('protected'), asked, now)).toBe('claimed');
  });

  test.each(['awaiting-approval', 'parked'] as const)(
    'is started again by a person alone when it is %s because a person is asked',
    (state) => {
      expect(standing(resting(null, state), known, now)).toBe('settled');
      expect(standing(resting(null, state), news, now)).toBe('settled');
      expect(standing(resting(null, state), asked, now)).toBe('claimed');
    },
  );

  test.each(['awaiting-approval', 'parked'] as const)(
    'is started again by the value of the key when that is all that was missing and it is %s',
    (state) => {
      const record = { ...resting(null, state), valueSettles: true };
      const byName = { ...news, leak: leakFromSource.parse({ identifiers: { keyId: 'k-1' } }) };
      expect(standing(record, news, now)).toBe('claimed');
      expect(standing(record, byName, now)).toBe('settled');
      // Its first run may have died before the one that asked a person came.
      expect(standing(record, known, now)).toBe('claimed');
    },
  );

  test('is not started again by the very delivery that brought it to rest', () => {
    const record = { ...resting('failed'), lease: lease({ delivery: asked.sighting.delivery, until: 0 }) };
    expect(standing(record, asked, now)).toBe('settled');
  });

  test('is not held by a lease, however long that still runs', () => {
    expect(standing({ ...resting('failed'), lease: lease() }, news, now)).toBe('claimed');
    expect(standing({ ...resting('revoked'), lease: lease() }, news, now)).toBe('settled');
  });
});

describe('a sighting', () => {
  const sighting = { source: 'standard', at: new Date(now).toISOString(), delivery: 'msg_9', reference: 'https://a' };
  const record = recordOf({ sightings: [reportOf().sighting, sighting] });
  const isOld = (given: Partial<typeof sighting>) => isKnown(record, { ...sighting, ...given });

  test('is known by its delivery, whatever its reference', () => {
    expect(isOld({ reference: 'https://b' })).toBe(true);
    expect(isOld({ reference: undefined })).toBe(true);
  });

  test('is known by its reference, whatever its delivery', () => {
    expect(isOld({ delivery: 'msg_10' })).toBe(true);
  });

  test('is news when both are new', () => {
    expect(isOld({ delivery: 'msg_10', reference: 'https://b' })).toBe(false);
  });

  test('is news from another source, even with the same delivery and reference', () => {
    expect(isOld({ source: 'gitguardian' })).toBe(false);
  });

  test('is not known because neither has a reference', () => {
    expect(isKnown(recordOf(), { source: 'standard', at: sighting.at, delivery: 'msg_10' })).toBe(false);
  });

  test('is news to an incident that has none', () => {
    expect(isKnown(recordOf({ sightings: [] }), sighting)).toBe(false);
  });
});
