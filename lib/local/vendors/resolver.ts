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

/** A key as Resolver keeps it. The value is here for the simulation only: no answer ever holds more than the access key. */
export interface ResolverKey {
  id: number;
  /** The whole value, as it is presented and as it leaks: the access key, a dot or a colon, the secret half. */
  key: string;
  accessKey: string;
  name: string;
  canImpersonate: boolean;
  created: string;
}

/** A member of an organisation: keys name him by `orgUserId`, paths by `id`. */
export interface ResolverUser {
  id: number;
  orgUserId: number;
  email: string;
  password?: string;
  isAdmin?: boolean;
  /** Someone who is not active can neither log in nor use keys. */
  active?: boolean;
  keys: ResolverKey[];
}

export interface ResolverOrganisation {
  host: string;
  id: number;
  users: ResolverUser[];
}

/** How a simulated Resolver differs from the plain one. Most of its answers are documented in two ways or not at all. */
export interface ResolverTraits {
  /** How the keys of a user are answered: `data` wraps the list; `object` is the key itself where a user has just one. */
  listShape?: 'data' | 'array' | 'object';
  /** How one key is answered: as it is, or as a list of one in `data`. */
  getShape?: 'object' | 'data';
  /** What is answered for a key that is not there: 404, or 200 with nothing in `data`. */
  missing?: 'absent' | 'empty';
  /** The status for deleting a key that is not there. */
  deleteMissing?: 404 | 204;
  /** Whether the id in `GET /user/apiKey/{id}` is that of a key, or, as the help page has it, that of a user. */
  getBy?: 'key' | 'user';
  /** The status for a credential that is not accepted. */
  refusal?: 401 | 403;
  /** How long a deleted key is still accepted (ms). */
  propagationMs?: number;
  /** Epoch ms. */
  now?: () => number;
}

const sessionMs = 15 * 60_000;

/** Resolver Core's key management: https://help.resolver.com/help/delete-an-api-key */
export function resolverVendor(
  organisations: ResolverOrganisation[],
  {
    listShape = 'data',
    getShape = 'object',
    missing = 'absent',
    deleteMissing = 404,
    getBy = 'key',
    refusal = 401,
    propagationMs = 0,
    now = Date.now,
  }: ResolverTraits = {},
) {
  const vendor = { arrivals: [] as Arrival[], troubles: [] as Vendor['troubles'], deletions: [] as string[] };
  const { bury, revive } = undertaker(vendor.deletions);
  const sessions = new Map<string, Member & { until: number }>();
  const dying = new Map<string, Member & { until: number }>();

  const membersAt = (host: string): Member[] =>
    organisations.filter((org) => org.host === host).flatMap((org) => org.users.map((user) => ({ org, user })));

  /** Who presents this key: an active member who has it, or had it until just now. */
  function ownerOf(host: string, key: string): Member | undefined {
    const owner = membersAt(host).find(({ user }) => user.keys.some((known) => known.key === key));
    const late = dying.get(key);
    const found = owner ?? (late && late.org.host === host && late.until > now() ? late : undefined);
    return found && isActive(found.user) ? found : undefined;
  }

  function authenticated({ host, headers }: Arrival): Member | undefined {
    const key = headers['x-api-key'];
    if (typeof key === 'string') return ownerOf(host, key);
    const session = sessions.get(/^bearer (.+)$/i.exec(headers.authorization ?? '')?.[1] ?? '');
    const isValid = session && session.org.host === host && session.until > now() && isActive(session.user);
    return isValid ? session : undefined;
  }

  function logIn({ host, body }: Arrival): VendorAnswer {
    const { email, password, selectedOrg } = readJson(body);
    const known = membersAt(host).filter(
      ({ user }) => user.password !== undefined && user.email === email && user.password === password,
    );
    if (known.length === 0) return refused(401, 'Unauthorized');
    const member = known.find(({ org, user }) => org.id === Number(selectedOrg) && isActive(user));
    if (!member) return refused(404, 'User is not an active member of the org');
    const token = sessionToken(`${host} ${email} ${sessions.size}`);
    sessions.set(token, { ...member, until: now() + sessionMs });
    return { status: 200, body: { token, userId: member.user.id, orgId: member.org.id } };
  }

  function answer(request: Arrival): VendorAnswer {
    const { method, host, target } = request;
    const path = new URL(target, `https://${host}`).pathname;
    if (!organisations.some((org) => org.host === host)) return refused(404, 'Not Found');
    if (path === '/user/authenticate') return method === 'POST' ? logIn(request) : wrongMethod;
    const member = authenticated(request);
    if (!member) return refused(refusal, refusal === 401 ? 'Unauthorized' : 'Forbidden');
    const { org, user } = member;
    if (path === '/user/users/me')
      return method === 'GET'
        ? { status: 200, body: { id: user.id, orgUserId: user.orgUserId, email: user.email, orgId: org.id } }
        : wrongMethod;
    const [, by, number] = /^\/user\/apiKey\/(user\/)?(\d+)$/.exec(path) ?? [];
    if (number === undefined) return refused(404, 'Not Found');
    if (!user.isAdmin) return refused(403, 'Forbidden');
    if (by !== undefined) return method === 'GET' ? keysOf(org, Number(number)) : wrongMethod;
    if (method === 'GET') return getBy === 'key' ? oneKey(org, Number(number)) : keysOf(org, Number(number));
    return method === 'DELETE' ? remove(org, Number(number)) : wrongMethod;
  }

  const nothing = (): VendorAnswer =>
    missing === 'absent' ? refused(404, 'Not Found') : { status: 200, body: { data: [] } };

  function keysOf(org: ResolverOrganisation, userId: number): VendorAnswer {
    const user = org.users.find(({ id }) => id === userId);
    if (!user) return nothing();
    const records = user.keys.map((key) => record(user, key));
    if (listShape === 'data') return { status: 200, body: { data: records } };
    return { status: 200, body: listShape === 'object' && records.length === 1 ? records[0] : records };
  }

  function oneKey(org: ResolverOrganisation, id: number): VendorAnswer {
    const found = keyOf(org, id);
    if (!found) return nothing();
    const body = record(found.user, found.key);
    return { status: 200, body: getShape === 'data' ? { data: [body] } : body };
  }

  function remove(org: ResolverOrganisation, id: number): VendorAnswer {
    const found = keyOf(org, id);
    if (!found) return deleteMissing === 404 ? refused(404, 'Not Found') : { status: 204 };
    const { user, key } = found;
    bury(user.keys, key);
    if (propagationMs > 0) dying.set(key.key, { org, user, until: now() + propagationMs });
    return { status: 204 };
  }

  return {
    ...vendor,
    id: 'resolver',
    hosts: [...new Set(organisations.map(({ host }) => host))],
    server: vendorServer(vendor, answer),
    revive,
    organisations,
    spoil: (state: BadState, admin: object) => spoil(organisations, state, admin),
    accepts: (secret: string) => organisations.some(({ host }) => ownerOf(host, secret) !== undefined),
    values: () => organisations.flatMap(({ users }) => users.flatMap(({ keys }) => keys.map(({ key }) => key))),
  } satisfies Vendor & { organisations: ResolverOrganisation[] };
}

function spoil(organisations: ResolverOrganisation[], state: BadState, admin: object): boolean {
  const { host, apiKey, email, org: id } = admin as Account;
  const isTheirs = ({ keys, email: known, password }: ResolverUser) =>
    apiKey === undefined ? known === email && password !== undefined : keys.some(({ key }) => key === apiKey);
  const org = organisations.find(
    (known) => known.host === host && known.id === (id ?? known.id) && known.users.some(isTheirs),
  );
  const user = org?.users.find(isTheirs);
  if (!org || !user) return false;
  switch (state) {
    case 'wrong-key':
      user.password = 'changed-since';
      return apiKey === undefined || takeOut(user.keys, ({ key }) => key === apiKey);
    case 'missing-right':
      user.isAdmin = false;
      return true;
    case 'elsewhere':
      org.host = 'moved.core.resolver.com';
      return true;
    default:
      return false;
  }
}

interface Member {
  org: ResolverOrganisation;
  user: ResolverUser;
}

const refused = (status: number, message: string): VendorAnswer => ({ status, body: { message } });
const wrongMethod = refused(405, 'Method Not Allowed');
const isActive = ({ active = true }: ResolverUser) => active;

/** Ids are an organisation's own: a key of another one is not there. */
function keyOf({ users }: ResolverOrganisation, id: number) {
  for (const user of users) {
    const key = user.keys.find((known) => known.id === id);
    if (key) return { user, key };
  }
  return undefined;
}

function record({ orgUserId }: ResolverUser, { id, name, accessKey, canImpersonate, created }: ResolverKey) {
  return { id, orgUserId, name, accessKey, canImpersonate, created };
}

function readJson(body: string): Record<string, unknown> {
  try {
    return Object(JSON.parse(body));
  } catch {
    return {};
  }
}

const digestOf = (from: string) => createHash('sha512').update(from).digest('hex');
const sessionToken = (from: string) =>
  [digestOf(`header ${from}`).slice(0, 36), digestOf(`claims ${from}`), digestOf(from).slice(0, 43)].join('.');
const accessKeyOf = (value: string) => /^[0-9A-Za-z]+/.exec(value)?.[0] ?? '';

/** Keys with ids from `firstId` on, the same every time; `from` makes another set. */
export function inventedKeys(count: number, from: string, firstId: number): ResolverKey[] {
  return Array.from({ length: count }, (_, index) => {
    const digest = digestOf(`${from} ${index}`);
    const accessKey = Buffer.from(digest, 'hex').toString('base64').replaceAll(/[+/=]/g, 'x').slice(0, 20);
    return {
      id: firstId + index,
      key: `${accessKey}.${digest.slice(-40)}`,
      accessKey,
      name: `integration-${index}`,
      canImpersonate: false,
      created: '2026-01-05T09:00:00.000Z',
    };
  });
}

/** A key with a given value, and its decoys: others whose access key and value end in the same four characters. */
export function keyWithDecoys(value: string, name: string, decoys: number, firstId: number): ResolverKey[] {
  const accessKey = accessKeyOf(value);
  const [known, ...others] = inventedKeys(decoys + 1, `decoy of ${name}`, firstId) as [ResolverKey, ...ResolverKey[]];
  const alike = others.map((other) => {
    const decoy = other.accessKey.slice(0, -4) + accessKey.slice(-4);
    const half = other.key.slice(other.accessKey.length, -4) + value.slice(-4);
    return { ...other, accessKey: decoy, key: decoy + half };
  });
  return [{ ...known, key: value, accessKey, name, created: '2026-03-01T09:00:00.000Z' }, ...alike];
}

/** A user with these keys; what keys call him differs from his id. */
export function inventedUser(id: number, keys: ResolverKey[] = []): ResolverUser {
  return { id, orgUserId: 90_000 + id * 7, email: `person-${id}@example.com`, keys };
}

/** The key that the first run kills, and whose it is. */
const leaked = 'Lk7e1Sampl3Acc3ssK3y.5e0a1eaf0c0ffee05ec2e7ab1e0ddba15e0a1eaf';
const leakedOwner = 2417;

/** The Resolver of the local stage: each account an admin, the users it names with keys of their own, one key leaked. */
export const world: World = {
  accounts: {
    prod: {
      host: 'us.core.resolver.com',
      apiKey: 'Adm1nOfTh3L0calStage.ad000000000000000000000000000000000000a1',
      userIds: [2416, leakedOwner, 2418],
    },
    eu: { host: 'eu.core.resolver.com', email: 'admin@example.com', password: 'sample-password', org: 88 },
  },
  leaks: [
    {
      provider: 'resolver',
      kind: 'api-key',
      secret: leaked,
      identifiers: { accessKey: accessKeyOf(leaked), userId: String(leakedOwner) },
    },
  ],
  simulate(accounts, now = Date.now) {
    const organisations: ResolverOrganisation[] = [];
    let freshId = 50_000_000;
    for (const [index, value] of Object.values(accounts).entries()) {
      const account = value as Account;
      let known = organisations.find(({ host, id }) => host === account.host && id === (account.org ?? id));
      if (!known) {
        known = { host: account.host, id: account.org ?? 100 + index, users: [] };
        if (organisations.length === 0) known.users.push(...leakedOwners());
        organisations.push(known);
      }
      const { users } = known;
      const adminId = 9_000_001 + index;
      const own = account.apiKey ? keyWithDecoys(account.apiKey, 'leakstop', 0, 5000 + index) : [];
      const logIn = account.email && account.password ? { email: account.email, password: account.password } : {};
      users.push({ ...inventedUser(adminId, own), ...logIn, isAdmin: true });
      for (const id of (account.userIds ?? []).map(Number))
        if (!users.some((user) => user.id === id))
          users.push(inventedUser(id, inventedKeys(3, `user ${account.host} ${id}`, 10_000 + id * 10)));
    }
    return {
      ...resolverVendor(organisations, { now }),
      leakFresh(kind) {
        const owner = organisations[0]?.users.find(({ id }) => id === leakedOwner);
        const [fresh] = inventedKeys(1, randomUUID(), freshId);
        if (!fresh || !owner) return undefined;
        freshId += 1;
        owner.keys.push({ ...fresh, name: 'leaked-just-now' });
        const identifiers = { accessKey: fresh.accessKey, userId: String(owner.id) };
        return { provider: 'resolver', kind, secret: fresh.key, identifiers };
      },
    };
  },
};

interface Account {
  host: string;
  apiKey?: string;
  email?: string;
  password?: string;
  org?: number;
  userIds?: (number | string)[];
}

/** The owner of the leaked key; and another user, one of whose keys has the id that the owner has. */
const leakedOwners = () => [
  inventedUser(leakedOwner, [...inventedKeys(2, 'owner', 340), ...keyWithDecoys(leaked, 'incident-import', 3, 350)]),
  inventedUser(leakedOwner + 1, inventedKeys(2, 'colleague', leakedOwner)),
];
