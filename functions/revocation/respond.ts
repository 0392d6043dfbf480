import { askPerson, expire, withFuse } from './approval.ts';
import { planOf } from './ask.ts';
import { LeaseLost } from './errors.ts';
import { putBackUnwritten, settleFault } from './faults.ts';
import { type Found, getByKeyId } from './find.ts';
import { accountActingWith, findEverywhere } from './find-everywhere.ts';
import { type Leak, withoutEcho } from './leak.ts';
import type { Claim } from './ledger.ts';
import { decide } from './policy.ts';
import type { Report } from './report.ts';
import { restore } from './restore.ts';
import { close, revoke, settleDoubt } from './revoke.ts';
import {
  accessTo,
  leakOf,
  type Named,
  nameOf,
  type Run,
  reserve,
  rest,
  type Services,
  startRun,
  tell,
  withFreshAdmin,
} from './run.ts';

/** A lease outlives its function by this much (ms), so that a run that is being stopped cannot meet its successor. */
const grace = 2_000;
/** A report that brings something new to an incident that is held looks again this soon (ms). */
const lookAgain = 3_000;

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
  try {
    const claim = await ledger.claim(report, endsAt + grace);
    if (claim.is === 'held') return await waitForTurn(report, claim, services);
    if (claim.is !== 'claimed') return;
    const run = startRun(claim.record, report, services, endsAt);
    services.note({ incident: run.record.id, stage: 'claimed' });
    await pursue(run).catch((error) => settleFault(run, error));
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
  const left = Math.max(record.lease.until - services.now(), 0) + 1000;
  if (record.lease.message === report.message || report.fence !== undefined) return services.putBack(report, left);
  if (report.order === undefined && !isNew && !report.noted) return;
  // Nobody is at work while a message only waits its time.
  const delay = record.lease.scheduled ? left : Math.min(left, lookAgain);
  await services.putBack({ ...report, noted: true, notBefore: services.now() + delay }, delay);
}

async function pursue(run: Run): Promise<void> {
  const { report, services, record } = run;
  if (report.order?.restore) return restore(run);
  const leak = await leakOf(run);
  if (report.order?.deadline && report.order.approved === undefined) return expire(run);
  if (!Object.hasOwn(services.provider.kinds, report.kind))
    return rest(run, 'unrouted', `${report.provider} has no kind ${report.kind}`);
  if (leak.account !== undefined && !services.accounts.includes(leak.account)) {
    return rest(run, 'unrouted', 'the alert names an account that is not configured');
  }
  const { account, keyId, accepted, inDoubt } = record;
  if (account !== null && keyId !== null && accepted !== null)
    return close(run, leak, { ...record, account, keyId }, accepted);
  if (account !== null && keyId !== null && inDoubt) {
    const action = record.action === 'disable' ? 'disable' : 'delete';
    return settleDoubt(run, leak, { ...record, account, keyId }, action);
  }
  if (await isAnotherStory(run, leak)) return;
  const actsWith = leak.secret && (await accountActingWith(run, leak));
  if (actsWith !== undefined) return protectOwn(run, { account: actsWith });
  const accounts = leak.account === undefined ? services.accounts : [leak.account];
  const found = await findEverywhere(run, leak, accounts);
  await judge(run, leak, found, accounts);
}

const protectOwn = (run: Run, named: Partial<Named>) =>
  rest(run, 'protected', 'it is the very credential we act with; replace it by hand', named);

/** How much a fit says, the most first. */
const weight: readonly Found['fit'][] = ['conflict', 'same', 'confirmed', 'named', 'hint'];

/** The exactly-one rule: none, and nothing happens; several, and a person decides; one, and policy is asked. */
async function judge(run: Run, leak: Leak, found: Found[], accounts: readonly string[]): Promise<void> {
  const keys = apart(found);
  const best = weight.find((fit) => keys.some((key) => key.fit === fit));
  const [match, ...others] = keys.filter(({ fit }) => fit === best);
  if (match === undefined) {
    if (await followedUp(run, leak, accounts)) return;
    return rest(run, 'not-found', `none of the accounts asked has it: ${accounts.join(', ')}`.slice(0, 1000));
  }
  // On a hint anything may look like our own; for certain it is so only where more than the hint says it.
  const owns: boolean[] = [];
  for (const key of [match, ...others]) owns.push((await accountActingWith(run, leak, key)) !== undefined);
  const own = [match, ...others][owns.indexOf(true)];
  if (own && (best !== 'hint' || leak.secret === undefined)) return protectOwn(run, namedAs(own));
  if (own && others.length === 0)
    return rest(run, 'ambiguous', 'only the credential that we act with ends like it, and that has another value');
  if (others.length > 0) {
    const names = [match, ...others].map(({ account, key }) => `${account}/${key.keyId}`);
    return rest(run, 'ambiguous', `${names.length} keys fit: ${names.slice(0, 10).join(', ')}`);
  }
  if (match.fit === 'conflict')
    return rest(run, 'ambiguous', 'the alert names one key by an identifier and another by its value');
  tell(run, 'found', inWords(match, leak));
  if (isCertain(run, leak, match)) {
    const incident = await run.services.ledger.nameKey(run.record, nameOf(run, match.account, match.key.keyId));
    if (incident !== run.record.id) return joinStory(run, incident);
  }
  // Only a source that may name keys makes one of several hints the right one.
  const isNamedHint = match.fit === 'named' && leak.secret !== undefined && !run.report.mayNameKeys;
  const hasRivals = match.hasRivals || (isNamedHint && keys.length > 1);
  await proceed(run, leak, { ...match, hasRivals });
}

/**
 * Nothing fits, but an earlier run found this incident's key: it is asked for by its id. True when that settled the report:
 * somebody else has ended the key, or it is there after all.
 */
async function followedUp(run: Run, leak: Leak, accounts: readonly string[]): Promise<boolean> {
  const { record, report } = run;
  const { account, keyId, owner, valueMatched } = record;
  if (account === null || keyId === null || !accounts.includes(account)) return false;
  if (!valueMatched && report.order?.approved !== keyId) return false;
  const named = { account, keyId, owner, valueMatched };
  const found = await withFreshAdmin(run, account, async (access): Promise<Found | undefined> => {
    const there = await getByKeyId(access, leak, { keyId, owner: owner ?? undefined });
    if (there === undefined) return undefined;
    const key = access.kind.describe(there as never, access.now());
    const fit = valueMatched ? 'same' : 'named';
    return {
      account,
      origin: access.provider.origin(access.admin),
      key,
      record: there,
      fit,
      valueMatched,
      hasRivals: false,
    };
  });
  if (found === undefined) await close(run, leak, named, 'already-gone');
  else if ((await accountActingWith(run, leak, found)) !== undefined) await protectOwn(run, named);
  else {
    tell(run, 'found', inWords(found, leak));
    await proceed(run, leak, found);
  }
  return true;
}

/** Whether the leak is this key for certain, so that the two may share one incident. A person's word makes it so. */
const isCertain = ({ report }: Run, leak: Leak, { fit, key }: Found) =>
  fit === 'same' ||
  fit === 'confirmed' ||
  (fit === 'named' && leak.secret === undefined) ||
  report.order?.approved === key.keyId;

const namedAs = ({ account, key, valueMatched }: Found): Named => ({
  account,
  keyId: key.keyId,
  owner: key.owner ?? null,
  valueMatched,
});

function inWords({ key, account, fit }: Found, leak: Leak): string {
  const label = key.label ? `"${key.label.slice(0, 100)}" ` : '';
  const remarks = [
    key.active ? '' : 'already switched off by the provider',
    fit === 'hint' ? 'on a hint' : '',
    key.remark ?? '',
  ].filter(Boolean);
  return withoutEcho([`${label}${key.keyId} in account ${account}`, ...remarks].join(', '), leak.secret);
}

/** The same key seen through two accounts of one organisation is one key. */
function apart(found: Found[]): Found[] {
  return found.filter(
    (match, index) =>
      found.findIndex(({ origin, key }) => origin === match.origin && key.keyId === match.key.keyId) === index,
  );
}

async function proceed(run: Run, leak: Leak, match: Found): Promise<void> {
  const { services, report } = run;
  const named = namedAs(match);
  const { switchedOff } = run.record;
  if (!match.key.active && !(switchedOff && report.order?.action === 'delete')) {
    if (match.hasRivals && !report.mayNameKeys)
      return rest(run, 'ambiguous', 'the key that the alert names is switched off, and others fit its value as well');
    return close(run, leak, named, switchedOff ? 'disabled' : 'already-gone', true);
  }
  const decision = await withFuse(run, decide(services.policy, services.action, report, match));
  if (decision.do === 'refuse') return rest(run, 'protected', decision.reason, named);
  if (decision.do === 'ask') return askPerson(run, decision, named);
  if (decision.do === 'plan') {
    const access = await accessTo(run, match.account);
    const { keyId, owner } = match.key;
    const leaked = match.valueMatched ? leak.secret : undefined;
    tell(run, 'planned', planOf(access, decision.action, { keyId, owner, leaked }));
    return rest(run, 'observed', decision.reason, { ...named, action: 'observe' });
  }
  await revoke(run, leak, named, { action: decision.action, reason: decision.reason });
}

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
  await services.ledger.merge(record, incident);
  await respond({ ...report, incident, fence: undefined, noted: true }, services, deadline + reserve);
}
