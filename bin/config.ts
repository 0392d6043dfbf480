import type { DeploymentInput } from '../lib/aws/deployment.ts';
import type { ConfigurationInput } from '../lib/configuration.ts';

/**
 * What this deployment watches over: the one file to edit before `npx cdk deploy`.
 *
 * - `providers`: whose keys may be revoked, in which accounts, and what to do with one: `delete` (the default),
 *   `disable` (where the provider can), `approve` (ask a person first) or `observe` (dry run).
 * - `sources`: who may report leaks, and `slack`, where people are told and asked.
 * - `policy`: keys never to touch, a limit on automatic revocations, who may decide in Slack, how long they have.
 * - `notices`: the event bus and the topic that are told what becomes of each key.
 *
 * Every account and every source gets a secret in Secrets Manager (`leakstop/providers/<provider>/<account>`,
 * `leakstop/sources/<source>`), made as `{}`: put its value in after the first deployment.
 */
export const configuration: ConfigurationInput = {
  providers: {
    datadog: { accounts: ['prod'] },
  },
  sources: ['standard'],
};

/**
 * How it is put into AWS; what each costs stands in docs/deploy.md.
 *
 * - `alarmEmail`: who is told of alarms; confirm the message that comes. Or `alarmTopic`: the ARN of a topic of yours.
 *   With neither, subscribe somebody to the topic `leakstop-alarms`: an alarm that nobody hears is none.
 * - `fixedEgress`: `true` makes a network whose addresses, shown as `FixedEgressEgress…` after the deployment, providers can put on
 *   their lists; `{ zones: 1 }` makes one address instead of two, for half the price.
 * - `tracing`: X-Ray traces of the functions.
 * - `logRetentionDays`: 365 unless said otherwise. The logs are evidence beside the ledger.
 * - `runbookUrl`: where your copy of docs/operate.md is read, for the dashboard to link to.
 * - `reserveConcurrency`: sets five executions aside for each lane. A new AWS account has no more than ten in all and
 *   refuses that: ask for a higher quota first.
 */
export const deployment: DeploymentInput = {};
