import * as z from 'zod';
import type { Question } from '../revocation/checkup.ts';
import type { Credentials } from '../revocation/credentials.ts';
import { type Answer, path } from '../revocation/exchange.ts';
import type { Leak } from '../revocation/leak.ts';
import { type Change, type Fit, kind, provider } from '../revocation/provider.ts';
import { bearer, sameText, secretValue } from '../revocation/secret.ts';

/** Each region is a host of its own, with other organizations. */
const hosts = {
  us: 'platform.cloud.coveo.com',
  eu: 'platform-eu.cloud.coveo.com',
  au: 'platform-au.cloud.coveo.com',
  ca: 'platform-ca.cloud.coveo.com',
  hipaa: 'platformhipaa.cloud.coveo.com',
} as const;

const form = /^xx[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;

const admin = z.strictObject({
  organizationId: z
    .string()
    .regex(/^[A-Za-z0-9_-]{1,128}$/, 'must be the id of the organization, such as acmeproductionab12cd34'),
  region: z.enum(['us', 'eu', 'au', 'ca', 'hipaa']),
  accessToken: secretValue,
});
type Admin = z.infer<typeof admin>;

const text = z.string().nullish();
const record = z.object({
  id: z.string().min(1),
  /** Masked, but for its last four characters: `**********-****-****-****-********1b3e` or `xx*****1b3e`. */
  value: z.string().regex(/[^*]{4}$/),
  displayName: text,
  enabled: z.boolean().nullish(),
  status: text,
  privacyLevel: text,
  exposureReport: z
    .object({ severity: text, deactivationDate: text, reasons: z.array(z.object({ url: text })).nullish() })
    .nullish()
    .catch(undefined),
});
type Key = z.infer<typeof record>;

const many = z.array(record);
/** Coveo's own error. It has several forms, and no page of a proxy has one of them. */
const problem = z.union([
  z.object({ errorCode: z.string() }),
  z.object({ message: z.string(), type: z.string() }),
  z.object({ message: z.string(), code: z.string() }),
  z.object({ title: z.string(), status: z.int() }),
]);

/** Coveo shows a whole value when a key is made, and never again. */
function likeness(shown: string, value: string): 'same' | 'hint' | 'different' {
  if (!shown.includes('*')) return sameText(shown, value) ? 'same' : 'different';
  return sameText(shown.slice(-4), value.slice(-4)) ? 'hint' : 'different';
}

function webAddress(text: string | null | undefined): URL | undefined {
  const url = text && URL.canParse(text) ? new URL(text) : undefined;
  return url?.protocol === 'https:' || url?.protocol === 'http:' ? url : undefined;
}

/** Whether Coveo found the key where the alert did: the same page, or the same whole commit. */
function isSamePlace(found: string | null | undefined, { location, reference }: Leak): boolean {
  const there = webAddress(found);
  if (there === undefined) return false;
  const pages = [location?.url, reference].map(webAddress);
  if (pages.some((page) => page?.origin === there.origin && page.pathname === there.pathname && page.pathname !== '/'))
    return true;
  const commit = location?.commit?.toLowerCase() ?? '';
  return /^(?:[0-9a-f]{40}|[0-9a-f]{64})$/.test(commit) && there.pathname.toLowerCase().split('/').includes(commit);
}

function compare({ value, exposureReport }: Key, leak: Leak): Fit {
  const fit = leak.secret === undefined ? 'different' : likeness(value, leak.secret.expose());
  return fit === 'hint' && exposureReport?.reasons?.some(({ url }) => isSamePlace(url, leak)) ? 'confirmed' : fit;
}

/** An unknown organization may be a 404 too. The look-up before had found the key in it, and the list has the last word. */
const readChange = ({ status, json }: Answer): Change | undefined => {
  if (status === 204) return 'done';
  return status === 404 && problem.safeParse(json).success ? 'gone' : undefined;
};

const apiKey = kind<Admin, Key>()({
  docs: 'https://docs.coveo.com/en/82/#delete-an-api-key-programmatically',
  identifiers: ['keyId'],
  unmistakable: form,
  detectors: { github: [{ name: 'coveo_api_key' }] },
  facts: {
    carries:
      'the value, or `keyId`. Coveo shows the last four characters only: a hint, confirmed when Coveo’s own exposure report names the place of the leak (`location.url`, `reference` or a whole `location.commit`)',
    permission:
      'the privilege to view and edit all API keys (`API_KEY`: `VIEW` and `EDIT`), which only a user can have: a user’s access token, which ends after 4 hours at most and must be put in anew',
    rateLimit:
      'not documented, and no wait is named: we come back after a second, then ever later, unless `Retry-After` says otherwise',
    proof: 'it is no longer listed, or is listed as disabled. The leaked key itself is not presented',
    propagation: 'not documented; the list shows a change at once',
    verified: [
      '204 without content on deletion (specification, command line client)',
      'the list is one array without pages, and needs the right to view all keys (specification); values are masked but for their last four characters, in two styles',
      '`disable` and `activate` are 204, and undo each other',
      'a key is `xx` and a UUID',
    ],
    believed: [
      'that the list has every key when no status is asked for',
      '404 for a key that is not there: it counts as gone only when the list, which must answer 200, does not have it',
      'that a dead key is refused: so it is not used as proof',
      'what 401 and 403 say: their bodies are not read',
      'a privilege on all API keys names `*` (the published client has the path and the fields): what names anything else is told as missing before a leak, and nothing else hangs on it',
    ],
    notes: [
      'Coveo advises to disable a key rather than to delete it, and a deletion cannot be undone: `"action": "disable"` is the better choice here, and needs no approval where only the last four characters fit.',
      'Unattended work is only possible while the token lives. An incident that finds it expired is parked, and goes on when a new one is put in and the incident is retried.',
      'A key is not asked for by its id: a 404 could as well mean that the organization in the admin secret is wrong. Absence is believed of the whole list alone.',
      'Keys with the privacy level `PUBLIC` (search pages, usage analytics) are meant to be seen, and are left alone unless an operator names one by its id.',
      'Coveo looks for leaks on GitHub itself: a key that it switched off (`DISABLED_EXPOSED`) counts as already gone.',
      'GitHub’s `coveo_access_token` is a user’s token, which nothing but time ends: such an alert is left to a person.',
    ],
  },
  list: {
    request: ({ admin, page }) =>
      page === 0 ? { method: 'GET', path: path`/rest/organizations/${admin.organizationId}/apikeys` } : undefined,
    read: ({ status, json }) => {
      const answer = status === 200 ? many.safeParse(json) : undefined;
      return answer?.success ? { items: answer.data } : undefined;
    },
  },
  describe: ({ id, displayName, enabled, status, privacyLevel, exposureReport }) => ({
    keyId: id,
    label: displayName ?? undefined,
    active: enabled !== false && !/^(DISABLED|EXPIRED)/.test(status ?? ''),
    meantToBePublic: privacyLevel === 'PUBLIC',
    remark: exposureReport ? `Coveo reports it as exposed${severity(exposureReport)}` : undefined,
  }),
  compare,
  // Our credential is a user's, so no API key is it; one that ends alike is left alone all the same.
  isOwn: ({ value }, { accessToken }) => likeness(value, accessToken.expose()) !== 'different',
  remove: {
    request: ({ admin, keyId }) => ({
      method: 'DELETE',
      path: path`/rest/organizations/${admin.organizationId}/apikeys/${keyId}`,
    }),
    read: readChange,
  },
  disable: {
    request: ({ admin, keyId }) => ({
      method: 'PUT',
      path: path`/rest/organizations/${admin.organizationId}/apikeys/${keyId}/disable`,
    }),
    read: readChange,
  },
  enable: {
    request: ({ admin, keyId }) => ({
      method: 'PUT',
      path: path`/rest/organizations/${admin.organizationId}/apikeys/${keyId}/activate`,
    }),
    // Nothing was looked up before it, so a 404 may be about the organization.
    read: ({ status }) => (status === 204 ? 'done' : undefined),
  },
});

function severity({ severity, deactivationDate }: NonNullable<Key['exposureReport']>): string {
  const until = deactivationDate ? `, to be switched off on ${deactivationDate.slice(0, 10)}` : '';
  return `${severity ? ` (${severity.toLowerCase()})` : ''}${until}`;
}

const privileges = z.array(
  z.object({ owner: z.string(), targetDomain: z.string(), targetId: text, type: text, level: text }),
);

const questions: Question<Admin>[] = [
  {
    request: ({ admin }) => ({ method: 'GET', path: path`/rest/organizations/${admin.organizationId}/privileges/me` }),
    read: ({ status, json }) => {
      const own = status === 200 ? privileges.safeParse(json) : undefined;
      if (!own?.success) return undefined;
      const onKeys = own.data.filter(({ owner, targetDomain }) => owner === 'PLATFORM' && targetDomain === 'API_KEY');
      // One that names a key is for that key alone; another way to write it down is not documented, so it says nothing.
      const has = (wanted: string) => {
        const some = onKeys.filter(({ type }) => type === wanted);
        if (some.some(({ targetId }) => targetId === '*')) return 'granted' as const;
        return onKeys.some(({ type }) => type == null) ? ('unknown' as const) : ('missing' as const);
      };
      return { credential: 'accepted', rights: { 'API_KEY: VIEW': has('VIEW'), 'API_KEY: EDIT': has('EDIT') } };
    },
  },
];

/** Coveo's API keys: https://docs.coveo.com/en/82/ */
export const coveo = provider<Admin>()({
  id: 'coveo',
  title: 'Coveo',
  admin,
  origin: ({ region }) => `https://${hosts[region]}`,
  authenticate: ({ accessToken }): Credentials => ({
    by: 'headers',
    headers: { Authorization: bearer(accessToken) },
  }),
  explain: ({ status, header }, { organizationId }) => {
    if (status === 401)
      return 'the access token is no longer accepted (a user’s token lives 4 hours at most): put a new one into the secret leakstop/providers/coveo/<account>';
    if (header('x-coveo-waf-action') === 'block')
      return 'Coveo’s firewall stopped the request before the credential was looked at: ask Coveo to let it through';
    return `the user may not view and edit the API keys of ${organizationId}: give them that privilege there`;
  },
  checkup: {
    docs: ['https://docs.coveo.com/en/93/', 'https://docs.coveo.com/en/159/'],
    questions,
    rights: [
      {
        name: 'API_KEY: VIEW',
        tasks: ['list'],
        remedy: 'give the user the privilege to view all API keys of the organization',
        unknown: 'Coveo did not show the privileges of the user',
      },
      {
        name: 'API_KEY: EDIT',
        tasks: ['delete', 'disable'],
        remedy: 'give the user the privilege to edit all API keys of the organization',
        unknown: 'Coveo did not show the privileges of the user',
      },
    ],
    complaint: ({ status, header, json }, { organizationId, region }) => {
      if (status === 401)
        return {
          is: 'expired',
          detail: `its access token is not accepted in region ${region}: a user's token lives 4 hours at most, or it is wrong, or of another region`,
          remedy: 'put a new access token into the secret, or correct region',
        };
      if (status === 403 && header('x-coveo-waf-action') === 'block')
        return {
          is: 'blocked',
          detail: 'the firewall of Coveo stopped the request before the credential was looked at',
          remedy: 'ask Coveo to let the address this runs from through',
        };
      if (status === 404 && problem.safeParse(json).success)
        return {
          is: 'elsewhere',
          detail: `there is no organization ${organizationId} in region ${region}`,
          remedy: 'correct organizationId and region: the organization settings show both',
        };
      return undefined;
    },
  },
  kinds: { 'api-key': apiKey },
});
