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
