import { faultClass, LeaseLost } from './errors.ts';
import { type IncidentRecord, isDeath, type Proof } from './incident.ts';
import { type Claim, isDryRun } from './ledger.ts';
import { seenNow } from './prove.ts';
import type { Report } from './report.ts';
import { leakOf, type Services, startRun, withFreshAdmin } from './run.ts';
import { noticeOf } from './tell.ts';
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
  if (record.state !== 'closed' || !isDeath(record.outcome)) return undefined;
  const reopened = reopenedBy(report, record);
  if (reopened === undefined && !broughtBy(report, record)) return undefined;
  const last = Date.parse(record.proof?.checks.at(-1)?.at ?? '');
  const isTime = (isNew || reopened !== undefined) && services.now() - last >= lookNoSooner && !isDryRun(report);
  // Who is told changes the incident, and what was seen of one that has changed opens none again: so the look goes first.
  const revived = isTime ? await lookAgain(record, report, services, endsAt) : undefined;
  if (revived !== undefined) return revived;
  await tellOnceMore(record, services, reopened);
  return undefined;
}

/** It may stand there since a run that died, or that was of another incident, before anybody was told: told twice is harmless. */
const broughtBy = ({ sighting }: Report, { sightings }: IncidentRecord) =>
  sightings.some(({ source, delivery }) => source === sighting.source && delivery === sighting.delivery);

/** The notice that an alert was closed, where its source tells of that very alert anew: it was opened again. */
function reopenedBy(report: Report, record: IncidentRecord): string | undefined {
  const { source, reference } = report.sighting;
  const notice = reference === undefined ? undefined : noticeOf(source, reference);
  return notice !== undefined && record.told.includes(notice) && !broughtBy(report, record) ? notice : undefined;
}

/** `reopened`: what was told of before, and holds no more. */
async function tellOnceMore({ id }: IncidentRecord, { ledger, announce }: Services, reopened?: string): Promise<void> {
  const current = announce && (await ledger.read(id));
  if (current === undefined || !isDeath(current.outcome)) return;
  await ledger.amend(current, { telling: true, told: current.told.filter((notice) => notice !== reopened) });
  await announce?.(id);
}

/**
 * Others wrote to the incident since its key was seen alive. Unless one of them saw it dead after that, it is opened all the
 * same: the report for that, or undefined.
 */
export async function seenAliveYet(
  record: IncidentRecord,
  report: Report,
  { at, revision }: { at: string; revision: number },
): Promise<Report | undefined> {
  const seenSince = record.proof?.checks.some((check) => check.result === 'dead' && check.at >= at) ?? false;
  if (!isDeath(record.outcome) || record.revision === revision || seenSince) return undefined;
  return { ...report, look: { alive: { at, revision: record.revision } } };
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
    // What was sealed for an incident that was merged into this one opens there and nowhere else.
    const sealed = report.incident === record.id ? report.sealed : undefined;
    const look = { alive: { at, revision: record.revision } };
    return { ...report, incident: record.id, sealed, fence: undefined, look };
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
    const fault = error instanceof LeaseLost ? undefined : faultClass(error);
    if (fault === undefined) throw error;
    const detail = `it could not be looked at again: ${(error as Error).message}`;
    services.note({ incident: record.id, detail, fault: { is: fault, isFinal: false } });
    return 'unknown';
  }
}
