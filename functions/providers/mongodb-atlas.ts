import * as z from 'zod';
import type { Question } from '../revocation/checkup.ts';
import type { Credentials } from '../revocation/credentials.ts';
import { type Answer, path } from '../revocation/exchange.ts';
import type { Leak } from '../revocation/leak.ts';
import { type Fit, kind, type LeakedValue, provider } from '../revocation/provider.ts';
import { sameText, secretValue } from '../revocation/secret.ts';

const orgId = z
  .string()
  .regex(
    /^[a-fA-F0-9]{24}$/,
    'must be the organization ID, 24 hexadecimal digits: Atlas shows it in Organization Settings',
  )
  .toLowerCase();
/** Without what ends a text in quotation marks, or a name in a digest: quotation marks, backslash, colon. */
const publicKey = /^[\x21\x23-\x39\x3b-\x5b\x5d-\x7e]{1,64}$/;
const clientId = /^mdb_sa_id_\w{1,128}$/;
const admin = z.union([
  z.strictObject({
    orgId,
    publicKey: z.string().regex(publicKey, 'must be the public key of the pair, such as abcdefgh'),
    privateKey: secretValue,
    api: z.enum(['v2', 'v1.0'], 'must be v2 or v1.0').default('v2'),
  }),
  z.strictObject({
    orgId,
    clientId: z.string().regex(clientId, 'must be the client ID of a service account: it begins with mdb_sa_id_'),
    clientSecret: secretValue,
    api: z.literal('v2', 'must be v2: v1.0 knows no service accounts, only key pairs').optional(),
  }),
]);
type Admin = z.infer<typeof admin>;

const ofKeys = { Accept: 'application/vnd.atlas.2023-01-01+json' };
const ofAccounts = { Accept: 'application/vnd.atlas.2024-08-05+json' };

const problem = z.object({ error: z.int().nullish(), errorCode: z.string().nullish(), detail: z.string().nullish() });
/** Atlas' own word about an answer: a proxy's page is none. */
const problemOf = ({ status, json }: Answer) => {
  const parsed = problem.safeParse(json);
  return parsed.success && (parsed.data.error ?? status) === status ? parsed.data : undefined;
};
const saysMissing = (answer: Answer) => answer.status === 404 && problemOf(answer)?.errorCode === 'API_KEY_NOT_FOUND';

const roles = z.array(z.object({ roleName: z.string().nullish() })).nullish();
const key = z.object({
  id: z.string().min(1),
  desc: z.string().nullish(),
  publicKey: z.string().min(1),
  privateKey: z.string().nullish(),
  roles,
});
type Key = z.infer<typeof key>;
const made = z.object({ id: z.string().min(1), publicKey: z.string().min(1), privateKey: secretValue });
const keys = z.object({ results: z.array(key), totalCount: z.int().nullish() });
const self = z.object({ apiKey: z.object({ id: z.string().min(1), publicKey: z.string() }) });

/** Small enough that a page of keys with many roles each stays below the size at which an answer is not read. */
const keysAtATime = 100;

/** How many there are; a first page that is neither full nor empty has them all, even without a count. */
function totalOf(
  { results, totalCount }: { results: unknown[]; totalCount?: number | null },
  page: number,
  size: number,
) {
  return totalCount ?? (page === 0 && results.length > 0 && results.length < size ? results.length : undefined);
}

/** Atlas shows the last of the five groups of a private key, 48 bits, behind one group of stars too few. */
const shownTail = /^\*{8}-\*{4}-\*{4}-([0-9a-f]{12})$/;
const wholeTail = /^[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}([0-9a-f]{12})$/;

/** The public key and the end of the private key must tell the same; each alone is a key's own. */
function compareKey({ publicKey, privateKey }: Key, { secret, identifiers = {} }: Leak): Fit {
  const isNamed = identifiers.publicKey === undefined ? undefined : identifiers.publicKey === publicKey;
  if (secret === undefined) return isNamed ? 'same' : 'different';
  const tail = wholeTail.exec(secret.expose())?.[1];
  const shown = shownTail.exec(privateKey ?? '')?.[1];
  if (shown === undefined) {
    if (isNamed !== undefined) return isNamed ? 'confirmed' : 'different';
    // Whether it is this key cannot be told: that is for a person, and is not "no".
    return tail === undefined ? 'different' : 'hint';
  }
  const fits = tail !== undefined && sameText(tail, shown);
  if (isNamed !== undefined && isNamed !== fits) return 'conflict';
  return fits ? 'same' : 'different';
}

/** Presents the leaked pair, where both halves are known. */
const asLeaked = ({ secret, identifiers }: LeakedValue) => {
  const username = identifiers?.publicKey;
  const as = username === undefined ? undefined : ({ by: 'digest', username, password: secret } as const);
  return as && ({ method: 'GET', path: path`/api/atlas/v2`, headers: ofKeys, as } as const);
};
const ownId = ({ status, json }: Answer, { identifiers }: LeakedValue) => {
  const answer = status === 200 ? self.safeParse(json) : undefined;
  return answer?.success && answer.data.apiKey.publicKey === identifiers?.publicKey ? answer.data.apiKey.id : undefined;
};

/**
 * Whether the pair was refused. A first 401 looks the same: it is the answer only where its challenge cannot be
 * answered. One that is `stale` says that the answer was right and came late.
 */
const refusesPair = (answer: Answer) => {
  const challenge = answer.header('www-authenticate') ?? '';
  const couldAnswer = /^digest\s/i.test(challenge) && /\balgorithm="?MD5"?\s*(?:,|$)/i.test(challenge);
  const isStale = /\bstale="?true/i.test(challenge);
  const said = answer.status === 401 ? problemOf(answer) : undefined;
  return said !== undefined && (said.errorCode ?? 'UNEXPECTED_ERROR') === 'UNEXPECTED_ERROR' && couldAnswer && !isStale;
};
const isBlocked = (answer: Answer) => problemOf(answer)?.errorCode === 'IP_ADDRESS_NOT_ON_ACCESS_LIST';

const versionOf = (credential: Admin) => credential.api ?? 'v2';
const headersOf = (credential: Admin) => (versionOf(credential) === 'v2' ? ofKeys : { Accept: 'application/json' });

const rateLimit =
  'a token bucket per organisation (`RateLimit-Limit`, recorded as 500); the wait is `Retry-After` in seconds, and where there is none we come back after about a second, then after longer';
const permission =
  'Organization Owner (`ORG_OWNER`), for the key pair or for the service account, and the address this runs from on its API access list';

const apiKey = kind<Admin, Key>()({
  docs: 'https://www.mongodb.com/docs/api/doc/atlas-admin-api-v2/operation/operation-deleteorgapikey',
  identifiers: ['keyId', 'publicKey'],
  detectors: {
    gitguardian: [{ name: 'mongodb_atlas_keys', part: 'client_secret', identifiers: { publicKey: 'client_id' } }],
  },
  facts: {
    carries:
      'the private key, or `publicKey`, or `keyId`. Of the private key the last twelve digits are compared: Atlas shows no more. With `publicKey` both must fit',
    permission,
    rateLimit,
    proof:
      'the leaked pair is refused (digest, `GET /api/atlas/v2`), where the alert carries `publicKey`; else its id is no longer known',
    propagation: 'not documented; the deletion shows at once, and proof is polled for',
    drill: 'the key of a drill has one role, `ORG_MEMBER`, and is in no project. Making it needs what deleting needs',
    verified: [
      'making a key is 200 with its whole private key',
      '204 on deletion, 404 `API_KEY_NOT_FOUND` for a key that is not there; the key goes from every project too',
      'the first 401 is the challenge, and a nonce holds `+` and `/` (recorded traffic)',
      'the list shows `********-****-****-` and the last twelve digits (recorded traffic)',
      '401 may mean a missing right as well as an unknown key',
      'the version `v1.0` differs in its path and its `Accept` only',
    ],
    believed: [
      'v1.0 answers a deletion with an empty 200 (the older page) or with 204 (the newer one): both count, a 200 with a body does not',
      'the body of the 401 that refuses a pair is the recorded one of the challenge (`UNEXPECTED_ERROR`), or has no `errorCode`; any other 401 says nothing, and the key’s absence is asked instead',
      'a leaked pair that is kept out by its access list (403 `IP_ADDRESS_NOT_ON_ACCESS_LIST`) is alive',
      'the end of a private key is shown in one form only: in another it tells nothing, and `publicKey` alone decides',
      'whoever asks for `GET /api/atlas/v2` with its own key is told that key’s id; anything odd falls back to the list',
    ],
    notes: [
      'The older page prints the challenge with `op="auth"`. That is a typing error for `qop`; both are answered.',
      'Containment that could be undone (fewer roles, an access list that holds a dead address only) is not done by itself: a key needs one role at least, its roles in every project and its old access list would have to be kept to put them back, and an empty list lets everybody in. So Atlas has no `disable`.',
      'A key that belongs to one project is deleted from the organisation too: removing it from the project would leave it alive.',
      'The government host `cloud.mongodbgov.com` is not supported: nothing about it could be verified.',
    ],
  },
  self: {
    request: asLeaked,
    read: (answer, leak) => {
      const keyId = ownId(answer, leak);
      return keyId === undefined ? undefined : { keyId };
    },
  },
  get: {
    request: ({ admin, keyId }) => ({
      method: 'GET',
      path: path`/api/atlas/${versionOf(admin)}/orgs/${admin.orgId}/apiKeys/${keyId}`,
      headers: headersOf(admin),
    }),
    read: (answer) => {
      if (saysMissing(answer)) return 'absent';
      const shown = answer.status === 200 ? key.safeParse(answer.json) : undefined;
      return shown?.success ? shown.data : undefined;
    },
  },
  list: {
    request: ({ admin, page }) => ({
      method: 'GET',
      path: path`/api/atlas/${versionOf(admin)}/orgs/${admin.orgId}/apiKeys`,
      query: { itemsPerPage: String(keysAtATime), pageNum: String(page + 1), includeCount: 'true' },
      headers: headersOf(admin),
    }),
    read: ({ status, json }, { page }) => {
      const listed = status === 200 ? keys.safeParse(json) : undefined;
      const total = listed?.success ? totalOf(listed.data, page, keysAtATime) : undefined;
      return listed?.success && total !== undefined ? { items: listed.data.results, total } : undefined;
    },
  },
  describe: ({ id, desc, roles }) => ({
    keyId: id,
    label: desc ?? undefined,
    active: true,
    remark: roles?.some(({ roleName }) => roleName === 'ORG_OWNER') ? 'an Organization Owner' : undefined,
  }),
  compare: compareKey,
  isOwn: ({ publicKey }, credential) => 'publicKey' in credential && credential.publicKey === publicKey,
  remove: {
    request: ({ admin, keyId }) => ({
      method: 'DELETE',
      path: path`/api/atlas/${versionOf(admin)}/orgs/${admin.orgId}/apiKeys/${keyId}`,
      headers: headersOf(admin),
    }),
    read: (answer, { admin }) => {
      const isOlderSuccess = versionOf(admin) === 'v1.0' && answer.status === 200 && answer.empty;
      if (answer.status === 204 || isOlderSuccess) return 'done';
      return saysMissing(answer) ? 'gone' : undefined;
    },
  },
  proof: {
    request: asLeaked,
    read: (answer, leak) => {
      if (ownId(answer, leak) !== undefined || (answer.status === 403 && isBlocked(answer))) return 'alive';
      return refusesPair(answer) ? 'dead' : undefined;
    },
  },
  // https://www.mongodb.com/docs/api/doc/atlas-admin-api-v2/operation/operation-createorgapikey
  make: {
    request: ({ admin, name }) => ({
      method: 'POST',
      path: path`/api/atlas/${versionOf(admin)}/orgs/${admin.orgId}/apiKeys`,
      headers: headersOf(admin),
      // A key has one role at least, and this one opens the least.
      body: { desc: name, roles: ['ORG_MEMBER'] },
    }),
    read: ({ status, json }) => {
      const answer = status === 200 ? made.safeParse(json) : undefined;
      if (!answer?.success) return undefined;
      const { id, publicKey, privateKey } = answer.data;
      return { keyId: id, secret: privateKey, identifiers: { publicKey } };
    },
  },
});

const account = z.object({
  clientId: z.string().min(1),
  name: z.string().nullish(),
  roles: z.array(z.string()).nullish(),
  secrets: z.array(
    z.object({ id: z.string().min(1), expiresAt: z.string().nullish(), maskedSecretValue: z.string().nullish() }),
  ),
});
const accounts = z.object({ results: z.array(account), totalCount: z.int().nullish() });
const accountsAtATime = 100;

/** A service account's secret, with the account that its address needs. */
type AccountSecret = z.infer<typeof account>['secrets'][number] & { owner: string; name: string | undefined };

/** What Atlas shows of a secret's end. */
const endOf = ({ maskedSecretValue }: AccountSecret) =>
  /[^A-Za-z0-9_-]([A-Za-z0-9_-]{4,})$/.exec(maskedSecretValue ?? '')?.[1];
const endsWith = (value: string, end: string) => sameText(value.slice(-end.length), end);

function compareSecret(record: AccountSecret, { secret, identifiers: { clientId } = {} }: Leak): Fit {
  if (clientId !== undefined && clientId !== record.owner) return 'different';
  // An account that has one secret names it.
  if (secret === undefined) return clientId === undefined ? 'different' : 'same';
  const end = endOf(record);
  // Whether it is this secret cannot be told: that is for a person, and is not "no".
  if (end === undefined) return 'hint';
  if (!endsWith(secret.expose(), end)) return 'different';
  return clientId === undefined ? 'hint' : 'confirmed';
}

const serviceAccountSecret = kind<Admin, AccountSecret>()({
  docs: 'https://www.mongodb.com/docs/api/doc/atlas-admin-api-v2/operation/operation-deleteorgserviceaccountsecret',
  identifiers: ['keyId', 'clientId'],
  unmistakable: /^mdb_sa_sk_[A-Za-z0-9_-]{16,}$/,
  detectors: { github: [{ name: 'mongodb_atlas_service_account_secret' }] },
  facts: {
    carries:
      'the client secret, or `keyId`, or `clientId` where the account has but one secret. Atlas shows its last four characters only: a hint, confirmed when the alert carries the service account’s `clientId` (`mdb_sa_id_…`)',
    permission,
    rateLimit,
    proof:
      'its id is no longer listed. The secret is not presented: that would issue a token, good for an hour, for whoever reads it',
    propagation:
      'not documented. Tokens that were issued before the deletion live on, for up to an hour: revoke them (`POST /api/oauth/revoke`) where you know them, or delete the whole service account',
    verified: [
      '204 on deletion; client IDs are `mdb_sa_id_` and 24 hexadecimal digits',
      'the list of service accounts holds their secrets, masked',
    ],
    believed: [
      'the mask ends in the secret’s last characters: where it shows fewer than four or is missing, each secret that could be the one is a hint, for a person to decide',
      'Atlas’ own 404 on a deletion is a secret that is gone; its absence from the list is still looked for',
      'tokens that were issued before live up to an hour',
    ],
    notes: [
      'To rotate by hand: creating a new secret shortens the life of the old one to seven days at most. Deleting a secret leaves the account and its other secret as they are.',
      'All service accounts of the organisation are read in one list, even where the alert names the `clientId`: what Atlas answers for one that belongs to another organisation is not documented.',
      'Service accounts are known to v2 only: an admin secret with `"api":"v1.0"` asks v2 for them.',
    ],
  },
  list: {
    request: ({ admin, page }) => ({
      method: 'GET',
      path: path`/api/atlas/v2/orgs/${admin.orgId}/serviceAccounts`,
      query: { itemsPerPage: String(accountsAtATime), pageNum: String(page + 1) },
      headers: ofAccounts,
    }),
    // Pages are of accounts, items are their secrets: that no account is missing has to be seen here.
    read: ({ status, json }, { page }) => {
      const listed = status === 200 ? accounts.safeParse(json) : undefined;
      if (!listed?.success) return undefined;
      const { results } = listed.data;
      const total = totalOf(listed.data, page, accountsAtATime);
      if (total === undefined) return undefined;
      const expected = Math.max(Math.min(total - page * accountsAtATime, accountsAtATime), 0);
      if (results.length !== expected) return undefined;
      const items = results.flatMap(({ clientId, name, secrets }) =>
        secrets.map((secret) => ({ ...secret, owner: clientId, name: name ?? undefined })),
      );
      if (results.length === total) return { items, total: items.length };
      return items.length > 0 || results.length === 0 ? { items } : undefined;
    },
  },
  describe: ({ id, owner, name, expiresAt }, now) => ({
    keyId: id,
    owner,
    label: name,
    active: !(Date.parse(expiresAt ?? '') <= now),
    remark: [`of service account ${owner}`, ...(expiresAt ? [`expires ${expiresAt}`] : [])].join(', '),
  }),
  compare: compareSecret,
  isOwn: (record, credential) => {
    if (!('clientId' in credential) || credential.clientId !== record.owner) return false;
    const end = endOf(record);
    return end === undefined || endsWith(credential.clientSecret.expose(), end);
  },
  remove: {
    request: ({ admin, keyId, owner = '' }) => ({
      method: 'DELETE',
      path: path`/api/atlas/v2/orgs/${admin.orgId}/serviceAccounts/${owner}/secrets/${keyId}`,
      headers: ofAccounts,
    }),
    read: (answer) => {
      if (answer.status === 204) return 'done';
      return answer.status === 404 && problemOf(answer) !== undefined ? 'gone' : undefined;
    },
  },
});

const missingRight = ['API_KEY_ACCESS_LIST_ACCESS_DENIED', 'NOT_ORG_GROUP_CREATOR', 'USER_UNAUTHORIZED'];
const address = z.union([z.ipv4(), z.ipv6()]);

/** What to do about an address that is kept out. */
function toBeAllowed(answer: Answer): string {
  const words = (problemOf(answer)?.detail ?? '').slice(0, 500).split(/[\s,;()"']+/);
  const from = words.map((word) => word.replace(/\.$/, '')).find((word) => address.safeParse(word).success);
  return `add ${from ?? 'the address this runs from'} to the API access list of the admin credential in Atlas`;
}

const organizations = z.object({ results: z.array(z.object({ id: z.string() })) });
const ownKey = z.object({
  apiKey: z.object({ roles: z.array(z.object({ orgId: z.string().nullish(), roleName: z.string().nullish() })) }),
});
const ownerOf = (isOwner: boolean) => ({ 'Organization Owner': isOwner ? ('granted' as const) : ('missing' as const) });
const newCredential =
  'put the pair of an API key, or the client ID and secret of a service account, that Atlas shows as active into the secret';

const questions: Question<Admin>[] = [
  {
    request: () => ({ method: 'GET', path: path`/api/atlas/v2/orgs`, headers: ofKeys }),
    read: ({ status, json }, { admin }) => {
      if (status === 401)
        return {
          credential: {
            is: 'refused',
            detail: 'Atlas does not accept it: it is wrong, deleted or expired',
            remedy: newCredential,
          },
        };
      const seen = status === 200 ? organizations.safeParse(json) : undefined;
      if (!seen?.success) return undefined;
      if (seen.data.results.some(({ id }) => id === admin.orgId)) return { credential: 'accepted' };
      const detail = `it does not belong to the organization ${admin.orgId} that orgId names`;
      const remedy = 'correct orgId, or put a credential of that organization into the secret';
      return { credential: { is: 'elsewhere', detail, remedy } };
    },
  },
  {
    request: ({ admin }) =>
      'publicKey' in admin ? { method: 'GET', path: path`/api/atlas/v2`, headers: ofKeys } : undefined,
    read: ({ status, json }, { admin }) => {
      const own = status === 200 ? ownKey.safeParse(json) : undefined;
      if (!own?.success) return undefined;
      const isOwner = own.data.apiKey.roles.some(
        ({ orgId, roleName }) => orgId === admin.orgId && roleName === 'ORG_OWNER',
      );
      return { rights: ownerOf(isOwner) };
    },
  },
  {
    request: ({ admin }) =>
      'clientId' in admin
        ? {
            method: 'GET',
            path: path`/api/atlas/v2/orgs/${admin.orgId}/serviceAccounts/${admin.clientId}`,
            headers: ofAccounts,
          }
        : undefined,
    read: ({ status, json }, { admin }) => {
      // It has been signed in, and is of this organization.
      if (status === 401 || status === 403) return { rights: ownerOf(false) };
      const own = status === 200 ? account.safeParse(json) : undefined;
      if (!own?.success || !own.data.roles || !('clientSecret' in admin)) return undefined;
      const { roles: has, clientId: owner, secrets } = own.data;
      const ends = secrets.filter((secret) => {
        const end = endOf({ ...secret, owner, name: undefined });
        return end !== undefined && endsWith(admin.clientSecret.expose(), end);
      });
      const endsAt = ends.length === 1 ? (ends[0]?.expiresAt ?? undefined) : undefined;
      return { rights: ownerOf(has.includes('ORG_OWNER')), endsAt };
    },
  },
];

/** MongoDB Atlas' administration API: https://www.mongodb.com/docs/atlas/configure-api-access/ */
export const mongodbAtlas = provider<Admin>()({
  id: 'mongodb-atlas',
  title: 'MongoDB Atlas',
  admin,
  origin: () => 'https://cloud.mongodb.com',
  authenticate: (credential): Credentials =>
    'publicKey' in credential
      ? { by: 'digest', username: credential.publicKey, password: credential.privateKey }
      : {
          by: 'client-credentials',
          tokenPath: path`/api/oauth/token`,
          clientId: credential.clientId,
          clientSecret: credential.clientSecret,
        },
  explain: (answer) => {
    const { errorCode } = problemOf(answer) ?? {};
    if (isBlocked(answer)) return toBeAllowed(answer);
    return missingRight.includes(errorCode ?? '')
      ? 'it lacks a right: make it an Organization Owner in Atlas'
      : undefined;
  },
  diagnose: {
    request: () => ({ method: 'GET', path: path`/api/atlas/v2`, headers: ofKeys }),
    read: ({ status }) =>
      status === 200
        ? 'it is valid, so a right is missing: make it an Organization Owner in Atlas'
        : 'it is wrong, was deleted, or lacks a right',
  },
  checkup: {
    docs: [
      'https://www.mongodb.com/docs/api/doc/atlas-admin-api-v2/operation/operation-listorgs',
      'https://www.mongodb.com/docs/api/doc/atlas-admin-api-v2/operation/operation-getsystemstatus',
      'https://www.mongodb.com/docs/api/doc/atlas-admin-api-v2/operation/operation-getorgserviceaccount',
    ],
    questions,
    rights: [
      {
        name: 'Organization Owner',
        tasks: ['list', 'read one', 'delete', 'make'],
        remedy: 'make the API key or service account an Organization Owner (ORG_OWNER) in Atlas',
        unknown: 'Atlas did not show the roles of the admin credential',
      },
    ],
    signIn: () => ({
      is: 'refused',
      detail: 'Atlas refuses the sign-in: the client ID or the client secret is wrong, deleted or expired',
      remedy: newCredential,
    }),
    complaint: (answer) =>
      answer.status === 403 && isBlocked(answer)
        ? {
            is: 'blocked',
            detail: 'the address this runs from is not on its API access list',
            remedy: `${toBeAllowed(answer)}; functions have fixed addresses only where the deployment gives them some`,
          }
        : undefined,
  },
  kinds: { 'api-key': apiKey, 'service-account-secret': serviceAccountSecret },
});
