import { describe, expect, test } from 'vitest';
import { providers } from '../../../functions/providers/index.ts';
import { ggshield } from '../../../functions/reports/ggshield.ts';
import { leaksOf } from '../../../functions/revocation/findings.ts';
import { apiKey, findingsIn, foreign, problemOf, reasonFor, scanned } from '../../support/scans.ts';

const digest = '9f'.repeat(32);
const occurrence = (match: unknown = apiKey, match_type: string | undefined = 'apikey') => ({
  match,
  match_type,
  line_start: 12,
  line_end: 12,
  index_start: 3,
  index_end: 35,
});
const incident = (...occurrences: unknown[]) => ({
  policy: 'Secrets detection',
  occurrences: occurrences.length > 0 ? occurrences : [occurrence()],
  type: 'Datadog API Credentials',
  validity: 'valid',
  ignore_sha: digest,
  total_occurrences: 1,
  incident_url: '',
  known_secret: false,
});
const entity = (...incidents: unknown[]) => ({ mode: 'NEW', filename: 'deploy/app.env', incidents });
const scan = (...entities: unknown[]) => ({
  id: 'deploy',
  type: 'path_scan',
  entities_with_incidents: entities,
  total_incidents: 1,
  total_occurrences: 1,
});

describe('a report of ggshield', () => {
  test('gives the match, the detector by its name for machines, the place, and no digest of the secret', () => {
    expect(findingsIn(ggshield, scan(entity(incident())))).toEqual([
      {
        scanner: 'gitguardian',
        detector: 'datadog_api_credentials',
        value: apiKey,
        location: { path: 'deploy/app.env', line: 12 },
      },
    ]);
    expect(JSON.stringify(scanned(ggshield, scan(entity(incident()))))).not.toContain(digest);
  });

  test('of commits holds one scan for each, whose id is the commit', () => {
    const commit = { ...scan(entity(incident())), id: 'c0ffee11', type: 'commit' };
    const clean = { id: 'c0ffee22', type: 'commit', total_incidents: 0, total_occurrences: 0 };
    const [finding, ...others] = findingsIn(ggshield, { id: 'x', type: 'commit-range', scans: [clean, commit] });
    expect(finding.location).toEqual({ path: 'deploy/app.env', line: 12, commit: 'c0ffee11' });
    expect(others).toEqual([]);
  });

  test('is counted in the order in which its incidents stand', () => {
    const bad = incident(occurrence('canary***'));
    const inner = scan(entity(bad, incident()));
    const given = { ...scan(entity(incident(), bad)), scans: [scan(entity(incident())), { scans: [inner] }, inner] };
    const { findings, skipped } = scanned(ggshield, given);
    expect(findings.map(({ index }) => index)).toEqual([0, 2, 4, 6]);
    expect(skipped.map(({ index }) => index)).toEqual([1, 3, 5]);
  });

  test('that calls its files results is read, too', () => {
    expect(findingsIn(ggshield, { results: [entity(incident())] })).toHaveLength(1);
  });

  test('that found nothing is empty', () => {
    const empty = { is: 'scan', findings: [], skipped: [] };
    expect(scanned(ggshield, { id: 'x', type: 'path_scan', total_incidents: 0, total_occurrences: 0 })).toEqual(empty);
    expect(scanned(ggshield, { scans: [] })).toEqual(empty);
  });

  test.each([...foreign, ['an array', []], ['null', null]] as [string, unknown][])('is not %s', (_, report) => {
    expect(problemOf(ggshield, report)).toMatch(/ggshield secret scan.*--json/);
  });

  test('is refused whole past 20,000 incidents, or scans, however they are laid', () => {
    expect(problemOf(ggshield, scan(entity(...Array(20_001).fill({}))))).toMatch(/more than 20,000/);
    expect(problemOf(ggshield, { scans: Array(20_001).fill({}) })).toMatch(/more than 20,000/);
    const deep = `${'{"scans":['.repeat(30_000)}${']}'.repeat(30_000)}`;
    expect(problemOf(ggshield, deep)).toMatch(/more than 20,000/);
  });

  test('whose scans lie deep is read', () => {
    const deep = `${'{"scans":['.repeat(3_000)}${JSON.stringify(scan(entity(incident())))}${']}'.repeat(3_000)}`;
    expect(findingsIn(ggshield, deep)).toHaveLength(1);
  });
});

describe('an incident', () => {
  test.each([
    ['most of it', 'canary36g3***************-*****+**********ljel'],
    ['all of it', '********'],
    ['a short one', '**x'],
    ['one character', '*'],
  ])('that is censored, %s, is skipped with the remedy', (_, match) => {
    const reason = 'match is redacted; scan with --show-secrets';
    expect(reasonFor(ggshield, scan(entity(incident(occurrence(match)))))).toBe(reason);
    expect(reasonFor(ggshield, scan(entity(incident(occurrence(), occurrence(match, 'client_id')))))).toBe(reason);
  });

  test('seen in several places is one finding, at the first of them', () => {
    const again = { ...occurrence(), line_start: 40 };
    const [finding, ...others] = findingsIn(ggshield, scan(entity(incident(occurrence(), again))));
    expect(finding).toMatchObject({ value: apiKey, location: { line: 12 } });
    expect(others).toEqual([]);
  });

  test('of several matches gives them as the parts they are', () => {
    const matches = [occurrence('mdb-client', 'client_id'), occurrence(apiKey, 'client_secret')];
    const given = { ...incident(...matches, ...matches), type: 'MongoDB Atlas Keys' };
    const [first] = scanned(ggshield, scan(entity(given))).findings;
    expect(findingsIn(ggshield, scan(entity(given)))[0]).toMatchObject({
      detector: 'mongodb_atlas_keys',
      parts: { client_id: 'mdb-client', client_secret: apiKey },
    });
    expect(first && leaksOf(first.finding, providers)).toMatchObject([
      { provider: 'mongodb-atlas', kind: 'api-key', identifiers: { publicKey: 'mdb-client' } },
    ]);
  });

  test('of two matches of one type loses neither', () => {
    const given = incident(occurrence('first-value'), occurrence('second-value'));
    expect(findingsIn(ggshield, scan(entity(given)))[0]).toMatchObject({
      value: 'first-value',
      parts: { apikey: 'first-value', 'apikey 2': 'second-value' },
    });
  });

  test('of an older release, whose matches have a type of another name, is read', () => {
    const { match_type, ...old } = occurrence('x-value');
    const other = { ...old, match: 'y-value', type: 'client_id' };
    const given = incident({ ...old, type: match_type }, other);
    expect(findingsIn(ggshield, scan(entity(given)))[0].parts).toEqual({ apikey: 'x-value', client_id: 'y-value' });
  });

  test('that GitGuardian knows is referred to by its page there', () => {
    const incident_url = 'https://dashboard.gitguardian.com/workspace/1/incidents/17';
    const [finding] = findingsIn(ggshield, scan(entity({ ...incident(), incident_url, known_secret: true })));
    expect(finding.reference).toBe(incident_url);
  });

  test('that cannot be read keeps none of the others from being read', () => {
    const odd = [null, 7, 'canary', {}, { occurrences: [] }, { occurrences: ['canary'] }, { occurrences: null }];
    const { findings, skipped } = scanned(ggshield, scan('canary', { incidents: 7 }, entity(...odd, incident())));
    expect(findings.map(({ index }) => index)).toEqual([9]);
    expect(new Set(skipped.map(({ reason }) => reason))).toEqual(new Set(['is no incident with occurrences']));
    expect(skipped).toHaveLength(9);
  });

  test('without a match, or with too many, is skipped', () => {
    expect(reasonFor(ggshield, scan(entity(incident(occurrence(null)))))).toBe('has no match');
    const many = Array.from({ length: 17 }, (_, index) => occurrence(`canary-${index}`, `type ${index}`));
    expect(reasonFor(ggshield, scan(entity(incident(...many))))).toBe('has more than 16 match');
  });
});
