import * as z from 'zod';
import { incidentIdForm } from '../revocation/fingerprint.ts';
import { settle } from './commands.ts';
import { follow, saidUnder } from './messages.ts';
import { teamId, userId } from './people.ts';
import { type SlackServices, sideWay } from './services.ts';
import { besides, noSuchIncident, summaryOf, unlessUnavailable } from './words.ts';

const team = teamId.optional().catch(undefined);
/** Where Slack takes an answer for whoever clicked: https://docs.slack.dev/interactivity/handling-user-interaction#message_responses */
const responseUrl = z
  .string()
  .max(512)
  .regex(/^https:\/\/hooks\.slack\.com\//)
  .optional()
  .catch(undefined);

const who = {
  user: z.object({ id: userId, team_id: team }),
  team: z.object({ id: team }).nullish().catch(undefined),
  response_url: responseUrl,
};
const action = z.object({ action_id: z.enum(['approve', 'reject', 'details']), value: z.string().max(256) });
/** https://docs.slack.dev/reference/interaction-payloads/block_actions-payload */
const click = z.object({ type: z.literal('block_actions'), ...who, actions: z.array(z.unknown()).max(25) });
/** https://docs.slack.dev/reference/interaction-payloads/shortcuts-interaction-payload */
const shortcut = z.object({
  type: z.literal('message_action'),
  callback_id: z.literal('revoke_key_in_alert'),
  ...who,
});

/** Takes a click on one of our buttons, or the shortcut on a message. Anything else is nothing to us. */
export async function answerInteraction(payload: unknown, services: SlackServices): Promise<void> {
  const clicked = click.safeParse(payload).data;
  const [first] = (clicked?.actions ?? []).flatMap((one) => action.safeParse(one).data ?? []);
  if (clicked !== undefined && first !== undefined)
    return tell(clicked.response_url, () => answerOf(clicked, first, services), services);
  const used = shortcut.safeParse(payload).data;
  if (used === undefined) return;
  const said = saidUnder(payload);
  return tell(used.response_url, async () => (said ? wordsOf(await follow(said, services)) : nothingThere), services);
}

async function answerOf(
  { user, team: place }: z.infer<typeof click>,
  { action_id: verb, value }: z.infer<typeof action>,
  services: SlackServices,
): Promise<string> {
  const [id = '', nonce = '', ...more] = value.split(' ');
  if (!incidentIdForm.test(id) || nonce === '' || more.length > 0) return noSuchIncident;
  const record = await services.ledger.read(id);
  if (verb === 'details') return record === undefined ? noSuchIncident : summaryOf(record);
  return settle(verb, record, { user: user.id, team: user.team_id ?? place?.id }, { nonce }, services);
}

const nothingThere =
  'There is no link to an alert of a source that is configured here in this message, and no key that could be told by its form.';

function wordsOf({ alerts, incidents }: { alerts: string[]; incidents: string[] }): string {
  if (alerts.length + incidents.length === 0) return nothingThere;
  const fetched = alerts.length > 0 && `${many(alerts.length, 'alert is', 'alerts are')} being fetched at the source.`;
  const kept = incidents.length > 0 && `${many(incidents.length, 'key waits', 'keys wait')} for approval.`;
  return [fetched, kept].filter(Boolean).join(' ');
}

const many = (count: number, one: string, several: string) => `${count} ${count === 1 ? one : several}`;

/** Tells whoever clicked, also that it cannot be done now: Slack sends no click again. What was done is done, whether they hear of it or not. */
async function tell(url: string | undefined, act: () => Promise<string>, services: SlackServices): Promise<void> {
  const words = await unlessUnavailable(act, services);
  if (url === undefined) return;
  try {
    await services.slack.respond(url, besides(words), services.now() + sideWay);
  } catch (error) {
    services.fault('whoever clicked is not told', error);
  }
}
