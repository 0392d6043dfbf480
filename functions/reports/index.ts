import type { ReportFormat } from '../revocation/scan.ts';
import { ggshield } from './ggshield.ts';
import { gitlab } from './gitlab.ts';
import { gitleaks } from './gitleaks.ts';
import { sarif } from './sarif.ts';
import { trufflehog } from './trufflehog.ts';

/** Every format of scanners' reports, by its id. */
export const formats = { ggshield, gitlab, gitleaks, sarif, trufflehog } as const satisfies Readonly<
  Record<string, ReportFormat>
>;
