import * as z from 'zod';
import { providers as registry } from '../functions/providers/index.ts';
import type { Request } from '../functions/revocation/exchange.ts';
import type { AnyKind, AnyProvider, Providers } from '../functions/revocation/provider.ts';

/** What the page needs beside the registry: admin secrets and leaks of every provider, to write its requests down with. */
export type Samples = Readonly<Record<string, { accounts: readonly object[]; leaks: readonly object[] } | undefined>>;

const opening = `# Providers

Written by \`npm run docs\` from the providers themselves; change those, not this page. What is *believed* rather than verified has a
safe path: an answer that is not written down is never success and never "not found", it parks the incident with the status in
its reason. Nothing of this was tried against a live service. To add a provider: [CONTRIBUTING.md](../CONTRIBUTING.md).`;

/** The sample accounts and leaks of every simulated vendor. */
export const sampleOf = (
  worlds: Readonly<Record<string, { accounts: Record<string, object>; leaks: object[] }>>,
): Samples =>
  Object.fromEntries(
    Object.entries(worlds).map(([id, { accounts, leaks }]) => [id, { accounts: Object.values(accounts), leaks }]),
  );

/** `docs/providers.md`: every provider and kind, as the registry has them. @throws Error when one has no sample */
export function providersPage(samples: Samples, providers: Providers = registry): string {
  const all = Object.values(providers);
  const sections = all.map((provider) => {
    const sample = samples[provider.id];
    if (sample === undefined || sample.accounts.length === 0) throw new Error(`${provider.id} has no sample account`);
    const leaks = sample.leaks as RawLeak[];
    return sectionOf(provider, accountsOf(provider, sample.accounts), leaks);
  });
  return `${[opening, overview(all), ...sections].join('\n\n')}\n`;
}

const marks = ['<!-- providers: npm run docs -->', '<!-- end of providers -->'] as const;

/** The README with its table of providers as the registry has them. @throws Error when the README has lost its marks */
export function withProvidersTable(readme: string, providers: Providers = registry): string {
  const [before, rest = ''] = readme.split(marks[0]);
  const [, after] = rest.split(marks[1]);
  if (before === undefined || after === undefined) throw new Error(`the README needs ${marks.join(' and ')}`);
  const rows = Object.values(providers).map(({ id, kinds }) => [
    `[\`${id}\`](docs/providers.md#${id})`,
    code(Object.keys(kinds)),
    Object.values(kinds).some(({ disable }) => disable) ? 'deletes, or disables and restores' : 'deletes',
    `[documentation](${Object.values(kinds)[0]?.docs})`,
  ]);
  return `${before}${marks[0]}\n${table(['provider', 'kinds of key', 'what Leakstop does', 'written from'], rows)}\n${marks[1]}${after}`;
}

function overview(all: readonly AnyProvider[]): string {
  const rows = all.flatMap(({ id, kinds }) =>
    Object.entries(kinds).map(([name, kind]) => [
      `[\`${id}\`](#${id})`,
      `\`${name}\``,
      kind.disable ? 'delete, or disable' : 'delete only',
      kind.enable ? 'yes: `disable` can be undone' : 'no',
      code(kind.identifiers),
      kind.proof ? 'the leaked key is refused' : 'the key is absent',
      kind.make ? 'yes' : 'no',
    ]),
  );
  return table(['provider', 'kind', 'can', 'reversible', 'can be named by', 'best proof', 'can be drilled'], rows);
}

/** A leak as an alert carries it. */
interface RawLeak {
  kind?: string;
  secret?: string;
  identifiers?: Record<string, string>;
}

/** An admin credential, with the fields it was made from. */
interface Account {
  given: Record<string, unknown>;
  admin: unknown;
  /** What it says beyond the samples, in words. */
  variant: string;
}

/** The sample accounts as they are; then with each value of a field that may be left out and has a fixed choice. */
function accountsOf({ admin }: AnyProvider, samples: readonly object[]): Account[] {
  const plain = samples.map((given) => ({ given: { ...given }, admin: admin.parse(given), variant: '' }));
  const choices = schemasOf(admin).flatMap(({ properties = {}, required = [] }) =>
    Object.entries(properties).flatMap(([name, { enum: values = [] }]) =>
      required.includes(name) ? [] : values.map((value) => [name, value] as const),
    ),
  );
  const varied = plain.flatMap(({ given }) =>
    choices.flatMap(([name, value]) => {
      const parsed = admin.safeParse({ ...given, [name]: value });
      return parsed.success ? [{ given, admin: parsed.data, variant: `, with \`"${name}":"${value}"\`` }] : [];
    }),
  );
  return [...plain, ...varied];
}

function sectionOf(provider: AnyProvider, accounts: Account[], leaks: RawLeak[]): string {
  const head = `## ${provider.id}

${provider.title}. Admin secret, \`leakstop/providers/${provider.id}/<account>\`:

\`\`\`text
${formsOf(provider.admin).join('\n')}
\`\`\``;
  const shared = sharedRequestsOf(provider, accounts);
  const kinds = Object.entries(provider.kinds).map(([name, kind]) => {
    const leak = leaks.find(({ kind: own = Object.keys(provider.kinds)[0] }) => own === name);
    if (leak === undefined) throw new Error(`${provider.id} ${name} has no sample leak`);
    return kindOf(provider, name, kind, requestsOf(kind, accounts, leak));
  });
  return [head, ...(shared.length > 0 ? [table(['request for every kind', 'what for'], shared)] : []), ...kinds].join(
    '\n\n',
  );
}

function kindOf(provider: AnyProvider, name: string, kind: AnyKind, requests: string[][]): string {
  const { facts } = kind;
  const rows = [
    ['the alert must carry', facts.carries],
    [
      'named by',
      [
        code(kind.identifiers),
        kind.shared && `${code(kind.shared)}, where exactly one key has it`,
        kind.locators && `looked for with ${code(kind.locators)}`,
      ]
        .filter(Boolean)
        .join('; '),
    ],
    ['known by its form', formsOfValue(kind)],
    ['scanners call it', scannersOf(kind)],
    ['actions', kind.disable ? '`delete`, `disable` (and `restore`)' : '`delete`; it cannot be switched off'],
    ['permission', facts.permission],
    ['rate limit', facts.rateLimit],
    ['proof', facts.proof],
    ['propagation', facts.propagation],
    ['drill', facts.drill ?? 'none: no key is made here'],
    ['documentation', `<${kind.docs}>`],
  ];
  const lists = [
    ['Verified', facts.verified],
    ['Believed', facts.believed],
    ['Worth knowing', facts.notes ?? []],
  ] as const;
  return [
    `### ${provider.id}: ${name}`,
    table(['fact', 'what is known of it'], rows),
    table(['request', 'what for'], requests),
    ...lists.filter(([, items]) => items.length > 0).map(([title, items]) => `${title}:\n\n${bullets(items)}`),
  ].join('\n\n');
}

/** What a value's form says: provider and kind, or only the kind. */
function formsOfValue({ unmistakable, form }: AnyKind): string {
  const told = (expression: RegExp) => `\`${expression.source.replaceAll('|', '\\|')}\``;
  const proof = unmistakable ? told(unmistakable) : 'no: the provider must be named';
  return form ? `${proof}; where the provider is named and no kind, by ${told(form)}` : proof;
}

type Question = readonly [what: string, request: Request | undefined];

/** Every request of a kind, as it would be sent about a key and a leak of that kind. */
function requestsOf(kind: AnyKind, accounts: Account[], leak: RawLeak): string[][] {
  const { secret = '', identifiers = {} } = leak;
  // Only the form of a request is wanted, so the value goes no further than this page, where it is told as `{secret}`.
  const value = { expose: () => secret } as never;
  const leaked = { ...leak, secret: value };
  const named = { ...identifiers, secret };
  const questions = (admin: unknown): Question[] => {
    const target = { admin, keyId: '{keyId}', owner: '{owner}' };
    return [
      ['the leaked key names itself', kind.self?.request(leaked)],
      ['who has keys', kind.owners?.list?.request({ admin, page: 0 })],
      ['list', kind.list.request({ admin, owner: '{owner}', page: 0 })],
      ['one record', kind.get?.request(target)],
      ['one record, where its owner is not known', kind.get?.request({ ...target, owner: undefined })],
      ['delete', kind.remove.request(target)],
      ['delete, where the value is known', kind.remove.request({ ...target, leaked: value })],
      ['disable', kind.disable?.request(target)],
      ['restore', kind.enable?.request(target)],
      ['prove with the leaked key', kind.proof?.request(leaked)],
      ['make a key, in a drill', kind.make?.request({ admin, name: '{name}' })],
    ];
  };
  return rowsOf(accounts, questions, named);
}

/** The requests that are about the admin credential alone. */
function sharedRequestsOf({ authenticate, diagnose, checkup }: AnyProvider, accounts: Account[]): string[][] {
  const asked = (admin: unknown) => ({ admin, learnt: { user: '{user}' } });
  const signIns = rowsOf(accounts, (admin) => [['sign in', signInOf(authenticate(admin))]]);
  const looks = rowsOf(accounts, (admin) => [
    ['why the admin credential was refused', diagnose?.request(admin)],
    ...(checkup?.questions ?? []).map(
      (question) => ['what the admin credential may do (`npm run doctor`)', question.request(asked(admin))] as const,
    ),
  ]);
  return [...signIns, ...looks];
}

function signInOf(credentials: ReturnType<AnyProvider['authenticate']>): Request | undefined {
  if (credentials.by === 'session') return credentials.open;
  return credentials.by === 'client-credentials' ? { method: 'POST', path: credentials.tokenPath } : undefined;
}

/** One row for each request, however many accounts and questions it is the same for. */
function rowsOf(
  accounts: Account[],
  questions: (admin: unknown) => Question[],
  leaked: Readonly<Record<string, string>> = {},
): string[][] {
  const rows = new Map<string, Map<string, string>>();
  for (const { admin, given, variant } of accounts) {
    for (const [what, request] of questions(admin)) {
      if (request === undefined) continue;
      const line = lineOf(request, { ...given, ...leaked });
      const known = rows.get(line) ?? new Map<string, string>();
      // What is so in any case needs no condition.
      const isKnown = [...known.keys()].some((other) => what === other || what.startsWith(`${other}, where `));
      if (!isKnown) known.set(what, what + variant);
      rows.set(line, known);
    }
  }
  return [...rows].map(([line, whats]) => [`\`${line}\``, [...whats.values()].join('; ')]);
}

/** A request's line, with the names of what an account or a leak gives in place of its values. */
function lineOf({ method, path, query = {} }: Request, given: Readonly<Record<string, unknown>>): string {
  const names = new Map(Object.entries(given).map(([name, value]) => [String(value), `{${name}}`]));
  const nameOf = (value: string) => names.get(value) ?? value;
  const segments = path.split('/').map((segment) => nameOf(decodeURIComponent(segment)));
  const line = Object.entries(query).map(([name, value]) => `${name}=${nameOf(value)}`);
  return `${method} ${segments.join('/')}${line.length === 0 ? '' : `?${line.join('&')}`}`;
}

function scannersOf({ detectors = {} }: AnyKind): string {
  const named = Object.entries(detectors).map(
    ([scanner, known]) => `${scanner} ${code(known.map(({ name }) => name))}`,
  );
  return named.length > 0 ? named.join('; ') : 'nothing of their own';
}

interface JsonSchema {
  anyOf?: JsonSchema[];
  properties?: Record<string, JsonSchema>;
  required?: string[];
  enum?: unknown[];
  const?: unknown;
  type?: string;
  items?: JsonSchema;
  default?: unknown;
}

/** The forms that an admin secret may have, a line each: `…` for text, `?` after a field that may be left out. */
function formsOf(schema: z.ZodType): string[] {
  return schemasOf(schema).map(({ properties = {}, required = [] }) => {
    const fields = Object.entries(properties).map(
      ([name, field]) => `"${name}"${required.includes(name) ? '' : '?'}: ${formOf(field)}`,
    );
    return `{ ${fields.join(', ')} }`;
  });
}

/** The forms of a secret that may have several. */
function schemasOf(schema: z.ZodType): JsonSchema[] {
  const json = z.toJSONSchema(schema, { io: 'input', unrepresentable: 'any' }) as JsonSchema;
  return json.anyOf ?? [json];
}

function formOf({ enum: values, const: only, type, items, anyOf }: JsonSchema): string {
  if (only !== undefined) return JSON.stringify(only);
  if (values) return values.map((value) => JSON.stringify(value)).join(' | ');
  if (anyOf) return anyOf.map(formOf).join(' | ');
  if (type === 'array') return `[${formOf(items ?? {})}]`;
  return type === 'integer' || type === 'number' ? '123' : '"…"';
}

const code = (words: readonly string[]) => words.map((word) => `\`${word}\``).join(', ');
const bullets = (items: readonly string[]) => items.map((item) => `- ${item}`).join('\n');
const table = (head: string[], rows: string[][]) =>
  [head, head.map(() => '---'), ...rows].map((cells) => `| ${cells.join(' | ')} |`).join('\n');
