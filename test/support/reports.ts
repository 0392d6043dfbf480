import { type IncidentRecord, newRecord } from '../../functions/revocation/incident.ts';
import { leakFromSource } from '../../functions/revocation/leak.ts';
import type { Report } from '../../functions/revocation/report.ts';

/** When every story in these tests begins. */
export const beginning = Date.parse('2026-11-20T12:00:00.000Z');

/** An incident's id from a word: tests that share a ledger stay apart. */
export const incidentNamed = (word: string) => `inc_${word.replaceAll(/[^0-9a-hjkmnp-tv-z]/g, '0').padEnd(26, '0')}`;

/** A report of a leaked value by a signed source; what a test is about is given. */
export function reportOf(
  given: Partial<Report> & { delivery?: string; source?: string; reference?: string } = {},
): Report {
  const { delivery = 'msg_1', source = 'standard', reference, ...report } = given;
  return {
    message: 'message-1',
    incident: incidentNamed('a'),
    provider: 'datadog',
    kind: 'api-key',
    leak: leakFromSource.parse({ provider: 'datadog', secret: '0123456789abcdef0123456789abcdef' }),
    sighting: {
      source,
      at: new Date(beginning).toISOString(),
      delivery,
      ...(reference !== undefined && { reference }),
    },
    mayNameKeys: false,
    tries: { unavailable: 0, unexpected: 0 },
    ...report,
  };
}

/** An incident as it stands; what a test is about is given. */
export function recordOf(given: Partial<IncidentRecord> = {}): IncidentRecord {
  const { sighting, incident } = reportOf();
  return { ...newRecord(incident, 'datadog', 'api-key', sighting), ...given };
}
