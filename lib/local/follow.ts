import { createHmac, randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { sampleSigningSecret } from './samples.ts';
import { type Incident, isAtRest } from './terminal.ts';

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
  const read = async () => (await (await fetch(`${url}/incidents/${incidents[0]?.id}`)).json()) as Incident;
  return followIncident(read, tell, isAtRest);
}

/** The same for an alert that a scanner sends; its incident is the one that was seen on the alert's page. */
export async function followAlert(
  url: string,
  { source, body, headers, link }: { source: string; body: string; headers: Record<string, string>; link: string },
  tell: (entry: Incident['timeline'][number], ms: number) => void,
): Promise<Incident> {
  const accepted = await fetch(`${url}/sources/${source}`, { method: 'POST', headers, body });
  if (accepted.status !== 202) throw new Error(`the alert was not accepted: ${accepted.status}`);
  const read = async () => {
    const { incidents } = (await (await fetch(`${url}/incidents?limit=100`)).json()) as { incidents: Incident[] };
    return incidents.find(({ sightings }) => sightings.some(({ reference }) => reference === link));
  };
  return followIncident(read, tell, (incident) => isAtRest(incident) && incident.timeline.at(-1)?.stage === 'told');
}

async function followIncident(
  read: () => Promise<Incident | undefined>,
  tell: (entry: Incident['timeline'][number], ms: number) => void,
  isOver: (incident: Incident) => boolean,
): Promise<Incident> {
  let told = 0;
  for (const until = Date.now() + patience; ; await sleep(lookEvery)) {
    const incident = await read();
    if (Date.now() > until && incident === undefined) throw new Error('no incident came of the alert');
    if (incident === undefined) continue;
    const timeline = incident.timeline ?? [];
    const began = Date.parse(timeline[0]?.at ?? '');
    for (const entry of timeline.slice(told)) tell(entry, Date.parse(entry.at) - began);
    told = timeline.length;
    if (isOver(incident) || Date.now() > until) return incident;
  }
}
