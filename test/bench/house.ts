import { type ChildProcess, fork } from 'node:child_process';
import { createHmac, randomUUID } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import net from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { type AttributeValue, ScanCommand } from '@aws-sdk/client-dynamodb';
import { ReceiveMessageCommand } from '@aws-sdk/client-sqs';
import { build } from 'esbuild';
import { Agent, setGlobalDispatcher } from 'undici';
import { functions } from '../../functions/manifest.ts';
import type { FunctionName } from '../../functions/platform/env.ts';
import { bundleOf } from '../../lib/bundling.ts';
import { type Cloud, cloudOf } from '../../lib/local/resources.ts';
import type { Asked, Places, WorldOptions } from './world.ts';

/** A deployed function, as Lambda would call it. */
export type Handler = (event: unknown, context: unknown) => Promise<unknown>;

/** The bundles of every function, made once per run as the stack makes them. */
export interface Bundles {
  folder: string;
  fileOf(name: FunctionName): string;
  close(): void;
}

export async function makeBundles(): Promise<Bundles> {
  const folder = mkdtempSync(join(tmpdir(), 'leakstop-bench-'));
  const fileOf = (name: FunctionName) => join(folder, name, 'index.mjs');
  const names = Object.keys(functions) as FunctionName[];
  await Promise.all(names.map((name) => build(bundleOf(`functions/${functions[name].entry}`, fileOf(name)))));
  return { folder, fileOf, close: () => rmSync(folder, { recursive: true }) };
}

const signingKey = Buffer.from('the signing secret of the bench 1');
const secrets = {
  'leakstop/sources/standard': { secrets: [`whsec_${signingKey.toString('base64')}`] },
  'leakstop/fingerprint': { key: 'k'.repeat(64) },
};

/** A world to work in, in a process of its own, and the functions in this one: two cores, as the two have in AWS each their own. */
export interface House {
  places: Places;
  cloud: Cloud;
  /** Makes keys and says what leaks of each. */
  leaks(provider: string, count: number): Promise<object[]>;
  /** A function that was never called, from its bundle; `variables` beside those that every function has. */
  load(name: FunctionName, variables?: Record<string, string>): Promise<Handler>;
  /** A lane of a provider. */
  lane(provider?: string, policy?: object): Promise<Handler>;
  receive(queue: string, wait?: number): Promise<unknown[]>;
  /** A closed incident as it stands in the table. */
  anIncident(): Promise<Record<string, AttributeValue>>;
  close(): Promise<void>;
}

export const context = () => {
  const endsAt = Date.now() + 24_000;
  return { awsRequestId: randomUUID(), getRemainingTimeInMillis: () => endsAt - Date.now() };
};

/** A signed alert as API Gateway hands it over; `forged`: signed with another secret. */
export function alertOf(leak: object, { forged = false } = {}): unknown {
  const body = JSON.stringify({ type: 'credential.leaked', timestamp: new Date().toISOString(), data: leak });
  const [id, at] = [`msg_${randomUUID()}`, Math.floor(Date.now() / 1000)];
  const key = forged ? Buffer.from('the signing secret of no one here') : signingKey;
  const signature = createHmac('sha256', key).update(`${id}.${at}.${body}`).digest('base64');
  const headers = { 'webhook-id': id, 'webhook-timestamp': String(at), 'webhook-signature': `v1,${signature}` };
  return {
    routeKey: 'POST /sources/{source}',
    rawQueryString: '',
    requestContext: { requestId: id },
    pathParameters: { source: 'standard' },
    ...{ body, headers },
  };
}

let instances = 0;

export async function openHouse(bundles: Bundles, options: Partial<WorldOptions> = {}): Promise<House> {
  const child = fork(join(import.meta.dirname, 'world.ts'), { stdio: ['ignore', 'ignore', 'inherit', 'ipc'] });
  const world: WorldOptions = { keys: 100, accounts: 1, others: false, selfLookup: true, secrets, ...options };
  const places = (await ask(child, { is: 'begin', options: world })) as Places;
  // Every connection of `fetch` ends on loopback, without TLS; connections stay open, as they do in a function that is warm.
  setGlobalDispatcher(
    new Agent({
      connect: ({ hostname }, callback) => {
        const socket = net.connect(places.network[hostname] ?? 1, '127.0.0.1');
        socket.setNoDelay(true);
        socket.once('connect', () => callback(null, socket));
        socket.once('error', (error) => callback(error, null));
      },
    }),
  );
  const variables = {
    ...places.endpoints,
    AWS_REGION: 'us-east-1',
    AWS_ACCESS_KEY_ID: 'bench',
    AWS_SECRET_ACCESS_KEY: 'bench',
    LANES: JSON.stringify(places.lanes),
    UNROUTED_QUEUE: places.unroutedQueue,
    NOTICES_QUEUE: places.noticesQueue,
    SOURCES: '["standard"]',
    TABLE: places.table,
  };
  const cloud = cloudOf(variables);
  const load: House['load'] = async (name, own = {}) => {
    instances += 1;
    const { handler } = (await import(`${pathToFileURL(bundles.fileOf(name)).href}?${instances}`)) as {
      handler: Handler;
    };
    // A function reads its environment when it is first called.
    let isCalled = false;
    return (event, given) => {
      if (!isCalled) Object.assign(process.env, variables, own);
      isCalled = true;
      return handler(event, given);
    };
  };
  return {
    places,
    cloud,
    load,
    leaks: async (provider, count) => (await ask(child, { is: 'leak', provider, count })) as object[],
    lane: (provider = 'datadog', policy = {}) =>
      load('revoke-key', {
        PROVIDER: provider,
        ACCOUNTS: JSON.stringify(Object.keys(places.accounts[provider] ?? {})),
        ACTION: 'delete',
        POLICY: JSON.stringify(policy),
        LANE: places.lanes[provider] ?? '',
      }),
    async receive(queue, wait = 1) {
      const command = new ReceiveMessageCommand({ QueueUrl: queue, MaxNumberOfMessages: 10, WaitTimeSeconds: wait });
      const { Messages = [] } = await cloud.sqs.send(command);
      return Messages.map(({ MessageId, Body }) => ({ messageId: MessageId, body: Body }));
    },
    async anIncident() {
      const { Items = [] } = await cloud.dynamoDb.send(new ScanCommand({ TableName: places.table }));
      const closed = Items.find(({ state }) => state?.S === 'closed');
      if (!closed) throw new Error('no incident was closed');
      return closed;
    },
    async close() {
      for (const client of Object.values(cloud)) client.destroy();
      child.kill('SIGKILL');
    },
  };
}

function ask(child: ChildProcess, asked: Asked): Promise<unknown> {
  return new Promise((resolve, reject) => {
    child.once('message', resolve);
    child.once('exit', (code) => reject(new Error(`the world ended with ${code}`)));
    child.send(asked);
  });
}

/** What is written meanwhile goes nowhere: logs and metrics are made, and nobody reads them here. */
export async function silently<Result>(act: () => Promise<Result>): Promise<Result> {
  const outputs = [process.stdout, process.stderr] as const;
  const writes = outputs.map(({ write }) => write);
  for (const output of outputs) output.write = (() => true) as typeof output.write;
  try {
    return await act();
  } finally {
    for (const [index, output] of outputs.entries()) output.write = writes[index] ?? output.write;
  }
}

/** The value below which this part of all lie (0.5: the median). */
export function quantile(values: readonly number[], part: number): number {
  const sorted = values.toSorted((left, right) => left - right);
  return sorted[Math.min(Math.floor(sorted.length * part), sorted.length - 1)] ?? Number.NaN;
}
