import * as z from 'zod';
import { type Fault, faultClass, Unavailable } from './errors.ts';
import { backoff } from './faults.ts';
import type { IncidentRecord } from './incident.ts';
import { isResting, type Ledger } from './ledger.ts';
import { parseJson, plainJson } from './report.ts';
import type { Step } from './timeline.ts';

/** One thing to tell one receiver: `name` is the same for as long as there is nothing else to tell them. */
export interface Notice {
  name: string;
  /** Delivers it. Twice must be harmless: a notice whose answer was lost goes out again. Returns what to remember of it, for people. */
  deliver(): Promise<string | Told>;
  /**
   * Notices of the same turn are never delivered at once, and none out of order: what they change would else be there twice, or
   * would show what is over.
   */
  turn?: string;
}

/** What is written down of a delivery. */
export interface Told {
  /** A sentence for the timeline; empty, it tells nothing there. */
  detail: string;
  /** What channels keep of the incident, by channel: given with it when there is more to tell. */
  keep?: Record<string, string>;
}

/** The name of what a source is told of one of its alerts. */
export const noticeOf = (source: string, reference: string) => `${source} ${reference}`;

/** A way to tell somebody what became of an incident. */
export interface Channel {
  id: string;
  /** What there is to tell of an incident as it stands in the ledger; nothing, where it is none of theirs. */
  noticesOf(record: IncidentRecord): Notice[];
}

/** What telling needs from outside. */
export interface TellingServices {
  ledger: Pick<Ledger, 'read' | 'amend'>;
  channels: readonly Channel[];
  /** Epoch ms. */
  now(): number;
  /** 0 to 1. */
  random(): number;
  sleep(ms: number): Promise<void>;
  /** Sends the errand again, to come out after `delayMs`. @throws Unavailable */
  putBack(errand: Errand, delayMs: number): Promise<void>;
  /** Tells logs and metrics what became of a notice; `fault`: why it did not get out, and for how long (ms). Never given anything secret. */
  note(incident: string, detail: string, fault?: { is: Fault; isFinal: boolean; waitedMs: number }): void;
}

const errandForm = z.object({
  incident: z.string(),
  delivered: z.array(
    z.object({
      name: z.string(),
      at: z.string(),
      detail: z.string(),
      keep: z.record(z.string(), z.string()).optional(),
    }),
  ),
  tries: z.int(),
  since: z.number(),
  /** Epoch ms before which there is no point in trying: a queue holds nothing back for long. */
  notBefore: z.number().optional(),
  /** The turns it has: another errand waits for them. */
  turns: z.record(z.string(), z.string()).optional(),
  /** Notices that have a time of their own before which they are not tried again, by name (epoch ms). */
  waiting: z.record(z.string(), z.number()).optional(),
});
/** Somebody has to be told of an incident. What went out already is carried along until it can be written down. */
export type Errand = z.infer<typeof errandForm>;

export const newErrand = (incident: string, now: number): Errand => ({ incident, delivered: [], tries: 0, since: now });

export const writeErrand = (errand: Errand): string => plainJson(errand);

/** @throws Error without its content when the text is no errand */
export function readErrand(body: string): Errand {
  const parsed = errandForm.safeParse(parseJson(body));
  if (!parsed.success) throw new Error('the message is not an errand');
  return parsed.data;
}

/** No notice is tried for longer than this (ms); that it could not be told is then written down. */
const patience = 24 * 60 * 60_000;
/** The longest pause (ms) between two tries: a day of them for many alerts must not use up what a receiver takes from us. */
const longestPause = 15 * 60_000;
/** A run that holds the incident is about to change what there is to tell: it is waited for this long at a time (ms). */
const nextLook = 3_000;
const contested = 20;
/** Names that an incident remembers: more than its sightings and states can give. */
const toldAtMost = 400;
/** Longer than a function lives (ms): by then a turn that was taken and not given back is nobody's. */
const turnTakes = 30_000;
/** Whose turn it is stands among what channels keep, under a name that no channel has: until when, in epoch ms. */
const turnOf = (turn: string) => `turn of ${turn}`;

/**
 * Tells every channel what there is to tell of an incident: each notice once, only what stands in the ledger, and one that
 * fails holds back no other. What was delivered is written into the timeline.
 * @throws Unavailable from the ledger and the queue; whatever a channel throws that it should not, after the rest is told
 */
export async function tellOf(errand: Errand, services: TellingServices): Promise<void> {
  const { ledger, channels, now, putBack } = services;
  if (errand.notBefore !== undefined && errand.notBefore > now()) return putBack(errand, errand.notBefore - now());
  const delivered = [...errand.delivered];
  const turns = { ...errand.turns };
  const failed = new Map(Object.entries(errand.waiting ?? {}).filter(([, until]) => until > now()));
  const broken: unknown[] = [];
  for (let round = 0; round < contested; round += 1) {
    const found = await ledger.read(errand.incident);
    if (found === undefined || isSuperfluous({ ...errand, delivered }, found)) return;
    if (isHeld(found, now())) return putBack({ ...errand, delivered, turns }, nextLook);
    const notices = channels.map((channel) => channel.noticesOf(withKept(found, delivered)));
    const isWanted = (name: string) => notices.flat().some((notice) => notice.name === name);
    const record = await deliverAll(notices, found, { errand, delivered, turns, failed, broken }, services);
    if (record !== undefined) {
      const fresh = delivered.filter(({ name }) => !record.told.includes(name));
      const waiting = Object.fromEntries([...failed].filter(([name]) => isWanted(name)));
      const telling = Object.keys(waiting).length > 0;
      const tellAt = telling ? Math.min(...Object.values(waiting)) : null;
      const timeline = fresh.flatMap(({ at, detail }): Step[] =>
        detail === '' ? [] : [{ at, stage: 'told', detail }],
      );
      const told = [...record.told, ...fresh.map(({ name }) => name)].slice(-toldAtMost);
      const kept = withoutTurns(withKept(record, delivered).kept, turns);
      const isSaid = fresh.length === 0 && !telling && !record.telling && Object.keys(turns).length === 0;
      if (isSaid || (await ledger.amend(record, { told, telling, tellAt, timeline, kept })) !== undefined) {
        if (broken.length > 0) throw broken[0];
        if (tellAt === null) return;
        const tries = errand.tries + 1;
        const again = { ...errand, delivered: [], turns: undefined, tries, notBefore: tellAt, waiting };
        return putBack(again, Math.max(tellAt - now(), 0));
      }
    }
    await services.sleep(10 + services.random() * 30 * Math.min(round, 10));
  }
  throw new Unavailable(`incident ${errand.incident} is contested`);
}

/** What comes of an errand, as long as it is in hand. */
interface Course {
  errand: Errand;
  delivered: Errand['delivered'];
  turns: Record<string, string>;
  /** When each notice that failed is tried again (epoch ms). */
  failed: Map<string, number>;
  broken: unknown[];
}

/**
 * Delivers what is not out yet, each channel by itself: one that takes its time holds up no other. Returns the incident as it
 * stands then; undefined, somebody changed it before anything went out.
 */
async function deliverAll(
  notices: readonly (readonly Notice[])[],
  found: IncidentRecord,
  { errand, delivered, turns, failed, broken }: Course,
  services: TellingServices,
): Promise<IncidentRecord | undefined> {
  const { now } = services;
  const isOut = ({ name }: Notice) => found.told.includes(name) || delivered.some((one) => one.name === name);
  const isLeft = (notice: Notice) => !isOut(notice) && !failed.has(notice.name);
  let record = found;
  for (const notice of notices.flat().filter(isLeft)) {
    const turn = await takeTurn(notice, record, turns, services);
    if (turn === 'changed') return undefined;
    if (turn === 'taken') failed.set(notice.name, now() + nextLook);
    else record = turn;
  }
  const deliverInTurn = async (some: readonly Notice[]) => {
    const out: Errand['delivered'] = [];
    for (const notice of some.filter(isLeft)) {
      const at = new Date(now()).toISOString();
      try {
        const result = await deliver(notice, errand, services);
        if ('retryAfterMs' in result) failed.set(notice.name, now() + result.retryAfterMs);
        else out.push({ name: notice.name, at, ...result });
      } catch (error) {
        broken.push(error);
        failed.set(notice.name, now());
      }
    }
    return out;
  };
  delivered.push(...(await Promise.all(notices.map(deliverInTurn))).flat());
  return record;
}

/** The record as channels see it: with what they keep of it, even where that could not be written down yet. */
const withKept = (record: IncidentRecord, delivered: Errand['delivered']): IncidentRecord => ({
  ...record,
  kept: Object.assign({}, record.kept, ...delivered.map(({ keep }) => keep)),
});

/** What is kept when the turns that are still ours are given back. */
const withoutTurns = (kept: IncidentRecord['kept'], turns: Course['turns']): IncidentRecord['kept'] =>
  Object.fromEntries(Object.entries(kept).filter(([name, value]) => turns[name] !== value));

/**
 * Takes a notice's turn, where it has one: by a write that one errand alone can make of the incident as it was read. Returns
 * the incident as it stands then.
 */
async function takeTurn(
  { turn }: Notice,
  record: IncidentRecord,
  turns: Course['turns'],
  { ledger, now, random }: TellingServices,
): Promise<IncidentRecord | 'taken' | 'changed'> {
  if (turn === undefined) return record;
  const name = turnOf(turn);
  // An incident of an older version keeps nothing.
  const held = record.kept?.[name];
  if (held !== undefined && held === turns[name]) return record;
  if (Number.parseInt(held ?? '0', 10) > now()) return 'taken';
  // Two of one moment must not be one and the same write.
  const mine = `${now() + turnTakes} ${random()}`;
  const taken = await ledger.amend(record, { kept: { ...record.kept, [name]: mine } });
  if (taken === undefined) return 'changed';
  turns[name] = mine;
  return taken;
}

/** Another errand tried after this one went to wait, and waits now. Were it lost, who keeps watch sends one. */
const isSuperfluous = ({ notBefore, delivered }: Errand, { telling, tellAt }: IncidentRecord) =>
  notBefore !== undefined && delivered.length === 0 && telling && (tellAt ?? 0) > notBefore;

/** A run is at work: what it will say is not known yet. */
const isHeld = (record: IncidentRecord, now: number) =>
  !isResting(record) && record.lease.until > now && !record.lease.scheduled;

async function deliver(
  { name, deliver: act }: Notice,
  errand: Errand,
  { now, note, random }: TellingServices,
): Promise<Told | { retryAfterMs: number }> {
  try {
    const told = await act();
    note(errand.incident, name);
    return typeof told === 'string' ? { detail: told } : told;
  } catch (error) {
    const fault = faultClass(error);
    if (fault === undefined || !(error instanceof Error)) throw error;
    const waitedMs = now() - errand.since;
    const isFinal = waitedMs > patience;
    note(errand.incident, `${name}: ${error.message}`, { is: fault, isFinal, waitedMs });
    if (isFinal) return { detail: `could not be told in a day: ${error.message}` };
    const hint = error instanceof Unavailable ? error.retryAfterMs : undefined;
    return { retryAfterMs: Math.min(hint ?? backoff(errand.tries + 1, random(), longestPause), patience) };
  }
}
