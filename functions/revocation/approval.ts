import type { Decision } from './policy.ts';
import { announce, keepLeak, type Named, type Run, released, save, tell } from './run.ts';

/** Runaway or forged alerts must not become an outage of our own making: past the limit a person decides. */
export async function withFuse({ services, record }: Run, decision: Decision): Promise<Decision> {
  const { fuse } = services.policy;
  if (decision.do !== 'act' || !decision.automatic || fuse === undefined || record.counted) return decision;
  if (await services.ledger.countAgainstFuse(record.id, fuse)) return decision;
  const reason = `the fuse has blown: ${fuse.limit} automatic revocations in ${fuse.windowMinutes} minutes`;
  return { do: 'ask', onDeadline: 'wait', reason };
}

/** A person decides; the message that waits for the deadline keeps the incident's place meanwhile. */
export async function askPerson(run: Run, ask: Extract<Decision, { do: 'ask' }>, named: Named): Promise<void> {
  const { services, report, record } = run;
  const minutes = services.policy.approval.deadlineMinutes;
  await keepLeak(run);
  let lease = released(run);
  if (minutes !== undefined && ask.onDeadline !== 'wait') {
    const message = services.newId();
    const notBefore = services.now() + minutes * 60_000;
    const approved = ask.onDeadline === 'revoke' ? { approved: named.keyId } : {};
    const order = { ...report.order, ...approved, deadline: true };
    await services.putBack(
      { ...report, message, notBefore, since: notBefore, fence: record.fence, order },
      notBefore - services.now(),
    );
    lease = { ...lease, message, until: notBefore, scheduled: true };
  }
  tell(run, 'asked', ask.reason);
  const { reason, valueSettles = false } = ask;
  const telling = services.announce !== undefined;
  await save(run, { ...named, state: 'awaiting-approval', action: 'approve', reason, valueSettles, lease, telling });
  await announce(run);
}

/** Nobody answered: the incident parks, and can still be approved or rejected. */
export async function expire(run: Run): Promise<void> {
  const reason = 'nobody answered in time; approve or reject it';
  tell(run, 'parked', reason);
  await save(run, { state: 'parked', reason, lease: released(run), telling: run.services.announce !== undefined });
  await announce(run);
}
