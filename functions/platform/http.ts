import { Unavailable } from '../revocation/errors.ts';
import type { Answer, Request, Send } from '../revocation/exchange.ts';
import { Secret } from '../revocation/secret.ts';

/** No single request takes longer than this (ms). */
const patience = 10_000;
/** An answer larger than this (bytes) is not read to its end. */
const answerAtMost = 1024 * 1024;

/** Faults that happen before a request has left: it is certain that nothing was done. */
const neverLeft = new Set([
  'ENOTFOUND',
  'EAI_AGAIN',
  'ECONNREFUSED',
  'ENETUNREACH',
  'EHOSTUNREACH',
  'UND_ERR_CONNECT_TIMEOUT',
]);

/**
 * The one way out to providers. Follows no redirect, stays on the origin it is given, reads at most 1 MiB, waits at most
 * 10 s and never past the deadline. What it throws holds the provider's id and nothing of the request or its failure.
 */
export function createSend({
  now,
  fetch = globalThis.fetch,
}: {
  now(): number;
  fetch?: typeof globalThis.fetch;
}): Send {
  return async ({ provider, origin, deadline }, request) => {
    const wait = Math.min(patience, deadline - now());
    if (wait <= 0) throw new Unavailable(`no time was left to ask ${provider}`, { untouched: true });
    const url = addressOf(origin, request);
    try {
      const response = await fetch(url, {
        method: request.method,
        headers: exposed(request),
        redirect: 'manual',
        signal: AbortSignal.timeout(wait),
        ...bodyOf(request),
      });
      return await readAnswer(response, provider);
    } catch (error) {
      if (error instanceof Unavailable) throw error;
      throw new Unavailable(`${provider} did not answer`, { untouched: neverLeft.has(codeOf(error)) });
    }
  };
}

/** Where a request goes. @throws Error when the request would leave its origin, which a path made by the tag `path` cannot do */
export function addressOf(origin: string, { path, query }: Pick<Request, 'path' | 'query'>): URL {
  const base = new URL(origin);
  const url = new URL(base.origin + path);
  for (const [name, value] of Object.entries(query ?? {})) url.searchParams.append(name, value);
  const encoded = url.pathname.toLowerCase();
  if (url.origin !== base.origin || encoded !== path.toLowerCase() || url.username !== '')
    throw new Error('a request would leave its origin');
  return url;
}

function exposed({ headers = {}, body, form }: Request): Headers {
  const result = new Headers({ accept: 'application/json', 'user-agent': 'leakstop' });
  if (body !== undefined) result.set('content-type', 'application/json');
  if (form !== undefined) result.set('content-type', 'application/x-www-form-urlencoded');
  for (const [name, value] of Object.entries(headers))
    result.set(name, value instanceof Secret ? value.expose() : value);
  return result;
}

function bodyOf({ body, form }: Request): { body?: string } {
  if (form !== undefined) return { body: new URLSearchParams(form).toString() };
  return body === undefined ? {} : { body: JSON.stringify(body, exposing) };
}

/** `JSON.stringify` has asked the secret to print itself before it asks us: the secret stands in its holder still. */
function exposing(this: Record<string, unknown>, name: string, printed: unknown): unknown {
  const value = this[name];
  return value instanceof Secret ? value.expose() : printed;
}

async function readAnswer(response: Response, provider: string): Promise<Answer> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of response.body ?? []) {
    size += chunk.length;
    if (size > answerAtMost) {
      throw new Unavailable(`${provider}'s answer is larger than 1 MiB`);
    }
    chunks.push(chunk);
  }
  return {
    status: response.status,
    empty: size === 0,
    header: (name) => response.headers.get(name) ?? undefined,
    json: parse(Buffer.concat(chunks).toString('utf8')),
  };
}

function parse(body: string): unknown {
  try {
    return JSON.parse(body, exact);
  } catch {
    return undefined;
  }
}

/** An integer that a number would round names something else, so it stays the text it is; a reviver is given that text. */
function exact(_name: string, value: unknown, context?: { source?: string }): unknown {
  const { source } = context ?? {};
  const isRounded = typeof value === 'number' && source && /^-?\d+$/.test(source) && !Number.isSafeInteger(value);
  return isRounded ? source : value;
}

/** The error code of a failed fetch, which sits somewhere down its causes. */
function codeOf(error: unknown): string {
  for (let current = error; current instanceof Error; current = current.cause) {
    if ('code' in current && typeof current.code === 'string') return current.code;
  }
  return '';
}
