import * as z from 'zod';
import { namesCredential } from './leak-contents.ts';
import { secretText, secretValue } from './secret.ts';

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

const provider = z.string().regex(/^[a-z0-9][a-z0-9-]{0,63}$/, 'must be a provider id such as datadog');
const kind = z.string().regex(/^[a-z0-9][a-z0-9-]{0,63}$/, 'must be a kind such as api-key');
const account = z.string().regex(/^[A-Za-z0-9][A-Za-z0-9_-]{0,63}$/, 'must be an account name');
const exposure = z.enum(['public', 'private', 'unknown']);
const detectedAt = z.iso.datetime({ offset: true });
const reference = text(2048);
const identifierName = /^[a-z][A-Za-z]{0,31}$/;
const identifiersAtMost = 8;
/** Which names mean something is for the provider to say (`identifiers` of each kind). */
const identifiers = z
  .record(z.string().regex(identifierName, 'must be an identifier such as keyId'), identifier)
  .refine((value) => Object.keys(value).length <= identifiersAtMost, 'holds too many identifiers');
const place = { url: text(2048), path: text(1024), line: z.int().min(0), commit: text(128) };
const needsCredential = 'needs at least one of secret and identifiers';

const isIdentifier = (name: string, value: unknown) => identifierName.test(name) && identifier.safeParse(value).success;

/** What a source says of where a leak belongs: whether that means something here is for the routing to say. */
const word = z.string().transform((given) => given.trim().slice(0, 256) || undefined);
/** Of the identifiers a source gives, those that have the form of one; a `keyId` that has not is refused. */
const identifiersFromSource = z
  .record(z.string(), z.unknown())
  .transform((given) =>
    Object.fromEntries(
      Object.entries(given)
        .filter(([name, value]) => (name === 'keyId' && value !== null) || isIdentifier(name, value))
        .slice(0, identifiersAtMost),
    ),
  )
  .pipe(z.record(z.string(), identifier));

/** Null is how many senders write "nothing". */
const orNothing = <Schema extends z.ZodType>(schema: Schema) =>
  z.preprocess((value) => value ?? undefined, schema.optional());
/** What only describes a leak must not keep us from acting on it: malformed, it is left out. */
const ifReadable = <Schema extends z.ZodType>(schema: Schema) => schema.optional().catch(undefined);

/** A leak as sources send it: fields we do not know are ignored, and so is a description that cannot be read. */
export const leakFromSource = z
  .object({
    provider: orNothing(word.transform((name) => name?.toLowerCase())),
    kind: orNothing(word.transform((name) => name?.toLowerCase())),
    account: orNothing(word),
    secret: orNothing(secretText),
    identifiers: orNothing(identifiersFromSource),
    location: ifReadable(
      z.object({
        url: ifReadable(place.url),
        path: ifReadable(place.path),
        line: ifReadable(place.line),
        commit: ifReadable(place.commit),
      }),
    ),
    exposure: ifReadable(exposure),
    detectedAt: ifReadable(detectedAt),
    reference: ifReadable(reference),
  })
  .refine(namesCredential, needsCredential);

/** The body of a signed alert that is a leak (contract, section 2.1, `standard`). Made when it is asked for. */
export const leakAlert = () => z.object({ type: z.literal('credential.leaked'), data: leakFromSource });

/** A leak with the operator's order, as `POST /revocations` takes it: fields we do not know are refused. */
export const leakFromOperator = z
  .strictObject({
    provider: provider.optional(),
    kind: kind.optional(),
    account: account.optional(),
    secret: secretValue.optional(),
    identifiers: identifiers.optional(),
    location: z.strictObject(place).partial().optional(),
    exposure: exposure.optional(),
    detectedAt: detectedAt.optional(),
    reference: reference.optional(),
    action: z.enum(['delete', 'disable', 'approve', 'observe']).optional(),
    dryRun: z.boolean().optional(),
    reason: text(1024).optional(),
  })
  .refine(namesCredential, needsCredential);

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
