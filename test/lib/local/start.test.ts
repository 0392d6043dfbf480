import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'leakstop-'));
});
afterAll(() => rmSync(folder, { recursive: true }));

function file(name: string, content: unknown): string {
  const path = join(folder, name);
  writeFileSync(path, typeof content === 'string' ? content : JSON.stringify(content));
  return path;
}

/** Runs `npm start` with these options; `when` acts on the process once it listens. */
async function run(
  args: string[],
  when: (child: ReturnType<typeof spawn>, url: string) => unknown = (child) => child.kill('SIGKILL'),
) {
  const child = spawn(process.execPath, ['bin/local.ts', ...args], { stdio: ['ignore', 'pipe', 'pipe'] });
  let stdout = '';
  let stderr = '';
  child.stdout.on('data', (chunk: Buffer) => {
    stdout += chunk.toString('utf8');
    const url = /^Leakstop listening on (http:\S+)\n$/.exec(stdout)?.[1];
    if (url !== undefined) void when(child, url);
  });
  child.stderr.on('data', (chunk: Buffer) => {
    stderr += chunk.toString('utf8');
  });
  const code = await new Promise<number | null>((resolve) => child.once('close', resolve));
  return { code, stdout, stderr };
}

const good = {
  'leakstop/providers/datadog/prod': { site: 'datadoghq.com', apiKey: 'a'.repeat(32), appKey: 'b'.repeat(40) },
};

describe('npm start', () => {
  test.each(['SIGINT', 'SIGTERM'] as const)(
    'prints exactly one line when it listens, and ends with 0 on %s',
    async (signal) => {
      const { code, stdout } = await run(['--port', '0'], (child) => child.kill(signal));
      expect(stdout).toMatch(/^Leakstop listening on http:\/\/127\.0\.0\.1:\d+\n$/);
      expect(code).toBe(0);
    },
  );

  test('finishes a request that is in hand before it ends', async () => {
    let answered: number | undefined;
    const { code } = await run(['--port', '0'], async (child, url) => {
      const body = '{"provider":"datadog","secret":"5e0a1eaf0c0ffee05ec2e7ab1e0ddba1"}';
      const request = fetch(`${url}/revocations`, { method: 'POST', headers: { prefer: 'wait=20' }, body });
      while ((await (await fetch(`${url}/incidents`)).text()).length < 30) child.ref();
      child.kill('SIGTERM');
      answered = (await request).status;
    });
    expect(answered).toBe(200);
    expect(code).toBe(0);
  });

  test('explains its options', async () => {
    const { code, stdout } = await run(['--help']);
    expect(code).toBe(0);
    for (const option of ['--port', '--secrets', '--config', '--vendors', '--data']) expect(stdout).toContain(option);
  });

  test.each<[string, () => string[], RegExp]>([
    ['an unknown option', () => ['--colour', 'red'], /--colour/],
    ['a port that is no number', () => ['--port', 'http'], /^--port: must be/],
    ['a port out of range', () => ['--port', '70000'], /^--port: must be/],
    ['vendors nobody knows', () => ['--vendors', 'real'], /^--vendors: must be simulated or live/],
    ['a secrets file that is missing', () => ['--secrets', join(folder, 'none.json')], /^--secrets: cannot read/],
    ['a secrets file that is not JSON', () => ['--secrets', file('bad.json', '{')], /^--secrets: .* is not JSON/],
    ['a secrets file that is a list', () => ['--secrets', file('list.json', [])], /^--secrets: .* JSON object/],
    [
      'a secret without a field',
      () => [
        '--secrets',
        file('field.json', { 'leakstop/providers/datadog/prod': { site: 'datadoghq.com', apiKey: 'x' } }),
      ],
      /leakstop\/providers\/datadog\/prod: /,
    ],
    [
      'a secret with a wrong field',
      () => [
        '--secrets',
        file('site.json', {
          'leakstop/providers/datadog/prod': { site: 'evil.example', apiKey: 'hush-hush', appKey: 'hush-hush' },
        }),
      ],
      /leakstop\/providers\/datadog\/prod: site/,
    ],
    [
      'a signing secret that is too short',
      () => ['--secrets', file('short.json', { 'leakstop/sources/standard': { secrets: ['whsec_aHVzaC1odXNo'] } })],
      /leakstop\/sources\/standard: secrets\.0/,
    ],
    [
      'a config with an unknown provider',
      () => ['--config', file('unknown.json', { providers: { acme: { accounts: ['a'] } } })],
      /^--config: providers\.acme/,
    ],
    [
      'a config with an unknown field',
      () => ['--config', file('extra.json', { providers: {}, colour: 'red' })],
      /^--config: /,
    ],
    [
      'an action the provider does not have',
      () => ['--config', file('disable.json', { providers: { datadog: { accounts: ['prod'], action: 'disable' } } })],
      /^--config: providers\.datadog\.action/,
    ],
    [
      'an account without a secret',
      () => [
        '--secrets',
        file('good.json', good),
        '--config',
        file('account.json', { providers: { datadog: { accounts: ['other'] } } }),
      ],
      /^--config: providers\.datadog\.accounts: other has no secret/,
    ],
    [
      'a source without a secret',
      () => [
        '--secrets',
        file('good.json', good),
        '--config',
        file('source.json', { providers: {}, sources: ['standard'] }),
      ],
      /^--config: sources: standard has no secret/,
    ],
  ])('refuses %s with one line that names it, and exit code 2', async (_, args, line) => {
    const { code, stdout, stderr } = await run(args());
    expect(stderr).toMatch(line);
    expect(stderr.trim().split('\n')).toHaveLength(1);
    expect(stderr).not.toContain('hush');
    expect(stdout).toBe('');
    expect(code).toBe(2);
  });

  test('refuses a port that is in use with one line and exit code 2', async () => {
    const { code } = await run(['--port', '0'], async (child, url) => {
      const second = await run(['--port', new URL(url).port]);
      expect(second.stderr).toMatch(/^--port: is in use/);
      expect(second.code).toBe(2);
      child.kill('SIGTERM');
    });
    expect(code).toBe(0);
  });

  test('keeps the ledger of --data through a kill -9, and takes the same leak for the same incident', async () => {
    const data = join(folder, 'data');
    const ask = (url: string) =>
      fetch(`${url}/revocations`, {
        method: 'POST',
        headers: { prefer: 'wait=20' },
        body: '{"provider":"datadog","secret":"5e0a1eaf0c0ffee05ec2e7ab1e0ddba1"}',
      }).then((answer) => answer.json() as Promise<{ id: string; outcome: string }>);
    const seen: { id: string; outcome: string }[] = [];
    for (let round = 0; round < 2; round += 1) {
      await run(['--port', '0', '--data', data], async (child, url) => {
        if (round === 1) seen.push((await (await fetch(`${url}/incidents/${seen[0]?.id}`)).json()) as never);
        seen.push(await ask(url));
        child.kill('SIGKILL');
      });
    }
    expect(seen.map(({ outcome }) => outcome)).toEqual(['revoked', 'revoked', 'revoked']);
    expect(new Set(seen.map(({ id }) => id)).size).toBe(1);
  });
});
