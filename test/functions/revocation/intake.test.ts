import { describe, expect, test } from 'vitest';
import { providers } from '../../../functions/providers/index.ts';
import { Unavailable } from '../../../functions/revocation/errors.ts';
import { incidentId, incidentIdForm } from '../../../functions/revocation/fingerprint.ts';
import { accept, type Intake, unroutedReport } from '../../../functions/revocation/intake.ts';
import { leakFromSource } from '../../../functions/revocation/leak.ts';
import { readReport } from '../../../functions/revocation/report.ts';
import { Secret } from '../../../functions/revocation/secret.ts';
import { beginning } from '../../support/reports.ts';

const key = new Secret('a fingerprint key that only tests have');
const lane = 'http://queues/lane-datadog';
const unrouted = 'http://queues/unrouted';
const sender = { source: 'standard', delivery: 'msg_1', mayNameKeys: false };
const secret = 'canary-5e7a11ed';

/** An intake whose queues keep what they are given. */
function intake(given: Partial<Intake> = {}) {
  const sent: { queue: string; body: string }[] = [];
  let messages = 0;
  const services: Intake = {
    providers,
    lanes: { datadog: lane },
    unroutedQueue: unrouted,
    fingerprint: async () => key,
    send: async (queue, bodies) => void sent.push(...bodies.map((body) => ({ queue, body }))),
    now: () => beginning,
    newId: () => {
      messages += 1;
      return `message-${messages}`;
    },
    ...given,
  };
  const take = (...leaks: object[]) => takeFrom(sender, ...leaks);
  const takeFrom = (from: typeof sender, ...leaks: object[]) =>
    accept(
      services,
      from,
      leaks.map((leak) => leakFromSource.parse(leak)),
    );
  return { take, takeFrom, sent };
}

describe('a leak that has a lane', () => {
  test('is of its key’s one incident, and of one of its own where several keys may be called so', async () => {
    const { takeFrom } = intake({ lanes: { resolver: lane } });
    const deliveries = [sender, sender, { ...sender, delivery: 'msg_2' }, { ...sender, source: 'github' }];
    const idsOf = async (identifiers: object) => {
      const all = deliveries.map((from) => takeFrom(from, { provider: 'resolver', identifiers }));
      return (await Promise.all(all)).map(([id]) => id);
    };
    const shared = await idsOf({ userId: 2417 });
    expect(shared[0]).toBe(shared[1]);
    expect(new Set(shared).size).toBe(3);
    for (const id of shared) expect(id).toMatch(incidentIdForm);
    expect(new Set(await idsOf({ userId: 2417, accessKey: 'a' })).size).toBe(1);
    expect(new Set(await idsOf({ userId: 2417, keyId: 7 })).size).toBe(1);
  });

  test('is queued there whole, under the id that is answered', async () => {
    const { take, sent } = intake();
    const location = { path: 'a.py', line: 3 };
    const [id] = await take({ provider: 'datadog', secret, reference: 'https://a', location });
    expect(id).toBe(incidentId(key, 'datadog', 'api-key', leakFromSource.parse({ secret })));
    expect(sent.map(({ queue }) => queue)).toEqual([lane]);
    const report = readReport(String(sent[0]?.body));
    expect(report).toMatchObject({
      message: 'message-1',
      incident: id,
      provider: 'datadog',
      kind: 'api-key',
      mayNameKeys: false,
      sighting: {
        source: 'standard',
        at: '2026-11-20T12:00:00.000Z',
        delivery: 'msg_1',
        reference: 'https://a',
        location,
      },
      tries: { unavailable: 0, unexpected: 0 },
    });
    expect(report.leak?.secret?.expose()).toBe(secret);
  });

  test('carries its secret once, and no echo of it', async () => {
    const { take, sent } = intake();
    const names = { provider: 'datadog', account: secret };
    await take({ ...names, secret, reference: `https://a/${secret}`, location: { path: `${secret}.env` } });
    expect(String(sent[0]?.body).split(secret)).toHaveLength(2);
  });

  test('is queued once when one delivery holds it twice', async () => {
    const { take, sent } = intake();
    const ids = await take(
      { provider: 'datadog', secret },
      { secret: 'other', provider: 'datadog' },
      { provider: 'datadog', secret },
    );
    expect([ids.length, sent.length]).toEqual([2, 2]);
  });
});

describe('a leak that no lane takes', () => {
  test.each([
    ['of a provider nobody knows', { provider: 'nobody', secret }, 'provider is not one of '],
    ['of a provider that cannot be told', { secret }, 'provider cannot be told from the secret; name one of datadog'],
    ['of names that repeat it', { provider: secret, kind: secret, account: secret, secret }, 'provider is not one of '],
    ['of a kind that repeats it', { provider: 'datadog', kind: secret, secret }, 'kind is not one of api-key'],
    ['of a kind nobody knows', { provider: 'datadog', kind: 'nothing', secret }, 'kind is not one of api-key'],
  ])('is told with the reason, and without the secret: %s', async (_, leak, reason) => {
    const { take, sent } = intake();
    const [id] = await take({ ...leak, reference: `https://a/${secret}` });
    expect(id).toMatch(incidentIdForm);
    expect(sent.map(({ queue }) => queue)).toEqual([unrouted]);
    const body = String(sent[0]?.body);
    expect(body).not.toContain(secret);
    expect(unroutedReport.parse(JSON.parse(body))).toMatchObject({ incident: id, sighting: { delivery: 'msg_1' } });
    expect(unroutedReport.parse(JSON.parse(body)).reason).toContain(reason.split(';')[0]);
  });

  test('of a provider that is not configured is told so', async () => {
    const { take, sent } = intake({ lanes: {} });
    const [id] = await take({ provider: 'datadog', secret });
    expect(unroutedReport.parse(JSON.parse(String(sent[0]?.body)))).toMatchObject({
      incident: id,
      provider: 'datadog',
      kind: 'api-key',
      reason: 'provider datadog is not configured here',
    });
  });

  test('meets in the same incident once its provider is configured', async () => {
    const [before] = await intake({ lanes: {} }).take({ provider: 'datadog', secret });
    const [after] = await intake().take({ provider: 'datadog', secret });
    expect(after).toBe(before);
  });
});

describe('a delivery', () => {
  test('answers the ids of its leaks in their order', async () => {
    const { take } = intake();
    const leaks = ['one', 'two', 'three'].map((value) => ({ provider: 'datadog', secret: value }));
    expect(await take(...leaks)).toEqual(
      leaks.map((leak) => incidentId(key, 'datadog', 'api-key', leakFromSource.parse(leak))),
    );
  });

  test('fails as a whole when a queue does not take it', async () => {
    const { take } = intake({
      send: async (queue) => {
        if (queue === unrouted) throw new Unavailable('the queue did not give an answer');
      },
    });
    await expect(take({ provider: 'datadog', secret }, { provider: 'nobody', secret })).rejects.toThrow(Unavailable);
  });

  test('is plain ASCII in every queue, since queues refuse some characters', async () => {
    const { take, sent } = intake();
    const location = { path: 'ä漢😀\uffff\ud800' };
    await take({ provider: 'datadog', secret, location }, { provider: 'nobody', secret, location });
    expect(sent.map(({ queue }) => queue)).toEqual([lane, unrouted]);
    for (const { body } of sent) {
      expect(body).toMatch(/^[\x20-\x7e]*$/);
      expect(JSON.parse(body)).toMatchObject({ sighting: { location } });
    }
  });
});
