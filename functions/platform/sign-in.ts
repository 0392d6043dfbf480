import { randomBytes } from 'node:crypto';
import { DigestClient } from 'digest-fetch';
import * as oauth from 'oauth4webapi';
import type { Credentials, Session } from '../revocation/credentials.ts';
import { Refused, Unavailable, Unexpected } from '../revocation/errors.ts';
import type { Answer, Send } from '../revocation/exchange.ts';
import { bearer, Secret } from '../revocation/secret.ts';
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
export function signingIn(send: Send, { now }: { now(): number }): Send {
  const sessions = new WeakMap<Secret, Kept>();
  const digests = new WeakMap<Secret, Digest>();

  async function token(key: Secret, open: () => Promise<Session>, fresh: boolean): Promise<Secret> {
    const known = sessions.get(key);
    if (known && !fresh && known.until > now()) return (await known.promise).token;
    const kept: Kept = { promise: open(), until: Number.POSITIVE_INFINITY };
    sessions.set(key, kept);
    try {
      const session = await kept.promise;
      kept.until = now() + Math.max(session.livesMs - spare, 0);
      return session.token;
    } catch (error) {
      if (sessions.get(key) === kept) sessions.delete(key);
      throw error;
    }
  }

  async function inSession(
    key: Secret,
    open: () => Promise<Session>,
    ask: (token: Secret) => Promise<Answer>,
  ): Promise<Answer> {
    const used = await token(key, open, false);
    const answer = await ask(used);
    if (answer.status !== 401) return answer;
    const current = await sessions.get(key)?.promise.catch(() => undefined);
    return ask(await token(key, open, current === undefined || current.token === used));
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
        const { href } = addressOf(to.origin, request);
        return inDigest(digest, as.password, { href, method: request.method }, withHeaders);
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
  const seconds = Number(header('retry-after') ?? Number.NaN);
  const retryAfterMs = Number.isFinite(seconds) && seconds >= 0 ? seconds * 1000 : undefined;
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
      return new Response(JSON.stringify(answer.json ?? null), {
        status: answer.status,
        headers: { 'content-type': 'application/json' },
      });
    },
  });
  if (answer === undefined || answer.status !== 200) throw answer ? failure(to, answer) : new Error('no answer');
  try {
    const { access_token, expires_in } = await oauth.processClientCredentialsResponse(server, client, response);
    return { token: new Secret(access_token), livesMs: (expires_in ?? 0) * 1000 };
  } catch {
    throw new Unexpected(`${to.provider} answered the sign-in with something that is no token`);
  }
}

/** What the last challenge gave: its nonce, and how often it was used. */
type Digest = { username: string; client?: DigestClient };

const algorithms = ['MD5', 'MD5-sess', 'SHA-256', 'SHA-256-sess', 'SHA-512-256', 'SHA-512-256-sess'];

/** Answers challenges: the first 401, and one more for a nonce that grew old on the way. */
async function inDigest(
  digest: Digest,
  password: Secret,
  address: { href: string; method: string },
  ask: (headers: Record<string, Secret>) => Promise<Answer>,
): Promise<Answer> {
  const signed = () => ask(digest.client ? authorization(digest.client, address) : {});
  let answer = await signed();
  for (let answered = 0; answered < 2 && answer.status === 401; answered += 1) {
    const challenge = /\bdigest\s.*$/i.exec(answer.header('www-authenticate') ?? '')?.[0];
    const isStale = /\bstale\s*=\s*"?true/i.test(challenge ?? '');
    const algorithm = /\balgorithm\s*=\s*"?([A-Za-z0-9-]+)/i.exec(challenge ?? '')?.[1] ?? 'MD5';
    if (challenge === undefined || !algorithms.includes(algorithm) || (answered > 0 && !isStale)) return answer;
    digest.client = challenged(digest.username, password, challenge, algorithm);
    answer = await signed();
  }
  return answer;
}

/** The library counts and hashes; requests go our own way, with a client nonce from a real source of chance. */
function challenged(username: string, password: Secret, challenge: string, algorithm: string): DigestClient {
  const client = new DigestClient(username, password.expose(), { algorithm });
  Object.assign(client, { makeNonce: () => randomBytes(16).toString('hex') });
  client.parseAuth(challenge);
  return client;
}

function authorization(client: DigestClient, { href, method }: { href: string; method: string }) {
  const { headers } = client.addAuth(href, { method, headers: {} }) as { headers: { Authorization: string } };
  client.digest.nc += 1;
  return { Authorization: new Secret(headers.Authorization) };
}
