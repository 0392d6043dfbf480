import { createHmac, timingSafeEqual } from 'node:crypto';
import type { Secret } from './secret.ts';
import type { Headers } from './source.ts';

/** How far a sender's clock may be from ours, either way (s). */
export const tolerance = 300;

/**
 * Whether `given` (lower-case hexadecimal) is the HMAC-SHA256 of the bytes with one of the keys. Every key is tried, and
 * compared in constant time: which one passes shows nowhere.
 */
export function isHmacHex(given: string, body: Uint8Array, keys: readonly (Secret | string)[]): boolean {
  if (!/^[0-9a-f]{64}$/.test(given)) return false;
  const digest = Buffer.from(given, 'hex');
  return anyOf(
    keys.map((key) =>
      createHmac('sha256', typeof key === 'string' ? key : key.expose())
        .update(body)
        .digest(),
    ),
    [digest],
  );
}

/** Whether the clocks agree: `timestamp` in seconds since 1970, `now` in ms. */
export const isTimely = (timestamp: number, now: number) => Math.abs(now / 1000 - timestamp) <= tolerance;

/** The key bytes in a Standard Webhooks secret (`whsec_` and base64). */
export const standardKeyOf = (secret: string) => Buffer.from(secret.slice('whsec_'.length), 'base64');

/**
 * Whether a text is `whsec_` and 1 to 64 bytes in base64, with its padding or without any. The specification recommends 24 bytes
 * and more: that is for whoever makes a secret, and what is signed with a shorter one can be checked as well.
 */
export function isStandardSecret(value: string): boolean {
  const [, digits = '', padding = ''] = /^whsec_([A-Za-z0-9+/]+)(={0,2})$/.exec(value) ?? [];
  const isWhole = padding === '' ? digits.length % 4 !== 1 : (digits + padding).length % 4 === 0;
  return digits !== '' && isWhole && standardKeyOf(value).length <= 64;
}

const signaturesAtMost = 20;

/** Standard Webhooks' headers, or undefined when one is missing, doubled or not in its form. */
function standardHeaders(headers: Headers): { id: string; timestamp: string; signatures: Buffer[] } | undefined {
  const { 'webhook-id': id = '', 'webhook-timestamp': timestamp = '', 'webhook-signature': list = '' } = headers;
  // Versions that are not known here and whatever else stands in the list are the sender's affair.
  const entries = list.split(' ').filter((entry) => /^v1,[A-Za-z0-9+/]{43}=$/.test(entry));
  // A doubled header arrives joined by a comma: in an id and a time none may stand, in a list none after a padding.
  const wellFormed =
    /^[A-Za-z0-9_-]{1,128}$/.test(id) &&
    /^\d{1,12}$/.test(timestamp) &&
    !list.includes('=,') &&
    entries.length <= signaturesAtMost;
  if (!wellFormed) return undefined;
  return { id, timestamp, signatures: entries.map((entry) => Buffer.from(entry.slice('v1,'.length), 'base64')) };
}

/** Standard Webhooks: https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md */
export function isStandardWebhook(
  { body, headers, now }: { body: Uint8Array; headers: Headers; now: number },
  secrets: readonly Secret[],
): boolean {
  const delivery = standardHeaders(headers);
  if (!delivery || !isTimely(Number(delivery.timestamp), now)) return false;
  const expected = secrets.map((secret) =>
    createHmac('sha256', standardKeyOf(secret.expose()))
      .update(`${delivery.id}.${delivery.timestamp}.`)
      .update(body)
      .digest(),
  );
  return anyOf(expected, delivery.signatures);
}

/** Whether any of the digests is one of those given; all are compared, whatever passes first. */
function anyOf(expected: readonly Buffer[], given: readonly Buffer[]): boolean {
  let passes = false;
  for (const digest of expected) for (const other of given) passes = timingSafeEqual(digest, other) || passes;
  return passes;
}
