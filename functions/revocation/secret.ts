import { createHash, timingSafeEqual } from 'node:crypto';
import { inspect } from 'node:util';
import * as z from 'zod';

/** A value that cannot print itself: only `expose()` shows it, so a search for `expose(` is the audit of every use. */
export class Secret {
  readonly #value: string;

  constructor(value: string) {
    this.#value = value;
  }

  /** The value itself. Call it where the value leaves for its provider, and nowhere else. */
  expose(): string {
    return this.#value;
  }

  toString(): string {
    return '[secret]';
  }

  toJSON(): string {
    return '[secret]';
  }

  [inspect.custom](): string {
    return '[secret]';
  }
}

/** Compares two values in a time that does not depend on where, or whether in length, they differ. */
export function sameText(left: string, right: string): boolean {
  const digest = (value: string) => createHash('sha256').update(value).digest();
  return timingSafeEqual(digest(left), digest(right));
}

/** Whether two secrets hold the same value, compared in constant time. */
export function sameSecret(left: Secret, right: Secret): boolean {
  return sameText(left.expose(), right.expose());
}

/** White space and quotes around a value, as copied text carries them, are dropped. */
const bare = (value: string) => value.trim().replace(/^(["'`])(.*)\1$/u, '$2');
const isPlain = (value: string) => /^[\x21-\x7e]{1,4096}$/.test(value);

/** A schema for one secret value: 1 to 4,096 visible ASCII characters, so that it can stand in a header whole. */
export const secretValue = z
  .string()
  .max(8192)
  .transform(bare)
  .refine(isPlain, 'must be 1 to 4,096 visible ASCII characters')
  .transform((value) => new Secret(value));

/** A schema for what a scanner took for a secret, such as a whole file: whether that is one is for the routing to say. */
export const secretText = z
  .string()
  .max(65_536)
  .transform(bare)
  .refine((value) => value !== '', 'must not be empty')
  .transform((value) => new Secret(value));

/** Whether a value has the form that a provider's secret can have. */
export const isSecretValue = (secret: Secret) => isPlain(secret.expose());

/** The value of an `Authorization` header with scheme Bearer; as secret as the token in it. */
export const bearer = (token: Secret) => new Secret(`Bearer ${token.expose()}`);
