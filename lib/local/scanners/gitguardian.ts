import { createHash, createHmac, scryptSync } from 'node:crypto';
import { type Arrival, type Trouble, type VendorAnswer, vendorServer } from '../vendors/vendor.ts';
import type { Discovery, Scanner, ScannerAlert, ScannerDelivery, ScannerWorld } from './scanner.ts';

/** The secret of the source, as `leakstop/sources/gitguardian` would hold it. */
interface SourceSecret {
  signatureTokens: string[];
  token: string;
  apiUrl?: string;
  repositoryTokens?: Record<string, string>;
}

/** Ways in which incidents differ. */
export interface IncidentTraits {
  /** GitGuardian's public monitoring: numbers and paths of its own, and occurrences apart. */
  isPublic?: boolean;
  /** The file that holds the value; the value's place in it is looked up. */
  content?: string;
  filepath?: string;
  /** `deletion`: the commit took the value away, so its files do not hold it. */
  change?: 'addition' | 'deletion';
  visibility?: 'public' | 'private' | null;
  /** Occurrences that come before the one with the value, each in a file of its own that is not there. */
  before?: number;
  /** Names of the parts that are matched, besides the value's: `name`, and the text of it. */
  others?: { name: string; text: string }[];
  part?: string;
  hash?: string | null;
  status?: 'TRIGGERED' | 'ASSIGNED' | 'RESOLVED' | 'IGNORED';
}

export interface GitGuardianOptions {
  now?: () => number;
  /** What the token may do besides reading. */
  mayNote?: boolean;
  mayResolve?: boolean;
}

interface Incident extends ScannerAlert {
  id: number;
  isPublic: boolean;
  status: string;
  hash: string | null;
  detector: string;
  date: string;
  occurrences: object[];
}

interface StoredFile {
  repository: string;
  filepath: string;
  sha: string;
  content: string;
}

const salt = createHash('sha256').update('GitGuardian').digest();
const hashOf = (value: string) => scryptSync(value, salt, 32, { N: 2048, r: 8, p: 1 }).toString('hex');
const refused: VendorAnswer = { status: 401, body: { detail: 'Invalid API key.' } };
const forbidden: VendorAnswer = {
  status: 403,
  body: { detail: 'You do not have permission to perform this action.' },
};
const absent: VendorAnswer = { status: 404, body: { detail: 'Not found.' } };
const repository = 'acme/storefront';

/**
 * GitGuardian's API and one repository host that it monitors. https://api.gitguardian.com/docs;
 * https://docs.github.com/rest/repos/contents; https://docs.gitlab.com/api/repository_files
 */
export function gitguardianScanner(
  {
    signatureTokens: [signatureToken = ''],
    token,
    apiUrl = 'https://api.gitguardian.com',
    repositoryTokens = {},
  }: SourceSecret,
  { now = Date.now, mayNote = true, mayResolve = true }: GitGuardianOptions = {},
) {
  const arrivals: Arrival[] = [];
  const troubles: Trouble[] = [];
  const incidents: Incident[] = [];
  const files: StoredFile[] = [];
  const api = new URL(apiUrl);
  const dashboard = api.host.replace(/^api\.(?=(.+\.)?gitguardian\.com$)/, 'dashboard.');
  const version = api.pathname.startsWith('/exposed') ? '/exposed/v1' : '/v1';
  const repositoryHost = Object.keys(repositoryTokens)[0] ?? 'git.example';

  function incidentsApi({ method, target, headers, body }: Arrival): VendorAnswer {
    if (headers.authorization !== `Token ${token}`) return refused;
    const url = new URL(target, api);
    if (method === 'GET' && url.pathname === `${version}/api_tokens/self`)
      return {
        status: 200,
        body: {
          id: '8a262c6a-832d-49e5-8744-23c743ff25ac',
          name: 'leakstop',
          type: 'service_account',
          scopes: ['scan', 'incidents:read', ...(mayResolve ? ['incidents:write'] : [])],
          expire_at: null,
          revoked_at: null,
          status: 'active',
        },
      };
    const parts = /^\/(public-)?incidents\/secrets(?:\/(\d+)(?:\/(notes|resolve|occurrences))?)?$/;
    const named = url.pathname.startsWith(`${version}/`) ? parts.exec(url.pathname.slice(version.length)) : null;
    if (!named) return absent;
    const [, isPublic, id, verb] = named;
    const known = incidents.filter((one) => one.isPublic === (isPublic !== undefined));
    if (id === undefined) return page(url, listed(known, url.searchParams));
    const incident = known.find((one) => one.id === Number(id));
    if (!incident) return absent;
    if (method === 'GET' && verb === undefined) return { status: 200, body: shown(incident, url.searchParams) };
    if (method === 'GET' && verb === 'occurrences' && isPublic) return page(url, incident.occurrences);
    if (method === 'GET' && verb === 'notes')
      return page(
        url,
        incident.comments.map((comment, index) => ({ id: index + 1, comment })),
      );
    if (method !== 'POST') return { status: 405, body: { detail: 'Method not allowed.' } };
    const given = JSON.parse(body) as { comment?: unknown; secret_revoked?: unknown; resolve_reason?: unknown };
    return verb === 'notes' ? noteOn(incident, given) : resolve(incident, given);
  }

  function noteOn(incident: Incident, { comment }: { comment?: unknown }): VendorAnswer {
    if (!mayNote) return forbidden;
    if (typeof comment !== 'string' || comment === '')
      return { status: 400, body: { comment: ['This field is required.'] } };
    incident.comments.push(comment);
    return { status: 201, body: { id: incident.comments.length, comment, incident_id: incident.id } };
  }

  function resolve(incident: Incident, given: { secret_revoked?: unknown; resolve_reason?: unknown }): VendorAnswer {
    const isSaid = incident.isPublic ? given.resolve_reason === 'revoked' : given.secret_revoked === true;
    if (!mayResolve) return forbidden;
    if (!isSaid) return { status: 400, body: { detail: 'It is not said what became of the secret.' } };
    if (incident.state === 'closed') return { status: 409, body: { detail: 'The incident is closed already.' } };
    incident.state = 'closed';
    incident.status = 'RESOLVED';
    incident.resolution = 'secret revoked';
    return { status: 200, body: shown(incident, new URLSearchParams()) };
  }

  const listed = (known: Incident[], query: URLSearchParams) =>
    known
      .filter(({ status }) => (query.get('status') ?? status) === status)
      .filter(({ date }) => date > (query.get('date_after') ?? ''))
      .map((incident) => shown(incident, new URLSearchParams()));

  function page(url: URL, items: object[]): VendorAnswer {
    const size = Number(url.searchParams.get('per_page') ?? 20);
    const from = Number(Buffer.from(url.searchParams.get('cursor') ?? '', 'base64').toString() || 0);
    const next = new URL(url);
    next.searchParams.set('cursor', Buffer.from(String(from + size)).toString('base64'));
    const link = from + size < items.length ? `<${next}>; rel="next"` : '';
    return { status: 200, headers: { link }, body: items.slice(from, from + size) };
  }

  function shown({ id, isPublic, status, hash, detector, date, link, occurrences }: Incident, query: URLSearchParams) {
    const count = Number(query.get('with_occurrences') ?? 0);
    return {
      id,
      detector: { name: `${detector}_1`, display_name: detector, detector_group_name: detector, nature: 'specific' },
      date,
      secret_id: id + 1000,
      secret_hash: 'not-a-hash-of-anything',
      hmsl_hash: hash,
      status,
      secret_revoked: status === 'RESOLVED',
      validity: 'valid',
      gitguardian_url: link,
      ...(!isPublic && { occurrences: count > 0 ? occurrences.slice(0, count) : null }),
    };
  }

  /** GitHub's and GitLab's way to a file at a commit. */
  function filesApi({ host, target, headers }: Arrival): VendorAnswer {
    const { pathname, searchParams } = new URL(target, 'http://host');
    const own = host === 'api.github.com' ? 'github.com' : host;
    if (headers.authorization !== `Bearer ${repositoryTokens[own]}`)
      return { status: 401, body: { message: 'Bad credentials' } };
    const github = /^(?:\/api\/v3)?\/repos\/([^/]+\/[^/]+)\/contents\/(.+)$/.exec(pathname);
    const gitlab = /^\/api\/v4\/projects\/([^/]+)\/repository\/files\/([^/]+)$/.exec(pathname);
    const [, name = '', path = ''] = github ?? gitlab ?? [];
    const wanted = {
      repository: decodeURIComponent(name),
      filepath: decodeURIComponent(path),
      sha: searchParams.get('ref'),
    };
    const file = files.find(
      (one) => one.repository === wanted.repository && one.filepath === wanted.filepath && one.sha === wanted.sha,
    );
    if (!file) return { status: 404, body: { message: 'Not Found' } };
    const content = Buffer.from(file.content).toString('base64').replaceAll(/.{60}/g, '$&\n');
    return { status: 200, body: { type: 'file', encoding: 'base64', size: file.content.length, content } };
  }

  /** Where a text stands, as a match says it: its indices count in the patch, so they fit nowhere else. */
  function matchOf(content: string, name: string, text: string) {
    const before = content.slice(0, content.indexOf(text)).split('\n');
    const line = before.length;
    const start = content.indexOf(text) + 23 + line;
    return {
      name,
      indice_start: start,
      indice_end: start + Array.from(text).length,
      pre_line_start: null,
      pre_line_end: null,
      post_line_start: line,
      post_line_end: line + text.split('\n').length - 1,
    };
  }

  function open({ secret, detector }: Discovery, traits: IncidentTraits = {}): Incident {
    const id = 21_460 + incidents.length;
    const {
      isPublic = false,
      content = `# deploy\nexport KEY="${secret}"\n`,
      filepath = 'config/deploy settings.sh',
      change = 'addition',
    } = traits;
    const {
      visibility = 'private',
      before = 0,
      others = [],
      part = 'apikey',
      hash = hashOf(secret),
      status = 'TRIGGERED',
    } = traits;
    const url = `https://${repositoryHost}/${repository}`;
    const type = repositoryHost.includes('gitlab') ? 'gitlab' : 'github';
    const occurrences = Array.from({ length: before + 1 }, (_, index) => {
      const sha = createHash('sha1').update(`${id} ${index}`).digest('hex');
      const matches = [...others, { name: part, text: secret }].map(({ name, text }) => matchOf(content, name, text));
      return {
        id: id * 100 + index,
        incident_id: id,
        filepath: index < before ? `gone/${index}.sh` : filepath,
        presence: 'present',
        matches,
        url: `${url}/commit/${sha}#diff-0R2`,
        sha,
        change_type: change,
        source: { id: 7, type, url, ...(isPublic ? { name: repository } : { full_name: repository, visibility }) },
      };
    });
    const { sha } = occurrences.at(-1) ?? { sha: '' };
    if (change === 'addition') files.push({ repository, filepath, sha, content });
    const link = `https://${dashboard}/workspace/8/${isPublic ? 'public-' : ''}incidents/${id}`;
    const date = new Date(now()).toISOString();
    const state = status === 'RESOLVED' || status === 'IGNORED' ? 'closed' : 'open';
    const incident: Incident = { link, state, comments: [], id, isPublic, status, hash, detector, date, occurrences };
    incidents.push(incident);
    return incident;
  }

  /** The webhook's message about an incident: no secret in it, but its hash. */
  function tell(incident: Incident, action = 'incident_triggered', more: object = {}): ScannerDelivery {
    const { occurrences: _, ...about } = shown(incident, new URLSearchParams());
    const body = JSON.stringify({
      source: 'GitGuardian',
      timestamp: new Date(now()).toISOString(),
      action,
      message: 'A new incident has been detected.',
      target_user: 'GitGuardian',
      incident: { ...about, status: incident.status.toLowerCase() },
      ...more,
    });
    const timestamp = String(now() / 1000);
    const signature = createHmac('sha256', timestamp + signatureToken)
      .update(body)
      .digest('hex');
    const headers = { 'content-type': 'application/json', timestamp, 'gitguardian-signature': `sha256=${signature}` };
    return { body, headers, link: incident.link };
  }

  return {
    id: 'gitguardian',
    hosts: [api.host, repositoryHost],
    server: vendorServer({ arrivals, troubles }, (arrival) =>
      arrival.host === api.hostname ? incidentsApi(arrival) : filesApi(arrival),
    ),
    arrivals,
    troubles,
    alerts: incidents,
    open,
    tell,
    find: (discovery: Discovery) => tell(open(discovery)),
  } satisfies Scanner & Record<string, unknown>;
}

/** The GitGuardian of the local stage, and the repository host where it finds what it finds. */
export const world: ScannerWorld = {
  secret: {
    signatureTokens: ['a-signature-token-of-the-local-stage'],
    token: 'a-gitguardian-token-of-the-local-stage',
    repositoryTokens: { 'git.acme.example': 'a-repository-token-of-the-local-stage' },
  },
  simulate: (secret, now = Date.now) => gitguardianScanner(secret as SourceSecret, { now }),
};
