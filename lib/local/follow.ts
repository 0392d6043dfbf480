import { createHmac, randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import type { view } from '../../functions/revocation/incident.ts';
import { sampleSigningSecret } from './samples.ts';

type Incident = ReturnType<typeof view>;

/** How often an incident is looked at (ms), and for how long. */
const lookEvery = 25;
const patience = 60_000;

/** Headers that sign a body the Standard Webhooks way: https://github.com/standard-webhooks/standard-webhooks */
export function signedHeaders(
  body: string,
  { id = `msg_${randomUUID()}`, at = Date.now(), secret = sampleSigningSecret } = {},
): Record<string, string> {
  const timestamp = String(Math.floor(at / 1000));
  const key = Buffer.from(secret.slice('whsec_'.length), 'base64');
  const signature = createHmac('sha256', key).update(`${id}.${timestamp}.${body}`).digest('base64');
  return {
    'content-type': 'application/json',
    'webhook-id': id,
    'webhook-timestamp': timestamp,
    'webhook-signature': `v1,${signature}`,
  };
}

/**
 * Sends a signed alert to a stage and tells each stage of its incident once, with the time (ms) since the alert was accepted.
 * @throws Error when the alert is not accepted
 */
export async function followLeak(
  url: string,
  leak: object,
  tell: (entry: Incident['timeline'][number], ms: number) => void,
): Promise<Incident> {
  const body = JSON.stringify({ type: 'credential.leaked', timestamp: new Date().toISOString(), data: leak });
  const accepted = await fetch(`${url}/sources/standard`, { method: 'POST', headers: signedHeaders(body), body });
  if (accepted.status !== 202) throw new Error(`the alert was not accepted: ${accepted.status}`);
  const { incidents } = (await accepted.json()) as { incidents: { id: string }[] };
  let told = 0;
  for (const until = Date.now() + patience; ; await sleep(lookEvery)) {
    const incident = (await (await fetch(`${url}/incidents/${incidents[0]?.id}`)).json()) as Incident;
    const timeline = incident.timeline ?? [];
    const began = Date.parse(timeline[0]?.at ?? '');
    for (const entry of timeline.slice(told)) tell(entry, Date.parse(entry.at) - began);
    told = timeline.length;
    if (['closed', 'parked', 'awaiting-approval'].includes(incident.state) || Date.now() > until) return incident;
  }
}
