import { LeaseLost, Refused, Unavailable, Unexpected } from './errors.ts';
import { type IncidentRecord, isDeath, type Proof } from './incident.ts';
import type { Claim } from './ledger.ts';
import { seenNow } from './prove.ts';
import type { Report } from './report.ts';
import { leakOf, type Services, startRun, withFreshAdmin } from './run.ts';
import { isWatched, type Watch, watchAfter } from './watch.ts';

/** A key that is reported again after its end is looked at again, but no sooner than this after the last look (ms). */
const lookNoSooner = 60_000;

/** The incident that a look is about, where it rests and its key is still looked at. */
export async function watchedBy(report: Report, { ledger }: Services): Promise<IncidentRecord | undefined> {
  const record = report.look?.alive === undefined ? await ledger.read(report.incident) : undefined;
  return record && isWatched(record) ? record : undefined;
}

/**
 * A report of a key whose story is over: noted, told to its source, and a reason to look whether the key is dead still.
 * Returns the report that opens the incident again, if it is not.
 */
export async function afterTheEnd(
  { record, isNew }: Extract<Claim, { is: 'settled' }>,
  report: Report,
  services: Services,
  endsAt: number,
): Promise<Report | undefined> {
  if (!isNew || record.state !== 'closed' || !isDeath(record.outcome)) return undefined;
  if (services.announce !== undefined) {
    await services.ledger.amend(record, { telling: true });
    await services.announce(record.id);
  }
  const last = Date.parse(record.proof?.checks.at(-1)?.at ?? '');
  if (services.now() - last < lookNoSooner) return undefined;
  const current = await services.ledger.read(record.id);
  return current && isDeath(current.outcome) ? lookAgain(current, report, services, endsAt) : undefined;
}

/**
 * Looks once whether a key that was proven dead is dead still. That it is goes into the proof, and into nothing else. Returns
 * the report that opens the incident of a key that is accepted again.
 */
export async function lookAgain(
  record: IncidentRecord,
  report: Report,
  services: Services,
  endsAt: number,
): Promise<Report | undefined> {
  const { account, keyId, proof } = record;
  if (account === null || keyId === null || proof === null) return undefined;
  const result = await seen(record, { ...report }, services, endsAt);
  const at = new Date(services.now()).toISOString();
  if (result === 'alive') {
    services.note({ incident: record.id, stage: 'alive', detail: 'accepted again after it was proven dead' });
    return { ...report, incident: record.id, fence: undefined, look: { alive: { at, revision: record.revision } } };
  }
  const checks: Proof['checks'] = [...proof.checks, { at, result }].slice(-100);
  const watch = isDue(record.watch, services.now())
    ? watchAfter(record.watch, services.now(), result === 'dead')
    : record.watch;
  // Who changed it meanwhile knows more than this look.
  await services.ledger.amend(record, { proof: { ...proof, checks }, watch, ...(watch === null && { sealed: null }) });
  return undefined;
}

const isDue = (watch: Watch | null, now: number): watch is Watch => watch !== null && watch.at <= now;

/** How the key looks now. What is wrong with us tells nothing of the key. */
async function seen(
  record: IncidentRecord,
  report: Report,
  services: Services,
  endsAt: number,
): Promise<'alive' | 'dead' | 'unknown'> {
  const { account, keyId, owner, valueMatched, proof } = record;
  if (account === null || keyId === null || proof === null || !services.accounts.includes(account)) return 'unknown';
  const run = startRun(record, report, services, endsAt);
  try {
    const leak = await leakOf(run);
    const mayPresent = services.policy.useLeakedKey && valueMatched;
    const suspect = { keyId, owner: owner ?? undefined, leak, mayPresent, disabled: true };
    return await withFreshAdmin(run, account, (access) => seenNow(access, suspect));
  } catch (error) {
    if (error instanceof LeaseLost) throw error;
    if (error instanceof Unavailable || error instanceof Refused || error instanceof Unexpected) return 'unknown';
    throw error;
  }
}
