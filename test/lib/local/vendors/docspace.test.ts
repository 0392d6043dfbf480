import { afterEach, describe, expect, test } from 'vitest';
import {
  type DocspaceKey,
  type DocspaceTraits,
  docspaceAdmin,
  docspaceMember,
  docspaceVendor,
  inventedKeys,
  keyWithDecoys,
  world,
} from '../../../../lib/local/vendors/docspace.ts';
import type { Vendor } from '../../../../lib/local/vendors/vendor.ts';
import { testClock, vendorNetwork } from '../../../support/lane.ts';

const leaked = `sk-${'c0ffee00'.repeat(8)}`;
const adminKey = `sk-${'ca9a7e00'.repeat(8)}`;
const memberKey = `sk-${'be9a7e01'.repeat(8)}`;
const host = 'tests.onlyoffice.com';

describe('the simulated DocSpace', () => {
  const closers: (() => Promise<void>)[] = [];
  afterEach(async () => {
    await Promise.all(closers.splice(0).map((close) => close()));
  });

  async function talkTo(vendor: Vendor) {
    const network = await vendorNetwork(vendor);
    closers.push(network.close);
    return async (line: string, authorization?: string, { body, at = host }: { body?: unknown; at?: string } = {}) => {
      const [method, target] = line.split(' ');
      const response = await network.fetch(new URL(`http://${at}${target}`), {
        method,
        headers: {
          ...(authorization !== undefined && { authorization }),
          ...(body !== undefined && { 'content-type': 'application/json' }),
        },
        body: body === undefined ? null : JSON.stringify(body),
      });
      const text = await response.text();
      const type = response.headers.get('content-type') ?? '';
      return { status: response.status, type, json: type === 'application/json' ? JSON.parse(text) : text };
    };
  }

  async function begin(traits: DocspaceTraits = {}) {
    const clock = testClock();
    const [target, ...decoys] = keyWithDecoys(leaked, 'export', 3, docspaceAdmin) as [DocspaceKey, ...DocspaceKey[]];
    const [admin] = keyWithDecoys(adminKey, 'leakstop', 0, docspaceAdmin) as [DocspaceKey];
    const [member] = keyWithDecoys(memberKey, 'member', 0, docspaceMember) as [DocspaceKey];
    const keys = [...inventedKeys(120, 'portal', docspaceAdmin), target, ...decoys, admin, member];
    const elsewhere = { host: 'docs.example', keys: inventedKeys(2, 'elsewhere'), admins: [] };
    const vendor = docspaceVendor([{ host, keys, admins: [docspaceAdmin] }, elsewhere], { now: clock.now, ...traits });
    const ask = await talkTo(vendor);
    const asAdmin = (line: string, body?: unknown) => ask(line, `Bearer ${adminKey}`, { body });
    const asMember = (line: string, body?: unknown) => ask(line, `Bearer ${memberKey}`, { body });
    const asLeaked = (line: string, body?: unknown) => ask(line, `Bearer ${leaked}`, { body });
    return { vendor, clock, keys, target, decoys, member, ask, asAdmin, asMember, asLeaked };
  }

  test('knows a key only behind "Bearer " and only if it starts with sk-', async () => {
    const { ask } = await begin();
    for (const header of [undefined, adminKey, `bearer ${adminKey}`, `Bearer ${adminKey.slice(3)}`, 'Bearer sk-'])
      expect(await ask('GET /api/2.0/keys', header)).toMatchObject({
        status: 401,
        type: 'application/json',
        json: { error: { message: expect.any(String) }, status: 1, statusCode: 401 },
      });
    expect((await ask('GET /api/2.0/keys', `Bearer ${adminKey}`)).status).toBe(200);
  });

  test('asks the portal that the host names', async () => {
    const { ask, vendor } = await begin();
    expect(vendor.hosts).toEqual([host, 'docs.example']);
    expect((await ask('GET /api/2.0/keys', `Bearer ${adminKey}`, { at: 'docs.example' })).status).toBe(401);
    expect(await ask('GET /api/2.0/keys', `Bearer ${adminKey}`, { at: 'nobody.onlyoffice.com' })).toMatchObject({
      status: 404,
      json: { status: 1, statusCode: 404 },
    });
  });

  test('lists every key to an admin in one answer, newest first, masked', async () => {
    const { asAdmin, keys, target } = await begin();
    const { json } = await asAdmin('GET /api/2.0/keys?count=1&startIndex=50');
    expect(json).toMatchObject({ count: keys.length, status: 0, statusCode: 200, links: [{ action: 'GET' }] });
    expect(json.response).toHaveLength(keys.length);
    const dates = json.response.map(({ createOn }: DocspaceKey) => createOn);
    expect(dates).toEqual(dates.toSorted().toReversed());
    expect(json.response.filter(({ keyPostfix }: { keyPostfix: string }) => keyPostfix === 'ee00')).toHaveLength(4);
    expect(json.response.find(({ id }: DocspaceKey) => id === target.id)).toEqual({
      id: target.id,
      name: 'export',
      key: 'sk-***ee00',
      keyPostfix: 'ee00',
      permissions: ['*'],
      createOn: target.createOn,
      createBy: { id: docspaceAdmin, displayName: expect.any(String) },
      isActive: true,
    });
    expect(JSON.stringify(json)).not.toContain(leaked);
  });

  test('lists to anybody else their own keys only', async () => {
    const { asMember, member } = await begin();
    const { json } = await asMember('GET /api/2.0/keys');
    expect(json.response.map(({ id }: DocspaceKey) => id)).toEqual([member.id]);
  });

  test('lets a key name itself, whatever its scopes, and nothing more where it is scoped', async () => {
    const { asLeaked, target, vendor } = await begin();
    target.permissions = ['files:read'];
    expect((await asLeaked('GET /api/2.0/keys/@self')).json.response).toMatchObject({ id: target.id });
    for (const line of ['GET /api/2.0/keys', `DELETE /api/2.0/keys/${target.id}`])
      expect(await asLeaked(line)).toMatchObject({ status: 403, json: { error: { message: 'Access denied' } } });
    expect(vendor.deletions).toEqual([]);
  });

  test('deletes one key at once and leaves its decoys', async () => {
    const { asAdmin, asLeaked, ask, vendor, target, decoys } = await begin();
    expect(vendor.accepts(leaked)).toBe(true);
    expect(await asAdmin(`DELETE /api/2.0/keys/${target.id}`)).toMatchObject({
      status: 200,
      json: { response: true, count: 1, links: [{ action: 'DELETE' }], status: 0, statusCode: 200 },
    });
    expect(vendor.deletions).toEqual([target.id]);
    expect(vendor.accepts(leaked)).toBe(false);
    expect((await asLeaked('GET /api/2.0/keys/@self')).status).toBe(401);
    for (const { key } of decoys) expect((await ask('GET /api/2.0/keys/@self', `Bearer ${key}`)).status).toBe(200);
  });

  test('fails on the second deletion instead of saying that the key is gone', async () => {
    const { asAdmin, asMember, vendor, target } = await begin();
    await asAdmin(`DELETE /api/2.0/keys/${target.id}`);
    for (const again of [asAdmin, asMember])
      expect(await again(`DELETE /api/2.0/keys/${target.id}`)).toMatchObject({
        status: 500,
        json: { status: 1, statusCode: 500 },
      });
    expect(vendor.deletions).toEqual([target.id]);
  });

  test('answers 200 and deletes nothing when somebody without rights deletes the key of another', async () => {
    const { asMember, vendor, target } = await begin();
    expect(await asMember(`DELETE /api/2.0/keys/${target.id}`)).toMatchObject({
      status: 200,
      json: { response: false },
    });
    expect(await asMember(`PUT /api/2.0/keys/${target.id}`, { isActive: false })).toMatchObject({
      status: 200,
      json: { response: false },
    });
    expect(vendor.accepts(leaked)).toBe(true);
    expect([vendor.deletions, vendor.disablings]).toEqual([[], []]);
  });

  test('can forbid that deletion instead', async () => {
    const { asMember, vendor, target } = await begin({ foreignDeletion: 'forbidden' });
    expect((await asMember(`DELETE /api/2.0/keys/${target.id}`)).status).toBe(403);
    expect(vendor.deletions).toEqual([]);
  });

  test('lets a key delete itself', async () => {
    const { asMember, vendor, member } = await begin();
    expect((await asMember(`DELETE /api/2.0/keys/${member.id}`)).json.response).toBe(true);
    expect(vendor.deletions).toEqual([member.id]);
  });

  test.each([
    'DELETE /api/2.0/keys/17',
    'PUT /api/2.0/keys/not-a-guid',
    'DELETE /api/2.0/keys/a%2Fb',
    'GET /api/2.0/users',
  ])('has no route for %s', async (line) => {
    const { asAdmin } = await begin();
    expect(await asAdmin(line)).toMatchObject({ status: 404, json: { statusCode: 404 } });
  });

  test('has no key by id to read', async () => {
    const { asAdmin, target } = await begin();
    expect((await asAdmin(`GET /api/2.0/keys/${target.id}`)).status).toBe(405);
    expect((await asAdmin('DELETE /api/2.0/keys')).status).toBe(405);
    expect((await asAdmin('DELETE /api/2.0/keys/@self')).status).toBe(405);
  });

  test('switches a key off and on again', async () => {
    const { asAdmin, asLeaked, vendor, target } = await begin();
    const change = (isActive: boolean) => asAdmin(`PUT /api/2.0/keys/${target.id}`, { isActive });
    expect(await change(false)).toMatchObject({ status: 200, json: { response: true, links: [{ action: 'PUT' }] } });
    expect((await asLeaked('GET /api/2.0/keys/@self')).status).toBe(401);
    const { json } = await asAdmin('GET /api/2.0/keys');
    expect(json.response.find(({ id }: DocspaceKey) => id === target.id)).toMatchObject({ isActive: false });
    expect((await change(false)).json.response).toBe(true);
    expect(vendor.disablings).toEqual([target.id]);
    expect((await change(true)).json.response).toBe(true);
    expect((await asLeaked('GET /api/2.0/keys/@self')).status).toBe(200);
    expect(vendor.accepts(leaked)).toBe(true);
  });

  test('refuses an expired key and leaves it as it is', async () => {
    const { asAdmin, asLeaked, vendor, clock, target } = await begin();
    target.expiresAt = new Date(clock.now() + 60_000).toISOString();
    expect((await asLeaked('GET /api/2.0/keys/@self')).json.response).toMatchObject({ expiresAt: target.expiresAt });
    clock.advance(60_000);
    expect((await asLeaked('GET /api/2.0/keys/@self')).status).toBe(401);
    expect(vendor.accepts(leaked)).toBe(false);
    expect(await asAdmin(`PUT /api/2.0/keys/${target.id}`, { isActive: false })).toMatchObject({
      status: 200,
      json: { response: false },
    });
    expect(vendor.disablings).toEqual([]);
  });

  test('takes only JSON with a boolean for an update', async () => {
    const { ask, asAdmin, target } = await begin();
    expect((await ask(`PUT /api/2.0/keys/${target.id}`, `Bearer ${adminKey}`)).status).toBe(415);
    for (const wrong of [{ isActive: 'false' }, null])
      expect((await asAdmin(`PUT /api/2.0/keys/${target.id}`, wrong)).status).toBe(400);
    expect((await asAdmin(`PUT /api/2.0/keys/${target.id}`, {})).json.response).toBe(true);
    expect(target.isActive).toBe(true);
  });

  test('changes nothing for a caller it does not know', async () => {
    const { ask, vendor, target } = await begin();
    for (const method of ['DELETE', 'PUT'])
      expect(await ask(`${method} /api/2.0/keys/${target.id}`, adminKey, { body: { isActive: false } })).toMatchObject({
        status: 401,
      });
    expect([vendor.deletions, vendor.disablings]).toEqual([[], []]);
    expect(vendor.accepts(leaked)).toBe(true);
  });

  test('accepts a revoked key a while longer where changes travel slowly', async () => {
    const { asAdmin, asLeaked, vendor, clock, target, decoys } = await begin({ propagationMs: 500 });
    await asAdmin(`DELETE /api/2.0/keys/${target.id}`);
    await asAdmin(`PUT /api/2.0/keys/${decoys[0]?.id}`, { isActive: false });
    expect((await asLeaked('GET /api/2.0/keys/@self')).status).toBe(200);
    expect(vendor.accepts(decoys[0]?.key ?? '')).toBe(true);
    clock.advance(500);
    expect((await asLeaked('GET /api/2.0/keys/@self')).status).toBe(401);
    expect(vendor.accepts(decoys[0]?.key ?? '')).toBe(false);
  });

  test('says something else where only belief tells what it says', async () => {
    const { ask, asAdmin } = await begin({
      says: { unauthorized: { status: 401 }, missing: { status: 404, body: { error: { message: 'Not found' } } } },
    });
    expect(await ask('GET /api/2.0/keys')).toMatchObject({ status: 401, json: '' });
    expect((await asAdmin('DELETE /api/2.0/keys/11111111-1111-4111-a111-111111111111')).status).toBe(404);
  });

  test('can end in its proxy, in HTML, with nothing done', async () => {
    const { asAdmin, vendor, target } = await begin({ badGateway: /^DELETE / });
    expect(await asAdmin(`DELETE /api/2.0/keys/${target.id}`)).toMatchObject({ status: 502, type: 'text/html' });
    expect((await asAdmin('GET /api/2.0/keys')).status).toBe(200);
    expect(vendor.deletions).toEqual([]);
  });

  test('fits the accounts it is given, several of them on one portal', async () => {
    const other = `sk-${'0d'.repeat(32)}`;
    const vendor = world.simulate({
      ...world.accounts,
      second: { portal: 'https://acme.onlyoffice.com/', apiKey: other },
    });
    const ask = await talkTo(vendor);
    expect(vendor.hosts).toEqual(['acme.onlyoffice.com', 'docspace.acme.example']);
    const { secret } = world.leaks[0] as { secret: string };
    expect(secret).toMatch(/^sk-[0-9a-f]{64}$/);
    expect(vendor.accepts(secret)).toBe(true);
    const at = 'acme.onlyoffice.com';
    const { json } = await ask('GET /api/2.0/keys', `Bearer ${other}`, { at });
    const alike = json.response.filter(({ keyPostfix }: { keyPostfix: string }) => secret.endsWith(keyPostfix));
    expect(alike).toHaveLength(4);
    for (const account of Object.values(world.accounts) as { portal: string; apiKey: string }[])
      expect(
        (await ask('GET /api/2.0/keys', `Bearer ${account.apiKey}`, { at: new URL(account.portal).hostname })).status,
      ).toBe(200);
    expect((await ask('GET /api/2.0/keys', `Bearer ${adminKey}`, { at })).status).toBe(401);
  });
});
