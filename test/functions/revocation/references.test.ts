import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import * as z from 'zod';
import { createSend } from '../../../functions/platform/http.ts';
import { inquiryOf } from '../../../functions/platform/inquiry.ts';
import { providers } from '../../../functions/providers/index.ts';
import { Misconfigured, Unavailable } from '../../../functions/revocation/errors.ts';
import { path } from '../../../functions/revocation/exchange.ts';
import { bodyOf } from '../../../functions/revocation/inquire.ts';
import { unroutedReport } from '../../../functions/revocation/intake.ts';
import {
  type Referral,
  referenceIncident,
  referralForm,
  referralOf,
  writeReferral,
} from '../../../functions/revocation/references.ts';
import { readReport } from '../../../functions/revocation/report.ts';
import { type ResolveServices, resolve } from '../../../functions/revocation/resolve.ts';
import type { Note } from '../../../functions/revocation/run.ts';
import { Secret } from '../../../functions/revocation/secret.ts';
import type { Source } from '../../../functions/revocation/source.ts';
import { closed, listen } from '../../../lib/local/emulators.ts';
import { type Arrival, type Trouble, type VendorAnswer, vendorServer } from '../../../lib/local/vendors/vendor.ts';
import { testClock, testLedger } from '../../support/lane.ts';

const lane = 'http://queues/lane-datadog';
const unrouted = 'http://queues/unrouted';
const key = new Secret('a fingerprint key that only tests have');
const canary = 'ca9a7ea1eacedca9a7ea1eacedca9a7e';
const link = 'https://acme.example/alerts/7';

/** A source whose alerts are fetched by their number. */
const acme: Source<{ origin: string }> = {
  id: 'acme',
  title: 'Acme',
  docs: 'https://acme.example/docs',
  mayNameKeys: false,
  config: z.strictObject({ origin: z.string() }),
  verify: () => true,
  read: () => ({ is: 'nothing' }),
  owns: (given) => given.startsWith('https://acme.example/'),
  async fetch({ link: given }, { config, ask, now }) {
    const answer = await ask(config.origin, { method: 'GET', path: path`/alerts/${given.split('/').at(-1) ?? ''}` });
    if (answer.status === 404) return { is: 'out-of-reach', reason: 'the alert is not shown; switch it on' };
    const schema = z.object({ secrets: z.array(z.string()), open: z.boolean() });
    const remedy = 'give the token the right to read alerts';
    const { secrets, open } = bodyOf(answer, schema, { who: 'acme', remedy, now });
    if (!open) return { is: 'over', reason: 'it is closed' };
    const [scanner, detector] = ['github', 'datadog_api_key'] as const;
    return { is: 'found', findings: secrets.map((value) => ({ scanner, detector, value: new Secret(value) })) };
  },
};
const mute: Source<object> = { ...acme, id: 'mute', config: z.object({}), fetch: undefined, owns: undefined } as never;

let answer: VendorAnswer;
let arrivals: Arrival[];
let troubles: Trouble[];
let clock: ReturnType<typeof testClock>;
let ledgers: Awaited<ReturnType<typeof testLedger>>;
let server: ReturnType<typeof vendorServer>;
let origin: string;
/** What was sent to the lanes, and to where this reads from. */
let queues: { laned: string[]; own: { body: string; from: number }[] };
let told: { note: Note[]; info: string[] };
let reads: boolean[];
let services: ResolveServices;

const endless = testClock();
beforeAll(async () => {
  ledgers = await testLedger(endless);
});
afterAll(() => ledgers.close());

beforeEach(async () => {
  answer = { status: 200, body: { secrets: [canary], open: true } };
  [arrivals, troubles, reads] = [[], [], []];
  [queues, told] = [
    { laned: [], own: [] },
    { note: [], info: [] },
  ];
  clock = testClock();
  server = vendorServer({ arrivals, troubles }, () => answer);
  origin = await listen(server);
  const way = { send: createSend(clock), now: clock.now };
  services = {
    sources: { acme, mute },
    intake: {
      ...{ providers, lanes: { datadog: lane }, unroutedQueue: unrouted },
      fingerprint: async () => key,
      send: async (queue, bodies) =>
        void (queue === lane ? queues.laned.push(...bodies) : queues.own.push(...bodies.map(comingNow))),
      now: clock.now,
      newId: () => 'message',
    },
    ledger: ledgers.ledger,
    account: '111122223333',
    configOf: async (_, fresh) => {
      reads.push(fresh);
      return { origin };
    },
    inquiry: (id, config, deadline) => inquiryOf({ id, config, deadline }, way),
    putBack: async (referral, delayMs) =>
      void queues.own.push({ body: writeReferral(referral), from: clock.now() + Math.min(delayMs, 900_000) }),
    random: () => 0.5,
    note: (_, event) => told.note.push(event),
    info: (message, fields) => told.info.push(`${message} ${JSON.stringify(fields)}`),
  };
  return () => closed(server, 0);
});
const comingNow = (body: string) => ({ body, from: clock.now() });

let deliveries = 0;
const referralTo = (given: Partial<Referral> = {}): Referral => {
  deliveries += 1;
  const tries = { unavailable: 0, unexpected: 0 };
  const at = new Date(clock.now()).toISOString();
  return { source: 'acme', delivery: `d-${deliveries}`, at, reference: { link }, tries, ...given };
};

/** Handles what waits in the queue, waiting its time, until nothing is left or `rounds` are over; answers how long it waited. */
async function run(referral: Referral, rounds = 400): Promise<number[]> {
  const waits: number[] = [];
  queues.own.push(comingNow(writeReferral(referral)));
  for (let round = 0; round < rounds && queues.own.length > 0; round += 1) {
    const [next] = queues.own.splice(0, 1);
    const wait = Math.max((next?.from ?? 0) - clock.now(), 0);
    if (round > 0) waits.push(wait);
    clock.advance(wait);
    await resolve(String(next?.body), services, clock.now() + 24_000);
  }
  return waits;
}

const parked = ({ source, reference }: Referral) => ledgers.ledger.read(referenceIncident(key, source, reference));

describe('a reference whose credential is fetched', () => {
  test('becomes a report in the lane, under the time of its alert and the alert’s own page', async () => {
    const referral = referralTo();
    clock.advance(5_000);
    await run(referral);
    expect(arrivals.map(({ target }) => target)).toEqual(['/alerts/7']);
    const report = readReport(String(queues.laned[0]));
    expect(report).toMatchObject({ provider: 'datadog', kind: 'api-key', mayNameKeys: false, since: clock.now() });
    const { delivery, at } = referral;
    expect(report.sighting).toEqual({ source: 'acme', delivery, at, reference: link });
    expect(report.leak?.secret?.expose()).toBe(canary);
    expect([queues.laned.length, queues.own.length]).toEqual([1, 0]);
    expect(JSON.stringify(told)).not.toContain(canary);
  });

  test('becomes one report for each key it holds', async () => {
    answer = { status: 200, body: { secrets: ['one', 'two', 'one'], open: true } };
    await run(referralTo());
    expect(queues.laned).toHaveLength(2);
  });

  test('is parked with the reason when no lane takes the key, like any leak', async () => {
    services.intake = { ...services.intake, lanes: {} };
    queues.own.push(comingNow(writeReferral(referralTo())));
    await resolve(String(queues.own.shift()?.body), services, clock.now() + 24_000);
    const { body } = queues.own.shift() ?? { body: '' };
    const report = unroutedReport.parse(JSON.parse(body));
    expect(report).toMatchObject({ reason: 'provider datadog is not configured here', sighting: { reference: link } });
    expect(body).not.toContain(canary);
    await resolve(body, services, clock.now() + 24_000);
    expect(await ledgers.ledger.read(report.incident)).toMatchObject({ state: 'parked', outcome: 'unrouted' });
  });

  test('that is over is nothing to do, and said so', async () => {
    answer = { status: 200, body: { secrets: [], open: false } };
    await run(referralTo({ delivery: 'd' }));
    expect(queues).toEqual({ laned: [], own: [] });
    expect(told.info).toEqual(['the alert is over {"source":"acme","delivery":"d","reason":"it is closed"}']);
  });
});

describe('a reference that a person has to open', () => {
  const named = (name: string) => ({ reference: { link: `https://acme.example/${name}/7` } });
  const rests = { state: 'parked', outcome: 'unrouted', provider: null };

  test('is parked with the reason and the link, once however often it comes', async () => {
    answer = { status: 404 };
    const first = referralTo(named('reach'));
    await run(first);
    await run(referralTo(named('reach')));
    const reason = 'the alert is not shown; switch it on; open https://acme.example/reach/7';
    const sighting = { source: 'acme', delivery: first.delivery, at: first.at, reference: first.reference.link };
    expect(await parked(first)).toMatchObject({ ...rests, reason, sightings: [sighting], sightingCount: 1 });
    expect(told.note[0]).toMatchObject({ outcome: 'unrouted', detail: 'the alert is not shown; switch it on' });
  });

  test('is one of its own at each source', () => {
    const ids = ['acme', 'other'].flatMap((source) =>
      ['a', 'b'].map((name) => referenceIncident(key, source, named(name).reference)),
    );
    expect(new Set(ids).size).toBe(4);
  });

  test.each<[string, Partial<Referral>, string]>([
    ['of a source that cannot fetch', { source: 'mute', ...named('mute') }, 'no way to fetch'],
    ['of a source nobody knows', { source: 'constructor', ...named('unknown') }, 'no way to fetch'],
    ['of another host', { reference: { link: 'https://evil.example/alerts/7' } }, 'not at the address'],
  ])('is one %s, and nobody is asked', async (_, given, why) => {
    const referral = referralTo(given);
    await run(referral);
    expect(await parked(referral)).toMatchObject({ ...rests, reason: expect.stringContaining(why) });
    expect(arrivals).toEqual([]);
  });

  test('is one whose alert holds no value', async () => {
    answer = { status: 200, body: { secrets: [], open: true } };
    const referral = referralTo(named('empty'));
    await run(referral);
    expect(await parked(referral)).toMatchObject({ reason: expect.stringContaining('holds no value') });
  });

  test.each<[string, VendorAnswer, string]>([
    ['a refusal', { status: 403, body: { canary } }, 'acme refuses our token (403); give the token the right'],
    ['another answer', { status: 200, body: { canary } }, 'acme answered 200 with something else'],
  ])('is one that three tries within a minute meet with %s', async (name, given, why) => {
    answer = given;
    const referral = referralTo(named(name.replace(' ', '-')));
    expect(await run(referral)).toEqual([5_000, 15_000]);
    expect(arrivals).toHaveLength(3);
    // A token that was put in anew in the meantime is the one that is used.
    expect(reads).toEqual([false, true, true]);
    const record = await parked(referral);
    expect(record).toMatchObject({ ...rests, reason: expect.stringContaining(`cannot be fetched: ${why}`) });
    expect(record?.reason).toContain(`; open ${referral.reference.link}`);
    expect(JSON.stringify([record, told])).not.toContain(canary);
  });
});

describe('a reference that a person asked to try again', () => {
  /** Parks it first, then repairs its source. */
  async function asked(name: string) {
    const reference = { link: `https://acme.example/${name}/7` };
    answer = { status: 404 };
    const first = referralTo({ reference });
    await run(first);
    const record = await parked(first);
    if (record === undefined) throw new Error('it is not parked');
    answer = { status: 200, body: { secrets: [canary], open: true } };
    clock.advance(3 * 86_400_000);
    const again = referralOf(record, key, new Date(clock.now()).toISOString());
    if (again === undefined) throw new Error('it is no reference');
    return { again, first };
  }

  test('is fetched as any other, and its incident says which one came of it', async () => {
    const { again, first } = await asked('repaired');
    await run(again);
    const report = readReport(String(queues.laned[0]));
    expect(report.leak?.secret?.expose()).toBe(canary);
    const reason = `the alert is fetched: see ${report.incident}`;
    expect(await parked(first)).toMatchObject({ state: 'parked', outcome: 'unrouted', reason, sightingCount: 1 });
    expect((await parked(first))?.timeline.at(-1)).toMatchObject({ stage: 'parked', detail: reason });
  });

  test('is over when its alert is, and says so', async () => {
    const { again, first } = await asked('over');
    answer = { status: 200, body: { secrets: [], open: false } };
    await run(again);
    expect(await parked(first)).toMatchObject({ state: 'parked', reason: 'the alert is over: it is closed' });
  });

  test('is parked with the new reason when it cannot be fetched now either, after a day of its own', async () => {
    const { again, first } = await asked('again');
    troubles.push({ on: /./, reply: { status: 503 } });
    const began = clock.now();
    await run(again);
    expect(clock.now() - began).toBeGreaterThanOrEqual(24 * 3_600_000);
    expect((await parked(first))?.reason).toMatch(/^the alert's reference cannot be fetched: acme answered 503; tried/);
  });

  test('says so although what was asked for is written down at the same moment', async () => {
    const { again, first } = await asked('meanwhile');
    const { decide } = ledgers.ledger;
    let left = 2;
    services.ledger = {
      ...ledgers.ledger,
      decide: async (...given) => {
        left -= 1;
        return left >= 0 ? undefined : decide(...given);
      },
    };
    await run(again);
    expect((await parked(first))?.reason).toMatch(/^the alert is fetched: see inc_/);
  });

  test('does not disturb what a person has decided since', async () => {
    const { again, first } = await asked('rejected');
    const { id = '' } = (await parked(first)) ?? {};
    const step = { at: new Date(clock.now()).toISOString(), stage: 'rejected', detail: 'by an operator' } as const;
    await ledgers.ledger.decide(id, ['parked'], { state: 'closed', outcome: 'rejected', reason: 'no' }, step);
    await run(again);
    expect(await parked(first)).toMatchObject({ state: 'closed', outcome: 'rejected', reason: 'no' });
    expect(queues.laned).toHaveLength(1);
  });

  test('is none where its source’s incident stands for something else', async () => {
    const { first } = await asked('other');
    const record = await parked(first);
    const change = [
      { id: 'inc_other' },
      { sightings: [] },
      { sightings: [{ ...first, source: 'other', reference: link }] },
    ];
    for (const one of change) expect(referralOf({ ...record, ...one } as never, key, first.at)).toBeUndefined();
  });
});

describe('what is remembered of an alert that was followed', () => {
  const isKnown = async (given: string) => (await ledgers.ledger.knownAlerts('acme', [given])).has(given);
  const named = (name: string) => `https://acme.example/known-${name}/7`;

  test.each<[string, VendorAnswer]>([
    ['fetched', { status: 200, body: { secrets: ['one more key'], open: true } }],
    ['over', { status: 200, body: { secrets: [], open: false } }],
    ['parked', { status: 404 }],
  ])('for 30 days: that it is %s', async (name, given) => {
    answer = given;
    expect(await isKnown(named(name))).toBe(false);
    await run(referralTo({ reference: { link: named(name) } }));
    expect(await isKnown(named(name))).toBe(true);
    expect((await ledgers.ledger.knownAlerts('mute', [named(name)])).size).toBe(0);
    expect(await isKnown(named('other'))).toBe(false);
  });

  test('is only for sparing a fetch: without the ledger’s answer it is accepted all the same', async () => {
    const rememberAlert = () => Promise.reject(new Unavailable('the ledger gave no answer'));
    services.ledger = { ...ledgers.ledger, rememberAlert };
    await run(referralTo());
    expect([queues.laned.length, arrivals.length]).toEqual([1, 1]);
  });
});

describe('a source that gives no answer', () => {
  test('is asked again ever later, at most a quarter of an hour, for a day; then a person is', async () => {
    troubles.push({ on: /./, reply: { status: 503 } });
    const referral = referralTo({ reference: { link: 'https://acme.example/day/7' } });
    const began = clock.now();
    const waits = await run(referral);
    expect(waits.slice(0, 7)).toEqual([1, 2, 4, 8, 16, 32, 64].map((seconds) => seconds * 1000));
    expect(Math.max(...waits)).toBe(900_000);
    expect(clock.now() - began).toBeGreaterThanOrEqual(24 * 3_600_000);
    expect(clock.now() - began).toBeLessThan(24 * 3_600_000 + 60_000);
    expect(await parked(referral)).toMatchObject({
      reason:
        "the alert's reference cannot be fetched: acme answered 503; tried for a day; open https://acme.example/day/7",
    });
  });

  test('is asked when it said, though the queue holds nothing back that long', async () => {
    troubles.push({ on: /./, times: 1, reply: { status: 429, headers: { 'retry-after': '2000' } } });
    expect(await run(referralTo())).toEqual([900_000, 900_000, 200_000]);
    expect([arrivals.length, queues.laned.length]).toEqual([2, 1]);
  });

  test('is never waited for longer than the day has', async () => {
    troubles.push({ on: /./, times: 1, reply: { status: 429, headers: { 'retry-after': '86400' } } });
    const referral = referralTo({ at: new Date(clock.now() - 86_000_000).toISOString() });
    expect(await run(referral)).toEqual([400_000]);
    expect(queues.laned).toHaveLength(1);
  });

  test('loses nothing by it: the key is queued when it answers again', async () => {
    troubles.push({ on: /./, times: 1, reply: 'drop-before' }, { on: /./, times: 1, reply: { status: 500 } });
    expect(await run(referralTo())).toEqual([1_000, 2_000]);
    expect(queues.laned).toHaveLength(1);
  });
});

describe('what is wrong here', () => {
  test('with a secret of ours is looked at every minute until it is repaired', async () => {
    const { configOf } = services;
    let left = 2;
    services.configOf = async (...given) => {
      left -= 1;
      if (left >= 0) throw new Misconfigured('secret leakstop/sources/acme: token: is missing');
      return configOf(...given);
    };
    expect(await run(referralTo())).toEqual([60_000, 60_000]);
    expect(queues.laned).toHaveLength(1);
  });

  test('with a lane’s queue is tried again whole', async () => {
    const { send } = services.intake;
    let left = 1;
    const shaky: typeof send = async (...given) => {
      left -= 1;
      if (left >= 0) throw new Unavailable('the queue did not give an answer');
      return send(...given);
    };
    services.intake = { ...services.intake, send: shaky };
    expect(await run(referralTo())).toEqual([1_000]);
    expect(queues.laned).toHaveLength(1);
  });

  test('and cannot even be put back, leaves the message where it is', async () => {
    troubles.push({ on: /./, reply: { status: 503 } });
    services.putBack = async () => {
      throw new Unavailable('the queue did not give an answer');
    };
    await expect(run(referralTo())).rejects.toThrow(Unavailable);
  });

  test('in our own code is thrown, and never taken for an answer', async () => {
    services.sources = { acme: { ...acme, fetch: () => Promise.reject(new TypeError('a bug')) } };
    await expect(run(referralTo())).rejects.toThrow(TypeError);
    expect(queues).toEqual({ laned: [], own: [] });
  });
});

test('a reference travels as it is', () => {
  const referral = referralTo({ reference: { link, hints: { path: 'ä.env' } }, notBefore: 7 });
  expect(referralForm.parse(JSON.parse(writeReferral(referral)))).toEqual(referral);
});
