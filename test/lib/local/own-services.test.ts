import { createServer, type Server } from 'node:http';
import { PassThrough } from 'node:stream';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { readConfiguration } from '../../../lib/configuration.ts';
import { closed, listen } from '../../../lib/local/emulators.ts';
import { signedHeaders } from '../../../lib/local/follow.ts';
import { sampleSigningSecret, withFingerprint } from '../../../lib/local/samples.ts';
import { loadWorlds, type Stage, startStage } from '../../../lib/local/stage.ts';
import { docspaceAdmin, docspaceVendor, inventedKeys, keyWithDecoys } from '../../../lib/local/vendors/docspace.ts';
import { signedHeaders as arrayHeaders, signingPair } from '../../support/signed-array.ts';

// What somebody runs on this machine, named in the secrets by its address here: a list of keys, and a provider.
describe.each(['simulated', 'live'] as const)('a stage with %s vendors and services of its own machine', (vendors) => {
  const apiKey = `sk-${'ca9a7e01'.repeat(8)}`;
  const leaked = `sk-${'ca9a7ea1'.repeat(8)}`;
  const pair = signingPair();
  const asked: string[] = [];
  const keys = createServer((request, response) => {
    asked.push(`${request.method} ${request.url}`);
    if (request.url === '/moved') return void response.writeHead(302, { location: '/keys' }).end();
    const list = [{ key_identifier: pair.id, key: pair.pem, is_current: true }];
    response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify({ public_keys: list }));
  });
  const portal = docspaceVendor([
    {
      host: '127.0.0.1',
      keys: [...keyWithDecoys(leaked, 'ours', 3), ...keyWithDecoys(apiKey, 'leakstop', 0, docspaceAdmin)],
      admins: [docspaceAdmin],
    },
  ]);
  const servers: Server[] = [keys, portal.server];
  let stage: Stage;

  beforeAll(async () => {
    const keysAt = await listen(keys);
    const secrets = withFingerprint(
      {
        'leakstop/providers/docspace/own': { portal: await listen(portal.server), apiKey },
        'leakstop/sources/github-partner': { keysUrl: `${keysAt}/keys` },
        'leakstop/sources/deps-dev': { keysUrl: `${keysAt}/moved` },
        'leakstop/sources/standard': { secrets: [sampleSigningSecret] },
      },
      undefined,
    );
    const configuration = readConfiguration({
      providers: { docspace: { accounts: ['own'] } },
      sources: ['github-partner', 'deps-dev', 'standard'],
      notices: { eventBus: null },
    });
    const { docspace } = await loadWorlds();
    const logs = new PassThrough();
    logs.resume();
    stage = await startStage(
      { port: 0, vendors, data: undefined, secrets, configuration, remarks: [] },
      docspace ? { docspace } : {},
      { variables: {}, logs, cold: true, clockless: true },
    );
  });
  afterAll(async () => {
    await stage.close();
    for (const server of servers) {
      server.closeAllConnections();
      await closed(server);
    }
  });

  const post = async (source: string, body: string, headers: Record<string, string | undefined>) => {
    const given = Object.entries(headers).filter((header): header is [string, string] => header[1] !== undefined);
    const response = await fetch(`${stage.url}/sources/${source}`, {
      method: 'POST',
      headers: [['content-type', 'application/json'], ...given],
      body,
    });
    return { status: response.status, text: await response.text() };
  };
  const array = (source: string, prefix: string, signer = pair) => {
    const body = JSON.stringify([
      { token: inventedKeys(1, source)[0]?.key, type: 'own_key', url: 'https://git.example/1' },
    ]);
    return post(source, body, arrayHeaders(prefix, Buffer.from(body), signer));
  };
  const incident = async (id: string) => (await fetch(`${stage.url}/incidents/${id}`)).json();

  test('takes an array that is signed with a key of the list there, and no other', async () => {
    const { status, text } = await array('github-partner', 'github');
    expect(status).toBe(202);
    const { incidents } = JSON.parse(text);
    await expect
      .poll(() => incident(incidents[0].id), { timeout: 45_000, interval: 100 })
      .toMatchObject({ state: 'parked', outcome: 'unrouted', sightings: [{ source: 'github-partner' }] });
    expect(asked).toContain('GET /keys');
    const stranger = { ...signingPair(), id: pair.id };
    expect(await array('github-partner', 'github', stranger)).toEqual({ status: 401, text: '' });
  });

  test('follows no redirect to it', async () => {
    const before = asked.filter((line) => line === 'GET /keys').length;
    expect(await array('deps-dev', 'depsdev')).toMatchObject({ status: 503 });
    expect(asked).toContain('GET /moved');
    expect(asked.filter((line) => line === 'GET /keys')).toHaveLength(before);
  });

  test('finds a leaked key at the provider there, and it is dead', async () => {
    const body = JSON.stringify({ type: 'credential.leaked', data: { provider: 'docspace', secret: leaked } });
    const { status, text } = await post('standard', body, signedHeaders(body));
    expect(status).toBe(202);
    const [{ id }] = JSON.parse(text).incidents;
    await expect
      .poll(() => incident(id), { timeout: 45_000, interval: 100 })
      .toMatchObject({ state: 'closed', outcome: 'revoked', account: 'own' });
    expect(portal.accepts(leaked)).toBe(false);
    expect(portal.deletions).toHaveLength(1);
  });
});
