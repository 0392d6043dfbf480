import { GetSecretValueCommand, type SecretsManagerClient } from '@aws-sdk/client-secrets-manager';
import * as z from 'zod';
import { Misconfigured, Unavailable } from '../revocation/errors.ts';

/** How long a secret is used before it is read again (ms). */
const keptFor = 5 * 60_000;

/** While Secrets Manager gives no answer, what it said last is believed for this long (ms), and it is asked again this often (ms). */
const believedFor = 60 * 60_000;
const askedAgain = 30_000;

/**
 * Reads secrets, checks them against their schema, keeps them for five minutes, or for an hour while they cannot be had;
 * simultaneous readers share one read.
 */
export interface Secrets {
  /** `fresh`: what is kept does not do. @throws Misconfigured naming the secret and the field, never the value; Unavailable */
  read<Value>(name: string, schema: z.ZodType<Value>, fresh?: boolean): Promise<Value>;
}

export function createSecrets(client: SecretsManagerClient, now: () => number): Secrets {
  const kept = new Map<string, { until: number; value: Promise<unknown> }>();
  const good = new Map<string, { at: number; value: unknown }>();

  async function readAnew<Value>(name: string, schema: z.ZodType<Value>, fresh: boolean): Promise<Value> {
    try {
      const value = check(name, await fetchSecret(client, name), schema);
      good.set(name, { at: now(), value });
      return value;
    } catch (error) {
      const last = good.get(name);
      if (fresh || !(error instanceof Unavailable) || last === undefined || last.at + believedFor <= now()) throw error;
      const known = kept.get(name);
      if (known !== undefined) known.until = now() + askedAgain;
      return last.value as Value;
    }
  }

  return {
    read(name, schema, fresh = false) {
      const known = kept.get(name);
      if (known && !fresh && known.until > now()) return known.value as Promise<never>;
      const value = readAnew(name, schema, fresh);
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
  const { path, message } = nearest(issue);
  return `${path.map(String).join('.') || '(the whole)'}: ${message}`;
}

/** Of several forms that a value may have, what is wrong with the one that is nearest to what was given. */
export function nearest(issue: z.core.$ZodIssue): z.core.$ZodIssue {
  const weight = (issues: z.core.$ZodIssue[]) =>
    issues.reduce((sum, each) => sum + (each.code === 'unrecognized_keys' ? each.keys.length : 1), 0);
  const forms = issue.code === 'invalid_union' ? issue.errors : [];
  const [first] = forms.toSorted((left, right) => weight(left) - weight(right))[0] ?? [];
  return first ? nearest({ ...first, path: [...issue.path, ...first.path] }) : issue;
}

// Wherever a schema has no words of its own: only here, at its source, does an issue still know its schema and its input.
z.config({ customError: wordsOf });

function wordsOf(issue: z.core.$ZodRawIssue): string {
  switch (issue.code) {
    case 'invalid_type':
      return issue.input === undefined ? 'is missing' : `must be ${types[issue.expected] ?? issue.expected}`;
    case 'invalid_value': {
      const choice = issue.values.length > 1 ? 'one of ' : '';
      const must = `must be ${choice}${issue.values.map(String).join(', ')}`;
      return issue.input === undefined ? `is missing; ${must}` : must;
    }
    case 'too_small':
      return `must ${amount(issue.origin, `at least ${issue.minimum}`, issue.minimum)}`;
    case 'too_big':
      return `must ${amount(issue.origin, `at most ${issue.maximum}`, issue.maximum)}`;
    case 'unrecognized_keys': {
      const { shape } = (issue.inst as z.ZodObject)._zod.def;
      return `has a field that is not known here; known are ${Object.keys(shape).join(', ')}`;
    }
    case 'invalid_key':
      return `its name ${issue.issues[0]?.message ?? 'does not have the right form'}`;
    case 'invalid_format':
      return issue.format === 'datetime'
        ? 'must be a date and time in ISO 8601, such as 2026-11-20T12:00:00Z'
        : 'does not have the right form';
    default:
      return 'does not have the right form';
  }
}

const types: Readonly<Record<string, string>> = {
  string: 'text',
  number: 'a number',
  int: 'a whole number',
  boolean: 'true or false',
  array: 'a list',
  object: 'an object',
  record: 'an object',
};

function amount(origin: string, bound: string, count: number | bigint): string {
  const many = Number(count) !== 1;
  if (origin === 'string') return `have ${bound} character${many ? 's' : ''}`;
  if (origin === 'array') return `have ${bound} ${many ? 'entries' : 'entry'}`;
  return `be ${bound}`;
}
