import { type Access, askAsAdmin } from './ask.ts';
import { Unavailable, Unexpected } from './errors.ts';
import type { Listing } from './exchange.ts';

const pagesAtMost = 500;

/**
 * Reads a list to its end; `nameOf` tells items apart.
 * @throws Unavailable when it changed while it was read, Unexpected when it never ends
 */
export async function readAll<Input, Item>(
  access: Access,
  listing: Listing<Input & { admin: unknown }, Item>,
  input: Input,
  nameOf: (item: Item) => string,
): Promise<Item[]> {
  const { id } = access.provider;
  const seen = new Map<string, Item>();
  let read = 0;
  let total: number | undefined;
  for (let page = 0; page < pagesAtMost; page += 1) {
    const answer = await askAsAdmin(access, listing, { ...input, page });
    if (page === 0) total = answer?.total;
    if (answer !== undefined && answer.total !== total) throw changed(id);
    const items = answer?.items ?? [];
    // Without a total, a page that brings nothing new is how a list that knows no pages ends.
    const isNew = items.some((item) => !seen.has(nameOf(item)));
    if (total === undefined && !isNew && page > 0) return [...seen.values()];
    read += items.length;
    for (const item of items) seen.set(nameOf(item), item);
    if (items.length > 0 && (total === undefined || read < total)) continue;
    // A key that moved between pages while they were read can be missing from all of them.
    if (seen.size !== (total ?? read)) throw changed(id);
    return [...seen.values()];
  }
  throw new Unexpected(`${id}'s list has more than ${pagesAtMost} pages`);
}

const changed = (id: string) => new Unavailable(`${id}'s list changed while it was read`);
