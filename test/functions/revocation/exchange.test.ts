import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { Unexpected } from '../../../functions/revocation/errors.ts';
import { path } from '../../../functions/revocation/exchange.ts';

describe('a path', () => {
  test('is the literal text where nothing is filled in', () => {
    expect(path`/api/v2/api_keys`).toBe('/api/v2/api_keys');
  });

  test.each([
    ['a slash', 'a/b', '/keys/a%2Fb/rights'],
    ['a way up inside', '../../admin', '/keys/..%2F..%2Fadmin/rights'],
    ['a backslash', 'a\\b', '/keys/a%5Cb/rights'],
    ['a question mark', 'a?b=c', '/keys/a%3Fb%3Dc/rights'],
    ['a fragment', 'a#b', '/keys/a%23b/rights'],
    ['dots that are encoded already', '%2e%2e', '/keys/%252e%252e/rights'],
    ['a line break', 'a\r\nb', '/keys/a%0D%0Ab/rights'],
    ['an address', 'https://evil.example', '/keys/https%3A%2F%2Fevil.example/rights'],
    ['three dots', '...', '/keys/.../rights'],
    ['letters that are not ASCII', 'é', '/keys/%C3%A9/rights'],
  ])('keeps %s within one segment', (_, id, expected) => {
    expect(path`/keys/${id}/rights`).toBe(expected);
  });

  test.each([
    ['nothing', ''],
    ['a dot', '.'],
    ['two dots', '..'],
  ])('refuses %s for a segment', (_, id) => {
    expect(() => path`/keys/${id}`).toThrow(Unexpected);
    expect(() => path`/keys/${'fine'}/sub/${id}`).toThrow(Unexpected);
  });

  test('refuses half a character, which no path can hold', () => {
    expect(() => path`/keys/${'\ud800'}`).toThrow(Unexpected);
  });

  test('does not repeat what it refuses', () => {
    expect(() => path`/keys/${'..'}`).toThrow('an id cannot stand in a path');
  });

  test('has as many segments as its text, and gives each value back, whatever is filled in', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme', minLength: 1 }), fc.string({ minLength: 1 }), (first, second) => {
        fc.pre(![first, second].some((value) => value === '.' || value === '..') && first.isWellFormed());
        const { pathname, search, hash, host } = new URL(`https://api.example${path`/a/${first}/b/${second}`}`);
        expect(pathname.split('/').map(decodeURIComponent)).toEqual(['', 'a', first, 'b', second]);
        expect([search, hash, host]).toEqual(['', '', 'api.example']);
      }),
    );
  });
});
