import { describe, expect, test } from 'vitest';
import { gitleaks } from '../../../functions/reports/gitleaks.ts';
import { applicationKey, findingsIn, foreign, problemOf, reasonFor, scanned } from '../../support/scans.ts';

const entry = {
  RuleID: 'datadog-access-token',
  Description: 'An invented key',
  StartLine: 12,
  EndLine: 12,
  StartColumn: 3,
  EndColumn: 52,
  Match: `DD_APP_KEY=${applicationKey}`,
  Secret: applicationKey,
  File: 'deploy/app.env',
  SymlinkFile: '',
  Commit: 'c0ffee11c0ffee11c0ffee11c0ffee11c0ffee11',
  Link: 'https://git.example/acme/app/blob/c0ffee11/deploy/app.env#L12',
  Entropy: 1.2,
  Author: 'A Person',
  Email: 'person@example.com',
  Date: '2026-11-19T08:00:00Z',
  Message: 'deploy',
  Tags: [],
  Fingerprint: 'c0ffee11c0ffee11c0ffee11c0ffee11c0ffee11:deploy/app.env:datadog-access-token:12',
};

describe('a report of gitleaks', () => {
  test('gives the secret, the rule, the place and the fingerprint', () => {
    expect(findingsIn(gitleaks, [entry])).toEqual([
      {
        scanner: 'gitleaks',
        detector: 'datadog-access-token',
        value: applicationKey,
        location: { url: entry.Link, path: entry.File, line: 12, commit: entry.Commit },
        reference: entry.Fingerprint,
      },
    ]);
  });

  test('that found nothing is an empty array, or null', () => {
    for (const nothing of ['[]', 'null', ' null\n'])
      expect(scanned(gitleaks, nothing)).toEqual({ is: 'scan', findings: [], skipped: [] });
  });

  test('that begins with a byte order mark is read', () => {
    expect(findingsIn(gitleaks, `\ufeff${JSON.stringify([entry])}`)).toHaveLength(1);
  });

  test('of a folder has neither commit nor link', () => {
    const [finding] = findingsIn(gitleaks, [{ ...entry, Commit: '', Link: undefined, Fingerprint: '' }]);
    expect(finding).not.toHaveProperty('reference');
    expect(finding.location).toEqual({ path: entry.File, line: 12 });
  });

  test('loses a description that cannot be read, and not the secret', () => {
    const odd = { RuleID: 7, File: ['x'], StartLine: 'twelve', Commit: {}, Link: 'x'.repeat(3000), Fingerprint: null };
    expect(findingsIn(gitleaks, [{ ...entry, ...odd }])).toEqual([
      { scanner: 'gitleaks', detector: '', value: applicationKey, location: {} },
    ]);
  });

  test('keeps no user or token of a link', () => {
    const Link = 'https://oauth2:canary-token@git.example/acme/app';
    expect(findingsIn(gitleaks, [{ ...entry, Link }])[0].location.url).toBe('https://git.example/acme/app');
  });

  test.each(foreign)('is not %s', (_, report) => {
    expect(problemOf(gitleaks, report)).toMatch(/gitleaks 8.*--report-format json/);
  });

  test('is refused whole past 20,000 findings', () => {
    expect(findingsIn(gitleaks, Array(20_000).fill(entry))).toHaveLength(20_000);
    expect(problemOf(gitleaks, Array(20_001).fill({}))).toMatch(/more than 20,000 findings; send them in several/);
  });
});

describe('an entry', () => {
  test.each([
    ['the word alone', 'REDACTED'],
    ['the word in other letters and brackets', '[redacted]'],
    ['its beginning and three dots', 'canary-a0a0...'],
    ['nothing but three dots', '...'],
    ['its beginning and an ellipsis', 'canary-a0a0…'],
    ['stars', '***'],
    ['stars at its end', 'canary-a0a0****'],
    ['one star', '*'],
    ['white space around the word', ' REDACTED\n'],
  ])('whose secret is redacted to %s is skipped, with the remedy', (_, Secret) => {
    expect(reasonFor(gitleaks, [{ ...entry, Secret }])).toBe('Secret is redacted; scan without --redact');
  });

  test.each(['redacted-but-a-key', 'a.b..c', 'a*b*c', `${applicationKey}.`])(
    'whose secret only looks a little like that is taken: %s',
    (Secret) => {
      expect(findingsIn(gitleaks, [{ ...entry, Secret }])[0].value).toBe(Secret);
    },
  );

  test('without a secret is skipped', () => {
    for (const Secret of [undefined, null, '', '  ', 7, ['canary']])
      expect(reasonFor(gitleaks, [{ ...entry, Secret }])).toBe('has no Secret');
    expect(reasonFor(gitleaks, [{ ...entry, Secret: '""' }])).toMatch(/^Secret is empty or longer/);
    expect(reasonFor(gitleaks, [{ ...entry, Secret: 'canary'.repeat(20_000) }])).toMatch(/longer than 65,536/);
  });

  test('of gitleaks 7 is skipped, with the remedy', () => {
    const old = { line: 'x', lineNumber: 3, offender: 'canary', rule: 'Datadog', leakURL: '', file: 'a.env' };
    expect(reasonFor(gitleaks, [old])).toBe('was written by gitleaks 7; scan with gitleaks 8');
  });

  test.each([[null], [7], ['canary'], [['canary']]])('that is no object is skipped: %j', (item) => {
    expect(reasonFor(gitleaks, [item])).toBe('is not an object');
  });

  test('that is bad keeps none of the others from being read, and each is known by its position', () => {
    const { findings, skipped } = scanned(gitleaks, [null, entry, { ...entry, Secret: 'REDACTED' }, entry, 7]);
    expect(findings.map(({ index }) => index)).toEqual([1, 3]);
    expect(skipped.map(({ index }) => index)).toEqual([0, 2, 4]);
  });
});
