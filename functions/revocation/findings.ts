import type { Detector, Scanner } from './detectors.ts';
import type { Leak } from './leak.ts';
import type { AnyKind, Providers } from './provider.ts';
import type { Secret } from './secret.ts';

/** What a scanner found: its own name for the kind of credential, the value, and the parts a value is made of. */
export interface Finding {
  scanner: Scanner;
  detector: string;
  value?: Secret | undefined;
  parts?: Readonly<Record<string, Secret>> | undefined;
  /** Where it was found and how bad that is, as a leak says it. */
  circumstances?: Pick<Leak, 'location' | 'exposure' | 'detectedAt' | 'reference' | 'account'>;
}

/**
 * The leaks in a finding: one for each kind of credential that the scanner's name stands for. A name nobody knows gives
 * one leak without a provider, so that its form decides, or a person. Never empty, unless the finding holds no value.
 */
export function leaksOf(finding: Finding, providers: Providers): Leak[] {
  const { scanner, detector, value, circumstances = {} } = finding;
  const named = Object.entries(providers).flatMap(([provider, { kinds }]) =>
    Object.entries(kinds).flatMap(([kind, { detectors }]) =>
      (detectors?.[scanner] ?? [])
        .filter(({ name }) => name === detector)
        .flatMap((known) => {
          const secret = secretOf(known, finding);
          if (secret === undefined || !mayBe(kinds[kind], kinds, secret)) return [];
          return [{ ...circumstances, provider, kind, secret, identifiers: identifiersOf(known, finding) }];
        }),
    ),
  );
  if (named.length > 0) return named;
  return value === undefined ? [] : [{ ...circumstances, secret: value }];
}

function secretOf({ part, orValue }: Detector, { value, parts }: Finding): Secret | undefined {
  if (part === undefined) return value;
  return parts?.[part] ?? (orValue ? value : undefined);
}

/** A value whose form belongs to another kind of the same provider is that kind's. */
function mayBe(kind: AnyKind | undefined, kinds: Readonly<Record<string, AnyKind>>, secret: Secret): boolean {
  return !Object.values(kinds).some((other) => other !== kind && other.unmistakable?.test(secret.expose()));
}

function identifiersOf({ identifiers = {} }: Detector, { parts = {} }: Finding): Record<string, string> {
  return Object.fromEntries(
    Object.entries(identifiers).flatMap(([name, part]) => {
      const value = parts[part];
      return value === undefined ? [] : [[name, value.expose()]];
    }),
  );
}
