import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { IncidentEvent } from '../../../functions/notices/event-bus.ts';
import { sampleSigningSecret } from '../../../lib/local/samples.ts';
import { type SlackWorkspace, sampleSlackSecret } from '../../../lib/local/slack.ts';
import { type DatadogKey, inventedKeys, keyWithDecoys } from '../../../lib/local/vendors/datadog.ts';
import { admin, canaries, leaked, testStage } from '../../support/stage.ts';

const [second] = inventedKeys(1, 'notices') as [DatadogKey];
const topic = 'arn:aws:sns:eu-central-1:111122223333:alarms';

describe('a stage that tells people and programs', () => {
  let stage: Awaited<ReturnType<typeof testStage>>;
  let slack: SlackWorkspace;
  beforeAll(async () => {
    stage = await testStage({
      keys: [second, ...keyWithDecoys(leaked, 'checkout', 1), ...keyWithDecoys(admin.apiKey, 'leakstop', 0)],
      secrets: {
        'leakstop/providers/datadog/prod': admin,
        'leakstop/sources/standard': { secrets: [sampleSigningSecret] },
        'leakstop/sources/slack': sampleSlackSecret,
      },
      config: {
        providers: { datadog: { accounts: ['prod'] } },
        sources: ['standard', 'slack'],
        notices: { eventBus: 'security', topic },
      },
    });
    slack = stage.slack as SlackWorkspace;
  });
  afterAll(() => stage.close());

  /** Reports a key, and waits until nobody has to be told any more. */
  async function toldOf(secret: string, leak: object = { provider: 'datadog' }): Promise<string> {
    const { json } = await stage.alert({ ...leak, secret });
    const [{ id }] = json.incidents;
    for (const end = Date.now() + 45_000; ; ) {
      const record = (await stage.items()).find((item) => item.id === id);
      const isResting = record?.state === 'closed' || record?.state === 'parked';
      if (isResting && record.telling === false) return id;
      if (Date.now() > end) throw new Error(`nobody was told: ${JSON.stringify(record)}`);
      await new Promise((resolve) => setTimeout(resolve, 25));
    }
  }
  const eventsOf = (id: string) => stage.events.filter(({ detail }) => (detail as IncidentEvent).incident.id === id);
  const postsOf = (id: string) => slack.posts.filter(({ blocks }) => JSON.stringify(blocks).includes(id));

  test('tells each of them once that a key is dead, and nobody anything secret', async () => {
    const id = await toldOf(leaked);
    expect(eventsOf(id)).toMatchObject([
      {
        ...{ bus: 'security', source: 'leakstop', detailType: 'leakstop.incident' },
        detail: { version: 1, incident: { outcome: 'revoked', proof: { dead: true } } },
      },
    ]);
    expect(stage.publications).toMatchObject([{ topic, subject: expect.stringMatching(/is dead/) }]);
    expect(postsOf(id)).toMatchObject([{ text: expect.stringMatching(/is dead/), edits: [] }]);
    const out = JSON.stringify([stage.events, stage.publications, slack.posts]);
    for (const canary of canaries) expect(out).not.toContain(canary);
  });

  test('tells people of a leak that no lane takes', async () => {
    const id = await toldOf('nobody-knows-whose-this-is', { provider: 'elsewhere' });
    expect(eventsOf(id)).toMatchObject([{ detail: { incident: { outcome: 'unrouted' } } }]);
    expect(postsOf(id)).toHaveLength(1);
  });

  test('tells the others while Slack is down, and Slack once when it is back', async () => {
    slack.troubles.push({ on: /^POST \/api\/chat\.postMessage/, times: 2, reply: { status: 503 } });
    const id = await toldOf(second.key);
    expect(eventsOf(id)).toHaveLength(1);
    expect(stage.publications).toHaveLength(3);
    expect(postsOf(id)).toMatchObject([{ text: expect.stringMatching(/is dead/), edits: [] }]);
    const tries = slack.arrivals.filter(({ body }) => body.includes(id));
    expect(tries).toHaveLength(3);
  });
});
