import { afterEach, describe, expect, test } from 'vitest';
import {
  type CoveoKey,
  type CoveoOrganisation,
  type CoveoTraits,
  coveoVendor,
  inventedKeys,
  keyWithDecoys,
  world,
} from '../../../../lib/local/vendors/coveo.ts';
import type { Vendor } from '../../../../lib/local/vendors/vendor.ts';
import { testClock, vendorNetwork } from '../../../support/lane.ts';

const leaked = 'xxc0ffee00-c0ff-4e00-a0ff-ee00c0ffee00';
const url = 'https://github.com/example/shop/blob/c0ffee00c0ffee00c0ffee00c0ffee00c0ffee00/search.js';
const us = 'platform.cloud.coveo.com';
const base = '/rest/organizations/testorg1a2b3c4d/apikeys';
const token = 'access-token-of-tests';

describe('the simulated Coveo', () => {
  const closers: (() => Promise<void>)[] = [];
  afterEach(async () => {
    await Promise.all(closers.splice(0).map((close) => close()));
  });

  async function talkTo(vendor: Vendor) {
    const network = await vendorNetwork(vendor);
    closers.push(network.close);
    return async (line: string, { authorization = `Bearer ${token}`, at = us } = {}) => {
      const [method, target] = line.split(' ');
      const headers = authorization === '' ? {} : { authorization };
      const response = await network.fetch(new URL(`http://${at}${target}`), { method, headers });
      const text = await response.text();
      return {
        status: response.status,
        headers: response.headers,
        text,
        json: text === '' ? undefined : JSON.parse(text),
      };
    };
  }

  async function begin(traits: CoveoTraits = {}) {
    const clock = testClock();
    const [target, ...decoys] = keyWithDecoys(leaked, 'shop-search', 3, url) as [CoveoKey, ...CoveoKey[]];
    const keys = [...inventedKeys(120, 'organisation'), target, ...decoys];
    const organisation: CoveoOrganisation = {
      region: 'us',
      id: 'testorg1a2b3c4d',
      keys,
      tokens: [{ accessToken: token }],
    };
    const others: CoveoOrganisation[] = [
      { region: 'us', id: 'neighbour5e6f', keys: inventedKeys(2, 'neighbour'), tokens: [{ accessToken: 'neighbour' }] },
      { region: 'hipaa', id: 'testorg1a2b3c4d', keys: [], tokens: [{ accessToken: 'hipaa' }] },
    ];
    const vendor = coveoVendor([organisation, ...others], { now: clock.now, ...traits });
    return { vendor, clock, organisation, keys, target, decoys, ask: await talkTo(vendor) };
  }

  test('lists every key of an organisation in one plain array', async () => {
    const { ask, keys, target } = await begin();
    const { status, json, text } = await ask(`GET ${base}?page=1&perPage=10`);
    expect(status).toBe(200);
    expect(json.map(({ id }: CoveoKey) => id)).toEqual(keys.map(({ id }) => id));
    for (const { id } of json) expect(id).toMatch(/^[0-9a-z]{25}$/);
    expect(json.find(({ id }: CoveoKey) => id === target.id)).toEqual({
      id: target.id,
      value: '**********-****-****-****-********ee00',
      displayName: 'shop-search',
      createdDate: target.createdDate,
      status: 'ENABLED',
      enabled: true,
      privacyLevel: 'PRIVATE',
      exposureReport: { severity: 'HIGH', reasons: [{ source: 'GITHUB', url, reason: null }] },
      tokenId: target.id,
      resourceId: target.id,
      organizationId: 'testorg1a2b3c4d',
    });
    expect(json.filter(({ value }: CoveoKey) => value.endsWith('ee00'))).toHaveLength(4);
    expect(text).not.toContain(leaked);
  });

  test('masks values in its shorter style too, in the list and by id', async () => {
    const { ask, target } = await begin({ masked: 'short' });
    expect((await ask(`GET ${base}/${target.id}`)).json).toMatchObject({ id: target.id, value: 'xx*****ee00' });
    expect((await ask(`GET ${base}`)).json[0].value).toMatch(/^xx\*{5}[0-9a-f]{4}$/);
  });

  test.each([
    ['no credential', ''],
    ['an unknown token', 'Bearer nobody'],
    ['a token without its scheme', token],
    ['the token of another region', 'Bearer hipaa'],
  ])('refuses %s with 401', async (_, authorization) => {
    const { ask, vendor, target } = await begin();
    for (const line of [`GET ${base}`, `DELETE ${base}/${target.id}`, `PUT ${base}/${target.id}/disable`]) {
      const { status, json, headers } = await ask(line, { authorization });
      expect(status).toBe(401);
      expect(json).toMatchObject({ message: expect.any(String), errorCode: expect.any(String) });
      expect(headers.get('x-request-id')).toBe(json.requestID);
    }
    expect([vendor.deletions, vendor.disablings]).toEqual([[], []]);
    expect(vendor.accepts(leaked)).toBe(true);
  });

  test('refuses a token that has expired', async () => {
    const { ask, clock, organisation } = await begin();
    organisation.tokens = [{ accessToken: token, expires: clock.now() + 4 * 3_600_000 }];
    expect((await ask(`GET ${base}`)).status).toBe(200);
    clock.advance(4 * 3_600_000);
    expect((await ask(`GET ${base}`)).status).toBe(401);
  });

  test('lets no API key see or edit API keys, and knows no dead one', async () => {
    const { ask, vendor, target } = await begin();
    const authorization = `Bearer ${leaked}`;
    for (const line of [`GET ${base}`, `GET ${base}/${target.id}`, `DELETE ${base}/${target.id}`])
      expect((await ask(line, { authorization })).status).toBe(403);
    expect(vendor.deletions).toEqual([]);
    await ask(`DELETE ${base}/${target.id}`);
    expect((await ask(`GET ${base}`, { authorization })).status).toBe(401);
  });

  test('lets a user do what they have the rights for', async () => {
    const { ask, organisation, vendor, target } = await begin();
    organisation.tokens = [{ accessToken: token, rights: ['VIEW'] }];
    expect((await ask(`GET ${base}`)).status).toBe(200);
    expect((await ask(`DELETE ${base}/${target.id}`)).status).toBe(403);
    expect((await ask(`PUT ${base}/${target.id}/disable`)).status).toBe(403);
    expect(vendor.accepts(leaked)).toBe(true);
  });

  test('keeps organisations and regions apart', async () => {
    const { ask, target, vendor } = await begin();
    expect(vendor.hosts).toHaveLength(5);
    const authorization = 'Bearer neighbour';
    expect((await ask(`GET ${base}`, { authorization })).status).toBe(403);
    expect((await ask('GET /rest/organizations/neighbour5e6f/apikeys', { authorization })).json).toHaveLength(2);
    expect((await ask(`GET /rest/organizations/neighbour5e6f/apikeys/${target.id}`, { authorization })).status).toBe(
      404,
    );
    expect((await ask('GET /rest/organizations/nobody/apikeys')).status).toBe(404);
    const hipaa = { authorization: 'Bearer hipaa', at: 'platformhipaa.cloud.coveo.com' };
    expect((await ask(`GET ${base}`, hipaa)).json).toEqual([]);
    expect((await ask(`GET ${base}`, { at: 'platform-eu.cloud.coveo.com' })).status).toBe(401);
  });

  test('deletes one key, once, and leaves its decoys', async () => {
    const { ask, vendor, target, decoys } = await begin();
    expect(await ask(`DELETE ${base}/${target.id}`)).toMatchObject({ status: 204, text: '' });
    expect(vendor.accepts(leaked)).toBe(false);
    expect((await ask(`GET ${base}/${target.id}`)).status).toBe(404);
    expect((await ask(`DELETE ${base}/${target.id}`)).status).toBe(404);
    expect(vendor.deletions).toEqual([target.id]);
    for (const { id, value } of decoys) {
      expect(vendor.accepts(value)).toBe(true);
      expect((await ask(`GET ${base}/${id}`)).status).toBe(200);
    }
  });

  test('disables a key and activates it again', async () => {
    const { ask, vendor, target } = await begin();
    for (const _ of ['once', 'twice'])
      expect(await ask(`PUT ${base}/${target.id}/disable`)).toMatchObject({ status: 204, text: '' });
    expect(vendor.disablings).toEqual([target.id]);
    expect(vendor.accepts(leaked)).toBe(false);
    expect((await ask(`GET ${base}/${target.id}`)).json).toMatchObject({ enabled: false, status: 'DISABLED' });
    expect((await ask(`PUT ${base}/${target.id}/activate`)).status).toBe(204);
    expect((await ask(`GET ${base}/${target.id}`)).json).toMatchObject({ enabled: true, status: 'ENABLED' });
    expect(vendor.accepts(leaked)).toBe(true);
    expect((await ask(`PUT ${base}/00000000000000000000000aa/disable`)).status).toBe(404);
  });

  test('shows what it deactivated itself, what expired and what is meant to be public', async () => {
    const { ask, vendor, clock, target, decoys } = await begin();
    const [expiring, open, soon] = decoys as [CoveoKey, CoveoKey, CoveoKey];
    const deactivationDate = new Date(clock.now()).toISOString();
    Object.assign(target, { status: 'DISABLED_EXPOSED' });
    if (target.exposureReport) target.exposureReport.deactivationDate = deactivationDate;
    Object.assign(expiring, { expirationDate: clock.now() + 1000 });
    Object.assign(open, { privacyLevel: 'PUBLIC', exposureReport: { severity: 'WARN', reasons: [] } });
    Object.assign(soon, { status: 'SOON_TO_BE_DISABLED' });
    clock.advance(1000);
    const show = async ({ id }: CoveoKey) => (await ask(`GET ${base}/${id}`)).json;
    expect(await show(target)).toMatchObject({
      enabled: false,
      status: 'DISABLED_EXPOSED',
      exposureReport: { deactivationDate },
    });
    expect(await show(expiring)).toMatchObject({ enabled: false, status: 'EXPIRED' });
    expect(await show(open)).toMatchObject({ enabled: true, privacyLevel: 'PUBLIC' });
    expect([target, expiring, open, soon].map(({ value }) => vendor.accepts(value))).toEqual([
      false,
      false,
      true,
      true,
    ]);

    const ids = async (status: string) =>
      (await ask(`GET ${base}?status=${status}`)).json.map(({ id }: CoveoKey) => id);
    expect(await ids('ALL_EXPOSED')).toEqual([target.id, open.id]);
    expect(await ids('ACTIVE_AND_EXPOSED')).toEqual([open.id]);
    expect(await ids('DEACTIVATED')).toEqual([target.id, expiring.id]);
    expect(await ids('SOON_TO_BE_DISABLED')).toEqual([soon.id]);
    expect(await ids('SOON_TO_BE_EXPIRED')).toEqual([]);
    expect(await ids('WITH_WARNING')).toEqual([open.id, soon.id]);
    expect(await ids('ACTIVE')).toHaveLength(122);
    expect((await ask(`GET ${base}?status=EXPIRED`)).status).toBe(400);
  });

  test('accepts a revoked key a while longer where changes travel slowly', async () => {
    const { ask, vendor, clock, target } = await begin({ propagationMs: 500 });
    await ask(`DELETE ${base}/${target.id}`);
    expect(vendor.accepts(leaked)).toBe(true);
    clock.advance(500);
    expect(vendor.accepts(leaked)).toBe(false);
  });

  test.each([
    ['GET /rest/organizations/testorg1a2b3c4d/apiKeys', 404],
    ['GET /rest/organizations/testorg1a2b3c4d', 404],
    [`GET ${base}/`, 404],
    [`GET ${base}/00000000000000000000000aa`, 404],
    [`GET ${base}/%E0%A4%A`, 404],
    [`PUT ${base}/00000000000000000000000aa/enable`, 404],
    [`DELETE ${base}`, 405],
    [`POST ${base}/00000000000000000000000aa/disable`, 405],
  ])('answers %s with %i', async (line, status) => {
    const { ask } = await begin();
    expect(await ask(line)).toMatchObject({ status, json: { message: expect.any(String) } });
  });

  test('says something else where only belief tells what it says', async () => {
    const { ask } = await begin({
      says: { missing: { status: 403, body: { message: 'Access denied' } }, unauthorized: { status: 401 } },
    });
    expect((await ask(`DELETE ${base}/00000000000000000000000aa`)).status).toBe(403);
    expect(await ask(`GET ${base}`, { authorization: '' })).toMatchObject({ status: 401, text: '' });
  });

  test('fits the accounts it is given, several of them in one organisation', async () => {
    const { prod } = world.accounts as Record<string, { organizationId: string; accessToken: string }>;
    const vendor = world.simulate({ ...world.accounts, second: { ...prod, accessToken: 'second' } });
    const ask = await talkTo(vendor);
    const { secret, location } = world.leaks[0] as { secret: string; location: { url: string } };
    expect(secret).toMatch(/^xx[0-9a-f]{8}-([0-9a-f]{4}-){3}[0-9a-f]{12}$/);
    expect(vendor.accepts(secret)).toBe(true);
    const line = `GET /rest/organizations/${prod?.organizationId}/apikeys`;
    for (const accessToken of [prod?.accessToken, 'second']) {
      const { json } = await ask(line, { authorization: `Bearer ${accessToken}` });
      const alike: CoveoKey[] = json.filter(({ value }: CoveoKey) => value.endsWith(secret.slice(-4)));
      expect(alike).toHaveLength(4);
      const reported = alike.flatMap(({ exposureReport }) => exposureReport?.reasons.map((reason) => reason.url) ?? []);
      expect(reported).toEqual([location.url]);
    }
    expect((await ask(line)).status).toBe(401);
    expect(
      (
        await ask('GET /rest/organizations/acmeeuropeef56gh78/apikeys', {
          authorization: 'Bearer xa0000000-local-stage-sample-eu',
          at: 'platform-eu.cloud.coveo.com',
        })
      ).status,
    ).toBe(200);
  });
});
