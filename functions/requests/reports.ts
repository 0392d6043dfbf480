import * as z from 'zod';
import { Problem } from '../platform/lambda.ts';
import { formats } from '../reports/index.ts';
import { incidentIds } from '../revocation/alerts.ts';
import { leaksOf } from '../revocation/findings.ts';
import { accept } from '../revocation/intake.ts';
import type { Leak } from '../revocation/leak.ts';
import { entriesAtMost, type ReportFormat, tooMany } from '../revocation/scan.ts';
import type { Route } from './services.ts';

/** A schema for the answer. */
export const reportAnswer = () =>
  z.strictObject({
    accepted: z.int().min(0),
    skipped: z.array(z.strictObject({ index: z.int().min(0), reason: z.string() })),
    incidents: incidentIds(),
  });

/** `POST /reports/{format}`: an operator hands in what a scanner found. */
export const postReport: Route = async ({ parameters, body, id }, { intake, info }) => {
  const name = parameters.format ?? '';
  const format: ReportFormat | undefined = Object.hasOwn(formats, name)
    ? formats[name as keyof typeof formats]
    : undefined;
  if (!format)
    throw new Problem(404, 'Not found', `There is no such format; there are ${Object.keys(formats).join(', ')}.`);
  const scan = format.read(body);
  if (scan.is === 'malformed') throw refused(format, scan.problem);
  const leaks: Leak[] = [];
  for (const { finding } of scan.findings) for (const leak of leaksOf(finding, intake.providers)) leaks.push(leak);
  if (leaks.length > entriesAtMost) throw refused(format, tooMany);
  // A person hands it in, but it is the scanner that says which key it is: its word is no order.
  const sender = { source: format.id, delivery: id, mayNameKeys: false };
  const incidents = await accept(intake, sender, leaks);
  if (scan.skipped.length > 0)
    info?.('entries skipped', { source: format.id, delivery: id, count: String(scan.skipped.length) });
  return {
    status: 202,
    body: {
      accepted: scan.findings.length,
      skipped: scan.skipped,
      incidents: incidents.map((incident) => ({ id: incident })),
    } satisfies z.output<ReturnType<typeof reportAnswer>>,
  };
};

const refused = ({ title }: ReportFormat, problem: string) =>
  new Problem(400, 'Bad request', `This is not a report of ${title} that can be taken.`, [
    { field: '(body)', problem },
  ]);
