import { describe, expect, test } from 'vitest';
import { providers } from '../../../functions/providers/index.ts';
import { type Finding, leaksOf } from '../../../functions/revocation/findings.ts';
import { incidentId } from '../../../functions/revocation/fingerprint.ts';
import type { Leak } from '../../../functions/revocation/leak.ts';
import type { Providers } from '../../../functions/revocation/provider.ts';
import { route } from '../../../functions/revocation/routing.ts';
import { Secret } from '../../../functions/revocation/secret.ts';

const applicationKey = 'a0'.repeat(20);
const apiKey = 'b1'.repeat(16);
const shown = (leaks: Leak[]) => leaks.map(({ provider, kind, secret }) => [provider, kind, secret?.expose()]);
const found = (given: Partial<Finding> & Pick<Finding, 'scanner' | 'detector'>) =>
  leaksOf({ value: new Secret(applicationKey), ...given }, providers);

describe('a scanner’s name for a credential', () => {
  test.each([
    ['github', 'datadog_api_key', 'datadog', 'api-key'],
    ['github', 'datadog_app_key', 'datadog', 'application-key'],
    ['gitleaks', 'datadog-access-token', 'datadog', 'application-key'],
    ['gitlab', 'gitleaks_rule_id_datadog-access-token', 'datadog', 'application-key'],
    ['gitlab', 'datadog-access-token', 'datadog', 'application-key'],
    ['gitguardian', 'datadog_api_credentials', 'datadog', 'api-key'],
    ['gitguardian', 'datadog_application_key', 'datadog', 'application-key'],
    ['gitguardian', 'datadog_personal_access_token', 'datadog', 'personal-access-token'],
    ['trufflehog', 'DatadogApikey', 'datadog', 'api-key'],
    ['github', 'coveo_api_key', 'coveo', 'api-key'],
    ['github', 'mongodb_atlas_service_account_secret', 'mongodb-atlas', 'service-account-secret'],
  ] as const)('of %s, %s, is %s %s', (scanner, detector, provider, kind) => {
    expect(shown(found({ scanner, detector }))).toEqual([[provider, kind, applicationKey]]);
  });

  test('that stands for two kinds gives two leaks, each with its own value', () => {
    const expected = [
      ['datadog', 'api-key', apiKey],
      ['datadog', 'application-key', applicationKey],
    ];
    const parts = { app_key: new Secret(applicationKey), api_key: new Secret(apiKey) };
    expect(shown(found({ scanner: 'trufflehog', detector: 'DatadogToken', parts }))).toEqual(expected);
    const whole = new Secret(applicationKey + apiKey);
    expect(shown(found({ scanner: 'trufflehog', detector: 'DatadogToken', whole }))).toEqual(expected);
    expect(shown(found({ scanner: 'trufflehog', detector: 'DatadogToken' }))).toEqual([
      ['datadog', 'application-key', applicationKey],
    ]);
  });

  test('gives way to a form that belongs to another kind of the same provider', () => {
    const token = `ddpat_${'A'.repeat(22)}_${'b'.repeat(36)}`;
    const leaks = found({ scanner: 'github', detector: 'datadog_api_key', value: new Secret(token) });
    expect(leaks.map((leak) => route(leak, providers))).toMatchObject([
      { is: 'routed', provider: 'datadog', kind: 'personal-access-token' },
    ]);
  });

  test('loses none of the values that no kind takes', () => {
    const other = new Secret('an-odd-value');
    const parts = { apikey: new Secret(apiKey), account: other };
    const known = found({ scanner: 'trufflehog', detector: 'DatadogToken', parts });
    expect(shown(known)).toEqual([
      ['datadog', 'application-key', applicationKey],
      [undefined, undefined, apiKey],
      [undefined, undefined, 'an-odd-value'],
    ]);
    expect(shown(leaksOf({ scanner: 'gitguardian', detector: 'mongodb_atlas_keys', parts }, providers))).toEqual([
      [undefined, undefined, apiKey],
      [undefined, undefined, 'an-odd-value'],
    ]);
    const whole = new Secret('both-in-one');
    expect(shown(leaksOf({ scanner: 'trufflehog', detector: 'Nobody', whole }, providers))).toEqual([
      [undefined, undefined, 'both-in-one'],
    ]);
    expect(leaksOf({ scanner: 'github', detector: 'datadog_api_key' }, providers)).toEqual([]);
  });

  test('that stands for a pair gives the one half as the value and the other as its name', () => {
    const parts = { client_id: new Secret('abcdefgh'), client_secret: new Secret(apiKey) };
    expect(leaksOf({ scanner: 'gitguardian', detector: 'mongodb_atlas_keys', parts }, providers)).toMatchObject([
      { provider: 'mongodb-atlas', kind: 'api-key', identifiers: { publicKey: 'abcdefgh' } },
    ]);
  });

  test('that nobody knows gives a leak without a provider, never none', () => {
    expect(shown(found({ scanner: 'gitleaks', detector: 'generic-api-key' }))).toEqual([
      [undefined, undefined, applicationKey],
    ]);
  });

  test('is not mistaken for another scanner’s', () => {
    expect(shown(found({ scanner: 'github', detector: 'datadog-access-token' }))[0]?.[0]).toBeUndefined();
  });

  test('brings along where it was found', () => {
    const circumstances = { location: { path: 'a.py' }, exposure: 'public' as const, account: 'prod' };
    expect(found({ scanner: 'github', detector: 'datadog_api_key', circumstances })).toMatchObject([circumstances]);
  });

  test('is claimed twice by no two kinds, unless each takes another part', () => {
    const claims = new Map<string, string[]>();
    for (const [provider, { kinds }] of Object.entries(providers as Providers)) {
      for (const [kind, { detectors = {} }] of Object.entries(kinds)) {
        for (const [scanner, known] of Object.entries(detectors)) {
          for (const { name, part = '' } of known) {
            const key = `${scanner} ${name} ${part}`;
            claims.set(key, [...(claims.get(key) ?? []), `${provider} ${kind}`]);
          }
        }
      }
    }
    expect([...claims].filter(([, owners]) => owners.length > 1)).toEqual([]);
  });
});

describe('a form that is proof', () => {
  const routed = (value: string) => route({ secret: new Secret(value) }, providers);

  test.each([
    ['32 hexadecimal digits', 'b1'.repeat(16)],
    ['40 hexadecimal digits', 'a0'.repeat(20)],
    ['a UUID', '01234567-89ab-4def-8123-456789abcdef'],
    ['sk- and 64 hexadecimal digits', `sk-${'c2'.repeat(32)}`],
    ['sk- and more', 'sk-proj-abcdefghijklmnopqrstuvwxyz'],
    ['20 letters', 'abcdefghijklmnopqrst'],
  ])('is never %s: several providers write keys like that', (_, value) => {
    expect(routed(value)).toMatchObject({ is: 'unrouted', field: 'provider' });
  });

  test.each([
    [`ddapp_${'a'.repeat(34)}`, 'datadog', 'application-key'],
    [`ddpat_${'A'.repeat(22)}_${'b'.repeat(36)}`, 'datadog', 'personal-access-token'],
    [`ddsat_${'A'.repeat(22)}_${'b'.repeat(36)}`, 'datadog', 'service-access-token'],
    [`mdb_sa_sk_${'a'.repeat(40)}`, 'mongodb-atlas', 'service-account-secret'],
    ['xx01234567-89ab-4def-8123-456789abcdef', 'coveo', 'api-key'],
  ])('%s is', (value, provider, kind) => {
    expect(routed(value)).toMatchObject({ is: 'routed', provider, kind });
  });

  test('says which kind it is where the alert only says the provider', () => {
    const leak = { provider: 'datadog', secret: new Secret(`ddsat_${'A'.repeat(22)}_${'b'.repeat(36)}`) };
    expect(route(leak, providers)).toMatchObject({ kind: 'service-access-token' });
  });

  test('gives the same incident, named or told by its form', () => {
    const key = new Secret('k');
    const secret = new Secret(`ddapp_${'a'.repeat(34)}`);
    const ids = [{ secret }, { provider: 'datadog', kind: 'application-key', secret }].map((leak) => {
      const known = route(leak, providers);
      return known.is === 'routed' ? incidentId(key, known.provider, known.kind, known.leak) : undefined;
    });
    expect(ids[0]).toBe(ids[1]);
  });
});
