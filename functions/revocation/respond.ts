import { askPerson, expire, withFuse } from './approval.ts';
import { planOf } from './ask.ts';
import { LeaseLost } from './errors.ts';
import { settleFault } from './faults.ts';
import type { Found } from './find.ts';
import { findEverywhere } from './find-everywhere.ts';
import { type Leak, withoutEcho } from './leak.ts';
import { decide } from './policy.ts';
import type { Report } from './report.ts';
import { close, revoke, settleDoubt } from './revoke.ts';
import { accessTo, leakOf, nameOf, type Run, reserve, rest, type Services, startRun, tell } from './run.ts';

/** A lease outlives its function by this much (ms), so that a run that is being stopped cannot meet its successor. */
const grace = 2_000;

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
  const claim = await ledger.claim(report, endsAt + grace);
  if (claim.is === 'held' && (claim.record.lease.message === report.message || report.fence !== undefined)) {
    return services.putBack(report, Math.max(claim.record.lease.until - now(), 0) + 1000);
  }
  if (claim.is !== 'claimed') return;
  const run = startRun(claim.record, report, services, endsAt);
  services.note({ incident: run.record.id, stage: 'claimed' });
  try {
    await pursue(run).catch((error) => settleFault(run, error));
  } catch (error) {
    if (!(error instanceof LeaseLost)) throw error;
  }
}

async function pursue(run: Run): Promise<void> {
  const { report, services, record } = run;
  const leak = await leakOf(run);
  if (report.order?.deadline && report.order.approved === undefined) return expire(run);
  if (!Object.hasOwn(services.provider.kinds, report.kind))
    return rest(run, 'unrouted', `${report.provider} has no kind ${report.kind}`);
  if (leak.account !== undefined && !services.accounts.includes(leak.account)) {
    return rest(run, 'unrouted', 'the alert names an account that is not configured');
  }
  const { account, keyId, accepted, inDoubt } = record;
  if (account !== null && keyId !== null && accepted !== null)
    return close(run, leak, { account, keyId, outcome: accepted });
  if (account !== null && keyId !== null && inDoubt) {
    return settleDoubt(run, leak, { account, keyId, action: record.action === 'disable' ? 'disable' : 'delete' });
  }
  if (await isAnotherStory(run, leak)) return;
  const accounts = leak.account === undefined ? services.accounts : [leak.account];
  const found = await findEverywhere(run, leak, accounts);
  await judge(run, leak, found, accounts);
}

/** The exactly-one rule: none, and nothing happens; several, and a person decides; one, and policy is asked. */
async function judge(run: Run, leak: Leak, found: Found[], accounts: readonly string[]): Promise<void> {
  const own = found.find((match) => match.own);
  if (own) {
    const keyId = own.key.keyId || null;
    return rest(run, 'protected', 'it is the very credential we act with; replace it by hand', {
      account: own.account,
      keyId,
    });
  }
  const certain = apart(found).filter(({ fit }) => fit !== 'hint');
  const [match, ...others] = certain.length > 0 ? certain : apart(found);
  if (match === undefined)
    return rest(run, 'not-found', `none of the accounts asked has it: ${accounts.join(', ')}`.slice(0, 1000));
  if (others.length > 0) {
    const names = [match, ...others].map(({ account, key }) => `${account}/${key.keyId}`);
    return rest(run, 'ambiguous', `${names.length} keys fit: ${names.slice(0, 10).join(', ')}`);
  }
  if (match.fit === 'conflict')
    return rest(run, 'ambiguous', 'the alert names one key by its id and another by its value');
  const { account, key, fit } = match;
  const remarks = [
    key.active ? '' : ', already switched off by the provider',
    fit === 'hint' ? ', on a hint' : '',
  ].join('');
  tell(
    run,
    'found',
    `${key.label ? `"${withoutEcho(key.label, leak.secret).slice(0, 100)}" ` : ''}${key.keyId} in account ${account}${remarks}`,
  );
  const incident = await run.services.ledger.nameKey(run.record, nameOf(run, account, key.keyId));
  if (incident !== run.record.id) return joinStory(run, incident);
  await proceed(run, leak, match);
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
  const named = { account: match.account, keyId: match.key.keyId };
  if (!match.key.active) return close(run, leak, { ...named, outcome: 'already-gone', recordRemains: true });
  const decision = await withFuse(run, decide(services.policy, services.action, report, match));
  if (decision.do === 'refuse') return rest(run, 'protected', decision.reason, named);
  if (decision.do === 'ask') return askPerson(run, decision, named);
  if (decision.do === 'plan') {
    tell(run, 'planned', planOf(await accessTo(run, match.account), decision.action, match.key.keyId));
    return rest(run, 'observed', decision.reason, { ...named, action: 'observe' });
  }
  await revoke(run, leak, { ...named, action: decision.action, reason: decision.reason });
}

/** A key that is named by its id may have an incident already, opened by its value: then both are one. */
async function isAnotherStory(run: Run, leak: Leak): Promise<boolean> {
  const keyId = leak.identifiers?.keyId;
  if (keyId === undefined || run.record.keyId !== null) return false;
  const names = run.services.accounts.map((account) => nameOf(run, account, keyId));
  const incident = await run.services.ledger.incidentOfKey(names);
  if (incident === undefined || incident === run.record.id) return false;
  await joinStory(run, incident);
  return true;
}

async function joinStory({ record, report, services, deadline }: Run, incident: string): Promise<void> {
  await services.ledger.merge(record, incident);
  await respond({ ...report, incident, fence: undefined }, services, deadline + reserve);
}
