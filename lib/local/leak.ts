import { parseArgs } from 'node:util';
import * as z from 'zod';
import { providers } from '../../functions/providers/index.ts';
import type { Providers } from '../../functions/revocation/provider.ts';
import { type FreshLeak, ways } from './fresh-leaks.ts';
import { BadOption, complaintOf, refuseEaten } from './options.ts';
import { endLine, entryLine, type Incident, isAtRest, neutral, paint, type Terminal } from './terminal.ts';

const registry: Providers = providers;
/** Where a stage listens that was told nothing. */
export const leakUrl = 'http://127.0.0.1:8787';

/** How often an incident is looked at (ms), and for how long. */
const lookEvery = 50;
const patience = 60_000;

export const leakUsage = `Usage: npm run leak -- PROVIDER [options]      leaks a fresh simulated key at a running stage, and follows it
       npm run leak -- all [options]           one of every kind at every provider

  --kind KIND          the kind of key (the first of the provider's)
  --source SOURCE      standard: a signed alert; operator: an operator's request (standard)
  --url URL            where the stage listens (${leakUrl})
  --help               this text

Providers and kinds:
${Object.entries(registry)
  .map(([id, { kinds }]) => `  ${id.padEnd(14)} ${Object.keys(kinds).join(', ')}`)
  .join('\n')}

Exit 0: every key is dead. 1: one is not. 2: it was asked for wrongly, or no stage runs.
`;

/** What `npm run leak` was asked for. */
export interface LeakOrder {
  /** One provider, or `all`. */
  provider: string;
  kind: string | undefined;
  source: string;
  url: string;
}

/** @throws BadOption */
export function readLeakOrder(args: string[], variables: NodeJS.ProcessEnv): LeakOrder | 'help' {
  refuseEaten('npm run leak', ['kind', 'source', 'url'], variables);
  const { values, positionals } = parsed(args);
  const [provider, ...more] = positionals;
  if (values.help || (provider === undefined && args.length === 0)) return 'help';
  if (provider === undefined || more.length > 0)
    throw new BadOption('name one provider, or all; see npm run leak -- --help');
  if (provider !== 'all' && !Object.hasOwn(registry, provider))
    throw new BadOption(`${provider} is not a provider; there are ${Object.keys(registry).join(', ')}, or all`);
  if (provider === 'all' && values.kind !== undefined) throw new BadOption('--kind: all leaks one of every kind');
  const url = String(values.url).replace(/\/+$/, '');
  if (!/^http:\/\/(127\.0\.0\.1|localhost|\[::1\])(:\d+)?$/.test(url))
    throw new BadOption(`--url: must be the address of a stage on this machine, such as ${leakUrl}`);
  return { provider, kind: values.kind, source: String(values.source), url };
}

function parsed(args: string[]) {
  try {
    return parseArgs({
      args,
      allowPositionals: true,
      options: {
        kind: { type: 'string' },
        source: { type: 'string', default: 'standard' },
        url: { type: 'string', default: leakUrl },
        help: { type: 'boolean', short: 'h' },
      },
    });
  } catch (error) {
    throw new BadOption(`${complaintOf(error)}; see npm run leak -- --help`);
  }
}

/**
 * Leaks what was ordered and tells the story of each key. Answers whether every key is dead.
 * @throws BadOption when no stage is there, or it has no such key to lose
 */
export async function leak(order: LeakOrder, terminal: Terminal, tell: (line: string) => void): Promise<boolean> {
  const { url, source } = order;
  const wanted = order.provider === 'all' ? await everyKind(url) : [{ provider: order.provider, kind: order.kind }];
  const deaths = await Promise.all(
    wanted.map((one) => leakOne({ ...one, source, url, alone: wanted.length === 1 }, terminal, tell)),
  );
  const dead = deaths.filter(Boolean).length;
  if (deaths.length > 1) tell(`${dead} of ${deaths.length} keys are dead.`);
  return dead === deaths.length && dead > 0;
}

async function everyKind(url: string): Promise<Pick<LeakOrder, 'provider' | 'kind'>[]> {
  const { providers: there } = await ask(url, 'GET', '/local/leaks', listing);
  const all = Object.entries(there).flatMap(([provider, kinds]) => kinds.map((kind) => ({ provider, kind })));
  if (all.length === 0) throw new BadOption('the stage has no provider with keys to lose; start one without --config');
  return all;
}

async function leakOne(
  { provider, kind, source, url, alone }: LeakOrder & { alone: boolean },
  terminal: Terminal,
  tell: (line: string) => void,
): Promise<boolean> {
  const query = new URLSearchParams({ ...(kind !== undefined && { kind }), source });
  const fresh = await ask(url, 'POST', `/local/leaks/${provider}?${query}`, freshLeak);
  const name = `${neutral(fresh.provider)} ${neutral(fresh.kind)}`;
  const how = fresh.source === 'standard' ? 'a signed alert' : "an operator's request";
  const began = performance.now();
  const { path, headers, body } = fresh.request;
  const signal = AbortSignal.timeout(patience);
  const answer = await fetch(`${url}${path}`, { method: 'POST', headers, body, signal }).catch(() => undefined);
  const took = Math.round(performance.now() - began);
  tell(
    `${paint(terminal, 'bold', name)}: a fresh key has leaked; ${how} was answered with ${answer?.status ?? 'nothing'} in ${took} ms`,
  );
  if (answer?.status !== 202) return false;
  const said = accepted.safeParse(await answer.json().catch(() => undefined));
  if (!said.success) throw noStage(url);
  const id = 'id' in said.data ? said.data.id : said.data.incidents[0].id;
  return follow(`${url}/incidents/${id}`, alone, terminal, tell);
}

async function follow(
  page: string,
  alone: boolean,
  terminal: Terminal,
  tell: (line: string) => void,
): Promise<boolean> {
  const until = Date.now() + patience;
  let shown = 0;
  for (;;) {
    const incident = await read(page);
    const timeline = incident?.timeline ?? [];
    if (incident) for (const entry of timeline.slice(shown)) tell(entryLine(terminal, incident, entry, !alone));
    shown = Math.max(shown, timeline.length);
    if (incident && isAtRest(incident)) {
      tell(endLine(terminal, incident, !alone));
      if (alone) for (const line of evidence(incident, page)) tell(line);
      return incident.proof?.dead === true;
    }
    if (Date.now() > until) {
      tell(`still in work after ${patience / 1000} s; look again: curl -s ${page}`);
      return false;
    }
    await new Promise((resolve) => setTimeout(resolve, lookEvery));
  }
}

/** How the end is known, and by whom it was reported. */
function evidence({ sightings, proof, state }: Incident, page: string): string[] {
  const checks = proof?.checks.map(({ at, result }) => `${neutral(result)} ${neutral(at)}`) ?? [];
  return [
    ...sightings.map(({ source, at }) => `  sighting: ${neutral(source)} ${neutral(at)}`),
    `  proof: ${proof?.dead ? `${neutral(proof.method)}: ${checks.join(', ')}` : 'none'}`,
    ...(state === 'awaiting-approval' ? [`  a person decides: curl -s -X POST ${page}/approve`] : []),
    `  all of it: curl -s ${page}`,
  ];
}

/** Undefined: not now. */
async function read(page: string): Promise<Incident | undefined> {
  const answer = await fetch(page, { signal: AbortSignal.timeout(10_000) }).catch(() => undefined);
  return answer?.ok ? ((await answer.json()) as Incident) : undefined;
}

const listing = z.object({ providers: z.record(z.string(), z.array(z.string())) });
const freshLeak: z.ZodType<FreshLeak> = z.object({
  provider: z.string(),
  kind: z.string(),
  source: z.enum(ways),
  request: z.object({
    path: z.enum(['/sources/standard', '/revocations']),
    headers: z.record(z.string(), z.string()),
    body: z.string(),
  }),
});
const one = z.object({ id: z.string().regex(/^inc_[0-9a-z]+$/) });
const accepted = z.union([one, z.object({ incidents: z.tuple([one]) })]);
const refusal = z.object({ title: z.literal('Nothing leaks'), detail: z.string() });

/** Asks the stage's own routes. @throws BadOption where what answers is no stage, or has no such key to lose */
async function ask<Said>(url: string, method: string, path: string, schema: z.ZodType<Said>): Promise<Said> {
  const answer = await fetch(`${url}${path}`, { method, signal: AbortSignal.timeout(10_000) }).catch(() => undefined);
  if (answer === undefined)
    throw new BadOption(`no stage answers at ${url}: run npm start first, in another shell; elsewhere: --url URL`);
  const json: unknown = await answer.json().catch(() => undefined);
  const said = schema.safeParse(json);
  if (answer.ok && said.success) return said.data;
  const refused = refusal.safeParse(json);
  throw refused.success ? new BadOption(neutral(refused.data.detail)) : noStage(url);
}

const noStage = (url: string) =>
  new BadOption(`what answers at ${url} is no stage with simulated vendors: run npm start, without --vendors live`);
