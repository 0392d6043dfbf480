import { createPrivateKey, type KeyObject, sign } from 'node:crypto';
import * as z from 'zod';
import { isLoopback, serviceAddress } from '../../revocation/address.ts';
import { Refused, Unavailable } from '../../revocation/errors.ts';
import { type Answer, type Path, path, type Request } from '../../revocation/exchange.ts';
import { bodyOf, retryAfter } from '../../revocation/inquire.ts';
import { bearer, Secret, secretValue } from '../../revocation/secret.ts';
import type { Inquiry } from '../../revocation/source.ts';

/** Where a GitHub answers, and where its pages are; of several, the first is its own. */
interface Site {
  origin: string;
  base: Path;
  pages: readonly [string, ...string[]];
}

/**
 * github.com, a tenant at ghe.com, or GitHub Enterprise Server: https://docs.github.com/rest/using-the-rest-api/getting-started-with-the-rest-api.
 * What answers on this machine has pages of its own, or stands in for github.com.
 */
function siteOf(address: string): Site | undefined {
  const url = serviceAddress(address);
  if (url === undefined || url.search + url.hash !== '') return undefined;
  const { origin, host } = url;
  const folder = url.pathname.replace(/\/$/, '');
  const base = folder === '' ? path`` : path`/api/v3`;
  if (folder !== base) return undefined;
  if (isLoopback(url)) return { origin, base, pages: [origin, 'https://github.com'] };
  if (folder !== '') return { origin, base, pages: [origin] };
  return host.startsWith('api.') ? { origin, base, pages: [`https://${host.slice('api.'.length)}`] } : undefined;
}

function rsaKey(pem: string): KeyObject | undefined {
  try {
    const key = createPrivateKey(pem);
    return key.asymmetricKeyType === 'rsa' ? key : undefined;
  } catch {
    return undefined;
  }
}

/** A schema for the address of a GitHub's interface. */
export const site = z
  .string()
  .max(256)
  .prefault('https://api.github.com')
  .transform((address, context) => {
    const found = siteOf(address);
    if (found === undefined) context.addIssue('must be https://api.github.com, or https://<host>/api/v3 for a server');
    return found ?? z.NEVER;
  });

/** Schemas for what an App signs in with. */
export const appId = z
  .union([z.string(), z.int().positive().transform(String)])
  .pipe(z.string().regex(/^[A-Za-z0-9._-]{1,64}$/, 'must be the App ID or the client ID of the GitHub App'));
export const privateKey = z
  .string()
  .max(16_384)
  .transform((pem, context) => {
    const key = rsaKey(pem);
    if (key === undefined) context.addIssue('must be the private key of the GitHub App as GitHub gave it (PEM)');
    return key ?? z.NEVER;
  });

/** How an App signs in. */
export interface App {
  apiUrl: Site;
  appId: string;
  privateKey: KeyObject;
}
/** How we may speak to GitHub: with one token, or as an App, which asks for a token each time. */
export type Access = App | { apiUrl: Site; token: Secret };

/** Sends one request, signed in. */
export type Call = (method: Request['method'], where: Path, more?: Pick<Request, 'query' | 'body'>) => Promise<Answer>;

function callerOf({ config: { apiUrl }, ask }: Inquiry<Access>, token: Secret): Call {
  const headers = {
    accept: 'application/vnd.github+json',
    'x-github-api-version': '2022-11-28',
    authorization: bearer(token),
  };
  return (method, where, more = {}) =>
    ask(apiUrl.origin, { method, path: `${apiUrl.base}${where}` as Path, headers, ...more });
}

/** There is nothing, for us or for anybody: GitHub does not tell these apart. A redirect is a repository that has moved. */
export const isGone = ({ status }: Answer) => [301, 302, 307, 308, 404].includes(status);

/** What a person does about a right that is missing. */
export const needsRight =
  'give the GitHub App or the token in leakstop/sources/github the repository permission “Secret scanning alerts” (read and write)';
const needsToken =
  'put a valid token, or the appId and privateKey of an App that is not suspended, into leakstop/sources/github';

/**
 * A wait (ms) that GitHub asks for, in one of two headers or in words alone. It may come as 403, too:
 * https://docs.github.com/rest/using-the-rest-api/rate-limits-for-the-rest-api
 */
export function waitOf(answer: Answer, now: number): number | undefined {
  if (answer.status !== 403 && answer.status !== 429) return undefined;
  const reset = answer.header('x-ratelimit-reset') ?? '';
  const isSpent = answer.header('x-ratelimit-remaining') === '0' && /^\d{1,12}$/.test(reset);
  const said = z.object({ message: z.string() }).safeParse(answer.json);
  const isLimit = answer.status === 429 || (said.success && /rate limit/i.test(said.data.message));
  return (
    retryAfter(answer, now) ??
    (isSpent ? Math.max(Number(reset) * 1000 - now, 0) : undefined) ??
    (isLimit ? 60_000 : undefined)
  );
}

/** The body of an answer that must be a success and match `schema`. @throws Unavailable, Refused, Unexpected */
export function must<Value>(answer: Answer, schema: z.ZodType<Value>, now: number): Value {
  const retryAfterMs = waitOf(answer, now);
  if (retryAfterMs !== undefined)
    throw new Unavailable(`github answered ${answer.status}`, { retryAfterMs, untouched: true });
  return bodyOf(answer, schema, { who: 'github', remedy: answer.status === 401 ? needsToken : needsRight, now });
}

/** Whether it is an App that we speak as; a token does not say what it is for. */
export const isOfApp = (inquiry: Inquiry<Access>): inquiry is Inquiry<App> => 'appId' in inquiry.config;

/**
 * Signs in as the App itself. Ten lines of `node:crypto` in place of a package that brings requests of its own:
 * https://docs.github.com/apps/creating-github-apps/authenticating-with-a-github-app/generating-a-json-web-token-jwt-for-a-github-app
 */
export function asApp(inquiry: Inquiry<App>): Call {
  const { config, now } = inquiry;
  const seconds = Math.floor(now / 1000);
  const part = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url');
  // A minute back, and two short of the ten that are allowed, for clocks that differ.
  const claims = { iat: seconds - 60, exp: seconds + 480, iss: config.appId };
  const signed = `${part({ alg: 'RS256', typ: 'JWT' })}.${part(claims)}`;
  const signature = sign('sha256', Buffer.from(signed), config.privateKey).toString('base64url');
  return callerOf(inquiry, new Secret(`${signed}.${signature}`));
}

/** Signs in to one installation, with no more rights than are needed, and in no other repositories than those named. */
export async function asInstallation(
  inquiry: Inquiry<App>,
  id: number,
  narrowed: { repositories?: string[]; permissions: { secret_scanning_alerts: 'read' | 'write' } },
): Promise<Call> {
  const where = path`/app/installations/${String(id)}/access_tokens`;
  const answer = await asApp(inquiry)('POST', where, { body: narrowed });
  // More was asked for than the App was given.
  if (answer.status === 422) throw new Refused('github refuses the App a token (422)', { remedy: needsRight });
  return callerOf(inquiry, must(answer, z.object({ token: secretValue }), inquiry.now).token);
}

/** The way to one repository's alerts; undefined: the App is not installed there. */
export async function enter(
  inquiry: Inquiry<Access>,
  { owner, repository }: { owner: string; repository: string },
  right: 'read' | 'write',
): Promise<Call | undefined> {
  const { config } = inquiry;
  if ('token' in config) return callerOf(inquiry, config.token);
  const app = { ...inquiry, config };
  const answer = await asApp(app)('GET', path`/repos/${owner}/${repository}/installation`);
  if (isGone(answer)) return undefined;
  const { id } = must(answer, z.object({ id: z.int().positive() }), inquiry.now);
  return asInstallation(app, id, { repositories: [repository], permissions: { secret_scanning_alerts: right } });
}

/** Small enough that a page of alerts with their repositories stays below the size at which an answer is not read. */
export const pageSize = 50;
export const pagesAtMost = 10;

/** What was read of a list. */
export interface Listed<Item> {
  items: Item[];
  /** There is more that was not read. */
  more: boolean;
}

/** A list, page by page, until its end, a page with an item that `isEnough`, or too many pages. */
export async function listed<Item>(
  call: Call,
  where: Path,
  schema: z.ZodType<Item[]>,
  options: { now: number; query?: Record<string, string>; pages?: number; isEnough?(item: Item): boolean },
): Promise<Listed<Item>> {
  const { now, query, pages = pagesAtMost, isEnough = () => false } = options;
  const items: Item[] = [];
  for (let page = 1; page <= pages; page += 1) {
    const answer = await call('GET', where, { query: { ...query, per_page: String(pageSize), page: String(page) } });
    // Secret scanning is off there.
    if (answer.status === 404) return { items, more: false };
    const next = must(answer, schema, now);
    items.push(...next);
    if (!/\brel="next"/.test(answer.header('link') ?? '') || next.some(isEnough)) return { items, more: false };
  }
  return { items, more: true };
}
