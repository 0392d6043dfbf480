import { describe, expect, test } from 'vitest';
import { ZodError } from 'zod';
import type { Found } from '../../../functions/revocation/find.ts';
import type { Action, Approved } from '../../../functions/revocation/incident.ts';
import { leakFromSource } from '../../../functions/revocation/leak.ts';
import { decide, policySchema } from '../../../functions/revocation/policy.ts';
import type { Report } from '../../../functions/revocation/report.ts';
import { reportOf } from '../../support/reports.ts';

const policy = (given: object = {}) => policySchema.parse(given);
const found = (given: Partial<Found> = {}, key: Partial<Found['key']> = {}): Found => ({
  account: 'prod',
  origin: 'https://api.example',
  key: { keyId: 'k-1', active: true, ...key },
  record: {},
  fit: 'same',
  valueMatched: true,
  hasRivals: false,
  ...given,
});
const yes: Approved = { account: 'prod', keyId: 'k-1', action: 'delete', by: 'person' };
const byValue = reportOf();
const byId = reportOf({ leak: leakFromSource.parse({ provider: 'datadog', identifiers: { keyId: 'k-1' } }) });

describe('the one key that was found', () => {
  test('is deleted or disabled, as configured, on a whole match', () => {
    for (const action of ['delete', 'disable'] as const) {
      expect(decide(policy(), action, byValue, found())).toEqual({
        do: 'act',
        action,
        automatic: true,
        reason: 'exactly one key is the leaked one',
      });
    }
  });

  test('is planned and not touched on a dry run, configured or ordered', () => {
    expect(decide(policy(), 'observe', byValue, found())).toMatchObject({ do: 'plan', action: 'delete' });
    const ordered = reportOf({ order: { action: 'observe' } });
    for (const action of ['delete', 'approve'] as const)
      expect(decide(policy(), action, ordered, found())).toMatchObject({ do: 'plan', action: 'delete' });
  });

  test('is planned as it would be treated: a dry run where keys are disabled shows that', () => {
    const ordered = reportOf({ order: { action: 'observe' } });
    expect(decide(policy(), 'disable', ordered, found())).toMatchObject({ do: 'plan', action: 'disable' });
  });

  test('is only planned on a dry run even when a person approved it', () => {
    for (const order of [{ action: 'observe' as const }, { dryRun: true }])
      expect(decide(policy(), 'delete', reportOf({ order }), found(), yes)).toMatchObject({ do: 'plan' });
  });

  test('is treated as an operator orders, whatever is configured, and does not count as automatic', () => {
    const report = reportOf({ order: { action: 'delete' } });
    for (const configured of ['disable', 'approve', 'observe', 'delete'] as const)
      expect(decide(policy(), configured, report, found())).toMatchObject({
        do: 'act',
        action: 'delete',
        automatic: false,
      });
  });

  test('is treated as configured when an operator orders nothing, and counts as automatic if they only report it', () => {
    for (const asReported of [false, true])
      expect(decide(policy(), 'disable', reportOf({ order: { asReported } }), found())).toMatchObject({
        do: 'act',
        action: 'disable',
        automatic: asReported,
      });
  });
});

describe('approval', () => {
  test.each(['park', 'revoke'] as const)(
    'is asked for where it is configured, and the deadline then says: %s',
    (on) => {
      expect(decide(policy({ approval: { onDeadline: on } }), 'approve', byValue, found())).toEqual({
        do: 'ask',
        action: 'delete',
        onDeadline: on,
        reason: 'policy asks a person before it acts at this provider',
      });
    },
  );

  test('is asked for when an operator orders it', () => {
    expect(decide(policy(), 'delete', reportOf({ order: { action: 'approve' } }), found())).toMatchObject({
      do: 'ask',
      action: 'delete',
      onDeadline: 'park',
    });
  });

  test('does what was approved, and is not automatic', () => {
    for (const action of ['delete', 'disable'] as const)
      for (const configured of ['delete', 'disable', 'approve', 'observe'] as const)
        for (const order of [undefined, {}, { action: 'approve' as const }, { action: 'delete' as const }])
          expect(decide(policy(), configured, reportOf({ order }), found(), { ...yes, action })).toEqual({
            do: 'act',
            action,
            automatic: false,
            reason: 'a person approved it',
          });
  });

  test.each([
    ['key', found({}, { keyId: 'k-2' })],
    ['account', found({ account: 'eu' })],
  ])('is of one key in one account: another %s that is found later is asked for anew', (_, other) => {
    for (const order of [undefined, {}])
      expect(decide(policy(), 'approve', reportOf({ order }), other, yes)).toMatchObject({ do: 'ask' });
    expect(decide(policy(), 'delete', byValue, { ...other, fit: 'hint' }, yes)).toMatchObject({ do: 'ask' });
  });

  test('settles a match on a hint, and a key that was named without its value', () => {
    expect(decide(policy(), 'delete', byValue, found({ fit: 'hint' }), yes)).toMatchObject({ do: 'act' });
    expect(decide(policy(), 'delete', byId, found(), yes)).toMatchObject({ do: 'act' });
  });

  test('that nobody answered in time is automatic, as no person decided it; unless a person has had it tried again', () => {
    const late = { ...yes, by: 'deadline' as const };
    expect(decide(policy(), 'approve', byValue, found(), late)).toEqual({
      do: 'act',
      action: 'delete',
      automatic: true,
      reason: 'nobody answered in time, and policy then goes on',
    });
    const again = (asReported: boolean) => reportOf({ order: { asReported } });
    expect(decide(policy(), 'approve', again(false), found(), late)).toMatchObject({ automatic: false });
    expect(decide(policy(), 'approve', again(true), found(), late)).toMatchObject({ automatic: true });
  });

  test('by the clock alone does not outlive a policy that is a dry run by now; a person has said it for certain', () => {
    const late = { ...yes, by: 'deadline' as const };
    expect(decide(policy(), 'observe', byValue, found(), late)).toMatchObject({ do: 'plan' });
    expect(decide(policy(), 'observe', byValue, found(), yes)).toMatchObject({ do: 'act' });
  });
});

describe('a dry run', () => {
  const dry = (configured: Action, report: Report, key = found()) => {
    const decision = decide(policy(), configured, report, key);
    return decision.do === 'plan' ? decision.otherwise : decision.do;
  };
  const { order: _, ...plain } = reportOf();

  test.each<[string, string]>([
    ['delete: exactly one key is the leaked one', dry('observe', byValue)],
    ['disable: exactly one key is the leaked one', dry('disable', reportOf({ order: { dryRun: true } }))],
    [
      'delete: exactly one key is the leaked one',
      dry('approve', reportOf({ order: { dryRun: true, action: 'delete' } })),
    ],
    [
      'ask a person before delete: policy asks a person before it acts at this provider',
      dry('approve', reportOf({ order: { action: 'observe' } })),
    ],
    [
      'ask a person before delete: exactly one key fits, but only on a hint; a person must confirm it',
      dry('observe', { ...plain }, found({ fit: 'hint' })),
    ],
    [
      'ask a person before delete: standard named the key without its value; a person must confirm it',
      dry('observe', byId),
    ],
  ])('says what would be done in earnest: %s', (words, said) => {
    expect(said).toBe(words);
  });

  test('touches nothing that is protected, and says so at once', () => {
    const protection = { protected: [{ provider: 'datadog', keyId: 'k-1', reason: 'by hand' }] };
    expect(decide(policy(protection), 'observe', byValue, found())).toMatchObject({ do: 'refuse' });
  });
});

describe('a match on a hint alone', () => {
  const hint = found({ fit: 'hint' });

  test('waits for a person before a deletion, and nothing but that', () => {
    expect(decide(policy({ approval: { onDeadline: 'revoke' } }), 'delete', byValue, hint)).toEqual({
      do: 'ask',
      action: 'delete',
      onDeadline: 'park',
      reason: 'exactly one key fits, but only on a hint; a person must confirm it',
    });
  });

  test('waits for a person before a deletion that an operator orders', () => {
    expect(decide(policy(), 'delete', reportOf({ order: { action: 'delete' } }), hint)).toMatchObject({ do: 'ask' });
  });

  test('is disabled where that is configured', () => {
    expect(decide(policy(), 'disable', byValue, hint)).toEqual({
      do: 'act',
      action: 'disable',
      automatic: true,
      reason: 'exactly one key fits on a hint',
    });
  });
});

describe('a key that somebody wrote in a chat', () => {
  const leak = leakFromSource.parse({ secret: 'x1' });
  const written = reportOf({ leak, source: 'slack', hearsay: true });

  test('waits for a person whatever policy does with alerts, and parks when nobody answers', () => {
    for (const action of ['delete', 'approve'] as const)
      expect(decide(policy({ approval: { onDeadline: 'revoke' } }), action, written, found())).toMatchObject({
        do: 'ask',
        action: 'delete',
        onDeadline: 'park',
        valueSettles: true,
      });
  });

  test('is only looked at where policy is a dry run', () => {
    expect(decide(policy(), 'observe', written, found())).toMatchObject({ do: 'plan' });
  });
});

describe('a key that is named without its value', () => {
  test('waits for a person when the source is not trusted to name keys', () => {
    for (const action of ['delete', 'disable'] as const) {
      expect(decide(policy({ approval: { onDeadline: 'revoke' } }), action, byId, found())).toEqual({
        do: 'ask',
        action,
        onDeadline: 'park',
        reason: 'standard named the key without its value; a person must confirm it',
        valueSettles: true,
      });
    }
  });

  test('is acted on when the source is trusted to name keys', () => {
    expect(decide(policy(), 'delete', { ...byId, mayNameKeys: true }, found())).toMatchObject({
      do: 'act',
      automatic: true,
    });
  });

  test('is acted on when its value is there too', () => {
    const leak = leakFromSource.parse({ identifiers: { keyId: 'k-1' }, secret: 'x1' });
    expect(decide(policy(), 'delete', reportOf({ leak }), found())).toMatchObject({ do: 'act' });
  });

  test('waits for a person when there is no leak to look at', () => {
    expect(decide(policy(), 'delete', reportOf({ leak: undefined }), found())).toMatchObject({ do: 'ask' });
  });
});

describe('a protected key', () => {
  const shielded = policy({ protected: [{ provider: 'datadog', keyId: 'k-1', reason: 'rotate it by hand' }] });
  const refused = { do: 'refuse', reason: 'policy protects this key: rotate it by hand' };

  test('is refused to every source, action, order and approval', () => {
    for (const action of ['delete', 'disable', 'approve', 'observe'] as const) {
      expect(decide(shielded, action, byValue, found())).toEqual(refused);
      expect(decide(shielded, action, { ...byId, order: { action: 'delete' } }, found())).toEqual(refused);
      expect(decide(shielded, action, byValue, found(), yes)).toEqual(refused);
    }
  });

  test('is that one key at that one provider', () => {
    expect(decide(shielded, 'delete', byValue, found({}, { keyId: 'k-2' }))).toMatchObject({ do: 'act' });
    expect(decide(shielded, 'delete', reportOf({ provider: 'coveo' }), found())).toMatchObject({ do: 'act' });
  });
});

describe('a key that is meant to be public', () => {
  const open = found({}, { meantToBePublic: true });
  const refused = { do: 'refuse', reason: 'the provider marks this key as meant to be public' };

  test('is refused to alerts, and to an operator who does not both name it and say what to do', () => {
    expect(decide(policy(), 'delete', byValue, open)).toEqual(refused);
    expect(decide(policy(), 'delete', { ...byId, mayNameKeys: true }, open)).toEqual(refused);
    expect(decide(policy(), 'delete', { ...byId, order: {} }, open)).toEqual(refused);
    expect(decide(policy(), 'delete', reportOf({ order: { action: 'delete' } }), open)).toEqual(refused);
  });

  test('is deleted when an operator names it by id with an explicit action', () => {
    const report = { ...byId, mayNameKeys: true, order: { action: 'delete' as const } };
    expect(decide(policy(), 'observe', report, open)).toMatchObject({ do: 'act', action: 'delete', automatic: false });
  });
});

describe('a policy', () => {
  test('names approvers by the id of a user, in any team or in one', () => {
    const approvers = ['U012ABCDEF', 'W012ABCDEF', 'T012ABCDEF/U012ABCDEF', 'E012ABCDEF/W012ABCDEF'];
    expect(policy({ approval: { approvers } }).approval.approvers).toEqual(approvers);
  });

  test('has a default for everything', () => {
    expect(policy()).toEqual({
      protected: [],
      approval: { approvers: [], onDeadline: 'park' },
      useLeakedKey: true,
    });
    expect(policy({ approval: {} }).approval).toEqual({ approvers: [], onDeadline: 'park' });
  });

  test.each([
    ['a fuse without a limit', { fuse: { windowMinutes: 60 } }],
    ['a fuse that is always blown', { fuse: { limit: 0, windowMinutes: 60 } }],
    ['a fuse with a part of an incident', { fuse: { limit: 1.5, windowMinutes: 60 } }],
    ['a window of nothing', { fuse: { limit: 1, windowMinutes: 0 } }],
    ['a window of more than a week', { fuse: { limit: 1, windowMinutes: 10_081 } }],
    ['a deadline after more than a week', { approval: { deadlineMinutes: 10_081 } }],
    ['an approver by name', { approval: { approvers: ['@anna'] } }],
    ['an approver by address', { approval: { approvers: ['anna@acme.example'] } }],
    ['a channel for an approver', { approval: { approvers: ['C012ABCDEF'] } }],
    ['a user of a team without the user', { approval: { approvers: ['T012ABCDEF'] } }],
    ['a user of two teams', { approval: { approvers: ['T012ABC/T012ABC/U012ABC'] } }],
    ['a deadline at once', { approval: { deadlineMinutes: 0 } }],
    ['a deadline that does something else', { approval: { onDeadline: 'delete' } }],
    ['a protection without a reason', { protected: [{ provider: 'datadog', keyId: 'k-1', reason: '' }] }],
    ['a protection of nothing', { protected: [{ provider: 'datadog', reason: 'x' }] }],
    ['a word for a flag', { useLeakedKey: 'false' }],
    ['a rule that nobody knows', { protect: [] }],
  ])('is refused with %s', (_, given) => {
    expect(() => policy(given)).toThrow(ZodError);
  });
});
