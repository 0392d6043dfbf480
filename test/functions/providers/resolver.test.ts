import { afterEach, describe, expect, test } from 'vitest';
import { check } from '../../../functions/platform/secrets.ts';
import { providers } from '../../../functions/providers/index.ts';
import { approve, retry } from '../../../functions/revocation/decisions.ts';
import { leakFromSource } from '../../../functions/revocation/leak.ts';
import { policySchema } from '../../../functions/revocation/policy.ts';
import type { Secret } from '../../../functions/revocation/secret.ts';
import {
  inventedKeys,
  inventedUser,
  keyWithDecoys,
  type ResolverKey,
  type ResolverTraits,
  resolverVendor,
} from '../../../lib/local/vendors/resolver.ts';
import { testClock, testLane, testLedger, vendorNetwork } from '../../support/lane.ts';
import { providerConformance, type Scene, type Setting } from '../../support/provider-conformance.ts';

const { resolver } = providers;
const kind = resolver.kinds['api-key'];
const host = 'us.core.resolver.com';
const leaked = 'Te5tAcc3ssKeyOf0nceM.5eed5eed5eed5eed5eed5eed5eed5eed5eed5eed';
const accessKey = 'Te5tAcc3ssKeyOf0nceM';
const unknown = 'Te5tN0b0dyHa5ThisK3y.beefbeefbeefbeefbeefbeefbeefbeefbeefbeef';
const adminKey = 'Te5tAdm1nKeyOfTh3Org.ad00ad00ad00ad00ad00ad00ad00ad00ad00ad00';
const password = 'a-password-only-tests-have';
const [owner, colleague, boss] = [1801, 1802, 1800];

/** An organisation whose administrator has a key and a password, and whose user `owner` has the leaked key. */
function world({ now, manyPages, twins, ...traits }: Partial<Setting> & ResolverTraits & { now(): number }) {
  const keys = keyWithDecoys(leaked, 'import', 3, 130) as [ResolverKey, ...ResolverKey[]];
  const ownKeys = keyWithDecoys(adminKey, 'leakstop', 0, 50) as [ResolverKey];
  const nobody = inventedKeys(1, 'nobody', 60) as [ResolverKey];
  const others = Array.from({ length: manyPages ? 12 : 2 }, (_, index) =>
    inventedUser(colleague + index, inventedKeys(3, `colleague ${index}`, owner + index * 10)),
  );
  const users = [
    { ...inventedUser(boss, ownKeys), email: 'boss@example.com', password, isAdmin: true },
    { ...inventedUser(1700, nobody), email: 'nobody@example.com', password: `${password}-too` },
    ...others,
    inventedUser(owner, [...keys, ...(twins ? [{ ...keys[0], id: 140, name: 'twin' }] : [])]),
  ];
  const vendor = resolverVendor([{ host, id: 12, users }], { now, ...traits });
  const userIds = [boss, ...others.map(({ id }) => String(id)), owner];
  return { vendor, keys, ownKeys, nobody: nobody[0].key, userIds };
}

const byKey = (setting: Setting): Scene => {
  const { vendor, userIds, nobody } = world(setting);
  return {
    vendor,
    admin: { host, apiKey: adminKey, userIds },
    wrongAdmin: { host, apiKey: nobody, userIds },
    leak: { provider: 'resolver', kind: 'api-key', secret: leaked },
    byId: { provider: 'resolver', kind: 'api-key', identifiers: { keyId: '130' } },
    keyId: '130',
    unknown: { provider: 'resolver', kind: 'api-key', secret: unknown },
    own: { provider: 'resolver', kind: 'api-key', identifiers: { keyId: '50' } },
    onHint: 'value-always-tells',
    canaries: [leaked, adminKey, unknown, nobody],
  };
};

const bySession = (setting: Setting): Scene => {
  const scene = byKey(setting);
  const { userIds } = scene.admin as { userIds: string[] };
  const admin = { host, email: 'boss@example.com', password, org: 12, userIds };
  return {
    ...scene,
    admin,
    wrongAdmin: { ...admin, email: 'nobody@example.com', password: `${password}-too` },
    own: 'never-this-kind',
    byId: { provider: 'resolver', kind: 'api-key', identifiers: { accessKey, userId: String(owner) } },
    canaries: [leaked, password, unknown],
  };
};

for (const scene of [byKey, bySession]) {
  providerConformance({
    provider: resolver,
    kind: 'api-key',
    scene,
    requests: {
      list: /^GET \/user\/apiKey\/user\//,
      remove: /^DELETE \/user\/apiKey\//,
      disable: 'none',
      prove: 'none',
    },
    pages: 'one',
    rateLimit: 'none',
    gone: { status: 404, body: { message: 'Not Found' }, told: true },
    success: [204],
  });
}

describe('resolver, beyond what every provider does', () => {
  const closers: (() => Promise<void>)[] = [];
  afterEach(async () => {
    await Promise.all(closers.splice(0).map((close) => close()));
  });

  const session = { host, email: 'boss@example.com', password, org: 12 };

  async function begin(traits: ResolverTraits = {}, admin: object = { host, apiKey: adminKey }) {
    const clock = testClock();
    const made = world({ now: clock.now, ...traits });
    const network = await vendorNetwork(made.vendor);
    const { ledger, close } = await testLedger(clock);
    closers.push(network.close, close);
    const accounts = { main: admin };
    const lane = testLane({ provider: resolver, vendor: made.vendor, accounts, ledger, clock, fetch: network.fetch });
    const lines = () => made.vendor.arrivals.map(({ method, target }) => `${method} ${target}`);
    return { ...lane, ...made, clock, lines };
  }
  const leak = { provider: 'resolver', secret: leaked, identifiers: { userId: owner } };
  const byId = { provider: 'resolver', identifiers: { keyId: 130 } };
  const named = { mayNameKeys: true };

  test.each([{ listShape: 'data' }, { listShape: 'array' }, { listShape: 'object' }] as const)(
    'reads a list in each documented shape: %o',
    async (traits) => {
      const { follow, vendor } = await begin(traits);
      const user = vendor.organisations[0]?.users.find(({ id }) => id === owner);
      if (traits.listShape === 'object') user?.keys.splice(1);
      expect(await follow(leak)).toMatchObject({ outcome: 'revoked', keyId: '130', proof: { method: 'key-absent' } });
      expect(vendor.deletions).toEqual(['130']);
    },
  );

  test.each([{ getShape: 'object' }, { getShape: 'data' }] as const)(
    'reads one key in each documented shape: %o',
    async (traits) => {
      const { follow, vendor } = await begin(traits);
      expect(await follow(byId, named)).toMatchObject({ outcome: 'revoked', keyId: '130' });
      expect(vendor.deletions).toEqual(['130']);
    },
  );

  test('asks for the lists of the user whom the alert names and of those it knows, then for the owner’s alone', async () => {
    const { follow, lines } = await begin({}, { host, apiKey: adminKey, userIds: [boss, colleague] });
    expect(await follow(leak)).toMatchObject({ outcome: 'revoked' });
    expect(lines()).toEqual([
      `GET /user/apiKey/user/${owner}`,
      `GET /user/apiKey/user/${boss}`,
      `GET /user/apiKey/user/${colleague}`,
      'DELETE /user/apiKey/130',
      `GET /user/apiKey/user/${owner}`,
    ]);
  });

  test('finds a key whose owner the alert names wrongly', async () => {
    for (const identifiers of [{ userId: 93_768 }, { userId: 93_768, keyId: 130 }]) {
      const { follow, vendor } = await begin({}, { host, apiKey: adminKey, userIds: [owner] });
      expect(await follow({ ...leak, identifiers })).toMatchObject({ outcome: 'revoked', keyId: '130' });
      expect(vendor.deletions).toEqual(['130']);
    }
  });

  describe('a user’s id alone', () => {
    const ofUser = (userId: number) => ({ provider: 'resolver', identifiers: { userId } });
    const order = { ...named, source: 'operator', order: { action: 'delete' as const } };
    /** The user `owner` has as many keys as told. */
    async function beginWith(count: number, traits: ResolverTraits = {}, userIds?: number[]) {
      const begun = await begin(traits, { host, apiKey: adminKey, ...(userIds && { userIds }) });
      const user = begun.vendor.organisations[0]?.users.find(({ id }) => id === owner);
      user?.keys.splice(count);
      return { ...begun, user };
    }

    test.each([
      [{ listShape: 'data' }, undefined],
      [{ listShape: 'array' }, [boss, colleague]],
      [{ listShape: 'object' }, [owner, boss]],
    ] as const)('is acted on for an operator where that user has one key: %o, %o', async (traits, userIds) => {
      const { follow, vendor } = await beginWith(1, traits, userIds && [...userIds]);
      expect(await follow(ofUser(owner), order)).toMatchObject({
        outcome: 'revoked',
        keyId: '130',
        proof: { dead: true, method: 'key-absent' },
      });
      expect(vendor.deletions).toEqual(['130']);
    });

    test('asks a person where a source names it', async () => {
      const { follow, vendor } = await beginWith(1);
      expect(await follow(ofUser(owner))).toMatchObject({ state: 'awaiting-approval', keyId: '130' });
      expect(vendor.deletions).toEqual([]);
    });

    test.each([
      ['two', 2, 'ambiguous', owner],
      ['none', 0, 'not-found', owner],
      ['nobody by that name', 1, 'not-found', 77_777],
    ])('touches nothing where that user has %s', async (_, count, outcome, userId) => {
      const { follow, vendor } = await beginWith(count, {}, [boss, colleague]);
      expect(await follow(ofUser(userId), order)).toMatchObject({ outcome });
      expect(vendor.deletions).toEqual([]);
    });

    test('does not stand in for an id or an access key that names nothing', async () => {
      const { follow, vendor } = await beginWith(1, {}, [owner]);
      for (const identifiers of [{ keyId: 999 }, { accessKey: 'N0SuchAcc3ssKeyHere0' }])
        expect(
          await follow({ provider: 'resolver', identifiers: { ...identifiers, userId: owner } }, order),
        ).toMatchObject({ outcome: 'not-found' });
      expect(vendor.deletions).toEqual([]);
    });

    test('protects the key that we act with', async () => {
      const { follow, vendor } = await begin();
      expect(await follow(ofUser(boss), order)).toMatchObject({ outcome: 'protected' });
      expect(vendor.deletions).toEqual([]);
    });

    test('says nothing while another account, which may have such a user too, cannot be asked', async () => {
      const { services, follow, vendor } = await beginWith(1);
      Object.assign(services, { accounts: ['main', 'missing'] });
      const shared = await follow(ofUser(owner), { ...order, withinMs: 5_000 });
      expect(shared.outcome).toBe(null);
      expect(vendor.deletions).toEqual([]);
      const exact = { provider: 'resolver', identifiers: { accessKey, userId: owner } };
      expect(await follow(exact, { ...order, withinMs: 60_000 })).toMatchObject({ outcome: 'revoked', keyId: '130' });
    });

    test('means the key that the user has then, each time it is reported', async () => {
      const { follow, vendor, user } = await beginWith(1);
      const first = await follow(ofUser(owner), order);
      const [next] = inventedKeys(1, 'made later', 700) as [ResolverKey];
      user?.keys.push(next);
      const second = await follow(ofUser(owner), order);
      expect([first.outcome, second.outcome]).toEqual(['revoked', 'revoked']);
      expect([first.keyId, second.keyId]).toEqual(['130', '700']);
      expect(vendor.deletions).toEqual(['130', '700']);
    });

    describe('is no other key’s by the time a person has answered', () => {
      const given = { by: { id: 'U0ANNA', words: 'Anna' } };
      const [next] = inventedKeys(1, 'made later', 700) as [ResolverKey];

      test.each([
        ['beside it', 1, { outcome: 'revoked' }, ['130']],
        ['in its place', 0, { outcome: 'already-gone' }, []],
      ])('who approved it: the user has a new one %s', async (_, left, becomes, deletions) => {
        const { follow, vendor, user, decisions, drain, services } = await beginWith(1);
        const asked = await follow(ofUser(owner));
        user?.keys.splice(left, 1, next);
        await approve(asked, given, decisions);
        await drain(60_000);
        expect(await services.ledger.read(asked.id)).toMatchObject({ ...becomes, keyId: '130' });
        expect(vendor.deletions).toEqual(deletions);
      });

      test('who has it tried again: the user has a new one in its place', async () => {
        const { follow, vendor, user, decisions, drain, services } = await beginWith(1);
        const protects = { protected: [{ provider: 'resolver', keyId: '130', reason: 'an import' }] };
        const policy = services.policy;
        services.policy = policySchema.parse(protects);
        const parked = await follow(ofUser(owner), order);
        expect(parked).toMatchObject({ outcome: 'protected', keyId: '130' });
        services.policy = policy;
        user?.keys.splice(0, 1, next);
        await retry(parked, given, decisions);
        await drain(60_000);
        expect(await services.ledger.read(parked.id)).toMatchObject({ outcome: 'already-gone', keyId: '130' });
        expect(vendor.deletions).toEqual([]);
      });
    });

    test('joins the incident that its key has already', async () => {
      const { follow, services, reportOf, run, drain } = await beginWith(1);
      const alert = await follow({ provider: 'resolver', identifiers: { accessKey, userId: owner } });
      expect(alert).toMatchObject({ state: 'awaiting-approval', keyId: '130' });
      const report = reportOf(ofUser(owner), order);
      await run(report);
      await drain(60_000);
      expect(await services.ledger.read(report.incident)).toMatchObject({
        id: alert.id,
        outcome: 'revoked',
        sightingCount: 2,
      });
    });
  });

  test('asks the owner about the death of a key rather than the path that could take its id for a user’s', async () => {
    const { follow, lines } = await begin({}, { host, apiKey: adminKey, userIds: [owner] });
    expect(await follow(byId, named)).toMatchObject({ outcome: 'revoked', proof: { dead: true } });
    expect(lines().at(-1)).toBe(`GET /user/apiKey/user/${owner}`);
  });

  test('says whom to name where nobody says whose keys to look at', async () => {
    const { follow, vendor } = await begin();
    const incident = await follow({ provider: 'resolver', secret: leaked });
    expect(incident).toMatchObject({ state: 'parked', outcome: 'failed' });
    expect(incident.reason).toMatch(/identifiers\.userId in the alert.* userIds in the admin secret/);
    expect(vendor.arrivals).toEqual([]);
  });

  test('takes no key for the one that is asked for by its id unless it has that id', async () => {
    const { follow, vendor } = await begin({ getBy: 'user' });
    const asked = { provider: 'resolver', identifiers: { keyId: owner } };
    const incident = await follow(asked, named);
    expect(incident).toMatchObject({ state: 'parked', outcome: 'failed', keyId: null });
    expect(incident.reason).toMatch(/^resolver answered 200/);
    expect(vendor.deletions).toEqual([]);
  });

  test('takes empty data for the absence of a key that is asked for by its id', async () => {
    const { follow, vendor } = await begin({ missing: 'empty' });
    expect(await follow(byId, named)).toMatchObject({ outcome: 'revoked', proof: { method: 'key-absent' } });
    expect(vendor.deletions).toEqual(['130']);
  });

  test('parks a secret half as ambiguous though one of the keys is its own, and acts when the access key is told', async () => {
    const { follow, vendor } = await begin({}, { host, apiKey: adminKey, userIds: [boss, owner] });
    const half = { provider: 'resolver', secret: leaked.slice(21) };
    expect(await follow(half)).toMatchObject({ state: 'parked', outcome: 'ambiguous' });
    expect(await follow({ ...half, identifiers: { accessKey } })).toMatchObject({ outcome: 'revoked', keyId: '130' });
    expect(vendor.deletions).toEqual(['130']);
  });

  test('acts on an id beside a secret half for an operator, whoever’s key it is', async () => {
    const { follow, vendor } = await begin();
    const half = { provider: 'resolver', secret: leaked.slice(21), identifiers: { keyId: 130 } };
    expect(await follow(half, named)).toMatchObject({ outcome: 'revoked', keyId: '130' });
    expect(vendor.deletions).toEqual(['130']);
  });

  test('takes a user whom only the alert names, and nobody knows, for one without keys, and one of its own for an error', async () => {
    const userId = 90_000 + owner * 7;
    const alert = { provider: 'resolver', secret: leaked, identifiers: { userId } };
    expect(await (await begin()).follow(alert)).toMatchObject({ outcome: 'not-found' });
    const { follow } = await begin({}, { host, apiKey: adminKey, userIds: [userId] });
    expect(await follow({ provider: 'resolver', secret: leaked })).toMatchObject({
      state: 'parked',
      outcome: 'failed',
    });
  });

  test('asks a person about a key whose access key the list does not show, as in the model of the page', async () => {
    const { follow, vendor } = await begin();
    const key = { id: 130, orgUserId: 1, name: 'import', create: '2026-03-13' };
    vendor.troubles.push({ on: /apiKey\/user\//, reply: { status: 200, body: { data: [key] } } });
    expect((await follow({ ...leak, identifiers: { userId: owner } })).state).toMatch(/parked|awaiting-approval/);
    expect(vendor.deletions).toEqual([]);
  });

  test('does not take a list with an id that is no number for a list', async () => {
    const { follow, vendor } = await begin();
    const key = { id: 'Te5t', accessKey };
    vendor.troubles.push({ on: /apiKey\/user\//, reply: { status: 200, body: { data: [key] } } });
    expect(await follow(leak)).toMatchObject({ state: 'parked', outcome: 'failed' });
  });

  test('does not say of a secret half alone that nobody has it', async () => {
    const { follow, vendor } = await begin();
    const half = { provider: 'resolver', secret: leaked.slice(21), identifiers: { userId: owner } };
    expect(await follow(half)).toMatchObject({ state: 'parked', outcome: 'ambiguous' });
    expect(vendor.deletions).toEqual([]);
  });

  test.each([
    ['a page', '<html>'],
    ['nothing', undefined],
  ])('does not take a 404 with %s for a key that is gone', async (_, body) => {
    const { follow, vendor } = await begin();
    vendor.troubles.push({ on: /apiKey\/130/, reply: { status: 404, body } });
    expect(await follow(byId, named)).toMatchObject({ state: 'parked', outcome: 'failed' });
  });

  test('asks the owner again before it believes that a key was gone', async () => {
    const { follow, vendor } = await begin();
    vendor.troubles.push({ on: /^DELETE/, times: 1, reply: { status: 404, body: { message: 'Not Found' } } });
    const incident = await follow(leak);
    expect(incident.proof?.checks[0]?.result).toBe('alive');
    expect(incident).toMatchObject({ outcome: 'revoked', attempts: 2 });
    expect(vendor.deletions).toEqual(['130']);
  });

  test('warns of a key that may impersonate others', async () => {
    const { follow, keys } = await begin();
    Object.assign(keys[0], { canImpersonate: true });
    const { timeline } = await follow(leak);
    expect(timeline.find(({ stage }) => stage === 'found')?.detail).toContain('may impersonate other users');
  });

  test.each([
    ['the value holds the access key', { secret: leaked }, 'same'],
    ['the value is the access key', { secret: accessKey }, 'same'],
    ['the value holds it after something else', { secret: `x:${leaked}` }, 'same'],
    ['the value and the alert name it', { secret: leaked, identifiers: { accessKey } }, 'same'],
    ['the alert alone names it', { identifiers: { accessKey } }, 'same'],
    ['the value is a secret half, the alert names it', { secret: 'a1b2c3d4', identifiers: { accessKey } }, 'confirmed'],
    ['the alert names another, the value is this', { secret: leaked, identifiers: { accessKey: 'x' } }, 'conflict'],
    ['the value is a secret half', { secret: leaked.slice(21) }, 'hint'],
    ['only the end is alike', { secret: `${'x'.repeat(20)}.${leaked.slice(15)}` }, 'different'],
    ['only the beginning is alike', { secret: accessKey.slice(0, 19) }, 'hint'],
    ['the letters are of another size', { secret: leaked.toUpperCase() }, 'different'],
    ['the alert names another', { identifiers: { accessKey: `${accessKey}0` } }, 'different'],
    ['the alert names an id alone', { identifiers: { keyId: 130 } }, 'different'],
    ['the alert names its owner alone', { identifiers: { userId: owner } }, 'same'],
    ['the alert names another user', { identifiers: { userId: colleague } }, 'different'],
    ['the alert names its owner and another id', { identifiers: { userId: owner, keyId: 131 } }, 'different'],
    ['the alert names its owner and another', { identifiers: { userId: owner, accessKey: 'x' } }, 'different'],
    [
      'the alert names its owner, the value is another',
      { secret: unknown, identifiers: { userId: owner } },
      'different',
    ],
  ])('compares: %s', (_, given, fit) => {
    const key = { id: '130', accessKey, owner: String(owner) };
    expect(kind.compare(key, leakFromSource.parse({ ...given }))).toBe(fit);
  });

  test('cannot tell a key that shows no access key from the leaked one', () => {
    for (const none of [undefined, null, ''])
      expect(kind.compare({ id: '130', accessKey: none }, leakFromSource.parse({ secret: leaked }))).toBe('hint');
    expect(kind.compare({ id: '130', accessKey: 'Te5t' }, leakFromSource.parse({ secret: leaked }))).toBe('different');
  });

  test('takes a key whose access key is not shown for its own, where it acts with a key', () => {
    const mine = resolver.admin.parse({ host, apiKey: adminKey });
    expect(kind.isOwn({ id: '50', accessKey: adminKey.slice(0, 20) }, mine)).toBe(true);
    expect(kind.isOwn({ id: '50' }, mine)).toBe(true);
    expect(kind.isOwn({ id: '130', accessKey }, mine)).toBe(false);
    expect(kind.isOwn({ id: '50' }, resolver.admin.parse(session))).toBe(false);
  });

  test('revokes on the access key that an alert names beside a secret half', async () => {
    const { follow, vendor } = await begin();
    const half = leaked.slice(21);
    const identifiers = { accessKey, userId: owner };
    expect(await follow({ provider: 'resolver', secret: half, identifiers })).toMatchObject({ outcome: 'revoked' });
    expect(vendor.deletions).toEqual(['130']);
  });

  test('touches nothing where the alert names one key and its value is another', async () => {
    const { follow, vendor, keys } = await begin();
    const identifiers = { accessKey: keys[1]?.accessKey, userId: owner };
    expect(await follow({ provider: 'resolver', secret: leaked, identifiers })).toMatchObject({ outcome: 'ambiguous' });
    expect(vendor.deletions).toEqual([]);
  });

  test('signs in once, with the organisation, and shows its session from then on', async () => {
    const { follow, vendor, lines } = await begin({}, session);
    expect(await follow(leak)).toMatchObject({ outcome: 'revoked' });
    expect(lines()).toEqual([
      'POST /user/authenticate',
      `GET /user/apiKey/user/${owner}`,
      'DELETE /user/apiKey/130',
      `GET /user/apiKey/user/${owner}`,
    ]);
    const [signIn, ...others] = vendor.arrivals;
    expect(JSON.parse(signIn?.body ?? '')).toEqual({
      email: 'boss@example.com',
      password,
      selectedOrg: 12,
      client: 'core-client',
    });
    expect(others.every(({ headers }) => /^bearer \S+$/.test(headers.authorization ?? ''))).toBe(true);
    expect(vendor.arrivals.some(({ headers }) => 'x-api-key' in headers)).toBe(false);
  });

  test('keeps a session for its fifteen minutes and no longer', async () => {
    const { follow, clock, lines } = await begin({}, session);
    const other = (name: string) => ({ ...leak, secret: `${unknown}${name}` });
    await follow(other('1'));
    clock.advance(14 * 60_000);
    await follow(other('2'));
    expect(lines().filter((line) => line.startsWith('POST'))).toHaveLength(1);
    const asked = lines().length;
    clock.advance(60_000);
    await follow(other('3'));
    expect(lines().slice(asked)).toEqual(['POST /user/authenticate', `GET /user/apiKey/user/${owner}`]);
  });

  test.each([
    ['a wrong password', { ...session, password: 'wrong' }, 401],
    ['an organisation that the user is not active in', { ...session, org: 13 }, 404],
  ])('asks a person when the sign-in is refused for %s', async (_, admin, status) => {
    const { follow, lines } = await begin({}, admin);
    const incident = await follow(leak);
    expect(incident).toMatchObject({ state: 'parked', outcome: 'failed' });
    expect(incident.reason).toContain(`refuses to sign the admin credential in (${status})`);
    expect(new Set(lines())).toEqual(new Set(['POST /user/authenticate']));
  });

  test.each([
    ['no token', { status: 200, body: { userId: 1 } }],
    ['a page', { status: 200, body: '<html>' }],
    ['a created session', { status: 201, body: { token: 'a.b.c' } }],
  ])('does not take %s for a session', async (_, reply) => {
    const { follow, vendor, lines } = await begin({}, session);
    vendor.troubles.push({ on: /authenticate/, reply });
    expect(await follow(leak)).toMatchObject({ state: 'parked', outcome: 'failed' });
    expect(new Set(lines())).toEqual(new Set(['POST /user/authenticate']));
  });

  test('tells a credential that is not accepted from one that is no administrator’s', async () => {
    const { nobody } = world({ now: Date.now });
    const reasonWith = async (apiKey: string, traits: ResolverTraits = {}) =>
      (await (await begin(traits, { host, apiKey })).follow(leak)).reason;
    expect(await reasonWith(nobody)).toMatch(/\(403\).* not an administrator of the organisation; repair it/);
    expect(await reasonWith(unknown)).toMatch(/\(401\).* it is not accepted on this host; repair it/);
    expect(await reasonWith(unknown, { refusal: 403 })).toMatch(/\(403\).* it is not accepted on this host/);
  });

  test('takes the forms of an admin secret that it documents, and users as numbers or digits', () => {
    const { admin } = resolver;
    expect(resolver.origin(admin.parse({ host: 'EU.core.resolver.com', apiKey: 'x' }))).toBe(
      'https://eu.core.resolver.com',
    );
    expect(admin.parse({ ...session, userIds: [7, '8'] }).userIds).toEqual(['7', '8']);
    for (const word of ['p', 'correct horse “battery” staple']) {
      const { password } = admin.parse({ ...session, password: word }) as { password: Secret };
      expect(password.expose()).toBe(word);
    }
    expect(admin.safeParse({ ...session, password: '' }).success).toBe(false);
  });

  test.each([
    [{ host: 'https://us.core.resolver.com', apiKey: 'x' }, /^secret main: host: must be a bare host name/],
    [{ host: 'us.core.resolver.com/', apiKey: 'x' }, /host: must be/],
    [{ host: 'us.core.resolver.com:8443', apiKey: 'x' }, /host: must be/],
    [{ host: 'us.core.resolver.com.evil.example', apiKey: 'x' }, /host: must be/],
    [{ host: 'evilresolver.com', apiKey: 'x' }, /host: must be/],
    [{ host: 'resolver.com', apiKey: 'x' }, /host: must be/],
    [{ host, apiKey: 'x', userIds: [] }, /userIds: must name a user/],
    [{ host, apiKey: 'x', userIds: [0] }, /userIds\.0: must be a number: the one in the address of the Edit User page/],
    [{ host, apiKey: 'x', userIds: ['me'] }, /userIds\.0: must be a number/],
    [{ host, apiKey: 'x', user: 7 }, /has a field that is not known here/],
    [{ ...session, org: '12' }, /org: must be the number of the organisation/],
    [{ ...session, email: '' }, /email: must be the email address/],
    [{ host, email: 'a@example.com', apiKey: 'x', org: 1, password: 'y' }, /has a field that is not known here/],
  ])('says what is wrong with an admin secret: %o', (value, message) => {
    expect(() => check('main', JSON.stringify(value), resolver.admin)).toThrow(message);
  });
});
