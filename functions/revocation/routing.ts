import type { Leak } from './leak.ts';
import { withoutEchoes } from './leak-contents.ts';
import type { AnyKind, Providers } from './provider.ts';
import { isSecretValue } from './secret.ts';

/** Where a leak belongs, or the field that keeps it from belonging anywhere, with the remedy. */
export type Route =
  | { is: 'routed'; provider: string; kind: string; leak: Leak }
  | { is: 'unrouted'; provider: string | null; kind: string | null; leak: Leak; field: string; problem: string };

/**
 * Tells provider and kind of a leak: as it says, else by a form that is proof. A kind that is still missing is told by a form that
 * only one kind there has, by an identifier that only one has, or is the first. Cleans the leak of echoes of its secret.
 */
export function route(given: Leak, providers: Providers): Route {
  const leak = withoutEchoes(given);
  if (leak.secret !== undefined && !isSecretValue(leak.secret)) {
    const problem = 'holds spaces, line ends or other characters that no key here has';
    return { is: 'unrouted', provider: null, kind: null, leak, field: 'secret', problem };
  }
  const all = Object.keys(providers).join(', ');
  const id = leak.provider ?? providerByForm(leak, providers);
  const provider = id === undefined ? undefined : Object.hasOwn(providers, id) ? providers[id] : undefined;
  if (id === undefined || provider === undefined) {
    const problem =
      leak.provider === undefined ? `cannot be told from the secret; name one of ${all}` : `is not one of ${all}`;
    return { is: 'unrouted', provider: null, kind: null, leak, field: 'provider', problem };
  }
  const byForm = leak.provider === undefined ? undefined : providerByForm(leak, providers);
  if (byForm !== undefined && byForm !== id) {
    const problem = `does not go with the secret, whose form is one of ${byForm}`;
    return { is: 'unrouted', provider: null, kind: null, leak, field: 'provider', problem };
  }
  const kinds = Object.keys(provider.kinds);
  // A form that is proof says more than a name, but a name nobody knows is a mistake all the same.
  const named = leak.kind === undefined || kinds.includes(leak.kind);
  const byProof = named ? kindByForm(leak, provider.kinds) : undefined;
  const kindId =
    byProof ?? leak.kind ?? kindByLikeness(leak, provider.kinds) ?? kindByName(leak, provider.kinds) ?? kinds[0];
  const kind = kindId !== undefined && Object.hasOwn(provider.kinds, kindId) ? provider.kinds[kindId] : undefined;
  if (kindId === undefined || kind === undefined) {
    return {
      is: 'unrouted',
      provider: id,
      kind: null,
      leak,
      field: 'kind',
      problem: `is not one of ${kinds.join(', ')}`,
    };
  }
  const known = identifiersOf(kind);
  const entries = Object.entries(leak.identifiers ?? {}).filter(([name]) => known.includes(name));
  const identifiers = Object.fromEntries(entries);
  const names = [...kind.identifiers, ...(kind.shared ?? [])];
  if (leak.secret === undefined && !names.some((name) => identifiers[name] !== undefined)) {
    const problem = `names no key; ${id} ${kindId} knows ${names.join(', ')}`;
    return { is: 'unrouted', provider: id, kind: kindId, leak, field: 'identifiers', problem };
  }
  return { is: 'routed', provider: id, kind: kindId, leak: { ...leak, identifiers } };
}

/** Every name that means something for a kind: what names a key, and what helps to look for it. */
export const identifiersOf = ({ identifiers, shared = [], locators = [] }: AnyKind): string[] => [
  ...identifiers,
  ...shared,
  ...locators,
];

/** Whether a leak names one key and no other, rather than by what several keys may share. */
export const namesOneKey = (kind: AnyKind, { secret, identifiers = {} }: Leak): boolean =>
  secret !== undefined || kind.identifiers.some((name) => identifiers[name] !== undefined);

const kindByForm = ({ secret }: Leak, kinds: Readonly<Record<string, AnyKind>>) =>
  secret && Object.keys(kinds).find((id) => kinds[id]?.unmistakable?.test(secret.expose()));

/** A form that only one kind has tells the kind, where the provider is known already. */
function kindByLikeness({ secret }: Leak, kinds: Readonly<Record<string, AnyKind>>): string | undefined {
  if (secret === undefined) return undefined;
  const fitting = Object.keys(kinds).filter((id) => kinds[id]?.form?.test(secret.expose()));
  return fitting.length === 1 ? fitting[0] : undefined;
}

/** An identifier that only one kind has tells the kind. */
function kindByName({ identifiers = {} }: Leak, kinds: Readonly<Record<string, AnyKind>>): string | undefined {
  const fitting = Object.keys(kinds).filter((id) =>
    kinds[id]?.identifiers.some((name) => name !== 'keyId' && identifiers[name] !== undefined),
  );
  return fitting.length === 1 ? fitting[0] : undefined;
}

/** Only a form that fits exactly one provider is proof. */
function providerByForm(leak: Leak, providers: Providers): string | undefined {
  const fitting = Object.keys(providers).filter((id) => kindByForm(leak, providers[id]?.kinds ?? {}) !== undefined);
  return fitting.length === 1 ? fitting[0] : undefined;
}
