import { Refused, Unavailable, Unexpected } from './errors.ts';
import type { Answer, Exchange, Request, Send } from './exchange.ts';
import type { Leak } from './leak.ts';
import type { AnyKind, AnyProvider, KeyDescription } from './provider.ts';
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

/** One account at a provider, with the admin credential and the way there. */
export interface Access {
  provider: AnyProvider;
  kind: AnyKind;
  account: string;
  admin: unknown;
  send: Send;
  /** Epoch ms by which every request must be over. */
  deadline: number;
}

const pagesAtMost = 500;

/** Sends as the admin and reads the answer. @throws Refused, Unavailable, Unexpected for every answer nobody wrote down */
export async function askAsAdmin<Input, Result>(
  access: Access,
  exchange: Exchange<Input & { admin: unknown }, Result>,
  input: Input,
): Promise<Result> {
  const { provider, admin } = access;
  const request = exchange.request({ ...input, admin });
  const answer = await sendTo(access, { ...request, headers: { ...provider.authenticate(admin), ...request.headers } });
  const result = exchange.read(answer);
  if (result === undefined) throw faultOf(provider, answer, access.account);
  return result;
}

/** Sends with nothing but the leaked key; undefined when the answer is not one that was written down. @throws Unavailable */
export async function askAsLeaked<Result>(
  access: Access,
  exchange: Exchange<{ leaked: Secret }, Result>,
  leaked: Secret,
): Promise<Result | undefined> {
  return exchange.read(await sendTo(access, exchange.request({ leaked })));
}

function sendTo({ provider, admin, send, deadline }: Access, request: Request): Promise<Answer> {
  return send({ provider: provider.id, origin: provider.origin(admin), deadline }, request);
}

/** Tells our own refused credential, a bad moment and a changed contract apart. */
function faultOf(provider: AnyProvider, answer: Answer, account: string): Error {
  const { status } = answer;
  if (status === 401 || status === 403)
    return new Refused(`${provider.id} refuses the admin credential of account ${account} (${status})`);
  if (status === 429 || status >= 500) {
    return new Unavailable(`${provider.id} answered ${status}`, {
      retryAfterMs: waitHint(provider, answer),
      untouched: status === 429,
    });
  }
  return new Unexpected(`${provider.id} answered ${status}, which its documentation does not say`);
}

/** Why the admin credential was refused, as far as a harmless request can tell. Never throws. */
export async function diagnose(access: Access): Promise<string> {
  const { provider, admin } = access;
  const request = provider.diagnose?.request(admin);
  if (!request || !provider.diagnose) return 'it is wrong or lacks a right';
  try {
    const headers = { ...provider.authenticate(admin), ...request.headers };
    return provider.diagnose.read(await sendTo(access, { ...request, headers }));
  } catch {
    return 'it is wrong or lacks a right';
  }
}

/** The request that would be sent about a key, as a dry run shows it: credentials masked. */
export function planOf({ provider, kind, admin }: Access, action: 'delete' | 'disable', keyId: string): string {
  const exchange = action === 'disable' ? kind.disable : kind.remove;
  if (!exchange) return `${provider.id} cannot ${action} this kind of key`;
  const { method, path, headers } = exchange.request({ admin, keyId });
  const masked = Object.keys({ ...provider.authenticate(admin), ...headers }).map((name) => `${name}: [secret]`);
  return [`${method} ${provider.origin(admin)}${path}`, ...masked].join('; ');
}

function waitHint(provider: AnyProvider, answer: Answer): number | undefined {
  const own = provider.waitHint?.(answer);
  if (own !== undefined) return own;
  const seconds = Number(answer.header('retry-after') ?? Number.NaN);
  return Number.isFinite(seconds) && seconds >= 0 ? seconds * 1000 : undefined;
}

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
