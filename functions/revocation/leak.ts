import * as z from 'zod';
import { type Secret, secretValue } from './secret.ts';

const text = (max: number) => z.string().min(1).max(max);

/** Ids become path segments and table keys, so they hold letters, digits and `-_@:.` only, and never start with a dot. */
const identifier = z
  .union([z.string(), z.int().min(0).transform(String)])
  .pipe(
    z
      .string()
      .regex(
        /^[A-Za-z0-9_@:-][A-Za-z0-9_@:.-]{0,127}$/,
        'must be 1 to 128 letters, digits or -_.@: and not start with a dot',
      ),
  );

const fields = {
  provider: z
    .string()
    .regex(/^[a-z0-9][a-z0-9-]{0,63}$/, 'must be a provider id such as datadog')
    .optional(),
  kind: z
    .string()
    .regex(/^[a-z0-9][a-z0-9-]{0,63}$/, 'must be a kind such as api-key')
    .optional(),
  account: z
    .string()
    .regex(/^[A-Za-z0-9][A-Za-z0-9_-]{0,63}$/, 'must be an account name')
    .optional(),
  secret: secretValue.optional(),
  exposure: z.enum(['public', 'private', 'unknown']).optional(),
  detectedAt: z.iso.datetime({ offset: true }).optional(),
  reference: text(2048).optional(),
};
/** Which names mean something is for the provider to say (`identifiers` of each kind). */
const identifiers = z
  .record(z.string().regex(/^[a-z][A-Za-z]{0,31}$/, 'must be an identifier such as keyId'), identifier)
  .refine((value) => Object.keys(value).length <= 8, 'holds too many identifiers');
const location = {
  url: text(2048).optional(),
  path: text(1024).optional(),
  line: z.int().min(0).optional(),
  commit: text(128).optional(),
};
const credential = (leak: { secret?: unknown; identifiers?: object | undefined }) =>
  leak.secret !== undefined || Object.keys(leak.identifiers ?? {}).length > 0;
const needsCredential = 'needs at least one of secret and identifiers';

/** A leak as sources send it: fields we do not know are ignored. */
export const leakFromSource = z
  .object({ ...fields, identifiers: identifiers.optional(), location: z.object(location).optional() })
  .refine(credential, needsCredential);

/** A leak with the operator's order, as `POST /revocations` takes it: fields we do not know are refused. */
export const leakFromOperator = z
  .strictObject({
    ...fields,
    identifiers: identifiers.optional(),
    location: z.strictObject(location).optional(),
    action: z.enum(['delete', 'disable', 'approve', 'observe']).optional(),
    dryRun: z.boolean().optional(),
    reason: text(1024).optional(),
  })
  .refine(credential, needsCredential);

/** One credential said to be exposed. See the contract, section 2.3. */
export type Leak = z.infer<typeof leakFromSource>;

/** Who reported a leak, when and where: an incident keeps the newest hundred. */
export interface Sighting {
  source: string;
  /** ISO 8601, when the report was accepted. */
  at: string;
  /** The sender's message id: the same one again is no new sighting. */
  delivery: string;
  reference?: string | undefined;
  location?: Leak['location'];
}

/** Takes the secret out of every text that travels with a leak: scanners echo it in addresses and file names. */
export function withoutEcho<Value>(value: Value, secret: Secret | undefined): Value {
  if (secret === undefined) return value;
  const plain = secret.expose();
  const encoded = encodeURIComponent(plain);
  const clean = (part: unknown): unknown => {
    if (typeof part === 'string') return part.replaceAll(plain, '[secret]').replaceAll(encoded, '[secret]');
    if (part === null || typeof part !== 'object' || part === secret) return part;
    if (Array.isArray(part)) return part.map(clean);
    return Object.fromEntries(Object.entries(part).map(([key, inner]) => [key, clean(inner)]));
  };
  return clean(value) as Value;
}
