import { randomUUID } from 'node:crypto';
import { afterEach, describe, expect, test } from 'vitest';
import { providers } from '../../../functions/providers/index.ts';
import type { Action } from '../../../functions/revocation/incident.ts';
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
}: {
  policy?: object;
  action?: Action;
  accounts?: string[];
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
  const all = { main: admin, eu, again: { ...admin } };
  const configured = Object.fromEntries(accounts.map((name) => [name, all[name as 'main']]));
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

  test('touches nothing when the id names another key', async () => {
    const { follow, leak, other, vendor } = await begin();
    expect(await follow({ ...leak, identifiers: { keyId: other.id } })).toMatchObject({
      state: 'parked',
      outcome: 'ambiguous',
    });
    expect(vendor.deletions).toEqual([]);
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
  test('a provider that is down is asked after a second, then with growing pauses up to a minute, for a day, then a person is', async () => {
    const { follow, leak, vendor, clock, notes } = await begin({ policy: { useLeakedKey: false } });
    vendor.troubles.push({ on: /api_keys/, reply: { status: 503 } });
    const began = clock.now();
    const incident = await follow(leak);
    expect(incident).toMatchObject({ state: 'parked', outcome: 'failed' });
    expect(clock.now() - began).toBeGreaterThanOrEqual(24 * 3_600_000);
    expect(clock.now() - began).toBeLessThan(25 * 3_600_000);
    expect(incident.timeline.length).toBeLessThan(60);
    const waits = notes
      .flatMap(({ detail }) => /trying again at (\S+)/.exec(detail ?? '')?.[1] ?? [])
      .map((at) => Date.parse(at));
    const pauses = waits.slice(0, 9).map((at, index) => Math.round((at - (waits[index - 1] ?? began)) / 1000));
    expect(pauses).toEqual([1, 2, 4, 8, 16, 32, 60, 60, 60]);
  }, 60_000);

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

  test('counts an answer that was lost as ours: absence afterwards is revoked', async () => {
    const { follow, leak, vendor } = await begin();
    vendor.troubles.push({ on: /^DELETE/, times: 1, reply: 'drop-after' });
    const incident = await follow(leak);
    expect(incident).toMatchObject({ outcome: 'revoked' });
    expect(vendor.arrivals.filter(({ method }) => method === 'DELETE')).toHaveLength(1);
  });
});
