import { afterEach, describe, expect, test } from 'vitest';
import { providers } from '../../../functions/providers/index.ts';
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
  const again = async (options: Parameters<typeof lane.reportOf>[1]) => {
    await lane.run(lane.reportOf(leak, options));
    await lane.drain();
    return ledger.read(id);
  };
  return { ...lane, vendor, target, restore, again, disabled: await ledger.read(id) };
}

describe('a key that was disabled', () => {
  test('is on again when a person undoes it, and the incident says so', async () => {
    const { restore, vendor, disabled } = await begin();
    expect(disabled).toMatchObject({ state: 'closed', outcome: 'disabled' });
    const incident = await restore();
    expect(incident).toMatchObject({ state: 'closed', outcome: 'restored', proof: null, reason: null });
    expect(incident?.timeline.slice(-4).map(({ stage }) => stage)).toEqual(['claimed', 'sent', 'accepted', 'alive']);
    expect(vendor.accepts(leaked)).toBe(true);
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

  test('is not restored a second time', async () => {
    const { restore, vendor } = await begin();
    const first = await restore();
    const lines = vendor.arrivals.length;
    expect(await restore()).toEqual(first);
    expect(vendor.arrivals).toHaveLength(lines);
  });
});
