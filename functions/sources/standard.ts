import { createHmac, timingSafeEqual } from 'node:crypto';
import * as z from 'zod';
import { leakFromSource } from '../revocation/leak.ts';
import { Secret } from '../revocation/secret.ts';
import type { Headers, Reading, Source } from '../revocation/source.ts';

/** How far the sender's clock may be from ours, either way (s). */
const tolerance = 300;
const signaturesAtMost = 20;

const signingSecret = z
  .string()
  .regex(/^whsec_[A-Za-z0-9+/]+={0,2}$/, 'must be whsec_ and base64')
  .refine((value) => {
    const key = keyOf(value);
    return key.length >= 24 && key.length <= 64 && key.toString('base64') === value.slice('whsec_'.length);
  }, 'must be whsec_ and 24 to 64 bytes in base64')
  .transform((value) => new Secret(value));

const config = z.strictObject({ secrets: z.array(signingSecret).min(1).max(10) });

const envelope = z.object({ type: z.string(), data: z.unknown().optional() });
const alert = z.object({ data: leakFromSource });

const keyOf = (secret: string) => Buffer.from(secret.slice('whsec_'.length), 'base64');

/** Header values of one delivery, or undefined when one is missing, doubled or not in its form. */
function signed(headers: Headers): { id: string; timestamp: string; signatures: Buffer[] } | undefined {
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
export const standard: Source<z.infer<typeof config>> = {
  id: 'standard',
  title: 'Standard Webhooks',
  docs: 'https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md',
  mayNameKeys: false,
  config,
  verify({ body, headers, config: { secrets }, now }) {
    const delivery = signed(headers);
    if (!delivery || Math.abs(now / 1000 - Number(delivery.timestamp)) > tolerance) return false;
    const expected = secrets.map((secret) =>
      createHmac('sha256', keyOf(secret.expose()))
        .update(`${delivery.id}.${delivery.timestamp}.`)
        .update(body)
        .digest(),
    );
    return delivery.signatures.some((signature) => expected.some((digest) => timingSafeEqual(digest, signature)));
  },
  read({ body, headers }): Reading {
    const json = parse(body);
    const outer = envelope.safeParse(json);
    if (!outer.success) return { is: 'malformed', error: outer.error };
    if (outer.data.type !== 'credential.leaked') return { is: 'nothing' };
    const leak = alert.safeParse(json);
    if (!leak.success) return { is: 'malformed', error: leak.error };
    return { is: 'leaks', delivery: headers['webhook-id'] ?? '', leaks: [leak.data.data] };
  },
};

function parse(body: Uint8Array): unknown {
  try {
    return JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(body));
  } catch {
    return undefined;
  }
}
