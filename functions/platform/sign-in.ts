import { createHash, randomBytes } from 'node:crypto';
import * as oauth from 'oauth4webapi';
import type { Credentials, Session } from '../revocation/credentials.ts';
import { Refused, Unavailable, Unexpected } from '../revocation/errors.ts';
import type { Answer, Send } from '../revocation/exchange.ts';
import { bearer, isSecretValue, Secret } from '../revocation/secret.ts';
import { addressOf } from './http.ts';

/** A token is not used in the last part of its life (ms): a request may take ten seconds. */
const spare = 30_000;

type To = Parameters<Send>[0];
type Kept = { promise: Promise<Session>; until: number };

/**
 * Signs requests in as they say (`as`) and keeps what a sign-in gives, for as long as it is good and the secret it was
 * made with is the same object. A 401 opens one new session, or answers one new challenge; the next 401 is the answer.
 * @throws Refused when the sign-in itself is refused; Unavailable, Unexpected
 */
export function signingIn(
  send: Send,
  { now, clientNonce = () => randomBytes(16).toString('hex') }: { now(): number; clientNonce?(): string },
): Send {
  const sessions = new WeakMap<Secret, Kept>();
  const digests = new WeakMap<Secret, Digest>();

  /** The session that is kept, else a new one: whoever asks while it is being opened shares it. */
  function sessionOf(key: Secret, open: () => Promise<Session>): Kept {
    const known = sessions.get(key);
    if (known && known.until > now()) return known;
    const kept: Kept = { promise: open(), until: Number.POSITIVE_INFINITY };
    sessions.set(key, kept);
    kept.promise.then(
      ({ livesMs }) => {
        kept.until = now() + Math.max(livesMs - spare, 0);
      },
      () => forget(key, kept),
    );
    return kept;
  }

  function forget(key: Secret, kept: Kept): void {
    if (sessions.get(key) === kept) sessions.delete(key);
  }

  async function inSession(
    key: Secret,
    open: () => Promise<Session>,
    ask: (token: Secret) => Promise<Answer>,
  ): Promise<Answer> {
    const kept = sessionOf(key, open);
    const answer = await ask((await kept.promise).token);
    if (answer.status !== 401) return answer;
    forget(key, kept);
    return ask((await sessionOf(key, open).promise).token);
  }

  return async (to, { as, ...request }) => {
    const withHeaders = (headers: Record<string, string | Secret>) =>
      send(to, { ...request, headers: { ...headers, ...request.headers } });
    switch (as?.by) {
      case undefined:
        return send(to, request);
      case 'headers':
        return withHeaders(as.headers);
      case 'digest': {
        const known = digests.get(as.password);
        const digest = known?.username === as.username ? known : { username: as.username };
        digests.set(as.password, digest);
        // The address is signed exactly as it is sent.
        const { pathname, search } = addressOf(to.origin, request);
        const sign = (challenge: Answerable) =>
          authorization(challenge, as, { method: request.method, uri: pathname + search });
        return inDigest(digest, clientNonce, (challenge) =>
          withHeaders(challenge ? { Authorization: sign(challenge) } : {}),
        );
      }
      case 'client-credentials':
        return inSession(
          as.clientSecret,
          () => clientCredentials(send, to, as),
          (access) => withHeaders({ Authorization: bearer(access) }),
        );
      case 'session':
        return inSession(
          as.key,
          () => openSession(send, to, as),
          (session) => withHeaders(as.headers(session)),
        );
    }
  };
}

/** What a sign-in that gave no session means. */
function failure({ provider }: To, { status, header }: Answer): Error {
  if (status === 400 || status === 401 || status === 403)
    return new Refused(`${provider} refuses to sign the admin credential in (${status})`, { explained: true });
  const wait = header('retry-after') ?? '';
  const retryAfterMs = /^\d{1,12}$/.test(wait) ? Number(wait) * 1000 : undefined;
  if (status === 429 || status >= 500)
    return new Unavailable(`${provider} answered the sign-in with ${status}`, { retryAfterMs, untouched: true });
  return new Unexpected(`${provider} answered the sign-in with ${status}, which its documentation does not say`);
}

async function openSession(
  send: Send,
  to: To,
  { open, read }: Extract<Credentials, { by: 'session' }>,
): Promise<Session> {
  const answer = await before(send(to, open));
  const session = read(answer);
  if (session === 'refused')
    throw new Refused(`${to.provider} refuses to sign the admin credential in (${answer.status})`, { explained: true });
  if (session === undefined) throw failure(to, answer);
  return session;
}

/** Whatever went wrong with a sign-in, the request it was for has not left. */
async function before(signIn: Promise<Answer>): Promise<Answer> {
  try {
    return await signIn;
  } catch (error) {
    if (!(error instanceof Unavailable)) throw error;
    throw new Unavailable(error.message, { retryAfterMs: error.retryAfterMs, untouched: true });
  }
}

/** One token request (RFC 6749, section 4.4); the id and secret are sent as they are, as the providers' own clients do. */
async function clientCredentials(
  send: Send,
  to: To,
  { tokenPath, clientId, clientSecret }: Extract<Credentials, { by: 'client-credentials' }>,
): Promise<Session> {
  let answer: Answer | undefined;
  const server = { issuer: to.origin, token_endpoint: to.origin + tokenPath };
  const client = { client_id: clientId };
  const basic = new Secret(`Basic ${Buffer.from(`${clientId}:${clientSecret.expose()}`).toString('base64')}`);
  const response = await oauth.clientCredentialsGrantRequest(server, client, () => {}, new URLSearchParams(), {
    [oauth.customFetch]: async (_, { body }) => {
      const form = Object.fromEntries(new URLSearchParams(String(body)));
      const request = { method: 'POST', path: tokenPath, headers: { Authorization: basic }, form } as const;
      answer = await before(send(to, request));
      // Only bearer tokens are given here, and not everybody says so: https://www.rfc-editor.org/rfc/rfc6749#section-5.1
      const said = answer.status === 200 ? { token_type: 'Bearer', ...Object(answer.json) } : answer.json;
      return new Response(JSON.stringify(said ?? null), {
        status: answer.status,
        headers: { 'content-type': 'application/json' },
      });
    },
  });
  if (answer === undefined || answer.status !== 200) throw answer ? failure(to, answer) : new Error('no answer');
  const given = await oauth.processClientCredentialsResponse(server, client, response).catch(() => undefined);
  const token = new Secret(given?.access_token ?? '');
  if (given === undefined || !isSecretValue(token))
    throw new Unexpected(`${to.provider} answered the sign-in with something that is no token`);
  return { token, livesMs: (given.expires_in ?? 0) * 1000 };
}

/** A challenge that we can answer, as https://www.rfc-editor.org/rfc/rfc7616#section-3.3 names its parts. */
interface Challenge {
  realm: string;
  nonce: string;
  opaque: string | undefined;
  algorithm: string | undefined;
  hash: string;
  /** The server asks for `qop=auth`; without it, it follows RFC 2069 and must be sent neither a count nor a client nonce. */
  counts: boolean;
  isStale: boolean;
}

/** A challenge with our part of it, and how often its nonce was used. */
interface Answerable extends Challenge {
  clientNonce: string;
  uses: number;
}

/** The last challenge is answered unasked for as long as its nonce is good. */
interface Digest {
  username: string;
  challenge?: Answerable;
}

/** Answers challenges: the first 401, and one more for a nonce that grew old on the way. */
async function inDigest(
  digest: Digest,
  clientNonce: () => string,
  ask: (challenge: Answerable | undefined) => Promise<Answer>,
): Promise<Answer> {
  let answer = await ask(digest.challenge);
  for (let answered = 0; answered < 2 && answer.status === 401; answered += 1) {
    const challenge = challengeIn(answer.header('www-authenticate') ?? '');
    if (challenge === undefined || (answered > 0 && !challenge.isStale)) return answer;
    const own: Answerable = { ...challenge, clientNonce: clientNonce(), uses: 0 };
    answer = await ask(own);
    // Others count on from there only now: if one of theirs overtook the first use, that would look like a replay.
    if (answer.status !== 401) digest.challenge = own;
  }
  return answer;
}

const hashes: Readonly<Record<string, string>> = { MD5: 'md5', 'SHA-256': 'sha256' };
/** A parameter with its value, or else the name of a scheme. */
const piece = /([\w-]+)\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s",]+))|([^\s",=]+)/g;

/** The first challenge of the header that we can answer. */
function challengeIn(header: string): Challenge | undefined {
  const challenges: { scheme: string; given: Map<string, string> }[] = [];
  for (const [, name = '', quoted, plain = '', scheme] of header.matchAll(piece)) {
    if (scheme !== undefined) challenges.push({ scheme: scheme.toLowerCase(), given: new Map() });
    else challenges.at(-1)?.given.set(name.toLowerCase(), quoted ?? plain);
  }
  return challenges.map(supported).find((challenge) => challenge !== undefined);
}

function supported({ scheme, given }: { scheme: string; given: Map<string, string> }): Challenge | undefined {
  const [realm, nonce, algorithm, qop] = ['realm', 'nonce', 'algorithm', 'qop'].map((name) => given.get(name));
  const hash = hashes[(algorithm ?? 'MD5').toUpperCase()];
  const counts = qop?.split(',').some((one) => one.trim().toLowerCase() === 'auth') ?? false;
  if (scheme !== 'digest' || realm === undefined || nonce === undefined || hash === undefined) return undefined;
  if (qop !== undefined && !counts) return undefined;
  const isStale = given.get('stale')?.toLowerCase() === 'true';
  return { realm, nonce, algorithm, hash, counts, isStale, opaque: given.get('opaque') };
}

/** One more use of the nonce. */
function authorization(
  challenge: Answerable,
  { username, password }: Extract<Credentials, { by: 'digest' }>,
  { method, uri }: { method: string; uri: string },
): Secret {
  const { realm, nonce, opaque, algorithm, hash, counts, clientNonce } = challenge;
  challenge.uses += 1;
  const count = challenge.uses.toString(16).padStart(8, '0');
  const digestOf = (...parts: string[]) => createHash(hash).update(parts.join(':')).digest('hex');
  const counted = counts ? [count, clientNonce, 'auth'] : [];
  const secret = digestOf(username, realm, password.expose());
  const response = digestOf(secret, nonce, ...counted, digestOf(method, uri));
  const quoted = { username, realm, nonce, uri, response, opaque, cnonce: counts ? clientNonce : undefined };
  const plain = { algorithm, qop: counts ? 'auth' : undefined, nc: counts ? count : undefined };
  const parts = [
    ...Object.entries(quoted).map(([name, value]) => value !== undefined && `${name}="${value}"`),
    ...Object.entries(plain).map(([name, value]) => value !== undefined && `${name}=${value}`),
  ];
  return new Secret(`Digest ${parts.filter(Boolean).join(', ')}`);
}
