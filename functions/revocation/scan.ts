import * as z from 'zod';
import type { Finding } from './findings.ts';
import { withoutEcho, withoutUser } from './leak-contents.ts';
import { type Secret, secretText } from './secret.ts';
import type { Skipped } from './source.ts';

/**
 * What a scanner's report says: findings and the entries that can be none, each with its position in the report from 0;
 * or `malformed`: not this format. `problem` is ours, names the remedy and repeats nothing of the report.
 */
export type Scan =
  | { is: 'scan'; findings: { index: number; finding: Finding }[]; skipped: Skipped[] }
  | { is: 'malformed'; problem: string };

/** A format of scanners' reports is a value. Its id is its file name, registry key and path, and the source of its sightings. */
export interface ReportFormat {
  id: string;
  /** Who writes it, as a sentence can name it. */
  title: string;
  /** The page, or the code where there is none, that it was written from. */
  docs: string;
  read(bytes: Uint8Array): Scan;
}

/** More entries than this are not read from one report: each is a message, and all of them have to be durable in one request. */
export const entriesAtMost = 20_000;
// Spelt out: to have a number written in English loads the rules of all languages, ten milliseconds of every cold start.
export const tooMany = 'holds more than 20,000 findings; send them in several reports';
const partsAtMost = 16;

/** Reads entries one by one: a text is the reason why one is no finding, and never keeps the others from being read. */
export function scanOf<Item>(items: readonly Item[], read: (item: Item) => Finding | string): Scan {
  if (items.length > entriesAtMost) return { is: 'malformed', problem: tooMany };
  const findings: { index: number; finding: Finding }[] = [];
  const skipped: Skipped[] = [];
  for (const [index, item] of items.entries()) {
    const found = read(item);
    if (typeof found === 'string') skipped.push({ index, reason: found });
    else findings.push({ index, finding: found });
  }
  return { is: 'scan', findings, skipped };
}

/** The text in a report; undefined when it is not UTF-8. */
export function textIn(bytes: Uint8Array): string | undefined {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch {
    return undefined;
  }
}

/** The JSON in a text; undefined when it is none. */
export function jsonIn(text: string | undefined): unknown {
  try {
    return text === undefined ? undefined : JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** A text, or nothing: what is no text keeps no finding from being read. */
export const ifText = z.string().optional().catch(undefined);
/** Whatever stands there, or nothing: it is read where it is used. */
export const anything = z.unknown().optional();
/** A list, or an empty one: `null` is how some scanners write that. */
export const ifList = z.array(z.unknown()).catch([]);

/** What stands in place of a secret: `REDACTED`, its beginning and three dots, or stars for some of it. */
const redacted = /^\W*redacted\W*$|(?:\.{3}|…)$|\*\*|^\*$/i;
export const isRedacted = (value: string) => redacted.test(value.trim());

/** The secret in a field that the scanner calls `name`, or the reason why there is none; `shown` is how to scan so that there is. */
export function secretIn(name: string, value: unknown, shown: string): Secret | string {
  if (typeof value !== 'string' || value.trim() === '') return `has no ${name}`;
  if (isRedacted(value)) return `${name} is redacted; ${shown}`;
  const parsed = secretText.safeParse(value);
  return parsed.success ? parsed.data : `${name} is empty or longer than 65,536 characters`;
}

/** The secrets in several named fields, or the reason why they cannot be had. */
export function secretsIn(fields: readonly [string, unknown][], name: string, shown: string) {
  if (fields.length > partsAtMost) return `has more than ${partsAtMost} ${name}`;
  const secrets = fields.map(([, value]) => secretIn(name, value, shown));
  const reason = secrets.find((secret) => typeof secret === 'string');
  if (reason !== undefined) return reason;
  return Object.fromEntries(fields.map(([field], index) => [field, secrets[index] as Secret]));
}

const text = (max: number) => z.string().min(1).max(max).optional().catch(undefined);
const place = z.object({
  url: text(2048).transform(withoutUser),
  path: text(1024),
  line: z.int().min(1).optional().catch(undefined),
  // All zeros is what scanners write where there is no commit.
  commit: text(128).transform((commit) => (/^0*$/.test(commit ?? '') ? undefined : commit)),
  reference: text(2048),
});

/** Where a finding was found, as far as that can be read. */
export function circumstancesOf(given: { [Name in keyof z.input<typeof place>]?: unknown }): Finding['circumstances'] {
  const { reference, ...location } = place.parse(given);
  return { location, reference };
}

/** Of several secrets in one finding, each may stand in the place where the others were found. */
export const withoutParts = (found: Finding['circumstances'], parts: Readonly<Record<string, Secret>>) =>
  Object.values(parts).reduce(withoutEcho, found);
