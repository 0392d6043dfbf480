import * as z from 'zod';
import { Misconfigured, Refused, Unavailable, Unexpected } from './errors.ts';
import { type ReferenceServices, rememberUnderWay, writeReferral } from './references.ts';
import { plainJson } from './report.ts';
import type { OpenAlerts } from './source.ts';

/** How far back (ms) a sweep looks for alerts: as long as senders keep what they could not deliver. */
const reach = 72 * 60 * 60_000;
/** More than these are left to the next sweep. */
const referencesAtMost = 1000;
/** Time kept at the end of a function (ms) for queueing what was found. */
const reserve = 8_000;

/** The order to look at a source for what no delivery told of. It names the source and holds nothing else. */
export const sweepForm = z.object({ sweep: z.string() });

export const writeSweep = (source: string): string => plainJson({ sweep: source });

/** What a sweep needs from outside. */
export type SweepServices = Pick<ReferenceServices, 'sources' | 'configOf' | 'inquiry' | 'intake' | 'info'> & {
  ledger: Pick<ReferenceServices['ledger'], 'knownAlerts' | 'rememberAlert'>;
};

/**
 * Has a source send again what did not arrive, and queues its open alerts that nobody has followed yet. What does not work now
 * is told and left to the next sweep: nothing is put back or parked. `endsAt` (epoch ms): the function is stopped.
 */
export async function sweep(id: string, services: SweepServices, endsAt: number): Promise<void> {
  const source = Object.hasOwn(services.sources, id) ? services.sources[id] : undefined;
  const { listOpen, redeliver } = source ?? {};
  if (source === undefined || listOpen === undefined) return services.info('the source has no list', { source: id });
  await unlessFailing(id, 'listing', services, async () => {
    const inquiry = services.inquiry(id, await services.configOf(source, false), endsAt - reserve);
    // A list can be had where deliveries cannot be sent again.
    const redelivered = redeliver && (await unlessFailing(id, 'redelivery', services, () => redeliver(inquiry)));
    const open = await listOpen(new Date(services.intake.now() - reach).toISOString(), inquiry);
    const queued = await queueNew(id, open, services);
    const { skipped, more } = open;
    const counts = { open: open.references.length, queued: queued.length, skipped, redelivered: redelivered ?? 0 };
    services.info('the source was swept', { source: id, ...counts, more: String(more || queued.isCut) });
  });
}

/** Queues the references that nobody knows, then remembers that they are on their way. */
async function queueNew(
  id: string,
  { references }: OpenAlerts,
  { ledger, intake }: SweepServices,
): Promise<{ length: number; isCut: boolean }> {
  const byLink = new Map(references.map((reference) => [reference.link, reference]));
  const known = await ledger.knownAlerts(id, [...byLink.keys()]);
  const unknown = [...byLink.values()].filter(({ link }) => !known.has(link));
  const fresh = unknown.slice(0, referencesAtMost);
  const at = new Date(intake.now()).toISOString();
  const tries = { unavailable: 0, unexpected: 0 };
  const referrals = fresh.map((reference) => ({
    ...{ source: id, delivery: `sweep ${id} ${reference.link}`, at, reference, tries },
  }));
  if (intake.unroutedQueue === undefined) throw new Error('this intake takes routed leaks only');
  await intake.send(intake.unroutedQueue, referrals.map(writeReferral));
  await Promise.all(referrals.map((referral) => rememberUnderWay(referral, ledger)));
  return { length: fresh.length, isCut: unknown.length > fresh.length };
}

async function unlessFailing<Value>(
  source: string,
  what: string,
  { info }: Pick<SweepServices, 'info'>,
  act: () => Promise<Value>,
): Promise<Value | undefined> {
  try {
    return await act();
  } catch (error) {
    const foreseen = [Unavailable, Refused, Unexpected, Misconfigured].some((fault) => error instanceof fault);
    if (!foreseen || !(error instanceof Error)) throw error;
    const reason = error instanceof Refused ? `${error.message}; ${error.remedy}` : error.message;
    info('a sweep failed', { source, what, reason });
    return undefined;
  }
}
