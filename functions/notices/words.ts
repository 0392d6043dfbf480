import { type IncidentRecord, isDeath, type Outcome, type Proof } from '../revocation/incident.ts';
import { isAlive, isRevived } from '../revocation/moment.ts';

// What an incident means, in words that do at 3 a.m. Whatever comes from elsewhere is escaped by who shows it.

/** A time as people read it; with its date where that is not today's. */
export function timeOf(ms: number, now: number): string {
  const whole = new Date(ms).toISOString();
  const isToday = whole.slice(0, 10) === new Date(now).toISOString().slice(0, 10);
  return `${isToday ? '' : `${whole.slice(0, 10)} `}${whole.slice(11, 16)} UTC`;
}

/** How long something took. */
export function spanOf(ms: number): string {
  if (ms < 60_000) return `${(ms / 1000).toFixed(1)} s`;
  if (ms < 3_600_000) return `${Math.round(ms / 60_000)} min`;
  return `${(ms / 3_600_000).toFixed(1)} h`;
}

const endings: Readonly<Record<Outcome, string>> = {
  revoked: 'is dead: deleted and proven',
  disabled: 'is dead: switched off and proven',
  'already-gone': 'was dead already',
  restored: 'is on again: a person undid the disable',
  'not-found': 'is in none of the accounts',
  rejected: 'is left alone: a person said no',
  observed: 'was found in a dry run; nothing was touched',
  unrouted: 'needs you: nothing here could take it',
  ambiguous: 'needs you: it is not clear which key it is',
  protected: 'needs you: it is protected',
  failed: 'needs you: it could not be revoked',
};

/** Whether its key was made for a drill: nobody uses it, and its end needs nothing of anybody. */
const isDrill = ({ sightings }: IncidentRecord) => sightings.some(({ source }) => source === 'drill');

function keyOf(record: IncidentRecord): string {
  if (isDrill(record)) return `The ${record.provider} key of a drill`;
  return record.provider === null ? 'A leaked key' : `A leaked ${record.provider} key`;
}

/** What became of it, in one line. */
export function headlineOf(record: IncidentRecord): string {
  const key = keyOf(record);
  if (record.outcome === 'failed' && record.restoring) return `${key} needs you: it could not be switched on again`;
  if (record.outcome !== null) return `${key} ${endings[record.outcome]}`;
  if (isAlive(record)) {
    const deed = record.accepted === 'disabled' ? 'to switch it off' : 'its deletion';
    return `${key} is STILL ALIVE, though the provider accepted ${deed}`;
  }
  if (record.state === 'awaiting-approval') return `${key} waits for your decision`;
  if (record.state === 'parked') return `${key} still waits: nobody answered in time`;
  if (isRevived(record)) return `${key} is ALIVE AGAIN after it was proven dead`;
  return `${key} is being worked on`;
}

const proofs: Readonly<Record<Proof['method'], string>> = {
  'leaked-key-refused': 'the provider refuses the leaked key',
  'key-absent': 'the provider does not have the key any more',
  'key-disabled': 'the provider shows the key as switched off',
};

/** How we know that the key is dead; undefined where it is not proven. */
export function proofOf({ proof, timeToDeadMs }: IncidentRecord, now: number): string | undefined {
  const last = proof?.checks.findLast(({ result }) => result === 'dead');
  if (!proof?.dead || last === undefined) return undefined;
  const took = timeToDeadMs === null ? '' : `, ${spanOf(timeToDeadMs)} after it was reported`;
  return `${proofs[proof.method]} (seen at ${timeOf(Date.parse(last.at), now)}${took})`;
}

const remedies: Readonly<Record<Outcome, string>> = {
  revoked: 'Put a new key wherever the old one was in use.',
  disabled: 'Put a new key wherever the old one was in use. If this was a mistake, restore it.',
  'already-gone': 'Nothing: somebody ended it before us.',
  restored: 'Nothing. It works again, and it is still leaked: replace it soon.',
  'not-found': 'Nothing. If it may be yours, check that its account is configured, and revoke it by hand.',
  rejected: 'Nothing here. If nobody has replaced it, it is still leaked.',
  observed: 'Nothing. The request that would have been sent is in the incident.',
  unrouted:
    'Open the alert, find out whose key it is, and revoke it by hand or report it with its provider. Then reject this incident.',
  ambiguous: 'Find out which key it is and revoke it by its id. Nothing was touched.',
  protected: 'Replace this key by hand, then reject the incident. Nothing was touched.',
  failed: 'Mend what the reason names, then retry. Until then the key may be alive.',
};

/** What a person has to do now, in one or two sentences. */
export function whatToDo(record: IncidentRecord, now: number): string {
  const { outcome, state, asking, watch } = record;
  if (outcome === 'failed' && record.restoring)
    return 'Mend what the reason names, then retry. Until then take it for switched off.';
  if (outcome !== null && isDeath(outcome) && isDrill(record)) return 'Nothing. It was a drill.';
  if (outcome !== null) return remedies[outcome];
  if (isAlive(record)) {
    const next = watch === null ? '' : ` We look again at ${timeOf(watch.at, now)}.`;
    return `End it by hand at the provider, or ask them to: it works for whoever found it.${next}`;
  }
  if (state === 'parked') return 'Approve or reject it: it is left alone until somebody does.';
  if (state !== 'awaiting-approval')
    return isRevived(record) ? 'End it by hand if it cannot wait: it is being worked on.' : 'Nothing for now.';
  const deed = asking?.action === 'disable' ? 'switch it off' : 'delete it';
  const choice = `Approve to ${deed}, or reject to leave it as it is.`;
  if (asking?.onDeadline === 'wait')
    return `${choice} It waits for as long as it takes, and so does every further key until somebody resets the fuse.`;
  if (asking === null || asking.until === null) return `${choice} It waits for as long as it takes.`;
  const then = asking.onDeadline === 'revoke' ? `we ${deed} by ourselves` : 'it parks and stays alive';
  return `${choice} Waiting for you until ${timeOf(asking.until, now)}; then ${then}.`;
}
