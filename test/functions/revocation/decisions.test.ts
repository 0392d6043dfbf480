import { randomUUID } from 'node:crypto';
import { afterEach, describe, expect, test } from 'vitest';
import { providers } from '../../../functions/providers/index.ts';
import {
  approve,
  type Decided,
  type DecisionServices,
  type Person,
  reject,
  restore,
  retry,
} from '../../../functions/revocation/decisions.ts';
import { Unavailable } from '../../../functions/revocation/errors.ts';
import type { Action, IncidentRecord } from '../../../functions/revocation/incident.ts';
import { policySchema } from '../../../functions/revocation/policy.ts';
import { readReport } from '../../../functions/revocation/report.ts';
import { type DatadogKey, datadogVendor, inventedKeys } from '../../../lib/local/vendors/datadog.ts';
import { docspaceAdmin, docspaceVendor, keyWithDecoys } from '../../../lib/local/vendors/docspace.ts';
import { testClock, testLane, testLedger, vendorNetwork } from '../../support/lane.ts';

const admin = { site: 'datadoghq.com', apiKey: 'a1'.repeat(16), appKey: 'b2'.repeat(20) };
const anna: Person = { id: 'U0ANNA', words: '<@U0ANNA> in Slack' };
const ben: Person = { id: 'arn:aws:iam::123456789012:user/ben', words: 'operator arn:aws:iam::123456789012:user/ben' };
const minute = 60_000;
const hour = 60 * minute;

const closers: (() => Promise<void>)[] = [];
afterEach(async () => {
  await Promise.all(closers.splice(0).map((close) => close()));
});

/** One lane to a Datadog; the first of its keys is the one that leaks. */
async function begin({ policy, action = 'approve' }: { policy?: object; action?: Action } = {}) {
  const clock = testClock();
  const keys = inventedKeys(8, 'decisions') as [DatadogKey, DatadogKey, DatadogKey, ...DatadogKey[]];
  const [key] = keys;
  const vendor = datadogVendor([{ site: admin.site, id: 'org-1', keys, admins: [admin] }], { now: clock.now });
  const network = await vendorNetwork(vendor);
  const { ledger, close } = await testLedger(clock);
  closers.push(network.close, close);
  const lane = testLane({
    provider: providers.datadog,
    vendor,
    accounts: { main: admin },
    action,
    policy: policy ?? {},
    ledger,
    clock,
    fetch: network.fetch,
  });
  const leakOf = ({ key: secret }: DatadogKey) => ({ provider: 'datadog', secret });
  const leak = leakOf(key);
  /** The incident as it stands. */
  const now = async ({ id }: Pick<IncidentRecord, 'id'>) => {
    const record = await ledger.read(id);
    if (record === undefined) throw new Error('the incident is not in the ledger');
    return record;
  };
  const refuseDeletions = () =>
    vendor.troubles.push({ on: /^DELETE/, reply: { status: 403, body: { errors: ['Forbidden'] } } });
  const repair = () => void vendor.troubles.splice(0);
  return { ...lane, vendor, ledger, clock, keys, key, leak, leakOf, now, refuseDeletions, repair };
}

/** What came of several who decided at once: how many did, and what the others were told. */
function split(all: Decided[]) {
  const decided = all.filter(({ is }) => is === 'decided').length;
  return { decided, told: all.flatMap((one) => (one.is === 'conflict' ? [one.why] : [])) };
}
const stages = ({ timeline }: IncidentRecord) => timeline.map(({ stage }) => stage);
const said = ({ timeline }: IncidentRecord, wanted: string) =>
  timeline.filter(({ stage }) => stage === wanted).map(({ detail }) => detail);

describe('a person who approves', () => {
  test('has the key revoked that they were asked about, and stands in the timeline with their reason', async () => {
    const { follow, leak, decisions, drain, now, vendor, key } = await begin();
    const asked = await follow(leak);
    expect(asked).toMatchObject({ state: 'awaiting-approval', outcome: null, keyId: key.id });
    expect(asked.asking).toMatchObject({ action: 'delete', account: 'main', keyId: key.id, until: null });
    const decided = await approve(asked, { by: anna, reason: 'it is ours', nonce: asked.asking?.nonce }, decisions);
    expect(decided).toMatchObject({ is: 'decided', record: { state: 'received', asking: null } });
    expect(vendor.deletions).toEqual([]);
    await drain();
    const incident = await now(asked);
    expect(incident).toMatchObject({ state: 'closed', outcome: 'revoked', proof: { dead: true }, approved: null });
    expect(said(incident, 'approved')).toEqual(['by <@U0ANNA> in Slack: it is ours']);
    expect(said(incident, 'sent')).toEqual(['delete: a person approved it']);
    expect(vendor.deletions).toEqual([key.id]);
  });

  test('has reported nothing, however often the revocation has to be tried', async () => {
    const { follow, leak, decisions, drain, now, vendor } = await begin();
    const asked = await follow(leak);
    vendor.troubles.push({ on: /./, times: 3, reply: { status: 503 } });
    await approve(asked, { by: anna }, decisions);
    await drain();
    const { outcome, attempts, sightings, sightingCount } = await now(asked);
    expect({ outcome, sightings, sightingCount }).toEqual({
      outcome: 'revoked',
      sightings: asked.sightings,
      sightingCount: 1,
    });
    expect(attempts).toBeGreaterThan(asked.attempts + 1);
  });

  test('answers the question they were shown, and no other', async () => {
    const { follow, leak, decisions, now } = await begin();
    const asked = await follow(leak);
    for (const decide of [approve, reject])
      expect(await decide(asked, { by: anna, nonce: randomUUID() }, decisions)).toMatchObject({ is: 'conflict' });
    expect(await now(asked)).toEqual(asked);
  });

  test('is too late once it was decided, once it goes on, and once the key is dead', async () => {
    const { follow, leak, decisions, drain, now, vendor } = await begin();
    const asked = await follow(leak);
    const { nonce } = asked.asking ?? {};
    await approve(asked, { by: anna, nonce }, decisions);
    /** As a click that shows an old message, and as somebody who looks first. */
    const late = async () => {
      for (const record of [asked, await now(asked)])
        for (const decide of [approve, reject])
          expect(await decide(record, { by: ben, nonce }, decisions)).toMatchObject({
            is: 'conflict',
            why: expect.stringMatching(/decided|nothing waits/),
          });
    };
    await late();
    await drain();
    await late();
    expect(await now(asked)).toMatchObject({ outcome: 'revoked', attempts: 2 });
    expect(vendor.deletions).toHaveLength(1);
  });

  test.each([2, 7])('is one of %i who do so at once: one result, and the others are told', async (people) => {
    const { follow, leak, decisions, drain, now, vendor, waiting } = await begin();
    const asked = await follow(leak);
    const by = (index: number) => ({ id: `U${index}`, words: `person ${index}` });
    const all = await Promise.all(
      Array.from({ length: people }, (_, index) => approve(asked, { by: by(index) }, decisions)),
    );
    expect(split(all)).toEqual({
      decided: 1,
      told: Array(people - 1).fill('somebody else has just decided it'),
    });
    expect(waiting).toHaveLength(1);
    await drain();
    expect(said(await now(asked), 'approved')).toHaveLength(1);
    expect(vendor.deletions).toHaveLength(1);
  });

  test('is in no hurry: what was asked can be approved after its time, and after a week', async () => {
    const { follow, leak, decisions, drain, now } = await begin({ policy: { approval: { deadlineMinutes: 15 } } });
    const asked = await follow(leak, { withinMs: 24 * hour });
    expect(asked).toMatchObject({ state: 'parked', outcome: null, reason: expect.stringContaining('in time') });
    expect(await approve(asked, { by: anna, nonce: asked.asking?.nonce }, decisions)).toMatchObject({ is: 'decided' });
    await drain();
    expect(await now(asked)).toMatchObject({ outcome: 'revoked' });
  });

  test('is told when the leak is not kept any more, or its provider is not configured', async () => {
    const { follow, leak, decisions, clock, now } = await begin();
    const asked = await follow(leak);
    const nowhere = { ...decisions, lanes: {} };
    expect(await approve(asked, { by: anna }, nowhere)).toMatchObject({ why: expect.stringContaining('configure') });
    clock.advance(15 * 24 * hour);
    expect(await approve(asked, { by: anna }, decisions)).toMatchObject({ why: expect.stringContaining('report it') });
    expect(await now(asked)).toEqual(asked);
    expect(await reject(asked, { by: anna }, decisions)).toMatchObject({ is: 'decided' });
  });
});

describe('another try', () => {
  test.each([
    ['an alert', undefined],
    ['what an operator only reported', { asReported: true }],
  ])('of %s is a person’s word, which the fuse does not count', async (_, order) => {
    const fuse = { limit: 1, windowMinutes: 60 };
    const { follow, leak, leakOf, keys, key, decisions, drain, now, services, ledger } = await begin({
      action: 'delete',
    });
    const isProtected = [{ provider: 'datadog', keyId: key.id, reason: 'ingest' }];
    services.policy = policySchema.parse({ fuse, protected: isProtected });
    const parked = await follow(leak, { order });
    expect(parked).toMatchObject({ outcome: 'protected' });
    services.policy = policySchema.parse({ fuse });
    expect(await follow(leakOf(keys[1]))).toMatchObject({ outcome: 'revoked' });
    await retry(parked, { by: anna }, decisions);
    await drain();
    expect(await now(parked)).toMatchObject({ outcome: 'revoked' });
    expect(await ledger.fuseBlown()).toBe(undefined);
  });

  test('of what cannot go on all the same leaves it parked: its timeline says who asked, and why not', async () => {
    const { follow, leak, decisions, clock, waiting, refuseDeletions } = await begin({ action: 'delete' });
    refuseDeletions();
    const failed = await follow(leak);
    clock.advance(15 * 24 * hour);
    const late = await retry(failed, { by: anna, reason: 'has the right now' }, decisions);
    const nowhere = await retry(late.record, { by: ben }, { ...decisions, lanes: {} });
    const { state, outcome, reason } = failed;
    for (const one of [late, nowhere]) expect(one).toMatchObject({ is: 'decided', record: { state, outcome, reason } });
    expect(said(nowhere.record, 'parked').slice(-2)).toEqual([
      'asked for another try by <@U0ANNA> in Slack: has the right now; the leak is not kept any more; report it again',
      `asked for another try by ${ben.words}; its provider is not configured; configure it and report the leak again`,
    ]);
    expect(waiting).toEqual([]);
  });
});

describe('what was approved', () => {
  test('holds for that key: when another is found by then, a person is asked again, and nothing is touched', async () => {
    const { follow, leak, decisions, drain, now, vendor, key } = await begin();
    const asked = await follow(leak);
    await approve(asked, { by: anna }, decisions);
    key.id = `${key.id.slice(0, -4)}0000`;
    await drain();
    const again = await now(asked);
    expect(again).toMatchObject({ state: 'awaiting-approval', keyId: key.id, approved: null });
    expect(again.asking?.keyId).toBe(key.id);
    expect(again.asking?.nonce).not.toBe(asked.asking?.nonce);
    // An answer to the first question, whether it was looked up before the second one or after it.
    for (const record of [asked, again])
      expect(await approve(record, { by: anna, nonce: asked.asking?.nonce }, decisions)).toMatchObject({
        is: 'conflict',
      });
    // Nor does one without a name count for a question that was put after it was looked up.
    expect(await approve(asked, { by: anna }, decisions)).toMatchObject({ is: 'conflict' });
    expect(vendor.deletions).toEqual([]);
    await approve(again, { by: anna, nonce: again.asking?.nonce }, decisions);
    await drain();
    expect(vendor.deletions).toEqual([key.id]);
  });

  test('holds where an operator ordered something else before they were asked', async () => {
    const { follow, leak, decisions, drain, now, vendor, key } = await begin({ action: 'observe' });
    const ordered = { source: 'operator', mayNameKeys: true, order: { action: 'approve' as const } };
    const asked = await follow(leak, ordered);
    await approve(asked, { by: anna }, decisions);
    key.id = `${key.id.slice(0, -4)}0000`;
    await drain();
    expect(await now(asked)).toMatchObject({ state: 'awaiting-approval', keyId: key.id });
    expect(vendor.deletions).toEqual([]);
  });

  test('goes on without asking again once what failed is repaired and tried again', async () => {
    const { follow, leak, decisions, drain, now, vendor, key, refuseDeletions, repair } = await begin();
    const asked = await follow(leak);
    await approve(asked, { by: anna }, decisions);
    refuseDeletions();
    await drain();
    const failed = await now(asked);
    expect(failed).toMatchObject({ state: 'parked', outcome: 'failed' });
    repair();
    expect(await retry(failed, { by: ben, reason: 'has the right now' }, decisions)).toMatchObject({ is: 'decided' });
    await drain();
    const incident = await now(asked);
    expect(incident).toMatchObject({ outcome: 'revoked' });
    expect(said(incident, 'asked')).toHaveLength(1);
    expect(said(incident, 'received')).toContain(
      'asked for another try by operator arn:aws:iam::123456789012:user/ben: has the right now',
    );
    expect(vendor.deletions).toEqual([key.id]);
  });

  test.each([
    ['by its value', (leak: object) => leak],
    ['by its id alone', (_: object, { id: keyId }: DatadogKey) => ({ provider: 'datadog', identifiers: { keyId } })],
  ])('does not hold for a new alert about what failed, %s: that asks again', async (_, alertOf) => {
    const { follow, leak, decisions, drain, now, vendor, key, refuseDeletions, repair } = await begin();
    const asked = await follow(leak);
    await approve(asked, { by: anna }, decisions);
    refuseDeletions();
    await drain();
    repair();
    await follow(alertOf(leak, key), { source: 'github', delivery: 'another' });
    const again = await now(asked);
    expect(again).toMatchObject({ state: 'awaiting-approval', approved: null });
    expect(said(again, 'asked')).toHaveLength(2);
    expect(vendor.deletions).toEqual([]);
  });

  test('is not undone by a dry run that comes before its own run', async () => {
    const { follow, leak, decisions, run, reportOf, drain, now, vendor } = await begin();
    const asked = await follow(leak);
    await approve(asked, { by: anna }, decisions);
    await run(reportOf(leak, { source: 'operator', mayNameKeys: true, order: { dryRun: true } }));
    await drain();
    expect(await now(asked)).toMatchObject({ outcome: 'revoked' });
    expect(vendor.deletions).toHaveLength(1);
  });
});

describe('a person who says no', () => {
  test('closes what waits for one, with who and why, and later alerts change nothing', async () => {
    const { follow, leak, decisions, now, vendor } = await begin();
    const asked = await follow(leak);
    expect(await reject(asked, { by: ben, reason: 'a test key' }, decisions)).toMatchObject({
      is: 'decided',
      record: { state: 'closed', outcome: 'rejected', reason: 'a person said no: a test key', asking: null },
    });
    await follow(leak, { source: 'github' });
    const incident = await now(asked);
    expect(incident).toMatchObject({ outcome: 'rejected', sightingCount: 2 });
    expect(said(incident, 'rejected')).toEqual(['by operator arn:aws:iam::123456789012:user/ben: a test key']);
    expect(vendor.deletions).toEqual([]);
  });

  test.each([1, 2, 3, 4, 5, 6])('and one who says yes at once have one result (%i)', async (turn) => {
    const { follow, leak, decisions, drain, now, vendor } = await begin();
    const asked = await follow(leak);
    const yes = () => approve(asked, { by: anna }, decisions);
    const no = () => reject(asked, { by: ben }, decisions);
    const [first, second] = await Promise.all(turn % 2 === 0 ? [yes(), no()] : [no(), yes()]);
    expect(split([first, second]).decided).toBe(1);
    await drain();
    const incident = await now(asked);
    const isApproved = stages(incident).includes('approved');
    expect(stages(incident).includes('rejected')).toBe(!isApproved);
    expect(incident.outcome).toBe(isApproved ? 'revoked' : 'rejected');
    expect(vendor.deletions).toHaveLength(isApproved ? 1 : 0);
  });

  test('is not overruled by an approval’s own message that was under way for long', async () => {
    const { follow, run, leakOf, keys, decisions, drain, now, vendor, refuseDeletions, repair, waiting } = await begin({
      action: 'delete',
      policy: { fuse: { limit: 1, windowMinutes: 60 } },
    });
    const [wanted, first] = keys;
    expect(await follow(leakOf(first))).toMatchObject({ outcome: 'revoked' });
    const asked = await follow(leakOf(wanted));
    expect(asked).toMatchObject({ state: 'awaiting-approval' });
    await approve(asked, { by: anna }, decisions);
    const [late] = waiting.splice(0);
    refuseDeletions();
    await drain();
    const failed = await now(asked);
    expect(failed).toMatchObject({ outcome: 'failed' });
    repair();
    expect(await reject(failed, { by: ben }, decisions)).toMatchObject({ is: 'decided' });
    await run(readReport(late?.body ?? ''));
    await drain();
    expect(await now(asked)).toMatchObject({ state: 'closed', outcome: 'rejected' });
    expect(vendor.deletions).toEqual([first.id]);
  });

  test('is asked to settle first what may have been sent', async () => {
    const { follow, leak, decisions, vendor } = await begin({ action: 'delete' });
    vendor.troubles.push({ on: /^DELETE/, times: 1, reply: 'drop-before' });
    vendor.troubles.push({ on: /^GET/, after: /^DELETE/, reply: { status: 403, body: { errors: ['Forbidden'] } } });
    const failed = await follow(leak);
    expect(failed).toMatchObject({ state: 'parked', outcome: 'failed', inDoubt: true });
    expect(await reject(failed, { by: anna }, decisions)).toMatchObject({
      is: 'conflict',
      why: 'nothing waits for a person to say no',
    });
  });
});

describe('a decision whose message is lost', () => {
  const deaf = (services: DecisionServices): DecisionServices => ({
    ...services,
    send: async () => {
      throw new Unavailable('the queue did not give an answer');
    },
  });

  test('stands, and goes on within minutes', async () => {
    const { follow, leak, decisions, drain, now, clock, waiting } = await begin();
    const asked = await follow(leak);
    expect(await approve(asked, { by: anna }, deaf(decisions))).toMatchObject({ is: 'decided' });
    expect(waiting).toEqual([]);
    const began = clock.now();
    await drain();
    const incident = await now(asked);
    expect(incident).toMatchObject({ outcome: 'revoked' });
    expect(said(incident, 'sent')).toEqual(['delete: a person approved it']);
    expect(clock.now() - began).toBeLessThan(5 * minute);
  });

  test('is carried out as well when it was another try', async () => {
    const { follow, leak, decisions, drain, now, refuseDeletions, repair } = await begin({ action: 'delete' });
    refuseDeletions();
    const failed = await follow(leak);
    repair();
    expect(await retry(failed, { by: anna }, deaf(decisions))).toMatchObject({ is: 'decided' });
    await drain();
    expect(await now(failed)).toMatchObject({ outcome: 'revoked' });
  });

  test('is nothing any more when it comes after all, late, and another has gone on with it', async () => {
    const { follow, leak, decisions, drain, now, run, waiting, refuseDeletions } = await begin({ action: 'delete' });
    refuseDeletions();
    const failed = await follow(leak);
    await retry(failed, { by: anna }, decisions);
    const [late] = waiting.splice(0);
    await drain();
    const again = await now(failed);
    expect(again).toMatchObject({ outcome: 'failed', attempts: failed.attempts + 1 });
    await run(readReport(late?.body ?? ''));
    expect(await now(failed)).toEqual(again);
  });

  test('is not hidden when it is lost for another reason than an outage', async () => {
    const { follow, leak, decisions } = await begin();
    const asked = await follow(leak);
    const broken = { ...decisions, send: () => Promise.reject(new TypeError('a fault of ours')) };
    await expect(approve(asked, { by: anna }, broken)).rejects.toThrow(TypeError);
  });
});

describe('who wants to know', () => {
  const listening = (services: DecisionServices, heard: string[], isDown = false): DecisionServices => ({
    ...services,
    announce: async (incident) => {
      if (isDown) throw new Unavailable('the queue did not give an answer');
      heard.push(incident);
    },
  });

  test.each([approve, reject])('is sent for when a person decides: %o', async (decide) => {
    const { follow, leak, decisions } = await begin();
    const asked = await follow(leak);
    const heard: string[] = [];
    await decide(asked, { by: anna }, listening(decisions, heard));
    await decide(asked, { by: ben }, listening(decisions, heard));
    expect(heard).toEqual([asked.id]);
  });

  test('is sent for later when that was in vain, and the decision stands', async () => {
    const { follow, leak, decisions, now, ledger, clock } = await begin();
    const asked = await follow(leak);
    expect(await reject(asked, { by: anna }, listening(decisions, [], true))).toMatchObject({ is: 'decided' });
    expect(await now(asked)).toMatchObject({ outcome: 'rejected', telling: true });
    clock.advance(5 * minute);
    expect(await ledger.due(10)).toMatchObject([{ incident: asked.id, telling: true }]);
  });
});

describe('a reason', () => {
  test('keeps nothing of the leaked value, whoever types it', async () => {
    const { follow, leak, key, decisions, now } = await begin();
    const asked = await follow(leak);
    await approve(asked, { by: anna, reason: `${key.key} is on the wiki` }, decisions);
    expect(said(await now(asked), 'approved')).toEqual(['by <@U0ANNA> in Slack: [secret] is on the wiki']);
    expect(JSON.stringify(await now(asked))).not.toContain(key.key);
  });

  test('keeps nothing of it where the answer is no', async () => {
    const { follow, leak, key, decisions, now } = await begin();
    const asked = await follow(leak);
    await reject(asked, { by: anna, reason: `${key.key} is invented` }, decisions);
    expect(await now(asked)).toMatchObject({ reason: 'a person said no: [secret] is invented' });
    expect(JSON.stringify(await now(asked))).not.toContain(key.key);
  });
});

describe('a deadline', () => {
  const until = (onDeadline: 'park' | 'revoke') => ({ approval: { deadlineMinutes: 15, onDeadline } });

  test('parks what nobody answered in time, to the minute, with the question still open', async () => {
    const { follow, leak, ledger, now, vendor, clock, drain } = await begin({ policy: until('park') });
    const began = clock.now();
    const asked = await follow(leak, { withinMs: 0 });
    clock.advance(14 * minute);
    expect(asked).toMatchObject({ state: 'awaiting-approval', asking: { until: began + 15 * minute } });
    expect(await ledger.due(10)).toEqual([]);
    await drain(2 * minute);
    const parked = await now(asked);
    expect(parked).toMatchObject({
      state: 'parked',
      outcome: null,
      reason: 'nobody answered in time; approve or reject it',
      asking: { nonce: asked.asking?.nonce, until: null },
    });
    expect(said(parked, 'parked')).toEqual(['nobody answered in time; approve or reject it']);
    await follow(leak, { source: 'github', withinMs: 48 * hour });
    expect(await now(asked)).toMatchObject({ state: 'parked', outcome: null, sightingCount: 2 });
    expect(vendor.deletions).toEqual([]);
  });

  test('revokes where policy wants that, and says that nobody decided it', async () => {
    const { follow, leak, vendor, key } = await begin({ policy: until('revoke') });
    const incident = await follow(leak, { withinMs: hour });
    expect(incident).toMatchObject({ state: 'closed', outcome: 'revoked', asking: null });
    expect(said(incident, 'received')).toContain('nobody answered in time; policy goes on');
    expect(said(incident, 'sent')).toEqual(['delete: nobody answered in time, and policy then goes on']);
    expect(stages(incident)).not.toContain('approved');
    expect(vendor.deletions).toEqual([key.id]);
  });

  test('revokes the key that was asked about: about another a person is asked, with a time of its own', async () => {
    const { follow, leak, vendor, key, drain, now, clock } = await begin({ policy: until('revoke') });
    const asked = await follow(leak, { withinMs: 0 });
    key.id = `${key.id.slice(0, -4)}0000`;
    await drain(16 * minute);
    const again = await now(asked);
    expect(again).toMatchObject({ state: 'awaiting-approval', asking: { keyId: key.id } });
    expect(again.asking?.until).toBeGreaterThan(clock.now() + 13 * minute);
    expect(vendor.deletions).toEqual([]);
  });

  test('goes on through a provider that is busy just then, without asking again', async () => {
    const { follow, leak, vendor, key } = await begin({ policy: until('revoke') });
    vendor.troubles.push({ on: /^DELETE/, times: 3, reply: { status: 429, body: { errors: [] } } });
    const incident = await follow(leak, { withinMs: hour });
    expect(incident).toMatchObject({ outcome: 'revoked' });
    expect(said(incident, 'asked')).toHaveLength(1);
    expect(vendor.deletions).toEqual([key.id]);
  });

  test.each([
    ['observe', { state: 'closed', outcome: 'observed' }],
    ['park', { state: 'parked', outcome: null }],
  ])('revokes nothing where policy says %s by the time it comes', async (stricter, rested) => {
    const { follow, leak, vendor, services, drain, now } = await begin({ policy: until('revoke') });
    const asked = await follow(leak, { withinMs: 0 });
    if (stricter === 'observe') services.action = 'observe';
    else services.policy.approval.onDeadline = 'park';
    await drain(hour);
    expect(await now(asked)).toMatchObject(rested);
    expect(vendor.deletions).toEqual([]);
  });

  test.each(['park', 'revoke'] as const)(
    'that says %s stands although nothing could be read when it came',
    async (onDeadline) => {
      const { follow, leak, vendor, services, drain, now, key } = await begin({ policy: until(onDeadline) });
      const asked = await follow(leak, { withinMs: 0 });
      const { fingerprint } = services;
      services.fingerprint = async () => {
        services.fingerprint = fingerprint;
        throw new Unavailable('Secrets Manager gave no answer');
      };
      await drain(17 * minute);
      const incident = await now(asked);
      expect(said(incident, 'asked')).toHaveLength(1);
      expect(incident.state).toBe(onDeadline === 'park' ? 'parked' : 'closed');
      expect(vendor.deletions).toEqual(onDeadline === 'park' ? [] : [key.id]);
    },
  );

  test('is there for nobody where none is set: it waits for ever', async () => {
    const { follow, leak, vendor } = await begin();
    expect(await follow(leak, { withinMs: 300 * 24 * hour })).toMatchObject({
      state: 'awaiting-approval',
      asking: { until: null },
    });
    expect(vendor.deletions).toEqual([]);
  });

  test.each([
    ['a name without its value', { withinMs: 48 * hour }, 'parked'],
    ['the fuse', { withinMs: 48 * hour }, 'awaiting-approval'],
  ])('revokes nothing where %s asked', async (what, within, state) => {
    const fuse = { limit: 1, windowMinutes: 60 };
    const { follow, leakOf, keys, vendor } = await begin({ action: 'delete', policy: { fuse, ...until('revoke') } });
    const byId = { provider: 'datadog', identifiers: { keyId: keys[1].id } };
    const first = keys[0].id;
    await follow(leakOf(keys[0]));
    const asked = await follow(what === 'the fuse' ? leakOf(keys[0]) : byId, within);
    expect(asked).toMatchObject({ state, outcome: null, asking: { until: null } });
    expect(said(asked, 'asked')).toHaveLength(1);
    expect(vendor.deletions).toEqual([first]);
  });

  test('counts against the fuse, since no person decides it', async () => {
    const { follow, leakOf, keys, vendor, drain, ledger } = await begin({
      policy: { fuse: { limit: 2, windowMinutes: 60 }, ...until('revoke') },
    });
    const leaks = keys.slice(0, 5).map(leakOf);
    for (const leak of leaks) await follow(leak, { withinMs: 0 });
    await drain(24 * hour);
    const { records } = await ledger.list({ limit: 100 });
    expect(records.map(({ state }) => state).sort()).toEqual([
      ...Array(3).fill('awaiting-approval'),
      ...Array(2).fill('closed'),
    ]);
    expect(vendor.deletions).toHaveLength(2);
  });

  test.each([
    ['park', approve],
    ['park', reject],
    ['revoke', approve],
    ['revoke', reject],
  ] as const)('that says %s and a click at the very same moment have one result (%o)', async (onDeadline, decide) => {
    const begun = await begin({ policy: until(onDeadline) });
    const { follow, leak, clock, watch, drain, decisions, now, vendor, waiting, run } = begun;
    const asked = await follow(leak, { withinMs: 0 });
    clock.advance((asked.asking?.until ?? 0) - clock.now());
    await watch();
    expect(waiting).toHaveLength(1);
    const [look] = waiting.splice(0);
    const [clicked] = await Promise.all([
      decide(asked, { by: anna, nonce: asked.asking?.nonce }, decisions),
      run(readReport(look?.body ?? '')),
    ]);
    await drain();
    const incident = await now(asked);
    const clickWins = clicked.is === 'decided';
    const expected = { park: null, revoke: 'revoked' }[onDeadline];
    const byClick = decide === approve ? 'revoked' : 'rejected';
    expect(incident.outcome).toBe(clickWins ? byClick : expected);
    expect(vendor.deletions).toHaveLength(incident.outcome === 'revoked' ? 1 : 0);
    const decidedStages = stages(incident).filter((stage) => stage === 'approved' || stage === 'rejected');
    expect(decidedStages).toHaveLength(clickWins ? 1 : 0);
  });
});

describe('people who restore', () => {
  const docspace = { portal: 'https://decisions.onlyoffice.com', apiKey: `sk-${'ad00'.repeat(16)}` };
  const leaked = `sk-${'1eaf'.repeat(16)}`;

  async function begin() {
    const clock = testClock();
    const keys = [
      ...keyWithDecoys(leaked, 'room-export', 0),
      ...keyWithDecoys(docspace.apiKey, 'leakstop', 0, docspaceAdmin),
    ];
    const vendor = docspaceVendor([{ host: 'decisions.onlyoffice.com', keys, admins: [docspaceAdmin] }], clock);
    const network = await vendorNetwork(vendor);
    const { ledger, close } = await testLedger(clock);
    closers.push(network.close, close);
    const { fetch } = network;
    const accounts = { main: docspace };
    const lane = testLane({ provider: providers.docspace, vendor, accounts, action: 'disable', ledger, clock, fetch });
    const incident = await lane.follow({ provider: 'docspace', secret: leaked });
    expect(incident).toMatchObject({ outcome: 'disabled' });
    return { ...lane, ledger, vendor, incident };
  }

  test('are not turned away because who tells of the death writes to the incident at that moment', async () => {
    const { ledger, decisions, drain, vendor, incident } = await begin();
    let notices = 1;
    const busy: typeof ledger = {
      ...ledger,
      async decide(...asked) {
        if (notices-- > 0) await ledger.amend(incident, { telling: false, told: ['slack'] });
        return ledger.decide(...asked);
      },
    };
    expect((await restore(incident, { by: anna }, { ...decisions, ledger: busy })).is).toBe('decided');
    await drain();
    expect(await ledger.read(incident.id)).toMatchObject({ outcome: 'restored' });
    expect(vendor.accepts(leaked)).toBe(true);
  });

  test('at once have one result, also when its message is lost', async () => {
    const { ledger, decisions, drain, vendor, incident } = await begin();
    const lost = { ...decisions, send: () => Promise.reject(new Unavailable('the queue did not give an answer')) };
    const all = await Promise.all([anna, ben].map((by) => restore(incident, { by, reason: 'false alarm' }, lost)));
    expect(split(all).decided).toBe(1);
    await drain();
    const restored = await ledger.read(incident.id);
    expect(restored).toMatchObject({ outcome: 'restored' });
    const words = restored?.timeline.map(({ detail = '' }) => detail).join('; ');
    expect(words).toMatch(/asked to restore the key by .*: false alarm/);
    expect(vendor.accepts(leaked)).toBe(true);
  });
});
