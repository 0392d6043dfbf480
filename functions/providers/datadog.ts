import * as z from 'zod';
import type { Question, Right, Told } from '../revocation/checkup.ts';
import type { Credentials } from '../revocation/credentials.ts';
import { type Answer, path } from '../revocation/exchange.ts';
import type { Leak } from '../revocation/leak.ts';
import { type Fit, type KeyTarget, kind, provider } from '../revocation/provider.ts';
import { bearer, type Secret, sameText, secretValue } from '../revocation/secret.ts';

/** The API hosts are `api.<site>`: https://docs.datadoghq.com/getting_started/site/ */
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
] as const;
const isGovernment = (site: string) => site.endsWith('ddog-gov.com');

const site = z.enum(sites);
const admin = z.union([
  z
    .strictObject({ site, apiKey: secretValue, appKey: secretValue, api: z.enum(['v1', 'v2']).default('v2') })
    .refine(({ api, site }) => api === 'v2' || !isGovernment(site), {
      path: ['api'],
      error: 'must be v2: v1 is switched off on government sites',
    }),
  z.strictObject({ site, accessToken: secretValue }),
]);
type Admin = z.infer<typeof admin>;

const text = z.string().nullish();
const named = z.object({ data: z.object({ id: z.string() }).nullish() }).nullish();
const record = z.object({
  id: z.string().min(1),
  attributes: z.object({ name: text, last4: text, key: text, public_portion: text }),
  relationships: z.object({ owned_by: named }).nullish(),
});
type Key = z.infer<typeof record>;

const one = z.object({ data: record });
const page = z.object({
  page: z.object({ total_filtered_count: z.int().nullish(), total_count: z.int().nullish() }).nullish(),
});
const many = z.object({ data: z.array(record), meta: page.nullish() });
const users = z.object({
  data: z.array(z.object({ id: z.string().min(1), attributes: z.object({ service_account: z.boolean().nullish() }) })),
  meta: page.nullish(),
});
const validated = z.object({
  data: z.object({ attributes: z.object({ valid: z.literal(true), api_key_id: z.string().min(1) }) }),
});
const accepted = z.object({ valid: z.literal(true) });
const made = z.object({ data: z.object({ id: z.string().min(1), attributes: z.object({ key: secretValue }) }) });
const errors = z.object({ errors: z.array(z.unknown()).min(1) });

const pageSize = 100;
const pageOf = (page: number) => ({ 'page[size]': String(pageSize), 'page[number]': String(page) });
const totalOf = ({ meta }: { meta?: z.infer<typeof page> | null | undefined }) =>
  meta?.page?.total_filtered_count ?? meta?.page?.total_count ?? undefined;

const readOne = ({ status, json }: Answer) => {
  if (status === 404 && errors.safeParse(json).success) return 'absent';
  const answer = status === 200 ? one.safeParse(json) : undefined;
  return answer?.success ? answer.data.data : undefined;
};
/** A list without what tells keys apart cannot be searched. One without a total is read until a page is empty. */
const readMany =
  (telling: 'last4' | 'public_portion') =>
  ({ status, json }: Answer) => {
    const answer = status === 200 ? many.safeParse(json) : undefined;
    if (!answer?.success) return undefined;
    const items = answer.data.data;
    const areTold = items.every(({ attributes }) => typeof attributes[telling] === 'string');
    return areTold ? { items, total: totalOf(answer.data) } : undefined;
  };
const readKeys = readMany('last4');
const readTokens = readMany('public_portion');
/** The list of API keys has always been said to tell how many there are: one that does not is a part of it. */
const readApiKeys = (answer: Answer) => {
  const keys = readKeys(answer);
  return keys?.total === undefined ? undefined : keys;
};
const readRemoval = ({ status, json }: Answer) => {
  if (status === 204) return 'done';
  return status === 404 && errors.safeParse(json).success ? 'gone' : undefined;
};
const describe = ({ id, attributes, relationships }: Key) => ({
  keyId: id,
  label: attributes.name ?? undefined,
  active: true,
  remark: relationships?.owned_by?.data?.id ? `owned by ${relationships.owned_by.data.id}` : undefined,
});

/** The whole value decides wherever Datadog shows it; where it does not, the last four characters are a hint. */
function likeness({ key, last4 }: Key['attributes'], value: string): 'same' | 'hint' | 'different' {
  if (key && !key.includes('****')) return sameText(key, value) ? 'same' : 'different';
  return last4 && sameText(last4, value.slice(-4)) ? 'hint' : 'different';
}

/**
 * The public part of a token stands in its middle: `ddpat_<22>_<36>`. It is unique, and no other token has it. Lists give
 * it with or without its prefix. With the other kind's prefix it is none of this kind: deleting it here may be a 204
 * that deletes nothing.
 */
const comparePublicPart =
  (prefix: 'ddpat' | 'ddsat') =>
  ({ attributes }: Key, { secret }: Leak): Fit => {
    const [start, part] = secret?.expose().split('_', 2) ?? [];
    if (start !== prefix || !part) return 'different';
    return [part, `${prefix}_${part}`].includes(attributes.public_portion ?? '') ? 'same' : 'different';
  };

/** A token may stand in place of the application key. */
function isOwnToken({ attributes }: Key, credential: Admin): boolean {
  const own = 'accessToken' in credential ? credential.accessToken : credential.appKey;
  const [, part] = /^dd[ps]at_([A-Za-z0-9]+)_/.exec(own.expose()) ?? [];
  return part !== undefined && attributes.public_portion?.replace(/^dd[ps]at_/, '') === part;
}

/** A 403 that is Datadog's own word about the key: a proxy's page is none, nor is the complaint that no key arrived. */
const refusesKey = ({ status, json }: Answer) =>
  status === 403 && errors.safeParse(json).success && !JSON.stringify(json).includes('API key required');

type Target = KeyTarget<Admin>;
/** The first version of the deletion takes the key itself, where an administrator asks for it and its value is known. */
const isByValue = (target: Target): target is Target & { leaked: Secret } =>
  'api' in target.admin && target.admin.api === 'v1' && target.leaked !== undefined;
const deletedByValue = z.object({ api_key: z.object({}) });

/** https://docs.datadoghq.com/api/latest/key-management/#get-all-api-keys (`sort`); application keys have the same. */
const byLast4 = { sort: 'last4' };
const sorted = {
  markOf: ({ attributes }: Key) => attributes.last4 ?? undefined,
  markOfValue: (value: Secret) => value.expose().slice(-4),
};

const withKey = (leaked: Secret) => ({ 'DD-API-KEY': leaked });

const limits = 'per organisation and endpoint; the wait is `X-RateLimit-Reset` in seconds, up to an hour';
const isSorted = 'a list can be sorted by the last four characters (specification)';
const isSortedSo =
  'sorted means by the codes of the characters: a value among many pages is searched for in that order, and what is not found so is looked for in the whole list';
const tokenForm = 'Its public part, 22 characters in the middle of the value, stands in the list';

const apiKey = kind<Admin, Key>()({
  docs: 'https://docs.datadoghq.com/api/latest/key-management/#delete-an-api-key',
  identifiers: ['keyId'],
  form: /^[0-9a-f]{32}$/,
  detectors: {
    github: [{ name: 'datadog_api_key' }],
    trufflehog: [{ name: 'DatadogApikey' }, { name: 'DatadogToken', part: 'api_key', otherwise: 'rest' }],
    gitguardian: [{ name: 'datadog_api_credentials' }],
  },
  facts: {
    carries: 'the value, or `keyId`. The value is compared in full',
    permission: '`api_keys_read` and `api_keys_delete`',
    rateLimit: limits,
    proof: 'the leaked key is refused (`GET /api/v1/validate`); without presenting it, its id is no longer known',
    propagation: 'not documented; the deletion shows at once, and proof is polled for',
    drill:
      'the key of a drill may send data in, as every API key may, and read nothing. Making it needs `api_keys_write`',
    verified: [
      '204 on deletion and 404 on a second one (recorded traffic)',
      'making a key is 201 with its whole value',
      'one key by id shows the whole value, the list the last four characters',
      isSorted,
      'v1 is switched off on government sites',
    ],
    believed: [
      'a new key is shown at once: where it is not, a drill waits half a minute for it, and is then missed',
      'the preview endpoint `GET /api/v2/validate` names a key by its value: anything odd falls back to the list',
      isSortedSo,
      'how long the intake accepts a deleted key',
    ],
    notes: [
      'The site `uk1.datadoghq.com` is supported too.',
      'With `"api":"v1"` in the admin secret a key whose value is known is deleted by its value (`DELETE /api/v1/api_key/{key}`). The value then stands in the address, where proxies log it: leave it at `v2` unless v2 is closed to you.',
    ],
  },
  self: {
    request: ({ secret }) => ({ method: 'GET', path: path`/api/v2/validate`, headers: withKey(secret) }),
    read: ({ status, json }) => {
      const answer = status === 200 ? validated.safeParse(json) : undefined;
      return answer?.success ? { keyId: answer.data.data.attributes.api_key_id } : undefined;
    },
  },
  get: { request: ({ keyId }) => ({ method: 'GET', path: path`/api/v2/api_keys/${keyId}` }), read: readOne },
  list: {
    request: ({ page }) => ({ method: 'GET', path: path`/api/v2/api_keys`, query: { ...pageOf(page), ...byLast4 } }),
    read: readApiKeys,
  },
  sorted,
  describe,
  compare: ({ attributes }, { secret }) => (secret === undefined ? 'different' : likeness(attributes, secret.expose())),
  isOwn: ({ attributes }, credential) =>
    'apiKey' in credential && likeness(attributes, credential.apiKey.expose()) !== 'different',
  wholeValues: true,
  remove: {
    request: (target) => ({
      method: 'DELETE',
      path: isByValue(target)
        ? path`/api/v1/api_key/${target.leaked.expose()}`
        : path`/api/v2/api_keys/${target.keyId}`,
    }),
    read: (answer, target) => {
      if (!isByValue(target) || answer.status === 404) return readRemoval(answer);
      return answer.status === 200 && deletedByValue.safeParse(answer.json).success ? 'done' : undefined;
    },
  },
  proof: {
    request: ({ secret }) => ({ method: 'GET', path: path`/api/v1/validate`, headers: withKey(secret) }),
    read: (answer) => {
      if (answer.status === 200 && accepted.safeParse(answer.json).success) return 'alive';
      return refusesKey(answer) ? 'dead' : undefined;
    },
  },
  // https://docs.datadoghq.com/api/latest/key-management/#create-an-api-key
  make: {
    request: ({ name }) => ({
      method: 'POST',
      path: path`/api/v2/api_keys`,
      body: { data: { type: 'api_keys', attributes: { name } } },
    }),
    read: ({ status, json }) => {
      const answer = status === 201 ? made.safeParse(json) : undefined;
      return answer?.success ? { keyId: answer.data.data.id, secret: answer.data.data.attributes.key } : undefined;
    },
  },
});

/** A record that was asked for by itself shows the value, unless the organisation has one-time read. */
type ApplicationKey = Key & { isWhole?: boolean };

const applicationKey = kind<Admin, ApplicationKey>()({
  docs: 'https://docs.datadoghq.com/api/latest/key-management/#delete-an-application-key',
  identifiers: ['keyId'],
  locators: ['name', 'owner'],
  unmistakable: /^ddapp_[A-Za-z0-9]{16,}$/,
  form: /^[0-9a-z]{40}$/,
  detectors: {
    github: [{ name: 'datadog_app_key' }],
    gitleaks: [{ name: 'datadog-access-token' }],
    trufflehog: [{ name: 'DatadogToken', part: 'app_key', otherwise: 'value' }],
    gitguardian: [{ name: 'datadog_application_key' }],
  },
  facts: {
    carries:
      'the value, or `keyId`. In organisations with one-time read the value is never shown again: the last four characters are a hint, confirmed when the alert carries the key’s `name` or its `owner` (a user’s id)',
    permission: '`org_app_keys_read` and `org_app_keys_write`',
    rateLimit: limits,
    proof: 'its id is no longer known',
    propagation: 'not documented; the deletion shows at once',
    verified: [
      '204 on deletion and 404 on a second one',
      'one-time read hides the value (recorded in 2025)',
      'the older form has 40 characters, an API key 32 hexadecimal digits (scanners’ published rules)',
      isSorted,
    ],
    believed: ['the new form `ddapp_` and 34 characters', isSortedSo],
    notes: ['gitleaks’ rule `datadog-access-token` finds application keys, not API keys.'],
  },
  get: {
    request: ({ keyId }) => ({ method: 'GET', path: path`/api/v2/application_keys/${keyId}` }),
    read: (answer) => {
      const key = readOne(answer);
      return typeof key === 'object' ? { ...key, isWhole: true } : key;
    },
  },
  list: {
    request: ({ page }) => ({
      method: 'GET',
      path: path`/api/v2/application_keys`,
      query: { ...pageOf(page), ...byLast4 },
    }),
    read: readKeys,
  },
  sorted,
  describe,
  compare: (key, { secret, identifiers = {} }) => {
    const fit = secret === undefined ? 'different' : likeness(key.attributes, secret.expose());
    const { name, owner } = identifiers;
    const owned = key.relationships?.owned_by?.data?.id;
    const told = name !== undefined || owner !== undefined;
    const isTrue = (name ?? key.attributes.name) === key.attributes.name && (owner ?? owned) === owned;
    return fit === 'hint' && key.isWhole && told && isTrue ? 'confirmed' : fit;
  },
  isOwn: ({ attributes }, credential) =>
    'appKey' in credential && likeness(attributes, credential.appKey.expose()) !== 'different',
  wholeValues: true,
  remove: {
    request: ({ keyId }) => ({ method: 'DELETE', path: path`/api/v2/application_keys/${keyId}` }),
    read: readRemoval,
  },
});

const personalAccessToken = kind<Admin, Key>()({
  docs: 'https://docs.datadoghq.com/account_management/personal-access-tokens/',
  identifiers: ['keyId'],
  unmistakable: /^ddpat_[A-Za-z0-9]{8,}_[A-Za-z0-9]{8,}$/,
  detectors: { gitguardian: [{ name: 'datadog_personal_access_token' }] },
  facts: {
    carries: `the value, or \`keyId\`. ${tokenForm}`,
    permission: '`org_app_keys_read` and `org_app_keys_write`',
    rateLimit: limits,
    proof: 'it is no longer listed',
    propagation: 'not documented',
    verified: ['a second deletion is 204 too, so success does not say that it existed (recorded traffic)'],
    believed: ['which right is needed: a missing one is a 403, told as such'],
    notes: [
      'The list may show service accounts’ tokens too: by its prefix, such a token is never taken for a personal one.',
    ],
  },
  list: {
    request: ({ page }) => ({ method: 'GET', path: path`/api/v2/personal_access_tokens`, query: pageOf(page) }),
    read: readTokens,
  },
  describe,
  compare: comparePublicPart('ddpat'),
  isOwn: isOwnToken,
  remove: {
    request: ({ keyId }) => ({ method: 'DELETE', path: path`/api/v2/personal_access_tokens/${keyId}` }),
    read: readRemoval,
  },
});

/** A service account's token, with the account that its address needs. */
type ServiceToken = Key & { owner: string };

const serviceAccessToken = kind<Admin, ServiceToken>()({
  docs: 'https://docs.datadoghq.com/account_management/service-access-tokens/',
  identifiers: ['keyId'],
  locators: ['owner'],
  unmistakable: /^ddsat_[A-Za-z0-9]{8,}_[A-Za-z0-9]{8,}$/,
  detectors: { gitguardian: [{ name: 'datadog_service_access_token' }] },
  facts: {
    carries: `the value, or \`keyId\`; the service account’s id as \`owner\` spares a search through all of them. ${tokenForm}`,
    permission: '`user_access_read` and `service_account_write`',
    rateLimit: limits,
    proof: 'it is no longer listed',
    propagation: 'not documented',
    verified: ['204 on deletion; the list gives the public part with its prefix (recorded traffic)'],
    believed: ['which rights are needed: a missing one is a 403, told as such'],
  },
  owners: {
    named: ({ leak }) => (leak.identifiers?.owner === undefined ? undefined : [leak.identifiers.owner]),
    list: {
      request: ({ page }) => ({ method: 'GET', path: path`/api/v2/users`, query: pageOf(page) }),
      read: ({ status, json }) => {
        const answer = status === 200 ? users.safeParse(json) : undefined;
        if (!answer?.success) return undefined;
        const total = totalOf(answer.data);
        const items = answer.data.data.map(({ id, attributes }) => ({
          id,
          mayHoldKeys: attributes.service_account !== false,
        }));
        return { items, total };
      },
    },
    missing: 'name the service account as identifiers.owner',
  },
  list: {
    request: ({ owner, page }) => ({
      method: 'GET',
      path: path`/api/v2/service_accounts/${owner}/access_tokens`,
      query: pageOf(page),
    }),
    read: (answer, { owner }) => {
      const tokens = readTokens(answer);
      return tokens && { ...tokens, items: tokens.items.map((token) => ({ ...token, owner })) };
    },
  },
  describe: (token) => ({ ...describe(token), owner: token.owner }),
  compare: comparePublicPart('ddsat'),
  isOwn: isOwnToken,
  remove: {
    request: ({ keyId, owner = '' }) => ({
      method: 'DELETE',
      path: path`/api/v2/service_accounts/${owner}/access_tokens/${keyId}`,
    }),
    read: readRemoval,
  },
});

const rights: Right[] = (
  [
    ['api_keys_read', ['list', 'read one'], ['api-key']],
    ['api_keys_delete', ['delete'], ['api-key']],
    ['api_keys_write', ['make'], ['api-key']],
    ['org_app_keys_read', ['list', 'read one'], ['application-key', 'personal-access-token']],
    ['org_app_keys_write', ['delete'], ['application-key', 'personal-access-token']],
    ['user_access_read', ['list'], ['service-access-token']],
    ['service_account_write', ['list', 'delete'], ['service-access-token']],
  ] as const
).map(([name, tasks, kinds]) => ({
  name,
  tasks,
  kinds,
  remedy: `give its user or service account a role with the permission ${name} in Datadog, and the key or token the same scope, where it has scopes`,
  unknown: 'Datadog did not show the permissions and the scopes of the admin credential',
}));
const everyRight = (is: 'missing' | 'unknown', but: readonly string[] = []): Told['rights'] =>
  Object.fromEntries(rights.flatMap(({ name }) => (but.includes(name) ? [] : [[name, is]])));

const related = z.object({ data: z.array(z.object({ id: z.string() })) });
const currentUser = z.object({
  data: z.object({ id: z.string().min(1), relationships: z.object({ roles: related }) }),
  included: z.array(
    z.union([
      z.object({ type: z.literal('roles'), id: z.string(), relationships: z.object({ permissions: related }) }),
      z.object({ type: z.literal('permissions'), id: z.string(), attributes: z.object({ name: z.string() }) }),
      z.unknown().transform(() => undefined),
    ]),
  ),
});

/** What the roles of the current user permit, in the whole organisation. */
function permissionsIn({ data, included }: z.infer<typeof currentUser>): string[] {
  const own = data.relationships.roles.data.map(({ id }) => id);
  const granted = included.flatMap((item) =>
    item?.type === 'roles' && own.includes(item.id) ? item.relationships.permissions.data.map(({ id }) => id) : [],
  );
  return included.flatMap((item) =>
    item?.type === 'permissions' && granted.includes(item.id) ? [item.attributes.name] : [],
  );
}

const scoped = z.object({
  data: z.array(
    record.extend({
      attributes: record.shape.attributes.extend({ scopes: z.array(z.string()).nullish(), expires_at: text }),
    }),
  ),
});
const tokenOf = (credential: Admin) => {
  const value = 'accessToken' in credential ? credential.accessToken : credential.appKey;
  return /^dd([ps])at_/.exec(value.expose())?.[1];
};

const questions: Question<Admin>[] = [
  {
    request: ({ admin }) => ('apiKey' in admin ? { method: 'GET', path: path`/api/v1/validate` } : undefined),
    read: (answer, { admin: { site } }) => {
      if (answer.status === 200 && accepted.safeParse(answer.json).success) return {};
      if (!refusesKey(answer)) return undefined;
      const detail = `${site} does not accept its API key: the key is wrong or deleted, or is another site's`;
      const remedy =
        'compare apiKey and site with what Datadog shows under Organization Settings, and see whether an IP allowlist is on there';
      return { credential: { is: 'refused', detail, remedy } };
    },
  },
  {
    request: ({ admin }) => ('apiKey' in admin ? { method: 'GET', path: path`/api/v2/validate_keys` } : undefined),
    read: ({ status }) => {
      if (status === 200) return { credential: 'accepted' };
      if (status !== 401 && status !== 403) return undefined;
      const detail =
        'its application key is wrong, deleted or expired, or belongs to another organization than its API key';
      return {
        credential: {
          is: 'refused',
          detail,
          remedy: 'make a new application key in Datadog and put it into the secret',
        },
      };
    },
  },
  {
    request: () => ({ method: 'GET', path: path`/api/v2/current_user` }),
    read: ({ status, json }, { admin }) => {
      const user = status === 200 ? currentUser.safeParse(json) : undefined;
      if (user?.success) {
        const has = permissionsIn(user.data);
        const told = rights.map(({ name }) => [name, has.includes(name) ? 'granted' : 'missing'] as const);
        return { credential: 'accepted', rights: Object.fromEntries(told), learnt: { user: user.data.data.id } };
      }
      if (status !== 401 && status !== 403) return undefined;
      if ('apiKey' in admin) return { rights: everyRight('unknown') };
      const detail = `${admin.site} does not accept its access token: the token is wrong, revoked or expired, or is another site's`;
      const remedy =
        'make a new access token in Datadog and put it into the secret, or correct its site; and see whether an IP allowlist is on there';
      return { credential: { is: 'refused', detail, remedy } };
    },
  },
  {
    request: ({ admin, learnt: { user } }) => {
      const token = tokenOf(admin);
      if (token === 's' && user === undefined) return undefined;
      const where =
        token === 's'
          ? path`/api/v2/service_accounts/${user ?? ''}/access_tokens`
          : token === 'p'
            ? path`/api/v2/personal_access_tokens`
            : path`/api/v2/current_user/application_keys`;
      return { method: 'GET', path: where, query: pageOf(0) };
    },
    read: ({ status, json }, { admin }) => {
      const listed = status === 200 ? scoped.safeParse(json) : undefined;
      if (!listed?.success) return status < 429 ? { rights: everyRight('unknown') } : undefined;
      const token = tokenOf(admin);
      const isOwn = token === undefined ? applicationKey.isOwn : isOwnToken;
      const [own, ...others] = listed.data.data.filter((key) => isOwn(key, admin));
      if (own === undefined || others.length > 0) return { rights: everyRight('unknown') };
      const { scopes, expires_at } = own.attributes;
      // An application key without scopes has them all; of a token nobody says so.
      const isWhole = !scopes?.length;
      const limits = isWhole ? (token === undefined ? {} : everyRight('unknown')) : everyRight('missing', scopes);
      return { rights: limits, endsAt: expires_at ?? undefined };
    },
  },
];

/** Datadog's keys: https://docs.datadoghq.com/api/latest/key-management/ */
export const datadog = provider<Admin>()({
  id: 'datadog',
  title: 'Datadog',
  admin,
  origin: ({ site }) => `https://api.${site}`,
  authenticate: (credential): Credentials => ({
    by: 'headers',
    headers:
      'accessToken' in credential
        ? { Authorization: bearer(credential.accessToken) }
        : { 'DD-API-KEY': credential.apiKey, 'DD-APPLICATION-KEY': credential.appKey },
  }),
  // Seconds until the window is over, up to an hour: https://docs.datadoghq.com/api/latest/rate-limits/
  waitHint: (answer) => {
    const seconds = Number(answer.header('x-ratelimit-reset') ?? Number.NaN);
    return Number.isFinite(seconds) && seconds >= 0 ? seconds * 1000 : undefined;
  },
  // Both keys at once: https://docs.datadoghq.com/api/latest/key-management/ ("Validate API and application keys")
  diagnose: {
    request: (credential) =>
      'appKey' in credential ? { method: 'GET', path: path`/api/v2/validate_keys` } : undefined,
    read: ({ status }) => {
      if (status === 200) return 'its keys are valid, so a right is missing; docs/providers.md lists them';
      if (status === 401 || status === 403) return 'its API key or application key is not valid on this site';
      return 'it is wrong or lacks a right';
    },
  },
  checkup: {
    docs: [
      'https://docs.datadoghq.com/api/latest/authentication/',
      'https://docs.datadoghq.com/api/latest/users/',
      'https://docs.datadoghq.com/api/latest/key-management/',
    ],
    questions,
    rights,
  },
  kinds: {
    'api-key': apiKey,
    'application-key': applicationKey,
    'personal-access-token': personalAccessToken,
    'service-access-token': serviceAccessToken,
  },
});
