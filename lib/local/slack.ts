import { createHmac } from 'node:crypto';
import type { Server } from 'node:http';
import { type Arrival, type Trouble, type VendorAnswer, vendorServer } from './vendors/vendor.ts';

/** What `leakstop/sources/slack` would hold. */
interface SlackSecret {
  signingSecret: string | string[];
  botToken: string;
  channel: string;
}

/** A message as the workspace keeps it. */
export interface SlackPost {
  channel: string;
  ts: string;
  thread_ts?: string;
  text: string;
  blocks: object[];
  /** What it said before, oldest first. */
  edits: { text: string; blocks: object[] }[];
}

/** A signed request as Slack would make it. */
export interface SlackDelivery {
  body: string;
  headers: Record<string, string>;
}

/** A click, a command or a shortcut: the request, and the address where Slack takes an answer to it. */
export interface SlackInteraction extends SlackDelivery {
  responseUrl: string;
}

/** A simulated workspace with our app in it: a real HTTP server, written from Slack's documentation. */
export interface SlackWorkspace {
  /** The host names it answers for. */
  hosts: string[];
  server: Server;
  /** What arrived, in order. */
  arrivals: Arrival[];
  troubles: Trouble[];
  /** What the app has posted, as it reads now. */
  posts: SlackPost[];
  /** What was answered to a click or a command through its address, in order. */
  responses: { responseUrl: string; body: Record<string, unknown> }[];
  /** The app's own marks in what it posts. */
  app: { id: string; bot: string; user: string; team: string };
  /** Signs any body. */
  sign(body: string, contentType?: string): SlackDelivery;
  /** Slack's question whether the address is ours. */
  verification(challenge: string): SlackDelivery;
  /** An event about a message that somebody wrote. */
  event(event: object, more?: object): SlackDelivery;
  /** A slash command. */
  command(text: string, user?: string): SlackInteraction;
  /** A click on a button. */
  click(action: string, value: string, user?: string): SlackInteraction;
  /** The shortcut on a message. */
  shortcut(message: object, user?: string): SlackInteraction;
}

const usesAtMost = 5;
const ok = (more: object = {}): VendorAnswer => ({ status: 200, body: { ok: true, ...more } });
/** Slack answers 200 also where it refuses: https://docs.slack.dev/apis/web-api/#errors */
const no = (error: string): VendorAnswer => ({ status: 200, body: { ok: false, error } });

export function slackWorkspace(secret: SlackSecret, now: () => number = Date.now): SlackWorkspace {
  const { botToken, channel } = secret;
  const signingSecret = typeof secret.signingSecret === 'string' ? secret.signingSecret : secret.signingSecret[0];
  const app = { id: 'A0LEAKSTOP', bot: 'B0LEAKSTOP', user: 'U0LEAKSTOP', team: 'T0WORKSPACE' };
  const arrivals: Arrival[] = [];
  const troubles: Trouble[] = [];
  const posts: SlackPost[] = [];
  const responses: SlackWorkspace['responses'] = [];
  const uses = new Map<string, number>();
  let count = 0;
  const next = () => {
    count += 1;
    return count;
  };
  const timeOf = () => `${Math.floor(now() / 1000)}.${String(next()).padStart(6, '0')}`;

  /** https://docs.slack.dev/reference/methods */
  function webApi({ method, target, headers, body }: Arrival): VendorAnswer {
    const url = new URL(target, 'https://slack.com');
    const given = (headers['content-type']?.startsWith('application/json') ? parsed(body) : undefined) ?? {};
    if (headers.authorization === undefined) return no('not_authed');
    if (headers.authorization !== `Bearer ${botToken}`) return no('invalid_auth');
    const asked = (name: string) => String(given[name] ?? url.searchParams.get(name) ?? '');
    const post = posts.find(
      (one) => one.channel === asked('channel') && one.ts === (asked('ts') || asked('message_ts')),
    );
    switch (`${method} ${url.pathname}`) {
      case 'POST /api/auth.test':
        return {
          ...ok({ url: 'https://acme.slack.com/', team_id: app.team, user_id: app.user, bot_id: app.bot }),
          headers: { 'x-oauth-scopes': 'chat:write,commands,app_mentions:read,channels:history,groups:history' },
        };
      case 'POST /api/chat.postMessage':
        return written(given, asked('channel'));
      case 'POST /api/chat.update':
        if (post === undefined) return no('message_not_found');
        post.edits.push({ text: post.text, blocks: post.blocks });
        Object.assign(post, contentOf(given));
        return ok({ channel: post.channel, ts: post.ts, text: post.text });
      case 'GET /api/chat.getPermalink':
        if (post === undefined) return no('message_not_found');
        return ok({ permalink: `https://acme.slack.com/archives/${post.channel}/p${post.ts.replace('.', '')}` });
      case 'GET /api/conversations.history': {
        if (asked('channel') !== channel) return no('channel_not_found');
        const messages = posts.filter((one) => one.channel === asked('channel') && one.thread_ts === undefined);
        return ok({
          messages: messages.toReversed().map(({ ts, text, blocks }) => ({ type: 'message', ts, text, blocks })),
        });
      }
      default:
        return no('unknown_method');
    }
  }

  function written(given: Record<string, unknown>, where: string): VendorAnswer {
    if (where !== channel && !/^C[A-Z0-9]+$/.test(where)) return no('channel_not_found');
    const content = contentOf(given);
    if (content.text === '' && content.blocks.length === 0) return no('no_text');
    const thread = typeof given.thread_ts === 'string' ? { thread_ts: given.thread_ts } : {};
    const post = { channel: where, ts: timeOf(), ...thread, ...content, edits: [] };
    posts.push(post);
    return ok({ channel: where, ts: post.ts });
  }

  /** An address takes five answers: https://docs.slack.dev/interactivity/handling-user-interaction#message_responses */
  function hook({ method, target, body }: Arrival): VendorAnswer {
    const responseUrl = `https://hooks.slack.com${target}`;
    const used = uses.get(responseUrl);
    if (method !== 'POST' || used === undefined) return { status: 404, body: 'no_service' };
    if (used >= usesAtMost) return { status: 404, body: 'used_url' };
    uses.set(responseUrl, used + 1);
    responses.push({ responseUrl, body: parsed(body) ?? {} });
    return { status: 200, body: 'ok' };
  }

  function sign(body: string, contentType = 'application/json'): SlackDelivery {
    const timestamp = String(Math.floor(now() / 1000));
    const digest = createHmac('sha256', signingSecret ?? '')
      .update(`v0:${timestamp}:${body}`)
      .digest('hex');
    const signed = { 'x-slack-signature': `v0=${digest}`, 'x-slack-request-timestamp': timestamp };
    return { body, headers: { 'content-type': contentType, ...signed } };
  }
  const form = (fields: Record<string, string>) =>
    sign(new URLSearchParams(fields).toString(), 'application/x-www-form-urlencoded');
  const address = (kind: string) => {
    const responseUrl = `https://hooks.slack.com/${kind}/${app.team}/${next()}/a1B2c3`;
    uses.set(responseUrl, 0);
    return responseUrl;
  };
  const interaction = (payload: object, user: string): SlackInteraction => {
    const responseUrl = address('actions');
    const who = {
      user: { id: user, username: 'somebody', team_id: app.team },
      team: { id: app.team, domain: 'acme' },
      api_app_id: app.id,
      trigger_id: '1.2.x',
    };
    return { ...form({ payload: JSON.stringify({ ...who, response_url: responseUrl, ...payload }) }), responseUrl };
  };

  return {
    hosts: ['slack.com', 'hooks.slack.com'],
    server: vendorServer({ arrivals, troubles }, (arrival) =>
      arrival.host === 'hooks.slack.com' ? hook(arrival) : webApi(arrival),
    ),
    arrivals,
    troubles,
    posts,
    responses,
    app,
    sign,
    verification: (challenge) => sign(JSON.stringify({ token: 'legacy', challenge, type: 'url_verification' })),
    event: (event, more = {}) =>
      sign(
        JSON.stringify({
          type: 'event_callback',
          team_id: app.team,
          api_app_id: app.id,
          event_id: `Ev0${next()}`,
          event_time: Math.floor(now() / 1000),
          authorizations: [{ team_id: app.team, user_id: app.user, is_bot: true }],
          event: { type: 'message', channel, ts: timeOf(), ...event },
          ...more,
        }),
      ),
    command(text, user = 'U0STRANGER') {
      const responseUrl = address('commands');
      const who = { team_id: app.team, team_domain: 'acme', channel_id: channel, user_id: user, user_name: 'somebody' };
      const more = { api_app_id: app.id, response_url: responseUrl, trigger_id: '1.2.x' };
      return { ...form({ token: 'legacy', command: '/leakstop', text, ...who, ...more }), responseUrl };
    },
    click: (action, value, user = 'U0STRANGER') =>
      interaction(
        {
          type: 'block_actions',
          channel: { id: channel, name: 'leaks' },
          actions: [{ type: 'button', action_id: action, block_id: 'b', value, action_ts: timeOf() }],
        },
        user,
      ),
    shortcut(message, user = 'U0STRANGER') {
      const about = { type: 'message', ts: timeOf(), ...message };
      const place = { channel: { id: channel, name: 'leaks' }, message_ts: about.ts };
      return interaction(
        { type: 'message_action', callback_id: 'revoke_key_in_alert', ...place, message: about },
        user,
      );
    },
  };
}

function parsed(body: string): Record<string, unknown> | undefined {
  try {
    const json: unknown = JSON.parse(body);
    return json !== null && typeof json === 'object' ? (json as Record<string, unknown>) : undefined;
  } catch {
    return undefined;
  }
}

const contentOf = ({ text, blocks }: Record<string, unknown>) => ({
  text: typeof text === 'string' ? text : '',
  blocks: Array.isArray(blocks) ? (blocks as object[]) : [],
});

/** The secret of a workspace that is given none: for this machine only. */
export const sampleSlackSecret: SlackSecret = {
  signingSecret: 'a-signing-secret-of-the-local-stage',
  botToken: 'xoxb-1-1-local-stage',
  channel: 'C0LEAKS',
};
