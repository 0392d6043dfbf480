import * as z from 'zod';
import { deliveryName, jsonOf, readEntries, textIfReadable } from '../revocation/delivery.ts';
import type { Finding } from '../revocation/findings.ts';
import { withoutEcho, withoutUser } from '../revocation/leak-contents.ts';
import { isRedacted } from '../revocation/scan.ts';
import { Secret, secretText } from '../revocation/secret.ts';
import { isHmacHex } from '../revocation/signature.ts';
import type { Delivery, Reading, Source } from '../revocation/source.ts';

const token = z
  .string()
  .min(1)
  .max(4096)
  .transform((value) => new Secret(value));
const config = z.strictObject({ tokens: z.array(token).min(1).max(10) });
type Config = z.infer<typeof config>;

/** Of one delivery, this many notifications are read. */
const noticesAtMost = 1000;
const partsAtMost = 16;

const address = textIfReadable(2048).transform((given) =>
  /^https?:\/\/[\x21-\x7e]+$/.test(given ?? '') ? withoutUser(given) : undefined,
);
/** A value that was masked before it was sent is none. */
const value = secretText
  .refine((secret) => !isRedacted(secret.expose()))
  .nullish()
  .catch(undefined)
  .transform((secret) => secret ?? undefined);
const values = z
  .record(z.string(), value)
  .nullish()
  .catch(undefined)
  .transform((given) =>
    Object.fromEntries(
      Object.entries(given ?? {})
        .flatMap(([name, part]): [string, Secret][] => (part === undefined ? [] : [[name, part]]))
        .slice(0, partsAtMost),
    ),
  );

/** Field names as they are here (`detectorname`): the scanner writes them as `DetectorName`, its API as `detector_name`. */
const folded = <Schema extends z.ZodType>(schema: Schema) =>
  z.preprocess((given) => {
    if (given === null || typeof given !== 'object' || Array.isArray(given)) return given;
    return Object.fromEntries(
      Object.entries(given).map(([name, inner]) => [name.replaceAll('_', '').toLowerCase(), inner]),
    );
  }, schema);

const place = folded(
  z.object({
    link: address,
    repository: textIfReadable(1024).transform(withoutUser),
    file: textIfReadable(1024),
    commit: textIfReadable(128),
    line: z.int().min(0).optional().catch(undefined),
  }),
);
/** `{ "Data": { "Git": { … } } }`: the kind of source, and in it the place. */
const metadata = folded(z.object({ data: z.record(z.string(), place) }));

const notice = folded(
  z
    .object({
      detectorname: textIfReadable(256),
      sourcetype: textIfReadable(256),
      raw: value,
      rawv2: value,
      secretparts: values,
      link: address,
      sourcemetadata: metadata.optional().catch(undefined),
    })
    .refine(({ detectorname, sourcetype }) => (detectorname ?? sourcetype) !== undefined, {
      error: 'must name a detector or a source',
      path: ['DetectorName'],
    }),
);
type Notice = z.infer<typeof notice>;

/**
 * TruffleHog Enterprise's webhook, with `signatureMethod: hmac-sha256`: https://docs.trufflesecurity.com/webhook
 *
 * What it sends is not published field by field. What reads like the open scanner's JSON is read as that; of what carries no
 * value, which is the rule there, a person is told.
 */
export const trufflehog: Source<Config> = {
  id: 'trufflehog',
  title: 'TruffleHog Enterprise',
  docs: 'https://docs.trufflesecurity.com/webhook',
  mayNameKeys: false,
  config,
  // Its default method is a plain SHA-256 over token and body, to which whoever saw one message can add: never accepted.
  verify: ({ body, headers, config: { tokens } }) => isHmacHex(headers['x-hub-signature'] ?? '', body, tokens),
  read,
};

function read({ body, now }: Delivery<Config>): Reading {
  const json = jsonOf(body);
  const list = Array.isArray(json) ? json : [json];
  if (list.length === 0) return { is: 'nothing' };
  const problem = 'it names neither a detector nor a source';
  const notices = readEntries(list, notice, { atMost: noticesAtMost, problem });
  if (notices.error) return { is: 'malformed', error: notices.error };
  const findings = notices.entries.filter(holdsValue).map(findingOf);
  const references = notices.entries
    .filter((given) => !holdsValue(given))
    .map((given) => ({ link: nameOf(given) ?? `TruffleHog: a notification of ${new Date(now).toISOString()}` }));
  const told = [
    ...findings.map(({ detector, circumstances }) => [detector, circumstances?.reference]),
    ...references.map(({ link }) => [link]),
  ];
  return { is: 'alert', delivery: deliveryName(told, now), findings, references, skipped: notices.skipped };
}

const valuesOf = ({ raw, rawv2, secretparts }: Notice): Secret[] =>
  [raw, rawv2, ...Object.values(secretparts)].filter((secret) => secret !== undefined);
const holdsValue = (given: Notice) => valuesOf(given).length > 0;

const placeOf = ({ sourcemetadata }: Notice) => Object.values(sourcemetadata?.data ?? {})[0];

function findingOf(given: Notice): Finding {
  const { link, file, commit, line } = placeOf(given) ?? {};
  const told = {
    detector: given.detectorname ?? '',
    circumstances: { location: { url: given.link ?? link, path: file, line, commit }, reference: nameOf(given) },
  };
  const clean = valuesOf(given).reduce((texts, secret) => withoutEcho(texts, secret), told);
  return { scanner: 'trufflehog', ...clean, value: given.raw, whole: given.rawv2, parts: given.secretparts };
}

/** What a person opens, or looks for: the finding's page, else its place; undefined when neither is told. */
function nameOf(given: Notice): string | undefined {
  const { link, line, ...place } = placeOf(given) ?? {};
  const page = given.link ?? link;
  if (page !== undefined) return page;
  const parts = Object.entries({ ...place, line: line?.toString() });
  const where = parts.flatMap(([name, part]) => (part === undefined ? [] : [`${name} ${part}`]));
  if (where.length === 0) return undefined;
  return `TruffleHog: ${[given.detectorname ?? 'a credential', ...where].join(', ')}`.slice(0, 2048);
}
