import { describe, expect, test } from 'vitest';
import { ZodError } from 'zod';
import { leakFromOperator, leakFromSource } from '../../../functions/revocation/leak.ts';
import { withoutEcho } from '../../../functions/revocation/leak-contents.ts';
import { Secret } from '../../../functions/revocation/secret.ts';

const secret = 'canary/leak+of=this;test';
const whole = {
  provider: 'datadog',
  kind: 'api-key',
  account: 'prod',
  secret,
  identifiers: { keyId: 'b2b2-1' },
  location: { url: 'https://git.example/a', path: 'src/a.py', line: 3, commit: 'c0ffee' },
  exposure: 'public',
  detectedAt: '2026-11-20T12:00:00Z',
  reference: 'https://git.example/alerts/1',
};

describe.each([
  ['a source', leakFromSource],
  ['an operator', leakFromOperator],
] as const)('a leak from %s', (_, schema) => {
  test('is taken with every field of the contract', () => {
    const leak = schema.parse(whole);
    expect(leak.secret?.expose()).toBe(secret);
    expect({ ...leak, secret }).toEqual(whole);
  });

  test('needs a secret or an identifier, and one of them is enough', () => {
    expect(() => schema.parse({ provider: 'datadog' })).toThrow(ZodError);
    expect(() => schema.parse({ provider: 'datadog', identifiers: {} })).toThrow(ZodError);
    expect(schema.parse({ secret }).secret?.expose()).toBe(secret);
    expect(schema.parse({ identifiers: { keyId: 'k-1' } }).identifiers).toEqual({ keyId: 'k-1' });
  });

  test('takes a number for an identifier as its text', () => {
    expect(schema.parse({ identifiers: { userId: 1234 } }).identifiers).toEqual({ userId: '1234' });
  });

  test.each([
    ['a way up', '../../x'],
    ['a slash', 'a/b'],
    ['a dot at the start', '.hidden'],
    ['nothing', ''],
    ['a space', 'a b'],
    ['a percent sign', 'a%2Fb'],
    ['a hash, which separates the parts of a table key', 'a#b'],
    ['a line break at its end', 'abc\n'],
    ['129 characters', 'x'.repeat(129)],
    ['a negative number', -1],
    ['a fraction', 1.5],
    ['an object', { toString: 'x' }],
    ['null', null],
  ])('refuses %s for an identifier', (__, keyId) => {
    expect(() => schema.parse({ identifiers: { keyId } })).toThrow(ZodError);
  });

  test('holds eight identifiers at most, and none under a name that is none', () => {
    const many = (count: number) =>
      Object.fromEntries(
        'abcdefghi'
          .slice(0, count)
          .split('')
          .map((name) => [name, 'x']),
      );
    expect(Object.keys(schema.parse({ identifiers: many(8) }).identifiers ?? {})).toHaveLength(8);
    const nine = schema.safeParse({ identifiers: many(9) });
    expect(Object.keys(nine.data?.identifiers ?? {}).length).toBeLessThanOrEqual(8);
    expect(() => schema.parse({ identifiers: { 'key-id': 'x' } })).toThrow(ZodError);
    expect(() => schema.parse(JSON.parse('{"identifiers":{"__proto__":"x"}}'))).toThrow(ZodError);
  });

  test.each([
    ['provider', 7],
    ['secret', 7],
    ['secret', ''],
    ['identifiers', { keyId: '../../x' }],
  ])('refuses %s %j', (field, value) => {
    expect(() => schema.parse({ ...whole, [field]: value })).toThrow(ZodError);
  });

  test.each([
    ['null', null],
    ['a list', [whole]],
    ['text', 'x'],
    ['nothing', undefined],
  ])('is never %s', (__, value) => {
    expect(() => schema.parse(value)).toThrow(ZodError);
  });
});

describe('where a leak belongs', () => {
  test.each([
    ['provider', 'Data Dog'],
    ['provider', '../x'],
    ['kind', 'api_key'],
    ['account', 'prod/eu'],
    ['account', ''],
    ['secret', 'two words'],
    ['secret', 'two\nlines'],
  ])('is told by a source in any words, and by an operator in ours: %s %j', (field, value) => {
    expect(leakFromSource.safeParse({ ...whole, [field]: value }).success).toBe(true);
    expect(() => leakFromOperator.parse({ ...whole, [field]: value })).toThrow(ZodError);
  });

  test('is read without regard to case and to space around it', () => {
    expect(leakFromSource.parse({ ...whole, provider: ' Datadog', kind: 'API-Key ' })).toMatchObject({
      provider: 'datadog',
      kind: 'api-key',
    });
  });

  test('is not lost for identifiers that say nothing here', () => {
    const identifiers = { keyId: 'k-1', 'X-Odd': 'a', fileName: 'a b', nothing: null, list: [] };
    expect(leakFromSource.parse({ ...whole, identifiers }).identifiers).toEqual({ keyId: 'k-1' });
  });
});

describe('a description that cannot be read', () => {
  test.each([
    ['exposure', 'secretly'],
    ['detectedAt', 'yesterday'],
    ['detectedAt', '2026-11-20T12:00:00'],
    ['reference', ''],
    ['reference', 'x'.repeat(2049)],
    ['location', { line: -1 }],
    ['location', { path: 7 }],
    ['location', 'src/a.py'],
  ])('%s %j is left out of an alert and refused in a request', (field, value) => {
    const { [field as 'exposure']: read, ...rest } = leakFromSource.parse({ ...whole, [field]: value });
    expect(Object.values(read ?? {}).filter((part) => part !== undefined)).toEqual([]);
    expect(rest.secret?.expose()).toBe(leakFromSource.parse(whole).secret?.expose());
    expect(() => leakFromOperator.parse({ ...whole, [field]: value })).toThrow(ZodError);
  });

  test('null is nothing in an alert', () => {
    const { secret, account } = leakFromSource.parse({ ...whole, account: null, identifiers: null, location: null });
    expect(secret).toBeDefined();
    expect(account).toBeUndefined();
  });
});

describe('fields that nobody knows', () => {
  const more = { ...whole, severity: 'high', location: { ...whole.location, column: 7 } };

  test('are ignored when a source sends them', () => {
    const leak = leakFromSource.parse(more);
    expect(leak).not.toHaveProperty('severity');
    expect(leak.location).not.toHaveProperty('column');
  });

  test('are refused when an operator sends them', () => {
    expect(() => leakFromOperator.parse({ ...whole, severity: 'high' })).toThrow(ZodError);
    expect(() => leakFromOperator.parse({ ...whole, location: { column: 7 } })).toThrow(ZodError);
  });

  test('are the orders of an operator when a source sends them', () => {
    const leak = leakFromSource.parse({ ...whole, action: 'delete', dryRun: true, reason: 'x' });
    expect(Object.keys(leak).sort()).toEqual(Object.keys(whole).sort());
    expect(leakFromOperator.parse({ ...whole, action: 'observe', dryRun: true, reason: 'x' })).toMatchObject({
      action: 'observe',
      dryRun: true,
      reason: 'x',
    });
    expect(() => leakFromOperator.parse({ ...whole, action: 'destroy' })).toThrow(ZodError);
  });
});

describe('an echo of the secret', () => {
  const held = new Secret(secret);

  test.each([
    ['as it is', `see ${secret}!`, 'see [secret]!'],
    ['percent-encoded', `https://x.example/?q=${encodeURIComponent(secret)}&p=1`, 'https://x.example/?q=[secret]&p=1'],
    [
      'percent-encoded in lower case',
      `https://x.example/?q=${encodeURIComponent(secret).replaceAll(/%../g, (part) => part.toLowerCase())}`,
      'https://x.example/?q=[secret]',
    ],
    ['more than once', `${secret}${secret} ${secret}`, '[secret][secret] [secret]'],
  ])('is taken out of a text that holds it %s', (_, text, expected) => {
    expect(withoutEcho({ reference: text }, held)).toEqual({ reference: expected });
  });

  test('is taken out at every depth, and nothing else is changed', () => {
    const value = { list: [secret, { deep: `a ${secret}` }], number: 7, none: null, absent: undefined, flag: false };
    expect(withoutEcho(value, held)).toEqual({
      list: ['[secret]', { deep: 'a [secret]' }],
      number: 7,
      none: null,
      absent: undefined,
      flag: false,
    });
  });

  test('is taken out of a text however long it is, and stands in none that is shorter', () => {
    const file = `${'/?.*'.repeat(16_000)}!`;
    expect(withoutEcho([`see ${file}!`, 'see /?.*'], new Secret(file))).toEqual(['see [secret]!', 'see /?.*']);
    expect(withoutEcho('a Secret', new Secret('secret'))).toBe('a [secret]'.slice(0, 8));
    expect(withoutEcho(secret.toUpperCase(), held)).toBe('[secret]');
  });

  test('leaves the secret itself where it is', () => {
    expect(withoutEcho({ secret: held, reference: secret }, held)).toEqual({ secret: held, reference: '[secret]' });
  });

  test('cannot be there when no secret is known', () => {
    const value = { reference: secret };
    expect(withoutEcho(value, undefined)).toBe(value);
  });
});
