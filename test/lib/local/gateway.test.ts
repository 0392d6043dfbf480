import { once } from 'node:events';
import { type IncomingMessage, request, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { closed, listen } from '../../../lib/local/emulators.ts';
import { FunctionDied } from '../../../lib/local/function-host.ts';
import { gatewayServer } from '../../../lib/local/gateway.ts';

let server: Server;
beforeAll(async () => {
  server = gatewayServer([
    { route: 'GET /health', invoke: async () => ({ statusCode: 200, body: '{"ok":true}' }) },
    { route: 'POST /sources/{source}', access: 'public', invoke: async () => ({ statusCode: 404 }) },
    { route: 'POST /sources/slack', access: 'public', invoke: async () => ({ statusCode: 200, body: '{}' }) },
    { route: 'POST /fuse/reset', access: 'operator', invoke: async () => ({ statusCode: 200, body: '{}' }) },
    {
      route: 'POST /revocations',
      invoke: async () => {
        throw new FunctionDied('receive-request ended');
      },
    },
  ]);
  await listen(server);
});
afterAll(() => closed(server));

/** Sends a request line as it stands: `fetch` would tidy it up. */
async function send(method: string, path: string, body = '', type?: string, more: Record<string, string> = {}) {
  const { port } = server.address() as AddressInfo;
  const headers = { ...(type && { 'content-type': type }), ...more };
  const sent = request({ host: '127.0.0.1', port, method, path, headers });
  sent.end(body);
  const [response] = (await once(sent, 'response')) as [IncomingMessage];
  const chunks: Buffer[] = [];
  for await (const chunk of response) chunks.push(chunk);
  const text = Buffer.concat(chunks).toString('utf8');
  return { status: response.statusCode, type: response.headers['content-type'], text };
}

/** What RFC 9457 asks of an answer that is a problem. */
function expectProblem({ status, type, text }: Awaited<ReturnType<typeof send>>, expected: number): void {
  expect({ status, type }).toEqual({ status: expected, type: 'application/problem+json' });
  expect(JSON.parse(text)).toEqual({
    type: 'about:blank',
    title: expect.any(String),
    status: expected,
    detail: expect.stringMatching(/\.$/),
  });
}

describe('the gateway', () => {
  test.each(['//', '///', '//health', '//evil.example/health', '/nowhere', '/health/', '*', '/\\'])(
    'answers 404 as a problem for %s',
    async (path) => {
      expectProblem(await send('GET', path), 404);
    },
  );

  test('answers 404 as a problem for a method that its route does not have', async () => {
    expectProblem(await send('DELETE', '/health'), 404);
  });

  test('answers 413 as a problem for a body that no function could be given', async () => {
    expectProblem(await send('POST', '/revocations', 'x'.repeat(7 * 1024 * 1024)), 413);
  });

  test('answers 413 as a problem for a text that does not fit into an event, though its bytes would', async () => {
    const quotes = '"'.repeat(4 * 1024 * 1024);
    expectProblem(await send('POST', '/sources/nobody', quotes, 'application/json'), 413);
    expect(await send('POST', '/sources/nobody', quotes, 'application/x-ndjson')).toMatchObject({
      status: 404,
      text: '',
    });
  });

  test('answers 503 as a problem where the function died', async () => {
    expectProblem(await send('POST', '/revocations', '{}'), 503);
  });

  test('gives a request to the route with the fewest parameters, whichever was named first', async () => {
    expect(await send('POST', '/sources/slack', '{}')).toMatchObject({ status: 200, text: '{}' });
    expect(await send('POST', '/sources/slacks', '{}')).toMatchObject({ status: 404, text: '' });
  });

  test.each([
    ['a name that was turned to this machine', { host: 'rebound.example:8787' }],
    ['a name that only begins like ours', { host: 'localhost.example' }],
    ['a page in a browser', { origin: 'https://page.example' }],
    ['a page of nowhere', { origin: 'null' }],
    ['a page of another server on this machine', { origin: 'http://localhost:3000' }],
  ])('refuses an order that comes by %s, on routes of operators and of nobody', async (_from, headers) => {
    for (const [method, path] of [
      ['POST', '/fuse/reset'],
      ['GET', '/health'],
    ] as const)
      expectProblem(await send(method, path, '', 'text/plain', headers), 403);
  });

  test.each(['localhost', 'LOCALHOST:8787', '127.0.0.1:1', '[::1]:8787'])('takes an order for %s', async (host) => {
    expect(await send('POST', '/fuse/reset', '', undefined, { host })).toMatchObject({ status: 200 });
  });

  test('takes an alert under any name: its sender may come through a tunnel, and signs', async () => {
    const headers = { host: 'tunnel.example', origin: 'https://scanner.example' };
    expect(await send('POST', '/sources/slack', '{}', 'application/json', headers)).toMatchObject({ status: 200 });
  });

  test('hands on what a function answers as it is, an empty 404 too', async () => {
    expect(await send('POST', '/sources/nobody', '{}')).toEqual({ status: 404, type: undefined, text: '' });
    expect(await send('GET', '/health?x=//')).toMatchObject({ status: 200, text: '{"ok":true}' });
    expect(await send('GET', 'http://somewhere/health')).toMatchObject({ status: 200 });
  });
});
