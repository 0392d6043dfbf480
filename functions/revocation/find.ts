import { type Access, askAsAdmin, askAsLeaked } from './ask.ts';
import { Unavailable, Unexpected } from './errors.ts';
import type { Leak } from './leak.ts';
import type { AnyKind, KeyDescription } from './provider.ts';
import { Secret, sameSecret } from './secret.ts';

/** A key at its provider that fits the leak. */
export interface Found {
  account: string;
  /** Where it lives: two accounts may be two ways to the same place. */
  origin: string;
  key: KeyDescription;
  /** `conflict`: the alert names this key by id, but its secret is another key's. */
  fit: 'same' | 'hint' | 'conflict';
  /** It is the very credential we would act with. */
  own: boolean;
}

const pagesAtMost = 500;

/** Every key in one account that fits the leak; safe requests only. `useLeakedKey` allows the key to name itself. */
export async function findInAccount(access: Access, leak: Leak, useLeakedKey: boolean): Promise<Found[]> {
  const origin = access.provider.origin(access.admin);
  if (leak.secret !== undefined && isPartOf(access.admin, leak.secret)) {
    return [{ account: access.account, origin, key: { keyId: '', active: true }, fit: 'same', own: true }];
  }
  const records = await candidates(access, leak, useLeakedKey);
  return records.map(({ record, fit }) => ({
    account: access.account,
    origin,
    key: access.kind.describe(record as never),
    fit,
    own: access.kind.isOwn(record as never, access.admin),
  }));
}

type Candidate = { record: unknown; fit: Found['fit'] };

async function candidates(access: Access, leak: Leak, useLeakedKey: boolean): Promise<Candidate[]> {
  const keyId = leak.identifiers?.keyId;
  const record = keyId === undefined ? undefined : await getByKeyId(access, keyId);
  if (record !== undefined) {
    const agreed = agreeing([record], access, leak, 'same');
    return agreed.length > 0 ? agreed : [{ record, fit: 'conflict' }];
  }
  // An id that names nothing here may be stale or wrong: the value, where there is one, still tells the key.
  return leak.secret === undefined && keyId !== undefined ? [] : byOtherMeans(access, leak, useLeakedKey);
}

async function byOtherMeans(access: Access, leak: Leak, useLeakedKey: boolean): Promise<Candidate[]> {
  const { kind } = access;
  const named = leak.secret && useLeakedKey && kind.self ? await nameItself(access, kind.self, leak.secret) : undefined;
  if (named !== undefined && kind.get) {
    const record = await getByKeyId(access, named);
    return record === undefined ? [] : agreeing([record], access, leak, 'same');
  }
  const listed = agreeing(await listAll(access), access, leak, 'hint').filter(
    ({ record }) => named === undefined || kind.describe(record as never).keyId === named,
  );
  if (named !== undefined) return listed.map(({ record }) => ({ record, fit: 'same' as const }));
  const confirmed: Candidate[] = [];
  for (const candidate of listed) confirmed.push(...(await confirm(access, leak, candidate)));
  return confirmed;
}

/** Keeps the records that fit; `named` is how well a record fits that the provider itself, or the alert, names by id. */
function agreeing(records: unknown[], { kind }: Access, leak: Leak, named: Found['fit']): Candidate[] {
  return records.flatMap((record) => {
    const compared =
      leak.secret === undefined && leak.identifiers?.keyId !== undefined ? 'hint' : kind.compare(record as never, leak);
    if (compared === 'different') return [];
    return [{ record, fit: compared === 'same' ? 'same' : named }];
  });
}

/** A candidate on a hint becomes certain, or falls, when the provider shows the whole value. */
async function confirm(access: Access, leak: Leak, candidate: Candidate): Promise<Candidate[]> {
  if (candidate.fit === 'same' || !access.kind.get) return [candidate];
  const record = await getByKeyId(access, access.kind.describe(candidate.record as never).keyId);
  return record === undefined ? [] : agreeing([record], access, leak, 'hint');
}

/** A convenience that may fail in any way: the list then decides. */
async function nameItself(
  access: Access,
  self: NonNullable<AnyKind['self']>,
  leaked: Secret,
): Promise<string | undefined> {
  try {
    return (await askAsLeaked(access, self, leaked))?.keyId;
  } catch (error) {
    if (error instanceof Unavailable) return undefined;
    throw error;
  }
}

/** One record by its id, from the endpoint for it or from the list. */
export async function getByKeyId(access: Access, keyId: string): Promise<unknown | undefined> {
  const { kind } = access;
  if (!kind.get) return (await listAll(access)).find((record) => kind.describe(record as never).keyId === keyId);
  const record = await askAsAdmin(access, kind.get, { keyId });
  return record === 'absent' ? undefined : record;
}

/** All pages, to the end. @throws Unavailable when the list changed while it was read, Unexpected when it never ends */
async function listAll(access: Access): Promise<unknown[]> {
  const { kind, provider } = access;
  const seen = new Map<string, unknown>();
  let read = 0;
  for (let page = 0; page < pagesAtMost; page += 1) {
    const { keys, total } = await askAsAdmin(access, kind.list, { page });
    read += keys.length;
    for (const key of keys) seen.set(kind.describe(key as never).keyId, key);
    const last = keys.length === 0 || (total === undefined ? keys.length < kind.list.pageSize : read >= total);
    if (!last) continue;
    if (total !== undefined && seen.size < total)
      throw new Unavailable(`${provider.id}'s list changed while it was read`);
    return [...seen.values()];
  }
  throw new Unexpected(`${provider.id}'s list has more than ${pagesAtMost} pages`);
}

/** Whether a secret is one of the values that an admin credential is made of. */
function isPartOf(admin: unknown, secret: Secret): boolean {
  if (admin instanceof Secret) return sameSecret(admin, secret);
  if (admin === null || typeof admin !== 'object') return false;
  return Object.values(admin).some((part) => isPartOf(part, secret));
}
