import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { BadOption, portTrouble, readOptions, type StageOptions } from '../../../lib/local/options.ts';

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'leakstop-'));
});
afterAll(() => rmSync(folder, { recursive: true }));

const admin = { site: 'datadoghq.com', apiKey: 'a'.repeat(32), appKey: 'b'.repeat(40) };

function read(option: '--secrets' | '--config' | '--data', value: unknown) {
  const path = join(folder, 'given.json');
  writeFileSync(path, JSON.stringify(value));
  return readOptions([option, option === '--data' ? String(value) : path], {});
}

/** The one line that an option is refused with. */
function refusal(...given: Parameters<typeof read>): string {
  try {
    read(...given);
  } catch (error) {
    if (error instanceof BadOption) return error.message;
    throw error;
  }
  throw new Error('it was accepted');
}

describe('the secrets', () => {
  test.each([
    ['leakstop/providers/datadogg/prod', /no such provider; there are .*datadog/],
    ['leakstop/providers/constructor/prod', /no such provider/],
    ['leakstop/providers/datadog', /must end with the name of an account, leakstop\/providers\/datadog\/<account>$/],
    ['leakstop/providers/datadog/', /must end with the name of an account/],
    ['leakstop/providers/datadog/prod/eu', /must end with the name of an account/],
    ['leakstop/providers/datadog/pr.od', /must end with the name of an account/],
    ['leakstop/sources/standard/prod', /a source has one secret, leakstop\/sources\/standard$/],
    ['leakstop/source/standard', /must be a name under leakstop\/providers or leakstop\/sources$/],
    ['leakstop/fingerprints', /must be a name under/],
    ['leakstop/', /must be a name under/],
  ])('are refused with a name that is misspelt: %s', (name, problem) => {
    const line = refusal('--secrets', { 'leakstop/providers/datadog/prod': admin, [name]: { hush: 'hush' } });
    expect(line.startsWith(`--secrets: ${name}: `)).toBe(true);
    expect(line).toMatch(problem);
    expect(line).not.toContain('hush');
  });

  test('of Slack are read as those of a source, and turn it on', () => {
    const slack = { signingSecret: 'a-signing-secret', botToken: 'xoxb-1-2-abc', channel: 'C012ABCDEF' };
    expect(read('--secrets', { 'leakstop/sources/slack': slack })).toMatchObject({
      ...{ configuration: { sources: ['slack'] }, remarks: [] },
    });
    expect(refusal('--secrets', { 'leakstop/sources/slack': { ...slack, channel: '#leaks' } })).toBe(
      '--secrets: leakstop/sources/slack: channel: must be the id of a channel, such as C0123456789',
    );
  });

  test.each(['billing/password', 'leakstop/sources/standart', 'leakstop/sources/a-later-one'])(
    'are remarked on, and go unread, with a name of nobody here: %s',
    (name) => {
      const options = read('--secrets', { 'leakstop/providers/datadog/prod': admin, [name]: 'hush' });
      expect(options).toMatchObject({
        remarks: [`--secrets: ${name} is not a secret that anything here reads`],
        configuration: { providers: { datadog: { accounts: ['prod'] } } },
      });
    },
  );

  test('are refused in one line, whatever the name', () => {
    expect(refusal('--secrets', { 'leakstop/a\nb\u001b[31m': {} })).toMatch(/^--secrets: leakstop\/a b \[31m: /);
  });

  test('are never told by the names of their fields', () => {
    const secrets = { 'leakstop/sources/standard': { secrets: [], hushHushHush: 1 } };
    expect(refusal('--secrets', secrets)).not.toContain('hush');
  });
});

describe('the configuration', () => {
  test.each([
    ['at the top', { providers: {}, colour: 'red' }, 'colour'],
    ['instead of one that is needed', { providers: { datadog: { acounts: ['prod'] } } }, 'providers.datadog.acounts'],
    ['deep down', { providers: {}, policy: { fuse: { limit: 1, windowMinutes: 5, window: 5 } } }, 'policy.fuse.window'],
    [
      'in a list',
      { providers: {}, policy: { protected: [{ provider: 'datadog', keyId: 'x', reason: 'y', why: 'z' }] } },
      'policy.protected.0.why',
    ],
  ])('is refused with a field that is not known %s, naming it', (_, given, field) => {
    expect(refusal('--config', given)).toBe(`--config: ${field}: is not a field that is known here`);
  });
});

describe('the data folder', () => {
  test('is refused when it is nothing', () => {
    expect(refusal('--data', '')).toBe('--data: must name a folder');
  });

  test('is refused when it is a file, or in one', () => {
    const file = join(folder, 'file');
    writeFileSync(file, '');
    for (const data of [file, join(file, 'below')])
      expect(refusal('--data', data)).toMatch(/^--data: cannot keep anything in \S+: E[A-Z]+$/);
  });
});

describe('a configuration that leaves out providers or sources', () => {
  const secrets = {
    'leakstop/providers/datadog/prod': admin,
    'leakstop/sources/trufflehog': { tokens: ['a-token-of-trufflehog'] },
    'leakstop/sources/slack': { signingSecret: 'a signing secret', botToken: 'xoxb-1-a', channel: 'C0123456789' },
  };
  const filled = (configuration: object) => {
    const paths = [secrets, configuration].map((value, index) => {
      const path = join(folder, `given-${index}.json`);
      writeFileSync(path, JSON.stringify(value));
      return path;
    });
    const options = readOptions(['--secrets', String(paths[0]), '--config', String(paths[1])], {});
    return (options as StageOptions).configuration;
  };
  const providers = { datadog: { accounts: ['prod'], action: 'approve' } };

  test('has every one that has a secret, Slack only where somebody may decide there', () => {
    expect(filled({ providers }).sources).toEqual(['trufflehog']);
    const policy = { approval: { approvers: ['U0ANNA'] } };
    expect(filled({ providers, policy }).sources).toEqual(['trufflehog', 'slack']);
    expect(filled({ policy }).providers).toEqual({ datadog: { accounts: ['prod'], action: 'delete' } });
  });

  test('is another than one that names none', () => {
    expect(filled({ providers: {}, sources: [] })).toMatchObject({ providers: {}, sources: [] });
  });
});

describe('a file', () => {
  const refused = (text: string | undefined) => {
    const path = join(folder, text === undefined ? 'missing.json' : 'text.json');
    if (text !== undefined) writeFileSync(path, text);
    try {
      readOptions(['--secrets', path], {});
    } catch (error) {
      return (error as Error).message.replace(path, 'FILE');
    }
    throw new Error('it was accepted');
  };

  test.each([
    ['', 'it is empty'],
    ['{', 'it ends too early, in line 1'],
    ['{"a":"hush\n', 'see line 1, column 11'],
    ['{"a":"hush', 'it ends too early, in line 1'],
    ['{\n  "a": hush\n}', 'see line 2, column 8'],
    ['{\n  "a": "hush",\n}', 'see line 3, column 1'],
    ["{'a': 1}", 'see line 1, column 2'],
    ['{"a": 1} hush', 'see line 1, column 10'],
    ['{"a": tru}', 'see line 1, column 10'],
  ])('that is not JSON is refused with the place, and nothing of what stands there: %j', (text, place) => {
    expect(refused(text)).toBe(`--secrets: FILE is not JSON: ${place}`);
  });

  test('that is missing, or is a folder, is refused with what is wrong', () => {
    expect(refused(undefined)).toBe('--secrets: cannot read FILE: there is no such file');
    expect(() => readOptions(['--config', folder], {})).toThrow(/: it is a folder$/);
  });

  test('may begin with a byte order mark', () => {
    const path = join(folder, 'bom.json');
    writeFileSync(path, `\uFEFF${JSON.stringify({ 'leakstop/providers/datadog/prod': admin })}`);
    expect(readOptions(['--secrets', path], {})).toMatchObject({ remarks: [] });
  });
});

describe('a port that cannot be had', () => {
  const trouble = (code: string, port: number) => portTrouble(Object.assign(new Error('listen'), { code }), port);

  test('is named, with what to do', () => {
    expect(trouble('EADDRINUSE', 8787)).toMatch(/^--port: 8787 is in use, .*npm start -- --port 0$/);
    expect(trouble('EACCES', 80)).toMatch(/^--port: 80 is not for everyone .*1024/);
  });

  test('is nothing else that goes wrong', () => {
    expect(trouble('ENOENT', 80)).toBeUndefined();
    expect(portTrouble(new Error('listen'), 80)).toBeUndefined();
  });
});
