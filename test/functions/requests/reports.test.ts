import { randomUUID } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { type HttpAnswer, Problem } from '../../../functions/platform/lambda.ts';
import { providers } from '../../../functions/providers/index.ts';
import { formats } from '../../../functions/reports/index.ts';
import { answer } from '../../../functions/requests/index.ts';
import { Unavailable } from '../../../functions/revocation/errors.ts';
import { unroutedReport } from '../../../functions/revocation/intake.ts';
import type { Ledger } from '../../../functions/revocation/ledger.ts';
import { readReport } from '../../../functions/revocation/report.ts';
import { Secret } from '../../../functions/revocation/secret.ts';
import { apiKey, applicationKey, bytesOf } from '../../support/scans.ts';

interface Taken {
  accepted: number;
  skipped: { index: number; reason: string }[];
  incidents: { id: string }[];
}

/** Posts a report to an intake whose only lane is Datadog's. */
async function post(format: string | undefined, body: unknown, { failing = false } = {}) {
  const queues: Record<string, string[]> = {};
  const id = `request-${randomUUID()}`;
  const given: HttpAnswer = await answer(
    { route: 'POST /reports/{format}', parameters: { format }, query: {}, headers: {}, body: bytesOf(body), id },
    {
      intake: {
        providers,
        lanes: { datadog: 'lane' },
        unroutedQueue: 'unrouted',
        fingerprint: async () => new Secret('a fingerprint key that only tests have'),
        send: async (queue, bodies) => {
          if (failing) throw new Unavailable('the queue did not give an answer');
          queues[queue] = [...(queues[queue] ?? []), ...bodies];
        },
        now: () => Date.parse('2026-11-20T12:00:00.000Z'),
        newId: randomUUID,
      },
      ledger: {} as Ledger,
      accounts: { datadog: ['prod'] },
      sources: [],
      sleep: async () => {},
    },
  );
  const { lane = [], unrouted = [] } = queues;
  return {
    ...given,
    id,
    body: given.body as Taken,
    lane: lane.map(readReport),
    unrouted: unrouted.map((text) => unroutedReport.parse(JSON.parse(text))),
    raw: [...lane, ...unrouted].join(),
  };
}

const refusal = (format: string | undefined, body: unknown) =>
  post(format, body).then(
    () => expect.fail('it was taken'),
    (error: unknown) => {
      if (error instanceof Problem) return error;
      throw error;
    },
  );

const leak = (more: object = {}) => ({
  RuleID: 'datadog-access-token',
  Secret: applicationKey,
  File: 'deploy/app.env',
  StartLine: 12,
  Commit: 'c0ffee11',
  Fingerprint: 'c0ffee11:deploy/app.env:datadog-access-token:12',
  ...more,
});

describe('a report of a scanner', () => {
  test('is answered with what was accepted, what was skipped and why, and the incidents', async () => {
    const { status, body, lane, id } = await post('gitleaks', [leak(), leak({ Secret: 'REDACTED' }), 7]);
    expect(status).toBe(202);
    expect(body).toEqual({
      accepted: 1,
      skipped: [
        { index: 1, reason: 'Secret is redacted; scan without --redact' },
        { index: 2, reason: 'is not an object' },
      ],
      incidents: [{ id: lane[0]?.incident }],
    });
    expect(lane).toMatchObject([
      {
        provider: 'datadog',
        kind: 'application-key',
        mayNameKeys: false,
        sighting: {
          source: 'gitleaks',
          delivery: id,
          at: '2026-11-20T12:00:00.000Z',
          reference: 'c0ffee11:deploy/app.env:datadog-access-token:12',
          location: { path: 'deploy/app.env', line: 12, commit: 'c0ffee11' },
        },
      },
    ]);
    expect(lane[0]?.order).toBeUndefined();
    expect(lane[0]?.leak?.secret?.expose()).toBe(applicationKey);
  });

  test('that names one leak twice is one incident, and both findings are accepted', async () => {
    const { body, lane } = await post('gitleaks', [leak(), leak({ File: 'b.env', StartLine: 3, Fingerprint: 'x' })]);
    expect(body.accepted).toBe(2);
    expect(body.incidents).toHaveLength(1);
    expect(lane).toHaveLength(1);
  });

  test('is one incident with that of another upload, by its value', async () => {
    const [first, second] = await Promise.all([post('gitleaks', [leak()]), post('gitleaks', [leak({ File: 'b' })])]);
    expect(first.body.incidents).toEqual(second.body.incidents);
    expect(first.id).not.toBe(second.id);
  });

  test('has what no lane takes parked with a reason, without its secret', async () => {
    const { body, lane, unrouted, raw } = await post('gitleaks', [
      leak({ RuleID: 'generic-api-key', Secret: 'canary-of-nobody' }),
      leak({ RuleID: 'private-key', Secret: '-----BEGIN PRIVATE KEY-----\ncanary\n-----END PRIVATE KEY-----' }),
    ]);
    expect(body).toMatchObject({ accepted: 2, skipped: [] });
    expect(body.incidents.map(({ id }) => id)).toEqual(unrouted.map(({ incident }) => incident));
    expect(lane).toEqual([]);
    expect(unrouted.map(({ reason }) => reason)).toEqual([
      expect.stringMatching(/^provider cannot be told from the secret/),
      expect.stringMatching(/^secret holds spaces/),
    ]);
    expect(raw).not.toContain('canary');
  });

  test('has each secret of a finding become an incident', async () => {
    const pair = { api_key: apiKey, app_key: applicationKey };
    const { body, lane } = await post('trufflehog', { DetectorName: 'DatadogToken', Raw: 'x', SecretParts: pair });
    expect(body.accepted).toBe(1);
    expect(body.incidents).toHaveLength(2);
    expect(lane.map(({ kind }) => kind)).toEqual(['api-key', 'application-key']);
  });

  test('that found nothing is accepted', async () => {
    const nothing = { accepted: 0, skipped: [], incidents: [] };
    for (const [format, body] of [
      ['gitleaks', 'null'],
      ['trufflehog', ''],
      ['gitlab', { vulnerabilities: [] }],
      ['sarif', { runs: [] }],
      ['ggshield', { scans: [] }],
    ] as const)
      expect(await post(format, body)).toMatchObject({ status: 202, body: nothing });
  });

  test('is a bad moment when a queue does not take it: nothing is promised', async () => {
    await expect(post('gitleaks', [leak()], { failing: true })).rejects.toThrow(Unavailable);
  });

  test('of 20,000 findings is taken whole', async () => {
    const many = Array.from({ length: 20_000 }, (_, index) => leak({ Secret: index.toString(16).padStart(40, '0') }));
    const { body, lane } = await post('gitleaks', many);
    expect(body.accepted).toBe(20_000);
    expect(body.incidents).toHaveLength(20_000);
    expect(new Set(lane.map(({ incident }) => incident)).size).toBe(20_000);
  });

  test('of more secrets than that, in fewer findings, is refused whole', async () => {
    const line = (index: number) =>
      JSON.stringify({ DetectorName: 'x', SecretParts: { a: `a${index}`, b: `b${index}`, c: `c${index}` } });
    const problem = await refusal('trufflehog', Array.from({ length: 7_000 }, (_, index) => line(index)).join('\n'));
    expect(problem).toMatchObject({ status: 400, errors: [{ field: '(body)' }] });
    expect(problem.errors[0]?.problem).toMatch(/more than 20,000 findings; send them in several reports/);
  });
});

describe('a report that cannot be taken', () => {
  test.each([undefined, '', 'nobody', 'gitleaks.json', 'Gitleaks', '__proto__', 'constructor', 'canary-1'])(
    'is in a format that is not there: %s',
    async (format) => {
      const problem = await refusal(format, [leak()]);
      expect(problem.status).toBe(404);
      expect(problem.message).toBe('There is no such format; there are ggshield, gitlab, gitleaks, sarif, trufflehog.');
    },
  );

  test.each(Object.keys(formats))('is not what %s is, and is told what to send instead', async (format) => {
    const problem = await refusal(format, '{"canary": "canary"');
    expect(problem).toMatchObject({ status: 400, errors: [{ field: '(body)', problem: expect.any(String) }] });
    expect(JSON.stringify([problem.message, problem.errors])).not.toContain('canary');
  });
});
