import { afterEach, describe, expect, test } from 'vitest';
import { check } from '../../../functions/platform/secrets.ts';
import { providers } from '../../../functions/providers/index.ts';
import type { Answer } from '../../../functions/revocation/exchange.ts';
import {
  type DocspaceKey,
  type DocspaceTraits,
  docspaceAdmin,
  docspaceMember,
  docspaceVendor,
  inventedKeys,
  keyWithDecoys,
} from '../../../lib/local/vendors/docspace.ts';
import { testClock, testLane, testLedger, vendorNetwork } from '../../support/lane.ts';
import { providerConformance, type Scene, type Setting } from '../../support/provider-conformance.ts';

const { docspace } = providers;
const host = 'tests.onlyoffice.com';
const leaked = `sk-${'c0ffee00'.repeat(8)}`;
const alike = `sk-${'beef'.repeat(15)}ee00`;
const stranger = `sk-${'beef'.repeat(16)}`;
const admin = { portal: `https://${host}`, apiKey: `sk-${'ca9a7e01'.repeat(8)}` };
const leak = { provider: 'docspace', kind: 'api-key', secret: leaked };
const named = { ...leak, identifiers: { name: 'room-export' } };

const keyOf = (value: string, name: string, createBy = docspaceAdmin) =>
  keyWithDecoys(value, name, 0, createBy)[0] as DocspaceKey;

/** The vendor of the scene that was set last. */
const self = /^GET \/api\/2\.0\/keys\/@self$/;

function scene({ now, manyPages, twins, propagationMs }: Setting): Scene {
  const target = keyOf(leaked, 'room-export', docspaceMember);
  const own = keyOf(admin.apiKey, 'leakstop');
  const twin: DocspaceKey = { ...target, id: '11111111-1111-4111-a111-111111111111' };
  const keys = [...inventedKeys(manyPages ? 250 : 20, 'conformance'), own, target, ...(twins ? [twin] : [])];
  const portals = [{ host, keys, admins: [docspaceAdmin] }];
  const vendor = docspaceVendor(portals, { now, ...(propagationMs !== undefined && { propagationMs }) });
  return {
    vendor,
    admin,
    wrongAdmin: { ...admin, apiKey: `sk-${'ca9a7e02'.repeat(8)}` },
    leak: named,
    byId: { provider: 'docspace', kind: 'api-key', identifiers: { keyId: target.id } },
    keyId: target.id,
    unknown: { provider: 'docspace', kind: 'api-key', secret: stranger },
    own: { provider: 'docspace', kind: 'api-key', identifiers: { keyId: own.id } },
    onHint: { provider: 'docspace', kind: 'api-key', secret: alike },
    canaries: [leaked, admin.apiKey, stranger, alike],
  };
}

providerConformance({
  provider: docspace,
  kind: 'api-key',
  scene,
  requests: {
    list: /^GET \/api\/2\.0\/keys$/,
    remove: /^DELETE \/api\/2\.0\/keys\//,
    disable: /^PUT \/api\/2\.0\/keys\//,
    prove: self,
  },
  pages: 'one',
  rateLimit: { headers: { 'retry-after': '77', 'x-ratelimit-reset': '9' }, waitMs: 77_000 },
  gone: { status: 500, body: { error: { message: 'Internal Server Error' }, status: 1, statusCode: 500 }, told: false },
});

describe('docspace, beyond what every provider does', () => {
  const closers: (() => Promise<void>)[] = [];
  afterEach(async () => {
    await Promise.all(closers.splice(0).map((close) => close()));
  });

  async function begin({
    decoys = 3,
    action = 'delete',
    policy = {},
    traits = {},
  }: {
    decoys?: number;
    action?: 'delete' | 'disable';
    policy?: object;
    traits?: DocspaceTraits;
  } = {}) {
    const clock = testClock();
    const keys = keyWithDecoys(leaked, 'room-export', decoys, docspaceMember);
    const [target] = keys as [DocspaceKey];
    const own = keyOf(admin.apiKey, 'leakstop');
    const portal = { host, keys: [...inventedKeys(20, 'list'), ...keys, own], admins: [docspaceAdmin] };
    const vendor = docspaceVendor([portal], { now: clock.now, ...traits });
    const network = await vendorNetwork(vendor);
    const { ledger, close } = await testLedger(clock);
    closers.push(network.close, close);
    const { fetch } = network;
    const lane = testLane({
      provider: docspace,
      vendor,
      accounts: { main: admin },
      action,
      policy,
      ledger,
      clock,
      fetch,
    });
    return { ...lane, vendor, portal, target, own, clock };
  }

  const onList = /^GET \/api\/2\.0\/keys$/;
  const onRemove = /^DELETE /;
  const without = { useLeakedKey: false };
  const lines = ({ arrivals }: ReturnType<typeof docspaceVendor>) =>
    arrivals.map(({ method, target }) => `${method} ${target}`);

  test('lets the leaked key tell which of several that end alike it is', async () => {
    const { follow, vendor, target } = await begin();
    expect(await follow(leak)).toMatchObject({ outcome: 'revoked', keyId: target.id });
    expect(vendor.deletions).toEqual([target.id]);
  });

  test('asks a person about several that end alike where the leaked key may not be presented', async () => {
    const { follow, vendor } = await begin({ policy: without });
    expect(await follow(leak)).toMatchObject({ state: 'parked', outcome: 'ambiguous' });
    expect(vendor.deletions).toEqual([]);
  });

  test('does not delete on four characters alone, and disables on them where it is told to', async () => {
    const asked = await begin({ decoys: 0, policy: without });
    expect(await asked.follow(leak)).toMatchObject({ state: 'awaiting-approval', keyId: asked.target.id });
    expect(asked.vendor.deletions).toEqual([]);
    const acted = await begin({ decoys: 0, policy: without, action: 'disable' });
    expect(await acted.follow(leak)).toMatchObject({ outcome: 'disabled', proof: { method: 'key-disabled' } });
    expect(acted.vendor.disablings).toEqual([acted.target.id]);
  });

  test.each([
    [{ name: 'room-export' }, 'confirmed'],
    [{ owner: docspaceMember }, 'confirmed'],
    [{ name: 'room-export', owner: docspaceMember }, 'confirmed'],
    [{ name: 'another' }, 'hint'],
    [{ owner: docspaceAdmin }, 'hint'],
    [{ name: 'room-export', owner: docspaceAdmin }, 'hint'],
    [{ name: 'another', owner: docspaceMember }, 'hint'],
    [{}, 'hint'],
  ])('takes what the alert says of the key, %o, for a fit that is %s', async (identifiers, fit) => {
    const { follow, vendor, target } = await begin({ decoys: 0, policy: without });
    const incident = await follow({ ...leak, identifiers });
    expect(incident).toMatchObject(
      fit === 'confirmed' ? { outcome: 'revoked', keyId: target.id } : { state: 'awaiting-approval' },
    );
    expect(vendor.deletions).toEqual(fit === 'confirmed' ? [target.id] : []);
  });

  test('takes a confirmation only together with the last four characters', async () => {
    const { follow, vendor } = await begin({ policy: without });
    expect(await follow({ ...named, secret: stranger })).toMatchObject({ outcome: 'not-found' });
    expect(vendor.deletions).toEqual([]);
  });

  test.each([
    ['delete', onRemove],
    ['disable', /^PUT /],
  ] as const)('does not take 200 with false for done where asked to %s', async (action, on) => {
    const { follow, vendor } = await begin({ action });
    const body = { response: false, count: 1, links: [], status: 0, statusCode: 200 };
    vendor.troubles.push({ on, reply: { status: 200, body } });
    const incident = await follow(leak);
    expect(incident).toMatchObject({ state: 'parked', outcome: 'failed', proof: null });
    expect(incident.reason).toMatch(new RegExp(`does not let the admin credential of account main ${action} this key`));
    expect([vendor.deletions, vendor.disablings, vendor.accepts(leaked)]).toEqual([[], [], true]);
  });

  test.each([{ response: 'true' }, { response: null }, { status: 0, statusCode: 200 }, [true], true])(
    'does not take 200 with %o for done either',
    async (body) => {
      const { follow, vendor } = await begin();
      vendor.troubles.push({ on: onRemove, reply: { status: 200, body } });
      expect(await follow(leak)).toMatchObject({ state: 'parked', outcome: 'failed', proof: null });
      expect(vendor.deletions).toEqual([]);
    },
  );

  test('does not take another success than 200 for done', async () => {
    const { follow, vendor } = await begin();
    vendor.troubles.push({ on: onRemove, reply: { status: 202, body: { response: true } } });
    expect(await follow(leak)).toMatchObject({ state: 'parked', outcome: 'failed', proof: null });
    expect(vendor.deletions).toEqual([]);
  });

  test('settles a deletion by the list where a server says 404 of a key that it does not have', async () => {
    const { follow, vendor, target } = await begin();
    const body = { error: { message: 'Not found' }, status: 1, statusCode: 404 };
    vendor.troubles.push({ on: onRemove, times: 1, reply: { status: 404, body }, afterActing: true });
    expect(await follow(leak)).toMatchObject({ outcome: 'revoked', keyId: target.id });
    expect(lines(vendor).filter((line) => onRemove.test(line))).toHaveLength(1);
  });

  test('sends every key behind "Bearer ", and the update of a key as JSON', async () => {
    const { follow, vendor, target } = await begin({ action: 'disable' });
    await follow(leak);
    for (const { headers } of vendor.arrivals) expect(headers.authorization).toMatch(/^Bearer sk-[0-9a-f]{64}$/);
    const update = vendor.arrivals.find(({ method }) => method === 'PUT');
    expect(update).toMatchObject({ target: `/api/2.0/keys/${target.id}`, body: '{"isActive":false}' });
  });

  test.each([`sk-proj-${'A'.repeat(40)}ee00`, `sk-${'C0FFEE00'.repeat(8)}`, `sk-${'c0ffee00'.repeat(4)}`])(
    'shows no portal a value that is no key of DocSpace, such as %s',
    async (secret) => {
      const { follow, vendor } = await begin();
      await follow({ ...leak, secret });
      expect(lines(vendor).filter((line) => self.test(line))).toEqual([]);
      expect(JSON.stringify(vendor.arrivals)).not.toContain(secret);
      expect(vendor.deletions).toEqual([]);
    },
  );

  test.each([
    { status: 200, body: '<html>' },
    { status: 200, body: { response: null } },
    { status: 200, body: { response: {} } },
    { status: 206, body: { response: { id: 'another' } } },
    { status: 403, body: { error: { message: 'Access denied' }, status: 1, statusCode: 403 } },
    { status: 500 },
    'drop-before' as const,
  ])('falls back to the list where the key cannot name itself (%o)', async (reply) => {
    const { follow, vendor, target } = await begin();
    vendor.troubles.push({ on: self, times: 1, reply });
    expect(await follow({ ...leak, identifiers: { name: 'room-export' } })).toMatchObject({
      outcome: 'revoked',
      keyId: target.id,
      proof: { method: 'key-absent' },
    });
  });

  test('touches nothing where the key names itself and the admin is not shown it', async () => {
    const { follow, vendor, portal } = await begin();
    portal.admins = [];
    const { state, outcome, reason } = await follow(leak);
    expect([state, outcome]).toEqual(['parked', 'failed']);
    expect(reason).toMatch(/accepts the leaked key, but does not show it to the admin credential of account main/);
    expect(vendor.deletions).toEqual([]);
    expect(vendor.accepts(leaked)).toBe(true);
  });

  test('asks a person where the key names one record and its value another', async () => {
    const { follow, vendor, own } = await begin();
    const body = { response: { id: own.id } };
    vendor.troubles.push({ on: self, times: 1, reply: { status: 200, body } });
    expect((await follow(leak)).state).toBe('parked');
    expect(vendor.deletions).toEqual([]);
  });

  test.each([
    ['nothing', { status: 401 }],
    ['a page', { status: 401, body: '<html>sign in</html>' }],
    ['another error', { status: 401, body: { error: 'unauthorized' } }],
    ['the error of another status', { status: 401, body: { error: { message: 'No' }, status: 1, statusCode: 403 } }],
    ['a 403 in its shape', { status: 403, body: { error: { message: 'No' }, status: 1, statusCode: 401 } }],
  ])('proves death by absence where the refusal says %s', async (_, unauthorized) => {
    const { follow } = await begin({ traits: { says: { unauthorized } } });
    const { outcome, proof } = await follow(leak);
    expect(outcome).toBe('revoked');
    expect(proof?.method).toBe('key-absent');
    expect(proof?.checks.map(({ result }) => result)).toEqual(['unknown', 'unknown', 'unknown', 'dead']);
  });

  const listed = async (body: unknown) => {
    const begun = await begin({ policy: without });
    begun.vendor.troubles.push({ on: onList, reply: { status: 200, body } });
    return { ...begun, incident: await begun.follow(named) };
  };
  const own = { id: 'own', name: 'leakstop', key: 'sk-***7e01', keyPostfix: '7e01', isActive: true };

  test.each([
    ['one that says it has more', { response: [own], total: 2 }],
    ['one with a record that shows nothing of its value', { response: [own, { id: 'a', name: 'b', key: 'sk-***' }] }],
    ['one with a shorter ending', { response: [own, { id: 'a', keyPostfix: '00' }] }],
    ['one with a record that has no id', { response: [own, { keyPostfix: 'ee00' }] }],
    ['a bare array', [own]],
  ])('does not believe a list that is %s', async (_, body) => {
    const { incident, vendor } = await listed(body);
    expect(incident).toMatchObject({ state: 'parked', outcome: 'failed' });
    expect(incident.reason).toMatch(/^docspace answered 200/);
    expect(vendor.deletions).toEqual([]);
  });

  test('does not believe a part of a list', async () => {
    const { follow, vendor } = await begin({ policy: without });
    vendor.troubles.push({ on: onList, reply: { status: 206, body: { response: [own] } } });
    expect(await follow(named)).toMatchObject({ state: 'parked', outcome: 'failed' });
  });

  test('reads a list whose records say no more than they must', async () => {
    const { incident } = await listed({ response: [{ id: 'own', key: 'sk-***7e01' }], total: 1 });
    expect(incident.outcome).toBe('not-found');
    const odd = { ...own, createBy: 17, permissions: 'all', name: null, expiresAt: null, isActive: null };
    expect((await listed({ response: [odd] })).incident.outcome).toBe('not-found');
  });

  test('finds a key by the end of its masked value where nothing else names it', async () => {
    const record = { id: 'a', name: 'room-export', key: 'sk-***ee00' };
    const { incident } = await listed({ response: [own, record] });
    expect(incident).toMatchObject({ keyId: 'a' });
  });

  test('counts a key that the portal shows as inactive as already gone', async () => {
    const { follow, vendor, target } = await begin({ decoys: 0 });
    target.isActive = false;
    const proof = { dead: true, method: 'key-disabled' };
    expect(await follow(named)).toMatchObject({ outcome: 'already-gone', keyId: target.id, proof });
    expect([vendor.deletions, vendor.disablings]).toEqual([[], []]);
  });

  test('counts a key that has expired as already gone, though it is still listed as active', async () => {
    for (const action of ['delete', 'disable'] as const) {
      const { follow, vendor, target, clock } = await begin({ action });
      target.expiresAt = new Date(clock.now() - 1000).toISOString();
      expect(await follow(named)).toMatchObject({ outcome: 'already-gone', keyId: target.id, proof: { dead: true } });
      expect([vendor.deletions, vendor.disablings]).toEqual([[], []]);
      target.expiresAt = new Date(clock.now() + 60_000).toISOString();
    }
  });

  test('knows a key that only ends like the one it acts with by its value, and without it leaves that alone', async () => {
    const secret = `sk-${'feed'.repeat(15)}7e01`;
    for (const [policy, outcome] of [
      [{}, 'revoked'],
      [without, 'ambiguous'],
    ] as const) {
      const { follow, vendor, portal } = await begin({ policy });
      portal.keys.push(keyOf(secret, 'ends-alike'));
      expect(await follow({ ...leak, secret })).toMatchObject({ outcome });
      expect(vendor.accepts(secret)).toBe(outcome === 'ambiguous');
    }
  });

  test('is not fooled by an id beside a value that is another key’s', async () => {
    for (const [policy, state] of [
      [{}, 'parked'],
      [without, 'awaiting-approval'],
    ] as const) {
      const { follow, vendor, portal } = await begin({ policy, action: 'disable' });
      const other = keyOf(`sk-${'beef'.repeat(15)}${leaked.slice(-4)}`, 'other');
      portal.keys.push(other);
      const incident = await follow({ ...leak, identifiers: { keyId: other.id } });
      expect(incident.state).toBe(state);
      expect([vendor.deletions, vendor.disablings]).toEqual([[], []]);
    }
  });

  test('tells the power of a key', async () => {
    const { follow } = await begin();
    const { timeline } = await follow(leak);
    expect(timeline.find(({ stage }) => stage === 'found')?.detail).toContain('everything that its owner can');
  });

  test.each([
    ['an unknown key', ({ isActive: _, ...own }: DocspaceKey) => ({ ...own, isActive: false }), /not known to this/],
    ['a scope', (own: DocspaceKey) => ({ ...own, permissions: ['rooms:read'] }), /needs all scopes.*DocSpace admin/],
  ])('tells what is wrong with its own credential: %s', async (_, change, reason) => {
    const { follow, vendor, portal, own } = await begin({ policy: without });
    portal.keys = portal.keys.map((key) => (key === own ? change(own) : key));
    const incident = await follow(leak);
    expect(incident).toMatchObject({ state: 'parked', outcome: 'failed' });
    expect(incident.reason).toMatch(reason);
    expect(vendor.deletions).toEqual([]);
  });

  test('tells a right that it lacks for the key of somebody else, and a portal that lets nobody in', async () => {
    const body = { error: { message: 'Access denied' }, status: 1, statusCode: 403 };
    for (const [on, reason] of [
      [onRemove, /needs all scopes/],
      [/keys/, /restricted, or the portal is suspended/],
    ] as const) {
      const { follow, vendor } = await begin();
      vendor.troubles.push({ on, reply: { status: 403, body } });
      const incident = await follow(leak);
      expect(incident).toMatchObject({ state: 'parked', outcome: 'failed' });
      expect(incident.reason).toMatch(reason);
      expect(vendor.deletions).toEqual([]);
    }
  });

  const now = Date.parse('2026-11-20T12:00:00.000Z');
  test.each([
    [429, { 'x-ratelimit-reset': '30' }, 30_000],
    [429, { 'x-ratelimit-reset': String(now / 1000 + 45) }, 45_000],
    [429, { 'x-ratelimit-reset': String(now / 1000 - 45) }, 0],
    [429, { 'x-ratelimit-reset': 'soon' }, undefined],
    [429, { 'x-ratelimit-reset': '30', 'retry-after': '5' }, undefined],
    [429, {}, undefined],
    [500, { 'x-ratelimit-reset': '30' }, undefined],
  ] as [number, Record<string, string>, number | undefined][])(
    'names the wait of a %i with %o: %s',
    (status, headers, wait) => {
      const answer: Answer = { status, empty: true, header: (name) => headers[name], json: undefined };
      expect(docspace.waitHint?.(answer, now)).toBe(wait);
    },
  );

  test('does not wait for a rate limit to settle a deletion that failed', async () => {
    const { follow, vendor, clock, target } = await begin();
    const reply = { status: 500, headers: { 'x-ratelimit-reset': String(clock.now() / 1000 + 60) } };
    vendor.troubles.push({ on: onRemove, times: 1, reply, afterActing: true });
    const began = clock.now();
    expect(await follow(leak)).toMatchObject({ outcome: 'revoked', keyId: target.id });
    expect(clock.now() - began).toBeLessThan(5_000);
  });

  const read = (secret: object) => check('main', JSON.stringify(secret), docspace.admin);

  test.each([
    ['https://acme.onlyoffice.com', 'https://acme.onlyoffice.com'],
    ['https://ACME.onlyoffice.com/', 'https://acme.onlyoffice.com'],
    ['https://docs.acme.example:8443', 'https://docs.acme.example:8443'],
    ['http://127.0.0.1:8080', 'http://127.0.0.1:8080'],
    ['http://localhost/', 'http://localhost'],
    ['https://[::1]:8443', 'https://[::1]:8443'],
  ])('asks the portal %s', (portal, origin) => {
    expect(docspace.origin(read({ ...admin, portal }))).toBe(origin);
  });

  test.each([
    'http://acme.onlyoffice.com',
    'acme.onlyoffice.com',
    'https://acme.onlyoffice.com/api',
    'https://acme.onlyoffice.com/?a=b',
    'https://acme.onlyoffice.com/#a',
    'https://user@acme.onlyoffice.com',
    'https://user:word@acme.onlyoffice.com',
    'ftp://acme.onlyoffice.com',
    'http://127.0.0.1.nip.example',
    'http://127.0.0.2:8080',
    'http://169.254.169.254',
    'http://localhost:8080/api',
    '',
  ])('refuses the portal "%s" and says why', (portal) => {
    expect(() => read({ ...admin, portal })).toThrow(/portal: must be the address of the portal alone/);
  });

  test('refuses a credential that is no API key, and a field that it does not know', () => {
    expect(() => read({ ...admin, apiKey: 'a-session-token' })).toThrow(/apiKey: must be an API key.*sk-/);
    expect(() => read({ ...admin, apiKey: `Bearer ${admin.apiKey}` })).toThrow(/apiKey/);
    expect(() => read({ portal: admin.portal })).toThrow(/apiKey/);
    expect(() => read({ ...admin, user: 'a' })).toThrow(/not known here/);
  });

  test('claims no value by its form, and no name of a scanner', () => {
    const kind = docspace.kinds['api-key'];
    expect([kind.unmistakable, kind.detectors, kind.get]).toEqual([undefined, undefined, undefined]);
  });
});
