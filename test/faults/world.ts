import { randomUUID } from 'node:crypto';
import { queues } from '../../functions/manifest.ts';
import { createSend } from '../../functions/platform/http.ts';
import { signingIn } from '../../functions/platform/sign-in.ts';
import { providers } from '../../functions/providers/index.ts';
import { seal } from '../../functions/revocation/fingerprint.ts';
import type { IncidentRecord } from '../../functions/revocation/incident.ts';
import { keepWatch } from '../../functions/revocation/keep-watch.ts';
import { isResting } from '../../functions/revocation/ledger.ts';
import { readReport, writeReport } from '../../functions/revocation/report.ts';
import { respond } from '../../functions/revocation/respond.ts';
import { reserve, type Services } from '../../functions/revocation/run.ts';
import { readErrand, type TellingServices, tellOf, writeErrand } from '../../functions/revocation/tell.ts';
import { type DatadogKey, datadogVendor, inventedKeys } from '../../lib/local/vendors/datadog.ts';
import { testLane, testLedger, vendorNetwork } from '../support/lane.ts';
import { openChronicle } from './chronicle.ts';
import { type Day, plainStory, type Reporter, type Story } from './story.ts';
import { type Fault, type MortalRun, startMortal } from './troubles.ts';

/** What a history came to. */
export interface Ending {
  /** What was asked of the outside, in order. */
  steps: string[];
  /** What must never be, in words. */
  violations: string[];
}

const admin = { site: 'datadoghq.com', apiKey: 'a1'.repeat(16), appKey: 'b2'.repeat(20) };
const start = Date.parse('2026-11-20T12:00:00.000Z');
/** As long as the queue keeps a message to itself and holds one back at most, and as a function may run (ms). */
const visibility = queues.visibilitySeconds * 1000;
const delayAtMost = 900_000;
const functionMs = 24_000;
const minute = 60_000;
/** More deliveries than any history needs: a loop, not a story. */
const deliveriesAtMost = 400;
/** A table is left for a new one after so many histories. */
const perTable = 200;

/** How long a deleted key is honoured on such a day (ms); elsewhere it takes a moment. */
const honouredFor: Partial<Record<Day, number>> = {
  'alive-for-a-while': 90_000,
  unprovable: 90_000,
  'alive-for-long': 20 * minute,
  undying: Number.POSITIVE_INFINITY,
};
/** How long the provider makes us wait (s). */
const waitSeconds = 40;
/** So long after its death a key comes back (ms). */
const resurrection = 3 * minute;

interface Message {
  to: 'lane' | 'notices';
  body: string;
  at: number;
  receives: number;
}

/** A ledger on a real emulator, real vendors and a clock, which many histories use one after another, each with a key of its own. */
export async function openWorld(name = 'world') {
  let time = start;
  const clock = {
    now: () => time,
    advance: (ms: number) => {
      time += ms;
    },
    sleep: async (ms: number) => clock.advance(ms),
  };
  const crowd = inventedKeys(6, 'crowd');
  const vendors = new Map<number, Awaited<ReturnType<typeof openVendor>>>();
  async function openVendor(propagationMs: number) {
    const keys = [...crowd];
    const vendor = datadogVendor([{ site: admin.site, id: 'org', keys, admins: [admin] }], {
      now: clock.now,
      propagationMs,
    });
    return { vendor, keys, network: await vendorNetwork(vendor) };
  }
  let table = await testLedger(clock);
  let told = 0;

  /** Lets one leaked key's story happen, with these faults, and says what came of it. */
  async function tell(faults: readonly Fault[], given: Partial<Story> = {}): Promise<Ending> {
    const story = { ...plainStory, ...given };
    const { day } = story;
    told += 1;
    if (told % perTable === 0) {
      await table.close();
      table = await testLedger(clock);
    }
    time = start;
    const { ledger } = table;
    const lag = honouredFor[day] ?? 700;
    const place = vendors.get(lag) ?? (await openVendor(lag));
    vendors.set(lag, place);
    const { vendor, keys, network } = place;
    const [key, decoy] = inventedKeys(2, `${name} ${told}`) as [DatadogKey, DatadogKey];
    decoy.key = decoy.key.slice(0, -4) + key.key.slice(-4);
    keys.splice(0, keys.length, ...crowd, decoy, ...(day === 'gone-before' ? [] : [key]));
    vendor.troubles.splice(0, vendor.troubles.length, ...troublesOf(day, key.id));
    vendor.arrivals.splice(0);
    vendor.deletions.splice(0);
    const lose = () => void (keys.includes(key) && keys.splice(keys.indexOf(key), 1));

    const steps: string[] = [];
    const queue: Message[] = [];
    const dead: Message[] = [];
    const stalled: { run: MortalRun; work: Promise<unknown> }[] = [];
    const chronicle = openChronicle(
      { story, faults, steps },
      {
        keyId: key.id,
        isAccepted: () => vendor.accepts(key.key),
        isListed: () => keys.includes(key),
        deletions: () => vendor.deletions.filter((id) => id === key.id).length,
        isDecoyAlive: () => vendor.accepts(decoy.key),
      },
      clock.now,
    );
    const { violations } = chronicle;
    const base = testLane({
      provider: providers.datadog,
      vendor,
      accounts: { main: admin },
      ledger,
      clock,
      fetch: network.fetch,
    });
    const fingerprint = await base.services.fingerprint();
    const put = (to: Message['to'], body: string, delayMs = 0) =>
      void queue.push({ to, body, at: clock.now() + Math.min(Math.max(delayMs, 0), delayAtMost), receives: 0 });

    /** When the provider may be asked again (epoch ms), after it said so. */
    let notBefore = 0;
    /** The way to the vendor of a run that must be silent by its deadline. */
    const wire = (deadline: number) =>
      (async (url: URL, init: RequestInit) => {
        if (clock.now() >= deadline) violations.push(`a run asked the vendor after its deadline: ${init.method}`);
        const isDeletion = init.method === 'DELETE' && String(url).includes(key.id);
        if (isDeletion && faults.length === 0 && clock.now() < notBefore)
          violations.push('the provider was asked again before the wait it named was over');
        if (isDeletion && day === 'rivalled') lose();
        const response = await network.fetch(url, init);
        if (response.status === 429) notBefore = clock.now() + waitSeconds * 1000;
        return response;
      }) as typeof fetch;

    function lane(body: string, { at }: MortalRun): Promise<unknown> {
      const endsAt = clock.now() + functionMs;
      const send = signingIn(createSend({ now: clock.now, fetch: wire(endsAt - reserve) }), clock);
      const services: Services = {
        ...base.services,
        ledger: chronicle.watched(ledger, at),
        send: (to, request) =>
          at(`${request.method} ${request.path.replace(/[0-9a-f-]{36}$/, '{id}')}`, () => send(to, request)),
        adminOf: (account, fresh) => at('secret', () => base.services.adminOf(account, fresh)),
        putBack: (report, delayMs) => at('put back', async () => put('lane', writeReport(report), delayMs)),
        announce: (incident) => at('announce', async () => put('notices', errandOf(incident))),
      };
      return respond(readReport(body), services, endsAt);
    }
    const errandOf = (incident: string) => writeErrand({ incident, delivered: [], tries: 0, since: clock.now() });

    function notices(body: string, { at }: MortalRun): Promise<unknown> {
      const telling = <Result>(name: string, act: () => Promise<Result>) => at(`telling: ${name}`, act);
      const services: TellingServices = {
        ledger: chronicle.watched(ledger, telling),
        channels: [chronicle.pager(telling)],
        ...{ now: clock.now, sleep: clock.sleep, random: () => 0.5 },
        putBack: (errand, delayMs) => telling('put back', async () => put('notices', writeErrand(errand), delayMs)),
        note: () => {},
      };
      const errand = readErrand(body);
      return chronicle.tells(errand.incident, () => tellOf(errand, services));
    }

    const ids = new Set<string>();
    function round({ at }: MortalRun): Promise<unknown> {
      const watching = <Result>(name: string, act: () => Promise<Result>) => at(`watch: ${name}`, act);
      const { due, postpone } = chronicle.watched(ledger, watching);
      return keepWatch({
        ledger: { postpone, due: async (limit) => (await due(limit)).filter(({ incident }) => ids.has(incident)) },
        lanes: { datadog: 'lane' },
        notices: 'notices',
        send: async (to, bodies) => {
          if (bodies.length === 0) return;
          await watching(`send to ${to}`, async () => {
            for (const body of bodies) put(to as Message['to'], body);
          });
        },
        now: clock.now,
        newId: randomUUID,
      });
    }

    /** One delivery: what fails, dies or stands still comes again when its visibility is over, and after ten receives no more. */
    async function deliver(message: Message): Promise<void> {
      const receivedAt = clock.now();
      const run = startMortal(steps, faults);
      const work = message.to === 'lane' ? lane(message.body, run) : notices(message.body, run);
      const course = await run.course(work);
      if (course === 'over') return;
      if (course === 'stalled') stalled.push({ run, work });
      const again = { ...message, at: receivedAt + visibility, receives: message.receives + 1 };
      (again.receives < queues.receivesAtMost ? queue : dead).push(again);
    }

    /** Those that stood still go on, each to its end or to where it stands still again. */
    async function wake(): Promise<void> {
      for (const { run, work } of stalled.splice(0)) {
        run.wake();
        if ((await run.course(work)) === 'stalled') stalled.push({ run, work });
      }
    }

    const reports = story.reporters.map((reporter, index) => {
      const leak = leakOf(reporter, key);
      const mayNameKeys = reporter === 'trusted-id';
      const report = base.reportOf(leak, { source: `scanner-${index}`, delivery: `msg_${index}`, mayNameKeys });
      ids.add(report.incident);
      const kept = report.leak && seal(fingerprint, report.incident, { leak: report.leak, mayNameKeys });
      const sealed = kept && Buffer.from(kept).toString('base64');
      return {
        name: reporter,
        body: writeReport({ ...report, sealed }),
        incident: report.incident,
        delivery: `msg_${index}`,
      };
    });
    for (const { body } of reports) for (let copy = 0; copy < story.copies; copy += 1) put('lane', body);
    for (const { body } of reports)
      for (const ms of story.late) queue.push({ to: 'lane', body, at: start + ms, receives: 0 });

    const known = async () => {
      const records = await Promise.all([...ids].map((id) => ledger.read(id)));
      return records.filter((record) => record !== undefined) as (IncidentRecord & { dueAt?: string })[];
    };
    let comesBackAt: number | undefined;
    let lastRound = start;
    let deliveries = 0;
    while (deliveries < deliveriesAtMost) {
      queue.sort((left, right) => left.at - right.at);
      const message = queue[0]?.at ?? Number.POSITIVE_INFINITY;
      if (day === 'resurrected' && comesBackAt === undefined && !vendor.accepts(key.key)) {
        const isClosed = reports.some(({ incident }) => chronicle.latest(incident)?.state === 'closed');
        if (isClosed) comesBackAt = clock.now() + resurrection;
      }
      const comesBack = comesBackAt ?? Number.POSITIVE_INFINITY;
      const soon = clock.now() + minute;
      if (message <= Math.min(soon, comesBack)) {
        clock.advance(Math.max(message - clock.now(), 0));
        const due = queue.filter(({ at }) => at <= clock.now()).slice(0, story.atOnce);
        queue.splice(0, due.length);
        deliveries += due.length;
        await Promise.all(due.map(deliver));
        continue;
      }
      if (stalled.length > 0) {
        await wake();
        continue;
      }
      const records = await known();
      const dues = records.flatMap(({ dueAt }) => (dueAt === undefined ? [] : [Date.parse(dueAt)]));
      const due = Math.max(Math.min(...dues), lastRound + minute, clock.now());
      const next = Math.min(due, message, comesBack);
      const isDone = next > start + story.forMs && records.every((one) => isResting(one) && !one.telling);
      if (next === Number.POSITIVE_INFINITY || (isDone && comesBackAt !== clock.now())) break;
      clock.advance(Math.max(next - clock.now(), 0));
      if (next === comesBack) {
        keys.push(key);
        comesBackAt = Number.POSITIVE_INFINITY;
      } else if (next === due) {
        lastRound = clock.now();
        deliveries += 1;
        const run = startMortal(steps, faults);
        const work = round(run);
        if ((await run.course(work)) === 'stalled') stalled.push({ run, work });
      }
    }
    if (deliveries >= deliveriesAtMost) violations.push('it never came to an end');
    if (dead.length > 0) violations.push(`${dead.length} messages are dead letters`);
    const ends = await Promise.all(
      reports.map(async ({ name, incident, delivery }) => ({
        report: name,
        delivery,
        record: await ledger.read(incident),
      })),
    );
    return { steps, violations: chronicle.judge(ends) };
  }

  const end = async () => {
    for (const { network } of vendors.values()) await network.close();
    await table.close();
  };
  return { tell, end };
}

const leakOf = (reporter: Reporter, { id, key }: DatadogKey) => ({
  provider: 'datadog',
  kind: 'api-key',
  ...(reporter.startsWith('value') && { secret: key }),
  ...(reporter !== 'value' && { identifiers: { keyId: id } }),
});

function troublesOf(day: Day, id: string) {
  const on = new RegExp(`^DELETE .*${id}`);
  const busy = {
    status: 429,
    headers: { 'x-ratelimit-reset': String(waitSeconds) },
    body: { errors: ['Too many requests'] },
  };
  const missing = { status: 404, body: { errors: ['API key not found'] } };
  switch (day) {
    case 'limited':
      return [{ on, times: 1, reply: busy }];
    case 'failing':
      return [{ on, times: 2, reply: { status: 500 } }];
    case 'failing-after':
      return [{ on, times: 1, reply: { status: 500 }, afterActing: true }];
    case 'dropping-before':
      return [{ on, times: 1, reply: 'drop-before' as const }];
    case 'dropping-after':
      return [{ on, times: 1, reply: 'drop-after' as const }];
    case 'gone-after':
      return [{ on, times: 1, reply: missing, afterActing: true }];
    case 'unprovable':
      return [{ on: /^GET \/api\/v1\/validate$/, times: 4, reply: { status: 503 } }];
    default:
      return [];
  }
}
