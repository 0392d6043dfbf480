import { once } from 'node:events';
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net';
import { PassThrough } from 'node:stream';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { FunctionDied, type FunctionHost, hostFunction } from '../../../lib/local/function-host.ts';

/** Answers with its thread's number: at once, or when the test says so over a connection that ends with the thread. */
const code = `
  import net from 'node:net';
  import { threadId } from 'node:worker_threads';
  export const handler = ({ port }) =>
    new Promise((resolve) => (port ? net.connect(port).once('data', () => resolve(threadId)) : resolve(threadId)));
`;
const timeoutSeconds = 1.5;
const halfTime = 750;

// A new thread loads for seconds where many files are tested side by side.
describe('a function', { timeout: 60_000 }, () => {
  let host: FunctionHost;
  let server: Server;
  beforeEach(async () => {
    server = createServer().listen(0, '127.0.0.1');
    await once(server, 'listening');
    host = hostFunction({
      name: 'test',
      entry: new URL(`data:text/javascript,${encodeURIComponent(code)}`),
      environment: {},
      timeoutSeconds,
      network: undefined,
      logs: new PassThrough().resume(),
    });
    await host.ready();
  });
  afterEach(async () => {
    await host.kill();
    server.close();
  });

  const port = () => (server.address() as AddressInfo).port;
  const atOnce = () => host.invoke({});
  /** An invocation that waits for a word from the test. */
  async function waiting() {
    const connected = once(server, 'connection') as Promise<[Socket]>;
    const result = host.invoke({ port: port() });
    result.catch(() => {});
    const [socket] = await connected;
    socket.on('error', () => {});
    return { result, socket, ended: once(socket, 'close') };
  }
  /** Goes on calling the function, so that the next invocation starts well after the last one. */
  async function busyFor(ms: number): Promise<void> {
    for (const end = Date.now() + ms; Date.now() < end; ) await atOnce();
  }

  test('that runs past its timeout fails alone: what else its thread has in hand is finished', async () => {
    const thread = await atOnce();
    const slow = await waiting();
    await busyFor(halfTime);
    const innocent = await waiting();
    await expect(slow.result).rejects.toThrow(FunctionDied);
    innocent.socket.write('go on');
    expect(await innocent.result).toBe(thread);
  });

  test('has a new thread from then on, and the old one ends when nothing is left in its hand', async () => {
    const thread = await atOnce();
    const slow = await waiting();
    await busyFor(halfTime);
    const innocent = await waiting();
    await expect(slow.result).rejects.toThrow(`ran longer than ${timeoutSeconds} s`);
    const next = atOnce();
    expect([slow.socket.closed, innocent.socket.closed]).toEqual([false, false]);
    innocent.socket.write('go on');
    expect(await innocent.result).toBe(thread);
    await Promise.all([slow.ended, innocent.ended]);
    expect(await next).not.toBe(thread);
  });

  test('has its old thread ended by the timeouts of what it still has in hand', async () => {
    const first = await waiting();
    await busyFor(halfTime);
    const second = await waiting();
    await expect(first.result).rejects.toThrow(FunctionDied);
    await expect(second.result).rejects.toThrow(FunctionDied);
    await Promise.all([first.ended, second.ended]);
    expect(await atOnce()).toEqual(expect.any(Number));
  });

  test('that is killed loses everything at once, in threads that only finish their work too', async () => {
    const slow = await waiting();
    await busyFor(halfTime);
    const old = await waiting();
    await expect(slow.result).rejects.toThrow(FunctionDied);
    const fresh = atOnce();
    fresh.catch(() => {});
    await host.kill();
    await expect(old.result).rejects.toThrow('test ended');
    await expect(fresh).rejects.toThrow('test ended');
    expect(await atOnce()).toEqual(expect.any(Number));
  });

  test('is closed when what is in hand is over, wherever that is', async () => {
    const slow = await waiting();
    await busyFor(halfTime);
    const innocent = await waiting();
    await expect(slow.result).rejects.toThrow(FunctionDied);
    const closing = host.close();
    await expect(atOnce()).rejects.toThrow('test is closed');
    innocent.socket.write('go on');
    expect(await innocent.result).toEqual(expect.any(Number));
    await closing;
  });
});
