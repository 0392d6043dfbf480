import { afterEach, describe, expect, test } from 'vitest';
import { check } from '../../../functions/platform/secrets.ts';
import { providers } from '../../../functions/providers/index.ts';
import type { Answer } from '../../../functions/revocation/exchange.ts';
import { leakFromSource } from '../../../functions/revocation/leak.ts';
import { route } from '../../../functions/revocation/routing.ts';
import {
  type AtlasAdmin,
  type AtlasKey,
  type AtlasOrganisation,
  type AtlasSecret,
  type AtlasTraits,
  callerAddress,
  inventedKeys,
  inventedServiceAccounts,
  keyWithDecoys,
  mongodbAtlasVendor,
  secretWithDecoys,
} from '../../../lib/local/vendors/mongodb-atlas.ts';
import type { Trouble } from '../../../lib/local/vendors/vendor.ts';
import { testClock, testLane, testLedger, vendorNetwork } from '../../support/lane.ts';
import { providerConformance, type Scene, type Setting } from '../../support/provider-conformance.ts';

const provider = providers['mongodb-atlas'];
const orgId = '0badc0de00000000000000a1';
const pair = { publicKey: 'admintst', privateKey: 'ca9a7e00-1111-4111-a111-ca9a7e000001' };
const client = {
  clientId: 'mdb_sa_id_ca9a7e0000000000000000a1',
  clientSecret: `mdb_sa_sk_admin_${'ca9a7e'.repeat(5)}0002`,
};
const leaked = { publicKey: 'leaktest', privateKey: 'c0ffee00-2222-4222-a222-c0ffeec0ffee' };
const leakedClient = {
  clientId: 'mdb_sa_id_c0ffee0000000000000000a1',
  clientSecret: `mdb_sa_sk_leak__${'c0ffee'.repeat(5)}0003`,
};
const unknownKey = 'beef0000-3333-4333-a333-beefbeefbeef';
const unknownSecret = `mdb_sa_sk_gone__${'beef00'.repeat(5)}0004`;

const account = (clientId: string, name: string, secrets: AtlasSecret[]) => ({
  clientId,
  name,
  createdAt: '2026-03-01T09:00:00Z',
  roles: ['ORG_OWNER'],
  secrets,
});

/** An organisation with a leaked key and a leaked secret, each among others that end alike, and with its admins' own. */
function organisation({ manyPages, twins }: Pick<Setting, 'manyPages' | 'twins'> = {}) {
  const [target, ...decoys] = keyWithDecoys(leaked.publicKey, leaked.privateKey, 'export', 3, orgId);
  const [own] = keyWithDecoys(pair.publicKey, pair.privateKey, 'leakstop', 0, orgId);
  const keyTwin: AtlasKey = { ...target, id: '1'.repeat(24), desc: 'twin' };
  const [secret, ...secretDecoys] = secretWithDecoys(leakedClient.clientSecret, 'deploys', 3);
  const [ownSecret] = secretWithDecoys(client.clientSecret, 'leakstop', 0);
  const secretTwin: AtlasSecret = { ...secret, id: '2'.repeat(24) };
  const org: AtlasOrganisation = {
    orgId,
    keys: [...inventedKeys(manyPages ? 230 : 20, 'tests', orgId), own, ...decoys, target, ...(twins ? [keyTwin] : [])],
    serviceAccounts: [
      ...inventedServiceAccounts(manyPages ? 510 : 5, 'tests'),
      account(client.clientId, 'leakstop', [ownSecret]),
      account(`mdb_sa_id_${'d'.repeat(24)}`, 'others', secretDecoys),
      account(leakedClient.clientId, 'deploys', [secret, ...(twins ? [secretTwin] : [])]),
    ],
    admins: [{ ...pair }, { ...client }],
  };
  return { org, target, decoys, own, secret, secretDecoys, ownSecret };
}

/** What arrives at the vendor of the scene that was set last: the leaked pair is presented alike before and after a deletion. */
let deletions: string[] = [];
const presented = /^GET \/api\/atlas\/v2$/;
const presentedToProve = Object.assign(new RegExp(presented), {
  test: (line: string) => deletions.length > 0 && presented.test(line),
});

function setting({ now, propagationMs, ...rest }: Setting) {
  const made = organisation(rest);
  const vendor = mongodbAtlasVendor([made.org], { now, ...(propagationMs !== undefined && { propagationMs }) });
  deletions = vendor.deletions;
  return { ...made, vendor };
}

const canaries = [
  pair.privateKey,
  client.clientSecret,
  leaked.privateKey,
  leakedClient.clientSecret,
  unknownKey,
  unknownSecret,
];

function keyScene(given: Setting): Scene {
  const { vendor, target, own } = setting(given);
  const ofKind = { provider: 'mongodb-atlas', kind: 'api-key' };
  return {
    vendor,
    admin: { orgId, ...pair },
    wrongAdmin: { orgId, ...pair, privateKey: 'ca9a7e00-1111-4111-a111-ca9a7e000009' },
    leak: { ...ofKind, secret: leaked.privateKey, identifiers: { publicKey: leaked.publicKey } },
    byId: { ...ofKind, identifiers: { keyId: target.id } },
    keyId: target.id,
    unknown: { ...ofKind, secret: unknownKey, identifiers: { publicKey: 'nobodyss' } },
    own: { ...ofKind, identifiers: { keyId: own.id } },
    onHint: 'value-always-tells',
    canaries,
  };
}

function secretScene(given: Setting): Scene {
  const { vendor, secret, ownSecret } = setting(given);
  const ofKind = { provider: 'mongodb-atlas', kind: 'service-account-secret' };
  const { clientId, clientSecret } = leakedClient;
  return {
    vendor,
    admin: { orgId, ...client },
    wrongAdmin: { orgId, ...client, clientSecret: `${client.clientSecret.slice(0, -1)}9` },
    leak: { ...ofKind, secret: clientSecret, identifiers: { clientId } },
    byId: { ...ofKind, identifiers: { keyId: secret.id } },
    keyId: secret.id,
    unknown: { ...ofKind, secret: unknownSecret, identifiers: { clientId } },
    own: { ...ofKind, identifiers: { keyId: ownSecret.id } },
    onHint: { ...ofKind, secret: clientSecret, identifiers: { keyId: secret.id } },
    canaries,
  };
}

const common = {
  provider,
  pages: 'many' as const,
  rateLimit: { headers: { 'retry-after': '2111' }, waitMs: 2_111_000 },
  success: [204],
};
const missing = (errorCode: string) => ({
  status: 404,
  body: { error: 404, errorCode, detail: 'There is none.', reason: 'Not Found', parameters: [] },
});

providerConformance({
  ...common,
  kind: 'api-key',
  scene: keyScene,
  requests: {
    list: /^GET \/api\/atlas\/v2\/orgs\/[^/]+\/apiKeys\?/,
    remove: /^DELETE \/api\/atlas\/v2\/orgs\/[^/]+\/apiKeys\//,
    disable: 'none',
    prove: presentedToProve,
  },
  gone: { ...missing('API_KEY_NOT_FOUND'), told: true },
});

providerConformance({
  ...common,
  kind: 'service-account-secret',
  scene: secretScene,
  requests: {
    list: /^GET \/api\/atlas\/v2\/orgs\/[^/]+\/serviceAccounts\?/,
    remove: /^DELETE \/api\/atlas\/v2\/orgs\/[^/]+\/serviceAccounts\/[^/]+\/secrets\//,
    disable: 'none',
    prove: 'none',
  },
  gone: { ...missing('RESOURCE_NOT_FOUND'), told: true },
});

const closers: (() => Promise<void>)[] = [];
afterEach(async () => {
  await Promise.all(closers.splice(0).map((close) => close()));
});

interface Options {
  traits?: AtlasTraits;
  policy?: object;
  admin?: object;
  accounts?: Record<string, object>;
  others?: AtlasOrganisation[];
  manyPages?: boolean;
}

async function begin({
  traits = {},
  policy = {},
  admin = { orgId, ...pair },
  accounts,
  others = [],
  manyPages,
}: Options = {}) {
  const clock = testClock();
  const made = organisation({ manyPages: manyPages ?? false });
  const vendor = mongodbAtlasVendor([made.org, ...others], { now: clock.now, ...traits });
  const network = await vendorNetwork(vendor);
  const { ledger, close } = await testLedger(clock);
  closers.push(network.close, close);
  const lane = testLane({
    provider,
    vendor,
    accounts: accounts ?? { main: admin },
    policy,
    ledger,
    clock,
    fetch: network.fetch,
  });
  const lines = () => vendor.arrivals.map(({ method, target }) => `${method} ${target}`);
  const sent = (on: RegExp) => vendor.arrivals.filter(({ method, target }) => on.test(`${method} ${target}`));
  return { ...lane, ...made, vendor, lines, sent, ledger };
}

const listing = /^GET \/api\/atlas\/[^/]+\/orgs\/[^/]+\/(apiKeys|serviceAccounts)\?/;
const removal = /^DELETE /;
const keyLeak = (given: object = {}) => ({
  provider: 'mongodb-atlas',
  kind: 'api-key',
  secret: leaked.privateKey,
  identifiers: { publicKey: leaked.publicKey },
  ...given,
});
const secretLeak = (given: object = {}) => ({
  provider: 'mongodb-atlas',
  kind: 'service-account-secret',
  secret: leakedClient.clientSecret,
  identifiers: { clientId: leakedClient.clientId },
  ...given,
});
const withoutPresenting = { useLeakedKey: false };
const answer = (status: number, json?: unknown, headers: Record<string, string> = {}): Answer => ({
  status,
  json,
  empty: json === undefined,
  header: (name) => headers[name],
});
const problem = (error: number, errorCode: string, detail = '') => ({ error, errorCode, detail });

describe('mongodb-atlas, beyond what every provider does', () => {
  test.each([
    ['a key pair', { orgId, ...pair }],
    ['a key pair at the first version', { orgId, ...pair, api: 'v1.0' }],
    ['a service account', { orgId, ...client }],
    ['a service account that names the version', { orgId, ...client, api: 'v2' }],
  ])('revokes an API key and a secret with %s', async (_, admin) => {
    const { follow, vendor, target, secret, sent } = await begin({ admin });
    expect(await follow(keyLeak())).toMatchObject({
      outcome: 'revoked',
      keyId: target.id,
      proof: { dead: true, method: 'leaked-key-refused' },
    });
    expect(await follow(secretLeak())).toMatchObject({
      outcome: 'revoked',
      keyId: secret.id,
      proof: { dead: true, method: 'key-absent' },
    });
    expect(vendor.deletions).toEqual([target.id, secret.id]);
    const isFirstVersion = 'api' in admin && admin.api === 'v1.0';
    for (const { target: address, headers } of sent(/\/orgs\//)) {
      const ofKeys = address.includes('/apiKeys');
      expect(address.startsWith(isFirstVersion && ofKeys ? '/api/atlas/v1.0/' : '/api/atlas/v2/')).toBe(true);
      expect(headers.accept).toBe(
        !ofKeys
          ? 'application/vnd.atlas.2024-08-05+json'
          : isFirstVersion
            ? 'application/json'
            : 'application/vnd.atlas.2023-01-01+json',
      );
    }
    expect(sent(/envelope|DELETE .*\?/)).toEqual([]);
  });

  test.each([
    [{ orgId: 'acme', ...pair }, /orgId: must be the organization ID/],
    [{ ...pair }, /orgId: /],
    [{ orgId, publicKey: 'a"b', privateKey: 'x' }, /publicKey: must be the public key/],
    [{ orgId, ...pair, api: 'v3' }, /api: must be v2 or v1\.0/],
    [{ orgId, ...client, api: 'v1.0' }, /api: must be v2: v1\.0 knows no service accounts/],
    [{ orgId, ...client, clientId: leaked.publicKey }, /clientId: must be the client ID of a service account/],
    [{ orgId, ...client, clientId: 'mdb_sa_id_' }, /clientId: must be the client ID of a service account/],
    [{ orgId, ...client, clientId: 'mdb_sa_id_a:b' }, /clientId: must be the client ID of a service account/],
    [{ orgId, ...client, clientSecret: '' }, /clientSecret: /],
    [{ orgId, ...client, clientSecret: 'two words' }, /clientSecret: /],
    [{ orgId, publicKey: 'a:b', privateKey: 'x' }, /publicKey: must be the public key/],
    [{ orgId, publicKey: 'a\\b', privateKey: 'x' }, /publicKey: must be the public key/],
    [{ orgId, ...pair, region: 'eu' }, /has a field that is not known here/],
  ])('says what is wrong with an admin secret: %#', (given, remedy) => {
    expect(() => check('main', JSON.stringify(given), provider.admin)).toThrow(remedy);
    for (const secret of canaries)
      expect(() => check('main', JSON.stringify(given), provider.admin)).not.toThrow(secret);
  });

  test.each([
    { orgId, clientId: 'mdb_sa_id_test', clientSecret: 's' },
    { orgId, clientId: `mdb_sa_id_${'aB0_'.repeat(8)}`, clientSecret: 'whatever/it+is=' },
    { orgId, publicKey: 'public-key_1', privateKey: 'p' },
  ])('takes any credential that can be sent: %#', (given) => {
    expect(() => check('main', JSON.stringify(given), provider.admin)).not.toThrow();
  });

  test('takes the organization ID in capitals for what it is', () => {
    const shouted = provider.admin.parse({ orgId: orgId.toUpperCase(), ...pair });
    expect(shouted).toMatchObject({ orgId });
  });

  test('does not count the challenge as a failure, and signs all that follows unasked', async () => {
    const { follow, vendor } = await begin({ policy: withoutPresenting });
    expect(await follow(keyLeak())).toMatchObject({ outcome: 'revoked', attempts: 1 });
    const unsigned = vendor.arrivals.filter(({ headers }) => headers.authorization === undefined);
    expect(unsigned).toHaveLength(1);
  });

  test('goes on when every nonce is good for one request only', async () => {
    const { follow, vendor, target } = await begin({ traits: { nonceUses: 1 } });
    expect(await follow(keyLeak())).toMatchObject({ outcome: 'revoked', keyId: target.id, attempts: 1 });
    expect(vendor.deletions).toEqual([target.id]);
  });

  test('needs no list where the leaked pair names itself', async () => {
    const { follow, target, sent } = await begin();
    expect(await follow(keyLeak())).toMatchObject({ outcome: 'revoked', keyId: target.id });
    expect(sent(listing)).toEqual([]);
  });

  test.each([
    ['is refused', { status: 401, body: problem(401, 'UNEXPECTED_ERROR') }],
    ['is kept out by its access list', { status: 403, body: problem(403, 'IP_ADDRESS_NOT_ON_ACCESS_LIST') }],
    ['is told of another key', { status: 200, body: { apiKey: { id: 'f'.repeat(24), publicKey: 'anotherk' } } }],
    ['is told of no key', { status: 200, body: { appName: 'MongoDB Atlas' } }],
    ['meets a failure', { status: 500 }],
  ])('falls back to the list where the leaked pair %s', async (_, reply) => {
    const { follow, vendor, target, sent } = await begin();
    vendor.troubles.push({ on: presented, times: 1, reply });
    expect(await follow(keyLeak())).toMatchObject({ outcome: 'revoked', keyId: target.id });
    expect(sent(listing).length).toBeGreaterThan(0);
  });

  test('presents nothing where the public key is not known, and finds the key by the end of its value', async () => {
    const { follow, vendor, target, sent } = await begin();
    expect(await follow(keyLeak({ identifiers: {} }))).toMatchObject({
      outcome: 'revoked',
      keyId: target.id,
      proof: { dead: true, method: 'key-absent' },
    });
    expect(sent(presented)).toEqual([]);
    expect(vendor.deletions).toEqual([target.id]);
  });

  test('finds a key by its public key alone, for a source that may name keys', async () => {
    const leak = { provider: 'mongodb-atlas', identifiers: { publicKey: leaked.publicKey } };
    const asked = await begin();
    expect(await asked.follow(leak)).toMatchObject({ state: 'awaiting-approval', keyId: asked.target.id });
    expect(asked.vendor.deletions).toEqual([]);
    const acted = await begin();
    expect(await acted.follow(leak, { mayNameKeys: true })).toMatchObject({ outcome: 'revoked' });
    expect(acted.vendor.deletions).toEqual([acted.target.id]);
  });

  test.each([
    ['the public key of one key and the value of another', { identifiers: { publicKey: 'admintst' } }],
    ['the public key of nobody and the value of a key', { identifiers: { publicKey: 'nobodyss' } }],
    ['the public key of a key and the value of nobody', { secret: unknownKey }],
    ['the public key of a key and something that is no private key', { secret: 'hunter2-c0ffeec0ffee' }],
  ])('touches nothing for %s', async (_, given) => {
    const { follow, vendor } = await begin();
    const { state, outcome } = await follow(keyLeak(given));
    expect([state, ['ambiguous', 'protected'].includes(outcome ?? '')]).toEqual(['parked', true]);
    expect(vendor.deletions).toEqual([]);
  });

  test('asks a person where two keys show the same end of their values', async () => {
    const made = await begin({ policy: withoutPresenting });
    const [, alike] = keyWithDecoys(leaked.publicKey, leaked.privateKey, 'export', 1, orgId, 12);
    made.org.keys.push({ ...(alike as AtlasKey), id: '3'.repeat(24) });
    expect(await made.follow(keyLeak({ identifiers: {} }))).toMatchObject({ state: 'parked', outcome: 'ambiguous' });
    expect(made.vendor.deletions).toEqual([]);
  });

  test('reads every page of keys, and asks for the total', async () => {
    const { follow, vendor, target, sent } = await begin({ policy: withoutPresenting, manyPages: true });
    expect(await follow(keyLeak())).toMatchObject({ outcome: 'revoked', keyId: target.id });
    const signed = sent(listing).filter(({ headers }) => headers.authorization);
    expect(signed.map((one) => one.target.split('?')[1])).toEqual(
      [1, 2, 3].map((page) => `itemsPerPage=100&pageNum=${page}&includeCount=true`),
    );
    expect(vendor.deletions).toEqual([target.id]);
  });

  test('does not take a list without a total, or one that changed while it was read, for the whole', async () => {
    const untold = await begin({ policy: withoutPresenting });
    untold.vendor.troubles.push({ on: listing, reply: { status: 200, body: { results: [], links: [] } } });
    expect(await untold.follow(keyLeak())).toMatchObject({ state: 'parked', outcome: 'failed' });
    const changed = await begin({ policy: withoutPresenting, manyPages: true });
    const short = { status: 200, body: { results: [], totalCount: 235 } };
    changed.vendor.troubles.push({ on: /pageNum=2/, times: 1, reply: short });
    expect(await changed.follow(keyLeak())).toMatchObject({ outcome: 'revoked', attempts: 2 });
  });

  test.each([
    ['the older page says: 200 and nothing', 200],
    ['the newer page says: 204', 204],
  ] as const)('takes for success at the first version what %s', async (_, firstVersionDeletion) => {
    const admin = { orgId, ...pair, api: 'v1.0' };
    const { follow, vendor, target } = await begin({ admin, traits: { firstVersionDeletion } });
    expect(await follow(keyLeak())).toMatchObject({ outcome: 'revoked', keyId: target.id, attempts: 1 });
    expect(vendor.deletions).toEqual([target.id]);
  });

  test('takes an empty 200 for success at the first version only, and a 200 that says something nowhere', async () => {
    for (const [api, reply] of [
      ['v2', { status: 200 }],
      ['v1.0', { status: 200, body: {} }],
      ['v1.0', { status: 200, body: '<html>' }],
      ['v1.0', { status: 202 }],
    ] as const) {
      const { follow, vendor } = await begin({ admin: { orgId, ...pair, api } });
      vendor.troubles.push({ on: removal, reply });
      expect(await follow(keyLeak())).toMatchObject({ state: 'parked', outcome: 'failed' });
      expect(vendor.deletions).toEqual([]);
    }
  });

  test('takes a 404 for a key that is gone only where Atlas says so', async () => {
    const says = { firstVersionMissing: { status: 404, body: problem(404, 'RESOURCE_NOT_FOUND') } };
    for (const api of ['v2', 'v1.0']) {
      const { follow } = await begin({ admin: { orgId, ...pair, api } });
      const gone = { ...keyLeak(), secret: undefined, identifiers: { keyId: 'f'.repeat(24) } };
      expect(await follow(gone, { mayNameKeys: true })).toMatchObject({ state: 'closed', outcome: 'not-found' });
    }
    const { follow, vendor } = await begin({ admin: { orgId, ...pair, api: 'v1.0' }, traits: { says } });
    expect(
      await follow({ ...keyLeak(), secret: undefined, identifiers: { keyId: 'f'.repeat(24) } }, { mayNameKeys: true }),
    ).toMatchObject({ state: 'parked', outcome: 'failed' });
    expect(vendor.deletions).toEqual([]);
    const { get, remove } = provider.kinds['api-key'];
    const target = { admin: provider.admin.parse({ orgId, ...pair }), keyId: 'f'.repeat(24) };
    for (const odd of [
      answer(404),
      answer(404, {}),
      answer(404, problem(404, 'GROUP_NOT_FOUND')),
      answer(404, problem(400, 'API_KEY_NOT_FOUND')),
      answer(410, problem(410, 'VERSION_GONE')),
      answer(400, problem(400, 'PATH_PARAM_PARSE_ERROR')),
      answer(401, problem(401, 'API_KEY_NOT_FOUND')),
    ])
      expect([get?.read(odd, target), remove.read(odd, target)]).toEqual([undefined, undefined]);
  });

  test('parks when its version of the resource is gone', async () => {
    const { follow, vendor } = await begin({ traits: { goneBefore: '2024-01-01' } });
    expect(await follow(keyLeak())).toMatchObject({ state: 'parked', outcome: 'failed' });
    expect(vendor.deletions).toEqual([]);
  });

  test('lets the public key decide where the list shows no end of the value, and asks a person without it', () => {
    const { compare } = provider.kinds['api-key'];
    const compared = (privateKey: string | null, identifiers: object, secret: string | null = leaked.privateKey) =>
      compare(
        { id: 'a', publicKey: leaked.publicKey, privateKey },
        leakFromSource.parse({ secret, identifiers: { keyId: 'a', ...identifiers } }),
      );
    const named = { publicKey: leaked.publicKey };
    const other = { publicKey: 'anotherk' };
    const mask = '********-****-****-c0ffeec0ffee';
    expect([compared(mask, named), compared(mask, {}), compared(mask, other)]).toEqual(['same', 'same', 'conflict']);
    expect([compared(mask, named, null), compared(mask, other, null), compared(mask, {}, null)]).toEqual([
      'same',
      'different',
      'different',
    ]);
    const strange = '********-****-****-0000eec0ffee';
    expect([compared(strange, named), compared(strange, {}), compared(strange, other)]).toEqual([
      'conflict',
      'different',
      'different',
    ]);
    for (const odd of [
      '********-****-****-****-c0ffeec0ffee',
      '********-****-****-C0FFEEC0FFEE',
      '****-c0ffeec0ffee',
      'c0ffeec0ffee',
      '',
      null,
    ]) {
      expect([compared(odd, named), compared(odd, {}), compared(odd, other)]).toEqual([
        'confirmed',
        'hint',
        'different',
      ]);
      expect([compared(odd, {}, 'not-a-uuid-c0ffeec0ffee'), compared(odd, named, null)]).toEqual(['different', 'same']);
    }
    for (const odd of ['not-a-uuid-c0ffeec0ffee', 'c0ffeec0ffee', leaked.privateKey.toUpperCase()])
      expect([compared(mask, {}, odd), compared(mask, named, odd)]).toEqual(['different', 'conflict']);
  });

  test('revokes by the public key where no end of the value is shown', async () => {
    const { follow, vendor, target } = await begin({ policy: withoutPresenting });
    const results = [{ id: target.id, publicKey: leaked.publicKey, privateKey: 'hidden' }];
    vendor.troubles.push({ on: listing, times: 1, reply: { status: 200, body: { results, totalCount: 1 } } });
    expect(await follow(keyLeak())).toMatchObject({
      outcome: 'revoked',
      keyId: target.id,
      proof: { method: 'key-absent' },
    });
  });

  test('takes a pair that is only kept out by its access list for alive', async () => {
    const { follow, vendor, target } = await begin({ traits: { propagationMs: 500 } });
    target.accessList = ['192.0.2.1'];
    const { outcome, proof } = await follow(keyLeak());
    expect(outcome).toBe('revoked');
    expect(proof?.method).toBe('leaked-key-refused');
    expect(proof?.checks.map(({ result }) => result)).toEqual(['alive', 'alive', 'dead']);
    expect(vendor.deletions).toEqual([target.id]);
  });

  const asks = 'Digest realm="MMS Public API", domain="", nonce="a+/b", algorithm=MD5, qop="auth", stale=false';
  const refusal = { error: 401, reason: 'Unauthorized', detail: 'You are not authorized for this resource.' };
  test.each([
    [
      'Atlas’ own words',
      answer(401, { ...refusal, errorCode: 'UNEXPECTED_ERROR' }, { 'www-authenticate': asks }),
      'dead',
    ],
    ['the same without a code', answer(401, refusal, { 'www-authenticate': asks }), 'dead'],
    ['a missing right', answer(401, problem(401, 'USER_UNAUTHORIZED'), { 'www-authenticate': asks }), undefined],
    ['no challenge', answer(401, refusal), undefined],
    [
      'a challenge we cannot answer',
      answer(401, refusal, { 'www-authenticate': asks.replace('MD5', 'SHA-1024') }),
      undefined,
    ],
    ['another scheme', answer(401, refusal, { 'www-authenticate': 'Basic realm="algorithm=MD5, x"' }), undefined],
    [
      'an answer that came late',
      answer(401, refusal, { 'www-authenticate': asks.replace('stale=false', 'stale=true') }),
      undefined,
    ],
    ['a page', answer(401, undefined, { 'www-authenticate': asks }), undefined],
    ['another status in the body', answer(401, { ...refusal, error: 403 }, { 'www-authenticate': asks }), undefined],
    [
      '403',
      answer(403, { ...refusal, error: 403, errorCode: 'UNEXPECTED_ERROR' }, { 'www-authenticate': asks }),
      undefined,
    ],
    ['the key itself', answer(200, { apiKey: { id: 'a', publicKey: leaked.publicKey } }), 'alive'],
    ['another key', answer(200, { apiKey: { id: 'a', publicKey: 'anotherk' } }), undefined],
    ['a page with 200', answer(200), undefined],
    ['a closed door', answer(403, problem(403, 'IP_ADDRESS_NOT_ON_ACCESS_LIST')), 'alive'],
    [
      'a closed door in a 401',
      answer(401, problem(401, 'IP_ADDRESS_NOT_ON_ACCESS_LIST'), { 'www-authenticate': asks }),
      undefined,
    ],
  ])('reads %s', (_, given, meaning) => {
    const leak = leakFromSource.parse(keyLeak()) as never;
    expect(provider.kinds['api-key'].proof?.read(given, leak)).toBe(meaning);
  });

  test.each([
    ['words nobody wrote down', { says: { refused: { error: 401, errorCode: 'OTHER' } } }],
    ['nothing but stale nonces', { nonceUses: 0, propagationMs: 60_000 }],
  ])('asks for the key’s absence where the leaked pair gets %s', async (_, traits) => {
    const { follow, target } = await begin({ admin: { orgId, ...client }, traits });
    const { outcome, keyId, proof } = await follow(keyLeak());
    expect([outcome, keyId, proof?.method]).toEqual(['revoked', target.id, 'key-absent']);
    expect(proof?.checks.map(({ result }) => result)).toEqual(['unknown', 'unknown', 'unknown', 'dead']);
  });

  test.each([
    [`IP address ${callerAddress} is not allowed to access this resource.`, callerAddress],
    ['IP address 2001:db8::7 is not allowed.', '2001:db8::7'],
    ['Not allowed: 198.51.100.9.', '198.51.100.9'],
    ['IP address 999.1.1.1 is not allowed.', 'the address this runs from'],
    ['', 'the address this runs from'],
    [null, 'the address this runs from'],
  ])('names the address that has to be let in: %s', (detail, named) => {
    const admin = provider.admin.parse({ orgId, ...pair });
    for (const status of [401, 403]) {
      const refused = answer(status, { error: status, errorCode: 'IP_ADDRESS_NOT_ON_ACCESS_LIST', detail });
      expect(provider.explain?.(refused, admin)).toBe(
        `add ${named} to the API access list of the admin credential in Atlas`,
      );
    }
  });

  test('parks with the address to let in', async () => {
    for (const admin of [pair, client]) {
      const { follow, org, vendor } = await begin({ admin: { orgId, ...admin } });
      for (const one of org.admins) one.ipBlocked = callerAddress;
      const { state, outcome, reason } = await follow(keyLeak());
      expect([state, outcome]).toEqual(['parked', 'failed']);
      expect(reason).toContain(`add ${callerAddress} to the API access list`);
      expect(vendor.deletions).toEqual([]);
    }
  });

  test.each([401, 403] as const)(
    'parks with the right that is missing, where Atlas says so with %i',
    async (status) => {
      for (const rights of [[], ['ORG_READ_ONLY']]) {
        const { follow, org, vendor } = await begin({ traits: { unauthorizedStatus: status } });
        for (const one of org.admins) (one as AtlasAdmin).rights = rights;
        const { state, outcome, reason } = await follow(keyLeak());
        expect([state, outcome]).toEqual(['parked', 'failed']);
        expect(reason).toContain('make it an Organization Owner');
        expect(vendor.deletions).toEqual([]);
      }
    },
  );

  test('explains what Atlas says of a missing right, and nothing else', () => {
    const admin = provider.admin.parse({ orgId, ...pair });
    const why = (json: unknown) => provider.explain?.(answer(401, json), admin);
    for (const code of ['API_KEY_ACCESS_LIST_ACCESS_DENIED', 'NOT_ORG_GROUP_CREATOR', 'USER_UNAUTHORIZED'])
      expect(why(problem(401, code))).toContain('Organization Owner');
    for (const other of [problem(401, 'UNEXPECTED_ERROR'), problem(403, 'USER_UNAUTHORIZED'), '<html>', undefined])
      expect(why(other)).toBeUndefined();
  });

  test('finds out, where a refusal says nothing, whether the credential is accepted at all', async () => {
    const silent: Trouble = { on: removal, reply: { status: 403, body: '<html>' } };
    const accepted = await begin();
    accepted.vendor.troubles.push(silent);
    expect((await accepted.follow(keyLeak())).reason).toContain('it is valid, so a right is missing');
    const refused = await begin({ admin: { orgId, ...pair, privateKey: unknownKey } });
    expect((await refused.follow(keyLeak())).reason).toContain('it is wrong, was deleted, or lacks a right');
  });

  test('tells the key that acts from another key of its own', async () => {
    for (const admin of [pair, client]) {
      const { follow, vendor, own, ownSecret, org } = await begin({ admin: { orgId, ...admin } });
      const isPair = 'publicKey' in admin;
      const byKey = { provider: 'mongodb-atlas', kind: 'api-key', identifiers: { keyId: own.id } };
      expect(await follow(byKey, { mayNameKeys: true })).toMatchObject({
        outcome: isPair ? 'protected' : 'revoked',
      });
      const [second] = secretWithDecoys(unknownSecret, 'second', 0);
      org.serviceAccounts.find(({ clientId }) => clientId === client.clientId)?.secrets.push(second);
      for (const [{ id }, outcome] of [
        [second, 'revoked'],
        [ownSecret, isPair ? 'revoked' : 'protected'],
      ] as const) {
        const bySecret = { provider: 'mongodb-atlas', kind: 'service-account-secret', identifiers: { keyId: id } };
        expect(await follow(bySecret, { mayNameKeys: true }), id).toMatchObject({ outcome });
      }
      expect(vendor.deletions).toEqual(isPair ? [second.id, ownSecret.id] : [own.id, second.id]);
    }
  });

  test('tells of a key that is an Organization Owner', async () => {
    const { follow, target } = await begin();
    target.roles.push({ orgId, roleName: 'ORG_OWNER' });
    const { timeline } = await follow(keyLeak());
    expect(timeline.find(({ stage }) => stage === 'found')?.detail).toContain('an Organization Owner');
  });

  test('finds the organisation of a key and of a secret among several, each by the list of its own', async () => {
    const otherId = '0badc0de00000000000000b2';
    const admin = { publicKey: 'otheradm', privateKey: 'ca9a7e00-1111-4111-a111-ca9a7e000007' };
    const others = [{ orgId: otherId, keys: inventedKeys(3, 'other', otherId), serviceAccounts: [], admins: [admin] }];
    const accounts = { other: { orgId: otherId, ...admin }, main: { orgId, ...client } };
    const { follow, target, secret } = await begin({ accounts, others });
    expect(await follow(keyLeak())).toMatchObject({ outcome: 'revoked', account: 'main', keyId: target.id });
    expect(await follow(secretLeak())).toMatchObject({ outcome: 'revoked', account: 'main', keyId: secret.id });
  });

  test('asks a person about a secret that fits by its last four characters alone', async () => {
    const { follow, vendor, org, secret } = await begin({ admin: { orgId, ...client } });
    expect(await follow(secretLeak({ identifiers: {} }))).toMatchObject({ state: 'parked', outcome: 'ambiguous' });
    org.serviceAccounts.splice(
      org.serviceAccounts.findIndex(({ name }) => name === 'others'),
      1,
    );
    const again = await begin({ admin: { orgId, ...client } });
    again.org.serviceAccounts.splice(
      again.org.serviceAccounts.findIndex(({ name }) => name === 'others'),
      1,
    );
    expect(await again.follow(secretLeak({ identifiers: {} }))).toMatchObject({
      state: 'awaiting-approval',
      keyId: secret.id,
    });
    expect([...vendor.deletions, ...again.vendor.deletions]).toEqual([]);
  });

  test('never takes a secret of one service account for that of another', async () => {
    const { follow, vendor } = await begin({ admin: { orgId, ...client } });
    const named = { identifiers: { clientId: `mdb_sa_id_${'e'.repeat(24)}` } };
    expect(await follow(secretLeak(named))).toMatchObject({ state: 'closed', outcome: 'not-found' });
    expect(vendor.deletions).toEqual([]);
  });

  test('leaves a secret to a person where its mask cannot be read', () => {
    const { compare, isOwn } = provider.kinds['service-account-secret'];
    const record = (maskedSecretValue: string | null, owner = leakedClient.clientId) => ({
      id: 'a',
      owner,
      name: undefined,
      maskedSecretValue,
    });
    const leak = (given: object = {}) => leakFromSource.parse(secretLeak(given));
    for (const odd of ['mdb_sa_sk_****', '****003', '0003', '', null]) {
      expect([compare(record(odd), leak()), compare(record(odd), leak({ identifiers: {} }))]).toEqual(['hint', 'hint']);
      expect(isOwn(record(odd, client.clientId), provider.admin.parse({ orgId, ...client }))).toBe(true);
    }
    expect(compare(record('mdb_sa_sk_****0003'), leak())).toBe('confirmed');
    expect(compare(record('mdb_sa_sk_****ffee0003'), leak())).toBe('confirmed');
    expect(compare(record('mdb_sa_sk_****abcd0003'), leak())).toBe('different');
    for (const mask of ['mdb_sa_sk_...0003', 'mdb_sa_sk_••••0003'])
      expect(compare(record(mask), leak())).toBe('confirmed');
  });

  test('takes a service account’s name for its secret’s where it has but one', async () => {
    const byAccount = { provider: 'mongodb-atlas', identifiers: { clientId: leakedClient.clientId } };
    const alone = await begin({ admin: { orgId, ...client } });
    const secrets = alone.vendor.organisations.flatMap(({ serviceAccounts }) => serviceAccounts);
    const account = secrets.find(({ clientId }) => clientId === leakedClient.clientId);
    const order = { source: 'operator', mayNameKeys: true, order: {} };
    const report = { ...byAccount, kind: 'service-account-secret' };
    account?.secrets.splice(1);
    expect(await alone.follow(report, order)).toMatchObject({ outcome: 'revoked' });
    expect(route(leakFromSource.parse(byAccount), providers)).toMatchObject({ kind: 'service-account-secret' });
  });

  test('never presents a service account’s secret', async () => {
    const { follow, sent } = await begin();
    expect(await follow(secretLeak())).toMatchObject({ outcome: 'revoked' });
    expect(sent(/oauth/)).toEqual([]);
  });

  test('does not take a list of service accounts that is short, or hides their secrets, for the whole', async () => {
    const { list } = provider.kinds['service-account-secret'];
    const read = (page: number, accounts: number, totalCount: unknown, secrets: unknown = [{ id: 'a' }]) =>
      list.read(
        answer(200, { totalCount, results: Array.from({ length: accounts }, () => ({ clientId: 'c', secrets })) }),
        { admin: provider.admin.parse({ orgId, ...client }), owner: '', page },
      );
    expect(read(0, 3, 3)).toMatchObject({ total: 3 });
    expect(read(0, 3, undefined)).toMatchObject({ total: 3 });
    expect(read(0, 0, 0)).toEqual({ items: [], total: 0 });
    expect(read(0, 3, 3, [])).toEqual({ items: [], total: 0 });
    expect(read(0, 100, 101)?.items).toHaveLength(100);
    expect(read(0, 100, 101)?.total).toBeUndefined();
    expect(read(1, 1, 101)?.items).toHaveLength(1);
    expect(read(2, 0, 101)).toEqual({ items: [] });
    for (const odd of [
      read(0, 2, 3),
      read(0, 100, 99),
      read(1, 0, 101),
      read(0, 100, 101, []),
      read(0, 100, undefined),
      read(1, 3, undefined),
      read(0, 0, undefined),
      read(0, 3, 3, null),
    ])
      expect(odd).toBeUndefined();
  });

  test('routes a client secret by its form, and no private key', () => {
    const routed = (secret: string) => route(leakFromSource.parse({ secret }), providers);
    expect(routed(leakedClient.clientSecret)).toMatchObject({
      is: 'routed',
      provider: 'mongodb-atlas',
      kind: 'service-account-secret',
    });
    for (const secret of [leaked.privateKey, leaked.publicKey, 'mdb_sa_sk_short'])
      expect(routed(secret).is).toBe('unrouted');
  });
});
