import { expect } from 'vitest';
import type { Finding } from '../../functions/revocation/findings.ts';
import type { ReportFormat, Scan } from '../../functions/revocation/scan.ts';
import type { Secret } from '../../functions/revocation/secret.ts';

/** Invented keys of the forms that providers give theirs. */
export const apiKey = 'b1'.repeat(16);
export const applicationKey = 'a0'.repeat(20);

export const bytesOf = (report: unknown) =>
  report instanceof Uint8Array
    ? report
    : new TextEncoder().encode(typeof report === 'string' ? report : JSON.stringify(report));

/** Reads a report that has to be one of this format. */
export function scanned(format: ReportFormat, report: unknown): Extract<Scan, { is: 'scan' }> {
  const scan = format.read(bytesOf(report));
  if (scan.is !== 'scan') throw new Error(`malformed: ${scan.problem}`);
  return scan;
}

const shown = (secret: Secret | undefined) => secret?.expose();

/** A finding with its secrets in the open, without what is absent. */
export const opened = ({ value, whole, parts, circumstances, ...rest }: Finding) =>
  JSON.parse(
    JSON.stringify({
      ...rest,
      value: shown(value),
      whole: shown(whole),
      parts: parts && Object.fromEntries(Object.entries(parts).map(([name, part]) => [name, shown(part)])),
      ...circumstances,
    }),
  );

/** The findings of a report, opened, in their order. */
export const findingsIn = (format: ReportFormat, report: unknown) =>
  scanned(format, report).findings.map(({ finding }) => opened(finding));

/** Why the one entry of a report is skipped; nothing of `canary` may be in it. */
export function reasonFor(format: ReportFormat, report: unknown, canary = 'canary'): string {
  const { findings, skipped } = scanned(format, report);
  expect(findings).toEqual([]);
  expect(skipped.map(({ index }) => index)).toEqual([0]);
  expect(JSON.stringify(skipped)).not.toContain(canary);
  return String(skipped[0]?.reason);
}

/** Bodies that are none of these formats. */
export const foreign: [string, unknown][] = [
  ['nothing that is JSON', 'canary: not JSON'],
  ['a number', 7],
  ['a text', '"canary"'],
  ['an object of somebody else', { canary: [] }],
  ['UTF-16, as a redirection on Windows writes it', new Uint8Array(Buffer.from('\ufeff[]', 'utf16le'))],
  ['bytes that are not UTF-8', new Uint8Array([0x5b, 0x22, 0xff, 0x22, 0x5d])],
];

/** What a format says of a body that is none of it. */
export function problemOf(format: ReportFormat, report: unknown): string {
  const scan = format.read(bytesOf(report));
  if (scan.is !== 'malformed') throw new Error('it was read');
  expect(scan.problem).not.toContain('canary');
  return scan.problem;
}
