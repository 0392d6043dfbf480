import * as z from 'zod';
import { Unexpected } from '../../functions/revocation/errors.ts';
import { path, type Send } from '../../functions/revocation/exchange.ts';
import { faultOf } from '../../functions/revocation/inquire.ts';
import { bearer } from '../../functions/revocation/secret.ts';
import type { SlackConfig } from '../../functions/revocation/slack.ts';
import type { AnySource } from '../../functions/revocation/source.ts';
import { type Check, lasting, type Trouble } from './check.ts';
import { troubleOfFault } from './provider.ts';

interface Way {
  send: Send;
  /** Epoch ms. */
  now(): number;
}
const patience = 15_000;

/** Looks whether our access to a source's interface is good for what alerts need. */
export async function* examineSource(source: AnySource, config: unknown, { send, now }: Way): AsyncGenerator<Check> {
  if (!source.checkup) return;
  const { id } = source;
  const deadline = now() + patience;
  try {
    const { standings, endsAt } = await source.checkup({
      config,
      now: now(),
      ask: (origin, request) => send({ provider: id, origin, deadline }, request),
    });
    yield { name: `${id}: token`, is: 'well' };
    if (endsAt !== undefined) yield lasting(`${id}: lasts`, endsAt, now());
    for (const { need, is, remedy } of standings) {
      const name = `${id}: ${need}`;
      if (is === 'granted') yield { name, is: 'well' };
      else if (is === 'missing')
        yield { name, is: 'wrong', problem: 'right-missing', detail: 'the right is missing', remedy };
      else
        yield {
          name,
          is: 'unknown',
          problem: 'cannot-tell',
          detail: `${id} does not say what the token may do`,
          remedy,
        };
    }
  } catch (error) {
    yield { name: `${id}: token`, ...troubleOfFault(error) };
  }
}

const verdict = z.object({ ok: z.boolean(), error: z.string().optional() });
const newToken = 'install the app again and write its new token to leakstop/sources/slack';
const room = 'check the channel of leakstop/sources/slack, and invite the app to it';
const rights = 'give the app its scopes (docs/slack.md) and install it again';
const needed = ['chat:write', 'commands', 'app_mentions:read'] as const;

/**
 * Looks whether Slack knows the bot, gave it its scopes, and has it in the channel. Its answers name the token's scopes in
 * `x-oauth-scopes`: https://docs.slack.dev/reference/methods/auth.test, https://docs.slack.dev/reference/methods/conversations.history
 */
export async function* examineSlack({ botToken, channel }: SlackConfig, { send, now }: Way): AsyncGenerator<Check> {
  const headers = { authorization: bearer(botToken) };
  const to = { provider: 'slack', origin: 'https://slack.com', deadline: now() + patience };
  const ask = async (request: Pick<Parameters<Send>[1], 'method' | 'path' | 'query'>) => {
    const answer = await send(to, { ...request, headers });
    const said = verdict.safeParse(answer.json);
    if (answer.status !== 200) throw faultOf(answer, { who: 'slack', remedy: newToken, now: now() });
    if (!said.success) throw new Unexpected('slack answered 200 with something else than its documentation says');
    return { answer, error: said.data.ok ? undefined : (said.data.error ?? 'an error') };
  };
  try {
    const { answer, error } = await ask({ method: 'POST', path: path`/api/auth.test` });
    if (error !== undefined) {
      yield { name: 'slack: token', ...slackTrouble(error, newToken) };
      return;
    }
    yield { name: 'slack: token', is: 'well' };
    const scopes = answer
      .header('x-oauth-scopes')
      ?.split(',')
      .map((scope) => scope.trim());
    for (const scope of needed) {
      const name = `slack: scope ${scope}`;
      if (scopes?.includes(scope)) yield { name, is: 'well' };
      else if (scopes === undefined)
        yield {
          name,
          is: 'unknown',
          problem: 'cannot-tell',
          detail: 'Slack did not name the scopes of the token',
          remedy: rights,
        };
      else yield { name, is: 'wrong', problem: 'right-missing', detail: 'the token does not have it', remedy: rights };
    }
    const query = { channel, limit: '1' };
    const seen = await ask({ method: 'GET', path: path`/api/conversations.history`, query });
    const name = 'slack: channel';
    if (seen.error === undefined) yield { name, is: 'well' };
    else yield { name, ...slackTrouble(seen.error, seen.error === 'missing_scope' ? rights : room) };
  } catch (error) {
    yield { name: 'slack: answers', ...troubleOfFault(error) };
  }
}

const missing = new Set(['not_in_channel', 'channel_not_found', 'is_archived', 'missing_scope', 'no_permission']);
const dead = new Set(['invalid_auth', 'not_authed', 'account_inactive', 'token_revoked', 'token_expired']);

/** What an error of Slack's means; of one that is not known here, only its name is told. */
function slackTrouble(error: string, remedy: string): Trouble {
  const detail = `slack answered ${/^[a-z_]{1,64}$/.test(error) ? error : 'an error'}`;
  if (error === 'token_expired') return { is: 'wrong', problem: 'expired', detail, remedy };
  if (dead.has(error)) return { is: 'wrong', problem: 'refused', detail, remedy };
  if (missing.has(error))
    return { is: 'wrong', problem: error.startsWith('missing') ? 'right-missing' : 'elsewhere', detail, remedy };
  if (error === 'ratelimited')
    return { is: 'unknown', problem: 'rate-limited', detail, remedy: 'run this again in a while' };
  return { is: 'unknown', problem: 'unexpected-answer', detail, remedy };
}
