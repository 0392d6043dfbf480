import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { HttpRequest } from '../../../functions/platform/lambda.ts';
import { answer } from '../../../functions/requests/index.ts';
import { Unavailable } from '../../../functions/revocation/errors.ts';
import { incidentId, seal } from '../../../functions/revocation/fingerprint.ts';
import type { IncidentRecord, view } from '../../../functions/revocation/incident.ts';
import type { Ledger } from '../../../functions/revocation/ledger.ts';
import { referenceIncident, referralForm } from '../../../functions/revocation/references.ts';
import { type Report, readReport } from '../../../functions/revocation/report.ts';
import { Secret } from '../../../functions/revocation/secret.ts';
import { testClock, testLedger } from '../../support/lane.ts';
import { reportOf } from '../../support/reports.ts';

const clock = testClock();
let ledger: Ledger;
let close: () => Promise<void>;
beforeAll(async () => {
  ({ ledger, close } = await testLedger(clock));
});
afterAll(() => close());

const key = new Secret('a fingerprint key that only tests have');
const anyId = () => incidentId(key, 'datadog', 'api-key', { secret: new Secret(randomUUID()) });

/** Asks about an incident; `meanwhile` happens at the first pause. */
async function asked(route: string, id: string, meanwhile: () => Promise<unknown> = async () => {}) {
  const begun = clock.now();
  let pauses = 0;
  const request: HttpRequest = {
    route,
    parameters: { id },
    query: {},
    headers: {},
    body: new Uint8Array(),
    id: randomUUID(),
  };
  const sleep = async (ms: number) => {
    pauses += 1;
    await clock.sleep(ms);
    if (pauses === 1) await meanwhile();
  };
  const services = { ledger, sleep } as unknown as Parameters<typeof answer>[1];
  const status = await answer(request, services).then(
    ({ status }) => status,
    ({ status }: { status: number }) => status,
  );
  return { status, waitedMs: clock.now() - begun };
}

describe('an incident that nobody knows', () => {
  test('is looked for a moment by who asks what became of it', async () => {
    expect(await asked('GET /incidents/{id}', anyId())).toEqual({ status: 404, waitedMs: 2500 });
  });

  test('is found as soon as it is claimed', async () => {
    const incident = anyId();
    const sighting = { source: 'standard', at: new Date(clock.now()).toISOString(), delivery: randomUUID() };
    const park = () => ledger.park({ incident, sighting, provider: null, kind: null }, 'unrouted', 'x');
    expect(await asked('GET /incidents/{id}', incident, park)).toEqual({ status: 200, waitedMs: 100 });
  });

  test.each(['inc_x', 'inc_', '', `inc_${'u'.repeat(26)}`])('is no question of time with the id "%s"', async (id) => {
    expect(await asked('GET /incidents/{id}', id)).toEqual({ status: 404, waitedMs: 0 });
  });

  test.each(['approve', 'reject', 'retry', 'restore'])('leaves nothing to %s, which is told at once', async (verb) => {
    expect(await asked(`POST /incidents/{id}/${verb}`, anyId())).toEqual({ status: 404, waitedMs: 0 });
  });
});

describe('the list', () => {
  /** How many the ledger is asked for, or what is wrong with the query. */
  const lengthOf = async (limit: string) => {
    let length = 0;
    const list: Ledger['list'] = async (query) => {
      length = query.limit;
      return { records: [], cursor: undefined };
    };
    const request = { route: 'GET /incidents', parameters: {}, query: { limit }, headers: {}, id: 'r-1' };
    const services = { ledger: { list }, intake: { providers: {} } } as unknown as Parameters<typeof answer>[1];
    return answer({ ...request, body: new Uint8Array() }, services).then(
      () => length,
      ({ status, errors }) => ({ status, errors }),
    );
  };

  test('is as long as it can be for whoever wants more, however much more', async () => {
    expect(await lengthOf('007')).toBe(7);
    for (const limit of ['100', '101', '10000', '9'.repeat(400)]) expect(await lengthOf(limit), limit).toBe(100);
    for (const limit of ['0', '00', '-1', '1.5', 'x', ' 1'])
      expect(await lengthOf(limit), limit).toEqual({
        status: 400,
        errors: [{ field: 'limit', problem: 'must be 1 or more' }],
      });
  });
});

describe('a retry of an alert whose credential could not be fetched', () => {
  const old = "the alert's reference cannot be fetched: acme answered 503; tried for a day";
  const restsAs = { provider: null, kind: null, outcome: 'unrouted' } as const;

  /** Parks what came from a source, a day ago, and asks for another try. */
  async function begin({
    source = 'acme',
    link = `https://acme.example/alerts/${randomUUID()}`,
    incident = referenceIncident(key, source, { link }),
    isDeaf = false,
    refuses = false,
  } = {}) {
    const at = new Date(clock.now()).toISOString();
    const sighting = { source, at, delivery: 'd-1', reference: link };
    await ledger.park({ incident, sighting, provider: null, kind: null }, restsAs.outcome, old);
    clock.advance(86_400_000);
    const sent: { queue: string; body: string }[] = [];
    const intake = {
      fingerprint: async () => key,
      now: clock.now,
      unroutedQueue: isDeaf ? undefined : 'http://queues/unrouted',
      lanes: {},
      send: async (to: string, bodies: string[]) => {
        if (refuses) throw new Unavailable('the queue did not give an answer');
        sent.push(...bodies.map((body) => ({ queue: to, body })));
      },
    };
    const services = { ledger, intake, sleep: clock.sleep } as unknown as Parameters<typeof answer>[1];
    const retry = async () => {
      const route = 'POST /incidents/{id}/retry';
      const request = {
        route,
        parameters: { id: incident },
        query: {},
        headers: {},
        body: new Uint8Array(),
        id: 'r-1',
      };
      const { status, body } = await answer(request, services);
      return { status, incident: body as ReturnType<typeof view> };
    };
    return { incident, link, retry, sent };
  }

  test('has it fetched anew, under the time it was asked for, and stays parked meanwhile', async () => {
    const { incident, link, retry, sent } = await begin();
    const answered = await retry();
    expect(answered).toMatchObject({ status: 200, incident: { id: incident, state: 'parked', ...restsAs } });
    expect(answered.incident.reason).toBe(`asked again: ${old}`);
    const at = new Date(clock.now()).toISOString();
    expect(answered.incident.timeline.at(-1)).toMatchObject({
      ...{ at, stage: 'received', detail: 'an operator asked for another try' },
    });
    expect(sent.map(({ queue }) => queue)).toEqual(['http://queues/unrouted']);
    expect(referralForm.parse(JSON.parse(String(sent[0]?.body)))).toEqual({
      ...{ source: 'acme', delivery: 'd-1', at, reference: { link }, asked: incident },
      tries: { unavailable: 0, unexpected: 0 },
    });
  });

  test('can be asked for as often as it takes, and the reason does not grow by it', async () => {
    const { retry, sent } = await begin();
    await retry();
    expect((await retry()).incident.reason).toBe(`asked again: ${old}`);
    expect(sent).toHaveLength(2);
  });

  test('decides nothing when it cannot be queued', async () => {
    const { incident, retry } = await begin({ refuses: true });
    await expect(retry()).rejects.toThrow(Unavailable);
    expect(await ledger.read(incident)).toMatchObject({ reason: old, revision: 0 });
  });

  test('is none of a leak that nobody here knows the provider of: it stays parked, and its timeline says who asked and why', async () => {
    const { retry, sent } = await begin({ incident: anyId() });
    const { status, incident } = await retry();
    expect(status).toBe(200);
    expect(incident).toMatchObject({ state: 'parked', ...restsAs, reason: old });
    expect(incident.timeline.at(-1)).toMatchObject({
      stage: 'parked',
      detail:
        'asked for another try by an operator; its provider is not configured; configure it and report the leak again',
    });
    expect(sent).toEqual([]);
  });

  test('is none where nothing takes it', async () => {
    const { retry, sent } = await begin({ isDeaf: true, link: 'https://acme.example/nowhere' });
    await expect(retry()).rejects.toMatchObject({ status: 409 });
    expect(sent).toEqual([]);
  });
});

describe('a person who decides through the API', () => {
  const caller = 'arn:aws:sts::123456789012:assumed-role/OnCall/anna';
  const secret = new Secret('5e0a1eaf0c0ffee05ec2e7ab1e0ddba1');

  /** An incident that waits for a person, and the way to decide about it. */
  async function begin(change: Partial<IncidentRecord> = {}, lanes = { datadog: 'http://queues/lane-datadog' }) {
    const incident = anyId();
    const report = reportOf({ incident, delivery: randomUUID() });
    const claim = await ledger.claim(report, clock.now() + 30_000);
    const keyId = 'k-1';
    const asking = {
      nonce: 'n-1',
      action: 'delete',
      account: 'prod',
      keyId,
      askedAt: clock.now(),
      until: null,
    } as const;
    await ledger.keepSealed(incident, seal(key, incident, { leak: { secret }, mayNameKeys: false, order: undefined }));
    await ledger.save(claim.record, {
      ...{ state: 'awaiting-approval', account: 'prod', keyId, asking: { ...asking, onDeadline: 'wait' } },
      lease: { claim: '', message: '', delivery: '', until: 0, scheduled: false },
      ...change,
    });
    const sent: { queue: string; report: Report }[] = [];
    const announced: string[] = [];
    const intake = {
      fingerprint: async () => key,
      now: clock.now,
      newId: randomUUID,
      lanes,
      send: async (queue: string, bodies: string[]) =>
        void sent.push(...bodies.map((body) => ({ queue, report: readReport(body) }))),
    };
    const announce = async (id: string) => void announced.push(id);
    const services = { ledger, intake, sleep: clock.sleep, announce } as unknown as Parameters<typeof answer>[1];
    const decide = async (verb: string, body = '', by: string | null = caller) => {
      const route = `POST /incidents/{id}/${verb}`;
      const request = { route, parameters: { id: incident }, query: {}, headers: {}, body: Buffer.from(body) };
      const answered = await answer({ ...request, id: randomUUID(), caller: by ?? undefined }, services).catch(
        (problem) => problem,
      );
      return answered as { status: number; body: ReturnType<typeof view>; message: string; errors: object[] };
    };
    return { incident, decide, sent, announced };
  }

  test('approves by name and with a reason: one message goes to the lane, and nothing secret with it', async () => {
    const { incident, decide, sent, announced } = await begin();
    const { status, body } = await decide('approve', JSON.stringify({ reason: 'ours, and on the wiki' }));
    expect([status, body.state]).toEqual([200, 'received']);
    expect(body.timeline.at(-1)).toMatchObject({
      stage: 'approved',
      detail: `by operator ${caller}: ours, and on the wiki`,
    });
    expect(sent).toMatchObject([{ queue: 'http://queues/lane-datadog', report: { incident, order: {} } }]);
    expect(sent[0]?.report.leak).toBe(undefined);
    expect(announced).toEqual([incident]);
  });

  test('rejects by name, and closes it at once', async () => {
    const { incident, decide, sent, announced } = await begin();
    const { status, body } = await decide('reject', '{"reason":"a test key"}');
    expect(status).toBe(200);
    expect(body).toMatchObject({ state: 'closed', outcome: 'rejected', reason: 'a person said no: a test key' });
    expect(body.timeline.at(-1)).toMatchObject({ stage: 'rejected', detail: `by operator ${caller}: a test key` });
    expect([sent, announced]).toEqual([[], [incident]]);
  });

  test('needs no reason, and is an operator where nobody has to say who they are', async () => {
    const { decide } = await begin();
    const { body } = await decide('approve', '', null);
    expect(body.timeline.at(-1)).toMatchObject({ stage: 'approved', detail: 'by an operator' });
  });

  test('is told in words when somebody else has decided, and nothing goes out a second time', async () => {
    const { decide, sent } = await begin();
    await decide('approve');
    for (const verb of ['approve', 'reject', 'retry', 'restore']) {
      const { status, message } = await decide(verb);
      expect(status).toBe(409);
      expect(message).toMatch(/^The incident is received: [a-z][^.]+\.$/);
    }
    expect(sent).toHaveLength(1);
  });

  test.each([
    ['{"reason":""}', 'reason'],
    [JSON.stringify({ reason: 'x'.repeat(501) }), 'reason'],
    ['{"why":"x"}', '(body)'],
    ['[]', '(body)'],
  ])('is told what is wrong with %s, and nothing is decided', async (body, field) => {
    for (const verb of ['approve', 'reject', 'retry', 'restore']) {
      const { incident, decide } = await begin(verb === 'retry' ? { state: 'parked' } : {});
      const before = await ledger.read(incident);
      const { status, errors } = await decide(verb, body);
      expect(status).toBe(400);
      expect(errors).toMatchObject([{ field }]);
      expect(await ledger.read(incident)).toEqual(before);
    }
  });

  test('waits for no restore where another try of it cannot go on', async () => {
    const failed = { state: 'parked', outcome: 'failed', restoring: true, switchedOff: true, asking: null } as const;
    const { decide, sent } = await begin(failed, {} as never);
    const begun = clock.now();
    expect(await decide('retry')).toMatchObject({ status: 200, body: { state: 'parked', outcome: 'failed' } });
    expect([clock.now() - begun, sent]).toEqual([0, []]);
  });

  test('types no secret into the story for good', async () => {
    for (const verb of ['approve', 'reject']) {
      const { incident, decide } = await begin();
      const answered = await decide(verb, JSON.stringify({ reason: `it was ${secret.expose()}` }));
      expect(JSON.stringify(answered.body)).toContain('it was [secret]');
      expect(JSON.stringify([answered, await ledger.read(incident)])).not.toContain(secret.expose());
    }
  });
});
