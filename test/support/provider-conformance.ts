import { afterEach, describe, expect, test } from 'vitest';
import { drillBook } from '../../functions/platform/drill-book.ts';
import { addressOf } from '../../functions/platform/http.ts';
import { providers } from '../../functions/providers/index.ts';
import { askAsAdmin } from '../../functions/revocation/ask.ts';
import { approve } from '../../functions/revocation/decisions.ts';
import { drill } from '../../functions/revocation/drill.ts';
import { seal } from '../../functions/revocation/fingerprint.ts';
import type { IncidentRecord } from '../../functions/revocation/incident.ts';
import { leakFromSource } from '../../functions/revocation/leak.ts';
import { readAll } from '../../functions/revocation/listing.ts';
import { type AnyKind, type AnyProvider, drilledKind, type Providers } from '../../functions/revocation/provider.ts';
import { readReport } from '../../functions/revocation/report.ts';
import { route } from '../../functions/revocation/routing.ts';
import { Secret } from '../../functions/revocation/secret.ts';
import type { Arrival, Vendor } from '../../lib/local/vendors/vendor.ts';
import { testClock, testLane, testLedger, vendorNetwork } from './lane.ts';

/** How a scene is to be set. */
export interface Setting {
  now(): number;
  /** The leaked key stands on the last page of the list; there are at least two, unless `pages` is `one`. */
  manyPages?: boolean;
  /** A second key fits the leak as well as the first. */
  twins?: boolean;
  /** How long a revoked key is still accepted (ms); a provider that the leaked key is never presented to may ignore it. */
  propagationMs?: number;
}

/** One vendor with one leaked key among others that end alike. */
export interface Scene {
  vendor: Vendor;
  /** The admin secret of the account `main`, as Secrets Manager holds it. Marked values, so that a leak of them shows. */
  admin: object;
  /** The same, with the rights of nobody. */
  wrongAdmin: object;
  /** The leaked key as an alert carries it, by value and by id. */
  leak: object;
  byId: object;
  keyId: string;
  /** A leak of a key that does not exist here. */
  unknown: object;
  /** The admin's own credential, leaked by id; or that this admin credential is no key of this kind. */
  own: object | 'never-this-kind';
  /** A leak that fits exactly one key, but only on a hint; or that a value always tells whether it is a key's. */
  onHint: object | 'value-always-tells';
  /** Every value in this scene that must be seen nowhere but in requests to the vendor. */
  canaries: string[];
}

export interface Conformance {
  provider: AnyProvider;
  kind: string;
  scene(setting: Setting): Scene;
  /**
   * Which requests (`METHOD target`) look keys up in the list, delete one, switch one off, and present the leaked key to
   * prove it dead. `none` is a declared difference: the suite then asserts that there truly is no such request.
   */
  requests: { list: RegExp; remove: RegExp; disable: RegExp | 'none'; prove: RegExp | 'none' };
  /** Whether the list (of one owner, where there are owners) comes in pages. */
  pages: 'many' | 'one';
  /** The vendor's own way to name a wait; `none`: it names none, and we come back after about a second. */
  rateLimit: { headers: Record<string, string>; waitMs: number } | 'none';
  /**
   * What the vendor answers to a deletion of a key that it does not have. `told` false: that answer does not tell it from
   * another, so the key's absence afterwards counts as our work.
   */
  gone: { status: number; body?: unknown; told: boolean };
  /** Statuses of a deletion that are success by themselves. */
  success?: number[];
}

/** Every secret value in an admin credential. */
function secretsIn(value: unknown): string[] {
  if (value instanceof Secret) return [value.expose()];
  return value !== null && typeof value === 'object' ? Object.values(value).flatMap(secretsIn) : [];
}

const leakedValue = (leak: object) => leakFromSource.parse(leak).secret?.expose() ?? '';

/** A value that is no key's here, and has the form, the length and the last four characters of the leaked one. */
function endsAlike({ leak, unknown, vendor }: Scene): string {
  const [leaked, stranger] = [leakedValue(leak), leakedValue(unknown)];
  const alike = stranger.slice(0, -4) + leaked.slice(-4);
  expect(alike).toHaveLength(leaked.length);
  expect(shapeOf(alike)).toBe(shapeOf(leaked));
  expect(vendor.values()).toContain(leaked);
  expect(vendor.values()).not.toContain(alike);
  return alike;
}
const shapeOf = (value: string) => value.replaceAll(/[0-9A-Za-z]+/g, ({ length }) => `(${length})`);

/** The requests of a dry run, and at the end what would be decided. */
const plannedIn = ({ timeline }: IncidentRecord) =>
  timeline.filter(({ stage }) => stage === 'planned').map(({ detail = '' }) => detail);

/** A request without its headers: as a dry run shows it, and as it arrived. */
function requestOf(planned: string): string {
  const [line = '', ...rest] = planned.split('; ');
  return [line, ...rest.filter((part) => /^[[{]/.test(part))].join(' ');
}
const onTheWire = ({ method, host, target, body }: Arrival) =>
  [`${method} https://${host}${target}`, body].filter(Boolean).join(' ');

/** What every provider must do, run against its simulated vendor through the real engine and a real ledger. Nothing in it can be skipped. */
export function providerConformance(subject: Conformance): void {
  const { provider, kind: kindId, requests } = subject;
  const kind = provider.kinds[kindId] as AnyKind;

  describe(`${provider.id} ${kindId} keeps the contract of providers`, () => {
    const clock = testClock();
    let closers: (() => Promise<void>)[] = [];
    afterEach(async () => {
      await Promise.all(closers.map((close) => close()));
      closers = [];
    });

    async function begin(
      setting: Partial<Setting> = {},
      options: {
        policy?: object;
        action?: 'delete' | 'observe' | 'disable';
        accounts?: (scene: Scene) => Record<string, object>;
      } = {},
    ) {
      const scene = subject.scene({ now: clock.now, ...setting });
      const network = await vendorNetwork(scene.vendor);
      const fresh = await testLedger(clock);
      closers.push(network.close, fresh.close);
      const { policy, action } = options;
      const accounts = options.accounts?.(scene) ?? { main: scene.admin };
      const lane = testLane({
        provider,
        vendor: scene.vendor,
        accounts,
        policy,
        action,
        ledger: fresh.ledger,
        clock,
        fetch: network.fetch,
      });
      return { ...scene, ...lane, ledger: fresh.ledger, dynamoDb: fresh.dynamoDb, table: fresh.table };
    }

    /** The list as it is, without the engine's look for one key in it: whose keys there are, and what is on each page. */
    async function listOf({
      admin: given,
      leak,
      services,
    }: Pick<Awaited<ReturnType<typeof begin>>, 'admin' | 'leak' | 'services'>) {
      const admin = provider.admin.parse(given);
      const { send } = services;
      const access = { provider, kind, account: 'main', admin, send, deadline: clock.now() + 30_000, now: clock.now };
      const idOf = (key: unknown) => kind.describe(key as never, clock.now()).keyId;
      const named = kind.owners?.named({ admin, leak: leakFromSource.parse(leak) });
      const listed =
        named === undefined && kind.owners?.list ? await readAll(access, kind.owners.list, {}, ({ id }) => id) : [];
      const owners =
        named ?? (kind.owners ? listed.filter(({ mayHoldKeys }) => mayHoldKeys).map(({ id }) => id) : ['']);
      const targetOf = (owner: string, page: number) => {
        const request = kind.list.request({ admin, owner, page });
        if (request === undefined) return undefined;
        const { pathname, search } = addressOf(provider.origin(admin), request);
        return pathname + search;
      };
      const records: unknown[] = [];
      for (const owner of owners) records.push(...(await readAll(access, kind.list, { owner }, idOf)));
      const firstPages: string[] = [];
      for (const owner of owners)
        firstPages.push(...((await askAsAdmin(access, kind.list, { owner, page: 0 }))?.items ?? []).map(idOf));
      return { admin, owners, records, firstPages, targetOf };
    }

    const lines = (vendor: Vendor) => vendor.arrivals.map(({ method, target }) => `${method} ${target}`);
    const removals = (vendor: Vendor) => lines(vendor).filter((line) => requests.remove.test(line));
    const ways = [
      { way: 'with the leaked key', policy: { useLeakedKey: true } },
      { way: 'without presenting the leaked key', policy: { useLeakedKey: false } },
    ];

    for (const { way, policy } of ways) {
      test(`revokes the one match ${way}`, async () => {
        const { follow, leak, vendor, keyId } = await begin({}, { policy });
        const incident = await follow(leak);
        expect(incident).toMatchObject({ state: 'closed', outcome: 'revoked', keyId, account: 'main' });
        expect(incident.proof?.dead).toBe(true);
        expect(vendor.deletions).toEqual([keyId]);
        expect(removals(vendor)).toHaveLength(1);
      });

      test(`revokes the one match on the last page ${way}`, async () => {
        const { follow, leak, vendor, keyId } = await begin({ manyPages: true }, { policy });
        expect(await follow(leak)).toMatchObject({ outcome: 'revoked', keyId });
        expect(vendor.deletions).toEqual([keyId]);
      });

      test(`touches nothing when no key matches ${way}`, async () => {
        const { follow, unknown, vendor } = await begin({}, { policy });
        expect(await follow(unknown)).toMatchObject({ state: 'closed', outcome: 'not-found', keyId: null });
        expect(removals(vendor)).toEqual([]);
      });
    }

    test('reads the list in the pages that it has', async () => {
      const begun = await begin({ manyPages: true }, { policy: { useLeakedKey: false } });
      const { follow, leak, vendor, keyId } = begun;
      const { owners, firstPages, targetOf } = await listOf(begun);
      const before = vendor.arrivals.length;
      await follow(leak);
      const asked = new Set(
        vendor.arrivals
          .slice(before)
          .filter(({ method, target }) => requests.list.test(`${method} ${target}`))
          .map(({ target }) => target),
      );
      if (subject.pages === 'one') {
        expect(owners.map((owner) => targetOf(owner, 1))).toEqual(owners.map(() => undefined));
        expect(asked).toEqual(new Set(owners.map((owner) => targetOf(owner, 0))));
        return;
      }
      expect(firstPages).not.toContain(keyId);
      const turned = owners.filter((owner) => {
        const [first = '', second = ''] = [0, 1].map((page) => targetOf(owner, page));
        return first !== second && asked.has(first) && asked.has(second);
      });
      expect(turned, 'lists whose first and second page were asked for').not.toEqual([]);
    });

    test('never presents the leaked key where policy forbids it', async () => {
      const { follow, leak, vendor } = await begin({}, { policy: { useLeakedKey: false } });
      await follow(leak);
      const { secret } = leakFromSource.parse(leak);
      for (const { headers, target, body } of vendor.arrivals) {
        expect(JSON.stringify({ headers, target, body })).not.toContain(secret?.expose());
      }
    });

    test('touches nothing when two keys match', async () => {
      const { follow, leak, vendor } = await begin({ twins: true }, { policy: { useLeakedKey: false } });
      expect(await follow(leak)).toMatchObject({ state: 'parked', outcome: 'ambiguous' });
      expect(removals(vendor)).toEqual([]);
    });

    for (const { what, answer } of [
      { what: 'a page of HTML', answer: { status: 200, body: '<html>maintenance</html>' } },
      { what: 'an empty object', answer: { status: 200, body: {} } },
      { what: 'nothing', answer: { status: 200 } },
      { what: 'null', answer: { status: 200, body: 'null' } },
      { what: 'a redirect', answer: { status: 302, headers: { location: 'https://elsewhere.example/' } } },
    ]) {
      test(`does not take ${what} for an empty list: touches nothing and asks a person within a minute`, async () => {
        const { follow, leak, vendor, keyId } = await begin({}, { policy: { useLeakedKey: false } });
        vendor.troubles.push({ on: requests.list, reply: answer });
        const began = clock.now();
        const incident = await follow(leak);
        expect(incident).toMatchObject({ state: 'parked', outcome: 'failed' });
        expect(incident.reason).toMatch(new RegExp(`^${provider.id} answered \\d{3}`));
        expect(incident.attempts).toBe(3);
        expect(clock.now() - began).toBeLessThanOrEqual(60_000);
        expect(removals(vendor)).toEqual([]);
        expect(vendor.arrivals.every(({ host }) => vendor.hosts.includes(host))).toBe(true);
        expect(keyId).not.toBe('');
      });
    }

    test('counts a key that is gone when our first request arrives as already gone, where the answer tells', async () => {
      const { follow, leak, vendor, keyId } = await begin();
      vendor.troubles.push({ on: requests.remove, times: 1, reply: subject.gone, afterActing: true });
      const outcome = subject.gone.told ? 'already-gone' : 'revoked';
      expect(await follow(leak)).toMatchObject({ state: 'closed', outcome, keyId });
      expect(removals(vendor)).toHaveLength(1);
    });

    test('never counts a key as gone that the provider still has, whatever it answers to the deletion', async () => {
      const { follow, leak, vendor, keyId } = await begin();
      vendor.troubles.push({ on: requests.remove, times: 1, reply: subject.gone });
      const incident = await follow(leak, { withinMs: 5_000 });
      const stillThere = vendor.deletions.length === 0;
      expect(incident.state === 'closed' && stillThere).toBe(false);
      if (!stillThere) expect(vendor.deletions).toEqual([keyId]);
    });

    for (const { what, reply } of [
      { what: 'the connection broke after the request', reply: 'drop-after' as const },
      { what: 'the connection broke before the request', reply: 'drop-before' as const },
      { what: 'the vendor failed before acting', reply: { status: 500, body: { errors: ['Internal'] } } },
    ]) {
      test(`settles a lost answer by reading the provider: ${what}`, async () => {
        const { follow, leak, vendor, keyId } = await begin();
        vendor.troubles.push({ on: requests.remove, times: 1, reply });
        const incident = await follow(leak);
        expect(incident).toMatchObject({ state: 'closed', outcome: 'revoked', keyId });
        expect(vendor.deletions).toEqual([keyId]);
      });
    }

    test('says that the outcome is unknown while an answer is lost', async () => {
      const { run, reportOf, leak, vendor, ledger, drain } = await begin();
      vendor.troubles.push({ on: requests.remove, times: 1, reply: 'drop-after' });
      const report = reportOf(leak);
      await run(report);
      expect(await ledger.read(report.incident)).toMatchObject({ state: 'unknown', outcome: null, proof: null });
      await drain();
      expect(await ledger.read(report.incident)).toMatchObject({ state: 'closed', outcome: 'revoked' });
    });

    if (requests.prove !== 'none') {
      const { prove } = requests;
      test.each([
        ['an answer that nobody wrote down', { status: 418 }],
        ['a page of HTML', { status: 403, body: '<html>blocked</html>' }],
        ['a failure', { status: 500 }],
        ['a broken connection', 'drop-before' as const],
      ])('does not take %s for the death of the leaked key', async (_, reply) => {
        const { follow, leak, vendor } = await begin();
        vendor.troubles.push({ on: prove, after: requests.remove, times: 2, reply });
        const { proof } = await follow(leak);
        expect(proof?.checks.map(({ result }) => result)).toEqual(['unknown', 'unknown', 'dead']);
      });
    }

    test('settles a lost answer as revoked when the vendor acted and then failed', async () => {
      const { follow, leak, vendor, keyId } = await begin();
      vendor.troubles.push({ on: requests.remove, times: 1, reply: { status: 503, body: 'busy' }, afterActing: true });
      expect(await follow(leak)).toMatchObject({ state: 'closed', outcome: 'revoked', keyId });
      expect(vendor.deletions).toEqual([keyId]);
      expect(removals(vendor)).toHaveLength(1);
    });

    test('asks a person, after reading its credential anew once, when the provider refuses it', async () => {
      const { follow, leak, vendor, reads } = await begin(
        {},
        { accounts: ({ wrongAdmin }) => ({ main: wrongAdmin }), policy: { useLeakedKey: false } },
      );
      const incident = await follow(leak);
      expect(incident).toMatchObject({ state: 'parked', outcome: 'failed' });
      expect(incident.reason).toMatch(/refuses (to sign )?the admin credential/);
      expect(reads.filter((read) => read === 'main fresh')).toHaveLength(1);
      expect(removals(vendor)).toEqual([]);
    });

    test.each([401, 403])(
      'asks a person when the deletion alone is refused with a %i, and deletes once that is repaired',
      async (status) => {
        const { follow, run, drain, reportOf, leak, vendor, ledger, keyId } = await begin();
        const refusal = { on: requests.remove, reply: { status, body: { message: 'not for you' } } };
        vendor.troubles.push(refusal);
        const refused = await follow(leak);
        expect(refused).toMatchObject({ state: 'parked', outcome: 'failed', keyId, inDoubt: false, accepted: null });
        expect(refused.reason).toMatch(new RegExp(`refuses the admin credential .*\\(${status}\\)`));
        expect(vendor.deletions).toEqual([]);
        vendor.troubles.splice(vendor.troubles.indexOf(refusal), 1);
        await run({ ...reportOf(leak, { source: 'operator', mayNameKeys: true, order: {} }), leak: undefined });
        await drain();
        expect(await ledger.read(refused.id)).toMatchObject({ state: 'closed', outcome: 'revoked', keyId });
        expect(vendor.deletions).toEqual([keyId]);
      },
    );

    test('leaves a rate limit to a later attempt, after the wait that the provider names', async () => {
      const { run, drain, reportOf, leak, vendor, ledger, waiting } = await begin();
      const { headers, waitMs } = subject.rateLimit === 'none' ? { headers: {}, waitMs: 1000 } : subject.rateLimit;
      vendor.troubles.push({
        on: requests.remove,
        times: 1,
        reply: { status: 429, headers, body: { errors: ['Too many requests'] } },
      });
      const report = reportOf(leak);
      const asked = clock.now();
      await run(report);
      expect(vendor.deletions).toEqual([]);
      expect((await ledger.read(report.incident))?.state).toBe('claimed');
      expect(JSON.parse(waiting[0]?.body ?? '{}').notBefore).toBe(asked + waitMs);
      await drain();
      expect(clock.now()).toBeGreaterThanOrEqual(asked + waitMs);
      expect(await ledger.read(report.incident)).toMatchObject({ outcome: 'revoked' });
      expect(vendor.deletions).toHaveLength(1);
    });

    for (const reply of [{ status: 500 }, { status: 502, body: '<html>' }, 'drop-before'] as const) {
      const what = typeof reply === 'string' ? 'a broken connection' : `a ${reply.status}`;
      test(`tries again after ${what} on a look-up, after about a second`, async () => {
        const { follow, leak, vendor, keyId } = await begin({}, { policy: { useLeakedKey: false } });
        vendor.troubles.push({ on: requests.list, times: 1, reply });
        const began = clock.now();
        expect(await follow(leak)).toMatchObject({ outcome: 'revoked', keyId, attempts: 2 });
        expect(clock.now() - began).toBeLessThan(3000);
      });
    }

    test('leaves a provider that does not answer in time to a later attempt', async () => {
      const { run, reportOf, leak, vendor, ledger, drain } = await begin({}, { policy: { useLeakedKey: false } });
      vendor.troubles.push({ on: requests.list, times: 1, reply: 'hang' });
      const report = reportOf(leak);
      await run(report, 3_050);
      expect(await ledger.read(report.incident)).toMatchObject({ state: 'claimed', outcome: null });
      await drain();
      expect(await ledger.read(report.incident)).toMatchObject({ outcome: 'revoked' });
    });

    test('follows no redirect of a deletion, and reports nothing as revoked', async () => {
      const { follow, leak, vendor, keyId } = await begin();
      vendor.troubles.push({
        on: requests.remove,
        reply: { status: 307, headers: { location: 'https://elsewhere.example/' } },
      });
      expect(await follow(leak)).toMatchObject({ state: 'parked', outcome: 'failed', keyId });
      expect(vendor.deletions).toEqual([]);
      expect(vendor.arrivals.every(({ host }) => vendor.hosts.includes(host))).toBe(true);
    });

    const success = subject.success ?? [];
    test.each([200, 201, 202, 204, 400, 404, 409, 418].filter((status) => !success.includes(status)))(
      'never reports a %i that nobody wrote down as revoked',
      async (status) => {
        const { follow, leak, vendor } = await begin();
        vendor.troubles.push({ on: requests.remove, reply: { status, body: '<html>' } });
        expect(await follow(leak)).toMatchObject({ state: 'parked', outcome: 'failed', attempts: 3 });
      },
    );

    const { get, list, remove, disable, enable } = kind;
    const exchanges = Object.entries({ get, list, remove, disable, enable }).filter(([, exchange]) => exchange);
    test.each(exchanges)('keeps a key id and an owner one path segment each: %s', (what, exchange) => {
      const admin = provider.admin.parse(subject.scene({ now: clock.now }).admin);
      /** The path as it is sent: `.` and `..` would be folded away there. */
      const pathOf = (names: { keyId?: string; owner?: string | undefined }) => {
        const request = exchange?.request({ admin, page: 0, keyId: 'key', owner: 'owner', ...names });
        return request && new URL(request.path, 'https://host.example').pathname;
      };
      // One record may be asked for without its owner.
      for (const owner of what === 'get' ? ['owner', undefined] : ['owner']) {
        const plain = pathOf({ owner });
        for (const name of owner === undefined ? ['keyId'] : ['keyId', 'owner']) {
          const isUsed = pathOf({ owner, [name]: 'other' }) !== plain;
          for (const id of ['a/b', 'a/../b', '../b', 'a\\b', '%2e%2e', 'a?b=c', 'a#b'])
            expect(pathOf({ owner, [name]: id })?.split('/').length, `${name} ${id}`).toBe(plain?.split('/').length);
          for (const id of ['.', '..', ''])
            if (isUsed) expect(() => pathOf({ owner, [name]: id }), `${name} '${id}'`).toThrow();
            else expect(pathOf({ owner, [name]: id }), `${name} '${id}'`).toBe(plain);
        }
      }
    });

    test('stays on the origin that configuration names', async () => {
      const { follow, leak, vendor, admin } = await begin();
      await follow(leak);
      const { host } = new URL(provider.origin(provider.admin.parse(admin)));
      expect(new Set(vendor.arrivals.map((arrival) => arrival.host))).toEqual(new Set([host]));
    });

    test('shows no secret in any address, incident, log or put-back reason', async () => {
      const { follow, leak, unknown, vendor, notes, canaries, ledger } = await begin();
      vendor.troubles.push({ on: requests.list, times: 1, reply: { status: 500, body: canaries.join(' ') } });
      vendor.troubles.push({ on: requests.remove, times: 1, reply: { status: 500, body: canaries.join(' ') } });
      await follow(leak);
      await follow(unknown);
      const { records } = await ledger.list({ limit: 100 });
      const seen = JSON.stringify({ targets: vendor.arrivals.map(({ target }) => target), notes, records });
      expect(records.length).toBe(2);
      for (const canary of canaries) expect(seen).not.toContain(canary);
    });

    test('does the same thing twice without harm', async () => {
      const { run, reportOf, leak, vendor, keyId, ledger } = await begin();
      const report = reportOf(leak);
      await Promise.all([run(report), run(reportOf(leak)), run(report)]);
      await run(report);
      await run(reportOf(leak));
      expect(vendor.deletions).toEqual([keyId]);
      expect(removals(vendor)).toHaveLength(1);
      expect(await ledger.read(report.incident)).toMatchObject({ outcome: 'revoked', sightingCount: 3 });
    });

    test('refuses to touch the credential it acts with', async () => {
      for (const policy of [{ useLeakedKey: true }, { useLeakedKey: false }]) {
        const begun = await begin({}, { policy });
        const { follow, own, vendor, admin } = begun;
        if (own === 'never-this-kind') {
          const { records, admin: credential } = await listOf(begun);
          expect(records.length).toBeGreaterThan(1);
          expect(records.filter((record) => kind.isOwn(record as never, credential))).toEqual([]);
        } else
          expect(await follow(own, { mayNameKeys: true })).toMatchObject({ state: 'parked', outcome: 'protected' });
        const values = secretsIn(provider.admin.parse(admin));
        expect(values.length).toBeGreaterThan(0);
        for (const value of values)
          expect(await follow({ provider: provider.id, kind: kindId, secret: value })).toMatchObject({
            state: 'parked',
            outcome: 'protected',
          });
        expect(removals(vendor)).toEqual([]);
      }
    });

    test('sends no write in a dry run, and shows the request it would have sent', async () => {
      const { follow, leak, vendor, canaries } = await begin({}, { action: 'observe' });
      const incident = await follow(leak);
      expect(incident).toMatchObject({ state: 'closed', outcome: 'observed' });
      const planned = plannedIn(incident);
      expect(planned[0]).toMatch(/^[A-Z]+ https:\/\//);
      expect(planned.at(-1)).toMatch(/^without the dry run: delete: /);
      for (const canary of canaries) expect(planned.join(' ')).not.toContain(canary);
      expect(removals(vendor)).toEqual([]);
    });

    for (const { way, policy } of ways)
      test(`sends in earnest what a dry run showed, after the same looks, ${way}`, async () => {
        for (const action of requests.disable === 'none' ? (['delete'] as const) : (['delete', 'disable'] as const)) {
          const dry = await begin({}, { policy, action });
          const incident = await dry.follow(dry.leak, { order: { dryRun: true } });
          const planned = plannedIn(incident).slice(0, -1).map(requestOf);
          const looked = dry.vendor.arrivals.map(onTheWire);
          expect(incident).toMatchObject({ outcome: 'observed', keyId: dry.keyId });
          expect(dry.vendor.deletions).toEqual([]);
          expect(dry.vendor.accepts(leakedValue(dry.leak))).toBe(true);

          const wet = await begin({}, { policy, action });
          await wet.follow(wet.leak);
          const sent = wet.vendor.arrivals.map(onTheWire);
          expect(sent.slice(0, looked.length)).toEqual(looked);
          const after = sent.slice(looked.length);
          expect(after[0]).toBe(planned[0]);
          expect(after).toEqual(expect.arrayContaining(planned));
          // A death that is seen by looking takes no request but looks.
          expect(after.filter((one) => !planned.includes(one) && !looked.includes(one))).toEqual([]);
        }
      });

    test('polls until the key is dead, and says so only then', async () => {
      const { follow, leak } = await begin({ propagationMs: 500 });
      const { proof, timeline, timeToDeadMs } = await follow(leak);
      const results = proof?.checks.map(({ result }) => result) ?? [];
      expect(proof?.method).toBe(requests.prove === 'none' ? 'key-absent' : 'leaked-key-refused');
      expect(kind.proof === undefined).toBe(requests.prove === 'none');
      expect(results.at(-1)).toBe('dead');
      if (requests.prove !== 'none') {
        expect(results.slice(0, -1), 'the scene heeds propagationMs').toEqual(results.slice(0, -1).map(() => 'alive'));
        expect(results.length, 'the scene heeds propagationMs').toBeGreaterThanOrEqual(3);
        expect(timeToDeadMs).toBeGreaterThanOrEqual(500);
      }
      expect(timeline.map(({ stage }) => stage).filter((stage) => stage === 'dead')).toHaveLength(1);
    });

    test('keeps asking, across attempts, about a key that was accepted but lives on', async () => {
      const { follow, leak, vendor } = await begin({ propagationMs: 90_000 });
      const incident = await follow(leak);
      expect(incident).toMatchObject({ state: 'closed', outcome: 'revoked' });
      expect(removals(vendor)).toHaveLength(1);
      if (requests.prove !== 'none') expect(incident.timeToDeadMs).toBeGreaterThanOrEqual(90_000);
    });

    /** Reports the leak as an intake does, and follows it to its end: what was sealed is there when the key is looked at again. */
    async function followSealed({ run, reportOf, drain, services, leak }: Awaited<ReturnType<typeof begin>>) {
      const report = reportOf(leak);
      const { incident, mayNameKeys } = report;
      const kept = { leak: leakFromSource.parse(leak), mayNameKeys };
      const sealed = Buffer.from(seal(await services.fingerprint(), incident, kept)).toString('base64');
      await run({ ...report, sealed });
      await drain(30_000);
      return incident;
    }

    for (const { way, policy } of ways) {
      test(`looks again by a way that tells the truth, so that what is dead stays dead, ${way}`, async () => {
        for (const action of requests.disable === 'none' ? (['delete'] as const) : (['delete', 'disable'] as const)) {
          const begun = await begin({}, { policy, action });
          const { vendor, ledger, drain, nextDue, keyId } = begun;
          const id = await followSealed(begun);
          const dead = await ledger.read(id);
          const before = lines(vendor).length;
          await drain(undefined, true);
          const outcome = action === 'delete' ? 'revoked' : 'disabled';
          const incident = await ledger.read(id);
          expect(incident).toMatchObject({ state: 'closed', outcome, keyId, watch: null, sealed: null });
          expect(incident?.proof?.checks.map(({ result }) => result)).toEqual(Array(5).fill('dead'));
          expect(incident?.timeline).toEqual(dead?.timeline);
          expect(await nextDue(true)).toBeUndefined();
          const presented = requests.prove !== 'none' && policy.useLeakedKey;
          const looks = lines(vendor).slice(before);
          if (presented)
            expect(looks.filter((line) => (requests.prove as RegExp).test(line)).length).toBeGreaterThan(3);
          else expect(looks.length).toBeGreaterThan(3);
          if (!policy.useLeakedKey) expect(JSON.stringify(vendor.arrivals)).not.toContain(leakedValue(begun.leak));
        }
      });

      test(`sees that a key lives again, and deletes it once more, ${way}`, async () => {
        const begun = await begin({}, { policy });
        const { vendor, ledger, drain, keyId } = begun;
        const id = await followSealed(begun);
        vendor.revive(keyId);
        expect(vendor.accepts(leakedValue(begun.leak))).toBe(true);
        await drain(undefined, true);
        const incident = await ledger.read(id);
        expect(incident).toMatchObject({ state: 'closed', outcome: 'revoked', keyId, proof: { dead: true } });
        expect(incident?.proof?.checks.map(({ result }) => result).slice(0, 3)).toEqual(['dead', 'alive', 'dead']);
        expect(incident?.timeline.filter(({ detail }) => detail === 'accepted again; it was revoked')).toHaveLength(1);
        expect(vendor.deletions).toEqual([keyId, keyId]);
        expect(vendor.accepts(leakedValue(begun.leak))).toBe(false);
      });
    }

    test('switches off where it can and is told to, and on again when a person undoes it', async () => {
      const { follow, leak, vendor, keyId, reportOf, run, drain, ledger } = await begin(
        {},
        { action: requests.disable === 'none' ? 'delete' : 'disable' },
      );
      expect(
        [kind.disable, kind.enable].every((exchange) => (exchange === undefined) === (requests.disable === 'none')),
      ).toBe(true);
      const incident = await follow(leak);
      if (requests.disable === 'none') return expect(incident.outcome).toBe('revoked');
      const { disable } = requests;
      expect(incident).toMatchObject({ state: 'closed', outcome: 'disabled', keyId, proof: { dead: true } });
      expect(removals(vendor)).toEqual([]);
      expect(lines(vendor).filter((line) => disable.test(line))).toHaveLength(1);
      const { secret } = leakFromSource.parse(leak);
      expect(secret && vendor.accepts(secret.expose())).toBe(false);
      await run({ ...reportOf(leak, { source: 'operator', order: { restore: true } }), leak: undefined });
      await drain();
      expect(await ledger.read(incident.id)).toMatchObject({ state: 'closed', outcome: 'restored' });
      expect(secret && vendor.accepts(secret.expose())).toBe(true);
    });

    test.each(ways)(
      'asks a person where a key fits on a hint alone, and acts on their word, $way',
      async ({ policy }) => {
        const begun = await begin({}, { policy });
        const { follow, onHint, vendor, keyId, decisions, drain, ledger } = begun;
        if (onHint === 'value-always-tells') {
          const { state, outcome, reason } = await follow({
            provider: provider.id,
            kind: kindId,
            secret: endsAlike(begun),
          });
          const saysWhy = kind.owners !== undefined && reason?.includes(kind.owners.missing);
          expect([state, outcome]).toEqual(saysWhy ? ['parked', 'failed'] : ['closed', 'not-found']);
          expect(removals(vendor)).toEqual([]);
          return;
        }
        const asked = await follow(onHint);
        expect(asked).toMatchObject({ state: 'awaiting-approval', outcome: null, keyId });
        expect(removals(vendor)).toEqual([]);
        await approve(asked, { by: { id: 'operator', words: 'an operator' } }, decisions);
        await drain();
        const incident = await ledger.read(asked.id);
        expect(incident).toMatchObject({ outcome: 'revoked', keyId, proof: { dead: true, method: 'key-absent' } });
        expect(vendor.deletions).toEqual([keyId]);
      },
    );

    test('acts on an id alone only where the sender may name keys', async () => {
      const asked = await begin();
      expect(await asked.follow(asked.byId)).toMatchObject({
        state: 'awaiting-approval',
        outcome: null,
        keyId: asked.keyId,
      });
      expect(removals(asked.vendor)).toEqual([]);
      const acted = await begin();
      expect(await acted.follow(acted.byId, { mayNameKeys: true })).toMatchObject({
        outcome: 'revoked',
        keyId: acted.keyId,
      });
      expect(acted.vendor.deletions).toEqual([acted.keyId]);
    });

    test('protects what policy protects', async () => {
      const keyId = subject.scene({ now: clock.now }).keyId;
      const policy = { protected: [{ provider: provider.id, keyId, reason: 'rotate by hand' }] };
      const { follow, leak, vendor } = await begin({}, { policy });
      const incident = await follow(leak);
      expect(incident).toMatchObject({ state: 'parked', outcome: 'protected' });
      expect(incident.reason).toContain('rotate by hand');
      expect(removals(vendor)).toEqual([]);
    });

    test('finds the key in the one account of several that has it, whatever the others answer', async () => {
      const { follow, leak, vendor, keyId } = await begin(
        {},
        { accounts: ({ admin, wrongAdmin }) => ({ other: wrongAdmin, main: admin }) },
      );
      expect(await follow(leak)).toMatchObject({ outcome: 'revoked', account: 'main', keyId });
      expect(vendor.deletions).toEqual([keyId]);
    });

    test('its example is a leak, and belongs to no other provider', () => {
      const { leak } = subject.scene({ now: clock.now });
      const parsed = leakFromSource.parse(leak);
      expect(route(parsed, providers)).toMatchObject({ is: 'routed', provider: provider.id, kind: kindId });
      const unnamed = route({ ...parsed, provider: undefined, kind: undefined }, providers);
      const isKnown = { is: 'routed', provider: provider.id, kind: kindId };
      expect(unnamed).toMatchObject(kind.unmistakable === undefined ? { is: 'unrouted' } : isKnown);
    });

    test('has an example whose kind need not be named', () => {
      const { leak, unknown } = subject.scene({ now: clock.now });
      for (const given of [leak, unknown])
        expect(route(leakFromSource.parse({ ...given, kind: undefined }), providers)).toMatchObject({ kind: kindId });
    });

    test('is in the registry, and tested in the file of its name', () => {
      expect((providers as Providers)[provider.id]).toBe(provider);
      expect(expect.getState().testPath).toMatch(new RegExp(`/${provider.id}\\.test\\.ts$`));
    });

    test.each(drilledKind(provider) === kindId ? ways : [])(
      'can be drilled where all else is a dry run: a key is made, killed and seen dead, $way',
      async ({ policy }) => {
        const begun = await begin({ twins: true }, { policy, action: 'observe' });
        const { services, vendor, run, drain, waiting, dynamoDb, table, ledger, notes } = begun;
        const before = vendor.values();
        const book = drillBook({ client: dynamoDb, table }, provider.id);
        const drills = { plan: { accounts: ['main'], everyHours: 24, objectiveSeconds: 60 }, book };
        const order = () => drill({ account: 'main', at: clock.now() }, { ...services, drills }, clock.now() + 24_000);
        await order();
        const [value = '', ...others] = vendor.values().filter((one) => !before.includes(one));
        expect(others).toEqual([]);
        expect(vendor.accepts(value)).toBe(true);
        const [planted] = waiting.splice(0);
        await run(readReport(planted?.body ?? ''));
        await drain(60_000);
        const incident = await ledger.read((await book.read('main'))?.incident ?? '');
        expect(incident).toMatchObject({ outcome: 'revoked', kind: kindId, sightings: [{ source: 'drill' }] });
        expect(vendor.deletions).toEqual([incident?.keyId]);
        expect(vendor.accepts(value)).toBe(false);
        expect(vendor.values().sort()).toEqual(before.sort());
        await order();
        expect(notes.map(({ drill: word }) => word).filter(Boolean)).toEqual(['dead']);
        expect(JSON.stringify([notes, incident])).not.toContain(value);
      },
    );

    test('says of a drill what its key may do and what making it needs, and of nothing that cannot be made', () => {
      expect(kind.facts.drill === undefined).toBe(kind.make === undefined);
    });

    test('links the documentation it was written from', () => {
      expect(kind.docs).toMatch(/^https:\/\//);
    });
  });
}
