import type { Leak } from './leak.ts';
import type { Secret } from './secret.ts';

// What is done with a leak that was read already: apart from its schemas, which only those who read one have to load.

/** Whether a leak says which credential it is about. */
export const namesCredential = (leak: { secret?: unknown; identifiers?: object | undefined }) =>
  leak.secret !== undefined || Object.keys(leak.identifiers ?? {}).length > 0;

/** Takes the secret out of every text in a value, as it stands and percent-encoded: scanners echo it in addresses and file names. */
export function withoutEcho<Value>(value: Value, secret: Secret | undefined): Value {
  if (secret === undefined) return value;
  const plain = secret.expose();
  const forms = [...new Set([plain, encodeURIComponent(plain.toWellFormed())])];
  const clean = (part: unknown): unknown => {
    // What replaces it is longer than some secrets: no text grows by it.
    if (typeof part === 'string') return forms.reduce(masked, part).slice(0, Math.max(part.length, '[secret]'.length));
    if (part === null || typeof part !== 'object') return part;
    if (Array.isArray(part)) return part.map(clean);
    return Object.fromEntries(Object.entries(part).map(([key, inner]) => [key, clean(inner)]));
  };
  return clean(value) as Value;
}

/** Only letters of ASCII, so that every place in the text stays the same. */
const inLowerCase = (text: string) => text.replaceAll(/[A-Z]+/g, (letters) => letters.toLowerCase());

/** In either case of its letters. A regular expression of what may be a whole file would be too large to be made. */
function masked(text: string, echo: string): string {
  if (echo === '' || echo.length > text.length) return text;
  const [where, what] = [inLowerCase(text), inLowerCase(echo)];
  const parts: string[] = [];
  let from = 0;
  for (let at = where.indexOf(what); at !== -1; at = where.indexOf(what, from)) {
    parts.push(text.slice(from, at));
    from = at + echo.length;
  }
  return [...parts, text.slice(from)].join('[secret]');
}

/** An address without the name and password in it: those of repositories come with the token that they were cloned with. */
export const withoutUser = <Text extends string | undefined>(address: Text) =>
  address?.replaceAll(/\/\/[^/?#\s]*@/g, '//') as Text;

/** No key is shorter than this; a shorter secret stands in names by chance, and they must go on saying where it belongs. */
const echoFrom = 8;

/**
 * A leak in which nothing but its secret holds it: a name that did is none any more, an identifier that did is dropped. Nor do its
 * addresses hold anybody else's.
 */
export function withoutEchoes(leak: Leak): Leak {
  const { secret, reference, location, identifiers = {}, provider, kind, account } = leak;
  const names = { provider, kind, account };
  const clean = withoutEcho({ names, reference, location, identifiers }, secret);
  const named = Object.entries(identifiers).filter(([name, value]) => clean.identifiers[name] === value);
  const isShort = secret !== undefined && secret.expose().length < echoFrom;
  return {
    ...leak,
    ...(isShort ? names : clean.names),
    reference: withoutUser(clean.reference),
    location: clean.location && { ...clean.location, url: withoutUser(clean.location.url) },
    identifiers: Object.fromEntries(named),
  };
}
