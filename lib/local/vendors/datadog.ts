import { createHash, randomUUID } from 'node:crypto';
import { type Arrival, type Vendor, type VendorAnswer, vendorServer, type World } from './vendor.ts';

/** A key as Datadog keeps it. */
export interface DatadogKey {
  id: string;
  key: string;
  name: string;
  created: string;
}

/** One organisation lives on one site. Its admin credentials come from outside: the stage makes the world fit its secrets. */
export interface DatadogOrganisation {
  site: string;
  id: string;
  keys: DatadogKey[];
  admins: { apiKey?: string; appKey?: string; accessToken?: string; rights?: string[] }[];
}

/** How a simulated Datadog differs from the plain one. */
export interface DatadogTraits {
  /** How long a deleted key is still accepted at the intake (ms). */
  propagationMs?: number;
  /** Whether the preview endpoint that lets a key name itself answers. */
  selfLookup?: boolean;
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

/**
 * Datadog's key management: https://docs.datadoghq.com/api/latest/key-management/ and its authentication check:
 * https://docs.datadoghq.com/api/latest/authentication/
 */
export function datadogVendor(
  organisations: DatadogOrganisation[],
  { propagationMs = 0, selfLookup = true, now = Date.now }: DatadogTraits = {},
) {
  const vendor = { arrivals: [] as Arrival[], troubles: [] as Vendor['troubles'], deletions: [] as string[] };
  const dying = new Map<string, number>();
  const orgOf = (host: string) => organisations.find(({ site }) => host === `api.${site}`);

  const isAccepted = (host: string, key: string) =>
    orgOf(host)?.keys.some((known) => known.key === key) === true || (dying.get(key) ?? 0) > now();

  function answer({ method, host, target, headers }: Arrival): VendorAnswer {
    const org = orgOf(host);
    const url = new URL(target, `https://${host}`);
    const apiKey = String(headers['dd-api-key'] ?? '');
    if (url.pathname === '/api/v1/validate') {
      if (apiKey === '') return refused('API key required');
      return isAccepted(host, apiKey) ? { status: 200, body: { valid: true } } : refused('Forbidden');
    }
    if (url.pathname === '/api/v2/validate')
      return selfLookup ? validate(org, apiKey) : { status: 404, body: { errors: ['Not Found'] } };
    const admin = org?.admins.find((known) =>
      known.accessToken
        ? headers.authorization === `Bearer ${known.accessToken}`
        : known.apiKey === apiKey && known.appKey === headers['dd-application-key'],
    );
    if (!org || !admin) return refused('Forbidden');
    if (url.pathname === '/api/v2/validate_keys') return { status: 200, body: { status: 'ok' } };
    const [, id] = /^\/api\/v2\/api_keys(?:\/([^/]+))?$/.exec(url.pathname) ?? [];
    if (!/^\/api\/v2\/api_keys(\/[^/]+)?$/.test(url.pathname)) return { status: 404, body: { errors: ['Not Found'] } };
    const right = method === 'DELETE' ? 'api_keys_delete' : 'api_keys_read';
    if (admin.rights && !admin.rights.includes(right)) return refused('Forbidden');
    if (id === undefined)
      return method === 'GET' ? list(org, url.searchParams) : { status: 405, body: { errors: ['Method Not Allowed'] } };
    const key = org.keys.find((known) => known.id === decodeURIComponent(id));
    if (!key) return { status: 404, body: { errors: ['API key not found'] } };
    if (method === 'GET') return { status: 200, body: { data: record(key, true) } };
    if (method !== 'DELETE') return { status: 405, body: { errors: ['Method Not Allowed'] } };
    org.keys.splice(org.keys.indexOf(key), 1);
    vendor.deletions.push(key.id);
    if (propagationMs > 0) dying.set(key.key, now() + propagationMs);
    return { status: 204, headers: { 'content-type': 'text/html; charset=utf-8' } };
  }

  return {
    ...vendor,
    id: 'datadog',
    hosts: sites.map((site) => `api.${site}`),
    server: vendorServer(vendor, answer),
    organisations,
    accepts: (secret: string) => organisations.some(({ site }) => isAccepted(`api.${site}`, secret)),
  } satisfies Vendor & { organisations: DatadogOrganisation[] };
}

const refused = (error: string): VendorAnswer => ({ status: 403, body: { errors: [error] } });

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

function list({ keys }: DatadogOrganisation, query: URLSearchParams): VendorAnswer {
  const size = Number(query.get('page[size]') ?? 10);
  const page = Number(query.get('page[number]') ?? 0);
  if (!(size >= 1 && size <= 100) || !(page >= 0)) return { status: 400, body: { errors: ['Bad Request'] } };
  const filter = query.get('filter') ?? '';
  const matching = keys.filter(({ name }) => name.includes(filter));
  const sorted =
    query.get('sort') === 'last4'
      ? matching.toSorted((left, right) => last4(left).localeCompare(last4(right)))
      : matching;
  const data = sorted.slice(page * size, (page + 1) * size).map((key) => record(key, false));
  return { status: 200, body: { data, meta: { max_allowed: 5000, page: { total_filtered_count: matching.length } } } };
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

/** The key that the first run kills; its decoys end in the same four characters. */
const leaked = '5e0a1eaf0c0ffee05ec2e7ab1e0ddba1';

/** The Datadog of the local stage: each account an organisation on its site, a few thousand keys, one of them leaked. */
export const world: World = {
  accounts: {
    prod: {
      site: 'datadoghq.com',
      apiKey: 'ad0000000000000000000000000000a1',
      appKey: 'ad000000000000000000000000000000000000a2',
    },
    eu: { site: 'datadoghq.eu', accessToken: 'ddsat_LocalStageSample000000_sampleofalocalstagesampleofalocalsta0' },
  },
  leaks: [{ provider: 'datadog', kind: 'api-key', secret: leaked }],
  simulate(accounts) {
    const organisations: DatadogOrganisation[] = [];
    for (const [index, value] of Object.values(accounts).entries()) {
      const { site, ...admin } = value as { site: string; apiKey?: string; appKey?: string; accessToken?: string };
      const known = organisations.find((organisation) => organisation.site === site);
      const own = admin.apiKey ? keyWithDecoys(admin.apiKey, `leakstop-${site}-${index}`, 0) : [];
      if (known) {
        known.admins.push(admin);
        known.keys.push(...own);
        continue;
      }
      const sample = organisations.length === 0 ? keyWithDecoys(leaked, 'checkout-service', 3) : [];
      const keys = [...inventedKeys(organisations.length === 0 ? 2000 : 1000, site), ...sample, ...own];
      organisations.push({ site, id: keys[0]?.id ?? site, keys, admins: [admin] });
    }
    return datadogVendor(organisations, { propagationMs: 300 });
  },
};
