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
  /** Epoch ms. */
  now(): number;
  newId(): string;
}

/**
 * Passes on what is due: keys to be looked at again, and runs that should be over, to their lanes; untold endings to who
 * tells. It decides nothing: a message that is not needed any more finds nothing to do. Returns how many were due.
 * @throws Unavailable: what was not passed on stays due
 */
export async function keepWatch({ ledger, lanes, notices, send, now, newId }: Watchtower): Promise<number> {
  const due = await ledger.due(atMost);
  const passedOn = new Set<Due>();
  const left = new Map<Due, unknown>();
  /** A queue that takes nothing holds up no other. */
  const pass = async (queueUrl: string, some: Due[], write: (one: Due) => string) => {
    if (some.length === 0) return;
    try {
      await send(queueUrl, some.map(write));
      for (const one of some) passedOn.add(one);
    } catch (error) {
      for (const one of some) left.set(one, error);
    }
  };
  const lookedAt = due.filter((one) => needsLook(one, now()));
  for (const [provider, lane] of Object.entries(lanes)) {
    const mine = lookedAt.filter((one) => one.provider === provider);
    await pass(lane, mine, (one) => writeReport(lookFor(one, newId(), now())));
  }
  if (notices !== undefined) {
    const untold = due.filter(({ telling }) => telling);
    await pass(notices, untold, ({ incident }) => writeErrand(newErrand(incident, now())));
  }
  const done = due.filter((one) => !left.has(one));
  const until = (one: Due) => beforeLook(one, now(), passedOn.has(one) ? patience : abandoned);
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

/** One round of the watch; returns how many incidents were due. What fails in one part holds back no other. @throws Unavailable */
export async function watchRound(
  tower: Watchtower,
  { swept, unroutedQueue }: { swept: readonly string[]; unroutedQueue: string },
): Promise<number> {
  const [due, asked] = await Promise.allSettled([keepWatch(tower), askForSweeps(swept, tower, unroutedQueue)]);
  if (due.status === 'rejected') throw due.reason;
  if (asked.status === 'rejected') throw asked.reason;
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
