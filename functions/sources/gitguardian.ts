import { createHash, scryptSync } from 'node:crypto';
import * as z from 'zod';
import { Refused, Unexpected } from '../revocation/errors.ts';
import { type Path, path, type Request } from '../revocation/exchange.ts';
import type { Finding } from '../revocation/findings.ts';
import { bodyOf, faultOf } from '../revocation/inquire.ts';
import { bearer, Secret, sameText, secretValue } from '../revocation/secret.ts';
import { isHmacHex, isTimely } from '../revocation/signature.ts';
import type { Closed, Fetched, Inquiry, Reading, Reference, Source } from '../revocation/source.ts';

/** Open alerts, for a sweep over what no delivery told of. `more`: there are others that were not read. */
export interface OpenAlerts {
  references: Reference[];
  /** Entries that name no alert. */
  skipped: number;
  more: boolean;
}

/** What a sweep needs of a source. */
export interface Sweepable<Config> {
  /** The alerts that are open and were found after `after` (ISO 8601). @throws as `fetch` does */
  listOpen(after: string, inquiry: Inquiry<Config>): Promise<OpenAlerts>;
}

const config = z.strictObject({
  signatureTokens: z
    .array(
      z
        .string()
        .min(1)
        .max(1024)
        .transform((value) => new Secret(value)),
    )
    .min(1)
    .max(10),
  token: secretValue,
  apiUrl: z
    .string()
    .max(256)
    .regex(
      /^https:\/\/[a-z0-9.-]+(:\d{1,5})?(\/v1|\/exposed\/v1)?\/?$/,
      'must be https://<host>, for a self-hosted GitGuardian https://<host>/exposed/v1',
    )
    .default('https://api.gitguardian.com')
    .transform((value) => new URL(value)),
  /** Host of a repository → a token that may read its files: the way to a value, which GitGuardian never gives away. */
  repositoryTokens: z
    .record(z.string().regex(/^[a-z0-9.-]{1,253}(:\d{1,5})?$/, 'must be a host such as github.com'), secretValue)
    .refine((value) => Object.keys(value).length <= 20, 'holds too many hosts')
    .default({}),
});
type Config = z.infer<typeof config>;

const ifReadable = <Schema extends z.ZodType>(schema: Schema) => schema.optional().catch(undefined);
const id = z.int().positive();
const page = z.string().max(2048).refine(isPage, 'must be the https address of a page');
const fileName = z.string().max(1024).refine(isFileName, 'must be the path of a file');
const commit = z.string().regex(/^([0-9a-f]{40}|[0-9a-f]{64})$/, 'must be the id of a commit');
const word = z.string().regex(/^[A-Za-z0-9_.-]{1,128}$/, 'must be a name');
/** Its group is what its documentation and the providers here call it. */
const detector = z.object({ name: ifReadable(word), detector_group_name: ifReadable(word) });

const outer = z.object({ action: z.string().nullish() });
/** What a message has of the secret's hash is not read: kept, it could be tested offline. */
const event = z.object({
  action: z.string(),
  timestamp: ifReadable(z.string().regex(/^[\dT:.Z+-]{10,40}$/)),
  incident: z.object({ id, gitguardian_url: page, validity: ifReadable(word), detector: ifReadable(detector) }),
  occurrence: ifReadable(
    z.object({
      id: ifReadable(id),
      sha: ifReadable(commit),
      filepath: ifReadable(fileName),
      source: ifReadable(z.object({ url: ifReadable(page) })),
    }),
  ),
});
const opening = new Set(['incident_triggered', 'incident_reopened', 'incident_regression', 'new_occurrence']);

const match = z
  .object({
    name: ifReadable(word),
    indice_start: z.int().min(0),
    indice_end: z.int(),
    post_line_start: z.int().positive(),
  })
  .refine(({ indice_start: start, indice_end: end }) => end > start && end - start <= 4096, 'must be of some length');
type Match = z.infer<typeof match>;
const occurrence = z.object({
  sha: commit,
  filepath: fileName,
  url: ifReadable(page),
  change_type: ifReadable(word),
  source: z.object({ url: page, type: word, visibility: ifReadable(word) }),
  matches: z.array(z.unknown()).max(1000),
});
type Occurrence = z.infer<typeof occurrence>;
const list = z.array(z.unknown()).max(1000);
const incident = z.object({
  id,
  status: word,
  date: ifReadable(z.iso.datetime({ offset: true })),
  hmsl_hash: ifReadable(z.string().regex(/^[0-9a-f]{64}$/)),
  detector: ifReadable(detector),
  occurrences: list.nullish(),
});
const listed = z.object({ id, gitguardian_url: page, detector: ifReadable(detector) });
const note = z.object({ comment: z.string() });
const file = z.object({ encoding: z.literal('base64'), content: z.string().max(2 * 1024 * 1024) });

const occurrencesAtMost = 20;
const matchesAtMost = 5;
const filesAtMost = 5;
const candidatesAtMost = 10_000;
/** One costs some five milliseconds. */
const hashesAtMost = 256;
const pagesAtMost = 10;
const lookRemedy = 'give the token in leakstop/sources/gitguardian the scope incidents:read, then retry';
const closeRemedy = 'give the token in leakstop/sources/gitguardian the scope incidents:write, then retry';
const fileRemedy = 'give the token in repositoryTokens the right to read the files of the repository, then retry';
/** Why a value is out of reach, from what is farthest from it to what is nearest. */
const reasons = [
  'GitGuardian never gives a value away, and names no file in a repository that holds it',
  'GitGuardian never gives a value away, and there is no token for the host of its repository: add one to repositoryTokens in leakstop/sources/gitguardian',
  'the file that holds it is not there, is too large, or may not be read with the token in repositoryTokens',
  'nothing in the file that holds it has the hash that GitGuardian has of it',
] as const;
type Stage = 0 | 1 | 2 | 3;

/** Custom webhooks: https://docs.gitguardian.com/platform/configure-alerting/notifiers-integrations/custom-webhook. The API: https://api.gitguardian.com/docs */
export const gitguardian: Source<Config> & Sweepable<Config> = {
  id: 'gitguardian',
  title: 'GitGuardian custom webhooks',
  docs: 'https://docs.gitguardian.com/platform/configure-alerting/notifiers-integrations/custom-webhook',
  mayNameKeys: false,
  config,
  verify({ body, headers, config: { signatureTokens }, now }) {
    const { timestamp = '', 'gitguardian-signature': signature = '' } = headers;
    // The key is time and token with nothing between them: a time of any other form could hold a part of the token.
    if (!/^\d{1,12}(\.\d+)?$/.test(timestamp) || !isTimely(Number(timestamp), now)) return false;
    if (!signature.startsWith('sha256=')) return false;
    const keys = signatureTokens.map((token) => timestamp + token.expose());
    return isHmacHex(signature.slice('sha256='.length), body, keys);
  },
  read({ body, headers }): Reading {
    const json = parse(body);
    const said = outer.safeParse(json);
    if (!said.success) return { is: 'malformed', error: said.error };
    const { action } = said.data;
    // A test message has no action, and a secret in plain text.
    if (action == null || !(opening.has(action) || action === 'incident_validity_changed')) return { is: 'nothing' };
    const told = event.safeParse(json);
    if (!told.success) return { is: 'malformed', error: told.error };
    const { incident: about, occurrence: place, timestamp = headers.timestamp ?? '' } = told.data;
    if (!opening.has(action) && about.validity !== 'valid') return { is: 'nothing' };
    const delivery = [action, about.id, place?.id, timestamp].filter((part) => part !== undefined).join('/');
    const { sha, filepath, source } = place ?? {};
    const hints = { sha, filepath, repository: source?.url };
    return { is: 'alert', delivery, references: [referenceTo(about, hints)] };
  },
  owns: (link, { apiUrl }) =>
    isPage(link) && new URL(link).host === dashboardOf(apiUrl) && numberIn(link) !== undefined,

  async fetch(reference, inquiry): Promise<Fetched> {
    const at = addressOf(reference);
    if (at === undefined) return { is: 'out-of-reach', reason: 'its address at GitGuardian names no incident' };
    const told = await look(at, inquiry, lookRemedy);
    if (told === undefined)
      return { is: 'out-of-reach', reason: `GitGuardian shows no such incident to our token: ${lookRemedy}` };
    if (isClosed(told)) return { is: 'over', reason: 'it is resolved or ignored at GitGuardian' };
    if (told.hmsl_hash === undefined)
      return { is: 'out-of-reach', reason: 'GitGuardian gives no hash of it, which would prove a value' };
    const places = told.occurrences ?? (at.isPublic ? await placesOf(at.path, inquiry) : []);
    const found = await provenIn(told.hmsl_hash, readable(places, occurrence, occurrencesAtMost), inquiry);
    if ('farthest' in found) return { is: 'out-of-reach', reason: reasons[found.farthest] };
    const { value, part, place } = found;
    const finding: Finding = {
      scanner: 'gitguardian',
      detector: nameOf(told.detector),
      value,
      ...(part.name !== undefined && { parts: { [part.name]: value } }),
      circumstances: {
        location: { url: place.url, path: place.filepath, line: part.post_line_start, commit: place.sha },
        exposure: exposureOf(at.isPublic ? 'public' : place.source.visibility),
        detectedAt: told.date,
        reference: reference.link,
      },
    };
    return { is: 'found', findings: [finding] };
  },

  async close(reference, ending, inquiry): Promise<Closed> {
    const at = addressOf(reference);
    const told = at && (await look(at, inquiry, closeRemedy));
    if (at === undefined || told === undefined)
      throw new Unexpected('gitguardian does not know the incident that is to be closed');
    if (isClosed(told)) return 'nothing';
    const means = { who: 'gitguardian', remedy: closeRemedy, now: inquiry.now };
    const notes = sub(at.path, path`/notes`);
    const { items } = await pagesOf(inquiry, { path: notes, remedy: closeRemedy });
    const isNoted = readable(items, note).some(({ comment }) => comment.includes(ending.incident));
    if (!isNoted) {
      const noted = await ask(inquiry, { method: 'POST', path: notes, body: { comment: ending.comment } });
      if (noted.status !== 201) throw faultOf(noted, means);
    }
    const body = at.isPublic ? { resolve_reason: 'revoked' } : { secret_revoked: true };
    const resolved = await ask(inquiry, { method: 'POST', path: sub(at.path, path`/resolve`), body });
    if (resolved.status === 200) return 'closed';
    if (resolved.status === 409) return 'nothing';
    const fault = faultOf(resolved, means);
    if (resolved.status === 403 && fault instanceof Refused) return 'noted';
    throw fault;
  },

  async listOpen(after, inquiry): Promise<OpenAlerts> {
    const open: OpenAlerts = { references: [], skipped: 0, more: false };
    // An incident may be assigned the moment it is triggered.
    for (const status of ['TRIGGERED', 'ASSIGNED']) {
      const query = { status, date_after: after };
      const { items, more } = await pagesOf(inquiry, { path: path`/incidents/secrets`, query, remedy: lookRemedy });
      const known = readable(items, listed);
      open.references.push(...known.map((one) => referenceTo(one)));
      open.skipped += items.length - known.length;
      open.more ||= more;
    }
    return open;
  },
};

function parse(body: Uint8Array): unknown {
  try {
    return JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(body));
  } catch {
    return undefined;
  }
}

/** Whether a text is an https address as a browser would write it, without a name or password in it. */
function isPage(link: string): boolean {
  const url = URL.parse(link);
  return url?.href === link && url.protocol === 'https:' && url.username === '' && url.password === '';
}

function isFileName(name: string): boolean {
  return name.isWellFormed() && name.split('/').every((part) => !['', '.', '..'].includes(part));
}

const pageOfIncident = /^\/workspace\/\d{1,18}\/(public-)?incidents\/([1-9]\d{0,15})\/?$/;
const numberIn = (link: string) => pageOfIncident.exec(URL.parse(link)?.pathname ?? '')?.[2];
/** A self-hosted dashboard shares its host with the API. */
const dashboardOf = ({ host }: URL) => (/\.gitguardian\.com$/.test(host) ? host.replace(/^api\./, 'dashboard.') : host);

const nameOf = (named: z.infer<typeof detector> | undefined) => named?.detector_group_name ?? named?.name ?? '';
const isClosed = ({ status }: { status: string }) => ['resolved', 'ignored'].includes(status.toLowerCase());

function referenceTo(about: z.infer<typeof listed>, more: Record<string, string | undefined> = {}): Reference {
  const hints = { incident: String(about.id), detector: nameOf(about.detector) || undefined, ...more };
  const given = Object.entries(hints).filter((hint): hint is [string, string] => hint[1] !== undefined);
  return { link: about.gitguardian_url, hints: Object.fromEntries(given) };
}

function exposureOf(visibility: string | undefined): 'public' | 'private' | 'unknown' {
  if (visibility === 'public') return 'public';
  return visibility === 'private' || visibility === 'internal' ? 'private' : 'unknown';
}

interface Address {
  path: Path;
  isPublic: boolean;
}

/** Where the API has an alert's incident, below the version. Public ones have numbers of their own. */
function addressOf({ link, hints }: Reference): Address | undefined {
  const number = numberIn(link) ?? hints?.incident;
  if (number === undefined || !/^[1-9]\d{0,15}$/.test(number)) return undefined;
  const isPublic = link.includes('/public-incidents/');
  return { isPublic, path: isPublic ? path`/public-incidents/secrets/${number}` : path`/incidents/secrets/${number}` };
}

const sub = (above: Path, below: Path) => (above + below) as Path;

function ask({ config: { apiUrl, token }, ask: send }: Inquiry<Config>, request: Request) {
  const version = apiUrl.pathname.startsWith('/exposed') ? path`/exposed/v1` : path`/v1`;
  const headers = { authorization: new Secret(`Token ${token.expose()}`) };
  return send(apiUrl.origin, { ...request, path: sub(version, request.path), headers });
}

/** The incident, or undefined where our token sees none. */
async function look(at: Address, inquiry: Inquiry<Config>, remedy: string) {
  const answer = await ask(inquiry, { method: 'GET', path: at.path, query: { with_occurrences: '20' } });
  if (answer.status === 404) return undefined;
  const told = bodyOf(answer, incident, { who: 'gitguardian', remedy, now: inquiry.now });
  if (!at.path.endsWith(`/${told.id}`)) throw new Unexpected('gitguardian answered with another incident');
  return told;
}

/** The entries of a list that are what they should be. */
function readable<Value>(
  items: readonly unknown[],
  schema: z.ZodType<Value>,
  most = Number.POSITIVE_INFINITY,
): Value[] {
  return items.slice(0, most).flatMap((item) => schema.safeParse(item).data ?? []);
}

/** The entries of a list, page by page, up to some pages. The next page is a cursor in a link, of which nothing else is followed. */
async function pagesOf(
  inquiry: Inquiry<Config>,
  { path: at, query = {}, remedy }: { path: Path; query?: Record<string, string>; remedy: string },
): Promise<{ items: unknown[]; more: boolean }> {
  const items: unknown[] = [];
  let cursor: string | undefined;
  for (let read = 0; read < pagesAtMost; read += 1) {
    const asked = { ...query, per_page: '100', ...(cursor !== undefined && { cursor }) };
    const answer = await ask(inquiry, { method: 'GET', path: at, query: asked });
    items.push(...bodyOf(answer, list, { who: 'gitguardian', remedy, now: inquiry.now }));
    const next = /[?&](cursor=[^&>]{1,1024})[^>]*>;\s*rel="?next\b/.exec(answer.header('link') ?? '')?.[1];
    if (next === undefined) return { items, more: false };
    cursor = new URLSearchParams(next).get('cursor') ?? '';
  }
  return { items, more: true };
}

/** A public incident does not hold its occurrences. */
async function placesOf(at: Path, inquiry: Inquiry<Config>): Promise<unknown[]> {
  const answer = await ask(inquiry, { method: 'GET', path: sub(at, path`/occurrences`), query: { per_page: '20' } });
  return bodyOf(answer, list, { who: 'gitguardian', remedy: lookRemedy, now: inquiry.now });
}

/** The value whose hash is the incident's, from the files where it was found; or how far the way to it went. */
async function provenIn(
  hash: string,
  places: readonly Occurrence[],
  inquiry: Inquiry<Config>,
): Promise<{ value: Secret; part: Match; place: Occurrence } | { farthest: Stage }> {
  let farthest: Stage = 0;
  const tried = new Set<string>();
  let files = 0;
  let looked = 0;
  for (const place of places) {
    const matches = readable(place.matches, match, matchesAtMost);
    // What a commit took away is not in its files.
    if (place.change_type === 'deletion' || matches.length === 0) continue;
    const request = fileRequest(place, inquiry.config);
    farthest = Math.max(farthest, request === undefined ? 1 : 2) as Stage;
    if (request === undefined || files === filesAtMost) continue;
    files += 1;
    const content = await contentOf(request, inquiry);
    if (content === undefined) continue;
    farthest = 3;
    for (const { text, part } of candidatesIn(content, matches)) {
      looked += 1;
      if (tried.size === hashesAtMost || looked > candidatesAtMost) break;
      if (tried.has(text)) continue;
      tried.add(text);
      if (sameText(hashOf(text), hash)) return { value: new Secret(text), part, place };
    }
  }
  return { farthest };
}

/** Asks for a file by its repository's own address, where the configuration has a token for just that host. */
function fileRequest({ source, sha, filepath }: Occurrence, { repositoryTokens }: Config) {
  const { host, pathname } = new URL(source.url);
  const token = Object.hasOwn(repositoryTokens, host) ? repositoryTokens[host] : undefined;
  const name = pathname.replace(/^\/|(\.git)?\/?$/g, '');
  if (token === undefined || !isFileName(name) || !/^[\w./-]{3,512}$/.test(name)) return undefined;
  const rest = { method: 'GET', query: { ref: sha }, headers: { authorization: bearer(token) } } as const;
  if (source.type.startsWith('gitlab'))
    return {
      origin: `https://${host}`,
      request: { ...rest, path: path`/api/v4/projects/${name}/repository/files/${filepath}` },
    };
  const [owner = '', repository = '', ...others] = name.split('/');
  if (!source.type.startsWith('github') || repository === '' || others.length > 0) return undefined;
  const at = path`/repos/${owner}/${repository}/contents/${filepath}`;
  if (host === 'github.com') return { origin: 'https://api.github.com', request: { ...rest, path: at } };
  return { origin: `https://${host}`, request: { ...rest, path: sub(path`/api/v3`, at) } };
}

async function contentOf(
  { origin, request }: { origin: string; request: Request },
  inquiry: Inquiry<Config>,
): Promise<string | undefined> {
  const answer = await inquiry.ask(origin, request);
  if (answer.status === 404) return undefined;
  if (answer.status !== 200)
    throw faultOf(answer, { who: 'gitguardian repository', remedy: fileRemedy, now: inquiry.now });
  const given = file.safeParse(answer.json);
  return given.success ? Buffer.from(given.data.content, 'base64').toString('utf8') : undefined;
}

/**
 * Texts of a match's length in its line: those that stand alone first. A match's indices count in the commit's patch, so of
 * them its length alone helps in a file.
 */
function* candidatesIn(content: string, matches: readonly Match[]): Generator<{ text: string; part: Match }> {
  const lines = content.split('\n');
  for (const standsAlone of [true, false]) {
    for (const at of matches) {
      const size = at.indice_end - at.indice_start;
      const line = lines[at.post_line_start - 1] ?? '';
      for (let start = 0; start + size <= line.length; start += 1) {
        const isPart = isOfWord(line[start - 1]) || isOfWord(line[start + size]);
        if (isPart !== standsAlone) yield { text: line.slice(start, start + size), part: at };
      }
    }
  }
}

const isOfWord = (letter: string | undefined) => letter !== undefined && /[\w-]/.test(letter);

const salt = createHash('sha256').update('GitGuardian').digest();
/** HasMySecretLeaked's hash: https://github.com/GitGuardian/ggshield/blob/main/ggshield/verticals/hmsl/crypto.py */
const hashOf = (value: string) => scryptSync(value, salt, 32, { N: 2048, r: 8, p: 1 }).toString('hex');
