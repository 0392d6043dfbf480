import type * as z from 'zod';
import type { Checkup } from './checkup.ts';
import type { Credentials } from './credentials.ts';
import type { Detectors } from './detectors.ts';
import type { Answer, Exchange, Listing, PartialExchange, Request } from './exchange.ts';
import type { Leak } from './leak.ts';
import type { Secret } from './secret.ts';

/** What a provider's record of a key says, in our words. */
export interface KeyDescription {
  keyId: string;
  /** The user or service account it belongs to, where its address needs that. */
  owner?: string | undefined;
  /** A name a person would recognise it by. */
  label?: string | undefined;
  /** False when the provider already disabled, expired or deactivated it. */
  active: boolean;
  /** The provider marks it as one that is meant to be seen by everybody. */
  meantToBePublic?: boolean;
  /** What a person should know about it, such as a power that makes it worse. */
  remark?: string | undefined;
}

/**
 * How well a provider's record fits a leak.
 * `same`: the whole value, or a part of it that only this value has; for a leak without a value, an identifier that names it.
 * `confirmed`: a hint (last four characters), and the alert itself tells the rest: owner, name or place.
 * `hint`: a candidate for a person.
 * `conflict`: an identifier names this key, the value is another's.
 */
export type Fit = 'same' | 'confirmed' | 'hint' | 'conflict' | 'different';

/** One key, as requests about it name it. */
export interface KeyTarget<Admin> {
  admin: Admin;
  keyId: string;
  owner?: string | undefined;
  /** The leaked value, only where it was seen to be this key's. */
  leaked?: Secret | undefined;
}

/** A leak that carries its value. */
export type LeakedValue = Leak & { secret: Secret };

/** A `denied` request was answered, changed nothing, and needs a right that the admin credential lacks. */
export type Change = 'done' | 'gone' | 'denied';

/** A key that was made for a drill: what its provider tells of it once, and never again. */
export interface MadeKey {
  keyId: string;
  secret: Secret;
  /** What an alert must carry beside the value for the key to be found for certain. */
  identifiers?: Record<string, string>;
}

/** What people should know before they trust us with a kind of key. The docs page is made of it. */
export interface Facts {
  /** What an alert must carry for the key to be found, and how certain that is. */
  carries: string;
  /** The right the admin credential needs. */
  permission: string;
  /** How the provider limits requests, and how it names the wait. */
  rateLimit: string;
  /** How death is proven. */
  proof: string;
  /** How long a deleted key may still be accepted, as far as anybody knows. */
  propagation: string;
  /** What the key of a drill may do, and the right that making it needs; where there is `make`. */
  drill?: string;
  /** What was verified in a source, and what is only believed and therefore has a safe path. */
  verified: string[];
  believed: string[];
  /** Where this departs from what one might read elsewhere, and why. */
  notes?: string[];
}

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
  /** Names an alert may give to name the key: each alone is enough. */
  identifiers: readonly string[];
  /**
   * Names that several keys may share, such as their owner's: alone they name a key where exactly one has them, beside a value or an
   * identifier they only say where to look.
   */
  shared?: readonly string[];
  /** Names that only say where to look, such as the key's owner, or that confirm a hint. */
  locators?: readonly string[];
  /** The value's form, where the form alone is proof of provider and kind. */
  unmistakable?: RegExp;
  /**
   * A form that tells the kind from the others of its provider where an alert names the provider and no kind. Keys of others may have
   * it too: it never tells the provider, and what an alert or a scanner calls the key goes before it.
   */
  form?: RegExp;
  /** What scanners call it. */
  detectors?: Detectors;
  facts: Facts;
  /**
   * The leaked key names itself. Used only where policy allows; anything but a clear answer falls back to the list.
   * `isHere`: the place that answered surely holds it, so an admin who does not see it lacks a right.
   */
  self?: PartialExchange<LeakedValue, { keyId: string; isHere?: boolean }>;
  /** One record by id. */
  get?: PartialExchange<KeyTarget<Admin>, Key | 'absent'>;
  /** Where keys are listed owner by owner: those that the leak or the configuration names, else all that are listed. */
  owners?: {
    named(input: { admin: Admin; leak: Leak }): readonly string[] | undefined;
    list?: Listing<{ admin: Admin }, { id: string; mayHoldKeys: boolean }>;
    /** Why nothing can be looked for when nobody is named and there is no list; with the remedy. */
    missing: string;
  };
  /** All records (of one owner, where there are owners). The engine reads to the end. */
  list: Listing<{ admin: Admin; owner: string }, Key>;
  /**
   * The list is sorted by a mark that a value carries, so that a value can be searched for in it: the mark of a record and that of a
   * value. Only where there are no owners, and a record that is asked for by its id shows the whole value: what is found by less, or is
   * not found, is seen of the whole list alone.
   */
  sorted?: { markOf(key: Key): string | undefined; markOfValue(value: Secret): string };
  /** `now` (epoch ms) tells whether it has expired. */
  describe(key: Key, now: number): KeyDescription;
  /** Compares a record with a leak; secrets in constant time. A hint is confirmed through `get` where there is one. */
  compare(key: Key, leak: Leak): Fit;
  /** Whether the record is the credential that `admin` is made of. In doubt: yes. */
  isOwn(key: Key, admin: Admin): boolean;
  /** An admin credential holds a key's whole value, so a key whose value is not in there is not our own, whatever it looks like. */
  wholeValues?: boolean;
  /** The request that deletes, and what counts as done and as gone. */
  remove: Exchange<KeyTarget<Admin>, Change>;
  /** The requests that switch off, and on again, where the provider has them. */
  disable?: Exchange<KeyTarget<Admin>, Change>;
  enable?: Exchange<KeyTarget<Admin>, Change>;
  /** Presents the leaked key where that changes nothing, to see whether it is still accepted. */
  proof?: PartialExchange<LeakedValue, 'alive' | 'dead'>;
  /** Makes a key of this name, of at most 30 characters, which may do as little as the provider lets a key do. Only drills ask for it. */
  make?: Exchange<{ admin: Admin; name: string }, MadeKey>;
}

/** A provider is a value. Its id is its file name, registry key, secret name, queue name and metric dimension. */
export interface Provider<Admin, Kinds extends Record<string, unknown> = Record<string, Kind<Admin, never>>> {
  id: string;
  title: string;
  /** The admin secret (`leakstop/providers/<id>/<account>`). */
  admin: z.ZodType<Admin>;
  /** Where requests go; a leaked key is presented there and nowhere else. */
  origin(admin: Admin): string;
  /** What makes a request the admin's. Requests that carry the leaked key get none of it. */
  authenticate(admin: Admin): Credentials;
  /** The wait that a refusing answer names, in ms, where it is not the standard `Retry-After`. `now` is epoch ms. */
  waitHint?(answer: Answer, now: number): number | undefined;
  /** What a 401 or 403 says of its own reason, in our words, with the remedy. */
  explain?(answer: Answer, admin: Admin): string | undefined;
  /** After a 401 or 403 that says nothing: a harmless request whose answer tells a bad credential from a missing right. */
  diagnose?: { request(admin: Admin): Request | undefined; read(answer: Answer): string };
  /** How its admin credential is looked at before a leak needs it. */
  checkup?: Checkup<Admin>;
  kinds: Kinds;
}

// biome-ignore lint/suspicious/noExplicitAny: the registry holds providers of every shape; the engine only passes their values back to them
export type AnyKind = Kind<any, any>;
// biome-ignore lint/suspicious/noExplicitAny: see above
export type AnyProvider = Provider<any, Record<string, AnyKind>>;
export type Providers = Readonly<Record<string, AnyProvider>>;

/** The kind of key that a provider is drilled with: the first that can be made. Undefined: it cannot be drilled. */
export const drilledKind = ({ kinds }: AnyProvider): string | undefined =>
  Object.keys(kinds).find((id) => kinds[id]?.make !== undefined);

/** Checks a kind's types where it is written: `kind<Admin, Key>()({ … })`. */
export const kind =
  <Admin, Key>() =>
  (value: Kind<Admin, Key>) =>
    value;

/** Checks a provider's types where it is written: `provider<Admin>()({ … })`. */
export const provider =
  <Admin>() =>
  <Kinds extends Record<string, AnyKind>>(value: Provider<Admin, Kinds>) =>
    value;
