import { askPerson, withFuse } from './approval.ts';
import { planOf, proofPlanOf } from './ask.ts';
import type { Found } from './find.ts';
import { accountActingWith, mayMeanAnother } from './find-everywhere.ts';
import type { Leak } from './leak.ts';
import { withoutEcho } from './leak-contents.ts';
import { getByKeyId, requestByKeyId } from './look-up.ts';
import { type Decision, decide, isProtected } from './policy.ts';
import { close, type Deed, revoke } from './revoke.ts';
import { accessTo, type Named, type Run, rest, save, tell, withFreshAdmin } from './run.ts';

/** Rests an incident that is about a credential of our own. */
export const protectOwn = (run: Run, named: Partial<Named>) =>
  rest(run, 'protected', 'it is the very credential we act with; replace it by hand', named);

/** How much a fit says, the most first. */
const weight: readonly Found['fit'][] = ['conflict', 'same', 'confirmed', 'named', 'hint'];

/**
 * The exactly-one rule: none, and nothing happens; several, and a person decides. Returns the one key, or undefined when
 * the incident rests for want of one.
 */
export async function theOne(
  run: Run,
  leak: Leak,
  found: Found[],
  accounts: readonly string[],
): Promise<Found | undefined> {
  const keys = apart(found);
  const best = weight.find((fit) => keys.some((key) => key.fit === fit));
  const [match, ...others] = keys.filter(({ fit }) => fit === best);
  if (match === undefined) return foundEarlier(run, leak, accounts);
  const all = [match, ...others];
  const own = await firstOwn(run, leak, all);
  // On a hint anything may look like our own; it is so for certain only where more than the hint says it.
  if (own && (best !== 'hint' || leak.secret === undefined)) await protectOwn(run, namedAs(own));
  else if (own && others.length === 0)
    await rest(run, 'ambiguous', 'only the credential that we act with ends like it, and that has another value');
  else if (others.length > 0) {
    const names = all.map(({ account, key }) => `${account}/${key.keyId}`);
    await rest(run, 'ambiguous', `${names.length} keys fit: ${names.slice(0, 10).join(', ')}`);
  } else if (match.fit === 'conflict')
    await rest(run, 'ambiguous', 'the alert names one key by an identifier and another by its value');
  else {
    // Only a source that may name keys makes one of several hints the right one.
    const isNamedHint = match.fit === 'named' && leak.secret !== undefined && !run.report.mayNameKeys;
    return { ...match, hasRivals: match.hasRivals || (isNamedHint && keys.length > 1) };
  }
  return undefined;
}

async function firstOwn(run: Run, leak: Leak, keys: Found[]): Promise<Found | undefined> {
  for (const key of keys) if ((await accountActingWith(run, leak, key)) !== undefined) return key;
  return undefined;
}

/**
 * Nothing fits, but an earlier run found this incident's key: it is asked for by its id, and is the one if it is there after
 * all. If it is not, somebody else has ended it.
 */
async function foundEarlier(run: Run, leak: Leak, accounts: readonly string[]): Promise<Found | undefined> {
  const { account, keyId, owner, valueMatched } = run.record;
  const isKnown = valueMatched || run.record.approved?.keyId === keyId || mayMeanAnother(run, leak);
  if (account === null || keyId === null || !accounts.includes(account) || !isKnown) {
    const reason = `none of the accounts asked has it: ${accounts.join(', ')}`;
    await rest(run, 'not-found', reason.slice(0, 1000));
    return undefined;
  }
  const named = { account, keyId, owner, valueMatched };
  const found = await byItsId(run, leak, named);
  if (found === undefined) await close(run, leak, named, 'already-gone');
  else if ((await firstOwn(run, leak, [found])) !== undefined) await protectOwn(run, named);
  else return found;
  return undefined;
}

/** The key that this incident is about, as its provider shows it now. */
function byItsId(run: Run, leak: Leak, { account, keyId, owner, valueMatched }: Named): Promise<Found | undefined> {
  return withFreshAdmin(run, account, async (access): Promise<Found | undefined> => {
    const record = await getByKeyId(access, leak, { keyId, owner: owner ?? undefined });
    if (record === undefined) return undefined;
    const key = access.kind.describe(record as never, access.now());
    const fit = valueMatched ? 'same' : 'named';
    return { account, origin: access.provider.origin(access.admin), key, record, fit, valueMatched, hasRivals: false };
  });
}

/** Whether the leak is this key for certain, so that the two may share one incident. A person's word makes it so. */
export const isCertain = ({ record }: Run, leak: Leak, { fit, key, account }: Found) =>
  fit === 'same' ||
  fit === 'confirmed' ||
  (fit === 'named' && leak.secret === undefined) ||
  (record.approved?.keyId === key.keyId && record.approved.account === account);

const namedAs = ({ account, key, valueMatched }: Found): Named => ({
  account,
  keyId: key.keyId,
  owner: key.owner ?? null,
  valueMatched,
});

/** The key as the timeline tells it. */
export function inWords({ key, account, fit }: Found, leak: Leak): string {
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

/** Asks policy about the one key, and does what it says. */
export async function proceed(run: Run, leak: Leak, match: Found): Promise<void> {
  const { services, report } = run;
  const { switchedOff, approved } = run.record;
  const toDelete = (approved ?? report.order)?.action === 'delete';
  if (!match.key.active && !(switchedOff && toDelete)) {
    if (match.hasRivals && !report.mayNameKeys)
      return rest(run, 'ambiguous', 'the key that the alert names is switched off, and others fit its value as well');
    return close(run, leak, namedAs(match), switchedOff ? 'disabled' : 'already-gone', true);
  }
  const decision = await withFuse(run, decide(services.policy, services.action, report, match, approved));
  await carryOut(run, leak, match, decision);
}

/**
 * A request was sent and its answer lost: the provider is read first, and only what it shows is acted on. What it still has
 * is sent again, unless policy protects it by now; a key that lives again after its death is decided about anew.
 */
export async function settleDoubt(run: Run, leak: Leak, named: Named, action: Deed['action']): Promise<void> {
  const { services, report, record } = run;
  const found = await byItsId(run, leak, named);
  if (found === undefined || (action === 'disable' && !found.key.active)) {
    tell(run, 'accepted', 'whether it was done was in doubt; the provider shows that it was');
    return close(run, leak, named, action === 'disable' ? 'disabled' : 'revoked');
  }
  const decision = decide(
    services.policy,
    services.action,
    { ...report, leak, mayNameKeys: true },
    found,
    record.approved,
  );
  const isRevived = record.proof !== null;
  if (decision.do === 'act' || (!isRevived && !isProtected(services.policy, report, found.key.keyId))) {
    const why = 'whether it was done was in doubt, and the provider still has the key';
    const again = isRevived && decision.do === 'act' ? decision.action : action;
    return revoke(run, leak, named, { action: again, reason: why });
  }
  // What is kept for a person is the key that the provider has; that nothing was done to it is seen.
  report.leak ??= leak;
  await save(run, { inDoubt: false });
  await carryOut(run, leak, found, decision);
}

async function carryOut(run: Run, leak: Leak, match: Found, decision: Decision): Promise<void> {
  const { services } = run;
  const named = namedAs(match);
  if (decision.do === 'refuse') return rest(run, 'protected', decision.reason, named);
  if (decision.do === 'ask') return askPerson(run, decision, named);
  if (decision.do === 'plan') {
    const access = await accessTo(run, match.account);
    const { keyId, owner } = match.key;
    const secret = match.valueMatched ? leak.secret : undefined;
    const target = { keyId, owner };
    const presented =
      secret && services.policy.useLeakedKey ? access.kind.proof?.request({ ...leak, secret }) : undefined;
    const proof = presented ?? requestByKeyId(access, leak, target);
    tell(run, 'planned', planOf(access, decision.action, { ...target, leaked: secret }));
    if (proof !== undefined) tell(run, 'planned', proofPlanOf(access, proof, leak));
    tell(run, 'planned', `without the dry run: ${decision.otherwise}`);
    return rest(run, 'observed', decision.reason, { ...named, action: 'observe' });
  }
  await revoke(run, leak, named, { action: decision.action, reason: decision.reason });
}
