import * as z from 'zod';
import { isLoopback, serviceAddress } from '../revocation/address.ts';
import { jsonOf } from '../revocation/delivery.ts';
import { Refused, Unexpected } from '../revocation/errors.ts';
import { type Path, path, type Request } from '../revocation/exchange.ts';
import type { Finding } from '../revocation/findings.ts';
import { bodyOf, faultOf } from '../revocation/inquire.ts';
import { Secret, secretValue } from '../revocation/secret.ts';
import { isHmacHex, isTimely } from '../revocation/signature.ts';
import type {
  Closed,
  Fetched,
  Inquiry,
  OpenAlerts,
  Reading,
  Reference,
  Source,
  SourceCheckup,
} from '../revocation/source.ts';
import { commit, fileName, id, ifReadable, isPage, page, readable, sub, word } from './gitguardian/forms.ts';
import { provenIn } from './gitguardian/proof.ts';

/** Its lower case is how `fetch` would write it. */
const isApi = (text: string) =>
  /^https?:\/\/([a-z0-9.-]+|\[::1\])(:\d{1,5})?(\/v1|\/exposed\/v1)?\/?$/.test(text) &&
  serviceAddress(text) !== undefined;

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
    .refine(
      isApi,
      'must be https://<host>, for a self-hosted GitGuardian https://<host>/exposed/v1; on this machine http will do',
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

/** Its group is what its documentation and the providers here call it. */
const detector = z.object({ name: ifReadable(word), detector_group_name: ifReadable(word) });

const outer = z.object({ action: z.string().nullish() });
/** What a message has of the secret's hash is not read: kept, it could be tested offline. */
const event = z.object({
  action: z.string(),
  timestamp: ifReadable(z.string().regex(/^[\dT:.Z+-]{10,40}$/)),
  incident: z.object({
    id,
    gitguardian_url: page.nullish(),
    validity: ifReadable(word),
    detector: ifReadable(detector),
  }),
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
const pagesAtMost = 10;
const lookRemedy = 'give the token in leakstop/sources/gitguardian the scope incidents:read, then retry';
const tokenRemedy = 'put a valid token into leakstop/sources/gitguardian';
const closeRemedy = 'give the token in leakstop/sources/gitguardian the scope incidents:write, then retry';

/** Custom webhooks: https://docs.gitguardian.com/platform/configure-alerting/notifiers-integrations/custom-webhook. The API: https://api.gitguardian.com/docs */
export const gitguardian: Source<Config> = {
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
  read({ body, headers, config: { apiUrl } }): Reading {
    const json = jsonOf(body);
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
    const gitguardian_url = about.gitguardian_url ?? `${dashboardsOf(apiUrl)[0]}/incidents/${about.id}`;
    return { is: 'alert', delivery, references: [referenceTo({ ...about, gitguardian_url }, hints)] };
  },
  owns: (link, { apiUrl }) =>
    isPage(link) && dashboardsOf(apiUrl).includes(new URL(link).origin) && numberIn(link) !== undefined,

  checkup,
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
    const found = await provenIn(told.hmsl_hash, places, inquiry);
    if ('reason' in found) return { is: 'out-of-reach', reason: found.reason };
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

const ownToken = z.object({
  scopes: z.array(z.string()),
  expire_at: z.string().nullish().catch(undefined),
});

/** What the token says of itself: https://api.gitguardian.com/docs#tag/API-Tokens; the scopes: https://docs.gitguardian.com/api-docs/authentication */
async function checkup(inquiry: Inquiry<Config>): Promise<SourceCheckup> {
  const answer = await ask(inquiry, { method: 'GET', path: path`/api_tokens/self` });
  const { scopes, expire_at } = bodyOf(answer, ownToken, { who: 'gitguardian', remedy: tokenRemedy, now: inquiry.now });
  const has = (...wanted: string[]) => (wanted.some((scope) => scopes.includes(scope)) ? 'granted' : 'missing');
  return {
    standings: [
      {
        need: 'fetching incidents (incidents:read)',
        is: has('incidents:read', 'incidents:write', 'incidents:share'),
        remedy: lookRemedy,
      },
      {
        need: 'closing incidents (incidents:write)',
        is: has('incidents:write', 'incidents:share'),
        remedy: closeRemedy,
      },
    ],
    endsAt: expire_at ?? undefined,
  };
}

/** Whoever is told of an incident without its page does not know its workspace. */
const pageOfIncident = /^(?:\/workspace\/\d{1,18})?\/(public-)?incidents\/([1-9]\d{0,15})\/?$/;
const numberIn = (link: string) => pageOfIncident.exec(URL.parse(link)?.pathname ?? '')?.[2];
const dashboard = 'https://dashboard.gitguardian.com';
/** A self-hosted dashboard shares its host with the API; what answers on this machine may stand in for the hosted one. */
function dashboardsOf(apiUrl: URL): readonly [string, ...string[]] {
  const { host, origin } = apiUrl;
  if (isLoopback(apiUrl)) return [origin, dashboard];
  return [/\.gitguardian\.com$/.test(host) ? `https://${host.replace(/^api\./, 'dashboard.')}` : origin];
}

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
