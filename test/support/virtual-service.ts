import { randomUUID } from 'node:crypto';
import { createObservability } from '../../functions/platform/observability.ts';
import { providers } from '../../functions/providers/index.ts';
import { approve, reject } from '../../functions/revocation/decisions.ts';
import { accept } from '../../functions/revocation/intake.ts';
import { askForSweeps, keepWatch } from '../../functions/revocation/keep-watch.ts';
import { leakFromSource } from '../../functions/revocation/leak.ts';
import { isResting } from '../../functions/revocation/ledger.ts';
import type { Providers } from '../../functions/revocation/provider.ts';
import { type Referral, writeReferral } from '../../functions/revocation/references.ts';
import { readReport } from '../../functions/revocation/report.ts';
import { type ResolveServices, resolve } from '../../functions/revocation/resolve.ts';
import { Secret } from '../../functions/revocation/secret.ts';
import type { AnySource, Fetched } from '../../functions/revocation/source.ts';
import { type Channel, newErrand, readErrand, tellOf, writeErrand } from '../../functions/revocation/tell.ts';
import { type AlarmDefinition, alarmsOf } from '../../lib/alarms.ts';
import { readConfiguration } from '../../lib/configuration.ts';
import { alarmedAt } from '../../lib/local/alarm-states.ts';
import { LocalMetrics, localApi } from '../../lib/local/metrics.ts';
import { loadWorlds } from '../../lib/local/stage.ts';
import type { Vendor } from '../../lib/local/vendors/vendor.ts';
import { testClock, testLane, testLedger, vendorNetwork } from './lane.ts';

const minute = 60_000;
/** A function of a queue is stopped after this long (ms). */
const life = 24_000;

/** What this process writes as metrics goes to `metrics` instead, until it is released. */
export function collecting(metrics: LocalMetrics): () => void {
  const { stdout } = process;
  const write = stdout.write;
  stdout.write = ((chunk: string | Uint8Array, ...rest: never[]) => {
    const text = typeof chunk === 'string' ? chunk : Buffer.from(chunk).toString('utf8');
    if (!text.includes('"CloudWatchMetrics"')) return write.call(stdout, chunk, ...rest);
    metrics.take(text);
    return true;
  }) as typeof stdout.write;
  return () => {
    stdout.write = write;
  };
}

/** A queue in virtual time. */
function virtualQueue(now: () => number) {
  const waiting: { body: string; at: number }[] = [];
  const sent = new WeakMap<object, number>();
  const put = (body: string, delayMs = 0) =>
    void waiting.push({ body, at: now() + Math.min(Math.max(delayMs, 0), 900_000) });
  return { waiting, sent, put };
}

interface Options {
  /** The providers that are configured, each with one account of its world. */
  providers: (keyof typeof providers)[];
  policy?: object;
  /** What a provider's account has for a secret; absent, the one of its world. */
  secrets?: Record<string, object>;
  /** The vendor that answers; absent, that of the provider's world. */
  vendors?: Record<string, Vendor>;
  /** What the source `github` answers when an alert is fetched, or throws. */
  fetch?: () => Fetched;
  /** Whom each incident is told; it may throw. */
  tell?: () => void;
  /** Queues that nobody handles, and `keep-watch` where nobody calls it. */
  idle?: () => readonly string[];
}

/**
 * The engine of every function with real ledger and vendors, in virtual time, a minute at a time, and what CloudWatch would know of it:
 * the metrics that functions write, and those of queues.
 */
export async function virtualService({
  providers: wanted,
  policy = {},
  fetch,
  tell,
  idle = () => [],
  ...given
}: Options) {
  const clock = testClock();
  const from = clock.now();
  const metrics = new LocalMetrics({ now: clock.now });
  const release = collecting(metrics);
  const worlds = await loadWorlds();
  const { ledger, close } = await testLedger(clock);
  const closers: (() => Promise<void> | void)[] = [release, close];
  const configuration = readConfiguration({
    providers: Object.fromEntries(wanted.map((id) => [id, { accounts: ['main'] }])),
    sources: ['standard', 'github'],
    policy,
  });
  const queues: Record<string, ReturnType<typeof virtualQueue>> = {};
  const notices = virtualQueue(clock.now);
  const unrouted = virtualQueue(clock.now);
  queues['leakstop-notices'] = notices;
  queues['leakstop-unrouted'] = unrouted;
  const announce = async (incident: string) => notices.put(writeErrand(newErrand(incident, clock.now())));

  const lanes: Record<string, ReturnType<typeof testLane> & { vendor: Vendor }> = {};
  for (const id of wanted) {
    const world = worlds[id];
    if (world === undefined) throw new Error(`there is no world of ${id}`);
    const [account = {}] = Object.values(world.accounts);
    const vendor = given.vendors?.[id] ?? world.simulate({ main: account }, clock.now);
    const network = await vendorNetwork(vendor);
    closers.push(network.close);
    const accounts = { main: given.secrets?.[id] ?? account };
    const provider = (providers as Providers)[id];
    if (provider === undefined) throw new Error(`there is no provider ${id}`);
    const lane = testLane({ provider, vendor, accounts, policy, ledger, clock, fetch: network.fetch });
    const { note } = createObservability('revoke-key');
    Object.assign(lane.services, { announce, note: (event: Parameters<typeof note>[1]) => note(id, event) });
    lanes[id] = { ...lane, vendor };
    const sent = new WeakMap<object, number>();
    const put = (body: string) => void lane.waiting.push({ body, at: clock.now() });
    queues[`leakstop-lane-${id}`] = { waiting: lane.waiting, sent, put };
  }
  const laneNames = Object.fromEntries(wanted.map((id) => [id, `leakstop-lane-${id}`]));
  const send = async (queue: string, bodies: string[]) => {
    for (const body of bodies) queues[queue]?.put(body);
  };

  const channel: Channel = {
    id: 'chat',
    noticesOf: ({ outcome, state }) => [
      {
        name: `chat ${state} ${outcome}`,
        deliver: async () => {
          tell?.();
          return 'told the chat';
        },
      },
    ],
  };
  const telling = createObservability('send-notice');
  const source = {
    ...{ id: 'github', title: 'GitHub', docs: 'https://docs.github.com', mayNameKeys: false },
    fetch: async () => fetch?.() ?? { is: 'over', reason: 'it is closed' },
    listOpen: async () => ({ references: [], skipped: 0, more: false }),
  } as unknown as AnySource;
  const resolving = createObservability('resolve-alert');
  const key = new Secret('a fingerprint key that only tests have');
  const resolveServices: ResolveServices = {
    sources: { github: source },
    intake: {
      ...{ providers, lanes: laneNames, unroutedQueue: 'leakstop-unrouted', fingerprint: async () => key, send },
      ...{ now: clock.now, newId: randomUUID, queued: resolving.queued },
    },
    ledger,
    account: '111122223333',
    configOf: async () => ({}),
    inquiry: () => ({}) as never,
    putBack: async (referral, delayMs) => unrouted.put(writeReferral(referral), delayMs),
    random: () => 0.5,
    announce,
    ...resolving,
  };
  const handle = async (queue: string, body: string): Promise<void> => {
    const endsAt = clock.now() + life;
    if (queue === 'leakstop-unrouted') return resolve(body, resolveServices, endsAt);
    if (queue !== 'leakstop-notices') return lanes[queue.slice('leakstop-lane-'.length)]?.run(readReport(body), life);
    const services = { ledger, channels: [channel], ...clock, random: () => 0.5, note: telling.told };
    return tellOf(readErrand(body), {
      ...services,
      putBack: async (errand, delayMs) => notices.put(writeErrand(errand), delayMs),
    });
  };
  /** Handles what comes out of the queues by `until`, in its order. */
  async function deliver(until: number): Promise<void> {
    for (;;) {
      const due = Object.entries(queues)
        .filter(([name]) => !idle().includes(name))
        .flatMap(([name, { waiting }]) => waiting.map((message) => ({ name, waiting, message })))
        .filter(({ message }) => message.at <= until)
        .toSorted((left, right) => left.message.at - right.message.at)[0];
      if (due === undefined) return;
      clock.advance(Math.max(due.message.at - clock.now(), 0));
      due.waiting.splice(due.waiting.indexOf(due.message), 1);
      await handle(due.name, due.message.body);
    }
  }
  const watching = createObservability('keep-watch');
  async function round(): Promise<void> {
    const tower = { ledger, lanes: laneNames, notices: 'leakstop-notices', send, now: clock.now, newId: randomUUID };
    await keepWatch(tower);
    await askForSweeps(['github'], tower, 'leakstop-unrouted');
    watching.heartbeat();
  }
  function sample(): void {
    for (const [name, { waiting, sent }] of Object.entries(queues)) {
      for (const message of waiting) if (!sent.has(message)) sent.set(message, clock.now());
      const ages = waiting.map((message) => sent.get(message) ?? clock.now());
      metrics.sampleQueue(name, ages, waiting.filter(({ at }) => at <= clock.now()).length);
    }
  }
  let minutes = 0;
  /** Lets so many minutes pass; `each` is called at the beginning of each of them, counted from the very first. */
  async function pass(count: number, each: (minute: number) => Promise<void> | void = () => {}): Promise<void> {
    for (const end = minutes + count; minutes < end; ) {
      await each(minutes);
      minutes += 1;
      const until = from + minutes * minute;
      await deliver(until - 1000);
      if (!idle().includes('keep-watch')) await round();
      clock.advance(Math.max(until - 1 - clock.now(), 0));
      sample();
      clock.advance(Math.max(until - clock.now(), 0));
    }
  }
  const intake = createObservability('receive-alert');
  /** Accepts a leak from a source. Returns its incident. */
  async function report(
    leak: object,
    { source: from = 'standard', delivery = randomUUID() as string, hearsay = false } = {},
  ): Promise<string> {
    const own = { ...resolveServices.intake, queued: intake.queued };
    const [incident = ''] = await accept(own, { source: from, delivery, mayNameKeys: false, hearsay }, [
      leakFromSource.parse(leak),
    ]);
    metrics.put('AWS/ApiGateway', '5xx', { ApiId: localApi }, 0);
    return incident;
  }
  /** An alert of `github` that only names its credential. */
  function refer(number: number): void {
    const at = new Date(clock.now()).toISOString();
    const link = `https://github.com/example/shop/security/secret-scanning/${number}`;
    const tries = { unavailable: 0, unexpected: 0 };
    const referral: Referral = { source: 'github', delivery: `d-${number}`, at, reference: { link }, tries };
    intake.queued({ source: 'github', delivery: referral.delivery, incidents: [], references: 1 });
    unrouted.put(writeReferral(referral));
  }
  async function decide(provider: string, incident: string, verb: 'approve' | 'reject'): Promise<void> {
    const [record, lane] = [await ledger.read(incident), lanes[provider]];
    if (record === undefined || lane === undefined) throw new Error('there is nothing to decide');
    const act = verb === 'approve' ? approve : reject;
    await act(record, { by: { id: 'U1', words: 'somebody' } }, lane.decisions);
  }
  const alarms = alarmsOf(configuration, { apiId: localApi });
  const alarmed = (alarm: AlarmDefinition) => alarmedAt(alarm, metrics.data, { from, until: clock.now() });
  return {
    ...{ clock, ledger, lanes, metrics, alarms, pass, report, refer, decide },
    /** The alarms that went off, each with the minute in which it first did. */
    fired: (): Record<string, number> =>
      Object.fromEntries(
        alarms.flatMap((alarm) => {
          const [first] = alarmed(alarm);
          return first === undefined ? [] : [[alarm.name, Math.round((first - from) / minute)]];
        }),
      ),
    resting: async (incident: string) => {
      const record = await ledger.read(incident);
      return record !== undefined && isResting(record);
    },
    close: async () => {
      for (const one of closers) await one();
    },
  };
}
