import { inspect } from 'node:util';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { createSend } from '../../../functions/platform/http.ts';
import { createPublicKeys } from '../../../functions/platform/public-keys.ts';
import { Unavailable } from '../../../functions/revocation/errors.ts';
import type { Keys } from '../../../functions/revocation/source.ts';
import { closed, listen } from '../../../lib/local/emulators.ts';
import { type Arrival, type Trouble, vendorServer } from '../../../lib/local/vendors/vendor.ts';
import { testClock } from '../../support/lane.ts';

const minute = 60_000;
const hour = 60 * minute;
const entry = (id: string, more: object = {}) => ({
  key_identifier: id,
  key: `PEM of ${id}`,
  is_current: true,
  ...more,
});

let published: unknown;
let arrivals: Arrival[];
let troubles: Trouble[];
let server: ReturnType<typeof vendorServer>;
let url: string;
let clock: ReturnType<typeof testClock>;
let keys: Keys;

beforeEach(async () => {
  published = { public_keys: [entry('one'), entry('old', { is_current: false })] };
  arrivals = [];
  troubles = [];
  server = vendorServer({ arrivals, troubles }, () => ({ status: 200, body: published }));
  url = `${await listen(server)}/meta/public_keys?for=secrets`;
  clock = testClock();
  // A request is over within real seconds; when a list is read again is told by the test's own clock.
  keys = createPublicKeys({ send: createSend({ now: clock.now }), now: clock.now });
});
afterEach(() => closed(server));

const outage: Trouble = { on: /./, reply: { status: 500 } };
const asked = () => arrivals.length;

describe('a public key', () => {
  test('is given as it is published, and says whether it still signs', async () => {
    expect(await keys.publicKey(url, 'one')).toEqual({ key: 'PEM of one', isCurrent: true });
    expect(await keys.publicKey(url, 'old')).toEqual({ key: 'PEM of old', isCurrent: false });
    expect(arrivals.map(({ method, target }) => `${method} ${target}`)).toEqual(['GET /meta/public_keys?for=secrets']);
    expect(arrivals[0]?.headers['user-agent']).toBe('leakstop');
  });

  test('is current only where the list says so', async () => {
    published = { public_keys: [{ key_identifier: 'a', key: 'PEM' }, entry('b', { is_current: null, extra: {} })] };
    expect(await keys.publicKey(url, 'a')).toMatchObject({ isCurrent: false });
    expect(await keys.publicKey(url, 'b')).toMatchObject({ isCurrent: false });
  });

  test('is given from a list that stands by itself, as deps.dev may publish it', async () => {
    published = [entry('one'), null, entry('old', { is_current: false })];
    expect(await keys.publicKey(url, 'one')).toEqual({ key: 'PEM of one', isCurrent: true });
    expect(await keys.publicKey(url, 'old')).toEqual({ key: 'PEM of old', isCurrent: false });
  });

  test('is kept for an hour, then read anew', async () => {
    await keys.publicKey(url, 'one');
    clock.advance(hour - 1);
    await keys.publicKey(url, 'one');
    expect(asked()).toBe(1);
    published = { public_keys: [entry('one', { is_current: false })] };
    clock.advance(1);
    expect(await keys.publicKey(url, 'one')).toMatchObject({ isCurrent: false });
    expect(asked()).toBe(2);
  });

  test('of one address is none of another', async () => {
    await keys.publicKey(url, 'one');
    published = { public_keys: [entry('two')] };
    const other = url.replace('secrets', 'others');
    expect(await keys.publicKey(other, 'one')).toBeUndefined();
    expect(await keys.publicKey(other, 'two')).toMatchObject({ key: 'PEM of two' });
    expect(await keys.publicKey(url, 'two')).toBeUndefined();
  });

  test('that is asked for by many at once is read once', async () => {
    const all = await Promise.all(Array.from({ length: 50 }, () => keys.publicKey(url, 'one')));
    expect(new Set(all.map((key) => key?.key))).toEqual(new Set(['PEM of one']));
    expect(asked()).toBe(1);
  });
});

describe('an id that nobody knows', () => {
  test('is looked for in the list as it stands now', async () => {
    await keys.publicKey(url, 'one');
    published = { public_keys: [entry('new')] };
    clock.advance(minute);
    expect(await keys.publicKey(url, 'new')).toMatchObject({ key: 'PEM of new' });
    expect(await keys.publicKey(url, 'one')).toBeUndefined();
  });

  test('costs one reading a minute, however many come', async () => {
    for (let index = 0; index < 1000; index += 1) {
      expect(await keys.publicKey(url, `stranger-${index}`)).toBeUndefined();
      clock.advance(59);
    }
    expect(asked()).toBe(1);
    clock.advance(minute);
    await Promise.all(Array.from({ length: 100 }, (_, index) => keys.publicKey(url, `another-${index}`)));
    expect(asked()).toBe(2);
  });

  test.each(['__proto__', 'constructor', ''])('may be any word: %j', async (id) => {
    expect(await keys.publicKey(url, id)).toBeUndefined();
  });
});

describe('while the list cannot be read', () => {
  test('a key that is known goes on, for a day beyond its hour', async () => {
    await keys.publicKey(url, 'one');
    troubles.push(outage);
    for (const wait of [hour, minute, 30_000]) {
      clock.advance(wait);
      expect(await keys.publicKey(url, 'one')).toMatchObject({ key: 'PEM of one' });
    }
    expect(asked()).toBe(3);
    clock.advance(24 * hour);
    await expect(keys.publicKey(url, 'one')).rejects.toThrow(Unavailable);
    await expect(keys.publicKey(url, 'one')).rejects.toThrow(Unavailable);
  });

  test('an unknown id is in doubt, not refused, and is not asked about at once again', async () => {
    await keys.publicKey(url, 'one');
    troubles.push(outage);
    clock.advance(minute);
    for (let index = 0; index < 20; index += 1) {
      await expect(keys.publicKey(url, `stranger-${index}`)).rejects.toThrow(Unavailable);
      clock.advance(2_000);
    }
    expect(asked()).toBe(2);
    expect(await keys.publicKey(url, 'one')).toMatchObject({ key: 'PEM of one' });
  });

  test('the first reading is tried again after a few seconds', async () => {
    troubles.push({ ...outage, times: 1 });
    await expect(keys.publicKey(url, 'one')).rejects.toThrow(Unavailable);
    await expect(keys.publicKey(url, 'one')).rejects.toThrow(Unavailable);
    expect(asked()).toBe(1);
    clock.advance(5_000);
    expect(await keys.publicKey(url, 'one')).toMatchObject({ key: 'PEM of one' });
  });

  test.each<[string, Trouble['reply']]>([
    ['a failure', { status: 503 }],
    ['no list there', { status: 404, body: { public_keys: [entry('one')] } }],
    ['a redirect', { status: 302, headers: { location: '/elsewhere' } }],
    ['a page', { status: 200, body: '<html>' }],
    ['no keys', { status: 200, body: {} }],
    ['an empty list', { status: 200, body: { public_keys: [] } }],
    ['an empty list by itself', { status: 200, body: [] }],
    ['a list of anything by itself', { status: 200, body: [null, 3, { key: 'PEM' }] }],
    ['a list without end by itself', { status: 200, body: Array.from({ length: 101 }, () => entry('one')) }],
    ['a list of anything', { status: 200, body: { public_keys: [null, 3, { key: 'PEM' }] } }],
    ['a list without end', { status: 200, body: { public_keys: Array.from({ length: 101 }, () => entry('one')) } }],
    ['a broken connection', 'drop-before'],
  ])('because of %s, the sender is told to come again, and nothing else', async (_, reply) => {
    troubles.push({ on: /./, reply });
    const error = await keys.publicKey(url, 'canary').catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(Unavailable);
    expect(inspect(error)).not.toMatch(/canary|127\.0\.0\.1:\d+\/|PEM of/);
  });
});

test('an entry that is no key takes no other with it', async () => {
  published = {
    public_keys: [
      null,
      'x',
      entry('long', { key: 'x'.repeat(4097) }),
      { key_identifier: 7 },
      entry('one'),
      entry('', {}),
    ],
  };
  expect(await keys.publicKey(url, 'one')).toMatchObject({ key: 'PEM of one' });
  expect(await keys.publicKey(url, 'long')).toBeUndefined();
});
