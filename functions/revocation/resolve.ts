import * as z from 'zod';
import { exposuresIn, healthEvent } from './aws-health.ts';
import { letOutagePass } from './errors.ts';
import { unroutedReport } from './intake.ts';
import { type ReferenceServices, referralForm, resolveReference } from './references.ts';
import { sweep, sweepForm } from './sweep.ts';

/** What `resolve` needs from outside. */
export interface ResolveServices extends ReferenceServices {
  /** The AWS account whose health events are believed. */
  account: string;
}

/** What arrives where leaks go that no lane takes yet: such a leak, a reference to fetch, an event of AWS Health, an order to sweep. */
const message = z.union([
  unroutedReport.transform((report) => ({ is: 'unrouted' as const, report })),
  referralForm.transform((referral) => ({ is: 'reference' as const, referral })),
  healthEvent.transform((event) => ({ is: 'health' as const, event })),
  sweepForm.transform((order) => ({ is: 'sweep' as const, source: order.sweep })),
]);

/** Takes one message to a lane, or to a person. @throws Error when that is not possible now: the message must stay in its queue */
export async function resolve(body: string, services: ResolveServices, endsAt: number): Promise<void> {
  const given = message.parse(JSON.parse(body));
  if (given.is === 'reference') return resolveReference(given.referral, services, endsAt);
  if (given.is === 'sweep') return sweep(given.source, services, endsAt);
  if (given.is === 'unrouted') return park(given.report, services);
  const at = new Date(services.intake.now()).toISOString();
  const exposures = exposuresIn(given.event, await services.intake.fingerprint(), services.account, at);
  for (const exposure of exposures) {
    await park({ ...exposure, provider: null, kind: null }, services);
    const { source, delivery } = exposure.sighting;
    services.intake.queued?.({ source, delivery, incidents: [exposure.incident] });
  }
}

async function park(
  { reason, ...report }: z.infer<typeof unroutedReport>,
  { ledger, note, announce }: ResolveServices,
): Promise<void> {
  const { id } = await ledger.park(report, 'unrouted', reason, announce !== undefined);
  note(report.provider ?? 'none', { incident: id, outcome: 'unrouted', detail: reason });
  await announce?.(id).catch(letOutagePass);
}
