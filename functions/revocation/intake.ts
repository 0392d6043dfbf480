import * as z from 'zod';
import { incidentId, seal } from './fingerprint.ts';
import type { Leak, Sighting } from './leak.ts';
import type { Providers } from './provider.ts';
import { type Order, plainJson, type Report, sightingForm, writeReport } from './report.ts';
import { namesOneKey, type Route, route } from './routing.ts';
import type { Secret } from './secret.ts';

/** What an intake needs: it tells where leaks belong and hands them to queues, and touches nothing else. */
export interface Intake {
  providers: Providers;
  /** Provider id → queue URL, for the providers that are configured. */
  lanes: Readonly<Record<string, string>>;
  /** Where leaks go that no lane takes. */
  unroutedQueue: string | undefined;
  /** @throws Misconfigured, Unavailable */
  fingerprint(): Promise<Secret>;
  /** All of them or an error. @throws Unavailable */
  send(queueUrl: string, bodies: string[]): Promise<void>;
  /** Tells logs and metrics what was queued. */
  queued?(what: Queued): void;
  now(): number;
  newId(): string;
}

/** What was queued of one delivery. It holds nothing secret: the sender's name for the delivery, and ids. */
export interface Queued {
  source: string;
  delivery: string;
  incidents: readonly string[];
  /** How many alerts are to be fetched first. */
  references?: number;
}

/** Who reports: every leak of one delivery shares it. */
export interface Sender {
  source: string;
  delivery: string;
  mayNameKeys: boolean;
  /** Somebody wrote it in a chat. */
  hearsay?: boolean | undefined;
  order?: Order | undefined;
  /** ISO 8601: when the report was accepted, for a leak that had to be fetched first; absent, now. */
  at?: string | undefined;
}

/** A leak no lane takes, as it travels to where it is parked: without its secret, which nothing there could use. */
export const unroutedReport = z.object({
  incident: z.string(),
  provider: z.string().nullable(),
  kind: z.string().nullable(),
  reason: z.string(),
  sighting: sightingForm,
});

/**
 * Queues each leak once and answers the incident ids in the order of the leaks. When it returns, all of them are durable.
 * @throws Unavailable, Misconfigured: send the whole delivery again, what was queued of it is recognised
 */
export async function accept(intake: Intake, sender: Sender, leaks: Leak[]): Promise<string[]> {
  const key = await intake.fingerprint();
  const at = sender.at ?? new Date(intake.now()).toISOString();
  const ids = new Set<string>();
  const queues = new Map<string, string[]>();
  for (const given of leaks) {
    const { incident, queue, body } = addressed(intake, sender, given, at, key);
    if (ids.has(incident)) continue;
    ids.add(incident);
    const bodies = queues.get(queue) ?? [];
    queues.set(queue, bodies);
    bodies.push(body);
  }
  await Promise.all([...queues].map(([queue, bodies]) => intake.send(queue, bodies)));
  intake.queued?.({ source: sender.source, delivery: sender.delivery, incidents: [...ids] });
  return [...ids];
}

/**
 * The incident that a report opens or belongs to: its key's. What keys share, such as their owner, may name another key next time: such
 * a report has an incident of its own until its key is found.
 */
export function incidentOf(
  key: Secret,
  { provider, kind, leak }: Extract<Route, { is: 'routed' }>,
  providers: Providers,
  { source, delivery }: Pick<Sender, 'source' | 'delivery'>,
): string {
  const ofKind = providers[provider]?.kinds[kind];
  const isOneKey = ofKind === undefined || namesOneKey(ofKind, leak);
  return incidentId(key, provider, kind, leak, isOneKey ? [] : [source, delivery]);
}

function addressed(
  intake: Intake,
  sender: Sender,
  given: Leak,
  at: string,
  key: Secret,
): { incident: string; queue: string; body: string } {
  const { source, delivery, mayNameKeys, hearsay, order } = sender;
  const routed = route(given, intake.providers);
  const lane = routed.is === 'routed' ? intake.lanes[routed.provider] : undefined;
  if (routed.is === 'routed' && lane !== undefined) {
    const { provider, kind, leak } = routed;
    const sighting: Sighting = { source, at, delivery, reference: leak.reference, location: leak.location };
    const incident = incidentOf(key, routed, intake.providers, sender);
    const tries = { unavailable: 0, unexpected: 0 };
    const report: Report = {
      message: intake.newId(),
      incident,
      provider,
      kind,
      leak,
      sighting,
      mayNameKeys,
      hearsay,
      order,
      tries,
      // The time it took to fetch the leak is not taken from the time its provider is tried for.
      since: sender.at === undefined ? undefined : intake.now(),
      sealed: Buffer.from(seal(key, incident, { leak, mayNameKeys, hearsay, order })).toString('base64'),
    };
    return { incident, queue: lane, body: writeReport(report) };
  }
  if (intake.unroutedQueue === undefined) throw new Error('this intake takes routed leaks only');
  const reason =
    routed.is === 'unrouted'
      ? `${routed.field} ${routed.problem}`
      : `provider ${routed.provider} is not configured here`;
  const { provider, kind, leak } = routed;
  const incident = incidentId(key, provider ?? leak.provider ?? '', kind ?? leak.kind ?? '', leak);
  const sighting: Sighting = { source, at, delivery, reference: leak.reference, location: leak.location };
  return {
    incident,
    queue: intake.unroutedQueue,
    body: plainJson({ incident, provider, kind, reason, sighting }),
  };
}
