import { createHash, createHmac, createSign, generateKeyPairSync, verify } from 'node:crypto';
import { afterEach, describe, expect, test } from 'vitest';
import { type GitHubSecret, type GitHubTraits, githubScanner, world } from '../../../../lib/local/scanners/github.ts';
import { testClock, vendorNetwork } from '../../../support/lane.ts';

const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 });
const webhookSecrets = ['a webhook secret of these tests'];
const byToken: GitHubSecret = { webhookSecrets, token: 'ghp_OfTheseTests' };
const byApp: GitHubSecret = {
  webhookSecrets,
  appId: '4242',
  privateKey: rsa.privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(),
};
const discovery = { secret: 'c0ffee00c0ffee00c0ffee00c0ffee42', detector: 'datadog_api_key' };
const alerts = '/repos/acme/checkout/secret-scanning/alerts';

describe('the simulated GitHub', () => {
  const closers: (() => Promise<void>)[] = [];
  afterEach(async () => {
    await Promise.all(closers.splice(0).map((close) => close()));
  });

  async function begin(secret: GitHubSecret = byToken, traits: Partial<GitHubTraits> = {}) {
    const clock = testClock();
    const scanner = githubScanner(secret, { now: clock.now, ...traits });
    const network = await vendorNetwork(scanner);
    closers.push(network.close);
    const own = 'token' in secret ? secret.token : jwt(clock.now());
    const ask = async (line: string, { token = own, body, headers = {} }: Asking = {}) => {
      const [method = '', target = ''] = line.split(' ');
      const authorization = token === '' ? {} : { authorization: `Bearer ${token}` };
      const response = await network.fetch(new URL(`http://api.github.com${target}`), {
        method,
        headers: { 'user-agent': 'test', ...authorization, ...headers },
        ...(body !== undefined && { body: JSON.stringify(body) }),
      });
      const text = await response.text();
      // biome-ignore lint/suspicious/noExplicitAny: what it answers is looked at by each test
      const json: any = text === '' ? undefined : JSON.parse(text);
      return { status: response.status, json, link: response.headers.get('link') };
    };
    const mint = async (body: object) => (await ask('POST /app/installations/4711/access_tokens', { body })).json.token;
    return { clock, scanner, ask, mint };
  }

  interface Asking {
    token?: string;
    body?: unknown;
    headers?: Record<string, string>;
  }

  function jwt(now: number, { key = rsa.privateKey, alg = 'RS256', iss = '4242', iat = -60, exp = 540 } = {}): string {
    const part = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url');
    const seconds = Math.floor(now / 1000);
    const signed = `${part({ alg, typ: 'JWT' })}.${part({ iss, iat: seconds + iat, exp: seconds + exp })}`;
    return `${signed}.${createSign('RSA-SHA256').update(signed).sign(key, 'base64url')}`;
  }

  test('shows an alert whole, or without its secret', async () => {
    const { scanner, ask } = await begin();
    scanner.open(discovery);
    const { status, json } = await ask(`GET ${alerts}/1`);
    expect(status).toBe(200);
    expect(json).toMatchObject({
      number: 1,
      state: 'open',
      secret: discovery.secret,
      secret_type: 'datadog_api_key',
      html_url: 'https://github.com/acme/checkout/security/secret-scanning/1',
      validity: 'unknown',
      first_location_detected: { path: 'config/deploy.env' },
    });
    expect((await ask(`GET ${alerts}/1?hide_secret=true`)).json).not.toHaveProperty('secret');
  });

  test('knows nobody without a token, with a wrong one, or without a user agent', async () => {
    const { ask } = await begin();
    expect(await ask(`GET ${alerts}/1`, { token: '' })).toMatchObject({ status: 401, json: { message: /Requires/ } });
    expect(await ask(`GET ${alerts}/1`, { token: 'x' })).toMatchObject({ status: 401, json: { message: /Bad cred/ } });
    expect((await ask(`GET ${alerts}/1`, { headers: { 'user-agent': '' } })).status).toBe(403);
  });

  test('refuses a version that it does not know', async () => {
    const { scanner, ask } = await begin();
    scanner.open(discovery);
    const versions = { '2022-11-28': 200, '2026-03-10': 200, '2019-01-01': 400 };
    for (const [version, status] of Object.entries(versions))
      expect((await ask(`GET ${alerts}/1`, { headers: { 'x-github-api-version': version } })).status).toBe(status);
  });

  test.each([
    [`GET ${alerts}/2`],
    [`GET ${alerts}/1/places`],
    ['GET /repos/acme/elsewhere/secret-scanning/alerts/1'],
    ['GET /repos/other/checkout/secret-scanning/alerts/1'],
    [`DELETE ${alerts}/1`],
    ['GET /user'],
  ])('has nothing at %s', async (line) => {
    const { scanner, ask } = await begin();
    scanner.open(discovery);
    expect((await ask(line)).status).toBe(404);
  });

  test('keeps out who lacks the right, and shows nothing where scanning is off', async () => {
    const { scanner, ask } = await begin();
    scanner.open(discovery);
    scanner.traits.right = 'none';
    expect((await ask(`GET ${alerts}/1`)).status).toBe(403);
    scanner.traits.right = 'read';
    expect((await ask(`GET ${alerts}/1`)).status).toBe(200);
    expect((await ask(`PATCH ${alerts}/1`, { body: { validity: 'inactive' } })).status).toBe(403);
    scanner.traits.scanningOff = ['checkout'];
    expect((await ask(`GET ${alerts}/1`)).status).toBe(404);
  });

  test('lists locations page by page, with a link to the next', async () => {
    const { scanner, ask } = await begin();
    const open = scanner.open(discovery);
    for (let index = 0; index < 40; index += 1) open.locations.push({ type: 'issue_title', details: { index } });
    const first = await ask(`GET ${alerts}/1/locations`);
    expect(first.json).toHaveLength(30);
    expect(first.link).toMatch(/page=2>; rel="next"$/);
    const second = await ask(`GET ${alerts}/1/locations?page=2`);
    expect(second.json).toHaveLength(11);
    expect(second.link).toBeNull();
    expect((await ask(`GET ${alerts}/1/locations?per_page=1000`)).json).toHaveLength(41);
  });

  describe('changes an alert', () => {
    const resolved = { state: 'resolved', resolution: 'revoked', resolution_comment: 'dead' };

    test('to resolved, and open again', async () => {
      const { scanner, ask } = await begin();
      const open = scanner.open(discovery);
      expect(await ask(`PATCH ${alerts}/1`, { body: resolved })).toMatchObject({
        status: 200,
        json: { state: 'resolved', resolution: 'revoked', resolution_comment: 'dead' },
      });
      expect(open).toMatchObject({ state: 'closed', resolution: 'revoked', comments: ['dead'] });
      expect(await ask(`PATCH ${alerts}/1`, { body: { state: 'open' } })).toMatchObject({ json: { state: 'open' } });
    });

    test('in its validity alone', async () => {
      const { scanner, ask } = await begin();
      scanner.open(discovery);
      for (const validity of ['inactive', 'active', null])
        expect(await ask(`PATCH ${alerts}/1`, { body: { validity } })).toMatchObject({
          status: 200,
          json: { state: 'open', validity: validity ?? 'unknown' },
        });
    });

    test.each([
      ['nothing', {}],
      ['no JSON', undefined],
      ['a resolution alone', { resolution: 'revoked' }],
      ['a resolution that is none', { state: 'resolved', resolution: 'killed' }],
      ['no resolution', { state: 'resolved' }],
      ['a resolution for an open one', { state: 'open', resolution: 'revoked' }],
      ['a state that is none', { state: 'closed' }],
      ['a validity that is none', { validity: 'dead' }],
    ])('not by %s: 422', async (_, body) => {
      const { scanner, ask } = await begin();
      const open = scanner.open(discovery);
      expect((await ask(`PATCH ${alerts}/1`, { body })).status).toBe(422);
      expect(open).toMatchObject({ state: 'open', validity: 'unknown' });
    });

    test('not to the resolution that it has, nor with too long a comment: 400', async () => {
      const { scanner, ask } = await begin();
      scanner.open(discovery);
      const long = { ...resolved, resolution_comment: 'x'.repeat(281) };
      expect((await ask(`PATCH ${alerts}/1`, { body: long })).status).toBe(400);
      expect((await ask(`PATCH ${alerts}/1`, { body: resolved })).status).toBe(200);
      expect((await ask(`PATCH ${alerts}/1`, { body: resolved })).status).toBe(400);
    });

    test('not to resolved, where reviewers alone may: 403; its validity all the same', async () => {
      const { scanner, ask } = await begin(byToken, { delegatedDismissal: true });
      const open = scanner.open(discovery);
      expect((await ask(`PATCH ${alerts}/1`, { body: resolved })).status).toBe(403);
      expect((await ask(`PATCH ${alerts}/1`, { body: { validity: 'inactive' } })).status).toBe(200);
      expect(open).toMatchObject({ state: 'open', validity: 'inactive', comments: [] });
    });

    test('not in its validity, where that cannot be set: 422', async () => {
      const { scanner, ask } = await begin(byToken, { validityCanBeSet: false });
      scanner.open(discovery);
      expect((await ask(`PATCH ${alerts}/1`, { body: { validity: 'inactive' } })).status).toBe(422);
    });
  });

  describe('lets an App in', () => {
    const stranger = generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey;
    test.each([
      ['a key of somebody else', { key: stranger }],
      ['another algorithm', { alg: 'none' }],
      ['another App', { iss: '1' }],
      ['a time to come', { iat: 60 }],
      ['a time that is over', { exp: -1 }],
      ['more than ten minutes', { exp: 601 }],
    ])('not with %s', async (_, how) => {
      const { ask, clock } = await begin(byApp);
      expect((await ask('GET /app/installations', { token: jwt(clock.now(), how) })).status).toBe(401);
      expect((await ask('GET /app/installations', { token: jwt(clock.now()) })).status).toBe(200);
    });

    test('and not with a token of an installation, nor the App to alerts', async () => {
      const { scanner, ask, mint } = await begin(byApp);
      scanner.open(discovery);
      const token = await mint({});
      expect((await ask('GET /app/installations', { token })).status).toBe(401);
      expect((await ask(`GET ${alerts}/1`)).status).toBe(401);
      expect((await ask(`GET ${alerts}/1`, { token })).status).toBe(200);
    });

    test('to where it is installed, until it is suspended', async () => {
      const { scanner, ask, mint } = await begin(byApp);
      const line = 'GET /repos/acme/checkout/installation';
      expect(await ask(line)).toMatchObject({ status: 200, json: { id: 4711, account: { login: 'acme' } } });
      expect((await ask('GET /repos/acme/elsewhere/installation')).status).toBe(404);
      expect((await ask('POST /app/installations/1/access_tokens', { body: {} })).status).toBe(404);
      const token = await mint({});
      scanner.traits.isSuspended = true;
      expect((await ask('POST /app/installations/4711/access_tokens', { body: {} })).status).toBe(403);
      expect((await ask(`GET ${alerts}/1`, { token })).status).toBe(401);
      scanner.traits.isInstalled = false;
      expect((await ask(line)).status).toBe(404);
    });

    test('for an hour', async () => {
      const { scanner, ask, mint, clock } = await begin(byApp);
      scanner.open(discovery);
      const token = await mint({});
      clock.advance(3_600_000);
      expect((await ask(`GET ${alerts}/1`, { token })).status).toBe(401);
    });

    test('with no more than it asked for', async () => {
      const { scanner, ask, mint } = await begin(byApp);
      scanner.open(discovery);
      scanner.open(discovery, { repository: 'billing' });
      const token = await mint({ repositories: ['checkout'], permissions: { secret_scanning_alerts: 'read' } });
      expect((await ask(`GET ${alerts}/1`, { token })).status).toBe(200);
      expect((await ask(`PATCH ${alerts}/1`, { token, body: { validity: 'inactive' } })).status).toBe(403);
      expect((await ask('GET /repos/acme/billing/secret-scanning/alerts/2', { token })).status).toBe(404);
      expect((await ask('GET /installation/repositories', { token })).json.repositories).toHaveLength(1);
    });

    test.each([
      ['a right that it has not', { permissions: { secret_scanning_alerts: 'write' } }],
      ['another right', { permissions: { contents: 'read' } }],
      ['a repository that is not there', { repositories: ['elsewhere'] }],
    ])('with no token for %s: 422', async (_, body) => {
      const { ask } = await begin(byApp, { right: 'read' });
      expect((await ask('POST /app/installations/4711/access_tokens', { body })).status).toBe(422);
    });
  });

  test('lists alerts of an organisation and of a repository, newest first, by state', async () => {
    const { scanner, ask } = await begin();
    scanner.open(discovery);
    scanner.open(discovery, { repository: 'billing' });
    scanner.open(discovery, { state: 'closed', resolution: 'revoked' });
    const numbers = async (target: string) =>
      (await ask(`GET ${target}`)).json.map(({ number }: { number: number }) => number);
    expect(await numbers('/orgs/acme/secret-scanning/alerts')).toEqual([3, 2, 1]);
    expect(await numbers('/orgs/acme/secret-scanning/alerts?state=open')).toEqual([2, 1]);
    expect(await numbers(`${alerts}?state=open`)).toEqual([1]);
    expect(await numbers(`${alerts}?state=resolved`)).toEqual([3]);
    scanner.traits.isOrganisation = false;
    expect((await ask('GET /orgs/acme/secret-scanning/alerts')).status).toBe(404);
  });

  test('tells of a key in a signed delivery that does not hold it', async () => {
    const { scanner } = await begin(byApp);
    for (const form of [false, true]) {
      const { body, headers, link } = scanner.tell(scanner.open(discovery), { form });
      const json = JSON.parse(form ? (new URLSearchParams(body).get('payload') ?? '') : body);
      expect(json).toMatchObject({ action: 'created', alert: { html_url: link }, installation: { id: 4711 } });
      expect(json.alert).not.toHaveProperty('state');
      expect(body).not.toContain(discovery.secret);
      const signature = createHmac('sha256', webhookSecrets[0] ?? '')
        .update(body)
        .digest('hex');
      expect(headers).toMatchObject({
        'x-github-event': 'secret_scanning_alert',
        'x-github-delivery': expect.stringMatching(/^[0-9a-f-]{36}$/),
        'x-hub-signature-256': `sha256=${signature}`,
      });
    }
  });

  test('keeps its deliveries, and makes one again with the same name', async () => {
    const { scanner, ask } = await begin(byApp);
    for (let index = 0; index < 3; index += 1) scanner.tell(scanner.open(discovery), { statusCode: 503 });
    const first = await ask('GET /app/hook/deliveries?per_page=2');
    expect(first.json).toHaveLength(2);
    const cursor = /cursor=([^&>]+)>; rel="next"/.exec(first.link ?? '')?.[1];
    const { json } = await ask(`GET /app/hook/deliveries?per_page=2&cursor=${cursor}`);
    expect(json).toMatchObject([{ event: 'secret_scanning_alert', action: 'created', status_code: 503 }]);
    expect((await ask(`POST /app/hook/deliveries/${json[0].id}/attempts`)).status).toBe(202);
    expect(scanner.deliveries.at(-1)).toMatchObject({ guid: json[0].guid, redelivery: true });
    expect((await ask('POST /app/hook/deliveries/1/attempts')).status).toBe(404);
    expect((await ask('GET /app/hook/deliveries?cursor=x')).status).toBe(422);
  });

  test('publishes, to everybody, the key that the partner programme signs with', async () => {
    const { scanner, ask } = await begin();
    const { json } = await ask('GET /meta/public_keys/secret_scanning', { token: '' });
    const [{ key, key_identifier }] = json.public_keys;
    expect(key_identifier).toBe(createHash('sha256').update(key).digest('hex'));
    const headers = scanner.signAsPartner('[]');
    expect(headers['github-public-key-identifier']).toBe(key_identifier);
    const signature = Buffer.from(headers['github-public-key-signature'], 'base64');
    expect(verify('sha256', Buffer.from('[]'), key, signature)).toBe(true);
  });

  test('of the local stage fits its own secret', () => {
    const scanner = world.simulate(world.secret);
    expect(scanner.hosts).toEqual(['api.github.com']);
    expect(scanner.find(discovery).link).toBe('https://github.com/acme/checkout/security/secret-scanning/1');
    expect(scanner.alerts).toMatchObject([{ state: 'open' }]);
  });
});
