import * as z from 'zod';
import { Unavailable } from '../revocation/errors.ts';
import type { Answer, Path, Send } from '../revocation/exchange.ts';
import type { Keys, PublicKey } from '../revocation/source.ts';

/** A list is used this long (ms): a key that is withdrawn stops passing within the hour, and nobody's rate limit is near. */
const freshFor = 60 * 60_000;
/** While its service is out, a list is believed this much longer (ms). */
const believedFor = 24 * 60 * 60_000;
/** However many unknown ids come, a list is read anew this seldom (ms) … */
const pause = 60_000;
/** … and where there is none yet, tried for this seldom. */
const firstPause = 5_000;
/** A read is over within this time (ms): senders wait some ten seconds. */
const patience = 4_000;
const keysAtMost = 100;

const entry = z.object({
  key_identifier: z.string().min(1).max(256),
  key: z.string().min(1).max(4096),
  is_current: z.boolean().nullish(),
});
/** An entry that is not a key in the documented form is none that could be used. */
const entries = z
  .array(entry.nullable().catch(null))
  .min(1)
  .max(keysAtMost)
  .transform((list) => list.filter((one) => one !== null));
/** Not documented of deps.dev, whose readers differ: the list may stand by itself, too. */
const list = z.preprocess(
  (given) => (Array.isArray(given) ? { public_keys: given } : given),
  z.object({ public_keys: entries.refine((keys) => keys.length > 0) }),
);

interface Known {
  keys: ReadonlyMap<string, PublicKey>;
  readAt: number;
  triedAt: number;
  reading?: Promise<void> | undefined;
}

/**
 * The keys that senders publish, as GitHub's partner programme does: kept for an hour, each list read by one at a time.
 * https://docs.github.com/code-security/secret-scanning/secret-scanning-partnership-program/secret-scanning-partner-program
 */
export function createPublicKeys({ send, now }: { send: Send; now(): number }): Keys {
  const lists = new Map<string, Known>();

  const within = (age: number, since: number) => now() - since < age;
  const had = ({ readAt }: Known) => within(believedFor, readAt);

  async function read(url: string, known: Known): Promise<void> {
    const keys = await fetchKeys(send, url, now() + patience);
    Object.assign(known, { keys, readAt: now() });
  }

  /** Reads the list anew, or shares the reading that is under way; false when it is too early for another. */
  async function renew(url: string, known: Known): Promise<boolean> {
    if (known.reading === undefined) {
      if (within(had(known) ? pause : firstPause, known.triedAt)) return false;
      known.triedAt = now();
      known.reading = read(url, known).finally(() => {
        known.reading = undefined;
      });
    }
    await known.reading;
    return true;
  }

  return {
    async publicKey(url, id) {
      const known: Known = lists.get(url) ?? { keys: new Map(), readAt: -Infinity, triedAt: -Infinity };
      lists.set(url, known);
      if (within(freshFor, known.readAt) && known.keys.has(id)) return known.keys.get(id);
      try {
        if ((await renew(url, known)) || within(pause, known.readAt)) return known.keys.get(id);
      } catch (error) {
        if (!(error instanceof Unavailable) || !had(known) || !known.keys.has(id)) throw error;
      }
      const key = had(known) ? known.keys.get(id) : undefined;
      if (key === undefined) throw new Unavailable('the list of public keys could not be read a moment ago');
      return key;
    },
  };
}

/** @throws Unavailable, whatever came back that is no list: a doubt about keys is none about the sender */
async function fetchKeys(send: Send, url: string, deadline: number): Promise<Map<string, PublicKey>> {
  const { origin, pathname, searchParams } = new URL(url);
  // The address comes from our configuration, whole.
  const request = { method: 'GET', path: pathname as Path, query: Object.fromEntries(searchParams) } as const;
  const answer: Answer = await send({ provider: 'the service of public keys', origin, deadline }, request);
  const parsed = answer.status === 200 ? list.safeParse(answer.json) : undefined;
  if (!parsed?.success) throw new Unavailable(`the service of public keys answered ${answer.status} without a list`);
  return new Map(
    parsed.data.public_keys.map(({ key_identifier: id, key, is_current: isCurrent }) => [
      id,
      { key, isCurrent: isCurrent === true },
    ]),
  );
}
