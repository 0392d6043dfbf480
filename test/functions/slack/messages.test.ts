import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { Misconfigured, Unavailable } from '../../../functions/revocation/errors.ts';
import { referralForm } from '../../../functions/revocation/references.ts';
import { readReport } from '../../../functions/revocation/report.ts';
import { lane, slackCallers, unrouted } from '../../support/slack-callers.ts';

let callers: Awaited<ReturnType<typeof slackCallers>>;
beforeAll(async () => {
  callers = await slackCallers();
});
beforeEach(() => {
  const { sent, logs, workspace, failing } = callers;
  for (const list of [sent, logs, workspace.posts, workspace.responses, workspace.arrivals, workspace.troubles])
    list.length = 0;
  failing.queue = undefined;
  failing.sources = {};
});
afterAll(() => callers.end());

const github = 'https://github.com/acme/app/security/secret-scanning/3';
const gitguardian = 'https://dashboard.gitguardian.com/workspace/8/incidents/21460';
const gitlab = 'https://gitlab.com/acme/app/-/security/vulnerabilities/77';
const value = `ddapp_${'c'.repeat(7)}a9a7ea1ea0cedca9a7`;

const referrals = () =>
  callers.sent.flatMap(({ queue, body }) => (queue === unrouted ? [referralForm.parse(JSON.parse(body))] : []));
const links = () => referrals().map(({ reference }) => reference.link);
const say = (event: object, more?: object) => callers.call(callers.workspace.event(event, more));
const everything = () => JSON.stringify([callers.logs, callers.workspace.arrivals, callers.workspace.posts]);

describe('Slack’s question whether the address is ours', () => {
  test('is answered with the challenge, and only where it is signed', async () => {
    const { workspace, call } = callers;
    const asked = workspace.verification('c-1');
    expect(await call(asked)).toEqual({ status: 200, body: { challenge: 'c-1' } });
    const headers = { ...asked.headers, 'x-slack-signature': `v0=${'0'.repeat(64)}` };
    expect(await call({ ...asked, headers })).toEqual({ status: 401 });
  });

  test('by ssl_check is answered, and only where it is signed', async () => {
    const { workspace, call } = callers;
    const asked = workspace.sign('ssl_check=1&token=legacy', 'application/x-www-form-urlencoded');
    expect(await call(asked)).toEqual({ status: 200, body: {} });
    expect(await call({ ...asked, headers: {} })).toEqual({ status: 401 });
  });
});

describe('a message of a scanner', () => {
  test('is a hint: the alerts that it names are to be fetched at their sources', async () => {
    const text = `New alert <${github}|acme/app>, <${gitguardian}>, ${gitlab}. See https://example.com/1`;
    expect(await say({ bot_id: 'B0SCANNER', user: 'U0SCANNER', text }, { event_id: 'Ev77' })).toEqual({
      ...{ status: 200, body: {} },
    });
    const at = new Date(callers.clock.now()).toISOString();
    const common = { delivery: 'slack:Ev77', at, tries: { unavailable: 0, unexpected: 0 } };
    expect(referrals()).toEqual([
      { source: 'github', reference: { link: github }, ...common },
      { source: 'gitguardian', reference: { link: gitguardian }, ...common },
      { source: 'gitlab', reference: { link: gitlab }, ...common },
    ]);
    expect(callers.workspace.posts).toEqual([]);
  });

  test('that Slack sends again is the same delivery', async () => {
    const delivery = callers.workspace.event({ text: github });
    const retried = { ...delivery.headers, 'x-slack-retry-num': '1', 'x-slack-retry-reason': 'http_timeout' };
    await callers.call(delivery);
    expect(await callers.call({ ...delivery, headers: retried })).toEqual({ status: 200, body: {} });
    const [first, again] = referrals();
    expect(again).toEqual(first);
  });

  test.each([
    ['of a modern app', { bot_id: 'B1', user: 'U1X', bot_profile: { app_id: 'A1' }, text: github }],
    ['of a classic app', { subtype: 'bot_message', bot_id: 'B1', username: 'scanner', text: github }],
    ['that mentions us', { type: 'app_mention', user: 'U1X', text: `<@U0LEAKSTOP> ${github}` }],
    [
      'that was edited',
      { subtype: 'message_changed', ts: undefined, message: { ts: '1.2', user: 'U1X', text: github } },
    ],
    ['in a thread, shown in the channel', { subtype: 'thread_broadcast', thread_ts: '1.1', text: github }],
    ['with a file', { subtype: 'file_share', user: 'U1X', files: [{}], text: github }],
    ['in a section', { text: '', blocks: [{ type: 'section', text: { type: 'mrkdwn', text: `*<${github}|3>*` } }] }],
    ['on a button', { blocks: [{ type: 'actions', elements: [{ type: 'button', url: github }] }] }],
    [
      'deep in a rich text',
      {
        blocks: [
          {
            type: 'rich_text',
            elements: [
              {
                type: 'rich_text_list',
                elements: [{ type: 'rich_text_section', elements: [{ type: 'link', url: github, text: 'it' }] }],
              },
            ],
          },
        ],
      },
    ],
    ['as the title of an attachment', { attachments: [{ title: '3', title_link: github, fallback: '[x]' }] }],
    ['in the blocks of an attachment', { attachments: [{ blocks: [{ text: { text: `see ${github}!` } }] }] }],
    ['with a query', { text: `<${github}?utm=1&amp;b=2#top|x>` }],
    ['in brackets', { text: `(${github}), ${github}; ${github}` }],
  ])('is followed %s, once', async (_, event) => {
    await say(event);
    expect(links()).toEqual([github]);
  });

  test.each([
    ['of our own, by its app', { app_id: 'A0LEAKSTOP', bot_id: 'B0LEAKSTOP', text: github }],
    ['of our own, by its profile', { bot_profile: { app_id: 'A0LEAKSTOP' }, text: github }],
    ['of our own, by its user', { user: 'U0LEAKSTOP', text: github }],
    [
      'of our own that we have edited',
      { subtype: 'message_changed', message: { ts: '1.2', app_id: 'A0LEAKSTOP', text: github } },
    ],
    ['that was deleted', { subtype: 'message_deleted', previous_message: { ts: '1.2', text: github }, text: github }],
    ['that tells who came', { subtype: 'channel_join', text: github }],
    ['that is none', { type: 'reaction_added', text: github }],
    ['of another GitHub', { text: github.replace('github.com', 'github.com.evil.example') }],
    ['with somebody in front of the host', { text: github.replace('github.com', 'github.com@evil.example') }],
    ['without TLS', { text: github.replace('https', 'http') }],
    ['with a page that is no alert', { text: 'https://github.com/acme/app/security' }],
  ])('is nothing to us %s', async (_, event) => {
    expect(await say(event)).toEqual({ status: 200, body: {} });
    expect(callers.sent).toEqual([]);
    expect(callers.workspace.arrivals).toEqual([]);
  });

  test('with more in it than anybody reads is looked at within bounds, and that is told', async () => {
    const many = Array.from({ length: 3_000 }, (_, index) => ({ text: github.replace(/3$/, String(index + 1)) }));
    await say({ blocks: many });
    expect(links().length).toBeGreaterThan(0);
    expect(links().length).toBeLessThanOrEqual(100);
    expect(JSON.stringify(callers.logs)).toContain('more than is looked at');
    let deep: object = { text: github };
    for (let depth = 0; depth < 1_000; depth += 1) deep = { inner: deep };
    callers.sent.length = 0;
    await say({ blocks: [deep, { text: gitlab }] });
    expect(links()).toEqual([gitlab]);
  });

  test('made of marks and nothing else keeps nobody waiting', async () => {
    const text = Array.from({ length: 190 }, () => `${'_'.repeat(511)}a`).join(' ');
    const before = process.cpuUsage();
    await say({ text });
    const { user } = process.cpuUsage(before);
    expect(user / 1000).toBeLessThan(400);
  });

  test('is sent again by Slack where it could not be queued', async () => {
    callers.failing.queue = new Unavailable('the queue did not give an answer');
    await expect(say({ text: github })).rejects.toThrow(Unavailable);
  });

  test('is followed at the other sources where one has no secret, and sent again for that one', async () => {
    callers.failing.sources = { github: new Misconfigured('secret leakstop/sources/github does not exist') };
    await expect(say({ text: `${github} ${gitlab}` })).rejects.toThrow(Misconfigured);
    expect(links()).toEqual([gitlab]);
    expect(await say({ text: 'good morning' })).toEqual({ status: 200, body: {} });
  });
});

describe('a key that somebody pastes', () => {
  test('is never acted on without a person: it goes to its lane with the order to ask', async () => {
    const posted = { user: 'U0CARELESS', text: `use this: \`${value}\` please`, ts: '1763640000.000100' };
    expect(await say(posted, { event_id: 'Ev88' })).toEqual({ status: 200, body: {} });
    expect(callers.sent.map(({ queue }) => queue)).toEqual([lane]);
    const report = readReport(String(callers.sent[0]?.body));
    expect(report.leak?.secret?.expose()).toBe(value);
    expect(report).toMatchObject({
      ...{ provider: 'datadog', kind: 'application-key', hearsay: true, mayNameKeys: false },
      sighting: {
        ...{ source: 'slack', delivery: 'slack:Ev88' },
        reference: 'https://slack.com/archives/C0LEAKS/p1763640000000100',
      },
    });
    expect(report.sighting.location).toBeUndefined();
    expect(report.leak?.location).toBeUndefined();
  });

  test('is answered in the thread: how to delete the message, and that the key waits; without the key', async () => {
    await say({ user: 'U0CARELESS', text: value, ts: '1763640001.000100' });
    const [post, ...more] = callers.workspace.posts;
    expect(more).toEqual([]);
    expect(post).toMatchObject({ channel: 'C0LEAKS', thread_ts: '1763640001.000100' });
    expect(post?.text).toMatch(/an API key \(inc_[0-9a-z]{26}\)\. Nothing is revoked before an approver says so/);
    expect(post?.text).toMatch(/Delete message/);
    expect(everything()).not.toContain(value);
  });

  test('is answered in the thread it stands in', async () => {
    await say({ user: 'U0CARELESS', text: value, ts: '1763640002.000100', thread_ts: '1763630000.000100' });
    expect(callers.workspace.posts).toMatchObject([{ thread_ts: '1763630000.000100' }]);
  });

  test('is answered once, however often the message is told of', async () => {
    const text = `<@U0LEAKSTOP> ${value}`;
    const about = { user: 'U0CARELESS', text, ts: '1763640003.000100' };
    await Promise.all([say({ type: 'app_mention', ...about }), say(about)]);
    await say({ subtype: 'message_changed', message: about });
    await callers.call(callers.workspace.shortcut(about));
    expect(callers.workspace.posts).toHaveLength(1);
    expect(new Set(callers.sent.map(({ body }) => readReport(body).incident)).size).toBe(1);
  });

  test('is queued all the same where it cannot be answered', async () => {
    callers.workspace.troubles.push({ on: /chat\.postMessage/, reply: { status: 500 } });
    expect(await say({ text: value, ts: '1763640004.000100' })).toEqual({ status: 200, body: {} });
    expect(callers.sent).toHaveLength(1);
    expect(JSON.stringify(callers.logs)).toContain('slack answered 500');
    expect(everything()).not.toContain(value);
  });

  test.each([
    ['in quotes', `"${value}"`],
    ['in italics', `_${value}_`],
    ['struck out', `~${value}~`],
    ['as a setting', `DD_APP_KEY=${value};`],
    ['in an address', `https://example.com/?key=${value}&amp;x=1`],
    ['in a block of code', `\`\`\`\n${value}\n\`\`\``],
  ])('is seen %s', async (_, text) => {
    await say({ text });
    const [report] = callers.sent.map(({ body }) => readReport(body));
    expect(report?.leak?.secret?.expose()).toBe(value);
  });

  test.each([
    ['has no form of its own', 'ca9a7ea1eacedca9a7ea1eacedca9a7e'],
    ['is of a provider that is not configured here', `mdb_sa_sk_${'a1'.repeat(16)}`],
    ['is cut off', value.slice(0, 12)],
  ])('is not looked for where it %s', async (_, text) => {
    await say({ text });
    expect(callers.sent).toEqual([]);
    expect(callers.workspace.posts).toEqual([]);
  });
});

describe('the shortcut on a message', () => {
  test('has the alerts that the message names fetched, and tells whoever used it', async () => {
    const used = callers.workspace.shortcut({ bot_id: 'B1', text: `<${github}|3> and ${gitlab}`, ts: '1.2' });
    expect(await callers.call(used)).toEqual({ status: 200, body: {} });
    expect(referrals()).toMatchObject([
      { source: 'github', delivery: 'slack:C0LEAKS-1.2', reference: { link: github } },
      { source: 'gitlab', reference: { link: gitlab } },
    ]);
    expect(callers.workspace.responses).toEqual([
      {
        responseUrl: used.responseUrl,
        body: {
          ...{ response_type: 'ephemeral', replace_original: false },
          text: '2 alerts are being fetched at the source.',
        },
      },
    ]);
  });

  test('keeps a key that the message holds for a person, at the address of the workspace', async () => {
    await callers.call(callers.workspace.shortcut({ user: 'U1X', text: value, ts: '1763640005.000100' }));
    expect(readReport(String(callers.sent[0]?.body))).toMatchObject({
      hearsay: true,
      sighting: { reference: 'https://acme.slack.com/archives/C0LEAKS/p1763640005000100' },
    });
    expect(callers.workspace.responses[0]?.body.text).toBe('1 key waits for approval.');
  });

  test('says so where there is nothing to follow, and where nothing can be done now', async () => {
    await callers.call(callers.workspace.shortcut({ text: 'good morning' }));
    expect(callers.workspace.responses.at(-1)?.body.text).toMatch(/^There is no link/);
    callers.failing.queue = new Unavailable('the queue did not give an answer');
    await callers.call(callers.workspace.shortcut({ text: github }));
    expect(callers.workspace.responses.at(-1)?.body.text).toMatch(/cannot answer now/);
  });
});
