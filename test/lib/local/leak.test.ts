import { spawn } from 'node:child_process';
import { createServer } from 'node:http';
import { PassThrough } from 'node:stream';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { closed, listen } from '../../../lib/local/emulators.ts';
import { freshLeakRoutes } from '../../../lib/local/fresh-leaks.ts';
import { leak, leakUsage, readLeakOrder } from '../../../lib/local/leak.ts';
import { BadOption, readOptions } from '../../../lib/local/options.ts';
import { loadWorlds, type Stage, startStage } from '../../../lib/local/stage.ts';
import type { Terminal } from '../../../lib/local/terminal.ts';

const plain: Terminal = { columns: 120, colour: false, rewrites: false };

describe('what npm run leak is asked for', () => {
  const read = (...args: string[]) => readLeakOrder(args, {});

  test('is a provider, by a signed alert at the usual address, unless told otherwise', () => {
    const usual = { provider: 'datadog', kind: undefined, source: 'standard', url: 'http://127.0.0.1:8787' };
    expect(read('datadog')).toEqual(usual);
    const url = 'http://localhost:1';
    expect(read('datadog', '--kind', 'api-key', '--source', 'operator', '--url', `${url}/`)).toEqual({
      ...usual,
      ...{ kind: 'api-key', source: 'operator', url },
    });
  });

  test.each([[[]], [['--help']], [['datadog', '-h']]])('is explained, with providers and kinds, for %j', (args) => {
    expect(read(...args)).toBe('help');
    expect(leakUsage).toMatch(/^ {2}datadog +api-key, application-key/m);
  });

  test.each<[string[], RegExp]>([
    [['acme'], /^acme is not a provider; there are coveo, datadog, .*or all$/],
    [['constructor'], /is not a provider/],
    [['datadog', 'coveo'], /^name one provider, or all/],
    [['--kind', 'api-key'], /^name one provider, or all/],
    [['all', '--kind', 'api-key'], /^--kind: all leaks one of every kind$/],
    [['datadog', '--colour'], /^Unknown option '--colour'; see npm run leak -- --help$/],
    [['datadog', '--url', 'https://leaks.example.com'], /^--url: must be the address of a stage on this machine/],
    [['datadog', '--url', 'http://127.0.0.1:1@evil.example'], /^--url: must be/],
  ])('is refused in one line: %j', (args, line) => {
    expect(() => read(...args)).toThrow(BadOption);
    expect(() => read(...args)).toThrow(line);
  });

  test('is refused where npm has taken an option for its own', () => {
    expect(() => readLeakOrder(['datadog'], { npm_config_kind: 'api-key' })).toThrow(
      '--kind: npm has taken it for itself; put -- before it: npm run leak -- --kind ...',
    );
  });
});

describe('a fresh leak', { timeout: 120_000 }, () => {
  const signing = `whsec_${Buffer.from('a signing secret of my own, 0001').toString('base64')}`;
  let stage: Stage;
  let worlds: Awaited<ReturnType<typeof loadWorlds>>;
  beforeAll(async () => {
    worlds = await loadWorlds();
    const options = readOptions(['--port', '0'], worlds);
    if (options === 'help') throw new Error('no options');
    // A stage with a signing secret that nobody outside knows, and without a resolver.
    const { resolver: _, ...providers } = options.configuration.providers;
    const secrets = { ...options.secrets, 'leakstop/sources/standard': { secrets: [signing] } };
    stage = await startStage({ ...options, secrets, configuration: { ...options.configuration, providers } }, worlds, {
      variables: { POWERTOOLS_LOG_LEVEL: 'SILENT' },
      logs: new PassThrough().resume(),
    });
  });
  afterAll(() => stage?.close());

  const run = async (provider: string, kind?: string, source = 'standard') => {
    const lines: string[] = [];
    const dead = await leak({ provider, kind, source, url: stage.url }, plain, (line) => lines.push(line));
    return { dead, lines, text: lines.join('\n') };
  };

  test('dies, by an alert that the stage signs with its own secret, and its story is told', async () => {
    const { dead, text } = await run('datadog');
    expect(dead).toBe(true);
    expect(text).toMatch(/^datadog api-key: a fresh key has leaked; a signed alert was answered with 202 in \d+ ms$/m);
    for (const stage of ['received', 'claimed', 'found', 'sent', 'accepted', 'dead'])
      expect(text).toMatch(new RegExp(`^ *\\d+\\.\\d\\d s {2}${stage}\\b`, 'm'));
    expect(text).toMatch(/^ {2}revoked dead after [\d.]+ s, proven: the provider refuses the leaked key/m);
    expect(text).toMatch(/^ {2}sighting: standard 20/m);
    expect(text).toMatch(/^ {2}proof: leaked-key-refused: .*dead 20/m);
    expect(text).not.toContain(signing);
  });

  test('dies twice in a row, as two incidents, and takes no other key with it', async () => {
    const before = stage.vendors.coveo?.values().length;
    const pages = [await run('coveo'), await run('coveo')].map(({ lines }) => lines.at(-1));
    expect(new Set(pages).size).toBe(2);
    expect(stage.vendors.coveo?.values()).toHaveLength(before ?? -1);
  });

  test('dies of every kind at every provider that is configured', async () => {
    const { dead, lines } = await run('all');
    expect(dead).toBe(true);
    expect(lines.at(-1)).toBe('8 of 8 keys are dead.');
  });

  test("comes by an operator's request where that is wanted", async () => {
    const { dead, text } = await run('docspace', undefined, 'operator');
    expect(dead).toBe(true);
    expect(text).toMatch(/^ {2}sighting: operator/m);
  });

  test.each<[string, [string, string?, string?], string]>([
    ['a provider that is not configured', ['resolver'], 'provider: there are coveo, datadog, docspace, mongodb-atlas'],
    ['a kind it does not have', ['coveo', 'token'], 'kind: coveo has api-key'],
    ['a source it cannot come from', ['coveo', undefined, 'github'], 'source: there are standard, operator'],
  ])('is not made for %s, and the answer says what there is', async (_, order, line) => {
    const kept = stage.vendors.coveo?.values().length;
    await expect(run(...order)).rejects.toThrow(new BadOption(line));
    expect(stage.vendors.coveo?.values()).toHaveLength(kept ?? -1);
  });

  test('is not made for a page in a browser, which can order nothing here, and only deliver what is signed', async () => {
    const post = async (path: string) =>
      (await fetch(`${stage.url}${path}`, { method: 'POST', headers: { origin: 'https://page.example' } })).status;
    const kept = stage.vendors.datadog?.values().length;
    const orders = ['/local/leaks/datadog', '/revocations', '/incidents/inc_x/approve', '/fuse/reset'];
    expect(await Promise.all(orders.map(post))).toEqual(orders.map(() => 403));
    expect(await post('/sources/standard')).toBe(401);
    expect(stage.vendors.datadog?.values()).toHaveLength(kept ?? -1);
  });

  test('is not dead where policy asks a person, and the way to answer is shown', async () => {
    const options = readOptions(['--port', '0'], worlds);
    if (options === 'help') throw new Error('no options');
    const asking = {
      ...options.configuration,
      providers: { datadog: { accounts: ['prod'], action: 'approve' as const } },
    };
    const careful = await startStage({ ...options, configuration: asking }, worlds, {
      variables: { POWERTOOLS_LOG_LEVEL: 'SILENT' },
      logs: new PassThrough().resume(),
      cold: true,
    });
    const lines: string[] = [];
    const order = { provider: 'datadog', kind: undefined, source: 'standard', url: careful.url };
    expect(await leak(order, plain, (line) => lines.push(line))).toBe(false);
    expect(lines.join('\n')).toMatch(
      /awaiting-approval .*\n.*\n {2}proof: none\n {2}a person decides: curl -s -X POST \S+\/approve$/m,
    );
    await careful.close();
  });

  test('is never made where providers are live: there is no such route', async () => {
    const options = readOptions(['--port', '0', '--vendors', 'live'], worlds);
    if (options === 'help') throw new Error('no options');
    const tuning = { variables: {}, logs: new PassThrough().resume(), cold: true };
    const live = await startStage(options, worlds, tuning);
    for (const [method, path] of [
      ['GET', '/local/leaks'],
      ['POST', '/local/leaks/datadog'],
    ] as const)
      expect((await fetch(`${live.url}${path}`, { method })).status).toBe(404);
    const order = { provider: 'datadog', kind: undefined, source: 'standard', url: live.url };
    await expect(leak(order, plain, () => {})).rejects.toThrow(/is no stage with simulated vendors/);
    await live.close();
  });
});

describe('the fresh keys of one stage', () => {
  test('are 10,000 at most, whoever asks for more', async () => {
    const worlds = await loadWorlds();
    const options = readOptions(['--port', '0'], worlds);
    if (options === 'help') throw new Error('no options');
    let made = 0;
    const leakFresh = () => {
      made += 1;
      return { provider: 'datadog', secret: String(made) };
    };
    const vendors = { datadog: { leakFresh } } as unknown as Stage['vendors'];
    const [, route] = freshLeakRoutes(options, worlds, vendors);
    const status = async () => {
      const answer = await route?.invoke({ pathParameters: { provider: 'datadog' } });
      return (answer as { statusCode: number } | undefined)?.statusCode;
    };
    while (made < 10_000) expect(await status()).toBe(201);
    expect(await status()).toBe(429);
    expect(made).toBe(10_000);
  });
});

describe('npm run leak', { timeout: 60_000 }, () => {
  const run = async (...args: string[]) => {
    const child = spawn(process.execPath, ['bin/leak.ts', ...args], { stdio: ['ignore', 'pipe', 'pipe'] });
    const said = { stdout: '', stderr: '' };
    for (const way of ['stdout', 'stderr'] as const)
      child[way].on('data', (chunk: Buffer) => {
        said[way] += chunk.toString('utf8');
      });
    const code = await new Promise<number | null>((resolve) => child.once('close', resolve));
    return { code, ...said };
  };

  test('says to start a stage where none answers, and ends with 2', async () => {
    const server = createServer();
    const url = await listen(server);
    await closed(server);
    const { code, stdout, stderr } = await run('datadog', '--url', url);
    expect(stderr).toBe(`no stage answers at ${url}: run npm start first, in another shell; elsewhere: --url URL\n`);
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
  });

  test('lists providers and kinds without arguments, and ends with 0', async () => {
    expect(await run()).toEqual({ code: 0, stdout: leakUsage, stderr: '' });
  });

  test('neither asks for nor shows an id that is none', async () => {
    const paths: string[] = [];
    const request = { path: '/revocations', headers: {}, body: '{}' };
    const fresh = { provider: 'datadog', kind: 'api-key', source: 'operator', request };
    const server = createServer((asked, response) => {
      paths.push(asked.url ?? '');
      const isFirst = asked.url?.startsWith('/local/');
      response.writeHead(isFirst ? 201 : 202).end(JSON.stringify(isFirst ? fresh : { id: '../fuse\u001b[2J' }));
    });
    const url = await listen(server);
    const { code, stdout, stderr } = await run('datadog', '--url', url);
    expect(stderr).toMatch(/^what answers at \S+ is no stage/);
    expect(code).toBe(2);
    expect(stdout).not.toContain('\u001b');
    expect(paths).toEqual([expect.stringMatching(/^\/local\/leaks\/datadog/), '/revocations']);
    await closed(server);
  });

  test('takes what is no stage for none', async () => {
    const server = createServer((_, response) => response.end('<html>'));
    const url = await listen(server);
    const { code, stderr } = await run('datadog', '--url', url);
    expect(stderr).toMatch(/^what answers at \S+ is no stage/);
    expect(code).toBe(2);
    await closed(server);
  });
});
