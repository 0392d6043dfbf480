import { createHash } from 'node:crypto';
import * as z from 'zod';
import type { Skipped } from './source.ts';

/** The JSON in a body, or undefined: it must be UTF-8, whole. */
export function jsonOf(body: Uint8Array): unknown {
  try {
    return JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(body));
  } catch {
    return undefined;
  }
}

/** A text that only describes: null, empty, too long or no text at all, it is left out. */
export const textIfReadable = (max: number) =>
  z
    .string()
    .max(max)
    .nullish()
    .catch(undefined)
    .transform((given) => given?.trim() || undefined);

/**
 * The entries of a list that can be read, and of the others why not: `problem`, in our words. An error when none can be,
 * which is not so of an empty list, and for a list of more than `atMost`: nothing of it is taken and the rest dropped.
 */
export function readEntries<Entry>(
  list: readonly unknown[],
  schema: z.ZodType<Entry>,
  { atMost, problem }: { atMost: number; problem: string },
): { entries: Entry[]; skipped: Skipped[]; error?: undefined } | { error: z.ZodError } {
  if (list.length > atMost) return { error: tooMany(atMost) };
  const read = list.map((entry) => schema.safeParse(entry));
  const entries = read.flatMap(({ success, data }) => (success ? [data] : []));
  const [first] = read;
  if (first?.error && entries.length === 0) return { error: first.error };
  const skipped = read.flatMap(({ success }, index) => (success ? [] : [{ index, reason: problem }]));
  return { entries, skipped };
}

/** What is wrong with a list that is longer than is read. */
export const tooMany = (atMost: number) =>
  new z.ZodError([
    { code: 'custom', path: [], message: `holds more than ${atMost} entries; send less at a time`, input: undefined },
  ]);

/**
 * A name for a delivery whose sender gives it none: the same for what comes again on the same day (UTC). It is made of what
 * `told` says and of nothing secret: a digest of a body, or its signature, would let anyone who reads it test guesses
 * of the credentials in it.
 */
export function deliveryName(told: readonly (readonly (string | undefined)[])[], now: number): string {
  const day = new Date(now).toISOString().slice(0, 10);
  return createHash('sha256')
    .update(JSON.stringify([day, ...told]))
    .digest('hex');
}
