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

export type CoveoStatus =
  | 'ENABLED'
  | 'SOON_TO_BE_EXPIRED'
  | 'SOON_TO_BE_DISABLED'
  | 'DISABLED'
  | 'DISABLED_FOR_INACTIVITY'
  | 'DISABLED_EXPOSED'
  | 'EXPIRED';

/** A key as Coveo keeps it. Dates are epoch ms, but those of an exposure report. */
export interface CoveoKey {
  id: string;
  value: string;
  displayName: string;
  createdDate: number;
  expirationDate?: number;
  /** Past its expiration date a key is `EXPIRED`, whatever stands here. */
  status: CoveoStatus;
  privacyLevel: 'PUBLIC' | 'PRIVATE';
  exposureReport?: {
    severity: 'CRITICAL' | 'HIGH' | 'MEDIUM' | 'LOW' | 'WARN';
    /** When Coveo means to switch the key off, or did. */
    deactivationDate?: string;
    reasons: { source: 'GITHUB' | 'MANUAL'; url: string | null; reason?: string | null }[];
  };
}

/** One organisation lives in one region. */
export interface CoveoOrganisation {
  region: keyof typeof regions;
  id: string;
  keys: CoveoKey[];
  /** Users' access tokens; `rights` are those on API keys. */
  tokens: { accessToken: string; expires?: number; rights?: ('VIEW' | 'EDIT')[] }[];
  /** Its firewall lets nothing through. */
  blocked?: boolean;
}

/** How a simulated Coveo differs from the plain one. */
export interface CoveoTraits {
  /** How a value is masked: `**********-****-****-****-********1b3e` or `xx*****1b3e`. */
  masked?: 'dashed' | 'short';
  /** How long a deleted or disabled key is still accepted (ms). */
  propagationMs?: number;
  /** Other answers than the believed ones. */
  says?: Partial<typeof believed>;
  /** Epoch ms. */
  now?: () => number;
}

const regions = {
  us: 'platform.cloud.coveo.com',
  eu: 'platform-eu.cloud.coveo.com',
  au: 'platform-au.cloud.coveo.com',
  ca: 'platform-ca.cloud.coveo.com',
  hipaa: 'platformhipaa.cloud.coveo.com',
};

const problem = (status: number, errorCode: string, message: string): VendorAnswer => ({
  status,
  headers: { 'x-request-id': 'f3a0c0de-0000-4000-8000-000000000001' },
  body: { message, errorCode, requestID: 'f3a0c0de-0000-4000-8000-000000000001' },
});

/** What no source shows. A key that is dead is as unknown as one that never was. */
const believed = {
  unauthorized: problem(401, 'INVALID_TOKEN', 'Invalid access token.'),
  forbidden: problem(403, 'ACCESS_DENIED', 'Access is denied.'),
  missing: problem(404, 'API_KEY_NOT_FOUND', 'The API key cannot be found.'),
  unknownOrganisation: problem(404, 'ORGANIZATION_NOT_FOUND', 'The organization cannot be found.'),
};

/** Coveo's API keys: https://docs.coveo.com/en/82/ */
export function coveoVendor(
  organisations: CoveoOrganisation[],
  { masked = 'dashed', propagationMs = 0, says = {}, now = Date.now }: CoveoTraits = {},
) {
  const vendor = {
    arrivals: [] as Arrival[],
    troubles: [] as Vendor['troubles'],
    deletions: [] as string[],
    disablings: [] as string[],
  };
  const { bury, revive } = undertaker(vendor.deletions);
  const words = { ...believed, ...says };
  const dying = new Map<string, number>();

  const statusOf = ({ status, expirationDate = Number.POSITIVE_INFINITY }: CoveoKey) =>
    expirationDate <= now() ? 'EXPIRED' : status;
  const isEnabled = (key: CoveoKey) => ['ENABLED', 'SOON_TO_BE_EXPIRED', 'SOON_TO_BE_DISABLED'].includes(statusOf(key));
  const accepts = (secret: string, among = organisations) =>
    among.some(({ region, keys }) => {
      const isKept = keys.some((key) => key.value === secret && isEnabled(key));
      return isKept || (dying.get(`${region} ${secret}`) ?? 0) > now();
    });

  function answer({ method, host, target, headers }: Arrival): VendorAnswer {
    const regional = organisations.filter(({ region }) => regions[region] === host);
    const { pathname, searchParams } = new URL(target, `https://${host}`);
    const [route, orgId, id, action] =
      /^\/rest\/organizations\/([^/]+)\/apikeys(?:\/([^/]+)(?:\/(disable|activate))?)?$/.exec(pathname) ?? [];
    const [mine, myOrgId] = /^\/rest\/organizations\/([^/]+)\/privileges\/me$/.exec(pathname) ?? [];
    if (regional.some(({ id: one, blocked }) => blocked && one === (orgId ?? myOrgId)))
      return { status: 403, headers: { 'x-coveo-waf-action': 'block' }, body: '<html>Request blocked</html>' };
    if (route === undefined && mine === undefined) return problem(404, 'NOT_FOUND', 'Not found.');

    const [, bearer = ''] = /^Bearer (.+)$/.exec(headers.authorization ?? '') ?? [];
    const isThisToken = ({ accessToken, expires = Number.POSITIVE_INFINITY }: CoveoOrganisation['tokens'][number]) =>
      accessToken === bearer && expires > now();
    // An API key is a good credential, and can neither see nor edit API keys.
    if (accepts(bearer, regional)) return words.forbidden;
    if (!regional.some(({ tokens }) => tokens.some(isThisToken))) return words.unauthorized;
    const organisation = regional.find((known) => known.id === (orgId ?? myOrgId));
    if (!organisation) return words.unknownOrganisation;
    const user = organisation.tokens.find(isThisToken);
    if (user && mine !== undefined)
      return method === 'GET'
        ? { status: 200, body: (user.rights ?? ['VIEW', 'EDIT']).map(privilege) }
        : problem(405, 'METHOD_NOT_ALLOWED', 'Method not allowed.');
    if (!user || user.rights?.includes(method === 'GET' ? 'VIEW' : 'EDIT') === false) return words.forbidden;

    const methods = id === undefined ? ['GET'] : action === undefined ? ['GET', 'DELETE'] : ['PUT'];
    if (!methods.includes(method)) return problem(405, 'METHOD_NOT_ALLOWED', 'Method not allowed.');
    if (id === undefined) return list(organisation, searchParams.get('status'));
    const key = organisation.keys.find((known) => known.id === id);
    if (!key) return words.missing;
    if (method === 'GET') return { status: 200, body: record(organisation, key) };
    if (method === 'DELETE') {
      linger(organisation, key);
      bury(organisation.keys, key);
    } else if (action === 'activate') key.status = 'ENABLED';
    else if (isEnabled(key)) {
      linger(organisation, key);
      key.status = 'DISABLED';
      vendor.disablings.push(key.id);
    }
    return { status: 204 };
  }

  function linger({ region }: CoveoOrganisation, key: CoveoKey): void {
    if (propagationMs > 0 && isEnabled(key)) dying.set(`${region} ${key.value}`, now() + propagationMs);
  }

  function list(organisation: CoveoOrganisation, status: string | null): VendorAnswer {
    const soon = (key: CoveoKey) => statusOf(key).startsWith('SOON_TO_BE_');
    const isExposed = ({ exposureReport }: CoveoKey) => exposureReport !== undefined;
    const filters: Record<string, (key: CoveoKey) => boolean> = {
      ACTIVE: isEnabled,
      SOON_TO_BE_DISABLED: (key) => statusOf(key) === 'SOON_TO_BE_DISABLED',
      SOON_TO_BE_EXPIRED: (key) => statusOf(key) === 'SOON_TO_BE_EXPIRED',
      ACTIVE_AND_EXPOSED: (key) => isEnabled(key) && isExposed(key),
      WITH_WARNING: (key) => soon(key) || (isEnabled(key) && isExposed(key)),
      ALL_EXPOSED: isExposed,
      DEACTIVATED: (key) => !isEnabled(key),
    };
    const filter = status === null ? () => true : filters[status];
    if (!filter) return problem(400, 'INVALID_PARAMETER', 'The status is not valid.');
    return { status: 200, body: organisation.keys.filter(filter).map((key) => record(organisation, key)) };
  }

  function record({ id: organizationId }: CoveoOrganisation, key: CoveoKey) {
    const last4 = key.value.slice(-4);
    const value = masked === 'short' ? `xx*****${last4}` : key.value.slice(0, -4).replace(/[^-]/g, '*') + last4;
    const { id } = key;
    return {
      ...key,
      value,
      tokenId: id,
      resourceId: id,
      organizationId,
      enabled: isEnabled(key),
      status: statusOf(key),
    };
  }

  return {
    ...vendor,
    id: 'coveo',
    hosts: Object.values(regions),
    server: vendorServer(vendor, answer),
    revive,
    organisations,
    spoil: (state: BadState, admin: object) => spoil(organisations, state, admin),
    accepts: (secret: string) => accepts(secret),
    values: () => organisations.flatMap(({ keys }) => keys.map(({ value }) => value)),
  } satisfies Vendor & { organisations: CoveoOrganisation[]; disablings: string[] };
}

/** A right on all API keys: https://docs.coveo.com/en/159/ */
const privilege = (type: 'VIEW' | 'EDIT') => ({ owner: 'PLATFORM', targetDomain: 'API_KEY', targetId: '*', type });

function spoil(organisations: CoveoOrganisation[], state: BadState, admin: object): boolean {
  const { organizationId, region, accessToken } = admin as Record<string, string>;
  const organisation = organisations.find((known) => known.id === organizationId && known.region === region);
  const token = organisation?.tokens.find((known) => known.accessToken === accessToken);
  if (!organisation || !token) return false;
  switch (state) {
    case 'wrong-key':
      return takeOut(organisation.tokens, (known) => known === token);
    case 'missing-right':
      token.rights = ['VIEW'];
      return true;
    case 'expired':
      token.expires = 0;
      return true;
    case 'elsewhere':
      organisation.id = 'acmemovedzz99yy88';
      return true;
    case 'blocked':
      organisation.blocked = true;
      return true;
    default:
      return false;
  }
}

/** Keys that look like an organisation's, the same every time; `from` makes another set. */
export function inventedKeys(count: number, from: string): CoveoKey[] {
  return Array.from({ length: count }, (_, index) => {
    const digest = createHash('sha256').update(`${from} ${index}`).digest('hex');
    const uuid = [digest.slice(0, 8), digest.slice(8, 12), `4${digest.slice(13, 16)}`, `a${digest.slice(17, 20)}`]
      .concat(digest.slice(20, 32))
      .join('-');
    return {
      id: BigInt(`0x${digest.slice(32)}f`)
        .toString(36)
        .slice(0, 25)
        .padEnd(25, '0'),
      value: `xx${uuid}`,
      displayName: `push-source-${index}`,
      createdDate: Date.UTC(2026, 0, 5, 9, index),
      status: 'ENABLED',
      privacyLevel: 'PRIVATE',
    };
  });
}

/** A key with a given value, named by an exposure report where `url` is, and its decoys: others that end in the same four characters. */
export function keyWithDecoys(value: string, name: string, decoys: number, url?: string): CoveoKey[] {
  const [first, ...others] = inventedKeys(decoys + 1, `${name} and its decoys`);
  const named = { ...(first as CoveoKey), value, displayName: name };
  const reasons = [{ source: 'GITHUB' as const, url: url ?? null, reason: null }];
  return [
    url === undefined ? named : { ...named, exposureReport: { severity: 'HIGH', reasons } },
    ...others.map((key) => ({ ...key, value: key.value.slice(0, -4) + value.slice(-4) })),
  ];
}

/** The key that the first run kills, and where it stands; its decoys end in the same four characters. */
const leaked = 'xx5e0a1eaf-0c0f-4fee-a5ec-2e7ab1e0dba1';
const leakedAt =
  'https://github.com/acme-example/storefront/blob/5e0a1eaf0c0ffee05ec2e7ab1e0ddba15e0a1eaf/src/search/client.js';

/** The Coveo of the local stage: each account a user of an organisation, a few hundred keys, one of them leaked. */
export const world: World = {
  accounts: {
    prod: { organizationId: 'acmeproductionab12cd34', region: 'us', accessToken: 'xa0000000-local-stage-sample-us' },
    eu: { organizationId: 'acmeeuropeef56gh78', region: 'eu', accessToken: 'xa0000000-local-stage-sample-eu' },
  },
  leaks: [{ provider: 'coveo', kind: 'api-key', secret: leaked, location: { url: leakedAt } }],
  simulate(accounts, now = Date.now) {
    const organisations: CoveoOrganisation[] = [];
    for (const value of Object.values(accounts)) {
      const { organizationId, region, accessToken } = value as {
        organizationId: string;
        region: CoveoOrganisation['region'];
        accessToken: string;
      };
      const known = organisations.find((other) => other.id === organizationId && other.region === region);
      if (known) {
        known.tokens.push({ accessToken });
        continue;
      }
      const sample = organisations.length === 0 ? keyWithDecoys(leaked, 'storefront-search', 3, leakedAt) : [];
      const open = inventedKeys(2, `search page of ${organizationId}`).map((key) => ({
        ...key,
        privacyLevel: 'PUBLIC' as const,
      }));
      const keys = [...inventedKeys(300, organizationId), ...open, ...sample];
      organisations.push({ region, id: organizationId, keys, tokens: [{ accessToken }] });
    }
    return {
      ...coveoVendor(organisations, { now }),
      leakFresh(kind) {
        const from = randomUUID();
        const [invented] = inventedKeys(1, from);
        if (!invented || !organisations[0]) return undefined;
        const url = leakedAt.replace('client.js', `${from}.js`);
        const [fresh] = keyWithDecoys(invented.value, `leaked-just-now ${from}`, 0, url);
        if (!fresh) return undefined;
        organisations[0].keys.push(fresh);
        return { provider: 'coveo', kind, secret: fresh.value, location: { url } };
      },
    };
  },
};
