import {
  createHash,
  createHmac,
  createPublicKey,
  generateKeyPairSync,
  type KeyObject,
  randomBytes,
  randomUUID,
  sign,
  verify,
} from 'node:crypto';
import { type Arrival, type Trouble, type VendorAnswer, vendorServer } from '../vendors/vendor.ts';
import type { Discovery, Scanner, ScannerAlert, ScannerDelivery, ScannerWorld } from './scanner.ts';

/** What `leakstop/sources/github` holds. */
export type GitHubSecret = { webhookSecrets: string[]; apiUrl?: string } & (
  | { token: string }
  | { appId: string | number; privateKey: string }
);

type Right = 'none' | 'read' | 'write';

/** How a simulated GitHub differs from the plain one. All of it may be changed while it runs. */
export interface GitHubTraits {
  /** The permission “Secret scanning alerts” of the App or the token. */
  right: Right;
  isInstalled: boolean;
  isSuspended: boolean;
  /** Alerts of this repository are closed by reviewers alone. */
  delegatedDismissal: boolean;
  /** Whether the validity of an alert may be set: servers cannot, nor can every alert. */
  validityCanBeSet: boolean;
  /** Whether an alert shows its first location. */
  showsFirstLocation: boolean;
  /** Whether the account is an organisation: a person's has no list of all alerts. */
  isOrganisation: boolean;
  /** Where secret scanning is off. */
  scanningOff: string[];
  /** The scopes of a classic token; empty: it is fine-grained, which has none. */
  scopes: string;
}

/** An alert as the simulated GitHub keeps it. */
export interface GitHubAlert extends ScannerAlert {
  number: number;
  repository: string;
  secret: string;
  type: string;
  createdAt: string;
  validity: 'active' | 'inactive' | 'unknown';
  publiclyLeaked: boolean;
  isBase64: boolean;
  locations: { type: string; details: object }[];
}

interface SentDelivery {
  id: number;
  guid: string;
  delivered_at: string;
  redelivery: boolean;
  status_code: number;
  event: string;
  action: string;
}

interface Minted {
  right: Right;
  /** Absent: all of them. */
  repositories?: string[];
  until: number;
}

const owner = 'acme';
const installationId = 4711;
const versions = new Set(['2022-11-28', '2026-03-10']);
const said = (status: number, message: string): VendorAnswer => ({ status, body: { message, status: String(status) } });
const notFound = () => said(404, 'Not Found');
const rank = { none: 0, read: 1, write: 2 };

/**
 * GitHub's secret scanning, Apps and webhooks: https://docs.github.com/rest/secret-scanning/secret-scanning,
 * https://docs.github.com/rest/apps/apps, https://docs.github.com/rest/apps/webhooks. One account, `acme`, with some repositories.
 */
export function githubScanner(
  secret: GitHubSecret,
  {
    now = Date.now,
    repositories = ['checkout', 'billing'],
    ...given
  }: Partial<GitHubTraits> & { now?: () => number; repositories?: string[] } = {},
) {
  const api = new URL(secret.apiUrl ?? 'https://api.github.com');
  const base = api.pathname.replace(/\/$/, '');
  const pages = base === '' ? `https://${api.host.replace(/^api\./, '')}` : api.origin;
  const traits: GitHubTraits = {
    right: 'write',
    isInstalled: true,
    isSuspended: false,
    delegatedDismissal: false,
    validityCanBeSet: true,
    showsFirstLocation: true,
    isOrganisation: true,
    scanningOff: [],
    scopes: '',
    ...given,
  };
  const scanner = { arrivals: [] as Arrival[], troubles: [] as Trouble[], alerts: [] as GitHubAlert[] };
  const deliveries: SentDelivery[] = [];
  const minted = new Map<string, Minted>();
  const appKey = 'privateKey' in secret ? createPublicKey(secret.privateKey) : undefined;
  const partner = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const partnerPem = partner.publicKey.export({ type: 'spki', format: 'pem' }).toString();
  const partnerId = createHash('sha256').update(partnerPem).digest('hex');

  const tokenOf = ({ headers }: Arrival) => /^(?:bearer|token) (\S+)$/i.exec(headers.authorization ?? '')?.[1];

  /** What a token may do; undefined: nobody knows it. */
  function grantOf(token: string): Minted | undefined {
    if ('token' in secret && token === secret.token) return { right: traits.right, until: Number.POSITIVE_INFINITY };
    const known = minted.get(token);
    return known && known.until > now() && !traits.isSuspended ? known : undefined;
  }

  function answer(arrival: Arrival): VendorAnswer {
    const { method, host, target, headers } = arrival;
    const url = new URL(target, `https://${host}`);
    if (host !== api.hostname || !url.pathname.startsWith(`${base}/`)) return notFound();
    if (!headers['user-agent']) return said(403, 'Request forbidden by administrative rules.');
    const version = headers['x-github-api-version'];
    if (version !== undefined && !versions.has(String(version))) return said(400, 'This version is not supported.');
    const where = url.pathname.slice(base.length).split('/').slice(1).map(decodeURIComponent);
    const line = `${method} ${where.join('/')}`;
    if (line === 'GET meta/public_keys/secret_scanning')
      return {
        status: 200,
        body: { public_keys: [{ key_identifier: partnerId, key: partnerPem, is_current: true }] },
      };
    const token = tokenOf(arrival);
    if (token === undefined) return said(401, 'Requires authentication');
    if (where[0] === 'app' || /^GET repos\/[^/]+\/[^/]+\/installation$/.test(line))
      return asApp(line, where, { token, url, body: arrival.body });
    const grant = grantOf(token);
    if (grant === undefined) return said(401, 'Bad credentials');
    if (line === 'GET rate_limit')
      return {
        status: 200,
        body: { resources: {} },
        ...(traits.scopes && { headers: { 'x-oauth-scopes': traits.scopes } }),
      };
    return asHolder(method, where, { grant, url, body: arrival.body });
  }

  function asApp(
    line: string,
    where: string[],
    { token, url, body }: { token: string; url: URL; body: string },
  ): VendorAnswer {
    const fault = appKey && 'appId' in secret ? faultOfJwt(token, appKey, String(secret.appId), now()) : 'no App';
    if (fault !== undefined) return said(401, fault);
    const installation = {
      id: installationId,
      account: { login: owner, type: traits.isOrganisation ? 'Organization' : 'User' },
      permissions: { metadata: 'read', ...(traits.right !== 'none' && { secret_scanning_alerts: traits.right }) },
      suspended_at: traits.isSuspended ? new Date(now()).toISOString() : null,
    };
    if (line === 'GET app')
      return { status: 200, body: { id: 1, slug: 'leakstop', permissions: installation.permissions } };
    if (line === 'GET app/installations')
      return { status: 200, ...paged(traits.isInstalled ? [installation] : [], url, (body) => body) };
    if (line.startsWith('GET repos/')) {
      const isThere = traits.isInstalled && where[1]?.toLowerCase() === owner && repositories.includes(where[2] ?? '');
      return isThere ? { status: 200, body: installation } : notFound();
    }
    if (line === 'GET app/hook/deliveries') return deliveriesPage(url);
    const [, attempted] = /^POST app\/hook\/deliveries\/(\d+)\/attempts$/.exec(line) ?? [];
    if (attempted !== undefined) return redeliver(Number(attempted));
    if (line !== `POST app/installations/${installationId}/access_tokens` || !traits.isInstalled) return notFound();
    if (traits.isSuspended) return said(403, 'This installation has been suspended');
    return mint(parsed(body) ?? {});
  }

  function mint(asked: { repositories?: string[]; permissions?: Record<string, string> }): VendorAnswer {
    const right = (asked.permissions?.secret_scanning_alerts ?? traits.right) as Right;
    const others = Object.keys(asked.permissions ?? {}).filter((name) => name !== 'secret_scanning_alerts');
    if (others.length > 0 || rank[right] > rank[traits.right])
      return said(422, 'The permissions requested are not granted to this installation.');
    if (asked.repositories?.some((name) => !repositories.includes(name)))
      return said(422, 'There is at least one repository that does not exist or is not accessible.');
    const token = `ghs_${randomBytes(18).toString('hex')}`;
    const until = now() + 3_600_000;
    minted.set(token, { right, until, ...(asked.repositories && { repositories: asked.repositories }) });
    return { status: 201, body: { token, expires_at: new Date(until).toISOString() } };
  }

  function asHolder(
    method: string,
    where: string[],
    { grant, url, body }: { grant: Minted; url: URL; body: string },
  ): VendorAnswer {
    const mayRead = (name: string) => grant.repositories?.includes(name) ?? true;
    const mine = repositories.filter(mayRead);
    if (where.join('/') === 'installation/repositories') {
      const items = mine.map((name) => ({ name, owner: { login: owner } }));
      return { status: 200, ...paged(items, url, (some) => ({ total_count: items.length, repositories: some })) };
    }
    const [root, login, ...rest] = where;
    const isOrg = root === 'orgs' && traits.isOrganisation && rest.join('/') === 'secret-scanning/alerts';
    const [repository = '', , , number, list] = rest;
    const isRepository = root === 'repos' && rest.slice(1, 3).join('/') === 'secret-scanning/alerts';
    if (login?.toLowerCase() !== owner || !(isOrg || (isRepository && mine.includes(repository)))) return notFound();
    if (grant.right === 'none') return said(403, 'Resource not accessible by integration');
    if (!isOrg && traits.scanningOff.includes(repository))
      return said(404, 'Secret scanning is disabled on this repository.');
    if (number === undefined)
      return listAlerts(url, ({ repository: name }) => (isOrg ? mayRead(name) : name === repository));
    const alert = scanner.alerts.find((one) => one.repository === repository && String(one.number) === number);
    if (alert === undefined) return notFound();
    if (list === 'locations') return { status: 200, ...paged(alert.locations, url, (some) => some) };
    if (list !== undefined) return notFound();
    if (method === 'GET') return { status: 200, body: shown(alert, url) };
    if (method !== 'PATCH') return notFound();
    if (grant.right !== 'write') return said(403, 'Resource not accessible by integration');
    return change(alert, parsed(body) ?? {}, url);
  }

  function listAlerts(url: URL, isAsked: (alert: GitHubAlert) => boolean): VendorAnswer {
    const state = url.searchParams.get('state');
    const newestFirst = scanner.alerts.filter(isAsked).reverse();
    const asked = newestFirst.filter((alert) => state === null || (alert.state === 'open') === (state === 'open'));
    return { status: 200, ...paged(asked, url, (some) => some.map((alert) => shown(alert, url))) };
  }

  function shown(alert: GitHubAlert, url: URL): object {
    const [first] = alert.locations;
    return {
      ...outline(alert),
      state: alert.state === 'open' ? 'open' : 'resolved',
      ...(url.searchParams.get('hide_secret') !== 'true' && { secret: alert.secret }),
      is_base64_encoded: alert.isBase64,
      ...(traits.showsFirstLocation && {
        first_location_detected: first?.details ?? null,
        has_more_locations: alert.locations.length > 1,
      }),
    };
  }

  /** What webhooks tell of an alert, too: neither its state nor its secret. */
  function outline(alert: GitHubAlert) {
    const url = `${api.origin}${base}/repos/${owner}/${alert.repository}/secret-scanning/alerts/${alert.number}`;
    return {
      number: alert.number,
      created_at: alert.createdAt,
      url,
      html_url: alert.link,
      locations_url: `${url}/locations`,
      resolution: alert.resolution ?? null,
      resolution_comment: alert.comments.at(-1) ?? null,
      secret_type: alert.type,
      secret_type_display_name: alert.type,
      validity: alert.validity,
      publicly_leaked: alert.publiclyLeaked,
    };
  }

  function change(alert: GitHubAlert, asked: Record<string, unknown>, url: URL): VendorAnswer {
    const { state, resolution, resolution_comment: comment, validity } = asked;
    if (state === undefined && validity === undefined) return said(422, 'Invalid request.');
    if (
      validity !== undefined &&
      (!traits.validityCanBeSet || !['active', 'inactive', null].includes(validity as null))
    )
      return said(422, 'The validity change could not be applied to this alert.');
    if (state === 'resolved') {
      if (!['false_positive', 'wont_fix', 'revoked', 'used_in_tests'].includes(String(resolution)))
        return said(422, 'State does not match the resolution.');
      if (comment !== undefined && (typeof comment !== 'string' || comment.length > 280))
        return said(400, 'The resolution comment is invalid.');
      if (alert.resolution === resolution) return said(400, 'The resolution was not changed.');
      if (traits.delegatedDismissal) return said(403, 'Alert dismissal must be approved by a reviewer.');
      alert.state = 'closed';
      alert.resolution = String(resolution);
      if (typeof comment === 'string') alert.comments.push(comment);
    } else if (state === 'open') {
      if (resolution != null) return said(422, 'State does not match the resolution.');
      alert.state = 'open';
      alert.resolution = undefined;
    } else if (state !== undefined) return said(422, 'Invalid request.');
    if (validity !== undefined) alert.validity = (validity ?? 'unknown') as GitHubAlert['validity'];
    return { status: 200, body: shown(alert, url) };
  }

  function deliveriesPage(url: URL): VendorAnswer {
    const newestFirst = deliveries.toReversed();
    const size = Math.min(Number(url.searchParams.get('per_page') ?? 30), 100);
    const from = Number(/^v1_(\d+)$/.exec(url.searchParams.get('cursor') ?? 'v1_0')?.[1]);
    if (Number.isNaN(from)) return said(422, 'The cursor is not valid.');
    const isMore = from + size < newestFirst.length;
    const next = `${api.origin}${base}/app/hook/deliveries?per_page=${size}&cursor=v1_${from + size}`;
    const body = newestFirst.slice(from, from + size);
    return { status: 200, body, ...(isMore && { headers: { link: `<${next}>; rel="next"` } }) };
  }

  function redeliver(id: number): VendorAnswer {
    const sent = deliveries.find((one) => one.id === id);
    if (sent === undefined) return notFound();
    note({ ...sent, redelivery: true, status_code: 202 });
    return { status: 202, body: {} };
  }

  const note = (sent: Omit<SentDelivery, 'id' | 'delivered_at'>) =>
    void deliveries.push({ ...sent, id: 9000 + deliveries.length, delivered_at: new Date(now()).toISOString() });

  function open(
    { secret: value, detector }: Discovery,
    more: Partial<Omit<GitHubAlert, 'link' | 'number'>> = {},
  ): GitHubAlert {
    const number = scanner.alerts.length + 1;
    const { repository = 'checkout' } = more;
    const commit = createHash('sha1').update(`commit ${number}`).digest('hex');
    const alert: GitHubAlert = {
      number,
      repository,
      link: `${pages}/${owner}/${repository}/security/secret-scanning/${number}`,
      state: 'open',
      comments: [],
      secret: value,
      type: detector,
      createdAt: new Date(now()).toISOString(),
      validity: 'unknown',
      publiclyLeaked: false,
      isBase64: false,
      locations: [commitLocation(`${pages}/${owner}/${repository}`, commit)],
      ...more,
    };
    scanner.alerts.push(alert);
    return alert;
  }

  /** Makes a signed delivery: as JSON, or as a form. */
  function tell(
    alert: GitHubAlert,
    { event = 'secret_scanning_alert', action = 'created', form = false, statusCode = 202, more = {} } = {},
  ): ScannerDelivery {
    const told = {
      action,
      alert: outline(alert),
      repository: { name: alert.repository, full_name: `${owner}/${alert.repository}`, owner: { login: owner } },
      ...('appId' in secret && { installation: { id: installationId } }),
      ...more,
    };
    const json = JSON.stringify(told);
    const body = form ? new URLSearchParams({ payload: json }).toString() : json;
    const guid = randomUUID();
    note({ guid, redelivery: false, status_code: statusCode, event, action });
    const signature = createHmac('sha256', secret.webhookSecrets[0] ?? '')
      .update(body)
      .digest('hex');
    const headers = {
      'content-type': form ? 'application/x-www-form-urlencoded' : 'application/json',
      'user-agent': 'GitHub-Hookshot/5ea7cab',
      'x-github-event': event,
      'x-github-delivery': guid,
      'x-github-hook-id': '17',
      'x-hub-signature-256': `sha256=${signature}`,
    };
    return { body, headers, link: alert.link };
  }

  /** What the partner programme signs with the key that is published here. */
  const signAsPartner = (body: string) => ({
    'github-public-key-identifier': partnerId,
    'github-public-key-signature': sign('sha256', Buffer.from(body), partner.privateKey).toString('base64'),
  });

  return {
    ...scanner,
    id: 'github',
    hosts: [api.hostname],
    server: vendorServer(scanner, answer),
    traits,
    deliveries,
    open,
    tell,
    signAsPartner,
    find: (discovery: Discovery) => tell(open(discovery)),
  } satisfies Scanner & Record<string, unknown>;
}

/** A place in a commit, as an alert's locations show it. */
export function commitLocation(repository: string, commit: string, file = 'config/deploy.env') {
  const details = {
    path: file,
    start_line: 3,
    end_line: 3,
    start_column: 9,
    end_column: 41,
    blob_sha: commit,
    commit_sha: commit,
    html_url: `${repository}/commit/${commit}`,
  };
  return { type: 'commit', details };
}

/** One page of a list, with the link to the next one. */
function paged<Item>(items: Item[], url: URL, body: (items: Item[]) => unknown) {
  const size = Math.min(Number(url.searchParams.get('per_page') ?? 30), 100);
  const page = Number(url.searchParams.get('page') ?? 1);
  const next = new URL(url);
  next.searchParams.set('page', String(page + 1));
  const isMore = page * size < items.length;
  return {
    body: body(items.slice((page - 1) * size, page * size)),
    ...(isMore && { headers: { link: `<${next}>; rel="next"` } }),
  };
}

/** https://docs.github.com/apps/creating-github-apps/authenticating-with-a-github-app/generating-a-json-web-token-jwt-for-a-github-app */
function faultOfJwt(token: string, key: KeyObject, appId: string, now: number): string | undefined {
  const [header = '', claims = '', signature = ''] = token.split('.');
  const { alg } = parsed(Buffer.from(header, 'base64url').toString()) ?? {};
  const { iat, exp, iss } = parsed(Buffer.from(claims, 'base64url').toString()) ?? {};
  const isSigned =
    alg === 'RS256' && verify('sha256', Buffer.from(`${header}.${claims}`), key, Buffer.from(signature, 'base64url'));
  if (!isSigned) return 'A JSON web token could not be decoded';
  if (iss !== appId) return 'Integration not found';
  if (!(Number(iat) <= now / 1000)) return "'Issued at' claim ('iat') must be an Integer representing a past time";
  if (!(Number(exp) > now / 1000)) return "'Expiration time' claim ('exp') must be in the future";
  if (Number(exp) > now / 1000 + 600) return "'Expiration time' claim ('exp') is too far in the future";
  return undefined;
}

// biome-ignore lint/suspicious/noExplicitAny: what somebody sent
function parsed(text: string): any {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });

/** The GitHub of the local stage, with an App whose key is made anew each time. */
export const world: ScannerWorld = {
  secret: {
    webhookSecrets: ['a-webhook-secret-of-the-local-stage'],
    appId: '100200',
    privateKey: privateKey.export({ type: 'pkcs1', format: 'pem' }).toString(),
  },
  simulate: (secret, now = Date.now) => githubScanner(secret as GitHubSecret, { now }),
};
