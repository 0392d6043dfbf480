import { Refused } from '../revocation/errors.ts';
import { type IncidentRecord, isDeath } from '../revocation/incident.ts';
import type { Sighting } from '../revocation/leak.ts';
import { isAlive, isRevived, momentOf } from '../revocation/moment.ts';
import type { SlackConfig } from '../revocation/slack.ts';
import type { Channel, Notice } from '../revocation/tell.ts';
import { headlineOf, proofOf, timeOf, whatToDo } from './words.ts';

/** A message as Slack takes it: https://docs.slack.dev/reference/block-kit/blocks */
export interface Message {
  /** What notifications show, and who cannot show blocks. */
  text: string;
  blocks: object[];
}

/** What telling Slack needs from outside. */
export interface SlackServices {
  /** The secret of Slack. @throws Misconfigured, Unavailable */
  config(): Promise<SlackConfig>;
  /** @throws Unavailable, Refused, Unexpected */
  post(config: SlackConfig, message: Message & { channel: string }, deadline: number): Promise<string>;
  /** False: the message is not there any more. @throws as `post` does */
  update(config: SlackConfig, message: Message & { channel: string; ts: string }, deadline: number): Promise<boolean>;
  /** Epoch ms by which every request is over. */
  deadline: number;
  now(): number;
}

/** One message per incident, which is changed in place as the incident moves. */
export const slack = (services: SlackServices): Channel => ({
  id: 'slack',
  noticesOf(record): Notice[] {
    const moment = stillAlive(record) ?? momentOf(record) ?? underWay(record);
    if (moment === undefined) return [];
    return [{ name: `slack ${moment}`, turn: 'slack', deliver: () => show(record, services) }];
  },
});

/** What its message says is over: a person said yes to what it asks, or the key that it calls dead lives again. */
function underWay(record: IncidentRecord): string | undefined {
  const { approved, kept, fence, proof } = record;
  if (kept?.slack === undefined) return undefined;
  if (isRevived(record)) return `revived ${proof?.checks.findLast(({ result }) => result === 'dead')?.at}`;
  return approved == null ? undefined : `${fence} approved`;
}

/** It is said when the key is looked at next, so there is more to tell after every look. */
const stillAlive = (record: IncidentRecord) =>
  isAlive(record) ? `alive ${record.watch?.since} ${record.watch?.at}` : undefined;

async function show(record: IncidentRecord, { config, post, update, deadline, now }: SlackServices) {
  const configured = await config();
  const message = messageOf(record, now());
  const [channel, ts] = record.kept?.slack?.split('/') ?? [];
  // What is kept where: the message stays in its channel, even if another one is configured by now, unless that is closed to us.
  const orPostAnew = (error: unknown) => {
    if (error instanceof Refused && channel !== configured.channel) return false;
    throw error;
  };
  if (channel !== undefined && ts !== undefined) {
    const isThere = await update(configured, { channel, ts, ...message }, deadline).catch(orPostAnew);
    if (isThere) return { detail: '' };
  }
  const posted = await post(configured, { channel: configured.channel, ...message }, deadline);
  return { detail: '', keep: { slack: `${configured.channel}/${posted}` } };
}

/** Slack's limits, in characters as they are sent. */
const sectionAtMost = 3_000;
const fieldAtMost = 2_000;
const headerAtMost = 150;
const textAtMost = 3_000;
const stepsShown = 8;
const stepAtMost = 300;
const placesShown = 3;

/** An incident as people read it. Pure; whatever comes from elsewhere is escaped, and everything has its bounds. */
export function messageOf(record: IncidentRecord, now: number): Message {
  const headline = headlineOf(record);
  const todo = whatToDo(record, now);
  const why = whyOf(record, now);
  const text = fitted([`${iconOf(record)} ${headline}.`, why, todo].filter(Boolean).join(' '), textAtMost);
  const places = placesOf(record);
  const story = storyOf(record, now);
  const isShort = record.outcome === 'not-found' || record.outcome === 'observed';
  const blocks: (object | undefined)[] = [
    {
      type: 'header',
      text: { type: 'plain_text', emoji: true, text: cut(`${iconOf(record)} ${headline}`, headerAtMost) },
    },
    section(`*What to do:* ${fitted(todo, 1_000)}${why === undefined ? '' : `\n*Why:* ${fitted(why, 1_800)}`}`),
    { type: 'section', fields: factsOf(record).map(markdown) },
    places === undefined ? undefined : section(places),
    isShort || story === undefined ? undefined : section(story),
    { type: 'actions', block_id: 'decide', elements: buttonsOf(record) },
    { type: 'context', elements: [markdown(fitted(`Incident ${record.id}, ${sinceOf(record, now)}`, fieldAtMost))] },
  ];
  return { text, blocks: blocks.filter((block) => block !== undefined) };
}

function iconOf(record: IncidentRecord): string {
  if (isDeath(record.outcome)) return '✅';
  if (isAlive(record) || isRevived(record) || record.outcome === 'failed') return '🚨';
  if (record.state === 'awaiting-approval' || record.state === 'parked') return '✋';
  return record.state === 'closed' ? 'ℹ️' : '⏳';
}

/** Why it is as it is: the proof of a death, else the reason. */
function whyOf(record: IncidentRecord, now: number): string | undefined {
  if (isDeath(record.outcome)) return proofOf(record, now);
  return record.reason ?? undefined;
}

/** What it is and whose. */
function factsOf({ provider, kind, keyId, account, owner, timeline }: IncidentRecord): string[] {
  const label = /^"(.{1,100})" /.exec(timeline.findLast(({ stage }) => stage === 'found')?.detail ?? '')?.[1];
  const facts: [string, string | null | undefined][] = [
    ['Provider', provider],
    ['Kind', kind],
    ['Key', keyId],
    ['Label', label],
    ['Account', account],
    ['Whose', owner],
  ];
  const known = facts.flatMap(([name, value]) => (value ? [`*${name}*\n${fitted(value, 300)}`] : []));
  return known.length === 0 ? ['*Provider*\nnot known'] : known;
}

/** Where it was seen last. */
function placesOf({ sightings, sightingCount }: IncidentRecord): string | undefined {
  const places = sightings.slice(-placesShown).reverse().map(placeOf);
  if (places.length === 0) return undefined;
  const more = sightingCount > places.length ? [`and ${sightingCount - places.length} more`] : [];
  return ['*Where*', ...places.map((place) => `• ${place}`), ...more].join('\n');
}

function placeOf({ source, reference, location }: Sighting): string {
  const at = [location?.path, location?.line].filter((part) => part !== undefined && part !== '').join(':');
  const links = [reference, location?.url].filter((link) => link !== undefined);
  const link = links.map(linkTo).find((one) => one !== undefined);
  const unlinked = link === undefined ? links[0] : undefined;
  const where = [
    link?.(at || 'open'),
    link === undefined && at ? fitted(at, 150) : undefined,
    unlinked && fitted(unlinked, 200),
  ];
  return [fitted(source, 64), ...where].filter(Boolean).join(' · ');
}

/** A link, where it is one that a person can open: https://docs.slack.dev/messaging/formatting-message-text#linking-urls */
function linkTo(address: string): ((words: string) => string) | undefined {
  if (!/^https?:\/\//i.test(address) || !URL.canParse(address)) return undefined;
  const href = escaped(new URL(address).href.replaceAll('|', '%7C'));
  if (href.length > 600) return undefined;
  return (words) => `<${href}|${fitted(words, 150)}>`;
}

/** The last steps of its story, the newest last. */
function storyOf({ timeline }: IncidentRecord, now: number): string | undefined {
  const steps = timeline.filter(({ stage }) => stage !== 'told').slice(-stepsShown);
  if (steps.length === 0) return undefined;
  const lines = steps.map(({ at, stage, detail }) => {
    const said = detail === undefined ? '' : `: ${fitted(detail, stepAtMost)}`;
    const isDecision = stage === 'approved' || stage === 'rejected';
    return `${timeOf(Date.parse(at), now)} *${stage}*${isDecision ? mentioning(said) : said}`;
  });
  return ['*What happened*', ...lines].join('\n');
}

/** Whoever decided in Slack is shown by the name they have there. Nothing else that is told mentions anybody. */
const mentioning = (text: string) => text.replace(/^: by &lt;@([UW][A-Z0-9]{1,20})&gt;/, ': by <@$1>');

function sinceOf({ receivedAt, attempts }: IncidentRecord, now: number): string {
  const times = attempts > 1 ? `, ${attempts} attempts` : '';
  return `first reported ${timeOf(Date.parse(receivedAt), now)}${times}`;
}

/** What the buttons are called where they are heard: https://docs.slack.dev/reference/block-kit/block-elements/button-element */
function buttonsOf({ id, state, outcome, asking }: IncidentRecord): object[] {
  const isAsked = asking != null && (state === 'awaiting-approval' || (state === 'parked' && outcome === null));
  const value = isAsked ? `${id} ${asking.nonce}` : `${id} -`;
  const button = (action_id: string, words: string, more: object = {}) => ({
    ...{ type: 'button', action_id, value, ...more },
    text: { type: 'plain_text', text: words, emoji: true },
  });
  const details = button('details', 'Details');
  if (!isAsked) return [details];
  const deed = asking.action === 'disable' ? 'Switch it off' : 'Delete it';
  const confirm = {
    title: { type: 'plain_text', text: `${deed}?` },
    text: {
      type: 'plain_text',
      text: `Key ${cut(asking.keyId, 128)} in account ${cut(asking.account, 64)} stops working.`,
    },
    confirm: { type: 'plain_text', text: deed },
    deny: { type: 'plain_text', text: 'Not yet' },
  };
  return [
    button('approve', `Approve: ${deed.toLowerCase()}`, { style: 'danger', confirm }),
    button('reject', 'Reject: leave it'),
    details,
  ];
}

/** Nothing in it is made a link or a mention by itself. */
const markdown = (text: string) => ({ type: 'mrkdwn', text: text.slice(0, fieldAtMost), verbatim: true });
const section = (text: string) => ({
  type: 'section',
  text: { type: 'mrkdwn', text: text.slice(0, sectionAtMost), verbatim: true },
});

const entities: Readonly<Record<string, string>> = { '&': '&amp;', '<': '&lt;', '>': '&gt;' };
const escaped = (text: string) => text.replaceAll(/[&<>]/g, (character) => entities[character] ?? '');

/** One line of at most `most` characters. */
function cut(text: string, most: number): string {
  const line = text
    .toWellFormed()
    .replaceAll(/[\s\p{Cc}\p{Cf}]+/gu, ' ')
    .trim();
  return line.length <= most ? line : `${line.slice(0, most - 1).toWellFormed()}…`;
}

/** One line, escaped as Slack wants it, of at most `most` characters with that: no escape is cut in two. */
function fitted(text: string, most: number): string {
  let fitting = '';
  for (const character of cut(text, most)) {
    const next = entities[character] ?? character;
    if (fitting.length + next.length >= most) return `${fitting}…`;
    fitting += next;
  }
  return fitting;
}
