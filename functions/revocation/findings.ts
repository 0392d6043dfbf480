import type { Detector, Scanner } from './detectors.ts';
import type { Leak } from './leak.ts';
import type { AnyKind, Providers } from './provider.ts';
import { Secret } from './secret.ts';

/** What a scanner found: its own name for the kind of credential, the value, and the parts a value is made of. */
export interface Finding {
  scanner: Scanner;
  detector: string;
  value?: Secret | undefined;
  /** Several values one after another, of which `value` is the first (TruffleHog's `RawV2`). */
  whole?: Secret | undefined;
  parts?: Readonly<Record<string, Secret>> | undefined;
  /** Where it was found and how bad that is, as a leak says it. */
  circumstances?: Pick<Leak, 'location' | 'exposure' | 'detectedAt' | 'reference' | 'account'>;
}

/**
 * The leaks in a finding: one for each kind of credential that the scanner's name stands for. Values that no kind takes,
 * because nobody knows the name or the part, become leaks without a provider, so that their form decides, or a person.
 * Never empty, unless the finding holds no value.
 */
export function leaksOf(finding: Finding, providers: Providers): Leak[] {
  const { scanner, detector, circumstances = {} } = finding;
  const taken = new Set<string>();
  const named = Object.entries(providers).flatMap(([provider, { kinds }]) =>
    Object.entries(kinds).flatMap(([kind, facts]) =>
      namesOf(facts, scanner)
        .filter(({ name }) => name === (scanner === 'gitlab' ? withoutPrefix(detector) : detector))
        .flatMap((known) => {
          const secret = secretOf(known, finding);
          if (secret === undefined || !mayBe(facts, kinds, secret)) return [];
          const identifiers = identifiersOf(known, finding);
          for (const value of [secret.expose(), ...Object.values(identifiers)]) taken.add(value);
          return [{ ...circumstances, provider, kind, secret, identifiers }];
        }),
    ),
  );
  const left = valuesOf(finding, named.length > 0).filter((value) => !taken.has(value.expose()));
  return [...named, ...left.map((secret) => ({ ...circumstances, secret }))];
}

/** The values to account for: all parts, and where there are none, the finding's own value, or the text that holds it. */
function valuesOf({ value, whole, parts = {} }: Finding, someTaken: boolean): Secret[] {
  const all = Object.values(parts);
  if (all.length > 0 && (someTaken || value === undefined)) return all;
  if (someTaken) return [];
  return [value ?? whole].filter((one) => one !== undefined);
}

function secretOf({ part, otherwise }: Detector, { value, whole, parts }: Finding): Secret | undefined {
  if (part === undefined) return value;
  const named = parts?.[part];
  if (named !== undefined || otherwise === undefined) return named;
  return otherwise === 'value' ? value : restOf(whole, value);
}

/** What stands beside the value where a finding holds two without naming them. */
function restOf(whole: Secret | undefined, value: Secret | undefined): Secret | undefined {
  const first = value?.expose();
  const text = whole?.expose();
  if (first === undefined || text === undefined || !text.includes(first)) return undefined;
  const rest = text.replace(first, '').replace(/^[:\s]+|[:\s]+$/g, '');
  return rest === '' ? undefined : new Secret(rest);
}

/** GitLab names its findings by gitleaks' rules, with a prefix. */
function namesOf({ detectors = {} }: AnyKind, scanner: Scanner): readonly Detector[] {
  const own = detectors[scanner] ?? [];
  return scanner === 'gitlab' ? [...own, ...(detectors.gitleaks ?? [])] : own;
}

const withoutPrefix = (detector: string) => detector.replace(/^gitleaks_rule_id_/, '');

/** A value whose form belongs to another kind of the same provider is that kind's. */
function mayBe(kind: AnyKind, kinds: Readonly<Record<string, AnyKind>>, secret: Secret): boolean {
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
