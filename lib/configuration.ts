import * as z from 'zod';
import type { Environment } from '../functions/platform/env.ts';
import { issueInWords } from '../functions/platform/secrets.ts';
import { providers } from '../functions/providers/index.ts';
import { actions, policySchema } from '../functions/revocation/policy.ts';
import { drilledKind, type Providers } from '../functions/revocation/provider.ts';
import type { Sources } from '../functions/revocation/source.ts';
import { sources } from '../functions/sources/index.ts';

const registry: Providers = providers;
/** What may report here: the registry's sources, and Slack, where people talk. */
const known = [...Object.keys(sources), 'slack'];
export const accountName = z
  .string()
  .regex(/^[A-Za-z0-9][A-Za-z0-9_-]{0,63}$/, 'must be 1 to 64 letters, digits, - or _');

/** Where people and programs are told of incidents, beside the sources and Slack. */
const notices = z.strictObject({
  /** Name or ARN of the bus that gets an event for each of them; null, none does. */
  eventBus: z
    .string()
    .regex(
      /^(arn:aws[a-z-]*:events:[a-z0-9-]+:\d{12}:event-bus\/)?[A-Za-z0-9._/-]{1,256}$/,
      'must be the name or the ARN of an event bus, or null',
    )
    .nullable()
    .default('default'),
  topic: z
    .string()
    .regex(/^arn:aws[a-z-]*:sns:[a-z0-9-]+:\d{12}:[A-Za-z0-9_-]{1,256}$/, 'must be the ARN of an SNS standard topic')
    .optional(),
});

/** Accounts in which a key is made for the purpose, leaked to ourselves and killed, again and again: a drill. */
const drill = z.strictObject({
  accounts: z.record(z.string(), z.array(accountName).min(1)),
  everyHours: z.number().min(0.25).max(72).default(24),
  objectiveSeconds: z.int().min(5).max(3600).default(60),
});

/** What an adopter configures (contract, section 4): typed in `bin/config.ts`, as JSON for `npm start -- --config`. */
export const configurationSchema = z
  .strictObject({
    providers: z.record(
      z.string(),
      z.strictObject({ accounts: z.array(accountName).min(1), action: z.enum(actions).default('delete') }),
    ),
    sources: z.array(z.string()).default([]),
    policy: policySchema.prefault({}),
    notices: notices.prefault({}),
    drill: drill.optional(),
  })
  .superRefine(({ providers: wanted, sources: listed, policy, drill: drilled }, context) => {
    const issue = (path: (string | number)[], message: string) => context.addIssue({ code: 'custom', path, message });
    for (const [id, { action, accounts }] of Object.entries(wanted)) {
      const provider = Object.hasOwn(registry, id) ? registry[id] : undefined;
      if (!provider) issue(['providers', id], `is not a provider; there are ${Object.keys(registry).join(', ')}`);
      const switchable = provider && Object.values(provider.kinds).some((kind) => kind.disable);
      if (provider && action === 'disable' && !switchable)
        issue(['providers', id, 'action'], `cannot be disable: ${id} can only delete`);
      // Operators may always decide, through the API; whom Slack asks must be named.
      if (action === 'approve' && listed.includes('slack') && policy.approval.approvers.length === 0)
        issue(['policy', 'approval', 'approvers'], `is empty, and ${id} asks people in Slack: name who may approve`);
      if (new Set(accounts).size < accounts.length) issue(['providers', id, 'accounts'], 'names an account twice');
    }
    for (const [index, id] of listed.entries()) {
      if (!known.includes(id)) issue(['sources', index], `is not a source; there are ${known.join(', ')}`);
    }
    const drillable = Object.values(registry).filter((provider) => drilledKind(provider) !== undefined);
    for (const [id, accounts] of Object.entries(drilled?.accounts ?? {})) {
      const path = ['drill', 'accounts', id];
      const missing = accounts.find((account) => wanted[id]?.accounts.includes(account) !== true);
      if (!drillable.some((provider) => provider.id === id))
        issue(path, `cannot be drilled: no key can be made there; ${drillable.map((one) => one.id).join(', ')} can be`);
      else if (missing !== undefined) issue(path, `names ${missing}, which is not among providers.${id}.accounts`);
      else if (new Set(accounts).size < accounts.length) issue(path, 'names an account twice');
    }
    if (drilled !== undefined && drilled.objectiveSeconds >= drilled.everyHours * 3600)
      issue(['drill', 'objectiveSeconds'], 'must be less than the time from one drill to the next');
    for (const [index, { provider }] of policy.protected.entries()) {
      if (!Object.hasOwn(registry, provider)) issue(['policy', 'protected', index, 'provider'], 'is not a provider');
    }
  });

/** A configuration with every default filled in. */
export type Configuration = z.output<typeof configurationSchema>;
/** A configuration as it is written. */
export type ConfigurationInput = z.input<typeof configurationSchema>;

/** @throws Error with one line that names the field and the remedy */
export const readConfiguration = (input: unknown): Configuration => readStrictly(configurationSchema, input);

/** @throws Error with one line that names the field and the remedy */
export function readStrictly<Output>(schema: z.ZodType<Output>, input: unknown): Output {
  const parsed = schema.safeParse(input);
  if (parsed.success) return parsed.data;
  const { issues } = parsed.error;
  // A misspelt field is named before the one that is missing for it. Here, unlike in a secret, no name is secret.
  const unknown = issues.find((issue) => issue.code === 'unrecognized_keys');
  if (unknown === undefined) throw new Error(issueInWords(issues[0]));
  throw new Error(`${[...unknown.path, unknown.keys[0]].map(String).join('.')}: is not a field that is known here`);
}

/** Where the shared things are, as a way to deploy knows them. */
export interface Places {
  table: string;
  /** Provider id → queue URL. */
  lanes: Record<string, string>;
  unroutedQueue: string;
  /** Absent where there is nobody to tell. */
  noticesQueue: string | undefined;
  /** The AWS account whose health events come into that queue. */
  account: string;
}

const toldAt = (noticesQueue: string | undefined): Record<string, string> =>
  noticesQueue === undefined ? {} : { NOTICES_QUEUE: noticesQueue };

/** The environments of the functions that exist once. */
export function sharedEnvironments(
  { providers: configured, sources: enabled, policy, notices: receivers, drill: drilled }: Configuration,
  { table, lanes, unroutedQueue, noticesQueue, account }: Places,
) {
  const told = toldAt(noticesQueue);
  const accounts = Object.fromEntries(Object.entries(configured).map(([id, provider]) => [id, provider.accounts]));
  return {
    'keep-watch': {
      LANES: JSON.stringify(lanes),
      ...told,
      UNROUTED_QUEUE: unroutedQueue,
      SOURCES: JSON.stringify(enabled),
      ...(drilled !== undefined && { DRILLS: JSON.stringify(drilled.accounts) }),
      TABLE: table,
    } satisfies Environment<'keep-watch'>,
    'receive-alert': {
      LANES: JSON.stringify(lanes),
      UNROUTED_QUEUE: unroutedQueue,
      SOURCES: JSON.stringify(enabled),
    } satisfies Environment<'receive-alert'>,
    'receive-request': {
      LANES: JSON.stringify(lanes),
      UNROUTED_QUEUE: unroutedQueue,
      ACCOUNTS: JSON.stringify(accounts),
      SOURCES: JSON.stringify(enabled),
      ...told,
      TABLE: table,
    } satisfies Environment<'receive-request'>,
    ...(enabled.includes('slack') && {
      'receive-slack': {
        LANES: JSON.stringify(lanes),
        UNROUTED_QUEUE: unroutedQueue,
        ...told,
        SOURCES: JSON.stringify(enabled),
        POLICY: JSON.stringify(policy),
        TABLE: table,
      } satisfies Environment<'receive-slack'>,
    }),
    'resolve-alert': {
      LANES: JSON.stringify(lanes),
      ...toldAt(noticesQueue),
      UNROUTED_QUEUE: unroutedQueue,
      TABLE: table,
      HEALTH_ACCOUNT: account,
    } satisfies Environment<'resolve-alert'>,
    ...(noticesQueue !== undefined && {
      'send-notice': {
        NOTICES_QUEUE: noticesQueue,
        SOURCES: JSON.stringify(enabled),
        ...(receivers.eventBus !== null && { EVENT_BUS: receivers.eventBus }),
        ...(receivers.topic !== undefined && { TOPIC: receivers.topic }),
        TABLE: table,
      } satisfies Environment<'send-notice'>,
    }),
  };
}

/** Whether a configuration has anybody who wants to know what became of an incident. */
export const isToldOf = ({ sources: enabled, notices: { eventBus, topic } }: Configuration) =>
  eventBus !== null ||
  topic !== undefined ||
  enabled.some((id) => id === 'slack' || (sources as Sources)[id]?.close !== undefined);

/** The environment of one provider's lane. */
export function laneEnvironment(
  { providers: configured, policy, drill: drilled }: Configuration,
  id: string,
  { table, lanes, noticesQueue }: Pick<Places, 'table' | 'lanes' | 'noticesQueue'>,
) {
  const provider = configured[id];
  const lane = lanes[id];
  if (!provider || lane === undefined) throw new Error(`provider ${id} is not configured`);
  const accounts = drilled?.accounts[id];
  return {
    PROVIDER: id,
    ACCOUNTS: JSON.stringify(provider.accounts),
    ACTION: provider.action,
    POLICY: JSON.stringify(policy),
    ...(accounts !== undefined && { DRILL: JSON.stringify({ ...drilled, accounts }) }),
    LANE: lane,
    ...toldAt(noticesQueue),
    TABLE: table,
  } satisfies Environment<'revoke-key'>;
}
