import { jsonOf } from '../revocation/delivery.ts';
import type { SlackConfig } from '../revocation/slack.ts';
import type { Headers } from '../revocation/source.ts';
import { answerInteraction } from './buttons.ts';
import { answerCommand } from './commands.ts';
import { follow, saidIn } from './messages.ts';
import type { SlackServices } from './services.ts';
import { isFromSlack } from './verify.ts';

/** One request as it arrived. */
export interface Call {
  headers: Headers;
  body: Uint8Array;
}

/**
 * Answers Slack: events come as JSON, commands and clicks as forms. What is authentic and says nothing to us is answered all
 * the same, so that Slack does not send it again.
 * @throws Unavailable, Misconfigured for an event that could not be followed: Slack sends it again
 */
export async function answer(
  { headers, body }: Call,
  config: SlackConfig,
  services: SlackServices,
): Promise<{ status: number; body?: object }> {
  if (!isFromSlack({ body, headers, now: services.now() }, config.signingSecret)) return { status: 401 };
  const json = jsonOf(body);
  if (json !== null && typeof json === 'object') return { status: 200, body: await answerEvent(json, services) };
  const fields = formOf(body);
  return { status: 200, body: fields === undefined ? {} : await answerPerson(fields, services) };
}

/** https://docs.slack.dev/apis/events-api */
async function answerEvent(json: object, services: SlackServices): Promise<object> {
  const { type, challenge } = json as Record<string, unknown>;
  if (type === 'url_verification' && typeof challenge === 'string' && challenge.length <= 1_024) return { challenge };
  const said = saidIn(json);
  if (said !== undefined) await follow(said, services);
  return {};
}

async function answerPerson(fields: Record<string, string>, services: SlackServices): Promise<object> {
  const { payload } = fields;
  if (payload === undefined) return (await answerCommand(fields, services)) ?? {};
  await answerInteraction(jsonOf(Buffer.from(payload)), services);
  return {};
}

function formOf(body: Uint8Array): Record<string, string> | undefined {
  try {
    return Object.fromEntries(new URLSearchParams(new TextDecoder('utf-8', { fatal: true }).decode(body)));
  } catch {
    return undefined;
  }
}
