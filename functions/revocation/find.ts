import { type Access, askAsLeaked } from './ask.ts';
import { Refused, Unavailable, Unexpected } from './errors.ts';
import type { Leak } from './leak.ts';
import { type Page, readMarked } from './listing.ts';
import { getByKeyId, listAll } from './look-up.ts';
import type { AnyKind, Fit, KeyDescription, LeakedValue } from './provider.ts';
import { Secret, sameSecret } from './secret.ts';

/** A key at its provider that fits the leak. */
export interface Found {
  account: string;
  /** Where it lives: two accounts may be two ways to the same place. */
  origin: string;
  key: KeyDescription;
  /** The provider's record, for its own functions to look at. */
  record: unknown;
  /** How well it fits; `named`: by the id that the alert names, with nothing that speaks against it. */
  fit: Exclude<Fit, 'different'> | 'named';
  /** The leaked value was seen to be this key's. */
  valueMatched: boolean;
  /** The alert names it by id, but on its value's hint others fit as well. */
  hasRivals: boolean;
}

type Candidate = Pick<Found, 'record' | 'fit'> & { hasRivals?: boolean };

/** Every key in one account that fits the leak; safe requests only. `useLeakedKey` allows the key to name itself. */
export async function findInAccount(access: Access, leak: Leak, useLeakedKey: boolean): Promise<Found[]> {
  const origin = access.provider.origin(access.admin);
  const candidates = await look(access, leak, useLeakedKey);
  return candidates.map(({ record, fit, hasRivals = false }) => ({
    account: access.account,
    origin,
    key: access.kind.describe(record as never, access.now()),
    record,
    fit,
    valueMatched: leak.secret !== undefined && fit === 'same',
    hasRivals,
  }));
}

async function look(access: Access, leak: Leak, useLeakedKey: boolean): Promise<Candidate[]> {
  const keyId = leak.identifiers?.keyId;
  const record = keyId === undefined ? undefined : await getByKeyId(access, leak, { keyId });
  if (record !== undefined) return besideRivals(access, leak, useLeakedKey, record);
  // An id that names nothing here may be stale or wrong: the value, where there is one, still tells the key.
  if (leak.secret === undefined && keyId !== undefined && !namesOtherwise(access.kind, leak)) return [];
  const { secret } = leak;
  return (secret && useLeakedKey && (await lookAsLeaked(access, { ...leak, secret }))) || lookInList(access, leak);
}

/**
 * The record that the alert names by its id. Where its value is only a hint, the key is asked for its own name, and failing
 * that, it is noted whether others fit the hint as well.
 */
async function besideRivals(access: Access, leak: Leak, useLeakedKey: boolean, record: unknown): Promise<Candidate[]> {
  const { secret } = leak;
  const named: Candidate = { record, fit: fitOfNamed(access.kind, record, leak) };
  if (named.fit !== 'named' || secret === undefined) return [named];
  const idOf = (one: unknown) => access.kind.describe(one as never, access.now()).keyId;
  const own = useLeakedKey ? await lookAsLeaked(access, { ...leak, secret }) : undefined;
  if (own !== undefined) {
    const [itself] = own;
    return [{ record, fit: itself !== undefined && idOf(itself.record) === idOf(record) ? itself.fit : 'conflict' }];
  }
  return [{ ...named, hasRivals: await othersFit() }];

  /** Where nobody can look, others may fit. */
  async function othersFit(): Promise<boolean> {
    try {
      return (await lookInList(access, leak)).some((other) => idOf(other.record) !== idOf(record));
    } catch (error) {
      if (error instanceof Refused || error instanceof Unexpected) return true;
      throw error;
    }
  }
}

/** The alert names this record by its id: what else it says must not speak against it. */
function fitOfNamed(kind: AnyKind, record: unknown, leak: Leak): Found['fit'] {
  if (leak.secret === undefined && !namesOtherwise(kind, leak)) return 'named';
  const fit = kind.compare(record as never, leak);
  if (fit === 'different') return 'conflict';
  return fit === 'hint' || leak.secret === undefined ? 'named' : fit;
}

/** Whether identifiers name the key apart from its id; those that only say where to look do not. */
const namesOtherwise = ({ identifiers }: AnyKind, leak: Leak) =>
  identifiers.some((name) => name !== 'keyId' && leak.identifiers?.[name] !== undefined);

/** The leaked key names itself, and the admin sees the key it named. Undefined: it does not, and the list decides. */
async function lookAsLeaked(access: Access, leak: LeakedValue): Promise<Candidate[] | undefined> {
  const { kind } = access;
  const named = kind.self && (await nameItself(access, kind.self, leak));
  if (named === undefined) return undefined;
  const record = await getByKeyId(access, leak, named);
  if (record === undefined && named.isHere) {
    const { provider, account } = access;
    const message = `${provider.id} accepts the leaked key, but does not show it to the admin credential of account ${account}`;
    throw new Refused(message, { explained: true });
  }
  if (record === undefined) return [];
  const fit = kind.compare(record as never, leak);
  return [{ record, fit: fit === 'different' || fit === 'conflict' ? 'conflict' : 'same' }];
}

async function lookInList(access: Access, leak: Leak): Promise<Candidate[]> {
  const { whole, begun } = await lookWhereSorted(access, leak);
  if (whole.length > 0) return whole;
  const { records, fault } = await listAll(access, leak, { begun });
  const candidates = records.flatMap((record) => fitting(access.kind, record, leak));
  const confirmed: Candidate[] = [];
  for (const candidate of candidates) confirmed.push(...(await confirm(access, leak, candidate)));
  if (fault !== undefined && confirmed.every(({ fit }) => fit === 'hint')) throw fault;
  return confirmed;
}

/**
 * The keys whose whole value is the leaked one, found in a long list by what the list is sorted by. That there is none says nothing:
 * that a key is not there, and which others may fit, is seen of the whole list alone. `begun`: the list's first page, where
 * no more was read.
 */
async function lookWhereSorted(
  access: Access,
  leak: Leak,
): Promise<{ whole: Candidate[]; begun?: Page<unknown> | undefined }> {
  const { sorted, list } = access.kind;
  if (sorted === undefined || leak.secret === undefined) return { whole: [] };
  const mark = sorted.markOfValue(leak.secret);
  const { items, first: begun } = await readMarked(access, list, { owner: '' }, { mark, markOf: sorted.markOf });
  const confirmed: Candidate[] = [];
  for (const candidate of items.flatMap((record) => fitting(access.kind, record, leak)))
    confirmed.push(...(await confirm(access, leak, candidate)));
  return { whole: confirmed.filter(({ fit }) => fit === 'same'), begun };
}

function fitting(kind: AnyKind, record: unknown, leak: Leak): Candidate[] {
  const fit = kind.compare(record as never, leak);
  return fit === 'different' ? [] : [{ record, fit }];
}

/** A candidate on a hint becomes certain, or falls, when the provider shows more of it. */
async function confirm(access: Access, leak: Leak, candidate: Candidate): Promise<Candidate[]> {
  if (candidate.fit !== 'hint' || !access.kind.get) return [candidate];
  const record = await getByKeyId(access, leak, access.kind.describe(candidate.record as never, access.now()));
  return record === undefined ? [] : fitting(access.kind, record, leak);
}

/** A convenience that may fail in any way: the list then decides. */
async function nameItself(
  access: Access,
  self: NonNullable<AnyKind['self']>,
  leak: LeakedValue,
): Promise<{ keyId: string; isHere?: boolean } | undefined> {
  try {
    return await askAsLeaked(access, self, leak);
  } catch (error) {
    if (error instanceof Unavailable || error instanceof Refused) return undefined;
    throw error;
  }
}

/** Whether a secret is one of the values that an admin credential is made of. */
export function isPartOf(admin: unknown, secret: Secret): boolean {
  if (admin instanceof Secret) return sameSecret(admin, secret);
  if (admin === null || typeof admin !== 'object') return false;
  return Object.values(admin).some((part) => isPartOf(part, secret));
}
