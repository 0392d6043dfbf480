import * as z from 'zod';
import { type Fault, faultClass, letOutagePass, Refused, Unavailable, Unexpected } from './errors.ts';
import { leaksOf } from './findings.ts';
import { incidentId } from './fingerprint.ts';
import type { IncidentRecord } from './incident.ts';
import { accept, type Intake } from './intake.ts';
import type { Ledger } from './ledger.ts';
import { plainJson, type Tries } from './report.ts';
import type { Note } from './run.ts';
import type { Secret } from './secret.ts';
import type { AnySource, Inquiry, Reference, Sources } from './source.ts';

const day = 24 * 60 * 60_000;
/** No reference is tried for longer than this (ms); then a person opens the alert. */
const patience = day;
/** What a source refuses or answers outside its documentation is tried this often, these pauses (ms) apart, within a minute. */
const unexpectedPauses = [5_000, 15_000];
/** A setting of ours that is wrong is looked at again this often (ms). */
const repairPause = 60_000;
const longestPause = 15 * 60_000;
/** Time kept at the end of a function (ms) for putting back or parking. */
const reserve = 4_000;
/** An alert that was followed to its end is not fetched again by a sweep for this long (ms). */
const remembered = 30 * day;
/** Who asked is told in so many tries. */
const contested = 5;
/** One that may still be followed has all the time it is tried for, and this (ms). */
const margin = 60 * 60_000;

/** A reference on its way to being fetched. It holds nothing secret. */
export interface Referral {
  source: string;
  delivery: string;
  /** ISO 8601, when the alert was accepted. */
  at: string;
  reference: Reference;
  tries: Tries;
  /** Epoch ms before which there is no point in trying. */
  notBefore?: number | undefined;
  /** The parked incident that a person asked to try again: it is told what became of that. */
  asked?: string | undefined;
}

/** A referral as it travels. */
export const referralForm = z.object({
  source: z.string(),
  delivery: z.string(),
  at: z.string(),
  reference: z.object({ link: z.string(), hints: z.record(z.string(), z.string()).optional() }),
  tries: z.object({ unavailable: z.int(), unexpected: z.int() }),
  notBefore: z.number().optional(),
  asked: z.string().optional(),
});

export const writeReferral = (referral: Referral): string => plainJson(referral);

/** What following references up needs from outside; all of it injected. */
export interface ReferenceServices {
  sources: Sources;
  /** The lanes, and where leaks go that no lane takes. */
  intake: Intake;
  ledger: Pick<Ledger, 'park' | 'decide' | 'rememberAlert' | 'knownAlerts'>;
  /** A source's secret; `fresh` reads it anew. @throws Misconfigured, Unavailable */
  configOf(source: AnySource, fresh: boolean): Promise<unknown>;
  /** The way to a source's interface, until `deadline` (epoch ms). */
  inquiry(id: string, config: unknown, deadline: number): Inquiry<unknown>;
  /** Puts a referral back, to come out after `delayMs`. @throws Unavailable */
  putBack(referral: Referral, delayMs: number): Promise<void>;
  /** 0 to 1. */
  random(): number;
  /** Sends for who tells of an incident; absent, there is nobody to tell. @throws Unavailable */
  announce?: ((incident: string) => Promise<void>) | undefined;
  /** Tell logs and metrics what happened. Never given anything secret, nor anything of an alert. */
  note(provider: string, event: Note): void;
  info(message: string, fields: Record<string, string | number>): void;
  /** Tells metrics that an alert could not be fetched now, or for good; `waitedMs`: how old it will be when it is tried again. */
  notFetched?(source: string, trouble: { fault: Fault; isFinal: boolean; waitedMs: number }): void;
}

/** The incident of an alert whose credential nobody could fetch: the same for every delivery that names it. */
export const referenceIncident = (key: Secret, source: string, { link }: Reference): string =>
  incidentId(key, '', '', { identifiers: { source, reference: link } });

/** The referral of an incident that stands for an alert which could not be fetched; undefined for any other. `at`: ISO 8601, now. */
export function referralOf({ id, sightings }: IncidentRecord, key: Secret, at: string): Referral | undefined {
  for (const { source, delivery, reference: link } of sightings) {
    if (link === undefined || referenceIncident(key, source, { link }) !== id) continue;
    const tries = { unavailable: 0, unexpected: 0 };
    return { source, delivery, at, reference: { link }, tries, asked: id };
  }
  return undefined;
}

/** Remembers that an alert is on its way to being fetched. @throws Unavailable */
export async function rememberUnderWay(
  { source, reference, at }: Referral,
  ledger: Pick<Ledger, 'rememberAlert'>,
): Promise<void> {
  await ledger.rememberAlert(source, reference.link, Date.parse(at) + patience + margin);
}

/**
 * Fetches the credential that an alert names and queues it as the leak it is. What cannot be fetched yet is put back by
 * the time this returns; what never can be is parked with the link for a person. `endsAt` (epoch ms): the function is stopped.
 * @throws Error when not even that was possible: the message must stay in its queue
 */
export async function resolveReference(referral: Referral, services: ReferenceServices, endsAt: number): Promise<void> {
  const { notBefore = 0 } = referral;
  const wait = notBefore - services.intake.now();
  if (wait > 0) return services.putBack(referral, wait);
  try {
    await follow(referral, services, endsAt - reserve);
  } catch (error) {
    await settleFault(referral, services, error);
  }
}

async function follow(referral: Referral, services: ReferenceServices, deadline: number): Promise<void> {
  const { source: id, delivery, at, reference, tries } = referral;
  const source = Object.hasOwn(services.sources, id) ? services.sources[id] : undefined;
  if (!source?.fetch) return park(referral, services, 'the source has no way to fetch what the alert names');
  const config = await services.configOf(source, tries.unexpected > 0);
  if (source.owns?.(reference.link, config) === false)
    return park(referral, services, `the alert is not at the address that leakstop/sources/${id} names`);
  const fetched = await source.fetch(reference, services.inquiry(id, config, deadline));
  if (fetched.is === 'over') {
    services.info('the alert is over', { ...lineOf(referral), reason: fetched.reason });
    return conclude(referral, services, `the alert is over: ${fetched.reason}`);
  }
  if (fetched.is === 'out-of-reach') return park(referral, services, fetched.reason);
  const leaks = fetched.findings
    .flatMap((finding) => leaksOf(finding, services.intake.providers))
    .map((leak) => ({ ...leak, reference: reference.link }));
  if (leaks.length === 0) return park(referral, services, 'what was fetched for the alert holds no value');
  const incidents = await accept(services.intake, { source: id, delivery, mayNameKeys: source.mayNameKeys, at }, leaks);
  services.info('the alert is fetched', { ...lineOf(referral), incidents: incidents.join(' ') });
  await conclude(referral, services, `the alert is fetched: see ${incidents.join(', ')}`);
}

async function settleFault(referral: Referral, services: ReferenceServices, error: unknown): Promise<void> {
  const { source, tries, at } = referral;
  const now = services.intake.now();
  const fault = faultClass(error);
  if (fault === undefined || !(error instanceof Error)) throw error;
  const putBack = async (delayMs: number, counted: Partial<Tries>) => {
    const notBefore = now + delayMs;
    await services.putBack({ ...referral, tries: { ...tries, ...counted }, notBefore }, delayMs);
    if (tries.unavailable + tries.unexpected === 0)
      await rememberUnderWay(referral, services.ledger).catch(letOutagePass);
    services.info('the alert is fetched later', { ...lineOf(referral), reason: error.message, fault, delayMs });
    services.notFetched?.(source, { fault, isFinal: false, waitedMs: notBefore - Date.parse(at) });
  };
  const giveUp = (why: string) => {
    services.notFetched?.(source, { fault, isFinal: true, waitedMs: now - Date.parse(at) });
    return park(referral, services, `the alert's reference cannot be fetched: ${why}`);
  };
  if (error instanceof Refused || error instanceof Unexpected) {
    const pause = unexpectedPauses[tries.unexpected];
    if (pause !== undefined) return putBack(pause, { unexpected: tries.unexpected + 1 });
    const remedy = error instanceof Refused ? error.remedy : 'see what changed';
    return giveUp(`${error.message}; ${remedy}`);
  }
  const end = Date.parse(at) + patience;
  if (now > end) return giveUp(`${error.message}; tried for a day`);
  const unavailable = tries.unavailable + 1;
  const grown = Math.min(1000 * 2 ** tries.unavailable, longestPause) * (0.95 + services.random() * 0.1);
  const hint = error instanceof Unavailable ? believable(error.retryAfterMs) : repairPause;
  await putBack(Math.max(Math.min(hint ?? grown, end - now), 1000), { unavailable });
}

const believable = (hint: number | undefined) => (hint !== undefined && hint >= 0 && hint <= day ? hint : undefined);

/** What a line about an alert names: who told of it, in which delivery, and the incident that asked for it. */
const lineOf = ({ source, delivery, asked }: Referral) => ({
  source,
  delivery,
  ...(asked !== undefined && { incident: asked }),
});

/** The alert was followed to its end: who asked for that is told, and no sweep fetches it again. */
async function conclude({ source, reference, asked }: Referral, services: ReferenceServices, what: string) {
  if (asked !== undefined) await tell(asked, services, what);
  const until = services.intake.now() + remembered;
  // What only spares a fetch must not undo what was done.
  await services.ledger.rememberAlert(source, reference.link, until).catch(letOutagePass);
}

/** Writes into a parked incident what came of asking again; one that a person has closed meanwhile stays as it is. */
async function tell(asked: string, { ledger, intake }: ReferenceServices, what: string): Promise<void> {
  const step = { at: new Date(intake.now()).toISOString(), stage: 'parked', detail: what } as const;
  // That it was asked for may be written down at the very moment that it is done.
  for (let round = 0; round < contested; round += 1)
    if ((await ledger.decide(asked, ['parked'], { reason: what }, step)) !== undefined) return;
}

/** A person has to open the alert. */
async function park(referral: Referral, services: ReferenceServices, why: string) {
  const { source, delivery, at, reference } = referral;
  const { link } = reference;
  const reason = `${why}; ${/^https?:/.test(link) ? 'open' : 'look for'} ${link}`;
  const incident = referenceIncident(await services.intake.fingerprint(), source, reference);
  const sighting = { source, delivery, at, reference: link };
  const report = { incident, provider: null, kind: null, sighting };
  const { id } = await services.ledger.park(report, 'unrouted', reason, services.announce !== undefined);
  services.note('none', { incident: id, outcome: 'unrouted', detail: why });
  await services.announce?.(id).catch(letOutagePass);
  await conclude(referral, services, reason);
}
