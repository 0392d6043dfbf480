import { createHash, randomBytes, randomUUID } from 'node:crypto';
import { STATUS_CODES } from 'node:http';
import {
  type Arrival,
  type BadState,
  takeOut,
  undertaker,
  type Vendor,
  type VendorAnswer,
  vendorServer,
  type World,
} from './vendor.ts';

/** A programmatic API key as Atlas keeps it. */
export interface AtlasKey {
  id: string;
  desc: string;
  publicKey: string;
  privateKey: string;
  roles: { orgId?: string; groupId?: string; roleName: string }[];
  /** The addresses it may be used from; absent or empty, any. */
  accessList?: string[];
}

export interface AtlasSecret {
  id: string;
  secret: string;
  createdAt: string;
  expiresAt: string;
  lastUsedAt?: string;
}

export interface AtlasServiceAccount {
  clientId: string;
  name: string;
  createdAt: string;
  /** Names of roles in the organisation. */
  roles: string[];
  secrets: AtlasSecret[];
}

/** Rights are names of roles in the organisation; absent, all. `ipBlocked`: the address that is not on the access list. */
export type AtlasAdmin = ({ publicKey: string; privateKey: string } | { clientId: string; clientSecret: string }) & {
  rights?: string[];
  ipBlocked?: string;
};

/**
 * All organisations live on one host. Admin credentials come from outside: the stage makes the world fit its secrets.
 * One that is also among the keys or the secrets dies with it.
 */
export interface AtlasOrganisation {
  orgId: string;
  keys: AtlasKey[];
  serviceAccounts: AtlasServiceAccount[];
  admins: AtlasAdmin[];
}

/** How a simulated Atlas differs from the plain one. */
export interface AtlasTraits {
  /** How long a deleted key or secret is still accepted (ms). */
  propagationMs?: number;
  /** After how many answers a nonce goes stale. */
  nonceUses?: number;
  /** What a deletion in the first version answers; both are documented. */
  firstVersionDeletion?: 200 | 204;
  /** What a caller without the right gets; Atlas is known for 401, which elsewhere means somebody unknown. */
  unauthorizedStatus?: 401 | 403;
  /** Whether tokens die with the secret they were fetched with, instead of living out their hour. */
  tokensDieWithSecret?: boolean;
  /** Resource versions before this date are sunset: 410. */
  goneBefore?: string;
  /** Where the real words are only believed: a key that is not there in the first version, and the 401 after an answered challenge. */
  says?: { firstVersionMissing?: VendorAnswer; refused?: object };
  /** Epoch ms. */
  now?: () => number;
}

/** The address that every request comes from, as access lists see it. */
export const callerAddress = '203.0.113.7';
const host = 'cloud.mongodb.com';
const realm = 'MMS Public API';

/** Somebody who can authenticate, and until when. */
interface Holder {
  org: AtlasOrganisation;
  by: 'digest' | 'token';
  name: string;
  secret: string;
  until: number;
  rights?: string[];
  blocked?: string;
  key?: AtlasKey;
}

/**
 * Atlas' administration API, both versions: https://www.mongodb.com/docs/atlas/reference/api-resources-spec/v2/. API keys
 * answer a digest challenge; service accounts fetch tokens that live an hour.
 */
export function mongodbAtlasVendor(
  organisations: AtlasOrganisation[],
  {
    propagationMs = 0,
    nonceUses = Number.POSITIVE_INFINITY,
    firstVersionDeletion = 200,
    unauthorizedStatus = 401,
    tokensDieWithSecret = false,
    goneBefore = '',
    says = {},
    now = Date.now,
  }: AtlasTraits = {},
) {
  const vendor = { arrivals: [] as Arrival[], troubles: [] as Vendor['troubles'], deletions: [] as string[] };
  const graves = undertaker(vendor.deletions);
  const buried: Holder[] = [];
  /** The counts that each nonce was answered with. */
  const nonces = new Map<string, Set<string>>();
  const tokens = new Map<string, { holder: Holder; until: number }>();
  let shown = 0;

  const kept = (org: AtlasOrganisation) => [
    ...org.keys.map((key) => keyHolder(org, key)),
    ...org.serviceAccounts.flatMap((account) => account.secrets.map((secret) => secretHolder(org, account, secret))),
    ...buried.filter((holder) => holder.org === org),
  ];
  const holders = () =>
    organisations.flatMap((org) => {
      const all = kept(org);
      const admins = org.admins.map((admin) => adminHolder(org, admin, all));
      return [...admins, ...all].filter(({ until }) => until > now());
    });
  const unauthorized = () =>
    problem(unauthorizedStatus, 'USER_UNAUTHORIZED', 'Current user is not authorized to perform this action.');

  function challenge(stale: boolean, body: object = notAuthorized): VendorAnswer {
    const nonce = `${randomBytes(12).toString('base64')}+/${randomBytes(12).toString('base64')}==`;
    nonces.set(nonce, new Set());
    const asked = `Digest realm="${realm}", domain="", nonce="${nonce}", algorithm=MD5, qop="auth", stale=${stale}`;
    return { status: 401, headers: { 'www-authenticate': asked, 'content-type': latin1 }, body };
  }

  function byDigest({ method, target, headers }: Arrival): Holder | VendorAnswer {
    const parts = digestParts(headers.authorization ?? '');
    if (!parts) return challenge(false);
    const { username, nonce = '', uri, nc = '', cnonce = '', response, qop, algorithm = 'MD5' } = parts;
    const wellFormed = uri === target && parts.realm === realm && qop === 'auth' && algorithm.toUpperCase() === 'MD5';
    const answers = ({ secret }: Holder) =>
      md5(`${md5(`${username}:${realm}:${secret}`)}:${nonce}:${nc}:${cnonce}:auth:${md5(`${method}:${uri}`)}`) ===
      response;
    const holder = holders().find((known) => known.by === 'digest' && known.name === username && answers(known));
    if (!holder || !wellFormed || !/^[0-9a-f]{8}$/i.test(nc) || cnonce === '') return challenge(false, says.refused);
    const counts = nonces.get(nonce);
    if (!counts || counts.size >= nonceUses || counts.has(nc)) return challenge(true);
    counts.add(nc);
    return holder;
  }

  function byToken(token: string): Holder | VendorAnswer {
    const { holder, until = 0 } = tokens.get(token) ?? {};
    const current = holders().find(({ name, secret }) => name === holder?.name && secret === holder.secret);
    if (!holder || until <= now() || (tokensDieWithSecret && !current))
      return { status: 401, headers: { 'x-error-code': notAuthorized.errorCode }, body: notAuthorized };
    return current ?? holder;
  }

  function oauth({ method, headers, body }: Arrival, action: string): VendorAnswer {
    if (method !== 'POST') return wrongMethod(method);
    const basic = /^basic (.+)$/i.exec(headers.authorization ?? '')?.[1] ?? '';
    const [, name, secret] = /^([^:]*):(.*)$/s.exec(Buffer.from(basic, 'base64').toString('utf8')) ?? [];
    const holder = holders().find((known) => known.by === 'token' && known.name === name && known.secret === secret);
    const oauthError = (status: number, error: string): VendorAnswer => ({ status, body: { error } });
    if (!holder) return oauthError(401, 'invalid_client');
    if (!headers['content-type']?.startsWith('application/x-www-form-urlencoded'))
      return oauthError(400, 'invalid_request');
    const form = new URLSearchParams(body);
    if (action === 'revoke') {
      const token = form.get('token') ?? '';
      if (tokens.get(token)?.holder.name === holder.name) tokens.delete(token);
      return { status: 200 };
    }
    if (!form.has('grant_type')) return oauthError(400, 'invalid_request');
    if (form.get('grant_type') !== 'client_credentials') return oauthError(400, 'unsupported_grant_type');
    const used = holder.org.serviceAccounts.flatMap(({ secrets }) => secrets).find((item) => item.secret === secret);
    if (used) used.lastUsedAt = new Date(now()).toISOString();
    const token = randomUUID();
    tokens.set(token, { holder, until: now() + 3_600_000 });
    return { status: 200, body: { access_token: token, expires_in: 3600, token_type: 'Bearer' } };
  }

  function answer(request: Arrival): VendorAnswer {
    if (request.host !== host) return problem(404, 'RESOURCE_NOT_FOUND', 'Cannot find resource.');
    const url = new URL(request.target, `https://${host}`);
    const [, action] = /^\/api\/oauth\/(token|revoke)$/.exec(url.pathname) ?? [];
    if (action !== undefined) return oauth(request, action);
    const [, version, path] = /^\/api\/atlas\/(v2|v1\.0)(\/.*)?$/.exec(url.pathname) ?? [];
    if (version === undefined) return problem(404, 'RESOURCE_NOT_FOUND', 'Cannot find resource.');
    const bearer = /^bearer (.+)$/i.exec(request.headers.authorization ?? '')?.[1];
    const caller = bearer !== undefined && version === 'v2' ? byToken(bearer) : byDigest(request);
    if ('status' in caller) return caller;
    const answered = resource(caller, request, url, version, path);
    if (url.searchParams.get('envelope') !== 'true') return answered;
    return { status: 200, body: { status: answered.status, content: answered.body ?? {} } };
  }

  function resource(
    caller: Holder,
    { method, headers, body }: Arrival,
    url: URL,
    version: string,
    path: string | undefined,
  ): VendorAnswer {
    if (caller.blocked !== undefined) {
      const detail = `IP address ${caller.blocked} is not allowed to access this resource.`;
      return problem(403, 'IP_ADDRESS_NOT_ON_ACCESS_LIST', detail, [caller.blocked]);
    }
    const [, orgId, shelf, id, secretId] =
      /^\/orgs\/([^/]+)\/(apiKeys|serviceAccounts)(?:\/([^/]+)(?:\/secrets\/([^/]+))?)?$/.exec(path ?? '') ?? [];
    const ofAccounts = shelf === 'serviceAccounts';
    const isOrgs = path === '/orgs';
    const isUnknown = path !== undefined && !isOrgs && (orgId === undefined || (!ofAccounts && secretId !== undefined));
    if (isUnknown || (ofAccounts && version !== 'v2'))
      return problem(404, 'RESOURCE_NOT_FOUND', 'Cannot find resource.');
    const first = ofAccounts ? '2024-08-05' : '2023-01-01';
    const wanted = /^application\/vnd\.atlas\.(\d{4}-\d{2}-\d{2})\+json$/.exec(headers.accept ?? '')?.[1] ?? '';
    if (version === 'v2' && wanted < first) return problem(406, 'UNEXPECTED_ERROR', 'Not Acceptable');
    if (version === 'v2' && wanted < goneBefore)
      return problem(410, 'VERSION_GONE', `Resource version ${wanted} is gone.`, [wanted]);
    const type = { 'content-type': version === 'v2' ? `application/vnd.atlas.${first}+json` : 'application/json' };
    const success = (body: object): VendorAnswer => ({ status: 200, headers: type, body });
    const deleted: VendorAnswer = { status: version === 'v2' ? 204 : firstVersionDeletion, headers: type };
    if (isOrgs && method === 'GET')
      return paged([caller.org], ({ orgId: id }) => ({ id, name: 'Acme', isDeleted: false, links: [] }), url, type);
    if (orgId === undefined)
      return method === 'GET' ? success(systemStatus(caller, url.href, shown++)) : wrongMethod(method);

    const wrong =
      (!hex24.test(orgId) && orgId) ||
      (id !== undefined && !(ofAccounts ? clientIdShape : hex24).test(id) && id) ||
      (secretId !== undefined && !hex24.test(secretId) && secretId);
    if (wrong) return problem(400, 'PATH_PARAM_PARSE_ERROR', `Path parameter ${wrong} cannot be parsed.`, [wrong]);
    const deletes = method === 'DELETE' && (ofAccounts ? secretId !== undefined : id !== undefined);
    const makes = method === 'POST' && !ofAccounts && id === undefined;
    const changes = deletes || makes;
    if (!changes && (method !== 'GET' || secretId !== undefined)) return wrongMethod(method);
    const { org, rights = ['ORG_OWNER'] } = caller;
    if (org.orgId !== orgId || (changes ? !rights.includes('ORG_OWNER') : rights.length === 0)) return unauthorized();

    if (ofAccounts) {
      const missing = problem(404, 'RESOURCE_NOT_FOUND', 'Cannot find resource.');
      if (id === undefined) return paged(org.serviceAccounts, accountRecord, url, type);
      const account = org.serviceAccounts.find(({ clientId }) => clientId === id);
      // What an account may do is what its admin may, where it is one.
      const own = account?.clientId === caller.name && caller.rights ? { roles: caller.rights } : {};
      if (!account || !deletes) return account ? success(accountRecord({ ...account, ...own })) : missing;
      const secret = account.secrets.find((known) => known.id === secretId);
      if (!secret) return missing;
      bury(secretHolder(org, account, secret), account.secrets, secret);
      return deleted;
    }
    const record = (item: AtlasKey) => keyRecord(item, shown++);
    if (makes) {
      const made = newKey(orgId, body);
      if (made === undefined) return problem(400, 'INVALID_ATTRIBUTE', 'Invalid attribute specified.');
      org.keys.push(made);
      return success({ ...record(made), privateKey: made.privateKey });
    }
    if (id === undefined) return paged(org.keys, record, url, type);
    const key = org.keys.find((known) => known.id === id);
    if (!key) {
      const missing = problem(404, 'API_KEY_NOT_FOUND', `No API key with ID ${id} exists.`, [id]);
      return version === 'v2' ? missing : (says.firstVersionMissing ?? missing);
    }
    if (!deletes) return success(record(key));
    bury(keyHolder(org, key), org.keys, key);
    return deleted;
  }

  function bury<Item extends { id: string }>(holder: Holder, items: Item[], item: Item): void {
    // The token endpoint knows a deleted client secret at once.
    const late = holder.secret.startsWith('mdb_sa_sk_') ? 0 : propagationMs;
    buried.push({ ...holder, until: Math.min(holder.until, now() + late) });
    graves.bury(items, item);
  }

  const limit = { 'ratelimit-limit': '500', 'ratelimit-remaining': '499' };
  return {
    ...vendor,
    id: 'mongodb-atlas',
    hosts: [host],
    server: vendorServer(vendor, (request) => {
      const answered = answer(request);
      return { ...answered, headers: { ...answered.headers, ...limit } };
    }),
    revive: graves.revive,
    organisations,
    spoil: (state: BadState, admin: object) => spoil(organisations, state, admin),
    accepts: (secret: string) =>
      organisations.flatMap(kept).some((known) => known.secret === secret && known.until > now()),
    values: () =>
      organisations.flatMap(({ keys, serviceAccounts }) => [
        ...keys.map(({ privateKey }) => privateKey),
        ...serviceAccounts.flatMap(({ secrets }) => secrets.map(({ secret }) => secret)),
      ]),
  } satisfies Vendor & { organisations: AtlasOrganisation[] };
}

const orgRoles = ['OWNER', 'MEMBER', 'GROUP_CREATOR', 'BILLING_ADMIN', 'BILLING_READ_ONLY', 'READ_ONLY'];

/** The one time that a private key is shown whole; undefined where what was asked for is none. */
function newKey(orgId: string, body: string): AtlasKey | undefined {
  try {
    const { desc, roles } = JSON.parse(body) as { desc?: unknown; roles?: unknown };
    const isNamed = typeof desc === 'string' && desc.length > 0 && desc.length <= 250;
    if (!isNamed || !Array.isArray(roles) || roles.length === 0) return undefined;
    if (!roles.every((role) => orgRoles.some((known) => role === `ORG_${known}`))) return undefined;
    const publicKey = Array.from(randomBytes(8), (byte) => 'abcdefghijklmnopqrstuvwxyz'[byte % 26]).join('');
    const own = { id: randomBytes(12).toString('hex'), desc, publicKey, privateKey: randomUUID() };
    return { ...own, roles: roles.map((roleName: string) => ({ orgId, roleName })) };
  } catch {
    return undefined;
  }
}

const hex24 = /^[a-f0-9]{24}$/;
const clientIdShape = /^mdb_sa_id_[a-fA-F\d]{24}$/;
const latin1 = 'application/json;charset=ISO-8859-1';
const md5 = (text: string) => createHash('md5').update(text).digest('hex');
const notAuthorized = {
  error: 401,
  reason: 'Unauthorized',
  detail: 'You are not authorized for this resource.',
  errorCode: 'UNEXPECTED_ERROR',
};

const problem = (status: number, errorCode: string, detail: string, parameters: string[] = []): VendorAnswer => ({
  status,
  headers: { 'x-error-code': errorCode },
  body: { detail, error: status, errorCode, parameters, reason: STATUS_CODES[status] },
});
const wrongMethod = (method: string) => problem(405, 'UNEXPECTED_ERROR', `Method ${method} is not allowed.`);

function digestParts(header: string): Record<string, string | undefined> | undefined {
  const [, list] = /^digest (.+)$/i.exec(header) ?? [];
  if (list === undefined) return undefined;
  const parts = list.matchAll(/(\w+)=(?:"([^"]*)"|([^\s,]+))/g);
  return Object.fromEntries([...parts].map(([, name, quoted, plain]) => [name, quoted ?? plain]));
}

function keyHolder(org: AtlasOrganisation, key: AtlasKey): Holder {
  const { publicKey: name, privateKey: secret, roles, accessList = [] } = key;
  const rights = roles.filter(({ orgId }) => orgId === org.orgId).map(({ roleName }) => roleName);
  const isBlocked = accessList.length > 0 && !accessList.includes(callerAddress);
  const until = Number.POSITIVE_INFINITY;
  return { org, by: 'digest', name, secret, until, rights, key, ...(isBlocked && { blocked: callerAddress }) };
}

const secretHolder = (org: AtlasOrganisation, account: AtlasServiceAccount, { secret, expiresAt }: AtlasSecret) =>
  ({
    org,
    by: 'token',
    name: account.clientId,
    secret,
    until: Date.parse(expiresAt),
    rights: account.roles,
  }) satisfies Holder;

function adminHolder(org: AtlasOrganisation, admin: AtlasAdmin, all: Holder[]): Holder {
  const [by, name, secret] =
    'publicKey' in admin
      ? (['digest', admin.publicKey, admin.privateKey] as const)
      : (['token', admin.clientId, admin.clientSecret] as const);
  const { rights: _, ...known } = all.find((holder) => holder.name === name && holder.secret === secret) ?? {
    until: Number.POSITIVE_INFINITY,
  };
  const { rights, ipBlocked } = admin;
  return { ...known, org, by, name, secret, ...(rights && { rights }), ...(ipBlocked && { blocked: ipBlocked }) };
}

function spoil(organisations: AtlasOrganisation[], state: BadState, wanted: object): boolean {
  const { orgId, ...credential } = wanted as { orgId: string; publicKey?: string; clientId?: string };
  const org = organisations.find((known) => known.orgId === orgId);
  const admin = org?.admins.find((known) =>
    'publicKey' in known ? known.publicKey === credential.publicKey : known.clientId === credential.clientId,
  );
  if (!org || !admin) return false;
  const day = 86_400_000;
  const secrets = org.serviceAccounts.flatMap((account) => account.secrets);
  const own = 'clientSecret' in admin ? secrets.find(({ secret }) => secret === admin.clientSecret) : undefined;
  switch (state) {
    case 'wrong-key': {
      if ('publicKey' in admin) takeOut(org.keys, ({ publicKey }) => publicKey === admin.publicKey);
      for (const account of org.serviceAccounts) takeOut(account.secrets, (secret) => secret === own);
      return takeOut(org.admins, (known) => known === admin);
    }
    case 'missing-right':
      admin.rights = ['ORG_READ_ONLY'];
      return true;
    case 'expired':
    case 'expires-soon':
      if (!own) return false;
      own.expiresAt = new Date(Date.now() + (state === 'expired' ? -day : 3 * day)).toISOString();
      return true;
    case 'elsewhere':
      org.orgId = 'ad0000000000000000000fff';
      return true;
    case 'blocked':
      admin.ipBlocked = callerAddress;
      return true;
  }
}

/** Pages are counted from 1. */
function paged<Item>(
  all: Item[],
  record: (item: Item) => object,
  { href, searchParams: query }: URL,
  headers: Record<string, string>,
): VendorAnswer {
  const [size, page] = [Number(query.get('itemsPerPage') ?? 100), Number(query.get('pageNum') ?? 1)];
  for (const [name, isGood] of Object.entries({
    itemsPerPage: Number.isInteger(size) && size >= 1 && size <= 500,
    pageNum: Number.isInteger(page) && page >= 1,
  }))
    if (!isGood) return problem(400, 'INVALID_QUERY_PARAMETER', `Query parameter ${name} is invalid.`, [name]);
  const next = new URL(href);
  next.searchParams.set('pageNum', String(page + 1));
  const links = [{ href, rel: 'self' }, ...(page * size < all.length ? [{ href: next.href, rel: 'next' }] : [])];
  const results = all.slice((page - 1) * size, page * size).map(record);
  const count = query.get('includeCount') === 'false' ? {} : { totalCount: all.length };
  return { status: 200, headers, body: { links, results, ...count } };
}

/** The order of roles is not stable. */
const rolesOf = ({ roles }: AtlasKey, shown: number) => (shown % 2 === 0 ? roles : roles.toReversed());

function keyRecord(key: AtlasKey, shown: number) {
  const { id, desc, publicKey } = key;
  // Three groups of stars: one group fewer than the key has.
  const privateKey = `********-****-****-${key.privateKey.slice(-12)}`;
  return { id, desc, publicKey, privateKey, roles: rolesOf(key, shown), links: [] };
}

function accountRecord({ secrets, ...account }: AtlasServiceAccount) {
  const mask = (secret: string) => `mdb_sa_sk_****${secret.slice(-4)}`;
  return { ...account, secrets: secrets.map(({ secret, ...rest }) => ({ ...rest, maskedSecretValue: mask(secret) })) };
}

function systemStatus({ by, name, secret, key, org, rights = ['ORG_OWNER'] }: Holder, href: string, shown: number) {
  const known = key ?? keyWithDecoys(name, secret, name, 0, '')[0];
  const addresses = (known.accessList ?? []).map((ipAddress) => ({ ipAddress }));
  const inOrg = rights.map((roleName) => ({ orgId: org.orgId, roleName }));
  const roles = rolesOf({ ...known, roles: [...inOrg, ...known.roles.filter(({ groupId }) => groupId)] }, shown);
  const apiKey = { id: known.id, publicKey: known.publicKey, accessList: addresses, roles };
  const links = [{ href, rel: 'self' }];
  return { ...(by === 'digest' && { apiKey }), appName: 'MongoDB Atlas', build: '0000', links, throttling: false };
}

const digestOf = (text: string) => createHash('sha256').update(text).digest('hex');
const letters = (digest: string, count: number) =>
  Array.from({ length: count }, (_, at) =>
    String.fromCharCode(97 + (Number.parseInt(digest.slice(at * 2, at * 2 + 2), 16) % 26)),
  ).join('');

/** Keys that look like an organisation's, the same every time; `from` makes another set. */
export function inventedKeys(count: number, from: string, orgId: string): AtlasKey[] {
  return Array.from({ length: count }, (_, index) => {
    const [digest, value] = [digestOf(`${from} ${index}`), digestOf(`value of ${from} ${index}`)];
    return {
      id: digest.slice(0, 24),
      desc: `service-${index}`,
      publicKey: letters(digest.slice(32), 8),
      privateKey: [value.slice(0, 8), value.slice(8, 12), `4${value.slice(13, 16)}`, `a${value.slice(17, 20)}`]
        .concat(value.slice(20, 32))
        .join('-'),
      roles: [
        { orgId, roleName: 'ORG_MEMBER' },
        { groupId: digest.slice(40, 64), roleName: 'GROUP_READ_ONLY' },
      ],
    };
  });
}

/** A key with a given pair, and its decoys: others whose private keys end in the same characters, four unless told. */
export function keyWithDecoys(
  publicKey: string,
  privateKey: string,
  desc: string,
  decoys: number,
  orgId: string,
  shared = 4,
): [AtlasKey, ...AtlasKey[]] {
  const [first, ...others] = inventedKeys(decoys + 1, `${desc} and its decoys`, orgId) as [AtlasKey, ...AtlasKey[]];
  const alike = (key: AtlasKey) => key.privateKey.slice(0, -shared) + privateKey.slice(-shared);
  return [{ ...first, desc, publicKey, privateKey }, ...others.map((key) => ({ ...key, privateKey: alike(key) }))];
}

/** Secrets that look like a service account's, the same every time; `from` makes another set. */
export function inventedSecrets(count: number, from: string): AtlasSecret[] {
  return Array.from({ length: count }, (_, index) => {
    const digest = digestOf(`secret of ${from} ${index}`);
    const secret = `mdb_sa_sk_${digest.slice(24)}`;
    return { id: digest.slice(0, 24), secret, createdAt: '2026-01-05T09:00:00Z', expiresAt: '2027-12-31T09:00:00Z' };
  });
}

/** A secret with a given value, and its decoys: others that end in the same four characters. */
export function secretWithDecoys(value: string, from: string, decoys: number): [AtlasSecret, ...AtlasSecret[]] {
  const [first, ...others] = inventedSecrets(decoys + 1, `${from} and its decoys`) as [AtlasSecret, ...AtlasSecret[]];
  return [
    { ...first, secret: value },
    ...others.map((item) => ({ ...item, secret: item.secret.slice(0, -4) + value.slice(-4) })),
  ];
}

/** Service accounts with two secrets each, the same every time; `from` makes another set. */
export function inventedServiceAccounts(count: number, from: string): AtlasServiceAccount[] {
  return Array.from({ length: count }, (_, index) => ({
    clientId: `mdb_sa_id_${digestOf(`account of ${from} ${index}`).slice(0, 24)}`,
    name: `pipeline-${index}`,
    createdAt: '2026-01-05T09:00:00Z',
    roles: ['ORG_MEMBER'],
    secrets: inventedSecrets(2, `${from} ${index}`),
  }));
}

/** What the first run kills; the decoys of each end in the same four characters. */
const leaked = { publicKey: 'leakedpk', privateKey: '5e0a1eaf-c0ff-4e05-a2e7-ab1e0ddba115' };
const leakedClient = {
  clientId: 'mdb_sa_id_5e0a1eafc0ffee05ec2e7ab1',
  clientSecret: 'mdb_sa_sk_Local_StageLeakedServiceAccountSecret001',
};

/** The Atlas of the local stage: each account an organisation, several hundred keys, one of each kind leaked. */
export const world: World = {
  accounts: {
    prod: {
      orgId: 'ad00000000000000000000a1',
      clientId: 'mdb_sa_id_ad00000000000000000000a1',
      clientSecret: 'mdb_sa_sk_Local_StageSampleServiceAccountSecret0a1',
    },
    legacy: {
      orgId: 'ad00000000000000000000b2',
      publicKey: 'adminpkb',
      privateKey: 'ad000000-0000-4000-a000-0000000000b2',
    },
  },
  leaks: [
    {
      provider: 'mongodb-atlas',
      kind: 'api-key',
      secret: leaked.privateKey,
      identifiers: { publicKey: leaked.publicKey },
    },
    {
      provider: 'mongodb-atlas',
      kind: 'service-account-secret',
      secret: leakedClient.clientSecret,
      identifiers: { clientId: leakedClient.clientId },
    },
  ],
  simulate(accounts, now = Date.now) {
    const organisations: AtlasOrganisation[] = [];
    for (const [account, value] of Object.entries(accounts)) {
      const { orgId: given, ...admin } = value as { orgId: string } & AtlasAdmin;
      const orgId = given.toLowerCase();
      let org = organisations.find((known) => known.orgId === orgId);
      if (!org) {
        org = organisationOf(orgId, organisations.length === 0);
        organisations.push(org);
      }
      const name = `leakstop-${account}`;
      if ('publicKey' in admin) {
        const { publicKey, privateKey } = admin;
        org.admins.push({ publicKey, privateKey });
        if (!org.keys.some((key) => key.publicKey === publicKey))
          org.keys.push(...keyWithDecoys(publicKey, privateKey, name, 0, orgId));
      } else {
        const { clientId, clientSecret } = admin;
        org.admins.push({ clientId, clientSecret });
        const known = org.serviceAccounts.find((other) => other.clientId === clientId);
        const secrets = secretWithDecoys(clientSecret, name, 0);
        if (!known) org.serviceAccounts.push(accountWith(clientId, name, secrets));
        else if (!known.secrets.some(({ secret }) => secret === clientSecret)) known.secrets.push(...secrets);
      }
    }
    return {
      ...mongodbAtlasVendor(organisations, { propagationMs: 300, now }),
      leakFresh: (kind) => organisations[0] && leakFreshFrom(organisations[0], kind),
    };
  },
};

/** One more key pair, or one more service account with its secrets. */
function leakFreshFrom({ orgId, keys, serviceAccounts }: AtlasOrganisation, kind: string): object | undefined {
  const leakOf = (secret: string, identifiers: object) => ({ provider: 'mongodb-atlas', kind, secret, identifiers });
  if (kind === 'api-key') {
    const [fresh] = inventedKeys(1, randomUUID(), orgId);
    if (!fresh) return undefined;
    keys.push({ ...fresh, desc: 'leaked-just-now' });
    return leakOf(fresh.privateKey, { publicKey: fresh.publicKey });
  }
  const [account] = inventedServiceAccounts(1, randomUUID());
  const [first] = account?.secrets ?? [];
  if (!account || !first) return undefined;
  serviceAccounts.push({ ...account, name: 'leaked-just-now' });
  return leakOf(first.secret, { clientId: account.clientId });
}

const accountWith = (clientId: string, name: string, secrets: AtlasSecret[]): AtlasServiceAccount => ({
  clientId,
  name,
  createdAt: '2026-01-05T09:00:00Z',
  roles: ['ORG_OWNER'],
  secrets,
});

/** The account whose secret leaks, and one whose secret ends alike. */
function leakedAccounts(clientId: string, clientSecret: string): AtlasServiceAccount[] {
  const [leak, ...decoys] = secretWithDecoys(clientSecret, 'deploys', 1);
  const other = `mdb_sa_id_${digestOf('account of decoys').slice(0, 24)}`;
  return [accountWith(clientId, 'deploys', [leak]), accountWith(other, 'reports', decoys)];
}

/** An organisation of the local stage; the first one has the leaks. */
function organisationOf(orgId: string, first: boolean): AtlasOrganisation {
  const { publicKey, privateKey } = leaked;
  const { clientId, clientSecret } = leakedClient;
  const [kept, others] = [inventedKeys(620, orgId, orgId), inventedServiceAccounts(120, orgId)];
  return {
    orgId,
    keys: [...kept, ...(first ? keyWithDecoys(publicKey, privateKey, 'backup-export', 3, orgId) : [])],
    serviceAccounts: [...others, ...(first ? leakedAccounts(clientId, clientSecret) : [])],
    admins: [],
  };
}
