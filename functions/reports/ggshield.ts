import * as z from 'zod';
import type { Finding } from '../revocation/findings.ts';
import {
  anything,
  circumstancesOf,
  entriesAtMost,
  ifList,
  ifText,
  jsonIn,
  type ReportFormat,
  scanOf,
  secretsIn,
  textIn,
  tooMany,
  withoutParts,
} from '../revocation/scan.ts';

/** Scans hold scans: a range of commits holds one for each of them. */
const scan = z.object({
  id: ifText,
  type: ifText,
  entities_with_incidents: ifList,
  results: ifList,
  scans: ifList,
});
const report = z.union([
  z.object({ scans: z.array(z.unknown()) }),
  z.object({ entities_with_incidents: z.array(z.unknown()) }),
  z.object({ results: z.array(z.unknown()) }),
  z.object({ total_incidents: z.number() }),
]);
const file = z.object({ filename: anything, incidents: z.array(z.unknown()) });
const occurrence = z.object({ match: anything, match_type: ifText, type: ifText, line_start: anything });
const incident = z.object({ type: ifText, incident_url: anything, occurrences: z.array(occurrence).min(1) });

interface Item {
  /** Undefined where what should hold it cannot be read. */
  incident: unknown;
  path?: unknown;
  commit?: string | undefined;
}

/** `ggshield secret scan --json --show-secrets`: https://docs.gitguardian.com/ggshield-docs/reference/secret/scan/overview */
export const ggshield: ReportFormat = {
  id: 'ggshield',
  title: 'ggshield',
  docs: 'https://docs.gitguardian.com/ggshield-docs/reference/secret/scan/overview',
  read(bytes) {
    const json = jsonIn(textIn(bytes));
    if (!report.safeParse(json).success)
      return { is: 'malformed', problem: 'must be what ggshield secret scan writes with --json' };
    const incidents = incidentsIn(json);
    return incidents === undefined ? { is: 'malformed', problem: tooMany } : scanOf(incidents, findingOf);
  },
};

/**
 * All incidents in the order in which they stand in the report, or undefined when that would not end soon. Without
 * recursion: how deep scans lie is the sender's word.
 */
function incidentsIn(top: unknown): Item[] | undefined {
  const items: Item[] = [];
  const left = [top];
  for (let scans = 0; left.length > 0; scans += 1) {
    if (items.length > entriesAtMost || scans > entriesAtMost) return undefined;
    const { data } = scan.safeParse(left.pop());
    const { id, type, entities_with_incidents = [], results = [], scans: inner = [] } = data ?? {};
    if (data === undefined) items.push({ incident: undefined });
    for (const given of [...entities_with_incidents, ...results]) {
      const found = file.safeParse(given).data;
      const commit = type === 'commit' ? id : undefined;
      if (found === undefined) items.push({ incident: undefined });
      for (const one of found?.incidents ?? []) items.push({ incident: one, path: found?.filename, commit });
    }
    for (const one of inner.toReversed()) left.push(one);
  }
  return items;
}

function findingOf({ incident: given, path, commit }: Item): Finding | string {
  const { data } = incident.safeParse(given);
  if (data === undefined) return 'is no incident with occurrences';
  const { type = '', incident_url: reference, occurrences } = data;
  const parts = secretsIn(partsOf(occurrences), 'match', 'scan with --show-secrets');
  if (typeof parts === 'string') return parts;
  const circumstances = circumstancesOf({ path, line: occurrences[0]?.line_start, commit, reference });
  const finding = { scanner: 'gitguardian', detector: detectorOf(type) } as const;
  const [only, ...others] = Object.values(parts);
  if (others.length === 0) return { ...finding, value: only, circumstances };
  return { ...finding, value: parts.apikey, parts, circumstances: withoutParts(circumstances, parts) };
}

/** The matches of one incident, once each: every place where the secret was found repeats all of them. */
function partsOf(occurrences: z.infer<typeof occurrence>[]): [string, unknown][] {
  const parts = new Map<string, unknown>();
  const known = new Set<unknown>();
  for (const { match, match_type, type } of occurrences) {
    if (known.has(match)) continue;
    known.add(match);
    const name = match_type ?? type ?? 'match';
    parts.set(parts.has(name) ? `${name} ${parts.size + 1}` : name, match);
  }
  return [...parts];
}

/** ggshield gives a detector's name for people; the name for machines is the same words. */
const detectorOf = (type: string) => type.toLowerCase().replaceAll(/[^a-z0-9]+/g, '_');
