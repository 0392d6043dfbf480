import * as z from 'zod';
import { Secret } from './secret.ts';

const signingSecret = z
  .string()
  .min(1)
  .max(256)
  .transform((value) => new Secret(value));

/**
 * What `leakstop/sources/slack` holds: what Slack signs with (a list while it is being changed), the bot's token, and the channel
 * where people are told. https://docs.slack.dev/authentication/tokens
 */
export const slackConfig = z.strictObject({
  signingSecret: z.union([signingSecret.transform((secret) => [secret]), z.array(signingSecret).min(1).max(10)]),
  botToken: z
    .string()
    .regex(/^xoxb-[\x21-\x7e]{1,512}$/, 'must be the token of a bot, xoxb-…')
    .transform((value) => new Secret(value)),
  channel: z.string().regex(/^[CG][A-Z0-9]{1,20}$/, 'must be the id of a channel, such as C0123456789'),
});
export type SlackConfig = z.infer<typeof slackConfig>;
