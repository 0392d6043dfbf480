import * as z from 'zod';
import { readStrictly } from '../configuration.ts';

/** What CloudWatch Logs knows (days): https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_PutRetentionPolicy.html */
const retentions = [
  1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653,
] as const;

const zones = z.strictObject({ zones: z.literal([1, 2]) });
const isEgress = (value: unknown) => typeof value === 'boolean' || zones.safeParse(value).success;

const deploymentSchema = z
  .strictObject({
    /** ARN of the SNS topic, in the same region, that the alarms go to. Absent: `leakstop-alarms` is made. */
    alarmTopic: z
      .string()
      .regex(/^arn:aws[a-z-]*:sns:[a-z0-9-]+:\d{12}:[A-Za-z0-9_-]{1,256}$/, 'must be the ARN of an SNS standard topic')
      .optional(),
    /** Is subscribed to the topic that is made; whoever reads it must confirm once. */
    alarmEmail: z.email('must be an email address').optional(),
    /** Whether what talks to providers and sources leaves from fixed addresses, one for each zone. `true`: two zones. */
    fixedEgress: z
      .custom<boolean | { zones: 1 | 2 }>(isEgress, 'must be true, false, { zones: 1 } or { zones: 2 }')
      .default(false),
    /** X-Ray traces of the functions. */
    tracing: z.boolean().default(false),
    logRetentionDays: z.literal(retentions, `must be one of ${retentions.join(', ')}`).default(365),
    /** Where your copy of docs/operate.md is read, for the links of the dashboard. Absent: the page is only named there. */
    runbookUrl: z
      .string()
      .regex(
        /^https:\/\/[^\s#()]+$/,
        'must be an https address without a fragment, such as https://wiki.example.com/leakstop',
      )
      .optional(),
    /** Sets aside for each lane the executions that it may use at once, so that nothing else in the account takes them. */
    reserveConcurrency: z.boolean().default(false),
  })
  .superRefine(({ alarmTopic, alarmEmail }, context) => {
    if (alarmTopic !== undefined && alarmEmail !== undefined)
      context.addIssue({
        code: 'custom',
        path: ['alarmEmail'],
        message: 'goes with no alarmTopic: subscribe it there',
      });
  });

/** How the service is put into AWS, with every default filled in. */
export type Deployment = z.output<typeof deploymentSchema>;
/** The same as it is written in `bin/config.ts`. */
export type DeploymentInput = z.input<typeof deploymentSchema>;

/** @throws Error with one line that names the field, from `deployment` on, and the remedy */
export const readDeployment = (input: unknown): Deployment =>
  readStrictly(z.strictObject({ deployment: deploymentSchema }), { deployment: input }).deployment;
