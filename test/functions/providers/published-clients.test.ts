import { PlatformClient } from '@coveo/platform-client';
import { client, logger, v1, v2 } from '@datadog/datadog-api-client';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createSend } from '../../../functions/platform/http.ts';
import { signingIn } from '../../../functions/platform/sign-in.ts';
import { coveo } from '../../../functions/providers/coveo.ts';
import { datadog } from '../../../functions/providers/datadog.ts';
import type { Request } from '../../../functions/revocation/exchange.ts';
import { Secret } from '../../../functions/revocation/secret.ts';
import { closed, listen } from '../../../lib/local/emulators.ts';
import { type Arrival, type VendorAnswer, vendorServer } from '../../../lib/local/vendors/vendor.ts';

/** What may differ between us and the vendor's own client, in each of their requests, and why that is no matter. */
const harmless: Record<string, string> = {
  accept: 'we take JSON alone; their clients ask for anything where they expect no body',
  'accept-encoding': 'each says what its own HTTP library can unpack',
  'accept-language': 'a habit of the HTTP library',
  connection: 'a habit of the HTTP library',
  'content-length': 'the bodies themselves are compared',
  'sec-fetch-mode': 'a habit of the HTTP library',
  'user-agent': 'each says its own name',
};

/** A request as it arrived; its query without its order. */
function wire({ method, host, target, headers, body }: Arrival) {
  const url = new URL(target, `http://${host}`);
  const said = Object.entries(headers).filter(([name]) => !(name in harmless));
  return {
    method,
    path: url.pathname,
    query: Object.fromEntries(url.searchParams),
    headers: Object.fromEntries(said),
    body: body === '' ? undefined : JSON.parse(body),
  };
}

/** Answers that each client takes for one; nothing is asked of them here. */
function answer({ method, target }: Arrival): VendorAnswer {
  if (method === 'DELETE' && !target.startsWith('/api/v1/')) return { status: 204 };
  if (target === '/api/v2/validate') {
    const attributes = { valid: true, api_key_id: 'an-id', api_key_scopes: [] };
    return { status: 200, body: { data: { id: 'an-organisation', type: 'validate_v2', attributes } } };
  }
  if (target === '/api/v2/validate_keys') return { status: 200, body: { status: 'ok' } };
  return { status: 200, body: { data: [] } };
}

const arrivals: Arrival[] = [];
const server = vendorServer({ arrivals, troubles: [] }, answer);
let origin = '';
beforeAll(async () => {
  origin = await listen(server);
});
afterAll(() => closed(server));

/** What arrives while something is sent. */
async function arriving(send: () => Promise<unknown>) {
  arrivals.length = 0;
  await send();
  return arrivals.map(wire);
}

const send = signingIn(createSend({ now: Date.now }), { now: Date.now });
const sent = (provider: string, request: Request | undefined) =>
  arriving(async () => request && send({ provider, origin, deadline: Date.now() + 10_000 }, request));

describe('what we send to Datadog is what its own client sends', () => {
  const admin = datadog.admin.parse({ site: 'datadoghq.com', apiKey: 'an-api-key', appKey: 'an-application-key' });
  const byValue = datadog.admin.parse({ site: 'datadoghq.com', apiKey: 'an-api-key', appKey: 'x', api: 'v1' });
  const withToken = datadog.admin.parse({ site: 'datadoghq.com', accessToken: 'ddpat_token' });
  const { kinds } = datadog;
  const leaked = new Secret('a-leaked-key');
  const keyId = '00000000-1111-4222-a333-444444444444';
  const owner = '55555555-6666-4777-a888-999999999999';
  const [target, page] = [
    { admin, keyId, owner },
    { pageSize: 100, pageNumber: 2 },
  ];

  // It warns of what is a preview, as we know.
  beforeAll(() => logger.disableAll());
  function published(authMethods: client.AuthMethodsConfiguration) {
    // What is not given is looked for in the environment.
    const given = { apiKeyAuth: '', appKeyAuth: '', ...authMethods };
    const configuration = client.createConfiguration({ authMethods: given, serverIndex: 1 });
    configuration.setServerVariables({ protocol: 'http', name: new URL(origin).host });
    configuration.unstableOperations['v2.validate'] = true;
    return configuration;
  }
  const withKeys = () => published({ apiKeyAuth: 'an-api-key', appKeyAuth: 'an-application-key' });
  const asLeaked = () => published({ apiKeyAuth: 'a-leaked-key', appKeyAuth: 'unused' });
  const keys = () => new v2.KeyManagementApi(withKeys());
  const accounts = () => new v2.ServiceAccountsApi(withKeys());

  const pairs: [string, () => Promise<unknown>, Request | undefined][] = [
    [
      'a page of API keys',
      () => keys().listAPIKeys({ ...page, sort: 'last4' }),
      kinds['api-key'].list.request({ admin, owner: '', page: 2 }),
    ],
    ['one API key', () => keys().getAPIKey({ apiKeyId: keyId }), kinds['api-key'].get?.request(target)],
    [
      'the deletion of an API key',
      () => keys().deleteAPIKey({ apiKeyId: keyId }),
      kinds['api-key'].remove.request(target),
    ],
    [
      'a page of application keys',
      () => keys().listApplicationKeys({ ...page, sort: 'last4' }),
      kinds['application-key'].list.request({ admin, owner: '', page: 2 }),
    ],
    [
      'one application key',
      () => keys().getApplicationKey({ appKeyId: keyId }),
      kinds['application-key'].get?.request(target),
    ],
    [
      'the deletion of an application key',
      () => keys().deleteApplicationKey({ appKeyId: keyId }),
      kinds['application-key'].remove.request(target),
    ],
    [
      'a page of personal access tokens',
      () => keys().listPersonalAccessTokens(page),
      kinds['personal-access-token'].list.request({ admin, owner: '', page: 2 }),
    ],
    [
      'the deletion of a personal access token',
      () => keys().revokePersonalAccessToken({ tokenId: keyId }),
      kinds['personal-access-token'].remove.request(target),
    ],
    [
      'a page of users',
      () => new v2.UsersApi(withKeys()).listUsers(page),
      kinds['service-access-token'].owners?.list?.request({ admin, page: 2 }),
    ],
    [
      'a page of a service account’s tokens',
      () => accounts().listServiceAccountAccessTokens({ serviceAccountId: owner, ...page }),
      kinds['service-access-token'].list.request({ admin, owner, page: 2 }),
    ],
    [
      'the deletion of a service account’s token',
      () => accounts().revokeServiceAccountAccessToken({ serviceAccountId: owner, tokenId: keyId }),
      kinds['service-access-token'].remove.request(target),
    ],
    ['the check of both keys', () => keys().validateAPIKey(), datadog.diagnose?.request(admin)],
  ];

  test.each(pairs)('for %s', async (_, theirs, request) => {
    const ours = await sent('datadog', request && { ...request, as: datadog.authenticate(admin) });
    expect(ours).toHaveLength(1);
    expect(ours).toEqual(await arriving(theirs));
    expect(ours[0]?.headers).toMatchObject({ 'dd-api-key': 'an-api-key', 'dd-application-key': 'an-application-key' });
  });

  test('for the deletion by value of the first version', async () => {
    const request = kinds['api-key'].remove.request({ admin: byValue, keyId, leaked });
    const ours = await sent('datadog', { ...request, as: datadog.authenticate(admin) });
    const theirs = await arriving(() => new v1.KeyManagementApi(withKeys()).deleteAPIKey({ key: 'a-leaked-key' }));
    expect(ours).toEqual(theirs);
  });

  test.each([
    ['whether it is good', () => new v1.AuthenticationApi(asLeaked()).validate(), kinds['api-key'].proof],
    ['what its id is', () => new v2.KeyManagementApi(asLeaked()).validate(), kinds['api-key'].self],
  ])('for the question to a leaked key, %s, which carries that key alone', async (_, theirs, exchange) => {
    const ours = await sent('datadog', exchange?.request({ secret: leaked }));
    expect(ours).toEqual(await arriving(theirs));
    expect(ours[0]?.headers['dd-api-key']).toBe('a-leaked-key');
    expect(ours[0]?.headers['dd-application-key']).toBeUndefined();
  });

  test('for a request with an access token', async () => {
    const request = kinds['api-key'].get?.request({ admin: withToken, keyId });
    const ours = await sent('datadog', request && { ...request, as: datadog.authenticate(withToken) });
    const configuration = published({ AuthZ: { accessToken: 'ddpat_token' } });
    const theirs = await arriving(() => new v2.KeyManagementApi(configuration).getAPIKey({ apiKeyId: keyId }));
    expect(ours).toEqual(theirs);
    expect(ours[0]?.headers.authorization).toBe('Bearer ddpat_token');
  });

  test('for an id that does not fit into a path as it is', async () => {
    const request = kinds['api-key'].remove.request({ admin, keyId: 'a/b?c=d' });
    const ours = await sent('datadog', { ...request, as: datadog.authenticate(admin) });
    expect(ours).toEqual(await arriving(() => keys().deleteAPIKey({ apiKeyId: 'a/b?c=d' })));
  });
});

describe('what we send to Coveo is what its own client sends', () => {
  const given = { organizationId: 'acmeproductionab12cd34', region: 'us', accessToken: 'a-token-of-a-user' } as const;
  const admin = coveo.admin.parse(given);
  const kind = coveo.kinds['api-key'];
  const target = { admin, keyId: 'ab12cd34ef56ab12cd34ef56ab' };
  const { keyId } = target;
  const { organizationId, accessToken } = given;
  const keys = () => new PlatformClient({ organizationId, accessToken, host: origin }).apiKey;

  test.each([
    ['the list', () => keys().list(), kind.list.request({ admin, owner: '', page: 0 })],
    ['a deletion', () => keys().delete(keyId), kind.remove.request(target)],
    ['switching off', () => keys().disable(keyId), kind.disable?.request(target)],
    ['switching on', () => keys().activate(keyId), kind.enable?.request(target)],
  ] as const)('for %s', async (_, theirs, request) => {
    const [ours] = await sent('coveo', request && { ...request, as: coveo.authenticate(admin) });
    const [published] = await arriving(theirs);
    // Their client sends an empty object with every PUT; the specification of these two names no body.
    const { 'content-type': type, ...headers } = published?.headers ?? {};
    const isPut = published?.method === 'PUT';
    if (isPut) expect([type, published.body]).toEqual(['application/json', {}]);
    expect(ours).toEqual(isPut ? { ...published, headers, body: undefined } : published);
    expect(ours?.headers.authorization).toBe('Bearer a-token-of-a-user');
  });
});
