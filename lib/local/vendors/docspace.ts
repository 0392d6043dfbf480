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

/** A key as DocSpace keeps it. */
export interface DocspaceKey {
  id: string;
  key: string;
  name: string;
  /** Id of the person it acts for. */
  createBy: string;
  createOn: string;
  expiresAt?: string;
  isActive: boolean;
  /** `*`, or nothing at all, is everything; any other scope lets a key read itself and no other. */
  permissions: string[];
}

/** One portal lives on one host. Who may do what follows from the person a key acts for. */
export interface DocspacePortal {
  host: string;
  keys: DocspaceKey[];
  /** Ids of its DocSpace admins. */
  admins: string[];
  /** The address that everything comes from is not among those it lets in. */
  blocked?: boolean;
}

/** How a simulated DocSpace differs from the plain one. */
export interface DocspaceTraits {
  /** How long a deleted or deactivated key is still accepted (ms). */
  propagationMs?: number;
  /** What a person without rights hears who would delete somebody else's key: 200 with `false`, or 403. */
  foreignDeletion?: 'false' | 'forbidden';
  /** Other answers than the believed ones. */
  says?: Partial<typeof believed>;
  /** Requests (`METHOD target`) that end in the proxy before the portal. */
  badGateway?: RegExp;
  /** Epoch ms. */
  now?: () => number;
}

/** The people of every invented portal. */
export const docspaceAdmin = '0ad0c5ac-0000-4000-8000-0000000000a1';
export const docspaceMember = '0ad0c5ac-0000-4000-8000-0000000000b2';

const problem = (statusCode: number, message: string): VendorAnswer => ({
  status: statusCode,
  body: { error: { message }, status: 1, statusCode },
});

/** What no source shows word for word; the shape is the documented one. */
const believed = {
  unauthorized: problem(401, 'Unauthorized'),
  missing: problem(500, 'Internal Server Error'),
};

const badGatewayPage: VendorAnswer = {
  status: 502,
  headers: { 'content-type': 'text/html' },
  body: '<html><head><title>502 Bad Gateway</title></head><body><center><h1>502 Bad Gateway</h1></center></body></html>',
};

const guid = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;

/** DocSpace's API keys: https://api.onlyoffice.com/docspace/api-backend/usage-api/api-keys */
export function docspaceVendor(
  portals: DocspacePortal[],
  { propagationMs = 0, foreignDeletion = 'false', says = {}, badGateway, now = Date.now }: DocspaceTraits = {},
) {
  const vendor = {
    arrivals: [] as Arrival[],
    troubles: [] as Vendor['troubles'],
    deletions: [] as string[],
    disablings: [] as string[],
  };
  const { bury, revive } = undertaker(vendor.deletions);
  const words = { ...believed, ...says };
  const dying = new Map<string, { key: DocspaceKey; until: number }>();

  const isExpired = ({ expiresAt }: DocspaceKey) => expiresAt !== undefined && Date.parse(expiresAt) <= now();

  function live({ host, keys }: DocspacePortal, value: string): DocspaceKey | undefined {
    const key = keys.find((known) => known.key === value && known.isActive && !isExpired(known));
    const last = dying.get(`${host} ${value}`);
    return key ?? (last && last.until > now() ? last.key : undefined);
  }

  function linger({ host }: DocspacePortal, key: DocspaceKey): void {
    if (propagationMs > 0) dying.set(`${host} ${key.key}`, { key: { ...key }, until: now() + propagationMs });
  }

  function answer({ method, host, target, headers, body }: Arrival): VendorAnswer {
    if (badGateway?.test(`${method} ${target}`)) return badGatewayPage;
    const portal = portals.find((known) => known.host === host);
    if (!portal) return problem(404, 'Portal not found');
    const { pathname } = new URL(target, `https://${host}`);
    if (portal.blocked) return problem(403, 'Access denied');
    if (['/api/2.0/people/@self', '/api/2.0/people/%40self'].includes(pathname)) {
      if (method !== 'GET') return problem(405, 'Method Not Allowed');
      const person = live(portal, /^Bearer (sk-.+)$/.exec(headers.authorization ?? '')?.[1] ?? '');
      if (!person) return words.unauthorized;
      const isAdmin = portal.admins.includes(person.createBy);
      return success({ id: person.createBy, isAdmin, isOwner: false }, `https://${host}${pathname}`, method);
    }
    const [route, name] = /^\/api\/2\.0\/keys(?:\/([^/]+))?$/.exec(pathname) ?? [];
    const isSelf = name === '@self' || name === '%40self';
    if (route === undefined || !(name === undefined || isSelf || guid.test(name))) return problem(404, 'Not Found');
    const methods = isSelf ? ['GET'] : name === undefined ? ['GET', 'POST'] : ['DELETE', 'PUT'];
    if (!methods.includes(method)) return problem(405, 'Method Not Allowed');

    // Without "Bearer " and "sk-" the server looks for a session instead of a key.
    const [, value = ''] = /^Bearer (sk-.+)$/.exec(headers.authorization ?? '') ?? [];
    const caller = live(portal, value);
    if (!caller) return words.unauthorized;
    const href = `https://${host}${pathname}`;
    if (isSelf) return success(record(caller), href, method);
    if (caller.permissions.length > 0 && !caller.permissions.includes('*')) return problem(403, 'Access denied');
    const isTheirs = (key: DocspaceKey) => portal.admins.includes(caller.createBy) || key.createBy === caller.createBy;
    if (method === 'POST') {
      const made = newKey(headers['content-type'], body, caller.createBy, now());
      if ('status' in made) return made;
      portal.keys.push(made);
      return success({ ...record(made), key: made.key }, href, method);
    }
    if (name === undefined) {
      const newestFirst = portal.keys.toSorted((left, right) => right.createOn.localeCompare(left.createOn));
      return success(newestFirst.filter(isTheirs).map(record), href, method);
    }

    const wanted = method === 'PUT' ? readUpdate(headers['content-type'], body) : {};
    if ('status' in wanted) return wanted;
    const key = portal.keys.find(({ id }) => id === name.toLowerCase());
    if (!key) return words.missing;
    if (method === 'PUT') return success(isTheirs(key) && update(portal, key, wanted), href, method);
    if (!isTheirs(key))
      return foreignDeletion === 'false' ? success(false, href, method) : problem(403, 'Access denied');
    linger(portal, key);
    bury(portal.keys, key);
    return success(true, href, method);
  }

  /** Whether anything may be changed; an expired key stays as it is. */
  function update(portal: DocspacePortal, key: DocspaceKey, { isActive = key.isActive }: Update): boolean {
    if (isExpired(key)) return false;
    if (key.isActive && !isActive) {
      linger(portal, key);
      vendor.disablings.push(key.id);
    }
    key.isActive = isActive;
    return true;
  }

  return {
    ...vendor,
    id: 'docspace',
    hosts: portals.map(({ host }) => host),
    server: vendorServer(vendor, answer),
    revive,
    portals,
    spoil: (state: BadState, admin: object) => spoil(portals, state, admin),
    accepts: (secret: string) => portals.some((portal) => live(portal, secret) !== undefined),
    values: () => portals.flatMap(({ keys }) => keys.map(({ key }) => key)),
  } satisfies Vendor & { portals: DocspacePortal[]; disablings: string[] };
}

function spoil(portals: DocspacePortal[], state: BadState, admin: object): boolean {
  const { portal: address, apiKey } = admin as { portal: string; apiKey: string };
  const portal = portals.find(({ host }) => host === new URL(address).hostname);
  const key = portal?.keys.find((known) => known.key === apiKey);
  if (!portal || !key) return false;
  const day = 86_400_000;
  switch (state) {
    case 'wrong-key':
      return takeOut(portal.keys, (known) => known === key);
    case 'missing-right':
      key.createBy = docspaceMember;
      return true;
    case 'expired':
    case 'expires-soon':
      key.expiresAt = new Date(Date.now() + (state === 'expired' ? -day : 3 * day)).toISOString();
      return true;
    case 'elsewhere':
      portal.host = 'moved.onlyoffice.com';
      return true;
    case 'blocked':
      portal.blocked = true;
      return true;
  }
}

interface Update {
  isActive?: boolean;
}

function readUpdate(contentType: string | undefined, body: string): Update | VendorAnswer {
  if (!contentType?.startsWith('application/json')) return problem(415, 'Unsupported Media Type');
  try {
    const { isActive } = JSON.parse(body) as { isActive?: unknown };
    if (isActive === undefined || isActive === null) return {};
    if (typeof isActive === 'boolean') return { isActive };
  } catch {
    // Not JSON: as wrong as a wrong type.
  }
  return problem(400, 'Bad Request');
}

const scopes = ['*', 'accounts.self:read', 'accounts.self:write', 'accounts:read', 'accounts:write'].concat(
  ['files', 'rooms'].flatMap((about) => [`${about}:read`, `${about}:write`]),
);

/** The one time that a key is shown whole. */
function newKey(
  contentType: string | undefined,
  body: string,
  createBy: string,
  now: number,
): DocspaceKey | VendorAnswer {
  if (!contentType?.startsWith('application/json')) return problem(415, 'Unsupported Media Type');
  const badRequest = problem(400, 'Bad Request');
  try {
    const { name, permissions = ['*'], expiresInDays } = JSON.parse(body) as Record<string, unknown>;
    const isNamed = typeof name === 'string' && name.length > 0 && name.length <= 30;
    const areScopes = Array.isArray(permissions) && permissions.every((one) => scopes.includes(one));
    const days = expiresInDays === undefined ? undefined : Number(expiresInDays);
    const [fresh] = inventedKeys(1, randomUUID(), createBy);
    if (!isNamed || !areScopes || permissions.length === 0 || !fresh) return badRequest;
    if (days !== undefined && !(Number.isInteger(days) && days >= 1 && days <= 365)) return badRequest;
    const ends = days && { expiresAt: new Date(now + days * 86_400_000).toISOString() };
    return { ...fresh, name, permissions, createOn: new Date(now).toISOString(), ...ends };
  } catch {
    return badRequest;
  }
}

const success = (response: unknown, href: string, action: string): VendorAnswer => ({
  status: 200,
  body: {
    response,
    count: Array.isArray(response) ? response.length : 1,
    links: [{ href, action }],
    status: 0,
    statusCode: 200,
  },
});

function record({ id, name, key, permissions, createOn, createBy, expiresAt, isActive }: DocspaceKey) {
  const keyPostfix = key.slice(-4);
  const creator = { id: createBy, displayName: createBy === docspaceAdmin ? 'Portal Admin' : 'Portal Member' };
  const masked = `sk-***${keyPostfix}`;
  return { id, name, key: masked, keyPostfix, permissions, createOn, createBy: creator, expiresAt, isActive };
}

/** Keys that look like a portal's, the same every time; `from` makes another set. */
export function inventedKeys(count: number, from: string, createBy = docspaceMember): DocspaceKey[] {
  return Array.from({ length: count }, (_, index) => {
    const digest = createHash('sha256').update(`${from} ${index}`).digest('hex');
    const value = createHash('sha256').update(`value of ${from} ${index}`).digest('hex');
    return {
      id: [digest.slice(0, 8), digest.slice(8, 12), `4${digest.slice(13, 16)}`, `a${digest.slice(17, 20)}`]
        .concat(digest.slice(20, 32))
        .join('-'),
      key: `sk-${value}`,
      name: `room-sync-${index}`,
      createBy,
      createOn: new Date(Date.UTC(2026, 0, 5, 9, index)).toISOString(),
      isActive: true,
      permissions: ['*'],
    };
  });
}

/** A key with a given value, and its decoys: others that end in the same four characters. */
export function keyWithDecoys(value: string, name: string, decoys: number, createBy = docspaceMember): DocspaceKey[] {
  const [first, ...others] = inventedKeys(decoys + 1, `${name} and its decoys`, createBy);
  return [
    { ...(first as DocspaceKey), key: value, name },
    ...others.map((key) => ({ ...key, key: key.key.slice(0, -4) + value.slice(-4) })),
  ];
}

/** The key that the first run kills; its decoys end in the same four characters. */
const leaked = 'sk-5e0a1eaf0c0ffee05ec2e7ab1e0ddba15e0a1eaf0c0ffee05ec2e7ab1e0ddba1';

/** The DocSpace of the local stage: each account a portal on its host, a few hundred keys, one of them leaked. */
export const world: World = {
  accounts: {
    prod: {
      portal: 'https://acme.onlyoffice.com',
      apiKey: 'sk-ad000000000000000000000000000000000000000000000000000000000000a1',
    },
    'self-hosted': {
      portal: 'https://docspace.acme.example',
      apiKey: 'sk-ad000000000000000000000000000000000000000000000000000000000000b2',
    },
  },
  leaks: [{ provider: 'docspace', kind: 'api-key', secret: leaked }],
  simulate(accounts, now = Date.now) {
    const portals: DocspacePortal[] = [];
    for (const [account, value] of Object.entries(accounts)) {
      const { portal, apiKey } = value as { portal: string; apiKey: string };
      const host = new URL(portal).hostname;
      const own = keyWithDecoys(apiKey, `leakstop-${account}`, 0, docspaceAdmin);
      const known = portals.find((other) => other.host === host);
      if (known) {
        known.keys.push(...own);
        continue;
      }
      const sample = portals.length === 0 ? keyWithDecoys(leaked, 'archive-export', 3) : [];
      portals.push({ host, keys: [...inventedKeys(300, host), ...sample, ...own], admins: [docspaceAdmin] });
    }
    return {
      ...docspaceVendor(portals, { propagationMs: 300, now }),
      leakFresh(kind) {
        const [fresh] = inventedKeys(1, randomUUID());
        if (!fresh || !portals[0]) return undefined;
        portals[0].keys.push({ ...fresh, name: 'leaked-just-now' });
        return { provider: 'docspace', kind, secret: fresh.key };
      },
    };
  },
};
