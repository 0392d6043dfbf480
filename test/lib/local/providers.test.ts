import { PassThrough } from 'node:stream';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { view } from '../../../functions/revocation/incident.ts';
import { readConfiguration } from '../../../lib/configuration.ts';
import { sampleSecrets, withFingerprint } from '../../../lib/local/samples.ts';
import { loadWorlds, type Stage, startStage } from '../../../lib/local/stage.ts';
import type { World } from '../../../lib/local/vendors/vendor.ts';

type Incident = ReturnType<typeof view>;

describe('a stage with the providers that can disable', () => {
  let stage: Stage;
  let worlds: Record<string, World>;
  beforeAll(async () => {
    const { docspace, coveo } = (await loadWorlds()) as Record<'docspace' | 'coveo', World>;
    worlds = { docspace, coveo };
    const secrets = withFingerprint(sampleSecrets(worlds), undefined);
    const configuration = readConfiguration({
      providers: Object.fromEntries(
        Object.entries(worlds).map(([id, { accounts }]) => [
          id,
          { accounts: Object.keys(accounts), action: 'disable' },
        ]),
      ),
      sources: ['standard'],
    });
    const logs = new PassThrough().resume();
    const options = { port: 0, vendors: 'simulated' as const, data: undefined, secrets, configuration, remarks: [] };
    stage = await startStage(options, worlds, { variables: {}, logs });
  });
  afterAll(() => stage.close());

  async function post(path: string, body: object = {}) {
    const headers = { 'content-type': 'application/json', prefer: 'wait=20' };
    const answer = await fetch(stage.url + path, { method: 'POST', headers, body: JSON.stringify(body) });
    return { status: answer.status, json: (await answer.json()) as Incident };
  }
  const accepts = (id: string, { secret = '' }: { secret?: string }) => stage.vendors[id]?.accepts(secret);

  test('disables where that is configured, and restores when a person asks for it, once', async () => {
    for (const id of ['docspace', 'coveo']) {
      const [leak = {}] = worlds[id]?.leaks ?? [];
      const { status, json } = await post('/revocations', leak);
      expect([id, status, json.outcome, json.action]).toEqual([id, 200, 'disabled', 'disable']);
      expect(accepts(id, leak)).toBe(false);
      const restored = await post(`/incidents/${json.id}/restore`);
      expect([restored.status, restored.json.state, restored.json.outcome]).toEqual([200, 'closed', 'restored']);
      expect(accepts(id, leak)).toBe(true);
      expect((await post(`/incidents/${json.id}/restore`)).status).toBe(409);
    }
  });

  test('restores nothing that was deleted, and nothing that is not there', async () => {
    const [leak = {}] = worlds.coveo?.leaks ?? [];
    const deleted = await post('/revocations', { ...leak, action: 'delete' });
    expect([deleted.status, deleted.json.outcome]).toEqual([200, 'revoked']);
    expect((await post(`/incidents/${deleted.json.id}/restore`)).status).toBe(409);
    expect((await post(`/incidents/inc_${'0'.repeat(26)}/restore`)).status).toBe(404);
  });
});
