import type { Credentials } from './credentials.ts';
import { Unexpected } from './errors.ts';
import type { Secret } from './secret.ts';

/** A URL path whose every interpolated part is one encoded segment. Made by the tag `path` only. */
export type Path = string & { readonly __path: true };

/**
 * Builds a path; each value becomes exactly one segment, so an id like `a/b` cannot reach another resource.
 * @throws Unexpected for an empty value, for `.` and `..`, which a URL parser would fold away, and for half a character.
 */
export function path(parts: TemplateStringsArray, ...values: string[]): Path {
  const segments = values.map((value) => {
    if (value === '' || value === '.' || value === '..' || !value.isWellFormed())
      throw new Unexpected('an id cannot stand in a path');
    return encodeURIComponent(value);
  });
  return String.raw({ raw: parts }, ...segments) as Path;
}

/** One HTTP request to a provider, without its origin: that comes from configuration alone. */
export interface Request {
  method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';
  path: Path;
  query?: Record<string, string>;
  /** A `Secret` is exposed only while the request is written to the wire. */
  headers?: Record<string, string | Secret>;
  /** Who sends it. */
  as?: Credentials;
  /** Sent as JSON; a `Secret` in it is exposed only while it is written. */
  body?: unknown;
  /** Sent as a form, in place of a body. */
  form?: Record<string, string>;
}

/** What came back: `json` is undefined when the body is empty or is not JSON. */
export interface Answer {
  status: number;
  empty: boolean;
  header(name: string): string | undefined;
  json: unknown;
}

/** Sends one request to `origin`, to be over by `deadline` (epoch ms). Redirects are answers like any other. @throws Unavailable */
export type Send = (to: { provider: string; origin: string; deadline: number }, request: Request) => Promise<Answer>;

/**
 * A question with its answers written down: `read` returns what an answer means, or undefined for an answer that nobody
 * wrote down, which is then never success and never "not found".
 */
export interface Exchange<Input, Result> {
  request(input: Input): Request;
  read(answer: Answer, input: Input): Result | undefined;
}

/** A question that cannot be put to every input: `request` returns undefined where something is missing for it. */
export interface PartialExchange<Input, Result> {
  request(input: Input): Request | undefined;
  read(answer: Answer, input: Input): Result | undefined;
}

/**
 * A list, page by page from 0. With a `total` it is over when that many were read; without one, when `request` has no
 * further page or a page is empty.
 */
export type Listing<Input, Item> = PartialExchange<
  Input & { page: number },
  { items: Item[]; total?: number | undefined }
>;
