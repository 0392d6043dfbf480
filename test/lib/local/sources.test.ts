import { GetQueueUrlCommand, SendMessageCommand } from '@aws-sdk/client-sqs';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { sources } from '../../../functions/sources/index.ts';
import { sampleSigningSecret } from '../../../lib/local/samples.ts';
import { scanners as worlds } from '../../../lib/local/scanners/index.ts';
import type { Scanner, ScannerDelivery } from '../../../lib/local/scanners/scanner.ts';
import { type DatadogKey, inventedKeys, keyWithDecoys } from '../../../lib/local/vendors/datadog.ts';
import { admin, canaries, type Incident, leaked, testStage } from '../../support/stage.ts';

/** Keys of their own for tests that share one stage. */
const keys = inventedKeys(4, 'sources') as [DatadogKey, DatadogKey, DatadogKey, DatadogKey];
const [fetched, partnered, doubted, revoked] = keys;
/** All but one, which is not configured here. */
const enabled = Object.keys(sources).filter((id) => id !== 'gitguardian');

describe('a stage with many sources', () => {
  let stage: Awaited<ReturnType<typeof testStage>>;
  beforeAll(async () => {
    const own = { standard: { secrets: [sampleSigningSecret] }, trufflehog: { tokens: ['t'] }, 'github-partner': {} };
    const secretOf = (id: string) => worlds[id]?.secret ?? own[id as keyof typeof own];
    stage = await testStage({
      keys: [...keys, ...keyWithDecoys(leaked, 'checkout', 1), ...keyWithDecoys(admin.apiKey, 'leakstop', 0)],
      secrets: {
        'leakstop/providers/datadog/prod': admin,
        ...Object.fromEntries(enabled.map((id) => [`leakstop/sources/${id}`, secretOf(id)])),
      },
      config: { providers: { datadog: { accounts: ['prod'] } }, sources: enabled },
    });
  });
  afterAll(() => stage.close());

  const scanner = (id: string) => stage.scanners[id] as Scanner;
  const deliver = (id: string, { body, headers }: Pick<ScannerDelivery, 'body' | 'headers'>) =>
    stage.call('POST', `/sources/${id}`, body, headers);
  const incidentWith = async (fits: (incident: Incident) => boolean): Promise<Incident> => {
    for (const end = Date.now() + 45_000; ; ) {
      const { json } = await stage.call('GET', '/incidents?limit=100');
      const found = json.incidents.find(fits);
      if (found) return stage.resting(found.id);
      if (Date.now() > end) throw new Error(`no such incident: ${JSON.stringify(json)}`);
      await new Promise((resolve) => setTimeout(resolve, 25));
    }
  };
  const seenAt = (link: string) => (incident: Incident) =>
    incident.sightings.some(({ reference }) => reference === link);

  test('an alert that only names its credential is taken without an incident, fetched, and the key is dead', async () => {
    const delivery = scanner('github').find({ secret: fetched.key, detector: 'datadog_api_key' });
    expect(delivery.body).not.toContain(fetched.key);
    const { status, json } = await deliver('github', delivery);
    expect([status, json]).toEqual([202, { incidents: [] }]);
    const incident = await incidentWith(seenAt(delivery.link));
    expect(incident).toMatchObject({ provider: 'datadog', kind: 'api-key', outcome: 'revoked', sightingCount: 1 });
    expect(incident.sightings).toMatchObject([{ source: 'github', reference: delivery.link }]);
    expect(stage.vendor.accepts(fetched.key)).toBe(false);
    const again = await deliver('github', delivery);
    expect([again.status, again.json]).toEqual([202, { incidents: [] }]);
  });

  test('an alert whose credential cannot be fetched is parked with the alert’s page', async () => {
    const gitlab = scanner('gitlab');
    const delivery = gitlab.find({ secret: canaries[0] as string, detector: 'datadog-access-token' });
    gitlab.alerts.pop();
    expect((await deliver('gitlab', delivery)).status).toBe(202);
    const incident = await incidentWith(seenAt(delivery.link));
    expect(incident).toMatchObject({ state: 'parked', outcome: 'unrouted', provider: null });
    expect(incident.reason).toContain(`open ${delivery.link}`);
  });

  test('an array signed with a published key is verified with that key, and its key is dead', async () => {
    const delivery = scanner('deps-dev').find({ secret: partnered.key, detector: 'datadog_api_key' });
    const forged = { ...delivery, body: delivery.body.replace(partnered.key, doubted.key) };
    expect(await deliver('deps-dev', forged)).toMatchObject({ status: 401, text: '' });
    const { status, json } = await deliver('deps-dev', delivery);
    expect(status).toBe(202);
    expect(await stage.resting(json.incidents[0].id)).toMatchObject({ outcome: 'revoked' });
    expect(stage.vendor.accepts(partnered.key)).toBe(false);
    expect(scanner('deps-dev').arrivals).toHaveLength(1);
  });

  test('a sender whose keys cannot be had is asked to come again, and is taken then', async () => {
    const partner = scanner('gitlab-partner');
    partner.troubles.push({ on: /./, times: 1, reply: { status: 500 } });
    const delivery = partner.find({ secret: doubted.key, detector: 'datadog_api_key' });
    const { status, json, headers } = await deliver('gitlab-partner', delivery);
    expect([status, headers.get('content-type')]).toEqual([503, 'application/problem+json']);
    expect(json).toMatchObject({ status: 503, detail: 'Nothing is promised; send the whole of it again.' });
    expect(stage.vendor.accepts(doubted.key)).toBe(true);
    const taken = async () => (await deliver('gitlab-partner', delivery)).status === 202;
    await expect.poll(taken, { timeout: 45_000, interval: 500 }).toBe(true);
  });

  describe('has further addresses of a source', () => {
    type Asking = { method: string; path: string; body: string; headers: Record<string, string> };
    const ask = (asking: Asking, change: Partial<Asking> = {}) => {
      const { method, path, body, headers } = { ...asking, ...change };
      return stage.call(method, `/sources/gitlab/${path}`, method === 'GET' ? undefined : body, headers);
    };
    const gitlab = () => scanner('gitlab') as Scanner & { revocableTypes(): Asking; revoke(found: object[]): Asking };

    test('that answer what is asked', async () => {
      const { status, json } = await ask(gitlab().revocableTypes());
      expect([status, json]).toEqual([200, { types: ['gitleaks_rule_id_datadog-access-token'] }]);
    });

    test('that take leaks, and answer nothing once they are queued', async () => {
      const found = [
        { secret: revoked.key, detector: 'something-nobody-knows' },
        { secret: leaked, detector: 'x' },
      ];
      expect(await ask(gitlab().revoke(found))).toMatchObject({ status: 204, text: '' });
      const parked = await incidentWith(({ sightings }) =>
        sightings.some(({ reference }) => reference?.includes('/-/raw/')),
      );
      expect(parked).toMatchObject({ state: 'parked', outcome: 'unrouted' });
    });

    test('that answer strangers nothing', async () => {
      const asking = gitlab().revocableTypes();
      for (const authorization of ['', 'Bearer x', `${asking.headers.authorization}x`]) {
        const headers = { ...asking.headers, authorization };
        expect(await ask(asking, { headers })).toMatchObject({ status: 401, text: '' });
        expect(await ask(gitlab().revoke([]), { headers })).toMatchObject({ status: 401, text: '' });
      }
    });

    test('and no others', async () => {
      const asking = gitlab().revocableTypes();
      for (const change of [{ path: 'nothing' }, { path: 'constructor' }, { method: 'POST' }])
        expect(await ask(asking, change)).toMatchObject({ status: 404, text: '' });
      for (const id of ['standard', 'gitguardian', 'nobody', 'constructor'])
        expect(await stage.call('GET', `/sources/${id}/revocable_token_types`)).toMatchObject({
          status: 404,
          text: '',
        });
    });
  });

  test('what AWS Health says comes by its queue alone, and is parked for a person', async () => {
    const event = {
      ...{ source: 'aws.health', id: 'health-1', account: '000000000000' },
      detail: {
        ...{ service: 'RISK', eventTypeCode: 'AWS_RISK_CREDENTIALS_EXPOSED', eventArn: 'arn:aws:health:1' },
        affectedEntities: [{ entityValue: 'AKIAINVENTED00000001' }],
      },
    };
    const body = JSON.stringify(event);
    expect(await stage.call('POST', '/sources/aws-health', body)).toMatchObject({ status: 404, text: '' });
    const QueueUrl = await queueUrl();
    await stage.cloud.sqs.send(new SendMessageCommand({ QueueUrl, MessageBody: body }));
    const incident = await incidentWith(({ sightings }) => sightings.some(({ source }) => source === 'aws-health'));
    expect(incident).toMatchObject({ state: 'parked', outcome: 'unrouted', provider: null });
    expect(incident.reason).toContain('AKIAINVENTED00000001 of account 000000000000');
  });
  const queueUrl = async () => {
    return (await stage.cloud.sqs.send(new GetQueueUrlCommand({ QueueName: 'leakstop-unrouted' }))).QueueUrl;
  };

  test('a source that is not configured is not there', async () => {
    const delivery = scanner('gitguardian').find({ secret: 'x', detector: 'y' });
    expect(await deliver('gitguardian', delivery)).toMatchObject({ status: 404, text: '' });
  });

  test('no secret is seen in a log or in the ledger', async () => {
    const seen = stage.logged() + JSON.stringify(await stage.items());
    for (const value of [...canaries, ...keys.map(({ key }) => key), JSON.stringify(worlds.gitlab?.secret)])
      expect(seen).not.toContain(value);
  });
});
