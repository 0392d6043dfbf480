import * as z from 'zod';
import { Misconfigured } from '../revocation/errors.ts';
import { actions, policySchema } from '../revocation/policy.ts';

/** A value that stands in a variable as JSON. */
const json = <Schema extends z.ZodType>(schema: Schema) =>
  z
    .string()
    .transform((text, context): unknown => {
      try {
        return JSON.parse(text);
      } catch {
        context.addIssue({ code: 'custom', message: 'is not JSON' });
        return z.NEVER;
      }
    })
    .pipe(schema);

/** Provider id → URL of its lane. */
const lanes = json(z.record(z.string(), z.url()));
/** Provider id → names of its accounts. */
const accounts = json(z.record(z.string(), z.array(z.string()).min(1)));

/** Which accounts of a lane are drilled, how often, and in what time a key is to be dead. */
const drillPlan = z.object({
  accounts: z.array(z.string()).min(1),
  everyHours: z.number().positive(),
  objectiveSeconds: z.number().positive(),
});

/** Absent where there is nobody to tell. */
const noticesQueue = z.url().optional();

/**
 * The environment of each function: what it needs and nothing else, made when it is asked for. Both ways to deploy build it
 * with `satisfies`.
 */
export const environments = {
  'keep-watch': () =>
    z.object({
      LANES: lanes,
      NOTICES_QUEUE: noticesQueue,
      UNROUTED_QUEUE: z.url(),
      SOURCES: json(z.array(z.string())),
      DRILLS: accounts.optional(),
      TABLE: z.string().min(1),
    }),
  'receive-alert': () => z.object({ LANES: lanes, UNROUTED_QUEUE: z.url(), SOURCES: json(z.array(z.string())) }),
  'receive-request': () =>
    z.object({
      LANES: lanes,
      UNROUTED_QUEUE: z.url(),
      NOTICES_QUEUE: noticesQueue,
      ACCOUNTS: accounts,
      SOURCES: json(z.array(z.string())),
      TABLE: z.string().min(1),
    }),
  'receive-slack': () =>
    z.object({
      LANES: lanes,
      UNROUTED_QUEUE: z.url(),
      NOTICES_QUEUE: noticesQueue,
      SOURCES: json(z.array(z.string())),
      POLICY: json(policySchema),
      TABLE: z.string().min(1),
    }),
  'resolve-alert': () =>
    z.object({
      LANES: lanes,
      NOTICES_QUEUE: noticesQueue,
      UNROUTED_QUEUE: z.url(),
      TABLE: z.string().min(1),
      HEALTH_ACCOUNT: z.string().min(1),
    }),
  'revoke-key': () =>
    z.object({
      PROVIDER: z.string().min(1),
      ACCOUNTS: json(z.array(z.string()).min(1)),
      ACTION: z.enum(actions),
      POLICY: json(policySchema),
      DRILL: json(drillPlan).optional(),
      LANE: z.url(),
      NOTICES_QUEUE: noticesQueue,
      TABLE: z.string().min(1),
    }),
  'send-notice': () =>
    z.object({
      NOTICES_QUEUE: z.url(),
      SOURCES: json(z.array(z.string())),
      EVENT_BUS: z.string().min(1).optional(),
      TOPIC: z.string().min(1).optional(),
      TABLE: z.string().min(1),
    }),
} as const;

export type FunctionName = keyof typeof environments;
/** The variables of one function as text, the way a deployment writes them. */
export type Environment<Name extends FunctionName> = z.input<ReturnType<(typeof environments)[Name]>>;

/** @throws Misconfigured naming the variable */
export function readEnvironment<Name extends FunctionName>(
  name: Name,
  variables: NodeJS.ProcessEnv,
): z.output<ReturnType<(typeof environments)[Name]>> {
  const parsed = environments[name]().safeParse(variables);
  if (parsed.success) return parsed.data as z.output<ReturnType<(typeof environments)[Name]>>;
  const [issue] = parsed.error.issues;
  throw new Misconfigured(`environment of ${name}: ${issue?.path.join('.')}: ${issue?.message}`);
}
