import * as z from 'zod';
import {
  anything,
  circumstancesOf,
  ifText,
  jsonIn,
  type ReportFormat,
  scanOf,
  secretIn,
  textIn,
} from '../revocation/scan.ts';

const entry = z.object({
  RuleID: ifText,
  Secret: anything,
  File: anything,
  StartLine: anything,
  Commit: anything,
  Link: anything,
  Fingerprint: anything,
  offender: anything,
});

/** `gitleaks git --report-format json`: https://github.com/gitleaks/gitleaks/blob/master/report/finding.go */
export const gitleaks: ReportFormat = {
  id: 'gitleaks',
  title: 'gitleaks',
  docs: 'https://github.com/gitleaks/gitleaks#reporting',
  read(bytes) {
    const json = jsonIn(textIn(bytes));
    // Nothing found is an empty array, or null in some releases.
    if (json === null) return scanOf([], () => '');
    if (!Array.isArray(json))
      return { is: 'malformed', problem: 'must be the JSON array of gitleaks 8; write it with --report-format json' };
    return scanOf(json, (item) => {
      const parsed = entry.safeParse(item);
      if (!parsed.success) return 'is not an object';
      const { RuleID = '', Secret, File, StartLine, Commit, Link, Fingerprint, offender } = parsed.data;
      if (Secret === undefined && offender !== undefined) return 'was written by gitleaks 7; scan with gitleaks 8';
      const value = secretIn('Secret', Secret, 'scan without --redact');
      if (typeof value === 'string') return value;
      // The fingerprint is commit, file, rule and line: nothing of the secret is in it.
      const place = { url: Link, path: File, line: StartLine, commit: Commit, reference: Fingerprint };
      return { scanner: 'gitleaks', detector: RuleID, value, circumstances: circumstancesOf(place) };
    });
  },
};
