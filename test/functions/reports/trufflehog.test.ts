import { describe, expect, test } from 'vitest';
import { providers } from '../../../functions/providers/index.ts';
import { trufflehog } from '../../../functions/reports/trufflehog.ts';
import { leaksOf } from '../../../functions/revocation/findings.ts';
import { apiKey, applicationKey, findingsIn, foreign, problemOf, reasonFor, scanned } from '../../support/scans.ts';

const found = (more: object = {}) => ({
  SourceMetadata: {
    Data: {
      Git: {
        commit: 'c0ffee11',
        file: 'deploy/app.env',
        email: 'A Person <person@example.com>',
        repository: 'https://git.example/acme/app',
        timestamp: '2026-11-19 08:00:00 +0000',
        line: 12,
      },
    },
  },
  SourceID: 1,
  SourceType: 16,
  SourceName: 'trufflehog - git',
  DetectorType: 999,
  DetectorName: 'DatadogApikey',
  DecoderName: 'PLAIN',
  Verified: true,
  Raw: apiKey,
  RawV2: apiKey,
  Redacted: '',
  ExtraData: null,
  StructuredData: null,
  ...more,
});
const lines = (...entries: unknown[]) => entries.map((entry) => JSON.stringify(entry)).join('\n');
const location = { url: 'https://git.example/acme/app', path: 'deploy/app.env', line: 12, commit: 'c0ffee11' };
const pair = { api_key: apiKey, app_key: applicationKey };

/** What becomes of the secrets in a report: provider, kind, value. */
const leaked = (report: string) =>
  scanned(trufflehog, report)
    .findings.flatMap(({ finding }) => leaksOf(finding, providers))
    .map(({ provider, kind, secret }) => [provider, kind, secret?.expose()]);

describe('a report of TruffleHog', () => {
  test('gives the secret, the detector and the place of every line', () => {
    expect(findingsIn(trufflehog, lines(found(), found()))).toEqual(
      Array(2).fill({ scanner: 'trufflehog', detector: 'DatadogApikey', value: apiKey, whole: apiKey, location }),
    );
  });

  test('that found nothing is empty', () => {
    for (const nothing of ['', '\n', ' \r\n \n'])
      expect(scanned(trufflehog, nothing)).toEqual({ is: 'scan', findings: [], skipped: [] });
  });

  test('has lines that end in any way, and empty ones are not counted', () => {
    const given = `\n${lines(found())}\r\n\r\n${lines({ ...found(), Raw: '', RawV2: '' })}\n\n`;
    const { findings, skipped } = scanned(trufflehog, given);
    expect(findings.map(({ index }) => index)).toEqual([0]);
    expect(skipped).toEqual([{ index: 1, reason: 'has no Raw' }]);
  });

  test('keeps no user or token of a repository, and prefers a link to the place', () => {
    const of = (kind: string, data: object) => found({ SourceMetadata: { Data: { [kind]: data } } });
    const repository = 'https://person:canary@git.example/acme/app';
    const link = 'https://git.example/acme/app/blob/c0ffee11/a.env#L1';
    const given = lines(of('Git', { repository }), of('Github', { repository, link }), of('Filesystem', { file: 'a' }));
    expect(findingsIn(trufflehog, given).map((finding) => finding.location)).toEqual([
      { url: 'https://git.example/acme/app' },
      { url: link },
      { path: 'a' },
    ]);
  });

  test('is read without its metadata, too', () => {
    for (const SourceMetadata of [undefined, null, {}, { Data: null }, { Data: {} }, { Data: { Git: 'x' } }])
      expect(findingsIn(trufflehog, lines(found({ SourceMetadata })))[0].location).toEqual({});
  });

  test('does not depend on whether TruffleHog could verify the secret', () => {
    const unverified = found({ Verified: false, VerificationError: 'timeout' });
    expect(findingsIn(trufflehog, lines(unverified))).toHaveLength(1);
  });

  test.each([
    ...foreign,
    ['an array', [found()]],
    ['null', 'null'],
    ['JSON over several lines', JSON.stringify(found(), null, 2)],
    ['its own log alone', lines({ level: 'info-0', msg: 'finished scanning' })],
    ['its legacy JSON', lines({ branch: 'main', commit: 'x', stringsFound: ['canary'] })],
  ] as [string, unknown][])('is not %s', (_, report) => {
    expect(problemOf(trufflehog, report)).toMatch(/JSON lines of TruffleHog 3.*--json/);
  });

  test('is refused whole past 20,000 lines', () => {
    expect(problemOf(trufflehog, '{}\n'.repeat(20_001))).toMatch(/more than 20,000/);
  });
});

describe('a line', () => {
  test('that is no finding keeps none of the others from being read', () => {
    const given = [lines({ level: 'info-0', msg: 'canary' }), lines(found()), 'canary, not JSON', lines(found())];
    const { findings, skipped } = scanned(trufflehog, given.join('\n'));
    expect(findings.map(({ index }) => index)).toEqual([1, 3]);
    expect(skipped).toEqual([0, 2].map((index) => ({ index, reason: 'is no finding, but another line' })));
  });

  test('without a secret is skipped', () => {
    expect(reasonFor(trufflehog, lines(found({ Raw: '', RawV2: '' })))).toBe('has no Raw');
    expect(reasonFor(trufflehog, lines(found({ Raw: null, RawV2: null })))).toBe('has no Raw');
  });

  test('that somebody has redacted is skipped', () => {
    expect(reasonFor(trufflehog, lines(found({ Raw: 'canary***', RawV2: 'canary***' })))).toMatch(/^Raw is redacted/);
    expect(reasonFor(trufflehog, lines(found({ RawV2: 'canary...' })))).toMatch(/^RawV2 is redacted/);
    const SecretParts = { api_key: 'REDACTED', app_key: 'canary...' };
    expect(reasonFor(trufflehog, lines(found({ SecretParts })))).toMatch(/^SecretParts is redacted/);
  });

  test('of the first releases, whose Raw is base64, is skipped with the remedy', () => {
    const Raw = Buffer.from(`canary-${apiKey}`).toString('base64');
    expect(reasonFor(trufflehog, lines(found({ Raw, RawV2: undefined })), Raw)).toMatch(/base64.*current release/);
    expect(findingsIn(trufflehog, lines(found({ Raw, RawV2: '' })))[0].value).toBe(Raw);
    expect(findingsIn(trufflehog, lines(found({ RawV2: undefined })))[0].value).toBe(apiKey);
  });

  test('with more parts than a credential has is skipped', () => {
    const SecretParts = Object.fromEntries(Array.from({ length: 17 }, (_, index) => [`canary${index}`, 'x']));
    expect(reasonFor(trufflehog, lines(found({ SecretParts })))).toBe('has more than 16 SecretParts');
  });
});

describe('what a finding is made of', () => {
  test('is its parts first: each a secret of its own', () => {
    const given = found({ DetectorName: 'DatadogToken', Raw: 'x', RawV2: 'y', SecretParts: pair });
    expect(leaked(lines(given))).toEqual([
      ['datadog', 'api-key', apiKey],
      ['datadog', 'application-key', applicationKey],
    ]);
  });

  test('is the two in RawV2 where it names no parts', () => {
    const given = found({ DetectorName: 'DatadogToken', Raw: applicationKey, RawV2: applicationKey + apiKey });
    expect(leaked(lines(given))).toEqual([
      ['datadog', 'api-key', apiKey],
      ['datadog', 'application-key', applicationKey],
    ]);
  });

  test('is the API key alone where a name of two stands for one', () => {
    const alone = [['datadog', 'api-key', apiKey]];
    expect(leaked(lines(found({ DetectorName: 'DatadogToken' })))).toEqual(alone);
    expect(leaked(lines(found({ DetectorName: 'DatadogToken', SecretParts: { api_key: apiKey } })))).toEqual(alone);
  });

  test('is the one part there is, whatever it is called, before Raw', () => {
    for (const name of ['key', 'api_key', 'token', 'url'])
      expect(leaked(lines(found({ Raw: 'the-name-of-a-key', SecretParts: { [name]: apiKey } })))).toEqual([
        ['datadog', 'api-key', apiKey],
      ]);
  });

  test('is no address that stands beside it', () => {
    const SecretParts = { key: apiKey, host: 'api.example.com', endpoint: '', note: null };
    expect(leaked(lines(found({ SecretParts })))).toEqual([['datadog', 'api-key', apiKey]]);
  });

  test('is Raw where there are no parts that say anything', () => {
    for (const SecretParts of [undefined, null, {}, { key: '' }, ['x'], 'x'])
      expect(leaked(lines(found({ SecretParts })))).toEqual([['datadog', 'api-key', apiKey]]);
  });

  test('is lost nowhere when nobody knows its name', () => {
    const SecretParts = { id: 'an-identifier', secret: 'an-odd-value' };
    expect(leaked(lines(found({ DetectorName: 'Nobody', Raw: 'an-identifier', SecretParts })))).toEqual([
      [undefined, undefined, 'an-identifier'],
      [undefined, undefined, 'an-odd-value'],
    ]);
  });

  test('is taken out of the place where it was found, each part of it', () => {
    const Data = { Git: { file: `${apiKey}/x`, repository: `https://git.example/?a=${applicationKey}` } };
    const given = found({ DetectorName: 'DatadogToken', SecretParts: pair, SourceMetadata: { Data } });
    const [finding] = findingsIn(trufflehog, lines(given));
    expect(finding.location).toEqual({ path: '[secret]/x', url: 'https://git.example/?a=[secret]' });
  });
});
