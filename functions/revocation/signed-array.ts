import { createPublicKey, type KeyObject, verify } from 'node:crypto';
import * as z from 'zod';
import { isLoopback, serviceAddress } from './address.ts';
import { deliveryName, jsonOf, readEntries, textIfReadable } from './delivery.ts';
import type { Scanner } from './detectors.ts';
import type { Finding } from './findings.ts';
import { withoutEcho, withoutUser } from './leak-contents.ts';
import { secretText } from './secret.ts';
import type { Delivery, Keys, Reading, Source } from './source.ts';

/** What differs between the senders of signed arrays. */
export interface SignedArray {
  id: string;
  title: string;
  docs: string;
  /** What the two headers begin with, in lower case. */
  headers: string;
  /** Whose names for credentials `type` holds. */
  scanner: Scanner;
  /** Where the sender publishes its keys; absent, the configuration has to say. */
  keysUrl?: string;
}

interface Config {
  keysUrl: string;
}

/** Of one delivery, this many entries are read. */
const entriesAtMost = 3000;
/** A P-256 signature in DER is 72 bytes at most. */
const signatureAtMost = 96;

const keysAddress = z
  .string()
  .max(2048)
  .refine((text) => {
    const url = serviceAddress(text);
    return url !== undefined && (isLoopback(url) || z.regexes.domain.test(url.hostname));
  }, 'must be the https address of a list of keys; on this machine (127.0.0.1, localhost, [::1]) http will do');

const record = z.object({
  token: secretText,
  type: textIfReadable(256),
  url: textIfReadable(2048).transform(withoutUser),
});

/**
 * A source of the form that GitHub gave its partner programme: an array of `{token, type, url, source}`, signed with a
 * published ECDSA key. https://docs.github.com/code-security/secret-scanning/secret-scanning-partnership-program/secret-scanning-partner-program
 */
export function signedArray({ headers: prefix, scanner, keysUrl, ...names }: SignedArray): Source<Config> {
  return {
    ...names,
    mayNameKeys: true,
    config: z.strictObject({ keysUrl: keysUrl === undefined ? keysAddress : keysAddress.default(keysUrl) }),
    verify: (delivery, keys) => isSigned(delivery, keys, prefix),
    read: (delivery) => readArray(delivery, scanner),
  };
}

/** No time is signed: the same delivery passes on any day, and tells nothing new then. */
async function isSigned({ body, headers, config }: Delivery<Config>, keys: Keys, prefix: string): Promise<boolean> {
  const id = headers[`${prefix}-public-key-identifier`] ?? '';
  const signature = bytesOf(headers[`${prefix}-public-key-signature`] ?? '');
  // A header that came twice is joined by a comma, which stands in no id.
  if (!/^[A-Za-z0-9_.:=+/-]{1,128}$/.test(id) || signature === undefined) return false;
  const published = await keys.publicKey(config.keysUrl, id);
  if (!published?.isCurrent) return false;
  const key = p256Of(published.key);
  // OpenSSL takes a signature in its one strict DER form only, and numbers of the curve's range only.
  return key !== undefined && verify('sha256', body, { key, dsaEncoding: 'der' }, signature);
}

/** The bytes of a text in base64 as base64 would write it, or undefined. */
function bytesOf(given: string): Buffer | undefined {
  if (given.length === 0 || given.length > signatureAtMost) return undefined;
  const bytes = Buffer.from(given, 'base64');
  return bytes.toString('base64') === given ? bytes : undefined;
}

/** The key of that curve in a PEM; undefined for any other: which algorithm is used is not the list's to say. */
function p256Of(pem: string): KeyObject | undefined {
  try {
    const key = createPublicKey(pem);
    const isP256 = key.asymmetricKeyType === 'ec' && key.asymmetricKeyDetails?.namedCurve === 'prime256v1';
    return isP256 ? key : undefined;
  } catch {
    return undefined;
  }
}

function readArray({ body, now }: Delivery<Config>, scanner: Scanner): Reading {
  const list = z.array(z.unknown()).safeParse(jsonOf(body));
  if (!list.success) return { is: 'malformed', error: list.error };
  if (list.data.length === 0) return { is: 'nothing' };
  const read = readEntries(list.data, record, { atMost: entriesAtMost, problem: 'it holds no token' });
  if (read.error) return { is: 'malformed', error: read.error };
  const findings = read.entries.map((entry) => findingOf(entry, scanner));
  const told = findings.map(({ detector, circumstances }) => [detector, circumstances?.reference]);
  return { is: 'alert', delivery: deliveryName(told, now), findings, skipped: read.skipped };
}

/** `source` says in which kind of place it was found, which the address says better. */
function findingOf({ token, type = '', url: given }: z.infer<typeof record>, scanner: Scanner): Finding {
  const url = withoutEcho(given, token);
  return {
    scanner,
    detector: withoutEcho(type, token),
    value: token,
    circumstances: { exposure: 'public', location: url === undefined ? undefined : { url }, reference: url },
  };
}
