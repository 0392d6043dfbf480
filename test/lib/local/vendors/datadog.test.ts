import { afterEach, describe, expect, test } from 'vitest';
import {
  credentialWithDecoys,
  type DatadogCredential,
  type DatadogOrganisation,
  type DatadogTraits,
  datadogVendor,
  inventedCredentials,
  inventedKeys,
  inventedUsers,
  keyWithDecoys,
  world,
} from '../../../../lib/local/vendors/datadog.ts';
import type { Vendor } from '../../../../lib/local/vendors/vendor.ts';
import { testClock, vendorNetwork } from '../../../support/lane.ts';

const apiKey = 'c0ffee00c0ffee00c0ffee00c0ffee11';
const applicationKey = 'c0ffee00c0ffee00c0ffee00c0ffee00c0ffee12';
const personal = 'ddpat_TestPersonalToken00000_tokenoftestpersonaltokenoftestperson';
const service = 'ddsat_TestServiceToken000000_tokenoftestservicetokenoftestservice';
const admin = {
  'dd-api-key': 'ad00000000000000000000000000ad01',
  'dd-application-key': 'ad00000000000000000000000000ad0000000002',
};

describe('the simulated Datadog', () => {
  const closers: (() => Promise<void>)[] = [];
  afterEach(async () => {
    await Promise.all(closers.splice(0).map((close) => close()));
  });

  async function talkTo(vendor: Vendor, site: string) {
    const network = await vendorNetwork(vendor);
    closers.push(network.close);
    return async (line: string, headers: Record<string, string> = admin) => {
      const [method = '', path = ''] = line.split(' ');
      const response = await network.fetch(new URL(`http://api.${site}${path}`), { method, headers });
      const text = await response.text();
      const json = text === '' ? undefined : JSON.parse(text);
      return { status: response.status, text, json, type: response.headers.get('content-type') };
    };
  }

  async function begin(change: Partial<DatadogOrganisation> = {}, traits: DatadogTraits = {}) {
    const clock = testClock();
    const people = inventedUsers(25, 'test');
    const [account, idle] = inventedUsers(2, 'test service').map((user) => ({ ...user, serviceAccount: true }));
    const [owner] = people;
    if (!owner || !account || !idle) throw new Error('nobody is there');
    const applicationKeys = [
      ...inventedCredentials(20, applicationKey, owner.id, 'application'),
      ...credentialWithDecoys(applicationKey, 'sync', 2, owner.id),
    ];
    const personalAccessTokens = credentialWithDecoys(personal, 'laptop', 2, owner.id);
    const accessTokens = credentialWithDecoys(service, 'deploys', 2, account.id);
    const organisation: DatadogOrganisation = {
      site: 'datadoghq.com',
      id: 'org-1',
      keys: [...inventedKeys(12, 'test'), ...keyWithDecoys(apiKey, 'checkout', 2)],
      admins: [{ apiKey: admin['dd-api-key'], appKey: admin['dd-application-key'] }],
      applicationKeys,
      personalAccessTokens,
      users: [...people, { ...account, accessTokens }, idle],
      ...change,
    };
    const vendor = datadogVendor([organisation], { now: clock.now, ...traits });
    const ask = await talkTo(vendor, organisation.site);
    const all = [...applicationKeys, ...personalAccessTokens, ...accessTokens, ...organisation.keys];
    const ids = new Map(all.map(({ id, key }) => [key, id]));
    const idOf = (value: string) => ids.get(value) ?? '';
    const tokens = `/api/v2/service_accounts/${account.id}/access_tokens`;
    return { clock, vendor, ask, organisation, owner, account, idle, idOf, tokens };
  }

  const valuesOf = (items: DatadogCredential[] | undefined) => items?.map(({ key }) => key);

  test('lists application keys page by page without their values, and shows one whole', async () => {
    const { ask, idOf, owner } = await begin();
    const seen: string[] = [];
    for (const page of [0, 1, 2, 3]) {
      const { json } = await ask(`GET /api/v2/application_keys?page[size]=8&page[number]=${page}`);
      expect(json.meta).toEqual({ max_allowed_per_user: 1000, page: { total_filtered_count: 23 } });
      seen.push(...json.data.map(({ id }: { id: string }) => id));
    }
    expect([seen.length, new Set(seen).size]).toEqual([23, 23]);
    expect((await ask('GET /api/v2/application_keys')).json.data).toHaveLength(10);
    expect((await ask('GET /api/v2/application_keys?page[size]=101')).status).toBe(400);
    const { text } = await ask('GET /api/v2/application_keys?page[size]=100');
    expect(text).not.toContain(applicationKey);
    expect((await ask(`GET /api/v2/application_keys/${idOf(applicationKey)}`)).json.data).toEqual({
      id: idOf(applicationKey),
      type: 'application_keys',
      attributes: {
        name: 'sync',
        last4: 'ee12',
        created_at: expect.stringMatching(/^2026-/),
        scopes: null,
        key: applicationKey,
      },
      relationships: { owned_by: { data: { id: owner.id, type: 'users' } } },
    });
  });

  test('shows nothing but the last four characters of application keys that could be read one time', async () => {
    const { ask, idOf } = await begin({ oneTimeRead: true });
    const { json } = await ask(`GET /api/v2/application_keys/${idOf(applicationKey)}`);
    expect(json.data.attributes.last4).toBe('ee12');
    expect(json.data.attributes).not.toHaveProperty('key');
  });

  test('deletes an application key once and keeps its decoys', async () => {
    const { ask, vendor, idOf, organisation } = await begin();
    const line = `DELETE /api/v2/application_keys/${idOf(applicationKey)}`;
    expect(await ask(line)).toMatchObject({ status: 204, text: '' });
    expect(await ask(line)).toMatchObject({ status: 404, json: { errors: ['Application key not found'] } });
    expect((await ask('GET /api/v2/application_keys/not-a-uuid')).status).toBe(404);
    expect(vendor.deletions).toEqual([idOf(applicationKey)]);
    expect(vendor.accepts(applicationKey)).toBe(false);
    const left = valuesOf(organisation.applicationKeys)?.filter((value) => value.endsWith('ee12')) ?? [];
    expect(left).toHaveLength(2);
    expect(left.every((value) => vendor.accepts(value))).toBe(true);
  });

  test('accepts an application key beside an API key, and a token alone, until they are deleted', async () => {
    const { ask, idOf, tokens } = await begin();
    const pair = { 'dd-api-key': apiKey, 'dd-application-key': applicationKey };
    const alone = { authorization: `Bearer ${personal}` };
    const instead = { 'dd-application-key': service };
    const isGood = async (headers: Record<string, string>) => (await ask('GET /api/v2/validate_keys', headers)).status;
    expect([await isGood(pair), await isGood(alone), await isGood(instead)]).toEqual([200, 200, 200]);
    expect((await ask('GET /api/v2/application_keys', alone)).status).toBe(403);
    await ask(`DELETE /api/v2/application_keys/${idOf(applicationKey)}`);
    await ask(`DELETE /api/v2/personal_access_tokens/${idOf(personal)}`);
    await ask(`DELETE ${tokens}/${idOf(service)}`);
    expect([await isGood(pair), await isGood(alone), await isGood(instead)]).toEqual([403, 403, 403]);
    const other = await begin({}, { badPairStatus: 401 });
    expect((await other.ask('GET /api/v2/validate_keys', { 'dd-api-key': apiKey })).status).toBe(401);
  });

  test('lists personal tokens by their middle part, and those of service accounts with their prefix', async () => {
    const { ask, idOf, owner, account } = await begin();
    const { json, type, text } = await ask('GET /api/v2/personal_access_tokens?page[size]=100');
    expect(type).toBe('application/vnd.api+json');
    expect(json.meta).toEqual({ page: { total_filtered_count: 6 } });
    expect(json.data[0]).toMatchObject({
      id: idOf(personal),
      type: 'personal_access_tokens',
      attributes: { name: 'laptop', public_portion: 'TestPersonalToken00000', scopes: [], expires_at: null },
      relationships: { owned_by: { data: { id: owner.id, type: 'users' } } },
    });
    expect(json.data[3]).toMatchObject({
      id: idOf(service),
      type: 'service_access_tokens',
      attributes: { public_portion: 'ddsat_TestServiceToken000000' },
      relationships: { owned_by: { data: { id: account.id, type: 'service_account' } } },
    });
    expect([personal, service].some((value) => text.includes(value))).toBe(false);
    const pure = await begin({}, { mixedTokenList: false });
    expect((await pure.ask('GET /api/v2/personal_access_tokens')).json.data).toHaveLength(3);
  });

  test('answers every deletion of a personal token with success, also where there is nothing to delete', async () => {
    const { ask, vendor, idOf, organisation } = await begin();
    const line = `/api/v2/personal_access_tokens/${idOf(personal)}`;
    expect((await ask(`GET ${line}`)).json.data.attributes).not.toHaveProperty('key');
    for (const time of ['once', 'twice'])
      expect(await ask(`DELETE ${line}`), time).toMatchObject({ status: 204, text: '' });
    expect(await ask(`GET ${line}`)).toMatchObject({ status: 404, type: 'application/vnd.api+json' });
    // A service account's token cannot be deleted here, though the answer says so.
    expect((await ask(`DELETE /api/v2/personal_access_tokens/${idOf(service)}`)).status).toBe(204);
    expect(vendor.deletions).toEqual([idOf(personal)]);
    expect([vendor.accepts(personal), vendor.accepts(service)]).toEqual([false, true]);
    expect(valuesOf(organisation.personalAccessTokens)?.every((value) => value.endsWith(personal.slice(-4)))).toBe(
      true,
    );
  });

  test('finds service accounts among the users, page by page', async () => {
    const { ask, account, idle } = await begin();
    const found: string[] = [];
    for (const page of [0, 1, 2]) {
      const { json } = await ask(`GET /api/v2/users?page[size]=10&page[number]=${page}`);
      expect(json.meta).toEqual({ page: { total_count: 27, total_filtered_count: 27 } });
      for (const { id, attributes } of json.data) if (attributes.service_account) found.push(id);
    }
    expect(found).toEqual([account.id, idle.id]);
    expect((await ask('GET /api/v2/users?filter=person-2')).json.meta.page.total_filtered_count).toBe(6);
    expect((await ask('DELETE /api/v2/users')).status).toBe(405);
  });

  test('deletes a token where its service account has it, and knows no other accounts', async () => {
    const { ask, vendor, idOf, account, idle, owner, tokens } = await begin();
    const { json, type } = await ask(`GET ${tokens}?page[size]=2&page[number]=1`);
    expect(type).toBe('application/vnd.api+json');
    expect([json.data.length, json.meta.page.total_filtered_count]).toEqual([1, 3]);
    expect((await ask(`GET ${tokens}/${idOf(service)}`)).json.data).toMatchObject({
      type: 'service_access_tokens',
      attributes: { public_portion: 'ddsat_TestServiceToken000000' },
      relationships: { owned_by: { data: { id: account.id } } },
    });
    expect((await ask(`DELETE ${tokens.replace(account.id, idle.id)}/${idOf(service)}`)).status).toBe(204);
    expect(vendor.accepts(service)).toBe(true);
    expect((await ask(`GET ${tokens.replace(account.id, owner.id)}`)).status).toBe(404);
    expect((await ask(`DELETE ${tokens}/${idOf(service)}`)).status).toBe(204);
    expect((await ask(`DELETE ${tokens}/${idOf(service)}`)).status).toBe(204);
    expect((await ask(`GET ${tokens}/${idOf(service)}`)).status).toBe(404);
    expect(vendor.deletions).toEqual([idOf(service)]);
    expect((await ask(`GET ${tokens}`)).json.data).toHaveLength(2);
  });

  test('refuses a token after its end', async () => {
    const { ask, vendor, organisation, clock } = await begin();
    const [token] = organisation.personalAccessTokens ?? [];
    if (token) token.expires = new Date(clock.now() + 1000).toISOString();
    expect(vendor.accepts(personal)).toBe(true);
    clock.advance(1000);
    expect(vendor.accepts(personal)).toBe(false);
    expect((await ask('GET /api/v2/validate_keys', { authorization: `Bearer ${personal}` })).status).toBe(403);
    const { json } = await ask('GET /api/v2/personal_access_tokens?filter=laptop');
    expect(json.data[0].attributes.expires_at).toBe(token?.expires);
  });

  test('accepts a deleted API key until that has spread, and nothing else', async () => {
    const { ask, vendor, idOf, clock, organisation } = await begin({}, { propagationMs: 400 });
    const [key] = organisation.keys.filter(({ key }) => key === apiKey);
    await ask(`DELETE /api/v2/personal_access_tokens/${idOf(personal)}`);
    await ask(`DELETE /api/v2/api_keys/${key?.id}`);
    const present = async () => (await ask('GET /api/v1/validate', { 'dd-api-key': apiKey })).status;
    expect([await present(), vendor.accepts(apiKey), vendor.accepts(personal)]).toEqual([200, true, false]);
    clock.advance(400);
    expect([await present(), vendor.accepts(apiKey)]).toEqual([403, false]);
  });

  test('asks for a right of its own at each kind', async () => {
    const lines = (tokens: string): [line: string, right: string][] => [
      ['GET /api/v2/application_keys', 'org_app_keys_read'],
      ['DELETE /api/v2/application_keys/x', 'org_app_keys_write'],
      ['GET /api/v2/personal_access_tokens', 'org_app_keys_read'],
      ['DELETE /api/v2/personal_access_tokens/x', 'org_app_keys_write'],
      ['GET /api/v2/users', 'user_access_read'],
      [`GET ${tokens}`, 'service_account_write'],
      [`DELETE ${tokens}/x`, 'service_account_write'],
      [`DELETE /api/v1/api_key/${apiKey}`, 'api_keys_delete'],
    ];
    const { ask, organisation, tokens, vendor } = await begin();
    const [boss] = organisation.admins;
    for (const [line, right] of lines(tokens)) {
      if (boss) boss.rights = ['api_keys_read'];
      expect((await ask(line)).status, line).toBe(403);
      expect((await ask(line, {})).status, line).toBe(403);
      if (boss) boss.rights = [right];
      expect((await ask(line)).status, line).not.toBe(403);
    }
    expect(vendor.deletions).toHaveLength(1);
  });

  test('refuses the admin whose own application key is deleted', async () => {
    const own = credentialWithDecoys(admin['dd-application-key'], 'leakstop', 0, 'a user');
    const { ask } = await begin({ applicationKeys: own });
    expect((await ask(`DELETE /api/v2/application_keys/${own[0]?.id}`)).status).toBe(204);
    expect((await ask('GET /api/v2/api_keys')).status).toBe(403);
  });

  test('deletes an API key by its value in the first version, once', async () => {
    const { ask, vendor, idOf, organisation } = await begin();
    const id = idOf(apiKey);
    const line = `DELETE /api/v1/api_key/${apiKey}`;
    expect(await ask(line, { 'dd-api-key': apiKey })).toMatchObject({
      status: 403,
      json: { status: 'error', code: 403, errors: ['Forbidden'] },
    });
    expect(await ask(line)).toMatchObject({
      status: 200,
      json: {
        api_key: {
          created: expect.stringMatching(/^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d$/),
          created_by: 'owner@example.com',
          key: apiKey,
          name: 'checkout',
        },
      },
    });
    expect(await ask(line)).toMatchObject({ status: 404, json: { errors: ['API key not found'] } });
    expect(vendor.deletions).toEqual([id]);
    expect(organisation.keys.filter(({ key }) => key.endsWith('ee11'))).toHaveLength(2);
  });

  test('has no first version on sites for governments, except the check of a key', async () => {
    const { ask, vendor } = await begin({ site: 'us2.ddog-gov.com' });
    expect((await ask(`DELETE /api/v1/api_key/${apiKey}`)).status).toBe(403);
    expect(vendor.deletions).toEqual([]);
    expect((await ask('GET /api/v1/validate', { 'dd-api-key': apiKey })).json).toEqual({ valid: true });
  });

  test('does not know other paths, and other methods neither', async () => {
    const { ask, tokens } = await begin();
    expect((await ask('GET /api/v2/keys')).status).toBe(404);
    expect((await ask(`GET ${tokens.replace('access_tokens', 'secrets')}`)).status).toBe(404);
    expect((await ask('POST /api/v2/application_keys')).status).toBe(405);
    expect((await ask(`PUT /api/v1/api_key/${apiKey}`)).status).toBe(405);
  });

  test('has a world with a leak of each kind, in which the given accounts are the admins', async () => {
    const accounts = {
      one: { site: 'us3.datadoghq.com', apiKey: admin['dd-api-key'], appKey: admin['dd-application-key'] },
      two: {
        site: 'us3.datadoghq.com',
        accessToken: 'ddpat_TestAdminToken00000000_tokenoftestadminstokenoftestadminsto',
      },
    };
    const vendor = world.simulate(accounts);
    const leaks = world.leaks as { kind: string; secret: string }[];
    expect(leaks.map(({ kind }) => kind)).toEqual([
      'api-key',
      'application-key',
      'personal-access-token',
      'service-access-token',
    ]);
    expect(leaks.every(({ secret }) => vendor.accepts(secret))).toBe(true);
    const ask = await talkTo(vendor, 'us3.datadoghq.com');
    const bearer = { authorization: `Bearer ${accounts.two.accessToken}` };
    const [, applicationLeak, personalLeak, serviceLeak] = leaks.map(({ secret }) => secret);
    const keys = await ask('GET /api/v2/application_keys?filter=dashboard-sync', bearer);
    const wanted = await ask(`GET /api/v2/application_keys/${keys.json.data[0].id}`);
    expect(wanted.json.data.attributes.key).toBe(applicationLeak);
    const middle = (secret: string | undefined) => secret?.split('_')[1];
    const personalList = await ask('GET /api/v2/personal_access_tokens?filter=laptop', bearer);
    expect(personalList.json.data[0].attributes.public_portion).toBe(middle(personalLeak));
    const users = await ask('GET /api/v2/users?page[size]=100&page[number]=1', bearer);
    const tokens: string[] = [];
    for (const { id, attributes } of users.json.data)
      if (attributes.service_account) {
        const { json } = await ask(`GET /api/v2/service_accounts/${id}/access_tokens?page[size]=100`, bearer);
        tokens.push(
          ...json.data.map((token: { attributes: { public_portion: string } }) => token.attributes.public_portion),
        );
      }
    expect(tokens.filter((token) => token === `ddsat_${middle(serviceLeak)}`)).toHaveLength(1);
    const [organisation] = (vendor as ReturnType<typeof datadogVendor>).organisations;
    const decoysOf = (items: { key: string }[] | undefined, value = '') =>
      items?.filter(({ key }) => key.endsWith(value.slice(-4))).length;
    expect(decoysOf(organisation?.applicationKeys, applicationLeak)).toBe(4);
    expect(decoysOf(organisation?.personalAccessTokens, personalLeak)).toBe(4);
    const serviceTokens = organisation?.users?.flatMap(({ accessTokens = [] }) => accessTokens);
    expect(decoysOf(serviceTokens, serviceLeak)).toBe(4);
  });

  test('has a world whose sample accounts are accepted, with their own credentials among the keys', () => {
    const vendor = world.simulate(world.accounts);
    const { prod, eu } = world.accounts as { prod: { apiKey: string; appKey: string }; eu: { accessToken: string } };
    for (const value of [prod.apiKey, prod.appKey, eu.accessToken]) expect(vendor.accepts(value)).toBe(true);
  });
});
