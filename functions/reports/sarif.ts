import * as z from 'zod';
import {
  anything,
  circumstancesOf,
  entriesAtMost,
  ifList,
  ifText,
  jsonIn,
  type ReportFormat,
  scanOf,
  secretIn,
  textIn,
  tooMany,
} from '../revocation/scan.ts';

const run = z.object({
  tool: z.object({ driver: z.object({ name: z.string() }) }),
  results: ifList,
});
const log = z.object({ runs: z.array(z.unknown()) });

const region = z.object({
  startLine: anything,
  snippet: z.object({ text: anything }).optional().catch(undefined),
});
const location = z.object({
  physicalLocation: z.object({
    artifactLocation: z.object({ uri: anything }).optional().catch(undefined),
    region: region.optional().catch(undefined),
  }),
});
const result = z.object({
  ruleId: ifText,
  locations: ifList,
  partialFingerprints: z.object({ commitSha: anything }).optional().catch(undefined),
});

interface Item {
  /** Undefined where a run does not say. */
  driver: string | undefined;
  result?: unknown;
}

function resultsOf(given: unknown): Item[] {
  const { data } = run.safeParse(given);
  if (data === undefined) return [{ driver: undefined }];
  return data.results.map((one) => ({ driver: data.tool.driver.name, result: one }));
}

/** SARIF 2.1.0: https://docs.oasis-open.org/sarif/sarif/v2.1.0/sarif-v2.1.0.html. What a region's snippet holds is for the tool to say. */
export const sarif: ReportFormat = {
  id: 'sarif',
  title: 'a tool that writes SARIF',
  docs: 'https://docs.oasis-open.org/sarif/sarif/v2.1.0/sarif-v2.1.0.html',
  read(bytes) {
    const parsed = log.safeParse(jsonIn(textIn(bytes)));
    if (!parsed.success) return { is: 'malformed', problem: 'must be a SARIF 2.1.0 log: an object with runs' };
    if (parsed.data.runs.length > entriesAtMost) return { is: 'malformed', problem: tooMany };
    return scanOf(parsed.data.runs.flatMap(resultsOf), ({ driver, result: given }) => {
      if (driver === undefined) return 'is a run that does not name its tool';
      // https://github.com/gitleaks/gitleaks/blob/master/report/sarif.go: its snippet is the secret, others' is the line around it.
      if (driver.toLowerCase() !== 'gitleaks')
        return 'tells where a secret is, and not what it is; send the scanner’s own report';
      const { data } = result.safeParse(given);
      const { data: first } = location.safeParse(data?.locations[0]);
      if (data === undefined || first === undefined) return 'has no location';
      const { artifactLocation, region: at } = first.physicalLocation;
      const value = secretIn('snippet', at?.snippet?.text, 'scan without --redact');
      if (typeof value === 'string') return value;
      const commit = data.partialFingerprints?.commitSha;
      const circumstances = circumstancesOf({ path: artifactLocation?.uri, line: at?.startLine, commit });
      return { scanner: 'gitleaks', detector: data.ruleId ?? '', value, circumstances };
    });
  },
};
