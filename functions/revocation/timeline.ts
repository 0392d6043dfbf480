import { createHash } from 'node:crypto';
import canonicalize from 'canonicalize';
import type { Stage } from './incident.ts';

/** One step of an incident's story; `detail` is a sentence for people. */
export interface Step {
  /** ISO 8601. */
  at: string;
  stage: Stage;
  detail?: string | undefined;
}

/**
 * A step as it is written down: with the hash of the one before, so that an entry that is edited, removed or put between
 * others shows. The hash is SHA-256 in hexadecimal over the whole entry in canonical JSON: https://www.rfc-editor.org/rfc/rfc8785
 */
export interface TimelineEntry extends Step {
  previous: string;
}

/** What the first entry carries in place of a hash: two incidents cannot exchange their stories. */
export const beginningOf = (incident: string): string => hashOf({ incident });

/** @throws Error when the value is none that JSON has */
export function hashOf(value: object): string {
  const text = canonicalize(value);
  if (text === undefined) throw new Error('only JSON has a hash');
  return createHash('sha256').update(text).digest('hex');
}

/** The hash that the next entry will carry. */
export function headOf(incident: string, timeline: readonly TimelineEntry[]): string {
  const last = timeline.at(-1);
  return last === undefined ? beginningOf(incident) : hashOf(last);
}

/** A timeline that goes on. */
export function extended(
  incident: string,
  timeline: readonly TimelineEntry[],
  steps: readonly Step[],
): TimelineEntry[] {
  const whole = [...timeline];
  // Half a character, as cutting a text may leave it, would neither have a hash nor come back as it went.
  for (const { at, stage, detail } of steps)
    whole.push({
      at,
      stage,
      ...(detail !== undefined && { detail: detail.toWellFormed() }),
      previous: headOf(incident, whole),
    });
  return whole;
}

/** What a check of a timeline found. */
export interface Flaw {
  /** Which entry, from 0. */
  index: number;
  problem: string;
}

/**
 * Every place where a timeline is not as it was written. `start` is what its first entry must carry: absent, the beginning
 * of the incident's story. `head` is the hash of its last entry, as it was kept beside it.
 */
export function flawsOf(
  incident: string,
  timeline: readonly TimelineEntry[],
  { start = beginningOf(incident), head }: { start?: string | undefined; head?: string | null | undefined } = {},
): Flaw[] {
  const flaws: Flaw[] = [];
  let expected = start;
  for (const [index, entry] of timeline.entries()) {
    if (entry.previous !== expected)
      flaws.push({
        index,
        problem: 'it does not follow from the entry before it: that one was edited, or one is missing',
      });
    expected = hashOf(entry);
  }
  if (head != null && head !== expected)
    flaws.push({
      index: timeline.length,
      problem: 'the end is not as it was written: the last entry was edited or removed',
    });
  return flaws;
}
