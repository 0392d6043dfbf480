import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type HttpRequest, Problem } from '../../../functions/platform/lambda.ts';
import { providers } from '../../../functions/providers/index.ts';
import { postRevocation } from '../../../functions/requests/revocations.ts';
import type { IncidentRecord, Outcome } from '../../../functions/revocation/incident.ts';
import type { Ledger } from '../../../functions/revocation/ledger.ts';
import { type Report, readReport } from '../../../functions/revocation/report.ts';
import { Secret } from '../../../functions/revocation/secret.ts';
import { testClock, testLedger } from '../../support/lane.ts';

const clock = testClock();
let ledger: Ledger;
let close: () => Promise<void>;
beforeAll(async () => {
  ({ ledger, close } = await testLedger(clock));
});
afterAll(() => close());

/** What the lane does with a request between two looks at the ledger. */
type Step = (report: Report) => Promise<unknown>;

/** Posts a leak with a preference; every pause between two looks gives the lane time for one step. */
async function post(
  prefer: string | undefined,
  {
    keyId = randomUUID(),
    steps = [] as Step[],
    ...more
  }: { keyId?: string; steps?: Step[] } & Record<string, unknown> = {},
) {
  const sent: Report[] = [];
  const begun = clock.now();
  let looks = 0;
  const request: HttpRequest = {
    route: 'POST /revocations',
    parameters: {},
    query: {},
    headers: { prefer },
    body: Buffer.from(JSON.stringify({ provider: 'datadog', identifiers: { keyId }, ...more })),
    id: `delivery-${randomUUID()}`,
  };
  const answer = await postRevocation(request, {
    intake: {
      providers,
      lanes: { datadog: 'http://lane' },
      unroutedQueue: undefined,
      fingerprint: async () => new Secret('a fingerprint key that only tests have'),
      send: async (_, bodies) => void sent.push(...bodies.map(readReport)),
      now: clock.now,
      newId: randomUUID,
    },
    ledger,
    accounts: { datadog: ['prod'] },
    sources: [],
    sleep: async (ms) => {
      looks += 1;
      await clock.sleep(ms);
      const [report] = sent;
      if (report) await steps.shift()?.(report);
    },
  });
  const body = answer.body as { id: string; state: string; outcome: string; sightingCount: number };
  return { ...answer, body, waitedMs: clock.now() - begun, looks };
}

/** Takes an incident as a run does, for a report like `report` from somebody else. */
async function takenByAnother(report: Report): Promise<IncidentRecord> {
  const sighting = { source: 'standard', at: report.sighting.at, delivery: randomUUID() };
  const other: Report = { ...report, message: randomUUID(), sighting, order: undefined };
  const claim = await ledger.claim(other, clock.now() + 20_000);
  expect(claim.is).toBe('claimed');
  return claim.record;
}

async function taken(report: Report): Promise<IncidentRecord> {
  const claim = await ledger.claim(report, clock.now() + 20_000);
  expect(claim.is).toBe('claimed');
  return claim.record;
}

const idle: Step = async () => {};
const lease = { claim: '', message: '', until: 0, scheduled: false };
const rest = (record: IncidentRecord, outcome: Outcome, state: IncidentRecord['state'] = 'parked') =>
  ledger.save(record, { state, outcome, reason: 'x', lease: { ...lease, delivery: record.lease.delivery } });

describe('a request that prefers to wait', () => {
  test('is answered 200 as soon as the run that took it rests', async () => {
    let record: IncidentRecord | undefined;
    const { status, body, waitedMs } = await post('wait=20', {
      steps: [
        idle,
        async (report) => {
          record = await taken(report);
        },
        async () => record && rest(record, 'failed'),
      ],
    });
    expect({ status, state: body.state }).toEqual({ status: 200, state: 'parked' });
    expect(waitedMs).toBeLessThan(1000);
  });

  test.each([
    ['closed', 'revoked'],
    ['closed', 'already-gone'],
  ] as const)(
    'is answered 200 as soon as the run that it was noted beside ends the key: %s, %s',
    async (state, outcome) => {
      let record: IncidentRecord | undefined;
      const { status, body, waitedMs } = await post('wait=20', {
        steps: [
          async (report) => {
            record = await takenByAnother(report);
          },
          async (report) => expect((await ledger.claim(report, clock.now() + 20_000)).is).toBe('held'),
          async () => record && rest(record, outcome, state),
        ],
      });
      expect({ status, state: body.state, sightings: body.sightingCount }).toEqual({
        status: 200,
        state,
        sightings: 2,
      });
      expect(waitedMs).toBeLessThan(1000);
    },
  );

  test('is not answered with what another run came to before the order was looked at', async () => {
    let record: IncidentRecord | undefined;
    const { status, body, waitedMs } = await post('wait=20', {
      steps: [
        async (report) => {
          record = await takenByAnother(report);
        },
        async () => record && rest(record, 'observed', 'closed'),
        idle,
        async (report) => {
          record = await taken(report);
        },
        async () => record && rest(record, 'revoked', 'closed'),
      ],
    });
    expect({ status, outcome: body.outcome }).toEqual({ status: 200, outcome: 'revoked' });
    expect(waitedMs).toBeLessThan(2000);
  });

  test('is answered 200 as soon as the incident that it was merged into rests', async () => {
    let record: IncidentRecord | undefined;
    const { status, body, waitedMs } = await post('wait=20', {
      steps: [
        async (report) => {
          const own = await taken(report);
          record = await takenByAnother({ ...report, incident: `inc_${'0'.repeat(26)}` });
          await ledger.merge(own, record.id);
        },
        async (report) => expect((await ledger.claim(report, clock.now() + 20_000)).is).toBe('held'),
        async () => record && rest(record, 'revoked', 'closed'),
      ],
    });
    expect({ status, id: body.id, state: body.state }).toEqual({ status: 200, id: record?.id, state: 'closed' });
    expect(waitedMs).toBeLessThan(1000);
  });

  test('is answered 202 at the end of the wait while the incident goes on', async () => {
    const { status, body, waitedMs } = await post('wait=5', { steps: [taken] });
    expect({ status, state: body.state }).toEqual({ status: 202, state: 'claimed' });
    expect(waitedMs).toBe(5000);
  });

  test('is not answered with what the incident rested in before the request was taken', async () => {
    const keyId = randomUUID();
    const before: Step[] = [async (report) => rest(await takenByAnother(report), 'failed')];
    await post('wait=1', { keyId, steps: before });
    const { status, body, waitedMs } = await post('wait=5', { keyId, steps: [idle, idle, taken] });
    expect({ status, state: body.state }).toEqual({ status: 202, state: 'claimed' });
    expect(waitedMs).toBe(5000);
  });

  test('is answered 200 when the incident comes to rest with the end of the wait', async () => {
    const { status } = await post('wait=0.1', { steps: [async (report) => rest(await taken(report), 'failed')] });
    expect(status).toBe(200);
  });
});

describe('the preference', () => {
  test.each([
    ['wait=3', 3000],
    ['wait=1.5', 1500],
    ['wait=0.25', 250],
    ['Wait = "2"', 2000],
    ['respond-async, wait=2', 2000],
    ['wait=2; foo=bar', 2000],
    ['wait=x, wait=4', 4000],
    ['wait=60', 25_000],
    ['wait=99999999999999999999', 25_000],
  ])('%s is honoured, and the answer says so', async (prefer, ms) => {
    const { status, headers, waitedMs } = await post(prefer);
    expect({ status, waitedMs }).toEqual({ status: 202, waitedMs: ms });
    expect(headers).toMatchObject({ 'preference-applied': `wait=${ms / 1000}` });
  });

  test.each([
    undefined,
    '',
    'wait',
    'wait=',
    'wait=0',
    'wait=soon',
    'wait=-5',
    'wait=5s',
    'wait=5 6',
    'wait=1e3',
    'wait=0x10',
    'wait=1.',
    'wait=.5',
    'wait=1.5.2',
    'wait="5',
    'await=5',
    'foo="a, wait=5"',
  ])('%s is no wait, and is not said to be applied', async (prefer) => {
    const { status, headers, looks } = await post(prefer);
    expect({ status, looks }).toEqual({ status: 202, looks: 0 });
    expect(headers).toEqual({ location: expect.stringMatching(/^\/incidents\/inc_/) });
  });
});

describe('identifiers that mean nothing for the kind of key', () => {
  const secret = 'canaryOfLetters';
  const refusal = (more: Record<string, unknown>) =>
    post(undefined, more).then(
      () => expect.fail('it was taken'),
      (error: unknown) => error,
    );

  test.each([
    [
      { identifiers: { keyId: 'x', accessKey: 'y' } },
      { field: 'identifiers.accessKey', problem: 'means nothing here: datadog api-key knows keyId' },
    ],
    [
      { secret: 'c0ffee', kind: 'service-access-token', identifiers: { name: 'x' } },
      { field: 'identifiers.name', problem: 'means nothing here: datadog service-access-token knows keyId, owner' },
    ],
    [
      { provider: 'mongodb-atlas', secret: 'c0ffee', identifiers: { publicKey: 'abcdefgh', accessKey: 'y' } },
      { field: 'identifiers.accessKey', problem: 'means nothing here: mongodb-atlas api-key knows keyId, publicKey' },
    ],
    [
      { identifiers: { keyId: 'x', [secret]: 'y' } },
      { field: 'identifiers', problem: 'holds a name that means nothing here: datadog api-key knows keyId' },
    ],
    [
      { identifiers: { keyId: 'x', constructor: 'y' } },
      { field: 'identifiers', problem: 'holds a name that means nothing here: datadog api-key knows keyId' },
    ],
  ])('are refused, and said by name only where the name is one of ours: %j', async (more, error) => {
    const problem = await refusal(more);
    expect(problem).toBeInstanceOf(Problem);
    expect(problem).toMatchObject({ status: 400, errors: [error] });
    expect(JSON.stringify([problem, String(problem)])).not.toContain('canary');
  });

  test('are none that its provider knows, nor one that only repeats the secret', async () => {
    const keyId = randomUUID();
    for (const more of [
      { identifiers: { keyId, owner: 'o', name: 'n' }, kind: 'application-key' },
      { secret: 'c0ffee00c0ffee00', identifiers: { keyId: 'c0ffee00c0ffee00' } },
    ])
      expect(await post(undefined, more)).toMatchObject({ status: 202 });
  });
});
