import { GetSecretValueCommand, type SecretsManagerClient } from '@aws-sdk/client-secrets-manager';
import type * as z from 'zod';
import { Misconfigured, Unavailable } from '../revocation/errors.ts';

/** How long a secret is used before it is read again (ms). */
const keptFor = 5 * 60_000;

/** Reads secrets, checks them against their schema, keeps them for five minutes; simultaneous readers share one read. */
export interface Secrets {
  /** @throws Misconfigured naming the secret and the field, never the value; Unavailable */
  read<Value>(name: string, schema: z.ZodType<Value>, fresh?: boolean): Promise<Value>;
}

export function createSecrets(client: SecretsManagerClient, now: () => number): Secrets {
  const kept = new Map<string, { until: number; value: Promise<unknown> }>();
  return {
    read(name, schema, fresh = false) {
      const known = kept.get(name);
      if (known && !fresh && known.until > now()) return known.value as Promise<never>;
      const value = fetchSecret(client, name).then((text) => check(name, text, schema));
      kept.set(name, { until: now() + keptFor, value });
      value.catch(() => kept.get(name)?.value === value && kept.delete(name));
      return value;
    },
  };
}

async function fetchSecret(client: SecretsManagerClient, name: string): Promise<string | undefined> {
  try {
    return (await client.send(new GetSecretValueCommand({ SecretId: name }))).SecretString;
  } catch (error) {
    if (error instanceof Error && error.name === 'ResourceNotFoundException')
      throw new Misconfigured(`secret ${name} does not exist`);
    throw new Unavailable('Secrets Manager did not give an answer', { untouched: true });
  }
}

/** @throws Misconfigured */
export function check<Value>(name: string, text: string | undefined, schema: z.ZodType<Value>): Value {
  let json: unknown;
  try {
    json = JSON.parse(text ?? '');
  } catch {
    throw new Misconfigured(`secret ${name} is not JSON`);
  }
  const parsed = schema.safeParse(json);
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  throw new Misconfigured(`secret ${name}: ${issueInWords(issue)}`);
}

/** What a schema found wrong, as `field: problem`; a field that we do not know is not repeated. */
export function issueInWords(issue: z.core.$ZodIssue | undefined): string {
  if (issue === undefined) return 'does not match its schema';
  if (issue.code === 'invalid_union') {
    // Of several forms, the one that is nearest to what was given says what is missing.
    const [nearest] = issue.errors.toSorted((left, right) => left.length - right.length);
    const [first] = nearest ?? [];
    if (first) return issueInWords({ ...first, path: [...issue.path, ...first.path] });
  }
  const field = issue.path.map(String).join('.') || '(the whole)';
  return `${field}: ${issue.code === 'unrecognized_keys' ? 'has a field that is not known here' : issue.message}`;
}
