import * as z from 'zod';
import type { Question } from '../revocation/checkup.ts';
import type { Credentials } from '../revocation/credentials.ts';
import { type Answer, path } from '../revocation/exchange.ts';
import { kind, provider } from '../revocation/provider.ts';
import { Secret, secretText, secretValue } from '../revocation/secret.ts';

const host = z
  .string()
  .toLowerCase()
  .regex(
    /^(?:[a-z0-9](?:[a-z0-9-]*[a-z0-9])?\.)+resolver\.com$/,
    'must be a bare host name that ends in .resolver.com, such as us.core.resolver.com',
  );
const userId = z
  .union([z.int(), z.string()])
  .transform(String)
  .pipe(z.string().regex(/^[1-9]\d{0,15}$/, 'must be a number: the one in the address of the Edit User page'));
const userIds = z.array(userId).min(1, 'must name a user, or be left out').optional();
const admin = z.union([
  z.strictObject({ host, apiKey: secretValue, userIds }),
  z.strictObject({
    host,
    email: z.string().min(1, 'must be the email address that the administrator signs in with'),
    // It stands in no header: people have spaces in theirs.
    password: secretText,
    org: z.int('must be the number of the organisation'),
    userIds,
  }),
]);
type Admin = z.infer<typeof admin>;

const record = z.object({
  id: z.int().transform(String),
  name: z.string().nullish(),
  accessKey: z.string().nullish(),
  canImpersonate: z.boolean().nullish(),
});
/** `owner` is the user whose list it stood in: a record names its owner by another number (`orgUserId`). */
type Key = z.infer<typeof record> & { owner?: string };

/** Long enough that no other value holds it by chance. */
const accessKeyForm = /^[0-9A-Za-z]{20,}$/;
/** A value that begins with an access key, and so tells which key it is. */
const carriesAccessKey = /^[0-9A-Za-z]{20,22}[^0-9A-Za-z]/;

/** The page shows keys in a list inside `data`, its model one key by itself. */
const inBothShapes = <Item extends z.ZodType>(item: Item) =>
  z.union([
    z.object({ data: z.array(item) }).transform(({ data }) => data),
    z.array(item),
    item.transform((one) => [one]),
  ]);
const shown = inBothShapes(record);

/** The service's own word that there is nothing: a proxy's page is none. */
const saysMissing = ({ status, json }: Answer) => status === 404 && z.object({}).safeParse(json).success;
const holds = (value: Secret, { accessKey }: Key) =>
  accessKeyForm.test(accessKey ?? '') && value.expose().includes(accessKey ?? '');

const apiKey = kind<Admin, Key>()({
  docs: 'https://help.resolver.com/help/delete-an-api-key',
  identifiers: ['keyId', 'accessKey'],
  shared: ['userId'],
  facts: {
    carries:
      'the value, or `accessKey`, or `keyId`; and whose key it is: `userId`, unless `userIds` in the admin secret names the users to look at. `userId` alone is enough where that user has exactly one key; of several, a person is asked. The secret half alone, without the access key, may be any key’s: a person is asked',
    permission: 'an administrator of the organisation',
    rateLimit: 'not documented; we come back after about a second, then after longer',
    proof: 'its owner’s list no longer has it; where the owner is not known, its id is no longer known',
    propagation: 'not documented; whether the value itself is refused is not asked',
    verified: [
      '204 on deletion (documentation)',
      '`userId` is the number in the address of the Edit User page; the `orgUserId` of a key’s record is another number',
    ],
    believed: [
      'the value holds the access key: where it does not, the alert’s `accessKey` names the key',
      'one key by its id: only a record that has that very id counts, and 404 with a JSON body, or empty data, as a key that is gone',
      '404 with a JSON body on a deletion: the key was seen with this credential just before, and its absence is still looked for',
      'a user who does not exist is a 404: for one whom only the alert names it counts as a user without keys here, for one in `userIds` it parks the incident',
      'a user’s list holds all keys of that user in the organisation: no pages are documented',
      'every key shows its access key: one that does not is a candidate for a person',
      '`GET /user/users/me` shows whether the admin credential is accepted; nothing but the wording of a refusal depends on it',
      'whoever is shown the keys of a user, their own too, is an administrator: nothing but what `npm run doctor` says hangs on it',
    ],
    notes: [
      'The page tells to put the user’s id into `GET /user/apiKey/{id}`; its own interface names that a key’s id and has `GET /user/apiKey/user/{userId}` beside it. Keys are therefore looked up in their owner’s list, and by id only where nobody names an owner.',
      'Keys are listed user by user, and there is no list of users: a key of a user whom neither the alert nor `userIds` names is not found by its value.',
      'Nothing can be switched off. To stop everything that a user does, deactivate the user by hand.',
    ],
  },
  owners: {
    // The number in an alert may be the other one, or of another account: the users we know of are looked at as well.
    named: ({ admin, leak }) => {
      const all = new Set([leak.identifiers?.userId ?? [], admin.userIds ?? []].flat());
      return all.size > 0 ? [...all] : undefined;
    },
    missing: 'name the owner as identifiers.userId in the alert, or users to look at as userIds in the admin secret',
  },
  get: {
    // Its owner's list is the safer question where there is an owner.
    request: ({ keyId, owner }) =>
      owner === undefined ? { method: 'GET', path: path`/user/apiKey/${keyId}` } : undefined,
    read: (answer, { keyId }) => {
      if (saysMissing(answer)) return 'absent';
      const keys = answer.status === 200 ? shown.safeParse(answer.json) : undefined;
      if (keys?.success && keys.data.length === 0) return 'absent';
      return keys?.data?.find(({ id }) => id === keyId);
    },
  },
  list: {
    request: ({ owner, page }) => (page === 0 ? { method: 'GET', path: path`/user/apiKey/user/${owner}` } : undefined),
    read: (answer, { owner, admin }) => {
      // Of a user whom only the alert names, another account may know nothing; one whom we named must be there.
      if (saysMissing(answer) && !admin.userIds?.includes(owner)) return { items: [] };
      const keys = answer.status === 200 ? shown.safeParse(answer.json) : undefined;
      return keys?.success ? { items: keys.data.map((key) => ({ ...key, owner })) } : undefined;
    },
  },
  describe: ({ id, name, owner, canImpersonate }) => ({
    keyId: id,
    owner,
    label: name ?? undefined,
    active: true,
    remark: canImpersonate ? 'it may impersonate other users' : undefined,
  }),
  compare: (key, { secret, identifiers = {} }) => {
    const named = identifiers.accessKey;
    const isNamed = named !== undefined && named === key.accessKey;
    if (secret === undefined && named === undefined && identifiers.keyId === undefined)
      return identifiers.userId !== undefined && identifiers.userId === key.owner ? 'same' : 'different';
    if (secret === undefined) return isNamed ? 'same' : key.accessKey ? 'different' : 'hint';
    if (holds(secret, key)) return named === undefined || isNamed ? 'same' : 'conflict';
    if (isNamed) return 'confirmed';
    // A secret half alone may be any key's, and so may a key whose access key is not shown: that is for a person.
    const couldTell = key.accessKey && (named !== undefined || carriesAccessKey.test(secret.expose()));
    return couldTell ? 'different' : 'hint';
  },
  isOwn: ({ accessKey }, credential) => 'apiKey' in credential && credential.apiKey.expose().includes(accessKey ?? ''),
  remove: {
    request: ({ keyId }) => ({ method: 'DELETE', path: path`/user/apiKey/${keyId}` }),
    read: (answer) => {
      if (answer.status === 204) return 'done';
      return saysMissing(answer) ? 'gone' : undefined;
    },
  },
});

const signedIn = z.object({ token: secretValue });
const sessionMs = 15 * 60_000;

const me = z.object({ id: userId });

const questions: Question<Admin>[] = [
  {
    request: () => ({ method: 'GET', path: path`/user/users/me` }),
    read: (answer, { admin: { host } }) => {
      const { status, json } = answer;
      const own = status === 200 ? me.safeParse(json) : undefined;
      if (own?.success) return { credential: 'accepted', learnt: { user: own.data.id } };
      if (saysMissing(answer))
        return {
          credential: {
            is: 'elsewhere',
            detail: `${host} does not know the interface for users and keys`,
            remedy: 'correct host in the secret: it is the one that people open',
          },
        };
      if (status !== 401 && status !== 403) return undefined;
      return {
        credential: {
          is: 'refused',
          detail: `${host} does not accept it: it is wrong or deleted, its user is not active, or it is for another host`,
          remedy: 'put the API key of an active administrator into the secret, or correct host',
        },
      };
    },
  },
  {
    // Only administrators see and delete keys, their own too.
    request: ({ learnt: { user } }) =>
      user === undefined ? undefined : { method: 'GET', path: path`/user/apiKey/user/${user}` },
    read: ({ status, json }) => {
      if (status === 401 || status === 403) return { rights: { administrator: 'missing' } };
      return status === 200 && shown.safeParse(json).success ? { rights: { administrator: 'granted' } } : undefined;
    },
  },
];

/** Resolver Core's keys: https://help.resolver.com/help/delete-an-api-key */
export const resolver = provider<Admin>()({
  id: 'resolver',
  title: 'Resolver Core',
  admin,
  origin: ({ host }) => `https://${host}`,
  authenticate: (credential): Credentials => {
    if ('apiKey' in credential) return { by: 'headers', headers: { 'x-api-key': credential.apiKey } };
    const { email, password, org } = credential;
    return {
      by: 'session',
      key: password,
      // https://help.resolver.com/help/create-a-session-token
      open: {
        method: 'POST',
        path: path`/user/authenticate`,
        body: { email, password, selectedOrg: org, client: 'core-client' },
      },
      read: ({ status, json }) => {
        if (status === 401 || status === 404) return 'refused';
        const answer = status === 200 ? signedIn.safeParse(json) : undefined;
        return answer?.success ? { token: answer.data.token, livesMs: sessionMs } : undefined;
      },
      headers: (token) => ({ Authorization: new Secret(`bearer ${token.expose()}`) }),
    };
  },
  diagnose: {
    request: () => ({ method: 'GET', path: path`/user/users/me` }),
    read: ({ status }) => {
      if (status === 200) return 'it is accepted, but its user is not an administrator of the organisation';
      if (status === 401 || status === 403) return 'it is not accepted on this host';
      return 'it is wrong, or its user is not an administrator of the organisation';
    },
  },
  checkup: {
    docs: ['https://help.resolver.com/help/delete-an-api-key', 'https://help.resolver.com/help/create-a-session-token'],
    questions,
    rights: [
      {
        name: 'administrator',
        tasks: ['list', 'read one', 'delete'],
        remedy: 'make the user of the admin credential an administrator of the organisation in Resolver',
        unknown: 'Resolver did not show the keys of the admin credential’s own user',
      },
    ],
    // 401 for the one, 404 for the other: https://help.resolver.com/help/create-a-session-token
    signIn: ({ host }) => ({
      is: 'refused',
      detail: `${host} refuses the sign-in: the email address or the password is wrong, or its user is not active in the organisation that org names`,
      remedy: 'put the email address, password and org of an active administrator of this host into the secret',
    }),
  },
  kinds: { 'api-key': apiKey },
});
