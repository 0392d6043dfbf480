import { afterEach, describe, expect, test } from 'vitest';
import { providers } from '../../../functions/providers/index.ts';
import { type DatadogKey, datadogVendor, inventedKeys, keyWithDecoys } from '../../../lib/local/vendors/datadog.ts';
import { testClock, testLane, testLedger, vendorNetwork } from '../../support/lane.ts';
import { providerConformance, type Scene, type Setting } from '../../support/provider-conformance.ts';

const leaked = 'c0ffee00c0ffee00c0ffee00c0ffffff';
const admin = {
  site: 'us5.datadoghq.com',
  apiKey: 'ca9a7e00ca9a7e00ca9a7e00ca9a7e01',
  appKey: 'ca9a7e00ca9a7e00ca9a7e00ca9a7e00ca9a7e02',
};

function scene({ now, manyPages, twins, propagationMs }: Setting): Scene {
  const [target, ...decoys] = keyWithDecoys(leaked, 'checkout', 3) as [DatadogKey, ...DatadogKey[]];
  const [own] = keyWithDecoys(admin.apiKey, 'leakstop', 0) as [DatadogKey];
  const twin: DatadogKey = { ...target, id: '11111111-1111-4111-a111-111111111111', name: 'twin' };
  // The list is sorted by the last four characters, so a key that ends in ffff stands on its last page.
  const keys = [...inventedKeys(manyPages ? 250 : 20, 'conformance'), own, target, ...decoys, ...(twins ? [twin] : [])];
  const organisations = [{ site: admin.site, id: 'org-1', keys, admins: [admin] }];
  const vendor = datadogVendor(organisations, { now, ...(propagationMs !== undefined && { propagationMs }) });
  return {
    vendor,
    admin,
    wrongAdmin: { ...admin, appKey: 'ca9a7e00ca9a7e00ca9a7e00ca9a7e00ca9a7e03' },
    leak: { provider: 'datadog', kind: 'api-key', secret: leaked },
    byId: { provider: 'datadog', kind: 'api-key', identifiers: { keyId: target.id } },
    keyId: target.id,
    unknown: { provider: 'datadog', kind: 'api-key', secret: 'beef0000beef0000beef0000beefffff' },
    own: { provider: 'datadog', kind: 'api-key', identifiers: { keyId: own.id } },
    canaries: [leaked, admin.apiKey, admin.appKey, 'beef0000beef0000beef0000beefffff'],
  };
}

providerConformance({
  provider: providers.datadog,
  kind: 'api-key',
  scene,
  requests: {
    list: /^GET \/api\/v2\/api_keys\?/,
    remove: /^DELETE \/api\/v2\/api_keys\//,
    prove: /^GET \/api\/v1\/validate$/,
  },
  rateLimit: { headers: { 'x-ratelimit-reset': '2111' }, waitMs: 2_111_000 },
  gone: { status: 404, body: { errors: ['API key not found'] } },
});

describe('datadog, beyond what every provider does', () => {
  const closers: (() => Promise<void>)[] = [];
  afterEach(async () => {
    await Promise.all(closers.splice(0).map((close) => close()));
  });

  async function begin(policy: object = { useLeakedKey: false }, traits: { selfLookup?: boolean } = {}) {
    const clock = testClock();
    const [target] = keyWithDecoys(leaked, 'checkout', 0) as [DatadogKey];
    const keys = [...inventedKeys(150, 'list'), target];
    const vendor = datadogVendor([{ site: admin.site, id: 'org-1', keys, admins: [{ ...admin }] }], {
      now: clock.now,
      ...traits,
    });
    const network = await vendorNetwork(vendor);
    const { ledger, close } = await testLedger(clock);
    closers.push(network.close, close);
    const lane = testLane({
      provider: providers.datadog,
      vendor,
      accounts: { main: admin },
      policy,
      ledger,
      clock,
      fetch: network.fetch,
    });
    return { ...lane, vendor, target };
  }

  test('does not take a list that changed while it was read for the whole', async () => {
    const { follow, vendor, target } = await begin();
    const short = { data: [], meta: { page: { total_filtered_count: 151 } } };
    vendor.troubles.push({ on: /page%5Bnumber%5D=1/, times: 1, reply: { status: 200, body: short } });
    expect(await follow({ provider: 'datadog', secret: leaked })).toMatchObject({
      outcome: 'revoked',
      keyId: target.id,
      attempts: 2,
    });
  });

  test('falls back to the list where a key cannot name itself', async () => {
    const { follow, vendor, target } = await begin({}, { selfLookup: false });
    expect(await follow({ provider: 'datadog', secret: leaked })).toMatchObject({
      outcome: 'revoked',
      keyId: target.id,
    });
    expect(vendor.arrivals.some(({ target: line }) => line.startsWith('/api/v2/api_keys?'))).toBe(true);
  });

  test('does not take a complaint that no key arrived for the death of one', async () => {
    const { follow, vendor } = await begin({});
    vendor.troubles.push({
      on: /v1\/validate/,
      times: 1,
      reply: { status: 403, body: { errors: ['API key required'] } },
    });
    const { proof } = await follow({ provider: 'datadog', secret: leaked });
    expect(proof?.checks.map(({ result }) => result)).toEqual(['unknown', 'dead']);
  });

  test.each([
    [{ appKey: 'wrong' }, /not valid on this site/],
    [{ rights: ['api_keys_read'] }, /a right is missing: it needs api_keys_read and api_keys_delete/],
  ])('tells a wrong credential from a missing right', async (difference, reason) => {
    const { follow, vendor } = await begin();
    Object.assign(vendor.organisations[0]?.admins[0] ?? {}, difference);
    const incident = await follow({ provider: 'datadog', secret: leaked });
    expect(incident).toMatchObject({ state: 'parked', outcome: 'failed' });
    expect(incident.reason).toMatch(reason);
    expect(vendor.deletions).toEqual([]);
  });

  test('works with a service access token alone, on each of its nine sites', async () => {
    const sites = [
      'datadoghq.com',
      'us3.datadoghq.com',
      'us5.datadoghq.com',
      'ap1.datadoghq.com',
      'ap2.datadoghq.com',
      'uk1.datadoghq.com',
      'datadoghq.eu',
      'ddog-gov.com',
      'us2.ddog-gov.com',
    ];
    for (const site of sites) {
      const clock = testClock();
      const token = { site, accessToken: 'ddsat_tests' };
      const keys = keyWithDecoys(leaked, 'checkout', 1);
      const vendor = datadogVendor([{ site, id: 'org-1', keys, admins: [token] }], { now: clock.now });
      const network = await vendorNetwork(vendor);
      const { ledger, close } = await testLedger(clock);
      closers.push(network.close, close);
      const lane = testLane({
        provider: providers.datadog,
        vendor,
        accounts: { main: token },
        ledger,
        clock,
        fetch: network.fetch,
      });
      expect(await lane.follow({ provider: 'datadog', secret: leaked }), site).toMatchObject({ outcome: 'revoked' });
      expect(new Set(vendor.arrivals.map(({ host }) => host))).toEqual(new Set([`api.${site}`]));
    }
  });
});
