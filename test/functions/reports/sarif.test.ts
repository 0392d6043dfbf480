import { describe, expect, test } from 'vitest';
import { sarif } from '../../../functions/reports/sarif.ts';
import { applicationKey, findingsIn, foreign, problemOf, reasonFor, scanned } from '../../support/scans.ts';

const result = (text: unknown = applicationKey) => ({
  message: { text: 'datadog-access-token has detected secret for file deploy/app.env.' },
  ruleId: 'datadog-access-token',
  locations: [
    {
      physicalLocation: {
        artifactLocation: { uri: 'deploy/app.env' },
        region: { startLine: 12, startColumn: 3, endLine: 12, endColumn: 52, snippet: { text } },
      },
    },
  ],
  partialFingerprints: { commitSha: 'c0ffee11', email: 'person@example.com', author: 'A Person' },
});
const run = (name: unknown, ...results: unknown[]) => ({ tool: { driver: { name, rules: [] } }, results });
const log = (...runs: unknown[]) => ({
  $schema: 'https://json.schemastore.org/sarif-2.1.0.json',
  version: '2.1.0',
  runs,
});

describe('a SARIF log', () => {
  test('of gitleaks gives the snippet as the secret, the rule and the place', () => {
    expect(findingsIn(sarif, log(run('gitleaks', result())))).toEqual([
      {
        scanner: 'gitleaks',
        detector: 'datadog-access-token',
        value: applicationKey,
        location: { path: 'deploy/app.env', line: 12, commit: 'c0ffee11' },
      },
    ]);
    expect(findingsIn(sarif, log(run('Gitleaks', result())))).toHaveLength(1);
  });

  test.each(['TruffleHog', 'ggshield', 'CodeQL', 'gitleaks-action', ''])(
    'of %j tells places alone: what its snippet holds is no secret',
    (driver) => {
      expect(reasonFor(sarif, log(run(driver, result('canary-line'))))).toMatch(/^tells where a secret is/);
    },
  );

  test('without results or runs is empty', () => {
    const empty = { is: 'scan', findings: [], skipped: [] };
    expect(scanned(sarif, log())).toEqual(empty);
    expect(scanned(sarif, log(run('gitleaks')))).toEqual(empty);
    expect(scanned(sarif, log({ ...run('gitleaks'), results: null }))).toEqual(empty);
  });

  test('has its results counted on from run to run', () => {
    const { findings, skipped } = scanned(
      sarif,
      log(run('gitleaks', result(), result('REDACTED')), {}, run('CodeQL', result()), run('gitleaks', result())),
    );
    expect(findings.map(({ index }) => index)).toEqual([0, 4]);
    expect(skipped.map(({ index }) => index)).toEqual([1, 2, 3]);
  });

  test.each([...foreign, ['an array', []], ['a log whose runs are none', { runs: {} }]] as [string, unknown][])(
    'is not %s',
    (_, report) => {
      expect(problemOf(sarif, report)).toMatch(/SARIF 2\.1\.0/);
    },
  );

  test('is refused whole past 20,000 results, or runs', () => {
    expect(problemOf(sarif, log(run('gitleaks', ...Array(20_001).fill({}))))).toMatch(/more than 20,000/);
    expect(problemOf(sarif, log(...Array(20_001).fill({})))).toMatch(/more than 20,000/);
  });
});

describe('a result of gitleaks', () => {
  test('that is redacted is skipped, with the remedy', () => {
    for (const text of ['REDACTED', 'canary...'])
      expect(reasonFor(sarif, log(run('gitleaks', result(text))))).toBe('snippet is redacted; scan without --redact');
  });

  test('without a snippet or a place is skipped', () => {
    expect(reasonFor(sarif, log(run('gitleaks', result(null))))).toBe('has no snippet');
    const [place] = result().locations;
    const without = { ...result(), locations: [{ physicalLocation: { ...place?.physicalLocation, region: null } }] };
    expect(reasonFor(sarif, log(run('gitleaks', without)))).toBe('has no snippet');
    for (const odd of [
      null,
      7,
      { ruleId: 'x' },
      { ...result(), locations: [] },
      { ...result(), locations: ['canary'] },
    ])
      expect(reasonFor(sarif, log(run('gitleaks', odd)))).toBe('has no location');
  });

  test('in a run that does not name its tool is skipped', () => {
    for (const odd of [{}, null, run(7, result()), { results: [result('canary')] }])
      expect(reasonFor(sarif, log(odd))).toBe('is a run that does not name its tool');
  });
});
