import { createHmac } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { ZodError } from 'zod';
import type { Headers } from '../../../functions/revocation/source.ts';
import { standard } from '../../../functions/sources/standard.ts';
import { sourceConformance } from '../../support/source-conformance.ts';

const secretOf = (text: string) => `whsec_${Buffer.from(text).toString('base64')}`;
const ours = secretOf('a signing secret of these tests');
const older = secretOf('the signing secret before that one');
const foreign = secretOf('what somebody else signs with');
const configOf = (...secrets: string[]) => standard.config.parse({ secrets });
const now = Date.parse('2026-11-20T12:00:00.000Z');
const bytes = (value: unknown) => new TextEncoder().encode(typeof value === 'string' ? value : JSON.stringify(value));

function sign(body: Uint8Array, { secret = ours, id = 'msg_1', timestamp = String(now / 1000) } = {}): string {
  const key = Buffer.from(secret.slice('whsec_'.length), 'base64');
  return `v1,${createHmac('sha256', key).update(`${id}.${timestamp}.`).update(body).digest('base64')}`;
}

function headersOf(body: Uint8Array, given: Parameters<typeof sign>[1] & { signature?: string } = {}): Headers {
  const { id = 'msg_1', timestamp = String(now / 1000), signature = sign(body, given) } = given;
  return { 'webhook-id': id, 'webhook-timestamp': timestamp, 'webhook-signature': signature };
}

const noKeys = { publicKey: () => Promise.reject(new Error('a standard sender has no published keys')) };
const alert = bytes({ type: 'credential.leaked', timestamp: 'x', data: { provider: 'datadog', secret: 'canary-1' } });
const passes = (headers: Headers, { body = alert, config = configOf(ours), at = now } = {}) =>
  standard.verify({ body, headers, config, now: at }, noKeys);
const good = headersOf(alert);
const signature = String(good['webhook-signature']);

sourceConformance({
  source: standard,
  secrets: { ours, older, foreign },
  config: (...secrets) => ({ secrets }),
  sign: (body, { secret, at, headers }) =>
    headersOf(body, { secret, timestamp: String(at / 1000), id: headers['webhook-id'] ?? 'msg_1' }),
  signedBy: ['webhook-id', 'webhook-timestamp', 'webhook-signature'],
  signsTime: true,
  signsBody: true,
  vector: {
    config: { secrets: ['whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw'] },
    headers: {
      'webhook-id': 'msg_p5jXN8AQM9LWM0D4loKWxJek',
      'webhook-timestamp': '1614265330',
      'webhook-signature': 'v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=',
    },
    body: '{"test": 2432232314}',
    at: 1_614_265_330_000,
  },
  alert: {
    body: {
      type: 'credential.leaked',
      timestamp: '2026-11-20T12:00:00Z',
      data: {
        provider: 'datadog',
        kind: 'api-key',
        account: 'prod',
        secret: 'canary-1',
        identifiers: { keyId: 'k1' },
        location: { url: 'https://git.example/app', path: 'deploy.env', line: 3, commit: 'c0ffee' },
        exposure: 'public',
        detectedAt: '2026-11-20T11:59:00Z',
        reference: 'https://scanner.example/findings/17',
      },
    },
  },
  another: {
    body: { type: 'credential.leaked', data: { provider: 'datadog', secret: 'canary-2' } },
    headers: { 'webhook-id': 'msg_2' },
  },
  canaries: ['canary-1'],
  ignored: { 'a ping': { body: { type: 'ping', data: {} } }, 'a type without data': { body: { type: 'x' } } },
  entries: 'one-a-message',
});

describe('a signature', () => {
  test('fails when it is of another body, id or time', () => {
    const other = bytes({ type: 'credential.leaked', data: { provider: 'datadog', secret: 'canary-2' } });
    expect(passes(headersOf(other))).toBe(false);
    expect(passes({ ...good, 'webhook-id': 'msg_2' })).toBe(false);
    expect(passes({ ...good, 'webhook-timestamp': String(now / 1000 + 1) })).toBe(false);
  });

  test.each([
    ['its beginning alone', signature.slice(0, 20)],
    ['all but its last character', signature.slice(0, -1)],
    ['a character more', `${signature}A`],
    ['another beginning', `v1,AAAA${signature.slice(7)}`],
    ['another end', `${signature.slice(0, -6)}AAAAA=`],
    ['no version', signature.slice('v1,'.length)],
    ['a version that nobody knows', `v2,${signature.slice('v1,'.length)}`],
    ['a version that is no HMAC', `v1a,${signature.slice('v1,'.length)}`],
    ['hexadecimal', `v1,${Buffer.from(signature.slice(3), 'base64').toString('hex')}`],
    ['base64url', signature.replaceAll('+', '-').replaceAll('/', '_').replace(/^v1,./, 'v1,_')],
    ['nothing after the version', 'v1,'],
    ['the empty string', ''],
    ['a digest of 43 zeros', `v1,${'A'.repeat(43)}=`],
  ])('fails as %s', (_, value) => {
    expect(passes({ ...good, 'webhook-signature': value })).toBe(false);
  });

  test.each([
    ['dots, which would let id and time be divided otherwise', 'msg.1'],
    ['a space', 'msg 1'],
    ['a slash', 'msg/1'],
    ['129 characters', 'm'.repeat(129)],
    ['a line break at its end', 'msg_1\n'],
  ])('fails with an id that has %s, however well it is signed', (_, id) => {
    expect(passes(headersOf(alert, { id }))).toBe(false);
  });

  test.each([
    ['milliseconds', String(now)],
    ['a fraction', `${now / 1000}.0`],
    ['a sign', `+${now / 1000}`],
    ['an exponent', `${now / 1e12}e9`],
    ['a date', '2026-11-20T12:00:00Z'],
    ['hexadecimal', `0x${(now / 1000).toString(16)}`],
    ['nothing', ''],
    ['white space', ` ${now / 1000}`],
    ['NaN', 'NaN'],
  ])('fails with a time in %s, however well it is signed', (_, timestamp) => {
    expect(passes(headersOf(alert, { timestamp }))).toBe(false);
  });
});

describe('the clock', () => {
  const fiveMinutes = 300_000;

  test.each([
    ['five minutes after it was signed', fiveMinutes, true],
    ['a millisecond later than that', fiveMinutes + 1, false],
    ['five minutes before it was signed', -fiveMinutes, true],
    ['a millisecond earlier than that', -fiveMinutes - 1, false],
    ['a day after it was signed', 86_400_000, false],
    ['a day before it was signed', -86_400_000, false],
    ['the moment it was signed', 0, true],
  ])('decides about a delivery %s', (_, offset, expected) => {
    expect(passes(good, { at: now + offset })).toBe(expected);
  });

  test('of a sender that says 1970 or a far future is wrong', () => {
    for (const timestamp of ['0', '999999999999']) expect(passes(headersOf(alert, { timestamp }))).toBe(false);
  });
});

describe('several signatures', () => {
  const wrong = sign(alert, { secret: foreign });
  const list = (...entries: string[]) => ({ ...good, 'webhook-signature': entries.join(' ') });

  test('pass when one of them is right, wherever it stands', () => {
    expect(passes(list(wrong, signature))).toBe(true);
    expect(passes(list(signature, wrong))).toBe(true);
    expect(passes(list(wrong, wrong, signature, wrong))).toBe(true);
  });

  test('fail when all are wrong', () => {
    expect(passes(list(wrong, wrong))).toBe(false);
  });

  test('pass beside versions that nobody knows', () => {
    const ed25519 = `v1a,${Buffer.alloc(64, 7).toString('base64')}`;
    expect(passes(list(ed25519, 'v2,abc', signature))).toBe(true);
    expect(passes(list(ed25519, 'v2,abc'))).toBe(false);
  });

  test.each([
    ['an entry without a version', signature.slice('v1,'.length)],
    ['a version without a signature', 'v1,'],
    ['a version alone', 'v1'],
    ['a comma', ','],
    ['a word', 'nonsense'],
    ['a version with a name that is long or odd', `v2.sha3-512,${'A'.repeat(300)}==`],
    ['a signature in hexadecimal', `v1,${'0a'.repeat(32)}`],
    ['several commas', 'v9,a,b'],
    ['thirty versions that nobody knows', Array.from({ length: 30 }, (_, index) => `v${index + 2},abc`).join(' ')],
  ])('pass beside %s, which says nothing', (_, odd) => {
    expect(passes(list(odd, signature))).toBe(true);
    expect(passes(list(signature, odd))).toBe(true);
    expect(passes(list(odd, wrong))).toBe(false);
    expect(passes(list(odd))).toBe(false);
  });

  test('pass with more than one space between them, or around them', () => {
    expect(passes(list(wrong, '', signature))).toBe(true);
    expect(passes(list('', '', signature, ''))).toBe(true);
    expect(passes(list('', ''))).toBe(false);
  });

  test('fail when the header came twice, whatever its values are', () => {
    for (const joint of [',', ', ']) {
      expect(passes(list(`${wrong}${joint}${signature}`))).toBe(false);
      expect(passes(list(`${signature}${joint}${wrong}`))).toBe(false);
      expect(passes(list(signature, `${wrong}${joint}${wrong}`, signature))).toBe(false);
    }
  });

  test('are twenty at most', () => {
    const decoys = (count: number) => Array.from({ length: count }, () => wrong);
    expect(passes(list(...decoys(19), signature))).toBe(true);
    expect(passes(list(...decoys(20), signature))).toBe(false);
  });

  test('fail when they do not stand a space apart', () => {
    for (const joint of ['\t', ',', ';']) {
      expect(passes({ ...good, 'webhook-signature': `${wrong}${joint}${signature}` })).toBe(false);
    }
  });
});

describe('a rotated secret', () => {
  test('passes while either is configured, in any order', () => {
    const byOlder = headersOf(alert, { secret: older });
    for (const config of [configOf(ours, older), configOf(older, ours)]) {
      expect(passes(good, { config })).toBe(true);
      expect(passes(byOlder, { config })).toBe(true);
    }
    expect(passes(byOlder)).toBe(false);
  });

  test('passes when the sender signs with both', () => {
    const both = `${sign(alert, { secret: foreign })} ${signature}`;
    expect(passes({ ...good, 'webhook-signature': both })).toBe(true);
  });

  test.each([
    ['no secret', []],
    ['eleven', Array.from({ length: 11 }, () => ours)],
    ['one without its prefix', [ours.slice('whsec_'.length)]],
    ['one that is empty', ['whsec_']],
    ['one of 65 bytes', [secretOf('x'.repeat(65))]],
    ['one that is not base64', ['whsec_!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!']],
    ['one of 65 bytes without its padding', [secretOf('x'.repeat(65)).replace(/=+$/, '')]],
    ['one of half a byte', ['whsec_A']],
    ['one that ends in half a byte', ['whsec_AAAAA']],
    ['one with half its padding', ['whsec_AA=']],
    ['one with too much padding', ['whsec_AAAA=']],
    ['one with padding alone', ['whsec_==']],
    ['one in the alphabet of URLs', ['whsec_-_-_']],
    ['a public key', ['whpk_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw']],
  ])('is refused by the configuration as %s', (_, secrets) => {
    expect(() => standard.config.parse({ secrets })).toThrow(ZodError);
  });

  test.each([1, 2, 3, 23, 24, 63, 64])('may have %i bytes, and passes with or without its padding', (length) => {
    const secret = secretOf('x'.repeat(length));
    const bare = secret.replace(/=+$/, '');
    for (const [signs, knows] of [
      [secret, secret],
      [secret, bare],
      [bare, secret],
    ] as const)
      expect(passes(headersOf(alert, { secret: signs }), { config: configOf(knows) })).toBe(true);
    expect(passes(headersOf(alert, { secret: secretOf('y'.repeat(length)) }), { config: configOf(bare) })).toBe(false);
  });
});

describe('a verified delivery', () => {
  const read = (body: unknown) =>
    standard.read({
      body: body instanceof Uint8Array ? body : bytes(body),
      headers: good,
      config: configOf(ours),
      now,
    });
  const leaked = (data: unknown) => read({ type: 'credential.leaked', timestamp: '2026-11-20T12:00:00Z', data });

  test('that tells of a leaked credential gives the leak and its own id', () => {
    const reading = leaked({ provider: 'datadog', kind: 'api-key', account: 'prod', secret: 'canary-1' });
    expect(reading).toMatchObject({ is: 'alert', delivery: 'msg_1' });
    const [leak] = reading.is === 'alert' ? (reading.leaks ?? []) : [];
    expect(leak).toMatchObject({ provider: 'datadog', kind: 'api-key', account: 'prod' });
    expect(leak?.secret?.expose()).toBe('canary-1');
  });

  test('has its unknown fields ignored, at every depth', () => {
    const reading = read({
      type: 'credential.leaked',
      data: { provider: 'datadog', secret: 'canary-1', action: 'delete', location: { path: 'a', column: 3 } },
      severity: 'high',
    });
    const [leak] = reading.is === 'alert' ? (reading.leaks ?? []) : [];
    expect(leak).toEqual({ provider: 'datadog', secret: leak?.secret, location: { path: 'a' } });
  });

  test('keeps letters that are not ASCII', () => {
    const reading = leaked({ secret: 'canary-1', location: { path: 'schlüssel/😀.py' } });
    expect(reading).toMatchObject({ leaks: [{ location: { path: 'schlüssel/😀.py' } }] });
  });

  test.each(['ping', 'credential.rotated', 'Credential.Leaked', 'credential.leaked ', ''])(
    'of type "%s" says nothing, whatever else is in it',
    (type) => {
      expect(read({ type, data: { provider: 'datadog', secret: 'canary-1' } })).toEqual({ is: 'nothing' });
      expect(read({ type })).toEqual({ is: 'nothing' });
      expect(read({ type, data: null })).toEqual({ is: 'nothing' });
    },
  );

  test.each([
    ['null', 'null'],
    ['a list', '[]'],
    ['a list of alerts', [{ type: 'credential.leaked', data: { secret: 'canary-1' } }]],
    ['an empty object', '{}'],
    ['a number', '7'],
    ['a text', '"credential.leaked"'],
    ['nothing', ''],
    ['white space', '  '],
    ['not JSON', '{"type":'],
    ['a truncated alert', alert.subarray(0, -3)],
    ['a form', 'type=credential.leaked'],
    ['a type that is no text', { type: ['credential.leaked'], data: { secret: 'canary-1' } }],
    ['bytes that are not UTF-8', new Uint8Array([...alert.subarray(0, -3), 0xff, ...alert.subarray(-3)])],
    [
      'UTF-16',
      new Uint8Array(
        Buffer.from(alert)
          .toString('latin1')
          .split('')
          .flatMap((c) => [c.charCodeAt(0), 0]),
      ),
    ],
    ['a leak of nothing', { type: 'credential.leaked', data: { provider: 'datadog' } }],
    ['an alert without data', { type: 'credential.leaked' }],
    ['data that is null', { type: 'credential.leaked', data: null }],
    ['data that is a list', { type: 'credential.leaked', data: [{ secret: 'canary-1' }] }],
    ['data that is text', { type: 'credential.leaked', data: 'canary-1' }],
    ['a way up in an identifier', { type: 'credential.leaked', data: { identifiers: { keyId: '../../x' } } }],
    ['a slash in an identifier', { type: 'credential.leaked', data: { secret: 'x', identifiers: { keyId: 'a/b' } } }],
  ])('is malformed as %s', (_, body) => {
    expect(read(body)).toMatchObject({ is: 'malformed', error: expect.any(ZodError) });
  });
});

test('a source by signature alone is not trusted to name keys without their values', () => {
  expect(standard.mayNameKeys).toBe(false);
});
