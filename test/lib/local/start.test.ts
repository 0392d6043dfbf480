import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { copyFileSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { type AddressInfo, connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { stripVTControlCharacters } from 'node:util';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { BadOption, readOptions } from '../../../lib/local/options.ts';
import { sampleSigningSecret } from '../../../lib/local/samples.ts';
import { loadWorlds } from '../../../lib/local/stage.ts';

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

/** What `npm start` runs. */
const command = ['--import', './bin/check-node.mjs', 'bin/local.ts'];

type Child = ReturnType<typeof spawn>;
const children = new Set<Child>();
afterEach(() => {
  for (const child of children) child.kill('SIGKILL');
});

/** Runs `npm start` with these options; `begun` acts on the process before it listens, `when` as soon as it does. */
async function run(
  args: string[],
  when: (child: Child, url: string) => unknown = (child) => child.kill('SIGKILL'),
  { variables = {}, begun }: { variables?: NodeJS.ProcessEnv; begun?(child: Child): void } = {},
) {
  const child = spawn(process.execPath, [...command, ...args], {
    env: { ...process.env, npm_lifecycle_event: undefined, ...variables },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  children.add(child);
  child.once('exit', () => children.delete(child));
  begun?.(child);
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

/** A stage that is there soon: one provider, one source. */
const small = () => [
  '--port',
  '0',
  '--secrets',
  file('small.json', { ...good, 'leakstop/sources/standard': { secrets: [sampleSigningSecret] } }),
];
let worlds: Awaited<ReturnType<typeof loadWorlds>>;
beforeAll(async () => {
  worlds = await loadWorlds();
});

describe('npm start', { timeout: 60_000 }, () => {
  test('prints exactly one line when it listens, with every provider, and ends with 0 on SIGINT', async () => {
    const { code, stdout } = await run(['--port', '0'], (child) => child.kill('SIGINT'));
    expect(stdout).toMatch(/^Leakstop listening on http:\/\/127\.0\.0\.1:\d+\n$/);
    expect(code).toBe(0);
  });

  test('finishes a request that is in hand before it ends with 0 on SIGTERM', async () => {
    let answered: number | undefined;
    const { code } = await run(small(), async (child, url) => {
      const body = '{"provider":"datadog","secret":"5e0a1eaf0c0ffee05ec2e7ab1e0ddba1"}';
      const request = fetch(`${url}/revocations`, { method: 'POST', headers: { prefer: 'wait=20' }, body });
      while ((await (await fetch(`${url}/incidents`)).text()).length < 30) child.ref();
      child.kill('SIGTERM');
      answered = (await request).status;
    });
    expect(answered).toBe(200);
    expect(code).toBe(0);
  });

  test.each(['SIGINT', 'SIGTERM'] as const)('ends with 0 on %s while it starts', async (signal) => {
    let child: Child | undefined;
    // A service that takes the first request of the start and never answers.
    const silent = createServer(() => child?.kill(signal)).listen(0, '127.0.0.1');
    await once(silent, 'listening');
    const { port } = silent.address() as AddressInfo;
    const begun = (started: Child) => {
      child = started;
    };
    const variables = { AWS_ENDPOINT_URL_DYNAMODB: `http://127.0.0.1:${port}` };
    const { code, stdout, stderr } = await run(['--port', '0'], undefined, { variables, begun });
    expect({ code, stdout, stderr }).toEqual({ code: 0, stdout: '', stderr: '' });
    silent.closeAllConnections();
    silent.close();
  });

  /** A request whose body never ends: something is in hand for as long as the stage waits for it. */
  const endless = async (url: string) => {
    const socket = connect(Number(new URL(url).port), '127.0.0.1');
    socket.on('error', () => {});
    socket.write('POST /revocations HTTP/1.1\r\nhost: localhost\r\nexpect: 100-continue\r\ncontent-length: 9\r\n\r\n');
    await once(socket, 'data');
    return socket;
  };

  test.each([
    ['SIGINT', 130],
    ['SIGTERM', 143],
  ] as const)('ends at once on a second %s, with %i', async (signal, expected) => {
    const { code } = await run(small(), async (child, url) => {
      await endless(url);
      const again = setInterval(() => child.kill(signal), 50);
      child.once('exit', () => clearInterval(again));
    });
    expect(code).toBe(expected);
  });

  test('takes a Ctrl-C that npm passes on, too, for one: what is in hand is finished', async () => {
    const variables = { npm_lifecycle_event: 'start' };
    const pressed = async (child: Child, url: string) => {
      const socket = await endless(url);
      child.kill('SIGINT');
      child.kill('SIGTERM');
      socket.write('{"a":"b"}');
    };
    expect((await run(small(), pressed, { variables })).code).toBe(0);
  });

  test.skipIf(process.platform === 'win32').each(['SIGINT', 'SIGTERM'] as const)(
    'ends with 0 on %s to npm alone, and leaves nothing behind',
    async (signal) => {
      const npm = spawn('npm', ['start', '--silent', '--', ...small()], { stdio: ['ignore', 'pipe', 'ignore'] });
      children.add(npm);
      const ended = once(npm, 'exit');
      const [line] = await once(npm.stdout.setEncoding('utf8'), 'data');
      const url = /http:\S+/.exec(String(line))?.[0];
      npm.kill(signal);
      expect(await ended).toEqual([0, null]);
      await expect(fetch(`${url}/health`)).rejects.toThrow();
    },
  );

  test('explains its options', async () => {
    const { code, stdout } = await run(['--help']);
    expect(code).toBe(0);
    for (const option of [
      '--port',
      '--secrets',
      '--config',
      '--vendors',
      '--data',
      '--logs',
      'Examples:',
      'npm run leak',
    ])
      expect(stdout).toContain(option);
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
      'a signing secret without its prefix',
      () => ['--secrets', file('short.json', { 'leakstop/sources/standard': { secrets: ['aHVzaC1odXNo'] } })],
      /leakstop\/sources\/standard: secrets\.0/,
    ],
    [
      'a secret with a name that is misspelt',
      () => ['--secrets', file('misspelt.json', { ...good, 'leakstop/providers/datadogg/prod': { apiKey: 'hush' } })],
      /^--secrets: leakstop\/providers\/datadogg\/prod: no such provider/,
    ],
    ['a data folder that is a file', () => ['--data', file('data.txt', '')], /^--data: /],
    ['a data folder that is nothing', () => ['--data', ''], /^--data: /],
    [
      'a config with an unknown provider',
      () => ['--config', file('unknown.json', { providers: { acme: { accounts: ['a'] } } })],
      /^--config: providers\.acme/,
    ],
    [
      'a config with an unknown field',
      () => ['--config', file('extra.json', { providers: {}, colour: 'red' })],
      /^--config: colour: /,
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
  ])('refuses %s with one line that names it', (_, args, line) => {
    let refusal: unknown;
    try {
      readOptions(args(), worlds);
    } catch (error) {
      refusal = error;
    }
    expect(refusal).toBeInstanceOf(BadOption);
    const { message } = refusal as BadOption;
    expect(message).toMatch(line);
    expect(message.split('\n')).toHaveLength(1);
    expect(message).not.toContain('hush');
  });

  test('says such a line on stderr, nothing on stdout, and ends with 2', async () => {
    const secrets = file('wrong.json', {
      'leakstop/providers/datadog/prod': { site: 'hush', apiKey: 'hush', appKey: 'hush' },
    });
    const { code, stdout, stderr } = await run(['--secrets', secrets]);
    expect(stderr).toMatch(/^--secrets: leakstop\/providers\/datadog\/prod: site: .*\n$/);
    expect(stderr).not.toContain('hush');
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
  });

  test('refuses an endpoint that is no address with one line that names its variable, and exit code 2', async () => {
    const variables = { AWS_ENDPOINT_URL_SQS: 'hush' };
    const { code, stdout, stderr } = await run(['--port', '0'], undefined, { variables });
    expect(stderr).toBe('AWS_ENDPOINT_URL_SQS: must be an http or https URL, or not set\n');
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
  });

  test('refuses a data folder that another stage uses with one line and exit code 2', async () => {
    const args = [...small(), '--data', join(folder, 'shared')];
    const { code } = await run(args, async (child) => {
      const second = await run(args);
      expect(second.stderr).toMatch(/^--data: \S+ is in use by another stage\n$/);
      expect(second).toMatchObject({ code: 2, stdout: '' });
      child.kill('SIGTERM');
    });
    expect(code).toBe(0);
  });

  test('refuses a port that is in use with one line and exit code 2', async () => {
    const { code } = await run(small(), async (child, url) => {
      const second = await run([...small(), '--port', new URL(url).port]);
      const { port } = new URL(url);
      expect(second.stderr).toBe(
        `--port: ${port} is in use, perhaps by another stage; end that, or take a free port: npm start -- --port 0\n`,
      );
      expect(second).toMatchObject({ code: 2, stdout: '' });
      child.kill('SIGTERM');
    });
    expect(code).toBe(0);
  });

  test('prints JSON logs where nobody watches, and no welcome', async () => {
    const { stderr } = await run(small(), async (child, url) => {
      const body = '{"provider":"datadog","secret":"5e0a1eaf0c0ffee05ec2e7ab1e0ddba1"}';
      await fetch(`${url}/revocations`, { method: 'POST', headers: { prefer: 'wait=20' }, body });
      child.kill('SIGTERM');
    });
    const lines = stderr.trim().split('\n');
    expect(lines.length).toBeGreaterThan(3);
    for (const line of lines) expect(JSON.parse(line)).toBeTypeOf('object');
  });

  test('refuses an option that npm has taken for its own, and says where it belongs', async () => {
    const variables = { npm_config_port: '9000' };
    const { code, stderr } = await run([], undefined, { variables });
    expect(stderr).toBe('--port: npm has taken it for itself; put -- before it: npm start -- --port ...\n');
    expect(code).toBe(2);
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
      await run([...small(), '--data', data], async (child, url) => {
        if (round === 1) seen.push((await (await fetch(`${url}/incidents/${seen[0]?.id}`)).json()) as never);
        seen.push(await ask(url));
        child.kill('SIGKILL');
      });
    }
    expect(seen.map(({ outcome }) => outcome)).toEqual(['revoked', 'revoked', 'revoked']);
    expect(new Set(seen.map(({ id }) => id)).size).toBe(1);
  });
});

// `script` of util-linux runs a command under a terminal of its own; elsewhere the view is held by terminal.test.ts alone.
const recorder = 'script';
const hasTerminals = process.platform === 'linux' && spawnSync(recorder, ['--version']).status === 0;

describe.runIf(hasTerminals)('npm start in a terminal', { timeout: 120_000 }, () => {
  /** Runs it there with stdout in a file of its own; `when` acts as soon as it listens; then Ctrl-C is pressed. */
  async function watch(
    args: string[],
    when: (url: string, seen: () => string) => Promise<unknown>,
    variables: NodeJS.ProcessEnv = {},
  ) {
    const stdout = join(folder, `stdout-${Math.random()}`);
    const words = [process.execPath, ...command, ...args].map((word) => `'${word}'`).join(' ');
    const child = spawn(recorder, ['-qefc', `stty cols 120; exec ${words} > '${stdout}'`, '/dev/null'], {
      env: { ...process.env, npm_lifecycle_event: undefined, NO_COLOR: undefined, TERM: 'xterm', ...variables },
      stdio: ['pipe', 'pipe', 'ignore'],
    });
    children.add(child);
    let seen = '';
    child.stdout.on('data', (chunk: Buffer) => {
      seen += chunk.toString('utf8');
    });
    const said = () => (existsSync(stdout) ? readFileSync(stdout, 'utf8') : '');
    await expect.poll(said, { timeout: 60_000 }).toMatch(/^Leakstop listening on .*\n$/);
    await when(said().trim().replace('Leakstop listening on ', ''), () => seen);
    child.stdin.write('\u0003');
    const code = await new Promise<number | null>((resolve) => child.once('close', resolve));
    children.delete(child);
    return { code, stdout: said(), seen };
  }
  const body = '{"provider":"datadog","secret":"5e0a1eaf0c0ffee05ec2e7ab1e0ddba1"}';
  const report = (url: string) => fetch(`${url}/revocations`, { method: 'POST', headers: { prefer: 'wait=20' }, body });
  const seenThere = async (url: string, seen: () => string) => {
    await report(url);
    await expect.poll(seen, { timeout: 60_000 }).toMatch(/claimed/);
  };

  test('shows what to paste and how a key dies, prints one line to stdout, and ends with 0 on Ctrl-C', async () => {
    const { code, stdout, seen } = await watch(small(), seenThere);
    expect(stdout).toMatch(/^Leakstop listening on http:\/\/127\.0\.0\.1:\d+\n$/);
    const shown = stripVTControlCharacters(seen);
    expect(shown).toContain(`/revocations -H 'prefer: wait=20' -d '{"provider":"datadog"`);
    expect(shown).toMatch(/datadog +\w{6} +[\d.]+ s {2}claimed/);
    expect(shown).not.toContain('"level"');
    expect(code).toBe(0);
  });

  test('shows no colours with NO_COLOR', async () => {
    const { seen } = await watch(small(), seenThere, { NO_COLOR: '1' });
    expect(seen).toContain('npm run leak');
    expect(seen).not.toMatch(/\p{Cc}\[\d+m/u);
  });

  test('prints JSON logs with --logs', async () => {
    const { seen } = await watch([...small(), '--logs'], seenThere, { POWERTOOLS_LOG_LEVEL: 'INFO' });
    expect(seen).toContain('"message":"stage claimed"');
    expect(seen).not.toContain('npm run leak');
  });
});

describe('the check before it starts', () => {
  const check = (...args: string[]) =>
    spawnSync(process.execPath, ['--import', new URL('../../../bin/check-node.mjs', import.meta.url).href, ...args], {
      encoding: 'utf8',
    });

  test('says nothing where everything is there', () => {
    expect(check('-e', '0')).toMatchObject({ status: 0, stdout: '', stderr: '' });
  });

  test('says in one line to run npm ci where the packages are not there', () => {
    const alone = join(folder, 'check-node.mjs');
    copyFileSync('bin/check-node.mjs', alone);
    const { status, stderr } = spawnSync(process.execPath, ['--import', alone, '-e', '0'], { encoding: 'utf8' });
    expect(stderr).toMatch(/^The packages are not here, .* run npm ci, .*\n$/);
    expect(status).toBe(2);
  });

  test.each([
    ['by npm', 'start', /^This is Node 20\.20\.2\. .*npm rebuild node.*\n$/],
    ['without npm', undefined, /^This is Node 20\.20\.2\. Start it by npm start .*\n$/],
  ])('says in one line what to do where Node is too old to read TypeScript, started %s', (_, event, line) => {
    const old = `data:text/javascript,Object.defineProperty(process.versions,'node',{value:'20.20.2'})`;
    const { status, stderr } = spawnSync(
      process.execPath,
      ['--import', old, '--import', './bin/check-node.mjs', 'bin/local.ts'],
      { encoding: 'utf8', env: { ...process.env, npm_lifecycle_event: event } },
    );
    expect(stderr).toMatch(line);
    expect(status).toBe(2);
  });
});
