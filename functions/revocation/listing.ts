import { type Access, askAsAdmin } from './ask.ts';
import { Unavailable, Unexpected } from './errors.ts';
import type { Listing, Send } from './exchange.ts';

const pagesAtMost = 500;

/** One page of a list. */
export type Page<Item> = { items: Item[]; total?: number | undefined };

/** Further pages that are on their way at a time, all runs of one function together: as many as it has messages in hand. */
const inFlightAtMost = 10;
const gates = new WeakMap<Send, Gate>();

/**
 * Reads a list to its end; `nameOf` tells items apart. Where the first page says how many there are, the others are read side
 * by side: ten thousand keys, page after page, would outlast the function. `begun`: the first page, where that was read already.
 * @throws Unavailable when it changed while it was read, Unexpected when it never ends
 */
export async function readAll<Input, Item>(
  access: Access,
  listing: Listing<Input & { admin: unknown }, Item>,
  input: Input,
  nameOf: (item: Item) => string,
  begun?: Page<Item>,
): Promise<Item[]> {
  const { id } = access.provider;
  const seen = new Map<string, Item>();
  let read = 0;
  const take = (items: Item[]) => {
    read += items.length;
    for (const item of items) seen.set(nameOf(item), item);
  };
  const first = begun ?? (await askAsAdmin(access, listing, { ...input, page: 0 }));
  const { items: begin = [], total } = first ?? {};
  take(begin);
  let page = 1;
  if (total !== undefined && begin.length > 0) {
    const pages = Math.ceil(total / begin.length);
    if (pages > pagesAtMost) throw endless(id);
    for (const items of await pagesOf(access, listing, input, { from: 1, to: pages, total })) take(items);
    page = Math.max(pages, 1);
  }
  // Without a total a list is over when a page is empty or brings nothing new; with one, pages may have become smaller.
  for (let last = begin; last.length > 0 && (total === undefined || read < total); page += 1) {
    if (page >= pagesAtMost) throw endless(id);
    const answer = await askAsAdmin(access, listing, { ...input, page });
    if (answer !== undefined && answer.total !== total) throw changed(id);
    last = answer?.items ?? [];
    // That is how a list that knows no pages ends.
    if (total === undefined && !last.some((item) => !seen.has(nameOf(item)))) return [...seen.values()];
    take(last);
  }
  // A key that moved between pages while they were read can be missing from all of them.
  if (seen.size !== (total ?? read)) throw changed(id);
  return [...seen.values()];
}

/** A list of fewer pages is read whole at once. */
const worthSearching = 10;

/**
 * The items of a long sorted list that carry a mark, from the few pages where they must stand. What it does not give
 * may be in the list all the same: one that is short, that does not say how many there are, or that is not sorted as we think gives
 * nothing.
 * `first`: the list's first page, where nothing but that was read; after a search it would be older than the pages that follow it.
 */
export async function readMarked<Input, Item>(
  access: Access,
  listing: Listing<Input & { admin: unknown }, Item>,
  input: Input,
  { mark, markOf }: { mark: string; markOf(item: Item): string | undefined },
): Promise<{ items: Item[]; first?: Page<Item> | undefined }> {
  const first = await askAsAdmin(access, listing, { ...input, page: 0 });
  const total = first?.total ?? 0;
  const pages = Math.ceil(total / Math.max(first?.items.length ?? 0, 1));
  if (pages < worthSearching || pages > pagesAtMost) return { items: [], first };
  const known = new Map([[0, first]]);
  let isSame = true;
  const at = async (page: number) => {
    const answer = known.has(page) ? known.get(page) : await askAsAdmin(access, listing, { ...input, page });
    known.set(page, answer);
    isSame &&= answer?.total === total;
    const marks = (answer?.items ?? []).map((item) => markOf(item) ?? '');
    const isSorted = marks.length > 0 && marks.every((one, index) => index === 0 || (marks[index - 1] ?? '') <= one);
    return answer && isSorted ? { items: answer.items, first: marks[0] ?? '', last: marks.at(-1) ?? '' } : undefined;
  };
  // The first page that ends with this mark or a later one.
  let [low, high] = [0, pages - 1];
  while (low < high) {
    const middle = Math.floor((low + high) / 2);
    const page = await at(middle);
    if (page === undefined) return { items: [] };
    if (page.last < mark) low = middle + 1;
    else high = middle;
  }
  const items: Item[] = [];
  for (let number = low; number < pages; number += 1) {
    const page = await at(number);
    if (page === undefined) return { items: [] };
    items.push(...page.items.filter((item) => markOf(item) === mark));
    // A page that goes from before the mark to after it has all that carry it, whatever becomes of the other pages.
    if (number === low && page.first < mark && page.last > mark) return { items };
    if (page.last > mark) break;
  }
  return { items: isSame ? items : [] };
}

/** Pages side by side, in their order; what fails ends the reading, so nothing more is begun. */
async function pagesOf<Input, Item>(
  access: Access,
  listing: Listing<Input & { admin: unknown }, Item>,
  input: Input,
  { from, to, total }: { from: number; to: number; total: number },
): Promise<Item[][]> {
  const pass = gateOf(access.send);
  const pages: Item[][] = [];
  let next = from;
  let isOver = false;
  const reading = Array.from({ length: Math.min(inFlightAtMost, to - from) }, async () => {
    while (next < to && !isOver) {
      const page = next;
      next += 1;
      try {
        const answer = await pass(() => askAsAdmin(access, listing, { ...input, page }));
        if (answer !== undefined && answer.total !== total) throw changed(access.provider.id);
        pages[page - from] = answer?.items ?? [];
      } catch (error) {
        isOver = true;
        throw error;
      }
    }
  });
  const failed = (await Promise.allSettled(reading)).find(({ status }) => status === 'rejected');
  if (failed?.status === 'rejected') throw failed.reason;
  return pages;
}

/** Lets so many through at a time, the others in the order in which they came. */
type Gate = <Result>(act: () => Promise<Result>) => Promise<Result>;

function gateOf(send: Send): Gate {
  const known = gates.get(send);
  if (known) return known;
  const waiting: (() => void)[] = [];
  let inside = 0;
  const gate: Gate = async (act) => {
    if (inside >= inFlightAtMost) await new Promise<void>((resolve) => waiting.push(resolve));
    else inside += 1;
    try {
      return await act();
    } finally {
      const following = waiting.shift();
      if (following) following();
      else inside -= 1;
    }
  };
  gates.set(send, gate);
  return gate;
}

const endless = (id: string) => new Unexpected(`${id}'s list has more than ${pagesAtMost} pages`);
const changed = (id: string) => new Unavailable(`${id}'s list changed while it was read`);
