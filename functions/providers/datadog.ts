import * as z from 'zod';
import { type Answer, path } from '../revocation/exchange.ts';
import { kind, type Provider } from '../revocation/provider.ts';
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

const site = z.enum(sites);
const admin = z.union([
  z.strictObject({ site, apiKey: secretValue, appKey: secretValue }),
  z.strictObject({ site, accessToken: secretValue }),
]);
type Admin = z.infer<typeof admin>;

const record = z.object({
  id: z.string().min(1),
  attributes: z.object({ name: z.string().nullish(), last4: z.string().nullish(), key: z.string().nullish() }),
});
type ApiKey = z.infer<typeof record>;

const one = z.object({ data: record });
const many = z.object({
  data: z.array(record),
  meta: z.object({ page: z.object({ total_filtered_count: z.int().nullish() }).nullish() }).nullish(),
});
const validated = z.object({
  data: z.object({ attributes: z.object({ valid: z.literal(true), api_key_id: z.string().min(1) }) }),
});
const accepted = z.object({ valid: z.literal(true) });
const errors = z.object({ errors: z.array(z.unknown()).min(1) });

/** A 403 that is Datadog's own word about the key: a proxy's page is none, nor is the complaint that no key arrived. */
const refusesKey = ({ status, json }: Answer) =>
  status === 403 && errors.safeParse(json).success && !JSON.stringify(json).includes('API key required');

const withKey = (leaked: Secret) => ({ 'DD-API-KEY': leaked });

const apiKey = kind<Admin, ApiKey>()({
  docs: 'https://docs.datadoghq.com/api/latest/key-management/#delete-an-api-key',
  identifiers: ['keyId'],
  facts: {
    reversible: false,
    permission: 'api_keys_read and api_keys_delete',
    propagation: 'not documented; the deletion shows at once, proof is polled for',
  },
  self: {
    request: ({ leaked }) => ({ method: 'GET', path: path`/api/v2/validate`, headers: withKey(leaked) }),
    read: ({ status, json }) => {
      const answer = status === 200 ? validated.safeParse(json) : undefined;
      return answer?.success ? { keyId: answer.data.data.attributes.api_key_id } : undefined;
    },
  },
  get: {
    request: ({ keyId }) => ({ method: 'GET', path: path`/api/v2/api_keys/${keyId}` }),
    read: ({ status, json }) => {
      if (status === 404 && errors.safeParse(json).success) return 'absent';
      const answer = status === 200 ? one.safeParse(json) : undefined;
      return answer?.success ? answer.data.data : undefined;
    },
  },
  list: {
    pageSize: 100,
    request: ({ page }) => ({
      method: 'GET',
      path: path`/api/v2/api_keys`,
      query: { 'page[size]': '100', 'page[number]': String(page), sort: 'last4' },
    }),
    read: ({ status, json }) => {
      const answer = status === 200 ? many.safeParse(json) : undefined;
      if (!answer?.success) return undefined;
      return { keys: answer.data.data, total: answer.data.meta?.page?.total_filtered_count ?? undefined };
    },
  },
  describe: ({ id, attributes }) => ({ keyId: id, label: attributes.name ?? undefined, active: true }),
  compare: ({ attributes }, { secret }) => (secret === undefined ? 'different' : likeness(attributes, secret.expose())),
  isOwn: ({ attributes }, credential) =>
    'apiKey' in credential && likeness(attributes, credential.apiKey.expose()) !== 'different',
  remove: {
    request: ({ keyId }) => ({ method: 'DELETE', path: path`/api/v2/api_keys/${keyId}` }),
    read: ({ status, json }) => {
      if (status === 204) return 'done';
      return status === 404 && errors.safeParse(json).success ? 'gone' : undefined;
    },
  },
  proof: {
    request: ({ leaked }) => ({ method: 'GET', path: path`/api/v1/validate`, headers: withKey(leaked) }),
    read: (answer) => {
      if (answer.status === 200 && accepted.safeParse(answer.json).success) return 'alive';
      return refusesKey(answer) ? 'dead' : undefined;
    },
  },
});

/** The whole value decides; where Datadog does not show it (or masks it), the last four characters are a hint. */
function likeness({ key, last4 }: ApiKey['attributes'], value: string): 'same' | 'hint' | 'different' {
  if (key && key.length === value.length && !key.includes('****')) return sameText(key, value) ? 'same' : 'different';
  return last4 && sameText(last4, value.slice(-4)) ? 'hint' : 'different';
}

/** Datadog's keys: https://docs.datadoghq.com/api/latest/key-management/ */
export const datadog: Provider<Admin, { 'api-key': typeof apiKey }> = {
  id: 'datadog',
  title: 'Datadog',
  admin,
  origin: ({ site }) => `https://api.${site}`,
  authenticate: (credential): Record<string, string | Secret> =>
    'accessToken' in credential
      ? { Authorization: bearer(credential.accessToken) }
      : { 'DD-API-KEY': credential.apiKey, 'DD-APPLICATION-KEY': credential.appKey },
  // Seconds until the window is over, up to an hour: https://docs.datadoghq.com/api/latest/rate-limits/
  waitHint: (answer) => {
    const seconds = Number(answer.header('x-ratelimit-reset') ?? Number.NaN);
    return Number.isFinite(seconds) && seconds >= 0 ? seconds * 1000 : undefined;
  },
  // Both keys at once: https://docs.datadoghq.com/api/latest/key-management/ ("Validate API and application keys")
  diagnose: {
    request: (credential) =>
      'appKey' in credential ? { method: 'GET', path: path`/api/v2/validate_keys` } : undefined,
    read: ({ status }) =>
      status === 200
        ? 'its keys are valid, so a right is missing: it needs api_keys_read and api_keys_delete'
        : 'its API key or application key is not valid on this site',
  },
  kinds: { 'api-key': apiKey },
};
