import { createHash, createHmac } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { providers } from '../../../functions/providers/index.ts';
import { leaksOf } from '../../../functions/revocation/findings.ts';
import type { Alert } from '../../../functions/revocation/source.ts';
import { trufflehog } from '../../../functions/sources/trufflehog.ts';
import { sourceConformance } from '../../support/source-conformance.ts';

const bytes = (value: unknown) => new TextEncoder().encode(typeof value === 'string' ? value : JSON.stringify(value));
const now = Date.parse('2026-11-20T12:00:00Z');
const page = 'https://github.com/acme/app/blob/c0ffee/deploy.env#L4';
const apiKey = 'b1'.repeat(16);
const appKey = 'a0'.repeat(20);
const place = { repository: 'https://github.com/acme/app', file: 'deploy.env', commit: 'c0ffee', line: 4 };
/** As the open scanner writes it. */
const finding = {
  SourceMetadata: { Data: { Github: { ...place, link: page, email: 'dev@acme.example' } } },
  SourceID: 1,
  SourceType: 7,
  SourceName: 'trufflehog - github',
  DetectorName: 'DatadogToken',
  Verified: true,
  Raw: appKey,
  RawV2: appKey + apiKey,
  Redacted: '',
  SecretParts: { api_key: apiKey, app_key: appKey },
};
/** Without a value, as the service is said to send it. */
const redacted = {
  source_type: 'SourceType_SOURCE_TYPE_GIT',
  detector_name: 'DatadogToken',
  redacted: 'a0a0********',
  source_metadata: { data: { git: place } },
};

sourceConformance({
  source: trufflehog,
  secrets: { ours: 'the token of these tests', older: 'the token before it', foreign: 'what another scanner has' },
  config: (...tokens) => ({ tokens }),
  sign: (body, { secret, headers }) => ({
    ...headers,
    'x-hub-signature': createHmac('sha256', secret).update(body).digest('hex'),
  }),
  signedBy: ['x-hub-signature'],
  signsTime: false,
  signsBody: true,
  // RFC 4231, test case 2: the signature is that and nothing else.
  vector: {
    config: { tokens: ['Jefe'] },
    headers: { 'x-hub-signature': '5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843' },
    body: 'what do ya want for nothing?',
    at: now,
  },
  alert: { body: finding },
  another: { body: { ...finding, SourceMetadata: { Data: { Git: place } } } },
  canaries: [apiKey, appKey],
  ignored: { 'an empty list': { body: [] } },
  entries: (count) => ({
    body: Array.from({ length: count }, (_, line) => ({
      ...finding,
      SourceMetadata: { Data: { Git: { ...place, line } } },
    })),
  }),
});

describe('a signature by the default method', () => {
  // The vector of https://docs.trufflesecurity.com/webhook
  const body = bytes('{"source_type":"SourceType_SOURCE_TYPE_GIT",...}');
  const published = '5f246d1f78c832eee4d9b453742476a743a1c7fe73454b6b432b26868525423f';
  const config = trufflehog.config.parse({ tokens: ['mySecretToken'] });
  const noKeys = { publicKey: () => Promise.reject(new Error('there are none')) };
  const passes = (given: string) =>
    trufflehog.verify({ body, headers: { 'x-hub-signature': given }, config, now }, noKeys);

  test('is refused, however right: it can be extended by whoever saw one', () => {
    expect(createHash('sha256').update('mySecretToken').update(body).digest('hex')).toBe(published);
    expect(passes(published)).toBe(false);
  });

  test('gives way to HMAC over the same body, in small letters and without a prefix', () => {
    const right = createHmac('sha256', 'mySecretToken').update(body).digest('hex');
    expect(passes(right)).toBe(true);
    for (const odd of [
      right.toUpperCase(),
      `sha256=${right}`,
      ` ${right}`,
      Buffer.from(right, 'hex').toString('base64'),
    ])
      expect(passes(odd)).toBe(false);
  });
});

describe('a notification', () => {
  const config = trufflehog.config.parse({ tokens: ['x'] });
  const read = (body: unknown, at = now) =>
    trufflehog.read({ body: bytes(body), headers: {}, config, now: at }) as Alert;

  test('that carries values gives the leaks in it, with their place', () => {
    const { findings = [], references } = read(finding);
    expect(references).toEqual([]);
    const leaks = findings.flatMap((one) => leaksOf(one, providers));
    expect(leaks.map(({ provider, kind, secret }) => [provider, kind, secret?.expose()]).sort()).toEqual([
      ['datadog', 'api-key', apiKey],
      ['datadog', 'application-key', appKey],
    ]);
    for (const leak of leaks)
      expect(leak).toMatchObject({
        reference: page,
        location: { url: page, path: 'deploy.env', line: 4, commit: 'c0ffee' },
      });
  });

  test('that carries none is told to a person, by its page', () => {
    const reading = read({ ...redacted, link: page });
    expect(reading).toMatchObject({ is: 'alert', findings: [], references: [{ link: page }] });
    expect(JSON.stringify(reading)).not.toContain('a0a0');
  });

  test('that carries none and has no page is told by its place', () => {
    const link =
      'TruffleHog: DatadogToken, repository https://github.com/acme/app, file deploy.env, commit c0ffee, line 4';
    expect(read(redacted).references).toEqual([{ link }]);
    expect(read(redacted, now + 86_400_000).references).toEqual([{ link }]);
  });

  test('keeps no user or token of a repository or a page', () => {
    const at = 'https://x-access-token:canary@github.com/acme/app';
    const elsewhere = { SourceMetadata: { Data: { Git: { repository: at, file: 'a.env' } } } };
    for (const body of [
      { ...redacted, ...elsewhere },
      { ...redacted, link: at },
      { ...finding, link: at },
    ]) {
      const reading = read(body);
      expect(JSON.stringify(reading)).toContain('https://github.com/acme/app');
      expect(JSON.stringify(reading)).not.toContain('canary');
    }
  });

  test('that says next to nothing is told all the same, each for itself', () => {
    const [first] = read({ source_type: 'SourceType_SOURCE_TYPE_JIRA' }).references ?? [];
    const [second] = read({ source_type: 'SourceType_SOURCE_TYPE_JIRA' }, now + 1000).references ?? [];
    expect(first?.link).toContain('2026-11-20T12:00:00');
    expect(second?.link).not.toBe(first?.link);
  });

  test.each(['a0a0********', 'AKIA***', 'a0a0**', '*', 'REDACTED', '[REDACTED]', 'a0a0...', 'a0a0…'])(
    'with the value %s carries none',
    (masked) => {
      const reading = read({ ...finding, Raw: masked, RawV2: masked, SecretParts: { key: masked } });
      expect(reading).toMatchObject({ findings: [], references: [{ link: page }] });
    },
  );

  test('with one part that cannot be read gives the others', () => {
    const { findings } = read({ ...finding, Raw: null, RawV2: 7, SecretParts: { api_key: apiKey, app_key: ['x'] } });
    expect(findings?.[0]?.parts?.api_key?.expose()).toBe(apiKey);
    expect(findings?.[0]).toMatchObject({ value: undefined, whole: undefined });
  });

  test('is no page when it only looks like one', () => {
    for (const link of ['javascript:alert(1)', 'ftp://x', 'https://git.example/a b', '//git.example', 'git.example'])
      expect(read({ ...redacted, link }).references?.[0]?.link).toMatch(/^TruffleHog: /);
  });

  test('does not keep a value where a place repeats it', () => {
    const link = `https://git.example/?a=${appKey}&b=${apiKey}`;
    const reading = read({
      ...finding,
      DetectorName: `x ${apiKey}`,
      link,
      SourceMetadata: { Data: { Git: { file: appKey } } },
    });
    expect(JSON.stringify(reading)).not.toMatch(/a0a0|b1b1/);
    expect(reading.findings?.[0]?.circumstances?.reference).toBe('https://git.example/?a=[secret]&b=[secret]');
  });

  test('beside one that says nothing is acted on', () => {
    const { findings, references, skipped } = read([finding, {}, redacted]);
    expect([findings?.length, references?.length]).toEqual([1, 1]);
    expect(skipped).toEqual([{ index: 1, reason: 'it names neither a detector nor a source' }]);
  });

  test('is named by nothing secret, neither whole nor redacted', () => {
    const other = { ...finding, Raw: 'c2'.repeat(20), RawV2: null, SecretParts: null };
    expect(read(other).delivery).toBe(read(finding).delivery);
    expect(read({ ...redacted, redacted: 'c2c2' }).delivery).toBe(read(redacted).delivery);
  });
});

test('a scanner’s word alone is not trusted to name keys without their values', () => {
  expect(trufflehog.mayNameKeys).toBe(false);
});
