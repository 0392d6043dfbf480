import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { HttpRequest } from '../../../functions/platform/lambda.ts';
import { answer } from '../../../functions/requests/index.ts';
import { Unavailable } from '../../../functions/revocation/errors.ts';
import { incidentId } from '../../../functions/revocation/fingerprint.ts';
import type { view } from '../../../functions/revocation/incident.ts';
import type { Ledger } from '../../../functions/revocation/ledger.ts';
import { referenceIncident, referralForm } from '../../../functions/revocation/references.ts';
import { Secret } from '../../../functions/revocation/secret.ts';
import { testClock, testLedger } from '../../support/lane.ts';

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
    expect(await asked('GET /incidents/{id}', anyId())).toEqual({ status: 404, waitedMs: 900 });
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

  test.each([
    ['of a leak that was parked', { incident: anyId() }],
    ['where nothing takes it', { isDeaf: true, link: 'https://acme.example/nowhere' }],
  ])('is none %s', async (_, given) => {
    const { retry, sent } = await begin({ ...given });
    await expect(retry()).rejects.toMatchObject({ status: 409 });
    expect(sent).toEqual([]);
  });
});
