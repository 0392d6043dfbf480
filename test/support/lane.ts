import { randomUUID } from 'node:crypto';
import net from 'node:net';
import { DeleteTableCommand, type DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { Agent } from 'undici';
import { createSend } from '../../functions/platform/http.ts';
import { dynamoLedger } from '../../functions/platform/ledger.ts';
import { check } from '../../functions/platform/secrets.ts';
import { signingIn } from '../../functions/platform/sign-in.ts';
import type { DecisionServices } from '../../functions/revocation/decisions.ts';
import type { Action, IncidentRecord } from '../../functions/revocation/incident.ts';
import { incidentOf } from '../../functions/revocation/intake.ts';
import { keepWatch } from '../../functions/revocation/keep-watch.ts';
import { leakFromSource } from '../../functions/revocation/leak.ts';
import { isResting, type Ledger } from '../../functions/revocation/ledger.ts';
import { policySchema } from '../../functions/revocation/policy.ts';
import type { AnyProvider } from '../../functions/revocation/provider.ts';
import type { Order, Report } from '../../functions/revocation/report.ts';
import { readReport, writeReport } from '../../functions/revocation/report.ts';
import { respond } from '../../functions/revocation/respond.ts';
import { route } from '../../functions/revocation/routing.ts';
import type { Note, Services } from '../../functions/revocation/run.ts';
import { Secret } from '../../functions/revocation/secret.ts';
import { closed, listen, startEmulators } from '../../lib/local/emulators.ts';
import { cloudOf, createTable } from '../../lib/local/resources.ts';
import type { Vendor } from '../../lib/local/vendors/vendor.ts';

/** A clock that only sleeping moves. */
export function testClock(start = Date.parse('2026-11-20T12:00:00.000Z')) {
  let time = start;
  const advance = (ms: number): void => {
    time += ms;
  };
  return { now: () => time, sleep: async (ms: number) => advance(ms), advance };
}

/** One emulator serves every ledger of a worker; each ledger is a table of its own. */
let emulator: Promise<DynamoDBClient> | undefined;

async function startEmulator(): Promise<DynamoDBClient> {
  const nowhere = 'http://127.0.0.1:1';
  const elsewhere = { AWS_ENDPOINT_URL_SQS: nowhere, AWS_ENDPOINT_URL_SECRETS_MANAGER: nowhere };
  const { endpoints } = await startEmulators(elsewhere, undefined);
  return cloudOf({ ...endpoints, AWS_ACCESS_KEY_ID: 'test', AWS_SECRET_ACCESS_KEY: 'test' }).dynamoDb;
}

/** An empty ledger on a real emulator, and the client that reads it raw. */
export async function testLedger(clock: { now(): number; sleep(ms: number): Promise<void> }) {
  emulator ??= startEmulator();
  const dynamoDb = await emulator;
  const table = `ledger-${randomUUID()}`;
  await createTable(dynamoDb, table);
  const ledger = dynamoLedger({ client: dynamoDb, table }, { ...clock, random: () => 0.5 });
  const close = async () => void (await dynamoDb.send(new DeleteTableCommand({ TableName: table })));
  return { ledger, dynamoDb, table, close };
}

/** `fetch` whose every connection ends at the vendor, whatever host is named. */
export async function vendorNetwork(vendor: Pick<Vendor, 'server'>) {
  const { port } = new URL(await listen(vendor.server));
  const dispatcher = new Agent({
    connect: (_, callback) => {
      const socket = net.connect(Number(port), '127.0.0.1');
      socket.once('connect', () => callback(null, socket));
      socket.once('error', (error) => callback(error, null));
    },
  });
  const through = ((url: URL, init: RequestInit) => fetch(url, { ...init, dispatcher } as RequestInit)) as typeof fetch;
  const close = async () => {
    await dispatcher.destroy();
    await closed(vendor.server);
  };
  return { fetch: through, close };
}

interface LaneOptions {
  provider: AnyProvider;
  vendor: Vendor;
  /** Account → admin secret as Secrets Manager would hold it. */
  accounts: Record<string, object>;
  action?: Action;
  policy?: object;
  ledger: Ledger;
  clock: ReturnType<typeof testClock>;
  fetch: typeof fetch;
}

const fingerprint = new Secret('a fingerprint key that only tests have');

/** One lane without a function around it: the real engine, the real ledger, a real vendor, and a queue in virtual time. */
export function testLane({ provider, accounts, action = 'delete', policy = {}, ledger, clock, fetch }: LaneOptions) {
  const waiting: { body: string; at: number }[] = [];
  const notes: Note[] = [];
  const reads: string[] = [];
  const admins = new Map<string, unknown>();
  const services: Services = {
    provider,
    accounts: Object.keys(accounts),
    action,
    policy: policySchema.parse(policy),
    ledger,
    adminOf: async (account, fresh) => {
      reads.push(`${account}${fresh ? ' fresh' : ''}`);
      const known = admins.get(account);
      if (known !== undefined && !fresh) return known;
      const admin = check(account, JSON.stringify(accounts[account]), provider.admin);
      admins.set(account, admin);
      return admin;
    },
    fingerprint: async () => fingerprint,
    send: signingIn(createSend({ now: clock.now, fetch }), clock),
    now: clock.now,
    sleep: clock.sleep,
    random: () => 0.5,
    newId: randomUUID,
    putBack: async (report, delayMs) =>
      void waiting.push({ body: writeReport(report), at: clock.now() + Math.min(delayMs, 900_000) }),
    note: (event) => void notes.push(event),
  };
  const reportOf = (
    leak: object,
    {
      source = 'standard',
      delivery = randomUUID(),
      mayNameKeys = false,
      order,
    }: { source?: string; delivery?: string; mayNameKeys?: boolean; order?: Order } = {},
  ): Report => {
    const parsed = leakFromSource.parse(leak);
    const kind = parsed.kind ?? route(parsed, { [provider.id]: provider }).kind ?? '';
    const sighting = { source, at: new Date(clock.now()).toISOString(), delivery };
    const tries = { unavailable: 0, unexpected: 0 };
    return {
      message: randomUUID(),
      incident: incidentOf(
        fingerprint,
        { is: 'routed', provider: provider.id, kind, leak: parsed },
        { [provider.id]: provider },
        sighting,
      ),
      provider: provider.id,
      kind,
      leak: parsed,
      sighting,
      mayNameKeys,
      order,
      tries,
    };
  };
  const seen = new Set<string>();
  /** What people decide with. */
  const decisions: DecisionServices = {
    ledger,
    lanes: { [provider.id]: 'lane' },
    send: async (_, bodies) => void waiting.push(...bodies.map((body) => ({ body, at: clock.now() }))),
    now: clock.now,
    newId: randomUUID,
    fingerprint: services.fingerprint,
  };
  const run = (report: Report, functionMs = 30_000) => {
    seen.add(report.incident);
    return respond(readReport(writeReport(report)), services, clock.now() + functionMs);
  };
  /** The time (epoch ms) at which the next of this lane's incidents is due; those that rest only if `resting`. */
  async function nextDue(resting: boolean): Promise<number | undefined> {
    const records = await Promise.all([...seen].map((id) => ledger.read(id)));
    const times = records.flatMap((record) => {
      const { dueAt } = (record ?? {}) as { dueAt?: string };
      return record && dueAt !== undefined && (resting || !isResting(record) || record.state === 'awaiting-approval')
        ? [Date.parse(dueAt)]
        : [];
    });
    return times.length === 0 ? undefined : Math.min(...times);
  }
  /** One round of keeping watch over this lane's incidents. */
  const watch = () =>
    keepWatch({
      ledger: {
        ...ledger,
        due: async (limit) => (await ledger.due(limit)).filter(({ incident }) => seen.has(incident)),
      },
      lanes: { [provider.id]: 'lane' },
      notices: undefined,
      send: async (_, bodies) => void waiting.push(...bodies.map((body) => ({ body, at: clock.now() }))),
      now: clock.now,
      newId: randomUUID,
    });
  /** Delivers what waits, each message when its time has come, and keeps watch over what does not rest. */
  async function drain(withinMs = 48 * 3_600_000, resting = false): Promise<void> {
    const until = clock.now() + withinMs;
    for (;;) {
      const next = soonest(waiting);
      const due = next === undefined ? await nextDue(resting) : undefined;
      const at = next?.at ?? due;
      if (at === undefined || at > until) return;
      clock.advance(Math.max(at - clock.now(), 0));
      if (next === undefined) await watch();
      else {
        waiting.splice(waiting.indexOf(next), 1);
        await run(readReport(next.body));
      }
    }
  }
  /** Reports a leak and follows it, through everything that was put back, until it rests or `withinMs` is over. */
  async function follow(
    leak: object,
    { withinMs, ...options }: Parameters<typeof reportOf>[1] & { withinMs?: number } = {},
  ): Promise<IncidentRecord> {
    const report = reportOf(leak, options);
    await run(report);
    await drain(withinMs);
    const record = await ledger.read(report.incident);
    if (!record) throw new Error('the incident is not in the ledger');
    return record;
  }
  return { services, decisions, notes, reads, waiting, reportOf, run, follow, drain, watch, nextDue };
}

const soonest = (waiting: { body: string; at: number }[]) => waiting.toSorted((left, right) => left.at - right.at)[0];
