import type * as z from 'zod';
import type { Answer, Exchange, Request } from './exchange.ts';
import type { Leak } from './leak.ts';
import type { Secret } from './secret.ts';

/** What a provider's record of a key says, in our words. */
export interface KeyDescription {
  keyId: string;
  /** A name a person would recognise it by. */
  label?: string | undefined;
  /** False when the provider already disabled, expired or deactivated it. */
  active: boolean;
  /** The provider marks it as one that is meant to be seen by everybody. */
  meantToBePublic?: boolean;
}

/** How well a provider's record fits a leak: `same` is proof, a `hint` (last four characters) is only a candidate. */
export type Fit = 'same' | 'hint' | 'different';

/**
 * One kind of credential at a provider: data and pure functions, written from `docs`. `Admin` is the provider's admin
 * secret as its schema gives it, `Key` the provider's record of one key as `read` returns it.
 *
 * Every `read` answers undefined for what the documentation does not say; the engine then tells our refused credential
 * (401, 403), a bad moment (429, 5xx) and a changed contract (all else) apart, and never guesses.
 */
export interface Kind<Admin, Key> {
  /** The page this was written from. */
  docs: string;
  /** Names an alert may give to name the key; the first that one is needed to act on it alone. */
  identifiers: readonly string[];
  /** The value's form, where the form alone is proof of provider and kind. */
  unmistakable?: RegExp;
  /** What a person should know before trusting us with it. */
  facts: {
    /** Whether a key can be switched off and on again. */
    reversible: boolean;
    /** The right the admin credential needs. */
    permission: string;
    /** How long a deleted key may still be accepted, as far as anybody knows. */
    propagation: string;
  };
  /** The leaked key names itself. Used only where policy allows; anything but a clear answer falls back to the list. */
  self?: Exchange<{ leaked: Secret }, { keyId: string }>;
  /** One record by id. */
  get?: Exchange<{ admin: Admin; keyId: string }, Key | 'absent'>;
  /** All records, page by page from 0; `total` where the provider tells it. The engine reads to the end. */
  list: Exchange<{ admin: Admin; page: number }, { keys: Key[]; total?: number | undefined }> & { pageSize: number };
  describe(key: Key): KeyDescription;
  /** Compares a record with a leak; secrets in constant time. A hint is confirmed through `get` where there is one. */
  compare(key: Key, leak: Leak): Fit;
  /** Whether the record is the credential we act with. In doubt: yes. */
  isOwn(key: Key, admin: Admin): boolean;
  /** The request that deletes, and what counts as done and as gone. */
  remove: Exchange<{ admin: Admin; keyId: string }, 'done' | 'gone'>;
  /** The request that switches off, where the provider has one. */
  disable?: Exchange<{ admin: Admin; keyId: string }, 'done' | 'gone'>;
  /** Presents the leaked key where that changes nothing, to see whether it is still accepted. */
  proof?: Exchange<{ leaked: Secret }, 'alive' | 'dead'>;
}

/** A provider is a value. Its id is its file name, registry key, secret name, queue name and metric dimension. */
export interface Provider<Admin, Kinds extends Record<string, unknown> = Record<string, Kind<Admin, never>>> {
  id: string;
  title: string;
  /** The admin secret (`leakstop/providers/<id>/<account>`). */
  admin: z.ZodType<Admin>;
  /** Where requests go; a leaked key is presented there and nowhere else. */
  origin(admin: Admin): string;
  /** The headers that make a request the admin's. Requests that carry the leaked key get none of them. */
  authenticate(admin: Admin): Record<string, string | Secret>;
  /** The wait that a refusing answer names, in ms, where it is not the standard `Retry-After`. */
  waitHint?(answer: Answer): number | undefined;
  /** After a 401 or 403: a harmless request whose answer tells a bad credential from a missing right. */
  diagnose?: { request(admin: Admin): Request | undefined; read(answer: Answer): string };
  kinds: Kinds;
}

// biome-ignore lint/suspicious/noExplicitAny: the registry holds providers of every shape; the engine only passes their values back to them
export type AnyKind = Kind<any, any>;
// biome-ignore lint/suspicious/noExplicitAny: see above
export type AnyProvider = Provider<any, Record<string, AnyKind>>;
export type Providers = Readonly<Record<string, AnyProvider>>;

/** Checks a kind's types where it is written: `kind<Admin, Key>()({ … })`. */
export const kind =
  <Admin, Key>() =>
  (value: Kind<Admin, Key>) =>
    value;
