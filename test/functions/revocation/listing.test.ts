import { afterEach, expect, test } from 'vitest';
import { providers } from '../../../functions/providers/index.ts';
import {
  type DatadogOrganisation,
  datadogVendor,
  inventedCredentials,
  inventedKeys,
  keyWithDecoys,
} from '../../../lib/local/vendors/datadog.ts';
import { testClock, testLane, testLedger, vendorNetwork } from '../../support/lane.ts';

const admin = {
  site: 'datadoghq.com',
  apiKey: 'ca9a7e00ca9a7e00ca9a7e00ca9a7e01',
  appKey: 'ca9a7e00ca9a7e00ca9a7e00ca9a7e00ca9a7e02',
};
const leaked = 'c0ffee00c0ffee00c0ffee00c0ff7777';
const token = 'ddpat_LeakedAmongManyTokens0_leakedamongmanytokensleakedamongmany0';
const user = 'user-1';

const closers: (() => Promise<void>)[] = [];
afterEach(async () => {
  await Promise.all(closers.splice(0).map((close) => close()));
});

const pageIn = (target: string) => /page%5Bnumber%5D=(\d+)/.exec(target)?.[1];

/**
 * An organisation that lets no key name itself, and a lane to it; `pages` counts what was asked of its lists. `inPlaceOf` tells which
 * page it gives for another, `afterPage` is called when it has given one.
 */
async function begin(
  fields: Partial<DatadogOrganisation>,
  { inPlaceOf = {}, afterPage }: { inPlaceOf?: Record<string, string>; afterPage?(page: string): void } = {},
) {
  const clock = testClock();
  const organisation = { site: admin.site, id: 'org-1', keys: [], ...fields, admins: [admin] };
  const vendor = datadogVendor([organisation], { now: clock.now, selfLookup: false });
  const open = { now: 0, most: 0 };
  const network = await vendorNetwork(vendor);
  const fetch = (async (url: URL, init: RequestInit) => {
    open.now += 1;
    open.most = Math.max(open.most, open.now);
    const page = pageIn(url.search);
    const given = new URL(url);
    if (page !== undefined) given.searchParams.set('page[number]', inPlaceOf[page] ?? page);
    return network.fetch(given, init).finally(() => {
      open.now -= 1;
      if (page !== undefined) afterPage?.(page);
    });
  }) as typeof globalThis.fetch;
  const { ledger, close } = await testLedger(clock);
  closers.push(network.close, close);
  const options = { vendor, accounts: { main: admin }, ledger, clock, fetch };
  const lane = testLane({ provider: providers.datadog, ...options });
  const pages = () => vendor.arrivals.flatMap(({ target }) => pageIn(target) ?? []);
  return { ...lane, vendor, pages, open, clock };
}

test.each(['at the beginning', 'in the middle', 'at the end'])(
  'a key %s of ten thousand is found in a few pages of a sorted list',
  async (where) => {
    const value = `c0ffee00c0ffee00c0ffee00c0ff${{ 'at the beginning': '0001', 'in the middle': '7777' }[where] ?? 'ffff'}`;
    const keys = [...inventedKeys(10_000, 'many'), ...keyWithDecoys(value, 'checkout', 3)];
    const { follow, pages, vendor } = await begin({ keys });
    const incident = await follow({ provider: 'datadog', secret: value });
    expect(incident).toMatchObject({ outcome: 'revoked', keyId: keyWithDecoys(value, 'checkout', 0)[0]?.id });
    expect(vendor.deletions).toEqual([incident.keyId]);
    expect(pages().length).toBeLessThan(12);
  },
);

test('a key that is in a long list twice is nobody’s to choose from', async () => {
  const [target] = keyWithDecoys(leaked, 'checkout', 0);
  const twins = target ? [target, { ...target, id: '11111111-1111-4111-a111-111111111111' }] : [];
  const { follow, vendor } = await begin({ keys: [...inventedKeys(2_000, 'many'), ...twins] });
  expect(await follow({ provider: 'datadog', secret: leaked })).toMatchObject({
    state: 'parked',
    outcome: 'ambiguous',
  });
  expect(vendor.deletions).toEqual([]);
});

test('a key that is in a long list twice is seen twice, however many of others that are marked alike stand between', async () => {
  const [target, ...decoys] = keyWithDecoys(leaked, 'checkout', 250);
  const twin = target && { ...target, id: '11111111-1111-4111-a111-111111111111' };
  const keys = [...inventedKeys(900, 'many'), target, ...decoys, twin].filter((key) => key !== undefined);
  const { follow, vendor } = await begin({ keys });
  expect(await follow({ provider: 'datadog', secret: leaked })).toMatchObject({
    state: 'parked',
    outcome: 'ambiguous',
  });
  expect(vendor.deletions).toEqual([]);
});

test('nor is one whose second stands pages behind the first, with others between that are marked alike', async () => {
  const [target, ...others] = keyWithDecoys(leaked, 'checkout', 250);
  const twin = target ? [{ ...target, id: '11111111-1111-4111-a111-111111111111' }] : [];
  const keys = [...inventedKeys(900, 'many'), ...(target ? [target] : []), ...others, ...twin];
  const { follow, vendor } = await begin({ keys });
  expect(await follow({ provider: 'datadog', secret: leaked })).toMatchObject({ outcome: 'ambiguous' });
  expect(vendor.deletions).toEqual([]);
});

test('a hint that a search finds is not the only one before the whole list was read', async () => {
  const value = `ddapp_${'c0ffee'.repeat(5)}0499`;
  // The last of page 4 and the first of page 5 end alike, and the vendor does not give its pages in the order of their marks.
  const applicationKeys = inventedCredentials(1_200, value, user, 'many').map((one, index) => ({
    ...one,
    key: one.key.slice(0, -4) + String(index === 500 ? 499 : index).padStart(4, '0'),
  }));
  const inPlaceOf = { 5: '11', 11: '5' };
  const { follow, vendor } = await begin({ applicationKeys, oneTimeRead: true }, { inPlaceOf });
  const incident = await follow({ provider: 'datadog', kind: 'application-key', secret: value });
  expect(incident).toMatchObject({ state: 'parked', outcome: 'ambiguous' });
  for (const index of [499, 500]) expect(incident.reason).toContain(applicationKeys[index]?.id);
  expect(vendor.deletions).toEqual([]);
});

test('a first page that was read before a search does not stand for the one after it', async () => {
  const value = `ddapp_${'c0ffee'.repeat(5)}0100`;
  const numbered = inventedCredentials(1_201, value, user, 'many').map((one, index) => ({
    ...one,
    key: one.key.slice(0, -4) + String(index).padStart(4, '0'),
  }));
  const [target, newcomers] = [numbered[100], numbered.splice(1_200)];
  // While it is searched for, the first key goes and another comes: what was first on the second page is last on the first.
  const afterPage = (page: string) => {
    if (page === '0' || newcomers.length === 0) return;
    numbered.splice(0, 1);
    numbered.push(...newcomers.splice(0));
  };
  const { follow } = await begin({ applicationKeys: numbered, oneTimeRead: true }, { afterPage });
  const incident = await follow({ provider: 'datadog', kind: 'application-key', secret: value }, { withinMs: 1_000 });
  expect(incident).toMatchObject({ state: 'awaiting-approval', keyId: target?.id });
});

test('a key is found where more than a page of others are marked alike', async () => {
  const keys = [...inventedKeys(900, 'many'), ...keyWithDecoys(leaked, 'checkout', 350)];
  const { follow, vendor } = await begin({ keys });
  const incident = await follow({ provider: 'datadog', secret: leaked });
  expect(incident).toMatchObject({ outcome: 'revoked', keyId: keyWithDecoys(leaked, 'checkout', 0)[0]?.id });
  expect(vendor.deletions).toEqual([incident.keyId]);
});

test('a key is found in a long list that others are taken out of meanwhile', async () => {
  const keys = [...inventedKeys(5_000, 'many'), ...keyWithDecoys(leaked, 'checkout', 0)];
  const { follow, vendor, pages } = await begin({ keys });
  // With every page that is asked for, the list has become shorter.
  vendor.server.on('request', (_, response) => response.once('close', () => void keys.shift()));
  const incident = await follow({ provider: 'datadog', secret: leaked });
  expect(incident).toMatchObject({ outcome: 'revoked', attempts: 1 });
  expect(vendor.deletions).toEqual([incident.keyId]);
  expect(pages().length).toBeLessThan(12);
});

test('that a key is not there is believed of the whole list alone', async () => {
  const { follow, pages } = await begin({ keys: inventedKeys(2_000, 'many') });
  expect(await follow({ provider: 'datadog', secret: leaked })).toMatchObject({ outcome: 'not-found' });
  expect(new Set(pages()).size).toBe(20);
});

test('a list that is sorted in another way than we think is read whole', async () => {
  // Letters in both cases: the vendor sorts them as words.
  const value = 'ddapp_aBcDeFgHiJkLmNoPqRsTuVwXyZaBcDeFzz';
  const others = inventedCredentials(1_200, value, user, 'many');
  const [target] = inventedCredentials(1, value, user, 'target').map((one) => ({ ...one, key: value }));
  const { follow, pages } = await begin({ applicationKeys: [...others, ...(target ? [target] : [])] });
  const incident = await follow({ provider: 'datadog', kind: 'application-key', secret: value });
  expect(incident).toMatchObject({ outcome: 'revoked', keyId: target?.id });
  expect(new Set(pages()).size).toBe(13);
});

test('pages of a long list are read side by side, and each once', async () => {
  const others = inventedCredentials(2_480, token, user, 'many');
  const [target] = inventedCredentials(1, token, user, 'target').map((one) => ({ ...one, key: token }));
  const { run, reportOf, pages, open } = await begin({
    personalAccessTokens: [...others, ...(target ? [target] : [])],
  });
  await run(reportOf({ provider: 'datadog', kind: 'personal-access-token', secret: token }, {}));
  // To find it, and again to see that it is gone.
  const times = Object.values(Object.groupBy(pages(), (page) => page)).map((same) => same?.length);
  expect(times).toEqual(Array(25).fill(2));
  expect(open.most).toBeGreaterThan(1);
  expect(open.most).toBeLessThanOrEqual(10);
});

test('runs of one function share how many pages are on their way', async () => {
  const others = inventedCredentials(1_500, token, user, 'many');
  const { run, reportOf, open } = await begin({ personalAccessTokens: others });
  const body = token.slice(6);
  const secrets = ['a', 'b', 'c', 'd'].map((letter) => `ddpat_${letter}${body.slice(1)}`);
  await Promise.all(
    secrets.map((secret) => run(reportOf({ provider: 'datadog', kind: 'personal-access-token', secret }, {}))),
  );
  // Ten pages, and what each of four runs asks first.
  expect(open.most).toBeLessThanOrEqual(14);
});

test('a list that grows between its first page and the others is read again, not taken for the whole', async () => {
  const others = inventedCredentials(299, token, user, 'many');
  const [target] = inventedCredentials(1, token, user, 'target').map((one) => ({ ...one, key: token }));
  if (!target) throw new Error('no token was invented');
  const personalAccessTokens = [...others, target];
  const newcomers = inventedCredentials(1, token, user, 'newcomer');
  // It pushes the last one to a page that there was not, and itself makes up the number.
  const afterPage = () => void personalAccessTokens.splice(150, 0, ...newcomers.splice(0));
  const { follow, vendor } = await begin({ personalAccessTokens }, { afterPage });
  const incident = await follow({ provider: 'datadog', kind: 'personal-access-token', secret: token });
  expect(incident).toMatchObject({ outcome: 'revoked', keyId: target.id });
  expect(vendor.deletions).toEqual([target.id]);
});

test('a page that is refused for the rate ends the reading, which begins again after the wait that was named', async () => {
  const others = inventedCredentials(5_900, token, user, 'many');
  const { run, drain, reportOf, pages, vendor, clock } = await begin({ personalAccessTokens: others });
  const reply = { status: 429, headers: { 'x-ratelimit-reset': '120' }, body: { errors: ['Too many requests'] } };
  vendor.troubles.push({ on: /number%5D=1&|number%5D=1$/, times: 1, reply });
  const report = reportOf({ provider: 'datadog', kind: 'personal-access-token', secret: token });
  const began = clock.now();
  await run(report);
  // The first of those side by side is refused: the others end with the page they are at.
  expect(pages().length).toBeLessThan(59);
  await drain();
  expect(clock.now() - began).toBeGreaterThanOrEqual(120_000);
  expect(new Set(pages()).size).toBe(59);
});
