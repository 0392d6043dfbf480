import * as z from 'zod';
import { jsonOf } from '../revocation/delivery.ts';
import { leakAlert } from '../revocation/leak.ts';
import { Secret } from '../revocation/secret.ts';
import { isStandardSecret, isStandardWebhook } from '../revocation/signature.ts';
import type { Reading, Source } from '../revocation/source.ts';

const signingSecret = z
  .string()
  .refine(isStandardSecret, 'must be whsec_ and 1 to 64 bytes in base64')
  .transform((value) => new Secret(value));

const config = z.strictObject({ secrets: z.array(signingSecret).min(1).max(10) });

const envelope = z.object({ type: z.string(), data: z.unknown().optional() });
const alert = leakAlert();

/** Standard Webhooks: https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md */
export const standard: Source<z.infer<typeof config>> = {
  id: 'standard',
  title: 'Standard Webhooks',
  docs: 'https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md',
  mayNameKeys: false,
  config,
  verify: (delivery) => isStandardWebhook(delivery, delivery.config.secrets),
  read({ body, headers }): Reading {
    const json = jsonOf(body);
    const outer = envelope.safeParse(json);
    if (!outer.success) return { is: 'malformed', error: outer.error };
    if (outer.data.type !== 'credential.leaked') return { is: 'nothing' };
    const leak = alert.safeParse(json);
    if (!leak.success) return { is: 'malformed', error: leak.error };
    return { is: 'alert', delivery: headers['webhook-id'] ?? '', leaks: [leak.data.data] };
  },
};
