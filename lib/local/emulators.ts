import { mkdirSync } from 'node:fs';
import type { Server } from 'node:http';
import { createRequire } from 'node:module';
import type { AddressInfo } from 'node:net';
import dynalite from 'dynalite';
import { buildApp } from 'fauxqs';
import { eventBusServer, type PutEvent } from './event-bus.ts';
import { BadOption } from './options.ts';
import { secretsManagerServer } from './secrets-manager.ts';
import { type Publication, topicServer } from './topic.ts';

/** The AWS services of a stage: their endpoints, and how to end those that are the stage's own. */
export interface Emulators {
  endpoints: {
    AWS_ENDPOINT_URL_DYNAMODB: string;
    AWS_ENDPOINT_URL_SQS: string;
    AWS_ENDPOINT_URL_SECRETS_MANAGER: string;
    AWS_ENDPOINT_URL_EVENTBRIDGE: string;
    AWS_ENDPOINT_URL_SNS: string;
  };
  /** What was put on the stage's own bus, and published to its own topics. */
  events: PutEvent[];
  publications: Publication[];
  close(): Promise<void>;
}

/**
 * Starts, on loopback, what `given` does not name already. `data` is the folder that keeps the ledger; absent, it stays in memory.
 * @throws BadOption before anything listens
 */
export async function startEmulators(given: NodeJS.ProcessEnv, data: string | undefined): Promise<Emulators> {
  const dynamoDb = endpoint(given, 'AWS_ENDPOINT_URL_DYNAMODB');
  const sqs = endpoint(given, 'AWS_ENDPOINT_URL_SQS');
  const secretsManager = endpoint(given, 'AWS_ENDPOINT_URL_SECRETS_MANAGER');
  const eventBridge = endpoint(given, 'AWS_ENDPOINT_URL_EVENTBRIDGE');
  const sns = endpoint(given, 'AWS_ENDPOINT_URL_SNS');
  const events: PutEvent[] = [];
  const publications: Publication[] = [];
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
  const ledger = async () => {
    if (data !== undefined) await tryFolder(data);
    return own(dynalite({ createTableMs: 0, ...(data !== undefined && { path: data }) }));
  };
  return {
    endpoints: {
      AWS_ENDPOINT_URL_DYNAMODB: dynamoDb ?? (await ledger()),
      AWS_ENDPOINT_URL_SQS: sqs ?? (await queues()),
      AWS_ENDPOINT_URL_SECRETS_MANAGER: secretsManager ?? (await own(secretsManagerServer())),
      AWS_ENDPOINT_URL_EVENTBRIDGE: eventBridge ?? (await own(eventBusServer(events))),
      AWS_ENDPOINT_URL_SNS: sns ?? (await own(topicServer(publications))),
    },
    events,
    publications,
    close: async () => void (await Promise.all(closers.map((close) => close()))),
  };
}

/** Where a service is said to be. Set to nothing it is as good as absent: the SDK would take that for the real AWS. */
function endpoint(given: NodeJS.ProcessEnv, name: keyof Emulators['endpoints']): string | undefined {
  const value = given[name] || undefined;
  if (value !== undefined && !(/^https?:\/\//i.test(value) && URL.canParse(value)))
    throw new BadOption(`${name}: must be an http or https URL, or not set`);
  return value;
}

/** The store that dynalite keeps its tables in. */
type Store = new (path: string) => { open(): Promise<void>; close(): Promise<void> };

/** A folder that dynalite cannot open ends the whole process, out of reach; so it is opened here first, by the same store. */
async function tryFolder(data: string): Promise<void> {
  mkdirSync(data, { recursive: true, mode: 0o700 });
  const fromDynalite = createRequire(createRequire(import.meta.url).resolve('dynalite'));
  const { Level } = fromDynalite('level') as { Level: Store };
  const store = new Level(data);
  try {
    await store.open();
  } catch (error) {
    const { code, message } = (error as { cause?: NodeJS.ErrnoException }).cause ?? {};
    throw new BadOption(
      code === 'LEVEL_LOCKED'
        ? `--data: ${data} is in use by another stage`
        : `--data: ${data} cannot be opened: ${message ?? 'it holds something else'}`,
    );
  }
  await store.close();
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
