import { createServer, type IncomingHttpHeaders, type Server } from 'node:http';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { createSend } from '../../../functions/platform/http.ts';
import { createSlack } from '../../../functions/platform/slack.ts';
import { Refused, Unavailable, Unexpected } from '../../../functions/revocation/errors.ts';
import { slackConfig } from '../../../functions/revocation/slack.ts';
import { vendorNetwork } from '../../support/lane.ts';

const canary = 'xoxb-canary-5e7a11ed';
const config = slackConfig.parse({ signingSecret: 'canary-5e7a11ed', botToken: canary, channel: 'C012345' });
const message = { channel: 'C012345', text: 'A key', blocks: [{ type: 'divider' }] };

let asked: { url: string; host: string; headers: IncomingHttpHeaders; body: unknown }[];
let answer: { status: number; headers?: Record<string, string>; body: string };
let network: Awaited<ReturnType<typeof vendorNetwork>>;
let server: Server;
beforeEach(async () => {
  [asked, answer] = [[], { status: 200, body: '{"ok":true,"ts":"1700000000.000100"}' }];
  server = createServer(async (request, response) => {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk);
    const { url = '', headers } = request;
    asked.push({ url, host: String(headers.host), headers, body: JSON.parse(Buffer.concat(chunks).toString('utf8')) });
    response.writeHead(answer.status, answer.headers).end(answer.body);
  });
  network = await vendorNetwork({ server });
});
afterEach(() => network.close());

/** Everything goes to the server, in plain HTTP; the host that was meant is told. */
const slack = () => {
  const plain = ((url: URL, init: RequestInit) =>
    network.fetch(new URL(url.href.replace('https:', 'http:')), init)) as typeof fetch;
  return createSlack({ send: createSend({ now: Date.now, fetch: plain }), now: Date.now });
};
const soon = () => Date.now() + 5_000;
const refusing = (error: string) => {
  answer = { status: 200, body: JSON.stringify({ ok: false, error }) };
};
async function thrownBy(act: () => Promise<unknown>): Promise<Error> {
  try {
    await act();
  } catch (error) {
    expect(String((error as Error).message)).not.toContain('canary');
    return error as Error;
  }
  throw new Error('nothing was thrown');
}

describe('a message', () => {
  test('is posted with the token of the bot, and is known by its time from then on', async () => {
    expect(await slack().post(config, message, soon())).toBe('1700000000.000100');
    expect(asked).toMatchObject([
      { url: '/api/chat.postMessage', host: 'slack.com', headers: { authorization: `Bearer ${canary}` } },
    ]);
    expect(asked[0]?.headers['content-type']).toBe('application/json; charset=utf-8');
    expect(asked[0]?.body).toEqual({ ...message, unfurl_links: false, unfurl_media: false });
  });

  test('is changed where it stands', async () => {
    expect(await slack().update(config, { ...message, ts: '1700000000.000100' }, soon())).toBe(true);
    expect(asked).toMatchObject([{ url: '/api/chat.update', body: { ...message, ts: '1700000000.000100' } }]);
  });

  test.each(['message_not_found', 'cant_update_message', 'edit_window_closed'])(
    'that cannot be changed any more (%s) is told so, and is no fault',
    async (error) => {
      refusing(error);
      expect(await slack().update(config, { ...message, ts: '1.2' }, soon())).toBe(false);
      expect(await thrownBy(() => slack().post(config, message, soon()))).toBeInstanceOf(Unexpected);
    },
  );

  test.each([
    ['invalid_auth', /install the app again/],
    ['account_inactive', /install the app again/],
    ['missing_scope', /chat:write/],
    ['not_in_channel', /invite the app/],
    ['channel_not_found', /invite the app/],
    ['is_archived', /channel/],
  ])('that Slack refuses with %s needs a person, who is told what to do', async (error, remedy) => {
    refusing(error);
    const thrown = await thrownBy(() => slack().post(config, message, soon()));
    expect(thrown).toBeInstanceOf(Refused);
    expect(thrown.message).toMatch(`slack answered ${error}; `);
    expect((thrown as Refused).remedy).toMatch(remedy);
  });

  test.each(['ratelimited', 'internal_error', 'fatal_error', 'service_unavailable'])(
    'that meets a bad moment (%s) is for later',
    async (error) => {
      refusing(error);
      expect(await thrownBy(() => slack().post(config, message, soon()))).toBeInstanceOf(Unavailable);
    },
  );

  test('that comes too often waits for as long as Slack says', async () => {
    answer = { status: 429, headers: { 'retry-after': '30' }, body: '{"ok":false,"error":"ratelimited"}' };
    const thrown = await thrownBy(() => slack().post(config, message, soon()));
    expect(thrown).toMatchObject({ name: 'Unavailable', retryAfterMs: 30_000, untouched: true });
    answer.status = 503;
    expect(await thrownBy(() => slack().update(config, { ...message, ts: '1.2' }, soon()))).toMatchObject({
      name: 'Unavailable',
      untouched: false,
    });
  });

  test.each([
    ['an error that nobody knows', '{"ok":false,"error":"invalid_blocks"}'],
    ['an error that is none', '{"ok":false,"error":"<canary>"}'],
    ['no JSON', 'canary'],
    ['no name for the message', '{"ok":true}'],
    ['a name that is none', '{"ok":true,"ts":"canary"}'],
    ['neither yes nor no', '{"ts":"1.2"}'],
  ])('that is answered with %s is answered outside the documentation', async (_, body) => {
    answer.body = body;
    expect(await thrownBy(() => slack().post(config, message, soon()))).toBeInstanceOf(Unexpected);
  });
});

describe('an answer to somebody', () => {
  const url = 'https://hooks.slack.com/actions/T0123/456789/AbC-d_9';

  test('goes to the address that Slack gave for it, without our token', async () => {
    answer.body = 'ok';
    await slack().respond(url, { text: 'done', replace_original: true }, soon());
    expect(asked).toMatchObject([{ url: '/actions/T0123/456789/AbC-d_9', host: 'hooks.slack.com' }]);
    expect(asked[0]?.headers.authorization).toBeUndefined();
    expect(asked[0]?.body).toEqual({ text: 'done', replace_original: true });
  });

  test.each([
    'http://hooks.slack.com/actions/T/1/canary',
    'https://hooks.slack.com.example.com/actions/T/1/canary',
    'https://example.com/actions/T/1/canary',
    'https://canary@hooks.slack.com/actions/T/1/x',
    'https://hooks.slack.com:8443/actions/T/1/canary',
    'https://hooks.slack.com/actions/../canary',
    'https://hooks.slack.com/actions/%2e%2e/canary',
    'https://hooks.slack.com/actions/T/1?x=canary',
    'https://hooks.slack.com/',
    'canary',
    '',
  ])('goes nowhere else: %s', async (address) => {
    const thrown = await thrownBy(() => slack().respond(address, {}, soon()));
    expect(thrown).toBeInstanceOf(Unexpected);
    expect(asked).toEqual([]);
  });

  test('that comes too late is a fault, without the address', async () => {
    answer = { status: 404, body: '{"ok":false,"error":"expired_url"}' };
    const thrown = await thrownBy(() => slack().respond(url, {}, soon()));
    expect(thrown).toBeInstanceOf(Unexpected);
    expect(thrown.message).not.toContain('AbC');
  });
});

test('nothing is asked when there is no time left', async () => {
  expect(await thrownBy(() => slack().post(config, message, Date.now() - 1))).toBeInstanceOf(Unavailable);
  expect(asked).toEqual([]);
});
