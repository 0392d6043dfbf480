import { describe, expect, test } from 'vitest';
import { gitlab } from '../../../functions/reports/gitlab.ts';
import { applicationKey, findingsIn, foreign, problemOf, reasonFor, scanned } from '../../support/scans.ts';

const digest = '9f'.repeat(32);
const vulnerability = {
  id: digest,
  category: 'secret_detection',
  name: 'Datadog access token',
  description: 'An invented key',
  cve: `deploy/app.env:${digest}:datadog-access-token`,
  severity: 'Critical',
  raw_source_code_extract: applicationKey,
  scanner: { id: 'gitleaks', name: 'Gitleaks' },
  location: { file: 'deploy/app.env', start_line: 12, end_line: 12, commit: { sha: 'c0ffee11', author: 'A Person' } },
  identifiers: [
    { type: 'cwe', name: 'CWE-798', value: '798' },
    { type: 'gitleaks_rule_id', name: 'Gitleaks rule ID datadog-access-token', value: 'datadog-access-token' },
  ],
};
const report = (...vulnerabilities: unknown[]) => ({
  version: '15.0.7',
  vulnerabilities,
  scan: { scanner: { id: 'secrets' }, type: 'secret_detection', status: 'success' },
});

describe("a report of GitLab's secret detection", () => {
  test('gives the extract as the secret, the rule and the place, and no digest of the secret', () => {
    expect(findingsIn(gitlab, report(vulnerability))).toEqual([
      {
        scanner: 'gitlab',
        detector: 'datadog-access-token',
        value: applicationKey,
        location: { path: 'deploy/app.env', line: 12, commit: 'c0ffee11' },
      },
    ]);
    expect(JSON.stringify(scanned(gitlab, report(vulnerability)))).not.toContain(digest);
  });

  test('of a file without history has no commit', () => {
    const location = { ...vulnerability.location, commit: { sha: '0000000' } };
    expect(findingsIn(gitlab, report({ ...vulnerability, location }))[0].location).toEqual({
      path: 'deploy/app.env',
      line: 12,
    });
  });

  test('that found nothing is empty', () => {
    for (const given of [report(), { ...report(), vulnerabilities: null }])
      expect(scanned(gitlab, given)).toEqual({ is: 'scan', findings: [], skipped: [] });
  });

  test('without a scan, as old releases wrote it, is read', () => {
    expect(findingsIn(gitlab, { vulnerabilities: [vulnerability] })).toHaveLength(1);
  });

  test.each([
    ...foreign,
    ['an array', []],
    ['a report of another scan', { ...report(vulnerability), scan: { type: 'sast' } }],
  ] as [string, unknown][])('is not %s', (_, given) => {
    expect(problemOf(gitlab, given)).toMatch(/gl-secret-detection-report\.json/);
  });

  test('is refused whole past 20,000 findings', () => {
    expect(problemOf(gitlab, report(...Array(20_001).fill({})))).toMatch(/more than 20,000/);
  });
});

describe('a vulnerability', () => {
  test('whose description cannot be read is a finding all the same', () => {
    for (const odd of [
      { location: 'x', identifiers: 'x' },
      { location: null, identifiers: [null, { type: 7 }] },
    ])
      expect(findingsIn(gitlab, report({ ...vulnerability, ...odd }))).toEqual([
        { scanner: 'gitlab', detector: '', value: applicationKey, location: {} },
      ]);
  });

  test('without an extract is skipped', () => {
    for (const raw_source_code_extract of [undefined, null, '', 7])
      expect(reasonFor(gitlab, report({ ...vulnerability, raw_source_code_extract }))).toBe(
        'has no raw_source_code_extract',
      );
  });

  test('whose extract was taken out is skipped', () => {
    for (const raw_source_code_extract of ['[REDACTED]', 'canary****'])
      expect(reasonFor(gitlab, report({ ...vulnerability, raw_source_code_extract }))).toMatch(/is redacted; send/);
  });

  test('that shows the first line of a private key is skipped: every such key would be the same', () => {
    for (const raw_source_code_extract of ['-----BEGIN OPENSSH PRIVATE KEY-----', '-----BEGIN PRIVATE KEY-----\n'])
      expect(reasonFor(gitlab, report({ ...vulnerability, raw_source_code_extract }))).toMatch(/private key/);
  });

  test('that is bad keeps none of the others from being read', () => {
    const { findings, skipped } = scanned(gitlab, report(7, vulnerability, {}, vulnerability));
    expect(findings.map(({ index }) => index)).toEqual([1, 3]);
    expect(skipped).toEqual([
      { index: 0, reason: 'is not an object' },
      { index: 2, reason: 'has no raw_source_code_extract' },
    ]);
  });
});
