import { afterEach, describe, expect, test } from 'vitest';
import { gitlab } from '../../../../functions/sources/gitlab.ts';
import { gitlabScanner, world } from '../../../../lib/local/scanners/gitlab.ts';
import { vendorNetwork } from '../../../support/lane.ts';

const now = Date.parse('2026-11-20T12:00:00.000Z');
const noKeys = { publicKey: () => Promise.reject(new Error('GitLab publishes no keys for its hooks')) };
const discovery = { secret: 'canary-of-a-leaked-key', detector: 'datadog-access-token' };
const lower = (headers: Record<string, string>) =>
  Object.fromEntries(Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value]));
const deliveryOf = ({ body, headers }: { body: string; headers: Record<string, string> }, secret: object) => ({
  body: new TextEncoder().encode(body),
  headers: lower(headers),
  config: gitlab.config.parse(secret),
  now,
});

const open: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const end of open.splice(0)) await end();
});

async function serve(scanner: ReturnType<typeof gitlabScanner>) {
  const network = await vendorNetwork(scanner);
  open.push(network.close);
  return async (target: string, init: RequestInit = {}) => {
    const answer = await network.fetch(new URL(target, 'https://gitlab.com'), init);
    return { status: answer.status, body: await answer.json() };
  };
}

describe('the simulated GitLab', () => {
  test('has a sample secret that the source takes', () => {
    expect(() => gitlab.config.parse(world.secret)).not.toThrow();
    expect(world.simulate(world.secret).hosts).toEqual(['gitlab.com']);
  });

  test('sends hooks that the source takes, which carry nothing of the key', async () => {
    const scanner = world.simulate(world.secret, () => now);
    const sent = scanner.find(discovery);
    const delivery = deliveryOf(sent, world.secret);
    expect(await gitlab.verify(delivery, noKeys)).toBe(true);
    expect(gitlab.read(delivery)).toMatchObject({ is: 'alert', references: [{ link: sent.link }] });
    expect(gitlab.owns?.(sent.link, delivery.config)).toBe(true);
    expect(JSON.stringify(sent)).not.toContain('canary');
    expect(scanner.alerts).toMatchObject([{ link: sent.link, state: 'open', comments: [] }]);
  });

  test('sends the plain token where it has no other, and both where it has both', async () => {
    const token = { webhookTokens: ['a-token'] };
    for (const secret of [token, { ...world.secret, ...token }]) {
      const delivery = deliveryOf(gitlabScanner(secret, { now: () => now }).find(discovery), secret);
      expect(delivery.headers['x-gitlab-token']).toBe('a-token');
      expect('webhook-signature' in delivery.headers).toBe(secret !== token);
      expect(await gitlab.verify(delivery, noKeys)).toBe(true);
    }
  });

  test('tells of an alert again under another name', () => {
    const scanner = gitlabScanner(world.secret, { now: () => now });
    const first = scanner.find(discovery);
    const [alert] = scanner.alerts;
    if (!alert) throw new Error('no alert');
    alert.is = 'resolved';
    const second = scanner.tell(alert);
    expect(second.headers['webhook-id']).not.toBe(first.headers['webhook-id']);
    expect(second.body).toContain('"state":"resolved"');
    expect(alert.state).toBe('closed');
  });

  test('asks the Token Revocation API as the source expects it', () => {
    const scanner = gitlabScanner(world.secret, { now: () => now });
    const requests = [scanner.revocableTypes(), scanner.revoke([discovery])];
    for (const [index, endpoint] of (gitlab.endpoints ?? []).entries()) {
      const request = requests[index];
      if (!request) throw new Error('no request');
      const delivery = deliveryOf(request, world.secret);
      expect([request.method, request.path]).toEqual([endpoint.method, endpoint.path]);
      expect(endpoint.verify(delivery)).toBe(true);
      if (index === 1)
        expect(endpoint.answer(delivery, [])).toMatchObject({
          findings: [{ detector: 'gitleaks_rule_id_datadog-access-token' }],
        });
    }
  });

  test('answers nobody without its token', async () => {
    const scanner = gitlabScanner({ token: 'api-token' }, { now: () => now });
    const ask = await serve(scanner);
    scanner.find(discovery);
    const headers = { authorization: 'Bearer another' };
    expect(await ask('/api/v4/vulnerabilities/1000', { headers })).toMatchObject({ status: 401 });
    expect(await ask('/api/graphql', { method: 'POST', headers, body: '{}' })).toEqual({
      status: 401,
      body: { errors: [{ message: 'Invalid token' }] },
    });
    const own = { authorization: 'Bearer api-token' };
    expect(await ask('/api/v4/vulnerabilities/1000', { headers: own })).toMatchObject({ status: 200 });
    expect(await ask('/api/v4/vulnerabilities/1', { headers: own })).toMatchObject({ status: 404 });
    expect(await ask('/api/v4/vulnerabilities/1000', { method: 'DELETE', headers: own })).toMatchObject({
      status: 404,
    });
  });

  test('refuses a query that it does not know, and a variable that is not declared', async () => {
    const ask = await serve(gitlabScanner({ token: 'api-token' }, { now: () => now }));
    const headers = { authorization: 'Bearer api-token' };
    for (const [query, variables] of [
      ['mutation { projectDelete(input: {}) { errors } }', {}],
      ['query($id: VulnerabilityID!) { vulnerability(id: $id) { state } }', { id: '1', comment: 'x' }],
    ] as const) {
      const { status, body } = await ask('/api/graphql', {
        method: 'POST',
        headers,
        body: JSON.stringify({ query, variables }),
      });
      expect([status, Object.keys(body as object)]).toEqual([200, ['errors']]);
    }
  });
});
