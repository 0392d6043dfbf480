import * as z from 'zod';
import { originAlone } from '../revocation/address.ts';
import type { Question } from '../revocation/checkup.ts';
import type { Credentials } from '../revocation/credentials.ts';
import { type Answer, path } from '../revocation/exchange.ts';
import type { Leak } from '../revocation/leak.ts';
import { type Change, type Fit, type KeyTarget, kind, type LeakedValue, provider } from '../revocation/provider.ts';
import { bearer, sameText, secretValue } from '../revocation/secret.ts';

const admin = z.strictObject({
  portal: z
    .string()
    .refine(
      (text) => originAlone(text) !== undefined,
      'must be the address of the portal alone, such as https://acme.onlyoffice.com',
    )
    .transform((text) => new URL(text).origin),
  apiKey: secretValue.refine(
    (key) => key.expose().startsWith('sk-'),
    'must be an API key, which starts with sk-: a session’s token ends with its session',
  ),
});
type Admin = z.infer<typeof admin>;

const record = z
  .object({
    id: z.string().min(1),
    name: z.string().nullish(),
    /** Masked, but for its last four characters: `sk-***8d5d`. */
    key: z.string().nullish(),
    keyPostfix: z.string().min(4).nullish(),
    isActive: z.boolean().nullish(),
    permissions: z.array(z.string()).nullish().catch(undefined),
    createBy: z.object({ id: z.string() }).nullish().catch(undefined),
    expiresAt: z.string().nullish().catch(undefined),
  })
  .transform(({ key, keyPostfix, ...rest }) => ({ ...rest, ending: keyPostfix ?? key?.split('*').at(-1) ?? '' }))
  // A record that shows nothing of its value could be any key's, so nothing may be said of a list with one.
  .refine(({ ending }) => ending.length >= 4);
type Key = z.infer<typeof record>;

const many = z.object({ response: z.array(record), total: z.int().nullish() });
const self = z.object({ response: z.object({ id: z.string().min(1) }) });
const made = z.object({ response: z.object({ id: z.string().min(1), key: secretValue }) });
const changed = z.object({ response: z.boolean() });
const unknownKey = z.object({ error: z.object({}), statusCode: z.literal(401) });

const endsAlike = ({ ending }: Key, value: string) => sameText(ending, value.slice(-ending.length));

/** A value of another form is some other service's: `sk-` is a common beginning. It is shown to no portal. */
const presented = ({ secret }: LeakedValue) =>
  /^sk-[0-9a-f]{64}$/.test(secret.expose())
    ? ({ method: 'GET', path: path`/api/2.0/keys/@self`, headers: { Authorization: bearer(secret) } } as const)
    : undefined;
const readSelf = ({ status, json }: Answer) => {
  const answer = status === 200 ? self.safeParse(json) : undefined;
  return answer?.success ? { keyId: answer.data.response.id, isHere: true } : undefined;
};

/** DocSpace says with 200 and `false` that it did nothing; a key that it does not have is a 500, as a failure is. */
const readChange = ({ status, json }: Answer): Change | undefined => {
  const answer = status === 200 ? changed.safeParse(json) : undefined;
  return answer?.success ? (answer.data.response ? 'done' : 'denied') : undefined;
};
const toBe = (isActive: boolean) => ({
  request: ({ keyId }: KeyTarget<Admin>) =>
    ({ method: 'PUT', path: path`/api/2.0/keys/${keyId}`, body: { isActive } }) as const,
  read: readChange,
});

function compare(key: Key, { secret, identifiers = {} }: Leak): Fit {
  if (secret === undefined || !endsAlike(key, secret.expose())) return 'different';
  const { name, owner } = identifiers;
  const told = name !== undefined || owner !== undefined;
  const isTrue = (name ?? key.name) === key.name && (owner ?? key.createBy?.id) === key.createBy?.id;
  return told && isTrue ? 'confirmed' : 'hint';
}

const apiKey = kind<Admin, Key>()({
  docs: 'https://api.onlyoffice.com/docspace/api-backend/usage-api/delete-api-key',
  identifiers: ['keyId'],
  locators: ['name', 'owner'],
  facts: {
    carries:
      'the value, or `keyId`. A live key names itself, which is exact. Without presenting it only the last four characters can be compared: a hint, confirmed when the alert carries the key’s `name` or its `owner` (a person’s id)',
    permission: 'an API key with all scopes that a DocSpace admin made: anybody else is shown their own keys only',
    rateLimit:
      '1,500 requests a minute and 15 writes at a time; the wait is `Retry-After`, else `X-RateLimit-Reset` (seconds, or an epoch where it is above 10^9)',
    proof:
      'the leaked key is refused (`GET /api/2.0/keys/@self`); without presenting it, it is no longer listed, or is listed as inactive',
    propagation: 'not documented; the list shows a deletion at once, and proof is polled for',
    drill:
      'the key of a drill may read the profile of the admin key’s owner, and ends by itself after a day. Making it needs no other right; a portal makes five keys in 15 minutes at most',
    verified: [
      'a name has at most 30 characters, and an unknown scope is refused (specification)',
      'success is 200 with `response: true`; 200 with `response: false` means that nothing was done (server code, 2026-06)',
      'a key that the portal does not have is a 500, never a 404: the list then tells',
      'a key may always ask for its own record',
      'a key is `sk-` and 64 hexadecimal digits, and is known only behind `Bearer `',
      'the list has no pages, and no key can be read by its id',
    ],
    believed: [
      'making a key is 200 with its whole value in `key`: any other answer is none, and what was made is ended by its name',
      'every portal knows the scope `accounts.self:read`',
      'the body of a 401: one that is not DocSpace’s own error proves nothing, and absence from the list is asked instead',
      'the body of a 500: none is read',
      'that the hosted service behaves as the published server does: any other answer parks the incident',
    ],
    notes: [
      'The published example sends the key without `Bearer `, which the server takes for a session and refuses.',
      'Nothing in a key tells its portal: with several accounts, each portal is shown the leaked key. `"useLeakedKey": false` forbids it.',
      'An empty list is not believed: the key that we ask with is in it. What a key of somebody who is no DocSpace admin is shown cannot be told from the whole: with such a key, and without presenting the leaked one, a key of somebody else is "not found".',
      'Where only the last four characters can be compared, a key that ends like the admin’s counts as the admin’s own and is left alone.',
      'A key that has expired counts as already gone, though the portal lists it as active for some ten minutes more.',
      'A failure (500) after a deletion may be a key that was not there or one that was just deleted: the list tells that it is gone, and it counts as our work.',
      'No scanner has a name for these keys, and other services use the same form: the alert must name the provider.',
    ],
  },
  self: { request: presented, read: readSelf },
  list: {
    request: ({ page }) => (page === 0 ? { method: 'GET', path: path`/api/2.0/keys` } : undefined),
    read: ({ status, json }) => {
      const answer = status === 200 ? many.safeParse(json) : undefined;
      if (!answer?.success) return undefined;
      const { response: items, total } = answer.data;
      // The key we ask with is a key of the portal: there is no empty list.
      return items.length > 0 && (total ?? items.length) === items.length ? { items } : undefined;
    },
  },
  describe: ({ id, name, isActive, expiresAt, permissions }, now) => ({
    keyId: id,
    label: name ?? undefined,
    // An expired key is refused at once, and listed as active until the portal has looked.
    active: isActive !== false && !(Date.parse(expiresAt ?? '') <= now),
    remark: permissions?.includes('*') ? 'it can do everything that its owner can' : undefined,
  }),
  compare,
  isOwn: (key, { apiKey }) => endsAlike(key, apiKey.expose()),
  wholeValues: true,
  remove: { request: ({ keyId }) => ({ method: 'DELETE', path: path`/api/2.0/keys/${keyId}` }), read: readChange },
  disable: toBe(false),
  enable: toBe(true),
  proof: {
    request: presented,
    read: (answer) => {
      if (readSelf(answer) !== undefined) return 'alive';
      return answer.status === 401 && unknownKey.safeParse(answer.json).success ? 'dead' : undefined;
    },
  },
  // https://api.onlyoffice.com/docspace/api-backend/usage-api/create-api-key
  make: {
    request: ({ name }) => ({
      method: 'POST',
      path: path`/api/2.0/keys`,
      body: { name, permissions: ['accounts.self:read'], expiresInDays: 1 },
    }),
    read: ({ status, json }, { name }) => {
      const answer = status === 200 ? made.safeParse(json) : undefined;
      if (!answer?.success) return undefined;
      const { id, key } = answer.data.response;
      // Where the key may not name itself, only the last four characters can be compared: its name confirms them.
      return { keyId: id, secret: key, identifiers: { name } };
    },
  },
});

const ownRecord = z.object({
  response: z.object({
    id: z.string().min(1),
    permissions: z.array(z.string()).nullish(),
    expiresAt: z.string().nullish().catch(undefined),
  }),
});
const profile = z.object({ response: z.object({ isAdmin: z.boolean(), isOwner: z.boolean().nullish() }) });
const portalProblem = z.object({ error: z.object({}), statusCode: z.int() });
const grantedIf = (isSo: boolean) => (isSo ? ('granted' as const) : ('missing' as const));

const questions: Question<Admin>[] = [
  {
    request: () => ({ method: 'GET', path: path`/api/2.0/keys/@self` }),
    read: ({ status, json }, { admin: { portal } }) => {
      const own = status === 200 ? ownRecord.safeParse(json) : undefined;
      if (own?.success) {
        const { permissions, expiresAt } = own.data.response;
        // None at all is everything: https://api.onlyoffice.com/docspace/api-backend/usage-api/create-api-key
        const isWhole = !permissions?.length || permissions.includes('*');
        return {
          credential: 'accepted',
          rights: { 'all scopes': grantedIf(isWhole) },
          endsAt: expiresAt ?? undefined,
        };
      }
      // A key may always ask for its own record.
      if (status === 403 && portalProblem.safeParse(json).success)
        return {
          credential: {
            is: 'blocked',
            detail: `${portal} lets its API key do nothing at all: the address this runs from is not allowed there, or the portal is suspended`,
            remedy: 'allow the address in the portal’s security settings (IP security), or see to the portal',
          },
        };
      if (status === 401)
        return {
          credential: {
            is: 'refused',
            detail: `${portal} does not accept its API key: the key is wrong, deleted, switched off or expired, or is another portal's`,
            remedy:
              'make a new API key as a DocSpace admin of this portal and put it into the secret, or correct portal',
          },
        };
      return undefined;
    },
  },
  {
    request: () => ({ method: 'GET', path: path`/api/2.0/people/@self` }),
    read: ({ status, json }) => {
      const own = status === 200 ? profile.safeParse(json) : undefined;
      if (!own?.success) return undefined;
      const { isAdmin, isOwner } = own.data.response;
      return { rights: { 'DocSpace admin': grantedIf(isAdmin || isOwner === true) } };
    },
  },
];

/** ONLYOFFICE DocSpace's API keys: https://api.onlyoffice.com/docspace/api-backend/usage-api/api-keys */
export const docspace = provider<Admin>()({
  id: 'docspace',
  title: 'ONLYOFFICE DocSpace',
  admin,
  origin: ({ portal }) => portal,
  authenticate: ({ apiKey }): Credentials => ({ by: 'headers', headers: { Authorization: bearer(apiKey) } }),
  // One page of the documentation calls the reset seconds, another an epoch.
  waitHint: (answer, now) => {
    const reset = answer.header('x-ratelimit-reset') ?? '';
    // It stands on every answer, and means a wait on this one alone.
    if (answer.status !== 429 || answer.header('retry-after') !== undefined || !/^\d{1,12}$/.test(reset))
      return undefined;
    return Number(reset) > 1e9 ? Math.max(Number(reset) * 1000 - now, 0) : Number(reset) * 1000;
  },
  diagnose: {
    request: () => ({ method: 'GET', path: path`/api/2.0/keys/@self` }),
    read: ({ status }) => {
      if (status === 200) return 'its key is good, but it needs all scopes and must be made by a DocSpace admin';
      if (status === 401) return 'its key is not known to this portal, or is expired or switched off; put in another';
      return 'the portal lets it do nothing: see whether its addresses are restricted, or the portal is suspended';
    },
  },
  checkup: {
    docs: [
      'https://api.onlyoffice.com/docspace/api-backend/usage-api/get-api-key',
      'https://api.onlyoffice.com/docspace/api-backend/usage-api/people/profiles/get-self-profile',
    ],
    questions,
    rights: [
      {
        name: 'all scopes',
        tasks: ['list', 'delete', 'disable', 'make'],
        remedy: 'make an API key with all permissions in DocSpace and put it into the secret',
        unknown: 'DocSpace did not show the scopes of the API key',
      },
      {
        name: 'DocSpace admin',
        hides: true,
        tasks: ['list', 'delete', 'disable'],
        remedy: 'put an API key that a DocSpace admin made into the secret: anybody else is shown their own keys only',
        unknown: 'DocSpace did not show whose API key it is',
      },
    ],
    complaint: ({ status, json }, { portal }) =>
      status === 404 && portalProblem.safeParse(json).success
        ? {
            is: 'elsewhere',
            detail: `there is no DocSpace portal at ${portal}`,
            remedy: 'correct portal in the secret: it is the address that people open',
          }
        : undefined,
  },
  kinds: { 'api-key': apiKey },
});
