import { createHmac } from 'node:crypto';
import { inspect } from 'node:util';
import { afterEach, describe, expect, test } from 'vitest';
import { createSend } from '../../../functions/platform/http.ts';
import { providers } from '../../../functions/providers/index.ts';
import { Refused, Unavailable, Unexpected } from '../../../functions/revocation/errors.ts';
import { type Finding, leaksOf } from '../../../functions/revocation/findings.ts';
import type { Ending, Fetched, Headers, Inquiry, Reference } from '../../../functions/revocation/source.ts';
import { gitguardian } from '../../../functions/sources/gitguardian.ts';
import {
  type GitGuardianOptions,
  gitguardianScanner,
  type IncidentTraits,
} from '../../../lib/local/scanners/gitguardian.ts';
import type { VendorAnswer } from '../../../lib/local/vendors/vendor.ts';
import { vendorNetwork } from '../../support/lane.ts';
import { sourceConformance } from '../../support/source-conformance.ts';

const now = Date.parse('2026-11-20T12:00:00.000Z');
const hash = 'c0ffee00c0ffee00c0ffee00c0ffee00c0ffee00c0ffee00c0ffee00c0ffee00';
const token = 'canary-of-the-api-token';
const repositoryToken = 'canary-of-the-repository-token';
const leaked = 'c4na12yc4na12yc4na12yc4na12yc4na';

function sign(body: Uint8Array, { secret, at, headers }: { secret: string; at: number; headers: Headers }): Headers {
  const timestamp = String(at / 1000);
  const signature = createHmac('sha256', timestamp + secret)
    .update(body)
    .digest('hex');
  return { ...headers, timestamp, 'gitguardian-signature': `sha256=${signature}` };
}

const occurrence = {
  id: 77,
  sha: 'a'.repeat(40),
  filepath: 'src/shop/search.ts',
  url: `https://github.com/acme/shop/commit/${'a'.repeat(40)}#diff-1R2`,
  source: { id: 710, url: 'https://github.com/acme/shop', type: 'github', full_name: 'acme/shop' },
};
const event = ({ action = 'incident_triggered' as unknown, about = {}, more = {} } = {}) => ({
  source: 'GitGuardian',
  timestamp: '2026-11-20T11:59:58.930965Z',
  action,
  incident: {
    id: 31_542,
    detector: { name: 'datadog_api_key_v2', detector_group_name: 'datadog_api_credentials' },
    secret_hash: hash,
    hmsl_hash: hash,
    validity: 'valid',
    status: 'triggered',
    gitguardian_url: 'https://dashboard.gitguardian.com/workspace/8/incidents/31542',
    ...about,
  },
  ...more,
});
const bytes = (value: unknown) => new TextEncoder().encode(JSON.stringify(value));
const config = (...signatureTokens: string[]) => ({ signatureTokens, token });
const testMessage = {
  author: { info: 'a@b.example', name: 'Sample' },
  origin: 'GitGuardian',
  type: 'Welcome Message Token',
  gitguardian_link: 'http://dashboard.gitguardian.com/workspace/34123/incidents/8213',
  matches: [{ type: 'client_secret', match: hash, index_start: 30, index_end: 44 }],
};

sourceConformance({
  source: gitguardian,
  secrets: { ours: 'a signature token of tests', older: 'the one before it', foreign: 'somebody else’s' },
  config,
  sign,
  signedBy: ['gitguardian-signature', 'timestamp'],
  signsTime: true,
  signsBody: true,
  vector: {
    config: config('foo'),
    headers: {
      timestamp: '0',
      'gitguardian-signature': 'sha256=172fe3d694b734aa53dc892fd3b8d62163fc240064de570ba006900bb54a0fc2',
    },
    body: 'bar',
    at: 0,
  },
  alert: { body: event({ more: { occurrence } }) },
  another: { body: event({ about: { id: 31_543 } }) },
  canaries: [hash],
  ignored: {
    ...Object.fromEntries(
      [
        'incident_resolved',
        'incident_ignored',
        'incident_assigned',
        'incident_reassigned',
        'incident_unassigned',
        'incident_severity_changed',
        'incident_access_granted',
        'incident_shared_publicly',
        'incident_feedback_received',
        'incident_note_created',
        'an_action_of_next_year',
      ].map((action) => [action, { body: event({ action }) }]),
    ),
    'a validity that is not valid': {
      body: event({ action: 'incident_validity_changed', about: { validity: 'invalid' } }),
    },
    'a validity that is not told': { body: event({ action: 'incident_validity_changed', about: { validity: null } }) },
    'the test message, which has a secret in it and no action': { body: testMessage },
    'an action that is null': { body: event({ action: null }) },
  },
  entries: 'one-a-message',
});

describe('a signature of GitGuardian’s', () => {
  const body = bytes(event());
  const parsed = gitguardian.config.parse(config('a token'));
  const passes = (headers: Headers) =>
    gitguardian.verify({ body, headers, config: parsed, now }, { publicKey: () => Promise.reject(new Error('asked')) });
  const at = (timestamp: string) => ({
    timestamp,
    'gitguardian-signature': `sha256=${createHmac('sha256', `${timestamp}a token`).update(body).digest('hex')}`,
  });

  test('passes over a time with a fraction', () => {
    expect(passes(at(`${now / 1000}.930965`))).toBe(true);
  });

  test.each([
    ['milliseconds', String(now)],
    ['an exponent', `${now / 1e12}e9`],
    ['a sign', `+${now / 1000}`],
    ['hexadecimal', `0x${(now / 1000).toString(16)}`],
    ['a date', '2026-11-20T12:00:00Z'],
    ['a dot at its end', `${now / 1000}.`],
    ['white space', ` ${now / 1000}`],
    ['nothing', ''],
  ])('fails over a time in %s, however well it is signed', (_, timestamp) => {
    expect(passes(at(timestamp))).toBe(false);
  });

  test('fails when the time takes over what the token begins with', () => {
    const { 'gitguardian-signature': signature } = at(String(now / 1000));
    const rest = gitguardian.config.parse(config('oken'));
    const headers = { timestamp: `${now / 1000}a t`, 'gitguardian-signature': signature };
    const keys = { publicKey: () => Promise.reject(new Error('asked')) };
    expect(gitguardian.verify({ body, headers, config: rest, now }, keys)).toBe(false);
  });

  test('needs no header of the old name, and is not helped by one', () => {
    const headers = at(String(now / 1000));
    expect(passes({ ...headers, 'x-gitguardian-signature': 'sha256=00' })).toBe(true);
    const old = { timestamp: headers.timestamp, 'x-gitguardian-signature': headers['gitguardian-signature'] };
    expect(passes(old)).toBe(false);
  });

  test.each([
    ['no prefix', (right: string) => right.slice('sha256='.length)],
    ['the prefix of another digest', (right: string) => right.replace('sha256=', 'sha512=')],
    ['the prefix in capitals', (right: string) => right.replace('sha256=', 'SHA256=')],
    ['digits in capitals', (right: string) => right.replace(/=.*/, (digits) => digits.toUpperCase())],
    ['two prefixes', (right: string) => `sha256=${right}`],
  ])('fails with %s', (_, odd) => {
    const headers = at(String(now / 1000));
    expect(passes({ ...headers, 'gitguardian-signature': odd(headers['gitguardian-signature']) })).toBe(false);
  });
});

describe('a delivery of GitGuardian’s', () => {
  const read = (body: unknown, headers: Headers = {}) =>
    gitguardian.read({ body: bytes(body), headers, config: gitguardian.config.parse(config('a token')), now });

  test.each([
    'incident_triggered',
    'incident_reopened',
    'incident_regression',
    'new_occurrence',
    'incident_validity_changed',
  ])('with the action %s gives a reference to the incident', (action) => {
    expect(read(event({ action }))).toEqual({
      is: 'alert',
      delivery: `${action}/31542/2026-11-20T11:59:58.930965Z`,
      references: [
        {
          link: 'https://dashboard.gitguardian.com/workspace/8/incidents/31542',
          hints: { incident: '31542', detector: 'datadog_api_credentials' },
        },
      ],
    });
  });

  test('keeps of an occurrence where to look', () => {
    const { url } = occurrence.source;
    expect(read(event({ action: 'new_occurrence', more: { occurrence } }))).toMatchObject({
      delivery: 'new_occurrence/31542/77/2026-11-20T11:59:58.930965Z',
      references: [{ hints: { sha: 'a'.repeat(40), filepath: 'src/shop/search.ts', repository: url } }],
    });
  });

  test('is told apart by its header when its own time cannot be read', () => {
    expect(read(event({ more: { timestamp: 'yesterday' } }), { timestamp: '1795176000' })).toMatchObject({
      delivery: 'incident_triggered/31542/1795176000',
    });
  });

  test.each([
    ['is no https', 'http://dashboard.gitguardian.com/workspace/8/incidents/1'],
    ['is a script', 'javascript:alert(1)'],
    ['has a name and a password', 'https://a:b@dashboard.gitguardian.com/workspace/8/incidents/1'],
    ['is endless', `https://dashboard.gitguardian.com/${'x'.repeat(3000)}`],
  ])('is malformed when its page %s', (_, gitguardian_url) => {
    expect(read(event({ about: { gitguardian_url } })).is).toBe('malformed');
  });

  test.each([31_542, '31542'])('with the number %o is about that incident', (id) => {
    expect(read(event({ about: { id } }))).toMatchObject({
      delivery: 'incident_triggered/31542/2026-11-20T11:59:58.930965Z',
      references: [{ hints: { incident: '31542' } }],
    });
  });

  test.each([undefined, null, 0, -1, 1.5, '', '0', '01', '1/2', 'x', '1'.repeat(17), [1]])(
    'is malformed with the number %o',
    (id) => {
      expect(read(event({ about: { id } })).is).toBe('malformed');
    },
  );

  test.each([
    [undefined, 'https://dashboard.gitguardian.com'],
    ['https://api.eu1.gitguardian.com', 'https://dashboard.eu1.gitguardian.com'],
    ['https://gg.acme.example/exposed/v1', 'https://gg.acme.example'],
    ['http://127.0.0.1:9999/v1', 'http://127.0.0.1:9999'],
  ])('that tells no page names one of its own by its number (%s)', (apiUrl, home) => {
    const at = gitguardian.config.parse({ ...config('a token'), ...(apiUrl && { apiUrl }) });
    for (const gitguardian_url of [undefined, null]) {
      const body = bytes(event({ about: { gitguardian_url } }));
      const reading = gitguardian.read({ body, headers: {}, config: at, now });
      expect(reading).toMatchObject({
        references: [{ link: `${home}/incidents/31542`, hints: { incident: '31542' } }],
      });
      expect(gitguardian.owns?.(`${home}/incidents/31542`, at)).toBe(true);
    }
  });

  test('does not depend on what only describes it', () => {
    const odd = { detector: 'datadog', severity: 7, validity: {} };
    expect(
      read(event({ about: odd, more: { occurrence: { source: 'x', sha: '../..', filepath: '/etc/passwd' } } })),
    ).toMatchObject({
      references: [{ hints: { incident: '31542' } }],
    });
  });
});

describe('a page of GitGuardian’s', () => {
  const owns = (link: string, apiUrl?: string) =>
    gitguardian.owns?.(link, gitguardian.config.parse({ ...config('a'), ...(apiUrl && { apiUrl }) }));

  test.each([
    ['https://dashboard.gitguardian.com/workspace/8/incidents/21460', undefined, true],
    ['https://dashboard.gitguardian.com/workspace/8/public-incidents/3', undefined, true],
    ['https://dashboard.eu1.gitguardian.com/workspace/8/incidents/3', 'https://api.eu1.gitguardian.com', true],
    ['https://dashboard.eu1.gitguardian.com/workspace/8/incidents/3', undefined, false],
    ['https://gg.acme.example/workspace/1/incidents/3', 'https://gg.acme.example/exposed/v1', true],
    ['https://dashboard.gitguardian.com/workspace/1/incidents/3', 'https://gg.acme.example/exposed/v1', false],
    ['https://dashboard.gitguardian.com:8443/workspace/8/incidents/3', undefined, false],
    ['https://dashboard.gitguardian.com/workspace/8/incidents/xxx', undefined, false],
    ['https://dashboard.gitguardian.com/workspace/8/incidents/0', undefined, false],
    ['https://dashboard.gitguardian.com/workspace/8/incidents/3/notes', undefined, false],
    ['https://dashboard.gitguardian.com/settings', undefined, false],
    ['http://127.0.0.1:9999/workspace/1/incidents/3', 'http://127.0.0.1:9999', true],
    ['https://dashboard.gitguardian.com/workspace/1/incidents/3', 'http://127.0.0.1:9999', true],
    ['http://127.0.0.1:9998/workspace/1/incidents/3', 'http://127.0.0.1:9999', false],
    ['http://dashboard.gitguardian.com/workspace/1/incidents/3', undefined, false],
  ])('is %s (%s): %s', (link, apiUrl, expected) => {
    expect(owns(link, apiUrl)).toBe(expected);
  });
});

describe('the configuration of GitGuardian', () => {
  const accepts = (more: object) => gitguardian.config.safeParse({ ...config('a'), ...more }).success;

  test.each([
    'https://api.gitguardian.com',
    'https://api.gitguardian.com/',
    'https://gg.acme.example/exposed/v1',
    'https://gg.acme.example:8443/v1',
    'http://127.0.0.1:9999',
    'http://localhost:9999/exposed/v1',
    'https://[::1]:9999/v1',
  ])('takes %s as the address of the API', (apiUrl) => expect(accepts({ apiUrl })).toBe(true));

  test.each([
    'http://api.gitguardian.com',
    'https://user@gg.acme.example',
    'http://gg.acme.example/exposed/v1',
    'http://127.0.0.2:9999',
    'http://127.0.0.1:9999/other',
    'https://gg.acme.example:99999',
    'https://gg.acme.example/other',
    'https://gg.acme.example/?a',
    '',
  ])('does not take %s', (apiUrl) => expect(accepts({ apiUrl })).toBe(false));

  test('takes tokens of repository hosts, by host and no other way', () => {
    expect(accepts({ repositoryTokens: { 'github.com': 'a', 'git.acme.example:8443': 'b' } })).toBe(true);
    for (const odd of [{ 'https://github.com': 'a' }, { 'github.com/acme': 'a' }, { 'github.com': '' }, { '': 'a' }])
      expect(accepts({ repositoryTokens: odd })).toBe(false);
  });

  test('prints none of its tokens', () => {
    const parsed = gitguardian.config.parse({
      ...config('canary-1'),
      repositoryTokens: { 'github.com': repositoryToken },
    });
    expect(`${inspect(parsed, { depth: 9 })}${JSON.stringify(parsed)}`).not.toContain('canary');
  });
});

type Fault = typeof Refused | typeof Unavailable | typeof Unexpected;

describe('at GitGuardian', () => {
  const closers: (() => Promise<void>)[] = [];
  afterEach(async () => {
    await Promise.all(closers.splice(0).map((close) => close()));
  });

  async function begin({
    apiUrl,
    host = 'git.acme.example',
    given = token,
    tokens = { [host]: repositoryToken } as Record<string, string>,
    ...options
  }: GitGuardianOptions & { apiUrl?: string; host?: string; given?: string; tokens?: Record<string, string> } = {}) {
    const secret = { ...config('a token'), ...(apiUrl && { apiUrl }) };
    const scanner = gitguardianScanner(
      { ...secret, repositoryTokens: { [host]: repositoryToken } },
      { now: () => now, ...options },
    );
    const network = await vendorNetwork(scanner);
    closers.push(network.close);
    const send = createSend({ now: () => now, fetch: plain(network.fetch) });
    const inquiry: Inquiry<never> = {
      config: gitguardian.config.parse({ ...secret, token: given, repositoryTokens: tokens }) as never,
      ask: (origin, request) => send({ provider: 'gitguardian', origin, deadline: now + 9000 }, request),
      now,
    };
    const fetchOf = async (reference: Reference) => (await gitguardian.fetch?.(reference, inquiry)) as Fetched;
    const lines = () => scanner.arrivals.map(({ method, host: to, target }) => `${method} ${to}${target}`);
    const find = (traits: IncidentTraits = {}, detector = 'datadog_api_credentials') => {
      const incident = scanner.open({ secret: leaked, detector }, traits);
      return { incident, link: { link: incident.link } };
    };
    return { scanner, inquiry, fetchOf, lines, find };
  }

  /** The vendor speaks plain HTTP. */
  const plain = (through: typeof fetch) =>
    ((url: URL, init: RequestInit) => through(new URL(url.href.replace('https:', 'http:')), init)) as typeof fetch;
  const onIncident = /^GET \S+\/secrets\/\d+\?/;
  const onFile = /^GET \S+\/contents\//;
  const valueIn = (fetched: Fetched) => (fetched.is === 'found' ? fetched.findings[0]?.value?.expose() : fetched);
  const reasonOf = (fetched: Fetched) => (fetched.is === 'found' ? 'found' : fetched.reason);

  describe('fetching an incident', () => {
    test('takes the value from the file at its commit, and says where that is', async () => {
      const { fetchOf, find, lines, scanner } = await begin();
      const { incident, link } = find();
      const fetched = await fetchOf(link);
      expect(valueIn(fetched)).toBe(leaked);
      const [place] = incident.occurrences as { sha: string; url: string }[];
      expect(fetched).toMatchObject({
        findings: [
          {
            scanner: 'gitguardian',
            detector: 'datadog_api_credentials',
            circumstances: {
              location: { path: 'config/deploy settings.sh', line: 2, commit: place?.sha, url: place?.url },
              exposure: 'private',
              detectedAt: '2026-11-20T12:00:00.000Z',
              reference: incident.link,
            },
          },
        ],
      });
      expect(lines()).toEqual([
        'GET api.gitguardian.com/v1/incidents/secrets/21460?with_occurrences=20',
        `GET git.acme.example/api/v3/repos/acme/storefront/contents/config%2Fdeploy%20settings.sh?ref=${place?.sha}`,
      ]);
      expect(scanner.arrivals.map(({ headers }) => headers.authorization)).toEqual([
        `Token ${token}`,
        `Bearer ${repositoryToken}`,
      ]);
    });

    test('gives a finding that the providers here know by its detector’s group', async () => {
      const { fetchOf, find } = await begin();
      const fetched = await fetchOf(find().link);
      const [finding] = fetched.is === 'found' ? fetched.findings : [];
      expect(leaksOf(finding as Finding, providers)).toMatchObject([{ provider: 'datadog', kind: 'api-key' }]);
    });

    test('takes of a pair the part that has the incident’s hash, under its name', async () => {
      const { fetchOf, find } = await begin();
      const content = `id = "abcdefgh"\nkey = "${leaked}"\n`;
      const traits = { content, others: [{ name: 'client_id', text: 'abcdefgh' }], part: 'client_secret' };
      const fetched = await fetchOf(find(traits, 'mongodb_atlas_keys').link);
      const [finding] = fetched.is === 'found' ? fetched.findings : [];
      expect(finding?.parts?.client_secret?.expose()).toBe(leaked);
      expect(leaksOf(finding as Finding, providers)).toMatchObject([{ provider: 'mongodb-atlas', kind: 'api-key' }]);
    });

    test.each([
      ['api.github.com', 'github.com', '/repos/acme/storefront/contents/config%2Fdeploy%20settings.sh?ref='],
      [
        'gitlab.acme.example',
        'gitlab.acme.example',
        '/api/v4/projects/acme%2Fstorefront/repository/files/config%2Fdeploy%20settings.sh?ref=',
      ],
    ])('asks %s for files of %s', async (asked, host, target) => {
      const { fetchOf, find, lines } = await begin({ host });
      expect(valueIn(await fetchOf(find().link))).toBe(leaked);
      expect(lines()[1]).toContain(`GET ${asked}${target}`);
    });

    test('of public monitoring asks for its occurrences apart, and calls it public', async () => {
      const { fetchOf, find, lines } = await begin();
      const fetched = await fetchOf(find({ isPublic: true }).link);
      expect(valueIn(fetched)).toBe(leaked);
      expect(fetched).toMatchObject({ findings: [{ circumstances: { exposure: 'public' } }] });
      expect(lines().slice(0, 2)).toEqual([
        'GET api.gitguardian.com/v1/public-incidents/secrets/21460?with_occurrences=20',
        'GET api.gitguardian.com/v1/public-incidents/secrets/21460/occurrences?per_page=20',
      ]);
    });

    test('reaches a self-hosted GitGuardian', async () => {
      const { fetchOf, find, lines } = await begin({ apiUrl: 'https://gg.acme.example/exposed/v1' });
      expect(valueIn(await fetchOf(find().link))).toBe(leaked);
      expect(lines()[0]).toBe('GET gg.acme.example/exposed/v1/incidents/secrets/21460?with_occurrences=20');
    });

    test('goes by the hint where the page has no number', async () => {
      const { fetchOf, find } = await begin();
      find();
      const link = 'https://dashboard.gitguardian.com/workspace/8/incidents/xxx';
      expect(valueIn(await fetchOf({ link, hints: { incident: '21460' } }))).toBe(leaked);
      for (const incident of ['../../sources', '0', '', 'x'])
        expect((await fetchOf({ link, hints: { incident } })).is).toBe('out-of-reach');
    });

    test.each([
      ['public', 'public'],
      ['private', 'private'],
      [null, 'unknown'],
    ] as const)('calls a source with the visibility %s %s', async (visibility, exposure) => {
      const { fetchOf, find } = await begin();
      expect(await fetchOf(find({ visibility }).link)).toMatchObject({ findings: [{ circumstances: { exposure } }] });
    });

    test.each(['RESOLVED', 'IGNORED'] as const)('that is %s is over', async (status) => {
      const { fetchOf, find, lines } = await begin();
      expect((await fetchOf(find({ status }).link)).is).toBe('over');
      expect(lines()).toHaveLength(1);
    });

    test('that is assigned is not over', async () => {
      const { fetchOf, find } = await begin();
      expect(valueIn(await fetchOf(find({ status: 'ASSIGNED' }).link))).toBe(leaked);
    });

    test.each([
      ['stands in a line with others that are as long', `a="${'x'.repeat(32)}" b="${leaked}" c="${'y'.repeat(32)}"`],
      ['stands within a word', `key=prefix${leaked}suffix`],
      ['stands after letters of more than one unit', `# 😀😀 ключ "${leaked}"`],
      ['stands in a line that ends as on Windows', `first\r\nkey=${leaked}\r\nlast`],
      ['is the whole file', leaked],
      [
        'follows hundreds of short words',
        `${Array.from({ length: 300 }, (_, index) => 100 + index).join(' ')} ${leaked}`,
      ],
    ])('finds a value that %s', async (_, content) => {
      const { fetchOf, find } = await begin();
      expect(valueIn(await fetchOf(find({ content }).link))).toBe(leaked);
    });

    test('goes on where a file is gone, up to five files', async () => {
      const { fetchOf, find, lines } = await begin();
      expect(valueIn(await fetchOf(find({ before: 4 }).link))).toBe(leaked);
      expect(lines().filter((line) => line.includes('/contents/'))).toHaveLength(5);
      expect((await fetchOf(find({ before: 5 }).link)).is).toBe('out-of-reach');
      expect(lines().filter((line) => line.includes('/contents/'))).toHaveLength(10);
    });
  });

  describe('a repository that keeps us out', () => {
    test.each([
      ['for good', { status: 403 }],
      ['now', { status: 503 }],
    ])('%s hides no value in another', async (_, reply) => {
      const { fetchOf, find, scanner } = await begin();
      scanner.troubles.push({ on: onFile, times: 1, reply });
      expect(valueIn(await fetchOf(find({ before: 1 }).link))).toBe(leaked);
    });

    test('for good does not end it where another may let us in later', async () => {
      const { fetchOf, find, scanner } = await begin();
      for (const status of [403, 503, 403]) scanner.troubles.push({ on: onFile, times: 1, reply: { status } });
      await expect(fetchOf(find({ before: 2 }).link)).rejects.toThrow(Unavailable);
    });
  });

  describe('a value is out of reach, with the reason', () => {
    test('when there is no token for its repository’s host, and none is sent anywhere', async () => {
      const { fetchOf, find, lines } = await begin({ tokens: { 'github.com': repositoryToken } });
      expect(reasonOf(await fetchOf(find().link))).toMatch(/no token for the host .* add one to repositoryTokens/);
      expect(lines()).toHaveLength(1);
    });

    test('when the file is gone', async () => {
      const { fetchOf, find } = await begin();
      const { link, incident } = find();
      Object.assign(incident.occurrences[0] as object, { filepath: 'elsewhere.sh' });
      expect(reasonOf(await fetchOf(link))).toMatch(/not there/);
    });

    test('when nothing in the file has the hash: one like it is not taken', async () => {
      const { fetchOf, find } = await begin();
      expect(reasonOf(await fetchOf(find({ hash }).link))).toMatch(/has the hash/);
    });

    test.each([
      ['without an end', Array.from({ length: 60_000 }, (_, index) => index).join('x')],
      ['that repeats itself', 'abc'.repeat(100_000)],
    ])('when its line is one %s: trying it all would take too long', async (_, line) => {
      const { fetchOf, find } = await begin();
      expect(reasonOf(await fetchOf(find({ content: `${line}${leaked}xyz` }).link))).toMatch(/has the hash/);
    });

    test('when GitGuardian gives no hash', async () => {
      const { fetchOf, find } = await begin();
      expect(reasonOf(await fetchOf(find({ hash: null }).link))).toMatch(/no hash/);
    });

    test('when the commit took the value away', async () => {
      const { fetchOf, find } = await begin();
      expect(reasonOf(await fetchOf(find({ change: 'deletion' }).link))).toMatch(/names no file/);
    });

    test('when GitGuardian does not show the incident', async () => {
      const { fetchOf } = await begin();
      const link = 'https://dashboard.gitguardian.com/workspace/8/incidents/4711';
      expect(reasonOf(await fetchOf({ link }))).toMatch(/incidents:read/);
    });

    test.each([
      ['a way up', { filepath: '../../../user' }],
      ['an absolute path', { filepath: '/etc/passwd' }],
      ['a way up among others', { filepath: 'a/../../b' }],
      ['half a letter', { filepath: 'a\ud800b' }],
      ['no commit', { sha: 'main' }],
      ['a repository that is a way up', { source: { type: 'github', url: 'https://git.acme.example/acme/..%2f..' } }],
      ['a repository below another', { source: { type: 'github', url: 'https://git.acme.example/a/b/c' } }],
      ['a kind of host nobody knows', { source: { type: 'svn', url: 'https://git.acme.example/acme/storefront' } }],
      [
        'a host that only looks like ours',
        { source: { type: 'github', url: 'https://git.acme.example.attacker.example/a/b' } },
      ],
      ['a host that is hidden', { source: { type: 'github', url: 'https://git.acme.example@attacker.example/a/b' } }],
      ['a host by a name every object has', { source: { type: 'github', url: 'https://constructor/a/b' } }],
      ['no encryption', { source: { type: 'github', url: 'http://git.acme.example/acme/storefront' } }],
      ['matches that are none', { matches: [null, { indice_start: -1 }, 7] }],
      [
        'a match that ends before it begins',
        { matches: [{ name: 'a', indice_start: 9, indice_end: 2, post_line_start: 1, post_line_end: 1 }] },
      ],
    ])('when its place has %s', async (_, change) => {
      const { fetchOf, find, lines } = await begin();
      const { link, incident } = find();
      Object.assign(incident.occurrences[0] as object, change);
      expect((await fetchOf(link)).is).toBe('out-of-reach');
      expect(lines()).toHaveLength(1);
    });
  });

  describe('a fault', () => {
    const faults: [string, VendorAnswer | 'drop-before', Fault, object][] = [
      ['a token that is refused', { status: 401 }, Refused, {}],
      ['a right that is missing', { status: 403 }, Refused, {}],
      ['a limit of its rate', { status: 429, headers: { 'retry-after': '7' } }, Unavailable, { retryAfterMs: 7000 }],
      [
        'a limit that comes as 403',
        { status: 403, headers: { 'retry-after': '7' } },
        Unavailable,
        { retryAfterMs: 7000 },
      ],
      ['an outage', { status: 503 }, Unavailable, {}],
      ['no answer', 'drop-before', Unavailable, {}],
      ['a redirect', { status: 302, headers: { location: 'https://attacker.example' } }, Unexpected, {}],
      ['a status nobody wrote down', { status: 418 }, Unexpected, {}],
    ];

    test.each(faults)('of GitGuardian’s is thrown: %s', async (_, reply, kind, also) => {
      const { fetchOf, find, scanner } = await begin();
      scanner.troubles.push({ on: onIncident, reply });
      const error = await fetchOf(find().link).catch((thrown) => thrown);
      expect(error).toBeInstanceOf(kind);
      expect(error).toMatchObject(also);
      expect(inspect(error)).not.toMatch(/canary|c4na|acme/);
    });

    test.each(faults)('of the repository’s host is thrown: %s', async (_, reply, kind, also) => {
      const { fetchOf, find, scanner } = await begin();
      scanner.troubles.push({ on: onFile, reply });
      const error = await fetchOf(find().link).catch((thrown) => thrown);
      expect(error).toBeInstanceOf(kind);
      expect(error).toMatchObject(also);
      expect(inspect(error)).not.toMatch(/canary|c4na|acme/);
    });

    test.each([
      ['nothing', undefined],
      ['text', 'hello'],
      ['a list', []],
      ['another incident', { id: 99, status: 'TRIGGERED', occurrences: [] }],
      ['no status', { id: 21_460, occurrences: [] }],
      [
        'occurrences without end',
        { id: 21_460, status: 'TRIGGERED', occurrences: Array.from({ length: 2000 }, () => 0) },
      ],
    ])('is an answer of GitGuardian’s that is %s', async (_, body) => {
      const { fetchOf, find, scanner } = await begin();
      scanner.troubles.push({ on: onIncident, reply: { status: 200, body } });
      await expect(fetchOf(find().link)).rejects.toThrow(Unexpected);
    });

    test.each([
      ['a folder', []],
      ['too large to be shown', { encoding: 'none', content: '' }],
      ['text', 'hello'],
    ])('is none when the file is %s: it is out of reach', async (_, body) => {
      const { fetchOf, find, scanner } = await begin();
      scanner.troubles.push({ on: onFile, reply: { status: 200, body } });
      expect(reasonOf(await fetchOf(find().link))).toMatch(/not there, is too large/);
    });

    test('is a token that nobody gave us', async () => {
      const { fetchOf, find } = await begin({ given: 'another' });
      await expect(fetchOf(find().link)).rejects.toMatchObject({
        name: 'Refused',
        remedy: expect.stringContaining('incidents:read'),
      });
    });
  });

  describe('closing', () => {
    const ending: Ending = {
      incident: 'inc_0123456789',
      outcome: 'revoked',
      provider: 'datadog',
      keyId: 'a-key-id',
      comment: 'The key was revoked and is proven dead (inc_0123456789).',
    };
    async function beginClosing(options: GitGuardianOptions = {}, traits: IncidentTraits = {}) {
      const stage = await begin(options);
      const { incident, link } = stage.find(traits);
      const close = () => gitguardian.close?.(link, ending, stage.inquiry);
      return { ...stage, incident, close };
    }

    test('leaves a note and says that the secret is revoked', async () => {
      const { close, incident, scanner } = await beginClosing();
      expect(await close()).toBe('closed');
      expect(incident).toMatchObject({ state: 'closed', comments: [ending.comment] });
      expect(scanner.arrivals.at(-1)?.body).toBe('{"secret_revoked":true}');
    });

    test('a public incident gives the reason that those take', async () => {
      const { close, incident, scanner } = await beginClosing({}, { isPublic: true });
      expect(await close()).toBe('closed');
      expect(incident.state).toBe('closed');
      expect(scanner.arrivals.at(-1)).toMatchObject({ body: '{"resolve_reason":"revoked"}' });
    });

    test.each(['RESOLVED', 'IGNORED'] as const)('does nothing to one that is %s', async (status) => {
      const { close, incident, lines } = await beginClosing({}, { status });
      expect(await close()).toBe('nothing');
      expect(incident.comments).toEqual([]);
      expect(lines()).toHaveLength(1);
    });

    test('twice is harmless', async () => {
      const { close, incident } = await beginClosing();
      expect([await close(), await close()]).toEqual(['closed', 'nothing']);
      expect(incident.comments).toHaveLength(1);
    });

    test('after the answer to the note was lost leaves no second one', async () => {
      const { close, incident, scanner } = await beginClosing();
      scanner.troubles.push({ on: /^POST \S+\/notes/, times: 1, reply: 'drop-after' });
      await expect(close()).rejects.toThrow(Unavailable);
      expect(await close()).toBe('closed');
      expect(incident.comments).toHaveLength(1);
    });

    test('after the answer to it was lost finds it closed', async () => {
      const { close, incident, scanner } = await beginClosing();
      scanner.troubles.push({ on: /^POST \S+\/resolve/, times: 1, reply: 'drop-after' });
      await expect(close()).rejects.toThrow(Unavailable);
      expect(await close()).toBe('nothing');
      expect(incident).toMatchObject({ state: 'closed', comments: [ending.comment] });
    });

    test('finds its note among hundreds', async () => {
      const { close, incident } = await beginClosing();
      incident.comments.push(...Array.from({ length: 250 }, (_, index) => `remark ${index}`), ending.comment);
      expect(await close()).toBe('closed');
      expect(incident.comments).toHaveLength(251);
    });

    test('that is not ours to do leaves the note, and one only', async () => {
      const { close, incident } = await beginClosing({ mayResolve: false });
      expect([await close(), await close()]).toEqual(['noted', 'noted']);
      expect(incident).toMatchObject({ state: 'open', comments: [ending.comment] });
    });

    test('that somebody else did meanwhile is nothing', async () => {
      const { close, scanner } = await beginClosing();
      scanner.troubles.push({ on: /^POST \S+\/resolve/, reply: { status: 409 } });
      expect(await close()).toBe('nothing');
    });

    test('without the right to leave a note is refused, with the remedy', async () => {
      const { close, incident } = await beginClosing({ mayNote: false });
      await expect(close()).rejects.toMatchObject({
        name: 'Refused',
        remedy: expect.stringContaining('incidents:write'),
      });
      expect(incident.state).toBe('open');
    });

    test.each([
      [{ status: 403, headers: { 'retry-after': '3' } }, Unavailable],
      [{ status: 401 }, Refused],
      [{ status: 202 }, Unexpected],
      [{ status: 404 }, Unexpected],
      [{ status: 500 }, Unavailable],
    ] as const)('is not taken for done when the answer is %o', async (reply, kind) => {
      const { close, scanner } = await beginClosing();
      scanner.troubles.push({ on: /^POST \S+\/resolve/, reply });
      await expect(close()).rejects.toThrow(kind);
    });

    test('is not taken for done when the note’s answer is another than its documentation says', async () => {
      const { close, scanner } = await beginClosing();
      scanner.troubles.push({ on: /^POST \S+\/notes/, reply: { status: 200, body: {} } });
      await expect(close()).rejects.toThrow(Unexpected);
    });

    test('one that is not there is no success', async () => {
      const { inquiry } = await begin();
      for (const number of ['4711', 'xxx']) {
        const link = `https://dashboard.gitguardian.com/workspace/8/incidents/${number}`;
        await expect(gitguardian.close?.({ link }, ending, inquiry)).rejects.toThrow(Unexpected);
      }
    });
  });

  describe('listing what is open', () => {
    const listOpen = async (...given: Parameters<NonNullable<typeof gitguardian.listOpen>>) => {
      const list = await gitguardian.listOpen?.(...given);
      if (list === undefined) throw new Error('it cannot be listed');
      return list;
    };
    const after = '2026-11-19T12:00:00.000Z';

    test('gives references to what is triggered or assigned, through all pages', async () => {
      const { find, inquiry, lines } = await begin();
      const wanted = Array.from({ length: 250 }, () => find().incident.link);
      wanted.push(find({ status: 'ASSIGNED' }).incident.link);
      find({ status: 'RESOLVED' });
      const { references, skipped, more } = await listOpen(after, inquiry);
      expect(references.map(({ link }) => link)).toEqual(wanted);
      expect(references[0]?.hints).toEqual({ incident: '21460', detector: 'datadog_api_credentials' });
      expect([skipped, more]).toEqual([0, false]);
      expect(lines()).toHaveLength(4);
      expect(lines()[0]).toBe(
        'GET api.gitguardian.com/v1/incidents/secrets?status=TRIGGERED&date_after=2026-11-19T12%3A00%3A00.000Z&per_page=100',
      );
    });

    test('leaves out what is older', async () => {
      const { find, inquiry } = await begin();
      find();
      expect((await listOpen('2026-11-21T00:00:00Z', inquiry)).references).toEqual([]);
    });

    test('says when there is more than it read', async () => {
      const { inquiry, scanner, lines } = await begin();
      const next = '<https://attacker.example/v1/incidents/secrets?cursor=a%2Fb&per_page=100>; rel="next"';
      scanner.troubles.push({ on: /secrets\?/, reply: { status: 200, headers: { link: next }, body: [{}] } });
      expect(await listOpen(after, inquiry)).toEqual({ references: [], skipped: 20, more: true });
      expect(lines()).toHaveLength(20);
      for (const line of lines()) expect(line).toMatch(/^GET api\.gitguardian\.com\/v1\/incidents\/secrets\?/);
      expect(lines()[1]).toContain('cursor=a%2Fb');
    });

    test('leaves no entry out because of another', async () => {
      const { inquiry, scanner } = await begin();
      const good = { id: 3, gitguardian_url: 'https://dashboard.gitguardian.com/workspace/8/incidents/3' };
      const link = '<https://api.gitguardian.com/v1/incidents/secrets?cursor=x>; rel="prev"';
      const reply = { status: 200, headers: { link }, body: [null, { id: 'x' }, good] };
      scanner.troubles.push({ on: /TRIGGERED/, reply });
      const { references, skipped, more } = await listOpen(after, inquiry);
      expect([references.length, skipped, more]).toEqual([1, 2, false]);
    });

    test('is refused with the remedy when the token may not read', async () => {
      const { inquiry } = await begin({ given: 'another' });
      await expect(listOpen(after, inquiry)).rejects.toMatchObject({ name: 'Refused' });
    });
  });
});

test('the hash that proves a value is the published one', async () => {
  const scanner = gitguardianScanner({ ...config('a'), repositoryTokens: { 'git.acme.example': repositoryToken } });
  const { hash: published } = scanner.open({ secret: 'password', detector: 'generic_password' });
  expect(published).toBe('743d9fde380b7064cc6a8d3071184fc47905cf7440e5615cd46c7b6cbfb46d47');
});
