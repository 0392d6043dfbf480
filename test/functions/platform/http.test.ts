import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { createServer as createTcpServer } from 'node:net';
import { inspect } from 'node:util';
import { afterEach, describe, expect, test, vi } from 'vitest';
import { createSend } from '../../../functions/platform/http.ts';
import { Unavailable } from '../../../functions/revocation/errors.ts';
import { type Path, path, type Request } from '../../../functions/revocation/exchange.ts';
import { Secret } from '../../../functions/revocation/secret.ts';
import { closed, listen } from '../../../lib/local/emulators.ts';

const canary = 'canary-5e7a11ed';
const servers: Server[] = [];
afterEach(async () => {
  for (const server of servers.splice(0)) {
    server.closeAllConnections();
    await closed(server);
  }
});

interface Arrived {
  line: string;
  headers: IncomingMessage['headers'];
  body: string;
}

/** A provider that does as it is told, and what arrived there. */
async function provider(answer: (response: ServerResponse, request: IncomingMessage) => void) {
  const arrived: Arrived[] = [];
  const server = createServer(async (request, response) => {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk);
    const body = Buffer.concat(chunks).toString('utf8');
    arrived.push({ line: `${request.method} ${request.url}`, headers: request.headers, body });
    answer(response, request);
  });
  servers.push(server);
  return { origin: await listen(server), arrived };
}

const frozen = 1_795_000_000_000;
const send = createSend({ now: () => frozen });
const to = (origin: string, deadline = frozen + 5_000) => ({ provider: 'acme', origin, deadline });
const get = (given: Partial<Request> = {}): Request => ({ method: 'GET', path: path`/keys`, ...given });
const json = (status: number, body: unknown) => (response: ServerResponse) =>
  void response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));

/** What a failed request throws, whole. */
async function faultOf(sending: Promise<unknown>): Promise<Unavailable> {
  const error = await sending.then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  expect(error).toBeInstanceOf(Unavailable);
  return error as Unavailable;
}

describe('a request', () => {
  test('is what it says: method, path, query, headers and body', async () => {
    const { origin, arrived } = await provider(json(200, {}));
    await send(to(origin), {
      method: 'PUT',
      path: path`/keys/${'a/b'}`,
      query: { 'page[size]': '100', q: 'ä &=?#+/' },
      headers: { 'X-Plain': 'plain' },
      body: { enabled: false },
    });
    expect(arrived).toHaveLength(1);
    const [{ line, headers, body }] = arrived as [Arrived];
    expect(line).toBe('PUT /keys/a%2Fb?page%5Bsize%5D=100&q=%C3%A4+%26%3D%3F%23%2B%2F');
    expect(new URL(line.slice(4), origin).searchParams.get('q')).toBe('ä &=?#+/');
    expect(headers).toMatchObject({
      'x-plain': 'plain',
      'content-type': 'application/json',
      accept: 'application/json',
    });
    expect(body).toBe('{"enabled":false}');
  });

  test('says that its body is JSON only where it has one', async () => {
    const { origin, arrived } = await provider(json(200, {}));
    await send(to(origin), get());
    expect(arrived[0]?.headers['content-type']).toBeUndefined();
    expect(arrived[0]?.body).toBe('');
  });

  test('shows a secret header on the wire and nowhere else', async () => {
    const { origin, arrived } = await provider(json(200, {}));
    const request = get({ headers: { 'X-Key': new Secret(canary) } });
    const answer = await send(to(origin), request);
    expect(arrived[0]?.headers['x-key']).toBe(canary);
    expect(inspect({ request, answer }, { depth: null })).not.toContain(canary);
  });

  test('is sent once, whatever is answered', async () => {
    for (const status of [408, 409, 429, 500, 502, 503, 504]) {
      const { origin, arrived } = await provider(json(status, {}));
      expect((await send(to(origin), { method: 'DELETE', path: path`/keys/${'1'}` })).status).toBe(status);
      expect(arrived).toHaveLength(1);
    }
  });
});

describe('an answer', () => {
  test('has its status, its headers by any case of name, and its JSON', async () => {
    const { origin } = await provider((response) =>
      response.writeHead(201, { 'X-RateLimit-Reset': '7' }).end('{"data":["ä"]}'),
    );
    const answer = await send(to(origin), get());
    expect([answer.status, answer.json]).toEqual([201, { data: ['ä'] }]);
    expect([answer.header('x-ratelimit-reset'), answer.header('X-RATELIMIT-RESET')]).toEqual(['7', '7']);
    expect(answer.header('x-none')).toBeUndefined();
  });

  test.each([
    ['a page', '<html><body>{"data":[]}</body></html>'],
    ['nothing', ''],
    ['truncated JSON', '{"data":['],
    ['two values', '{} {}'],
  ])('has no JSON when its body is %s', async (_, body) => {
    const { origin } = await provider((response) => response.writeHead(200).end(body));
    expect(await send(to(origin), get())).toMatchObject({ status: 200, json: undefined });
  });

  test.each([
    ['12345678901234567890', '12345678901234567890'],
    ['-9007199254740993', '-9007199254740993'],
    ['9007199254740991', 9007199254740991],
    ['0', 0],
    ['9007199254740993.5', 9007199254740994],
    ['1e20', 1e20],
    ['"12345678901234567890"', '12345678901234567890'],
  ])('keeps an integer that a number would round as the text it is: %s', async (written, read) => {
    const { origin } = await provider((response) => void response.end(`{"deep":[{"id":${written}}]}`));
    expect((await send(to(origin), get())).json).toEqual({ deep: [{ id: read }] });
  });

  test('has no JSON when it has no body', async () => {
    const { origin } = await provider((response) => response.writeHead(204).end());
    expect(await send(to(origin), get())).toMatchObject({ status: 204, json: undefined });
  });

  test.each([301, 302, 303, 307, 308])('that redirects (%i) is an answer like any other', async (status) => {
    const elsewhere = await provider(json(200, { valid: true }));
    const { origin, arrived } = await provider((response) =>
      response.writeHead(status, { location: `${elsewhere.origin}/keys` }).end(),
    );
    const answer = await send(to(origin), get({ headers: { 'X-Key': new Secret(canary) } }));
    expect([answer.status, answer.header('location')]).toEqual([status, `${elsewhere.origin}/keys`]);
    expect(arrived).toHaveLength(1);
    expect(elsewhere.arrived).toEqual([]);
  });

  test('that redirects within its origin is not followed either', async () => {
    const { origin, arrived } = await provider((response) => response.writeHead(302, { location: '/other' }).end());
    expect((await send(to(origin), get())).status).toBe(302);
    expect(arrived.map(({ line }) => line)).toEqual(['GET /keys']);
  });

  test('may have 1 MiB and no byte more', async () => {
    const text = (size: number) => `"${'x'.repeat(size - 2)}"`;
    const whole = await provider((response) => response.writeHead(200).end(text(1024 * 1024)));
    expect((await send(to(whole.origin), get())).json).toHaveLength(1024 * 1024 - 2);
    const larger = await provider((response) => response.writeHead(200).end(text(1024 * 1024 + 1)));
    const fault = await faultOf(send(to(larger.origin), get()));
    expect([fault.message, fault.untouched]).toEqual(["acme's answer is larger than 1 MiB", false]);
  });

  test('that never ends is not read to its end', async () => {
    const { origin } = await provider((response) => {
      const more = () => {
        while (!response.destroyed && response.write(Buffer.alloc(65_536)));
        if (!response.destroyed) response.once('drain', more);
      };
      response.writeHead(200);
      more();
    });
    expect((await faultOf(send(to(origin), get()))).message).toContain('larger than 1 MiB');
  });
});

describe('the deadline', () => {
  test('ends a request that is not answered, and leaves in doubt what it did', async () => {
    const { origin, arrived } = await provider(() => {});
    const fault = await faultOf(send(to(origin, frozen + 1_500), get()));
    expect([fault.message, fault.untouched, fault.retryAfterMs]).toEqual(['acme did not answer', false, undefined]);
    expect(arrived).toHaveLength(1);
  });

  test('ends an answer that stops half way', async () => {
    const { origin } = await provider((response) => response.writeHead(200).write('{"data":['));
    const fault = await faultOf(send(to(origin, frozen + 1_500), get()));
    expect([fault.message, fault.untouched]).toEqual(['acme did not answer', false]);
  });

  test.each([0, -1, -60_000])('that is %i ms away sends nothing, for certain', async (left) => {
    const { origin, arrived } = await provider(json(200, {}));
    const fault = await faultOf(send(to(origin, frozen + left), get()));
    expect([fault.message, fault.untouched]).toEqual(['no time was left to ask acme', true]);
    expect(arrived).toEqual([]);
  });

  test('is at most ten seconds away, however much time is left', async () => {
    const waits = vi.spyOn(AbortSignal, 'timeout');
    const { origin } = await provider(json(200, {}));
    for (const left of [1, 2_500, 9_999, 10_000, 10_001, 3_600_000]) await send(to(origin, frozen + left + 500), get());
    expect(waits.mock.calls.flat()).toEqual([501, 3_000, 10_000, 10_000, 10_000, 10_000]);
    waits.mockRestore();
  });
});

describe('a failure', () => {
  const request = get({
    path: path`/keys/${`${canary}-path`}`,
    query: { q: `${canary}-query` },
    headers: { 'X-Key': new Secret(`${canary}-header`), 'X-Plain': `${canary}-plain` },
  });
  const withBody: Request = { ...request, method: 'POST', body: { secret: `${canary}-body` } };

  /** Everything that a log could make of an error. */
  const everything = (error: Error) =>
    [inspect(error, { depth: null, showHidden: true }), JSON.stringify(error), error.stack, String(error.cause)].join();

  test('to connect is certain to have done nothing', async () => {
    const server = createTcpServer();
    const origin = await listen(server as unknown as Server);
    await new Promise((resolve) => server.close(resolve));
    const fault = await faultOf(send(to(origin), withBody));
    expect([fault.message, fault.untouched]).toEqual(['acme did not answer', true]);
    expect(everything(fault)).not.toContain(canary);
    expect(everything(fault)).not.toContain(new URL(origin).port);
  });

  test('to find the host is certain to have done nothing', async () => {
    const lookup = createSend({
      now: () => frozen,
      fetch: async () => {
        throw new TypeError('fetch failed', { cause: Object.assign(new Error(canary), { code: 'ENOTFOUND' }) });
      },
    });
    const fault = await faultOf(lookup(to('https://no.example'), withBody));
    expect(fault.untouched).toBe(true);
    expect(everything(fault)).not.toContain(canary);
    expect(everything(fault)).not.toContain('no.example');
  });

  test.each([
    ['before an answer', (response: ServerResponse) => void response.socket?.destroy()],
    [
      'within an answer',
      (response: ServerResponse) => {
        response.writeHead(200, { 'content-length': '100' });
        response.write('{"data"', () => response.socket?.destroy());
      },
    ],
    ['with an answer that is not HTTP', (response: ServerResponse) => void response.socket?.end('hello\r\n\r\n')],
    ['by a reset', (response: ServerResponse) => void response.socket?.resetAndDestroy()],
  ])('of the connection %s leaves in doubt what was done, and holds nothing of the request', async (_, fail) => {
    const { origin, arrived } = await provider(fail);
    const fault = await faultOf(send(to(origin), withBody));
    expect([fault.message, fault.untouched, fault.cause]).toEqual(['acme did not answer', false, undefined]);
    expect(everything(fault)).not.toContain(canary);
    expect(everything(fault)).not.toContain(new URL(origin).port);
    expect(arrived).toHaveLength(1);
  });

  test('by time or by size holds nothing of the request either', async () => {
    const silent = await provider(() => {});
    const large = await provider((response) => response.writeHead(200).end(canary.repeat(100_000)));
    for (const fault of [
      await faultOf(send(to(silent.origin, frozen + 1_500), withBody)),
      await faultOf(send(to(silent.origin, frozen), withBody)),
      await faultOf(send(to(large.origin), withBody)),
    ]) {
      expect(everything(fault)).not.toContain(canary);
      expect(everything(fault)).not.toContain('127.0.0.1');
      expect(fault.cause).toBeUndefined();
    }
  });

  test('to write a header holds nothing of it', async () => {
    const { origin, arrived } = await provider(json(200, {}));
    const fault = await faultOf(send(to(origin), get({ headers: { 'X-Key': new Secret(`${canary}\r\nx: y`) } })));
    expect(everything(fault)).not.toContain(canary);
    expect(arrived).toEqual([]);
  });
});

describe('the origin', () => {
  test.each([
    '@evil.example/keys',
    '.evil.example/keys',
    ':80/keys',
    '1/keys',
    '.:1/keys',
    'keys',
    '/keys/../admin',
    '/keys/%2e%2e/admin',
    '/keys/.%2E/admin',
    '/keys/./admin',
    '/keys\\..\\admin',
    '/keys?admin=true',
    '/keys#admin',
    '/ke\nys',
    '/keys ',
    '',
  ])('is not left, nor another path reached, by a path made by hand: %j', async (made) => {
    const asked: string[] = [];
    const recording = createSend({
      now: () => frozen,
      fetch: async (url) => {
        asked.push(String(url));
        return new Response('{}');
      },
    });
    const request = get({ path: made as Path, headers: { 'X-Key': new Secret(canary) } });
    await expect(recording(to('http://api.example:1'), request)).rejects.toThrow(Error);
    await expect(recording(to('https://api.example'), request)).rejects.toThrow(Error);
    expect(asked).toEqual([]);
  });

  test('keeps a path that begins with two slashes', async () => {
    const { origin, arrived } = await provider(json(200, {}));
    await send(to(origin), get({ path: '//evil.example/keys' as Path }));
    expect(arrived[0]?.line).toBe('GET //evil.example/keys');
  });

  test('is all that is taken of an address', async () => {
    const { origin, arrived } = await provider(json(200, {}));
    await send(to(`${origin}/base/path?x=y#z`), get());
    expect(arrived[0]?.line).toBe('GET /keys');
  });
});
