import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { githubScanner } from '../../../lib/local/scanners/github.ts';
import { scanners as worlds } from '../../../lib/local/scanners/index.ts';
import type { Scanner } from '../../../lib/local/scanners/scanner.ts';
import {
  credentialWithDecoys,
  type DatadogKey,
  inventedKeys,
  keyWithDecoys,
} from '../../../lib/local/vendors/datadog.ts';
import { admin, type Incident, leaked, testStage } from '../../support/stage.ts';

const ids = ['github', 'gitlab', 'gitguardian'] as const;
const detectors = {
  github: 'datadog_api_key',
  // It has a name for application keys alone.
  gitlab: 'gitleaks_rule_id_datadog-access-token',
  gitguardian: 'datadog_api_credentials',
};

describe('an alert that names its key by reference', () => {
  const keys = inventedKeys(4, 'closing') as DatadogKey[];
  const [first, second, third, fourth] = keys as [DatadogKey, DatadogKey, DatadogKey, DatadogKey];
  const applicationKeys = ['a1', 'b2'].flatMap((digits, index) =>
    credentialWithDecoys(digits.repeat(20), `closing ${index}`, 1, 'user-1'),
  );
  const [application, , another] = applicationKeys;
  if (application === undefined || another === undefined) throw new Error('there are two keys');
  let stage: Awaited<ReturnType<typeof testStage>>;
  beforeAll(async () => {
    stage = await testStage({
      keys: [...keys, ...keyWithDecoys(leaked, 'checkout', 1), ...keyWithDecoys(admin.apiKey, 'leakstop', 0)],
      secrets: {
        'leakstop/providers/datadog/prod': admin,
        ...Object.fromEntries(ids.map((id) => [`leakstop/sources/${id}`, worlds[id]?.secret])),
      },
      config: { providers: { datadog: { accounts: ['prod'] } }, sources: ids },
    });
    const [organisation] = stage.vendor.organisations;
    if (organisation) organisation.applicationKeys = applicationKeys;
  });
  afterAll(() => stage.close());

  const scanner = (id: string) => stage.scanners[id] as Scanner;
  /** Looks until the incident that was seen there is as wanted. */
  const incidentAt = async (link: string, wanted: (incident: Incident) => boolean): Promise<Incident> => {
    for (const end = Date.now() + 12_000; ; ) {
      const { json } = await stage.call('GET', '/incidents?limit=100');
      const found = json.incidents.find(({ sightings }: Incident) =>
        sightings.some(({ reference }) => reference === link),
      );
      if (found && wanted(found)) return found;
      if (Date.now() > end) throw new Error(`not there: ${JSON.stringify(found ?? json)}`);
      await new Promise((resolve) => setTimeout(resolve, 25));
    }
  };
  const told = ({ timeline }: Incident) => timeline.filter(({ stage: at }) => at === 'told');

  test.each([
    { id: 'github', key: first },
    { id: 'gitlab', key: application },
    { id: 'gitguardian', key: second },
  ] as const)('of $id is closed there when the key is dead, once, with the incident’s id', async ({ id, key }) => {
    const { body, headers, link } = scanner(id).find({ secret: key.key, detector: detectors[id] });
    const { status } = await stage.call('POST', `/sources/${id}`, body, headers);
    expect(status).toBe(202);
    const incident = await incidentAt(link, (one) => told(one).length > 0);
    expect(incident).toMatchObject({ state: 'closed', outcome: 'revoked', proof: { dead: true } });
    expect(stage.vendor.accepts(key.key)).toBe(false);
    const alert = scanner(id).alerts.find((one) => one.link === link);
    expect(alert).toMatchObject({ state: 'closed' });
    expect(alert?.comments.filter((comment) => comment.includes(incident.id))).toHaveLength(1);
    expect(told(incident)).toMatchObject([{ detail: `${id}: alert closed: ${link}` }]);
    const again = await stage.call('POST', `/sources/${id}`, body, headers);
    expect(again.status).toBe(202);
  });

  test('that comes for a key which is dead already is closed as well', async () => {
    const github = scanner('github').find({ secret: another.key, detector: 'datadog_app_key' });
    await stage.call('POST', '/sources/github', github.body, github.headers);
    await incidentAt(github.link, (one) => told(one).length === 1);
    const gitlab = scanner('gitlab').find({ secret: another.key, detector: detectors.gitlab });
    await stage.call('POST', '/sources/gitlab', gitlab.body, gitlab.headers);
    const incident = await incidentAt(gitlab.link, (one) => told(one).length === 2);
    expect(incident).toMatchObject({ outcome: 'revoked', sightingCount: 2 });
    expect(stage.vendor.deletions.filter((id) => id === another.id)).toHaveLength(1);
    expect(scanner('gitlab').alerts.find(({ link }) => link === gitlab.link)?.state).toBe('closed');
  });

  test('that is opened again, though its key is dead, is closed again', async () => {
    const github = scanner('github') as ReturnType<typeof githubScanner>;
    const alert = github.open({ secret: fourth.key, detector: detectors.github });
    const deliver = async (action: string) => {
      const { body, headers } = github.tell(alert, { action });
      await stage.call('POST', '/sources/github', body, headers);
    };
    await deliver('created');
    await incidentAt(alert.link, (one) => told(one).length === 1);
    Object.assign(alert, { state: 'open', resolution: undefined });
    await deliver('reopened');
    const incident = await incidentAt(alert.link, (one) => told(one).length === 2);
    expect(incident).toMatchObject({ outcome: 'revoked', sightingCount: 1 });
    expect(alert).toMatchObject({ state: 'closed', resolution: 'revoked' });
    // The echo of that, and the same news once more, tell nothing new.
    await deliver('resolved');
    await deliver('publicly_leaked');
    await new Promise((resolve) => setTimeout(resolve, 500));
    expect(told(await incidentAt(alert.link, () => true))).toHaveLength(2);
  });

  test('waits for its source to be well again, and holds back no other', async () => {
    scanner('github').troubles.push({ on: /^PATCH /, times: 1, reply: { status: 502 } });
    const github = scanner('github').find({ secret: third.key, detector: detectors.github });
    await stage.call('POST', '/sources/github', github.body, github.headers);
    const incident = await incidentAt(github.link, (one) => told(one).length === 1);
    expect(incident).toMatchObject({ outcome: 'revoked' });
    expect(scanner('github').alerts.find(({ link }) => link === github.link)?.state).toBe('closed');
  });
});
