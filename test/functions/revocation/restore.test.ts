import { afterEach, describe, expect, test } from 'vitest';
import { providers } from '../../../functions/providers/index.ts';
import { isRestorable } from '../../../functions/revocation/ledger.ts';
import { docspaceAdmin, docspaceVendor, inventedKeys, keyWithDecoys } from '../../../lib/local/vendors/docspace.ts';
import { testClock, testLane, testLedger, vendorNetwork } from '../../support/lane.ts';

const host = 'restore.onlyoffice.com';
const leaked = `sk-${'1eaf'.repeat(16)}`;
const admin = { portal: `https://${host}`, apiKey: `sk-${'ad00'.repeat(16)}` };
const switching = /^PUT \/api\/2\.0\/keys\//;

const closers: (() => Promise<void>)[] = [];
afterEach(async () => {
  await Promise.all(closers.splice(0).map((close) => close()));
});

/** A key that was disabled, and how to undo that. */
async function begin() {
  const clock = testClock();
  const [target] = keyWithDecoys(leaked, 'room-export', 0);
  if (!target) throw new Error('no key');
  const own = keyWithDecoys(admin.apiKey, 'leakstop', 0, docspaceAdmin);
  const portals = [{ host, keys: [...inventedKeys(5, 'restore'), ...own, target], admins: [docspaceAdmin] }];
  const vendor = docspaceVendor(portals, { now: clock.now });
  const network = await vendorNetwork(vendor);
  const { ledger, close } = await testLedger(clock);
  closers.push(network.close, close);
  const lane = testLane({
    provider: providers.docspace,
    vendor,
    accounts: { main: admin },
    action: 'disable',
    ledger,
    clock,
    fetch: network.fetch,
  });
  const leak = { provider: 'docspace', secret: leaked };
  const { id } = await lane.follow(leak);
  const restore = async (withinMs?: number) => {
    const order = { restore: true };
    await lane.run({ ...lane.reportOf(leak, { source: 'operator', order }), leak: undefined });
    await lane.drain(withinMs);
    return ledger.read(id);
  };
  const again = async (options: Parameters<typeof lane.reportOf>[1], withinMs?: number) => {
    await lane.run(lane.reportOf(leak, options));
    await lane.drain(withinMs);
    return ledger.read(id);
  };
  return { ...lane, clock, vendor, target, restore, again, ledger, id, disabled: await ledger.read(id) };
}

const listing = /^GET \/api\/2\.0\/keys$/;
const refusal = { status: 403, body: { error: { message: 'Access denied' }, status: 1, statusCode: 403 } };

describe('a key that was disabled', () => {
  test('is on again when a person undoes it, and the incident says so', async () => {
    const { restore, vendor, disabled } = await begin();
    expect(disabled).toMatchObject({ state: 'closed', outcome: 'disabled' });
    const incident = await restore();
    expect(incident).toMatchObject({ state: 'closed', outcome: 'restored', proof: null, reason: null });
    expect(incident?.timeline.slice(-4).map(({ stage }) => stage)).toEqual(['claimed', 'sent', 'accepted', 'alive']);
    expect(vendor.accepts(leaked)).toBe(true);
  });

  test('that somebody else has switched on is restored without a request of ours, and none is told', async () => {
    const { restore, vendor, target } = await begin();
    target.isActive = true;
    const requests = () => vendor.arrivals.filter(({ method }) => method === 'PUT').length;
    const before = requests();
    const incident = await restore();
    expect(incident).toMatchObject({ state: 'closed', outcome: 'restored' });
    expect(incident?.timeline.slice(-2).map(({ stage }) => stage)).toEqual(['claimed', 'alive']);
    expect(requests()).toBe(before);
  });

  test('is not called restored as long as the provider shows it as off', async () => {
    const { restore, vendor } = await begin();
    vendor.troubles.push({ on: switching, times: 2, reply: { status: 200, body: { response: true } } });
    expect(await restore(0)).toMatchObject({ state: 'claimed', outcome: null });
    expect(vendor.accepts(leaked)).toBe(false);
    expect(await restore()).toMatchObject({ outcome: 'restored' });
    expect(vendor.accepts(leaked)).toBe(true);
  });

  test.each([
    ['a lost answer', 'drop-after'],
    ['a broken connection', 'drop-before'],
    ['a failure', { status: 503, body: '<html>' }],
  ] as const)('is restored all the same after %s', async (_, reply) => {
    const { restore, vendor } = await begin();
    vendor.troubles.push({ on: switching, times: 1, reply });
    expect(await restore()).toMatchObject({ outcome: 'restored' });
    expect(vendor.accepts(leaked)).toBe(true);
  });

  test('stays off where the provider says no, and may be restored later', async () => {
    const { restore, vendor } = await begin();
    vendor.troubles.push({ on: switching, times: 2, reply: { status: 200, body: { response: false } } });
    expect(await restore()).toMatchObject({ state: 'parked', outcome: 'failed' });
    expect(await restore()).toMatchObject({ state: 'closed', outcome: 'restored' });
  });

  test('cannot be restored once it is gone from the provider', async () => {
    const { restore, vendor, target } = await begin();
    const [portal] = vendor.portals;
    portal?.keys.splice(portal.keys.indexOf(target), 1);
    const incident = await restore();
    expect(incident).toMatchObject({ state: 'parked', outcome: 'failed' });
    expect(incident?.reason).toBe('the provider does not have the key any more; make a new one');
    expect(vendor.arrivals.filter(({ method }) => method === 'PUT')).toHaveLength(1);
  });
});

describe('a restore that failed', () => {
  test('is not undone by the next alert, and goes on when it is asked for again', async () => {
    const { restore, again, vendor } = await begin();
    vendor.troubles.push({ on: listing, after: switching, times: 4, reply: refusal });
    expect(await restore()).toMatchObject({ state: 'parked', outcome: 'failed', restoring: true });
    const removals = () => vendor.arrivals.filter(({ method }) => method === 'DELETE').length;
    const incident = await again({ source: 'other' });
    expect(incident).toMatchObject({ state: 'parked', outcome: 'failed', sightingCount: 2 });
    expect([removals(), vendor.disablings.length]).toEqual([0, 1]);
    vendor.troubles.splice(0);
    expect(await restore()).toMatchObject({ state: 'closed', outcome: 'restored', restoring: false });
    expect(vendor.accepts(leaked)).toBe(true);
  });

  test('gives way to a person who wants the key dead after all', async () => {
    const { restore, again, vendor } = await begin();
    vendor.troubles.push({ on: switching, times: 2, reply: refusal });
    expect(await restore()).toMatchObject({ outcome: 'failed' });
    const incident = await again({ source: 'operator', mayNameKeys: true, order: { action: 'disable' } });
    expect(incident).toMatchObject({ state: 'closed', outcome: 'disabled', restoring: false });
    expect(await restore()).toMatchObject({ outcome: 'restored' });
  });

  test('is not overtaken by an alert that comes between the decision and the work', async () => {
    const { restore, again, vendor, ledger, id } = await begin();
    const entry = { at: '2026-11-20T13:00:00.000Z', stage: 'received' } as const;
    const change = { state: 'received', outcome: null, reason: null, restoring: true } as const;
    await ledger.decide(id, ['closed'], change, entry);
    expect(await again({ source: 'other' }, 60_000)).toMatchObject({ state: 'received', outcome: null });
    expect(await restore()).toMatchObject({ outcome: 'restored', sightingCount: 2 });
    expect(vendor.accepts(leaked)).toBe(true);
  });
});

describe('a key that we never switched off', () => {
  test('is not switched on, though we once tried to switch it off', async () => {
    const { again, vendor, target, restore } = await begin();
    await restore();
    vendor.troubles.push({ on: switching, times: 2, reply: refusal });
    const failed = await again({ source: 'operator', mayNameKeys: true, order: { action: 'disable' } });
    expect(failed).toMatchObject({ state: 'parked', outcome: 'failed', switchedOff: false });
    target.isActive = false;
    expect(failed && isRestorable(failed)).toBe(false);
    await restore();
    expect(vendor.accepts(leaked)).toBe(false);
  });
});

describe('a key that was restored', () => {
  test('is left alone by new alerts: a person has decided', async () => {
    const { restore, again, vendor } = await begin();
    await restore();
    const incident = await again({ source: 'other' });
    expect(incident).toMatchObject({ outcome: 'restored', sightingCount: 2 });
    expect(vendor.accepts(leaked)).toBe(true);
  });

  test('is disabled again when a person says so', async () => {
    const { restore, again, vendor } = await begin();
    await restore();
    const incident = await again({ source: 'operator', mayNameKeys: true, order: { action: 'disable' } });
    expect(incident).toMatchObject({ state: 'closed', outcome: 'disabled', proof: { dead: true } });
    expect(vendor.accepts(leaked)).toBe(false);
  });

  test('and disabled again is not restored by the old order, which was set aside and comes back', async () => {
    const { restore, again, vendor, reportOf, run, ledger, id, clock } = await begin();
    const old = {
      ...reportOf({ provider: 'docspace', secret: leaked }, { order: { restore: true } }),
      leak: undefined,
    };
    expect(await restore()).toMatchObject({ outcome: 'restored' });
    clock.advance(60_000);
    const order = { action: 'disable' } as const;
    expect(await again({ source: 'operator', mayNameKeys: true, order })).toMatchObject({ outcome: 'disabled' });
    await run(old);
    expect(await ledger.read(id)).toMatchObject({ outcome: 'disabled' });
    expect(vendor.accepts(leaked)).toBe(false);
  });

  test('is not restored a second time', async () => {
    const { restore, vendor } = await begin();
    const first = await restore();
    const lines = vendor.arrivals.length;
    expect(await restore()).toEqual(first);
    expect(vendor.arrivals).toHaveLength(lines);
  });
});
