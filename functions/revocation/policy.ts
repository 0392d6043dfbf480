import * as z from 'zod';
import type { Found } from './find.ts';
import type { Action, Approved } from './incident.ts';
import type { Report } from './report.ts';

/** A user of the one workspace, or of the team that is named. */
const approverForm = /^(?:[TE][A-Z0-9]{1,20}\/)?[UW][A-Z0-9]{1,20}$/;

/** Who and what restrains us (contract, section 4). */
export const policySchema = z.strictObject({
  protected: z
    .array(z.strictObject({ provider: z.string(), keyId: z.string(), reason: z.string().min(1) }))
    .default([]),
  /** Past `limit` automatic revocations in a window, every further key waits for a person. */
  fuse: z
    .strictObject({ limit: z.int().min(1).max(5_000), windowMinutes: z.int().min(1).max(10_080).default(60) })
    .optional(),
  approval: z
    .strictObject({
      approvers: z
        .array(z.string().regex(approverForm, 'must be a Slack user id such as U012ABCDEF, or T012ABCDEF/U012ABCDEF'))
        .default([]),
      deadlineMinutes: z.number().min(0.1).max(10_080).optional(),
      onDeadline: z.enum(['park', 'revoke']).default('park'),
    })
    // To park can wait for ever; what goes on by itself has a time at which it does.
    .transform(({ deadlineMinutes, ...approval }) => ({
      ...approval,
      deadlineMinutes: deadlineMinutes ?? (approval.onDeadline === 'revoke' ? 15 : undefined),
    }))
    .prefault({}),
  /** False: the leaked credential is never presented to its provider, neither to look itself up nor to prove it dead. */
  useLeakedKey: z.boolean().default(true),
});
export type Policy = z.infer<typeof policySchema>;

export const actions: readonly Action[] = ['delete', 'disable', 'approve', 'observe'];

/** What to do about a key that was found, with the reason in words. */
export type Decision =
  /** `automatic`: no person decided it, so it counts against the fuse. */
  | { do: 'act'; action: 'delete' | 'disable'; automatic: boolean; reason: string }
  /** `otherwise`: what would be done about it if this were no dry run, and why. */
  | { do: 'plan'; action: 'delete' | 'disable'; reason: string; otherwise: string }
  /** `onDeadline`: what happens when nobody answers in time; `wait`: nothing does. */
  | {
      do: 'ask';
      action: 'delete' | 'disable';
      onDeadline: 'park' | 'revoke' | 'wait';
      reason: string;
      valueSettles?: boolean;
    }
  | { do: 'refuse'; reason: string };

/**
 * Decides about the one key that was found. Pure: the same facts give the same answer, and the answer explains itself.
 * What was `approved` holds for that account, key and action, and for nothing else that may be found by now.
 */
export function decide(
  policy: Policy,
  configured: Action,
  report: Report,
  found: Found,
  approved: Approved | null = null,
): Decision {
  const { order } = report;
  const shield = shieldOf(policy, report, found.key.keyId);
  if (shield) return { do: 'refuse', reason: `policy protects this key: ${shield.reason}` };
  const namedWithAction = report.leak?.identifiers?.keyId !== undefined && order?.action !== undefined;
  if (found.key.meantToBePublic && !namedWithAction) {
    return { do: 'refuse', reason: 'the provider marks this key as meant to be public' };
  }
  const wanted = order?.action ?? configured;
  // What nobody but the clock approved does not outlive a policy that has become a dry run meanwhile.
  const isStopped = wanted === 'observe' && approved?.by !== 'person';
  if (order?.dryRun || order?.action === 'observe' || isStopped) return plan(policy, configured, report, found);
  if (approved !== null && approved.account === found.account && approved.keyId === found.key.keyId) {
    const isPersons = approved.by === 'person';
    const reason = isPersons ? 'a person approved it' : 'nobody answered in time, and policy then goes on';
    return { do: 'act', action: approved.action, automatic: !isPersons && isAutomatic(report), reason };
  }
  if (wanted === 'observe') return plan(policy, configured, report, found);
  const action = wanted === 'approve' ? 'delete' : wanted;
  // A scanner that finds it too settles that.
  if (report.hearsay) {
    const reason = `somebody wrote it in ${report.sighting.source}; a person must confirm it`;
    return { do: 'ask', action, onDeadline: 'park', reason, valueSettles: true };
  }
  if (wanted === 'approve') {
    return {
      do: 'ask',
      action,
      onDeadline: policy.approval.onDeadline,
      reason: 'policy asks a person before it acts at this provider',
    };
  }
  const withValue = report.leak?.secret !== undefined;
  if (!withValue && !report.mayNameKeys) {
    const reason = `${report.sighting.source} named the key without its value; a person must confirm it`;
    return { do: 'ask', action, onDeadline: 'park', reason, valueSettles: true };
  }
  const onHint = found.fit === 'hint' || (found.fit === 'named' && withValue && !report.mayNameKeys);
  // An id that comes from anybody does not make one of several hints the right one.
  if (onHint && (action === 'delete' || found.hasRivals)) {
    return {
      do: 'ask',
      action,
      onDeadline: 'park',
      reason: 'exactly one key fits, but only on a hint; a person must confirm it',
    };
  }
  const reason = reasons[found.fit];
  return { do: 'act', action, automatic: isAutomatic(report), reason };
}

/** No person has said what to do about it: an operator who only reports it has not. */
const isAutomatic = ({ order }: Report) => order === undefined || order.asReported === true;

/** A dry run: decides as if it were none, and sends nothing. */
function plan(policy: Policy, configured: Action, report: Report, found: Found): Decision {
  const { dryRun, action, ...order } = report.order ?? {};
  const ordered = { ...order, action: action === 'observe' ? undefined : action };
  const isOrder = report.order !== undefined;
  const wet = { ...report, order: isOrder ? ordered : undefined };
  const decision = decide(policy, configured === 'observe' ? 'delete' : configured, wet, found);
  const { reason } = decision;
  const dry = { do: 'plan', action: 'delete', reason: 'dry run: nothing is sent' } as const;
  if (decision.do === 'refuse') return { ...dry, otherwise: reason };
  const otherwise =
    decision.do === 'ask' ? `ask a person before ${decision.action}: ${reason}` : `${decision.action}: ${reason}`;
  return { ...dry, action: decision.action, otherwise };
}

const shieldOf = (policy: Policy, report: Report, key: string) =>
  policy.protected.find(({ provider, keyId }) => provider === report.provider && keyId === key);

/** Whether policy says that a key is never to be touched. */
export const isProtected = (policy: Policy, report: Report, keyId: string) =>
  shieldOf(policy, report, keyId) !== undefined;

const reasons: Record<Found['fit'], string> = {
  same: 'exactly one key is the leaked one',
  confirmed: 'exactly one key fits on a hint, and the alert confirms it',
  named: 'the key is named by its id',
  hint: 'exactly one key fits on a hint',
  conflict: 'what is known of the key contradicts itself',
};
