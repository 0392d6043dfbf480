import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { startEmulators } from '../../../lib/local/emulators.ts';
import { signedHeaders } from '../../../lib/local/follow.ts';
import { type DatadogKey, inventedKeys, keyWithDecoys } from '../../../lib/local/vendors/datadog.ts';
import { admin, canaries, leaked, testStage } from '../../support/stage.ts';

type TestStage = Awaited<ReturnType<typeof testStage>>;

/** Keys of their own for tests that share one stage. */
const [burst, manual, retried, slow] = inventedKeys(4, 'victims') as [DatadogKey, DatadogKey, DatadogKey, DatadogKey];

describe('the local stage', () => {
  let stage: TestStage;
  beforeAll(async () => {
    const keys = [
      ...inventedKeys(250, 'stage'),
      burst,
      manual,
      retried,
      slow,
      ...keyWithDecoys(leaked, 'checkout', 3),
      ...keyWithDecoys(admin.apiKey, 'leakstop', 0),
    ];
    stage = await testStage({ keys, traits: { propagationMs: 200 } });
  });
  afterAll(() => stage.close());

  test('a signed alert kills the leaked key, and the incident shows timeline, proof and time to dead', async () => {
    const { status, json } = await stage.alert({
      provider: 'datadog',
      kind: 'api-key',
      secret: leaked,
      location: { url: `https://example.com/${leaked}/file` },
      reference: 'https://example.com/alerts/1',
    });
    expect(status).toBe(202);
    expect(json).toEqual({ incidents: [{ id: expect.stringMatching(/^inc_[0-9a-z]{26}$/) }] });
    const incident = await stage.resting(json.incidents[0].id);
    expect(incident).toMatchObject({
      provider: 'datadog',
      account: 'prod',
      kind: 'api-key',
      state: 'closed',
      outcome: 'revoked',
      action: 'delete',
      reason: null,
      attempts: 1,
      sightingCount: 1,
    });
    // A slow machine first asks when the key is dead already.
    const stages = incident.timeline.map(({ stage: name }) => name).filter((name) => name !== 'alive');
    expect(stages).toEqual(['received', 'claimed', 'found', 'sent', 'accepted', 'dead']);
    expect(incident.proof).toMatchObject({ dead: true, method: 'leaked-key-refused' });
    expect(incident.proof?.checks.at(-1)?.result).toBe('dead');
    expect(incident.timeToDeadMs).toBeGreaterThan(0);
    expect(incident.sightings[0]?.location).toEqual({ url: 'https://example.com/[secret]/file' });
    expect(stage.vendor.deletions.filter((id) => id === incident.keyId)).toHaveLength(1);
    expect(stage.vendor.accepts(leaked)).toBe(false);
  });

  test('200 concurrent deliveries of one alert make one incident, one sighting and one deletion', async () => {
    // Where a busy machine gives no answer in time, the sender is told to send again, and does.
    const send = async (again = 20): ReturnType<typeof stage.alert> => {
      const answer = await stage.alert({ provider: 'datadog', secret: burst.key }, { id: 'msg_the-same' });
      return answer.status === 503 && again > 0 ? send(again - 1) : answer;
    };
    const answers = await Promise.all(Array.from({ length: 200 }, () => send()));
    expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([202]));
    const ids = new Set(answers.map(({ json }) => json.incidents[0].id));
    expect(ids.size).toBe(1);
    const incident = await stage.resting([...ids][0] as string);
    expect(incident).toMatchObject({ outcome: 'revoked', sightingCount: 1 });
    expect(
      stage.vendor.arrivals.filter(({ method, target }) => method === 'DELETE' && target.endsWith(burst.id)),
    ).toHaveLength(1);
  });

  test("an operator's request waits for the dead key where it prefers to", async () => {
    const { status, json, headers } = await stage.call(
      'POST',
      '/revocations',
      { provider: 'datadog', identifiers: { keyId: manual.id }, reason: 'seen in a chat' },
      { prefer: 'wait=20' },
    );
    expect(status).toBe(200);
    expect(json).toMatchObject({ outcome: 'revoked', keyId: manual.id, proof: { dead: true, method: 'key-absent' } });
    expect(headers.get('location')).toBe(`/incidents/${json.id}`);
    const again = await stage.call(
      'POST',
      '/revocations',
      { provider: 'datadog', identifiers: { keyId: manual.id } },
      { prefer: 'wait=20' },
    );
    expect(again).toMatchObject({ status: 200, json: { id: json.id, outcome: 'revoked' } });
    expect(stage.vendor.deletions.filter((id) => id === manual.id)).toHaveLength(1);
  });

  test("an operator's request answers at once with the incident where it does not", async () => {
    const { status, json, headers } = await stage.call('POST', '/revocations', {
      provider: 'datadog',
      secret: slow.key,
    });
    expect(status).toBe(202);
    expect(json).toMatchObject({
      provider: 'datadog',
      kind: 'api-key',
      outcome: null,
      proof: null,
      timeToDeadMs: null,
    });
    expect(headers.get('location')).toBe(`/incidents/${json.id}`);
    expect((await stage.call('GET', `/incidents/${json.id}`)).status).toBe(200);
    expect(await stage.resting(json.id)).toMatchObject({ outcome: 'revoked' });
  });

  test('a report by id after the end of one by value is the same incident', async () => {
    const { json } = await stage.call(
      'POST',
      '/revocations',
      { provider: 'datadog', identifiers: { keyId: slow.id } },
      { prefer: 'wait=20' },
    );
    const listed = await stage.call('GET', '/incidents?provider=datadog&limit=100');
    const same = listed.json.incidents.filter(({ keyId }: { keyId: string }) => keyId === slow.id);
    expect(same).toHaveLength(1);
    expect((await stage.until(json.id, ({ sightingCount }) => sightingCount === 2)).id).toBe(same[0].id);
  });

  test("touches nothing when nobody has the key, when it is the admin's own, and in a dry run", async () => {
    const before = stage.vendor.deletions.length;
    const send = (body: object) =>
      stage.call('POST', '/revocations', { provider: 'datadog', ...body }, { prefer: 'wait=20' });
    expect(await send({ secret: '0123456789abcdef0123456789abcdef' })).toMatchObject({
      status: 200,
      json: { state: 'closed', outcome: 'not-found' },
    });
    expect(await send({ secret: admin.apiKey })).toMatchObject({ json: { state: 'parked', outcome: 'protected' } });
    expect(await send({ secret: retried.key, dryRun: true })).toMatchObject({
      json: { state: 'closed', outcome: 'observed' },
    });
    expect(stage.vendor.deletions).toHaveLength(before);
    expect(await send({ secret: retried.key })).toMatchObject({ json: { outcome: 'revoked' } });
  });

  test('parks what it cannot route, with the reason, and lists it', async () => {
    const { status, json } = await stage.alert({ provider: 'nobody-knows', secret: 'whatever-this-is' });
    expect(status).toBe(202);
    const incident = await stage.resting(json.incidents[0].id);
    expect(incident).toMatchObject({ state: 'parked', outcome: 'unrouted', provider: null });
    const wrongAccount = await stage.alert({
      provider: 'datadog',
      account: 'elsewhere',
      secret: 'ffff0000ffff0000ffff0000ffff0000',
    });
    expect(await stage.resting(wrongAccount.json.incidents[0].id)).toMatchObject({
      state: 'parked',
      outcome: 'unrouted',
      provider: 'datadog',
    });
    const { json: list } = await stage.call('GET', '/incidents?outcome=unrouted');
    expect(list.incidents.map(({ id }: { id: string }) => id)).toContain(incident.id);
    const retried = await stage.call('POST', `/incidents/${incident.id}/retry`);
    expect(retried).toMatchObject({ status: 200, json: { state: 'parked', outcome: 'unrouted' } });
  });

  test('a retry goes on where the provider refused us, once that is repaired', async () => {
    const { vendor, call } = stage;
    const [key] = keyWithDecoys('feed0000feed0000feed0000feed0000', 'retry-me', 0) as [DatadogKey];
    vendor.organisations[0]?.keys.push(key);
    const forbidden = { status: 403, body: { errors: ['Forbidden'] } };
    const trouble = { on: /api_keys\/|api_keys\?/, reply: forbidden };
    vendor.troubles.push(trouble);
    const refused = await call('POST', '/revocations', { provider: 'datadog', secret: key.key }, { prefer: 'wait=20' });
    expect(refused.json).toMatchObject({ state: 'parked', outcome: 'failed' });
    expect(refused.json.reason).toMatch(/refuses the admin credential of account prod \(403\).*a right is missing/);
    vendor.troubles.splice(vendor.troubles.indexOf(trouble), 1);
    const answer = await call('POST', `/incidents/${refused.json.id}/retry`);
    expect(answer).toMatchObject({ status: 200, json: { id: refused.json.id } });
    expect(await stage.until(refused.json.id, ({ state }) => state === 'closed')).toMatchObject({ outcome: 'revoked' });
    expect((await call('POST', `/incidents/${refused.json.id}/retry`)).status).toBe(409);
  });

  test('a person approves what a source named by its id alone, or rejects it', async () => {
    const [yes, no] = inventedKeys(2, 'to be decided') as [DatadogKey, DatadogKey];
    stage.vendor.organisations[0]?.keys.push(yes, no);
    const report = async ({ id }: DatadogKey) => {
      const { json } = await stage.alert({ provider: 'datadog', identifiers: { keyId: id } });
      return stage.resting(json.incidents[0].id);
    };
    const asked = await report(yes);
    expect(asked).toMatchObject({ state: 'awaiting-approval', keyId: yes.id });
    expect((await stage.call('POST', `/incidents/${asked.id}/approve`)).status).toBe(200);
    expect(await stage.until(asked.id, ({ state }) => state === 'closed')).toMatchObject({ outcome: 'revoked' });
    const other = await report(no);
    expect(await stage.call('POST', `/incidents/${other.id}/reject`)).toMatchObject({
      status: 200,
      json: { state: 'closed', outcome: 'rejected' },
    });
    expect((await stage.call('POST', `/incidents/${other.id}/approve`)).status).toBe(409);
    expect(stage.vendor.deletions).not.toContain(no.id);
  });

  test.each([
    ['a body that is not JSON', '{"provider":', 400],
    ['null', 'null', 400],
    ['a list', '[]', 400],
    ['neither secret nor identifiers', '{"provider":"datadog"}', 400],
    ['an unknown provider', '{"provider":"acme","secret":"x1"}', 400],
    ['an unknown account', '{"provider":"datadog","account":"acme","secret":"x1"}', 400],
    ['an unknown kind', '{"provider":"datadog","kind":"acme","secret":"x1"}', 400],
    ['an unknown field', '{"provider":"datadog","secret":"x1","colour":"red"}', 400],
    ['an id that climbs', '{"provider":"datadog","identifiers":{"keyId":"../../x"}}', 400],
    ['a provider that cannot be told', '{"secret":"0123456789abcdef0123456789abcdef"}', 400],
    ['an action the provider does not have', '{"provider":"datadog","secret":"x1","action":"disable"}', 400],
    ['5 MiB', `{"provider":"${'x'.repeat(5 * 1024 * 1024)}"}`, 413],
  ])('refuses a request with %s, names the field, sends nothing', async (_, body, status) => {
    const before = stage.vendor.arrivals.length;
    const answer = await stage.call('POST', '/revocations', body);
    expect(answer.status).toBe(status);
    expect(answer.headers.get('content-type')).toBe('application/problem+json');
    expect(answer.json).toMatchObject({ status, title: expect.any(String), detail: expect.any(String) });
    expect(answer.text).not.toMatch(/acme|colour|\.\.\/|0123456789abcdef/);
    expect(stage.vendor.arrivals.length).toBe(before);
  });

  test('refuses a body that is too large as a problem, in whatever form it travels', async () => {
    for (const type of ['application/json', 'application/octet-stream']) {
      for (const size of [4 * 1024 * 1024 + 1, 7 * 1024 * 1024]) {
        const answer = await stage.call('POST', '/revocations', Buffer.alloc(size, 'x'), { 'content-type': type });
        expect(answer, `${type} ${size}`).toMatchObject({ status: 413, json: { status: 413 } });
      }
    }
  });

  test('an alert is 400 when malformed, 204 when irrelevant, 401 and empty when not authentic, 404 and empty for an unknown source', async () => {
    const post = (body: string, headers = signedHeaders(body), path = '/sources/standard') =>
      stage.call('POST', path, body, headers);
    expect(await post('nonsense')).toMatchObject({ status: 400, json: { status: 400 } });
    expect(
      (
        await post(
          JSON.stringify({
            type: 'credential.leaked',
            data: { provider: 'datadog', identifiers: { keyId: '../../x' } },
          }),
        )
      ).status,
    ).toBe(400);
    expect(await post(JSON.stringify({ type: 'ping', data: {} }))).toMatchObject({ status: 204, text: '' });
    expect(await post('{}', {} as never)).toMatchObject({ status: 401, text: '' });
    expect(await post('{}', signedHeaders('{ }'))).toMatchObject({ status: 401, text: '' });
    expect(await post('{}', signedHeaders('{}', { at: Date.now() - 301_000 }))).toMatchObject({
      status: 401,
      text: '',
    });
    expect(await post('{}', signedHeaders('{}', { at: Date.now() + 302_000 }))).toMatchObject({
      status: 401,
      text: '',
    });
    expect(await post('{}', signedHeaders('{}'), '/sources/github')).toMatchObject({ status: 404, text: '' });
    expect((await post(`{"a":"${'x'.repeat(5 * 1024 * 1024)}"}`, {} as never)).status).toBe(413);
  });

  test('verifies over the bytes, whatever content type they come with', async () => {
    const body = JSON.stringify({
      type: 'credential.leaked',
      data: { provider: 'datadog', secret: 'abcd0000abcd0000abcd0000abcd0000', location: { path: 'größe/日本.ts' } },
    });
    for (const type of [
      'application/octet-stream',
      'application/x-ndjson',
      'text/plain',
      'application/json; charset=utf-8',
    ]) {
      const answer = await stage.call('POST', '/sources/standard', Buffer.from(body), {
        ...signedHeaders(body),
        'content-type': type,
      });
      expect(answer.status, type).toBe(202);
    }
  });

  test('lists newest first, filters, pages, and refuses a query that makes no sense', async () => {
    const first = await stage.call('GET', '/incidents?limit=2');
    expect(first.json.incidents).toHaveLength(2);
    const second = await stage.call('GET', `/incidents?limit=2&cursor=${first.json.cursor}`);
    const ids = [...first.json.incidents, ...second.json.incidents].map(({ id }: { id: string }) => id);
    expect(new Set(ids).size).toBe(4);
    const times = [...first.json.incidents, ...second.json.incidents].map(
      ({ timeline }: { timeline: { at: string }[] }) => timeline[0]?.at,
    );
    expect(times).toEqual(times.toSorted().toReversed());
    const closed = await stage.call('GET', '/incidents?state=closed&outcome=revoked&provider=datadog');
    expect(closed.json.incidents.length).toBeGreaterThan(0);
    expect(closed.json.incidents.every(({ outcome }: { outcome: string }) => outcome === 'revoked')).toBe(true);
    for (const since of ['2199-01-01T00:00:00Z', '2199-01-01'])
      expect((await stage.call('GET', `/incidents?since=${since}`)).json).toEqual({ incidents: [] });
    const idsOf = async (query: string) =>
      (await stage.call('GET', `/incidents?${query}`)).json.incidents.map(({ id }: { id: string }) => id);
    expect(await idsOf('state=&provider=&outcome=&since=&limit=1000&cursor=')).toEqual(await idsOf('limit=100'));
    for (const query of [
      'state=dead',
      'outcome=x',
      'provider=acme',
      'since=yesterday',
      'limit=0',
      'limit=-1',
      'limit=x',
      'cursor=x',
      'colour=red',
    ]) {
      expect(await stage.call('GET', `/incidents?${query}`), query).toMatchObject({
        status: 400,
        json: { status: 400 },
      });
    }
  });

  test('answers 404 for an incident nobody knows, and 200 for its health', async () => {
    for (const id of [`inc_${'0'.repeat(26)}`, 'inc_x', '..%2f..%2fx'])
      expect((await stage.call('GET', `/incidents/${id}`)).status).toBe(404);
    expect(await stage.call('GET', '/health')).toMatchObject({ status: 200, json: { ok: true } });
    expect((await stage.call('GET', '/nowhere')).status).toBe(404);
  });

  test('no marked secret is in any log line, ledger item, incident or answer', async () => {
    stage.vendor.troubles.push({ on: /api_keys/, times: 1, reply: { status: 500, body: canaries.join(' ') } });
    const { json } = await stage.alert({
      provider: 'datadog',
      secret: leaked,
      reference: `https://example.com/?k=${leaked}`,
    });
    await stage.resting(json.incidents[0].id);
    const bad = await stage.call('POST', '/revocations', `{"secret":"${leaked}","provider":"${leaked}","${leaked}":1}`);
    const list = await stage.call('GET', '/incidents?limit=100');
    const seen = [stage.logged(), JSON.stringify(await stage.items()), list.text, bad.text].join('\n');
    expect(stage.logged()).toContain('outcome revoked');
    for (const canary of canaries) {
      expect(seen).not.toContain(canary);
      expect(seen).not.toContain(Buffer.from(canary).toString('base64').replaceAll('=', ''));
    }
    for (const { target } of stage.vendor.arrivals) for (const canary of canaries) expect(target).not.toContain(canary);
  });
});

describe('a stage whose queues are down', () => {
  test('accepts nothing, and says so', async () => {
    const none = 'http://127.0.0.1:1';
    const queues = await startEmulators(
      { AWS_ENDPOINT_URL_DYNAMODB: none, AWS_ENDPOINT_URL_SECRETS_MANAGER: none },
      undefined,
    );
    const { AWS_ENDPOINT_URL_SQS } = queues.endpoints;
    const stage = await testStage({ tuning: { variables: { AWS_ENDPOINT_URL_SQS } } });
    expect((await stage.alert({ provider: 'datadog', secret: 'ffff1111ffff1111ffff1111ffff1111' })).status).toBe(202);
    await queues.close();
    const refused = await stage.alert({ provider: 'datadog', secret: leaked });
    expect(refused).toMatchObject({ status: 503, json: { status: 503, title: 'Service unavailable' } });
    expect(stage.vendor.deletions).toEqual([]);
    await stage.close();
  });
});
