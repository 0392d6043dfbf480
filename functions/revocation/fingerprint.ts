import { createCipheriv, createDecipheriv, createHmac, hkdfSync, randomBytes } from 'node:crypto';
import type { Leak } from './leak.ts';
import { type Report, readKept, writeLeak } from './report.ts';
import type { Secret } from './secret.ts';

const alphabet = '0123456789abcdefghjkmnpqrstvwxyz';

/**
 * The incident id of a credential: `inc_` and 26 characters of a keyed hash of provider, kind and what names the
 * credential (its value, else its identifiers). Two reports of one key meet in one incident; without the key the id says nothing.
 * `apart`: what keeps a report that does not name one key from meeting another that is worded like it.
 */
export function incidentId(
  key: Secret,
  provider: string,
  kind: string,
  leak: Leak,
  apart: readonly string[] = [],
): string {
  const named = Object.entries(leak.identifiers ?? {}).sort(([left], [right]) => (left < right ? -1 : 1));
  const identity = leak.secret === undefined ? ['named', ...named.flat()] : ['value', leak.secret.expose()];
  const digest = createHmac('sha256', key.expose())
    .update(JSON.stringify([provider, kind, ...identity, ...(apart.length > 0 ? [apart] : [])]))
    .digest();
  let bits = 0n;
  for (const byte of digest.subarray(0, 17)) bits = (bits << 8n) | BigInt(byte);
  let id = '';
  for (let index = 0; index < 26; index += 1) {
    id = alphabet[Number(bits & 31n)] + id;
    bits >>= 5n;
  }
  return `inc_${id}`;
}

export const incidentIdForm = /^inc_[0-9a-hjkmnp-tv-z]{26}$/;

/** What only we can put into the name of a drill's key: 8 hexadecimal digits of a keyed hash of what it is about. */
export const drillMark = (key: Secret, about: readonly string[]): string =>
  createHmac('sha256', key.expose())
    .update(JSON.stringify(['drill', ...about]))
    .digest('hex')
    .slice(0, 8);

const sealingKey = (key: Secret) => new Uint8Array(hkdfSync('sha256', key.expose(), '', 'leakstop: sealed leak', 32));

/** What is kept of a report that waits for a person, so that it can go on as it came. */
export type Kept = Pick<Report, 'mayNameKeys' | 'hearsay' | 'order'> & { leak: Leak };

/** Encrypts (AES-256-GCM) what an incident that waits for a person needs to go on later; bound to its incident. */
export function seal(key: Secret, incident: string, { leak, mayNameKeys, hearsay, order }: Kept): Uint8Array {
  const nonce = randomBytes(12);
  const cipher = createCipheriv('aes-256-gcm', sealingKey(key), nonce).setAAD(Buffer.from(incident));
  const text = JSON.stringify({ leak: writeLeak(leak), mayNameKeys, hearsay, order });
  return new Uint8Array(Buffer.concat([nonce, cipher.update(text, 'utf8'), cipher.final(), cipher.getAuthTag()]));
}

/** Opens what `seal` made; undefined when it was made with another key, for another incident, or was changed. */
export function unseal(key: Secret, incident: string, sealed: Uint8Array): Kept | undefined {
  const bytes = Buffer.from(sealed);
  try {
    const decipher = createDecipheriv('aes-256-gcm', sealingKey(key), bytes.subarray(0, 12));
    decipher.setAAD(Buffer.from(incident)).setAuthTag(bytes.subarray(-16));
    const text = Buffer.concat([decipher.update(bytes.subarray(12, -16)), decipher.final()]).toString('utf8');
    return readKept(JSON.parse(text));
  } catch {
    return undefined;
  }
}
