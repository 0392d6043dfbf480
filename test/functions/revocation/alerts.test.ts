import { describe, expect, test } from 'vitest';
import { providers } from '../../../functions/providers/index.ts';
import { type AlertIntake, acceptAlert, revocableTypes } from '../../../functions/revocation/alerts.ts';
import { Unavailable } from '../../../functions/revocation/errors.ts';
import type { Finding } from '../../../functions/revocation/findings.ts';
import { incidentIdForm } from '../../../functions/revocation/fingerprint.ts';
import { leakFromSource } from '../../../functions/revocation/leak.ts';
import type { AnyProvider } from '../../../functions/revocation/provider.ts';
import { referralForm } from '../../../functions/revocation/references.ts';
import { readReport } from '../../../functions/revocation/report.ts';
import { Secret } from '../../../functions/revocation/secret.ts';
import type { Alert, Skipped } from '../../../functions/revocation/source.ts';
import { beginning } from '../../support/reports.ts';

const lane = 'http://queues/lane-datadog';
const unrouted = 'http://queues/unrouted';
const canary = 'canary-5e7a11ed';
const source = { id: 'github', mayNameKeys: true };
const reference = { link: 'https://git.example/alerts/7', hints: { number: '7' } };
const finding = (value: string | undefined, detector = 'datadog_api_key'): Finding => ({
  ...{ scanner: 'github', detector },
  value: value === undefined ? undefined : new Secret(value),
});

/** An intake whose queues keep what they are given. */
function intake(given: Partial<AlertIntake> = {}) {
  const sent: { queue: string; body: string }[] = [];
  const skipped: Skipped[] = [];
  let sends = 0;
  let reads = 0;
  const services: AlertIntake = {
    providers,
    lanes: { datadog: lane },
    unroutedQueue: unrouted,
    fingerprint: async () => {
      reads += 1;
      return new Secret('a fingerprint key that only tests have');
    },
    send: async (queue, bodies) => {
      sends += 1;
      sent.push(...bodies.map((body) => ({ queue, body })));
    },
    now: () => beginning,
    newId: () => 'message',
    ...given,
  };
  const take = (alert: Omit<Alert, 'is' | 'delivery'>) =>
    acceptAlert(services, source, { is: 'alert', delivery: 'd-1', ...alert }, (each) => skipped.push(each));
  return { take, sent, skipped, calls: () => ({ sends, reads }) };
}

describe('an alert', () => {
  test('with leaks and findings is queued in the lanes, and answered with their incidents', async () => {
    const { take, sent } = intake();
    const leaks = [leakFromSource.parse({ provider: 'datadog', secret: 'one' })];
    const location = { path: 'a.env' };
    const found = { ...finding('two'), circumstances: { location, reference: 'https://a' } };
    const ids = await take({ leaks, findings: [found] });
    expect(ids).toHaveLength(2);
    const reports = sent.map(({ queue, body }) => ({ queue, ...readReport(body) }));
    expect(reports.map(({ queue, leak }) => [queue, leak?.secret?.expose()])).toEqual([
      [lane, 'one'],
      [lane, 'two'],
    ]);
    expect(reports.map(({ incident }) => incident)).toEqual(ids);
    expect(reports[1]).toMatchObject({
      kind: 'api-key',
      mayNameKeys: true,
      sighting: { source: 'github', delivery: 'd-1', reference: 'https://a', location },
    });
  });

  test('that only names its credential is queued to be fetched, by one call, and has no incident yet', async () => {
    const { take, sent, calls } = intake();
    expect(await take({ references: [reference, { link: 'https://git.example/alerts/8' }] })).toEqual([]);
    expect(sent.map(({ queue }) => queue)).toEqual([unrouted, unrouted]);
    expect(referralForm.parse(JSON.parse(String(sent[0]?.body)))).toEqual({
      ...{ source: 'github', delivery: 'd-1', at: '2026-11-20T12:00:00.000Z', reference },
      tries: { unavailable: 0, unexpected: 0 },
    });
    expect(calls()).toEqual({ sends: 1, reads: 0 });
  });

  test('is taken whole or not at all: a queue that does not take its part is told', async () => {
    for (const deaf of [lane, unrouted]) {
      const { take } = intake({
        send: async (queue) => {
          if (queue === deaf) throw new Unavailable('the queue did not give an answer');
        },
      });
      await expect(take({ findings: [finding('two')], references: [reference] })).rejects.toThrow(Unavailable);
    }
  });

  test('has what says nothing in it told by its place, and the rest taken', async () => {
    const { take, sent, skipped } = intake();
    const skip = { index: 4, reason: 'is no record' };
    const ids = await take({ findings: [finding(undefined, canary), finding('two')], skipped: [skip] });
    expect([ids.length, sent.length]).toEqual([1, 1]);
    expect(skipped).toEqual([skip, { index: 0, reason: 'the finding holds no value' }]);
    expect(JSON.stringify(skipped)).not.toContain(canary);
  });

  test('of a kind nobody knows is parked rather than lost', async () => {
    const { take, sent } = intake();
    const [id] = await take({ findings: [finding(canary, 'acme_key')] });
    expect(id).toMatch(incidentIdForm);
    expect(sent.map(({ queue }) => queue)).toEqual([unrouted]);
    expect(String(sent[0]?.body)).not.toContain(canary);
  });

  test('of thousands is taken in one go', async () => {
    const { take, calls } = intake();
    const findings = Array.from({ length: 5_000 }, (_, index) => finding(`key-${index}`));
    expect(await take({ findings })).toHaveLength(5_000);
    expect(calls()).toEqual({ sends: 1, reads: 1 });
  });

  test('in any script reaches the queue as plain ASCII', async () => {
    const { take, sent } = intake();
    await take({ references: [{ link: 'https://git.example/ä漢😀\ud800', hints: { file: '\uffff' } }] });
    expect(String(sent[0]?.body)).toMatch(/^[\x20-\x7e]*$/);
  });
});

describe('what GitLab may report', () => {
  const provider = (detectors: object) => ({ kinds: { key: { detectors } } }) as unknown as AnyProvider;
  const known = {
    acme: provider({ gitlab: [{ name: 'Acme_Token' }], gitleaks: [{ name: 'acme-key' }, { name: 'Acme-Key' }] }),
    other: provider({ gitleaks: [{ name: 'aardvark' }], github: [{ name: 'other' }] }),
  };

  test('is what the configured providers have, each once and in order, in lower case', () => {
    const types = revocableTypes(known, ['other', 'acme']);
    expect(types).toEqual(['acme_token', 'gitleaks_rule_id_aardvark', 'gitleaks_rule_id_acme-key']);
    expect(revocableTypes(known, ['other'])).toEqual(['gitleaks_rule_id_aardvark']);
    expect(revocableTypes(known, ['nobody'])).toEqual([]);
  });

  test('names what findings are told apart by', () => {
    expect(revocableTypes(providers, ['datadog'])).toContain('gitleaks_rule_id_datadog-access-token');
  });
});
