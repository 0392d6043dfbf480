import { askAsAdmin } from './ask.ts';
import { LeaseLost, Refused, Unavailable } from './errors.ts';
import type { Proof } from './incident.ts';
import type { Leak } from './leak.ts';
import { prove } from './prove.ts';
import { announce, type Named, type Run, released, rest, save, tell, withFreshAdmin } from './run.ts';
import { type Watch, watchAfter, watchFrom } from './watch.ts';

/** A deletion is not begun with less time than this left (ms). */
const needed = 4_000;

/** What is to be done to the one key that was found, and why. */
export interface Deed {
  action: 'delete' | 'disable';
  reason: string;
}

/** Writes `sent`, then sends, then proves. After `sent` a lost answer is settled by reading the provider, never by hoping. */
export async function revoke(run: Run, leak: Leak, key: Named, { action, reason }: Deed): Promise<void> {
  const { account, keyId, owner, valueMatched } = key;
  const named = { account, keyId, owner, valueMatched };
  const earlierDoubt = run.record.inDoubt;
  const result = await withFreshAdmin(run, account, async (access) => {
    const exchange = action === 'disable' ? access.kind.disable : access.kind.remove;
    if (!exchange) return 'impossible' as const;
    if (run.services.now() > run.deadline - needed) throw new Unavailable('too little time was left in this run');
    tell(run, 'sent', `${action}: ${reason}`);
    await save(run, { ...named, state: 'sent', action, reason: null, inDoubt: true, counted: true });
    try {
      const leaked = valueMatched ? leak.secret : undefined;
      const answer = await askAsAdmin(access, exchange, { keyId, owner: owner ?? undefined, leaked });
      if (answer !== 'denied') return answer;
      const message = `${access.provider.id} does not let the admin credential of account ${account} ${action} this key`;
      throw new Refused(message, { explained: true });
    } catch (error) {
      // A refusal and a rate limit are answers: that request did nothing, so it leaves no doubt of its own.
      const untouched = error instanceof Refused || (error instanceof Unavailable && error.untouched);
      if (untouched) await save(run, { state: 'claimed', inDoubt: earlierDoubt });
      throw error;
    }
  });
  if (result === 'impossible')
    return rest(run, 'failed', `${run.report.provider} cannot ${action} this kind of key`, named);
  tell(run, 'accepted', result === 'gone' ? 'the provider does not have it any more' : undefined);
  const ours = result === 'done' || earlierDoubt;
  await close(run, leak, key, ours ? (action === 'disable' ? 'disabled' : 'revoked') : 'already-gone');
}

/** Proves the key dead and closes; a key that still lives when the time is up is asked about again later. */
export async function close(
  run: Run,
  leak: Leak,
  { account, keyId, owner, valueMatched }: Named,
  outcome: 'revoked' | 'disabled' | 'already-gone',
  /** The provider keeps a record of the key that shows it as switched off. */
  recordRemains = outcome === 'disabled',
): Promise<void> {
  const { services } = run;
  const named = { account, keyId, owner, valueMatched };
  const switchedOff = outcome === 'disabled';
  // That a key was gone before we acted is no work of ours: where the proof does not agree, it is looked for anew.
  const state = outcome === 'already-gone' ? 'claimed' : 'sent';
  const accepted = outcome === 'already-gone' ? null : outcome;
  const mayPresent = services.policy.useLeakedKey && valueMatched;
  const earlier = run.record.proof;
  const seenAliveBy = earlier && isAliveIn(earlier.checks) ? earlier.method : undefined;
  const suspect = { keyId, owner: owner ?? undefined, leak, mayPresent, disabled: recordRemains, seenAliveBy };
  const proving = withFreshAdmin(run, account, (access) => prove(access, suspect, services));
  const { proof, timeline, retryAfterMs } = await proving.catch(async (error) => {
    // What the provider accepted must not be forgotten because the proof could not be had.
    if (!(error instanceof LeaseLost)) await save(run, { ...named, state, accepted, inDoubt: false, switchedOff });
    throw error;
  });
  const toldAlive = run.record.timeline.some(({ stage }) => stage === 'alive');
  for (const { at, stage, detail } of timeline)
    if (stage !== 'alive' || !toldAlive) tell(run, stage, detail, Date.parse(at));
  const checks = [...(earlier?.checks ?? []), ...proof.checks].slice(-100);
  const last = checks.at(-1);
  const proven = { ...named, proof: { ...proof, checks }, inDoubt: false, switchedOff };
  if (proof.dead && last !== undefined) {
    const at = Date.parse(last.at);
    const timeToDeadMs = outcome === 'already-gone' ? null : at - Date.parse(run.record.receivedAt);
    // To look again, the value is needed only where its refusal is the proof; to act on it for the first time, always.
    const isNeeded = proof.method === 'leaked-key-refused' || outcome === 'already-gone';
    const sealed = isNeeded ? run.record.sealed : null;
    return rest(run, outcome, null, { ...proven, timeToDeadMs, watch: watchFrom(at), sealed });
  }
  const isAlive = isAliveIn(checks);
  const watch = isAlive && accepted !== null ? (run.record.watch ?? watchFrom(services.now())) : null;
  await save(run, { ...proven, state, accepted, watch });
  const notYet = (why: string) => new Unavailable(why, { retryAfterMs });
  if (outcome === 'already-gone') throw notYet('the provider shows the key as gone, and it is not seen dead');
  if (!isAlive) throw notYet('accepted by the provider but not yet seen dead');
  // In its first minute a key is asked about again and again; who comes later, between two looks, leaves it to the next.
  if (watch === null || services.now() < watchFrom(watch.since).at)
    throw notYet('accepted by the provider but still alive');
  await keepWatching(run, watch);
}

/** What was seen of the key the last time that anything was. */
const isAliveIn = (checks: Proof['checks']) =>
  checks.findLast(({ result }) => result !== 'unknown')?.result === 'alive';

/** The key outlives its deletion: it is looked at again for a day, and people are told meanwhile. Then they must act. */
async function keepWatching(run: Run, { since }: Watch): Promise<void> {
  const { now, announce: teller } = run.services;
  const watch = watchAfter({ since, at: since }, now(), true);
  const reason = 'accepted by the provider but still alive';
  if (watch === null)
    return rest(run, 'failed', `${reason} a day later; ask the provider to end it, then retry`, { watch: null });
  run.services.note({ incident: run.record.id, detail: reason, stillAlive: true });
  const again = `${reason}; looked at again at ${new Date(watch.at).toISOString()}`;
  await save(run, { reason: again, watch, lease: released(run), telling: teller !== undefined });
  await announce(run);
}
