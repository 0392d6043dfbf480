import { endLeftovers, makeDrillKey } from './drill-key.ts';
import type { DrillOrder } from './drill-order.ts';
import { faultClass, Misconfigured, Refused, Unavailable, Unexpected } from './errors.ts';
import { incidentId, seal } from './fingerprint.ts';
import { isDeath } from './incident.ts';
import type { Leak } from './leak.ts';
import { isResting } from './ledger.ts';
import { drilledKind, type MadeKey } from './provider.ts';
import type { Order, Report } from './report.ts';
import { type Note, reserve, type Services, withFreshAdmin } from './run.ts';

/** Which accounts of a lane's provider are drilled, how often, and in what time a key is to be dead. */
export interface DrillPlan {
  accounts: readonly string[];
  everyHours: number;
  objectiveSeconds: number;
}

/** Where the drill of one account stands: there is one at a time. */
export interface DrillState {
  /** Rises with every write, and every write is conditional on it. */
  revision: number;
  /** `making`: no leak of it is planted; `planted`: its key's value is on its way through the lane; `over`: until the next is due. */
  is: 'making' | 'planted' | 'over';
  /** Epoch ms. */
  begunAt: number;
  /** Epoch ms before which nobody else goes on with the making. */
  until: number;
  /** How often the making was tried in vain. */
  tries: number;
  /** The incident of the planted key. */
  incident: string | null;
  /** Epoch ms. */
  plantedAt: number | null;
  /** It has been told that the objective is exceeded. */
  late: boolean;
}

/** What is remembered of drills, by account. */
export interface DrillBook {
  read(account: string): Promise<DrillState | undefined>;
  /** Writes what comes after `revision`; after undefined, the first. False: somebody else has written meanwhile. */
  write(account: string, state: DrillState, revision: number | undefined): Promise<boolean>;
}

/** What a lane needs to drill; without a plan it never does. */
export interface DrillServices extends Services {
  drills: { plan: DrillPlan | undefined; book: DrillBook };
}

/** An order that waited longer than this (ms) is dropped: the next is on its way. */
const staleAfter = 2 * 60_000;
/** A lease outlives its function by this much (ms). */
const grace = 2_000;
/** A making that failed is tried again after this long (ms). */
const pause = 30_000;
/** An answer outside the documentation is tried this often. */
const unexpectedAtMost = 3;
/** A making that cannot succeed is given up after this long (ms), or when the next drill is due. */
const patience = 60 * 60_000;
/** A planted leak that no run has claimed after this long (ms) has not arrived. */
const arrival = 5 * 60_000;

interface Round {
  services: DrillServices;
  plan: DrillPlan;
  account: string;
  /** Epoch ms. */
  endsAt: number;
}

/**
 * Sees to the drill of one account, as far as it can go now: begins one that is due, goes on with one that was left lying, and
 * tells what became of the key that was planted. Every step is written down before the next is taken, so that it may die
 * anywhere and be called again at any time.
 * @throws Error what it cannot place; what is wrong with the provider or with us is told, and tried again by the next order
 */
export async function drill(order: DrillOrder, services: DrillServices, endsAt: number): Promise<void> {
  const { plan } = services.drills;
  const { account, at } = order;
  if (plan === undefined || !plan.accounts.includes(account) || services.now() - at > staleAfter) return;
  try {
    await goOn({ services, plan, account, endsAt });
  } catch (error) {
    if (!(error instanceof Unavailable)) throw error;
    services.note({ incident: titleOf(account), detail: error.message });
  }
}

const titleOf = (account: string) => `drill of account ${account}`;
const everyMs = ({ plan }: Round) => plan.everyHours * 3_600_000;
const objectiveMs = ({ plan }: Round) => plan.objectiveSeconds * 1000;
const isDue = (round: Round, { begunAt }: DrillState) => round.services.now() >= begunAt + everyMs(round);

async function goOn(round: Round): Promise<void> {
  const { services, account } = round;
  const state = await services.drills.book.read(account);
  if (state === undefined) return begin(round, undefined);
  if (state.is === 'planted') return follow(round, state);
  if (state.is === 'over') return isDue(round, state) ? begin(round, state) : undefined;
  if (services.now() < state.until) return;
  const taken = await write(round, state, { until: round.endsAt + grace });
  if (taken !== undefined) await make(round, taken);
}

async function begin(round: Round, before: DrillState | undefined): Promise<void> {
  const { services, account, endsAt } = round;
  const fresh = { tries: 0, incident: null, plantedAt: null, late: false } as const;
  const begunAt = services.now();
  const revision = (before?.revision ?? 0) + 1;
  const state: DrillState = { ...fresh, revision, is: 'making', begunAt, until: endsAt + grace };
  if (!(await services.drills.book.write(account, state, before?.revision))) return;
  if (before !== undefined && before.is !== 'over')
    tell(round, { drill: 'missed', incident: before.incident ?? undefined, detail: 'the next drill is due' });
  await make(round, state);
}

/** Undefined: somebody else has gone on with it meanwhile. */
async function write(round: Round, state: DrillState, change: Partial<DrillState>): Promise<DrillState | undefined> {
  const next = { ...state, ...change, revision: state.revision + 1 };
  return (await round.services.drills.book.write(round.account, next, state.revision)) ? next : undefined;
}

/** Ends what is left of earlier drills, makes a key, and plants it as a leak. */
async function make(round: Round, state: DrillState): Promise<void> {
  const { services } = round;
  if (services.now() > state.begunAt + Math.min(patience, everyMs(round)))
    return miss(round, state, 'no key could be made in time');
  let report: Report;
  try {
    report = await madeLeak(round);
  } catch (error) {
    return stumble(round, state, error);
  }
  // Written first: a leak that is known and never arrives is seen, one that nobody knows of would be made twice.
  const { incident } = report;
  const planted = await write(round, state, { is: 'planted', incident, plantedAt: services.now() });
  if (planted === undefined) return;
  tell(round, { incident, detail: `${report.sighting.delivery} was made and is planted` });
  await services.putBack(report, 0);
}

/** Works at the provider as a run on the drilled kind of key would. */
async function madeLeak(round: Round): Promise<Report> {
  const { services, account } = round;
  const { provider, policy, now, newId } = services;
  const key = await services.fingerprint();
  const kind = kindOf(round);
  const drilled = { key, provider: provider.id, account };
  const made = await atProvider(round, (access) => makeDrillKey(access, drilled, policy));
  const leak = leakOf(made, provider.id, kind);
  const incident = incidentId(key, provider.id, kind, leak);
  const order: Order = { action: 'delete', drill: { keyId: made.keyId } };
  const kept = { leak, mayNameKeys: true, order };
  const at = new Date(now()).toISOString();
  return {
    ...kept,
    message: newId(),
    incident,
    provider: provider.id,
    kind,
    sighting: { source: 'drill', at, delivery: made.name, reference: made.name },
    tries: { unavailable: 0, unexpected: 0 },
    sealed: Buffer.from(seal(key, incident, kept)).toString('base64'),
  };
}

/** Like any alert: it does not say which account the key is in. */
const leakOf = ({ secret, identifiers }: MadeKey, provider: string, kind: string): Leak =>
  ({ provider, kind, secret, ...(identifiers && { identifiers }) }) as Leak;

const atProvider = <Result>(round: Round, act: Parameters<typeof withFreshAdmin<Result>>[2]): Promise<Result> => {
  const { services, account, endsAt } = round;
  return withFreshAdmin({ services, report: { kind: kindOf(round) }, deadline: endsAt - reserve }, account, act);
};

function kindOf({ services }: Round): string {
  const kind = drilledKind(services.provider);
  if (kind === undefined) throw new Misconfigured(`${services.provider.id} cannot be drilled`);
  return kind;
}

/** The key was not made, or nobody knows its value. A bad moment passes; what only a person can repair is told at once. */
async function stumble(round: Round, state: DrillState, error: unknown): Promise<void> {
  if (error instanceof Refused) return miss(round, state, error.message);
  if (faultClass(error) === undefined) throw error;
  const { message } = error as Error;
  const tries = state.tries + 1;
  if (error instanceof Unexpected && tries >= unexpectedAtMost) return miss(round, state, message);
  await write(round, state, { tries, until: round.services.now() + pause });
  tell(round, { detail: `${message}; trying again` });
}

/** The key that was planted: is it dead by now? */
async function follow(round: Round, state: DrillState): Promise<void> {
  const { ledger, now } = round.services;
  const { incident, plantedAt } = state;
  if (incident === null || plantedAt === null) return miss(round, state, 'it names no incident');
  const record = await ledger.read(incident);
  if (record !== undefined && isDeath(record.outcome) && record.timeToDeadMs !== null) {
    const { timeToDeadMs } = record;
    if ((await write(round, state, { is: 'over' })) === undefined) return;
    tell(round, { drill: 'dead', incident, timeToDeadMs });
    if (!state.late && timeToDeadMs > objectiveMs(round)) tell(round, { drill: 'late', incident });
    return;
  }
  if (record !== undefined && isResting(record))
    return miss(round, state, `its incident rests as ${record.outcome ?? record.state}`);
  if (isDue(round, state)) return begin(round, state);
  if (record === undefined && now() > plantedAt + Math.max(arrival, objectiveMs(round)))
    return miss(round, state, 'the planted leak has not arrived');
  if (state.late || now() <= plantedAt + objectiveMs(round)) return;
  if ((await write(round, state, { late: true })) !== undefined) tell(round, { drill: 'late', incident });
}

/** This drill does not end with a key that we killed. What it made is ended all the same, as well as that is possible now. */
async function miss(round: Round, state: DrillState, why: string): Promise<void> {
  const { services, account } = round;
  const { provider, policy } = services;
  const left = await atProvider(round, async (access) =>
    endLeftovers(access, { key: await services.fingerprint(), provider: provider.id, account }, policy),
  ).then(
    () => '',
    (error: unknown) => {
      if (faultClass(error) === undefined) throw error;
      return `; its key may be alive: ${(error as Error).message}`;
    },
  );
  if ((await write(round, state, { is: 'over' })) === undefined) return;
  tell(round, { drill: 'missed', incident: state.incident ?? undefined, detail: `${why}${left}` });
}

const tell = ({ services, account }: Round, { incident, ...event }: Partial<Note>) =>
  services.note({ incident: incident ?? titleOf(account), ...event });
