import { createHmac } from 'node:crypto';
import { afterEach, describe, expect, test } from 'vitest';
import { gitguardian } from '../../../../functions/sources/gitguardian.ts';
import { type GitGuardianOptions, gitguardianScanner, world } from '../../../../lib/local/scanners/gitguardian.ts';
import { vendorNetwork } from '../../../support/lane.ts';

const now = Date.parse('2026-11-20T12:00:00.000Z');
const secret = {
  signatureTokens: ['a signature token'],
  token: 'an-api-token',
  repositoryTokens: { 'git.acme.example': 'a-repository-token' },
};
const leaked = 'c0ffee00c0ffee00c0ffee00c0ffee00';
const discovery = { secret: leaked, detector: 'datadog_api_credentials' };
const api = 'api.gitguardian.com';
const base = '/v1/incidents/secrets';

describe('the simulated GitGuardian', () => {
  const closers: (() => Promise<void>)[] = [];
  afterEach(async () => {
    await Promise.all(closers.splice(0).map((close) => close()));
  });

  async function begin(options: GitGuardianOptions & { apiUrl?: string } = {}) {
    const { apiUrl, ...rest } = options;
    const scanner = gitguardianScanner({ ...secret, ...(apiUrl && { apiUrl }) }, { now: () => now, ...rest });
    const network = await vendorNetwork(scanner);
    closers.push(network.close);
    const ask = async (line: string, { at = api, authorization = 'Token an-api-token', body = {} as object } = {}) => {
      const [method = '', target = ''] = line.split(' ');
      const init = { method, headers: { authorization }, ...(method === 'POST' && { body: JSON.stringify(body) }) };
      const response = await network.fetch(new URL(`http://${at}${target}`), init);
      const text = await response.text();
      const link = response.headers.get('link') ?? '';
      return { status: response.status, link, text, json: text === '' ? undefined : JSON.parse(text) };
    };
    return { scanner, ask };
  }

  test('makes deliveries that its documentation’s way to verify accepts, with no secret in them', async () => {
    const { scanner } = await begin();
    const { body, headers, link } = scanner.find(discovery);
    const { timestamp, 'gitguardian-signature': signature } = headers;
    const expected = createHmac('sha256', `${timestamp}a signature token`).update(body).digest('hex');
    expect(signature).toBe(`sha256=${expected}`);
    expect(body).not.toContain(leaked);
    expect(link).toBe('https://dashboard.gitguardian.com/workspace/8/incidents/21460');
    expect(JSON.parse(body)).toMatchObject({
      action: 'incident_triggered',
      incident: { id: 21_460, status: 'triggered', detector: { detector_group_name: 'datadog_api_credentials' } },
    });
  });

  test('makes deliveries that the source takes for an alert', async () => {
    const { scanner } = await begin();
    const { body, headers, link } = scanner.find(discovery);
    const config = gitguardian.config.parse(secret);
    const delivery = { body: new TextEncoder().encode(body), headers, config, now };
    expect(gitguardian.verify(delivery, { publicKey: () => Promise.reject(new Error('asked')) })).toBe(true);
    expect(gitguardian.read(delivery)).toMatchObject({ is: 'alert', references: [{ link }] });
  });

  test('shows an incident with its occurrences as offsets, when they are asked for, and never the value', async () => {
    const { scanner, ask } = await begin();
    scanner.find(discovery);
    const { json, text } = await ask(`GET ${base}/21460?with_occurrences=20`);
    expect(text).not.toContain(leaked);
    const [{ matches, sha }] = json.occurrences;
    expect(matches).toMatchObject([{ name: 'apikey', post_line_start: 2, post_line_end: 2 }]);
    expect(matches[0].indice_end - matches[0].indice_start).toBe(leaked.length);
    expect(sha).toMatch(/^[0-9a-f]{40}$/);
    expect((await ask(`GET ${base}/21460`)).json.occurrences).toBeNull();
  });

  test('refuses other tokens, and knows nothing else', async () => {
    const { scanner, ask } = await begin();
    scanner.find(discovery);
    expect((await ask(`GET ${base}/21460`, { authorization: 'Token another' })).status).toBe(401);
    expect((await ask(`GET ${base}/21460`, { authorization: 'Bearer an-api-token' })).status).toBe(401);
    for (const target of [
      `${base}/1`,
      '/v1/public-incidents/secrets/21460',
      '/exposed/v1/incidents/secrets/21460',
      '/',
    ])
      expect((await ask(`GET ${target}`)).status).toBe(404);
    expect((await ask(`DELETE ${base}/21460`)).status).toBe(405);
  });

  test('of public monitoring has occurrences apart', async () => {
    const { scanner, ask } = await begin();
    scanner.open(discovery, { isPublic: true });
    const { json } = await ask('GET /v1/public-incidents/secrets/21460?with_occurrences=20');
    expect(json).not.toHaveProperty('occurrences');
    const { json: occurrences } = await ask('GET /v1/public-incidents/secrets/21460/occurrences?per_page=20');
    expect(occurrences).toMatchObject([{ source: { name: 'acme/storefront' } }]);
  });

  test('lists by state and date, page by page', async () => {
    const { scanner, ask } = await begin();
    for (let count = 0; count < 3; count += 1) scanner.find(discovery);
    scanner.open(discovery, { status: 'RESOLVED' });
    const first = await ask(`GET ${base}?status=TRIGGERED&date_after=2026-11-19&per_page=2`);
    expect(first.json.map(({ id }: { id: number }) => id)).toEqual([21_460, 21_461]);
    const next = new URL(/<([^>]+)>; rel="next"/.exec(first.link)?.[1] ?? '');
    const second = await ask(`GET ${next.pathname}${next.search}`);
    expect(second.json.map(({ id }: { id: number }) => id)).toEqual([21_462]);
    expect(second.link).toBe('');
    expect((await ask(`GET ${base}?date_after=2026-11-21`)).json).toEqual([]);
  });

  test('takes notes, and closes an incident once', async () => {
    const { scanner, ask } = await begin();
    scanner.find(discovery);
    const noted = await ask(`POST ${base}/21460/notes`, { body: { comment: 'The key is dead.' } });
    expect(noted).toMatchObject({ status: 201, json: { comment: 'The key is dead.' } });
    expect((await ask(`POST ${base}/21460/notes`)).status).toBe(400);
    expect((await ask(`GET ${base}/21460/notes`)).json).toMatchObject([{ comment: 'The key is dead.' }]);
    expect((await ask(`POST ${base}/21460/resolve`)).status).toBe(400);
    const closed = await ask(`POST ${base}/21460/resolve`, { body: { secret_revoked: true } });
    expect(closed).toMatchObject({ status: 200, json: { status: 'RESOLVED', secret_revoked: true } });
    expect((await ask(`POST ${base}/21460/resolve`, { body: { secret_revoked: true } })).status).toBe(409);
    expect(scanner.alerts).toMatchObject([
      { state: 'closed', resolution: 'secret revoked', comments: ['The key is dead.'] },
    ]);
  });

  test('may lack the right to write', async () => {
    const { scanner, ask } = await begin({ mayNote: false, mayResolve: false });
    scanner.find(discovery);
    expect((await ask(`POST ${base}/21460/notes`, { body: { comment: 'x' } })).status).toBe(403);
    expect((await ask(`POST ${base}/21460/resolve`, { body: { secret_revoked: true } })).status).toBe(403);
    expect(scanner.alerts[0]?.state).toBe('open');
  });

  test('may be hosted by its owner', async () => {
    const { scanner, ask } = await begin({ apiUrl: 'https://gg.acme.example/exposed/v1' });
    const { link } = scanner.find(discovery);
    expect(link).toBe('https://gg.acme.example/workspace/8/incidents/21460');
    expect((await ask('GET /exposed/v1/incidents/secrets/21460', { at: 'gg.acme.example' })).status).toBe(200);
  });

  test.each([
    ['/api/v3/repos/acme/storefront/contents/config%2Fdeploy%20settings.sh'],
    ['/api/v4/projects/acme%2Fstorefront/repository/files/config%2Fdeploy%20settings.sh'],
  ])('has a repository host that gives the file at its commit: %s', async (target) => {
    const { scanner, ask } = await begin();
    const { occurrences } = scanner.open(discovery) as unknown as { occurrences: { sha: string }[] };
    const at = { at: 'git.acme.example', authorization: 'Bearer a-repository-token' };
    const { json } = await ask(`GET ${target}?ref=${occurrences[0]?.sha}`, at);
    expect(json.encoding).toBe('base64');
    expect(Buffer.from(json.content, 'base64').toString().split('\n')[1]).toContain(leaked);
    expect((await ask(`GET ${target}?ref=${'0'.repeat(40)}`, at)).status).toBe(404);
    expect((await ask(`GET ${target}`, { ...at, authorization: 'Bearer another' })).status).toBe(401);
  });

  test('fits the source, with a sample secret that its schema takes', () => {
    expect(gitguardian.config.safeParse(world.secret).success).toBe(true);
    const scanner = world.simulate(world.secret, () => now);
    expect(scanner.hosts).toEqual([api, 'git.acme.example']);
    const { headers, body } = scanner.find(discovery);
    const delivery = { body: Buffer.from(body), headers, config: gitguardian.config.parse(world.secret), now };
    expect(gitguardian.verify(delivery, { publicKey: () => Promise.reject(new Error('asked')) })).toBe(true);
  });
});
