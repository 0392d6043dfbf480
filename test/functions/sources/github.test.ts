import { createHmac, generateKeyPairSync } from 'node:crypto';
import { inspect } from 'node:util';
import { afterEach, describe, expect, test } from 'vitest';
import { ZodError } from 'zod';
import { createSend } from '../../../functions/platform/http.ts';
import { inquiryOf } from '../../../functions/platform/inquiry.ts';
import { providers } from '../../../functions/providers/index.ts';
import { Refused, Unavailable, Unexpected } from '../../../functions/revocation/errors.ts';
import { leaksOf } from '../../../functions/revocation/findings.ts';
import type { Alert, Ending, Headers } from '../../../functions/revocation/source.ts';
import { github } from '../../../functions/sources/github.ts';
import {
  commitLocation,
  type GitHubSecret,
  type GitHubTraits,
  githubScanner,
} from '../../../lib/local/scanners/github.ts';
import type { ScannerDelivery } from '../../../lib/local/scanners/scanner.ts';
import { testClock, vendorNetwork } from '../../support/lane.ts';
import { sourceConformance } from '../../support/source-conformance.ts';

const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 });
const pem = (type: 'pkcs1' | 'pkcs8') => rsa.privateKey.export({ type, format: 'pem' }).toString();
const webhookSecrets = ['a webhook secret of these tests'];
const byToken = { webhookSecrets, token: 'github_pat_OfTheseTests' };
const byApp = { webhookSecrets, appId: '4242', privateKey: pem('pkcs1') };
const canary = 'c0ffee00c0ffee00c0ffee00c0ffee42';
const link = 'https://github.com/acme/checkout/security/secret-scanning/1';

const hmac = (body: string | Uint8Array, secret: string) =>
  `sha256=${createHmac('sha256', secret).update(body).digest('hex')}`;
const bytes = (text: string) => new TextEncoder().encode(text);

const messageOf = (number: number, guid: string) => ({
  body: {
    action: 'created',
    alert: {
      number,
      html_url: `https://github.com/acme/checkout/security/secret-scanning/${number}`,
      secret: canary,
      secret_type: 'datadog_api_key',
      validity: 'active',
    },
    repository: { full_name: 'acme/checkout' },
    installation: { id: 4711 },
  },
  headers: { 'x-github-event': 'secret_scanning_alert', 'x-github-delivery': guid, 'content-type': 'application/json' },
});
const alert = messageOf(1, '0b989ba4-242f-11e5-81e1-c7b6966d2516');
const as = (event: string, action?: string, more: object = {}) => ({
  body: { ...alert.body, action, ...more },
  headers: { ...alert.headers, 'x-github-event': event },
});

sourceConformance({
  source: github,
  secrets: { ours: webhookSecrets[0] ?? '', older: 'the webhook secret before it', foreign: 'what somebody else has' },
  config: (...secrets) => ({ ...byToken, apiUrl: 'https://api.github.com', webhookSecrets: secrets }),
  sign: (body, { secret, headers }) => ({ ...headers, 'x-hub-signature-256': hmac(body, secret) }),
  signedBy: ['x-hub-signature-256'],
  signsTime: false,
  signsBody: true,
  // https://docs.github.com/webhooks/using-webhooks/validating-webhook-deliveries#testing-the-webhook-payload-validation
  vector: {
    config: { ...byToken, webhookSecrets: ["It's a Secret to Everybody"] },
    headers: { 'x-hub-signature-256': 'sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17' },
    body: 'Hello, World!',
    at: Date.parse('2026-11-20T12:00:00.000Z'),
  },
  alert,
  another: messageOf(2, '1c0a9cb5-242f-11e5-81e1-c7b6966d2516'),
  canaries: [canary],
  ignored: {
    'a ping': { body: { zen: 'Keep it logically awesome.', hook_id: 17 }, headers: as('ping').headers },
    'an alert that was closed, as we close them': as('secret_scanning_alert', 'resolved'),
    'an alert that was revoked': as('secret_scanning_alert', 'revoked'),
    'an alert that was assigned': as('secret_scanning_alert', 'assigned'),
    'an alert that was unassigned': as('secret_scanning_alert', 'unassigned'),
    'a key that is found to be dead, as we say it': as('secret_scanning_alert', 'validated', {
      alert: { ...alert.body.alert, validity: 'inactive' },
    }),
    'a key of which GitHub knows nothing new': as('secret_scanning_alert', 'validated', {
      alert: { ...alert.body.alert, validity: 'unknown' },
    }),
    'an action of next year': as('secret_scanning_alert', 'celebrated'),
    'another event without an action': as('push'),
    'another event with an action that is none': as('push', undefined, { action: 7 }),
    'a scan that is over': as('secret_scanning_scan', 'completed'),
    'a place that is gone': as('secret_scanning_alert_location', 'deleted'),
    'an event of next year': as('secret_scanning_party', 'created'),
    'an event with a name that objects have': as('constructor', 'created'),
  },
  entries: 'one-a-message',
});

const configOf = (given: object) => github.config.parse(given);

describe('a delivery of GitHub', () => {
  const read = ({ body, headers }: ScannerDelivery, given: object = byToken) =>
    github.read({ body: bytes(body), headers: headers as Headers, config: configOf(given), now: 0 });
  const scanner = githubScanner(byToken);
  const open = scanner.open({ secret: canary, detector: 'datadog_api_key' });

  test.each([
    ['secret_scanning_alert', 'created'],
    ['secret_scanning_alert', 'publicly_leaked'],
    ['secret_scanning_alert', 'reopened'],
    ['secret_scanning_alert_location', 'created'],
  ])('%s, %s, names the alert to fetch, and the delivery', (event, action) => {
    const delivery = scanner.tell(open, { event, action });
    const named = delivery.headers['x-github-delivery'];
    expect(read(delivery)).toEqual({ is: 'alert', delivery: named, references: [{ link }] });
  });

  test('that says a key is alive names the alert', () => {
    open.validity = 'active';
    expect(read(scanner.tell(open, { action: 'validated' }))).toMatchObject({ references: [{ link }] });
  });

  test('is read from a form as it is from JSON, and its signature is over the form', () => {
    const delivery = scanner.tell(open, { form: true });
    expect(delivery.body).toMatch(/^payload=%7B/);
    const { headers } = delivery;
    const given = { headers, config: configOf(byToken), now: 0 };
    expect(github.verify({ ...given, body: bytes(delivery.body) }, { publicKey: async () => undefined })).toBe(true);
    const inside = new URLSearchParams(delivery.body).get('payload') ?? '';
    expect(github.verify({ ...given, body: bytes(inside) }, { publicKey: async () => undefined })).toBe(false);
    expect(read(delivery)).toMatchObject({ references: [{ link }] });
  });

  test.each([
    ['a form without the field', 'data=1'],
    ['a form with a field that is not JSON', 'payload=%7B'],
    ['a form with an empty field', 'payload='],
    ['JSON that says it is a form', JSON.stringify(alert.body)],
  ])('is malformed as %s', (_, body) => {
    const headers = { ...alert.headers, 'content-type': 'application/x-www-form-urlencoded; charset=utf-8' };
    expect(read({ body, headers, link })).toMatchObject({ is: 'malformed', error: expect.any(ZodError) });
  });

  test.each([
    ['another host', 'https://github.example/acme/checkout/security/secret-scanning/1'],
    ['a server that is not configured', 'https://git.acme.example/acme/checkout/security/secret-scanning/1'],
    ['another page', 'https://github.com/acme/checkout/security/code-scanning/1'],
    ['a way up', 'https://github.com/acme/../security/secret-scanning/1'],
    ['a number that is none', 'https://github.com/acme/checkout/security/secret-scanning/1x'],
    ['no text', 7],
    ['an empty address', ''],
  ])('is malformed when its alert is at %s', (_, html_url) => {
    const body = JSON.stringify({ ...alert.body, alert: { ...alert.body.alert, html_url } });
    expect(read({ body, headers: alert.headers, link })).toMatchObject({ is: 'malformed' });
  });

  test('is malformed without x-github-event', () => {
    const { 'x-github-event': _, ...headers } = alert.headers;
    expect(read({ body: JSON.stringify(alert.body), headers, link })).toMatchObject({ is: 'malformed' });
  });

  describe.each(['secret_scanning_alert', 'secret_scanning_alert_location'])('%s', (event) => {
    test.each([undefined, null, 7, ['created']])('is malformed with the action %o', (action) => {
      const { headers } = as(event);
      const body = JSON.stringify({ ...alert.body, action });
      expect(read({ body, headers, link })).toMatchObject({ is: 'malformed' });
    });

    test.each([undefined, null])('whose page is %o names its alert by repository and number', (html_url) => {
      const { headers } = as(event);
      const body = JSON.stringify({ ...alert.body, alert: { number: 1, html_url, validity: undefined } });
      expect(read({ body, headers, link })).toMatchObject({ references: [{ link }] });
      const atServer = { ...byToken, apiUrl: 'https://git.acme.example/api/v3' };
      const there = 'https://git.acme.example/acme/checkout/security/secret-scanning/1';
      expect(read({ body, headers, link }, atServer)).toMatchObject({ references: [{ link: there }] });
    });
  });

  test.each([undefined, null, 'x'])('whose page is told needs neither its number, %o, nor its repository', (number) => {
    const body = JSON.stringify({ action: 'created', alert: { html_url: link, number } });
    expect(read({ body, headers: alert.headers, link })).toMatchObject({ references: [{ link }] });
  });

  test.each([
    ['no repository', { repository: undefined }],
    ['no name of its repository', { repository: { name: 'checkout' } }],
    ['the name of a repository alone', { repository: { full_name: 'checkout' } }],
    ['a way up', { repository: { full_name: 'acme/..' } }],
    ['a name that is more', { repository: { full_name: 'acme/checkout/x' } }],
    ['no number', { alert: { validity: 'active' } }],
    ['a number that is none', { alert: { number: 0 } }],
    ['a number with more to it', { alert: { number: '1/../2' } }],
    ['a number that says nothing', { alert: { number: { toString: 1 } } }],
    ['a name that says nothing', { repository: { full_name: { toString: 1 } } }],
  ])('without its page is malformed with %s', (_, change) => {
    const body = JSON.stringify({ ...alert.body, alert: { number: 1 }, ...change });
    expect(read({ body, headers: alert.headers, link })).toMatchObject({ is: 'malformed' });
  });

  test.each(['0b989ba4-242f-11e5-81e1-c7b6966d2516', '1', 'delivery_1', 'a.b:c'])('may be named %s', (name) => {
    const headers = { ...alert.headers, 'x-github-delivery': name };
    expect(read({ body: JSON.stringify(alert.body), headers, link })).toMatchObject({ delivery: name });
  });

  test.each(['', 'a b', 'a,b', 'x'.repeat(129)])('is malformed with the name "%s"', (name) => {
    const headers = { ...alert.headers, 'x-github-delivery': name };
    expect(read({ body: JSON.stringify(alert.body), headers, link })).toMatchObject({ is: 'malformed' });
  });

  test('without a name is named by what it tells: the same when it comes again, another when it tells otherwise', () => {
    const { 'x-github-delivery': _, ...headers } = alert.headers;
    const nameOf = (body: object) => (read({ body: JSON.stringify(body), headers, link }) as Alert).delivery;
    const first = nameOf(alert.body);
    expect(first).toMatch(/^[0-9a-f]{64}$/);
    const hidden = { ...alert.body, alert: { ...alert.body.alert, secret: 'something else' } };
    expect(nameOf(hidden)).toBe(first);
    expect(nameOf({ ...alert.body, action: 'reopened' })).not.toBe(first);
    expect(nameOf(messageOf(2, '').body)).not.toBe(first);
  });
});

describe('where GitHub is', () => {
  const page = (host: string) => `https://${host}/acme/checkout/security/secret-scanning/1`;

  test.each([
    [undefined, 'github.com'],
    ['https://api.github.com', 'github.com'],
    ['https://api.github.com/', 'github.com'],
    ['https://api.acme.ghe.com', 'acme.ghe.com'],
    ['https://git.acme.example/api/v3', 'git.acme.example'],
    ['https://git.acme.example:8443/api/v3/', 'git.acme.example:8443'],
  ])('as %s says, there are the pages of its alerts, and nowhere else', (apiUrl, host) => {
    const config = configOf({ ...byToken, ...(apiUrl && { apiUrl }) });
    expect(github.owns?.(page(host), config)).toBe(true);
    for (const other of ['github.com', 'acme.ghe.com', 'git.acme.example', 'api.github.com', 'attacker.example'])
      expect(github.owns?.(page(other), config)).toBe(other === host);
  });

  test.each(['http://127.0.0.1:9999', 'http://localhost:9999', 'https://[::1]:9999', 'http://127.0.0.1:9999/api/v3'])(
    'on this machine (%s) it has pages of its own, or stands in for github.com',
    (apiUrl) => {
      const config = configOf({ ...byToken, apiUrl });
      expect(config.apiUrl.origin).toBe(new URL(apiUrl).origin);
      const own = `${new URL(apiUrl).origin}/acme/checkout/security/secret-scanning/1`;
      for (const one of [own, page('github.com')]) expect(github.owns?.(one, config)).toBe(true);
      for (const other of ['git.acme.example', 'attacker.example', '127.0.0.1:9998'])
        expect(github.owns?.(page(other), config)).toBe(false);
    },
  );

  test.each([
    'http://api.github.com',
    'http://127.0.0.2/api/v3',
    'http://localhost.attacker.example/api/v3',
    'http://me:secret@127.0.0.1:9999',
    'http://127.0.0.1:9999/api/v4',
    'https://github.com',
    'https://git.acme.example',
    'https://git.acme.example/api/v4',
    'https://me:secret@api.github.com',
    'https://api.github.com?x=1',
    'https://api.github.com#x',
    'api.github.com',
    '',
  ])('may not be %s', (apiUrl) => {
    expect(github.config.safeParse({ ...byToken, apiUrl }).success).toBe(false);
  });
});

describe('its configuration', () => {
  test.each([
    ['a token', byToken],
    ['a webhook secret of one character', { ...byToken, webhookSecrets: ['s'] }],
    ['an App', byApp],
    ['an App with its number', { ...byApp, appId: 4242 }],
    ['an App with its client ID', { ...byApp, appId: 'Iv23liOfTheseTests' }],
    ['an App with a key in the other form', { ...byApp, privateKey: pem('pkcs8') }],
  ])('may be %s', (_, given) => {
    expect(github.config.safeParse(given).success).toBe(true);
  });

  const elliptic = generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey;
  test.each([
    ['nothing to sign in with', { webhookSecrets }],
    ['a token and an App', { ...byApp, ...byToken }],
    ['an App without its key', { webhookSecrets, appId: '4242' }],
    ['an App with a public key', { ...byApp, privateKey: rsa.publicKey.export({ type: 'spki', format: 'pem' }) }],
    ['an App with a key of another kind', { ...byApp, privateKey: elliptic.export({ type: 'pkcs8', format: 'pem' }) }],
    ['an App with a key that is none', { ...byApp, privateKey: 'x' }],
    ['an empty webhook secret', { ...byToken, webhookSecrets: [''] }],
    ['no webhook secret', { ...byToken, webhookSecrets: [] }],
    ['eleven webhook secrets', { ...byToken, webhookSecrets: Array.from({ length: 11 }, () => 'x'.repeat(20)) }],
  ])('may not be %s', (_, given) => {
    expect(github.config.safeParse(given).success).toBe(false);
  });

  test('does not print the private key', () => {
    const config = configOf(byApp);
    const inside = pem('pkcs1').split('\n')[1] ?? '';
    expect(JSON.stringify(config) + inspect(config, { depth: 9 })).not.toContain(inside);
  });
});

describe('an alert at GitHub', () => {
  const closers: (() => Promise<void>)[] = [];
  afterEach(async () => {
    await Promise.all(closers.splice(0).map((close) => close()));
  });

  async function begin(given: GitHubSecret, traits: Partial<GitHubTraits> = {}) {
    const clock = testClock();
    const scanner = githubScanner(given, { now: clock.now, ...traits });
    const network = await vendorNetwork(scanner);
    closers.push(network.close);
    const send = createSend({ now: clock.now, fetch: network.fetch });
    const config = configOf(given);
    const inquiry = () => inquiryOf({ id: 'github', config, deadline: clock.now() + 5000 }, { send, now: clock.now });
    const fetchIt = (at = link) => github.fetch?.({ link: at }, inquiry());
    const close = (at = link, comment = ending.comment) =>
      github.close?.({ link: at }, { ...ending, comment }, inquiry());
    const lines = () => scanner.arrivals.map(({ method, target }) => `${method} ${target}`);
    return { clock, scanner, inquiry, fetchIt, close, lines };
  }

  const ending: Ending = {
    incident: 'inc_1',
    outcome: 'revoked',
    provider: 'datadog',
    keyId: 'key-1',
    comment: 'Leakstop revoked this key and saw it dead (inc_1).',
  };
  const discovery = { secret: canary, detector: 'datadog_api_key' };
  const found = async (fetched: Promise<unknown> | undefined) => {
    const got = (await fetched) as { is: string; findings: { value: { expose(): string } }[] };
    expect(got.is).toBe('found');
    expect(got.findings).toHaveLength(1);
    return got.findings[0] as never as { value: { expose(): string }; detector: string; circumstances: object };
  };

  describe.each([
    ['a token', byToken as GitHubSecret],
    ['an App', byApp as GitHubSecret],
    ['an App on a server', { ...byApp, apiUrl: 'https://git.acme.example/api/v3' } as GitHubSecret],
  ])('with %s', (_, given) => {
    test('is fetched with its key, its place and its name', async () => {
      const { scanner, fetchIt } = await begin(given);
      const open = scanner.open(discovery, { publiclyLeaked: true });
      const finding = await found(fetchIt(open.link));
      expect(finding.value.expose()).toBe(canary);
      expect(finding).toMatchObject({
        scanner: 'github',
        detector: 'datadog_api_key',
        circumstances: {
          exposure: 'public',
          detectedAt: '2026-11-20T12:00:00.000Z',
          reference: open.link,
          location: { path: 'config/deploy.env', line: 3, commit: expect.stringMatching(/^[0-9a-f]{40}$/) },
        },
      });
      expect(inspect(finding, { depth: 9 }) + JSON.stringify(finding)).not.toContain(canary);
    });

    test('is a leak of the key it names', async () => {
      const { scanner, fetchIt } = await begin(given);
      const finding = await found(fetchIt(scanner.open(discovery).link));
      expect(leaksOf(finding as never, providers)).toMatchObject([{ provider: 'datadog', kind: 'api-key' }]);
    });

    test('is closed as revoked with our words, and twice is harmless', async () => {
      const { scanner, close } = await begin(given);
      const open = scanner.open(discovery);
      expect(await close(open.link)).toBe('closed');
      const closed = { state: 'closed', resolution: 'revoked', validity: 'inactive', comments: [ending.comment] };
      expect(open).toMatchObject(closed);
      expect(await close(open.link)).toBe('nothing');
      expect(open).toMatchObject(closed);
    });

    test('that is closed is over', async () => {
      const { scanner, fetchIt } = await begin(given);
      const open = scanner.open(discovery, { state: 'closed', resolution: 'false_positive' });
      expect(await fetchIt(open.link)).toEqual({ is: 'over', reason: expect.any(String) });
    });

    test('that is not there is out of reach, and cannot be closed', async () => {
      const { scanner, fetchIt, close } = await begin(given);
      const missing = scanner.open(discovery).link.replace(/1$/, '99');
      expect(await fetchIt(missing)).toMatchObject({ is: 'out-of-reach', reason: expect.stringContaining('right') });
      await expect(close(missing)).rejects.toThrow(Refused);
    });

    test('sends its credentials to the configured host alone, and its key nowhere', async () => {
      const { scanner, fetchIt, close, lines } = await begin(given);
      const open = scanner.open(discovery);
      await fetchIt(open.link);
      await close(open.link);
      for (const { host } of scanner.arrivals) expect(scanner.hosts).toContain(host);
      expect(lines().join()).not.toContain(canary);
      expect(scanner.arrivals.map(({ body }) => body).join()).not.toContain(canary);
    });
  });

  test('elsewhere is not asked for', async () => {
    const { scanner, fetchIt, close } = await begin(byToken);
    const odd = 'https://attacker.example/acme/checkout/security/secret-scanning/1';
    expect(await fetchIt(odd)).toMatchObject({ is: 'out-of-reach' });
    await expect(close(odd)).rejects.toThrow(Refused);
    expect(scanner.arrivals).toEqual([]);
  });

  describe('asked for by an App', () => {
    test('is asked for with a token for this repository and this right alone', async () => {
      const { scanner, fetchIt, close } = await begin(byApp);
      scanner.open(discovery);
      await fetchIt();
      await close();
      const asked = scanner.arrivals.filter(({ target }) => target.endsWith('/access_tokens'));
      expect(asked.map(({ body }) => JSON.parse(body))).toEqual([
        { repositories: ['checkout'], permissions: { secret_scanning_alerts: 'read' } },
        { repositories: ['checkout'], permissions: { secret_scanning_alerts: 'write' } },
      ]);
    });

    test('where the App is not installed, is out of reach', async () => {
      const { scanner, fetchIt, close } = await begin(byApp, { isInstalled: false });
      scanner.open(discovery);
      expect(await fetchIt()).toMatchObject({ is: 'out-of-reach', reason: expect.stringContaining('not installed') });
      await expect(close()).rejects.toThrow(Refused);
    });

    test('while the App is suspended, has the App refused', async () => {
      const { scanner, fetchIt } = await begin(byApp, { isSuspended: true });
      scanner.open(discovery);
      await expect(fetchIt()).rejects.toThrow(Refused);
    });

    test('can be fetched with the right to read, and not closed', async () => {
      const { scanner, fetchIt, close } = await begin(byApp, { right: 'read' });
      scanner.open(discovery);
      await found(fetchIt());
      await expect(close()).rejects.toMatchObject({ remedy: expect.stringContaining('Secret scanning alerts') });
    });

    test('by another App, has the App refused', async () => {
      const { scanner, inquiry } = await begin(byApp);
      scanner.open(discovery);
      const other = { ...inquiry(), config: configOf({ ...byApp, appId: '1' }) };
      await expect(github.fetch?.({ link }, other)).rejects.toMatchObject({ name: 'Refused', remedy: /appId/ });
    });
  });

  describe('asked for by a token', () => {
    test('that is wrong, has the token refused', async () => {
      const { inquiry } = await begin(byToken);
      const other = { ...inquiry(), config: configOf({ ...byToken, token: 'another' }) };
      const refused = await github.fetch?.({ link }, other).catch((error) => error);
      expect(refused).toBeInstanceOf(Refused);
      expect(inspect(refused)).not.toContain('another');
    });

    test.each(['none', 'read'] as const)(
      'with the right %s, cannot be closed, which names the right',
      async (right) => {
        const { scanner, close } = await begin(byToken, { right });
        const open = scanner.open(discovery);
        await expect(close()).rejects.toMatchObject({ remedy: expect.stringContaining('Secret scanning alerts') });
        expect(open.state).toBe('open');
      },
    );
  });

  describe('has its key', () => {
    test('decoded, where it is encoded', async () => {
      const { scanner, fetchIt } = await begin(byToken);
      scanner.open({ ...discovery, secret: Buffer.from(canary).toString('base64') }, { isBase64: true });
      expect((await found(fetchIt())).value.expose()).toBe(canary);
    });

    test('as it is, where it is said to be encoded and is not', async () => {
      const { scanner, fetchIt } = await begin(byToken);
      scanner.open(discovery, { isBase64: true });
      expect((await found(fetchIt())).value.expose()).toBe(canary);
    });

    test('as it is, where it could be decoded and is not said to be encoded', async () => {
      const { scanner, fetchIt } = await begin(byToken);
      const secret = Buffer.from(canary).toString('base64');
      scanner.open({ ...discovery, secret });
      expect((await found(fetchIt())).value.expose()).toBe(secret);
    });

    test.each([
      ['missing', undefined],
      ['empty', ''],
      ['no text', 7],
      ['endless', 'x'.repeat(70_000)],
    ])('out of reach, where it is %s', async (_, secret) => {
      const { scanner, fetchIt } = await begin(byToken);
      scanner.troubles.push({ on: /alerts\/1$/, reply: { status: 200, body: { state: 'open', secret } } });
      expect(await fetchIt()).toMatchObject({ is: 'out-of-reach' });
    });

    test('even where nothing else is told', async () => {
      const { scanner, fetchIt } = await begin(byToken);
      scanner.troubles.push({ on: /alerts\/1$/, reply: { status: 200, body: { state: 'open', secret: canary } } });
      const finding = await found(fetchIt());
      expect(finding.value.expose()).toBe(canary);
      expect(finding).toMatchObject({ detector: '', circumstances: { exposure: 'unknown' } });
    });

    test('in spite of descriptions that cannot be read', async () => {
      const { scanner, fetchIt } = await begin(byToken);
      const body = { state: 'open', secret: canary, secret_type: 9, created_at: 'x', first_location_detected: [7] };
      scanner.troubles.push({ on: /alerts\/1$/, reply: { status: 200, body } });
      expect((await found(fetchIt())).value.expose()).toBe(canary);
    });
  });

  describe('was found', () => {
    const issue = { type: 'issue_body', details: { html_url: 'https://github.com/acme/checkout/issues/7' } };
    const wiki = {
      type: 'wiki_commit',
      details: { path: 'Home.md', commit_sha: 'a'.repeat(40), page_url: 'https://github.com/acme/checkout/wiki/Home' },
    };
    const commit = commitLocation('https://github.com/acme/checkout', 'b'.repeat(40), 'src/a.ts');
    const placeOf = async (locations: { type: string; details: object }[], traits: Partial<GitHubTraits> = {}) => {
      const { scanner, fetchIt, lines } = await begin(byToken, traits);
      scanner.open(discovery, { locations });
      const { circumstances } = await found(fetchIt());
      const asked = lines().filter((line) => line.includes('/locations')).length;
      return { location: (circumstances as { location?: object }).location, asked };
    };
    const inCommit = { path: 'src/a.ts', line: 3, commit: 'b'.repeat(40) };

    test('in a commit, which the alert shows: no list is asked for', async () => {
      expect(await placeOf([commit, issue])).toMatchObject({ location: inCommit, asked: 0 });
    });

    test('in a commit somewhere down the list, on its second page', async () => {
      const locations = [...Array.from({ length: 60 }, () => issue), commit];
      expect(await placeOf(locations)).toMatchObject({ location: inCommit, asked: 2 });
    });

    test('in a commit, where the alert shows no place', async () => {
      const place = await placeOf([issue, commit], { showsFirstLocation: false });
      expect(place).toMatchObject({ location: inCommit, asked: 1 });
    });

    test('in an issue, where there is no commit', async () => {
      const { html_url: url } = issue.details;
      expect(await placeOf([issue])).toEqual({ location: { url }, asked: 0 });
      expect(await placeOf([issue, wiki])).toEqual({ location: { url }, asked: 1 });
    });

    test('in so many places that not all are looked at', async () => {
      expect((await placeOf(Array.from({ length: 300 }, () => issue))).asked).toBe(2);
    });

    test('somewhere that cannot be told now: the key counts', async () => {
      for (const reply of [
        { status: 503 },
        { status: 500, body: 'x' },
        { status: 200, body: 7 },
        'drop-before',
      ] as const) {
        const { scanner, fetchIt } = await begin(byToken, { showsFirstLocation: false });
        scanner.open(discovery);
        scanner.troubles.push({ on: /\/locations/, reply });
        expect((await found(fetchIt())).value.expose()).toBe(canary);
      }
    });
  });

  describe('on a bad day', () => {
    const reset = String(Date.parse('2026-11-20T12:10:00.000Z') / 1000);
    const limit = { message: 'You have exceeded a secondary rate limit. Please wait.' };
    test.each([
      ['429 with the wait', { status: 429, headers: { 'retry-after': '30' } }, 30_000],
      ['429 without a wait', { status: 429 }, 60_000],
      ['403 with the wait', { status: 403, headers: { 'retry-after': '30' } }, 30_000],
      [
        '403 when the hour’s requests are spent',
        { status: 403, headers: { 'x-ratelimit-remaining': '0', 'x-ratelimit-reset': reset } },
        600_000,
      ],
      ['403 with the limit in words', { status: 403, body: limit }, 60_000],
      ['503', { status: 503 }, undefined],
      ['no answer', 'drop-before' as const, undefined],
    ])('of %s is tried again later', async (_, reply, retryAfterMs) => {
      for (const secret of [byToken, byApp]) {
        const { scanner, fetchIt, close } = await begin(secret);
        scanner.open(discovery);
        scanner.troubles.push({ on: /./, reply });
        await expect(fetchIt()).rejects.toMatchObject({ name: 'Unavailable', retryAfterMs });
        await expect(close()).rejects.toThrow(Unavailable);
      }
    });

    test.each([
      ['a page', { status: 200, body: '<html>' }],
      ['nothing', { status: 200 }],
      ['a list', { status: 200, body: [] }],
      ['a state that nobody wrote down', { status: 200, body: { state: 'dormant', secret: canary } }],
      ['a status that nobody wrote down', { status: 418, body: { message: canary } }],
      ['201', { status: 201, body: [canary] }],
    ])('of %s nothing is believed', async (_, reply) => {
      const { scanner, fetchIt, close } = await begin(byToken);
      scanner.troubles.push({ on: /./, reply });
      const fault = await fetchIt()?.catch((error) => error);
      expect(fault).toBeInstanceOf(Unexpected);
      expect(inspect(fault)).not.toContain(canary);
      await expect(close()).rejects.toThrow(Unexpected);
    });

    test('of a repository that has moved, the alert is out of reach', async () => {
      for (const secret of [byToken, byApp]) {
        const { scanner, fetchIt, close } = await begin(secret);
        const headers = { location: 'https://attacker.example/repositories/7' };
        scanner.troubles.push({ on: /\/repos\//, reply: { status: 301, headers } });
        expect(await fetchIt()).toMatchObject({ is: 'out-of-reach' });
        await expect(close()).rejects.toThrow(Refused);
      }
    });

    test('of an App’s token that nobody wrote down, nothing is believed', async () => {
      for (const [on, reply] of [
        [/\/installation$/, { status: 200, body: { id: 'x' } }],
        [/access_tokens$/, { status: 201, body: { token: '' } }],
      ] as const) {
        const { scanner, fetchIt } = await begin(byApp);
        scanner.troubles.push({ on, reply });
        await expect(fetchIt()).rejects.toThrow(Unexpected);
      }
    });
  });

  describe('is closed', () => {
    test('in the order that keeps the news if closing is refused: first dead, then resolved', async () => {
      const { scanner, close } = await begin(byToken);
      scanner.open(discovery);
      await close();
      const changes = scanner.arrivals.filter(({ method }) => method === 'PATCH').map(({ body }) => JSON.parse(body));
      expect(changes).toEqual([
        { validity: 'inactive' },
        { state: 'resolved', resolution: 'revoked', resolution_comment: ending.comment },
      ]);
    });

    test('without its key being shown once more', async () => {
      const { scanner, close, lines } = await begin(byToken);
      scanner.open(discovery);
      await close();
      expect(lines()[0]).toMatch(/^GET .*hide_secret=true$/);
    });

    test('by reviewers alone: that the key is dead is noted, and stays so', async () => {
      const { scanner, close } = await begin(byToken, { delegatedDismissal: true });
      const open = scanner.open(discovery);
      expect(await close()).toBe('noted');
      expect(open).toMatchObject({ state: 'open', validity: 'inactive' });
      expect(await close()).toBe('noted');
    });

    test('by reviewers alone where nothing can be noted either: a person is told', async () => {
      const { scanner, close } = await begin(byToken, { delegatedDismissal: true, validityCanBeSet: false });
      scanner.open(discovery);
      await expect(close()).rejects.toThrow(Refused);
    });

    test('where its validity cannot be set', async () => {
      const { scanner, close } = await begin(byToken, { validityCanBeSet: false });
      const open = scanner.open(discovery);
      expect(await close()).toBe('closed');
      expect(open).toMatchObject({ state: 'closed', validity: 'unknown' });
    });

    test('with no more words than it takes', async () => {
      const { scanner, close } = await begin(byToken);
      const open = scanner.open(discovery);
      expect(await close(link, 'x'.repeat(400))).toBe('closed');
      expect(open.comments).toEqual(['x'.repeat(280)]);
    });

    test('once, when somebody else closes it in between', async () => {
      const { scanner, close } = await begin(byToken);
      const open = scanner.open(discovery, { state: 'closed', resolution: 'revoked' });
      scanner.troubles.push({ on: /^GET/, times: 1, reply: { status: 200, body: { state: 'open' } } });
      expect(await close()).toBe('nothing');
      expect(open.comments).toEqual([]);
    });

    test.each([
      ['after what was done, the second time finds it done', 'drop-after' as const, 'nothing'],
      ['before anything was done, the second time does it', 'drop-before' as const, 'closed'],
    ])('when an answer is lost: %s', async (_, reply, second) => {
      const { scanner, close } = await begin(byToken);
      const open = scanner.open(discovery);
      scanner.troubles.push({ on: /^PATCH/, after: /^PATCH/, times: 1, reply });
      await expect(close()).rejects.toThrow(Unavailable);
      expect(await close()).toBe(second);
      expect(open).toMatchObject({ state: 'closed', comments: [ending.comment] });
    });

    test.each([
      ['a limit, not a reviewer', { status: 403, headers: { 'retry-after': '30' } }, Unavailable],
      ['400 for an alert that stays open', { status: 400 }, Unexpected],
      ['422 for an alert that stays open', { status: 422 }, Unexpected],
      ['a success that does not say it is closed', { status: 200, body: { state: 'open' } }, Unexpected],
      ['a success without words', { status: 200 }, Unexpected],
    ])('for certain only: %s is none', async (_, reply, fault) => {
      const { scanner, close } = await begin(byToken);
      scanner.open(discovery);
      scanner.troubles.push({ on: /^PATCH/, after: /^PATCH/, reply });
      await expect(close()).rejects.toThrow(fault);
    });
  });

  describe('that was missed', () => {
    const since = '2026-11-01T00:00:00.000Z';
    const listOpen = async (...given: Parameters<NonNullable<typeof github.listOpen>>) => {
      const list = await github.listOpen?.(...given);
      if (list === undefined) throw new Error('it cannot be listed');
      return list;
    };
    const linksOf = ({ references }: { references: { link: string }[] }) => references.map((one) => one.link).sort();

    test.each([true, false])('is in the list of what is open (an organisation: %s)', async (isOrganisation) => {
      const { scanner, inquiry, lines } = await begin(byApp, { isOrganisation });
      const open = [
        scanner.open(discovery),
        scanner.open(discovery, { repository: 'billing' }),
        ...Array.from({ length: 70 }, () => scanner.open(discovery)),
      ];
      scanner.open(discovery, { state: 'closed', resolution: 'revoked' });
      scanner.open(discovery, { repository: 'elsewhere' });
      const swept = await listOpen(since, inquiry());
      expect(swept).toMatchObject({ skipped: 0, more: false });
      const known = isOrganisation ? [...open, scanner.alerts.at(-1)] : open;
      expect(linksOf(swept)).toEqual(known.map((one) => one?.link).sort());
      expect(
        lines()
          .filter((line) => line.includes('/alerts?'))
          .every((line) => line.includes('hide_secret=true')),
      ).toBe(true);
    });

    test('long ago is not', async () => {
      const { scanner, inquiry, lines } = await begin(byApp);
      for (let index = 0; index < 200; index += 1) scanner.open(discovery, { createdAt: '2026-10-01T00:00:00Z' });
      const young = scanner.open(discovery);
      expect(linksOf(await listOpen(since, inquiry()))).toEqual([young.link]);
      expect(lines().filter((line) => line.includes('/alerts?'))).toHaveLength(1);
    });

    test('among more than are read leaves the list open', async () => {
      const { scanner, inquiry } = await begin(byApp);
      for (let index = 0; index < 600; index += 1) scanner.open(discovery);
      const swept = await listOpen(since, inquiry());
      expect(swept.more).toBe(true);
      expect(swept.references).toHaveLength(500);
    });

    test('where secret scanning is off hides nothing elsewhere', async () => {
      const { scanner, inquiry } = await begin(byApp, { isOrganisation: false, scanningOff: ['checkout'] });
      scanner.open(discovery);
      const seen = scanner.open(discovery, { repository: 'billing' });
      expect(await listOpen(since, inquiry())).toMatchObject({ references: [{ link: seen.link }], more: false });
    });

    test('where the App may not look leaves the list open', async () => {
      const { scanner, inquiry } = await begin(byApp, { right: 'none' });
      scanner.open(discovery);
      expect(await listOpen(since, inquiry())).toEqual({ references: [], skipped: 0, more: true });
    });

    test.each([
      ['time is up', { status: 503 }],
      ['its limit is reached', { status: 429 }],
      ['an installation went', { status: 404 }],
    ])('is listed as far as it was read when %s', async (_, reply) => {
      const { scanner, inquiry } = await begin(byApp);
      const seen = scanner.open(discovery);
      const installation = { id: 7, account: { login: 'other', type: 'Organization' } };
      const body = [{ id: 4711, account: { login: 'acme', type: 'Organization' } }, installation];
      const onList = /^GET \/app\/installations/;
      const onOther = /^POST \/app\/installations\/7\//;
      scanner.troubles.push({ on: onList, reply: { status: 200, body } }, { on: onOther, reply });
      expect(await listOpen(since, inquiry())).toEqual({ references: [{ link: seen.link }], skipped: 0, more: true });
    });

    test('while the App is suspended is not looked for', async () => {
      const { scanner, inquiry, lines } = await begin(byApp, { isSuspended: true });
      scanner.open(discovery);
      expect(await listOpen(since, inquiry())).toEqual({ references: [], skipped: 0, more: false });
      expect(lines()).toHaveLength(1);
    });

    test('cannot be listed with a token, which does not say what it is for', async () => {
      const { scanner, inquiry } = await begin(byToken);
      await expect(listOpen(since, inquiry())).rejects.toMatchObject({
        name: 'Refused',
        remedy: expect.stringContaining('appId and privateKey of an App'),
      });
      expect(await github.redeliver?.(inquiry())).toBe(0);
      expect(scanner.arrivals).toEqual([]);
    });

    test('is sent again, once a delivery of it failed and none arrived', async () => {
      const { scanner, inquiry } = await begin(byApp);
      const lost = scanner.tell(scanner.open(discovery), { statusCode: 503 });
      const never = scanner.tell(scanner.open(discovery), { statusCode: 0 });
      scanner.tell(scanner.open(discovery));
      scanner.tell(scanner.open(discovery), { action: 'resolved', statusCode: 503 });
      scanner.tell(scanner.open(discovery), { event: 'secret_scanning_scan', action: 'completed', statusCode: 503 });
      expect(await github.redeliver?.(inquiry())).toBe(2);
      const again = scanner.deliveries.filter(({ redelivery }) => redelivery).map(({ guid }) => guid);
      expect(again.sort()).toEqual([lost, never].map(({ headers }) => headers['x-github-delivery']).sort());
      expect(await github.redeliver?.(inquiry())).toBe(0);
    });

    test('is sent again from any page of the deliveries', async () => {
      const { scanner, inquiry } = await begin(byApp);
      scanner.tell(scanner.open(discovery), { statusCode: 503 });
      for (let index = 0; index < 120; index += 1) scanner.tell(scanner.open(discovery));
      expect(await github.redeliver?.(inquiry())).toBe(1);
    });

    test('is sent again, though GitHub does not send another', async () => {
      const { scanner, inquiry } = await begin(byApp);
      for (let index = 0; index < 3; index += 1) scanner.tell(scanner.open(discovery), { statusCode: 503 });
      scanner.troubles.push({ on: /^POST \/app\/hook\/deliveries/, times: 1, reply: { status: 422 } });
      expect(await github.redeliver?.(inquiry())).toBe(2);
      scanner.troubles.push({ on: /^POST \/app\/hook\/deliveries/, times: 9, reply: { status: 422 } });
      await expect(github.redeliver?.(inquiry())).rejects.toThrow(Unexpected);
    });

    test('is not sent again after three days, nor a sixth time', async () => {
      const { scanner, inquiry, clock } = await begin(byApp);
      scanner.tell(scanner.open(discovery), { statusCode: 503 });
      clock.advance(3 * 86_400_000 + 1);
      expect(await github.redeliver?.(inquiry())).toBe(0);
      scanner.tell(scanner.open(discovery), { statusCode: 503 });
      const sent = scanner.deliveries.at(-1);
      if (!sent) throw new Error('nothing was sent');
      for (let index = 0; index < 4; index += 1) scanner.deliveries.push({ ...sent, redelivery: true });
      expect(await github.redeliver?.(inquiry())).toBe(0);
    });

    test('is sent again by its exact number, though numbers are not that exact', async () => {
      const { scanner, inquiry, lines } = await begin(byApp);
      scanner.tell(scanner.open(discovery), { statusCode: 503 });
      const body = JSON.stringify(scanner.deliveries).replace('9000', '3804004623172239367');
      scanner.troubles.push(
        { on: /^GET \/app\/hook\/deliveries/, reply: { status: 200, body } },
        { on: /^POST \/app\/hook\/deliveries/, reply: { status: 202, body: {} } },
      );
      expect(await github.redeliver?.(inquiry())).toBe(1);
      expect(lines().at(-1)).toContain('POST /app/hook/deliveries/3804004623172239367/attempts');
    });
  });

  test('is found, told of, fetched and closed', async () => {
    const { scanner, fetchIt, close, inquiry } = await begin(byApp);
    const { body, headers, link: named } = scanner.find(discovery);
    expect(body).not.toContain(canary);
    const delivery = { body: bytes(body), headers, config: inquiry().config, now: 0 };
    expect(github.verify(delivery, { publicKey: async () => undefined })).toBe(true);
    const { references } = github.read(delivery) as Alert;
    expect(references).toEqual([{ link: named }]);
    await found(fetchIt(named));
    expect(await close(named)).toBe('closed');
    expect(await fetchIt(named)).toMatchObject({ is: 'over' });
  });
});
