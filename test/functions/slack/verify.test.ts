import { createHmac } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import * as z from 'zod';
import { providers } from '../../../functions/providers/index.ts';
import { jsonOf } from '../../../functions/revocation/delivery.ts';
import { slackConfig } from '../../../functions/revocation/slack.ts';
import type { Reading, Source } from '../../../functions/revocation/source.ts';
import { hintsIn } from '../../../functions/slack/hints.ts';
import { saidIn } from '../../../functions/slack/messages.ts';
import { isFromSlack } from '../../../functions/slack/verify.ts';
import { sourceConformance } from '../../support/source-conformance.ts';

const other = { botToken: 'xoxb-1-2-abc', channel: 'C012ABCDEF' };

/** What comes from Slack in the form of a source, so that it is held to what every source is held to. */
const asSource: Source<ReturnType<typeof slackConfig.parse>> = {
  id: 'slack',
  title: 'Slack',
  docs: 'https://docs.slack.dev/authentication/verifying-requests-from-slack',
  mayNameKeys: false,
  // As a list: it may be one alone too.
  config: z
    .any()
    .refine((given) => Array.isArray(given?.signingSecret), 'must be a list')
    .pipe(slackConfig),
  verify: ({ body, headers, config, now }) => isFromSlack({ body, headers, now }, config.signingSecret),
  read({ body }): Reading {
    const said = saidIn(jsonOf(body));
    if (said === undefined) return { is: 'nothing' };
    const { leaks, links, more } = hintsIn(said.content, providers);
    if (leaks.length + links.length === 0) return { is: 'nothing' };
    const skipped = more ? [{ index: leaks.length, reason: 'more than is looked at' }] : [];
    return { is: 'alert', delivery: said.delivery, leaks, skipped };
  },
};

const key = (index: number) => `ddapp_${String(index).padStart(20, 'a1b2c3d4e5f6g7h8i9j0')}`;
const event = (event_id: string, text: string) => ({
  type: 'event_callback',
  event_id,
  event: { type: 'message', channel: 'C012ABCDEF', user: 'U012ABCDEF', ts: '1763640000.000100', text },
});

sourceConformance({
  source: asSource,
  secrets: { ours: 'our-signing-secret', older: 'the-secret-before', foreign: 'what-others-have' },
  config: (...secrets) => ({ ...other, signingSecret: secrets }),
  sign(body, { secret, at, headers }) {
    const timestamp = String(Math.floor(at / 1000));
    const digest = createHmac('sha256', secret).update(`v0:${timestamp}:`).update(body).digest('hex');
    return { ...headers, 'x-slack-signature': `v0=${digest}`, 'x-slack-request-timestamp': timestamp };
  },
  signedBy: ['x-slack-signature', 'x-slack-request-timestamp'],
  signsTime: true,
  signsBody: true,
  // Of Slack's own documentation, as its published libraries test it.
  vector: {
    config: { ...other, signingSecret: ['8f742231b10e8888abcd99yyyzzz85a5'] },
    headers: {
      'x-slack-signature': 'v0=a2114d57b48eac39b9ad189dd8316235a7b4a8d21a10bd27519666489c69b503',
      'x-slack-request-timestamp': '1531420618',
    },
    body: 'token=xyzz0WbapA4vBCDEFasx0q6G&team_id=T1DC2JH3J&team_domain=testteamnow&channel_id=G8PSS9T3V&channel_name=foobar&user_id=U2CERLKJA&user_name=roadrunner&command=%2Fwebhook-collect&text=&response_url=https%3A%2F%2Fhooks.slack.com%2Fcommands%2FT1DC2JH3J%2F397700885554%2F96rGlfmibIGlgcZRskXaIFfN&trigger_id=398738663015.47445629121.803a0bc887a14d10d2c447fce8b6703c',
    at: 1_531_420_618_000,
  },
  alert: { body: event('Ev01', `look: ${key(1)}`), headers: { 'content-type': 'application/json' } },
  another: { body: event('Ev02', `look: ${key(2)}`) },
  canaries: [key(1)],
  ignored: {
    'a message that names nothing': { body: event('Ev03', 'good morning') },
    'the question whether the address is ours': { body: { type: 'url_verification', challenge: 'c' } },
    'another event': { body: { ...event('Ev04', ''), event: { type: 'reaction_added', user: 'U012ABCDEF' } } },
  },
  entries: (count) => ({
    body: event('Ev05', Array.from({ length: count }, (_, index) => key(index)).join(' ')),
  }),
});

describe('the secret of Slack', () => {
  const whole = { ...other, signingSecret: 'our-signing-secret' };

  test('is one signing secret, or a list while it is being changed', () => {
    expect(slackConfig.parse(whole).signingSecret).toHaveLength(1);
    expect(slackConfig.parse({ ...whole, signingSecret: ['our-signing-secret', 'the-secret-before'] })).toMatchObject({
      signingSecret: [{}, {}],
    });
  });

  test.each([
    { signingSecret: 's' },
    { channel: 'C1' },
    { channel: 'G1' },
    { botToken: 'xoxb-t' },
    { botToken: 'xoxb-of_these.tests' },
  ])('may be as short as %o', (change) => {
    expect(slackConfig.safeParse({ ...whole, ...change }).success).toBe(true);
  });

  test.each([
    { signingSecret: '' },
    { signingSecret: [] },
    { botToken: 'xoxp-1-2-abc' },
    { botToken: 'xoxb-1 2' },
    { botToken: 'xoxb-' },
    { channel: '#leaks' },
    { channel: 'C' },
    { more: 1 },
  ])('is refused with %o', (change) => {
    expect(slackConfig.safeParse({ ...whole, ...change }).success).toBe(false);
  });
});
