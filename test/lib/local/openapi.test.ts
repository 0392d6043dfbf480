import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { incidentId } from '../../../functions/revocation/fingerprint.ts';
import { Secret } from '../../../functions/revocation/secret.ts';
import { sampleSigningSecret } from '../../../lib/local/samples.ts';
import { type Document, flawsIn, operationsIn } from '../../support/openapi.ts';
import { admin, canaries, leaked, testStage } from '../../support/stage.ts';

const token = 'canary-0fa11edca9a7e';
let stage: Awaited<ReturnType<typeof testStage>>;
let document: Document;
let text: string;
beforeAll(async () => {
  stage = await testStage({
    secrets: {
      'leakstop/providers/datadog/prod': admin,
      'leakstop/sources/standard': { secrets: [sampleSigningSecret] },
      'leakstop/sources/gitlab': { revocationToken: token },
    },
    config: {
      providers: { datadog: { accounts: ['prod'], action: 'approve' } },
      sources: ['standard', 'gitlab'],
      notices: { eventBus: null },
    },
  });
  const described = await stage.call('GET', '/openapi.json');
  expect([described.status, described.headers.get('content-type')]).toEqual([200, 'application/json']);
  ({ text } = described);
  document = JSON.parse(text);
});
afterAll(() => stage.close());

/** What the stage answered, once that is seen to be as the document says. */
async function held(route: string, path: string, body?: unknown, headers: Record<string, string> = {}) {
  const [method = ''] = route.split(' ');
  const answered = await stage.call(method, path, body, headers);
  return seen(route, answered);
}
function seen(route: string, answered: Awaited<ReturnType<typeof stage.call>>) {
  const { status, json } = answered;
  const type = answered.headers.get('content-type');
  expect(flawsIn(document, route, { status, type, body: json })).toEqual([]);
  const declared = Object.fromEntries(operationsIn(document))[route]?.responses[status]?.headers ?? {};
  for (const name of ['location', 'preference-applied'])
    if (answered.headers.has(name)) expect(Object.keys(declared).map((each) => each.toLowerCase())).toContain(name);
  return answered;
}

const incident = (id: string) => held('GET /incidents/{id}', `/incidents/${id}`);
const unknown = incidentId(new Secret('k'), 'datadog', 'api-key', { secret: new Secret('nobody knows it') });

describe('what the stage answers is what its description says', () => {
  test('of an incident that waits for approval, is approved and closes, and of what nobody decides then', async () => {
    const alerted = seen('POST /sources/{source}', await stage.alert({ provider: 'datadog', secret: leaked }));
    expect(alerted.status).toBe(202);
    const { id } = alerted.json.incidents[0];
    await stage.until(id, ({ state }) => state === 'awaiting-approval');
    expect((await incident(id)).json.state).toBe('awaiting-approval');
    const approved = await held('POST /incidents/{id}/approve', `/incidents/${id}/approve`, { reason: 'it leaked' });
    expect(approved.status).toBe(200);
    await stage.until(id, ({ state }) => state === 'closed');
    const { json } = await incident(id);
    expect(json).toMatchObject({ outcome: 'revoked', proof: { dead: true }, timeToDeadMs: expect.any(Number) });
    for (const verb of ['approve', 'reject', 'retry', 'restore'])
      expect(await held(`POST /incidents/{id}/${verb}`, `/incidents/${id}/${verb}`)).toMatchObject({ status: 409 });
  });

  test('of an order, accepted and waited for, and of a report, whose leaks are parked', async () => {
    const order = { provider: 'datadog', secret: 'dd4e'.repeat(8), action: 'delete', location: { path: 'a', line: 3 } };
    expect(await held('POST /revocations', '/revocations', order)).toMatchObject({ status: 202 });
    const waited = await held('POST /revocations', '/revocations', order, { prefer: 'wait=25' });
    expect(waited).toMatchObject({ status: 200, json: { outcome: 'not-found' } });
    const entry = { RuleID: 'generic-api-key', Secret: 'an-odd-value-of-nobody', File: 'a.env' };
    const report = await held('POST /reports/{format}', '/reports/gitleaks', [entry, { File: 'b.env' }]);
    expect(report).toMatchObject({ status: 202, json: { accepted: 1, skipped: [{ index: 1 }] } });
    const { id } = report.json.incidents[0];
    await stage.resting(id);
    expect((await incident(id)).json).toMatchObject({ state: 'parked', outcome: 'unrouted' });
    const rejected = await held('POST /incidents/{id}/reject', `/incidents/${id}/reject`, { reason: 'of nobody' });
    expect(rejected).toMatchObject({ status: 200, json: { outcome: 'rejected' } });
  });

  test('of the list, the fuse, the health, and of itself', async () => {
    const entries = ['one', 'another'].map((name) => ({
      RuleID: 'generic-api-key',
      Secret: `${name}-of-nobody`,
      File: 'a',
    }));
    const report = await held('POST /reports/{format}', '/reports/gitleaks', entries);
    for (const { id } of report.json.incidents) await stage.resting(id);
    const { json } = await held('GET /incidents', '/incidents?limit=1&state=parked');
    expect(json).toMatchObject({ incidents: [{ state: 'parked' }], cursor: expect.any(String) });
    await held('GET /incidents', `/incidents?limit=1&state=parked&cursor=${encodeURIComponent(json.cursor)}`);
    for (const route of ['GET /fuse', 'POST /fuse/reset', 'GET /health', 'GET /openapi.json'])
      expect(await held(route, route.split(' ')[1] ?? '')).toMatchObject({ status: 200 });
  });

  test.each([
    ['POST /revocations', '/revocations', { more: 1 }, 400],
    ['POST /reports/{format}', '/reports/of-nobody', [], 404],
    ['POST /reports/{format}', '/reports/sarif', { runs: 1 }, 400],
    ['GET /incidents', '/incidents?state=lost', undefined, 400],
    ['GET /incidents/{id}', `/incidents/${unknown}`, undefined, 404],
    ['POST /incidents/{id}/approve', `/incidents/${unknown}/approve`, undefined, 404],
    ['POST /sources/{source}', '/sources/github', {}, 404],
    ['POST /sources/{source}', '/sources/standard', {}, 401],
  ])('of what is wrong with %s %s', async (route, path, body, status) => {
    expect(await held(route, path, body)).toMatchObject({ status });
  });

  test("of a signed alert that is none, and of GitLab's own addresses", async () => {
    expect(seen('POST /sources/{source}', await stage.alert({ provider: 'datadog' })).status).toBe(400);
    const authorization = { authorization: token };
    const types = '/sources/gitlab/revocable_token_types';
    const told = await held('GET /sources/{source}/{endpoint}', types, undefined, authorization);
    expect(told.json.types).toContain('gitleaks_rule_id_datadog-access-token');
    expect(await held('GET /sources/{source}/{endpoint}', types)).toMatchObject({ status: 401 });
    const revoke = (body: unknown) =>
      held('POST /sources/{source}/{endpoint}', '/sources/gitlab/revoke_tokens', body, authorization);
    expect(await revoke([])).toMatchObject({ status: 204 });
    expect(await revoke({})).toMatchObject({ status: 400 });
  });
});

test('the description says which sources report to this stage, and holds nothing of their secrets', () => {
  const { parameters = [] } = document.paths['/sources/{source}']?.post ?? {};
  expect(parameters[0]?.schema).toEqual({ type: 'string', enum: ['standard', 'gitlab'] });
  for (const secret of [...canaries, token, 'whsec_']) expect(text).not.toContain(secret);
});

test('an address that only looks like that of the description is no route', async () => {
  expect(await stage.call('GET', '/openapi-json')).toMatchObject({ status: 404 });
});
