import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type DatadogKey, inventedKeys, keyWithDecoys } from '../../../lib/local/vendors/datadog.ts';
import { admin, canaries, type Incident, testStage } from '../../support/stage.ts';

type Stage = Awaited<ReturnType<typeof testStage>>;

const limit = 5;
const weekMinutes = 10_080;
const storm = inventedKeys(50, 'storm');
const calm = inventedKeys(4, 'calm') as [DatadogKey, DatadogKey, DatadogKey, DatadogKey];
const leakOf = ({ key }: DatadogKey) => ({ provider: 'datadog', secret: key });

/** What in the timeline speaks for a decision must say why. */
function expectReasons({ timeline }: Incident): void {
  const deciding = timeline.filter(({ stage }) => ['asked', 'sent', 'planned', 'parked', 'approved'].includes(stage));
  expect(deciding.length).toBeGreaterThan(0);
  for (const { stage, detail } of deciding) expect(detail, stage).toMatch(/\w+ \w+/);
}

describe('a fuse of five, and fifty keys that leak at once', () => {
  let stage: Stage;
  let incidents: Incident[];
  beforeAll(async () => {
    stage = await testStage({
      keys: [...storm, ...calm, ...keyWithDecoys(admin.apiKey, 'leakstop', 0)],
      config: {
        providers: { datadog: { accounts: ['prod'] } },
        sources: ['standard'],
        policy: { fuse: { limit, windowMinutes: weekMinutes } },
      },
    });
    const accepted = await Promise.all(storm.map((key) => stage.alert(leakOf(key))));
    const ids = accepted.map(({ json }) => json.incidents[0].id as string);
    incidents = await Promise.all(ids.map((id) => stage.resting(id, 60_000)));
  }, 90_000);
  afterAll(() => stage.close());

  const waiting = () => incidents.filter(({ state }) => state === 'awaiting-approval');
  const blown = () => stage.logged().match(/"fuse\.blown":1/g) ?? [];
  const post = (path: string, body?: object) => stage.call('POST', path, body);

  test('kill five, leave forty-five to a person, and lose none', () => {
    const states = incidents.map(({ state, outcome }) => `${state} ${outcome}`).sort();
    expect(states).toEqual([
      ...Array(storm.length - limit).fill('awaiting-approval null'),
      ...Array(limit).fill('closed revoked'),
    ]);
    expect(stage.vendor.deletions).toHaveLength(limit);
    expect(storm.filter(({ key }) => stage.vendor.accepts(key))).toHaveLength(storm.length - limit);
  });

  test('say in each incident why', () => {
    for (const incident of incidents) expectReasons(incident);
    for (const { reason, action } of waiting()) {
      expect(reason).toBe(`the fuse has blown: ${limit} automatic revocations in ${weekMinutes} minutes`);
      expect(action).toBe('approve');
    }
  });

  test('blow it once, for one alarm', async () => {
    expect(blown()).toHaveLength(1);
    const metric = stage
      .logged()
      .split('\n')
      .find((line) => line.includes('"fuse.blown":1'));
    expect(JSON.parse(metric ?? '')).toMatchObject({ service: 'revoke-key', provider: 'datadog' });
    const { json } = await stage.call('GET', '/fuse');
    expect(json).toEqual({ blown: true, since: expect.stringMatching(/^\d{4}-.*Z$/) });
  });

  test('leave it blown when one of them is approved: that key dies, and the next one waits', async () => {
    const [one] = waiting();
    const { status } = await post(`/incidents/${one?.id}/approve`, { reason: 'it is real' });
    expect(status).toBe(200);
    const dead = await stage.resting(String(one?.id));
    expect(dead).toMatchObject({ state: 'closed', outcome: 'revoked', proof: { dead: true } });
    expectReasons(dead);
    incidents = incidents.map((incident) => (incident.id === dead.id ? dead : incident));
    const { json } = await stage.alert(leakOf(calm[0]));
    expect(await stage.resting(json.incidents[0].id)).toMatchObject({ state: 'awaiting-approval' });
    expect((await stage.call('GET', '/fuse')).json.blown).toBe(true);
    expect(blown()).toHaveLength(1);
  });

  test('are no reason to keep an operator waiting who says what to do, nor a dry run', async () => {
    const [, second, third] = calm;
    const dry = await stage.call('POST', '/revocations', { ...leakOf(third), dryRun: true }, { prefer: 'wait=20' });
    expect(dry.json).toMatchObject({ outcome: 'observed' });
    expectReasons(dry.json);
    const prefer = { prefer: 'wait=20' };
    const reported = await stage.call('POST', '/revocations', leakOf(second), prefer);
    expect(reported).toMatchObject({ status: 200, json: { state: 'awaiting-approval', action: 'approve' } });
    const ordered = await stage.call('POST', '/revocations', { ...leakOf(second), action: 'delete' }, prefer);
    expect(ordered.json).toMatchObject({ outcome: 'revoked' });
    expect(stage.vendor.accepts(third.key)).toBe(true);
  });

  test('wait on when a person resets it, while new leaks are revoked again', async () => {
    expect((await post('/fuse/reset')).json).toEqual({ blown: false, since: null });
    const { json } = await stage.alert(leakOf(calm[3]));
    expect(await stage.resting(json.incidents[0].id)).toMatchObject({ state: 'closed', outcome: 'revoked' });
    for (const { id } of waiting())
      expect((await stage.call('GET', `/incidents/${id}`)).json.state).toBe('awaiting-approval');
  });

  test('die one by one when they are approved, and none counts: the fuse stays whole', async () => {
    const left = waiting();
    expect(left).toHaveLength(storm.length - limit - 1);
    await Promise.all(left.map(({ id }) => post(`/incidents/${id}/approve`)));
    const drained = await Promise.all(left.map(({ id }) => stage.resting(id, 60_000)));
    for (const incident of drained) expect(incident).toMatchObject({ state: 'closed', outcome: 'revoked' });
    expect(storm.filter(({ key }) => stage.vendor.accepts(key))).toEqual([]);
    expect((await stage.call('GET', '/fuse')).json.blown).toBe(false);
    expect(blown()).toHaveLength(1);
  }, 90_000);

  test('show no secret in any log, answer or readable item', async () => {
    const values = [...canaries, ...storm.map(({ key }) => key)];
    const { json } = await stage.call('GET', '/incidents?limit=100');
    const seen = stage.logged() + JSON.stringify(json) + JSON.stringify(await stage.items());
    expect(values.filter((value) => seen.includes(value))).toEqual([]);
  });
});

describe('approval at a provider', () => {
  let stage: Stage;
  beforeAll(async () => {
    stage = await testStage({
      keys: [...calm, ...keyWithDecoys(admin.apiKey, 'leakstop', 0)],
      config: {
        providers: { datadog: { accounts: ['prod'], action: 'approve' } },
        sources: ['standard'],
        policy: { approval: { deadlineMinutes: 60 } },
      },
    });
  });
  afterAll(() => stage.close());

  const report = async (key: DatadogKey) => {
    const { json } = await stage.alert(leakOf(key));
    return stage.resting(json.incidents[0].id);
  };

  test('asks a person, and the key lives until they say yes', async () => {
    const asked = await report(calm[0]);
    expect(asked).toMatchObject({
      state: 'awaiting-approval',
      action: 'approve',
      reason: 'policy asks a person before it acts at this provider',
    });
    expectReasons(asked);
    expect(stage.vendor.accepts(calm[0].key)).toBe(true);
    expect((await stage.call('POST', `/incidents/${asked.id}/approve`)).status).toBe(200);
    expect(await stage.resting(asked.id)).toMatchObject({ outcome: 'revoked', proof: { dead: true } });
    expect((await stage.call('POST', `/incidents/${asked.id}/approve`)).status).toBe(409);
  });

  test('takes one of many decisions that come at once', async () => {
    const asked = await report(calm[1]);
    const verbs = ['approve', 'reject', 'approve', 'reject', 'approve', 'reject'];
    const answers = await Promise.all(verbs.map((verb) => stage.call('POST', `/incidents/${asked.id}/${verb}`)));
    expect(answers.map(({ status }) => status).sort()).toEqual([200, 409, 409, 409, 409, 409]);
    const won = verbs[answers.findIndex(({ status }) => status === 200)];
    const incident = await stage.resting(asked.id);
    expect(incident.outcome).toBe(won === 'approve' ? 'revoked' : 'rejected');
    expect(stage.vendor.accepts(calm[1].key)).toBe(won === 'reject');
  });

  test('keeps a no', async () => {
    const asked = await report(calm[2]);
    const { json } = await stage.call('POST', `/incidents/${asked.id}/reject`, { reason: 'a test key' });
    expect(json).toMatchObject({ state: 'closed', outcome: 'rejected', reason: 'a person said no: a test key' });
    expect(await report(calm[2])).toMatchObject({ outcome: 'rejected' });
    expect(stage.vendor.accepts(calm[2].key)).toBe(true);
  });
});
