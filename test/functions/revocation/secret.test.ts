import { inspect } from 'node:util';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { ZodError } from 'zod';
import { bearer, Secret, sameSecret, sameText, secretValue } from '../../../functions/revocation/secret.ts';

const value = 'canary-5e7a11ed-value';

describe('a secret', () => {
  test('shows its value to expose alone', () => {
    expect(new Secret(value).expose()).toBe(value);
  });

  test.each<[string, (secret: Secret) => string]>([
    ['a string', (secret) => String(secret)],
    ['a template', (secret) => `${secret}`],
    ['a joined list', (secret) => [secret, secret].join()],
    ['JSON', (secret) => JSON.stringify(secret)],
    ['JSON of what holds it', (secret) => JSON.stringify({ deep: [{ secret }] })],
    ['inspection', (secret) => inspect(secret)],
    ['inspection of what holds it', (secret) => inspect({ deep: [{ secret }] }, { depth: null, showHidden: true })],
    ['its own properties', (secret) => JSON.stringify([Object.entries(secret), Reflect.ownKeys(secret)])],
    ['a copy', (secret) => JSON.stringify({ ...secret })],
    ['a structured clone', (secret) => JSON.stringify(structuredClone(secret))],
    ['the message of an error', (secret) => new Error(`cannot use ${secret}`).message],
  ])('does not show its value through %s', (_, print) => {
    const printed = print(new Secret(value));
    expect(printed).not.toContain(value);
    expect(printed).not.toContain('canary');
  });

  test('prints as [secret]', () => {
    expect([String(new Secret(value)), JSON.stringify(new Secret(value)), inspect(new Secret(value))]).toEqual([
      '[secret]',
      '"[secret]"',
      '[secret]',
    ]);
  });

  test('stays secret in the value of an Authorization header', () => {
    const header = bearer(new Secret(value));
    expect(header.expose()).toBe(`Bearer ${value}`);
    expect(JSON.stringify({ header })).not.toContain(value);
  });
});

describe('comparison', () => {
  test('finds equal values equal and all others different', () => {
    expect(sameSecret(new Secret(value), new Secret(value))).toBe(true);
    expect(sameSecret(new Secret(value), new Secret(value.slice(0, -1)))).toBe(false);
    expect(sameSecret(new Secret(value), new Secret(`${value.slice(0, -1)}X`))).toBe(false);
  });

  test('takes values of different length without an error', () => {
    fc.assert(
      fc.property(fc.string(), fc.string(), (left, right) => {
        expect(sameText(left, right)).toBe(left === right);
      }),
    );
  });
});

describe('a secret value from outside', () => {
  test.each([
    ['white space around it', `  ${value}\n`],
    ['double quotes', `"${value}"`],
    ['single quotes', `'${value}'`],
    ['backticks', `\`${value}\``],
    ['quotes in white space', ` "${value}"\r\n`],
  ])('loses %s', (_, given) => {
    expect(secretValue.parse(given).expose()).toBe(value);
  });

  test.each([
    ['a quote on one side', `"${value}`],
    ['quotes that do not match', `"${value}'`],
    ['quotes inside', `ab"cd"ef`],
    ['a percent sign, a slash and a plus', 'ab%2F/c+d=='],
  ])('keeps %s', (_, given) => {
    expect(secretValue.parse(given).expose()).toBe(given);
  });

  test.each([
    ['nothing', ''],
    ['white space alone', ' \t\n'],
    ['empty quotes', '""'],
    ['a space inside', 'one two'],
    ['a line break inside, which would end a header', 'one\r\nx-injected: two'],
    ['a NUL', 'one\u0000two'],
    ['DEL', 'one\u007ftwo'],
    ['letters that are not ASCII', 'schlüssel'],
    ['4,097 characters', 'x'.repeat(4097)],
  ])('refuses %s', (_, given) => {
    expect(() => secretValue.parse(given)).toThrow(ZodError);
  });

  test('takes 1 and 4,096 characters', () => {
    expect(secretValue.parse('x').expose()).toBe('x');
    expect(secretValue.parse('x'.repeat(4096)).expose()).toBe('x'.repeat(4096));
  });

  test('does not repeat the value in what it says of a wrong one', () => {
    const { error } = secretValue.safeParse(`${value} ${value}`);
    expect(inspect(error, { depth: null })).not.toContain('canary');
  });
});
