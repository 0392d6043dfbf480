import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, test } from 'vitest';
import { startEmulators } from '../../../lib/local/emulators.ts';
import { signedHeaders } from '../../../lib/local/follow.ts';
import { sampleSigningSecret } from '../../../lib/local/samples.ts';
import { admin, type Incident } from '../../support/stage.ts';

describe('a stage whose endpoints live elsewhere', () => {
  let children: ChildProcess[] = [];
  afterEach(() => {
    for (const child of children) child.kill('SIGKILL');
    children = [];
  });

  async function start(
    args: string[],
    variables: Record<string, string>,
  ): Promise<{ url: string; child: ChildProcess }> {
    const child = spawn(process.execPath, ['bin/local.ts', '--port', '0', ...args], {
      env: { ...process.env, ...variables },
      stdio: ['ignore', 'pipe', 'ignore'],
    });
    children.push(child);
    const url = await new Promise<string>((resolve, reject) => {
      child.stdout?.once('data', (chunk: Buffer) => resolve(String(/http:\S+/.exec(chunk.toString('utf8')))));
      child.once('exit', () => reject(new Error('it did not start')));
    });
    return { url, child };
  }

  test('is killed whole right after it accepted, started again, and the key dies', async () => {
    const elsewhere = await startEmulators({}, undefined);
    const folder = mkdtempSync(join(tmpdir(), 'leakstop-'));
    const secrets = join(folder, 'secrets.json');
    const key = '5e0a1eaf0c0ffee05ec2e7ab1e0ddba1';
    writeFileSync(
      secrets,
      JSON.stringify({
        'leakstop/providers/datadog/prod': admin,
        'leakstop/sources/standard': { secrets: [sampleSigningSecret] },
      }),
    );
    const first = await start(['--secrets', secrets], elsewhere.endpoints);
    const body = JSON.stringify({ type: 'credential.leaked', data: { provider: 'datadog', secret: key } });
    const accepted = await fetch(`${first.url}/sources/standard`, {
      method: 'POST',
      headers: signedHeaders(body),
      body,
    });
    first.child.kill('SIGKILL');
    expect(accepted.status).toBe(202);
    const { incidents } = (await accepted.json()) as { incidents: { id: string }[] };
    const second = await start(['--secrets', secrets], elsewhere.endpoints);
    let incident: Incident | undefined;
    for (const end = Date.now() + 65_000; Date.now() < end && incident?.state !== 'closed'; ) {
      const answer = await fetch(`${second.url}/incidents/${incidents[0]?.id}`);
      incident = answer.status === 200 ? ((await answer.json()) as Incident) : undefined;
      await new Promise((resolve) => setTimeout(resolve, 200));
    }
    expect(incident).toMatchObject({ state: 'closed', outcome: 'revoked' });
    await elsewhere.close();
    rmSync(folder, { recursive: true });
  }, 90_000);
});
