import { afterEach, describe, expect, test } from 'vitest';
import { check } from '../../../functions/platform/secrets.ts';
import { providers } from '../../../functions/providers/index.ts';
import { leakFromSource } from '../../../functions/revocation/leak.ts';
import { route } from '../../../functions/revocation/routing.ts';
import {
  type CoveoKey,
  type CoveoOrganisation,
  type CoveoStatus,
  type CoveoTraits,
  coveoVendor,
  inventedKeys,
  keyWithDecoys,
} from '../../../lib/local/vendors/coveo.ts';
import { testClock, testLane, testLedger, vendorNetwork } from '../../support/lane.ts';
import { providerConformance, type Scene, type Setting } from '../../support/provider-conformance.ts';

const { coveo } = providers;
const leaked = 'xxc0ffee00-c0ff-4e00-a0ff-ee00c0ffee00';
const alike = 'xxbeef0000-beef-4000-a000-beef0000ee00';
const stranger = 'xxbeef0000-beef-4000-a000-beef0000beef';
const commit = 'c0ffee00c0ffee00c0ffee00c0ffee00c0ffee00';
const url = `https://github.com/example/shop/blob/${commit}/src/search.js`;
const admin = { organizationId: 'testorg1a2b3c4d', region: 'eu' as const, accessToken: 'canary-of-a-users-token' };
const base = '/rest/organizations/testorg1a2b3c4d/apikeys';
const leak = { provider: 'coveo', kind: 'api-key', secret: leaked };
const placed = { ...leak, location: { url } };

const organisationOf = (keys: CoveoKey[]): CoveoOrganisation => ({
  region: admin.region,
  id: admin.organizationId,
  keys,
  tokens: [{ accessToken: admin.accessToken }],
});

function scene({ now, manyPages, twins, propagationMs }: Setting): Scene {
  const [target] = keyWithDecoys(leaked, 'shop-search', 0, url) as [CoveoKey];
  const twin: CoveoKey = { ...target, id: 'twin0000000000000000000aa' };
  const keys = [...inventedKeys(manyPages ? 250 : 20, 'conformance'), target, ...(twins ? [twin] : [])];
  return {
    vendor: coveoVendor([organisationOf(keys)], { now, ...(propagationMs !== undefined && { propagationMs }) }),
    admin,
    wrongAdmin: { ...admin, accessToken: 'canary-of-nobodys-token' },
    leak: placed,
    byId: { provider: 'coveo', kind: 'api-key', identifiers: { keyId: target.id } },
    keyId: target.id,
    unknown: { ...placed, secret: stranger },
    own: 'never-this-kind',
    onHint: { ...leak, secret: alike },
    canaries: [leaked, admin.accessToken, stranger, alike],
  };
}

providerConformance({
  provider: coveo,
  kind: 'api-key',
  scene,
  requests: {
    list: /^GET \/rest\/organizations\/testorg1a2b3c4d\/apikeys$/,
    remove: /^DELETE \/rest\/organizations\/testorg1a2b3c4d\/apikeys\//,
    disable: /^PUT \/rest\/organizations\/testorg1a2b3c4d\/apikeys\/[^/]+\/disable$/,
    prove: 'none',
  },
  pages: 'one',
  rateLimit: 'none',
  gone: { status: 404, body: { message: 'The API key cannot be found.', errorCode: 'API_KEY_NOT_FOUND' }, told: true },
  success: [204],
});

describe('coveo, beyond what every provider does', () => {
  const closers: (() => Promise<void>)[] = [];
  afterEach(async () => {
    await Promise.all(closers.splice(0).map((close) => close()));
  });

  async function begin({
    decoys = 3,
    action = 'delete',
    traits = {},
    account = {},
    more = {},
    others = [],
  }: {
    decoys?: number;
    action?: 'delete' | 'disable';
    traits?: CoveoTraits;
    account?: Partial<typeof admin> | { region: string };
    more?: Record<string, object>;
    others?: CoveoOrganisation[];
  } = {}) {
    const clock = testClock();
    const keys = keyWithDecoys(leaked, 'shop-search', decoys, url);
    const [target] = keys as [CoveoKey];
    const organisation = organisationOf([...inventedKeys(20, 'list'), ...keys]);
    const vendor = coveoVendor([organisation, ...others], { now: clock.now, ...traits });
    const network = await vendorNetwork(vendor);
    const { ledger, close } = await testLedger(clock);
    closers.push(network.close, close);
    const accounts: Record<string, object> & { main: typeof admin } = {
      main: { ...admin, ...account } as typeof admin,
      ...more,
    };
    const { fetch } = network;
    const lane = testLane({ provider: coveo, vendor, accounts, action, ledger, clock, fetch });
    return { ...lane, vendor, organisation, target, clock, accounts, ledger };
  }

  const onList = /^GET \S+\/apikeys$/;
  const onRemove = /^DELETE /;
  const kind = coveo.kinds['api-key'];

  test.each(['dashed', 'short'] as const)(
    'finds the key that Coveo reports at the place of the leak among others that end alike (%s mask)',
    async (masked) => {
      const { follow, vendor, target } = await begin({ traits: { masked } });
      expect(await follow(placed)).toMatchObject({ outcome: 'revoked', keyId: target.id });
      expect(vendor.deletions).toEqual([target.id]);
    },
  );

  test('asks a person about several that end alike where nothing tells the place', async () => {
    const { follow, vendor } = await begin();
    expect(await follow(leak)).toMatchObject({ state: 'parked', outcome: 'ambiguous' });
    expect(vendor.deletions).toEqual([]);
  });

  test('does not delete on four characters alone, and disables on them where it is told to', async () => {
    const asked = await begin({ decoys: 0 });
    expect(await asked.follow(leak)).toMatchObject({ state: 'awaiting-approval', keyId: asked.target.id });
    expect(asked.vendor.deletions).toEqual([]);
    const acted = await begin({ decoys: 0, action: 'disable' });
    expect(await acted.follow(leak)).toMatchObject({ outcome: 'disabled', proof: { method: 'key-disabled' } });
    expect(acted.vendor.disablings).toEqual([acted.target.id]);
  });

  const page = 'https://github.com/example/shop/blob/main/a.js';
  test.each([
    ['the same page', url, { location: { url } }, 'confirmed'],
    ['another line of it', `${url}#L3-L9`, { location: { url: `${url}?plain=1#L7` } }, 'confirmed'],
    ['the page as the reference', url, { reference: `${url}#L7` }, 'confirmed'],
    ['its host in capitals', url, { location: { url: url.replace('github.com', 'GitHub.com') } }, 'confirmed'],
    ['the same commit', url, { location: { commit } }, 'confirmed'],
    ['the same commit in capitals', url, { location: { commit: commit.toUpperCase() } }, 'confirmed'],
    ['another page', url, { location: { url: page } }, 'hint'],
    ['a page that begins alike', page, { location: { url: `${page}on` } }, 'hint'],
    ['the same path elsewhere', url, { location: { url: url.replace('github.com', 'gitlab.com') } }, 'hint'],
    ['another commit', url, { location: { commit: commit.replace('c', 'd') } }, 'hint'],
    ['a part of a commit', url, { location: { commit: 'c0ffee00' } }, 'hint'],
    ['a commit that begins alike', url, { location: { commit: commit.slice(0, -1).concat('1') } }, 'hint'],
    ['a commit within a name', `${page}/x${commit}`, { location: { commit } }, 'hint'],
    ['a branch', page, { location: { commit: 'main' } }, 'hint'],
    ['a commit in the query', `${page}?at=${commit}`, { location: { commit } }, 'hint'],
    ['only a host', 'https://github.com/', { location: { url: 'https://github.com' } }, 'hint'],
    ['no web address', 'mailto:a', { location: { url: 'mailto:a' } }, 'hint'],
    ['no address at all', null, { location: { url: 'null', commit } }, 'hint'],
    ['nothing', url, {}, 'hint'],
  ])('takes %s for a fit as it is', (_, found, described, fit) => {
    const report = { severity: 'HIGH', reasons: [{ url: null }, { url: found }] };
    const key = { id: 'a', value: 'xx*****ee00', exposureReport: report };
    expect(kind.compare(key, leakFromSource.parse({ ...leak, ...described }))).toBe(fit);
    expect(kind.compare(key, leakFromSource.parse({ ...leak, ...described, secret: stranger }))).toBe('different');
  });

  test('compares a value that is shown whole as a whole', () => {
    const fitOf = (value: string) => kind.compare({ id: 'a', value }, leakFromSource.parse(leak));
    expect([fitOf(leaked), fitOf(alike), fitOf('xx*****ee00')]).toEqual(['same', 'different', 'hint']);
  });

  test.each([
    ['ENABLED', 'revoked'],
    ['SOON_TO_BE_EXPIRED', 'revoked'],
    ['SOON_TO_BE_DISABLED', 'revoked'],
    ['DISABLED', 'already-gone'],
    ['DISABLED_FOR_INACTIVITY', 'already-gone'],
    ['DISABLED_EXPOSED', 'already-gone'],
    ['EXPIRED', 'already-gone'],
  ] as [CoveoStatus, string][])('takes a key that is %s for one that is %s', async (status, outcome) => {
    const { follow, vendor, target } = await begin();
    target.status = status;
    expect(await follow(placed)).toMatchObject({ outcome, keyId: target.id });
    expect(vendor.deletions).toEqual(outcome === 'revoked' ? [target.id] : []);
  });

  test('does not let a key that is switched off stand for the living one that ends alike', async () => {
    const { follow, vendor, organisation, target } = await begin({ decoys: 1 });
    const rival = organisation.keys.find(({ id, value }) => id !== target.id && value.slice(-4) === leaked.slice(-4));
    if (rival) rival.status = 'DISABLED';
    const wrong = { ...leak, identifiers: { keyId: rival?.id } };
    expect(await follow(wrong)).toMatchObject({ state: 'parked', outcome: 'ambiguous' });
    const right = { ...leak, identifiers: { keyId: target.id } };
    const order = { action: 'delete' as const };
    expect(await follow(right, { source: 'operator', mayNameKeys: true, order })).toMatchObject({ outcome: 'revoked' });
    expect(vendor.deletions).toEqual([target.id]);
  });

  test('asks a person where the key that an alert names has rivals in another account', async () => {
    const region = 'eu' as const;
    const elsewhere = {
      region,
      id: 'other',
      keys: keyWithDecoys(leaked, 'eu-search', 0),
      tokens: [{ accessToken: 'eu' }],
    };
    const more = { eu: { organizationId: 'other', region, accessToken: 'eu' } };
    const { follow, vendor, organisation, target } = await begin({ action: 'disable', more, others: [elsewhere] });
    const named = organisation.keys.find(({ id, value }) => id !== target.id && value.slice(-4) === leaked.slice(-4));
    organisation.keys = organisation.keys.filter(
      ({ value, id }) => id === named?.id || value.slice(-4) !== leaked.slice(-4),
    );
    const incident = await follow({ ...leak, identifiers: { keyId: named?.id } });
    expect(incident).toMatchObject({ state: 'awaiting-approval', keyId: named?.id });
    expect([vendor.deletions, vendor.disablings]).toEqual([[], []]);
  });

  test('believes either of the two fields that a key is off', () => {
    const key = { id: 'a', value: 'xx*****ee00' };
    expect(kind.describe({ ...key, enabled: false }, 0).active).toBe(false);
    expect(kind.describe({ ...key, enabled: true, status: 'DISABLED_EXPOSED' }, 0).active).toBe(false);
    expect(kind.describe(key, 0).active).toBe(true);
  });

  test('leaves a key alone that is meant to be public, until an operator names it', async () => {
    const { follow, vendor, target } = await begin();
    target.privacyLevel = 'PUBLIC';
    expect(await follow(placed)).toMatchObject({ state: 'parked', outcome: 'protected' });
    expect(vendor.deletions).toEqual([]);
    const byId = { provider: 'coveo', kind: 'api-key', identifiers: { keyId: target.id } };
    const order = { action: 'delete' as const };
    expect(await follow(byId, { source: 'operator', mayNameKeys: true, order })).toMatchObject({ outcome: 'revoked' });
  });

  test('tells what Coveo itself reports of a key', async () => {
    const { follow, target } = await begin();
    Object.assign(target.exposureReport ?? {}, { deactivationDate: '2026-12-01T08:00:00Z' });
    const { timeline } = await follow(placed);
    expect(timeline.find(({ stage }) => stage === 'found')?.detail).toMatch(/exposed \(high\), .* on 2026-12-01/);
  });

  test('says what to do about a token that has expired, and goes on with a new one', async () => {
    const { follow, vendor, organisation, accounts, target } = await begin();
    organisation.tokens = [{ accessToken: 'new' }];
    const parked = await follow(placed);
    expect(parked).toMatchObject({ state: 'parked', outcome: 'failed' });
    expect(parked.reason).toMatch(/\(401\): the access token is no longer accepted .*4 hours/);
    expect(parked.reason).toContain(
      'put a new one into the secret leakstop/providers/coveo/<account>; repair it, then retry',
    );
    expect(vendor.deletions).toEqual([]);
    accounts.main.accessToken = 'new';
    expect(await follow(placed)).toMatchObject({ outcome: 'revoked', keyId: target.id });
  });

  test('says what a 403 is about: a missing privilege, or the firewall', async () => {
    const lacking = await begin();
    lacking.organisation.tokens = [{ accessToken: admin.accessToken, rights: ['VIEW'] }];
    const { reason } = await lacking.follow(placed);
    expect(reason).toMatch(/\(403\): the user may not view and edit the API keys of testorg1a2b3c4d/);
    const blocked = await begin();
    const headers = { 'x-coveo-waf-action': 'block' };
    blocked.vendor.troubles.push({ on: onList, reply: { status: 403, headers, body: '<html>' } });
    expect(await blocked.follow(placed)).toMatchObject({
      state: 'parked',
      outcome: 'failed',
      reason: expect.stringMatching(/firewall stopped the request/),
    });
    expect([lacking.vendor.deletions, blocked.vendor.deletions]).toEqual([[], []]);
  });

  test.each([
    ['by its value', placed],
    ['by its id', { provider: 'coveo', kind: 'api-key', identifiers: { keyId: 'a000000000000000000000000' } }],
  ])('does not take an unknown organization for one without the key that is named %s', async (_, given) => {
    const { follow, vendor } = await begin({ account: { organizationId: 'mistyped' } });
    vendor.troubles.push({
      on: /mistyped/,
      reply: { status: 404, body: { message: 'Not found', errorCode: 'ORGANIZATION_NOT_FOUND' } },
    });
    const incident = await follow(given, { mayNameKeys: true });
    expect(incident).toMatchObject({ state: 'parked', outcome: 'failed' });
    expect(incident.reason).toMatch(/^coveo answered 404/);
  });

  test('does not take an unknown organization for the death of a key', async () => {
    const { follow, vendor, ledger, reportOf } = await begin();
    const reply = { status: 404, body: { message: 'Not found', errorCode: 'ORGANIZATION_NOT_FOUND' } };
    vendor.troubles.push({ on: onRemove, times: 1, reply: 'drop-before' });
    await follow(placed, { withinMs: 0 });
    vendor.troubles.push({ on: /apikeys/, reply });
    await follow({ ...placed, reference: 'again' });
    const incident = await ledger.read(reportOf(placed).incident);
    expect(incident).toMatchObject({ state: 'parked', outcome: 'failed' });
    expect(vendor.accepts(leaked)).toBe(true);
  });

  test.each([
    [{ message: 'No such key.', errorCode: 'API_KEY_NOT_FOUND' }],
    [{ message: 'No such key.', type: 'NotFound' }],
    [{ message: 'No such key.', code: 'NOT_FOUND' }],
    [{ title: 'Not Found', status: 404 }],
  ])('takes the 404 %o for a key that is gone, when the list agrees', async (body) => {
    const { follow, vendor, target } = await begin();
    vendor.troubles.push({ on: onRemove, times: 1, reply: { status: 404, body }, afterActing: true });
    const proof = { dead: true, method: 'key-absent' };
    expect(await follow(placed)).toMatchObject({ outcome: 'already-gone', keyId: target.id, proof });
  });

  test.each(['<html>', '', { message: 'No route' }, { error: 'not found' }])(
    'takes the 404 %o for no answer at all',
    async (body) => {
      const { follow, vendor } = await begin();
      vendor.troubles.push({ on: onRemove, reply: { status: 404, body } });
      expect(await follow(placed)).toMatchObject({ state: 'parked', outcome: 'failed' });
      expect(vendor.deletions).toEqual([]);
    },
  );

  test('does not take a 404 on the way back for a key that is gone', async () => {
    const { follow, vendor, target, reportOf, run, drain, ledger } = await begin({ action: 'disable' });
    const { id } = await follow(placed);
    vendor.troubles.push({ on: /activate$/, reply: { status: 404, body: { message: 'No', errorCode: 'NOT_FOUND' } } });
    await run({ ...reportOf(placed, { source: 'operator', order: { restore: true } }), leak: undefined });
    await drain();
    expect(await ledger.read(id)).toMatchObject({ state: 'parked', outcome: 'failed', keyId: target.id });
    expect((await ledger.read(id))?.reason).toMatch(/^coveo answered 404/);
  });

  test.each([
    ['hides every value wholly', [{ id: 'a', value: 'xx**********' }]],
    ['shows three characters', [{ id: 'a', value: 'xx*******e00' }]],
    ['has a record without a value', [{ id: 'a' }]],
    ['has a record without an id', [{ value: 'xx*****ee00' }]],
    ['is wrapped', { items: [] }],
  ])('does not believe a list that %s', async (_, body) => {
    const { follow, vendor } = await begin();
    vendor.troubles.push({ on: onList, reply: { status: 200, body } });
    expect(await follow(placed)).toMatchObject({ state: 'parked', outcome: 'failed' });
    expect(vendor.deletions).toEqual([]);
  });

  test('does not believe a part of a list', async () => {
    const { follow, vendor } = await begin();
    vendor.troubles.push({ on: onList, reply: { status: 206, body: [] } });
    expect(await follow(placed)).toMatchObject({ state: 'parked', outcome: 'failed' });
  });

  test('reads records that say no more than they must, or say it oddly', async () => {
    const { follow, vendor } = await begin();
    const odd = { displayName: null, enabled: null, status: null, privacyLevel: 'ODD', exposureReport: 'none' };
    const body = [
      { id: 'a', value: 'xx*****ee00' },
      { id: 'b', value: 'xx*****ee00', ...odd },
    ];
    vendor.troubles.push({ on: onList, reply: { status: 200, body } });
    expect(await follow(placed)).toMatchObject({ outcome: 'ambiguous' });
  });

  test('believes an empty list', async () => {
    const { follow, organisation } = await begin();
    organisation.keys = [];
    expect(await follow(placed)).toMatchObject({ outcome: 'not-found' });
  });

  test('never shows the leaked key to anybody, and asks for no key by its id', async () => {
    const { follow, vendor, target } = await begin({ action: 'disable' });
    await follow(placed);
    expect(JSON.stringify(vendor.arrivals)).not.toContain(leaked);
    expect(vendor.arrivals.map(({ method, target: line }) => `${method} ${line}`)).toEqual([
      `GET ${base}`,
      `PUT ${base}/${target.id}/disable`,
      `GET ${base}`,
    ]);
    const [, change] = vendor.arrivals;
    expect(change).toMatchObject({ body: '', headers: { authorization: `Bearer ${admin.accessToken}` } });
  });

  test('leaves a key alone that ends like the token it acts with', async () => {
    const { follow, vendor } = await begin({ account: { accessToken: 'token-ee00' } });
    vendor.organisations[0]?.tokens.push({ accessToken: 'token-ee00' });
    expect(await follow(placed)).toMatchObject({ state: 'parked', outcome: 'protected' });
    expect(vendor.deletions).toEqual([]);
  });

  test.each([
    ['us', 'platform.cloud.coveo.com'],
    ['eu', 'platform-eu.cloud.coveo.com'],
    ['au', 'platform-au.cloud.coveo.com'],
    ['ca', 'platform-ca.cloud.coveo.com'],
    ['hipaa', 'platformhipaa.cloud.coveo.com'],
  ] as const)('asks the region %s at %s and nowhere else', async (region, host) => {
    const { follow, vendor, organisation } = await begin({ account: { region } });
    organisation.region = region;
    expect(await follow(placed)).toMatchObject({ outcome: 'revoked' });
    expect(new Set(vendor.arrivals.map((arrival) => arrival.host))).toEqual(new Set([host]));
  });

  test.each([
    [{ region: 'asia' }, /region/],
    [{ region: 'toString' }, /region/],
    [{ organizationId: 'Acme Production' }, /organizationId: must be the id of the organization/],
    [{ organizationId: '../other' }, /organizationId/],
    [{ accessToken: '' }, /accessToken/],
    [{ accessToken: 'two words' }, /accessToken/],
    [{ apiKey: stranger }, /not known here/],
  ])('refuses the admin secret with %o and says why', (wrong, why) => {
    expect(() => check('main', JSON.stringify({ ...admin, ...wrong }), coveo.admin)).toThrow(why);
  });

  test('takes any access token that can stand in a header', () => {
    for (const accessToken of ['t', stranger, 'a.b/c=~!'])
      expect(check('main', JSON.stringify({ ...admin, accessToken }), coveo.admin).accessToken.expose()).toBe(
        accessToken,
      );
  });

  test('knows its keys by their form', () => {
    const routed = (secret: string) => route(leakFromSource.parse({ secret }), providers);
    expect(routed(leaked)).toMatchObject({ is: 'routed', provider: 'coveo', kind: 'api-key' });
    for (const other of [leaked.slice(2), `x${leaked}`, `${leaked}0`, leaked.toUpperCase()])
      expect(routed(other).is).toBe('unrouted');
  });

  test('leaves a user’s token, as GitHub names it, to a person', () => {
    expect(Object.values(kind.detectors ?? {}).flatMap((names) => names?.map(({ name }) => name))).toEqual([
      'coveo_api_key',
    ]);
  });
});
