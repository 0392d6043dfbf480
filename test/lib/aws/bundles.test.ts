import { createHmac } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { functions, names, queues } from '../../../functions/manifest.ts';
import type { FunctionName } from '../../../functions/platform/env.ts';
import { dynamoLedger } from '../../../functions/platform/ledger.ts';
import { providers } from '../../../functions/providers/index.ts';
import { type Emulators, startEmulators } from '../../../lib/local/emulators.ts';
import { type Cloud, cloudOf, createResources } from '../../../lib/local/resources.ts';
import { sampleSigningSecret } from '../../../lib/local/samples.ts';
import { sampleSlackSecret, slackWorkspace } from '../../../lib/local/slack.ts';
import { handle, synthesize } from './bundle.ts';
import { everything, nameOf, stackOf } from './template.ts';

const ids = Object.keys(providers);
const folders = [1, 2].map(() => mkdtempSync(join(tmpdir(), 'leakstop-bundles-')));
let emulators: Emulators;
let cloud: Cloud;
let aws: Record<string, string>;
let assemblies: ReturnType<typeof synthesize>[];

beforeAll(async () => {
  emulators = await startEmulators({}, undefined);
  const local = { AWS_REGION: 'us-east-1', AWS_ACCESS_KEY_ID: 'local', AWS_SECRET_ACCESS_KEY: 'local' };
  aws = { ...local, ...emulators.endpoints, POWERTOOLS_LOG_LEVEL: 'SILENT' };
  cloud = cloudOf(aws);
  const secrets = {
    [names.sourceSecret('standard')]: { secrets: [sampleSigningSecret] },
    [names.sourceSecret('slack')]: sampleSlackSecret,
    'leakstop/fingerprint': { key: 'k'.repeat(64) },
  };
  const { lanes, unroutedQueue, noticesQueue } = await createResources(cloud, {
    ...queues,
    providers: ids,
    isTold: true,
    secrets,
  });
  const urls = new Map([
    [names.unrouted, unroutedQueue],
    [names.notices, String(noticesQueue)],
    ...ids.map((id) => [names.lane(id), lanes[id]] as const),
  ]);
  assemblies = folders.map((outdir) =>
    synthesize(stackOf(everything, { outdir }).app, (id, resources) => {
      const name = nameOf(resources, id);
      return urls.get(name) ?? name;
    }),
  );
}, 400_000);

afterAll(async () => {
  for (const client of Object.values(cloud)) client.destroy();
  await emulators.close();
  for (const folder of folders) rmSync(folder, { recursive: true });
});

function send<Result>(name: string, ...events: unknown[]): Promise<Result[]> {
  const bundle = assemblies[0]?.bundles.find((each) => each.name === name);
  if (!bundle) throw new Error(`${name} is not deployed`);
  return handle<Result>(bundle, aws, events);
}

const request = (route: string, { body = '', headers = {}, pathParameters = {} } = {}) => ({
  routeKey: route,
  rawQueryString: '',
  requestContext: { requestId: 'request' },
  ...{ body, headers, pathParameters },
});
const messages = (body: unknown) => ({ Records: [{ messageId: 'one', body: JSON.stringify(body) }] });
const incident = (id: string) => `inc_${id.padEnd(26, '0')}`;
const sighting = { source: 'standard', at: '2026-11-20T12:00:00.000Z', delivery: 'one' };
const recorded = (id: string) => {
  const clock = { now: Date.now, sleep: async () => {}, random: Math.random };
  return dynamoLedger({ client: cloud.dynamoDb, table: names.table }, clock).read(id);
};

/** What each bundle is given, and what must come of it. */
const trials: Record<FunctionName, () => Promise<void>> = {
  async 'keep-watch'() {
    const answers = await send(names.function('keep-watch'), {});
    expect(answers).toEqual([undefined]);
  },
  async 'receive-alert'() {
    const body = JSON.stringify({ type: 'credential.leaked', data: { provider: ids[0], secret: 'c'.repeat(32) } });
    const now = Math.floor(Date.now() / 1000);
    const key = Buffer.from(sampleSigningSecret.slice('whsec_'.length), 'base64');
    const signature = createHmac('sha256', key).update(`one.${now}.${body}`).digest('base64');
    const headers = { 'webhook-id': 'one', 'webhook-timestamp': `${now}`, 'webhook-signature': `v1,${signature}` };
    const alert = { body, pathParameters: { source: 'standard' } };
    const route = 'POST /sources/{source}';
    const sent = [request(route, alert), request(route, { ...alert, headers })];
    const answers = await send<{ statusCode: number }>(names.function('receive-alert'), ...sent);
    expect(answers.map(({ statusCode }) => statusCode)).toEqual([401, 202]);
  },
  async 'receive-request'() {
    const sent = ['GET /health', 'GET /incidents', 'GET /openapi.json'].map((route) => request(route));
    const answers = await send<{ statusCode: number }>(names.function('receive-request'), ...sent);
    expect(answers.map(({ statusCode }) => statusCode)).toEqual([200, 200, 200]);
  },
  async 'receive-slack'() {
    const { body, headers } = slackWorkspace(sampleSlackSecret).verification('c-1');
    const route = 'POST /sources/slack';
    const sent = [request(route, { body }), request(route, { body, headers })];
    const answers = await send<{ statusCode: number }>(names.function('receive-slack'), ...sent);
    expect(answers.map(({ statusCode }) => statusCode)).toEqual([401, 200]);
  },
  async 'resolve-alert'() {
    const report = { incident: incident('a'), provider: null, kind: null, reason: 'nobody knows it', sighting };
    const answers = await send(names.function('resolve-alert'), messages(report));
    expect(answers).toEqual([{ batchItemFailures: [] }]);
    expect(await recorded(report.incident)).toMatchObject({ state: 'parked', outcome: 'unrouted' });
  },
  async 'send-notice'() {
    const errand = { incident: incident('z'), delivered: [], tries: 0, since: Date.now() };
    const answers = await send(names.function('send-notice'), messages(errand));
    expect(answers).toEqual([{ batchItemFailures: [] }]);
  },
  async 'revoke-key'() {
    for (const [index, [provider, { kinds }]] of Object.entries(providers).entries()) {
      const leak = { secret: 'c'.repeat(32), account: 'elsewhere' };
      const report = { message: 'one', incident: incident(`b${index}`), provider, kind: Object.keys(kinds)[0], leak };
      const rest = { sighting, mayNameKeys: true, tries: { unavailable: 0, unexpected: 0 } };
      const answers = await send(names.function('revoke-key', provider), messages({ ...report, ...rest }));
      expect(answers).toEqual([{ batchItemFailures: [] }]);
      expect(await recorded(report.incident)).toMatchObject({ state: 'parked', outcome: 'unrouted' });
    }
  },
};

test.each(Object.keys(functions) as FunctionName[])('%s does its work from its bundle alone', async (name) => {
  await trials[name]();
});

/** What each bundle may weigh (bytes), a tenth more than when it was last looked at: what a function loads it waits for at every cold start. */
const sizes: Record<FunctionName, number> = {
  'keep-watch': 490_000,
  'receive-alert': 500_000,
  'receive-request': 545_000,
  'receive-slack': 595_000,
  'resolve-alert': 580_000,
  'revoke-key': 580_000,
  'send-notice': 595_000,
};

test.each(Object.keys(functions) as FunctionName[])(
  '%s is a bundle of code and map, small enough to start fast',
  (name) => {
    const own = assemblies.flatMap(({ bundles }) => bundles.filter((one) => one.name.startsWith(names.function(name))));
    expect(own.length).toBeGreaterThan(0);
    for (const { files, size } of own) {
      expect(files.sort()).toEqual(['index.mjs', 'index.mjs.map']);
      expect(size).toBeLessThan(sizes[name]);
    }
  },
);

test('no bundle carries ways to credentials that no function takes, nor loads its map when it starts', () => {
  for (const { folder, start, environment } of assemblies.flatMap(({ bundles }) => bundles)) {
    const code = readFileSync(join(folder, start.module), 'utf8');
    expect(code).not.toMatch(/AssumeRoleWithWebIdentity|sso_start_url|169\.254\.170\.2/);
    expect(environment.NODE_OPTIONS ?? '').not.toContain('source-maps');
  }
});

test('the same source gives the same template and bundles, without a remark', () => {
  const [first, second] = assemblies;
  expect(second?.template).toBe(first?.template);
  expect(first?.remarks).toEqual([]);
});
