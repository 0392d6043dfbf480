import type { Sighting } from './leak.ts';
import { extended, headOf, type TimelineEntry } from './timeline.ts';
import type { Watch } from './watch.ts';

export type State = 'received' | 'claimed' | 'sent' | 'unknown' | 'awaiting-approval' | 'parked' | 'closed';
export const states: readonly State[] = [
  'received',
  'claimed',
  'sent',
  'unknown',
  'awaiting-approval',
  'parked',
  'closed',
];

/** What became of a key, and the state an incident rests in with it. The words are the contract's (section 2.4). */
export const restsIn = {
  revoked: 'closed',
  disabled: 'closed',
  'already-gone': 'closed',
  restored: 'closed',
  'not-found': 'closed',
  rejected: 'closed',
  observed: 'closed',
  unrouted: 'parked',
  ambiguous: 'parked',
  protected: 'parked',
  failed: 'parked',
} as const satisfies Record<string, State>;
export type Outcome = keyof typeof restsIn;
export const outcomes = Object.keys(restsIn) as readonly Outcome[];

/** The outcomes that say: this key is dead. */
export const isDeath = (outcome: Outcome | null): outcome is 'revoked' | 'disabled' | 'already-gone' =>
  outcome === 'revoked' || outcome === 'disabled' || outcome === 'already-gone';

export const stages = [
  'received',
  'claimed',
  'found',
  'planned',
  'asked',
  'approved',
  'rejected',
  'sent',
  'accepted',
  'alive',
  'dead',
  'parked',
  'told',
] as const;
export type Stage = (typeof stages)[number];

export type Action = 'delete' | 'disable' | 'approve' | 'observe';

/** How we know a key is dead, with every check that was made. */
export interface Proof {
  dead: boolean;
  method: 'leaked-key-refused' | 'key-absent' | 'key-disabled';
  checks: { at: string; result: 'alive' | 'dead' | 'unknown' }[];
}

/** What a person was asked: bound to what was found, so that the answer counts for that and for nothing else. */
export interface Asking {
  /** Names this one question. */
  nonce: string;
  action: 'delete' | 'disable';
  account: string;
  keyId: string;
  /** Epoch ms. */
  askedAt: number;
  /** Epoch ms from when `onDeadline` holds; null, it waits for ever. */
  until: number | null;
  onDeadline: 'park' | 'revoke' | 'wait';
}

/** What may be done to one key, and whose word that is: a person's, or nobody's in time, where policy then goes on. */
export interface Approved {
  account: string;
  keyId: string;
  action: 'delete' | 'disable';
  by: 'person' | 'deadline';
}

/** Who may work on an incident now: the run that message `message` drives, until `until` (epoch ms). */
export interface Lease {
  /** Names the one claim that took it: the same message may be delivered twice at once. */
  claim: string;
  message: string;
  /** The report that this run acts for, so that whoever waits for it knows when it was handled. */
  delivery: string;
  until: number;
  /** No run is at work: the message waits in the queue and may go on before `until`. */
  scheduled: boolean;
}

/** An incident as the ledger keeps it. It never holds the secret, nor a digest of it that can be tested without our key. */
export interface IncidentRecord {
  id: string;
  provider: string | null;
  kind: string | null;
  account: string | null;
  keyId: string | null;
  /** The user or service account that the key belongs to, where its address needs that. */
  owner: string | null;
  state: State;
  outcome: Outcome | null;
  action: Action | null;
  reason: string | null;
  sightings: Sighting[];
  sightingCount: number;
  timeline: TimelineEntry[];
  /** The hash of the timeline's last entry. */
  head: string;
  proof: Proof | null;
  receivedAt: string;
  timeToDeadMs: number | null;
  attempts: number;
  /** Rises with every claim; every later write is conditional on it. */
  fence: number;
  /** Rises with every write of the run that holds the fence, so that a write repeated after a lost answer is recognised. */
  revision: number;
  lease: Lease;
  /** A request of ours may have reached the provider without an answer: absence then means that we did it. */
  inDoubt: boolean;
  /** The provider accepted our request, or shows the key as gone: what the outcome is once the key is proven dead. */
  accepted: 'revoked' | 'disabled' | 'already-gone' | null;
  /** The leaked value was seen to be this key's: only then does its refusal prove this key dead. */
  valueMatched: boolean;
  /** We switched it off, and nobody has switched it on again since. */
  switchedOff: boolean;
  /** A person undoes that: no alert may take the incident until it is done. */
  restoring: boolean;
  /** It waits for a person only because the key was named without its value. */
  valueSettles: boolean;
  /** It has been counted against the fuse. */
  counted: boolean;
  /** When the key is looked at again, to see whether it still lives, or lives again. */
  watch: Watch | null;
  /** The leak, encrypted, for as long as the incident may have to go on without the message that brought it. */
  sealed: Uint8Array | null;
  /** Somebody has still to be told of the state it rests in. */
  telling: boolean;
  /** Epoch ms at which what could not be told is tried again: until then nobody else has to be sent for. */
  tellAt: number | null;
  /** What a person is asked, or was asked last while nobody has decided. */
  asking: Asking | null;
  /** What has been approved, until the story rests again. */
  approved: Approved | null;
  /** What channels keep of an incident, by channel: where its message is. */
  kept: Record<string, string>;
  /** The notices that went out, by the name that a channel gives each. */
  told: string[];
}

/** An incident as people and programs outside see it (contract, section 2.4); the schema for it is in `incident-form.ts`. */
export function view(record: IncidentRecord) {
  const { id, provider, account, kind, keyId, state, outcome, action, reason } = record;
  const sightings = record.sightings.map(({ source, at, reference, location }) => ({
    source,
    at,
    reference: reference ?? null,
    location: location ?? {},
  }));
  const { sightingCount, timeline, head, proof, timeToDeadMs, attempts } = record;
  return {
    id,
    provider,
    account,
    kind,
    keyId,
    state,
    outcome,
    action,
    reason,
    sightings,
    sightingCount,
    timeline,
    head,
    proof,
    timeToDeadMs,
    attempts,
  };
}

/** A story that has just begun. */
export function newRecord(
  id: string,
  provider: string | null,
  kind: string | null,
  sighting: Sighting,
  remark?: string,
): IncidentRecord {
  const timeline = extended(id, [], [{ at: sighting.at, stage: 'received', detail: remark }]);
  return {
    id,
    provider,
    kind,
    account: null,
    keyId: null,
    owner: null,
    state: 'received',
    outcome: null,
    action: null,
    reason: null,
    sightings: [sighting],
    sightingCount: 1,
    timeline,
    head: headOf(id, timeline),
    proof: null,
    receivedAt: sighting.at,
    timeToDeadMs: null,
    attempts: 0,
    fence: 0,
    revision: 0,
    lease: { claim: '', message: '', delivery: '', until: 0, scheduled: false },
    inDoubt: false,
    accepted: null,
    valueMatched: false,
    switchedOff: false,
    restoring: false,
    valueSettles: false,
    counted: false,
    watch: null,
    sealed: null,
    telling: false,
    tellAt: null,
    told: [],
    asking: null,
    approved: null,
    kept: {},
  };
}
