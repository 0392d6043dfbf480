import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:https';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { generate } from 'selfsigned';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type DatadogKey, datadogVendor, inventedKeys } from '../../../lib/local/vendors/datadog.ts';

const admin = { site: 'us5.datadoghq.com', apiKey: 'ad'.repeat(16), appKey: 'ab'.repeat(20) };
const [byValue, byId] = inventedKeys(2, 'live') as [DatadogKey, DatadogKey];
const vendor = datadogVendor([
  { site: admin.site, id: 'org', keys: [...inventedKeys(5, 'others'), byValue, byId], admins: [admin] },
]);
let folder: string;
let server: Server;

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'leakstop-'));
  const names = [{ type: 2, value: `api.${admin.site}` }] as const;
  const pems = await generate([{ name: 'commonName', value: `api.${admin.site}` }], {
    extensions: [{ name: 'subjectAltName', altNames: [...names] }],
  });
  writeFileSync(join(folder, 'ca.pem'), pems.cert);
  writeFileSync(join(folder, 'secrets.json'), JSON.stringify({ 'leakstop/providers/datadog/prod': admin }));
  server = createServer({ key: pems.private, cert: pems.cert }, (request, response) =>
    vendor.server.emit('request', request, response),
  );
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', () => resolve()));
});
afterAll(() => {
  server.close();
  rmSync(folder, { recursive: true });
});

test('live requests go where they say, over TLS, and are the documented ones', async () => {
  const { port } = server.address() as AddressInfo;
  const preload = new URL(`../../support/redirect-tls.mjs?port=${port}`, import.meta.url).href;
  const variables = {
    NODE_EXTRA_CA_CERTS: join(folder, 'ca.pem'),
    NODE_OPTIONS: `--import ${preload}`,
    LEAKSTOP_TEST_TLS_PORT: String(port),
  };
  const child = spawn(
    process.execPath,
    ['bin/local.ts', '--port', '0', '--vendors', 'live', '--secrets', join(folder, 'secrets.json')],
    {
      env: { ...process.env, ...variables },
      stdio: ['ignore', 'pipe', 'ignore'],
    },
  );
  const url = await new Promise<string>((resolve) =>
    child.stdout.once('data', (chunk: Buffer) => resolve(String(/http:\S+/.exec(chunk.toString('utf8'))))),
  );
  const revoke = async (leak: object) => {
    const answer = await fetch(`${url}/revocations`, {
      method: 'POST',
      headers: { prefer: 'wait=20' },
      body: JSON.stringify({ provider: 'datadog', ...leak }),
    });
    return answer.json();
  };
  expect(await revoke({ secret: byValue.key })).toMatchObject({ outcome: 'revoked', keyId: byValue.id });
  expect(await revoke({ identifiers: { keyId: byId.id } })).toMatchObject({ outcome: 'revoked', keyId: byId.id });
  child.kill('SIGTERM');
  expect(await new Promise((resolve) => child.once('close', resolve))).toBe(0);

  const sent = vendor.arrivals.map(({ method, host, target, headers, body }) => {
    const { 'dd-api-key': apiKey, 'dd-application-key': appKey, authorization } = headers;
    return { method, host, target, apiKey, appKey, authorization, body };
  });
  const host = `api.${admin.site}`;
  const asAdmin = { host, apiKey: admin.apiKey, appKey: admin.appKey, authorization: undefined, body: '' };
  const asLeaked = { host, apiKey: byValue.key, appKey: undefined, authorization: undefined, body: '' };
  expect(sent).toEqual([
    { method: 'GET', target: '/api/v2/validate', ...asLeaked },
    { method: 'GET', target: `/api/v2/api_keys/${byValue.id}`, ...asAdmin },
    { method: 'DELETE', target: `/api/v2/api_keys/${byValue.id}`, ...asAdmin },
    { method: 'GET', target: '/api/v1/validate', ...asLeaked },
    { method: 'GET', target: `/api/v2/api_keys/${byId.id}`, ...asAdmin },
    { method: 'DELETE', target: `/api/v2/api_keys/${byId.id}`, ...asAdmin },
    { method: 'GET', target: `/api/v2/api_keys/${byId.id}`, ...asAdmin },
  ]);
});
