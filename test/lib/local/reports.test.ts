import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { leaked, testStage } from '../../support/stage.ts';

const canary = 'canary-5e7a11edca9a7e';
const unknown = 'dd4e'.repeat(8);
let stage: Awaited<ReturnType<typeof testStage>>;
beforeAll(async () => {
  stage = await testStage();
});
afterAll(() => stage.close());

const post = (format: string, body: unknown, type = 'application/json') =>
  stage.call('POST', `/reports/${format}`, body, { 'content-type': type });
const found = (Raw: string, more: object = {}) =>
  JSON.stringify({ DetectorName: 'DatadogApikey', Raw, RawV2: Raw, SourceMetadata: { Data: {} }, ...more });
const entry = (Secret: string, more: object = {}) => ({ RuleID: 'generic-api-key', Secret, File: 'a.env', ...more });

describe('a report of a scanner', () => {
  test('ends a key that it found, once, whatever stands beside it', async () => {
    const lines = [found(leaked), 'not JSON', found('REDACTED'), found(unknown), found(leaked)];
    const { status, json } = await post('trufflehog', lines.join('\n'), 'application/x-ndjson');
    expect(status).toBe(202);
    expect(json).toEqual({
      accepted: 3,
      skipped: [
        { index: 1, reason: expect.any(String) },
        { index: 2, reason: expect.any(String) },
      ],
      incidents: [{ id: expect.stringMatching(/^inc_/) }, { id: expect.stringMatching(/^inc_/) }],
    });
    const [ended, missed] = await Promise.all(json.incidents.map(({ id }: { id: string }) => stage.resting(id)));
    expect(ended).toMatchObject({ outcome: 'revoked', sightings: [{ source: 'trufflehog' }], sightingCount: 1 });
    expect(missed).toMatchObject({ outcome: 'not-found', state: 'closed' });
    expect(stage.vendor.deletions).toHaveLength(1);
    expect(stage.vendor.accepts(leaked)).toBe(false);
  });

  test('has what nobody knows here parked, and nothing of it kept or logged', async () => {
    const { status, json, text } = await post('gitleaks', [
      entry(canary, { Link: `https://git.example/?key=${canary}`, Fingerprint: `a.env:${canary}:1` }),
    ]);
    expect([status, json.accepted]).toEqual([202, 1]);
    const incident = await stage.resting(json.incidents[0].id);
    expect(incident).toMatchObject({ state: 'parked', outcome: 'unrouted', provider: null });
    expect(incident.sightings[0]?.location).toMatchObject({ url: 'https://git.example/?key=[secret]' });
    for (const kept of [text, JSON.stringify(incident), JSON.stringify(await stage.items()), stage.logged()])
      expect(kept).not.toContain(canary);
  });

  test('that comes twice is one incident; a fingerprint that is known is no new sighting', async () => {
    const given = [entry('an-odd-value-of-nobody', { Fingerprint: 'a.env:generic-api-key:1' })];
    const ids = [];
    for (const report of [given, given, [{ ...given[0], Fingerprint: 'b.env:generic-api-key:1' }]]) {
      const { json } = await post('gitleaks', report);
      ids.push(json.incidents[0].id);
    }
    expect(new Set(ids).size).toBe(1);
    const { sightingCount } = await stage.until(ids[0], (incident) => incident.sightingCount >= 2);
    expect(sightingCount).toBe(2);
  });

  test('is refused in a format that is not there, or that is not its own', async () => {
    const type = 'application/problem+json';
    for (const [format, body, status] of [
      ['nobody', [], 404],
      ['gitlab', [entry(canary)], 400],
      ['gitleaks', `{"${canary}":`, 400],
    ] as const) {
      const answer = await post(format, body);
      expect([answer.status, answer.headers.get('content-type')]).toEqual([status, type]);
      expect(answer.text).not.toContain(canary);
    }
  });

  test('is refused when it is larger than a body may be', async () => {
    const { status } = await post('trufflehog', found('x').repeat(60_000), 'text/plain');
    expect(status).toBe(413);
  });

  test('of 10,000 findings is durable before the time of a request is over', async () => {
    const many = Array.from({ length: 10_000 }, (_, index) =>
      entry(`${index}`.padStart(40, 'x'), { StartLine: index, Match: 'm'.repeat(200) }),
    );
    const body = JSON.stringify(many);
    expect(body.length).toBeGreaterThan(3_000_000);
    const { status, json } = await post('gitleaks', body);
    expect([status, json.accepted, json.incidents.length]).toEqual([202, 10_000, 10_000]);
  }, 40_000);
});
