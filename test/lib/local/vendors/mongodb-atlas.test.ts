import { createHash } from 'node:crypto';
import { afterEach, describe, expect, test } from 'vitest';
import {
  type AtlasAdmin,
  type AtlasKey,
  type AtlasServiceAccount,
  type AtlasTraits,
  inventedKeys,
  inventedServiceAccounts,
  keyWithDecoys,
  mongodbAtlasVendor,
  secretWithDecoys,
  world,
} from '../../../../lib/local/vendors/mongodb-atlas.ts';
import type { Vendor } from '../../../../lib/local/vendors/vendor.ts';
import { testClock, vendorNetwork } from '../../../support/lane.ts';

interface Pair {
  publicKey: string;
  privateKey: string;
}
interface Client {
  clientId: string;
  clientSecret: string;
}
interface Options {
  accept?: string;
  at?: string;
  type?: string;
  body?: string;
}

const orgId = '0badc0de0000000000000001';
const otherOrgId = '0badc0de0000000000000002';
const adminPair: Pair = { publicKey: 'admintst', privateKey: 'ca9a7e00-1111-4111-a111-000000000001' };
const adminClient: Client = {
  clientId: 'mdb_sa_id_ca9a7e000000000000000001',
  clientSecret: `mdb_sa_sk_admin_${'a1'.repeat(17)}`,
};
const leaked: Pair = { publicKey: 'leaktest', privateKey: 'c0ffee00-2222-4222-a222-c0ffeec0ffee' };
const leakedClient: Client = {
  clientId: 'mdb_sa_id_c0ffee000000000000000001',
  clientSecret: `mdb_sa_sk_leak__${'c0'.repeat(17)}`,
};
const keysPath = `/api/atlas/v2/orgs/${orgId}/apiKeys`;
const oldKeysPath = `/api/atlas/v1.0/orgs/${orgId}/apiKeys`;
const accountsPath = `/api/atlas/v2/orgs/${orgId}/serviceAccounts`;
const secretsPath = `${accountsPath}/${leakedClient.clientId}/secrets`;
const accountsType = 'application/vnd.atlas.2024-08-05+json';
const nobodysId = 'f'.repeat(24);

const md5 = (text: string) => createHash('md5').update(text).digest('hex');
const nonceOf = (challenge: string | null) => /nonce="([^"]+)"/.exec(challenge ?? '')?.[1] ?? '';
const basic = ({ clientId, clientSecret }: Client) =>
  `Basic ${Buffer.from(`${clientId}:${clientSecret}`).toString('base64')}`;

/** The answer to a challenge for `line`. */
function digest(line: string, nonce: string, { publicKey, privateKey }: Pair, nc = '00000001', uri?: string) {
  const [method, target] = line.split(' ');
  const sent = uri ?? target;
  const first = md5(`${publicKey}:MMS Public API:${privateKey}`);
  const response = md5(`${first}:${nonce}:${nc}:0a4f113b:auth:${md5(`${method}:${sent}`)}`);
  return (
    `Digest username="${publicKey}", realm="MMS Public API", nonce="${nonce}", uri="${sent}", ` +
    `qop=auth, nc=${nc}, cnonce="0a4f113b", response="${response}", algorithm=MD5`
  );
}

describe('the simulated MongoDB Atlas', () => {
  const closers: (() => Promise<void>)[] = [];
  afterEach(async () => {
    await Promise.all(closers.splice(0).map((close) => close()));
  });

  async function talkTo(vendor: Vendor) {
    const network = await vendorNetwork(vendor);
    closers.push(network.close);
    const ask = async (
      line: string,
      authorization?: string,
      { accept = 'application/vnd.atlas.2023-01-01+json', at = 'cloud.mongodb.com', type, body }: Options = {},
    ) => {
      const [method, target] = line.split(' ');
      const response = await network.fetch(new URL(`http://${at}${target}`), {
        method,
        headers: { accept, ...(authorization && { authorization }), ...(type && { 'content-type': type }) },
        body: body ?? null,
      });
      const text = await response.text();
      return { status: response.status, headers: response.headers, json: text === '' ? '' : JSON.parse(text) };
    };
    const challenge = async (line: string) => nonceOf((await ask(line)).headers.get('www-authenticate'));
    const byDigest = async (line: string, pair: Pair, options?: Options) =>
      ask(line, digest(line, await challenge(line), pair), options);
    const fetchToken = (client: Client, body = 'grant_type=client_credentials') =>
      ask('POST /api/oauth/token', basic(client), { type: 'application/x-www-form-urlencoded', body });
    return { ask, challenge, byDigest, fetchToken };
  }

  async function begin(traits: AtlasTraits = {}, keys = 3) {
    const clock = testClock();
    const [target, ...decoys] = keyWithDecoys(leaked.publicKey, leaked.privateKey, 'export', 3, orgId);
    const [secret, ...otherSecrets] = secretWithDecoys(leakedClient.clientSecret, 'deploys', 2);
    const account: AtlasServiceAccount = {
      clientId: leakedClient.clientId,
      name: 'deploys',
      createdAt: '2026-03-01T09:00:00Z',
      roles: ['ORG_OWNER'],
      secrets: [secret, ...otherSecrets],
    };
    const admins: AtlasAdmin[] = [{ ...adminPair }, { ...adminClient }];
    const serviceAccounts = [...inventedServiceAccounts(2, 'tests'), account];
    const own = { orgId, keys: [...inventedKeys(keys, 'tests', orgId), target, ...decoys], serviceAccounts, admins };
    const other = { orgId: otherOrgId, keys: inventedKeys(1, 'other', otherOrgId), serviceAccounts: [], admins: [] };
    const vendor = mongodbAtlasVendor([own, other], { now: clock.now, ...traits });
    const talk = await talkTo(vendor);
    const asAdmin = (line: string, options?: Options) => talk.byDigest(line, adminPair, options);
    const token = async (client = adminClient) => `Bearer ${(await talk.fetchToken(client)).json.access_token}`;
    return { ...talk, vendor, clock, target, decoys, account, secret, otherSecrets, admins, own, asAdmin, token };
  }

  test('challenges whoever does not authenticate, with a nonce that has + and / in it', async () => {
    const { ask } = await begin();
    for (const authorization of [undefined, 'Basic YWJjOmRlZg==']) {
      const { status, headers, json } = await ask(`GET ${keysPath}`, authorization);
      expect(status).toBe(401);
      expect(headers.get('www-authenticate')).toMatch(
        /^Digest realm="MMS Public API", domain="", nonce="[^"]*\+[^"]*", algorithm=MD5, qop="auth", stale=false$/,
      );
      expect(nonceOf(headers.get('www-authenticate'))).toContain('/');
      expect(json).toEqual({
        error: 401,
        reason: 'Unauthorized',
        detail: 'You are not authorized for this resource.',
        errorCode: 'UNEXPECTED_ERROR',
      });
    }
  });

  test('checks the digest over method, path and query exactly as sent', async () => {
    const { ask, challenge } = await begin();
    const line = `GET ${keysPath}?itemsPerPage=5&pageNum=1`;
    const nonce = await challenge(line);
    const wrong = [
      digest(line, nonce, { ...adminPair, privateKey: leaked.privateKey }),
      digest(line, nonce, { ...adminPair, publicKey: 'nobodyss' }),
      digest(line, nonce, adminPair, '00000001', keysPath),
      digest(line.replace('GET', 'DELETE'), nonce, adminPair),
      digest(line, nonce, adminPair).replace('qop=auth, ', ''),
      digest(line, nonce, adminPair).replace('realm="MMS', 'realm="XMS'),
      digest(line, nonce, adminPair, '1'),
    ];
    for (const authorization of wrong) {
      const { status, headers } = await ask(line, authorization);
      expect([status, headers.get('www-authenticate')]).toEqual([401, expect.stringContaining('stale=false')]);
    }
    expect((await ask(line, digest(line, nonce, adminPair))).status).toBe(200);
  });

  test('takes a nonce again with a higher count, and calls it stale with the same count', async () => {
    const { ask, challenge } = await begin();
    const line = `GET ${keysPath}`;
    const nonce = await challenge(line);
    expect((await ask(line, digest(line, nonce, adminPair, '00000001'))).status).toBe(200);
    expect((await ask(line, digest(line, nonce, adminPair, '00000002'))).status).toBe(200);
    const replayed = await ask(line, digest(line, nonce, adminPair, '00000002'));
    expect([replayed.status, replayed.headers.get('www-authenticate')]).toEqual([
      401,
      expect.stringContaining('stale=true'),
    ]);
  });

  test('can let nonces go stale after some uses, and has the next one at hand', async () => {
    const { ask, challenge, vendor, target } = await begin({ nonceUses: 1 });
    const read = `GET ${keysPath}`;
    const remove = `DELETE ${keysPath}/${target.id}`;
    const nonce = await challenge(read);
    expect((await ask(read, digest(read, nonce, adminPair))).status).toBe(200);
    const stale = await ask(remove, digest(remove, nonce, adminPair, '00000002'));
    expect([stale.status, stale.headers.get('www-authenticate')]).toEqual([401, expect.stringContaining('stale=true')]);
    expect(vendor.deletions).toEqual([]);
    const next = nonceOf(stale.headers.get('www-authenticate'));
    expect((await ask(remove, digest(remove, next, adminPair))).status).toBe(204);
  });

  test('gives a service account a token for an hour', async () => {
    const { ask, fetchToken, clock } = await begin();
    const { status, json } = await fetchToken(adminClient);
    expect(status).toBe(200);
    expect(json).toEqual({ access_token: expect.any(String), expires_in: 3600, token_type: 'Bearer' });
    const read = () => ask(`GET ${keysPath}`, `Bearer ${json.access_token}`);
    clock.advance(3_599_999);
    expect((await read()).status).toBe(200);
    clock.advance(1);
    expect(await read()).toMatchObject({ status: 401, json: { error: 401 } });
  });

  test('gives no token for wrong credentials or another grant', async () => {
    const { ask, fetchToken } = await begin();
    for (const wrong of [{ clientSecret: leakedClient.clientSecret }, { clientId: leakedClient.clientId }])
      expect(await fetchToken({ ...adminClient, ...wrong })).toMatchObject({
        status: 401,
        json: { error: 'invalid_client' },
      });
    expect((await ask('POST /api/oauth/token')).json).toEqual({ error: 'invalid_client' });
    expect((await ask('POST /api/oauth/token', basic(adminClient))).json).toEqual({ error: 'invalid_request' });
    expect(await fetchToken(adminClient, '')).toMatchObject({ status: 400, json: { error: 'invalid_request' } });
    expect(await fetchToken(adminClient, 'grant_type=password')).toMatchObject({
      status: 400,
      json: { error: 'unsupported_grant_type' },
    });
    expect((await ask('GET /api/oauth/token', basic(adminClient))).status).toBe(405);
    expect((await ask(`GET ${keysPath}`, 'Bearer made-up')).status).toBe(401);
  });

  test('takes a token back', async () => {
    const { ask, token } = await begin();
    const bearer = await token();
    const revoke = (client: Client) =>
      ask('POST /api/oauth/revoke', basic(client), {
        type: 'application/x-www-form-urlencoded',
        body: `token=${bearer.slice('Bearer '.length)}`,
      });
    await revoke(leakedClient);
    expect((await ask(`GET ${keysPath}`, bearer)).status).toBe(200);
    await revoke(adminClient);
    expect((await ask(`GET ${keysPath}`, bearer)).status).toBe(401);
  });

  test('tells a pair of an API key who it is, decoys too', async () => {
    const { byDigest, target, decoys } = await begin();
    for (const key of [target, ...decoys]) {
      const { status, json } = await byDigest('GET /api/atlas/v2', key);
      expect(status).toBe(200);
      expect(json.apiKey).toEqual({
        id: key.id,
        publicKey: key.publicKey,
        accessList: [],
        roles: expect.arrayContaining(key.roles),
      });
    }
    expect((await byDigest('GET /api/atlas/v2', adminPair)).json.apiKey.publicKey).toBe(adminPair.publicKey);
  });

  test('refuses a good pair from an address that is not on its list, and lets service accounts have tokens anyway', async () => {
    const { ask, byDigest, token, vendor, target, admins } = await begin();
    target.accessList = ['192.0.2.1'];
    Object.assign(admins[1] ?? {}, { ipBlocked: '203.0.113.7' });
    const bearer = await token();
    for (const answered of [
      await byDigest('GET /api/atlas/v2', leaked),
      await ask(`DELETE ${keysPath}/${target.id}`, bearer),
    ]) {
      expect(answered.headers.get('x-error-code')).toBe('IP_ADDRESS_NOT_ON_ACCESS_LIST');
      expect(answered).toMatchObject({
        status: 403,
        json: {
          error: 403,
          errorCode: 'IP_ADDRESS_NOT_ON_ACCESS_LIST',
          detail: 'IP address 203.0.113.7 is not allowed to access this resource.',
          reason: 'Forbidden',
        },
      });
    }
    expect(vendor.deletions).toEqual([]);
    target.accessList = ['203.0.113.7'];
    expect((await byDigest('GET /api/atlas/v2', leaked)).json.apiKey.accessList).toEqual([
      { ipAddress: '203.0.113.7' },
    ]);
  });

  test.each([
    ['v2', keysPath],
    ['v1.0', oldKeysPath],
  ])('lists keys of an organisation page by page in %s', async (_, path) => {
    const { asAdmin } = await begin({}, 600);
    const accept = path === oldKeysPath ? { accept: 'application/json' } : {};
    const page = async (query: string) => (await asAdmin(`GET ${path}${query}`, accept)).json;
    const plain = await page('');
    expect([plain.results.length, plain.totalCount]).toEqual([100, 604]);
    const [first, second, third] = [
      await page('?itemsPerPage=500&pageNum=1&includeCount=true'),
      await page('?itemsPerPage=500&pageNum=2&includeCount=false'),
      await page('?itemsPerPage=500&pageNum=3'),
    ];
    expect([first.results.length, second.results.length, third.results.length]).toEqual([500, 104, 0]);
    expect([first.totalCount, second.totalCount, third.totalCount]).toEqual([604, undefined, 604]);
    expect(first.links.map(({ rel }: { rel: string }) => rel)).toEqual(['self', 'next']);
    expect(second.links.map(({ rel }: { rel: string }) => rel)).toEqual(['self']);
    expect(new Set([...first.results, ...second.results].map(({ id }) => id)).size).toBe(604);
    for (const query of ['?itemsPerPage=501', '?itemsPerPage=0', '?pageNum=0', '?pageNum=x'])
      expect((await asAdmin(`GET ${path}${query}`, accept)).status).toBe(400);
  });

  test('shows of a private key its last twelve characters, behind one group of stars too few', async () => {
    const { asAdmin, target } = await begin();
    const { json } = await asAdmin(`GET ${keysPath}`);
    const shown = json.results.find(({ id }: AtlasKey) => id === target.id);
    expect(shown).toMatchObject({
      desc: 'export',
      publicKey: leaked.publicKey,
      privateKey: '********-****-****-c0ffeec0ffee',
    });
    const alike = json.results.filter(({ privateKey }: AtlasKey) => privateKey.endsWith('ffee'));
    expect(alike).toHaveLength(4);
    expect((await asAdmin(`GET ${keysPath}/${target.id}`)).json).toMatchObject({ id: target.id, desc: 'export' });
  });

  test('can have decoys that share all that is shown', () => {
    const [target, decoy] = keyWithDecoys(leaked.publicKey, leaked.privateKey, 'export', 1, orgId, 12);
    expect(decoy?.privateKey.slice(-12)).toBe(target.privateKey.slice(-12));
    expect(decoy?.privateKey).not.toBe(target.privateKey);
  });

  test('lists roles in no stable order', async () => {
    const { asAdmin, target } = await begin();
    const line = `GET ${keysPath}/${target.id}`;
    const [before, after] = [(await asAdmin(line)).json.roles, (await asAdmin(line)).json.roles];
    expect(before).not.toEqual(after);
    expect(before).toEqual(after.toReversed());
  });

  test('deletes one key at once and leaves its decoys', async () => {
    const { asAdmin, byDigest, vendor, target, decoys } = await begin();
    expect(vendor.accepts(leaked.privateKey)).toBe(true);
    const { status, headers, json } = await asAdmin(`DELETE ${keysPath}/${target.id}`);
    expect([status, json, headers.get('content-type')]).toEqual([204, '', 'application/vnd.atlas.2023-01-01+json']);
    expect(vendor.deletions).toEqual([target.id]);
    expect(vendor.accepts(leaked.privateKey)).toBe(false);
    expect(await byDigest('GET /api/atlas/v2', leaked)).toMatchObject({ status: 401 });
    for (const method of ['GET', 'DELETE']) {
      const again = await asAdmin(`${method} ${keysPath}/${target.id}`);
      expect(again).toMatchObject({ status: 404, json: { error: 404, errorCode: 'API_KEY_NOT_FOUND' } });
      expect(again.headers.get('x-error-code')).toBe('API_KEY_NOT_FOUND');
    }
    expect(vendor.deletions).toEqual([target.id]);
    for (const decoy of decoys) {
      expect(vendor.accepts(decoy.privateKey)).toBe(true);
      expect((await byDigest('GET /api/atlas/v2', decoy)).status).toBe(200);
    }
  });

  test('deletes in the first version with an empty 200, or with 204', async () => {
    const first = await begin();
    const accept = { accept: 'application/json' };
    expect(await first.asAdmin(`DELETE ${oldKeysPath}/${first.target.id}`, accept)).toMatchObject({
      status: 200,
      json: '',
    });
    expect(await first.asAdmin(`DELETE ${oldKeysPath}/${first.target.id}`, accept)).toMatchObject({
      status: 404,
      json: { errorCode: 'API_KEY_NOT_FOUND' },
    });
    expect(first.vendor.deletions).toEqual([first.target.id]);
    const newer = await begin({ firstVersionDeletion: 204 });
    expect((await newer.asAdmin(`DELETE ${oldKeysPath}/${newer.target.id}`, accept)).status).toBe(204);
  });

  test('knows no tokens and no service accounts in the first version', async () => {
    const { ask, asAdmin, token } = await begin();
    const refused = await ask(`GET ${oldKeysPath}`, await token());
    expect([refused.status, refused.headers.get('www-authenticate')]).toEqual([401, expect.stringContaining('Digest')]);
    expect((await asAdmin(`GET /api/atlas/v1.0/orgs/${orgId}/serviceAccounts`)).status).toBe(404);
  });

  test('wants a dated type in the second version', async () => {
    const { asAdmin, target, vendor } = await begin();
    for (const accept of ['application/json', '*/*', 'application/vnd.atlas.2022-12-31+json'])
      expect(await asAdmin(`DELETE ${keysPath}/${target.id}`, { accept })).toMatchObject({ status: 406 });
    expect(vendor.deletions).toEqual([]);
    const later = await asAdmin(`GET ${keysPath}`, { accept: accountsType });
    expect([later.status, later.headers.get('content-type')]).toEqual([200, 'application/vnd.atlas.2023-01-01+json']);
    expect((await asAdmin(`GET ${accountsPath}`)).status).toBe(406);
  });

  test('can have sunset old versions of a resource', async () => {
    const { asAdmin } = await begin({ goneBefore: '2024-08-05' });
    expect(await asAdmin(`GET ${keysPath}`)).toMatchObject({ status: 410, json: { errorCode: 'VERSION_GONE' } });
    expect((await asAdmin(`GET ${keysPath}`, { accept: accountsType })).status).toBe(200);
  });

  test('hides the status in an envelope when asked to', async () => {
    const { asAdmin } = await begin();
    expect(await asAdmin(`DELETE ${keysPath}/${nobodysId}?envelope=true`)).toMatchObject({
      status: 200,
      json: { status: 404, content: { errorCode: 'API_KEY_NOT_FOUND' } },
    });
  });

  test.each([
    `DELETE ${keysPath}/leaktest`,
    `DELETE ${keysPath}/${nobodysId.toUpperCase()}`,
    'GET /api/atlas/v2/orgs/acme/apiKeys',
    `GET ${accountsPath}/${nobodysId}`,
    `DELETE ${secretsPath}/1`,
  ])('cannot read the ids of %s', async (line) => {
    const { asAdmin } = await begin();
    expect(await asAdmin(line, { accept: accountsType })).toMatchObject({
      status: 400,
      json: { errorCode: 'PATH_PARAM_PARSE_ERROR' },
    });
  });

  test('has no other hosts, routes or methods', async () => {
    const { asAdmin, target } = await begin();
    for (const line of ['GET /api/atlas/v2/users', 'GET /api/atlas/v3', `GET ${keysPath}/${target.id}/secrets/1`])
      expect((await asAdmin(line)).status).toBe(404);
    expect((await asAdmin(`GET ${keysPath}`, { at: 'mongodb.example' })).status).toBe(404);
    for (const line of [`DELETE ${keysPath}`, `POST ${keysPath}/${target.id}`, 'DELETE /api/atlas/v2'])
      expect((await asAdmin(line)).status).toBe(405);
  });

  test.each([[401], [403]] as const)('refuses with %i what the caller has no right to', async (unauthorizedStatus) => {
    const { asAdmin, byDigest, vendor, target, admins } = await begin({ unauthorizedStatus });
    const refusal = { status: unauthorizedStatus, json: { errorCode: 'USER_UNAUTHORIZED' } };
    for (const org of [otherOrgId, nobodysId])
      expect(await asAdmin(`GET /api/atlas/v2/orgs/${org}/apiKeys`)).toMatchObject(refusal);
    Object.assign(admins[0] ?? {}, { rights: ['ORG_READ_ONLY'] });
    for (const caller of [adminPair, leaked]) {
      expect((await byDigest(`GET ${keysPath}`, caller)).status).toBe(200);
      expect(await byDigest(`DELETE ${keysPath}/${target.id}`, caller)).toMatchObject(refusal);
    }
    Object.assign(admins[0] ?? {}, { rights: [] });
    expect(await asAdmin(`GET ${keysPath}`)).toMatchObject(refusal);
    expect(vendor.deletions).toEqual([]);
  });

  test('changes nothing for a caller it does not know', async () => {
    const { ask, byDigest, vendor, target, secret } = await begin();
    const wrong = { ...adminPair, privateKey: leaked.privateKey };
    for (const line of [`DELETE ${keysPath}/${target.id}`, `DELETE ${secretsPath}/${secret.id}`]) {
      expect((await byDigest(line, wrong, { accept: accountsType })).status).toBe(401);
      expect((await ask(line, 'Bearer made-up', { accept: accountsType })).status).toBe(401);
    }
    expect(vendor.deletions).toEqual([]);
    expect(vendor.accepts(leaked.privateKey)).toBe(true);
    expect(vendor.accepts(leakedClient.clientSecret)).toBe(true);
  });

  test('lets an admin key that is one of the keys delete itself, and refuses it then', async () => {
    const { asAdmin, own } = await begin();
    const [self] = keyWithDecoys(adminPair.publicKey, adminPair.privateKey, 'admin', 0, orgId);
    own.keys.push(self);
    expect((await asAdmin(`DELETE ${keysPath}/${self.id}`)).status).toBe(204);
    expect((await asAdmin(`GET ${keysPath}`)).status).toBe(401);
  });

  test('lists service accounts page by page with their secrets masked', async () => {
    const { ask, token, secret, account, otherSecrets } = await begin();
    const bearer = await token();
    const read = async (path: string) => (await ask(`GET ${path}`, bearer, { accept: accountsType })).json;
    const last = await read(`${accountsPath}?itemsPerPage=2&pageNum=2`);
    expect([last.totalCount, last.results.length]).toEqual([3, 1]);
    expect(last.results[0]).toMatchObject({ clientId: leakedClient.clientId, name: 'deploys' });
    expect(last.results[0].secrets).toHaveLength(1 + otherSecrets.length);
    expect(last.results[0].secrets[0]).toEqual({
      id: secret.id,
      createdAt: secret.createdAt,
      expiresAt: secret.expiresAt,
      maskedSecretValue: 'mdb_sa_sk_****c0c0',
    });
    expect(JSON.stringify(last)).not.toContain(leakedClient.clientSecret);
    await token(leakedClient);
    const one = await read(`${accountsPath}/${account.clientId}`);
    expect(one.secrets[0]).toMatchObject({ lastUsedAt: '2026-11-20T12:00:00.000Z' });
    expect((await read(`${accountsPath}/mdb_sa_id_${nobodysId}`)).error).toBe(404);
  });

  test('gives no more tokens for a deleted secret; those it gave live on', async () => {
    const { ask, fetchToken, token, vendor, secret, otherSecrets, clock } = await begin();
    const [bearer, bearerOfLeaked] = [await token(), await token(leakedClient)];
    const remove = () => ask(`DELETE ${secretsPath}/${secret.id}`, bearer, { accept: accountsType });
    expect((await remove()).status).toBe(204);
    expect(vendor.deletions).toEqual([secret.id]);
    expect(vendor.accepts(leakedClient.clientSecret)).toBe(false);
    expect(await fetchToken(leakedClient)).toMatchObject({ status: 401, json: { error: 'invalid_client' } });
    expect((await ask(`GET ${keysPath}`, bearerOfLeaked)).status).toBe(200);
    expect((await remove()).status).toBe(404);
    for (const { secret: clientSecret } of otherSecrets)
      expect((await fetchToken({ ...leakedClient, clientSecret })).status).toBe(200);
    clock.advance(3_600_000);
    expect((await ask(`GET ${keysPath}`, bearerOfLeaked)).status).toBe(401);
  });

  test('can take the tokens of a deleted secret with it', async () => {
    const { ask, token, secret } = await begin({ tokensDieWithSecret: true });
    const bearerOfLeaked = await token(leakedClient);
    await ask(`DELETE ${secretsPath}/${secret.id}`, await token(), { accept: accountsType });
    expect((await ask(`GET ${keysPath}`, bearerOfLeaked)).status).toBe(401);
  });

  test('gives no token for an expired secret', async () => {
    const { fetchToken, vendor, clock, secret } = await begin();
    secret.expiresAt = new Date(clock.now()).toISOString();
    expect((await fetchToken(leakedClient)).status).toBe(401);
    expect(vendor.accepts(leakedClient.clientSecret)).toBe(false);
  });

  test('accepts a deleted key a while longer where changes travel slowly, and a secret not a moment', async () => {
    const { asAdmin, byDigest, fetchToken, vendor, clock, target, secret } = await begin({ propagationMs: 500 });
    await asAdmin(`DELETE ${keysPath}/${target.id}`);
    await asAdmin(`DELETE ${secretsPath}/${secret.id}`, { accept: accountsType });
    const statuses = async () => [
      (await asAdmin(`GET ${keysPath}/${target.id}`)).status,
      (await byDigest('GET /api/atlas/v2', leaked)).status,
      (await fetchToken(leakedClient)).status,
      vendor.accepts(leaked.privateKey),
      vendor.accepts(leakedClient.clientSecret),
    ];
    expect(await statuses()).toEqual([404, 200, 401, true, false]);
    clock.advance(500);
    expect(await statuses()).toEqual([404, 401, 401, false, false]);
  });

  test('says something else where only belief tells what it says', async () => {
    const { asAdmin, byDigest } = await begin({
      says: { firstVersionMissing: { status: 400 }, refused: { error: 401, errorCode: 'OTHER' } },
    });
    expect((await asAdmin(`DELETE ${oldKeysPath}/${nobodysId}`)).status).toBe(400);
    const wrong = { ...leaked, privateKey: adminPair.privateKey };
    expect((await byDigest('GET /api/atlas/v2', wrong)).json).toEqual({ error: 401, errorCode: 'OTHER' });
  });

  test('tells its rate limit on every answer', async () => {
    const { ask, asAdmin } = await begin();
    for (const { headers } of [await ask(`GET ${keysPath}`), await asAdmin(`GET ${keysPath}`)])
      expect([headers.get('ratelimit-limit'), headers.get('ratelimit-remaining')]).toEqual(['500', '499']);
  });

  test('fits the accounts it is given, several of them on one organisation', async () => {
    const { prod, legacy } = world.accounts as { prod: { orgId: string } & Client; legacy: { orgId: string } & Pair };
    const second = { orgId: prod.orgId, ...adminPair, api: 'v1.0' };
    const third = { ...prod, clientSecret: adminClient.clientSecret };
    const vendor = world.simulate({ ...world.accounts, second, third });
    const { ask, byDigest, fetchToken } = await talkTo(vendor);
    expect(vendor.hosts).toEqual(['cloud.mongodb.com']);
    for (const account of [legacy, second])
      expect((await byDigest(`GET /api/atlas/v2/orgs/${account.orgId}/apiKeys`, account)).status).toBe(200);
    for (const account of [prod, third]) {
      const { json } = await fetchToken(account);
      const line = `GET /api/atlas/v2/orgs/${account.orgId}/serviceAccounts?itemsPerPage=500`;
      const listed = await ask(line, `Bearer ${json.access_token}`, { accept: accountsType });
      expect(listed.json.totalCount).toBe(123);
    }
    expect((await fetchToken(adminClient)).status).toBe(401);
    expect((await byDigest('GET /api/atlas/v2', leaked)).status).toBe(401);
  });

  test('has one leak of each kind to try, of the right form', async () => {
    const vendor = world.simulate(world.accounts);
    const { byDigest, fetchToken } = await talkTo(vendor);
    const [key, secret] = world.leaks as { secret: string; identifiers: { publicKey: string; clientId: string } }[];
    expect(key?.secret).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
    expect(key?.identifiers.publicKey).toMatch(/^[a-z]{8}$/);
    expect(secret?.secret).toMatch(/^mdb_sa_sk_[0-9a-zA-Z_-]{6}[0-9a-zA-Z]{34}$/);
    expect(secret?.identifiers.clientId).toMatch(/^mdb_sa_id_[a-fA-F\d]{24}$/);
    const pair = { publicKey: key?.identifiers.publicKey ?? '', privateKey: key?.secret ?? '' };
    expect((await byDigest('GET /api/atlas/v2', pair)).status).toBe(200);
    const client = { clientId: secret?.identifiers.clientId ?? '', clientSecret: secret?.secret ?? '' };
    expect((await fetchToken(client)).status).toBe(200);
  });
});
