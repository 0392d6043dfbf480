import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { sampleSigningSecret } from '../../../lib/local/samples.ts';
import { scanners } from '../../../lib/local/scanners/index.ts';
import type { Scanner } from '../../../lib/local/scanners/scanner.ts';
import { type SlackDelivery, type SlackWorkspace, sampleSlackSecret } from '../../../lib/local/slack.ts';
import {
  type DatadogKey,
  type DatadogOrganisation,
  inventedKeys,
  keyWithDecoys,
} from '../../../lib/local/vendors/datadog.ts';
import { admin, canaries, type Incident, leaked, testStage } from '../../support/stage.ts';

const approver = 'U0APPROVER';
const [hinted, rejected, named] = inventedKeys(3, 'slack') as [DatadogKey, DatadogKey, DatadogKey];
/** A key whose form alone says what it is. */
const pasted = `ddapp_${'ca9a7ea1'.repeat(4)}`;

describe('a stage with Slack', () => {
  let stage: Awaited<ReturnType<typeof testStage>>;
  let slack: SlackWorkspace;
  beforeAll(async () => {
    stage = await testStage({
      keys: [hinted, rejected, ...keyWithDecoys(leaked, 'checkout', 1), ...keyWithDecoys(admin.apiKey, 'us', 0)],
      secrets: {
        'leakstop/providers/datadog/prod': admin,
        'leakstop/sources/standard': { secrets: [sampleSigningSecret] },
        'leakstop/sources/github': scanners.github?.secret,
        'leakstop/sources/slack': sampleSlackSecret,
      },
      config: {
        providers: { datadog: { accounts: ['prod'], action: 'approve' } },
        sources: ['standard', 'github', 'slack'],
        policy: { approval: { approvers: [approver] } },
      },
    });
    slack = stage.slack as SlackWorkspace;
  });
  afterAll(() => stage.close());

  const deliver = async ({ body, headers }: SlackDelivery) => {
    const { status, json, text } = await stage.call('POST', '/sources/slack', body, headers);
    return { status, json, text };
  };
  const told = ({ responseUrl }: { responseUrl: string }) =>
    slack.responses.filter((one) => one.responseUrl === responseUrl).map(({ body }) => String(body.text));
  const waiting = async (secret: string) => {
    const { json } = await stage.alert({ provider: 'datadog', secret });
    return stage.until(json.incidents[0].id, ({ state }) => state === 'awaiting-approval');
  };
  const eventually = async <Value>(look: () => Value | undefined | Promise<Value | undefined>): Promise<Value> => {
    for (const end = Date.now() + 45_000; ; ) {
      const value = await look();
      if (value !== undefined) return value;
      if (Date.now() > end) throw new Error('it does not come');
      await new Promise((resolve) => setTimeout(resolve, 25));
    }
  };
  const seenAt = (link: string) =>
    eventually(async () => {
      const { json } = await stage.call('GET', '/incidents?limit=100');
      return json.incidents.find(({ sightings }: Incident) => sightings.some(({ reference }) => reference === link)) as
        | Incident
        | undefined;
    });
  /** The button that a message about an incident carries now. */
  const button = (id: string, action: string) =>
    eventually(() => {
      const blocks = slack.posts.map((post) => JSON.stringify(post.blocks)).filter((text) => text.includes(id));
      const form = new RegExp(`"(${id} [^"]+)"`);
      return blocks.map((text) => (text.includes(`"${action}"`) ? form.exec(text)?.[1] : undefined)).find(Boolean);
    });

  test('answers Slack’s question, and nobody whose signature is wrong', async () => {
    const asked = slack.verification('c-1');
    expect(await deliver(asked)).toMatchObject({ status: 200, json: { challenge: 'c-1' } });
    expect(await deliver({ ...asked, body: `${asked.body} ` })).toEqual({ status: 401, text: '', json: undefined });
  });

  test('has an approval from the message to the dead key: a stranger is refused, the approver decides, once', async () => {
    const { id } = await waiting(leaked);
    const value = await button(id, 'approve');
    expect(JSON.stringify(slack.posts)).not.toContain(leaked);

    const strange = slack.click('approve', value, 'U0STRANGER');
    expect(await deliver(strange)).toMatchObject({ status: 200, json: {} });
    expect(told(strange)).toEqual([expect.stringMatching(/^Only approvers/)]);
    expect(stage.vendor.accepts(leaked)).toBe(true);

    const [first, again] = [slack.click('approve', value, approver), slack.click('approve', value, approver)];
    await deliver(first);
    await deliver(again);
    expect(told(first)).toEqual([expect.stringMatching(/^Approved; it is being revoked/)]);
    expect(told(again)).toEqual([expect.stringMatching(/^The incident is .*: .* It was approved by <@U0APPROVER>/)]);
    const closed = await stage.until(id, ({ state }) => state === 'closed');
    expect(closed).toMatchObject({ outcome: 'revoked', proof: { dead: true } });
    expect(closed.timeline).toContainEqual(
      expect.objectContaining({ stage: 'approved', detail: `by <@${approver}> in Slack` }),
    );
    expect(stage.vendor.accepts(leaked)).toBe(false);
    expect(stage.vendor.deletions).toHaveLength(1);

    const late = slack.click('reject', value, approver);
    await deliver(late);
    expect(told(late)).toEqual([expect.stringMatching(/^The incident is closed: /)]);
    const posts = slack.posts.filter((post) => JSON.stringify(post).includes(id));
    expect(posts).toHaveLength(1);
    await eventually(() => (JSON.stringify(posts[0]).includes('dead') ? true : undefined));
  });

  test('fetches the alert that a message names, and asks a person about its key', async () => {
    const github = stage.scanners.github as Scanner;
    const { link } = github.find({ secret: hinted.key, detector: 'datadog_api_key' });
    const text = `Secret scanning: <${link}|acme/app>`;
    expect(await deliver(slack.event({ bot_id: 'B0SCANNER', text }))).toMatchObject({ status: 200, json: {} });
    const { id } = await seenAt(link);
    const incident = await stage.until(id, ({ state }) => state === 'awaiting-approval');
    expect(incident.sightings).toMatchObject([{ source: 'github', reference: link }]);
    expect(stage.vendor.accepts(hinted.key)).toBe(true);
  });

  test('keeps a pasted key for a person, and answers in the thread', async () => {
    const [organisation] = stage.vendor.organisations;
    (organisation as DatadogOrganisation).applicationKeys = [{ ...named, key: pasted, owner: 'user-1' }];
    const event = slack.event({ user: 'U0CARELESS', text: `try ${pasted}`, ts: '1763640000.000100' });
    expect(await deliver(event)).toMatchObject({ status: 200, json: {} });
    expect(slack.posts.filter(({ thread_ts }) => thread_ts === '1763640000.000100')).toHaveLength(1);
    const { id } = await seenAt('https://slack.com/archives/C0LEAKS/p1763640000000100');
    expect(await stage.resting(id)).toMatchObject({
      ...{ provider: 'datadog', kind: 'application-key', keyId: named.id, state: 'awaiting-approval' },
    });
    expect(stage.vendor.accepts(pasted)).toBe(true);
  });

  test('answers the commands', async () => {
    const { id } = await waiting(rejected.key);
    const ask = async (text: string, user?: string) => String((await deliver(slack.command(text, user))).json.text);
    expect(await ask('help')).toContain('/leakstop show ID');
    expect(await ask('status')).toMatch(/^awaiting approval: [1-9]/);
    expect(await ask(`show ${id}`)).toContain('awaiting-approval');
    expect(await ask(`reject ${id} it is a test key`, 'U0STRANGER')).toMatch(/^Only approvers/);
    expect(await ask(`reject ${id} it is a test key`, approver)).toMatch(/^Rejected/);
    expect(await stage.resting(id)).toMatchObject({ state: 'closed', outcome: 'rejected' });
    expect(stage.vendor.accepts(rejected.key)).toBe(true);
  });

  test('says nothing secret in Slack, in the log or in the ledger', async () => {
    const { posts, responses, arrivals } = slack;
    const shown = JSON.stringify([posts, responses, arrivals.map(({ target, body }) => [target, body])]);
    const kept = JSON.stringify(await stage.items());
    const own = [sampleSlackSecret.botToken, String(sampleSlackSecret.signingSecret)];
    for (const canary of [...canaries, hinted.key, pasted, ...own])
      for (const text of [shown, stage.logged(), kept]) expect(text).not.toContain(canary);
  });
});

describe('a stage without Slack', () => {
  test('answers 404, with nothing in it', async () => {
    const stage = await testStage();
    const { status, text } = await stage.call('POST', '/sources/slack', '{}');
    await stage.close();
    expect([status, text]).toEqual([404, '']);
  });
});
