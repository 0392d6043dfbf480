import { inspect } from 'node:util';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { leakFromSource } from '../../../functions/revocation/leak.ts';
import { readReport, writeReport } from '../../../functions/revocation/report.ts';
import { reportOf } from '../../support/reports.ts';

const secret = `canary+/=%"'\\&<>${'x'.repeat(40)}`;
const whole = reportOf({
  leak: leakFromSource.parse({
    provider: 'datadog',
    kind: 'api-key',
    account: 'prod',
    secret,
    identifiers: { keyId: 'k-1' },
    location: { url: 'https://git.example/ä', path: 'src/ä.py', line: 3, commit: 'c0ffee' },
    exposure: 'private',
    detectedAt: '2026-11-20T13:00:00+01:00',
    reference: 'https://git.example/alerts/1',
  }),
  sighting: {
    source: 'standard',
    at: '2026-11-20T12:00:00.000Z',
    delivery: 'msg_1',
    reference: 'https://git.example/alerts/1',
    location: { path: 'src/ä.py', line: 3 },
  },
  mayNameKeys: true,
  order: { action: 'disable', reason: 'rotated', dryRun: true, restore: true },
  tries: { unavailable: 3, unexpected: 1 },
  fence: 7,
  notBefore: 1_795_000_000_000.5,
});

describe('a report on the wire', () => {
  test('arrives as it was sent', () => {
    expect(readReport(writeReport(whole))).toEqual(whole);
  });

  test('brings the secret along', () => {
    expect(readReport(writeReport(whole)).leak?.secret?.expose()).toBe(secret);
  });

  test('arrives the same after any number of hops', () => {
    let report = whole;
    for (let hop = 0; hop < 5; hop += 1) report = readReport(writeReport(report));
    expect(report).toEqual(whole);
    expect(report.leak?.secret?.expose()).toBe(secret);
  });

  test('brings along whatever value an intake has taken, quotes within quotes included', () => {
    const quoted = fc.string({ unit: fc.constantFrom('"', "'", '`', '\\', 'a', 'b'), minLength: 1, maxLength: 12 });
    fc.assert(
      fc.property(quoted, (given) => {
        const parsed = leakFromSource.safeParse({ secret: given });
        if (!parsed.success) return;
        const { leak } = readReport(writeReport(reportOf({ leak: parsed.data })));
        expect(leak?.secret?.expose()).toBe(parsed.data.secret?.expose());
      }),
      { examples: [[`"'ab'"`], ['""ab""'], [`"''"`], ['"`"']] },
    );
  });

  test('is plain ASCII, since queues refuse some characters, and arrives with all of them', () => {
    const path = 'ä漢😀\uffff\ufffe\ud800\u0000\u007f\u2028';
    const odd = reportOf({ leak: leakFromSource.parse({ secret, location: { path } }) });
    expect(writeReport(odd)).toMatch(/^[\x20-\x7e]*$/);
    expect(readReport(writeReport(odd))).toEqual(odd);
  });

  test('may carry no leak, no order and no identifier', () => {
    const bare = reportOf({ leak: undefined });
    expect(readReport(writeReport(bare))).toEqual(bare);
  });

  test('may carry a leak without a secret', () => {
    const named = reportOf({ leak: leakFromSource.parse({ identifiers: { keyId: 'k-1' } }) });
    expect(readReport(writeReport(named))).toEqual(named);
  });
});

describe('a report that is not written for the wire', () => {
  test.each([
    ['JSON', () => JSON.stringify(whole)],
    ['inspection', () => inspect(whole, { depth: null })],
    ['JSON of a copy', () => JSON.stringify({ ...whole, leak: { ...whole.leak } })],
    ['text', () => `${whole} ${whole.leak} ${whole.leak?.secret}`],
  ])('shows no secret in %s', (_, print) => {
    expect(print()).not.toContain('canary');
  });
});

describe('a message that is not a report', () => {
  const written = JSON.parse(writeReport(whole)) as Record<string, unknown>;

  test.each([
    ['empty', ''],
    ['not JSON', `{"leak":{"secret":"${secret}"`],
    ['null', 'null'],
    ['a list', '[]'],
    ['an object without fields', '{}'],
    ['without its incident', JSON.stringify({ ...written, incident: undefined })],
    ['with a leak that names nothing', JSON.stringify({ ...written, leak: {} })],
    ['with tries that are none', JSON.stringify({ ...written, tries: { unavailable: 'x', unexpected: 0 } })],
    ['with an order nobody knows', JSON.stringify({ ...written, order: { action: secret } })],
  ])('is refused without its content: %s', (_, body) => {
    expect(() => readReport(body)).toThrow(/^the message is not a report$/);
  });

  test('leaves nothing of its content behind in what is thrown', () => {
    let thrown: unknown;
    try {
      readReport(JSON.stringify({ ...written, kind: 7 }));
    } catch (error) {
      thrown = error;
    }
    expect(inspect(thrown, { depth: null, showHidden: true })).not.toContain('canary');
  });
});
