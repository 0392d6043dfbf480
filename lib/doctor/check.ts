/** What is wrong, by one word: for programs, and the same from version to version. */
export type Problem =
  | 'configuration'
  | 'aws'
  | 'not-deployed'
  | 'secret-missing'
  | 'secret-empty'
  | 'secret-wrong'
  | 'same-credential'
  | 'refused'
  | 'expired'
  | 'expires-soon'
  | 'elsewhere'
  | 'blocked'
  | 'right-missing'
  | 'rate-limited'
  | 'no-answer'
  | 'unexpected-answer'
  | 'cannot-tell';

/** What was looked at, and how it is. Nothing of it is secret. */
export interface Check {
  name: string;
  is: 'well' | 'wrong' | 'unknown';
  /** Absent where it is well. */
  problem?: Problem;
  detail?: string;
  /** What a person does about it. */
  remedy?: string;
}
export type Trouble = Omit<Check, 'name'> & { is: 'wrong' | 'unknown'; problem: Problem };

const marks = { well: '✓', wrong: '✗', unknown: '?' } as const;

/** One line: what was looked at, what is wrong with it, what to do. */
export function lineOf({ name, is, detail, remedy }: Check): string {
  const why = detail === undefined ? '' : `: ${detail}`;
  const how = remedy === undefined ? '' : `. To do: ${remedy}`;
  return `${marks[is]} ${name}${why}${how}`.replaceAll(/[\s\p{Cc}]+/gu, ' ');
}

/** How many of each, in a sentence. */
export function summaryOf(checks: readonly Check[]): string {
  const count = (wanted: Check['is']) => checks.filter(({ is }) => is === wanted).length;
  if (checks.every(({ is }) => is === 'well')) return `All well: ${checks.length} checks`;
  return `${checks.length} checks: ${count('well')} well, ${count('wrong')} wrong, ${count('unknown')} cannot be told`;
}

/** A day in ms. */
const day = 86_400_000;
/** A credential that ends within this time (ms) is to be replaced: long enough for a week of holidays. */
const soon = 14 * day;

/** Whether a credential that ends then (ISO 8601) will last. */
export function lasting(name: string, endsAt: string, now: number): Check {
  const at = Date.parse(endsAt);
  if (Number.isNaN(at))
    return {
      name,
      is: 'unknown',
      problem: 'cannot-tell',
      detail: 'when it ends is told in another form than documented',
    };
  const on = new Date(at).toISOString().slice(0, 10);
  if (at > now + soon) return { name, is: 'well', detail: `until ${on}` };
  const remedy = 'make a new one and put it into the secret; then revoke this one';
  return at > now
    ? { name, is: 'wrong', problem: 'expires-soon', detail: `it ends on ${on}`, remedy }
    : { name, is: 'wrong', problem: 'expired', detail: `it ended on ${on}`, remedy };
}
