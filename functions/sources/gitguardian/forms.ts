import * as z from 'zod';
import type { Path } from '../../revocation/exchange.ts';

/** What cannot be read is left out. */
export const ifReadable = <Schema extends z.ZodType>(schema: Schema) => schema.optional().catch(undefined);
export const id = z.int().positive();
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

/** Whether a text is an https address as a browser would write it, without a name or password in it. */
export function isPage(link: string): boolean {
  const url = URL.parse(link);
  return url?.href === link && url.protocol === 'https:' && url.username === '' && url.password === '';
}

export function isFileName(name: string): boolean {
  return name.isWellFormed() && name.split('/').every((part) => !['', '.', '..'].includes(part));
}
