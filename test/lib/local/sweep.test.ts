import { GetQueueUrlCommand, SendMessageCommand } from '@aws-sdk/client-sqs';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { scanners as worlds } from '../../../lib/local/scanners/index.ts';
import type { Scanner, ScannerAlert } from '../../../lib/local/scanners/scanner.ts';
import { type DatadogKey, inventedKeys, keyWithDecoys } from '../../../lib/local/vendors/datadog.ts';
import { admin, type Incident, testStage } from '../../support/stage.ts';

const keys = inventedKeys(3, 'sweep') as [DatadogKey, DatadogKey, DatadogKey];
const [missed, missedToo, repaired] = keys;
const enabled = ['github', 'gitguardian', 'gitlab'];

let stage: Awaited<ReturnType<typeof testStage>>;
beforeAll(async () => {
  stage = await testStage({
    keys: [...keys, ...keyWithDecoys(admin.apiKey, 'leakstop', 0)],
    secrets: {
      'leakstop/providers/datadog/prod': admin,
      ...Object.fromEntries(enabled.map((id) => [`leakstop/sources/${id}`, worlds[id]?.secret ?? {}])),
    },
    config: { providers: { datadog: { accounts: ['prod'] } }, sources: enabled },
  });
});
afterAll(() => stage.close());

const scanner = (id: string) => stage.scanners[id] as Scanner;
const order = async (source: string) => {
  const { QueueUrl } = await stage.cloud.sqs.send(new GetQueueUrlCommand({ QueueName: 'leakstop-unrouted' }));
  await stage.cloud.sqs.send(new SendMessageCommand({ QueueUrl, MessageBody: JSON.stringify({ sweep: source }) }));
};
const incidentOf = async ({ link }: Pick<ScannerAlert, 'link'>, fits = (_: Incident) => true): Promise<Incident> => {
  for (const end = Date.now() + 45_000; ; ) {
    const { json } = await stage.call('GET', '/incidents?limit=100');
    const isOf = (one: Incident) => one.sightings.some(({ reference }) => reference === link) && fits(one);
    const found = json.incidents.find(isOf);
    if (found) return stage.resting(found.id);
    if (Date.now() > end) throw new Error(`no such incident: ${JSON.stringify(json)}`);
    await new Promise((resolve) => setTimeout(resolve, 25));
  }
};

test.each([
  ['github', missed, 'datadog_api_key', /\/secret-scanning\/alerts\/\d+$/],
  ['gitguardian', missedToo, 'datadog_api_credentials', /\/incidents\/secrets\/\d+\?/],
])(
  'an alert of %s whose delivery never came is swept up, and its key dies; the next sweep fetches nothing',
  async (...given) => {
    const [id, { key }, detector, isFetch] = given;
    // It is found, and what tells of it is lost.
    const alert = scanner(id).find({ secret: key, detector });
    const fetches = () =>
      scanner(id).arrivals.filter(({ method, target }) => method === 'GET' && isFetch.test(target)).length;
    await order(id);
    const incident = await incidentOf(alert);
    expect(incident).toMatchObject({ provider: 'datadog', outcome: 'revoked', sightingCount: 1 });
    expect(incident.sightings).toMatchObject([{ source: id, reference: alert.link }]);
    expect(stage.vendor.accepts(key)).toBe(false);
    const sweeps = () => stage.logged().split('the source was swept').length - 1;
    const [before, swept] = [fetches(), sweeps()];
    await order(id);
    await expect.poll(sweeps, { timeout: 45_000 }).toBe(swept + 1);
    expect((await stage.call('GET', `/incidents/${incident.id}`)).json).toMatchObject({ sightingCount: 1 });
    // What closed the alert meanwhile looks at it too, but does not fetch what it holds.
    expect(fetches() - before).toBeLessThanOrEqual(id === 'github' ? 0 : 1);
  },
);

test('an alert that could not be fetched is fetched when a person asks again, and says what came of it', async () => {
  const gitlab = scanner('gitlab');
  const delivery = gitlab.find({ secret: repaired.key, detector: 'gitleaks_rule_id_datadog-access-token' });
  const [lost] = gitlab.alerts.splice(-1);
  if (!lost) throw new Error('there is no alert');
  await stage.call('POST', '/sources/gitlab', delivery.body, delivery.headers);
  const parked = await incidentOf(delivery);
  expect(parked).toMatchObject({ state: 'parked', outcome: 'unrouted' });
  gitlab.alerts.push(lost);
  const { status, json } = await stage.call('POST', `/incidents/${parked.id}/retry`);
  expect([status, json.state]).toEqual([200, 'parked']);
  const fetched = await incidentOf(delivery, ({ id }) => id !== parked.id);
  const told = await stage.until(parked.id, ({ reason }) => reason === `the alert is fetched: see ${fetched.id}`);
  expect(told).toMatchObject({ state: 'parked', outcome: 'unrouted', sightingCount: 1 });
  expect((await stage.call('POST', `/incidents/${parked.id}/reject`)).status).toBe(200);
});
