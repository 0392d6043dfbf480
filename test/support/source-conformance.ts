import { inspect } from 'node:util';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { ZodError } from 'zod';
import type { Alert, AnySource, Delivery, Headers, Keys, Reading } from '../../functions/revocation/source.ts';

/** What a sender says. `body`: bytes and text are sent as they are, all else as JSON. */
export interface Message {
  body: unknown;
  /** Headers beside those that sign, such as an event's name or a message's id. */
  headers?: Headers;
}

/** One source, or one of its ways to sign, and what is true of it. What does not apply is given as a fact; the suite then asserts the other behaviour. */
export interface SourceConformance {
  source: AnySource;
  /** Which of its ways to sign this is, where it has several. */
  scheme?: string;
  /** What signs: ours, the one before it, a stranger's; all of one form. For published keys: names of key pairs. */
  secrets: { ours: string; older: string; foreign: string };
  /** The source's secret as Secrets Manager holds it, that trusts these. */
  config(...secrets: string[]): object;
  /** The published keys of these; absent, the source must not ask for any. */
  keys?: (...secrets: string[]) => Keys;
  /** All headers of a delivery: those that sign, and those given. `at` is epoch ms. */
  sign(body: Uint8Array, how: { secret: string; at: number; headers: Headers }): Headers;
  /** The headers without which nothing passes, in lower case. */
  signedBy: readonly string[];
  /** Whether the signature covers a time; then five minutes are tolerated either way. */
  signsTime: boolean;
  /** Whether the signature covers the body; false for a bare token, which says who sends and not what. */
  signsBody: boolean;
  /** A published signature. `config` as Secrets Manager would hold it. */
  vector: { config: object; keys?: Keys; headers: Headers; body: string | Uint8Array; at: number };
  /** A JSON message that tells of a leak, with every field that is read. */
  alert: Message;
  /** The same of something else. */
  another: Message;
  /** Values in the alert that may be seen nowhere but in a `Secret`. At least one. */
  canaries: readonly string[];
  /** Authentic messages that do not concern us, by what they are. At least one. */
  ignored: Readonly<Record<string, Message>>;
  /** An alert of this many entries; or that a message tells of one. */
  entries: ((count: number) => Message) | 'one-a-message';
}

const now = Date.parse('2026-11-20T12:00:00.000Z');
const fiveMinutes = 300_000;
const encoder = new TextEncoder();
/** No delivery of any sender has more entries than this acted on, or counted as skipped. */
const entriesAtMost = 5000;
const textAtMost = 2048;

const bytesOf = (body: unknown): Uint8Array => {
  if (body instanceof Uint8Array) return body;
  return encoder.encode(typeof body === 'string' ? body : JSON.stringify(body));
};

const noKeys: Keys = {
  publicKey: () => Promise.reject(new Error('this source asks for keys without having published ones')),
};

/** Every way to put something else where a value stands, at every depth. */
function* variations(value: unknown, others: readonly unknown[]): Generator<unknown> {
  yield* others;
  if (value === null || typeof value !== 'object') return;
  if (Array.isArray(value)) {
    for (const [index, inner] of value.entries())
      for (const other of variations(inner, others)) yield value.with(index, other);
    return;
  }
  for (const [key, inner] of Object.entries(value)) {
    const { [key]: _, ...rest } = value as Record<string, unknown>;
    yield rest;
    for (const other of variations(inner, others)) yield { ...value, [key]: other };
  }
}

/** The same with a field more in every object. */
function withUnknownFields(value: unknown, extra: object): unknown {
  if (value === null || typeof value !== 'object') return value;
  if (Array.isArray(value)) return value.map((inner) => withUnknownFields(inner, extra));
  const inner = Object.entries(value).map(([key, part]) => [key, withUnknownFields(part, extra)]);
  return { ...Object.fromEntries(inner), ...extra };
}

/** Every text in a reading; a `Secret` shows none. */
function textsIn(value: unknown): string[] {
  if (typeof value === 'string') return [value];
  if (value === null || typeof value !== 'object' || 'expose' in value) return [];
  return Object.values(value).flatMap(textsIn);
}

const countOf = ({ leaks = [], findings = [], references = [] }: Alert) =>
  leaks.length + findings.length + references.length;

/** Everything a reading or an error would show, wherever it is printed. */
const printed = (value: unknown) =>
  [inspect(value, { depth: 20, showHidden: true }), JSON.stringify(value), value instanceof Error ? value.stack : '']
    .join('\n')
    .toLowerCase();

/** What every source must do. Nothing in it can be skipped. */
export function sourceConformance(subject: SourceConformance): void {
  const { source, secrets, alert, canaries } = subject;
  const { ours, older, foreign } = secrets;
  const alertBytes = bytesOf(alert.body);

  const configOf = (...given: string[]) => source.config.parse(subject.config(...given));
  const keysOf = (...given: string[]) => subject.keys?.(...given) ?? noKeys;
  const signed = (
    { body, headers = {} }: Message,
    { secret = ours, at = now }: { secret?: string; at?: number } = {},
  ): Headers => subject.sign(bytesOf(body), { secret, at, headers });
  const passes = async (
    headers: Headers,
    { body = alertBytes, trusted = [ours], at = now }: { body?: Uint8Array; trusted?: string[]; at?: number } = {},
  ) => source.verify({ body, headers, config: configOf(...trusted), now: at }, keysOf(...trusted));
  const read = (message: Message, { headers = signed(message), at = now } = {}): Reading =>
    source.read({ body: bytesOf(message.body), headers, config: configOf(ours), now: at });
  const like = (body: unknown): Message => ({ ...alert, body });

  /** What any reading may be, and what it may never show. */
  function expectTame(reading: Reading): void {
    expect(['alert', 'nothing', 'malformed']).toContain(reading.is);
    const shown = printed(reading.is === 'malformed' ? [reading.error.issues, reading.error] : reading);
    for (const canary of canaries) expect(shown).not.toContain(canary.toLowerCase());
    if (reading.is === 'malformed') expect(reading.error).toBeInstanceOf(ZodError);
    if (reading.is !== 'alert') return;
    expect(reading.delivery).toMatch(/^[\x21-\x7e]{1,256}$/);
    expect(countOf(reading)).toBeLessThanOrEqual(entriesAtMost);
    for (const text of textsIn(reading)) expect(text.length).toBeLessThanOrEqual(textAtMost);
  }
  const expectNoAlert = (message: Message) => {
    const reading = read(message);
    expectTame(reading);
    expect(reading.is).not.toBe('alert');
  };

  describe(`${[source.id, subject.scheme].filter(Boolean).join(', ')}, keeps the contract of sources`, () => {
    test('has a name that can stand in a path, and a page that describes it', () => {
      expect(source.id).toMatch(/^[a-z0-9]+(-[a-z0-9]+)*$/);
      expect(source.title).not.toBe('');
      expect(source.docs).toMatch(/^https:\/\//);
    });

    describe('the published vector', () => {
      const { vector } = subject;
      const body = bytesOf(vector.body);
      const accepts = async (delivery: Partial<Delivery<unknown>> = {}) =>
        source.verify(
          { body, headers: vector.headers, config: source.config.parse(vector.config), now: vector.at, ...delivery },
          vector.keys ?? noKeys,
        );

      test('passes', async () => {
        expect(await accepts()).toBe(true);
      });

      test('fails with one character of its headers changed, wherever it is', async () => {
        expect(Object.keys(vector.headers).sort()).toEqual([...subject.signedBy].sort());
        for (const [name, value = ''] of Object.entries(vector.headers)) {
          for (let index = 0; index < value.length; index += 1) {
            const other = value[index] === '1' ? '2' : '1';
            const changed = { ...vector.headers, [name]: value.slice(0, index) + other + value.slice(index + 1) };
            expect(await accepts({ headers: changed }), `${name} ${index}`).toBe(false);
          }
        }
      });

      test(`${subject.signsBody ? 'fails' : 'still passes'} with one bit of its body changed, wherever it is`, async () => {
        expect(body.length).toBeGreaterThan(0);
        for (let index = 0; index < body.length; index += 1) {
          const changed = body.with(index, (body[index] ?? 0) ^ 1);
          expect(await accepts({ body: changed }), String(index)).toBe(!subject.signsBody);
        }
      });
    });

    describe('a signature', () => {
      test('passes when it is right', async () => {
        expect(await passes(signed(alert))).toBe(true);
        expect(await passes(signed(subject.another), { body: bytesOf(subject.another.body) })).toBe(true);
      });

      test('fails without its headers', async () => {
        expect(subject.signedBy.length).toBeGreaterThan(0);
        expect(await passes({})).toBe(false);
        for (const name of subject.signedBy) {
          expect(signed(alert)).toHaveProperty([name]);
          for (const value of [undefined, '', ' '])
            expect(await passes({ ...signed(alert), [name]: value }), name).toBe(false);
        }
      });

      test('fails with a header that came twice, whatever the other one says', async () => {
        for (const name of subject.signedBy) {
          const right = signed(alert)[name] ?? '';
          const wrong = signed(alert, { secret: foreign })[name] ?? '';
          for (const joint of [',', ', ']) {
            for (const twice of [
              right + joint + right,
              right + joint + wrong,
              wrong + joint + right,
              `${right}${joint}`,
            ])
              expect(await passes({ ...signed(alert), [name]: twice }), name).toBe(false);
          }
        }
      });

      test('fails when a header is cut off, or has more to it', async () => {
        for (const name of subject.signedBy) {
          const right = signed(alert)[name] ?? '';
          const odd = [right.slice(0, -1), right.slice(1), right.slice(0, right.length / 2), right.slice(0, 1)];
          for (const value of [
            ...odd,
            `${right}A`,
            `${right}\n`,
            `${right}\u0000`,
            right.repeat(2),
            'a'.repeat(100_000),
          ])
            expect(await passes({ ...signed(alert), [name]: value }), `${name} ${value.slice(0, 200)}`).toBe(false);
        }
      });

      test('fails when somebody else made it', async () => {
        expect(await passes(signed(alert, { secret: foreign }))).toBe(false);
        expect(await passes(signed(alert), { trusted: [foreign] })).toBe(false);
      });

      test(`${subject.signsBody ? 'fails' : 'says nothing'} when the body is another`, async () => {
        const bodies = [
          alertBytes.subarray(0, -1),
          alertBytes.subarray(1),
          new Uint8Array([...alertBytes, 0x0a]),
          new Uint8Array([0xef, 0xbb, 0xbf, ...alertBytes]),
          new Uint8Array(),
          encoder.encode(Buffer.from(alertBytes).toString('base64')),
        ];
        for (const body of bodies) expect(await passes(signed(alert), { body })).toBe(!subject.signsBody);
      });

      test('is over bytes: what is not text passes as it was sent, and not as text', async () => {
        const body = new Uint8Array([0xff, 0xfe, 0x00, 0x80, 0xc3]);
        const headers = signed(like(body));
        expect(await passes(headers, { body })).toBe(true);
        const asText = encoder.encode(new TextDecoder().decode(body));
        expect(await passes(headers, { body: asText })).toBe(!subject.signsBody);
      });

      test('is over bytes: other letters than ASCII pass', async () => {
        const body = encoder.encode(JSON.stringify({ text: 'ä€😀\u2028' }));
        expect(await passes(signed(like(body)), { body })).toBe(true);
      });

      test('over an empty body passes, and that says nothing', async () => {
        const body = new Uint8Array();
        expect(await passes(signed(like(body)), { body })).toBe(true);
        expectNoAlert(like(body));
      });

      test('passes while either of two secrets is trusted, in any order', async () => {
        const byOlder = signed(alert, { secret: older });
        for (const trusted of [
          [ours, older],
          [older, ours],
        ]) {
          expect(await passes(signed(alert), { trusted })).toBe(true);
          expect(await passes(byOlder, { trusted })).toBe(true);
          expect(await passes(signed(alert, { secret: foreign }), { trusted })).toBe(false);
        }
        expect(await passes(byOlder)).toBe(false);
      });

      test(`${subject.signsTime ? 'passes for five minutes either way and no longer' : 'has no time, and passes on any day'}`, async () => {
        const headers = signed(alert);
        for (const [offset, isNear] of [
          [0, true],
          [fiveMinutes, true],
          [-fiveMinutes, true],
          [fiveMinutes + 1000, false],
          [-fiveMinutes - 1000, false],
          [86_400_000, false],
          [-86_400_000, false],
        ] as const)
          expect(await passes(headers, { at: now + offset }), String(offset)).toBe(isNear || !subject.signsTime);
      });
    });

    describe('a verified delivery', () => {
      test('tells of a leak', () => {
        const reading = read(alert);
        expectTame(reading);
        expect(reading.is).toBe('alert');
        expect(countOf(reading as Alert)).toBeGreaterThan(0);
        expect((reading as Alert).skipped ?? []).toEqual([]);
      });

      test('shows nothing secret of it', () => {
        expect(canaries.length).toBeGreaterThan(0);
        const text = new TextDecoder().decode(alertBytes);
        for (const canary of canaries) expect(text).toContain(canary);
        expectTame(read(alert));
      });

      test('names itself: by the same name when it comes again, and unlike another', () => {
        const headers = signed(alert);
        const again = [read(alert, { headers }), read(alert, { headers, at: now + 60_000 })] as Alert[];
        const other = read(subject.another) as Alert;
        expect(other.is).toBe('alert');
        expect(again[1]?.delivery).toBe(again[0]?.delivery);
        expect(other.delivery).not.toBe(again[0]?.delivery);
      });

      test('has its unknown fields ignored, at every depth', () => {
        const before = read(alert, { headers: signed(alert) });
        const body = withUnknownFields(alert.body, { 'a field of next year': { deep: [canaries[0]] } });
        const after = read(like(body), { headers: signed(alert) });
        expectTame(after);
        expect(JSON.stringify(after)).toBe(JSON.stringify(before));
      });

      test('is read or refused, and never more, whatever stands in one of its fields', () => {
        const long = 'x'.repeat(100_000);
        const others = [
          null,
          [],
          {},
          '',
          ' ',
          '\u0000',
          0,
          -1,
          1e99,
          true,
          long,
          [canaries[0]],
          { [`${canaries[0]}`]: 1 },
        ];
        for (const body of variations(alert.body, others)) expectTame(read(like(body)));
      });

      test.each(Object.entries(subject.ignored))('is nothing to us as %s', (_, message) => {
        const reading = read(message);
        expectTame(reading);
        expect(reading.is).toBe('nothing');
      });

      test('is never an alert as something that nobody sends', () => {
        expect(Object.keys(subject.ignored).length).toBeGreaterThan(0);
        const text = new TextDecoder().decode(alertBytes);
        const odd = [
          'null',
          '[]',
          '{}',
          '""',
          '0',
          'true',
          '[[]]',
          '[null]',
          '[{}]',
          ' ',
          'not JSON',
          '{"',
          'a=b&c=d',
          '\u0000',
        ];
        const wide = new Uint8Array(Buffer.from(text, 'utf16le'));
        // In the middle of a text, where mending it would go unseen.
        const middle = Buffer.from(alertBytes).indexOf(canaries[0] ?? '') + 1;
        const broken = new Uint8Array([...alertBytes.subarray(0, middle), 0xff, ...alertBytes.subarray(middle)]);
        const nested = '['.repeat(50_000);
        for (const body of [...odd, text.slice(0, -1), `${text}x`, JSON.stringify(text), nested, wide, broken])
          expectNoAlert(like(body));
      });

      test('is never an alert, and never an exception, whatever bytes come', () => {
        fc.assert(fc.property(fc.uint8Array({ maxLength: 200 }), (body) => expectNoAlert(like(body))));
        fc.assert(fc.property(fc.json(), (body) => expectNoAlert(like(body))));
      });

      test('is read or refused, and never more, whatever its unsigned headers hold', () => {
        const headers = signed(alert);
        for (const name of Object.keys(headers)) {
          if (subject.signedBy.includes(name)) continue;
          for (const value of [undefined, '', ' ', 'ä', 'a b', 'x'.repeat(8000), '../../x', 'a, a'])
            expectTame(read(alert, { headers: { ...headers, [name]: value } }));
        }
      });

      const { entries } = subject;
      if (entries === 'one-a-message') {
        test('tells of one leak: a list of such messages is none', () => {
          expect(countOf(read(alert) as Alert)).toBe(1);
          expectNoAlert(like([alert.body, alert.body, alert.body]));
        });
      } else {
        test('tells of as many leaks as it has entries, and refuses more than its bound, or says so', () => {
          expect(countOf(read(entries(3)) as Alert)).toBe(3);
          const reading = read(entries(20_000));
          expectTame(reading);
          if (reading.is !== 'alert') return expect(reading.is).toBe('malformed');
          expect(countOf(reading)).toBeGreaterThan(0);
          expect(reading.skipped?.length).toBeGreaterThan(0);
        });
      }

      test('may hold what is as large as a file', () => {
        const file = `${'-----'.repeat(12_000)}!`;
        const text = new TextDecoder().decode(alertBytes);
        for (const canary of canaries) {
          const reading = read(like(text.replaceAll(canary, file)));
          expect(['alert', 'nothing', 'malformed']).toContain(reading.is);
          expect(printed(reading).length).toBeLessThan(50_000);
        }
      });

      test('names pages that are this source’s, and no link that only looks like one', () => {
        const { owns } = source;
        const links = ((read(alert) as Alert).references ?? []).map(({ link }) => link);
        const config = configOf(ours);
        if (!owns) return expect(source.fetch).toBeUndefined();
        expect(source.fetch).toBeDefined();
        for (const link of links) {
          expect(owns(link, config)).toBe(true);
          const { host, pathname } = new URL(link);
          for (const odd of [
            link.replace('https:', 'http:'),
            link.replace(host, 'attacker.example'),
            link.replace(host, `${host}.attacker.example`),
            link.replace(host, `${host}@attacker.example`),
            link.replace(host, `attacker.example/${host}`),
            link.replace(pathname, '/'),
            `${link}/../../../../..`,
            pathname,
            ` ${link}`,
            '',
            'x',
          ])
            expect(owns(odd, config), odd).toBe(false);
        }
      });
    });

    describe('its configuration', () => {
      const given = subject.config(ours) as Record<string, unknown>;
      const lists = Object.entries(given).filter(([, value]) => Array.isArray(value)) as [string, unknown[]][];

      test('is refused with a field that nobody knows, which is named without its value', () => {
        const refused = source.config.safeParse({ ...given, unheardOf: 'a-canary-of-ours' });
        expect(refused.success).toBe(false);
        expect(printed(refused.error)).not.toContain('a-canary-of-ours');
      });

      test('is refused when a list of secrets is empty, endless, or holds something that is none', () => {
        expect(lists.length > 0).toBe(subject.keys === undefined);
        for (const [name, list] of lists) {
          const endless = Array.from({ length: 1000 }, () => list[0]);
          for (const odd of [[], endless, [''], [null], [7], [{}], null, '', list[0]])
            expect(source.config.safeParse({ ...given, [name]: odd }).success, name).toBe(false);
        }
      });

      test('is refused with an address that is not https', () => {
        for (const [name, value] of Object.entries(given)) {
          if (typeof value !== 'string' || !value.startsWith('https://')) continue;
          for (const odd of [value.replace('https:', 'http:'), 'file:///etc/passwd', 'x', ''])
            expect(source.config.safeParse({ ...given, [name]: odd }).success, name).toBe(false);
        }
      });

      test('is refused when it is no configuration', () => {
        for (const odd of [null, [], '', 'x', 0, undefined]) expect(source.config.safeParse(odd).success).toBe(false);
      });

      test('does not print its secrets', () => {
        if (lists.length === 0) return expect(subject.keys).toBeDefined();
        expect(printed(configOf(ours))).not.toContain(ours.toLowerCase());
      });
    });
  });
}
