import { randomUUID } from 'node:crypto';
import { afterEach, describe, expect, test } from 'vitest';
import { providers } from '../../../functions/providers/index.ts';
import { Unavailable } from '../../../functions/revocation/errors.ts';
import type { Action } from '../../../functions/revocation/incident.ts';
import { respond } from '../../../functions/revocation/respond.ts';
import { Secret } from '../../../functions/revocation/secret.ts';
import { type DatadogKey, datadogVendor, inventedKeys } from '../../../lib/local/vendors/datadog.ts';
import { testClock, testLane, testLedger, vendorNetwork } from '../../support/lane.ts';

const admin = { site: 'datadoghq.com', apiKey: 'a1'.repeat(16), appKey: 'b2'.repeat(20) };

const closers: (() => Promise<void>)[] = [];
afterEach(async () => {
  await Promise.all(closers.splice(0).map((close) => close()));
});

/** One lane to a Datadog with two accounts on two sites; the first key of the first is the one that leaks. */
async function begin({
  policy,
  action,
  accounts = ['main'],
  more = {},
}: {
  policy?: object;
  action?: Action;
  accounts?: string[];
  more?: Record<string, object>;
} = {}) {
  const clock = testClock();
  const [key, other, ...rest] = inventedKeys(6, 'respond') as [DatadogKey, DatadogKey, ...DatadogKey[]];
  const eu = { ...admin, site: 'datadoghq.eu' };
  const keys = [key, other, ...rest];
  const vendor = datadogVendor(
    [
      { site: admin.site, id: 'org-us', keys, admins: [admin] },
      { site: eu.site, id: 'org-eu', keys: inventedKeys(3, 'eu'), admins: [eu] },
    ],
    { now: clock.now },
  );
  const network = await vendorNetwork(vendor);
  const { ledger, close } = await testLedger(clock);
  closers.push(network.close, close);
  const all: Record<string, object> = { main: admin, eu, again: { ...admin }, ...more };
  const configured = Object.fromEntries(accounts.map((name) => [name, all[name] ?? {}]));
  const lane = testLane({
    provider: providers.datadog,
    vendor,
    accounts: configured,
    ledger,
    clock,
    fetch: network.fetch,
    ...(policy && { policy }),
    ...(action && { action }),
  });
  const leak = { provider: 'datadog', secret: key.key };
  const byId = { provider: 'datadog', identifiers: { keyId: key.id } };
  return { ...lane, vendor, ledger, clock, key, other, leak, byId };
}

describe('a leak with an id and a value', () => {
  test('is found by its value when the id names nothing', async () => {
    const { follow, leak, key, vendor } = await begin();
    const stale = { ...leak, identifiers: { keyId: randomUUID() } };
    expect(await follow(stale)).toMatchObject({ outcome: 'revoked', keyId: key.id });
    expect(vendor.deletions).toEqual([key.id]);
  });

  test.each([true, false])('touches nothing when the id names another key (useLeakedKey: %s)', async (useLeakedKey) => {
    for (const options of [{}, { source: 'operator', mayNameKeys: true, order: { action: 'delete' as const } }]) {
      const { follow, leak, other, vendor } = await begin({ policy: { useLeakedKey } });
      expect(await follow({ ...leak, identifiers: { keyId: other.id } }, options)).toMatchObject({
        state: 'parked',
        outcome: 'ambiguous',
      });
      expect(vendor.deletions).toEqual([]);
    }
  });
});

describe('a leak whose id and value are of two keys', () => {
  test('stays its own incident when the key of that id has been dealt with', async () => {
    const { follow, leak, other, vendor, key } = await begin();
    await follow({ provider: 'datadog', secret: other.key });
    const incident = await follow({ ...leak, identifiers: { keyId: other.id } });
    expect(incident).toMatchObject({ state: 'closed', outcome: 'revoked', keyId: key.id });
    expect(vendor.deletions).toEqual([other.id, key.id]);
  });
});

describe('a key that 105 alerts tell of', () => {
  const many = Array.from({ length: 105 }, (_, index) => index);

  test.each([
    ['by its value, several at once', 5, () => true],
    ['by its value, one after another', 1, () => true],
    ['by its value or its id, several at once', 5, (index: number) => index % 2 === 0],
    ['by its value or its id, one after another', 1, (index: number) => index % 2 === 0],
  ])(
    'counts all of them: %s',
    async (_, atOnce, byValue) => {
      const { reportOf, run, drain, ledger, leak, byId, vendor, key } = await begin();
      const reportAbout = (index: number) => {
        const report = reportOf(byValue(index) ? leak : byId);
        return { ...report, sighting: { ...report.sighting, reference: `https://git.example/alerts/${index}` } };
      };
      for (let next = 0; next < many.length; next += atOnce)
        await Promise.all(many.slice(next, next + atOnce).map((index) => run(reportAbout(index))));
      await drain(60_000);
      expect(await ledger.read(reportOf(leak).incident)).toMatchObject({
        outcome: 'revoked',
        sightingCount: 105,
        sightings: { length: 100 },
      });
      expect(vendor.deletions).toEqual([key.id]);
    },
    120_000,
  );
});

describe('a value that is only shown in part', () => {
  const hidden = (id: string, last4: string) => ({ data: { id, attributes: { name: 'masked', last4 } } });

  test('waits for a person, even where the alert names the key', async () => {
    const { follow, leak, key, vendor } = await begin({ policy: { useLeakedKey: false } });
    vendor.troubles.push({
      on: /^GET \/api\/v2\/api_keys\//,
      reply: { status: 200, body: hidden(key.id, key.key.slice(-4)) },
    });
    const incident = await follow({ ...leak, identifiers: { keyId: key.id } });
    expect(incident).toMatchObject({ state: 'awaiting-approval', keyId: key.id, valueMatched: false });
    expect(incident.reason).toMatch(/only on a hint/);
    expect(vendor.deletions).toEqual([]);
  });

  test('is not proven dead by a value that was never seen to be its own', async () => {
    const { run, reportOf, leak, key, vendor, ledger } = await begin();
    vendor.troubles.push({ on: /v2\/validate$/, reply: { status: 404, body: { errors: ['Not Found'] } } });
    vendor.troubles.push({
      on: /^GET \/api\/v2\/api_keys\//,
      times: 1,
      reply: { status: 200, body: hidden(key.id, key.key.slice(-4)) },
    });
    const order = { action: 'delete' as const };
    const named = reportOf(
      { ...leak, identifiers: { keyId: key.id } },
      { source: 'operator', mayNameKeys: true, order },
    );
    await run(named);
    const incident = await ledger.read(named.incident);
    expect(incident).toMatchObject({ outcome: 'revoked', proof: { method: 'key-absent' } });
    expect(vendor.arrivals.some(({ target }) => target === '/api/v1/validate')).toBe(false);
  });

  test('of another length is another key', async () => {
    const { follow, leak, key, vendor } = await begin({ policy: { useLeakedKey: false } });
    key.key = `0${key.key}`;
    expect(await follow(leak)).toMatchObject({ outcome: 'not-found' });
    expect(vendor.deletions).toEqual([]);
  });
});

describe('a list', () => {
  const page = (keys: DatadogKey[], total: number | undefined) => ({
    status: 200,
    body: {
      data: keys.map(({ id, key, name }) => ({ id, attributes: { name, last4: key.slice(-4) } })),
      meta: { page: total === undefined ? {} : { total_filtered_count: total } },
    },
  });

  test.each([
    ['says that it holds more than it gives', 9],
    ['does not say how many it holds', undefined],
  ])('that %s is not the whole, so nothing is "not found"', async (_, total) => {
    const { run, reportOf, vendor, ledger } = await begin({ policy: { useLeakedKey: false } });
    vendor.troubles.push({ on: /v2\/api_keys\?/, reply: page([], total) });
    const report = reportOf({ provider: 'datadog', secret: 'f0'.repeat(16) });
    await run(report);
    expect((await ledger.read(report.incident))?.outcome).toBeNull();
  });

  test('whose total changes while it is read is read again', async () => {
    const { follow, vendor } = await begin({ policy: { useLeakedKey: false } });
    const many = inventedKeys(150, 'many');
    vendor.organisations[0]?.keys.push(...many);
    vendor.troubles.push({ on: /page%5Bnumber%5D=1/, times: 1, reply: page(many.slice(0, 50), 155) });
    expect(await follow({ provider: 'datadog', secret: 'f0'.repeat(16) })).toMatchObject({
      outcome: 'not-found',
      attempts: 2,
    });
  });
});

describe('the admin credential of any account', () => {
  test('is not touched, though another account could', async () => {
    const ownKey = { id: randomUUID(), key: 'd4'.repeat(16), name: 'leakstop', created: '2026-01-01' };
    for (const leak of [
      { provider: 'datadog', identifiers: { keyId: ownKey.id } },
      { provider: 'datadog', secret: ownKey.key, account: 'main' },
    ]) {
      const { follow, vendor } = await begin({
        accounts: ['main', 'second'],
        more: { second: { ...admin, apiKey: ownKey.key } },
      });
      vendor.organisations[0]?.keys.push({ ...ownKey });
      const order = { action: 'delete' as const };
      const incident = await follow(leak, { source: 'operator', mayNameKeys: true, order });
      expect(incident).toMatchObject({ state: 'parked', outcome: 'protected' });
      expect(vendor.deletions).toEqual([]);
    }
  });
});

describe('a key that an earlier run found', () => {
  test('and that somebody else has ended since, is already gone and not "not found"', async () => {
    const { run, reportOf, leak, vendor, key, drain, ledger } = await begin();
    vendor.troubles.push({ on: /^DELETE/, times: 1, reply: { status: 429, body: { errors: ['Too many'] } } });
    const report = reportOf(leak);
    await run(report);
    const keys = vendor.organisations[0]?.keys;
    keys?.splice(keys.indexOf(key), 1);
    await drain();
    expect(await ledger.read(report.incident)).toMatchObject({
      state: 'closed',
      outcome: 'already-gone',
      keyId: key.id,
      proof: { dead: true },
    });
  });
});

describe('a key that an earlier run found, and a later search does not', () => {
  test('is not taken for gone where another account was searched', async () => {
    const { follow, leak, vendor, key } = await begin({ action: 'observe', accounts: ['main', 'eu'] });
    expect(await follow(leak)).toMatchObject({ outcome: 'observed', keyId: key.id });
    expect(await follow({ ...leak, account: 'eu' })).toMatchObject({ state: 'closed', outcome: 'not-found' });
    const order = { action: 'delete' as const };
    expect(await follow(leak, { source: 'operator', mayNameKeys: true, order })).toMatchObject({ outcome: 'revoked' });
    expect(vendor.deletions).toEqual([key.id]);
  });

  test('is dealt with where it is there after all', async () => {
    const { follow, leak, vendor, key } = await begin({ action: 'observe', policy: { useLeakedKey: false } });
    await follow(leak);
    const empty = { data: [], meta: { page: { total_filtered_count: 0 } } };
    vendor.troubles.push({ on: /api_keys\?/, times: 1, reply: { status: 200, body: empty } });
    const order = { action: 'delete' as const };
    expect(await follow(leak, { source: 'operator', mayNameKeys: true, order })).toMatchObject({ outcome: 'revoked' });
    expect(vendor.deletions).toEqual([key.id]);
  });
});

describe('a dry run', () => {
  const dry = { source: 'operator', mayNameKeys: true, order: { dryRun: true } };

  test('shows what is ordered, and sends nothing', async () => {
    const { follow, leak, vendor } = await begin({ action: 'approve' });
    expect(await follow(leak, dry)).toMatchObject({ outcome: 'observed' });
    expect(vendor.deletions).toEqual([]);
  });

  test('undoes no decision, and ends no wait for one', async () => {
    const { follow, leak, ledger, vendor } = await begin({ action: 'approve' });
    const asked = await follow(leak);
    expect(asked.state).toBe('awaiting-approval');
    expect((await follow(leak, dry)).state).toBe('awaiting-approval');
    const no = { state: 'closed', outcome: 'rejected', reason: 'no' } as const;
    await ledger.decide(asked.id, ['awaiting-approval'], no, { at: '2026-11-20T13:00:00.000Z', stage: 'rejected' });
    expect((await follow(leak, dry)).outcome).toBe('rejected');
    expect((await follow(leak, { source: 'other' })).outcome).toBe('rejected');
    expect(vendor.deletions).toEqual([]);
  });

  test('cancels no work that only waits its time', async () => {
    const { run, reportOf, leak, vendor, drain, key } = await begin();
    const busy = { status: 429, headers: { 'x-ratelimit-reset': '600' }, body: { errors: [] } };
    vendor.troubles.push({ on: /^DELETE/, times: 1, reply: busy });
    await run(reportOf(leak));
    await run(reportOf(leak, dry));
    await drain();
    expect(vendor.deletions).toEqual([key.id]);
  });
});

describe('a report that is merged into another story', () => {
  test.each(['answer lost', 'function dead'])('is looked at all the same: %s', async (trouble) => {
    const { run, reportOf, leak, byId, ledger, services, vendor, key, drain } = await begin();
    const named = reportOf(byId);
    await run(named);
    expect(await ledger.read(named.incident)).toMatchObject({ state: 'awaiting-approval' });
    const value = reportOf(leak);
    const merge = async (...given: Parameters<typeof ledger.merge>) => {
      await ledger.merge(...given);
      throw trouble === 'answer lost' ? new Unavailable('the ledger gave no answer') : new Error('dead');
    };
    Object.assign(services, { ledger: { ...ledger, merge } });
    await run(value).catch(() => {});
    Object.assign(services, { ledger });
    if (trouble === 'function dead') await run(value);
    await drain();
    expect(await ledger.read(named.incident)).toMatchObject({ outcome: 'revoked' });
    expect(vendor.deletions).toEqual([key.id]);
  });
});

describe('a sighting while the provider names a long wait', () => {
  test('comes back once, when that is over', async () => {
    const { run, reportOf, leak, vendor, waiting, clock, drain, ledger } = await begin();
    const busy = { status: 429, headers: { 'x-ratelimit-reset': '3000' }, body: { errors: [] } };
    vendor.troubles.push({ on: /^DELETE/, times: 1, reply: busy });
    const report = reportOf(leak);
    await run(report);
    await run(reportOf(leak, { source: 'other' }));
    expect(waiting).toHaveLength(2);
    expect(JSON.parse(waiting[1]?.body ?? '{}').notBefore - clock.now()).toBeGreaterThan(3_000_000 - 1000);
    await drain();
    expect(await ledger.read(report.incident)).toMatchObject({ outcome: 'revoked', attempts: 2, sightingCount: 2 });
  });
});

describe('an order', () => {
  test('given while another run holds the incident is carried out when that is done', async () => {
    const { run, reportOf, leak, drain, ledger, vendor, key, waiting } = await begin({ action: 'observe' });
    const alert = reportOf(leak);
    await ledger.claim(alert, Date.parse('2026-11-20T12:00:20.000Z'));
    await run(reportOf(leak, { source: 'operator', mayNameKeys: true, order: { action: 'delete' } }));
    expect(waiting).toHaveLength(1);
    expect(vendor.deletions).toEqual([]);
    await drain();
    expect(await ledger.read(alert.incident)).toMatchObject({ outcome: 'revoked', sightingCount: 2 });
    expect(vendor.deletions).toEqual([key.id]);
  });

  test('does not wait for a message that only waits its time', async () => {
    const { run, reportOf, leak, vendor, key } = await begin();
    const busy = { status: 429, headers: { 'x-ratelimit-reset': '2100' }, body: { errors: [] } };
    vendor.troubles.push({ on: /^DELETE/, times: 1, reply: busy });
    await run(reportOf(leak));
    expect(vendor.deletions).toEqual([]);
    await run(reportOf(leak, { source: 'operator', mayNameKeys: true, order: { action: 'delete' } }));
    expect(vendor.deletions).toEqual([key.id]);
  });
});

describe('news of an incident that is held', () => {
  test('is looked at when its run is done: it may know an account where the first knew none', async () => {
    const { run, reportOf, leak, drain, ledger, vendor, key } = await begin();
    const narrow = reportOf({ ...leak, account: 'elsewhere' });
    const wide = reportOf(leak, { source: 'other' });
    await ledger.claim(narrow, Date.parse('2026-11-20T12:00:20.000Z'));
    await run(wide);
    await run(wide);
    expect(await ledger.read(narrow.incident)).toMatchObject({ sightingCount: 2 });
    await drain();
    expect(await ledger.read(narrow.incident)).toMatchObject({ outcome: 'revoked', sightingCount: 2 });
    expect(vendor.deletions).toEqual([key.id]);
  });
});

describe('what a dead function left', () => {
  test.each([
    ['a dry run', { order: { dryRun: true } }],
    ['what somebody wrote in a chat', { hearsay: true }],
  ])('is gone on with by its own message, and not by %s, which comes back now and then', async (_, weak) => {
    const { run, drain, reportOf, leak, services, clock, waiting, ledger, vendor, key } = await begin();
    const report = reportOf(leak);
    const { adminOf } = services;
    services.adminOf = async () => {
      throw new TypeError('the function died');
    };
    await expect(run(report)).rejects.toThrow('died');
    services.adminOf = adminOf;
    clock.advance(60_000);
    await run({ ...reportOf(leak, { source: 'other' }), ...weak });
    expect(waiting.map(({ at }) => at - clock.now())).toEqual([30_000]);
    await run(report);
    await drain();
    expect(await ledger.read(report.incident)).toMatchObject({ outcome: 'revoked', sightingCount: 2 });
    expect(vendor.deletions).toEqual([key.id]);
  });
});

describe('several accounts', () => {
  test('one that is two ways to the same organisation is one match', async () => {
    const { follow, leak, key } = await begin({ accounts: ['main', 'again'] });
    expect(await follow(leak)).toMatchObject({ outcome: 'revoked', keyId: key.id });
  });

  test('an outage of one is not "not found"', async () => {
    const { run, reportOf, vendor, ledger, drain } = await begin({ accounts: ['main', 'eu'] });
    const report = reportOf({ provider: 'datadog', secret: 'f0'.repeat(16) });
    vendor.troubles.push({ on: /^GET \/api\/v2\/api_keys\?/, times: 1, reply: { status: 503 } });
    await run(report);
    expect(await ledger.read(report.incident)).toMatchObject({ state: 'claimed', outcome: null });
    await drain();
    expect(await ledger.read(report.incident)).toMatchObject({ state: 'closed', outcome: 'not-found' });
  });

  test('one that refuses us holds up no key in another, and is told of before a leak needs it', async () => {
    const dead = { site: 'datadoghq.eu', apiKey: 'c3'.repeat(16), appKey: 'd4'.repeat(20) };
    const { follow, leak, key, notes } = await begin({ accounts: ['main', 'dead'], more: { dead } });
    expect(await follow(leak)).toMatchObject({ outcome: 'revoked', keyId: key.id });
    expect(notes.filter(({ fault }) => fault !== undefined)).toEqual([
      {
        incident: expect.stringMatching(/^inc_/),
        detail: expect.stringMatching(/^account dead could not be asked: datadog refuses the admin credential/),
        fault: { is: 'Refused', isFinal: false },
      },
    ]);
  });

  test('a leak that names one searches no other', async () => {
    const { follow, leak, vendor } = await begin({ accounts: ['main', 'eu'] });
    expect(await follow({ ...leak, account: 'eu' })).toMatchObject({ outcome: 'not-found' });
    expect(new Set(vendor.arrivals.map(({ host }) => host))).toEqual(new Set(['api.datadoghq.eu']));
    expect(vendor.deletions).toEqual([]);
  });
});

describe('one key reported by value and by id', () => {
  test('is one incident, whichever comes first', async () => {
    for (const valueFirst of [true, false]) {
      const { run, reportOf, leak, byId, ledger, vendor, key } = await begin();
      const value = reportOf(leak);
      const id = reportOf(byId, { source: 'operator', mayNameKeys: true, order: {} });
      await run(valueFirst ? value : id);
      await run(valueFirst ? id : value);
      expect(vendor.deletions).toEqual([key.id]);
      if (valueFirst) {
        const both = await Promise.all([ledger.read(value.incident), ledger.read(id.incident)]);
        expect(both[0]).toEqual(both[1]);
        expect(both[0]).toMatchObject({ outcome: 'revoked', sightingCount: 2 });
      }
    }
  });

  test('is one incident when both come at once', async () => {
    const { run, reportOf, leak, byId, ledger, vendor, key, drain } = await begin();
    const value = reportOf(leak);
    const id = reportOf(byId, { source: 'operator', mayNameKeys: true, order: {} });
    await Promise.all([run(value), run(id)]);
    await drain();
    expect(vendor.deletions).toEqual([key.id]);
    expect((await ledger.read(value.incident))?.id).toBe((await ledger.read(id.incident))?.id);
  });
});

describe('a person who is asked', () => {
  const asking = (onDeadline: 'park' | 'revoke') => ({ approval: { deadlineMinutes: 15, onDeadline } });

  test('has until the deadline: then the incident parks, once', async () => {
    const { follow, leak, vendor, clock } = await begin({ action: 'approve', policy: asking('park') });
    const began = clock.now();
    const incident = await follow(leak);
    expect(incident).toMatchObject({ state: 'parked', outcome: null });
    expect(incident.reason).toMatch(/nobody answered in time/);
    expect(clock.now() - began).toBe(15 * 60_000);
    expect(vendor.deletions).toEqual([]);
  });

  test('or the key dies, where policy says so', async () => {
    const { follow, leak, key } = await begin({ action: 'approve', policy: asking('revoke') });
    expect(await follow(leak)).toMatchObject({ state: 'closed', outcome: 'revoked', keyId: key.id });
  });

  test('about a key named without its value parks at the deadline, whatever policy says of its own questions', async () => {
    const { follow, byId, vendor } = await begin({ policy: asking('revoke') });
    const incident = await follow(byId);
    expect(incident).toMatchObject({ state: 'parked', outcome: null });
    expect(incident.attempts).toBe(2);
    expect(vendor.deletions).toEqual([]);
  });

  test('is not overruled by another alert', async () => {
    const { run, reportOf, leak, vendor, ledger } = await begin();
    const order = { action: 'approve' as const };
    const asked = reportOf(leak, { source: 'operator', order, mayNameKeys: true });
    await run(asked);
    await run(reportOf(leak));
    expect(await ledger.read(asked.incident)).toMatchObject({ state: 'awaiting-approval', sightingCount: 2 });
    expect(vendor.deletions).toEqual([]);
  });

  test('is no longer needed when the value comes that was missing', async () => {
    const { run, reportOf, leak, byId, ledger, key, vendor } = await begin();
    const named = reportOf(byId);
    await run(named);
    expect(await ledger.read(named.incident)).toMatchObject({ state: 'awaiting-approval' });
    await run(reportOf(leak));
    expect(await ledger.read(named.incident)).toMatchObject({ state: 'closed', outcome: 'revoked' });
    expect(vendor.deletions).toEqual([key.id]);
  });
});

describe('the fuse', () => {
  test('lets its limit of automatic revocations through and asks a person about the rest', async () => {
    const { follow, vendor, services } = await begin({ policy: { fuse: { limit: 2, windowMinutes: 60 } } });
    const keys = vendor.organisations[0]?.keys.slice() ?? [];
    const outcomes: string[] = [];
    for (const { key } of keys.slice(0, 4)) outcomes.push((await follow({ provider: 'datadog', secret: key })).state);
    expect(outcomes).toEqual(['closed', 'closed', 'awaiting-approval', 'awaiting-approval']);
    expect(vendor.deletions).toHaveLength(2);
    expect(services.policy.fuse?.limit).toBe(2);
  });

  test('counts a key once, however often its deletion is tried', async () => {
    const { follow, leak, vendor } = await begin({ policy: { fuse: { limit: 1, windowMinutes: 1440 } } });
    vendor.troubles.push({ on: /^DELETE/, times: 3, reply: { status: 429, body: { errors: ['Too many'] } } });
    expect(await follow(leak)).toMatchObject({ outcome: 'revoked' });
  });
});

describe('pace', () => {
  test('a provider that is down is asked after a second, then with growing pauses up to a minute', async () => {
    const { follow, leak, vendor, clock, notes } = await begin({ policy: { useLeakedKey: false } });
    vendor.troubles.push({ on: /api_keys/, reply: { status: 503 } });
    const began = clock.now();
    expect(await follow(leak, { withinMs: 8 * 60_000 })).toMatchObject({ state: 'claimed', outcome: null });
    const waits = notes
      .flatMap(({ detail }) => /trying again at (\S+)/.exec(detail ?? '')?.[1] ?? [])
      .map((at) => Date.parse(at));
    const pauses = waits.slice(0, 9).map((at, index) => Math.round((at - (waits[index - 1] ?? began)) / 1000));
    expect(pauses).toEqual([1, 2, 4, 8, 16, 32, 60, 60, 60]);
  });

  test.each([
    ['is still asked shortly before a day is over', 24 * 3_600_000 - 90_000, 'claimed'],
    ['is left to a person after a day', 24 * 3_600_000 + 1, 'parked'],
  ])('a provider that is down %s', async (_, later, state) => {
    const { reportOf, run, leak, vendor, clock, ledger } = await begin({ policy: { useLeakedKey: false } });
    vendor.troubles.push({ on: /api_keys/, reply: { status: 503 } });
    const report = { ...reportOf(leak), tries: { unavailable: 1000, unexpected: 0 } };
    clock.advance(later);
    await run(report);
    expect(await ledger.read(report.incident)).toMatchObject({
      state,
      outcome: state === 'parked' ? 'failed' : null,
      reason: expect.stringMatching(/^datadog answered 503/),
    });
  });

  test('a wait longer than the queue can hold is made of several', async () => {
    const { run, reportOf, leak, vendor, waiting, clock, drain, ledger } = await begin();
    vendor.troubles.push({
      on: /^DELETE/,
      times: 1,
      reply: { status: 429, headers: { 'x-ratelimit-reset': '2100' }, body: { errors: [] } },
    });
    const report = reportOf(leak);
    const began = clock.now();
    await run(report);
    expect(waiting.map(({ at }) => at - began)).toEqual([900_000]);
    const deletes = () => vendor.arrivals.filter(({ method }) => method === 'DELETE').length;
    await drain(1_900_000);
    expect(deletes()).toBe(1);
    await drain();
    expect(deletes()).toBe(2);
    expect(await ledger.read(report.incident)).toMatchObject({ outcome: 'revoked', attempts: 2 });
  });
});

describe('a wait that a provider names', () => {
  test.each([
    ['a point in time where a length was meant', '1795176000', 1],
    ['no number', 'soon', 1],
    ['less than nothing', '-5', 1],
    ['more than all time', '1e300', 1],
    ['a moment', '0', 1],
    ['half an hour', '2100', 2100],
  ])('is kept where it can be meant: %s', async (_, reset, seconds) => {
    const { run, reportOf, leak, vendor, waiting, clock } = await begin();
    const reply = { status: 429, headers: { 'x-ratelimit-reset': reset }, body: { errors: [] } };
    vendor.troubles.push({ on: /^DELETE/, times: 1, reply });
    const began = clock.now();
    await run(reportOf(leak));
    expect(Math.round((JSON.parse(waiting[0]?.body ?? '{}').notBefore - began) / 1000)).toBe(seconds);
  });
});

describe('a ledger that gives no answer', () => {
  test('costs no report: it comes back, later each time, and the key dies once', async () => {
    const { reportOf, leak, services, ledger, waiting, drain, vendor, key } = await begin();
    let outages = 6;
    const claim = async (...given: Parameters<typeof ledger.claim>) => {
      outages -= 1;
      if (outages >= 0) throw new Unavailable('the ledger gave no answer');
      return ledger.claim(...given);
    };
    Object.assign(services, { ledger: { ...ledger, claim } });
    const report = reportOf(leak);
    await respond(report, services, services.now() + 30_000);
    expect(waiting).toHaveLength(1);
    await drain();
    expect(await ledger.read(report.incident)).toMatchObject({ outcome: 'revoked', attempts: 1 });
    expect(vendor.deletions).toEqual([key.id]);
  });

  test('when a wait is to be written down leaves exactly one message behind', async () => {
    const { reportOf, leak, services, ledger, waiting, drain, vendor, key } = await begin();
    vendor.troubles.push({ on: /^DELETE/, times: 1, reply: { status: 429, body: { errors: [] } } });
    let isDown = false;
    const save = async (...given: Parameters<typeof ledger.save>) => {
      isDown ||= given[1].lease?.scheduled === true && vendor.deletions.length === 0;
      if (isDown) throw new Unavailable('the ledger gave no answer');
      return ledger.save(...given);
    };
    Object.assign(services, { ledger: { ...ledger, save } });
    const report = reportOf(leak);
    await respond(report, services, services.now() + 30_000);
    expect(waiting).toHaveLength(1);
    Object.assign(services, { ledger });
    await drain();
    expect(await ledger.read(report.incident)).toMatchObject({ outcome: 'revoked', attempts: 2 });
    expect(vendor.deletions).toEqual([key.id]);
  });

  test('does not hide what is wrong with us: that stays in the queue', async () => {
    const { reportOf, leak, services, ledger } = await begin();
    const claim = async () => {
      throw new TypeError('not a function');
    };
    Object.assign(services, { ledger: { ...ledger, claim } });
    await expect(respond(reportOf(leak), services, services.now() + 30_000)).rejects.toThrow(TypeError);
  });
});

describe('a leak that was sealed with a key we no longer have', () => {
  test('parks, and says to report it again', async () => {
    const { run, reportOf, leak, services, ledger } = await begin({ policy: { useLeakedKey: false } });
    const report = reportOf(leak, { source: 'operator', mayNameKeys: true, order: { action: 'approve' } });
    await run(report);
    Object.assign(services, { fingerprint: async () => new Secret('another key by now') });
    await run({ ...reportOf(leak, { source: 'operator', order: {} }), incident: report.incident, leak: undefined });
    expect(await ledger.read(report.incident)).toMatchObject({
      state: 'parked',
      outcome: 'failed',
      reason: 'the leak is not kept any more; report it again',
    });
  });
});

describe('a long wait for approval', () => {
  test('does not count against the day in which a provider may be down', async () => {
    const policy = { approval: { deadlineMinutes: 5 * 1440, onDeadline: 'revoke' } };
    const { follow, leak, vendor, key } = await begin({ action: 'approve', policy });
    vendor.troubles.push({ on: /^DELETE/, times: 1, reply: { status: 503 } });
    expect(await follow(leak, { withinMs: 10 * 86_400_000 })).toMatchObject({ outcome: 'revoked' });
    expect(vendor.deletions).toEqual([key.id]);
  });
});

describe('a key that nothing was done to', () => {
  test('is searched for again when it is reported anew, and not when the same message comes again', async () => {
    const { follow, vendor, ledger } = await begin();
    const [later] = inventedKeys(1, 'later') as [DatadogKey];
    const leak = { provider: 'datadog', secret: later.key };
    expect(await follow(leak, { delivery: 'msg_1' })).toMatchObject({ outcome: 'not-found', attempts: 1 });
    vendor.organisations[0]?.keys.push(later);
    expect(await follow(leak, { delivery: 'msg_1' })).toMatchObject({ outcome: 'not-found', attempts: 1 });
    const incident = await follow(leak, { delivery: 'msg_2' });
    expect(incident).toMatchObject({ outcome: 'revoked', attempts: 2, sightingCount: 2 });
    expect(incident.timeline.filter(({ stage }) => stage === 'received')).toHaveLength(2);
    expect((await ledger.list({ limit: 10 })).records).toHaveLength(1);
  });
});

describe('a story', () => {
  test("keeps an operator's reason from its first entry", async () => {
    const { follow, leak } = await begin();
    const { timeline } = await follow(leak, {
      source: 'operator',
      mayNameKeys: true,
      order: { reason: 'seen in a chat' },
    });
    expect(timeline[0]).toMatchObject({ stage: 'received', detail: 'seen in a chat' });
  });

  test('counts a deletion as ours when an earlier one may have worked and the next finds nothing', async () => {
    const { follow, leak, vendor } = await begin();
    const gone = { status: 404, body: { errors: ['API key not found'] } };
    vendor.troubles.push({ on: /^DELETE/, times: 1, reply: 'drop-before' });
    vendor.troubles.push({ on: /^DELETE/, times: 1, reply: gone, afterActing: true });
    expect(await follow(leak)).toMatchObject({ outcome: 'revoked', attempts: 2 });
  });

  test('counts an answer that was lost as ours: absence afterwards is revoked', async () => {
    const { follow, leak, vendor } = await begin();
    vendor.troubles.push({ on: /^DELETE/, times: 1, reply: 'drop-after' });
    const incident = await follow(leak);
    expect(incident).toMatchObject({ outcome: 'revoked' });
    expect(vendor.arrivals.filter(({ method }) => method === 'DELETE')).toHaveLength(1);
  });
});
