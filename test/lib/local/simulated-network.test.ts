import { createServer, type Server } from 'node:http';
import { afterEach, describe, expect, test } from 'vitest';
import { createSend } from '../../../functions/platform/http.ts';
import { path } from '../../../functions/revocation/exchange.ts';
import { closed, listen } from '../../../lib/local/emulators.ts';
import { simulatedNetwork } from '../../../lib/local/simulated-network.ts';

describe('the network of a stage with simulated vendors', () => {
  const ends: (() => Promise<void>)[] = [];
  afterEach(async () => {
    for (const end of ends.splice(0)) await end();
  });

  /** A server on this machine, and the hosts that were asked for there. */
  async function server(name: string, location?: string) {
    const hosts: string[] = [];
    const own: Server = createServer(({ headers }, response) => {
      hosts.push(String(headers.host));
      if (location !== undefined) return void response.writeHead(302, { location }).end();
      response.writeHead(200).end(JSON.stringify(name));
    });
    const origin = await listen(own);
    ends.push(async () => {
      own.closeAllConnections();
      await closed(own);
    });
    return { origin, hosts, port: Number(new URL(origin).port) };
  }

  function sending(network: Record<string, number>) {
    const dispatcher = simulatedNetwork(network);
    ends.push(() => dispatcher.destroy());
    const through = ((url: URL, init: RequestInit) =>
      fetch(url, { ...init, dispatcher } as RequestInit)) as typeof fetch;
    const now = Date.now();
    const send = createSend({ now: () => now, fetch: through });
    return (origin: string) =>
      send({ provider: 'acme', origin, deadline: now + 10_000 }, { method: 'GET', path: path`/` });
  }

  test('leads to the simulated vendor of a host', async () => {
    const vendor = await server('vendor');
    const ask = sending({ 'api.acme.example': vendor.port });
    expect((await ask('https://api.acme.example')).json).toBe('vendor');
    expect(vendor.hosts).toEqual(['api.acme.example']);
  });

  test('leads to what runs on this machine, whoever claims its names', async () => {
    const own = await server('own');
    const vendor = await server('vendor');
    const ask = sending({ '127.0.0.1': vendor.port, localhost: vendor.port });
    for (const origin of [own.origin, own.origin.replace('127.0.0.1', 'localhost')])
      expect((await ask(origin)).json).toBe('own');
    expect(vendor.hosts).toEqual([]);
  });

  test('speaks TLS there where the address says so', async () => {
    const own = await server('own');
    await expect(sending({})(own.origin.replace('http:', 'https:'))).rejects.toThrow('acme did not answer');
    expect(own.hosts).toEqual([]);
  });

  test.each(['https://api.acme.example', 'https://127.0.0.1.acme.example', 'http://127.0.0.2', 'https://10.0.0.1'])(
    'refuses %s, which nobody simulates',
    async (origin) => {
      const refused = await sending({})(origin).catch((error: unknown) => error);
      expect(refused).toMatchObject({ message: 'acme did not answer', untouched: true });
    },
  );

  test('takes no redirect of another host for a way to this machine', async () => {
    const own = await server('own');
    const vendor = await server('vendor', own.origin);
    const ask = sending({ 'api.acme.example': vendor.port });
    expect((await ask('https://api.acme.example')).status).toBe(302);
    expect(own.hosts).toEqual([]);
  });
});
