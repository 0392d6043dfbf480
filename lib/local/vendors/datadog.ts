import { createHash, randomUUID } from 'node:crypto';
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

/** A key as Datadog keeps it. */
export interface DatadogKey {
  id: string;
  key: string;
  name: string;
  created: string;
}

/** An application key, a personal or a service access token. */
export interface DatadogCredential extends DatadogKey {
  /** The id of the user or service account it belongs to. */
  owner: string;
  scopes?: string[];
  /** When an access token ends; absent, never. */
  expires?: string;
}

/** A person, or a service account with its access tokens. */
export interface DatadogUser {
  id: string;
  name: string;
  serviceAccount?: boolean;
  accessTokens?: DatadogCredential[];
}

/** One organisation lives on one site. Its admin credentials come from outside: the stage makes the world fit its secrets. */
export interface DatadogOrganisation {
  site: string;
  id: string;
  keys: DatadogKey[];
  admins: { apiKey?: string; appKey?: string; accessToken?: string; rights?: string[] }[];
  applicationKeys?: DatadogCredential[];
  personalAccessTokens?: DatadogCredential[];
  users?: DatadogUser[];
  /** One-time-read mode: an application key is shown when it is made and never again. */
  oneTimeRead?: boolean;
  /** The address that everything comes from is not on its IP allowlist. */
  blocked?: boolean;
}

/** How a simulated Datadog differs from the plain one. */
export interface DatadogTraits {
  /** How long a deleted key is still accepted at the intake (ms). */
  propagationMs?: number;
  /** Whether the preview endpoint that lets a key name itself answers. */
  selfLookup?: boolean;
  /** Whether the list of personal access tokens shows those of service accounts too. */
  mixedTokenList?: boolean;
  /** What the check of a pair of keys answers to a pair that is not good; both are documented. */
  badPairStatus?: 401 | 403;
  /** Epoch ms. */
  now?: () => number;
}

const sites = [
  'datadoghq.com',
  'us3.datadoghq.com',
  'us5.datadoghq.com',
  'ap1.datadoghq.com',
  'ap2.datadoghq.com',
  'uk1.datadoghq.com',
  'datadoghq.eu',
  'ddog-gov.com',
  'us2.ddog-gov.com',
];

/** What one path names: the credentials that requests by id reach, and how they are shown. */
interface Shelf {
  id: string | undefined;
  items: DatadogKey[];
  /** What the list shows. */
  listed: DatadogKey[];
  record(item: DatadogKey, whole: boolean): object;
  meta: object;
  rights: { read: string; remove: string };
  missing: VendorAnswer;
  /** Deleting what is not there is a success too. */
  alwaysGone?: boolean;
  headers?: Record<string, string>;
}

/**
 * Datadog's key management: https://docs.datadoghq.com/api/latest/key-management/ and its authentication check:
 * https://docs.datadoghq.com/api/latest/authentication/. A shelf for each kind of credential, all deleted alike.
 */
export function datadogVendor(
  organisations: DatadogOrganisation[],
  {
    propagationMs = 0,
    selfLookup = true,
    mixedTokenList = true,
    badPairStatus = 403,
    now = Date.now,
  }: DatadogTraits = {},
) {
  const vendor = { arrivals: [] as Arrival[], troubles: [] as Vendor['troubles'], deletions: [] as string[] };
  const dying = new Map<string, { until: number; from: DatadogKey[] }>();
  const graves = undertaker(vendor.deletions);
  const deleted = new Set<string>();
  const orgOf = (host: string) => organisations.find(({ site }) => host === `api.${site}`);

  const isDying = (key: string) => (dying.get(key)?.until ?? 0) > now();
  /** Whether the key is in one of these, or was and its deletion has not spread yet. */
  const isLive = (key: string, places: (DatadogKey[] | undefined)[]) =>
    places.some((place) => place?.some((known) => known.key === key && !hasEnded(known, now()))) ||
    (isDying(key) && places.includes(dying.get(key)?.from));
  /** A deletion that has not spread yet has spread to no site. */
  const isAccepted = (host: string, key: string) =>
    isLive(key, [orgOf(host)?.keys]) ||
    (isDying(key) && organisations.some(({ keys }) => dying.get(key)?.from === keys));
  const isToken = (org: DatadogOrganisation, key: string) =>
    isLive(key, [org.personalAccessTokens, ...(org.users ?? []).map(({ accessTokens }) => accessTokens)]);
  const isInForce = (key: string | undefined) => key === undefined || !deleted.has(key) || isDying(key);

  /** Whether any pair of keys, or any token, is good: also one that has no rights. */
  function isGoodPair(org: DatadogOrganisation | undefined, headers: Arrival['headers']): boolean {
    const [apiKey, second] = [String(headers['dd-api-key'] ?? ''), String(headers['dd-application-key'] ?? '')];
    if (!org) return false;
    if (isToken(org, second) || isToken(org, bearerOf(headers))) return true;
    return isLive(apiKey, [org.keys]) && isLive(second, [org.applicationKeys]);
  }

  function remove(items: DatadogKey[], item: DatadogKey): void {
    graves.bury(items, item);
    deleted.add(item.key);
    // Only what is sent with an API key passes the intake, where a deletion takes its time.
    const isApiKey = organisations.some(({ keys }) => keys === items);
    if (propagationMs > 0 && isApiKey) dying.set(item.key, { until: now() + propagationMs, from: items });
  }

  function answer({ method, host, target, headers, body }: Arrival): VendorAnswer {
    const org = orgOf(host);
    const url = new URL(target, `https://${host}`);
    const apiKey = String(headers['dd-api-key'] ?? '');
    if (org?.blocked) return refused('Forbidden');
    if (url.pathname === '/api/v1/validate') {
      if (apiKey === '') return refused('API key required');
      return isAccepted(host, apiKey) ? { status: 200, body: { valid: true } } : refused('Forbidden');
    }
    if (url.pathname === '/api/v2/validate')
      return selfLookup ? validate(org, apiKey) : { status: 404, body: { errors: ['Not Found'] } };
    const admin = org?.admins.find((known) =>
      known.accessToken
        ? [bearerOf(headers), headers['dd-application-key']].includes(known.accessToken) &&
          isInForce(known.accessToken) &&
          !hasEnded(credentialOf(org, known) ?? unending, now())
        : known.apiKey === apiKey && known.appKey === headers['dd-application-key'] && isInForce(known.appKey),
    );
    if (url.pathname === '/api/v2/validate_keys')
      return admin || isGoodPair(org, headers)
        ? { status: 200, body: { status: 'ok' } }
        : { status: badPairStatus, body: { errors: [badPairStatus === 401 ? 'Unauthorized' : 'Forbidden'] } };
    const value = /^\/api\/v1\/api_key\/([^/]+)$/.exec(url.pathname)?.[1];
    if (value !== undefined) return deleteByValue(org, admin, method, decodeURIComponent(value));
    if (!org || !admin) return refused('Forbidden');
    const own = credentialOf(org, admin);
    const may = (right: string) =>
      admin.rights?.includes(right) !== false && (!own?.scopes?.length || own.scopes.includes(right));
    if (url.pathname === '/api/v2/current_user')
      return method === 'GET' ? currentUser(own?.owner ?? org.id, admin.rights ?? knownRights) : wrongMethod;
    if (url.pathname === '/api/v2/current_user/application_keys') {
      if (!may('user_app_keys')) return refused('Forbidden');
      const theirs = (org.applicationKeys ?? []).filter(({ owner }) => owner === own?.owner);
      const shelf = shelfOf({ ...org, applicationKeys: theirs }, '/api/v2/application_keys', mixedTokenList);
      return shelf && method === 'GET' ? list(shelf, url.searchParams) : wrongMethod;
    }
    if (url.pathname === '/api/v2/users') {
      if (!may('user_access_read')) return refused('Forbidden');
      return method === 'GET' ? listUsers(org, url.searchParams) : wrongMethod;
    }
    const shelf = shelfOf(org, url.pathname, mixedTokenList);
    if (!shelf) return notFound('Not Found');
    if (method === 'POST' && shelf.items === org.keys && shelf.id === undefined)
      return may('api_keys_write') ? makeKey(org, body, now()) : refused('Forbidden');
    if (!may(method === 'DELETE' ? shelf.rights.remove : shelf.rights.read)) return refused('Forbidden');
    const answered = atShelf(shelf, method, url.searchParams);
    return { ...answered, headers: { ...answered.headers, ...shelf.headers } };
  }

  function atShelf(shelf: Shelf, method: string, query: URLSearchParams): VendorAnswer {
    if (shelf.id === undefined) return method === 'GET' ? list(shelf, query) : wrongMethod;
    const item = shelf.items.find(({ id }) => id === decodeURIComponent(shelf.id ?? ''));
    const gone: VendorAnswer = { status: 204, headers: { 'content-type': 'text/html; charset=utf-8' } };
    if (!item) return method === 'DELETE' && shelf.alwaysGone ? gone : shelf.missing;
    if (method === 'GET') return { status: 200, body: { data: shelf.record(item, true) } };
    if (method !== 'DELETE') return wrongMethod;
    remove(shelf.items, item);
    return gone;
  }

  /** The first version of the deletion: its path holds the key itself. */
  function deleteByValue(
    org: DatadogOrganisation | undefined,
    admin: DatadogOrganisation['admins'][number] | undefined,
    method: string,
    value: string,
  ): VendorAnswer {
    const refusal: VendorAnswer = {
      status: 403,
      body: {
        status: 'error',
        code: 403,
        errors: ['Forbidden'],
        statuspage: 'http://status.datadoghq.com',
        twitter: 'http://twitter.com/datadogops',
        email: 'support@datadoghq.com',
      },
    };
    // On sites for governments the first version is switched off.
    if (!org || !admin || org.site.endsWith('ddog-gov.com')) return refusal;
    if (admin.rights && !admin.rights.includes('api_keys_delete')) return refusal;
    if (method !== 'DELETE') return wrongMethod;
    const item = org.keys.find(({ key }) => key === value);
    if (!item) return notFound('API key not found');
    remove(org.keys, item);
    const { key, name, created } = item;
    const when = created.slice(0, 19).replace('T', ' ');
    return { status: 200, body: { api_key: { created: when, created_by: 'owner@example.com', key, name } } };
  }

  return {
    ...vendor,
    id: 'datadog',
    hosts: sites.map((site) => `api.${site}`),
    server: vendorServer(vendor, answer),
    revive: (keyId: string) => {
      graves.revive(keyId);
      for (const value of organisations.flatMap(everythingOf)) deleted.delete(value);
    },
    organisations,
    spoil: (state: BadState, admin: object) => spoil(organisations, state, admin),
    accepts: (secret: string) =>
      organisations.some((org) => isLive(secret, [org.keys, org.applicationKeys]) || isToken(org, secret)),
    values: () => organisations.flatMap(everythingOf),
  } satisfies Vendor & { organisations: DatadogOrganisation[] };
}

const refused = (error: string): VendorAnswer => ({ status: 403, body: { errors: [error] } });
const notFound = (error: string): VendorAnswer => ({ status: 404, body: { errors: [error] } });
const wrongMethod: VendorAnswer = { status: 405, body: { errors: ['Method Not Allowed'] } };

const hasEnded = ({ expires }: DatadogKey & { expires?: string }, now: number) =>
  expires !== undefined && Date.parse(expires) <= now;
const bearerOf = (headers: Arrival['headers']) => /^bearer (.+)$/i.exec(headers.authorization ?? '')?.[1] ?? '';
const serviceTokensOf = ({ users = [] }: DatadogOrganisation) => users.flatMap(({ accessTokens = [] }) => accessTokens);
/** The value of every credential of an organisation. */
const everythingOf = (org: DatadogOrganisation) =>
  [org.keys, org.applicationKeys ?? [], org.personalAccessTokens ?? [], serviceTokensOf(org)]
    .flat()
    .map(({ key }) => key);
const tokensOf = (org: DatadogOrganisation) => [...(org.personalAccessTokens ?? []), ...serviceTokensOf(org)];

type DatadogAdmin = DatadogOrganisation['admins'][number];

/** The credential that an admin acts with: its application key, or its token. */
const credentialOf = (org: DatadogOrganisation | undefined, { appKey, accessToken }: DatadogAdmin) =>
  org && [...(org.applicationKeys ?? []), ...tokensOf(org)].find(({ key }) => key === (accessToken ?? appKey));
const unending: DatadogKey = { id: '', key: '', name: '', created: '' };

/** What is needed to do what is done here. */
const knownRights = [
  ...['api_keys_read', 'api_keys_write', 'api_keys_delete', 'org_app_keys_read', 'org_app_keys_write'],
  ...['user_access_read', 'service_account_write', 'user_app_keys'],
];

/** With its roles and what they permit; needs nothing but to be signed in. */
function currentUser(id: string, rights: string[]): VendorAnswer {
  const permissions = rights.map((name) => ({ type: 'permissions', id: `permission ${name}`, attributes: { name } }));
  const ids = permissions.map(({ type, id }) => ({ type, id }));
  const role = { type: 'roles', id: 'role 1', attributes: { name: 'Key Admin' } };
  const roles = { data: [{ type: role.type, id: role.id }] };
  return {
    status: 200,
    body: {
      data: { ...userRecord({ id, name: 'leakstop', serviceAccount: true }), relationships: { roles } },
      included: [{ ...role, relationships: { permissions: { data: ids } } }, ...permissions],
    },
  };
}

function spoil(organisations: DatadogOrganisation[], state: BadState, wanted: object): boolean {
  const { site, apiKey, appKey, accessToken } = wanted as DatadogAdmin & { site: string };
  const org = organisations.find((known) => known.site === site);
  const admin = org?.admins.find((known) =>
    accessToken === undefined ? known.apiKey === apiKey && known.appKey === appKey : known.accessToken === accessToken,
  );
  if (!org || !admin) return false;
  const own = credentialOf(org, admin);
  const day = 86_400_000;
  switch (state) {
    case 'wrong-key': {
      const isTheirs = ({ key }: DatadogKey) => [apiKey, appKey, accessToken].includes(key);
      const places = [org.keys, org.applicationKeys, org.personalAccessTokens];
      for (const place of [...places, ...(org.users ?? []).map((user) => user.accessTokens)])
        if (place) takeOut<DatadogKey>(place, isTheirs);
      return takeOut(org.admins, (known) => known === admin);
    }
    case 'missing-right':
      admin.rights = knownRights.filter((right) => right !== 'api_keys_delete');
      return true;
    case 'expired':
    case 'expires-soon':
      if (accessToken === undefined || !own) return false;
      own.expires = new Date(Date.now() + (state === 'expired' ? -day : 3 * day)).toISOString();
      return true;
    case 'elsewhere':
      org.site = site === 'us5.datadoghq.com' ? 'us3.datadoghq.com' : 'us5.datadoghq.com';
      return true;
    case 'blocked':
      org.blocked = true;
      return true;
  }
}

function validate(org: DatadogOrganisation | undefined, apiKey: string): VendorAnswer {
  const key = org?.keys.find((known) => known.key === apiKey);
  if (!org || !key) return { status: 403, body: { errors: [{ status: '403', title: 'Forbidden' }] } };
  return {
    status: 200,
    body: {
      data: { id: org.id, type: 'validate_v2', attributes: { valid: true, api_key_id: key.id, api_key_scopes: [] } },
    },
  };
}

/** A key is told whole when it is made. */
function makeKey({ keys }: DatadogOrganisation, body: string, now: number): VendorAnswer {
  const asked = nameOfNewKey(body);
  const [fresh] = inventedKeys(1, randomUUID());
  if (asked === undefined || !fresh) return { status: 400, body: { errors: ['Bad Request'] } };
  const item = { ...fresh, name: asked, created: new Date(now).toISOString() };
  keys.push(item);
  return { status: 201, body: { data: record(item, true) } };
}

function nameOfNewKey(body: string): string | undefined {
  try {
    const { data } = JSON.parse(body) as { data?: { type?: unknown; attributes?: { name?: unknown } } };
    const name = data?.attributes?.name;
    return data?.type === 'api_keys' && typeof name === 'string' && name !== '' ? name : undefined;
  } catch {
    return undefined;
  }
}

/** The credentials that a path names; undefined for a path that Datadog does not have. */
function shelfOf(org: DatadogOrganisation, path: string, mixed: boolean): Shelf | undefined {
  const [, owner, name, id] = /^\/api\/v2\/(?:service_accounts\/([^/]+)\/)?([a-z_]+)(?:\/([^/]+))?$/.exec(path) ?? [];
  const headers = { 'content-type': 'application/vnd.api+json' };
  if (owner !== undefined && name === 'access_tokens') {
    const account = org.users?.find((user) => user.serviceAccount && user.id === decodeURIComponent(owner));
    if (!account) return undefined;
    account.accessTokens ??= [];
    const items = account.accessTokens;
    const rights = { read: 'service_account_write', remove: 'service_account_write' };
    const missing = notFound('Not Found');
    return { id, items, listed: items, record: tokenRecord, meta: {}, rights, missing, alwaysGone: true, headers };
  }
  if (owner !== undefined) return undefined;
  if (name === 'api_keys') {
    const rights = { read: 'api_keys_read', remove: 'api_keys_delete' };
    const missing = notFound('API key not found');
    return { id, items: org.keys, listed: org.keys, record, meta: { max_allowed: 5000 }, rights, missing };
  }
  const rights = { read: 'org_app_keys_read', remove: 'org_app_keys_write' };
  if (name === 'application_keys') {
    const items = org.applicationKeys ?? [];
    const missing = notFound('Application key not found');
    const show = (item: DatadogKey, whole: boolean) =>
      applicationKeyRecord(item as DatadogCredential, whole && !org.oneTimeRead);
    return { id, items, listed: items, record: show, meta: { max_allowed_per_user: 1000 }, rights, missing };
  }
  if (name !== 'personal_access_tokens') return undefined;
  const items = org.personalAccessTokens ?? [];
  const listed = mixed ? tokensOf(org) : items;
  return {
    id,
    items,
    listed,
    record: tokenRecord,
    meta: {},
    rights,
    missing: notFound('Not Found'),
    alwaysGone: true,
    headers,
  };
}

function list({ listed, record: show, meta }: Shelf, query: URLSearchParams): VendorAnswer {
  const sorted =
    query.get('sort') === 'last4' ? listed.toSorted((left, right) => last4(left).localeCompare(last4(right))) : listed;
  const found = paged(sorted, query);
  if (!found) return { status: 400, body: { errors: ['Bad Request'] } };
  const page = { total_filtered_count: found.matching.length };
  return { status: 200, body: { data: found.items.map((item) => show(item, false)), meta: { ...meta, page } } };
}

function listUsers({ users = [] }: DatadogOrganisation, query: URLSearchParams): VendorAnswer {
  const found = paged(users, query);
  if (!found) return { status: 400, body: { errors: ['Bad Request'] } };
  const page = { total_count: users.length, total_filtered_count: found.matching.length };
  return { status: 200, body: { data: found.items.map(userRecord), meta: { page } } };
}

/** Pages are counted from 0; the filter looks into names. */
function paged<Item extends { name: string }>(all: Item[], query: URLSearchParams) {
  const size = Number(query.get('page[size]') ?? 10);
  const page = Number(query.get('page[number]') ?? 0);
  if (!(size >= 1 && size <= 100) || !(page >= 0)) return undefined;
  const filter = query.get('filter') ?? '';
  const matching = all.filter(({ name }) => name.includes(filter));
  return { matching, items: matching.slice(page * size, (page + 1) * size) };
}

const last4 = ({ key }: DatadogKey) => key.slice(-4);

function record(key: DatadogKey, whole: boolean) {
  const { id, name, created } = key;
  const attributes = {
    name,
    last4: last4(key),
    created_at: created,
    modified_at: created,
    category: '',
    remote_config_read_enabled: true,
  };
  return { id, type: 'api_keys', attributes: whole ? { ...attributes, key: key.key } : attributes };
}

function applicationKeyRecord(item: DatadogCredential, whole: boolean) {
  const { id, name, created, owner, scopes = null, key } = item;
  const attributes = { name, last4: last4(item), created_at: created, scopes, ...(whole && { key }) };
  const relationships = { owned_by: { data: { id: owner, type: 'users' } } };
  return { id, type: 'application_keys', attributes, relationships };
}

/** The public part of a personal token comes without its prefix, that of a service account's token with it. */
function tokenRecord(item: DatadogKey) {
  const { id, name, created, owner, scopes = [], expires = null, key } = item as DatadogCredential;
  const [prefix = '', middle = ''] = key.split('_');
  const isPersonal = prefix === 'ddpat';
  const attributes = {
    name,
    public_portion: isPersonal ? middle : `${prefix}_${middle}`,
    scopes,
    created_at: created,
    modified_at: null,
    last_used_at: null,
    expires_at: expires,
  };
  const ownerType = isPersonal ? 'users' : 'service_account';
  const relationships = { owned_by: { data: { id: owner, type: ownerType } } };
  return { id, type: isPersonal ? 'personal_access_tokens' : 'service_access_tokens', attributes, relationships };
}

function userRecord({ id, name, serviceAccount = false }: DatadogUser) {
  const handle = `${name}@example.com`;
  const attributes = {
    name,
    handle,
    email: handle,
    status: 'Active',
    disabled: false,
    verified: true,
    service_account: serviceAccount,
    created_at: '2026-01-05T09:00:00.000000+00:00',
  };
  return { id, type: 'users', attributes };
}

/** Keys that look like an organisation's, the same every time; `from` makes another set. */
export function inventedKeys(count: number, from: string): DatadogKey[] {
  return Array.from({ length: count }, (_, index) => {
    const digest = createHash('sha256').update(`${from} ${index}`).digest('hex');
    const id = [
      digest.slice(0, 8),
      digest.slice(8, 12),
      `4${digest.slice(13, 16)}`,
      `a${digest.slice(17, 20)}`,
      digest.slice(20, 32),
    ].join('-');
    return { id, key: digest.slice(32), name: `service-${index}`, created: '2026-01-05T09:00:00.000000+00:00' };
  });
}

/** People, the same every time; `from` makes another set. */
export function inventedUsers(count: number, from: string): DatadogUser[] {
  return inventedKeys(count, `user of ${from}`).map(({ id }, index) => ({ id, name: `person-${index}` }));
}

/**
 * Application keys or access tokens of one owner that are made like `value`: same prefix, same length, and hexadecimal
 * if it is.
 */
export function inventedCredentials(count: number, value: string, owner: string, from: string): DatadogCredential[] {
  const [, prefix = '', body = ''] = /^(dd[a-z]+_)?(.*)$/.exec(value) ?? [];
  const alphabet = /^[0-9a-f]+$/.test(body) ? hexadecimal : alphanumeric;
  return inventedKeys(count, from).map((key) => {
    const bytes = createHash('sha512').update(key.key).digest();
    const other = Array.from(body, (character, at) =>
      character === '_' ? '_' : alphabet[(bytes[at % bytes.length] ?? 0) % alphabet.length],
    ).join('');
    return { ...key, key: prefix + other, owner };
  });
}

const hexadecimal = '0123456789abcdef';
const alphanumeric = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789';

/** A key with a given value, and its decoys: others that end in the same four characters. */
export function keyWithDecoys(value: string, name: string, decoys: number): DatadogKey[] {
  const others = inventedKeys(decoys, `decoy of ${name}`).map((key) => ({
    ...key,
    key: key.key.slice(0, -4) + value.slice(-4),
  }));
  return [
    { id: inventedKeys(1, name)[0]?.id ?? randomUUID(), key: value, name, created: '2026-03-01T09:00:00.000000+00:00' },
    ...others,
  ];
}

/** An application key or access token with a given value, and its decoys: others that end in the same four characters. */
export function credentialWithDecoys(value: string, name: string, decoys: number, owner: string): DatadogCredential[] {
  const [known] = keyWithDecoys(value, name, 0) as [DatadogKey];
  const others = inventedCredentials(decoys, value, owner, `decoy of ${name}`).map((other) => ({
    ...other,
    key: other.key.slice(0, -4) + value.slice(-4),
  }));
  return [{ ...known, owner }, ...others];
}

/** The keys that the first run kills; the decoys of each end in the same four characters. */
const leaked = '5e0a1eaf0c0ffee05ec2e7ab1e0ddba1';
const leakedApplicationKey = '5e0a1eaf0c0ffee05ec2e7ab1e0ddba15e0a1eaf';
const leakedPersonalToken = 'ddpat_LocalStageLeakedPat000_sampleofalocalstagesampleofalocals01';
const leakedServiceToken = 'ddsat_LocalStageLeakedSat000_sampleofalocalstagesampleofalocals02';

/** The keys that scanners of the local stage find. */
const found = {
  github: 'ddpat_LocalStageFoundPat0000_sampleofalocalstagesampleofalocals03',
  gitlab: 'f00d1eaf0c0ffee0917b0b5ec2e7f00d1eaff0b2',
  gitguardian: 'f00d1eaf0c0ffee0917b0b5ec2e7f0c3',
};

/** The Datadog of the local stage: each account an organisation on its site, a few thousand keys, one of each kind leaked. */
export const world: World = {
  accounts: {
    prod: {
      site: 'datadoghq.com',
      apiKey: 'ad0000000000000000000000000000a1',
      appKey: 'ad000000000000000000000000000000000000a2',
    },
    eu: { site: 'datadoghq.eu', accessToken: 'ddsat_LocalStageSample000000_sampleofalocalstagesampleofalocalst0' },
  },
  leaks: [
    { provider: 'datadog', kind: 'api-key', secret: leaked },
    { provider: 'datadog', kind: 'application-key', secret: leakedApplicationKey },
    { provider: 'datadog', kind: 'personal-access-token', secret: leakedPersonalToken },
    { provider: 'datadog', kind: 'service-access-token', secret: leakedServiceToken },
  ],
  finds: {
    // Its own patterns for Datadog are for partners: what comes by webhook is found by a custom one.
    github: { secret: found.github, detector: 'acme_datadog_token' },
    // It has a name for application keys alone.
    gitlab: { secret: found.gitlab, detector: 'gitleaks_rule_id_datadog-access-token' },
    gitguardian: { secret: found.gitguardian, detector: 'datadog_api_credentials' },
  },
  simulate(accounts, now = Date.now) {
    const organisations: ReturnType<typeof organisationOf>[] = [];
    for (const [index, value] of Object.values(accounts).entries()) {
      const { site, ...admin } = value as { site: string; apiKey?: string; appKey?: string; accessToken?: string };
      let organisation = organisations.find((known) => known.site === site);
      if (!organisation) {
        organisation = organisationOf(site, organisations.length === 0);
        organisations.push(organisation);
      }
      const { keys, applicationKeys, personalAccessTokens, users } = organisation;
      const name = `leakstop-${site}-${index}`;
      const own = { id: inventedKeys(1, `account of ${name}`)[0]?.id ?? name, name, serviceAccount: true };
      const tokens = (admin.accessToken ? credentialWithDecoys(admin.accessToken, `${name}-token`, 0, own.id) : []).map(
        (token) => ({ ...token, scopes: knownRights }),
      );
      const isPersonal = admin.accessToken?.startsWith('ddpat_') === true;
      organisation.admins.push(admin);
      if (admin.apiKey) keys.push(...keyWithDecoys(admin.apiKey, name, 0));
      if (admin.appKey) applicationKeys.push(...credentialWithDecoys(admin.appKey, `${name}-application`, 0, own.id));
      if (isPersonal) personalAccessTokens.push(...tokens);
      users.push({ ...own, accessTokens: isPersonal ? [] : tokens });
    }
    return {
      ...datadogVendor(organisations, { propagationMs: 300, now }),
      leakFresh: (kind) => organisations[0] && leakFreshFrom(organisations[0], kind),
    };
  },
};

/** One more credential of this kind, beside the sample of it. */
function leakFreshFrom(organisation: ReturnType<typeof organisationOf>, kind: string): object | undefined {
  const { keys, applicationKeys, personalAccessTokens, users } = organisation;
  const leakOf = (secret: string) => ({ provider: 'datadog', kind, secret });
  if (kind === 'api-key') {
    const [fresh] = inventedKeys(1, randomUUID());
    if (!fresh) return undefined;
    keys.push({ ...fresh, name: 'leaked-just-now' });
    return leakOf(fresh.key);
  }
  const account = users.find(({ accessTokens }) => accessTokens?.some(({ key }) => key === leakedServiceToken));
  const beside = {
    'application-key': { items: applicationKeys, sample: leakedApplicationKey, owner: users[0] },
    'personal-access-token': { items: personalAccessTokens, sample: leakedPersonalToken, owner: users[0] },
    'service-access-token': { items: account?.accessTokens, sample: leakedServiceToken, owner: account },
  }[kind];
  if (!beside?.items || !beside.owner) return undefined;
  const [fresh] = inventedCredentials(1, beside.sample, beside.owner.id, randomUUID());
  if (!fresh) return undefined;
  beside.items.push({ ...fresh, name: 'leaked-just-now' });
  return leakOf(fresh.key);
}

/** An organisation of the local stage; the first one has the leaks. */
function organisationOf(site: string, first: boolean) {
  const people = inventedUsers(110, site);
  const accounts = inventedUsers(3, `service ${site}`).map((user, index) => ({
    ...user,
    name: `pipeline-${index}`,
    serviceAccount: true,
  }));
  const [owner, account] = [people[0]?.id ?? site, accounts[2]?.id ?? site];
  const sample = <Key>(keys: Key[]) => (first ? keys : []);
  const [kept, personal, service] = [
    inventedCredentials(120, leakedApplicationKey, owner, `application keys of ${site}`),
    inventedCredentials(120, leakedPersonalToken, owner, `personal tokens of ${site}`),
    inventedCredentials(12, leakedServiceToken, account, `service tokens of ${site}`),
  ];
  const keys = [
    ...inventedKeys(first ? 2000 : 1000, site),
    ...sample([
      ...keyWithDecoys(leaked, 'checkout-service', 3),
      ...keyWithDecoys(found.gitguardian, 'search-service', 2),
    ]),
  ];
  return {
    site,
    id: keys[0]?.id ?? site,
    keys,
    admins: [] as DatadogOrganisation['admins'],
    applicationKeys: [
      ...kept,
      ...sample([
        ...credentialWithDecoys(leakedApplicationKey, 'dashboard-sync', 3, owner),
        ...credentialWithDecoys(found.gitlab, 'report-sync', 2, owner),
      ]),
    ],
    personalAccessTokens: [
      ...personal,
      ...sample([
        ...credentialWithDecoys(leakedPersonalToken, 'laptop', 3, owner),
        ...credentialWithDecoys(found.github, 'runner', 2, owner),
      ]),
    ],
    users: [
      ...people,
      ...accounts.map((user) => {
        const leaks =
          user.id === account ? sample(credentialWithDecoys(leakedServiceToken, 'deploys', 3, account)) : [];
        return { ...user, accessTokens: user.id === account ? [...service, ...leaks] : [] };
      }),
    ] as DatadogUser[],
  } satisfies DatadogOrganisation;
}
