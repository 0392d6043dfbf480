import * as z from 'zod';
import { Refused, Unavailable, Unexpected } from '../revocation/errors.ts';
import { type Answer, type Path, path, type Request, type Send } from '../revocation/exchange.ts';
import { retryAfter } from '../revocation/inquire.ts';
import { bearer } from '../revocation/secret.ts';
import type { SlackConfig } from '../revocation/slack.ts';

/** A message as people read it: `text` where blocks cannot be shown. https://docs.slack.dev/reference/block-kit/blocks */
export interface SlackMessage {
  channel: string;
  text: string;
  blocks: object[];
}

/** As much of Slack's Web API as is used here. Whoever asks is answered by `deadline` (epoch ms). */
export interface Slack {
  /**
   * Posts a message, and answers its `ts`. Twice is two messages. @throws Unavailable, Refused, Unexpected
   * https://docs.slack.dev/reference/methods/chat.postMessage
   */
  post(
    config: Pick<SlackConfig, 'botToken'>,
    message: SlackMessage & { thread_ts?: string },
    deadline: number,
  ): Promise<string>;
  /**
   * Replaces a message of ours; false, it is not there any more, or cannot be edited. @throws Unavailable, Refused, Unexpected
   * https://docs.slack.dev/reference/methods/chat.update
   */
  update(
    config: Pick<SlackConfig, 'botToken'>,
    message: SlackMessage & { ts: string },
    deadline: number,
  ): Promise<boolean>;
  /**
   * Answers whoever clicked or typed, at the address that Slack gave for it: of hooks.slack.com and no other host.
   * @throws Unavailable, Refused, Unexpected https://docs.slack.dev/interactivity/handling-user-interaction#message_responses
   */
  respond(responseUrl: string, body: object, deadline: number): Promise<void>;
}

const origin = 'https://slack.com';
const hooks = 'https://hooks.slack.com';
const methods = { post: path`/api/chat.postMessage`, update: path`/api/chat.update` };

/** What is wrong with us, and what a person does about it: https://docs.slack.dev/reference/methods/chat.postMessage#errors */
const newToken = 'install the app again and write its new token to leakstop/sources/slack';
const rights = 'give the app the scope chat:write and install it again';
const room = 'check the channel of leakstop/sources/slack, and invite the app to it';
const remedies: Readonly<Record<string, string>> = {
  ...{ invalid_auth: newToken, not_authed: newToken, token_revoked: newToken, token_expired: newToken },
  ...{ account_inactive: newToken, org_login_required: newToken, two_factor_setup_required: newToken },
  ...{ missing_scope: rights, no_permission: rights, not_allowed_token_type: rights, access_denied: rights },
  ...{ not_in_channel: room, channel_not_found: room, is_archived: room, restricted_action: room },
  ...{ team_access_not_granted: room, ekm_access_denied: room },
};

/** A bad moment of Slack's, and no answer to what was asked. */
const passing = new Set([
  ...['ratelimited', 'rate_limited', 'message_limit_exceeded', 'accesslimited', 'internal_error', 'fatal_error'],
  ...['request_timeout', 'service_unavailable', 'team_added_to_org'],
]);

/** The message is gone, or is not ours to edit any more. */
const lost = new Set(['message_not_found', 'cant_update_message', 'edit_window_closed']);

const verdict = z.object({ ok: z.boolean(), error: z.string().optional(), ts: z.string().optional() });
type Verdict = z.infer<typeof verdict>;

/** Slack, over the one way out that everything takes. */
export function createSlack({ send, now }: { send: Send; now(): number }): Slack {
  const call = async (
    { botToken }: Pick<SlackConfig, 'botToken'>,
    method: keyof typeof methods,
    body: object,
    deadline: number,
  ): Promise<Verdict> => {
    // Without its charset Slack warns in every answer.
    const headers = { authorization: bearer(botToken), 'content-type': 'application/json; charset=utf-8' };
    const request: Request = { method: 'POST', path: methods[method], headers, body };
    const answer = await send({ provider: 'slack', origin, deadline }, request);
    if (answer.status !== 200) throw faultOf(answer, undefined, now());
    const parsed = verdict.safeParse(answer.json);
    if (!parsed.success) throw new Unexpected('slack answered 200 with something else than its documentation says');
    if (parsed.data.ok || lost.has(parsed.data.error ?? '')) return parsed.data;
    throw faultOf(answer, parsed.data.error, now());
  };
  return {
    async post(config, message, deadline) {
      const { ok, ts, error } = await call(config, 'post', { ...message, ...quiet }, deadline);
      if (!ok || ts === undefined || !/^\d{1,12}\.\d{1,12}$/.test(ts))
        throw new Unexpected(
          `slack took a message and did not name it${error === undefined ? '' : `: ${codeOf(error)}`}`,
        );
      return ts;
    },
    async update(config, message, deadline) {
      return (await call(config, 'update', message, deadline)).ok;
    },
    async respond(responseUrl, body, deadline) {
      const request: Request = { method: 'POST', path: hookOf(responseUrl), body };
      const answer = await send({ provider: 'slack', origin: hooks, deadline }, request);
      const refused = verdict.safeParse(answer.json).data?.ok === false;
      if (answer.status !== 200 || refused) throw faultOf(answer, undefined, now());
    },
  };
}

/** Nothing in a message makes Slack fetch what it links to. */
const quiet = { unfurl_links: false, unfurl_media: false };

/** @throws Unexpected when the address is none of Slack's for answers */
function hookOf(responseUrl: string): Path {
  const [, given] = /^https:\/\/hooks\.slack\.com((?:\/[A-Za-z0-9_-]{1,128}){1,8})$/.exec(responseUrl) ?? [];
  if (given === undefined) throw new Unexpected('the address to answer at is none of Slack');
  const segments = given.slice(1).split('/');
  const parts = [...segments.map(() => '/'), ''];
  return path(Object.assign(parts, { raw: parts }), ...segments);
}

function faultOf(answer: Answer, error: string | undefined, now: number): Error {
  const { status } = answer;
  const retryAfterMs = retryAfter(answer, now);
  const said = error === undefined ? `slack answered ${status}` : `slack answered ${codeOf(error)}`;
  if (status === 429 || status >= 500 || passing.has(error ?? ''))
    return new Unavailable(said, { retryAfterMs, untouched: status === 429 || error === 'ratelimited' });
  const remedy = Object.hasOwn(remedies, error ?? '') ? remedies[error ?? ''] : undefined;
  if (remedy !== undefined) return new Refused(`${said}; ${remedy}`, { explained: true, remedy });
  return new Unexpected(said);
}

/** An error of Slack's by its name; whatever else stands there is not repeated. */
const codeOf = (error: string) => (/^[a-z_]{1,64}$/.test(error) ? error : 'an error');
