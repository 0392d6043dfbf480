import { createHmac, randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type IncomingMessage, request as requestOf, type Server } from 'node:http';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { sources } from '../../../functions/sources/index.ts';
import { closed, type Emulators, listen, startEmulators } from '../../../lib/local/emulators.ts';
import { signedHeaders } from '../../../lib/local/follow.ts';
import { sampleSigningSecret } from '../../../lib/local/samples.ts';
import { scanners as worlds } from '../../../lib/local/scanners/index.ts';
import type { Scanner } from '../../../lib/local/scanners/scanner.ts';
import { admin, testStage } from '../../support/stage.ts';

const token = 'a-token-of-these-tests';
const own = { standard: { secrets: [sampleSigningSecret] }, trufflehog: { tokens: [token] }, 'github-partner': {} };
const secretOf = (id: string) => worlds[id]?.secret ?? own[id as keyof typeof own];
const detector = 'datadog_api_key';

interface Sent {
  path: string;
  body: string;
  headers: Record<string, string>;
}

describe('an accepted alert', () => {
  let emulators: Emulators;
  let stage: Awaited<ReturnType<typeof testStage>>;
  const proxies: Server[] = [];
  /** What functions asked of AWS. */
  const calls: string[] = [];
  let queues: 'up' | 'down' | 'silent' = 'up';

  /** Stands in front of a service, tells every call and has bad days. No message is ever given out: what is queued stays so. */
  const proxy = (target: string) =>
    createServer(async (incoming, outgoing) => {
      const chunks: Buffer[] = [];
      for await (const chunk of incoming) chunks.push(chunk);
      const operation = String(incoming.headers['x-amz-target']);
      if (operation.endsWith('.ReceiveMessage')) {
        setTimeout(() => outgoing.writeHead(200, { 'content-type': 'application/x-amz-json-1.0' }).end('{}'), 200);
        return;
      }
      calls.push(operation.split('.').at(-1) ?? '');
      if (operation.startsWith('AmazonSQS.') && queues === 'silent') return;
      if (operation.startsWith('AmazonSQS.') && queues === 'down') return void outgoing.destroy();
      const { method, url = '/', headers } = incoming;
      const onward = requestOf(new URL(url, target), { method, headers }, (answer) => {
        outgoing.writeHead(answer.statusCode ?? 500, answer.headers);
        answer.pipe(outgoing);
      });
      onward.once('error', () => outgoing.destroy());
      onward.end(Buffer.concat(chunks));
    });

  beforeAll(async () => {
    emulators = await startEmulators({}, undefined);
    const through = async ([name, target]: [string, string]) => {
      const server = proxy(target);
      proxies.push(server);
      return [name, await listen(server)] as const;
    };
    const variables = Object.fromEntries(await Promise.all(Object.entries(emulators.endpoints).map(through)));
    stage = await testStage({
      secrets: {
        'leakstop/providers/datadog/prod': admin,
        ...Object.fromEntries(Object.keys(sources).map((id) => [`leakstop/sources/${id}`, secretOf(id)])),
      },
      config: { providers: { datadog: { accounts: ['prod'] } }, sources: Object.keys(sources) },
      tuning: { variables, clockless: true },
    });
  });
  afterAll(async () => {
    queues = 'up';
    await stage.close();
    await Promise.all(proxies.map((each) => closed(each)));
    await emulators.close();
  });

  const newKey = () => randomUUID().replaceAll('-', '');
  const scanner = <More extends object>(id: string) => stage.scanners[id] as Scanner & More;
  const found = (id: string) => (): Sent => {
    const { body, headers } = scanner(id).find({ secret: newKey(), detector });
    return { path: id, body, headers };
  };
  const json = { 'content-type': 'application/json' };
  /** Every way in, and a fresh delivery of it. */
  const ways: Record<string, () => Sent> = {
    standard: () => {
      const body = JSON.stringify({
        type: 'credential.leaked',
        data: { provider: 'datadog', secret: newKey(), reference: 'ä€😀' },
      });
      return { path: 'standard', body, headers: signedHeaders(body) };
    },
    github: found('github'),
    'github, as a form': () => {
      const github = scanner<{ open(found: object): object; tell(alert: object, more: object): Sent }>('github');
      const { body, headers } = github.tell(github.open({ secret: newKey(), detector }), { form: true });
      return { path: 'github', body, headers };
    },
    'github-partner': () => {
      const body = JSON.stringify([
        { token: newKey(), type: detector, url: 'https://x.example/ä€😀', source: 'commit' },
      ]);
      const { signAsPartner } = scanner<{ signAsPartner(body: string): Record<string, string> }>('github');
      return { path: 'github-partner', body, headers: { ...json, ...signAsPartner(body) } };
    },
    'gitlab-partner': found('gitlab-partner'),
    'deps-dev': found('deps-dev'),
    gitlab: found('gitlab'),
    'gitlab, its Token Revocation API': () => {
      const { revoke } = scanner<{ revoke(found: object[]): Sent }>('gitlab');
      const { body, headers } = revoke([{ secret: newKey(), detector: 'datadog-access-token' }]);
      return { path: 'gitlab/revoke_tokens', body, headers };
    },
    gitguardian: found('gitguardian'),
    trufflehog: () => {
      const body = JSON.stringify({ DetectorName: 'DatadogToken', Raw: newKey(), Link: 'https://x.example/ä' });
      const signature = createHmac('sha256', token).update(body).digest('hex');
      return { path: 'trufflehog', body, headers: { ...json, 'x-hub-signature': signature } };
    },
  };
  const each = Object.keys(ways);
  const fresh = (way: string) => (ways[way] as () => Sent)();

  /** Over plain HTTP, so that a header can come twice and a content type can be missing. */
  async function post({
    path,
    body,
    headers,
  }: {
    path: string;
    body: string;
    headers: Record<string, string | string[]>;
  }) {
    const { hostname, port } = new URL(stage.url);
    const sent = requestOf({ hostname, port, method: 'POST', path: `/sources/${path}`, headers });
    sent.end(body);
    const [response] = (await once(sent, 'response')) as [IncomingMessage];
    const chunks: Buffer[] = [];
    for await (const chunk of response) chunks.push(chunk);
    return {
      status: response.statusCode,
      type: response.headers['content-type'],
      text: Buffer.concat(chunks).toString(),
    };
  }
  const isAccepted = (way: string) => (way.includes('Revocation') ? 204 : 202);

  test('comes in every way there is', () => {
    expect([...new Set(each.map((way) => fresh(way).path.split('/')[0]))].sort()).toEqual(Object.keys(sources).sort());
  });

  test.each(each)('costs one call to a queue and nothing else, as text and in base64: %s', async (way) => {
    expect((await post(fresh(way))).status).toBe(isAccepted(way));
    const sent = fresh(way);
    const before = calls.length;
    expect((await post(sent)).status).toBe(isAccepted(way));
    expect(calls.slice(before)).toEqual(['SendMessageBatch']);
    const asForm = sent.headers['content-type']?.includes('form');
    const type = asForm ? `${sent.headers['content-type']};charset=utf-8` : 'application/octet-stream';
    expect((await post({ ...sent, headers: { ...sent.headers, 'content-type': type } })).status).toBe(isAccepted(way));
  });

  test.each(each)('is not one that a stranger, a header that came twice or another body says: %s', async (way) => {
    const { path, body, headers } = fresh(way);
    const before = calls.length;
    const nothing = { status: 401, type: undefined, text: '' };
    expect(await post({ path, body, headers: json })).toEqual(nothing);
    const signs = Object.keys(headers).filter((name) =>
      /signature|webhook-|key-identifier|^timestamp|authorization/i.test(name),
    );
    expect(signs.length).toBeGreaterThan(0);
    for (const name of signs) {
      const twice = { ...headers, [name]: [headers[name] as string, headers[name] as string] };
      if (name.toLowerCase() === 'authorization') continue;
      expect(await post({ path, body, headers: twice }), name).toEqual(nothing);
    }
    if (!way.includes('Revocation')) expect(await post({ path, body: `${body} `, headers })).toEqual(nothing);
    expect(calls.slice(before)).toEqual([]);
  });

  test.each(each)('is none while the queues are down: %s', async (way) => {
    const sent = fresh(way);
    queues = 'down';
    const before = calls.length;
    const { status, type, text } = await post(sent);
    queues = 'up';
    expect([status, type]).toEqual([503, 'application/problem+json']);
    expect(new Set(calls.slice(before))).toEqual(new Set(['SendMessageBatch']));
    expect(JSON.parse(text)).toMatchObject({ status: 503, detail: expect.stringMatching(/nothing is promised/i) });
    expect((await post(sent)).status).toBe(isAccepted(way));
  });

  test('is none while the queues are silent, and that is said in time', async () => {
    queues = 'silent';
    const began = Date.now();
    const answers = await Promise.all(each.map((way) => post(fresh(way))));
    queues = 'up';
    for (const { status, text } of answers) {
      expect(status).toBe(503);
      expect(text).not.toContain('gave no answer');
    }
    expect(Date.now() - began).toBeLessThan(10_000);
  }, 40_000);

  test.each(['github-partner', 'gitlab-partner', 'deps-dev'])(
    'is none of a thousand junk ones, which cost one reading of the keys: %s',
    async (way) => {
      expect((await post(fresh(way))).status).toBe(202);
      const at = scanner(way === 'github-partner' ? 'github' : way);
      const reads = () =>
        at.arrivals.filter(({ target }) => target.includes('secret_scanning') || target.includes('public_keys')).length;
      const before = reads();
      const junk = async () => {
        const { path, body, headers } = fresh(way);
        const id = Object.keys(headers).find((name) => /identifier/i.test(name)) as string;
        return (await post({ path, body, headers: { ...headers, [id]: newKey() } })).status;
      };
      const statuses = new Set<unknown>();
      for (let round = 0; round < 20; round += 1)
        for (const status of await Promise.all(Array.from({ length: 50 }, junk))) statuses.add(status);
      expect([...statuses]).toEqual([401]);
      expect(reads() - before).toBeLessThanOrEqual(1);
      expect((await post(fresh(way))).status).toBe(202);
    },
    60_000,
  );

  test('is answered soon when many come at once, each for one call', async () => {
    const times: number[] = [];
    const before = calls.length;
    const sender = async () => {
      for (let sent = 0; sent < 50; sent += 1) {
        const delivery = fresh(each[sent % each.length] as string);
        const began = performance.now();
        expect([202, 204]).toContain((await post(delivery)).status);
        times.push(performance.now() - began);
      }
    };
    await Promise.all(Array.from({ length: 8 }, sender));
    const made = calls.slice(before);
    expect(new Set(made)).toEqual(new Set(['SendMessageBatch']));
    // On a busy machine the client may lose a connection and send again.
    expect(made.length).toBeGreaterThanOrEqual(400);
    expect(made.length).toBeLessThan(410);
    const slowest = times.toSorted((left, right) => right - left);
    // The 99th of a hundred: some 50 ms on an idle machine. However busy the machine, no sender has given up by then: GitHub waits 10 s.
    expect(slowest[4]).toBeLessThan(10_000);
  }, 60_000);
});
