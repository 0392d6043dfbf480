import { isDeepStrictEqual } from 'node:util';
import { type IncidentRecord, isDeath } from '../../functions/revocation/incident.ts';
import { type Claim, isResting, type Ledger } from '../../functions/revocation/ledger.ts';
import type { Channel } from '../../functions/revocation/tell.ts';
import { flawsOf } from '../../functions/revocation/timeline.ts';
import { isEnough, type Story } from './story.ts';
import type { Fault } from './troubles.ts';

/** What is true of the key at its vendor. */
export interface Truth {
  keyId: string;
  /** It still works; the vendor still lists it. */
  isAccepted(): boolean;
  isListed(): boolean;
  /** Deletions of it that took something away. */
  deletions(): number;
  isDecoyAlive(): boolean;
}

/** A notice as it reached its receiver. */
interface Told {
  name: string;
  incident: string;
  revision: number;
  state: string;
  outcome: string | null;
}

/** All that was written and told in one history, and what of it must never be. */
export function openChronicle(
  { story, faults, steps }: { story: Story; faults: readonly Fault[]; steps: readonly string[] },
  truth: Truth,
  now: () => number,
) {
  const violations: string[] = [];
  const versions = new Map<string, IncidentRecord[]>();
  const told: Told[] = [];
  /** Who is being told of an incident, and how often that began before it was over elsewhere. */
  const telling = new Map<string, { inHand: number; overlaps: number }>();
  const latest = (id: string) =>
    versions.get(id)?.reduce((one, other) => (other.revision > one.revision ? other : one));

  function wrote(record: IncidentRecord): void {
    versions.set(record.id, [...(versions.get(record.id) ?? []), record]);
  }

  /** A claim must wait until the run that has the incident is over. */
  function claimed({ id, lease }: IncidentRecord): void {
    const before = latest(id);
    if (before === undefined || isResting(before) || before.lease.scheduled) return;
    if (before.lease.until > now() && before.lease.claim !== lease.claim)
      violations.push('a run took the incident while another had it');
  }

  /** The vendor is asked before anything is written: what is said of a death must be true when it is said. */
  function about(name: string, [record, change]: unknown[]): void {
    if (name !== 'save') return;
    const next = { ...(record as IncidentRecord), ...(change as Partial<IncidentRecord>) };
    if (!isDeath(next.outcome) || (change as Partial<IncidentRecord>).outcome === undefined) return;
    // Whoever knows the key by its id alone can see no more than that it is not listed any more.
    if (next.valueMatched ? truth.isAccepted() : truth.isListed())
      violations.push(`${next.outcome} was written while the vendor accepts the key`);
    if (next.proof?.dead !== true) violations.push(`${next.outcome} was written without a proof`);
  }

  function saw(name: string, result: unknown): void {
    if (name === 'claim') {
      const claim = result as Claim;
      if (claim.is !== 'claimed') return;
      claimed(claim.record);
      wrote(claim.record);
    } else if ((name === 'save' || name === 'amend') && result !== undefined) wrote(result as IncidentRecord);
  }

  /** A ledger whose every method is a step, and is written down here. */
  function watched(ledger: Ledger, at: <Result>(name: string, act: () => Promise<Result>) => Promise<Result>): Ledger {
    const methods = Object.entries(ledger).map(([name, act]) => {
      const method = act as (...given: unknown[]) => Promise<unknown>;
      const step = (...given: unknown[]) =>
        at(`ledger.${name}`, async () => {
          about(name, given);
          const result = await method(...given);
          saw(name, result);
          return result;
        });
      return [name, step] as const;
    });
    return Object.fromEntries(methods) as unknown as Ledger;
  }

  /** A pager that is told of every rest, and of a key that outlives its deletion; once in each life of the key. */
  const pager = (at: <Result>(name: string, act: () => Promise<Result>) => Promise<Result>): Channel => ({
    id: 'pager',
    noticesOf(record) {
      const name = noticeOf(record);
      if (name === undefined) return [];
      const { id: incident, revision, state, outcome } = record;
      const deliver = () =>
        at('notice', async () => {
          told.push({ name, incident, revision, state, outcome });
          return `the pager was told of ${name}`;
        });
      return [{ name, deliver }];
    },
  });

  async function tells<Result>(incident: string, act: () => Promise<Result>): Promise<Result> {
    const { inHand, overlaps } = telling.get(incident) ?? { inHand: 0, overlaps: 0 };
    telling.set(incident, { inHand: inHand + 1, overlaps: overlaps + (inHand > 0 ? 1 : 0) });
    try {
      return await act();
    } finally {
      const after = telling.get(incident);
      if (after) after.inHand -= 1;
    }
  }

  /** What the ledger says at the end; by the id of each report. */
  function judge(ends: readonly { report: string; delivery: string; record: IncidentRecord | undefined }[]): string[] {
    for (const written of versions.values()) judgeVersions(written, violations);
    for (const { record, report, delivery } of ends) {
      if (record === undefined) violations.push(`the incident of ${report} is lost`);
      else if (!record.sightings.some((sighting) => sighting.delivery === delivery))
        violations.push(`the report ${report} is not among the sightings`);
    }
    const records = new Map(ends.flatMap(({ record }) => (record ? [[record.id, record] as const] : [])));
    for (const record of records.values()) judgeEnd(record);
    const named = [...records.values()].filter(({ keyId }) => keyId === truth.keyId);
    if (named.length > 1) violations.push('two incidents stand for one key');
    judgeKey([...records.values()], named[0]);
    judgeNotices([...records.values()]);
    return [...new Set(violations)];
  }

  function judgeEnd(record: IncidentRecord): void {
    const { state, outcome, reason, sightings, sightingCount } = record;
    if (!isResting(record)) violations.push(`it is stuck in ${state}: ${reason}`);
    const mayAwait =
      !story.reporters.some((reporter) => reporter.startsWith('value')) && story.reporters.includes('id');
    if (state === 'awaiting-approval' && !mayAwait) violations.push(`it waits for a person: ${reason}`);
    if (state === 'parked' && story.day !== 'undying') violations.push(`it is parked as ${outcome}: ${reason}`);
    if (record.telling) violations.push('it never came to be told');
    const seen = new Set(sightings.map(({ source, delivery }) => `${source} ${delivery}`));
    if (seen.size !== sightings.length || sightingCount !== sightings.length)
      violations.push(`${sightingCount} sightings were counted where there are ${seen.size}`);
    for (const { problem } of flawsOf(record.id, record.timeline, { head: record.head }))
      violations.push(`its timeline does not verify: ${problem}`);
  }

  function judgeKey(all: IncidentRecord[], incident: IncidentRecord | undefined): void {
    const { day } = story;
    const taken = truth.deletions();
    const mayAct = story.reporters.some(isEnough) && incident?.state !== 'awaiting-approval';
    const lives = day === 'gone-before' || day === 'rivalled' || !mayAct ? 0 : day === 'resurrected' ? 2 : 1;
    if (taken !== lives) violations.push(`${taken} effective deletions of a key with ${lives} lives to take`);
    if (!truth.isDecoyAlive()) violations.push('a second key was touched');
    if (mayAct && day !== 'undying' && truth.isAccepted()) violations.push('the key lives');
    if (taken === 0 && day !== 'rivalled' && all.some(({ outcome }) => outcome === 'revoked'))
      violations.push('nothing was deleted, and an incident says revoked');
    if (taken === 0) return;
    if (incident === undefined) violations.push('we deleted it, and no incident names it');
    else if (day === 'undying' && incident.valueMatched) judgeUndying(incident);
    // Where the provider itself says that the key was gone already, there is no telling.
    else if (incident.outcome !== 'revoked' && day !== 'gone-after')
      violations.push(`we deleted it, and the incident says ${incident.outcome}`);
  }

  function judgeUndying({ id, outcome, proof, reason }: IncidentRecord): void {
    if (outcome !== 'failed' || !reason?.includes('still alive'))
      violations.push(`the key lives for ever, and the incident says ${outcome}: ${reason}`);
    if (proof?.dead !== false) violations.push('the key lives for ever, and the proof does not say so');
    if (!told.some(({ name, incident }) => incident === id && name.includes('alive')))
      violations.push('nobody was told that the key lives on');
  }

  function judgeNotices(records: IncidentRecord[]): void {
    for (const { name, incident, revision, state, outcome } of told) {
      const written = versions.get(incident)?.find((version) => version.revision === revision);
      if (written?.state !== state || written.outcome !== outcome)
        violations.push(`${name} was told, and the ledger never said so`);
    }
    // What was delivered and could not be written down goes out again, and so does what two tell at once.
    const harmed = faults.filter(({ step }) => steps[step]?.startsWith('telling: ')).length;
    const counted = new Map<string, number>();
    for (const { name, incident } of told)
      counted.set(`${name} of ${incident}`, (counted.get(`${name} of ${incident}`) ?? 0) + 1);
    for (const [what, times] of counted)
      if (times > 1 + harmed + (telling.get(what.replace(/.* of /, ''))?.overlaps ?? 0))
        violations.push(`${what.replace(/ of .*/, '')} was told ${times} times`);
    for (const record of records) {
      const name = noticeOf(record);
      if (name !== undefined && !told.some((one) => one.name === name && one.incident === record.id))
        violations.push(`nobody was told: ${name}`);
    }
  }

  return { violations, latest, watched, pager, tells, judge };
}

/** What the pager calls that which there is to tell. */
function noticeOf(record: IncidentRecord): string | undefined {
  const { timeline, state, outcome, watch, lease } = record;
  const lives = timeline.filter(({ stage, detail }) => stage === 'received' || detail?.startsWith('accepted again'));
  if (isResting(record)) return `pager ${outcome ?? state} ${lives.length}`;
  return state === 'sent' && watch !== null && lease.until === 0 ? `pager alive ${lives.length}` : undefined;
}

/** Whoever writes an incident holds it: no two writes at one revision, no fence that goes back, no end that changes unsaid. */
function judgeVersions(written: readonly IncidentRecord[], violations: string[]): void {
  const inOrder = written.toSorted((left, right) => left.revision - right.revision);
  for (const [index, next] of inOrder.entries()) {
    const before = inOrder[index - 1];
    if (before === undefined) continue;
    // Two writes of the very same change are one.
    if (before.revision === next.revision && !isDeepStrictEqual(before, next))
      violations.push('two runs wrote one revision');
    if (before.fence > next.fence) violations.push('the fence went back');
    if (before.state !== 'closed' || (next.state === 'closed' && next.outcome === before.outcome)) continue;
    const since = next.timeline.slice(before.timeline.length);
    if (!since.some(({ stage, detail }) => stage === 'received' || (stage === 'alive' && detail !== undefined)))
      violations.push(`it was ${before.outcome} and is ${next.state}, and its timeline does not say why`);
  }
}
