import * as z from 'zod';
import { acceptAlert } from '../revocation/alerts.ts';
import { accept } from '../revocation/intake.ts';
import type { AnySource, Reference } from '../revocation/source.ts';
import { type Hints, hintsIn } from './hints.ts';
import { type SlackServices, sideWay } from './services.ts';

const hour = 60 * 60_000;

const channelId = z.string().regex(/^[A-Z][A-Z0-9]{1,20}$/);
const time = z.string().regex(/^\d{1,12}\.\d{1,9}$/);
const id = z.string().max(64).nullish().catch(undefined);
const domain = z
  .string()
  .regex(/^[a-z0-9-]{1,64}$/)
  .nullish()
  .catch(undefined);

/** The parts of a message that are read. https://docs.slack.dev/reference/events/message */
const message = z.object({
  ts: time,
  thread_ts: time.nullish().catch(undefined),
  user: id,
  bot_id: id,
  app_id: id,
  bot_profile: z.object({ app_id: id }).nullish().catch(undefined),
  text: z.unknown().optional(),
  blocks: z.unknown().optional(),
  attachments: z.unknown().optional(),
});
type Message = z.infer<typeof message>;

const subtypes = ['bot_message', 'file_share', 'thread_broadcast', 'me_message', 'message_changed'] as const;
const event = z.object({
  type: z.enum(['message', 'app_mention']),
  subtype: z.enum(subtypes).nullish(),
  channel: channelId,
  message: z.unknown().optional(),
});
const envelope = z.object({
  type: z.literal('event_callback'),
  api_app_id: id,
  event_id: z.string().regex(/^[A-Za-z0-9]{1,64}$/),
  event: z.unknown().optional(),
  authorizations: z
    .array(z.object({ user_id: id, is_bot: z.boolean().nullish().catch(undefined) }))
    .nullish()
    .catch(undefined),
});

/** A message as somebody wrote it, and where. */
export interface Said {
  /** Names the delivery that told of it. */
  delivery: string;
  channel: string;
  ts: string;
  /** The thread that an answer belongs into. */
  thread: string;
  /** Its address in Slack. */
  link: string;
  content: unknown;
}

/** The message that an event tells of; undefined for what is no message, is deleted, or is our own. */
export function saidIn(json: unknown): Said | undefined {
  const outer = envelope.safeParse(json).data;
  const about = event.safeParse(outer?.event).data;
  if (outer === undefined || about === undefined) return undefined;
  const given = message.safeParse(about.subtype === 'message_changed' ? about.message : outer.event).data;
  if (given === undefined || isOurs(given, outer)) return undefined;
  return said(given, { delivery: `slack:${outer.event_id}`, channel: about.channel });
}

/** What we post names alerts too: it must not be taken for news. */
function isOurs({ user, app_id, bot_profile }: Message, { api_app_id, authorizations }: z.infer<typeof envelope>) {
  const ours = api_app_id != null && [app_id, bot_profile?.app_id].includes(api_app_id);
  return ours || (user != null && (authorizations ?? []).some((one) => one.is_bot === true && one.user_id === user));
}

const shortcut = z.object({
  channel: z.object({ id: channelId }),
  team: z.object({ domain }).nullish().catch(undefined),
  message,
});

/** The message that a shortcut was used on. */
export function saidUnder(payload: unknown): Said | undefined {
  const given = shortcut.safeParse(payload).data;
  if (given === undefined) return undefined;
  const { channel, team, message: about } = given;
  return said(about, { delivery: `slack:${channel.id}-${about.ts}`, channel: channel.id, domain: team?.domain });
}

function said(
  { ts, thread_ts, text, blocks, attachments }: Message,
  { delivery, channel, domain: host }: { delivery: string; channel: string; domain?: string | null | undefined },
): Said {
  const link = `https://${host ? `${host}.` : ''}slack.com/archives/${channel}/p${ts.replace('.', '')}`;
  return { delivery, channel, ts, thread: thread_ts ?? ts, link, content: { text, blocks, attachments } };
}

/** What was done about a message. */
export interface Followed {
  /** Alerts that will be fetched at their source. */
  alerts: string[];
  /** Incidents of the keys that stand in it, which wait for a person. */
  incidents: string[];
}

/**
 * Follows what a message names: alerts are fetched at their source, and only what the source says counts; a key that stands
 * in it waits for a person. When this returns, all of it is durable.
 * @throws Unavailable, Misconfigured: have it sent again, what was queued of it is recognised
 */
export async function follow(said: Said, services: SlackServices): Promise<Followed> {
  const { intake, info } = services;
  const configured = Object.entries(intake.providers).filter(([provider]) => Object.hasOwn(intake.lanes, provider));
  const hints = hintsIn(said.content, Object.fromEntries(configured));
  if (hints.more) info('a message holds more than is looked at', { delivery: said.delivery });
  const [alerts, incidents] = await Promise.all([followLinks(said, hints, services), keep(said, hints, services)]);
  if (alerts.length + incidents.length > 0)
    info('a message is followed', { delivery: said.delivery, alerts: alerts.length, incidents: incidents.join(' ') });
  return { alerts, incidents };
}

/** A source whose secret cannot be had keeps no other from being told. */
async function followLinks({ delivery }: Said, { links }: Hints, services: SlackServices): Promise<string[]> {
  if (links.length === 0) return [];
  const asked = Object.values(services.sources).map((source) => ask(source, delivery, links, services));
  const settled = await Promise.allSettled(asked);
  const failed = settled.find(({ status }) => status === 'rejected');
  if (failed?.status === 'rejected') throw failed.reason;
  return settled.flatMap((one) => (one.status === 'fulfilled' ? one.value : []));
}

async function ask(
  source: AnySource,
  delivery: string,
  links: readonly string[][],
  { configOf, intake }: SlackServices,
): Promise<string[]> {
  const { owns } = source;
  if (owns === undefined || source.fetch === undefined) return [];
  const config = await configOf(source);
  const own = links.flatMap((forms) => forms.find((link) => owns(link, config)) ?? []);
  const references = [...new Set(own)].map((link): Reference => ({ link }));
  await acceptAlert(intake, source, { is: 'alert', delivery, references }, () => {});
  return references.map(({ link }) => link);
}

/** Anybody can write anything in a channel: a key that stands there is looked for, and then waits for a person. */
async function keep(said: Said, { leaks }: Hints, services: SlackServices): Promise<string[]> {
  const { intake, ledger, now } = services;
  if (leaks.length === 0) return [];
  const { delivery, link: reference, channel, ts } = said;
  const sender = { source: 'slack', delivery, mayNameKeys: false, hearsay: true };
  const incidents = await accept(
    intake,
    sender,
    leaks.map((leak) => ({ ...leak, reference })),
  );
  // Its address is not always the same: only what a shortcut sends names the workspace.
  const message = `${channel}/${ts}`;
  // A mention comes as two events at once: whoever remembers it first answers.
  const until = (Math.floor(Number(ts)) || Math.floor(now() / 1000)) * 1000 + 24 * hour;
  if (await ledger.rememberAlert('slack', message, until)) await warn(said, incidents, services);
  return incidents;
}

/** Whoever posted a key is told what to do. That this fails must not make Slack send the message again. */
async function warn({ channel, thread, delivery }: Said, incidents: string[], services: SlackServices): Promise<void> {
  const { slack, now, fault } = services;
  const [one] = incidents;
  const what =
    incidents.length === 1 ? `an API key (${one})` : `${incidents.length} API keys (${incidents.join(', ')})`;
  const text = [
    `This message holds ${what}. Nothing is revoked before an approver says so.`,
    'Delete the message now: open its menu ⋮ (More actions) and choose *Delete message*; if you cannot, ask an admin of this workspace. Deleting it does not make the key safe again.',
  ].join('\n');
  try {
    const blocks = [{ type: 'section', text: { type: 'mrkdwn', text } }];
    await slack.post({ channel, text, blocks, thread_ts: thread }, now() + sideWay);
  } catch (error) {
    fault('the reply in the thread is not posted', error, { delivery });
  }
}
