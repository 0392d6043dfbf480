import * as z from 'zod';
import type { Found } from './find.ts';
import type { Action } from './incident.ts';
import type { Report } from './report.ts';

/** Who and what restrains us (contract, section 4). */
export const policySchema = z.strictObject({
  protected: z
    .array(z.strictObject({ provider: z.string(), keyId: z.string(), reason: z.string().min(1) }))
    .default([]),
  /** Past `limit` automatic revocations in a window, every further key waits for a person. */
  fuse: z.strictObject({ limit: z.int().min(1).max(5_000), windowMinutes: z.int().min(1).max(10_080) }).optional(),
  approval: z
    .strictObject({
      approvers: z.array(z.string().min(1)).default([]),
      deadlineMinutes: z.int().min(1).max(10_080).optional(),
      onDeadline: z.enum(['park', 'revoke']).default('park'),
    })
    .default({ approvers: [], onDeadline: 'park' }),
  /** False: the leaked credential is never presented to its provider, neither to look itself up nor to prove it dead. */
  useLeakedKey: z.boolean().default(true),
});
export type Policy = z.infer<typeof policySchema>;

export const actions: readonly Action[] = ['delete', 'disable', 'approve', 'observe'];

/** What to do about a key that was found, with the reason in words. */
export type Decision =
  /** `automatic`: no person decided it, so it counts against the fuse. */
  | { do: 'act'; action: 'delete' | 'disable'; automatic: boolean; reason: string }
  | { do: 'plan'; action: 'delete' | 'disable'; reason: string }
  /** `onDeadline`: what happens when nobody answers in time; `wait`: nothing does. */
  | { do: 'ask'; onDeadline: 'park' | 'revoke' | 'wait'; reason: string; valueSettles?: boolean }
  | { do: 'refuse'; reason: string };

/** Decides about the one key that was found. Pure: the same facts give the same answer, and the answer explains itself. */
export function decide(policy: Policy, configured: Action, report: Report, found: Found): Decision {
  const { order } = report;
  const shield = shieldOf(policy, report, found.key.keyId);
  if (shield) return { do: 'refuse', reason: `policy protects this key: ${shield.reason}` };
  const namedWithAction = report.leak?.identifiers?.keyId !== undefined && order?.action !== undefined;
  if (found.key.meantToBePublic && !namedWithAction) {
    return { do: 'refuse', reason: 'the provider marks this key as meant to be public' };
  }
  const wanted = order?.action ?? configured;
  if (wanted === 'observe' || order?.dryRun) {
    const planned = wanted === 'observe' ? configured : wanted;
    return { do: 'plan', action: planned === 'disable' ? 'disable' : 'delete', reason: 'dry run: nothing is sent' };
  }
  const action = wanted === 'approve' ? 'delete' : wanted;
  if (order?.approved === found.key.keyId)
    return { do: 'act', action, automatic: false, reason: 'a person approved it' };
  if (wanted === 'approve') {
    return {
      do: 'ask',
      onDeadline: policy.approval.onDeadline,
      reason: 'policy asks a person before it acts at this provider',
    };
  }
  const withValue = report.leak?.secret !== undefined;
  if (!withValue && !report.mayNameKeys) {
    const reason = `${report.sighting.source} named the key without its value; a person must confirm it`;
    return { do: 'ask', onDeadline: 'park', reason, valueSettles: true };
  }
  const onHint = found.fit === 'hint' || (found.fit === 'named' && withValue && !report.mayNameKeys);
  // An id that comes from anybody does not make one of several hints the right one.
  if (onHint && (action === 'delete' || found.hasRivals)) {
    return {
      do: 'ask',
      onDeadline: 'park',
      reason: 'exactly one key fits, but only on a hint; a person must confirm it',
    };
  }
  const reason = reasons[found.fit];
  return { do: 'act', action, automatic: order === undefined, reason };
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
