import { Refused, Unavailable, Unexpected } from './errors.ts';
import type { Answer, Exchange, Request, Send } from './exchange.ts';
import type { AnyKind, AnyProvider } from './provider.ts';
import type { Secret } from './secret.ts';

/** One account at a provider, with the admin credential and the way there. */
export interface Access {
  provider: AnyProvider;
  kind: AnyKind;
  account: string;
  admin: unknown;
  send: Send;
  /** Epoch ms by which every request must be over. */
  deadline: number;
}

/** Sends as the admin and reads the answer. @throws Refused, Unavailable, Unexpected for every answer nobody wrote down */
export async function askAsAdmin<Input, Result>(
  access: Access,
  exchange: Exchange<Input & { admin: unknown }, Result>,
  input: Input,
): Promise<Result> {
  const { provider, admin } = access;
  const request = exchange.request({ ...input, admin });
  const answer = await sendTo(access, { ...request, headers: { ...provider.authenticate(admin), ...request.headers } });
  const result = exchange.read(answer);
  if (result === undefined) throw faultOf(provider, answer, access.account);
  return result;
}

/** Sends with nothing but the leaked key; undefined when the answer is not one that was written down. @throws Unavailable */
export async function askAsLeaked<Result>(
  access: Access,
  exchange: Exchange<{ leaked: Secret }, Result>,
  leaked: Secret,
): Promise<Result | undefined> {
  return exchange.read(await sendTo(access, exchange.request({ leaked })));
}

function sendTo({ provider, admin, send, deadline }: Access, request: Request): Promise<Answer> {
  return send({ provider: provider.id, origin: provider.origin(admin), deadline }, request);
}

/** Tells our own refused credential, a bad moment and a changed contract apart. */
function faultOf(provider: AnyProvider, answer: Answer, account: string): Error {
  const { status } = answer;
  if (status === 401 || status === 403)
    return new Refused(`${provider.id} refuses the admin credential of account ${account} (${status})`);
  if (status === 429 || status >= 500) {
    return new Unavailable(`${provider.id} answered ${status}`, {
      retryAfterMs: waitHint(provider, answer),
      untouched: status === 429,
    });
  }
  return new Unexpected(`${provider.id} answered ${status}, which its documentation does not say`);
}

/** Why the admin credential was refused, as far as a harmless request can tell. Never throws. */
export async function diagnose(access: Access): Promise<string> {
  const { provider, admin } = access;
  const request = provider.diagnose?.request(admin);
  if (!request || !provider.diagnose) return 'it is wrong or lacks a right';
  try {
    const headers = { ...provider.authenticate(admin), ...request.headers };
    return provider.diagnose.read(await sendTo(access, { ...request, headers }));
  } catch {
    return 'it is wrong or lacks a right';
  }
}

/** The request that would be sent about a key, as a dry run shows it: credentials masked. */
export function planOf({ provider, kind, admin }: Access, action: 'delete' | 'disable', keyId: string): string {
  const exchange = action === 'disable' ? kind.disable : kind.remove;
  if (!exchange) return `${provider.id} cannot ${action} this kind of key`;
  const { method, path, headers } = exchange.request({ admin, keyId });
  const masked = Object.keys({ ...provider.authenticate(admin), ...headers }).map((name) => `${name}: [secret]`);
  return [`${method} ${provider.origin(admin)}${path}`, ...masked].join('; ');
}

function waitHint(provider: AnyProvider, answer: Answer): number | undefined {
  const own = provider.waitHint?.(answer);
  if (own !== undefined) return own;
  const seconds = Number(answer.header('retry-after') ?? Number.NaN);
  return Number.isFinite(seconds) && seconds >= 0 ? seconds * 1000 : undefined;
}
