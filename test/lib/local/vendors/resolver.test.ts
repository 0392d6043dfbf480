import { afterEach, describe, expect, test } from 'vitest';
import {
  inventedKeys,
  inventedUser,
  keyWithDecoys,
  type ResolverKey,
  type ResolverOrganisation,
  type ResolverTraits,
  resolverVendor,
  world,
} from '../../../../lib/local/vendors/resolver.ts';
import type { Vendor } from '../../../../lib/local/vendors/vendor.ts';
import { testClock, vendorNetwork } from '../../../support/lane.ts';

const host = 'us.core.resolver.com';
const leaked = 'Te5tAcc3ssKeyOf0nceM.5eed5eed5eed5eed5eed5eed5eed5eed5eed5eed';
const admin = { 'x-api-key': 'Te5tAdm1nKeyOfTh3Org.ad00ad00ad00ad00ad00ad00ad00ad00ad00ad00' };

describe('the simulated Resolver', () => {
  const closers: (() => Promise<void>)[] = [];
  afterEach(async () => {
    await Promise.all(closers.splice(0).map((close) => close()));
  });

  async function talkTo(vendor: Vendor) {
    const network = await vendorNetwork(vendor);
    closers.push(network.close);
    return async (line: string, headers: Record<string, string> = admin, body?: object) => {
      const [method = '', path = ''] = line.split(' ');
      const target = new URL(path.startsWith('/') ? `http://${host}${path}` : `http://${path}`);
      const init = { method, headers, ...(body && { body: JSON.stringify(body) }) };
      const response = await network.fetch(target, init);
      const text = await response.text();
      return { status: response.status, text, json: text === '' ? undefined : JSON.parse(text) };
    };
  }

  async function begin(traits: ResolverTraits = {}) {
    const clock = testClock();
    const keys = keyWithDecoys(leaked, 'import', 2, 130) as [ResolverKey, ResolverKey, ResolverKey];
    const owner = inventedUser(1801, keys);
    const single = inventedUser(1802, inventedKeys(1, 'single', 1801));
    const boss = {
      ...inventedUser(1800, keyWithDecoys(admin['x-api-key'], 'leakstop', 0, 5)),
      email: 'boss@example.com',
      password: 'correct horse',
      isAdmin: true,
    };
    const left = { ...inventedUser(1803), password: 'gone', active: false };
    const organisations: ResolverOrganisation[] = [
      { host, id: 12, users: [boss, owner, single, left, inventedUser(1804)] },
      { host, id: 13, users: [inventedUser(1801, inventedKeys(1, 'elsewhere', 900))] },
      { host: 'eu.core.resolver.com', id: 14, users: [] },
    ];
    const vendor = resolverVendor(organisations, { now: clock.now, ...traits });
    const ask = await talkTo(vendor);
    const logIn = (change: object = {}) =>
      ask(
        'POST /user/authenticate',
        {},
        {
          email: boss.email,
          password: boss.password,
          selectedOrg: 12,
          client: 'core-client',
          ...change,
        },
      );
    return { clock, vendor, ask, logIn, keys, owner, single, left, target: keys[0] };
  }

  test('shows the keys of a user by his id, each with another number for its owner and never with its secret', async () => {
    const { ask, keys, owner } = await begin();
    const { status, json, text } = await ask('GET /user/apiKey/user/1801');
    expect(status).toBe(200);
    expect(json.data.map(({ accessKey }: ResolverKey) => accessKey)).toEqual(keys.map(({ accessKey }) => accessKey));
    expect(json.data[0]).toEqual({
      id: 130,
      orgUserId: owner.orgUserId,
      name: 'import',
      accessKey: 'Te5tAcc3ssKeyOf0nceM',
      canImpersonate: false,
      created: expect.stringMatching(/^2026-/),
    });
    expect(owner.orgUserId).not.toBe(owner.id);
    expect(text).not.toContain('5eed5eed');
    expect((await ask('GET /user/apiKey/user/1804')).json).toEqual({ data: [] });
    expect((await ask('GET /user/apiKey/user/9999')).status).toBe(404);
  });

  test('answers lists and single keys in the other documented shapes too', async () => {
    const bare = await begin({ listShape: 'array', getShape: 'data' });
    expect((await bare.ask('GET /user/apiKey/user/1802')).json).toMatchObject([{ id: 1801 }]);
    expect((await bare.ask('GET /user/apiKey/130')).json).toMatchObject({ data: [{ id: 130 }] });
    const single = await begin({ listShape: 'object' });
    expect((await single.ask('GET /user/apiKey/user/1802')).json).toMatchObject({ id: 1801 });
    expect((await single.ask('GET /user/apiKey/user/1801')).json).toHaveLength(3);
    expect((await single.ask('GET /user/apiKey/130')).json).toMatchObject({
      id: 130,
      accessKey: 'Te5tAcc3ssKeyOf0nceM',
    });
  });

  test('may take the id of a user where the path names a key', async () => {
    const byKey = await begin();
    expect((await byKey.ask('GET /user/apiKey/1801')).json).toMatchObject({ id: 1801, name: 'integration-0' });
    const byUser = await begin({ getBy: 'user' });
    expect((await byUser.ask('GET /user/apiKey/1801')).json.data).toHaveLength(3);
  });

  test('deletes the key and no other, and does not know it afterwards', async () => {
    const { ask, vendor, keys, owner, single } = await begin();
    expect(await ask('DELETE /user/apiKey/130')).toEqual({ status: 204, text: '', json: undefined });
    expect((await ask('GET /user/apiKey/130')).status).toBe(404);
    expect((await ask('DELETE /user/apiKey/130')).status).toBe(404);
    expect(vendor.deletions).toEqual(['130']);
    expect(owner.keys.map(({ id }) => id)).toEqual([131, 132]);
    expect(single.keys).toHaveLength(1);
    expect(keys.every(({ accessKey, key }) => accessKey.endsWith('nceM') && key.endsWith('5eed'))).toBe(true);
    const [decoy] = keys;
    expect((await ask('GET /user/users/me', { 'x-api-key': leaked })).status).toBe(401);
    expect((await ask('GET /user/users/me', { 'x-api-key': decoy.key })).status).toBe(200);
  });

  test('may answer a missing key with empty data, and its deletion with success', async () => {
    const { ask, vendor } = await begin({ missing: 'empty', deleteMissing: 204 });
    expect(await ask('GET /user/apiKey/77777')).toMatchObject({ status: 200, json: { data: [] } });
    expect((await ask('DELETE /user/apiKey/77777')).status).toBe(204);
    expect(vendor.deletions).toEqual([]);
  });

  test('accepts a deleted key until its deletion has spread', async () => {
    const { ask, vendor, clock } = await begin({ propagationMs: 500 });
    const alive = async () => (await ask('GET /user/users/me', { 'x-api-key': leaked })).status;
    await ask('DELETE /user/apiKey/130');
    expect([await alive(), vendor.accepts(leaked)]).toEqual([200, true]);
    clock.advance(500);
    expect([await alive(), vendor.accepts(leaked)]).toEqual([401, false]);
  });

  test('gives a session for email, password and organisation, and ends it after 15 minutes', async () => {
    const { ask, logIn, clock } = await begin();
    const { status, json } = await logIn();
    expect(status).toBe(200);
    const session = { authorization: `bearer ${json.token}` };
    expect((await ask('GET /user/apiKey/130', session)).status).toBe(200);
    expect((await ask('GET eu.core.resolver.com/user/apiKey/130', session)).status).toBe(401);
    clock.advance(15 * 60_000 - 1);
    expect((await ask('GET /user/apiKey/130', session)).status).toBe(200);
    clock.advance(1);
    expect((await ask('DELETE /user/apiKey/130', session)).status).toBe(401);
    expect((await ask('GET /user/apiKey/130')).status).toBe(200);
  });

  test('refuses a wrong password, and does not find who is not active in the organisation', async () => {
    const { logIn, left } = await begin();
    expect((await logIn({ password: 'wrong' })).status).toBe(401);
    expect((await logIn({ selectedOrg: 13 })).status).toBe(404);
    expect((await logIn({ email: left.email, password: 'gone' })).status).toBe(404);
  });

  test('lets admins of the organisation alone at its keys', async () => {
    const { ask, vendor, single, keys } = await begin();
    const nobody = { 'x-api-key': single.keys[0]?.key ?? '' };
    expect((await ask('GET /user/users/me', nobody)).json).toMatchObject({ id: 1802, orgId: 12 });
    for (const line of ['GET /user/apiKey/user/1801', 'GET /user/apiKey/130', 'DELETE /user/apiKey/130']) {
      expect((await ask(line, nobody)).status).toBe(403);
      expect((await ask(line, {})).status).toBe(401);
      expect((await ask(line, { 'x-api-key': `${admin['x-api-key']}0` })).status).toBe(401);
    }
    expect((await ask('DELETE /user/apiKey/900')).status).toBe(404);
    expect(vendor.deletions).toEqual([]);
    expect(keys).toHaveLength(3);
    const strict = await begin({ refusal: 403 });
    expect((await strict.ask('GET /user/apiKey/130', {})).status).toBe(403);
  });

  test('refuses the keys of a member who is not active any more', async () => {
    const { ask, vendor, owner } = await begin();
    owner.active = false;
    expect((await ask('GET /user/users/me', { 'x-api-key': leaked })).status).toBe(401);
    expect(vendor.accepts(leaked)).toBe(false);
  });

  test('lets the key that authenticates delete itself', async () => {
    const { ask } = await begin();
    expect((await ask('DELETE /user/apiKey/5')).status).toBe(204);
    expect((await ask('GET /user/apiKey/130')).status).toBe(401);
  });

  test('does not know other hosts, paths, methods and ids', async () => {
    const { ask } = await begin();
    expect((await ask('GET ca.core.resolver.com/user/apiKey/130')).status).toBe(404);
    expect((await ask('GET /user/apiKey/one')).status).toBe(404);
    expect((await ask('GET /user/apiKeys')).status).toBe(404);
    expect((await ask('PUT /user/apiKey/130')).status).toBe(405);
    expect((await ask('DELETE /user/apiKey/user/1801')).status).toBe(405);
    expect((await ask('GET /user/authenticate')).status).toBe(405);
  });

  test('has a world in which the leaked key is found and proven with the accounts it is given', async () => {
    const accounts = {
      mine: { host: 'au.core.resolver.com', email: 'me@example.com', password: 'mine', org: 7, userIds: [31] },
      also: { host: 'au.core.resolver.com', apiKey: 'Als0Of7heS4meOrgBu7K.beefbeefbeefbeefbeefbeefbeefbeefbeefbeef' },
    };
    const vendor = world.simulate(accounts);
    const ask = await talkTo(vendor);
    const [leak] = world.leaks as [{ secret: string; identifiers: { accessKey: string; userId: string } }];
    expect(vendor.hosts).toEqual(['au.core.resolver.com']);
    expect(vendor.accepts(leak.secret)).toBe(true);
    const { email, password, org } = accounts.mine;
    const login = { email, password, selectedOrg: org, client: 'core-client' };
    const { json } = await ask('POST au.core.resolver.com/user/authenticate', {}, login);
    const session = { authorization: `bearer ${json.token}` };
    const list = await ask(`GET au.core.resolver.com/user/apiKey/user/${leak.identifiers.userId}`, session);
    const same = list.json.data.filter(({ accessKey }: ResolverKey) => accessKey === leak.identifiers.accessKey);
    const alike = list.json.data.filter(({ accessKey }: ResolverKey) =>
      accessKey.endsWith(leak.identifiers.accessKey.slice(-4)),
    );
    expect([same.length, alike.length]).toEqual([1, 4]);
    // The owner's id is the id of somebody else's key.
    const trap = await ask(`GET au.core.resolver.com/user/apiKey/${leak.identifiers.userId}`, session);
    expect(trap.json.accessKey).not.toBe(leak.identifiers.accessKey);
    const key = { 'x-api-key': accounts.also.apiKey };
    expect((await ask('GET au.core.resolver.com/user/apiKey/user/31', key)).json.data).toHaveLength(3);
    expect((await ask(`DELETE au.core.resolver.com/user/apiKey/${same[0].id}`, key)).status).toBe(204);
    expect((await ask(`GET au.core.resolver.com/user/apiKey/${same[0].id}`, session)).status).toBe(404);
  });

  test('has a world whose sample accounts are accepted, each on its own host', () => {
    const vendor = world.simulate(world.accounts);
    expect(vendor.hosts).toEqual(['us.core.resolver.com', 'eu.core.resolver.com']);
    expect(vendor.accepts((world.accounts.prod as { apiKey: string }).apiKey)).toBe(true);
    expect(world.simulate({}).hosts).toEqual([]);
  });
});
