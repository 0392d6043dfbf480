import * as z from 'zod';
import { providers as registry } from '../functions/providers/index.ts';
import type { Request } from '../functions/revocation/exchange.ts';
import type { AnyKind, AnyProvider, Providers } from '../functions/revocation/provider.ts';

/** What the page needs beside the registry: one sample admin secret per provider, to write its requests down with. */
export type Samples = Readonly<Record<string, object | undefined>>;

const opening = `# Providers

Written by \`npm run docs\` from the providers themselves; change those, not this page. What is *believed* rather than verified has a
safe path: an answer that is not written down is never success and never "not found", it parks the incident with the status in
its reason. Nothing of this was tried against a live service. To add a provider: [CONTRIBUTING.md](../CONTRIBUTING.md).`;

/** The first sample account of every simulated vendor. */
export const sampleOf = (worlds: Readonly<Record<string, { accounts: Record<string, object> }>>): Samples =>
  Object.fromEntries(Object.entries(worlds).map(([id, { accounts }]) => [id, Object.values(accounts)[0]]));

/** `docs/providers.md`: every provider and kind, as the registry has them. @throws Error when a provider has no sample */
export function providersPage(samples: Samples, providers: Providers = registry): string {
  const all = Object.values(providers);
  const sections = all.map((provider) => {
    const sample = samples[provider.id];
    if (sample === undefined) throw new Error(`${provider.id} has no sample account`);
    return sectionOf(provider, provider.admin.parse(sample));
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
    ]),
  );
  return table(['provider', 'kind', 'can', 'reversible', 'can be named by', 'best proof'], rows);
}

function sectionOf(provider: AnyProvider, admin: unknown): string {
  const head = `## ${provider.id}

${provider.title}. Admin secret, \`leakstop/providers/${provider.id}/<account>\`:

\`\`\`text
${formsOf(provider.admin).join('\n')}
\`\`\``;
  const kinds = Object.entries(provider.kinds).map(([name, kind]) => kindOf(provider, name, kind, admin));
  return [head, ...kinds].join('\n\n');
}

function kindOf(provider: AnyProvider, name: string, kind: AnyKind, admin: unknown): string {
  const { facts } = kind;
  const rows = [
    ['the alert must carry', facts.carries],
    [
      'named by',
      [code(kind.identifiers), kind.locators && `looked for with ${code(kind.locators)}`].filter(Boolean).join('; '),
    ],
    [
      'known by its form',
      kind.unmistakable ? `\`${kind.unmistakable.source.replaceAll('|', '\\|')}\`` : 'no: the provider must be named',
    ],
    ['scanners call it', scannersOf(kind)],
    ['actions', kind.disable ? '`delete`, `disable` (and `restore`)' : '`delete`; it cannot be switched off'],
    ['permission', facts.permission],
    ['rate limit', facts.rateLimit],
    ['proof', facts.proof],
    ['propagation', facts.propagation],
    ['documentation', `<${kind.docs}>`],
  ];
  const lists = [
    ['Verified', facts.verified],
    ['Believed', facts.believed],
    ['Worth knowing', facts.notes ?? []],
  ] as const;
  return [
    `### ${provider.id}: ${name}`,
    table(['', ''], rows),
    table(['request', ''], requestsOf(kind, admin)),
    ...lists.filter(([, items]) => items.length > 0).map(([title, items]) => `${title}:\n\n${bullets(items)}`),
  ].join('\n\n');
}

/** Every request of a kind, as it would be sent about a key with these ids. */
function requestsOf(kind: AnyKind, admin: unknown): string[][] {
  const target = { admin, keyId: '{keyId}', owner: '{owner}' };
  const leak = { secret: { expose: () => '{secret}' }, identifiers: placeholders(kind) };
  const questions: [string, Request | undefined][] = [
    ['the leaked key names itself', kind.self?.request(leak as never)],
    ['who has keys', kind.owners?.list?.request({ admin, page: 0 })],
    ['list', kind.list.request({ admin, owner: '{owner}', page: 0 })],
    ['one record', kind.get?.request(target)],
    ['delete', kind.remove.request(target)],
    ['disable', kind.disable?.request(target)],
    ['restore', kind.enable?.request(target)],
    ['prove with the leaked key', kind.proof?.request(leak as never)],
  ];
  return questions.flatMap(([what, request]) => (request ? [[`\`${lineOf(request)}\``, what]] : []));
}

const placeholders = ({ identifiers, locators = [] }: AnyKind) =>
  Object.fromEntries([...identifiers, ...locators].map((name) => [name, `{${name}}`]));

function lineOf({ method, path, query = {} }: Request): string {
  const line = new URLSearchParams(query).toString();
  return decodeURIComponent(`${method} ${path}${line === '' ? '' : `?${line}`}`);
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
  type?: string;
  items?: JsonSchema;
  default?: unknown;
}

/** The forms that an admin secret may have, a line each: `…` for text, `?` after a field that may be left out. */
function formsOf(schema: z.ZodType): string[] {
  const json = z.toJSONSchema(schema, { io: 'input', unrepresentable: 'any' }) as JsonSchema;
  return (json.anyOf ?? [json]).map(({ properties = {}, required = [] }) => {
    const fields = Object.entries(properties).map(
      ([name, field]) => `"${name}"${required.includes(name) ? '' : '?'}: ${formOf(field)}`,
    );
    return `{ ${fields.join(', ')} }`;
  });
}

function formOf({ enum: values, type, items, anyOf }: JsonSchema): string {
  if (values) return values.map((value) => JSON.stringify(value)).join(' | ');
  if (anyOf) return anyOf.map(formOf).join(' | ');
  if (type === 'array') return `[${formOf(items ?? {})}]`;
  return type === 'integer' || type === 'number' ? '123' : '"…"';
}

const code = (words: readonly string[]) => words.map((word) => `\`${word}\``).join(', ');
const bullets = (items: readonly string[]) => items.map((item) => `- ${item}`).join('\n');
const table = (head: string[], rows: string[][]) =>
  [head, head.map(() => '---'), ...rows].map((cells) => `| ${cells.join(' | ')} |`).join('\n');
