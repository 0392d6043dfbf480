import { writeDrillOrder } from './drill-order.ts';
import { type Due, isResting, type Ledger } from './ledger.ts';
import { type Report, writeReport } from './report.ts';
import { writeSweep } from './sweep.ts';
import { newErrand, writeErrand } from './tell.ts';

/** Incidents that one round passes on. What is left over is due in the next one all the same. */
const atMost = 500;
/** Who was passed on has this long (ms) before it is passed on again. */
const patience = 5 * 60_000;
/** An incident whose provider is not configured any more is asked about this seldom (ms). */
const abandoned = 24 * 60 * 60_000;

/** What keeping watch needs from outside. */
export interface Watchtower {
  ledger: Pick<Ledger, 'due' | 'postpone'>;
  /** Provider id → queue URL. */
  lanes: Readonly<Record<string, string>>;
  /** Where it goes who has to be told of; absent, nobody is told. */
  notices: string | undefined;
  /** @throws Unavailable */
  send(queueUrl: string, bodies: string[]): Promise<void>;
  /** Tells logs which incidents were passed on, and where to. */
  passedOn?(to: string, incidents: readonly string[]): void;
  /** Epoch ms. */
  now(): number;
  newId(): string;
}

/**
 * Passes on what is due: keys to be looked at again, and runs that should be over, to their lanes; untold endings to who
 * tells. It decides nothing: a message that is not needed any more finds nothing to do. Returns how many were due.
 * @throws Unavailable: what was not passed on stays due
 */
export async function keepWatch({ ledger, lanes, notices, send, passedOn, now, newId }: Watchtower): Promise<number> {
  const due = await ledger.due(atMost);
  const passed = new Set<Due>();
  const left = new Map<Due, unknown>();
  /** A queue that takes nothing holds up no other. */
  const pass = async (to: string, queueUrl: string, some: Due[], write: (one: Due) => string) => {
    if (some.length === 0) return;
    try {
      await send(queueUrl, some.map(write));
      for (const one of some) passed.add(one);
      passedOn?.(
        to,
        some.map(({ incident }) => incident),
      );
    } catch (error) {
      for (const one of some) left.set(one, error);
    }
  };
  const lookedAt = due.filter((one) => needsLook(one, now()));
  for (const [provider, lane] of Object.entries(lanes)) {
    const mine = lookedAt.filter((one) => one.provider === provider);
    await pass(provider, lane, mine, (one) => writeReport(lookFor(one, newId(), now())));
  }
  if (notices !== undefined) {
    const untold = due.filter(({ telling }) => telling);
    await pass('notices', notices, untold, ({ incident }) => writeErrand(newErrand(incident, now())));
  }
  const done = due.filter((one) => !left.has(one));
  const until = (one: Due) => beforeLook(one, now(), passed.has(one) ? patience : abandoned);
  await Promise.all(done.map((one) => ledger.postpone(one, until(one))));
  for (const error of left.values()) throw error;
  return due.length;
}

/** Sources are swept this often (min). */
const sweepMinutes = 15;

/**
 * Has sources swept for what no delivery told of, every quarter of an hour. Nothing is remembered from round to round, so the clock
 * tells which: two rounds in one minute sweep twice, which is harmless, and a minute without one leaves it to the next quarter.
 * @throws Unavailable
 */
export async function askForSweeps(
  sources: readonly string[],
  { send, now }: Pick<Watchtower, 'send' | 'now'>,
  unroutedQueue: string,
): Promise<void> {
  if (Math.floor(now() / 60_000) % sweepMinutes === 0) await send(unroutedQueue, sources.map(writeSweep));
}

/** Provider id → the accounts that are drilled. */
export type Drills = Readonly<Record<string, readonly string[]>>;

/**
 * Has lanes see to their drills, in every round: whether one is due, and how the last one went, is written down where the key is
 * made. So nothing is remembered here either, and a round that is missed or comes twice changes nothing.
 * @throws Unavailable when a lane took none; the others have theirs
 */
export async function askForDrills(
  drills: Drills,
  { lanes, send, now }: Pick<Watchtower, 'lanes' | 'send' | 'now'>,
): Promise<void> {
  const asked = Object.entries(drills).map(async ([provider, accounts]) => {
    const lane = lanes[provider];
    if (lane === undefined) return;
    await send(
      lane,
      accounts.map((account) => writeDrillOrder({ account, at: now() })),
    );
  });
  for (const one of await Promise.allSettled(asked)) if (one.status === 'rejected') throw one.reason;
}

/** One round of the watch; returns how many incidents were due. What fails in one part holds back no other. @throws Unavailable */
export async function watchRound(
  tower: Watchtower,
  {
    swept,
    unroutedQueue,
    drills = {},
  }: { swept: readonly string[]; unroutedQueue: string; drills?: Drills | undefined },
): Promise<number> {
  const [due, ...asked] = await Promise.allSettled([
    keepWatch(tower),
    askForSweeps(swept, tower, unroutedQueue),
    askForDrills(drills, tower),
  ]);
  if (due.status === 'rejected') throw due.reason;
  for (const one of asked) if (one.status === 'rejected') throw one.reason;
  return due.value;
}

/** Who is due only because somebody has to be told is not looked at before its time; a run that never let go is looked after. */
const needsLook = (due: Due, now: number) =>
  (!isResting(due) && due.isLeased) || (due.lookAt === null ? !isResting(due) : due.lookAt <= now);
const beforeLook = ({ lookAt }: Due, now: number, wait: number) =>
  lookAt !== null && lookAt > now ? Math.min(now + wait, lookAt) : now + wait;

function lookFor({ incident, provider, kind }: Due, message: string, now: number): Report {
  const at = new Date(now).toISOString();
  return {
    message,
    incident,
    provider: provider ?? '',
    kind: kind ?? '',
    leak: undefined,
    sighting: { source: 'keep-watch', at, delivery: message },
    mayNameKeys: false,
    tries: { unavailable: 0, unexpected: 0 },
    look: {},
  };
}
