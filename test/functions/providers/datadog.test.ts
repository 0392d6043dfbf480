import { afterEach, describe, expect, test } from 'vitest';
import { check } from '../../../functions/platform/secrets.ts';
import { providers } from '../../../functions/providers/index.ts';
import { Secret } from '../../../functions/revocation/secret.ts';
import {
  credentialWithDecoys,
  type DatadogCredential,
  type DatadogKey,
  type DatadogOrganisation,
  type DatadogTraits,
  datadogVendor,
  inventedCredentials,
  inventedKeys,
  inventedUsers,
  keyWithDecoys,
} from '../../../lib/local/vendors/datadog.ts';
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
    onHint: 'value-always-tells',
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
    disable: 'none',
    prove: /^GET \/api\/v1\/validate$/,
  },
  pages: 'many',
  rateLimit: { headers: { 'x-ratelimit-reset': '2111' }, waitMs: 2_111_000 },
  gone: { status: 404, body: { errors: ['API key not found'] }, told: true },
  success: [204],
});

const organisation = { site: admin.site, id: 'org-1', keys: keyWithDecoys(admin.apiKey, 'leakstop', 0) };
const named = { provider: 'datadog', kind: 'application-key' };
const leakedApplicationKey = 'c0ffee00c0ffee00c0ffee00c0ffee00c0ffffff';
const owner = inventedUsers(1, 'owner')[0]?.id ?? '';
const twinOf = <Key extends DatadogKey>(key: Key) => ({ ...key, id: '11111111-1111-4111-a111-111111111111' });

/** With one-time read the value is never shown again: only the alert's own word tells the key from those that end alike. */
function applicationKeys({ now, manyPages, twins }: Setting, oneTimeRead: boolean): Scene {
  // The list is sorted by the last four characters, so the leaked one stands on its last page.
  const [leaked, unknown] = [`ddapp_${'c0ffee'.repeat(5)}zzzz`, `ddapp_${'beefbe'.repeat(5)}beef`];
  const [target, ...decoys] = credentialWithDecoys(leaked, 'dashboards', oneTimeRead ? 0 : 3, owner);
  const [own] = credentialWithDecoys(admin.appKey, 'leakstop-application', 0, 'somebody');
  if (!target || !own) throw new Error('no key was invented');
  const others = inventedCredentials(manyPages ? 250 : 20, leaked, owner, 'conformance');
  const applicationKeys = [...others, own, ...decoys, target, ...(twins ? [twinOf(target)] : [])];
  const vendor = datadogVendor([{ ...organisation, applicationKeys, oneTimeRead, admins: [admin] }], { now });
  const byValue = { ...named, secret: leaked };
  return {
    vendor,
    admin,
    wrongAdmin: { ...admin, appKey: 'ca9a7e00ca9a7e00ca9a7e00ca9a7e00ca9a7e03' },
    leak: oneTimeRead ? { ...byValue, identifiers: { name: target.name } } : byValue,
    byId: { ...named, identifiers: { keyId: target.id } },
    keyId: target.id,
    unknown: { ...named, secret: unknown },
    own: { ...named, identifiers: { keyId: own.id } },
    onHint: oneTimeRead ? byValue : 'value-always-tells',
    canaries: [leaked, admin.apiKey, admin.appKey, unknown],
  };
}

const tokenOf = (prefix: 'ddpat' | 'ddsat', name: string) =>
  `${prefix}_${name.padEnd(22, '0')}_${name.padEnd(36, '7')}`;

/** Tokens of both kinds, whose admin credential is one of them. */
function tokens({ now, manyPages, twins }: Setting, prefix: 'ddpat' | 'ddsat'): Scene {
  const kind = prefix === 'ddpat' ? 'personal-access-token' : 'service-access-token';
  const [leaked, ownToken, unknown] = ['Leaked', 'Leakstop', 'Nobody'].map((name) => tokenOf(prefix, name));
  const [somebody, account, own] = inventedUsers(3, 'tokens').map(({ id }) => id);
  if (!leaked || !ownToken || !unknown || !somebody || !account || !own) throw new Error('nobody was invented');
  const [target, ...decoys] = credentialWithDecoys(leaked, 'laptop', 3, account);
  const [ownKey] = credentialWithDecoys(ownToken, 'leakstop-token', 0, own);
  if (!target || !ownKey) throw new Error('no token was invented');
  const items = [
    ...inventedCredentials(manyPages ? 250 : 20, leaked, account, 'conformance'),
    ...decoys,
    target,
    ...(twins ? [twinOf(target)] : []),
  ];
  const others = inventedCredentials(3, tokenOf(prefix === 'ddpat' ? 'ddsat' : 'ddpat', 'Other'), somebody, 'others');
  const isPersonal = prefix === 'ddpat';
  const users = [
    ...inventedUsers(manyPages ? 150 : 3, 'conformance'),
    { id: somebody, name: 'somebody', serviceAccount: true, accessTokens: isPersonal ? others : [] },
    { id: own, name: 'leakstop', serviceAccount: true, accessTokens: isPersonal ? [] : [ownKey] },
    { id: account, name: 'deploys', serviceAccount: true, accessTokens: isPersonal ? [] : items },
  ];
  const personalAccessTokens = isPersonal ? [ownKey, ...items] : others;
  const admin = { site: organisation.site, accessToken: ownToken };
  const vendor = datadogVendor([{ ...organisation, users, personalAccessTokens, admins: [admin] }], { now });
  return {
    vendor,
    admin,
    wrongAdmin: { ...admin, accessToken: tokenOf(prefix, 'Wrong') },
    leak: { provider: 'datadog', secret: leaked, kind },
    byId: { provider: 'datadog', kind, identifiers: { keyId: target.id } },
    keyId: target.id,
    unknown: { provider: 'datadog', kind, secret: unknown },
    own: { provider: 'datadog', kind, identifiers: { keyId: ownKey.id } },
    onHint: 'value-always-tells',
    canaries: [leaked, ownToken, unknown],
  };
}

const further = {
  provider: providers.datadog,
  pages: 'many' as const,
  rateLimit: { headers: { 'x-ratelimit-reset': '2100' }, waitMs: 2_100_000 },
};
const unproven = { disable: 'none', prove: 'none' } as const;

for (const oneTimeRead of [false, true]) {
  providerConformance({
    ...further,
    kind: 'application-key',
    scene: (setting) => applicationKeys(setting, oneTimeRead),
    requests: {
      ...unproven,
      list: /^GET \/api\/v2\/application_keys\?/,
      remove: /^DELETE \/api\/v2\/application_keys\//,
    },
    gone: { status: 404, body: { errors: ['Application key not found'] }, told: true },
    success: [204],
  });
}

// Deleting a token that is not there is a success too.
const silent = { status: 204, told: false };
providerConformance({
  ...further,
  kind: 'personal-access-token',
  scene: (setting) => tokens(setting, 'ddpat'),
  requests: {
    ...unproven,
    list: /^GET \/api\/v2\/personal_access_tokens\?/,
    remove: /^DELETE \/api\/v2\/personal_access_tokens\//,
  },
  gone: silent,
  success: [204],
});
providerConformance({
  ...further,
  kind: 'service-access-token',
  scene: (setting) => tokens(setting, 'ddsat'),
  requests: {
    ...unproven,
    list: /^GET \/api\/v2\/service_accounts\/[^/]+\/access_tokens\?/,
    remove: /^DELETE \/api\/v2\/service_accounts\/[^/]+\/access_tokens\//,
  },
  gone: silent,
  success: [204],
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
    [{ rights: ['api_keys_read'] }, /so a right is missing/],
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

  type Credential = { site: string } & DatadogOrganisation['admins'][number];
  /** One organisation with what a test needs in it, and a lane to it. */
  async function beginWith(
    { credential = admin, ...fields }: Omit<Partial<DatadogOrganisation>, 'admins'> & { credential?: Credential },
    options: { traits?: DatadogTraits; action?: 'delete' | 'observe'; policy?: object } = {},
  ) {
    const clock = testClock();
    const known = { ...organisation, keys: [...organisation.keys], ...fields, admins: [credential] };
    const vendor = datadogVendor([known], { now: clock.now, ...options.traits });
    const network = await vendorNetwork(vendor);
    const { ledger, close } = await testLedger(clock);
    closers.push(network.close, close);
    const { action = 'delete', policy = {} } = options;
    const accounts = { main: credential };
    const lane = testLane({
      provider: providers.datadog,
      vendor,
      accounts,
      action,
      policy,
      ledger,
      clock,
      fetch: network.fetch,
    });
    const lines = () => vendor.arrivals.map(({ method, target }) => `${method} ${target}`);
    return { ...lane, vendor, clock, ledger, lines };
  }
  const byVersionOne = { ...admin, api: 'v1' };
  const leak = { provider: 'datadog', secret: leaked };
  const keys = () => [...organisation.keys, ...keyWithDecoys(leaked, 'checkout', 2)];
  const applicationKeysWith = (decoys: number) =>
    credentialWithDecoys(leakedApplicationKey, 'dashboards', decoys, owner);

  test('deletes by value where it is told to, whatever the first version answers beside', async () => {
    const { follow, vendor, lines } = await beginWith({ credential: byVersionOne, keys: keys() });
    expect(await follow(leak)).toMatchObject({ outcome: 'revoked', proof: { dead: true } });
    expect(lines().filter((line) => line.startsWith('DELETE'))).toEqual([`DELETE /api/v1/api_key/${leaked}`]);
    expect(vendor.deletions).toHaveLength(1);
  });

  test('deletes by id where the first version is asked for and the value is not known', async () => {
    const { follow, lines } = await beginWith({ credential: byVersionOne, keys: keys() });
    const keyId = keyWithDecoys(leaked, 'checkout', 0)[0]?.id;
    const byId = { provider: 'datadog', identifiers: { keyId } };
    expect(await follow(byId, { mayNameKeys: true })).toMatchObject({ outcome: 'revoked' });
    expect(lines()).toContain(`DELETE /api/v2/api_keys/${keyId}`);
  });

  test('takes the success of one version for none of the other', async () => {
    for (const [credential, reply] of [
      [admin, { status: 200, body: { api_key: { key: 'x' } } }],
      [byVersionOne, { status: 204 }],
      [byVersionOne, { status: 200, body: {} }],
    ] as const) {
      const { follow, vendor } = await beginWith({ credential, keys: keys() });
      vendor.troubles.push({ on: /^DELETE/, reply });
      expect(await follow(leak)).toMatchObject({ state: 'parked', outcome: 'failed' });
    }
  });

  test('counts a value that the first version does not have as gone', async () => {
    const { follow, vendor } = await beginWith({ credential: byVersionOne, keys: keys() });
    const gone = { status: 404, body: { errors: ['API key not found'] } };
    vendor.troubles.push({ on: /^DELETE/, times: 1, reply: gone, afterActing: true });
    expect(await follow(leak)).toMatchObject({ outcome: 'already-gone' });
  });

  test('shows no value in a dry run of the first version', async () => {
    const { follow, vendor } = await beginWith({ credential: byVersionOne, keys: keys() }, { action: 'observe' });
    const incident = await follow(leak);
    const planned = incident.timeline.find(({ stage }) => stage === 'planned')?.detail;
    expect(planned).toBe(
      'DELETE https://api.us5.datadoghq.com/api/v1/api_key/[secret]; DD-API-KEY: [secret]; DD-APPLICATION-KEY: [secret]',
    );
    expect(JSON.stringify(incident)).not.toContain(leaked);
    expect(vendor.deletions).toEqual([]);
  });

  test.each(['ddog-gov.com', 'us2.ddog-gov.com'])('refuses the first version on %s', (site) => {
    const text = JSON.stringify({ ...byVersionOne, site });
    expect(() => check('main', text, providers.datadog.admin)).toThrow(
      'secret main: api: must be v2: v1 is switched off on government sites',
    );
    expect(providers.datadog.admin.parse({ ...admin, site })).toMatchObject({ api: 'v2' });
  });

  test('deletes an application key of the older form that an alert calls by no kind', async () => {
    const [target, ...others] = applicationKeysWith(2);
    const { follow, vendor } = await beginWith({ applicationKeys: [...others, target] as DatadogCredential[] });
    const unnamed = { provider: 'datadog', secret: leakedApplicationKey };
    expect(await follow(unnamed)).toMatchObject({ outcome: 'revoked', kind: 'application-key', keyId: target?.id });
    expect(vendor.deletions).toEqual([target?.id]);
  });

  test('asks a person about the one key that ends alike where values are never shown again', async () => {
    const { follow, vendor } = await beginWith({ applicationKeys: applicationKeysWith(0), oneTimeRead: true });
    expect(await follow({ ...named, secret: leakedApplicationKey })).toMatchObject({ state: 'awaiting-approval' });
    expect(vendor.deletions).toEqual([]);
  });

  test.each([{ name: 'dashboards' }, { owner: 'somebody-else' }])(
    'tells the key among those that end alike by what the alert says: %o',
    async (identifiers) => {
      const [target, ...decoys] = applicationKeysWith(2) as [DatadogCredential, ...DatadogCredential[]];
      target.owner = 'somebody-else';
      const { follow, vendor } = await beginWith({ applicationKeys: [...decoys, target], oneTimeRead: true });
      const told = { ...named, secret: leakedApplicationKey, identifiers };
      expect(await follow(told)).toMatchObject({
        outcome: 'revoked',
        keyId: target.id,
        proof: { method: 'key-absent' },
      });
      expect(vendor.deletions).toEqual([target.id]);
    },
  );

  test('touches nothing where the alert names one that ends otherwise, or several that end alike', async () => {
    const { follow, vendor } = await beginWith({ applicationKeys: applicationKeysWith(2), oneTimeRead: true });
    const told = { ...named, secret: leakedApplicationKey };
    expect(await follow({ ...told, identifiers: { owner } })).toMatchObject({ outcome: 'ambiguous' });
    const other = { ...named, secret: `${leakedApplicationKey.slice(0, -4)}0001`, identifiers: { name: 'dashboards' } };
    expect(await follow(other)).toMatchObject({ outcome: 'not-found' });
    expect(vendor.deletions).toEqual([]);
  });

  test('lets a name confirm nothing where the whole value can be seen', async () => {
    const [, decoy] = applicationKeysWith(1) as [DatadogCredential, DatadogCredential];
    const { follow, vendor } = await beginWith({ applicationKeys: [{ ...decoy, name: 'dashboards' }] });
    const told = { ...named, secret: leakedApplicationKey, identifiers: { name: 'dashboards', owner } };
    expect(await follow(told)).toMatchObject({ outcome: 'not-found' });
    expect(vendor.deletions).toEqual([]);
  });

  const [leakedPersonal, leakedService] = [tokenOf('ddpat', 'Leaked'), tokenOf('ddsat', 'Leaked')];
  const personalLeak = { provider: 'datadog', kind: 'personal-access-token', secret: leakedPersonal };
  const serviceLeak = { provider: 'datadog', kind: 'service-access-token', secret: leakedService };
  const account = inventedUsers(1, 'accounts')[0]?.id ?? '';
  const serviceTokens = (...accessTokens: DatadogCredential[]) => [
    ...inventedUsers(2, 'people'),
    { id: account, name: 'deploys', serviceAccount: true, accessTokens },
  ];

  test.each([true, false])(
    'finds a personal token in its list, whether that shows service accounts’ tokens too: %s',
    async (mixedTokenList) => {
      const personal = credentialWithDecoys(leakedPersonal, 'laptop', 2, owner);
      const service = credentialWithDecoys(leakedService, 'deploys', 2, account);
      const world = { personalAccessTokens: [...personal], users: serviceTokens(...service) };
      const { follow, vendor } = await beginWith(world, { traits: { mixedTokenList } });
      expect(await follow(personalLeak)).toMatchObject({
        outcome: 'revoked',
        keyId: personal[0]?.id,
      });
      expect(vendor.accepts(leakedService)).toBe(true);
    },
  );

  test('never says that it deleted a service account’s token from among the personal ones', async () => {
    const [service] = credentialWithDecoys(leakedService, 'deploys', 0, account) as [DatadogCredential];
    const { follow, vendor, lines } = await beginWith({ users: serviceTokens(service), personalAccessTokens: [] });
    const mistaken = { ...personalLeak, secret: leakedService };
    expect((await follow(mistaken)).outcome).not.toBe('revoked');
    expect(lines().filter((line) => line.startsWith('DELETE'))).toEqual([]);
    expect(vendor.accepts(leakedService)).toBe(true);
  });

  test('compares the whole public part and the prefix, with or without the latter in the list', () => {
    const { 'personal-access-token': personal, 'service-access-token': service } = providers.datadog.kinds;
    const record = (public_portion: string) => ({ id: 'x', owner: account, attributes: { public_portion } });
    const part = 'Leaked'.padEnd(22, '0');
    const fits = (given: string, secret: string) => {
      const leak = { secret: new Secret(secret) };
      return [personal.compare(record(given), leak), service.compare(record(given), leak)];
    };
    expect(fits(part, leakedPersonal)).toEqual(['same', 'different']);
    expect(fits(`ddpat_${part}`, leakedPersonal)).toEqual(['same', 'different']);
    expect(fits(`ddsat_${part}`, leakedService)).toEqual(['different', 'same']);
    expect(fits(part, leakedService)).toEqual(['different', 'same']);
    expect(fits(`ddsat_${part}`, leakedPersonal)).toEqual(['different', 'different']);
    expect(fits(`ddpat_${part}`, leakedService)).toEqual(['different', 'different']);
    expect(fits(part.slice(1), leakedPersonal)).toEqual(['different', 'different']);
    expect(fits(part, part)).toEqual(['different', 'different']);
    expect(fits('', 'ddpat__7777')).toEqual(['different', 'different']);
  });

  test('protects a token that stands in place of the application key', async () => {
    const credential = { ...admin, appKey: leakedPersonal };
    const [own] = credentialWithDecoys(leakedPersonal, 'leakstop', 0, owner) as [DatadogCredential];
    const { follow, vendor } = await beginWith({ credential, personalAccessTokens: [own] });
    const byId = { provider: 'datadog', kind: 'personal-access-token', identifiers: { keyId: own.id } };
    expect(await follow(byId, { mayNameKeys: true })).toMatchObject({ outcome: 'protected' });
    expect(vendor.deletions).toEqual([]);
  });

  test('spares itself the search through all service accounts where the alert names the owner', async () => {
    const [service] = credentialWithDecoys(leakedService, 'deploys', 0, account) as [DatadogCredential];
    const { follow, lines } = await beginWith({ users: serviceTokens(service) });
    const told = { ...serviceLeak, identifiers: { owner: account } };
    expect(await follow(told)).toMatchObject({ outcome: 'revoked', keyId: service.id });
    expect(lines().some((line) => line.includes('/api/v2/users'))).toBe(false);
  });

  test('asks service accounts alone for tokens, and does not take one it does not know for one without', async () => {
    const [service] = credentialWithDecoys(leakedService, 'deploys', 0, account) as [DatadogCredential];
    const { follow, lines } = await beginWith({ users: serviceTokens(service) });
    expect(await follow({ ...serviceLeak, identifiers: { owner } })).toMatchObject({
      state: 'parked',
      outcome: 'failed',
    });
    const asked = lines().length;
    expect(await follow({ ...serviceLeak, secret: tokenOf('ddsat', 'Nobody') })).toMatchObject({
      outcome: 'not-found',
    });
    const accounts = lines()
      .slice(asked)
      .filter((line) => line.includes('service_accounts'));
    expect(accounts.every((line) => line.includes(account)) && accounts.length > 0).toBe(true);
  });

  test.each([
    ['without a total', { data: [], meta: { page: {} } }],
    [
      'of keys without their last four characters',
      { data: [{ id: 'x', attributes: { name: 'x' } }], meta: { page: { total_filtered_count: 1 } } },
    ],
  ])('asks a person about a list %s', async (_, body) => {
    const { follow, vendor } = await beginWith({ keys: keys() }, { policy: { useLeakedKey: false } });
    vendor.troubles.push({ on: /^GET \/api\/v2\/api_keys\?/, reply: { status: 200, body } });
    const incident = await follow(leak);
    expect(incident).toMatchObject({ state: 'parked', outcome: 'failed' });
    expect(incident.reason).toMatch(/^datadog answered 200/);
  });

  test('asks a person about a list of tokens that does not show their public parts', async () => {
    const { follow, vendor } = await beginWith({ users: serviceTokens() });
    const body = { data: [{ id: 'x', attributes: { name: 'x' } }], meta: { page: { total_filtered_count: 1 } } };
    vendor.troubles.push({ on: /personal_access_tokens|\/access_tokens/, reply: { status: 200, body } });
    for (const leak of [personalLeak, serviceLeak])
      expect(await follow(leak)).toMatchObject({ state: 'parked', outcome: 'failed' });
  });

  test('comes back after the 35 minutes that a rate limit names, and not in between', async () => {
    const { run, drain, reportOf, vendor, waiting, clock, ledger } = await beginWith({ keys: keys() });
    const reply = {
      status: 429,
      headers: { 'x-ratelimit-reset': '2100', 'retry-after': '1' },
      body: { errors: ['x'] },
    };
    vendor.troubles.push({ on: /^DELETE/, times: 1, reply });
    const report = reportOf(leak);
    await run(report);
    const asked = vendor.arrivals.length;
    expect(JSON.parse(waiting[0]?.body ?? '{}').notBefore).toBe(clock.now() + 35 * 60_000);
    await drain(34 * 60_000);
    expect(vendor.arrivals).toHaveLength(asked);
    await drain();
    expect(await ledger.read(report.incident)).toMatchObject({ outcome: 'revoked' });
  });

  test('says nothing of its credential’s keys while their check fails', async () => {
    const { follow, vendor } = await beginWith({ keys: keys() }, { policy: { useLeakedKey: false } });
    vendor.troubles.push({ on: /api_keys/, reply: { status: 403, body: { errors: ['Forbidden'] } } });
    vendor.troubles.push({ on: /validate_keys/, reply: { status: 429, body: { errors: ['Too many requests'] } } });
    expect((await follow(leak)).reason).toContain('it is wrong or lacks a right');
  });
});
