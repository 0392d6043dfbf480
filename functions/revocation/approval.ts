import type { Decision } from './policy.ts';
import { announce, keepLeak, type Named, type Run, released, save, tell } from './run.ts';

/** Runaway or forged alerts must not become an outage of our own making: past the limit a person decides. */
export async function withFuse({ services, record }: Run, decision: Decision): Promise<Decision> {
  const { fuse } = services.policy;
  if (decision.do !== 'act' || !decision.automatic || fuse === undefined || record.counted) return decision;
  const counted = await services.ledger.countAgainstFuse(record.id, fuse);
  if (counted === 'within') return decision;
  const reason = `the fuse has blown: ${fuse.limit} automatic revocations in ${fuse.windowMinutes} minutes`;
  if (counted === 'blows') services.note({ incident: record.id, fuse: 'blown', detail: reason });
  return { do: 'ask', action: decision.action, onDeadline: 'wait', reason };
}

/** A person decides about what was found, and about nothing else. */
export async function askPerson(run: Run, ask: Extract<Decision, { do: 'ask' }>, named: Named): Promise<void> {
  const { services } = run;
  const minutes = services.policy.approval.deadlineMinutes;
  await keepLeak(run);
  tell(run, 'asked', ask.reason);
  const { action, onDeadline, reason, valueSettles = false } = ask;
  const askedAt = services.now();
  const until = minutes === undefined || onDeadline === 'wait' ? null : askedAt + minutes * 60_000;
  const { account, keyId } = named;
  const asking = { nonce: services.newId(), action, account, keyId, askedAt, until, onDeadline };
  const rested = { lease: released(run), telling: services.announce !== undefined, approved: null };
  await save(run, {
    ...named,
    ...rested,
    state: 'awaiting-approval',
    action: 'approve',
    reason,
    valueSettles,
    asking,
    sealed: null,
  });
  await announce(run);
}

/**
 * Nobody has answered in time. As policy wants, the incident parks, and can still be approved or rejected; or it goes on as
 * if a person had said yes. True: it is settled.
 */
export async function expire(run: Run): Promise<boolean> {
  const { asking } = run.record;
  if (asking === null || asking.until === null || asking.until > run.services.now()) return false;
  // Whoever has made policy stricter since means what waits, too.
  if (asking.onDeadline === 'revoke' && run.services.policy.approval.onDeadline === 'revoke') {
    const { account, keyId, action } = asking;
    await save(run, { approved: { account, keyId, action, by: 'deadline' }, asking: null });
    return false;
  }
  const reason = 'nobody answered in time; approve or reject it';
  tell(run, 'parked', reason);
  const rested = { lease: released(run), telling: run.services.announce !== undefined };
  await save(run, { ...rested, state: 'parked', reason, asking: { ...asking, until: null }, sealed: null });
  await announce(run);
  return true;
}
