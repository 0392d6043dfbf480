import { type Access, askAsAdmin } from './ask.ts';
import { Refused, Unavailable, Unexpected } from './errors.ts';
import type { Request } from './exchange.ts';
import type { Leak } from './leak.ts';
import { type Page, readAll } from './listing.ts';

/** One record by its id: from its owner's list where owners are named, from the endpoint for it, or from the whole list. */
export async function getByKeyId(
  access: Access,
  leak: Leak,
  { keyId, owner }: { keyId: string; owner?: string | undefined },
): Promise<unknown | undefined> {
  const { kind, admin } = access;
  const isOwned = owner === undefined && kind.owners?.named({ admin, leak }) !== undefined;
  const listed = isOwned ? await inList(access, leak, keyId) : undefined;
  if (listed !== undefined) return listed;
  const record = kind.get && (await askAsAdmin(access, kind.get, { keyId, owner }));
  if (record !== undefined) return record === 'absent' ? undefined : record;
  return isOwned ? undefined : inList(access, leak, keyId, owner);
}

/** The one request that asks for a record by its id; undefined where a list tells. */
export function requestByKeyId(
  { kind, admin, provider }: Access,
  leak: Leak,
  { keyId, owner }: { keyId: string; owner?: string | undefined },
): Request | undefined {
  if (owner === undefined && kind.owners?.named({ admin, leak }) !== undefined) return undefined;
  const request = kind.get?.request({ admin, keyId, owner });
  return request && { ...request, as: provider.authenticate(admin) };
}

async function inList(access: Access, leak: Leak, keyId: string, owner?: string): Promise<unknown | undefined> {
  const { records, fault } = await listAll(access, leak, { owner });
  const found = records.find((one) => access.kind.describe(one as never, access.now()).keyId === keyId);
  if (found === undefined && fault !== undefined) throw fault;
  return found;
}

/**
 * All records that the account shows, or those of one owner; `fault`: what kept us from seeing some owner's. `begun`: the first page,
 * where that was read already and the list knows no owners.
 */
export async function listAll(
  access: Access,
  leak: Leak,
  { owner, begun }: { owner?: string | undefined; begun?: Page<unknown> } = {},
): Promise<{ records: unknown[]; fault?: unknown }> {
  const { kind } = access;
  const owners = owner === undefined ? await ownersOf(access, leak) : [owner];
  const records: unknown[] = [];
  let fault: unknown;
  for (const one of owners) {
    try {
      const idOf = (key: unknown) => kind.describe(key as never, access.now()).keyId;
      records.push(...(await readAll(access, kind.list, { owner: one }, idOf, begun)));
    } catch (error) {
      // A bad moment is over soon; an answer about one owner that nobody wrote down must not hide the others.
      if (owners.length === 1 || error instanceof Unavailable) throw error;
      fault ??= error;
    }
  }
  return { records, fault };
}

/** Whose keys to list. @throws Refused when nobody says so */
async function ownersOf(access: Access, leak: Leak): Promise<readonly string[]> {
  const { kind, admin, provider, account } = access;
  if (!kind.owners) return [''];
  const named = kind.owners.named({ admin, leak });
  if (named !== undefined) return named;
  const untold = `${provider.id} cannot be searched in account ${account}: ${kind.owners.missing}`;
  if (!kind.owners.list) throw new Refused(untold, { explained: true });
  try {
    const all = await readAll(access, kind.owners.list, {}, ({ id }) => id);
    return all.filter(({ mayHoldKeys }) => mayHoldKeys).map(({ id }) => id);
  } catch (error) {
    throw error instanceof Unexpected ? new Refused(`${error.message}; ${untold}`, { explained: true }) : error;
  }
}
