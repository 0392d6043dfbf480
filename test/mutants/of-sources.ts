import { inFile, type Mutant } from './mutant.ts';

const ofStandard = ['test/functions/sources/standard.test.ts'];
const ofArrays = ['test/functions/sources/github-partner.test.ts'];
const ofTrufflehog = ['test/functions/sources/trufflehog.test.ts'];

const webhook = inFile('functions/revocation/signature.ts', ofStandard);
const hmac = inFile('functions/revocation/signature.ts', ofTrufflehog);
const array = inFile('functions/revocation/signed-array.ts', ofArrays);
const address = inFile('functions/revocation/address.ts', ['test/functions/revocation/address.test.ts']);
const gitlabPartner = inFile('functions/sources/gitlab-partner.ts', ['test/functions/sources/gitlab-partner.test.ts']);
const depsDev = inFile('functions/sources/deps-dev.ts', ['test/functions/sources/deps-dev.test.ts']);
const delivery = inFile('functions/revocation/delivery.ts', ofArrays);
const trufflehog = inFile('functions/sources/trufflehog.ts', ofTrufflehog);
const standard = inFile('functions/sources/standard.ts', ofStandard);
const github = inFile('functions/sources/github.ts', ['test/functions/sources/github.test.ts']);
const ofGitlab = ['test/functions/sources/gitlab.test.ts'];
const gitlab = inFile('functions/sources/gitlab.ts', ofGitlab);
const gitlabForms = inFile('functions/sources/gitlab/forms.ts', ofGitlab);
const revocationApi = inFile('functions/sources/gitlab/token-revocation.ts', ofGitlab);
const gitguardian = inFile('functions/sources/gitguardian.ts', ['test/functions/sources/gitguardian.test.ts']);
const publicKeys = inFile('functions/platform/public-keys.ts', ['test/functions/platform/public-keys.test.ts']);
const lambda = inFile('functions/platform/lambda.ts', ['test/functions/platform/lambda.test.ts']);
const ofAccepting = ['test/lib/local/accepting.test.ts'];
const gateway = inFile('lib/local/gateway.ts', ofAccepting);
const clients = inFile('functions/platform/clients.ts', ofAccepting);

/** Faults in verifying and reading alerts that the tests must see. */
export const ofSources: readonly Mutant[] = [
  webhook('any signature passes', 'timingSafeEqual(digest, other) || passes', 'true || passes'),
  webhook(
    'only the last signature counts',
    'timingSafeEqual(digest, other) || passes',
    'timingSafeEqual(digest, other)',
  ),
  webhook('only the first secret counts', 'const expected = secrets.map(', 'const expected = secrets.slice(0, 1).map('),
  webhook('a time in the future is no matter', 'Math.abs(now / 1000 - timestamp)', '(now / 1000 - timestamp)'),
  webhook('a time in the past is no matter', 'Math.abs(now / 1000 - timestamp)', '(timestamp - now / 1000)'),
  webhook('the window is a minute wider', 'export const tolerance = 300;', 'export const tolerance = 360;'),
  webhook('the window is shorter', 'export const tolerance = 300;', 'export const tolerance = 299;'),
  webhook(
    'the id is not signed',
    '.update(`${delivery.id}.${delivery.timestamp}.`)',
    '.update(`${delivery.timestamp}.`)',
  ),
  webhook(
    'the body is not signed',
    '      .update(body)\n      .digest(),\n  );\n  return anyOf(expected',
    '      .digest(),\n  );\n  return anyOf(expected',
  ),
  webhook('a doubled signature header passes', "    !list.includes('=,') &&\n", ''),
  webhook('an id may hold dots', '/^[A-Za-z0-9_-]{1,128}$/.test(id)', '/^[A-Za-z0-9_.-]{1,128}$/.test(id)'),
  webhook('signatures are without number', '&&\n    entries.length <= signaturesAtMost', ''),
  webhook(
    'a secret’s text is taken for its bytes',
    "Buffer.from(secret.slice('whsec_'.length), 'base64')",
    "Buffer.from(secret.slice('whsec_'.length))",
  ),
  hmac('any HMAC passes', 'timingSafeEqual(digest, other) || passes', 'true || passes'),
  hmac('only the first token counts', '    keys.map((key) =>', '    keys.slice(0, 1).map((key) =>'),
  hmac(
    'the body is signed as text',
    '        .update(body)\n        .digest(),\n    ),',
    '        .update(new TextDecoder().decode(body))\n        .digest(),\n    ),',
  ),
  hmac(
    'a signature is looked for anywhere in its header',
    '/^[0-9a-f]{64}$/.test(given)',
    '/[0-9a-f]{64}/.test(given)',
  ),
  hmac('capital letters are as good', '/^[0-9a-f]{64}$/.test(given)', '/^[0-9a-f]{64}$/i.test(given)'),
  array(
    'any signature of an array passes',
    "key !== undefined && verify('sha256', body, { key, dsaEncoding: 'der' }, signature)",
    'key !== undefined',
  ),
  array('arrays are signed over SHA-1', "verify('sha256'", "verify('sha1'"),
  array('a signature is two numbers side by side', "dsaEncoding: 'der'", "dsaEncoding: 'ieee-p1363'"),
  array('a withdrawn key passes', 'if (!published?.isCurrent) return false;', 'if (!published) return false;'),
  array('base64 is read as it comes', "bytes.toString('base64') === given ? bytes : undefined", 'bytes'),
  array('an id may be anything', '!/^[A-Za-z0-9_.:=+/-]{1,128}$/.test(id) || ', ''),
  array('any curve will do', " && key.asymmetricKeyDetails?.namedCurve === 'prime256v1'", ''),
  array(
    'any kind of key will do',
    "key.asymmetricKeyType === 'ec' && key.asymmetricKeyDetails?.namedCurve === 'prime256v1'",
    "!['secp384r1', 'secp521r1', 'secp256k1'].includes(String(key.asymmetricKeyDetails?.namedCurve))",
  ),
  array('keys may come over http', 'serviceAddress(text)', 'URL.parse(text) ?? undefined'),
  array(
    'keys may come from any machine by its number',
    'isLoopback(url) || z.regexes.domain.test(url.hostname)',
    'true',
  ),
  address('http leads to any machine', ' && isLoopback(url)) ? url', ') ? url'),
  address('an address may hold a password', " || url.username + url.password !== ''", ''),
  address('an origin may have more to it', 'isPlain ? serviceAddress', 'isPlain || text ? serviceAddress'),
  array('a token stays in its address', 'const url = withoutEcho(given, token);', 'const url = given;'),
  gitlabPartner('GitLab’s array is taken from GitHub’s headers', "headers: 'gitlab'", "headers: 'github'"),
  depsDev(
    'deps.dev’s keys are GitHub’s',
    'https://storage.googleapis.com/depsdev-gcp-public-keys/secret_scanning',
    'https://api.github.com/meta/public_keys/secret_scanning',
  ),
  delivery('broken UTF-8 is mended', "new TextDecoder('utf-8', { fatal: true })", "new TextDecoder('utf-8')"),
  delivery('a list is read without end', 'if (list.length > atMost)', 'if (false)'),
  delivery('one bad entry refuses all', 'first?.error && entries.length === 0', 'first?.error'),
  delivery('what is left out is not told', 'return { entries, skipped };', 'return { entries, skipped: [] };'),
  delivery('a delivery is told once and for ever', 'JSON.stringify([day, ...told])', 'JSON.stringify(told)'),
  trufflehog(
    'the default method is taken too',
    "isHmacHex(headers['x-hub-signature'] ?? '', body, tokens)",
    "isHmacHex(headers['x-hub-signature'] ?? '', body, tokens) || tokens.some((one) => process.getBuiltinModule('node:crypto').hash('sha256', Buffer.concat([Buffer.from(one.expose()), body])) === headers['x-hub-signature'])",
  ),
  trufflehog('a masked value is acted on', '!isRedacted(secret.expose())', "secret.expose() !== ''"),
  trufflehog('an alert without a value is dropped', 'findings, references, skipped', 'findings, skipped'),
  trufflehog('a value stays in the place that repeats it', 'withoutEcho(texts, secret)', 'texts'),
  standard('any type is a leak', "if (outer.data.type !== 'credential.leaked') return { is: 'nothing' };", ''),
  github(
    'GitHub’s signature is looked for anywhere in its header',
    '/^sha256=([0-9a-f]{64})$/.exec(',
    '/sha256=([0-9a-f]{64})/.exec(',
  ),
  github(
    'an alert of any GitHub is ours',
    'pages.find((one) => link.startsWith(`${one}/`))',
    'link.slice(0, link.indexOf("/", 8))',
  ),
  github(
    'our own closing is news',
    "['created', 'publicly_leaked', 'reopened', 'validated']",
    "['created', 'publicly_leaked', 'reopened', 'validated', 'resolved']",
  ),
  github(
    'a form is read as JSON',
    'return jsonOf(body);\n  const form',
    'return jsonOf(body);\n  if (body.length > 0) return jsonOf(body);\n  const form',
  ),
  gitlab(
    'a wrong signature is made up for by a token',
    "if (headers['webhook-signature'] !== undefined) return isStandardWebhook({ body, headers, now }, signingTokens);",
    'if (isStandardWebhook({ body, headers, now }, signingTokens)) return true;',
  ),
  gitlab('an alert of any GitLab is ours', 'homesOf(config).some((home) => link.startsWith(`${home}/`)) && ', ''),
  gitlab(
    'whatever comes is an event of GitLab’s',
    "if (!known.success) return { is: 'malformed', error: known.error };",
    '',
  ),
  gitlab(
    'an empty list is something to verify with',
    'tokens !== undefined && tokens.length > 0',
    'tokens !== undefined',
  ),
  gitlabForms(
    'a token may have more to it',
    "sameText(given ?? '', token.expose())",
    "(given ?? '').startsWith(token.expose())",
  ),
  gitlabForms('only the first of GitLab’s tokens counts', 'tokens.filter(', 'tokens.slice(0, 1).filter('),
  revocationApi(
    'anybody may have tokens revoked',
    'isOneOf(headers.authorization, revocationToken)',
    'revocationToken.length > 0',
  ),
  revocationApi(
    'one bad token takes the others with it',
    'if (data === undefined) skipped.push',
    'if (data === undefined) return { is: "nothing" };\n    if (data === undefined) skipped.push',
  ),
  gitguardian('GitGuardian’s time is not signed', 'timestamp + token.expose()', 'token.expose()'),
  gitguardian('GitGuardian’s time is no matter', ' || !isTimely(Number(timestamp), now)', ''),
  gitguardian('GitGuardian’s time may hold anything', '!/^\\d{1,12}(\\.\\d+)?$/.test(timestamp) || ', ''),
  gitguardian('GitGuardian’s signature needs no name', "if (!signature.startsWith('sha256=')) return false;", ''),
  gitguardian(
    'only the first of GitGuardian’s tokens counts',
    'signatureTokens.map(',
    'signatureTokens.slice(0, 1).map(',
  ),
  publicKeys(
    'every unknown id costs a reading',
    'if (within(had(known) ? pause : firstPause, known.triedAt)) return false;',
    '',
  ),
  publicKeys(
    'everybody reads the list at once',
    'if (known.reading === undefined) {',
    'if (known.keys !== undefined) {',
  ),
  publicKeys('a list is kept for ever', 'const freshFor = 60 * 60_000;', 'const freshFor = Infinity;'),
  publicKeys(
    'a key that is not said to be current is',
    'isCurrent: isCurrent === true',
    'isCurrent: isCurrent !== false',
  ),
  publicKeys(
    'a doubt about the keys is one about the sender',
    "throw new Unavailable('the list of public keys could not be read a moment ago')",
    'return undefined',
  ),
  lambda('base64 is taken for the body', "event.isBase64Encoded ? 'base64' : 'utf8'", "'utf8'"),
  lambda(
    'letters are read byte by byte',
    "event.isBase64Encoded ? 'base64' : 'utf8'",
    "event.isBase64Encoded ? 'base64' : 'latin1'",
  ),
  lambda('a header has one spelling', '[name.toLowerCase(), value]', '[name, value]'),
  lambda('a body is read however large', 'if (body.length > bodyAtMost)', 'if (body.length > 2 * bodyAtMost)'),
  revocationApi('a token is revoked once and for ever', 'deliveryName(places, now)', 'deliveryName(places, 0)'),
  gateway('of a header that came twice the last counts', "values?.join(',')", 'values?.at(-1)'),
  clients('a silent queue is tried for longer than senders wait', 'inTime = 7_500', 'inTime = 15_000'),
];
