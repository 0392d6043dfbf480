import { describe, expect, test } from 'vitest';
import { incidentId, incidentIdForm, seal, unseal } from '../../../functions/revocation/fingerprint.ts';
import { leakFromSource } from '../../../functions/revocation/leak.ts';
import { Secret } from '../../../functions/revocation/secret.ts';
import { incidentNamed } from '../../support/reports.ts';

const key = new Secret('a fingerprint key that only tests have');
const otherKey = new Secret('another fingerprint key of these tests');
const leakOf = (given: object) => leakFromSource.parse(given);
const value = 'canary0123456789abcdef';
const id = (given: object, { provider = 'datadog', kind = 'api-key', by = key } = {}) =>
  incidentId(by, provider, kind, leakOf(given));

describe('an incident id', () => {
  test('never changes from one version to the next', () => {
    // These ids stand in people's ledgers: a change here makes old incidents unreachable.
    expect(id({ secret: value })).toBe('inc_0tjr86cn9qz8tptv8t4bbfjxg9');
    expect(id({ identifiers: { keyId: 'k-1' } })).toBe('inc_m99sdjr6rr6nzgvsna6vt8j8tn');
  });

  test('has the form that routes take', () => {
    for (let count = 0; count < 200; count += 1) expect(id({ secret: `value-${count}` })).toMatch(incidentIdForm);
  });

  test('is the same whoever reports the value, however, wherever it was seen', () => {
    const reports = [
      { secret: value },
      { secret: ` "${value}"\n` },
      { secret: value, provider: 'datadog', account: 'prod', exposure: 'public', reference: 'https://x.example' },
      { secret: value, identifiers: { keyId: 'k-1' }, location: { path: 'a.py', line: 3 } },
    ];
    expect(new Set(reports.map((report) => id(report))).size).toBe(1);
  });

  test('is the same in whichever order identifiers come', () => {
    expect(id({ identifiers: { keyId: 'k', userId: 'u' } })).toBe(id({ identifiers: { userId: 'u', keyId: 'k' } }));
  });

  test('differs by value, provider, kind, identifier, and what an identifier is of', () => {
    const ids = [
      id({ secret: value }),
      id({ secret: `${value}0` }),
      id({ secret: value }, { provider: 'coveo' }),
      id({ secret: value }, { kind: 'application-key' }),
      id({ secret: value }, { by: otherKey }),
      id({ identifiers: { keyId: value } }),
      id({ identifiers: { userId: value } }),
      id({ identifiers: { keyId: 'k' } }),
      id({ identifiers: { keyId: 'k', userId: 'u' } }),
      id({ identifiers: { keyId: 'k', userId: 'v' } }),
    ];
    expect(new Set(ids).size).toBe(ids.length);
  });

  test('does not run provider, kind and value together', () => {
    expect(id({ secret: 'c-d' }, { provider: 'a', kind: 'b' })).not.toBe(
      id({ secret: 'd' }, { provider: 'a', kind: 'b-c' }),
    );
    expect(id({ secret: 'd' }, { provider: 'a-b', kind: 'c' })).not.toBe(
      id({ secret: 'd' }, { provider: 'a', kind: 'b-c' }),
    );
  });

  test('cannot be made without the key', () => {
    expect(id({ secret: value })).not.toBe(id({ secret: value }, { by: new Secret('x') }));
  });
});

describe('a sealed leak', () => {
  const incident = incidentNamed('a');
  const leak = leakOf({ provider: 'datadog', secret: value, location: { path: 'schlüssel/ä.py' }, account: 'prod' });
  const kept = { leak, mayNameKeys: true, order: { action: 'delete' as const, reason: 'rotated' } };
  const sealed = () => seal(key, incident, kept);

  test('opens as it was', () => {
    const opened = unseal(key, incident, sealed());
    expect(opened).toEqual(kept);
    expect(opened?.leak.secret?.expose()).toBe(value);
  });

  test('opens without an order, and without a secret', () => {
    const bare = { leak: leakOf({ identifiers: { keyId: 'k-1' } }), mayNameKeys: false, order: undefined };
    expect(unseal(key, incident, seal(key, incident, bare))).toEqual(bare);
  });

  test('shows nothing of what is in it', () => {
    const text = Buffer.from(sealed()).toString('latin1');
    for (const part of [value, 'canary', 'datadog', 'prod', 'rotated', 'secret']) expect(text).not.toContain(part);
  });

  test('is another one each time', () => {
    expect(Buffer.from(sealed()).equals(Buffer.from(sealed()))).toBe(false);
  });

  test('does not open for another incident', () => {
    const given = sealed();
    expect(unseal(key, incidentNamed('b'), given)).toBeUndefined();
  });

  test('does not open with another key', () => {
    const given = sealed();
    expect(unseal(otherKey, incident, given)).toBeUndefined();
  });

  test('does not open when any byte of it was changed', () => {
    const given = sealed();
    for (let at = 0; at < given.length; at += 1) {
      const changed = given.with(at, (given[at] ?? 0) ^ 1);
      expect(unseal(key, incident, changed)).toBeUndefined();
    }
  });

  test.each([0, 1, 11, 12, 27, 28])('does not open when only %i bytes of it are left', (length) => {
    const given = sealed().subarray(0, length);
    expect(unseal(key, incident, given)).toBeUndefined();
  });
});
