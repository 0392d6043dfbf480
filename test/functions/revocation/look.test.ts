import { randomUUID } from 'node:crypto';
import { afterEach, describe, expect, test } from 'vitest';
import { providers } from '../../../functions/providers/index.ts';
import { Misconfigured } from '../../../functions/revocation/errors.ts';
import { seal } from '../../../functions/revocation/fingerprint.ts';
import { type Action, type IncidentRecord, view } from '../../../functions/revocation/incident.ts';
import { isRevived } from '../../../functions/revocation/moment.ts';
import { policySchema } from '../../../functions/revocation/policy.ts';
import type { AnyProvider } from '../../../functions/revocation/provider.ts';
import type { Report } from '../../../functions/revocation/report.ts';
import { type DatadogKey, datadogVendor, inventedKeys } from '../../../lib/local/vendors/datadog.ts';
import {
  type DocspaceKey,
  docspaceAdmin,
  keyWithDecoys as docspaceKeys,
  docspaceVendor,
} from '../../../lib/local/vendors/docspace.ts';
import type { Vendor } from '../../../lib/local/vendors/vendor.ts';
import { testClock, testLane, testLedger, vendorNetwork } from '../../support/lane.ts';
import { incidentNamed } from '../../support/reports.ts';

const minute = 60_000;
const hour = 60 * minute;
const day = 24 * hour;

const closers: (() => Promise<void>)[] = [];
afterEach(async () => {
  await Promise.all(closers.splice(0).map((close) => close()));
});

type Lane = ReturnType<typeof testLane>;

/** A lane whose reports carry their sealed leak, as those of an intake do. */
async function laneTo(
  provider: AnyProvider,
  {
    vendor,
    clock,
    ...options
  }: { vendor: Vendor; clock: ReturnType<typeof testClock> } & Pick<
    Parameters<typeof testLane>[0],
    'accounts' | 'policy' | 'action'
  >,
) {
  const network = await vendorNetwork(vendor);
  const { ledger, close } = await testLedger(clock);
  closers.push(network.close, close);
  const lane = testLane({ provider, vendor, ledger, clock, fetch: network.fetch, ...options });
  const reported = async (...given: Parameters<Lane['reportOf']>): Promise<Report> => {
    const report = lane.reportOf(...given);
    const { incident, leak, mayNameKeys, order } = report;
    if (leak === undefined) throw new Error('a report without a leak');
    const bytes = seal(await lane.services.fingerprint(), incident, { leak, mayNameKeys, order });
    return { ...report, sealed: Buffer.from(bytes).toString('base64') };
  };
  const incidentOf = async ({ incident }: Report): Promise<IncidentRecord> => {
    const record = await ledger.read(incident);
    if (record === undefined) throw new Error('the incident is not in the ledger');
    return record;
  };
  /** Goes on for so long, looks at dead keys included. */
  const pass = async (ms: number) => {
    const until = clock.now() + ms;
    await lane.drain(ms, true);
    clock.advance(Math.max(until - clock.now(), 0));
  };
  const orderOf = (report: Report, order: NonNullable<Report['order']>): Report => ({
    ...report,
    ...{ message: randomUUID(), leak: undefined, sealed: undefined, order },
    sighting: { source: 'operator', at: new Date(clock.now()).toISOString(), delivery: randomUUID() },
  });
  const lookFor = (report: Report): Report => ({ ...orderOf(report, {}), order: undefined, look: {} });
  const lines = (from = 0) => vendor.arrivals.slice(from).map(({ method, target }) => `${method} ${target}`);
  return { ...lane, ledger, clock, reported, incidentOf, pass, orderOf, lookFor, lines };
}

interface Options {
  policy?: object;
  action?: Action;
  propagationMs?: number;
}

/** One lane to a Datadog, one of whose API keys has leaked. */
async function begin({ propagationMs = 0, ...options }: Options = {}) {
  const clock = testClock();
  const admin = { site: 'datadoghq.com', apiKey: 'a1'.repeat(16), appKey: 'b2'.repeat(20) };
  const [key, ...others] = inventedKeys(6, 'look') as [DatadogKey, ...DatadogKey[]];
  const organisation = { site: admin.site, id: 'org-1', keys: [key, ...others], admins: [admin] };
  const vendor = datadogVendor([organisation], { propagationMs, now: clock.now });
  const lane = await laneTo(providers.datadog, { vendor, clock, accounts: { main: admin }, ...options });
  const leak = { provider: 'datadog', secret: key.key };
  /** The key is reported and dies; what is seen to that is over. */
  const die = async (given: object = leak) => {
    const report = await lane.reported(given);
    await lane.run(report);
    await lane.drain(minute / 2);
    return report;
  };
  return { ...lane, vendor, key, leak, die };
}

const without = { policy: { useLeakedKey: false } };
const resultsOf = ({ proof }: IncidentRecord) => proof?.checks.map(({ result }) => result);
const agesOf = ({ proof, receivedAt }: IncidentRecord) =>
  proof?.checks.map(({ at }) => Math.round((Date.parse(at) - Date.parse(receivedAt)) / minute));
const stagesOf = ({ timeline }: IncidentRecord) => timeline.map(({ stage }) => stage);
const isAlive = { on: /^GET \/api\/v1\/validate$/, reply: { status: 200, body: { valid: true } } };

describe('a key that was proven dead', () => {
  test('is looked at again after a minute, five minutes, an hour and a day, and then no more', async () => {
    const { die, pass, incidentOf, nextDue, lines, vendor } = await begin();
    const report = await die();
    const dead = await incidentOf(report);
    expect(dead).toMatchObject({ state: 'closed', outcome: 'revoked', sealed: expect.any(Uint8Array) });
    const before = vendor.arrivals.length;
    await pass(10 * day);
    const incident = await incidentOf(report);
    expect(resultsOf(incident)).toEqual(['dead', 'dead', 'dead', 'dead', 'dead']);
    expect(agesOf(incident)).toEqual([0, 1, 5, 60, 1440]);
    expect(incident).toMatchObject({ state: 'closed', outcome: 'revoked', watch: null, sealed: null, attempts: 1 });
    expect(incident.timeline).toEqual(dead.timeline);
    expect(incident.timeToDeadMs).toBe(dead.timeToDeadMs);
    expect(await nextDue(true)).toBeUndefined();
    expect(lines(before)).toEqual(Array(4).fill('GET /api/v1/validate'));
  });

  test('is looked for by its id where the leaked value may not be presented', async () => {
    const { die, pass, incidentOf, lines, vendor, key } = await begin(without);
    const report = await die();
    expect(await incidentOf(report)).toMatchObject({ outcome: 'revoked', sealed: null });
    const before = vendor.arrivals.length;
    await pass(10 * day);
    const incident = await incidentOf(report);
    expect(agesOf(incident)).toEqual([0, 1, 5, 60, 1440]);
    expect(incident).toMatchObject({ outcome: 'revoked', watch: null, proof: { dead: true, method: 'key-absent' } });
    expect(lines(before)).toEqual(Array(4).fill(`GET /api/v2/api_keys/${key.id}`));
    expect(JSON.stringify(vendor.arrivals)).not.toContain(key.key);
  });

  test('is not presented any more once policy forbids it', async () => {
    const { die, pass, incidentOf, lines, vendor, key, services } = await begin();
    const report = await die();
    Object.assign(services.policy, { useLeakedKey: false });
    const before = vendor.arrivals.length;
    await pass(2 * minute);
    expect(resultsOf(await incidentOf(report))).toEqual(['dead', 'dead']);
    expect(lines(before)).toEqual([`GET /api/v2/api_keys/${key.id}`]);
  });

  test('is one that a person restored no longer: it lives by right', async () => {
    const { die, pass, incidentOf, orderOf, run, nextDue, target, vendor } = await beginDocspace();
    const report = await die();
    await pass(minute);
    await run(orderOf(report, { restore: true }));
    await pass(10 * day);
    expect(await incidentOf(report)).toMatchObject({ outcome: 'restored', watch: null, proof: null });
    expect(await nextDue(true)).toBeUndefined();
    expect([target.isActive, vendor.disablings.length]).toEqual([true, 1]);
  });
});

describe('a key that is accepted again after its death', () => {
  test.each([
    { way: 'it is presented', options: {} },
    { way: 'it is looked for by its id', options: without },
  ])('reopens its incident and is deleted a second time: $way', async ({ options }) => {
    const { die, pass, incidentOf, vendor, key } = await begin(options);
    const report = await die();
    await pass(2 * minute);
    vendor.revive(key.id);
    vendor.troubles.push({ on: /^DELETE/, times: 1, reply: { status: 429, body: { errors: ['Too many'] } } });
    await pass(4 * minute);
    const reopened = await incidentOf(report);
    expect(reopened.timeline.find(({ detail }) => detail?.startsWith('accepted again'))).toMatchObject({
      stage: 'alive',
      detail: 'accepted again; it was revoked',
    });
    const incident = reopened.state === 'closed' ? reopened : await pass(minute).then(() => incidentOf(report));
    expect(resultsOf(incident)?.slice(0, 4)).toEqual(['dead', 'dead', 'alive', 'dead']);
    expect(incident).toMatchObject({ state: 'closed', outcome: 'revoked', proof: { dead: true } });
    expect(stagesOf(incident).slice(-4)).toEqual(['alive', 'claimed', 'sent', 'accepted', 'dead'].slice(-4));
    expect(incident.timeToDeadMs).toBeGreaterThan(4 * minute);
    expect(vendor.deletions).toEqual([key.id, key.id]);
    await pass(10 * day);
    expect(agesOf(await incidentOf(report))?.slice(4)).toEqual([6, 10, 65, 1445]);
    expect(await incidentOf(report)).toMatchObject({ outcome: 'revoked', watch: null, sealed: null });
  });

  test('is said to be alive from then on, with every check kept, until it is seen dead again', async () => {
    const { die, pass, incidentOf, run, lookFor, vendor, key, clock, services } = await begin();
    const report = await die();
    await pass(2 * minute);
    vendor.revive(key.id);
    vendor.troubles.push({ on: /^DELETE/, reply: { status: 429, body: { errors: ['Too many'] } } });
    clock.advance(minute);
    const announced: string[] = [];
    Object.assign(services, { announce: async (incident: string) => void announced.push(incident) });
    await run(lookFor(report));
    const incident = await incidentOf(report);
    // Whoever was told that it is dead is told that it is not, though what comes of it is not known yet.
    expect(announced).toEqual([report.incident]);
    expect(isRevived(incident)).toBe(true);
    expect(incident).toMatchObject({ state: 'unknown', outcome: null, timeToDeadMs: null, watch: null });
    expect(incident.proof).toMatchObject({ dead: false, method: 'leaked-key-refused' });
    expect(resultsOf(incident)).toEqual(['dead', 'dead', 'alive']);
  });

  test('is watched where the provider does not have it any more, and ends revoked anew', async () => {
    const { die, pass, incidentOf, vendor, key } = await begin();
    const report = await die();
    const trouble = { ...isAlive };
    vendor.troubles.push(trouble);
    await pass(20 * minute);
    expect(await incidentOf(report)).toMatchObject({
      state: 'sent',
      outcome: null,
      accepted: 'revoked',
      proof: { dead: false },
      reason: expect.stringMatching(/^accepted by the provider but still alive; looked at again at /),
    });
    vendor.troubles.splice(vendor.troubles.indexOf(trouble), 1);
    await pass(2 * hour);
    const incident = await incidentOf(report);
    expect(incident).toMatchObject({ state: 'closed', outcome: 'revoked', proof: { dead: true } });
    expect(stagesOf(incident).filter((stage) => stage === 'alive')).toHaveLength(1);
    expect(vendor.deletions).toEqual([key.id]);
  });

  test('is reopened though somebody is told of its death while it is looked at', async () => {
    const { die, incidentOf, run, lookFor, vendor, key, clock, ledger, services } = await begin();
    const report = await die();
    vendor.revive(key.id);
    clock.advance(minute);
    const { send } = services;
    services.send = async (...asked) => {
      services.send = send;
      const record = await incidentOf(report);
      expect(await ledger.amend(record, { told: ['somebody'], telling: false })).toBeDefined();
      return send(...asked);
    };
    await run(lookFor(report));
    expect(vendor.deletions).toEqual([key.id, key.id]);
  });

  test('is reopened once by two looks at once', async () => {
    const { die, pass, incidentOf, run, lookFor, vendor, key, clock } = await begin();
    const report = await die();
    vendor.revive(key.id);
    clock.advance(minute);
    await Promise.all([run(lookFor(report)), run(lookFor(report)), run(await report)]);
    await pass(minute / 2);
    const incident = await incidentOf(report);
    expect(incident).toMatchObject({ state: 'closed', outcome: 'revoked' });
    expect(incident.timeline.filter(({ detail }) => detail?.startsWith('accepted again'))).toHaveLength(1);
    expect(vendor.deletions).toEqual([key.id, key.id]);
  });

  test('is reopened by a new report of it, even long after the last look', async () => {
    const { die, pass, incidentOf, run, reported, leak, vendor, key } = await begin();
    const report = await die();
    await pass(10 * day);
    vendor.revive(key.id);
    await run(await reported(leak, { source: 'other' }));
    await pass(minute / 2);
    expect(await incidentOf(report)).toMatchObject({ state: 'closed', outcome: 'revoked', sightingCount: 2 });
    expect(vendor.deletions).toEqual([key.id, key.id]);
  });

  test('is reopened by an alert that names an account nobody knows, and is deleted where it was found', async () => {
    const { die, pass, incidentOf, run, reported, leak, vendor, key } = await begin();
    const report = await die();
    await pass(10 * day);
    vendor.revive(key.id);
    await run(await reported({ ...leak, account: 'elsewhere' }, { source: 'other' }));
    await pass(minute / 2);
    expect(await incidentOf(report)).toMatchObject({ state: 'closed', outcome: 'revoked', account: 'main' });
    expect(vendor.deletions).toEqual([key.id, key.id]);
  });

  test('is not touched by a dry run', async () => {
    const { die, pass, incidentOf, run, reported, leak, vendor, key } = await begin();
    const report = await die();
    await pass(10 * day);
    vendor.revive(key.id);
    const dry = { source: 'operator', mayNameKeys: true };
    await run(await reported(leak, { ...dry, order: { dryRun: true } }));
    await run(await reported(leak, { ...dry, order: { action: 'observe' } }));
    expect(await incidentOf(report)).toMatchObject({ outcome: 'revoked', sightingCount: 3 });
    expect(vendor.deletions).toEqual([key.id]);
  });

  test('opens the incident that its report was merged into, and can still be presented there', async () => {
    const { incidentOf, pass, run, reported, leak, lines, vendor, key } = await begin();
    const byId = await reported({ provider: 'datadog', identifiers: { keyId: key.id } });
    await run(byId);
    await run(await reported(leak));
    await pass(2.5 * minute);
    expect(await incidentOf(byId)).toMatchObject({ outcome: 'revoked', proof: { checks: [{}, {}] } });
    vendor.revive(key.id);
    await run(await reported(leak, { source: 'other' }));
    expect(await incidentOf(byId)).toMatchObject({ outcome: 'revoked', sightingCount: 3, proof: { dead: true } });
    const before = vendor.arrivals.length;
    await pass(minute);
    expect(lines(before)).toEqual(['GET /api/v1/validate']);
    expect(vendor.deletions).toEqual([key.id, key.id]);
  });

  test('and that is told before anybody can have changed its incident', async () => {
    const { die, pass, incidentOf, run, reported, leak, vendor, key, services, ledger } = await begin();
    const report = await die();
    await pass(2 * day);
    vendor.revive(key.id);
    const announce = async (incident: string) => {
      const record = await ledger.read(incident);
      if (record) await ledger.amend(record, { told: ['somebody'], telling: false });
    };
    Object.assign(services, { announce });
    await run(await reported(leak, { source: 'other' }));
    await pass(minute / 2);
    expect(await incidentOf(report)).toMatchObject({ outcome: 'revoked', told: ['somebody'], telling: false });
    expect(vendor.deletions).toEqual([key.id, key.id]);
  });
});

describe('a key that was gone before we acted', () => {
  const gone = { status: 404, body: { errors: ['API key not found'] } };

  test.each([
    { useLeakedKey: true, isSealed: true },
    { useLeakedKey: false, isSealed: true },
    { useLeakedKey: false, isSealed: false },
  ])('and comes back to life is revoked as policy says: %o', async ({ useLeakedKey, isSealed }) => {
    for (const action of ['delete', 'approve'] as const) {
      const { pass, incidentOf, run, reported, leak, services, vendor, key } = await begin({
        policy: { useLeakedKey },
      });
      vendor.troubles.push({ on: /^DELETE/, times: 1, reply: gone, afterActing: true });
      const report = await reported(leak);
      await run(isSealed ? report : { ...report, sealed: undefined });
      expect(await incidentOf(report)).toMatchObject({ state: 'closed', outcome: 'already-gone' });
      Object.assign(services, { action });
      vendor.revive(key.id);
      await pass(2 * minute);
      const incident = await incidentOf(report);
      expect(incident.timeline.some(({ detail }) => detail === 'accepted again; it was already-gone')).toBe(true);
      const asks = action === 'approve' || !isSealed;
      expect(incident).toMatchObject(
        asks ? { state: 'awaiting-approval', keyId: key.id } : { state: 'closed', outcome: 'revoked' },
      );
      expect(vendor.deletions).toEqual(asks ? [key.id] : [key.id, key.id]);
    }
  });

  test('forgets its leak with the last look', async () => {
    const { die, pass, incidentOf, vendor } = await begin(without);
    vendor.troubles.push({ on: /^DELETE/, times: 1, reply: gone, afterActing: true });
    const report = await die();
    expect(await incidentOf(report)).toMatchObject({ outcome: 'already-gone', sealed: expect.any(Uint8Array) });
    await pass(2 * day);
    expect(await incidentOf(report)).toMatchObject({ outcome: 'already-gone', sealed: null, watch: null });
  });
});

const docspaceLeak = `sk-${'c0ffee00'.repeat(8)}`;

/** One lane to a DocSpace that switches leaked keys off. */
async function beginDocspace({ policy }: Options = {}) {
  const clock = testClock();
  const admin = { portal: 'https://look.onlyoffice.com', apiKey: `sk-${'ca9a7e01'.repeat(8)}` };
  const [target] = docspaceKeys(docspaceLeak, 'export', 0) as [DocspaceKey];
  const [own] = docspaceKeys(admin.apiKey, 'leakstop', 0, docspaceAdmin) as [DocspaceKey];
  const portals = [{ host: 'look.onlyoffice.com', keys: [target, own], admins: [docspaceAdmin] }];
  const vendor = docspaceVendor(portals, { now: clock.now });
  const lane = await laneTo(providers.docspace, {
    ...{ vendor, clock, accounts: { main: admin }, action: 'disable' as const },
    ...(policy && { policy }),
  });
  const leak = { provider: 'docspace', secret: docspaceLeak, identifiers: { name: 'export' } };
  const die = async () => {
    const report = await lane.reported(leak);
    await lane.run(report);
    return report;
  };
  return { ...lane, vendor, target, die };
}

describe('a key that was switched off', () => {
  test.each([true, false])('stays dead in every look while its record remains (useLeakedKey: %s)', async (allowed) => {
    const { die, pass, incidentOf, vendor } = await beginDocspace({ policy: { useLeakedKey: allowed } });
    const report = await die();
    await pass(10 * day);
    const incident = await incidentOf(report);
    expect(resultsOf(incident)).toEqual(Array(5).fill('dead'));
    expect(incident).toMatchObject({ outcome: 'disabled', switchedOff: true, watch: null });
    expect(vendor.disablings).toHaveLength(1);
  });

  test.each([true, false])(
    'and that somebody switches on at the provider, past us, is switched off again (useLeakedKey: %s)',
    async (allowed) => {
      const { die, pass, incidentOf, vendor, target, orderOf, run } = await beginDocspace({
        policy: { useLeakedKey: allowed },
      });
      const report = await die();
      await pass(minute);
      target.isActive = true;
      await pass(5 * minute);
      const incident = await incidentOf(report);
      expect(incident).toMatchObject({ state: 'closed', outcome: 'disabled', switchedOff: true });
      expect(incident.timeline.some(({ detail }) => detail === 'accepted again; it was disabled')).toBe(true);
      expect([target.isActive, vendor.disablings.length, vendor.deletions.length]).toEqual([false, 2, 0]);
      await run(orderOf(report, { restore: true }));
      expect(await incidentOf(report)).toMatchObject({ outcome: 'restored' });
    },
  );

  test.each([
    [
      'protects it by now',
      { policy: policySchema.parse({ protected: [{ provider: 'docspace', keyId: '', reason: 'in use' }] }) },
      { state: 'parked', outcome: 'protected', reason: 'policy protects this key: in use' },
    ],
    ['is a dry run by now', { action: 'observe' }, { state: 'closed', outcome: 'observed' }],
    ['asks a person by now', { action: 'approve' }, { state: 'awaiting-approval', outcome: null }],
  ] as const)('and that somebody switches on past us is left alone where policy %s', async (_, change, expected) => {
    const { die, pass, incidentOf, vendor, target, services, orderOf, run } = await beginDocspace();
    const report = await die();
    target.isActive = true;
    Object.assign(services, change);
    for (const shield of services.policy.protected) shield.keyId = target.id;
    await pass(day);
    const incident = await incidentOf(report);
    expect(incident).toMatchObject({ ...expected, inDoubt: false });
    expect([vendor.disablings.length, vendor.accepts(docspaceLeak)]).toEqual([1, true]);
    if (expected.state !== 'awaiting-approval') return;
    const { asking } = incident;
    if (asking === null) throw new Error('nobody is asked');
    const approved = { account: asking.account, keyId: asking.keyId, action: asking.action, by: 'person' } as const;
    const step = { at: new Date(services.now()).toISOString(), stage: 'approved' } as const;
    const decided = { state: 'received', outcome: null, reason: null, approved, asking: null } as const;
    await services.ledger.decide(incident.id, ['awaiting-approval'], decided, step);
    await run(orderOf(report, {}));
    expect(await incidentOf(report)).toMatchObject({ state: 'closed', outcome: 'revoked' });
  });

  test('and that somebody deleted meanwhile is as dead', async () => {
    const { die, pass, incidentOf, vendor, target } = await beginDocspace({ policy: { useLeakedKey: false } });
    const report = await die();
    const [portal] = vendor.portals;
    portal?.keys.splice(portal.keys.indexOf(target), 1);
    await pass(10 * day);
    expect(resultsOf(await incidentOf(report))).toEqual(Array(5).fill('dead'));
  });
});

describe('a report of a key whose story is over', () => {
  test('is a sighting and a reason to look, once a minute, and changes nothing while the key is dead', async () => {
    const { die, incidentOf, run, reported, leak, clock, lines, vendor } = await begin();
    const report = await die();
    const dead = await incidentOf(report);
    const before = vendor.arrivals.length;
    clock.advance(minute / 2 - 1);
    await run(await reported(leak, { source: 'too-soon' }));
    expect(lines(before)).toEqual([]);
    clock.advance(minute);
    for (const source of ['one', 'two', 'three']) await run(await reported(leak, { source }));
    expect(lines(before)).toEqual(['GET /api/v1/validate']);
    clock.advance(minute);
    await run(await reported(leak, { source: 'four' }));
    expect(lines(before)).toHaveLength(2);
    const incident = await incidentOf(report);
    const { sightings, sightingCount, proof } = incident;
    expect({ ...view(incident), sightings: [], sightingCount, proof }).toEqual({
      ...view(dead),
      ...{ sightings: [], sightingCount, proof },
    });
    expect([sightings.length, sightingCount]).toEqual([6, 6]);
    expect(proof?.checks.map(({ result }) => result)).toEqual(['dead', 'dead', 'dead']);
  });

  test('has its source told, even where a death or an outage came between the sighting and the telling', async () => {
    const { die, incidentOf, run, reported, leak, services, ledger, clock } = await begin();
    const announced: string[] = [];
    Object.assign(services, { announce: async (incident: string) => void announced.push(incident) });
    const report = await die();
    clock.advance(2 * minute);
    announced.splice(0);
    const alert = await reported(leak, { source: 'github', delivery: 'd-1' });
    const { amend } = ledger;
    Object.assign(ledger, { amend: () => Promise.reject(new Error('the function dies')) });
    await expect(run(alert)).rejects.toThrow('the function dies');
    Object.assign(ledger, { amend });
    expect(announced).toEqual([]);
    await run(alert);
    expect(announced).toEqual([report.incident]);
    expect(await incidentOf(report)).toMatchObject({ sightingCount: 2, telling: true });
  });

  test('has its source told where it was noted while another run was at work, or under another incident', async () => {
    const { die, run, reported, leak, services, clock, ledger } = await begin();
    const announced: string[] = [];
    Object.assign(services, { announce: async (incident: string) => void announced.push(incident) });
    const report = await die();
    announced.splice(0);
    const alert = await reported(leak, { source: 'github', delivery: 'd-1' });
    const other = { ...alert, incident: incidentNamed('b') };
    const { record } = await ledger.claim(other, clock.now() + minute);
    await ledger.merge(record, report.incident);
    await run({ ...alert, noted: true });
    expect(announced).toEqual([report.incident]);
  });

  test('whose source opened its alert again, after it was told, is one to look at and to tell again', async () => {
    const { die, incidentOf, run, reported, leak, services, ledger, clock, lines, vendor } = await begin();
    const announced: string[] = [];
    Object.assign(services, { announce: async (incident: string) => void announced.push(incident) });
    const report = await die();
    const reference = 'https://git.example/alerts/1';
    const alertIn = async (delivery: string) => {
      const alert = await reported(leak, { source: 'github', delivery });
      return { ...alert, sighting: { ...alert.sighting, reference } };
    };
    await run(await alertIn('d-1'));
    const told = [`github ${reference}`, 'github https://git.example/alerts/2'];
    await ledger.amend(await incidentOf(report), { told, telling: false });
    clock.advance(2 * minute);
    const before = vendor.arrivals.length;
    announced.splice(0);
    await run(await alertIn('d-2'));
    expect(lines(before)).toEqual(['GET /api/v1/validate']);
    expect(announced).toEqual([report.incident]);
    expect(await incidentOf(report)).toMatchObject({ sightingCount: 2, telling: true, told: told.slice(1) });
    await run(await alertIn('d-3'));
    expect(announced).toHaveLength(1);
  });

  test('that was reported before is no reason to look', async () => {
    const { die, run, clock, lines, vendor } = await begin();
    const report = await die();
    const before = vendor.arrivals.length;
    clock.advance(minute);
    await run({ ...report, message: randomUUID() });
    expect(lines(before)).toEqual([]);
  });
});

describe('a deletion that was accepted while the key lives on', () => {
  test('is asked about within the first minute, then watched, and ends revoked with the time it took', async () => {
    const { run, reported, leak, drain, pass, incidentOf, services, vendor } = await begin({
      propagationMs: 3 * hour,
    });
    const announced: string[] = [];
    Object.assign(services, { announce: async (incident: string) => void announced.push(incident) });
    const report = await reported(leak);
    await run(report);
    expect(await incidentOf(report)).toMatchObject({ state: 'sent', accepted: 'revoked', outcome: null });
    await drain(1.75 * minute);
    const watched = await incidentOf(report);
    expect(watched).toMatchObject({ state: 'sent', outcome: null, telling: true, watch: { at: expect.any(Number) } });
    expect(watched.reason).toMatch(/still alive; looked at again at/);
    expect(announced).toEqual([report.incident]);
    expect(stagesOf(watched).filter((stage) => stage === 'alive')).toHaveLength(1);
    const { attempts } = watched;
    // That nobody has been told of it yet is no reason to ask the provider more often.
    await pass(10 * minute);
    expect(await incidentOf(report)).toMatchObject({ state: 'sent', outcome: null, attempts: attempts + 1 });
    await pass(70 * minute);
    expect(await incidentOf(report)).toMatchObject({ state: 'sent', outcome: null, attempts: attempts + 2 });
    await pass(25 * hour);
    const incident = await incidentOf(report);
    expect(incident).toMatchObject({ state: 'closed', outcome: 'revoked', proof: { dead: true } });
    expect(incident.timeToDeadMs).toBeGreaterThan(23 * hour);
    expect(vendor.deletions).toHaveLength(1);
    expect(announced).toHaveLength(4);
  });

  test('is left to a person after a day, and asked about again when they say so', async () => {
    const { run, reported, leak, pass, incidentOf, orderOf, vendor, nextDue } = await begin({
      propagationMs: 3 * day,
    });
    const report = await reported(leak);
    await run(report);
    await pass(2 * day);
    const parked = await incidentOf(report);
    expect(parked).toMatchObject({ state: 'parked', outcome: 'failed', accepted: 'revoked', proof: { dead: false } });
    expect(parked.reason).toBe(
      'accepted by the provider but still alive a day later; ask the provider to end it, then retry',
    );
    expect(await nextDue(true)).toBeUndefined();
    await pass(5 * day);
    vendor.troubles.push({ on: /^DELETE/, reply: { status: 500 } });
    await run(orderOf(report, {}));
    expect(await incidentOf(report)).toMatchObject({ state: 'closed', outcome: 'revoked', proof: { dead: true } });
    expect(vendor.deletions).toHaveLength(1);
  });

  test('is not parked by an alert that names an account nobody knows', async () => {
    const { run, reported, leak, pass, incidentOf } = await begin({ propagationMs: 2 * hour });
    const report = await reported(leak);
    await run(report);
    await pass(10 * minute);
    await run(await reported({ ...leak, account: 'elsewhere' }, { source: 'other' }));
    expect(await incidentOf(report)).toMatchObject({ state: 'sent', account: 'main', sightingCount: 2 });
    await pass(2 * day);
    expect(await incidentOf(report)).toMatchObject({ outcome: 'revoked' });
  });
});

describe('a request whose answer was lost', () => {
  test('is not sent again once policy protects the key', async () => {
    const { reported, run, pass, incidentOf, services, vendor, key, leak } = await begin();
    vendor.troubles.push({ on: /^DELETE /, reply: 'drop-before' });
    const report = await reported(leak);
    await run(report);
    expect(await incidentOf(report)).toMatchObject({ state: 'unknown', inDoubt: true });
    services.policy.protected.push({ provider: 'datadog', keyId: key.id, reason: 'in use' });
    await pass(minute);
    const end = { state: 'parked', outcome: 'protected', inDoubt: false, reason: 'policy protects this key: in use' };
    expect(await incidentOf(report)).toMatchObject(end);
    expect(vendor.arrivals.filter(({ method }) => method === 'DELETE')).toHaveLength(1);
  });
});

describe('a proof that cannot be had for a moment', () => {
  const checking = /^GET \/api\/v1\/validate$/;

  test('is waited for: a key that is no longer listed may live on', async () => {
    const { die, incidentOf, vendor, key, lines } = await begin({ propagationMs: 20_000 });
    vendor.troubles.push({ on: checking, times: 5, reply: { status: 429, headers: { 'x-ratelimit-reset': '3' } } });
    const incident = await incidentOf(await die());
    expect(incident).toMatchObject({ outcome: 'revoked', proof: { method: 'leaked-key-refused' } });
    expect(vendor.accepts(key.key)).toBe(false);
    expect(resultsOf(incident)?.slice(0, 6)).toEqual([...Array(5).fill('unknown'), 'alive']);
    const times = incident.proof?.checks.slice(0, 6).map(({ at }) => Date.parse(at)) ?? [];
    const waits = times.slice(1).map((time, index) => time - (times[index] ?? 0));
    expect(Math.min(...waits)).toBeGreaterThanOrEqual(3_000);
    expect(lines().filter((line) => line.startsWith('DELETE'))).toHaveLength(1);
  });

  test('and never comes is no death of a key that was itself seen alive', async () => {
    const { die, incidentOf, pass, vendor, key } = await begin({ propagationMs: hour });
    const odd = { status: 418, body: {} };
    vendor.troubles.push({ on: checking, times: 1, reply: { status: 200, body: { valid: true } } });
    vendor.troubles.push({ on: checking, times: 30, reply: odd });
    const report = await die();
    expect(await incidentOf(report)).toMatchObject({ state: 'sent', outcome: null });
    expect(vendor.accepts(key.key)).toBe(true);
    await pass(2 * hour);
    expect(await incidentOf(report)).toMatchObject({ outcome: 'revoked', proof: { method: 'leaked-key-refused' } });
  });
});

describe('a look that tells nothing', () => {
  const outage = { on: /./, reply: { status: 503 } };
  const refusal = { on: /./, reply: { status: 403, body: { errors: ['Forbidden'] } } };
  const odd = { on: /./, reply: { status: 418 } };

  test.each([
    ['an outage', {}, outage],
    ['an outage, by its id', without, outage],
    ['a refused admin credential', without, refusal],
    ['an answer nobody wrote down', {}, odd],
    ['an answer nobody wrote down, by its id', without, odd],
  ])('is unknown, is repeated later and later, and ends nothing: %s', async (_, options, trouble) => {
    const { die, pass, incidentOf, vendor, nextDue } = await begin(options);
    const report = await die();
    vendor.troubles.push(trouble);
    await pass(10 * day);
    const incident = await incidentOf(report);
    const [first, ...looks] = incident.proof?.checks ?? [];
    expect(first?.result).toBe('dead');
    expect(looks.length).toBeGreaterThan(20);
    expect(looks.length).toBeLessThan(60);
    expect(new Set(looks.map(({ result }) => result))).toEqual(new Set(['unknown']));
    const ages = agesOf(incident) ?? [];
    expect(ages.slice(1, 6)).toEqual([1, 2, 3, 4, 5]);
    expect(ages.at(-1)).toBeLessThanOrEqual(48 * 60);
    expect(ages.at(-1)).toBeGreaterThan(36 * 60);
    expect(incident).toMatchObject({ state: 'closed', outcome: 'revoked', watch: null, sealed: null, attempts: 1 });
    expect(incident.proof?.dead).toBe(true);
    expect(await nextDue(true)).toBeUndefined();
  });

  test('is followed by the next one that does', async () => {
    const { die, pass, incidentOf, vendor, key } = await begin();
    const report = await die();
    vendor.troubles.push({ ...outage, times: 2 });
    await pass(3.5 * minute);
    expect(resultsOf(await incidentOf(report))).toEqual(['dead', 'unknown', 'unknown', 'dead']);
    vendor.troubles.push({ ...outage, times: 1 });
    vendor.revive(key.id);
    await pass(4 * minute);
    expect(resultsOf(await incidentOf(report))?.slice(4)).toEqual(['unknown', 'alive', 'dead', 'dead']);
  });

  test.each([
    ['is not configured any more', { accounts: [] }],
    [
      'has an admin secret that is wrong',
      {
        adminOf: async () => {
          throw new Misconfigured('secret leakstop/providers/datadog/main does not exist');
        },
      },
    ],
  ])('comes of an account that %s, and fails no message', async (_, change) => {
    const { die, pass, incidentOf, run, reported, leak, services, vendor, key } = await begin(without);
    const report = await die();
    Object.assign(services, change);
    vendor.revive(key.id);
    await pass(1.5 * minute);
    expect(resultsOf(await incidentOf(report))).toEqual(['dead', 'unknown']);
    await run(await reported(leak, { source: 'other' }));
    expect(await incidentOf(report)).toMatchObject({ state: 'closed', outcome: 'revoked', sightingCount: 2 });
    await pass(10 * day);
    expect(await incidentOf(report)).toMatchObject({ state: 'closed', outcome: 'revoked', watch: null });
  });
});

describe('a look while a report is at work', () => {
  test('leaves the incident to it', async () => {
    const { run, reported, leak, lookFor, ledger, incidentOf, clock, waiting, vendor } = await begin();
    const report = await reported(leak);
    const claim = await ledger.claim(report, clock.now() + 20_000);
    await run(lookFor(report));
    expect(await incidentOf(report)).toMatchObject({ ...claim.record, sealed: expect.anything() });
    expect([waiting.length, vendor.arrivals.length]).toEqual([0, 0]);
  });

  test('leaves an incident to the person it waits for', async () => {
    const { run, reported, leak, lookFor, incidentOf } = await begin({ action: 'approve' });
    const report = await reported(leak);
    await run(report);
    const asked = await incidentOf(report);
    await run(lookFor(report));
    expect(await incidentOf(report)).toEqual(asked);
  });
});

describe('a running incident whose message is lost', () => {
  type Begun = Awaited<ReturnType<typeof begin>>;
  const busy = { status: 429, headers: { 'x-ratelimit-reset': '2100' }, body: { errors: ['Too many'] } };
  const states: [string, Options, Partial<IncidentRecord>, (begun: Begun, report: Report) => Promise<unknown>][] = [
    [
      'claimed',
      {},
      { state: 'claimed', keyId: null },
      ({ ledger, clock }, report) => ledger.claim(report, clock.now() + 20_000),
    ],
    [
      'sent, its answer lost',
      {},
      { state: 'unknown', inDoubt: true },
      ({ run, vendor }, report) => {
        vendor.troubles.push({ on: /^DELETE/, times: 1, reply: 'drop-after' });
        return run(report);
      },
    ],
    [
      'accepted, and not seen dead',
      { propagationMs: minute },
      { state: 'sent', accepted: 'revoked' },
      ({ run }, report) => run(report),
    ],
    [
      'put back for long',
      {},
      { state: 'claimed', keyId: null, lease: expect.objectContaining({ scheduled: true }) },
      ({ run, vendor }, report) => {
        vendor.troubles.push({ on: /^GET \/api\/v2\/(validate|api_keys)/, times: 2, reply: busy });
        return run(report);
      },
    ],
  ];

  test.each(states)('goes on from its sealed leak: %s', async (_, options, expected, act) => {
    const begun = await begin(options);
    const { reported, leak, incidentOf, waiting, drain, run, lookFor, vendor, key } = begun;
    const report = await reported(leak);
    await act(begun, report);
    await run(lookFor(report));
    expect(await incidentOf(report)).toMatchObject(expected);
    waiting.splice(0);
    // Nobody knows of it but the ledger.
    await drain(hour);
    expect(await incidentOf(report)).toMatchObject({ state: 'closed', outcome: 'revoked', proof: { dead: true } });
    expect(vendor.deletions).toEqual([key.id]);
    expect(vendor.arrivals.filter(({ method }) => method === 'DELETE')).toHaveLength(1);
  });

  test('goes on every time it is lost', async () => {
    const { reported, leak, run, incidentOf, waiting, watch, nextDue, clock, drain, vendor, key } = await begin();
    vendor.troubles.push({ on: /^DELETE/, times: 3, reply: busy });
    const report = await reported(leak);
    await run(report);
    for (let round = 0; round < 2; round += 1) {
      waiting.splice(0);
      clock.advance(((await nextDue(false)) ?? 0) - clock.now());
      await watch();
      const [look] = waiting.splice(0);
      await run(JSON.parse(look?.body ?? '{}'));
    }
    await drain(3 * hour);
    const record = await incidentOf(report);
    expect(record).toMatchObject({ outcome: 'revoked', attempts: 4 });
    expect(vendor.deletions).toEqual([key.id]);
    // Who keeps watch has seen nothing leak, however often what it began was put back.
    expect(record).toMatchObject({ sightings: [report.sighting], sightingCount: 1 });
  });

  test('goes on with what a person decided', async () => {
    const { die, drain, incidentOf, ledger, target } = await beginDocspace();
    const report = await die();
    const entry = { at: '2026-11-20T13:00:00.000Z', stage: 'received' } as const;
    const change = { state: 'received', outcome: null, reason: null, restoring: true } as const;
    await ledger.decide(report.incident, ['closed'], change, entry);
    await drain(5 * minute);
    expect(await incidentOf(report)).toMatchObject({ state: 'closed', outcome: 'restored' });
    expect(target.isActive).toBe(true);
  });

  test('is left to a person where its leak was never kept', async () => {
    const { reportOf, leak, ledger, clock, run, lookFor, drain, incidentOf, vendor } = await begin();
    const report = reportOf(leak);
    await ledger.claim(report, clock.now() + 20_000);
    await run(lookFor(report));
    await drain(hour);
    expect(await incidentOf(report)).toMatchObject({
      state: 'parked',
      outcome: 'failed',
      reason: 'the leak is not kept any more; report it again',
    });
    expect(vendor.deletions).toEqual([]);
  });
});
