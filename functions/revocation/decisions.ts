import { letOutagePass } from './errors.ts';
import { unseal } from './fingerprint.ts';
import { type IncidentRecord, isDeath, type State } from './incident.ts';
import { withoutEcho } from './leak-contents.ts';
import { isResting, isRestorable, type Ledger } from './ledger.ts';
import { type Order, writeReport } from './report.ts';
import type { Secret } from './secret.ts';
import type { Step } from './timeline.ts';

/** Who decides. */
export interface Person {
  /** As the place they come from names them, such as `U012ABCDEF`. */
  id: string;
  /** As the timeline names them, such as `<@U012ABCDEF> in Slack`. */
  words: string;
}

/** What deciding needs from outside. */
export interface DecisionServices {
  ledger: Pick<Ledger, 'read' | 'decide' | 'sealed'>;
  /** Provider id → queue URL. */
  lanes: Readonly<Record<string, string>>;
  /** @throws Unavailable */
  send(queueUrl: string, bodies: string[]): Promise<void>;
  /** Sends for who tells of an incident; absent, there is nobody to tell. @throws Unavailable */
  announce?: ((incident: string) => Promise<void>) | undefined;
  /** Epoch ms. */
  now(): number;
  newId(): string;
  /** The key that leaks are sealed with: where the leaked value was typed into a reason, it is taken out. @throws Misconfigured, Unavailable */
  fingerprint?: (() => Promise<Secret>) | undefined;
}

/** `conflict`: what the incident is does not allow it; `why` goes on after "The incident is <state>: ". */
export type Decided =
  | { is: 'decided'; record: IncidentRecord }
  | { is: 'conflict'; record: IncidentRecord; why: string };

/** What one person decides. */
export interface Decision {
  by: Person;
  reason?: string | undefined;
  /** Of the question that they answer; absent, whatever is asked now. */
  nonce?: string | undefined;
  /** Names this decision, for whoever waits for what becomes of it. */
  delivery?: string | undefined;
}

/** How often a decision is put to an incident that others write to. */
const contested = 10;
const decidedAlready = 'somebody else has just decided it';
const onlyParked = 'only a parked incident can be retried';
const notKept = 'the leak is not kept any more; report it again';
const notConfigured = 'its provider is not configured; configure it and report the leak again';

/** Acts on the key that was found when a person was asked, and on no other. */
export function approve(record: IncidentRecord, given: Decision, services: DecisionServices): Promise<Decided> {
  // Who names no question answers the one that stood when the incident was looked up for them.
  const nonce = given.nonce ?? record.asking?.nonce;
  return resume(record, given, services, (current, decision) => {
    const { asking, keyId } = current;
    const isAsked = current.state === 'awaiting-approval' || (current.state === 'parked' && current.outcome === null);
    if (!isAsked || keyId === null || asking === null) return 'nothing waits for approval';
    if (nonce !== asking.nonce) return decidedAlready;
    const approved = { account: asking.account, keyId: asking.keyId, action: asking.action, by: 'person' } as const;
    return { change: { approved, asking: null }, step: { stage: 'approved', detail: said(decision) }, needsLeak: true };
  });
}

/** A person says no, and whatever waits for one is closed. */
export async function reject(record: IncidentRecord, given: Decision, services: DecisionServices): Promise<Decided> {
  const { ledger, now, announce } = services;
  const decision = await withoutValue(record, given, services);
  const decided = await decide(record, ledger, (current) => {
    const isUntouched = !current.inDoubt && current.accepted === null && !current.switchedOff;
    if (!isResting(current) || current.state === 'closed' || !isUntouched)
      return 'nothing waits for a person to say no';
    if (decision.nonce !== undefined && decision.nonce !== current.asking?.nonce) return decidedAlready;
    const reason = ['a person said no', decision.reason].filter(Boolean).join(': ');
    const change = { state: 'closed', outcome: 'rejected', reason, asking: null, approved: null } as const;
    const telling = announce !== undefined;
    return { change: { ...change, telling }, step: { at: text(now()), stage: 'rejected', detail: said(decision) } };
  });
  if (decided.is === 'decided') await announce?.(decided.record.id).catch(letOutagePass);
  return decided;
}

/**
 * A person repaired what kept a parked incident from going on. One that cannot go on all the same stays parked: its timeline says
 * who asked, and why not.
 */
export async function retry(record: IncidentRecord, given: Decision, services: DecisionServices): Promise<Decided> {
  const obstacle = record.state === 'parked' ? await obstacleTo(record, services) : undefined;
  if (obstacle !== undefined) return stayParked(record, obstacle, given, services);
  return resume(record, given, services, (current, decision) => {
    if (current.state !== 'parked') return onlyParked;
    const detail = ['asked for another try', said(decision)].join(' ');
    const step = { stage: 'received', detail } as const;
    return { change: { restoring: current.restoring }, step, needsLeak: !current.restoring };
  });
}

async function obstacleTo(record: IncidentRecord, services: DecisionServices): Promise<string | undefined> {
  if (laneOf(record, services) === undefined) return notConfigured;
  const needsLeak = !record.restoring;
  return needsLeak && (await services.ledger.sealed(record.id)) === undefined ? notKept : undefined;
}

async function stayParked(
  record: IncidentRecord,
  obstacle: string,
  given: Decision,
  services: DecisionServices,
): Promise<Decided> {
  const decision = await withoutValue(record, given, services);
  return decide(record, services.ledger, ({ state }) => {
    if (state !== 'parked') return onlyParked;
    const detail = `asked for another try ${said(decision)}; ${obstacle}`;
    return { change: {}, step: { at: text(services.now()), stage: 'parked', detail } };
  });
}

/** A person undoes our `disable`. */
export function restore(record: IncidentRecord, given: Decision, services: DecisionServices): Promise<Decided> {
  return resume(record, given, services, (current, decision) => {
    if (!isRestorable(current)) return 'only a key that was disabled here can be restored';
    const step = { stage: 'received', detail: ['asked to restore the key', said(decision)].join(' ') } as const;
    return { change: { restoring: true }, step, needsLeak: false };
  });
}

/** Secrets do not belong into a reason, and people are people. */
async function withoutValue(
  { id, sealed: own }: IncidentRecord,
  decision: Decision,
  { ledger, fingerprint }: DecisionServices,
): Promise<Decision> {
  const { reason } = decision;
  if (reason === undefined || fingerprint === undefined) return decision;
  const sealed = own ?? (await ledger.sealed(id));
  const kept = sealed && unseal(await fingerprint(), id, sealed);
  return { ...decision, reason: withoutEcho(reason, kept?.leak.secret) };
}

const said = ({ by, reason }: Decision) => [`by ${by.words}`, reason?.slice(0, 500)].filter(Boolean).join(': ');

type Change = Parameters<Ledger['decide']>[2];
/** What is to be written, or why it may not be. */
type Verdict<More> = string | ({ change: Change; step: Step } & More);

/** Writes what the incident as it stands allows; others' writes in between are read and judged again. */
async function decide(
  given: IncidentRecord,
  ledger: DecisionServices['ledger'],
  judge: (record: IncidentRecord) => Verdict<object> | Promise<Verdict<object>>,
): Promise<Decided> {
  let record = given;
  for (let round = 0; round < contested; round += 1) {
    const verdict = await judge(record);
    if (typeof verdict === 'string') return { is: 'conflict', record, why: verdict };
    const from: State[] = [record.state];
    const decided = await ledger.decide(record.id, from, verdict.change, verdict.step, record.revision);
    if (decided !== undefined) return { is: 'decided', record: decided };
    record = (await ledger.read(record.id)) ?? record;
    const isDead = isDeath(record.outcome) && record.outcome !== given.outcome;
    const isDecided = isResting(given) && (!isResting(record) || isDead);
    if (isDecided) return { is: 'conflict', record, why: decidedAlready };
  }
  return { is: 'conflict', record, why: 'others write to it all the time; try again' };
}

/**
 * Records the decision, then sends a message to go on with it: dying in between costs a few minutes, until whoever keeps watch
 * finds the incident.
 */
async function resume(
  first: IncidentRecord,
  given: Decision,
  services: DecisionServices,
  judge: (
    record: IncidentRecord,
    decision: Decision,
  ) => string | { change: Change; step: Pick<Step, 'stage' | 'detail'>; needsLeak: boolean },
): Promise<Decided> {
  const { ledger, send, now, newId, announce } = services;
  const at = text(now());
  const decision = await withoutValue(first, given, services);
  const decided = await decide(first, ledger, async (record) => {
    const verdict = judge(record, decision);
    if (typeof verdict === 'string') return verdict;
    if (laneOf(record, services) === undefined) return notConfigured;
    if (verdict.needsLeak && (await ledger.sealed(record.id)) === undefined) return notKept;
    const state = record.inDoubt ? 'unknown' : 'received';
    return { change: { state, outcome: null, reason: null, ...verdict.change }, step: { at, ...verdict.step } };
  });
  const { record } = decided;
  const lane = laneOf(record, services);
  if (decided.is === 'conflict' || lane === undefined) return decided;
  // A person's word, even where it orders nothing and the report did not either: it does not count against the fuse.
  const order: Order = record.restoring ? { restore: true } : { asReported: false };
  const message = newId();
  const sighting = { source: 'operator', at, delivery: decision.delivery ?? message };
  const { id: incident, provider, kind, fence } = record;
  const tries = { unavailable: 0, unexpected: 0 };
  const report = { message, incident, provider: provider ?? '', kind: kind ?? '', leak: undefined, sighting };
  // Whoever took the incident since has seen the decision: then this message must not open it again.
  await send(lane, [writeReport({ ...report, mayNameKeys: true, order, tries, fence })]).catch(letOutagePass);
  await announce?.(incident).catch(letOutagePass);
  return decided;
}

/** Where what goes on with an incident is sent; undefined, nobody there knows its provider. */
const laneOf = ({ provider, kind }: IncidentRecord, { lanes }: Pick<DecisionServices, 'lanes'>): string | undefined =>
  provider === null || kind === null ? undefined : lanes[provider];

const text = (ms: number) => new Date(ms).toISOString();
