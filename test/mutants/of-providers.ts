import { inFile, type Mutant } from './mutant.ts';

const docspace = inFile('functions/providers/docspace.ts', ['test/functions/providers/docspace.test.ts']);
const coveo = inFile('functions/providers/coveo.ts', ['test/functions/providers/coveo.test.ts']);
const resolver = inFile('functions/providers/resolver.ts', ['test/functions/providers/resolver.test.ts']);
const datadog = inFile('functions/providers/datadog.ts', ['test/functions/providers/datadog.test.ts']);
const datadogByClient = inFile('functions/providers/datadog.ts', [
  'test/functions/providers/published-clients.test.ts',
]);
const mongodbAtlas = inFile('functions/providers/mongodb-atlas.ts', ['test/functions/providers/mongodb-atlas.test.ts']);
const signIn = inFile('functions/platform/sign-in.ts', ['test/functions/platform/sign-in.test.ts']);

/** Faults in providers, and in signing in for them, that the tests must see. */
export const ofProviders: readonly Mutant[] = [
  docspace(
    'docspace deletes at another address',
    'path`/api/2.0/keys/${keyId}` }), read: readChange },',
    'path`/api/2.0/key/${keyId}` }), read: readChange },',
  ),
  docspace('docspace takes `response: false` for done', "answer.data.response ? 'done' : 'denied'", "'done'"),
  docspace(
    'docspace takes any 2xx for done',
    'const answer = status === 200 ? changed',
    'const answer = status < 300 ? changed',
  ),
  docspace(
    'docspace presents the leaked key without Bearer',
    'headers: { Authorization: bearer(secret) }',
    'headers: { Authorization: secret }',
  ),
  docspace(
    'docspace sends the admin’s key without Bearer',
    'headers: { Authorization: bearer(apiKey) }',
    'headers: { Authorization: apiKey }',
  ),
  docspace('docspace takes four characters for the whole value', "told && isTrue ? 'confirmed' : 'hint'", "'same'"),
  docspace('docspace confirms a hint by any name', 'told && isTrue ?', 'told ?'),
  docspace(
    'docspace does not know its own key',
    'isOwn: (key, { apiKey }) => endsAlike(key, apiKey.expose())',
    'isOwn: () => false',
  ),
  docspace('docspace takes an inactive key for a living one', 'active: isActive !== false', 'active: true'),
  docspace('docspace restores by switching off', 'enable: toBe(true)', 'enable: toBe(false)'),
  docspace(
    'docspace takes any 401 for death',
    "answer.status === 401 && unknownKey.safeParse(answer.json).success ? 'dead'",
    "answer.status === 401 ? 'dead'",
  ),
  docspace('docspace reads an epoch as a number of seconds', 'Number(reset) > 1e9', 'Number(reset) > 1e12'),
  docspace(
    'docspace takes a part of a list for the whole',
    'items.length > 0 && (total ?? items.length) === items.length ?',
    'items.length > 0 ?',
  ),
  coveo(
    'coveo takes 200 for a deletion',
    "if (status === 204) return 'done';",
    "if (status === 204 || status === 200) return 'done';",
  ),
  coveo(
    'coveo takes any 404 for gone',
    "status === 404 && problem.safeParse(json).success ? 'gone'",
    "status === 404 ? 'gone'",
  ),
  coveo(
    'coveo sends its token without Bearer',
    'headers: { Authorization: bearer(accessToken) }',
    'headers: { Authorization: accessToken }',
  ),
  coveo('coveo confirms a hint on another site', 'page?.origin === there.origin && ', ''),
  coveo('coveo confirms a hint on another page', 'page.pathname === there.pathname && ', ''),
  coveo(
    'coveo confirms a hint by seven characters of a commit',
    ".split('/').includes(commit)",
    '.includes(commit.slice(0, 7))',
  ),
  coveo(
    'coveo takes four characters for the whole value',
    "? 'confirmed' : fit",
    "? 'confirmed' : fit === 'hint' ? 'same' : fit",
  ),
  coveo('coveo takes a disabled key for a living one', "&& !/^(DISABLED|EXPIRED)/.test(status ?? '')", ''),
  coveo('coveo deletes keys that are meant to be public', "privacyLevel === 'PUBLIC'", 'false'),
  coveo(
    'coveo lists a part of the keys',
    'apikeys` } : undefined',
    "apikeys`, query: { status: 'DEACTIVATED' } } : undefined",
  ),
  coveo('coveo restores by switching off', 'apikeys/${keyId}/activate', 'apikeys/${keyId}/disable'),
  coveo('coveo asks another region', "ca: 'platform-ca.", "ca: 'platform-ca1."),
  resolver(
    'resolver puts the user’s id where the key’s belongs',
    'path`/user/apiKey/user/${owner}`',
    'path`/user/apiKey/${owner}`',
  ),
  resolver(
    'resolver names its credential otherwise',
    "headers: { 'x-api-key': credential.apiKey }",
    "headers: { 'x-apikey': credential.apiKey }",
  ),
  resolver(
    'resolver takes 200 for a deletion',
    "if (answer.status === 204) return 'done';",
    "if (answer.status === 204 || answer.status === 200) return 'done';",
  ),
  resolver(
    'resolver takes the first record for the one that was asked for',
    'return keys?.data?.find(({ id }) => id === keyId);',
    'return keys?.data?.[0];',
  ),
  resolver(
    'resolver compares four characters of an access key',
    "value.expose().includes(accessKey ?? '');",
    "value.expose().includes((accessKey ?? '').slice(-4));",
  ),
  resolver(
    'resolver overlooks that an alert names another key',
    "return named === undefined || isNamed ? 'same' : 'conflict';",
    "return 'same';",
  ),
  resolver(
    'resolver takes any 404 for absent',
    'status === 404 && z.object({}).safeParse(json).success',
    'status === 404',
  ),
  resolver('resolver keeps a session too long', 'const sessionMs = 15 * 60_000;', 'const sessionMs = 60 * 60_000;'),
  resolver(
    'resolver sends a credential to any host',
    '(?:[a-z0-9](?:[a-z0-9-]*[a-z0-9])?\\.)+resolver',
    '(?:[a-z0-9](?:[a-z0-9-]*[a-z0-9])?\\.)*[a-z]*resolver',
  ),
  resolver(
    'resolver does not look at the user whom the alert names',
    '[leak.identifiers?.userId ?? [], admin.userIds ?? []]',
    '[admin.userIds ?? []]',
  ),
  resolver('resolver asks for pages that are not there', 'page === 0 ?', 'page >= 0 ?'),
  datadog(
    'datadog takes a token of one kind for one of another',
    "if (start !== prefix || !part) return 'different';",
    "if (!part) return 'different';",
  ),
  datadog(
    'datadog compares the end of a public part',
    "[part, `${prefix}_${part}`].includes(attributes.public_portion ?? '')",
    'attributes.public_portion?.endsWith(part)',
  ),
  datadog(
    'datadog confirms an application key that it saw in a list',
    "fit === 'hint' && key.isWhole && told",
    "fit === 'hint' && told",
  ),
  datadog('datadog confirms a hint by any owner', '&& (owner ?? owned) === owned', ''),
  datadog(
    'datadog deletes by value without the value',
    "target.admin.api === 'v1' && target.leaked !== undefined",
    "target.admin.api === 'v1'",
  ),
  datadog(
    'datadog deletes by value on a government site',
    "api === 'v2' || !isGovernment(site)",
    "api === 'v2' || site !== 'ddog-gov.com'",
  ),
  datadog(
    'datadog asks every user for tokens',
    'mayHoldKeys: attributes.service_account !== false',
    'mayHoldKeys: true',
  ),
  datadog('datadog waits milliseconds for seconds', 'seconds * 1000 : undefined', 'seconds : undefined'),
  datadogByClient(
    'datadog names its application key otherwise',
    "'DD-APPLICATION-KEY': credential.appKey",
    "'DD-APP-KEY': credential.appKey",
  ),
  datadogByClient(
    'datadog begins at the second page',
    "'page[number]': String(page)",
    "'page[number]': String(page + 1)",
  ),
  datadogByClient(
    'datadog deletes by value at another address',
    'path`/api/v1/api_key/${target.leaked.expose()}`',
    'path`/api/v1/api_keys/${target.leaked.expose()}`',
  ),
  mongodbAtlas(
    'mongodb-atlas asks for another version of the API',
    'vnd.atlas.2023-01-01+json',
    'vnd.atlas.2024-08-05+json',
  ),
  mongodbAtlas(
    'mongodb-atlas takes an empty 200 for done at v2',
    "versionOf(admin) === 'v1.0' && answer.status === 200 && answer.empty",
    'answer.status === 200 && answer.empty',
  ),
  mongodbAtlas(
    'mongodb-atlas skips a page',
    'itemsPerPage: String(keysAtATime), pageNum: String(page + 1)',
    'itemsPerPage: String(keysAtATime), pageNum: String(page * 2 + 1)',
  ),
  mongodbAtlas(
    'mongodb-atlas compares four characters of a private key',
    'sameText(tail, shown)',
    'sameText(tail.slice(-4), shown.slice(-4))',
  ),
  mongodbAtlas(
    'mongodb-atlas takes any 404 for gone',
    "=== 404 && problemOf(answer)?.errorCode === 'API_KEY_NOT_FOUND'",
    '=== 404',
  ),
  mongodbAtlas('mongodb-atlas takes a stale nonce for death', 'couldAnswer && !isStale', 'couldAnswer'),
  mongodbAtlas('mongodb-atlas takes an unanswered challenge for death', 'couldAnswer && !isStale', '!isStale'),
  mongodbAtlas(
    'mongodb-atlas overlooks that the halves of a pair do not belong together',
    "if (isNamed !== undefined && isNamed !== fits) return 'conflict';",
    '',
  ),
  mongodbAtlas(
    'mongodb-atlas does not know its own key',
    'credential.publicKey === publicKey',
    "credential.publicKey === ''",
  ),
  mongodbAtlas(
    'mongodb-atlas takes any 403 for life',
    '(answer.status === 403 && isBlocked(answer))',
    'answer.status === 403',
  ),
  mongodbAtlas(
    'mongodb-atlas takes four characters of a client secret for the whole',
    "return clientId === undefined ? 'hint' : 'confirmed';",
    "return 'confirmed';",
  ),
  mongodbAtlas(
    'mongodb-atlas takes a short page for the whole',
    'if (results.length !== expected) return undefined;',
    '',
  ),
  mongodbAtlas(
    'mongodb-atlas takes any 404 for the death of a client secret',
    "answer.status === 404 && problemOf(answer) !== undefined ? 'gone'",
    "answer.status === 404 ? 'gone'",
  ),
  signIn(
    'a nonce is used by others before its first use was answered',
    'answer = await ask(own);',
    'digest.challenge = own;\n    answer = await ask(own);',
  ),
  signIn('signing in counts uses of a nonce in decimal', 'challenge.uses.toString(16)', 'challenge.uses.toString()'),
  signIn('signing in uses a count twice', 'challenge.uses += 1;', 'challenge.uses = 1;'),
  signIn(
    'signing in answers challenges for ever',
    'answered < 2 && answer.status === 401',
    'answered < 9 && answer.status === 401',
  ),
  signIn('signing in does not answer for a stale nonce', '(answered > 0 && !challenge.isStale)', 'answered > 0'),
  signIn('signing in signs an address without its query', 'uri: pathname + search', 'uri: pathname'),
  signIn('signing in uses a token to its last moment', 'livesMs - spare', 'livesMs'),
];
