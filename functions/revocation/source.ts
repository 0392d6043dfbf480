import type * as z from 'zod';
import type { Leak } from './leak.ts';

/** Headers of a delivery by lower-case name. */
export type Headers = Readonly<Record<string, string | undefined>>;

/**
 * What an authentic delivery says: leaks to act on, `nothing` that concerns us (ping, closing actions, tests), or
 * `malformed`: not what this source sends.
 */
export type Reading =
  | { is: 'leaks'; delivery: string; leaks: Leak[] }
  | { is: 'nothing' }
  | { is: 'malformed'; error: z.ZodError };

/** A source of alerts is a value too. Its id is its file name, registry key, path and secret name. */
export interface Source<Config> {
  id: string;
  title: string;
  /** The page its messages and signatures are described on. */
  docs: string;
  /** Whether an identifier alone, without the secret, may be acted on when this source names it. */
  mayNameKeys: boolean;
  /** Its secret (`leakstop/sources/<id>`); arrays are for rotation. */
  config: z.ZodType<Config>;
  /** Whether the sender is who it says: over the raw bytes, in constant time, both clock directions. `now` is epoch ms. */
  verify(delivery: { body: Uint8Array; headers: Headers; config: Config; now: number }): boolean;
  /** Reads a verified delivery. */
  read(delivery: { body: Uint8Array; headers: Headers }): Reading;
}

// biome-ignore lint/suspicious/noExplicitAny: the registry holds sources of every shape
export type AnySource = Source<any>;
export type Sources = Readonly<Record<string, AnySource>>;
