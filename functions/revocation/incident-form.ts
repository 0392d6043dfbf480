import * as z from 'zod';
import { incidentIdForm } from './fingerprint.ts';
import { outcomes, stages, states } from './incident.ts';

/** A schema for what `view` gives, no field more. Made when it is asked for, so that no function waits for it when it starts. */
export function incidentForm() {
  const at = z.iso.datetime();
  const digest = z.string().regex(/^[0-9a-f]{64}$/);
  const text = z.string();
  const count = z.int().min(0);
  const place = z.strictObject({ url: text, path: text, line: count, commit: text }).partial();
  return z.strictObject({
    id: z.string().regex(incidentIdForm),
    provider: text.nullable(),
    account: text.nullable(),
    kind: text.nullable(),
    keyId: text.nullable(),
    state: z.enum(states),
    outcome: z.enum(outcomes).nullable(),
    action: z.enum(['delete', 'disable', 'approve', 'observe']).nullable(),
    reason: text.nullable(),
    sightings: z.array(z.strictObject({ source: text, at, reference: text.nullable(), location: place })),
    sightingCount: count,
    timeline: z.array(z.strictObject({ at, stage: z.enum(stages), detail: text.optional(), previous: digest })),
    head: digest,
    proof: z
      .strictObject({
        dead: z.boolean(),
        method: z.enum(['leaked-key-refused', 'key-absent', 'key-disabled']),
        checks: z.array(z.strictObject({ at, result: z.enum(['alive', 'dead', 'unknown']) })),
      })
      .nullable(),
    timeToDeadMs: count.nullable(),
    attempts: count,
  });
}
