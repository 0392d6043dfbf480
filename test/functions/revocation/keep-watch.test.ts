import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { readDrillOrder } from '../../../functions/revocation/drill-order.ts';
import { Unavailable } from '../../../functions/revocation/errors.ts';
import { type IncidentRecord, type Outcome, restsIn } from '../../../functions/revocation/incident.ts';
import { keepWatch, type Watchtower, watchRound } from '../../../functions/revocation/keep-watch.ts';
import type { Change, Ledger } from '../../../functions/revocation/ledger.ts';
import { readReport } from '../../../functions/revocation/report.ts';
import { readErrand } from '../../../functions/revocation/tell.ts';
import { watchFrom } from '../../../functions/revocation/watch.ts';
import { testClock, testLedger } from '../../support/lane.ts';
import { beginning, incidentNamed, reportOf } from '../../support/reports.ts';

const minute = 60_000;
const hour = 60 * minute;

let clock: ReturnType<typeof testClock>;
let table: Awaited<ReturnType<typeof testLedger>>;
let ledger: Ledger;
/** What went to each queue. */
let sent: Record<string, string[]>;
beforeEach(async () => {
  clock = testClock(beginning);
  table = await testLedger(clock);
  ledger = table.ledger;
  sent = {};
});
afterEach(() => table.close());

async function working(word: string, given: Parameters<typeof reportOf>[0] = {}): Promise<IncidentRecord> {
  const incident = incidentNamed(word);
  const claim = await ledger.claim(
    reportOf({ incident, message: word, delivery: word, ...given }),
    clock.now() + 30_000,
  );
  expect(claim.is).toBe('claimed');
  return claim.record;
}

async function resting(
  word: string,
  outcome: Outcome,
  change: Change = {},
  given: Parameters<typeof reportOf>[0] = {},
): Promise<IncidentRecord> {
  const record = await working(word, given);
  const lease = { ...record.lease, until: 0 };
  return ledger.save(record, { state: restsIn[outcome], outcome, lease, ...change });
}

/** A tower that sends to `sent`; queues that are down take nothing. */
function tower({ down = [], ...given }: Partial<Watchtower> & { down?: string[] } = {}): Watchtower {
  let messages = 0;
  return {
    ledger,
    lanes: { datadog: 'lane-datadog', coveo: 'lane-coveo' },
    notices: 'notices',
    send: async (queue, bodies) => {
      if (down.includes(queue)) throw new Unavailable('the queue did not give an answer');
      sent[queue] = [...(sent[queue] ?? []), ...bodies];
    },
    now: clock.now,
    newId: () => {
      messages += 1;
      return `message-of-the-watch-${messages}`;
    },
    ...given,
  };
}
const round = (given?: Parameters<typeof tower>[0]) => keepWatch(tower(given));
const looked = (queue = 'lane-datadog') => (sent[queue] ?? []).map((body) => readReport(body));
const untold = () => (sent.notices ?? []).map((body) => readErrand(body));
const dueNow = async () => (await ledger.due(1000)).map(({ incident }) => incident).toSorted();

describe('a round', () => {
  test('passes nothing on while nothing is due', async () => {
    await working('a');
    await resting('b', 'revoked', { watch: watchFrom(clock.now()) });
    await resting('c', 'failed', { telling: true });
    await resting('d', 'failed');
    expect(await round()).toBe(0);
    expect(sent).toEqual({});
  });

  test('passes a run that is overdue on to its lane, without the leak and without an order', async () => {
    const { id } = await working('a');
    clock.advance(30_000 + 2 * minute);
    expect(await round()).toBe(1);
    const at = new Date(clock.now()).toISOString();
    expect(sent).toEqual({ 'lane-datadog': [expect.any(String)] });
    expect(looked()).toEqual([
      {
        message: 'message-of-the-watch-1',
        incident: id,
        provider: 'datadog',
        kind: 'api-key',
        sighting: { source: 'keep-watch', at, delivery: 'message-of-the-watch-1' },
        mayNameKeys: false,
        tries: { unavailable: 0, unexpected: 0 },
        look: {},
      },
    ]);
  });

  test('passes a dead key on when it is time to look at it', async () => {
    const { id } = await resting('a', 'revoked', { watch: watchFrom(clock.now()) });
    clock.advance(minute);
    expect(await round()).toBe(1);
    expect(looked()).toMatchObject([{ incident: id, look: {} }]);
    expect(untold()).toEqual([]);
  });

  test('passes an untold ending on to who tells, and looks at nothing for it', async () => {
    const parked = await resting('a', 'failed', { telling: true });
    const closed = await resting('b', 'revoked', { telling: true, watch: { since: 0, at: clock.now() + hour } });
    clock.advance(2 * minute);
    expect(await round()).toBe(2);
    expect(looked()).toEqual([]);
    const errand = { delivered: [], tries: 0, since: clock.now() };
    expect(untold()).toHaveLength(2);
    for (const incident of [parked.id, closed.id]) expect(untold()).toContainEqual({ incident, ...errand });
  });

  test('passes a key that is to be looked at and is untold on to both', async () => {
    const { id } = await resting('a', 'revoked', { telling: true, watch: watchFrom(clock.now()) });
    clock.advance(2 * minute);
    await round();
    expect(looked()).toMatchObject([{ incident: id }]);
    expect(untold()).toMatchObject([{ incident: id }]);
  });

  test('passes each on to its own lane', async () => {
    await working('a');
    await working('b', { provider: 'coveo' });
    clock.advance(3 * minute);
    await round();
    expect(looked('lane-datadog')).toMatchObject([{ incident: incidentNamed('a') }]);
    expect(looked('lane-coveo')).toMatchObject([{ incident: incidentNamed('b') }]);
  });

  test('passes on what was passed on five minutes ago, and still has not moved', async () => {
    await working('a');
    clock.advance(3 * minute);
    expect([await round(), await round()]).toEqual([1, 0]);
    clock.advance(5 * minute - 1);
    expect(await round()).toBe(0);
    clock.advance(1);
    expect(await round()).toBe(1);
    expect(looked()).toHaveLength(2);
  });

  test('puts off nothing that has moved by itself meanwhile', async () => {
    const record = await working('a');
    clock.advance(3 * minute);
    await round({
      send: async () => {
        const lease = { ...record.lease, until: 0 };
        await ledger.save(record, { state: 'closed', outcome: 'revoked', lease, watch: watchFrom(clock.now()) });
      },
    });
    clock.advance(minute);
    expect(await dueNow()).toEqual([record.id]);
  });

  test('never puts a look off past its time because somebody had to be told', async () => {
    await resting('a', 'revoked', { telling: true, watch: { since: clock.now(), at: clock.now() + 3 * minute } });
    clock.advance(2 * minute);
    await round();
    clock.advance(minute);
    await round();
    expect(looked()).toHaveLength(1);
  });

  test('asks about a provider that is not configured any more once a day', async () => {
    await working('a', { provider: 'resolver' });
    clock.advance(3 * minute);
    expect(await round()).toBe(1);
    expect(sent).toEqual({});
    clock.advance(24 * hour - 1);
    expect(await round()).toBe(0);
    clock.advance(1);
    expect(await round()).toBe(1);
  });

  test('tells nobody where nobody is to be told, and looks at keys all the same', async () => {
    await resting('a', 'revoked', { telling: true, watch: watchFrom(clock.now()) });
    await resting('b', 'failed', { telling: true });
    clock.advance(2 * minute);
    expect(await round({ notices: undefined })).toBe(2);
    expect(Object.keys(sent)).toEqual(['lane-datadog']);
    expect(looked()).toMatchObject([{ incident: incidentNamed('a') }]);
  });

  test('takes at most five hundred, the most overdue first', async () => {
    const asked: number[] = [];
    const { id } = await working('a');
    clock.advance(minute);
    await working('b');
    clock.advance(5 * minute);
    await round({
      ledger: {
        ...ledger,
        due: async (limit) => {
          asked.push(limit);
          return ledger.due(1);
        },
      },
    });
    expect(asked).toEqual([500]);
    expect(looked()).toMatchObject([{ incident: id }]);
    await round();
    expect(looked()).toHaveLength(2);
  });
});

describe('a queue that takes nothing', () => {
  test('leaves what was meant for it due, holds up no other, and fails the round', async () => {
    await working('a');
    await working('b', { provider: 'coveo' });
    await resting('c', 'failed', { telling: true });
    clock.advance(3 * minute);
    await expect(round({ down: ['lane-datadog'] })).rejects.toThrow(Unavailable);
    expect(looked('lane-coveo')).toHaveLength(1);
    expect(untold()).toHaveLength(1);
    expect(await dueNow()).toEqual([incidentNamed('a')]);
    expect(await round()).toBe(1);
    expect(looked()).toMatchObject([{ incident: incidentNamed('a') }]);
    expect(await dueNow()).toEqual([]);
  });

  test('leaves due what only one of two queues took', async () => {
    const { id } = await resting('a', 'revoked', { telling: true, watch: watchFrom(clock.now()) });
    clock.advance(2 * minute);
    await expect(round({ down: ['notices'] })).rejects.toThrow(Unavailable);
    expect(looked()).toHaveLength(1);
    expect(await dueNow()).toEqual([id]);
  });
});

test('two rounds at once pass a thing on twice at most, and leave it put off', async () => {
  await working('a');
  await resting('b', 'failed', { telling: true });
  clock.advance(3 * minute);
  await Promise.all([round(), round()]);
  expect(looked().length).toBeLessThanOrEqual(2);
  expect(untold().length).toBeLessThanOrEqual(2);
  expect(await dueNow()).toEqual([]);
  expect((await ledger.read(incidentNamed('a')))?.revision).toBe(1);
});

describe('a round of the watch', () => {
  const sweeps = { swept: ['github'], unroutedQueue: 'unrouted' };
  const order = JSON.stringify({ sweep: 'github' });

  test('has sources swept though a lane takes nothing, and passes on what is due though they cannot be', async () => {
    await working('a');
    clock.advance(15 * minute);
    await expect(watchRound(tower({ down: ['lane-datadog'] }), sweeps)).rejects.toThrow(Unavailable);
    expect(sent.unrouted).toEqual([order]);
    await expect(watchRound(tower({ down: ['unrouted'] }), sweeps)).rejects.toThrow(Unavailable);
    expect(looked()).toHaveLength(1);
  });

  test('has each lane see to its drills, though another takes nothing', async () => {
    const drills = { coveo: ['main'], datadog: ['prod', 'eu'], resolver: ['main'] };
    await expect(watchRound(tower({ down: ['lane-coveo'] }), { ...sweeps, drills })).rejects.toThrow(Unavailable);
    const orders = (sent['lane-datadog'] ?? []).map(readDrillOrder);
    expect(orders).toEqual([
      { account: 'prod', at: clock.now() },
      { account: 'eu', at: clock.now() },
    ]);
    expect(Object.keys(sent).sort()).toEqual(['lane-datadog', 'unrouted']);
  });

  test('orders no drill where nobody asked for one', async () => {
    await watchRound(tower(), { swept: [], unroutedQueue: 'unrouted' });
    expect(sent['lane-datadog']).toBeUndefined();
  });
});
