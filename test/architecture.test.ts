import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join, normalize } from 'node:path';
import { describe, expect, test } from 'vitest';
import { functions, names } from '../functions/manifest.ts';
import { environments } from '../functions/platform/env.ts';
import { providers } from '../functions/providers/index.ts';
import { formats } from '../functions/reports/index.ts';
import { routes } from '../functions/requests/index.ts';
import type { Providers } from '../functions/revocation/provider.ts';
import { sources } from '../functions/sources/index.ts';

const root = join(import.meta.dirname, '..');
const text = (file: string) => readFileSync(join(root, file), 'utf8');
/** A file without its comments. */
const bare = (file: string) => text(file).replaceAll(/^\s*(\/\/|\*|\/\*).*$/gm, '');
const listed = (folder: string) =>
  readdirSync(join(root, folder), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name).slice(root.length + 1));

const house = ['bin', 'functions', 'lib', 'test'].flatMap(listed);
const code = house.filter((file) => file.endsWith('.ts') && !file.startsWith('test/'));

/** Everything a file imports, for types or for values: files of this house by their path, packages by their name. */
function importsOf(file: string): string[] {
  const statements = /^(?:import|export)\b[^'";]*?\bfrom '([^']+)'|^import '([^']+)'|\bimport\(\s*'([^']+)'/gm;
  return [...text(file).matchAll(statements)]
    .map(([, from, bare, dynamic]) => from ?? bare ?? dynamic ?? '')
    .map((name) => (name.startsWith('.') ? normalize(join(dirname(file), name)) : name));
}

const isHandler = (file: string) => /^functions\/[^/]+\.ts$/.test(file) && file !== 'functions/manifest.ts';
const handlers = code.filter(isHandler);

/** Arrows that start in files that fit and end where they may not: `from -> to`. */
function strayArrows(from: (file: string) => boolean, mayImport: (name: string, file: string) => boolean): string[] {
  return code
    .filter(from)
    .flatMap((file) => importsOf(file).flatMap((name) => (mayImport(name, file) ? [] : [`${file} -> ${name}`])));
}

const under =
  (...folders: string[]) =>
  (file: string) =>
    folders.some((folder) => file.startsWith(`${folder}/`));
const domainPackages = new Set(['zod', 'canonicalize', 'node:crypto', 'node:util', 'node:buffer']);
const isOneOf =
  (...exact: string[]) =>
  (name: string) =>
    exact.includes(name);

describe('the imports', () => {
  test('are read: every file but the few that need nothing has some, and each file that is named is there', () => {
    const without = code.filter((file) => importsOf(file).length === 0 && /^import\b/m.test(text(file)));
    expect(without).toEqual([]);
    const missing = code.flatMap((file) =>
      importsOf(file).flatMap((name) =>
        under('functions', 'lib', 'bin')(name) && !existsSync(join(root, name)) ? [`${file} -> ${name}`] : [],
      ),
    );
    expect(missing).toEqual([]);
    expect(importsOf('functions/revoke-key.ts')).toContain('functions/revocation/respond.ts');
    expect(importsOf('functions/platform/ledger.ts')).toContain('@aws-sdk/client-dynamodb');
  });

  test('that are decided at run time are those of the stage alone', () => {
    const dynamic = code.filter((file) => /\bimport\(/.test(text(file).replaceAll(/^\s*(\/\/|\*|\/\*).*$/gm, '')));
    expect(dynamic.sort()).toEqual(['lib/local/function-thread.ts', 'lib/local/stage.ts']);
  });

  test('of the domain are the domain, zod, and what computes', () => {
    const domain = under('functions/revocation');
    expect(strayArrows(domain, (name) => domain(name) || domainPackages.has(name))).toEqual([]);
  });

  test.each(['providers', 'sources', 'notices', 'reports', 'slack'])(
    'of %s are the domain, zod, what computes, and each other',
    (folder) => {
      const own = under(`functions/${folder}`);
      const allowed = under('functions/revocation', `functions/${folder}`);
      expect(strayArrows(own, (name) => allowed(name) || domainPackages.has(name))).toEqual([]);
    },
  );

  test('of the platform are the domain, AWS and what carries requests, logs and metrics', () => {
    const packages =
      /^(zod|node:[a-z/]+|@aws-sdk\/[a-z-]+|@middy\/core|@aws-lambda-powertools\/[a-z]+|aws-lambda|oauth4webapi)$/;
    const allowed = under('functions/revocation', 'functions/platform');
    expect(strayArrows(under('functions/platform'), (name) => allowed(name) || packages.test(name))).toEqual([]);
  });

  // docs/decisions/2026-11-21-operators-routes-in-requests-folder.md
  test("of the operators' routes are the domain, the platform and reports, and one function imports the routes", () => {
    const allowed = under('functions/revocation', 'functions/platform', 'functions/reports', 'functions/requests');
    expect(strayArrows(under('functions/requests'), (name) => allowed(name) || name === 'zod')).toEqual([]);
    const importers = code.filter((file) => importsOf(file).some(under('functions/requests')));
    expect(importers.filter((file) => !under('functions/requests')(file))).toEqual(['functions/receive-request.ts']);
  });

  test('of a function are the folders beside it', () => {
    const folders = /^functions\/(platform|providers|reports|requests|revocation|slack|sources|notices)\/[a-z-]+\.ts$/;
    expect(strayArrows(isHandler, (name) => folders.test(name) || /^(zod|node:[a-z/]+)$/.test(name))).toEqual([]);
  });

  test('reach an AWS client from the platform alone, among what runs', () => {
    const isClient = (name: string) => name.startsWith('@aws-sdk/');
    const users = code.filter((file) => under('functions')(file) && importsOf(file).some(isClient));
    expect(users.filter((file) => !under('functions/platform')(file))).toEqual([]);
  });

  test('never reach a function: the stage loads it by its name', () => {
    expect(
      strayArrows(
        () => true,
        (name) => !isHandler(name),
      ),
    ).toEqual([]);
  });

  test('of the manifest are types alone', () => {
    expect(importsOf('functions/manifest.ts')).toEqual(['functions/platform/env.ts']);
    expect(text('functions/manifest.ts')).toMatch(/^import type \{ FunctionName \} from '\.\/platform\/env\.ts';$/m);
    expect(
      code.filter((file) => under('functions')(file) && importsOf(file).includes('functions/manifest.ts')),
    ).toEqual([]);
  });

  test('of what runs are never what deploys, nor what only this machine needs', () => {
    const forbidden =
      /^(lib|bin|test)\/|^(aws-cdk-lib|constructs|dynalite|fauxqs|undici|selfsigned|vitest|fast-check)\b/;
    expect(strayArrows(under('functions'), (name) => !forbidden.test(name))).toEqual([]);
  });

  test('never reach bin', () => {
    expect(
      strayArrows(
        () => true,
        (name, file) => !under('bin')(name) || under('bin')(file),
      ),
    ).toEqual([]);
  });

  test('of bin are what deploys', () => {
    const allowed = (name: string) =>
      under('lib', 'bin')(name) || name === 'aws-cdk-lib/core' || name.startsWith('node:');
    expect(strayArrows(under('bin'), allowed)).toEqual([]);
  });

  test('of the two ways to deploy keep apart', () => {
    expect(strayArrows(under('lib/aws'), (name) => !under('lib/local')(name))).toEqual([]);
    expect(
      strayArrows(under('lib/local'), (name) => !under('lib/aws')(name) && !name.startsWith('aws-cdk-lib')),
    ).toEqual([]);
    expect(strayArrows(isOneOf('lib/configuration.ts'), (name) => !under('lib')(name))).toEqual([]);
  });

  test('of what deploys, from what runs, are the manifest, the registries and these schemas, constants and types', () => {
    const allowed = new Set([
      'functions/manifest.ts',
      'functions/providers/index.ts',
      'functions/sources/index.ts',
      // The environment's types, and the sentence that a wrong field is told with.
      'functions/platform/env.ts',
      'functions/platform/secrets.ts',
      // The name and schema of the fingerprint's secret, the names of the table's indexes.
      'functions/platform/fingerprint.ts',
      'functions/platform/ledger-listing.ts',
      // What a story is written down with: who verifies it must not have another idea of it.
      'functions/platform/ledger-record.ts',
      'functions/revocation/timeline.ts',
      // The policy's schema, and types.
      'functions/revocation/policy.ts',
      // Which addresses are those of this machine.
      'functions/revocation/address.ts',
      // What AWS Health calls the events that we listen to.
      'functions/revocation/aws-health.ts',
      'functions/revocation/exchange.ts',
      'functions/revocation/incident.ts',
      'functions/revocation/provider.ts',
      'functions/revocation/slack.ts',
      'functions/revocation/source.ts',
    ]);
    // The doctor asks the way that functions ask, and reads their answers with the same words.
    const asks = /^functions\/(platform\/(http|sign-in)|revocation\/(checkup|errors|inquire|secret))\.ts$/;
    const isDoctor = (file: string) => file === 'lib/doctor.ts' || under('lib/doctor')(file);
    const mayImport = (name: string, file: string) =>
      !under('functions')(name) || allowed.has(name) || (isDoctor(file) && asks.test(name));
    expect(strayArrows(under('lib'), mayImport)).toEqual([]);
    const used = new Set(code.filter(under('lib')).flatMap(importsOf));
    expect([...allowed].filter((file) => !used.has(file))).toEqual([]);
  });
});

describe('the domain, a provider, a source, a report', () => {
  const pure = code.filter(
    under('functions/revocation', 'functions/providers', 'functions/sources', 'functions/reports'),
  );
  test.each([
    // A source's own `fetch` is a question to its interface, put through what it is given.
    ['the network', /(?<!\.|\basync |\bfunction )\bfetch\(|\bglobalThis\b|\bXMLHttpRequest\b|\bWebSocket\b/],
    ['the clock', /\bDate\.now\(|\bnew Date\(\)|\bperformance\./],
    ['chance', /\bMath\.random\(|\brandomUUID\(/],
    ['timers', /\bsetTimeout\b|\bsetInterval\b|\bsetImmediate\b/],
    ['the environment', /\bprocess\./],
    ['the console', /\bconsole\./],
  ])('does not reach for %s: it is given what it needs', (_, reach) => {
    expect(pure.filter((file) => reach.test(bare(file)))).toEqual([]);
  });

  test('catches nothing in a provider: the engine does', () => {
    const catching = code
      .filter(under('functions/providers'))
      .filter((file) => /\btry\b|\.catch\((?!undefined\))/.test(bare(file)));
    expect(catching).toEqual([]);
  });
});

test('a secret is exposed in these files and nowhere else', () => {
  const own = (file: string) =>
    under('functions/providers', 'functions/sources')(file) ||
    isOneOf(
      'functions/platform/fingerprint.ts',
      'functions/platform/http.ts',
      'functions/platform/sign-in.ts',
      'functions/revocation/findings.ts',
      'functions/revocation/fingerprint.ts',
      'functions/revocation/leak-contents.ts',
      'functions/revocation/report.ts',
      'functions/revocation/routing.ts',
      'functions/revocation/secret.ts',
      'functions/revocation/signature.ts',
    )(file);
  expect(code.filter((file) => /\bexpose\(/.test(text(file)) && !own(file))).toEqual([]);
});

describe('a registry', () => {
  const idsIn = (folder: string) =>
    listed(folder)
      .map((file) => file.slice(folder.length + 1, -'.ts'.length))
      .filter((id) => id !== 'index')
      .sort();
  const known: Providers = providers;

  test('of providers has every file of its folder, under its id', () => {
    expect(Object.keys(providers).sort()).toEqual(idsIn('functions/providers'));
    for (const [id, provider] of Object.entries(providers)) expect(provider.id).toBe(id);
  });

  test('of sources has every file of its folder, under its id; a folder of the same name holds its parts', () => {
    const all = idsIn('functions/sources');
    expect(all.filter((file) => !file.includes('/'))).toEqual(Object.keys(sources).sort());
    for (const [id, source] of Object.entries(sources)) expect(source.id).toBe(id);
    const folders = all.flatMap((file) => (file.includes('/') ? [file.split('/')[0]] : []));
    expect(folders.filter((folder) => !Object.hasOwn(sources, String(folder)))).toEqual([]);
  });

  test('of sources has parts that their own source alone imports', () => {
    const isPart = (name: string) => under('functions/sources')(name) && name.split('/').length > 3;
    const mayImport = (name: string, file: string) =>
      !isPart(name) || file === `${dirname(name)}.ts` || under(dirname(name))(file);
    expect(strayArrows(() => true, mayImport)).toEqual([]);
  });

  test.each(Object.keys(known))('has %s with a simulated vendor, a test, and a page that people can read', (id) => {
    expect(existsSync(join(root, `lib/local/vendors/${id}.ts`))).toBe(true);
    expect(existsSync(join(root, `test/functions/providers/${id}.test.ts`))).toBe(true);
    expect(text('docs/providers.md')).toMatch(new RegExp(`^## ${id}$`, 'm'));
    for (const kind of Object.values(known[id]?.kinds ?? {})) expect(kind.docs).toMatch(/^https:\/\//);
  });

  test.each(Object.entries(known).flatMap(([id, { kinds }]) => Object.keys(kinds).map((kind) => ({ id, kind }))))(
    'has $id $kind held to the contract of providers by its test',
    ({ id, kind }) => {
      const held = bare(`test/functions/providers/${id}.test.ts`)
        .split(/\bproviderConformance\(\{/)
        .slice(1)
        .map((call) => /\bkind: '([^']+)'/.exec(call)?.[1]);
      expect(held).toContain(kind);
    },
  );

  test.each(Object.keys(sources))('has %s with a test, and a page that people can read', (id) => {
    expect(existsSync(join(root, `test/functions/sources/${id}.test.ts`))).toBe(true);
    expect(text('docs/sources.md')).toMatch(new RegExp(`^## ${id}$`, 'm'));
    expect(sources[id as keyof typeof sources].docs).toMatch(/^https:\/\//);
  });

  test('of reports has every file of its folder, under its id', () => {
    expect(Object.keys(formats).sort()).toEqual(idsIn('functions/reports'));
    for (const [id, format] of Object.entries(formats)) expect(format.id).toBe(id);
  });

  test.each(Object.keys(formats))('has the report %s with a test, and a line that people can paste', (id) => {
    expect(existsSync(join(root, `test/functions/reports/${id}.test.ts`))).toBe(true);
    expect(text('docs/sources.md')).toMatch(new RegExp(`^curl .*/reports/${id}\\b`, 'm'));
    expect(formats[id as keyof typeof formats].docs).toMatch(/^https:\/\//);
  });

  test('of simulated vendors has no vendor of a provider that is not there', () => {
    const vendors = idsIn('lib/local/vendors').filter((id) => id !== 'vendor');
    expect(vendors).toEqual(Object.keys(providers).sort());
  });

  test('has ids that can be file names, secret names and queue names', () => {
    for (const id of [...Object.keys(providers), ...Object.keys(sources)])
      expect(id).toMatch(/^[a-z0-9][a-z0-9-]{0,63}$/);
    for (const id of Object.keys(providers)) {
      expect(names.lane(id).length).toBeLessThanOrEqual(80 - '-dead'.length);
      expect(names.function('revoke-key', id).length).toBeLessThanOrEqual(64);
    }
  });
});

describe('the manifest', () => {
  test('has every function once, as its file and its environment are named', () => {
    const files = handlers.map((file) => file.slice('functions/'.length)).sort();
    expect(
      Object.values(functions)
        .map(({ entry }) => entry)
        .sort(),
    ).toEqual(files);
    for (const [name, { entry }] of Object.entries(functions)) expect(entry).toBe(`${name}.ts`);
    expect(Object.keys(environments).sort()).toEqual(Object.keys(functions).sort());
  });

  test("has the operators' routes as they are answered", () => {
    const listedRoutes = functions['receive-request'].routes.map(({ route }) => route);
    expect([...listedRoutes].sort()).toEqual(Object.keys(routes).sort());
  });

  test('has no route twice, and no route of an operator that is public', () => {
    const all = Object.values(functions).flatMap(({ routes: own }) => [...own]);
    expect(new Set(all.map(({ route }) => route)).size).toBe(all.length);
    for (const { route, access } of all)
      expect([route, access === 'public']).toEqual([route, route.includes('/sources/')]);
  });
});

describe('a function', () => {
  /** Lines of code below the imports: neither empty nor comment. */
  const linesOf = (file: string) => {
    const lines = text(file).split('\n');
    const imports = lines.findLastIndex((line) => /^import\b|^\} from '/.test(line));
    return lines.slice(imports + 1).filter((line) => line.trim() !== '' && !/^\s*(\/\/|\/\*|\*)/.test(line)).length;
  };

  test.each(handlers)('is composition, not logic: %s has at most 40 lines of code below its imports', (file) => {
    expect(linesOf(file)).toBeGreaterThan(0);
    expect(linesOf(file)).toBeLessThanOrEqual(40);
  });

  test.each(handlers)('has a handler and nothing else, and needs no environment to be loaded: %s', async (file) => {
    const loaded = (await import(join(root, file))) as Record<string, unknown>;
    expect(Object.keys(loaded)).toEqual(['handler']);
    expect(loaded.handler).toBeTypeOf('function');
  });
});

describe('a name', () => {
  const parts = [...new Set(house.flatMap((file) => file.split('/')))];

  test('of a file or folder is in kebab-case', () => {
    expect(parts.filter((part) => !/^[a-z0-9]+(-[a-z0-9]+)*(\.(d|test))?(\.(ts|mjs|json))?$/.test(part))).toEqual([]);
  });

  test('says what is in a file: there are no utils, helpers, managers or services of everything', () => {
    const vague = /^(utils?|helpers?|misc|common|shared|managers?|base)\b/;
    expect(parts.filter((part) => vague.test(part))).toEqual([]);
  });

  test('of a type or class is a thing of this house, not its role in a pattern', () => {
    const declared = code.flatMap((file) =>
      [...text(file).matchAll(/^(?:export )?(?:interface|type|class) (\w+)/gm)].map(([, name]) => `${file}: ${name}`),
    );
    expect(declared.length).toBeGreaterThan(50);
    expect(declared.filter((name) => /: (I[A-Z]|\w+(Manager|Service|Helper|Util|Impl)$)/.test(name))).toEqual([]);
  });

  test('of a test says what happens, in the present tense', () => {
    const tests = house.filter((file) => file.endsWith('.test.ts') || file.startsWith('test/support/'));
    const titles = tests.flatMap((file) =>
      [...text(file).matchAll(/^\s*(?:test|it|describe)(?:\.each\([\s\S]*?\))?\(\s*(['"`])(.+?)\1/gm)].map(
        ([, , title]) => `${file}: ${title}`,
      ),
    );
    expect(titles.length).toBeGreaterThan(100);
    expect(titles.filter((title) => /\bshould\b/i.test(title))).toEqual([]);
  });
});
