import { headerNames } from './credentials.ts';
import { Refused, Unavailable, Unexpected } from './errors.ts';
import type { Answer, PartialExchange, Request, Send } from './exchange.ts';
import { retryAfter } from './inquire.ts';
import type { Leak } from './leak.ts';
import { withoutEcho } from './leak-contents.ts';
import type { AnyKind, AnyProvider, KeyTarget, LeakedValue } from './provider.ts';

/** One account at a provider, with the admin credential and the way there. */
export interface Access {
  provider: AnyProvider;
  kind: AnyKind;
  account: string;
  admin: unknown;
  send: Send;
  /** Epoch ms by which every request must be over. */
  deadline: number;
  now(): number;
}

/**
 * Sends as the admin and reads the answer; undefined when the question cannot be put.
 * @throws Refused, Unavailable, Unexpected for every answer nobody wrote down
 */
export async function askAsAdmin<Input, Result>(
  access: Access,
  exchange: PartialExchange<Input & { admin: unknown }, Result>,
  input: Input,
): Promise<Result | undefined> {
  const { provider, admin } = access;
  const asked = { ...input, admin };
  const request = exchange.request(asked);
  if (request === undefined) return undefined;
  const answer = await sendTo(access, { ...request, as: provider.authenticate(admin) });
  const result = exchange.read(answer, asked);
  if (result === undefined) throw faultOf(access, answer);
  return result;
}

/**
 * Sends with nothing but the leaked key; undefined when it cannot, or the answer is not one that was written down.
 * @throws Unavailable, for a rate limit and a failure of the provider too
 */
export async function askAsLeaked<Result>(
  access: Access,
  exchange: PartialExchange<LeakedValue, Result>,
  leak: LeakedValue,
): Promise<Result | undefined> {
  const request = exchange.request(leak);
  if (request === undefined) return undefined;
  const answer = await sendTo(access, request);
  const result = exchange.read(answer, leak);
  if (result === undefined && isBadMoment(answer)) throw badMoment(access, answer);
  return result;
}

function sendTo({ provider, admin, send, deadline }: Access, request: Request): Promise<Answer> {
  return send({ provider: provider.id, origin: provider.origin(admin), deadline }, request);
}

/** Tells our own refused credential, a bad moment and a changed contract apart. */
function faultOf(access: Access, answer: Answer): Error {
  const { provider, admin, account } = access;
  const { status } = answer;
  if (status === 401 || status === 403) {
    const why = provider.explain?.(answer, admin);
    const message = `${provider.id} refuses the admin credential of account ${account} (${status})`;
    return new Refused(why === undefined ? message : `${message}: ${why}`, { explained: why !== undefined });
  }
  if (isBadMoment(answer)) return badMoment(access, answer);
  return new Unexpected(`${provider.id} answered ${status}, which its documentation does not say`);
}

const isBadMoment = ({ status }: Answer) => status === 429 || status >= 500;

const badMoment = ({ provider, now }: Access, answer: Answer) =>
  new Unavailable(`${provider.id} answered ${answer.status}`, {
    retryAfterMs: waitHint(provider, answer, now()),
    untouched: answer.status === 429,
  });

/** Why the admin credential was refused, as far as a harmless request can tell. Never throws. */
export async function diagnose(access: Access): Promise<string> {
  const { provider, admin } = access;
  const request = provider.diagnose?.request(admin);
  if (!request || !provider.diagnose) return 'it is wrong or lacks a right';
  try {
    return provider.diagnose.read(await sendTo(access, { ...request, as: provider.authenticate(admin) }));
  } catch {
    return 'it is wrong or lacks a right';
  }
}

/** The request that would be sent about a key, as a dry run shows it: credentials masked. */
export function planOf(
  { provider, kind, admin }: Access,
  action: 'delete' | 'disable',
  target: Omit<KeyTarget<unknown>, 'admin'>,
): string {
  const exchange = action === 'disable' ? kind.disable : kind.remove;
  if (!exchange) return `${provider.id} cannot ${action} this kind of key`;
  const request = exchange.request({ admin, ...target });
  const secrets = headerNames(provider.authenticate(admin)).map((name) => `${name}: [secret]`);
  const plain = Object.entries(request.headers ?? {}).map(([name, value]) => `${name}: ${value}`);
  const content = request.body === undefined ? [] : [JSON.stringify(request.body)];
  return withoutEcho(
    [lineOf(provider.origin(admin), request), ...secrets, ...plain, ...content].join('; '),
    target.leaked,
  );
}

/** A request that would prove the key dead, with the leaked key or by looking for it. Nothing of what it carries is shown. */
export function proofPlanOf({ provider, admin }: Access, request: Request, leak: Leak): string {
  const names = [...Object.keys(request.headers ?? {}), ...(request.as ? headerNames(request.as) : [])];
  const line = lineOf(provider.origin(admin), request);
  return withoutEcho([line, ...names.map((name) => `${name}: [secret]`)].join('; '), leak.secret);
}

const lineOf = (origin: string, { method, path, query }: Request) =>
  `${method} ${origin}${path}${query ? `?${new URLSearchParams(query)}` : ''}`;

/** A wait (ms) that a refusing answer names: the provider's own way, else `Retry-After`. */
const waitHint = (provider: AnyProvider, answer: Answer, now: number): number | undefined =>
  provider.waitHint?.(answer, now) ?? retryAfter(answer, now);
