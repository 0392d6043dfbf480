import * as z from 'zod';
import {
  anything,
  circumstancesOf,
  ifList,
  ifText,
  jsonIn,
  type ReportFormat,
  scanOf,
  secretIn,
  textIn,
} from '../revocation/scan.ts';

const report = z.object({
  vulnerabilities: z.array(z.unknown()).nullable(),
  scan: z.object({ type: ifText }).optional().catch(undefined),
});
const identifier = z.object({ type: ifText, value: ifText });
const vulnerability = z.object({
  raw_source_code_extract: anything,
  identifiers: ifList,
  location: z
    .object({
      file: anything,
      start_line: anything,
      commit: z.object({ sha: anything }).optional().catch(undefined),
    })
    .optional()
    .catch(undefined),
});

/** GitLab's report of secret detection: https://docs.gitlab.com/user/application_security/secret_detection/pipeline/ */
export const gitlab: ReportFormat = {
  id: 'gitlab',
  title: 'GitLab’s secret detection',
  docs: 'https://docs.gitlab.com/user/application_security/secret_detection/pipeline/',
  read(bytes) {
    const parsed = report.safeParse(jsonIn(textIn(bytes)));
    const type = parsed.data?.scan?.type ?? 'secret_detection';
    if (!parsed.success || type !== 'secret_detection')
      return { is: 'malformed', problem: 'must be the file gl-secret-detection-report.json' };
    return scanOf(parsed.data.vulnerabilities ?? [], (item) => {
      const { data } = vulnerability.safeParse(item);
      if (data === undefined) return 'is not an object';
      const name = 'raw_source_code_extract';
      const value = secretIn(name, data.raw_source_code_extract, 'send the report as the job wrote it');
      if (typeof value === 'string') return value;
      if (/^\s*-----BEGIN [A-Z0-9 ]+-----\s*$/.test(String(data.raw_source_code_extract)))
        return `${name} is the first line of a private key and not the key; revoke it by hand`;
      const rule = data.identifiers
        .slice(0, 20)
        .map((one) => identifier.safeParse(one).data)
        .find((one) => one?.type === 'gitleaks_rule_id');
      const { file, start_line, commit } = data.location ?? {};
      // `id` and `cve` are made from a plain digest of the secret: neither may be kept as a reference.
      const circumstances = circumstancesOf({ path: file, line: start_line, commit: commit?.sha });
      return { scanner: 'gitlab', detector: rule?.value ?? '', value, circumstances };
    });
  },
};
