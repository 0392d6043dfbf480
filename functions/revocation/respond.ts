import { expire } from './approval.ts';
import { LeaseLost, Unavailable } from './errors.ts';
import { putBackUnwritten, settleFault } from './faults.ts';
import { accountActingWith, findEverywhere, mayMeanAnother } from './find-everywhere.ts';
import { seal } from './fingerprint.ts';
import { inWords, isCertain, proceed, protectOwn, settleDoubt, theOne } from './judge.ts';
import type { Leak } from './leak.ts';
import type { Claim } from './ledger.ts';
import { afterTheEnd, lookAgain, seenAliveYet, watchedBy } from './look.ts';
import { isRevived } from './moment.ts';
import type { Report } from './report.ts';
import { restore } from './restore.ts';
import { close } from './revoke.ts';
import { announce, leakOf, nameOf, type Run, reserve, rest, type Services, startRun, tell } from './run.ts';

/** A lease outlives its function by this much (ms), so that a run that is being stopped cannot meet its successor. */
const grace = 2_000;
/** A report that brings something new to an incident that is held looks again this soon (ms). */
const nextTurn = 3_000;
/** A message that may not take what a dead function left comes back after this long (ms), until somebody has gone on with that. */
const afterDeath = 30_000;
/** For this long (ms) a key that a drill has made need not be shown. */
const untilShown = 30_000;

/**
 * Takes one report to the end of what can be done now: claim, find, decide, record `sent`, revoke, prove, close.
 * Returns when the report needs no further attention; what has to go on later has been put back by then.
 * `endsAt` (epoch ms) is when the function is stopped.
 * @throws Error when not even that was possible: the message must stay in its queue
 */
export async function respond(report: Report, services: Services, endsAt: number): Promise<void> {
  const { ledger, now } = services;
  if (report.notBefore !== undefined && report.notBefore > now()) {
    return services.putBack(report, report.notBefore - now());
  }
  /** A key that lives again is no end. */
  const again = async (look: Promise<Report | undefined>) => {
    const revived = await look;
    if (revived !== undefined) await respond(revived, services, endsAt);
  };
  try {
    const watched = report.look && (await watchedBy(report, services));
    if (watched !== undefined) return await again(lookAgain(watched, report, services, endsAt));
    const claim = await ledger.claim(report, endsAt + grace);
    if (claim.is === 'held') return await waitForTurn(report, claim, services);
    if (claim.is === 'settled' && report.look?.alive !== undefined)
      return await again(seenAliveYet(claim.record, report, report.look.alive));
    if (claim.is === 'settled') return await again(afterTheEnd(claim, report, services, endsAt));
    if (claim.is !== 'claimed') return;
    // What the look was for is done with the claim: what this run puts back is its own message.
    const run = startRun(claim.record, { ...report, look: undefined }, services, endsAt);
    services.note({ incident: run.record.id, stage: 'claimed', inDoubt: run.record.state === 'unknown' });
    await pursue(run).catch((error) => settleFault(run, error));
    // What was told of its death does not hold any more, and this run could not bring a new one.
    if (report.look?.alive !== undefined && isRevived(run.record)) await announce(run);
  } catch (error) {
    if (error instanceof LeaseLost) return;
    await putBackUnwritten(report, services, error);
  }
}

/** Another run has the incident. What that run cannot know of comes back when it is done; the rest is only a sighting. */
async function waitForTurn(
  report: Report,
  { record, isNew }: Extract<Claim, { is: 'held' }>,
  services: Services,
): Promise<void> {
  if (report.look !== undefined) return;
  const { until } = record.lease;
  const isLeft = until > 0 && until <= services.now();
  const left = isLeft ? afterDeath : Math.max(until - services.now(), 0) + 1000;
  if (record.lease.message === report.message || report.fence !== undefined) return services.putBack(report, left);
  if (report.order === undefined && !isNew && !report.noted) return;
  // Nobody is at work while a message only waits its time.
  const delay = record.lease.scheduled || isLeft ? left : Math.min(left, nextTurn);
  await services.putBack({ ...report, noted: true, notBefore: services.now() + delay }, delay);
}

async function pursue(run: Run): Promise<void> {
  const { report, services, record } = run;
  if (record.restoring) return restore(run);
  const leak = await leakOf(run);
  if (await expire(run)) return;
  if (!Object.hasOwn(services.provider.kinds, report.kind))
    return rest(run, 'unrouted', `${report.provider} has no kind ${report.kind}`);
  const { account, keyId, accepted, inDoubt } = record;
  if (account !== null && keyId !== null && accepted !== null)
    return close(run, leak, { ...record, account, keyId }, accepted);
  if (account !== null && keyId !== null && inDoubt) {
    const action = record.action === 'disable' ? 'disable' : 'delete';
    return settleDoubt(run, leak, { ...record, account, keyId }, action);
  }
  // What was sent is seen to its end, whatever the newest alert says.
  if (leak.account !== undefined && !services.accounts.includes(leak.account)) {
    return rest(run, 'unrouted', 'the alert names an account that is not configured');
  }
  if (await isAnotherStory(run, leak)) return;
  const actsWith = leak.secret && (await accountActingWith(run, leak));
  if (actsWith !== undefined) return protectOwn(run, { account: actsWith });
  const accounts = leak.account === undefined ? services.accounts : [leak.account];
  // Once its key was found, an incident is about that one, whatever the leak would mean by now.
  const isFound = keyId !== null && mayMeanAnother(run, leak);
  const found = isFound ? [] : await findEverywhere(run, leak, accounts);
  if (found.length === 0 && isJustMade(run)) throw new Unavailable('the key of the drill is not shown yet');
  const match = await theOne(run, leak, found, accounts);
  if (match === undefined) return;
  const { drill } = report.order ?? {};
  if (drill !== undefined && drill.keyId !== match.key.keyId)
    return rest(run, 'protected', 'a drill may end the key that it has made, and this is another');
  tell(run, 'found', inWords(match, leak));
  if (isCertain(run, leak, match)) {
    const incident = await services.ledger.nameKey(record, nameOf(run, match.account, match.key.keyId));
    if (incident !== record.id) return joinStory(run, incident);
  }
  await proceed(run, leak, match);
}

/** A provider may take a moment to show what was made there. Nobody else's key is that new. */
const isJustMade = ({ record, report: { order, sighting }, services }: Run) =>
  order?.drill !== undefined && record.keyId === null && services.now() - Date.parse(sighting.at) < untilShown;

/**
 * A key that is named by nothing but its id may have an incident already, opened by its value: then both are one. A leak
 * with a value is looked up first, because its id may be another key's.
 */
async function isAnotherStory(run: Run, leak: Leak): Promise<boolean> {
  const keyId = leak.identifiers?.keyId;
  if (keyId === undefined || leak.secret !== undefined || run.record.keyId !== null) return false;
  const names = run.services.accounts.map((account) => nameOf(run, account, keyId));
  const incident = await run.services.ledger.incidentOfKey(names);
  if (incident === undefined || incident === run.record.id) return false;
  await joinStory(run, incident);
  return true;
}

async function joinStory({ record, report, services, deadline }: Run, incident: string): Promise<void> {
  const { leak, mayNameKeys, hearsay, order } = report;
  // What was sealed for the one opens for no other.
  const bytes = leak && seal(await services.fingerprint(), incident, { leak, mayNameKeys, hearsay, order });
  const sealed = bytes && Buffer.from(bytes).toString('base64');
  await services.ledger.merge(record, incident);
  await respond({ ...report, incident, sealed, fence: undefined, noted: true }, services, deadline + reserve);
}
