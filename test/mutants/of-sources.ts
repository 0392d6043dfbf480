import { inFile, type Mutant } from './mutant.ts';

const ofStandard = ['test/functions/sources/standard.test.ts'];
const ofArrays = ['test/functions/sources/github-partner.test.ts'];
const ofTrufflehog = ['test/functions/sources/trufflehog.test.ts'];

const webhook = inFile('functions/revocation/signature.ts', ofStandard);
const hmac = inFile('functions/revocation/signature.ts', ofTrufflehog);
const array = inFile('functions/revocation/signed-array.ts', ofArrays);
const gitlabPartner = inFile('functions/sources/gitlab-partner.ts', ['test/functions/sources/gitlab-partner.test.ts']);
const depsDev = inFile('functions/sources/deps-dev.ts', ['test/functions/sources/deps-dev.test.ts']);
const delivery = inFile('functions/revocation/delivery.ts', ofArrays);
const trufflehog = inFile('functions/sources/trufflehog.ts', ofTrufflehog);
const standard = inFile('functions/sources/standard.ts', ofStandard);

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
  array('keys may come over http', 'protocol: /^https$/', 'protocol: /^https?$/'),
  array('a token stays in its address', 'const url = withoutEcho(given, token);', 'const url = given;'),
  gitlabPartner('GitLab’s array is taken from GitHub’s headers', "headers: 'gitlab'", "headers: 'github'"),
  depsDev(
    'deps.dev’s keys are GitHub’s',
    'https://storage.googleapis.com/depsdev-gcp-public-keys/secret_scanning',
    'https://api.github.com/meta/public_keys/secret_scanning',
  ),
  delivery('broken UTF-8 is mended', "new TextDecoder('utf-8', { fatal: true })", "new TextDecoder('utf-8')"),
  delivery('a list is read without end', 'list.slice(0, atMost).map', 'list.map'),
  delivery('one bad entry refuses all', 'first?.error && entries.length === 0', 'first?.error'),
  delivery('what is left out is not told', 'list.length > atMost ? [...skipped, rest] : skipped', 'skipped'),
  delivery('a delivery is told once and for ever', 'JSON.stringify([day, ...told])', 'JSON.stringify(told)'),
  trufflehog(
    'the default method is taken too',
    "isHmacHex(headers['x-hub-signature'] ?? '', body, tokens)",
    "isHmacHex(headers['x-hub-signature'] ?? '', body, tokens) || tokens.some((one) => process.getBuiltinModule('node:crypto').hash('sha256', Buffer.concat([Buffer.from(one.expose()), body])) === headers['x-hub-signature'])",
  ),
  trufflehog(
    'a masked value is acted on',
    '!/\\*{3}|\\.{3}$|…$|^redacted$/i.test(secret.expose())',
    "secret.expose() !== ''",
  ),
  trufflehog('an alert without a value is dropped', 'findings, references, skipped', 'findings, skipped'),
  trufflehog('a value stays in the place that repeats it', 'withoutEcho(texts, secret)', 'texts'),
  standard('any type is a leak', "if (outer.data.type !== 'credential.leaked') return { is: 'nothing' };", ''),
];
