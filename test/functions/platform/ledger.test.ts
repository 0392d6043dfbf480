import { createServer, request as httpRequest } from 'node:http';
import { DynamoDBClient, GetItemCommand, ScanCommand, UpdateItemCommand } from '@aws-sdk/client-dynamodb';
import { unmarshall } from '@aws-sdk/util-dynamodb';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest';
import { dynamoLedger } from '../../../functions/platform/ledger.ts';
import { BadCursor } from '../../../functions/platform/ledger-listing.ts';
import { archiveId } from '../../../functions/platform/ledger-record.ts';
import { LeaseLost, Unavailable } from '../../../functions/revocation/errors.ts';
import { type IncidentRecord, type Outcome, restsIn, type State } from '../../../functions/revocation/incident.ts';
import type { Claim, Ledger, Query } from '../../../functions/revocation/ledger.ts';
import type { Report } from '../../../functions/revocation/report.ts';
import { extended, flawsOf, type Step } from '../../../functions/revocation/timeline.ts';
import { closed, listen } from '../../../lib/local/emulators.ts';
import { testClock, testLedger } from '../../support/lane.ts';
import { beginning, incidentNamed, recordOf, reportOf } from '../../support/reports.ts';

// Hundreds of contending writes, and items as large as they get: minutes on a machine that is busy with other things.
vi.setConfig({ testTimeout: 120_000 });

let clock: ReturnType<typeof testClock>;
let table: Awaited<ReturnType<typeof testLedger>>;
let ledger: Ledger;
beforeEach(async () => {
  clock = testClock(beginning);
  table = await testLedger(clock);
  ledger = table.ledger;
});
afterEach(() => table.close());

const incident = incidentNamed('a');
const inAMinute = () => clock.now() + 60_000;

/** Claims, and fails the test when that does not work. */
async function claimed(given: Parameters<typeof reportOf>[0] = {}, until = inAMinute()): Promise<IncidentRecord> {
  const claim = await ledger.claim(reportOf(given), until);
  expect(claim.is).toBe('claimed');
  return claim.record;
}

/** An incident that was claimed and came to rest. */
async function rested(outcome: Outcome, given: Parameters<typeof reportOf>[0] = {}): Promise<IncidentRecord> {
  const record = await claimed(given);
  const lease = { ...record.lease, until: 0 };
  return ledger.save(record, { state: restsIn[outcome], outcome, reason: 'because', lease });
}

/** An incident as it stands in the ledger, without what the indexes sort by. */
async function stored(id = incident): Promise<IncidentRecord> {
  const record = await ledger.read(id);
  if (!record) throw new Error(`${id} is not in the ledger`);
  const fields = Object.keys(recordOf());
  return Object.fromEntries(
    Object.entries(record).filter(([name]) => fields.includes(name)),
  ) as unknown as IncidentRecord;
}

const entry = (detail: string): Step => ({ at: new Date(clock.now()).toISOString(), stage: 'told', detail });

describe('a claim', () => {
  test('creates the incident that nobody reported yet, and holds it', async () => {
    const report = reportOf({ reference: 'https://git.example/alerts/1' });
    const claim = await ledger.claim(report, inAMinute());
    expect(claim.is).toBe('claimed');
    expect(claim.record).toMatchObject({
      id: incident,
      provider: 'datadog',
      kind: 'api-key',
      state: 'claimed',
      outcome: null,
      sightings: [report.sighting],
      sightingCount: 1,
      receivedAt: report.sighting.at,
      attempts: 1,
      fence: 1,
      lease: {
        claim: expect.any(String),
        message: 'message-1',
        delivery: 'msg_1',
        until: inAMinute(),
        scheduled: false,
      },
    });
    expect(claim.record.timeline.map(({ stage }) => stage)).toEqual(['received', 'claimed']);
    expect(await stored()).toMatchObject(claim.record);
  });

  test('is refused while another run holds the incident, and what it saw is noted', async () => {
    const held = await claimed();
    const second = await ledger.claim(reportOf({ message: 'message-2', delivery: 'msg_2' }), inAMinute());
    expect(second.is).toBe('held');
    const { sightings, sightingCount, ...rest } = await stored();
    expect(sightings.map(({ delivery }) => delivery)).toEqual(['msg_1', 'msg_2']);
    expect(sightingCount).toBe(2);
    expect(rest).toMatchObject({ fence: held.fence, revision: held.revision, lease: held.lease, attempts: 1 });
  });

  test('is refused until the very moment the lease is over', async () => {
    const held = await claimed();
    clock.advance(59_999);
    expect((await ledger.claim(reportOf({ message: 'message-2' }), inAMinute())).is).toBe('held');
    clock.advance(1);
    const taken = await claimed({ message: 'message-2' });
    expect(taken).toMatchObject({ fence: held.fence + 1, attempts: 2, state: 'claimed' });
    expect(taken.timeline.at(-1)).toMatchObject({ stage: 'claimed', detail: 'attempt 2' });
  });

  test('by the same message delivered again is refused while the first run is at work', async () => {
    await claimed();
    clock.advance(10);
    expect((await ledger.claim(reportOf(), inAMinute())).is).toBe('held');
  });

  test('has one winner among 200 that come at once', async () => {
    const claims = await Promise.all(
      Array.from({ length: 200 }, (_, index) => ledger.claim(reportOf({ message: `message-${index}` }), inAMinute())),
    );
    const winners = claims.filter(({ is }) => is === 'claimed');
    expect(winners).toHaveLength(1);
    expect(claims.filter(({ is }) => is === 'held')).toHaveLength(199);
    expect(await stored()).toMatchObject({ fence: 1, attempts: 1, sightingCount: 1, lease: winners[0]?.record.lease });
  });

  test('has one winner among many that come at once when a lease is over', async () => {
    await claimed();
    clock.advance(60_000);
    const at = clock.now();
    // Their clock stands: what they wait for each other must not make the new lease old.
    const contenders = dynamoLedger(
      { client: table.dynamoDb, table: table.table },
      { now: () => at, sleep: async () => {}, random: () => 0 },
    );
    const claims = await Promise.all(
      Array.from({ length: 50 }, (_, index) => contenders.claim(reportOf({ message: `late-${index}` }), at + 60_000)),
    );
    expect(claims.filter(({ is }) => is === 'claimed')).toHaveLength(1);
    expect(await stored()).toMatchObject({ fence: 2, attempts: 2 });
  });

  test('counts every one of many sightings that come at once, or says that it could not', async () => {
    const at = clock.now();
    const contenders = dynamoLedger(
      { client: table.dynamoDb, table: table.table },
      { now: () => at, sleep: () => new Promise((resolve) => setImmediate(resolve)), random: Math.random },
    );
    const claims = await Promise.allSettled(
      Array.from({ length: 20 }, (_, index) =>
        contenders.claim(reportOf({ message: `message-${index}`, delivery: `msg_${index}` }), at + 60_000),
      ),
    );
    const done = claims.filter((claim): claim is PromiseFulfilledResult<Claim> => claim.status === 'fulfilled');
    expect(done.filter(({ value }) => value.is === 'claimed')).toHaveLength(1);
    for (const claim of claims)
      if (claim.status === 'rejected') expect(String(claim.reason)).toBe(`Error: incident ${incident} is contested`);
    const record = await stored();
    expect(record.sightingCount).toBe(done.length);
    expect(record.sightings).toHaveLength(done.length);
  });

  test('keeps the first report as the time it was received', async () => {
    await rested('failed');
    clock.advance(3_600_000);
    const later = reportOf({ message: 'message-2', delivery: 'msg_2' });
    later.sighting.at = new Date(clock.now()).toISOString();
    const { record } = await ledger.claim(later, inAMinute());
    expect(record.receivedAt).toBe(new Date(beginning).toISOString());
  });

  test('of an incident that only a person may go on with needs that incident to be there', async () => {
    await expect(ledger.claim(reportOf({ leak: undefined }), inAMinute())).rejects.toThrow('is not in the ledger');
    await expect(ledger.claim(reportOf({ fence: 3 }), inAMinute())).rejects.toThrow('is not in the ledger');
  });

  test('tells the first fifty attempts, and counts all', async () => {
    for (let attempt = 1; attempt <= 60; attempt += 1) {
      await claimed({ message: `message-${attempt}` });
      clock.advance(60_000);
    }
    const record = await stored();
    expect(record.attempts).toBe(60);
    expect(record.timeline.filter(({ stage }) => stage === 'claimed')).toHaveLength(50);
  });
});

describe('a claim of what another run left behind', () => {
  test('leaves a request whose answer was lost in doubt', async () => {
    const first = await claimed();
    await ledger.save(first, { state: 'sent', account: 'prod', keyId: 'k-1', action: 'delete', inDoubt: true });
    clock.advance(60_000);
    const second = await claimed({ message: 'message-2' });
    expect(second).toMatchObject({ state: 'unknown', inDoubt: true, account: 'prod', keyId: 'k-1', action: 'delete' });
    expect(await stored()).toMatchObject({ state: 'unknown', inDoubt: true });
    clock.advance(60_000);
    expect(await claimed({ message: 'message-3' })).toMatchObject({ state: 'unknown', inDoubt: true });
  });

  test('goes on proving what the provider had accepted', async () => {
    const first = await claimed();
    const sent = await ledger.save(first, { state: 'sent', account: 'prod', keyId: 'k-1', inDoubt: true });
    await ledger.save(sent, { state: 'sent', accepted: 'revoked', inDoubt: false });
    clock.advance(60_000);
    expect(await claimed({ message: 'message-2' })).toMatchObject({
      state: 'sent',
      accepted: 'revoked',
      inDoubt: false,
    });
  });

  test('by the message that was put back comes before the lease is over, and once', async () => {
    const first = await claimed();
    const lease = { ...first.lease, message: 'put-back', until: clock.now() + 120_000, scheduled: true };
    await ledger.save(first, { state: 'claimed', lease });
    expect((await ledger.claim(reportOf({ message: 'message-2' }), inAMinute())).is).toBe('held');
    const back = { message: 'put-back', fence: first.fence };
    expect(await claimed(back)).toMatchObject({ fence: 2, lease: { message: 'put-back', scheduled: false } });
    clock.advance(1);
    expect((await ledger.claim(reportOf(back), inAMinute())).is).toBe('held');
  });

  test('is superfluous by a message that was put back before a later claim, and that notes nothing', async () => {
    const first = await claimed();
    clock.advance(60_000);
    await claimed({ message: 'message-2' });
    const late = reportOf({ message: 'put-back', fence: first.fence, delivery: 'msg_9' });
    expect((await ledger.claim(late, inAMinute())).is).toBe('superseded');
    expect(await stored()).toMatchObject({ sightingCount: 1, fence: 2 });
  });
});

describe('a claim of what rests', () => {
  test.each(['revoked', 'disabled', 'already-gone'] as const)(
    'never starts again what is %s, and notes the sighting',
    async (outcome) => {
      const before = await rested(outcome);
      for (const [index, order] of [undefined, { action: 'delete' as const }].entries()) {
        const report = reportOf({ message: `message-${index}`, delivery: `again-${index}`, order });
        expect((await ledger.claim(report, inAMinute())).is).toBe('settled');
      }
      const { sightings, sightingCount, ...after } = await stored();
      expect(sightingCount).toBe(3);
      expect(sightings).toHaveLength(3);
      const { sightings: _, sightingCount: __, ...rest } = before;
      expect(after).toMatchObject(rest);
    },
  );

  test('starts again what is parked on news, and says so', async () => {
    const before = await rested('failed');
    const { record } = await ledger.claim(reportOf({ message: 'message-2', delivery: 'msg_2' }), inAMinute());
    expect(record).toMatchObject({ state: 'claimed', outcome: null, reason: null, fence: before.fence + 1 });
    expect(record.timeline.slice(-2)).toMatchObject([
      { stage: 'received', detail: 'reported again by standard; it was failed' },
      { stage: 'claimed', detail: 'attempt 2' },
    ]);
    expect(record).toMatchObject(await stored());
  });

  test('starts again on an order what nothing was done to, with the reason that was given', async () => {
    await rested('observed');
    const order = { action: 'delete' as const, reason: 'now for real' };
    const report = reportOf({ message: 'message-2', delivery: 'request-2', source: 'operator', order });
    const { is, record } = await ledger.claim(report, inAMinute());
    expect(is).toBe('claimed');
    expect(record.timeline.at(-2)).toMatchObject({
      stage: 'received',
      detail: 'asked again by an operator; it was observed: now for real',
    });
  });

  test('is settled by what tells nothing new', async () => {
    const before = await rested('failed');
    expect((await ledger.claim(reportOf({ message: 'message-2' }), inAMinute())).is).toBe('settled');
    expect(await stored()).toMatchObject({ revision: before.revision, sightingCount: 1, state: 'parked' });
  });
});

describe('a write', () => {
  test('changes what it says, adds to the story, and nothing else', async () => {
    const record = await claimed();
    const saved = await ledger.save(record, { state: 'sent', keyId: 'k-1', timeline: [entry('one'), entry('two')] });
    expect(saved).toMatchObject({
      ...record,
      state: 'sent',
      keyId: 'k-1',
      revision: 2,
      timeline: expect.anything(),
      head: expect.anything(),
    });
    expect(saved.timeline).toEqual(extended(record.id, record.timeline, [entry('one'), entry('two')]));
    expect(flawsOf(saved.id, saved.timeline, saved)).toEqual([]);
    expect(await stored()).toMatchObject(saved);
  });

  test('says anew when the incident is due, and takes that away from one that is not', async () => {
    const record = await claimed();
    const dueIn = async (ms: number) => {
      clock.advance(ms);
      return (await ledger.due(10)).map(({ at }) => at);
    };
    const at = clock.now() + 3_600_000;
    const watch = { since: clock.now(), at };
    const watched = await ledger.save(record, { state: 'closed', outcome: 'revoked', watch });
    expect(await dueIn(3_599_000)).toEqual([]);
    expect(await dueIn(1_000)).toEqual([new Date(at).toISOString()]);
    await ledger.save(watched, { watch: null });
    expect(await dueIn(86_400_000)).toEqual([]);
  });

  test('keeps sightings that came meanwhile', async () => {
    const record = await claimed();
    await ledger.claim(reportOf({ message: 'message-2', delivery: 'msg_2' }), inAMinute());
    await ledger.save(record, { state: 'closed', outcome: 'revoked' });
    expect(await stored()).toMatchObject({ state: 'closed', sightingCount: 2 });
  });

  test('of a run that lost the incident is refused, and leaves no trace', async () => {
    const late = await claimed();
    clock.advance(60_000);
    await claimed({ message: 'message-2' });
    const before = await stored();
    await expect(ledger.save(late, { state: 'closed', outcome: 'revoked', timeline: [entry('late')] })).rejects.toThrow(
      LeaseLost,
    );
    expect(await stored()).toEqual(before);
  });

  test('of a run that lost the incident to the same message, delivered again, is refused', async () => {
    const late = await claimed();
    clock.advance(60_000);
    await claimed();
    await expect(ledger.save(late, { state: 'sent' })).rejects.toThrow(LeaseLost);
  });

  test('never overwrites what was closed: neither by a late run nor by a decision, a claim or parking', async () => {
    const late = await claimed();
    clock.advance(60_000);
    const second = await claimed({ message: 'message-2' });
    await ledger.save(second, { state: 'closed', outcome: 'revoked', lease: { ...second.lease, until: 0 } });
    const { sightings, sightingCount, ...final } = await stored();
    const parked = { incident, provider: null, kind: null, sighting: reportOf({ delivery: 'msg_7' }).sighting };
    await expect(ledger.save(late, { state: 'parked', outcome: 'failed' })).rejects.toThrow(LeaseLost);
    await expect(ledger.merge(late, incidentNamed('b'))).rejects.toThrow(LeaseLost);
    expect(await ledger.decide(incident, ['parked', 'awaiting-approval'], { state: 'received' }, entry('x'))).toBe(
      undefined,
    );
    expect((await ledger.claim(reportOf({ message: 'message-3', order: {} }), inAMinute())).is).toBe('settled');
    await ledger.park(parked, 'unrouted', 'nobody knows');
    const { sightings: _, sightingCount: count, ...after } = await stored();
    expect(after).toEqual(final);
    expect([sightings.length, sightingCount, count]).toEqual([1, 1, 2]);
  });

  test('of two from the same state lets one through when they differ', async () => {
    const record = await claimed();
    const both = await Promise.allSettled([
      ledger.save(record, { state: 'sent', keyId: 'k-1' }),
      ledger.save(record, { state: 'parked', outcome: 'failed' }),
    ]);
    expect(both.map(({ status }) => status).sort()).toEqual(['fulfilled', 'rejected']);
  });

  test('is not taken for ours when another one stands at its revision, in the same state', async () => {
    const record = await claimed();
    const both = await Promise.allSettled([
      ledger.save(record, { state: 'sent', keyId: 'k-1' }),
      ledger.save(record, { state: 'sent', keyId: 'k-2' }),
    ]);
    expect(both.map(({ status }) => status).sort()).toEqual(['fulfilled', 'rejected']);
  });

  test('to what rests is not taken for ours when another one stands at its revision', async () => {
    const record = await rested('revoked');
    const both = await Promise.all([
      ledger.amend(record, { told: ['pager'] }),
      ledger.amend(record, { told: ['ticket'] }),
    ]);
    expect(both.filter((one) => one === undefined)).toHaveLength(1);
  });

  test('of nothing that exists is refused', async () => {
    const record = await claimed();
    await expect(ledger.save({ ...record, id: incidentNamed('b') }, { state: 'sent' })).rejects.toThrow(LeaseLost);
    expect(await ledger.read(incidentNamed('b'))).toBe(undefined);
  });
});

describe('an answer that was lost', () => {
  let endpoint: string;
  let losses: RegExp[] = [];
  /** Passes everything on to the ledger, and drops the answer where it is told to. */
  const proxy = createServer((request, response) => {
    const target = String(request.headers['x-amz-target']);
    const lost = losses.findIndex((loss) => loss.test(target));
    if (lost >= 0) losses.splice(lost, 1);
    const onward = httpRequest(endpoint, { method: request.method, headers: request.headers, path: request.url });
    onward.on('response', (answer) => {
      if (lost >= 0) return void answer.resume().on('end', () => request.socket.destroy());
      response.writeHead(answer.statusCode ?? 500, answer.headers);
      answer.pipe(response);
    });
    request.pipe(onward);
  });
  let client: DynamoDBClient;
  let unlucky: Ledger;
  beforeAll(async () => {
    client = new DynamoDBClient({
      endpoint: await listen(proxy),
      region: 'us-east-1',
      credentials: { accessKeyId: 'test', secretAccessKey: 'test' },
    });
  });
  beforeEach(async () => {
    const address = await table.dynamoDb.config.endpoint?.();
    endpoint = `http://${address?.hostname}:${address?.port}`;
    losses = [];
    unlucky = dynamoLedger({ client, table: table.table }, { ...clock, random: () => 0.5 });
  });
  afterAll(async () => {
    client.destroy();
    await closed(proxy);
  });

  test('to the claim that created the incident leaves the claim ours', async () => {
    losses = [/PutItem/];
    const claim = await unlucky.claim(reportOf(), inAMinute());
    expect(claim).toMatchObject({ is: 'claimed', record: { fence: 1, attempts: 1, sightingCount: 1 } });
    expect(losses).toEqual([]);
  });

  test('to the claim that took the incident over leaves the claim ours', async () => {
    await claimed();
    clock.advance(60_000);
    losses = [/UpdateItem/];
    const claim = await unlucky.claim(reportOf({ message: 'message-2', delivery: 'msg_2' }), inAMinute());
    expect(claim).toMatchObject({ is: 'claimed', record: { fence: 2, attempts: 2, sightingCount: 2 } });
    expect(losses).toEqual([]);
  });

  test('to a write is recognised as our own, and the story is told once', async () => {
    const record = await claimed();
    losses = [/UpdateItem/];
    const sent = await unlucky.save(record, { state: 'sent', inDoubt: true, timeline: [entry('sent')] });
    expect(sent).toMatchObject({ state: 'sent', revision: 2 });
    const done = await unlucky.save(sent, { state: 'closed', outcome: 'revoked' });
    expect(await stored()).toMatchObject({ ...done, timeline: [...record.timeline, entry('sent')] });
  });

  test('to a write that somebody else overtook is no success', async () => {
    const record = await claimed();
    losses = [/UpdateItem/];
    clock.advance(60_000);
    await claimed({ message: 'message-2' });
    await expect(unlucky.save(record, { state: 'sent' })).rejects.toThrow(LeaseLost);
  });

  test('to a merge is no loss of the incident', async () => {
    const other = await claimed({ incident: incidentNamed('b') });
    const record = await claimed();
    losses = [/PutItem/];
    await unlucky.merge(record, other.id);
    expect((await stored()).id).toBe(other.id);
  });

  test('to a decision is no refusal of it', async () => {
    await rested('failed');
    losses = [/UpdateItem/];
    const change = { state: 'closed', outcome: 'rejected', reason: 'an operator said no' } as const;
    const decided = await unlucky.decide(incident, ['parked'], change, entry('no'));
    expect(decided).toMatchObject(change);
    expect(await stored()).toMatchObject({ ...change, revision: decided?.revision });
    expect((await stored()).timeline.filter(({ stage }) => stage === 'told')).toMatchObject([entry('no')]);
  });

  test('to parking parks once', async () => {
    losses = [/PutItem/];
    const { sighting } = reportOf();
    await unlucky.park({ incident, provider: null, kind: null, sighting }, 'unrouted', 'nobody knows');
    expect(await stored()).toMatchObject({ state: 'parked', sightingCount: 1, timeline: { length: 2 } });
  });
});

describe('sightings', () => {
  let messages = 0;
  const seen = (index: number, given: Parameters<typeof reportOf>[0] = {}) => {
    messages += 1;
    return ledger.claim(reportOf({ message: `sent-${messages}`, delivery: `msg_${index}`, ...given }), inAMinute());
  };

  test('are noted once per source and delivery, and once per source and reference', async () => {
    await seen(1, { reference: 'https://a' });
    await seen(1, { reference: 'https://b' });
    await seen(2, { reference: 'https://a' });
    expect(await stored()).toMatchObject({ sightingCount: 1 });
    await seen(3, { reference: 'https://b' });
    await seen(1, { reference: 'https://a', source: 'gitguardian' });
    const { sightings, sightingCount } = await stored();
    expect(sightingCount).toBe(3);
    expect(sightings.map(({ source, delivery }) => [source, delivery])).toEqual([
      ['standard', 'msg_1'],
      ['standard', 'msg_3'],
      ['gitguardian', 'msg_1'],
    ]);
  });

  test('are kept to the newest hundred, and all are counted', async () => {
    for (let index = 0; index < 120; index += 1) await seen(index);
    const { sightings, sightingCount } = await stored();
    expect(sightingCount).toBe(120);
    expect(sightings.map(({ delivery }) => delivery)).toEqual(
      Array.from({ length: 100 }, (_, index) => `msg_${index + 20}`),
    );
  });

  /** A report of its own alert, made `minutes` after the first. */
  const reportAfter = (minutes: number, given: Parameters<typeof reportOf>[0] = {}) => {
    const name = `${given.incident ?? ''}-${minutes}`;
    const report = reportOf({
      message: `sent${name}`,
      delivery: `msg${name}`,
      reference: `https://a/${name}`,
      ...given,
    });
    return { ...report, sighting: { ...report.sighting, at: new Date(beginning + minutes * 60_000).toISOString() } };
  };
  const minutesOf = ({ sightings }: IncidentRecord) => sightings.map(({ at }) => (Date.parse(at) - beginning) / 60_000);
  const from = (first: number, count: number) => Array.from({ length: count }, (_, index) => first + index);

  test('that are kept are those reported last, however late a message that had to wait is noted', async () => {
    for (const minutes of [...from(5, 100), 2, 104.5, 3, 4]) await ledger.claim(reportAfter(minutes), inAMinute());
    const record = await stored();
    expect(record.sightingCount).toBe(104);
    expect(minutesOf(record)).toEqual([...from(6, 99), 104.5].sort((one, other) => one - other));
  });

  test.each([
    ['later', 1, 201],
    ['earlier', 201, 1],
  ])(
    'of an incident that goes into one reported %s are counted, and those reported last are kept',
    async (_, firstOf, firstOfOther) => {
      const other = incidentNamed('b');
      for (const minutes of from(firstOf, 100)) await ledger.claim(reportAfter(minutes), inAMinute());
      for (const minutes of from(firstOfOther, 100))
        await ledger.claim(reportAfter(minutes, { incident: other }), inAMinute());
      await ledger.merge(await stored(), other);
      const record = await stored(other);
      expect(record.sightingCount).toBe(200);
      expect(minutesOf(record)).toEqual(from(201, 100));
    },
  );

  test.each([
    ['ASCII', 'x'],
    ['letters of three bytes', '漢'],
    ['characters of four bytes', '😀'],
  ])('fit the incident however long they are, in %s', async (_, letter) => {
    for (let index = 0; index < 60; index += 1) {
      const report = reportOf({ message: `message-${index}`, delivery: `msg_${index}` });
      const texts = {
        reference: `${index} ${letter.repeat(2000 / letter.length)}`,
        location: { url: letter.repeat(2000 / letter.length) },
      };
      Object.assign(report.sighting, texts);
      await ledger.claim(report, inAMinute());
    }
    const { sightings, sightingCount } = await stored();
    expect(sightingCount).toBe(60);
    expect(sightings.at(-1)?.delivery).toBe('msg_59');
    expect(sightings.length).toBeGreaterThan(10);
    expect(Buffer.byteLength(JSON.stringify(await stored()))).toBeLessThan(400_000);
  });
});

describe('a story', () => {
  test('fits the incident however often it is told again: what is older moves to items that its first entry leads to', async () => {
    const reason = 'x'.repeat(4000);
    await rested('failed');
    for (let index = 2; index < 65; index += 1) {
      const record = await claimed({ message: `message-${index}`, delivery: `msg_${index}`, order: { reason } });
      const timeline: Step[] = [{ at: record.receivedAt, stage: 'parked', detail: reason }];
      await ledger.save(record, { state: 'parked', outcome: 'failed', timeline });
    }
    const record = await stored();
    expect(record.attempts).toBe(64);
    expect(record.timeline.at(-1)).toMatchObject({ stage: 'parked', detail: reason });
    expect(Buffer.byteLength(JSON.stringify(record))).toBeLessThan(400_000);
    let whole = record.timeline;
    for (let archives = 0; archives < 20; archives += 1) {
      const Key = { id: { S: archiveId(incident, whole) } };
      const { Item } = await table.dynamoDb.send(new GetItemCommand({ TableName: table.table, Key }));
      if (!Item) break;
      whole = [...(unmarshall(Item).timeline as typeof whole), ...whole];
    }
    expect(whole.filter(({ detail }) => detail?.includes(reason))).toHaveLength(2 * 63);
    expect(flawsOf(incident, whole, record)).toEqual([]);
  });
});

describe("a key's own name", () => {
  const key = { provider: 'datadog', account: 'prod', kind: 'api-key', keyId: 'k-1' };

  test('belongs to the first incident that claims it, for good', async () => {
    const first = await claimed();
    const second = await claimed({ incident: incidentNamed('b') });
    expect(await ledger.nameKey(first, key)).toBe(first.id);
    expect(await ledger.nameKey(second, key)).toBe(first.id);
    expect(await ledger.nameKey(first, key)).toBe(first.id);
  });

  test('belongs to one of two that claim it at once', async () => {
    const records = await Promise.all(
      ['b', 'c', 'd', 'e'].map((word) => claimed({ incident: incidentNamed(word), message: word })),
    );
    const owners = await Promise.all(records.map((record) => ledger.nameKey(record, key)));
    expect(new Set(owners).size).toBe(1);
    expect(records.map(({ id }) => id)).toContain(owners[0]);
  });

  test('is another in another account, kind or provider', async () => {
    const first = await claimed();
    await ledger.nameKey(first, key);
    const second = await claimed({ incident: incidentNamed('b') });
    for (const other of [{ account: 'eu' }, { kind: 'application-key' }, { provider: 'coveo' }, { keyId: 'k-2' }])
      expect(await ledger.nameKey(second, { ...key, ...other })).toBe(second.id);
  });

  test('finds its incident', async () => {
    const record = await claimed();
    expect(await ledger.incidentOfKey([key])).toBe(undefined);
    await ledger.nameKey(record, key);
    expect(await ledger.incidentOfKey([key])).toBe(record.id);
    expect(await ledger.incidentOfKey([{ ...key, account: 'eu' }, key])).toBe(record.id);
    expect(await ledger.incidentOfKey([])).toBe(undefined);
  });

  test('is not an incident that could be listed', async () => {
    await ledger.nameKey(await claimed(), key);
    expect((await ledger.list({ limit: 100 })).records).toHaveLength(1);
  });
});

describe('two incidents that are about one key', () => {
  test('are one under both ids once they are merged', async () => {
    const other = await claimed({ incident: incidentNamed('b'), message: 'message-2', delivery: 'msg_2' });
    const record = await claimed();
    await ledger.merge(record, other.id);
    expect(await stored(record.id)).toEqual(await stored(other.id));
    expect((await stored(record.id)).id).toBe(other.id);
    expect((await ledger.list({ limit: 100 })).records.map(({ id }) => id)).toEqual([other.id]);
  });

  test('meet in the one that stayed: a report of either is held, noted or taken there', async () => {
    const other = await claimed({ incident: incidentNamed('b'), message: 'message-2', delivery: 'msg_2' });
    await ledger.merge(await claimed(), other.id);
    const claim = await ledger.claim(reportOf({ message: 'message-3', delivery: 'msg_3' }), inAMinute());
    expect(claim).toMatchObject({ is: 'held', record: { id: other.id } });
    const { sightings, sightingCount } = (await stored(other.id)) as {
      sightings: { delivery: string }[];
      sightingCount: number;
    };
    expect(sightings.map(({ delivery }) => delivery)).toEqual(['msg_2', 'msg_1', 'msg_3']);
    expect(sightingCount).toBe(3);
    clock.advance(60_000);
    const taken = await claimed({ message: 'message-4' });
    expect(taken).toMatchObject({ id: other.id, fence: 2 });
    await ledger.save(taken, { state: 'closed', outcome: 'revoked' });
    expect(await stored(incident)).toMatchObject({ id: other.id, outcome: 'revoked' });
  });

  test('may be decided under either id', async () => {
    const other = await rested('failed', { incident: incidentNamed('b'), message: 'message-2' });
    await ledger.merge(await claimed(), other.id);
    expect(await ledger.decide(incident, ['parked'], { state: 'received' }, entry('again'))).toMatchObject({
      id: other.id,
      state: 'received',
    });
  });

  test('name their key under the one that stayed', async () => {
    const key = { provider: 'datadog', account: 'prod', kind: 'api-key', keyId: 'k-1' };
    const record = await claimed();
    await ledger.nameKey(record, key);
    const other = await claimed({ incident: incidentNamed('b') });
    await ledger.merge(record, other.id);
    expect(await ledger.incidentOfKey([key])).toBe(other.id);
    expect(await ledger.nameKey(await claimed({ incident: incidentNamed('c') }), key)).toBe(other.id);
  });

  test('leave a run that held the one that went without its place', async () => {
    const record = await claimed();
    const other = await claimed({ incident: incidentNamed('b') });
    await ledger.merge(record, other.id);
    await expect(ledger.save(record, { state: 'sent' })).rejects.toThrow(LeaseLost);
    expect(await stored(other.id)).toMatchObject({ state: 'claimed', revision: 1 });
  });

  test('leave it without its place even when the other stands just where it would have come', async () => {
    const record = await claimed();
    const other = await claimed({ incident: incidentNamed('b') });
    await ledger.merge(record, other.id);
    await ledger.save(other, { state: 'sent', keyId: 'k-1' });
    await expect(ledger.save(record, { state: 'sent', keyId: 'k-2' })).rejects.toThrow(LeaseLost);
  });

  test('are merged by the run that holds the one that goes, and by no other', async () => {
    const late = await claimed();
    clock.advance(60_000);
    await claimed({ message: 'message-2' });
    await expect(ledger.merge(late, incidentNamed('b'))).rejects.toThrow(LeaseLost);
    expect((await stored()).id).toBe(incident);
  });

  test('that point at each other are no incident, and no endless search', async () => {
    const record = await claimed();
    await ledger.merge(record, incident);
    expect(await ledger.read(incident)).toBe(undefined);
  });
});

describe('a decision', () => {
  const from: State[] = ['awaiting-approval', 'parked'];
  const change = { state: 'closed', outcome: 'rejected', reason: 'an operator said no' } as const;

  test('changes an incident that rests in one of the states it is for', async () => {
    const record = await claimed();
    const lease = {
      claim: record.lease.claim,
      message: 'deadline',
      delivery: 'msg_1',
      until: inAMinute(),
      scheduled: true,
    };
    const asked = await ledger.save(record, { state: 'awaiting-approval', lease });
    const decided = await ledger.decide(incident, from, change, entry('no'));
    expect(decided).toMatchObject({ ...change, fence: asked.fence, revision: asked.revision + 1 });
    expect(decided?.lease).toMatchObject({ until: 0, scheduled: false });
    expect(decided?.timeline).toEqual(extended(incident, asked.timeline, [entry('no')]));
    expect(decided).toMatchObject(await stored());
  });

  test.each(['received', 'claimed', 'sent', 'unknown', 'closed'] as const)(
    'changes nothing when the incident is %s',
    async (state) => {
      const record = await claimed();
      await ledger.save(record, { state });
      const before = await stored();
      expect(await ledger.decide(incident, from, change, entry('no'))).toBe(undefined);
      expect(await stored()).toEqual(before);
    },
  );

  test('changes nothing where there is no incident', async () => {
    expect(await ledger.decide(incident, from, change, entry('no'))).toBe(undefined);
    expect(await ledger.read(incident)).toBe(undefined);
  });

  test.each([
    ['keeps what is still to be told where it rests as it did', {}, true],
    ['leaves it where the incident goes on', { state: 'received', outcome: null, reason: null }, false],
  ] as const)('%s', async (_, change, telling) => {
    await ledger.save(await claimed(), { state: 'parked', outcome: 'failed', telling: true });
    expect(await ledger.decide(incident, from, change, entry('no'))).toMatchObject({ telling });
    expect(await stored()).toMatchObject({ telling });
  });

  test('is about the incident as the person saw it', async () => {
    const seen = await rested('failed');
    const again = await claimed({ message: 'message-2', delivery: 'msg_2' });
    await ledger.save(again, { state: 'parked', outcome: 'ambiguous' });
    const { revision } = await stored();
    expect(await ledger.decide(incident, from, change, entry('no'), seen.revision)).toBe(undefined);
    expect(await stored()).toMatchObject({ state: 'parked', outcome: 'ambiguous', revision });
    expect(await ledger.decide(incident, from, change, entry('no'), revision)).toMatchObject(change);
  });

  test('is one of two that come at once', async () => {
    await rested('failed');
    const both = await Promise.all([
      ledger.decide(incident, from, change, entry('no')),
      ledger.decide(incident, from, { state: 'received', outcome: null, reason: null }, entry('yes')),
    ]);
    expect(both.filter((decided) => decided !== undefined)).toHaveLength(1);
    expect((await stored()).timeline.filter(({ stage }) => stage === 'told')).toHaveLength(1);
  });

  test('is not overwritten by the run that asked', async () => {
    const record = await claimed();
    const asked = await ledger.save(record, { state: 'awaiting-approval' });
    await ledger.decide(incident, from, change, entry('no'));
    await expect(ledger.save(asked, { state: 'sent' })).rejects.toThrow(LeaseLost);
  });
});

describe('a leak that no lane takes', () => {
  const unrouted = (given: Parameters<typeof reportOf>[0] = {}) => ({
    incident,
    provider: null,
    kind: null,
    sighting: reportOf(given).sighting,
  });

  test('is parked with the reason', async () => {
    const parked = await ledger.park(unrouted(), 'unrouted', 'provider cannot be told');
    expect(parked).toMatchObject({
      id: incident,
      provider: null,
      kind: null,
      state: 'parked',
      outcome: 'unrouted',
      reason: 'provider cannot be told',
      fence: 0,
      attempts: 0,
    });
    expect(parked.timeline).toMatchObject([
      { stage: 'received' },
      { stage: 'parked', detail: 'provider cannot be told' },
    ]);
    expect(await stored()).toMatchObject(parked);
  });

  test('is one incident, however often it comes; each new sighting is noted', async () => {
    await ledger.park(unrouted(), 'unrouted', 'a');
    await ledger.park(unrouted(), 'unrouted', 'a');
    const again = await ledger.park(unrouted({ delivery: 'msg_2' }), 'unrouted', 'b');
    expect(again).toMatchObject({ sightingCount: 2, reason: 'a', timeline: { length: 2 } });
    expect(await stored()).toMatchObject({ sightingCount: 2, state: 'parked' });
  });

  test('does not disturb an incident that a lane has', async () => {
    const record = await claimed();
    await ledger.park(unrouted({ delivery: 'msg_2' }), 'unrouted', 'a');
    expect(await stored()).toMatchObject({ state: 'claimed', revision: record.revision, sightingCount: 2 });
    await ledger.save(record, { state: 'sent' });
  });

  test('goes to a lane once there is one', async () => {
    await ledger.park({ ...unrouted(), provider: 'datadog', kind: 'api-key' }, 'unrouted', 'not configured');
    expect(await claimed({ message: 'message-2', delivery: 'msg_2' })).toMatchObject({
      state: 'claimed',
      outcome: null,
      provider: 'datadog',
      fence: 1,
    });
  });
});

describe('a sealed leak', () => {
  const sealed = new Uint8Array([0, 1, 2, 255]);
  const day = 86_400_000;

  test('is found for two weeks and no longer', async () => {
    await ledger.keepSealed(incident, sealed);
    expect(await ledger.sealed(incident)).toEqual(sealed);
    clock.advance(14 * day - 1);
    expect(await ledger.sealed(incident)).toEqual(sealed);
    clock.advance(1);
    expect(await ledger.sealed(incident)).toBe(undefined);
  });

  test('is replaced by a newer one, which lasts its own two weeks', async () => {
    await ledger.keepSealed(incident, sealed);
    clock.advance(13 * day);
    await ledger.keepSealed(incident, new Uint8Array([7]));
    clock.advance(13 * day);
    expect(await ledger.sealed(incident)).toEqual(new Uint8Array([7]));
  });

  test('belongs to one incident, and is none itself', async () => {
    await ledger.keepSealed(incident, sealed);
    expect(await ledger.sealed(incidentNamed('b'))).toBe(undefined);
    expect(await ledger.read(incident)).toBe(undefined);
    expect((await ledger.list({ limit: 100 })).records).toEqual([]);
  });

  test('says to the table when it may go', async () => {
    await ledger.keepSealed(incident, sealed);
    const Key = { id: { S: `leak#${incident}` } };
    const { Item } = await table.dynamoDb.send(new GetItemCommand({ TableName: table.table, Key }));
    expect(Item?.expiresAt).toEqual({ N: String((beginning + 14 * day) / 1000) });
  });
});

describe('the fuse', () => {
  let number = 0;
  const next = () => {
    number += 1;
    return number;
  };
  const fuse = { limit: 3, windowMinutes: 60 };
  const hour = 3_600_000;
  const count = async (times: number) => {
    const answers: string[] = [];
    for (let time = 0; time < times; time += 1) answers.push(await ledger.countAgainstFuse(`inc_${next()}`, fuse));
    return answers;
  };

  test('counts up to its limit in a window, and begins anew in the next', async () => {
    expect(await count(3)).toEqual(['within', 'within', 'within']);
    clock.advance(hour);
    expect(await count(3)).toEqual(['within', 'within', 'within']);
    expect(await ledger.fuseBlown()).toBe(undefined);
    expect(await ledger.resetFuse()).toBe(false);
  });

  test('blows once past its limit, and stays so until a person resets it', async () => {
    expect(await count(5)).toEqual(['within', 'within', 'within', 'blows', 'blown']);
    expect(await ledger.fuseBlown()).toBe(new Date(clock.now()).toISOString());
    clock.advance(2 * hour);
    expect(await count(2)).toEqual(['blown', 'blown']);
    expect(await ledger.resetFuse()).toBe(true);
    expect(await ledger.fuseBlown()).toBe(undefined);
    expect(await count(4)).toEqual(['within', 'within', 'within', 'blows']);
  });

  test('lets exactly its limit through when many come at once, and blows for one of them', async () => {
    const answers = await Promise.all(
      Array.from({ length: 40 }, () => ledger.countAgainstFuse(`inc_${next()}`, { ...fuse, limit: 25 })),
    );
    expect(answers.filter((answer) => answer === 'within')).toHaveLength(25);
    expect(answers.filter((answer) => answer === 'blows')).toHaveLength(1);
  });

  test('says to the one incident that blew it that it did, as often as it asks: its run may have died before it told', async () => {
    await count(3);
    const asks = async (incident: string) => ledger.countAgainstFuse(incident, fuse);
    expect(await asks('inc_too-many')).toBe('blows');
    expect(await asks('inc_one-more')).toBe('blown');
    expect(await asks('inc_too-many')).toBe('blows');
    await ledger.resetFuse();
    expect(await asks('inc_too-many')).toBe('within');
  });

  test('goes by windows that never go back, whatever the clocks of those who count say', async () => {
    const late = dynamoLedger(
      { client: table.dynamoDb, table: table.table },
      { ...clock, now: () => clock.now() - 1, random: () => 0.5 },
    );
    const turn = Math.ceil((clock.now() + 1) / hour) * hour;
    clock.advance(turn - clock.now());
    const answers: string[] = [];
    for (let time = 0; time < 6; time += 1)
      answers.push(await (time % 2 === 0 ? ledger : late).countAgainstFuse(`inc_${next()}`, fuse));
    expect(answers).toEqual(['within', 'within', 'within', 'blows', 'blown', 'blown']);
  });

  test('lets no more through than its limit while its window turns and many count at once', async () => {
    await count(2);
    clock.advance(hour);
    const clocks = Array.from({ length: 30 }, (_, index) => clock.now() - (index % 3) * hour);
    const answers = await Promise.all(
      clocks.map((time) =>
        dynamoLedger(
          { client: table.dynamoDb, table: table.table },
          { ...clock, now: () => time, random: () => 0.5 },
        ).countAgainstFuse(`inc_${next()}`, fuse),
      ),
    );
    // Who counted before it turned is counted in the window before it: both together let twice the limit through, and no more.
    expect(answers.filter((answer) => answer === 'within').length).toBeLessThanOrEqual(6);
    expect(answers.filter((answer) => answer === 'blows')).toHaveLength(1);
  });

  test('keeps what it counted when its window is set anew', async () => {
    const counted: string[] = [];
    for (const windowMinutes of [60, 30, 60, 30, 1440, 60])
      counted.push(await ledger.countAgainstFuse(`inc_${next()}`, { limit: 3, windowMinutes }));
    expect(counted).toEqual(['within', 'within', 'within', 'blows', 'blown', 'blown']);
  });

  test('counts an incident once, however often its run begins anew', async () => {
    const window = { limit: 2, windowMinutes: 7 };
    const answers: string[] = [];
    for (const incident of ['a', 'a', 'a', 'b', 'c', 'a', 'b'])
      answers.push(await ledger.countAgainstFuse(`inc_${incident}`, window));
    expect(answers).toEqual(['within', 'within', 'within', 'within', 'blows', 'within', 'within']);
  });
});

describe('the list', () => {
  const outcomesInTurn: (Outcome | null)[] = ['revoked', 'failed', 'not-found', null, 'unrouted', 'observed'];
  const providersInTurn = ['datadog', 'coveo', 'resolver', 'datadog'];
  let all: { id: string; state: State; outcome: Outcome | null; provider: string; at: string }[];

  /** 60 incidents, three in each minute, of every sort. */
  beforeEach(async () => {
    all = [];
    for (let index = 0; index < 60; index += 1) {
      const outcome = outcomesInTurn[index % outcomesInTurn.length] ?? null;
      const provider = String(providersInTurn[index % providersInTurn.length]);
      const at = new Date(beginning + Math.floor(index / 3) * 60_000).toISOString();
      const id = incidentNamed(`n${String(index * 7919).padStart(8, '0')}`);
      const report: Report = {
        ...reportOf({ incident: id, provider }),
        sighting: { source: 'standard', at, delivery: id },
      };
      const { record } = await ledger.claim(report, inAMinute());
      const state = outcome ? restsIn[outcome] : 'claimed';
      if (outcome) await ledger.save(record, { state, outcome });
      all.push({ id, state, outcome, provider, at });
    }
  });

  const expected = ({ state, outcome, provider, since = '' }: Partial<Query>) =>
    all
      .filter((one) => (state ?? one.state) === one.state && (outcome ?? one.outcome) === one.outcome)
      .filter((one) => (provider ?? one.provider) === one.provider && one.at >= since)
      .toSorted((left, right) => (`${left.at}#${left.id}` < `${right.at}#${right.id}` ? 1 : -1))
      .map(({ id }) => id);

  async function paged(query: Query): Promise<string[][]> {
    const pages: string[][] = [];
    let cursor: string | undefined;
    do {
      const page = await ledger.list({ ...query, cursor });
      pages.push(page.records.map(({ id }) => id));
      cursor = page.cursor;
    } while (cursor !== undefined && pages.length < 100);
    return pages;
  }

  const since = new Date(beginning + 10 * 60_000).toISOString();
  const queries: Partial<Query>[] = [
    {},
    { state: 'closed' },
    { state: 'parked' },
    { state: 'claimed' },
    { outcome: 'revoked' },
    { provider: 'datadog' },
    { provider: 'coveo' },
    { state: 'parked', outcome: 'failed' },
    { state: 'closed', provider: 'datadog' },
    { outcome: 'unrouted', provider: 'datadog' },
    { state: 'parked', outcome: 'failed', provider: 'coveo' },
    { state: 'closed', outcome: 'failed' },
    { since },
    { since, provider: 'datadog' },
    { since, state: 'closed', outcome: 'revoked' },
  ];

  test('gives what fits, newest first, page by page, each once and none left out', async () => {
    for (const query of queries) {
      for (const limit of [1, 7, 100]) {
        const pages = await paged({ ...query, limit });
        expect({ query, limit, ids: pages.flat() }).toEqual({ query, limit, ids: expected(query) });
        for (const page of pages) expect(page.length).toBeLessThanOrEqual(limit);
        for (const page of pages.slice(0, -1)) expect(page).toHaveLength(limit);
      }
    }
  });

  test('gives no cursor with everything in it', async () => {
    expect((await ledger.list({ limit: 61 })).cursor).toBe(undefined);
    expect((await ledger.list({ limit: 1, outcome: 'restored' })).cursor).toBe(undefined);
  });

  test('begins at the very moment that is asked for', async () => {
    const at = new Date(beginning + 19 * 60_000).toISOString();
    expect((await ledger.list({ limit: 100, since: at })).records).toHaveLength(3);
    const after = new Date(beginning + 19 * 60_000 + 1).toISOString();
    expect((await ledger.list({ limit: 100, since: after })).records).toEqual([]);
  });

  test('follows an incident from one state to the next', async () => {
    const [one] = expected({ state: 'claimed' });
    const record = await stored(String(one));
    await ledger.save(record, { state: 'closed', outcome: 'revoked' });
    const ids = async (query: Partial<Query>) => (await paged({ limit: 100, ...query })).flat();
    expect(await ids({ state: 'claimed' })).not.toContain(one);
    expect(await ids({ state: 'closed' })).toContain(one);
    expect(await ids({ outcome: 'revoked' })).toContain(one);
  });

  test('goes on without gaps while newer incidents come in', async () => {
    const first = await ledger.list({ limit: 10 });
    const at = new Date(beginning + 86_400_000).toISOString();
    await ledger.claim({ ...reportOf(), sighting: { source: 'standard', at, delivery: 'x' } }, inAMinute());
    const second = await ledger.list({ limit: 50, cursor: first.cursor });
    expect([...first.records, ...second.records].map(({ id }) => id)).toEqual(expected({}));
  });

  test.each([
    ['text', 'hello'],
    ['nothing', ''],
    ['JSON of something else', Buffer.from('{"id":7}').toString('base64url')],
    ['null', Buffer.from('null').toString('base64url')],
    ['more than a cursor', Buffer.from('{"id":"a","newest":"b","table":"c"}').toString('base64url')],
  ])('refuses a cursor that it never gave: %s', async (_, cursor) => {
    await expect(ledger.list({ limit: 1, cursor })).rejects.toThrow(BadCursor);
  });

  test('refuses a cursor that another question gave, where it cannot go on from it', async () => {
    const { cursor } = await ledger.list({ limit: 59 });
    await expect(ledger.list({ limit: 10, since, cursor })).rejects.toThrow(BadCursor);
  });
});

describe('an item that a person or another program damaged', () => {
  test('is not taken for an incident that could be written to', async () => {
    const record = await claimed();
    await table.dynamoDb.send(
      new UpdateItemCommand({
        TableName: table.table,
        Key: { id: { S: incident } },
        UpdateExpression: 'SET fence = :zero',
        ExpressionAttributeValues: { ':zero': { N: '0' } },
      }),
    );
    await expect(ledger.save(record, { state: 'sent' })).rejects.toThrow(LeaseLost);
  });
});

describe('an alert that is remembered', () => {
  const hour = 3_600_000;
  const links = Array.from({ length: 250 }, (_, index) => `https://acme.example/alerts/${index}`);

  test('is known until its time is over, at its own source', async () => {
    await ledger.rememberAlert('acme', 'https://a', clock.now() + hour);
    expect(await ledger.knownAlerts('acme', ['https://a', 'https://b'])).toEqual(new Set(['https://a']));
    expect(await ledger.knownAlerts('other', ['https://a'])).toEqual(new Set());
    clock.advance(hour);
    expect(await ledger.knownAlerts('acme', ['https://a'])).toEqual(new Set());
  });

  test('is not forgotten sooner because it is remembered for a shorter time as well', async () => {
    for (const hours of [2, 1]) await ledger.rememberAlert('acme', 'https://a', clock.now() + hours * hour);
    clock.advance(hour + 1);
    expect((await ledger.knownAlerts('acme', ['https://a'])).size).toBe(1);
    await ledger.rememberAlert('acme', 'https://a', clock.now() + 3 * hour);
    clock.advance(2 * hour);
    expect((await ledger.knownAlerts('acme', ['https://a'])).size).toBe(1);
  });

  test('is found among hundreds, and however long its address is', async () => {
    // 2,048 bytes are as much as DynamoDB takes for a key.
    const long = `https://acme.example/${'漢'.repeat(1000)}`;
    for (const link of [...links.slice(95, 105), long]) await ledger.rememberAlert('acme', link, clock.now() + hour);
    expect(await ledger.knownAlerts('acme', [...links, long])).toEqual(new Set([...links.slice(95, 105), long]));
    expect(await ledger.knownAlerts('acme', [`${long}x`])).toEqual(new Set());
    expect(await ledger.knownAlerts('acme', [])).toEqual(new Set());
    const { Items = [] } = await table.dynamoDb.send(new ScanCommand({ TableName: table.table }));
    expect(Items.filter(({ id }) => Buffer.byteLength(String(id?.S)) > 2048)).toEqual([]);
  });

  test('is no incident, and in no list', async () => {
    await ledger.rememberAlert('acme', 'https://a', clock.now() + hour);
    expect((await ledger.list({ limit: 10 })).records).toEqual([]);
    expect(await ledger.due(10)).toEqual([]);
  });

  /** A table that gives so many items at a time, all of which are there. */
  async function slowTable(atMost: number) {
    let questions = 0;
    const server = createServer(async (request, response) => {
      const chunks: Buffer[] = [];
      for await (const chunk of request) chunks.push(chunk);
      const { RequestItems } = JSON.parse(Buffer.concat(chunks).toString());
      const { Keys } = RequestItems.slow;
      questions += 1;
      const given = Keys.slice(0, atMost).map(({ id }: object & { id: object }) => ({
        id,
        expiresAt: { N: '9999999999' },
      }));
      const UnprocessedKeys = Keys.length > atMost ? { slow: { Keys: Keys.slice(atMost) } } : {};
      response.end(JSON.stringify({ Responses: { slow: given }, UnprocessedKeys }));
    });
    const credentials = { accessKeyId: 'test', secretAccessKey: 'test' };
    const client = new DynamoDBClient({ endpoint: await listen(server), region: 'us-east-1', credentials });
    const slow = dynamoLedger({ client, table: 'slow' }, { ...clock, random: () => 0.5 });
    const close = async () => {
      client.destroy();
      await closed(server);
    };
    return { slow, close, questions: () => questions };
  }

  test('is asked for again when the table gave only some', async () => {
    const { slow, close, questions } = await slowTable(60);
    expect((await slow.knownAlerts('acme', links)).size).toBe(250);
    expect(questions()).toBe(5);
    await close();
  });

  test('is not taken for unknown by a table that gives none', async () => {
    const { slow, close } = await slowTable(0);
    await expect(slow.knownAlerts('acme', links)).rejects.toThrow(Unavailable);
    await close();
  });
});
