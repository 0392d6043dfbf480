import * as z from 'zod';
import { serviceAddress } from '../../revocation/address.ts';
import type { Path } from '../../revocation/exchange.ts';

/** What cannot be read is left out. */
export const ifReadable = <Schema extends z.ZodType>(schema: Schema) => schema.optional().catch(undefined);
/** A number, also where it is written as a text. */
export const id = z.union([z.int().positive().transform(String), z.string().regex(/^[1-9]\d{0,15}$/)]);
export const page = z.string().max(2048).refine(isPage, 'must be the https address of a page');
export const fileName = z.string().max(1024).refine(isFileName, 'must be the path of a file');
export const commit = z.string().regex(/^([0-9a-f]{40}|[0-9a-f]{64})$/, 'must be the id of a commit');
export const word = z.string().regex(/^[A-Za-z0-9_.-]{1,128}$/, 'must be a name');

/** The entries of a list that are what they should be. */
export function readable<Value>(
  items: readonly unknown[],
  schema: z.ZodType<Value>,
  most = Number.POSITIVE_INFINITY,
): Value[] {
  return items.slice(0, most).flatMap((item) => schema.safeParse(item).data ?? []);
}

/** Two paths, one after the other. */
export const sub = (above: Path, below: Path) => (above + below) as Path;

/** Whether a text is the address of a page as a browser would write it, by https unless it is on this machine. */
export function isPage(link: string): boolean {
  return serviceAddress(link)?.href === link;
}

export function isFileName(name: string): boolean {
  return name.isWellFormed() && name.split('/').every((part) => !['', '.', '..'].includes(part));
}
