import * as z from 'zod';
import type { Finding } from '../revocation/findings.ts';
import {
  anything,
  circumstancesOf,
  entriesAtMost,
  ifText,
  jsonIn,
  type ReportFormat,
  scanOf,
  secretIn,
  secretsIn,
  textIn,
  tooMany,
  withoutParts,
} from '../revocation/scan.ts';

const line = z.object({
  DetectorName: z.string(),
  Raw: ifText,
  RawV2: ifText,
  SecretParts: z.record(z.string(), z.unknown()).optional().catch(undefined),
  SourceMetadata: z
    .object({ Data: z.record(z.string(), z.unknown()) })
    .optional()
    .catch(undefined),
});
type Line = z.infer<typeof line>;

/** What each kind of source says of a place, in the fields that most of them share. */
const place = z.object({
  file: anything,
  line: anything,
  commit: anything,
  link: ifText,
  repository: ifText,
});

const shown = 'scan again with a current release of TruffleHog';
/** Parts of a finding that say where a credential counts. */
const isAddress = (name: string) => /^(host|hostname|domain|endpoint|url|region|port)$/i.test(name);

/** `trufflehog … --json`, one finding a line: https://github.com/trufflesecurity/trufflehog/blob/main/pkg/output/json.go */
export const trufflehog: ReportFormat = {
  id: 'trufflehog',
  title: 'TruffleHog',
  docs: 'https://github.com/trufflesecurity/trufflehog#what-is-trufflehog',
  read(bytes) {
    const lines = textIn(bytes)
      ?.split('\n')
      .filter((given) => given.trim() !== '');
    if (lines && lines.length > entriesAtMost) return { is: 'malformed', problem: tooMany };
    const read = lines?.map((given) => line.safeParse(jsonIn(given)).data);
    if (!read || (read.length > 0 && read.every((one) => one === undefined)))
      return { is: 'malformed', problem: 'must be the JSON lines of TruffleHog 3; write them with --json' };
    return scanOf(read, (one) => (one === undefined ? 'is no finding, but another line' : findingOf(one)));
  },
};

function findingOf(given: Line): Finding | string {
  const detector = given.DetectorName;
  const circumstances = placeOf(given);
  const parts = partsOf(given);
  const named = secretsIn(Object.entries(parts), 'SecretParts', shown);
  if (typeof named === 'string') return named;
  const [only, ...others] = Object.values(named);
  // The parts are the whole finding; of several, Raw may be the name of the credential and not its secret.
  if (others.length > 0 || (only && namesParts(detector)))
    return { scanner: 'trufflehog', detector, parts: named, circumstances: withoutParts(circumstances, named) };
  if (only) return { scanner: 'trufflehog', detector, value: only, parts: named, circumstances };
  const { Raw, RawV2 } = given;
  if (RawV2 === undefined && isEncoded(Raw))
    return `Raw may be base64, as the first releases of TruffleHog 3 wrote it; ${shown}`;
  const value = secretIn('Raw', Raw || RawV2, shown);
  if (typeof value === 'string') return value;
  const whole = RawV2 ? secretIn('RawV2', RawV2, shown) : undefined;
  if (typeof whole === 'string') return whole;
  return { scanner: 'trufflehog', detector, value, whole, circumstances };
}

/** The parts that hold something and, unless there is nothing else, are no address. */
function partsOf({ DetectorName, SecretParts = {}, Raw, RawV2 }: Line): Record<string, unknown> {
  const all = Object.entries(SecretParts).filter(([, value]) => typeof value === 'string' && value.trim() !== '');
  const secret = all.filter(([name]) => !isAddress(name));
  if (all.length > 0) return Object.fromEntries(secret.length > 0 ? secret : all);
  return namesParts(DetectorName) && Raw && Raw === RawV2 ? { api_key: Raw } : {};
}

/**
 * Two keys go by this name, and the one alone that a finding without parts may hold is the second:
 * https://github.com/trufflesecurity/trufflehog/blob/main/pkg/detectors/datadogtoken/datadogtoken.go
 */
const namesParts = (detector: string) => detector === 'DatadogToken';

/** Strict base64 of readable text: what a secret hardly ever is by itself. */
function isEncoded(raw = ''): boolean {
  if (!/^[A-Za-z0-9+/]+={0,2}$/.test(raw)) return false;
  const bytes = Buffer.from(raw, 'base64');
  return bytes.toString('base64') === raw && /^[\t\n\r\x20-\x7e]+$/.test(bytes.toString('latin1'));
}

function placeOf({ SourceMetadata }: Line): Finding['circumstances'] {
  const [source] = Object.values(SourceMetadata?.Data ?? {});
  const { file, line: at, commit, link, repository } = place.safeParse(source).data ?? {};
  return circumstancesOf({ url: link || repository, path: file, line: at, commit });
}
