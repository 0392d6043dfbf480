import { createHmac } from 'node:crypto';
import { afterEach, describe, expect, test } from 'vitest';
import { ZodError } from 'zod';
import { createSend } from '../../../functions/platform/http.ts';
import { Refused, Unavailable, Unexpected } from '../../../functions/revocation/errors.ts';
import type { Delivery, Ending, Headers, Keys } from '../../../functions/revocation/source.ts';
import { gitlab } from '../../../functions/sources/gitlab.ts';
import { type GitLabTraits, gitlabScanner } from '../../../lib/local/scanners/gitlab.ts';
import { vendorNetwork } from '../../support/lane.ts';
import { sourceConformance } from '../../support/source-conformance.ts';

const { owns, fetch, close } = gitlab as Required<typeof gitlab>;
const secretOf = (text: string) => `whsec_${Buffer.from(text).toString('base64')}`;
const signing = {
  ours: secretOf('a signing token of these tests'),
  older: secretOf('the signing token before that one'),
  foreign: secretOf('what somebody else signs with'),
};
const plain = { ours: 'canary-of-a-token', older: 'the-token-before-that', foreign: 'what-somebody-else-sends' };
const now = Date.parse('2026-11-20T12:00:00.000Z');
const link = 'https://gitlab.com/acme/payments/shop/-/security/vulnerabilities/4711';
const bytes = (value: unknown) => new TextEncoder().encode(typeof value === 'string' ? value : JSON.stringify(value));
const noKeys: Keys = { publicKey: () => Promise.reject(new Error('GitLab publishes no keys for its hooks')) };

const event = (attributes: object = {}) => ({
  object_kind: 'vulnerability',
  object_attributes: {
    url: link,
    title: 'canary-in-a-title',
    state: 'detected',
    project_id: 50,
    location: { file: 'config/deploy.env', start_line: 3, end_line: 3 },
    severity: 'critical',
    identifiers: [{ name: 'x', external_id: 'datadog-access-token', external_type: 'gitleaks_rule_id', url: null }],
    report_type: 'secret_detection',
    ...attributes,
  },
});

function standardHeaders(body: Uint8Array, { secret, at, id }: { secret: string; at: number; id: string }): Headers {
  const timestamp = String(at / 1000);
  const key = Buffer.from(secret.slice('whsec_'.length), 'base64');
  const signature = createHmac('sha256', key).update(`${id}.${timestamp}.`).update(body).digest('base64');
  return { 'webhook-id': id, 'webhook-timestamp': timestamp, 'webhook-signature': `v1,${signature}` };
}

const messages = {
  alert: { body: event() },
  canaries: ['canary-in-a-title'],
  ignored: {
    'a finding that is no secret': { body: event({ report_type: 'dependency_scanning' }) },
    'a finding that is resolved': { body: event({ state: 'resolved' }) },
    'a finding that is dismissed': { body: event({ state: 'dismissed' }) },
    'a push': { body: { object_kind: 'push', ref: 'refs/heads/main' } },
    'an event of the whole instance': { body: { event_name: 'project_create', path: 'shop' } },
    'a finding of no kind': { body: { object_kind: 'vulnerability', object_attributes: {} } },
  },
  entries: 'one-a-message' as const,
};

sourceConformance({
  source: gitlab,
  scheme: 'signed',
  secrets: signing,
  config: (...signingTokens) => ({ signingTokens, url: 'https://gitlab.com' }),
  sign: (body, { secret, at, headers }) =>
    standardHeaders(body, { secret, at, id: headers['webhook-id'] ?? '0193-hook-1' }),
  signedBy: ['webhook-id', 'webhook-timestamp', 'webhook-signature'],
  signsTime: true,
  signsBody: true,
  vector: {
    config: { signingTokens: ['whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw'] },
    headers: {
      'webhook-id': 'msg_p5jXN8AQM9LWM0D4loKWxJek',
      'webhook-timestamp': '1614265330',
      'webhook-signature': 'v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=',
    },
    body: '{"test": 2432232314}',
    at: 1_614_265_330_000,
  },
  ...messages,
  another: { body: event({ state: 'confirmed' }), headers: { 'webhook-id': '0193-hook-2' } },
});

sourceConformance({
  source: gitlab,
  scheme: 'by a plain token',
  secrets: plain,
  config: (...webhookTokens) => ({ webhookTokens }),
  sign: (_, { secret, headers }) => ({ 'x-gitlab-event-uuid': '0193-hook-1', ...headers, 'x-gitlab-token': secret }),
  signedBy: ['x-gitlab-token'],
  signsTime: false,
  signsBody: false,
  // Nobody publishes a token: that one passes is all there is to it.
  vector: { config: { webhookTokens: ['a-token'] }, headers: { 'x-gitlab-token': 'a-token' }, body: '{}', at: now },
  ...messages,
  another: { body: event({ state: 'confirmed' }), headers: { 'x-gitlab-event-uuid': '0193-hook-2' } },
});

const both = gitlab.config.parse({ signingTokens: [signing.ours], webhookTokens: [plain.ours] });
const deliver = (body: unknown, headers: Headers, config = both) => ({ body: bytes(body), headers, config, now });

describe('a hook with a signature and a token', () => {
  const body = event();
  const token = { 'x-gitlab-token': plain.ours };
  const signed = standardHeaders(bytes(body), { secret: signing.ours, at: now, id: 'hook-1' });
  const passes = (headers: Headers, config = both) => gitlab.verify(deliver(body, headers, config), noKeys);

  test('passes by either when both are configured', () => {
    expect(passes({ ...signed, ...token })).toBe(true);
    expect(passes(signed)).toBe(true);
    expect(passes(token)).toBe(true);
  });

  test('passes by a right signature, whatever the token beside it is', () => {
    expect(passes({ ...signed, 'x-gitlab-token': plain.foreign })).toBe(true);
  });

  test.each([
    ['somebody else', standardHeaders(bytes(body), { secret: signing.foreign, at: now, id: 'hook-1' })],
    ['us, an hour ago', standardHeaders(bytes(body), { secret: signing.ours, at: now - 3_600_000, id: 'hook-1' })],
    ['us, without its time', { ...signed, 'webhook-timestamp': undefined }],
    ['nobody: it is empty', { ...signed, 'webhook-signature': '' }],
  ])('never falls back to the token when it is signed by %s', (_, headers) => {
    expect(passes({ ...headers, ...token })).toBe(false);
  });

  test('never falls back to the token when no signing token is configured', () => {
    const config = gitlab.config.parse({ webhookTokens: [plain.ours] });
    expect(passes(token, config)).toBe(true);
    expect(passes({ ...signed, ...token }, config)).toBe(false);
  });

  test('does not pass by the token of the revocation interface, nor that of our own', () => {
    const config = gitlab.config.parse({ revocationToken: 'r-token', token: 'api-token' });
    for (const one of ['r-token', 'api-token', ''])
      expect(passes({ 'x-gitlab-token': one, authorization: one }, config)).toBe(false);
  });
});

describe('a verified hook', () => {
  test.each([
    ['no object', ['canary-in-a-title'], []],
    ['nothing', null, []],
    ['a text', '"canary-in-a-title"', []],
    ['an object that names no event', {}, ['object_kind']],
    ['an event of no kind', { object_kind: null, object_attributes: {} }, ['object_kind']],
    ['an event whose kind is no text', { object_kind: 7, event_name: 'push' }, ['object_kind']],
    ['a vulnerability without attributes', { object_kind: 'vulnerability' }, ['object_attributes']],
    ['a vulnerability with null', { object_kind: 'vulnerability', object_attributes: null }, ['object_attributes']],
    ['a vulnerability with a list', { object_kind: 'vulnerability', object_attributes: [] }, ['object_attributes']],
    ['a vulnerability with a text', { object_kind: 'vulnerability', object_attributes: 'x' }, ['object_attributes']],
  ])('is not what GitLab sends as %s', (_, body, path) => {
    const reading = gitlab.read(deliver(body, { 'webhook-id': 'hook-1' }));
    expect(reading).toMatchObject({ is: 'malformed', error: { issues: [{ path }] } });
    expect(JSON.stringify(reading)).not.toContain('canary');
  });

  const read = (attributes: object, headers: Headers = { 'webhook-id': 'hook-1' }) =>
    gitlab.read(deliver(event(attributes), headers));

  test('refers to the page of its vulnerability, with what it says of the place', () => {
    expect(read({})).toEqual({
      is: 'alert',
      delivery: 'hook-1',
      references: [{ link, hints: { file: 'config/deploy.env', line: '3' } }],
    });
  });

  test('that says no place has no hints', () => {
    for (const location of [undefined, null, {}, 'x', { file: 7, start_line: 'x' }])
      expect(read({ location })).toMatchObject({ references: [{ link, hints: {} }] });
  });

  test('in a state that nobody wrote down is followed up', () => {
    for (const state of ['confirmed', 'reopened', null, undefined, 7])
      expect(read({ state })).toMatchObject({ references: [{ link }] });
  });

  test('without the address of a vulnerability is told as skipped, and is no bad request', () => {
    for (const url of [undefined, null, '', 'https://gitlab.com/acme', `${link}?x`, ` ${link}`, 'javascript:1'])
      expect(read({ url })).toMatchObject({ is: 'alert', skipped: [{ index: 0 }] });
  });

  test('at another GitLab is referred to, so that a person hears of it, and is not ours to fetch', () => {
    const elsewhere = link.replace('gitlab.com', 'git.acme.example');
    expect(read({ url: elsewhere })).toMatchObject({ references: [{ link: elsewhere }] });
    expect(owns(elsewhere, both)).toBe(false);
  });

  test.each([
    ['webhook-id', { 'webhook-id': 'a', 'idempotency-key': 'b', 'x-gitlab-event-uuid': 'c' }, 'a'],
    ['idempotency-key', { 'idempotency-key': 'b', 'x-gitlab-event-uuid': 'c' }, 'b'],
    ['x-gitlab-event-uuid', { 'x-gitlab-event-uuid': 'c' }, 'c'],
    ['its vulnerability, where no header names it', { 'webhook-id': 'not an id' }, 'vulnerability-4711'],
  ])('is named by %s', (_, headers, delivery) => {
    expect(read({}, headers)).toMatchObject({ delivery });
  });
});

describe('a link', () => {
  const house = gitlab.config.parse({ webhookTokens: ['x'], url: 'https://git.acme.example:8443/' });

  test.each([
    'https://git.acme.example:8443/acme/shop/-/security/vulnerabilities/1',
    'https://git.acme.example:8443/a/b/c/d/e.f/g_h-i/-/security/vulnerabilities/9999999999',
  ])('is a page of the GitLab that is configured: %s', (page) => {
    expect(owns(page, house)).toBe(true);
  });

  test.each([
    ['of another port', 'https://git.acme.example/acme/shop/-/security/vulnerabilities/1'],
    ['of no project', 'https://git.acme.example:8443/acme/-/security/vulnerabilities/1'],
    ['of another kind', 'https://git.acme.example:8443/acme/shop/-/issues/1'],
    ['without a number', 'https://git.acme.example:8443/acme/shop/-/security/vulnerabilities/'],
    ['with a number that is none', 'https://git.acme.example:8443/acme/shop/-/security/vulnerabilities/0x1'],
    ['with more behind it', 'https://git.acme.example:8443/acme/shop/-/security/vulnerabilities/1/edit'],
    ['that goes up', 'https://git.acme.example:8443/acme/shop/%2e%2e/-/security/vulnerabilities/1'],
    ['of gitlab.com', link],
    ['without end', `https://git.acme.example:8443/${'a/'.repeat(2000)}-/security/vulnerabilities/1`],
  ])('is none %s', (_, page) => {
    expect(owns(page, house)).toBe(false);
  });
});

describe('the configuration', () => {
  test('needs a way to verify', () => {
    for (const given of [{}, { token: 't' }, { url: 'https://git.acme.example' }])
      expect(() => gitlab.config.parse(given)).toThrow(/signingTokens, webhookTokens and revocationToken/);
    for (const given of [{ signingTokens: [signing.ours] }, { webhookTokens: ['t'] }, { revocationToken: 't' }])
      expect(gitlab.config.parse(given).url).toBe('https://gitlab.com');
  });

  test('takes an empty list for none, beside what is there', () => {
    for (const given of [
      { signingTokens: [], webhookTokens: ['t'] },
      { signingTokens: [signing.ours], webhookTokens: [] },
      { signingTokens: [], webhookTokens: [], revocationToken: 't' },
      { webhookTokens: ['t'], revocationToken: [] },
    ])
      expect(gitlab.config.safeParse(given).success).toBe(true);
    for (const given of [{ signingTokens: [] }, { webhookTokens: [] }, { signingTokens: [], webhookTokens: [] }])
      expect(() => gitlab.config.parse(given)).toThrow(/signingTokens, webhookTokens and revocationToken/);
  });

  test('lets nobody in by an empty list', () => {
    const body = event();
    const signed = standardHeaders(bytes(body), { secret: signing.ours, at: now, id: 'hook-1' });
    const byToken = gitlab.config.parse({ signingTokens: [], webhookTokens: [plain.ours] });
    expect(gitlab.verify(deliver(body, signed, byToken), noKeys)).toBe(false);
    expect(gitlab.verify(deliver(body, { 'x-gitlab-token': plain.ours }, byToken), noKeys)).toBe(true);
    const bySignature = gitlab.config.parse({ signingTokens: [signing.ours], webhookTokens: [] });
    for (const token of ['', 'undefined', plain.ours])
      expect(gitlab.verify(deliver(body, { 'x-gitlab-token': token }, bySignature), noKeys)).toBe(false);
    expect(gitlab.verify(deliver(body, signed, bySignature), noKeys)).toBe(true);
  });

  test('takes a signing token of any length, padded or not', () => {
    for (const token of ['whsec_YQ==', 'whsec_YQ', 'whsec_test', signing.ours.replace(/=+$/, '')])
      expect(gitlab.config.safeParse({ signingTokens: [token] }).success).toBe(true);
  });

  test.each(['http://127.0.0.1:9999', 'http://localhost:9999/', 'http://[::1]:9999', 'https://localhost'])(
    'takes %s for a GitLab on this machine, or one that stands in for gitlab.com',
    (url) => {
      const config = gitlab.config.parse({ webhookTokens: ['t'], url });
      expect(config.url).toBe(new URL(url).origin);
      for (const home of [config.url, 'https://gitlab.com'])
        expect(owns(`${home}/acme/shop/-/security/vulnerabilities/1`, config)).toBe(true);
      for (const home of ['https://git.acme.example', 'http://127.0.0.1:9998', 'http://gitlab.com'])
        expect(owns(`${home}/acme/shop/-/security/vulnerabilities/1`, config)).toBe(false);
    },
  );

  test.each([
    'http://git.acme.example',
    'http://127.0.0.2',
    'http://localhost/gitlab',
    'http://user@localhost',
    'https://git.acme.example/gitlab',
    'https://user@git.acme.example',
    'https://git.acme.example?x',
    'https://git.acme.example#x',
    'https:\\\\git.acme.example',
    'https://',
    'git.acme.example',
  ])('refuses %s for an address', (url) => {
    expect(() => gitlab.config.parse({ webhookTokens: ['t'], url })).toThrow(ZodError);
  });

  test('refuses a signing token that is none', () => {
    for (const token of ['whsec_', 'whsec_s', 'whsec_a-b', plain.ours])
      expect(() => gitlab.config.parse({ signingTokens: [token] })).toThrow(ZodError);
  });
});

describe('the Token Revocation API', () => {
  const config = gitlab.config.parse({ revocationToken: 'r-token', webhookTokens: [plain.ours] });
  const [types, revoke] = gitlab.endpoints ?? [];
  const raw = 'https://gitlab.com/acme/shop/-/raw/c0ffee/deploy.env';
  const item = { type: 'gitleaks_rule_id_datadog-access-token', token: 'canary-1', location: raw };
  const ask = (endpoint: typeof types, body: unknown, given: readonly string[] = [], at = now) =>
    endpoint?.answer({ body: bytes(body), headers: {}, config, now: at } as Delivery<never>, given);
  const tokensIn = (body: unknown, at = now) => {
    const reading = ask(revoke, body, [], at);
    if (reading?.is !== 'alert') throw new Error('no alert');
    return reading;
  };

  test('has its two addresses', () => {
    expect([types?.method, types?.path]).toEqual(['GET', 'revocable_token_types']);
    expect([revoke?.method, revoke?.path]).toEqual(['POST', 'revoke_tokens']);
  });

  test.each([
    ['the token alone', 'r-token', true],
    ['a scheme before it', 'Bearer r-token', false],
    ['another token', 'x-token', false],
    ['the token of the hooks', plain.ours, false],
    ['a part of it', 'r-toke', false],
    ['more than it', 'r-token, r-token', false],
    ['nothing', '', false],
    ['no header', undefined, false],
  ])('passes %s or does not', (_, authorization, expected) => {
    for (const endpoint of [types, revoke]) {
      const delivery = { body: bytes([item]), headers: { authorization, 'x-gitlab-token': plain.ours }, now };
      expect(endpoint?.verify({ ...delivery, config })).toBe(expected);
      expect(endpoint?.verify({ ...delivery, config: both })).toBe(false);
    }
  });

  test('passes with either token while one takes the place of the other', () => {
    const rotating = gitlab.config.parse({ revocationToken: ['new-token', 'r-token'] });
    const passes = (authorization: string) =>
      revoke?.verify({ body: bytes([item]), headers: { authorization }, config: rotating, now });
    expect(['new-token', 'r-token', 'x-token', ''].map(passes)).toEqual([true, true, false, false]);
    for (const revocationToken of [[], [''], Array.from({ length: 11 }, () => 'r-token')])
      expect(gitlab.config.safeParse({ revocationToken }).success).toBe(false);
  });

  test('answers which types we revoke', () => {
    expect(ask(types, '', ['gitleaks_rule_id_x'])).toEqual({ is: 'answer', body: { types: ['gitleaks_rule_id_x'] } });
    expect(ask(types, '')).toEqual({ is: 'answer', body: { types: [] } });
  });

  test('takes each token as a finding in public', () => {
    const { findings = [], skipped } = tokensIn([item, { ...item, token: 'canary-2', location: null }]);
    expect(findings.map(({ value }) => value?.expose())).toEqual(['canary-1', 'canary-2']);
    expect(findings).toMatchObject([
      {
        scanner: 'gitlab',
        detector: item.type,
        circumstances: { exposure: 'public', location: { url: raw }, reference: raw },
      },
      { scanner: 'gitlab', detector: item.type, circumstances: { exposure: 'public' } },
    ]);
    expect(findings[1]?.circumstances?.reference).toBeUndefined();
    expect(skipped).toEqual([]);
  });

  test('takes types of any version of its rules, and what stands beside them', () => {
    const extra = { vulnerability: { id: 7, finding: { raw: 'canary-9' } }, priority: [1] };
    for (const type of ['gitleaks_rule_id_of_next_year', 'something else', '', 7, undefined]) {
      const { findings = [] } = tokensIn([{ ...item, ...extra, type }]);
      expect(findings[0]?.value?.expose()).toBe('canary-1');
      expect(JSON.stringify(findings)).not.toContain('canary');
    }
  });

  test('lets no entry stand in the way of another, and says which say nothing', () => {
    const bad = [null, 7, [], {}, { ...item, token: '' }, { ...item, token: null }, { ...item, token: { a: 1 } }];
    const { findings, skipped } = tokensIn([item, ...bad, { ...item, location: { x: 1 } }]);
    expect(findings).toHaveLength(2);
    expect(skipped?.map(({ index }) => index)).toEqual([1, 2, 3, 4, 5, 6, 7]);
    expect(JSON.stringify(skipped)).not.toContain('canary');
  });

  test('takes a token out of the place where it was seen', () => {
    const { findings } = tokensIn([{ ...item, location: `${raw}?key=canary-1` }]);
    expect(findings?.[0]?.circumstances).toMatchObject({ reference: `${raw}?key=[secret]` });
  });

  test('knows a delivery that is repeated, and one of other places, without a trace of the tokens in its name', () => {
    const nameOf = (...items: unknown[]) => tokensIn(items).delivery;
    const first = nameOf(item);
    expect(first).toMatch(/^[\x21-\x7e]{1,256}$/);
    expect(nameOf({ ...item, vulnerability: { updated_at: 'later' } })).toBe(first);
    expect(nameOf({ ...item, location: `${raw}2` })).not.toBe(first);
    expect(tokensIn([item], now + 86_400_000).delivery).not.toBe(first);
    // Whoever reads the name can try no token out on it: every token gives the same.
    expect(nameOf({ ...item, token: 'canary-2' })).toBe(first);
    expect(nameOf({ ...item, token: 'canary-1', location: `${raw}?canary-1` })).toBe(
      nameOf({ ...item, token: 'canary-2', location: `${raw}?canary-2` }),
    );
  });

  test('reads five thousand tokens at once, and refuses more as a whole', () => {
    const many = (count: number) =>
      Array.from({ length: count }, (_, index) => ({ ...item, token: `canary-${index}` }));
    expect(tokensIn(many(5000))).toMatchObject({ skipped: [] });
    expect(() => tokensIn(many(5001))).toThrow('no alert');
  });

  test('takes an empty list for nothing, and what is no list for no request of GitLab’s', () => {
    expect(ask(revoke, [])).toEqual({ is: 'nothing' });
    for (const body of ['', '{', 'null', '{}', '"x"', new Uint8Array([0xff]).toString(), { tokens: [item] }]) {
      const reading = ask(revoke, body);
      expect(reading?.is).toBe('malformed');
      expect(JSON.stringify(reading)).not.toContain('canary');
    }
  });
});

const open: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const end of open.splice(0)) await end();
});

async function stage(traits: GitLabTraits = {}, { url = 'https://gitlab.com', token = 'canary-of-our-token' } = {}) {
  const given = { signingTokens: [signing.ours], token, url };
  const scanner = gitlabScanner(given, { now: () => now, ...traits });
  const network = await vendorNetwork(scanner);
  open.push(network.close);
  const send = createSend({ now: () => now, fetch: network.fetch });
  const inquiry = {
    config: gitlab.config.parse(given),
    now,
    ask: (origin: string, request: Parameters<typeof send>[1]) =>
      send({ provider: 'gitlab', origin, deadline: now + 10_000 }, request),
  };
  const lines = () => scanner.arrivals.map(({ method, target }) => `${method} ${target}`);
  return { scanner, inquiry, lines };
}

const discovery = { secret: 'canary-of-a-leaked-key', detector: 'datadog-access-token' };

/** What is thrown, and that it shows nothing secret. */
async function faultOf(promise: Promise<unknown>): Promise<Error> {
  const error = await promise.then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  expect(error).toBeInstanceOf(Error);
  expect(`${(error as Error).stack} ${JSON.stringify(error)}`).not.toContain('canary');
  return error as Error;
}

describe('fetching', () => {
  test('brings the matched text with its rule and its place', async () => {
    const { scanner, inquiry, lines } = await stage();
    const { link: page } = scanner.find(discovery);
    const fetched = await fetch({ link: page }, inquiry);
    const findings = fetched.is === 'found' ? fetched.findings : [];
    expect(findings).toMatchObject([
      {
        scanner: 'gitlab',
        detector: 'gitleaks_rule_id_datadog-access-token',
        circumstances: {
          location: { path: 'config/deploy-1000.env', line: 3, commit: 'c0ffee00c0ffee00c0ffee00c0ffee00c0ffee00' },
          detectedAt: '2026-11-20T12:00:00.000Z',
          reference: page,
        },
      },
    ]);
    expect(findings[0]?.value?.expose()).toBe(discovery.secret);
    expect(JSON.stringify(fetched)).not.toContain('canary');
    expect(lines()).toEqual(['GET /api/v4/vulnerabilities/1000']);
    expect(scanner.arrivals[0]?.headers.authorization).toBe('Bearer canary-of-our-token');
  });

  test('asks the GitLab that is configured, wherever the link points', async () => {
    const { scanner, inquiry, lines } = await stage({}, { url: 'https://git.acme.example' });
    scanner.find(discovery);
    const elsewhere = 'https://gitlab.com/acme/payments/shop/-/security/vulnerabilities/1000';
    expect(await fetch({ link: elsewhere }, inquiry)).toMatchObject({ is: 'out-of-reach' });
    expect(lines()).toEqual([]);
    const own = elsewhere.replace('gitlab.com', 'git.acme.example');
    expect(await fetch({ link: own }, inquiry)).toMatchObject({ is: 'found' });
    expect(scanner.arrivals[0]?.host).toBe('git.acme.example');
  });

  test('writes a rule as the Token Revocation API does', async () => {
    const { scanner, inquiry } = await stage();
    const { link: page } = scanner.find({ ...discovery, detector: 'GitLab Personal Access Token' });
    const fetched = await fetch({ link: page }, inquiry);
    expect(fetched).toMatchObject({ findings: [{ detector: 'gitleaks_rule_id_gitlab_personal_access_token' }] });
  });

  test('makes do with the text alone', async () => {
    const { scanner, inquiry } = await stage();
    const { link: page } = scanner.find(discovery);
    for (const rest of [
      {},
      { identifiers: null, location: null },
      { identifiers: [], location: { commit: null } },
      { identifiers: 'x', location: { file: 7, start_line: 'x', commit: { sha: '0000000' } } },
    ]) {
      Object.assign(scanner.alerts[0] ?? {}, {
        rawMetadata: JSON.stringify({ raw_source_code_extract: discovery.secret, ...rest }),
      });
      const fetched = await fetch({ link: page }, inquiry);
      expect(fetched).toMatchObject({ is: 'found', findings: [{ detector: '' }] });
      const [finding] = fetched.is === 'found' ? fetched.findings : [];
      expect(JSON.stringify(finding?.circumstances?.location ?? {})).toBe('{}');
    }
  });

  test.each([
    [{ file: 'a.env' }, { path: 'a.env' }],
    [{ commit: { sha: 'c0ffee1' } }, { commit: 'c0ffee1' }],
  ])('keeps of the place %o what is told', async (location, told) => {
    const { scanner, inquiry } = await stage();
    const { link: page } = scanner.find(discovery);
    const rawMetadata = JSON.stringify({ raw_source_code_extract: discovery.secret, location });
    Object.assign(scanner.alerts[0] ?? {}, { rawMetadata });
    const fetched = await fetch({ link: page }, inquiry);
    expect(fetched).toMatchObject({ findings: [{ circumstances: { location: told } }] });
  });

  test.each(['resolved', 'dismissed'] as const)('is over for one that is %s', async (is) => {
    const { scanner, inquiry } = await stage();
    const { link: page } = scanner.find(discovery);
    Object.assign(scanner.alerts[0] ?? {}, { is });
    expect(await fetch({ link: page }, inquiry)).toMatchObject({ is: 'over' });
  });

  test('is over for one that is about no secret', async () => {
    const { scanner, inquiry } = await stage();
    const { link: page } = scanner.find(discovery);
    Object.assign(scanner.alerts[0] ?? {}, { reportType: 'sast' });
    expect(await fetch({ link: page }, inquiry)).toMatchObject({ is: 'over' });
  });

  test.each([
    ['nothing', null],
    ['an empty text', ''],
    ['no JSON', '{"raw'],
    ['no object', '7'],
    ['no matched text', '{"name":"x"}'],
    ['an empty matched text', '{"raw_source_code_extract":""}'],
  ])('is out of reach where GitLab kept %s', async (_, rawMetadata) => {
    const { scanner, inquiry } = await stage();
    const { link: page } = scanner.find(discovery);
    Object.assign(scanner.alerts[0] ?? {}, { rawMetadata });
    const fetched = await fetch({ link: page }, inquiry);
    expect(fetched).toEqual({ is: 'out-of-reach', reason: 'gitlab does not show the text that was matched' });
  });

  test('is out of reach without a token, and asks nobody', async () => {
    const { scanner, inquiry, lines } = await stage();
    const { link: page } = scanner.find(discovery);
    const config = { ...inquiry.config, token: undefined };
    expect(await fetch({ link: page }, { ...inquiry, config })).toMatchObject({ is: 'out-of-reach' });
    expect(lines()).toEqual([]);
  });

  test('is out of reach for one that GitLab does not show to our token', async () => {
    const { inquiry } = await stage();
    const fetched = await fetch({ link }, inquiry);
    expect(fetched).toMatchObject({ is: 'out-of-reach', reason: expect.stringMatching(/404.*scope api/) });
  });

  test('is refused to a wrong token, and to one without the right', async () => {
    const wrong = await stage();
    const { link: page } = wrong.scanner.find(discovery);
    const stranger = gitlab.config.parse({ signingTokens: [signing.ours], token: 'canary-of-a-stranger' });
    const error = await faultOf(fetch({ link: page }, { ...wrong.inquiry, config: stranger }));
    expect(error).toBeInstanceOf(Refused);
    expect((error as Refused).remedy).toContain('leakstop/sources/gitlab');
    const guest = await stage({ role: 'guest' });
    guest.scanner.find(discovery);
    expect(await faultOf(fetch({ link: page }, guest.inquiry))).toBeInstanceOf(Refused);
  });

  test.each([
    ['a rate limit', { status: 429, headers: { 'retry-after': '30' } }, Unavailable],
    ['a bad gateway', { status: 502, body: 'canary' }, Unavailable],
    ['a redirect', { status: 302, headers: { location: 'https://attacker.example/' } }, Unexpected],
    ['a page', { status: 200, body: '<html>canary</html>' }, Unexpected],
    ['nothing', { status: 204 }, Unexpected],
    ['a list', { status: 200, body: [] }, Unexpected],
    ['a state nobody knows', { status: 200, body: { state: 'canary', report_type: 'secret_detection' } }, Unexpected],
    ['a status nobody knows', { status: 418, body: { message: 'canary' } }, Unexpected],
  ])('throws what %s means', async (_, reply, kind) => {
    const { scanner, inquiry } = await stage();
    const { link: page } = scanner.find(discovery);
    scanner.troubles.push({ on: /^GET/, reply });
    const error = await faultOf(fetch({ link: page }, inquiry));
    expect(error).toBeInstanceOf(kind);
    if (reply.status === 429) expect((error as Unavailable).retryAfterMs).toBe(30_000);
  });

  test('throws Unavailable when the line breaks', async () => {
    const { scanner, inquiry } = await stage();
    scanner.troubles.push({ on: /./, reply: 'drop-before' });
    expect(await faultOf(fetch({ link }, inquiry))).toBeInstanceOf(Unavailable);
  });
});

describe('closing', () => {
  const ending: Ending = {
    incident: 'inc_1',
    outcome: 'revoked',
    provider: 'datadog',
    keyId: 'k1',
    comment: 'The key is dead: inc_1.',
  };

  test('resolves the vulnerability with a comment, and the second time does nothing', async () => {
    const { scanner, inquiry, lines } = await stage();
    const { link: page } = scanner.find(discovery);
    expect(await close({ link: page }, ending, inquiry)).toBe('closed');
    expect(scanner.alerts).toMatchObject([{ is: 'resolved', state: 'closed', comments: [ending.comment] }]);
    expect(await close({ link: page }, ending, inquiry)).toBe('nothing');
    expect(lines()).toEqual(Array.from({ length: 3 }, () => 'POST /api/graphql'));
    expect(scanner.alerts[0]?.comments).toHaveLength(1);
    for (const { body } of scanner.arrivals) expect(body).not.toContain('canary');
  });

  test('leaves alone what a person dismissed', async () => {
    const { scanner, inquiry } = await stage();
    const { link: page } = scanner.find(discovery);
    Object.assign(scanner.alerts[0] ?? {}, { is: 'dismissed' });
    expect(await close({ link: page }, ending, inquiry)).toBe('nothing');
    expect(scanner.alerts).toMatchObject([{ is: 'dismissed', comments: [] }]);
  });

  test('leaves one comment, however often, where it may not resolve', async () => {
    const { scanner, inquiry } = await stage({ role: 'developer' });
    const { link: page } = scanner.find(discovery);
    for (let time = 0; time < 3; time += 1) expect(await close({ link: page }, ending, inquiry)).toBe('noted');
    expect(scanner.alerts).toMatchObject([{ is: 'detected', comments: [ending.comment] }]);
    expect(await close({ link: page }, { ...ending, incident: 'inc_2', comment: 'inc_2' }, inquiry)).toBe('noted');
    expect(scanner.alerts[0]?.comments).toEqual([ending.comment, 'inc_2']);
  });

  test('is done when the answer was lost and it asks again', async () => {
    const { scanner, inquiry } = await stage();
    const { link: page } = scanner.find(discovery);
    scanner.troubles.push({ on: /graphql/, after: /graphql/, times: 1, reply: 'drop-after' });
    expect(await faultOf(close({ link: page }, ending, inquiry))).toBeInstanceOf(Unavailable);
    expect(await close({ link: page }, ending, inquiry)).toBe('nothing');
  });

  test.each(['reader', 'guest'] as const)('is refused where our token is that of a %s', async (role) => {
    const { scanner, inquiry } = await stage({ role });
    const { link: page } = scanner.find(discovery);
    expect(await faultOf(close({ link: page }, ending, inquiry))).toBeInstanceOf(Refused);
    expect(scanner.alerts).toMatchObject([{ is: 'detected', comments: [] }]);
  });

  test('is refused without a token, to a wrong one, and for a page that is not there or not ours', async () => {
    const { scanner, inquiry, lines } = await stage();
    const { link: page } = scanner.find(discovery);
    const none = { ...inquiry, config: { ...inquiry.config, token: undefined } };
    expect(await faultOf(close({ link: page }, ending, none))).toBeInstanceOf(Refused);
    expect(await faultOf(close({ link: page.replace('.com', '.org') }, ending, inquiry))).toBeInstanceOf(Refused);
    expect(lines()).toEqual([]);
    const stranger = gitlab.config.parse({ signingTokens: [signing.ours], token: 'canary-of-a-stranger' });
    expect(await faultOf(close({ link: page }, ending, { ...inquiry, config: stranger }))).toBeInstanceOf(Refused);
    expect(await faultOf(close({ link }, ending, inquiry))).toBeInstanceOf(Refused);
    expect(scanner.alerts).toMatchObject([{ is: 'detected', comments: [] }]);
  });

  test.each([
    ['errors that nobody wrote down', { errors: [{ message: 'canary' }] }],
    ['one of those beside a known one', { errors: [{ message: 'x' }, { message: 'The resource that' }], data: null }],
    [
      'a vulnerability that is still open',
      { data: { vulnerabilityResolve: { vulnerability: { state: 'DETECTED' }, errors: [] } } },
    ],
    [
      'what is wrong with it',
      { data: { vulnerabilityResolve: { vulnerability: { state: 'RESOLVED' }, errors: ['canary'] } } },
    ],
    [
      'errors beside what would be one',
      {
        errors: [{ message: 'canary' }],
        data: { vulnerabilityResolve: { vulnerability: { state: 'RESOLVED' }, errors: [] } },
      },
    ],
    ['nothing', { data: { vulnerabilityResolve: null } }],
    ['no data', {}],
  ])('does not take for closed an answer with %s', async (_, body) => {
    const { scanner, inquiry } = await stage();
    const { link: page } = scanner.find(discovery);
    scanner.troubles.push({ on: /graphql/, after: /graphql/, reply: { status: 200, body } });
    expect(await faultOf(close({ link: page }, ending, inquiry))).toBeInstanceOf(Unexpected);
  });

  test('throws Unavailable on a bad day', async () => {
    const { scanner, inquiry } = await stage();
    const { link: page } = scanner.find(discovery);
    scanner.troubles.push({ on: /graphql/, reply: { status: 503 } });
    expect(await faultOf(close({ link: page }, ending, inquiry))).toBeInstanceOf(Unavailable);
  });
});
