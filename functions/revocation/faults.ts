import { Misconfigured, Refused, Unavailable, Unexpected } from './errors.ts';
import type { Report } from './report.ts';
import { type Run, rest, save } from './run.ts';

/** No report is tried for longer than this (ms); then a person is needed. */
const patience = 24 * 60 * 60 * 1000;
/** An answer outside the contract is tried this often, these pauses (ms) apart, within a minute. */
const unexpectedPauses = [5_000, 15_000];
/** A setting of ours that is wrong is looked at again this often (ms): a person is repairing it. */
const repairPause = 60_000;

/**
 * What went wrong with us: put back where trying again helps, parked with the reason where only a person does.
 * @throws Error whatever it cannot place, and LeaseLost
 */
export async function settleFault(run: Run, error: unknown): Promise<void> {
  const { services, report } = run;
  if (error instanceof Refused) return rest(run, 'failed', `${error.message}; repair it, then retry`);
  if (error instanceof Unexpected) {
    const pause = unexpectedPauses[report.tries.unexpected];
    if (pause === undefined) return rest(run, 'failed', `${error.message}; see what changed, then retry`);
    return putBack(run, error.message, pause, { ...report.tries, unexpected: report.tries.unexpected + 1 });
  }
  if (!(error instanceof Unavailable) && !(error instanceof Misconfigured)) throw error;
  const since = Date.parse(report.sighting.at);
  if (services.now() - since > patience)
    return rest(run, 'failed', `${error.message}; tried for a day, retry when it is over`);
  const tries = { ...report.tries, unavailable: report.tries.unavailable + 1 };
  const hint = error instanceof Unavailable ? error.retryAfterMs : repairPause;
  await putBack(run, error.message, hint ?? backoff(tries.unavailable, services.random()), tries);
}

/** About 1 s, then twice as long each time, up to 60 s; spread by a tenth so that many do not come back at once. */
export function backoff(tries: number, random: number): number {
  return Math.min(1000 * 2 ** (tries - 1), 60_000) * (0.95 + random * 0.1);
}

async function putBack(run: Run, reason: string, delayMs: number, tries: Report['tries']): Promise<void> {
  const { services, report, record } = run;
  const message = services.newId();
  const notBefore = services.now() + Math.max(delayMs, 1000);
  // The message goes first: if this run dies in between, the one it came from is delivered again.
  await services.putBack({ ...report, message, tries, notBefore, fence: record.fence }, notBefore - services.now());
  const until = new Date(notBefore).toISOString();
  services.note({ incident: record.id, detail: `${reason}; trying again at ${until}` });
  await save(run, {
    state: record.inDoubt ? 'unknown' : record.accepted ? 'sent' : 'claimed',
    reason: `${reason}; trying again at ${until}`,
    lease: { ...record.lease, message, until: notBefore + 60_000, scheduled: true },
  });
}
