import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { Misconfigured, Refused, Unavailable, Unexpected } from '../../../functions/revocation/errors.ts';
import { type IncidentRecord, type Outcome, restsIn } from '../../../functions/revocation/incident.ts';
import type { Ledger } from '../../../functions/revocation/ledger.ts';
import {
  type Channel,
  type Errand,
  readErrand,
  type TellingServices,
  tellOf,
  writeErrand,
} from '../../../functions/revocation/tell.ts';
import { flawsOf } from '../../../functions/revocation/timeline.ts';
import { testClock, testLedger } from '../../support/lane.ts';
import { beginning, incidentNamed, reportOf } from '../../support/reports.ts';

const minute = 60_000;
const hour = 60 * minute;
const incident = incidentNamed('a');

let clock: ReturnType<typeof testClock>;
let table: Awaited<ReturnType<typeof testLedger>>;
let ledger: Ledger;
/** What was put back, with the time at which it comes out. */
let waiting: { errand: Errand; at: number }[];
/** The names of what was delivered, as often as it was. */
let out: string[];
let notes: string[];
beforeEach(async () => {
  clock = testClock(beginning);
  table = await testLedger(clock);
  ledger = table.ledger;
  [waiting, out, notes] = [[], [], []];
});
afterEach(() => table.close());

async function working(): Promise<IncidentRecord> {
  const claim = await ledger.claim(reportOf({ incident }), clock.now() + 30_000);
  expect(claim.is).toBe('claimed');
  return claim.record;
}

async function rested(outcome: Outcome = 'revoked', record?: IncidentRecord): Promise<IncidentRecord> {
  const held = record ?? (await working());
  const lease = { ...held.lease, until: 0 };
  return ledger.save(held, { state: restsIn[outcome], outcome, lease, telling: true });
}

async function stands(): Promise<IncidentRecord> {
  const record = await ledger.read(incident);
  if (record === undefined) throw new Error('the incident is not in the ledger');
  return record;
}

/** A channel that tells of the outcome; `act` may fail, or change the world. */
function channel(id: string, act: (name: string) => void | Promise<void> = () => undefined): Channel {
  return {
    id,
    noticesOf: ({ outcome }) => {
      const name = `${id}: ${outcome}`;
      const deliver = async () => {
        await act(name);
        out.push(name);
        return `told ${id}`;
      };
      return outcome === null ? [] : [{ name, deliver }];
    },
  };
}

const failing = (error: unknown) => () => {
  throw error;
};

const services = (channels: Channel[], given: Partial<TellingServices> = {}): TellingServices => ({
  ledger,
  channels,
  now: clock.now,
  random: () => 0.5,
  sleep: clock.sleep,
  putBack: async (errand, delayMs) =>
    void waiting.push({ errand: readErrand(writeErrand(errand)), at: clock.now() + Math.min(delayMs, 900_000) }),
  note: (_, detail, fault) => void (fault && notes.push(detail)),
  ...given,
});
const fresh = (): Errand => ({ incident, delivered: [], tries: 0, since: clock.now() });
const tell = (channels: Channel[], errand = fresh(), given: Partial<TellingServices> = {}) =>
  tellOf(errand, services(channels, given));

/** Delivers what was put back, each when its time comes, until nothing waits or `withinMs` is over. Returns how often. */
async function drain(channels: Channel[], withinMs: number): Promise<number> {
  const end = clock.now() + withinMs;
  for (let rounds = 0; ; rounds += 1) {
    const [next] = waiting.toSorted((left, right) => left.at - right.at);
    if (next === undefined || next.at > end) return rounds;
    waiting.splice(waiting.indexOf(next), 1);
    clock.advance(Math.max(next.at - clock.now(), 0));
    await tell(channels, next.errand);
  }
}

const told = async () => (await stands()).timeline.flatMap(({ stage, detail }) => (stage === 'told' ? [detail] : []));

describe('telling', () => {
  test('delivers each notice once, writes it into the timeline, and is done', async () => {
    await rested();
    await tell([channel('chat'), channel('source')]);
    expect(out).toEqual(['chat: revoked', 'source: revoked']);
    expect(await stands()).toMatchObject({ telling: false, told: out, tellAt: null });
    expect(await told()).toEqual(['told chat', 'told source']);
    const { timeline, head } = await stands();
    expect(flawsOf(incident, timeline, { head })).toEqual([]);
    expect(await ledger.due(10)).toEqual([]);
    expect(waiting).toEqual([]);
  });

  test('does nothing a second time, however often the errand comes', async () => {
    await rested();
    for (let times = 0; times < 3; times += 1) await tell([channel('chat')]);
    expect(out).toEqual(['chat: revoked']);
    expect(await told()).toHaveLength(1);
  });

  test('writes nothing where there is nothing to tell, but that it was said', async () => {
    const { revision } = await rested();
    await tell([]);
    expect(await stands()).toMatchObject({ telling: false, revision: revision + 1 });
    await tell([]);
    expect(await stands()).toMatchObject({ revision: revision + 1 });
  });

  test('tells what is new when there is something new', async () => {
    await rested('not-found');
    await tell([channel('chat')]);
    const { record } = await ledger.claim(reportOf({ incident, message: 'm2', delivery: 'd2' }), clock.now() + 30_000);
    await rested('revoked', record);
    await tell([channel('chat')]);
    expect(out).toEqual(['chat: not-found', 'chat: revoked']);
  });

  test('of an incident that is not there any more is over', async () => {
    await tell([channel('chat')]);
    expect([out, waiting]).toEqual([[], []]);
  });

  test('of an incident that was merged tells of the one it belongs to', async () => {
    await rested();
    const other = await ledger.claim(
      reportOf({ incident: incidentNamed('b'), message: 'm2', delivery: 'd2' }),
      clock.now() + 30_000,
    );
    await ledger.merge(other.record, incident);
    await tell([channel('chat')], { ...fresh(), incident: incidentNamed('b') });
    expect((await stands()).told).toEqual(['chat: revoked']);
  });
});

describe('a channel that fails', () => {
  test.each([
    new Unavailable('chat answered 503'),
    new Refused('chat refuses the token'),
    new Unexpected('chat answered 302'),
    new Misconfigured('secret leakstop/chat is not JSON'),
  ])('with $name holds back no other, and is tried again', async (error) => {
    await rested();
    await tell([channel('chat', failing(error)), channel('source')]);
    expect(out).toEqual(['source: revoked']);
    expect(notes).toEqual([`chat: revoked: ${error.message}`]);
    expect(await stands()).toMatchObject({ telling: true, told: ['source: revoked'] });
    expect(waiting).toMatchObject([{ errand: { tries: 1, delivered: [] }, at: clock.now() + 1000 }]);
    await drain([channel('chat'), channel('source')], minute);
    expect(out).toEqual(['source: revoked', 'chat: revoked']);
    expect(await stands()).toMatchObject({ telling: false });
    expect(await told()).toEqual(['told source', 'told chat']);
  });

  test('is asked again with growing pauses, up to a quarter of an hour', async () => {
    await rested();
    const times: number[] = [];
    const chat = channel('chat', () => {
      times.push(clock.now());
      throw new Unavailable('chat did not answer');
    });
    await tell([chat]);
    await drain([chat], hour);
    const pauses = times.slice(1).map((time, index) => Math.round((time - (times[index] ?? 0)) / 1000));
    expect(pauses.slice(0, 12)).toEqual([1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 900, 900]);
  });

  test('is left alone for as long as it asks, however long a queue holds a message, while others are tried', async () => {
    await rested();
    const times: Record<string, number[]> = { chat: [], source: [] };
    const busy = channel('chat', () => {
      times.chat?.push(clock.now() - beginning);
      if (clock.now() < beginning + hour) throw new Unavailable('chat answered 429', { retryAfterMs: hour });
    });
    const down = channel('source', () => {
      times.source?.push(clock.now() - beginning);
      if (clock.now() < beginning + 90 * minute) throw new Unavailable('source did not answer');
    });
    await tell([busy, down]);
    await drain([busy, down], 3 * hour);
    expect(times.chat).toHaveLength(2);
    expect(times.chat?.[1]).toBeGreaterThanOrEqual(hour);
    expect(times.chat?.[1]).toBeLessThan(hour + 2 * minute);
    expect(times.source?.length).toBeGreaterThan(12);
    expect(out.toSorted()).toEqual(['chat: revoked', 'source: revoked']);
  });

  test('waits for one errand alone: who keeps watch sends no second while the first one waits', async () => {
    await rested();
    const busy = channel('chat', failing(new Unavailable('chat answered 429', { retryAfterMs: hour })));
    await tell([busy]);
    clock.advance(hour);
    expect(await ledger.due(10)).toEqual([]);
    clock.advance(2 * minute);
    expect(await ledger.due(10)).toMatchObject([{ incident, telling: true }]);
  });

  test('is not asked more often because more errands come: one of them goes on', async () => {
    await rested();
    const chat = channel('chat', failing(new Unavailable('chat did not answer')));
    for (let errands = 0; errands < 5; errands += 1) {
      await tell([chat]);
      clock.advance(100);
    }
    expect(waiting).toHaveLength(5);
    await drain([chat], 2 * minute);
    expect(waiting).toHaveLength(1);
    await drain([channel('chat')], 2 * minute);
    expect(out).toEqual(['chat: revoked']);
  });

  test('for a day is given up, and the timeline says so', async () => {
    await rested();
    const chat = channel('chat', failing(new Unavailable('chat answered 429', { retryAfterMs: 30 * minute })));
    await tell([chat, channel('source')]);
    const start = clock.now();
    const rounds = await drain([chat, channel('source')], 48 * hour);
    expect(rounds).toBeGreaterThanOrEqual(48);
    expect(clock.now() - start).toBeGreaterThan(24 * hour);
    expect(clock.now() - start).toBeLessThan(25 * hour);
    expect(await told()).toEqual(['told source', 'could not be told in a day: chat answered 429']);
    expect(await stands()).toMatchObject({ telling: false, told: ['source: revoked', 'chat: revoked'] });
    expect(out).toEqual(['source: revoked']);
  });

  test('in a way that nobody foresaw fails the errand, after the others were told', async () => {
    await rested();
    const chat = channel('chat', failing(new TypeError('undefined is not a function')));
    await expect(tell([chat, channel('source')])).rejects.toThrow(TypeError);
    expect(await stands()).toMatchObject({ telling: true, told: ['source: revoked'] });
    await tell([channel('chat'), channel('source')]);
    expect(out).toEqual(['source: revoked', 'chat: revoked']);
  });

  test('is not waited for any more when what it had to tell is not so any more', async () => {
    await rested('not-found');
    const chat = channel('chat', (name) => {
      if (name === 'chat: not-found') throw new Unavailable('chat answered 429', { retryAfterMs: hour });
    });
    const source = channel('source', (name) => {
      if (name === 'source: not-found') throw new Unavailable('source did not answer');
    });
    await tell([chat, source]);
    const { record } = await ledger.claim(reportOf({ incident, message: 'm2', delivery: 'd2' }), clock.now() + 30_000);
    await rested('revoked', record);
    expect(await drain([chat, source], minute)).toBe(1);
    expect(out).toEqual(['chat: revoked', 'source: revoked']);
    expect(await stands()).toMatchObject({ telling: false, tellAt: null, told: out });
    expect(waiting).toEqual([]);
  });

  test('is not asked by an errand that comes before its time', async () => {
    await rested();
    const errand = { ...fresh(), tries: 1, notBefore: clock.now() + hour };
    await tell([channel('chat')], errand);
    expect(out).toEqual([]);
    expect(waiting).toEqual([{ errand, at: clock.now() + 15 * minute }]);
    expect(await drain([channel('chat')], hour)).toBe(4);
    expect(out).toEqual(['chat: revoked']);
    expect(clock.now()).toBe(beginning + hour);
  });
});

describe('an incident that somebody works on', () => {
  test('is told of when the run is over, and only of how it ended', async () => {
    const record = await working();
    await tell([channel('chat')]);
    expect(out).toEqual([]);
    expect(waiting).toMatchObject([{ at: clock.now() + 3000 }]);
    await rested('revoked', record);
    await drain([channel('chat')], minute);
    expect(out).toEqual(['chat: revoked']);
  });

  test('is not waited for when its run has died', async () => {
    await working();
    clock.advance(31_000);
    await tell([channel('chat')]);
    expect([out, waiting]).toEqual([[], []]);
  });

  test('is not waited for while its message only waits its time', async () => {
    const record = await working();
    await ledger.save(record, { lease: { ...record.lease, until: clock.now() + hour, scheduled: true } });
    await tell([channel('chat')]);
    expect(waiting).toEqual([]);
  });
});

describe('a write that comes in between', () => {
  test('of another sighting costs nothing: what went out is written down, and goes out once', async () => {
    await rested();
    const chat = channel('chat', async () => {
      const report = reportOf({ incident, message: 'm2', delivery: 'd2', fence: undefined });
      expect((await ledger.claim(report, clock.now() + 30_000)).is).toBe('settled');
    });
    await tell([chat]);
    expect(out).toEqual(['chat: revoked']);
    expect(await stands()).toMatchObject({ told: ['chat: revoked'], sightingCount: 2, telling: false });
  });

  test('of a run that takes the incident: what went out is carried along until that run is over', async () => {
    await rested('not-found');
    let taken: IncidentRecord | undefined;
    const chat = channel('chat', async () => {
      const report = reportOf({ incident, message: 'm2', delivery: 'd2' });
      taken ??= (await ledger.claim(report, clock.now() + 30_000)).record;
    });
    await tell([chat]);
    expect(waiting).toMatchObject([{ errand: { delivered: [{ name: 'chat: not-found', detail: 'told chat' }] } }]);
    await rested('revoked', taken);
    await drain([chat], minute);
    expect(out).toEqual(['chat: not-found', 'chat: revoked']);
    expect(await stands()).toMatchObject({ told: out, telling: false });
    expect(await told()).toEqual(['told chat', 'told chat']);
  });

  test('time and again ends in an error, so that the errand comes again, and nothing goes out twice meanwhile', async () => {
    await rested();
    const contested = { ...ledger, amend: async () => undefined };
    await expect(tell([channel('chat')], fresh(), { ledger: contested })).rejects.toThrow(Unavailable);
    expect(out).toEqual(['chat: revoked']);
  });

  test('leaves no word of a state that the ledger does not have', async () => {
    await rested('not-found');
    const seen: (Outcome | null)[] = [];
    const watching: Channel = {
      id: 'chat',
      noticesOf: ({ outcome }) => [
        {
          name: `chat: ${outcome}`,
          deliver: async () => {
            seen.push((await stands()).outcome);
            expect((await stands()).outcome).toBe(outcome);
            return 'told';
          },
        },
      ],
    };
    await Promise.all([tell([watching]), tell([watching])]);
    expect(new Set(seen)).toEqual(new Set(['not-found']));
  });
});

test('two errands at once deliver a notice twice at most, by the same name, and it is told once', async () => {
  await rested();
  const channels = [channel('chat'), channel('source')];
  await Promise.all([tell(channels), tell(channels)]);
  for (const name of ['chat: revoked', 'source: revoked']) {
    const times = out.filter((one) => one === name).length;
    expect(times).toBeGreaterThanOrEqual(1);
    expect(times).toBeLessThanOrEqual(2);
  }
  expect(await told()).toEqual(['told chat', 'told source']);
  expect(await stands()).toMatchObject({ telling: false, told: ['chat: revoked', 'source: revoked'] });
  expect(waiting).toEqual([]);
});

test('an outage of the ledger or of the queue fails the errand, so that it comes again', async () => {
  await rested();
  const down = async () => {
    throw new Unavailable('the ledger gave no answer');
  };
  await expect(tell([channel('chat')], fresh(), { ledger: { ...ledger, read: down } })).rejects.toThrow(Unavailable);
  await expect(tell([channel('chat')], fresh(), { ledger: { ...ledger, amend: down } })).rejects.toThrow(Unavailable);
  const chat = channel('chat', failing(new Unavailable('chat did not answer')));
  await expect(tell([chat], fresh(), { putBack: down })).rejects.toThrow(Unavailable);
});

describe('an errand', () => {
  test('is read as it was written', () => {
    const errand: Errand = {
      ...{ incident, tries: 3, since: 5, notBefore: 9, waiting: { 'chat: é': 7 } },
      delivered: [{ name: 'chat: é', at: 'then', detail: '🔑' }],
    };
    expect(writeErrand(errand)).toMatch(/^[\x20-\x7e]+$/);
    expect(readErrand(writeErrand(errand))).toEqual(errand);
  });

  test.each(['', 'secret', '{}', '{"incident":"secret"}', '[]'])(
    'that is none is refused without its content: %j',
    (body) => {
      expect(() => readErrand(body)).toThrow(/^the message is not an errand$/);
    },
  );
});

/** A channel with a room in which one message stands for an incident, as Slack has it. */
function room(act: (state: string) => void | Promise<void> = () => undefined) {
  const messages = new Map<string, string>();
  const chat: Channel = {
    id: 'room',
    noticesOf: ({ state, outcome, kept }) => {
      const deliver = async () => {
        await act(state);
        const id = kept.room ?? `m${messages.size + 1}`;
        messages.set(id, outcome ?? state);
        return { detail: '', keep: { room: id } };
      };
      return [{ name: `room: ${outcome ?? state}`, turn: 'room', deliver }];
    },
  };
  return { chat, messages };
}
const drawn = () => Math.random();

describe('a message that moves along with its incident', () => {
  test('is posted once, changed in place, and fills no timeline', async () => {
    const { chat, messages } = room();
    const record = await rested('not-found');
    await tell([chat]);
    expect(await stands()).toMatchObject({ kept: { room: 'm1' }, told: ['room: not-found'], telling: false });
    expect(Object.keys((await stands()).kept)).toEqual(['room']);
    const claim = await ledger.claim(reportOf({ incident, message: 'm2', delivery: 'd2' }), clock.now() + 30_000);
    expect(claim.record.id).toBe(record.id);
    await rested('revoked', claim.record);
    await tell([chat]);
    expect([...messages]).toEqual([['m1', 'revoked']]);
    expect(await told()).toEqual([]);
  });

  test('is one message where many come to tell it at once', async () => {
    const { chat, messages } = room(() => new Promise((resolve) => setImmediate(resolve)));
    await rested();
    await Promise.all([1, 2, 3, 4].map(() => tell([chat], fresh(), { random: drawn })));
    await drain([chat], 5 * minute);
    expect([...messages]).toEqual([['m1', 'revoked']]);
    expect(await stands()).toMatchObject({ kept: { room: 'm1' }, telling: false, told: ['room: revoked'] });
  });

  test('is exactly one, and final, where its room was closed for an hour', async () => {
    const { chat, messages } = room(() => {
      if (clock.now() < beginning + hour) throw new Unavailable('the room is closed');
    });
    const source = channel('source');
    await rested('not-found');
    await tell([chat, source]);
    expect(out).toEqual(['source: not-found']);
    const claim = await ledger.claim(reportOf({ incident, message: 'm2', delivery: 'd2' }), clock.now() + 30_000);
    await rested('revoked', claim.record);
    await tell([chat, source]);
    expect(out).toEqual(['source: not-found', 'source: revoked']);
    await drain([chat, source], 2 * hour);
    expect([...messages]).toEqual([['m1', 'revoked']]);
    expect(out).toEqual(['source: not-found', 'source: revoked']);
    expect(await stands()).toMatchObject({ telling: false, told: [...out, 'room: revoked'] });
  });

  test('shows in the end what the ledger says, though the incident moved on while it was written', async () => {
    let taken: IncidentRecord | undefined;
    const { chat, messages } = room(async () => {
      const report = reportOf({ incident, message: 'm2', delivery: 'd2' });
      taken ??= (await ledger.claim(report, clock.now() + 30_000)).record;
    });
    await rested('not-found');
    await tell([chat]);
    expect([...messages]).toEqual([['m1', 'not-found']]);
    await rested('revoked', taken);
    await drain([chat], 10_000);
    expect([...messages]).toEqual([['m1', 'revoked']]);
    expect((await stands()).kept).toEqual({ room: 'm1' });
  });

  test('does not wait for ever for who died while it was their turn', async () => {
    const { chat, messages } = room();
    const record = await rested();
    await ledger.amend(record, { kept: { 'turn of room': `${clock.now() + 30_000} 0.7` } });
    await tell([chat, channel('source')]);
    expect([[...messages], out]).toEqual([[], ['source: revoked']]);
    await drain([chat, channel('source')], minute);
    expect([...messages]).toEqual([['m1', 'revoked']]);
    expect(clock.now()).toBeLessThan(beginning + minute);
  });
});

test('a channel that takes its time holds up no other', async () => {
  await rested();
  const { promise: released, resolve: release } = Promise.withResolvers<void>();
  const slow = channel('chat', () => released);
  const quick = channel('source', () => release());
  await tell([slow, quick]);
  expect(out.toSorted()).toEqual(['chat: revoked', 'source: revoked']);
});
