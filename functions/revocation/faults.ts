import { type Fault, letOutagePass, Misconfigured, Refused, Unavailable, Unexpected } from './errors.ts';
import type { IncidentRecord, Stage } from './incident.ts';
import type { Report } from './report.ts';
import { type Run, rest, type Services, save } from './run.ts';

const day = 24 * 60 * 60 * 1000;
/** No report is tried for longer than this (ms); then a person is needed. */
const patience = day;
/** A wait longer than this (ms) is none that a provider means. */
const longestHint = day;
/** An answer outside the contract is tried this often, these pauses (ms) apart, within a minute. */
const unexpectedPauses = [5_000, 15_000];
/** A setting of ours that is wrong is looked at again this often (ms): a person is repairing it. */
const repairPause = 60_000;

const begunAt = ({ since, sighting }: Report) => since ?? Date.parse(sighting.at);

/**
 * What went wrong with us: put back where trying again helps, parked with the reason where only a person does.
 * @throws Error whatever it cannot place, and LeaseLost
 */
export async function settleFault(run: Run, error: unknown): Promise<void> {
  const { services, report } = run;
  if (error instanceof Refused) return giveUp(run, error, `${error.message}; ${error.remedy}`);
  if (error instanceof Unexpected) {
    const pause = unexpectedPauses[report.tries.unexpected];
    if (pause === undefined) return giveUp(run, error, `${error.message}; see what changed, then retry`);
    return putBack(run, error, pause, { ...report.tries, unexpected: report.tries.unexpected + 1 });
  }
  if (!(error instanceof Unavailable) && !(error instanceof Misconfigured)) throw error;
  const end = begunAt(report) + patience;
  if (services.now() > end) return giveUp(run, error, `${error.message}; tried for a day, retry when it is over`);
  const tries = { ...report.tries, unavailable: report.tries.unavailable + 1 };
  const hint = error instanceof Unavailable ? believable(error.retryAfterMs) : repairPause;
  const delay = hint ?? backoff(tries.unavailable, services.random());
  await putBack(run, error, Math.min(delay, Math.max(end - services.now(), 0)), tries);
}

type OurFault = Error & { name: Fault };

/** Only a person's repair helps. */
async function giveUp(run: Run, { name, message }: OurFault, reason: string): Promise<void> {
  run.services.note({ incident: run.record.id, detail: message, fault: { is: name, isFinal: true } });
  return rest(run, 'failed', reason);
}

/** About 1 s, then twice as long each time, up to `longest`; spread by a tenth so that many do not come back at once. */
export function backoff(tries: number, random: number, longest = 60_000): number {
  return Math.min(1000 * 2 ** (tries - 1), longest) * (0.95 + random * 0.1);
}

const believable = (hint: number | undefined) =>
  hint !== undefined && hint >= 0 && hint <= longestHint ? hint : undefined;

/** The ledger gave no answer, so nothing can be written down: the report goes back as it is. @throws Error all else, and after a day */
export async function putBackUnwritten(report: Report, services: Services, error: unknown): Promise<void> {
  if (!(error instanceof Unavailable) || services.now() > begunAt(report) + patience) throw error;
  const tries = { ...report.tries, unavailable: report.tries.unavailable + 1 };
  const delay = backoff(tries.unavailable, services.random());
  await services.putBack({ ...report, tries, notBefore: services.now() + delay }, delay);
  const waitedMs = services.now() + delay - begunAt(report);
  const fault = { is: error.name, isFinal: false } as const;
  services.note({ incident: report.incident, detail: `${error.message}; trying again`, fault, waitedMs });
}

async function putBack(
  run: Run,
  { name, message: why }: OurFault,
  delayMs: number,
  tries: Report['tries'],
): Promise<void> {
  const { services, report, record } = run;
  const message = services.newId();
  const notBefore = services.now() + Math.max(delayMs, 1000);
  const until = new Date(notBefore).toISOString();
  // The message goes first: if this run dies in between, the one it came from is delivered again.
  await services.putBack({ ...report, message, tries, notBefore, fence: record.fence }, notBefore - services.now());
  const reason = `${why}; trying again at ${until}`;
  const waitedMs = notBefore - storyBegunAt(record);
  services.note({ incident: record.id, detail: reason, fault: { is: name, isFinal: false }, waitedMs });
  const lease = { ...record.lease, message, until: notBefore + 60_000, scheduled: true };
  const state = record.inDoubt ? 'unknown' : record.accepted ? 'sent' : 'claimed';
  // The message is on its way and its fence still holds: it goes on once this run's lease is over.
  await save(run, { state, reason, lease }).catch(letOutagePass);
}

/** What begins an incident, or begins it anew: the time that a person took to decide, or that a key was dead, is not ours. */
const beginnings: readonly Stage[] = ['received', 'approved', 'alive'];

/** When (epoch ms) an incident was reported, or began anew. */
function storyBegunAt({ timeline, receivedAt }: IncidentRecord): number {
  const begun = timeline.findLast(({ stage }) => beginnings.includes(stage));
  return Date.parse(begun?.at ?? receivedAt);
}
