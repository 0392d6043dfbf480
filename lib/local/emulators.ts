import { mkdirSync } from 'node:fs';
import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import dynalite from 'dynalite';
import { buildApp } from 'fauxqs';
import { secretsManagerServer } from './secrets-manager.ts';

/** The AWS services of a stage: their endpoints, and how to end those that are the stage's own. */
export interface Emulators {
  endpoints: {
    AWS_ENDPOINT_URL_DYNAMODB: string;
    AWS_ENDPOINT_URL_SQS: string;
    AWS_ENDPOINT_URL_SECRETS_MANAGER: string;
  };
  close(): Promise<void>;
}

/** Starts, on loopback, what `given` does not name already. `data` is the folder that keeps the ledger; absent, it stays in memory. */
export async function startEmulators(given: NodeJS.ProcessEnv, data: string | undefined): Promise<Emulators> {
  const closers: (() => Promise<unknown>)[] = [];
  const own = async (server: Server) => {
    const url = await listen(server);
    closers.push(() => closed(server));
    return url;
  };
  const queues = async () => {
    const app = buildApp({ logger: false });
    closers.push(() => app.close());
    return app.listen({ port: 0, host: '127.0.0.1' });
  };
  const ledger = () => {
    if (data !== undefined) mkdirSync(data, { recursive: true, mode: 0o700 });
    return own(dynalite({ createTableMs: 0, ...(data !== undefined && { path: data }) }));
  };
  return {
    endpoints: {
      AWS_ENDPOINT_URL_DYNAMODB: given.AWS_ENDPOINT_URL_DYNAMODB ?? (await ledger()),
      AWS_ENDPOINT_URL_SQS: given.AWS_ENDPOINT_URL_SQS ?? (await queues()),
      AWS_ENDPOINT_URL_SECRETS_MANAGER: given.AWS_ENDPOINT_URL_SECRETS_MANAGER ?? (await own(secretsManagerServer())),
    },
    close: async () => void (await Promise.all(closers.map((close) => close()))),
  };
}

/** Listens on a free loopback port, or on `port`, and answers the address. */
export async function listen(server: Server, port = 0): Promise<string> {
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, '127.0.0.1', () => resolve());
  });
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

/** Stops listening, lets requests in hand finish for `graceMs`, then drops what is left. */
export async function closed(server: Server, graceMs = 1000): Promise<void> {
  const done = new Promise((resolve) => server.close(resolve));
  const idle = setInterval(() => server.closeIdleConnections(), 50);
  const drop = setTimeout(() => server.closeAllConnections(), graceMs);
  await done;
  clearInterval(idle);
  clearTimeout(drop);
}
