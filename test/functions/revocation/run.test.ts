import { describe, expect, test } from 'vitest';
import { seal } from '../../../functions/revocation/fingerprint.ts';
import type { IncidentRecord } from '../../../functions/revocation/incident.ts';
import { leakFromSource } from '../../../functions/revocation/leak.ts';
import type { Report } from '../../../functions/revocation/report.ts';
import { leakOf, type Services, startRun } from '../../../functions/revocation/run.ts';
import { Secret } from '../../../functions/revocation/secret.ts';
import { recordOf, reportOf } from '../../support/reports.ts';

const fingerprint = new Secret('a fingerprint key that only tests have');
const value = '0123456789abcdef0123456789abcdef';
const sealed = seal(fingerprint, recordOf().id, { leak: reportOf().leak as never, mayNameKeys: false });
const byId = leakFromSource.parse({ provider: 'datadog', identifiers: { keyId: 'key-1' } });

async function leakFor(report: Partial<Report>, record: Partial<IncidentRecord>) {
  const services = { fingerprint: async () => fingerprint, ledger: { sealed: async () => undefined } };
  const run = startRun(recordOf({ keyId: 'key-1', ...record }), reportOf(report), services as unknown as Services, 0);
  const leak = await leakOf(run);
  return { value: leak.secret?.expose(), report: run.report };
}

describe('the leak of a run', () => {
  test('is not made a person’s order by having been sealed', async () => {
    const { value: found, report } = await leakFor({ leak: undefined, look: {} }, { sealed });
    expect(found).toBe(value);
    expect(report.order).toBeUndefined();
  });

  test('keeps the value that was seen to be the key’s when a report brings the id alone', async () => {
    const { value: found, report } = await leakFor({ leak: byId, sealed: 'c2VhbGVk' }, { sealed, valueMatched: true });
    expect(found).toBe(value);
    expect(report.sealed).toBeUndefined();
  });

  test('is what the report brings where no value was seen to be the key’s', async () => {
    expect((await leakFor({ leak: byId }, { sealed, valueMatched: false })).value).toBeUndefined();
    expect((await leakFor({ leak: byId }, { sealed: null, valueMatched: true })).value).toBeUndefined();
  });
});
