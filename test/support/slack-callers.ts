import { randomUUID } from 'node:crypto';
import { createSend } from '../../functions/platform/http.ts';
import { createSlack } from '../../functions/platform/slack.ts';
import { providers } from '../../functions/providers/index.ts';
import { incidentId } from '../../functions/revocation/fingerprint.ts';
import type { IncidentRecord } from '../../functions/revocation/incident.ts';
import { policySchema } from '../../functions/revocation/policy.ts';
import type { Report } from '../../functions/revocation/report.ts';
import { Secret } from '../../functions/revocation/secret.ts';
import { slackConfig } from '../../functions/revocation/slack.ts';
import type { Sources } from '../../functions/revocation/source.ts';
import { answer } from '../../functions/slack/index.ts';
import type { SlackServices } from '../../functions/slack/services.ts';
import { sources as registry } from '../../functions/sources/index.ts';
import { closed } from '../../lib/local/emulators.ts';
import { scanners } from '../../lib/local/scanners/index.ts';
import { type SlackDelivery, sampleSlackSecret, slackWorkspace } from '../../lib/local/slack.ts';
import { testClock, testLedger, vendorNetwork } from './lane.ts';

export const approver = 'U0APPROVER';
export const lane = 'http://queues/lane-datadog';
export const unrouted = 'http://queues/unrouted';
const fingerprint = new Secret('a fingerprint key that only tests have');

/** What a Lambda behind `POST /sources/slack` has, with a simulated workspace at the other end and a real ledger. */
export async function slackCallers({ approvers = [approver], fuse }: { approvers?: string[]; fuse?: object } = {}) {
  const clock = testClock();
  const workspace = slackWorkspace(sampleSlackSecret, clock.now);
  const { ledger, close } = await testLedger(clock);
  const network = await vendorNetwork(workspace);
  const slack = createSlack({ send: createSend({ now: clock.now, fetch: network.fetch }), now: clock.now });
  const config = slackConfig.parse(sampleSlackSecret);
  const sent: { queue: string; body: string }[] = [];
  const logs: unknown[] = [];
  const announced: string[] = [];
  const failing = { queue: undefined as Error | undefined, sources: {} as Record<string, Error> };
  const send = async (queue: string, bodies: string[]) => {
    if (failing.queue) throw failing.queue;
    sent.push(...bodies.map((body) => ({ queue, body })));
  };
  const shared = { lanes: { datadog: lane }, send, now: clock.now, newId: randomUUID };
  const enabled = ['github', 'gitguardian', 'gitlab', 'standard'] as const;
  const sources: Sources = Object.fromEntries(enabled.map((id) => [id, registry[id]]));
  const services: SlackServices = {
    intake: { providers, unroutedQueue: unrouted, fingerprint: async () => fingerprint, ...shared },
    ledger,
    decisions: { ledger, announce: async (incident) => void announced.push(incident), ...shared },
    policy: policySchema.parse({ approval: { approvers }, ...(fuse && { fuse }) }),
    sources,
    async configOf({ id, config: schema }) {
      if (failing.sources[id]) throw failing.sources[id];
      return schema.parse(scanners[id]?.secret ?? { secrets: [`whsec_${Buffer.alloc(24).toString('base64')}`] });
    },
    slack: { post: (reply, deadline) => slack.post(config, reply, deadline), respond: slack.respond },
    now: clock.now,
    info: (...line) => void logs.push(line),
    fault: (message, error, fields) =>
      void logs.push([message, error instanceof Error ? error.message : 'no error', fields]),
  };
  /** Has a request answered, as it stands on the wire. */
  const call = ({ body, headers }: Pick<SlackDelivery, 'body' | 'headers'>) =>
    answer({ body: new TextEncoder().encode(body), headers }, config, services);

  /** An incident of a key that was found, about which a person is asked. */
  async function asked(change: Partial<IncidentRecord> = {}): Promise<IncidentRecord> {
    const leak = { secret: new Secret(randomUUID()) };
    const incident = incidentId(fingerprint, 'datadog', 'api-key', leak);
    const at = new Date(clock.now()).toISOString();
    const report: Report = {
      message: randomUUID(),
      incident,
      provider: 'datadog',
      kind: 'api-key',
      leak,
      sighting: { source: 'standard', at, delivery: randomUUID(), reference: 'https://ci.example/1?a=1&b=<2>' },
      mayNameKeys: false,
      tries: { unavailable: 0, unexpected: 0 },
    };
    const claim = await ledger.claim(report, clock.now() + 30_000);
    if (claim.is !== 'claimed') throw new Error('somebody else has it');
    await ledger.keepSealed(incident, new Uint8Array([1]));
    const place = { account: 'prod', keyId: 'k-1' };
    const asking = {
      ...{ nonce: 'n-1', action: 'delete' as const, askedAt: clock.now(), until: null, onDeadline: 'park' as const },
      ...place,
    };
    return ledger.save(claim.record, {
      ...{ state: 'awaiting-approval', action: 'approve', reason: 'a person must confirm it', ...place, asking },
      lease: { claim: '', message: '', delivery: '', until: 0, scheduled: false },
      timeline: [{ at, stage: 'asked', detail: 'a person must confirm it' }],
      ...change,
    });
  }

  const end = async () => {
    await network.close();
    await close();
    await closed(workspace.server).catch(() => {});
  };
  return { clock, workspace, ledger, services, sent, logs, announced, failing, call, asked, end };
}
