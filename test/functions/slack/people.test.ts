import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { Unavailable } from '../../../functions/revocation/errors.ts';
import { readReport } from '../../../functions/revocation/report.ts';
import { isApprover, userId } from '../../../functions/slack/people.ts';
import { approver, lane, slackCallers } from '../../support/slack-callers.ts';

let callers: Awaited<ReturnType<typeof slackCallers>>;
const second = 'U0SECOND';
const stranger = 'U0STRANGER';
beforeAll(async () => {
  callers = await slackCallers({
    approvers: [approver, `T0WORKSPACE/${second}`],
    fuse: { limit: 5, windowMinutes: 60 },
  });
});
beforeEach(() => {
  const { sent, logs, announced, workspace, failing } = callers;
  for (const list of [sent, logs, announced, workspace.responses, workspace.arrivals, workspace.troubles])
    list.length = 0;
  failing.queue = undefined;
});
afterAll(() => callers.end());

const value = `ddapp_${'c'.repeat(7)}a9a7ea1ea0cedca9a7`;
const command = async (text: string, user?: string) => {
  const { status, body } = await callers.call(callers.workspace.command(text, user));
  expect(status).toBe(200);
  expect(body).toMatchObject({ response_type: 'ephemeral' });
  return (body as { text: string }).text;
};
/** What the one who clicked is told. */
const click = async (action: string, given: string, user?: string) => {
  expect(await callers.call(callers.workspace.click(action, given, user))).toEqual({ status: 200, body: {} });
  return String(callers.workspace.responses.at(-1)?.body.text);
};
const logged = () => JSON.stringify(callers.logs);
const state = async (id: string) => (await callers.ledger.read(id))?.state;

describe('an approver', () => {
  test.each([
    [{ user: 'U012ABC', team: 'T1' }, ['U012ABC'], true],
    [{ user: 'U012ABC', team: undefined }, ['U012ABC'], true],
    [{ user: 'U012ABC', team: 'T012' }, ['T012/U012ABC'], true],
    [{ user: 'U012ABC', team: 'T013' }, ['T012/U012ABC'], false],
    [{ user: 'U012ABC', team: undefined }, ['T012/U012ABC', 'undefined/U012ABC'], false],
    [{ user: 'U012AB', team: 'T012' }, ['U012ABC', 'T012/U012ABC'], false],
    [{ user: 'U012ABC', team: 'T012' }, [], false],
  ])('is who is named, by user or by team and user: %o among %o', (member, approvers, may) => {
    expect(isApprover(member, approvers)).toBe(may);
  });
});

test.each(['U1', 'W1', 'U012ABCDEF'])('a person may be %s', (id) => {
  expect(userId.safeParse(id).success).toBe(true);
});

test.each(['U', 'u1', 'C1', 'U1 ', '<@U1>', `U${'1'.repeat(21)}`])('nobody is "%s"', (id) => {
  expect(userId.safeParse(id).success).toBe(false);
});

test('a person with a short id decides as others do', async () => {
  const short = await slackCallers({ approvers: ['U1'] });
  const { id } = await short.asked();
  const { body } = await short.call(short.workspace.command(`approve ${id}`, 'U1'));
  expect((body as { text: string }).text).toMatch(/^Approved/);
  const shown = await short.call(short.workspace.command(`show ${id}`));
  expect((shown.body as { text: string }).text).toContain('by <@U1> in Slack');
  await short.end();
});

describe('/leakstop', () => {
  test.each(['', 'help', '  ', 'revoke everything', 'APPROVE', value])('answers with help to "%s"', async (text) => {
    const answer = await command(text);
    expect(answer).toMatch(/^`\/leakstop status`/);
    expect(answer).not.toContain(value);
  });

  test('shows one incident', async () => {
    const { id } = await callers.asked();
    const answer = await command(`show ${id}`);
    expect(answer).toContain(`*${id}*: awaiting-approval`);
    expect(answer).toContain('datadog, api-key, account prod, key k-1');
    expect(answer).toContain('https://ci.example/1?a=1&amp;b=&lt;2&gt;');
    expect(answer).toContain('asked: a person must confirm it');
    expect(answer.length).toBeLessThanOrEqual(3_000);
  });

  test.each(['show', 'approve', 'reject'])('%s takes ids of incidents only, and repeats nothing else', async (verb) => {
    for (const argument of [value, `inc_${'u'.repeat(26)}`, '<@U012ABC>', '', `inc_${'0'.repeat(27)}`]) {
      const answer = await command(`${verb} ${argument}`, approver);
      expect(answer).toMatch(/^That is not the id of an incident/);
      if (argument !== '') expect(answer).not.toContain(argument);
    }
    expect(await command(`${verb} inc_${'0'.repeat(26)}`, approver)).toBe('There is no incident with this id.');
    expect(logged()).not.toContain(value);
  });

  test('mentions nobody but who decided, whatever others wrote into an incident', async () => {
    const { id } = await callers.asked({ reason: '<@U0BOSS> <!channel>' });
    await command(`reject ${id} by <@U0BOSS> in Slack`, approver);
    const answer = await command(`show ${id}`);
    expect(answer.match(/<[^>]*>/g)).toEqual([`<@${approver}>`]);
  });

  test('status counts what waits, what is parked and what is moving, and tells of the fuse', async () => {
    const { id } = await callers.asked();
    await callers.asked({ state: 'parked', asking: null });
    await callers.asked({ state: 'sent', asking: null });
    const answer = await command('status');
    expect(answer).toMatch(/^awaiting approval: \d+$/m);
    expect(answer).toContain(`• ${id}: awaiting-approval; datadog, api-key, account prod, key k-1`);
    expect(answer).toMatch(/^parked: 1$/m);
    expect(answer).toMatch(/^moving: 1$/m);
    expect(answer).toMatch(/^fuse: blows past 5 in 60 minutes$/m);
    for (let index = 0; index < 6; index += 1)
      await callers.ledger.countAgainstFuse(`inc_${index}`, { limit: 5, windowMinutes: 60 });
    expect(await command('status')).toMatch(
      /^fuse: blows past 5 in 60 minutes; has blown at 2026-11-20T12:00:00Z; .* resets it, with POST \/fuse\/reset$/m,
    );
  });

  test('approve has the key revoked, for an approver, with their name and reason in the timeline', async () => {
    const { id } = await callers.asked();
    const answer = await command(`approve ${id}   it was in a public gist`, approver);
    expect(answer).toBe(`Approved; it is being revoked: datadog, api-key, account prod, key k-1 (${id}).`);
    expect(callers.sent.map(({ queue }) => queue)).toEqual([lane]);
    expect(readReport(String(callers.sent[0]?.body))).toMatchObject({ incident: id });
    const record = await callers.ledger.read(id);
    expect(record?.approved).toMatchObject({ keyId: 'k-1', action: 'delete' });
    expect(record?.timeline.at(-1)).toMatchObject({
      ...{ stage: 'approved', detail: `by <@${approver}> in Slack: it was in a public gist` },
    });
  });

  test('reject closes it, for an approver of the right team', async () => {
    const { id } = await callers.asked();
    expect(await command(`reject ${id}`, second)).toMatch(/^Rejected; nothing is done to it/);
    expect(await callers.ledger.read(id)).toMatchObject({ state: 'closed', outcome: 'rejected' });
    expect(callers.announced).toEqual([id]);
    expect(callers.sent).toEqual([]);
  });

  test.each(['approve', 'reject'])('%s is refused to anybody else, and logged with their id', async (verb) => {
    const { id } = await callers.asked();
    expect(await command(`${verb} ${id}`, stranger)).toMatch(/^Only approvers can decide that/);
    expect(await state(id)).toBe('awaiting-approval');
    expect(callers.sent).toEqual([]);
    expect(logged()).toContain(stranger);
  });

  test('keeps no key as a reason: what is a key by its form stops it, what may be one is left out', async () => {
    const { id } = await callers.asked();
    expect(await command(`reject ${id} because of ${value}`, approver)).toMatch(/^The reason holds a key/);
    expect(await state(id)).toBe('awaiting-approval');
    expect(await command(`reject ${id} ${'because '.repeat(36)}${value}`, approver)).toMatch(/^The reason holds a key/);
    expect(await state(id)).toBe('awaiting-approval');
    await command(`reject ${id} see ca9a7ea1eacedca9a7ea1eacedca9a7e and ${id}`, approver);
    const record = await callers.ledger.read(id);
    expect(record?.timeline.at(-1)?.detail).toBe(`by <@${approver}> in Slack: see [left out] and ${id}`);
    expect(JSON.stringify(record)).not.toContain('ca9a7ea1eaced');
  });

  test('keeps no piece of what may be a key, where a reason is longer than is kept', async () => {
    const { id } = await callers.asked();
    await command(`reject ${id} ${'because '.repeat(36)}ca9a7ea1eacedca9a7ea1eacedca9a7e`, approver);
    expect(JSON.stringify(await callers.ledger.read(id))).not.toContain('ca9a');
  });

  test('says so where nothing can be said now', async () => {
    const { id } = await callers.asked();
    const { services, call, workspace } = callers;
    const broken = {
      ...services,
      ledger: { ...services.ledger, read: () => Promise.reject(new Unavailable('no answer')) },
    };
    const { read } = services.ledger;
    services.ledger = broken.ledger;
    const { status, body } = await call(workspace.command(`show ${id}`));
    services.ledger = { ...services.ledger, read };
    expect([status, body]).toMatchObject([200, { text: 'Leakstop cannot answer now; try again in a minute.' }]);
  });

  test.each([
    ['without a user', 'command=%2Fleakstop&text=status'],
    ['with bytes that are no text', 'command=%2Fleakstop&text=%ff'],
    ['with nothing in it', ''],
    ['with a payload that is nothing', 'payload=%7B%7D'],
    ['with a payload that is no JSON', 'payload=x'],
  ])('is nothing to us %s', async (_, body) => {
    const { workspace, call } = callers;
    expect(await call(workspace.sign(body, 'application/x-www-form-urlencoded'))).toEqual({ status: 200, body: {} });
  });
});

describe('a button', () => {
  test('shows details to anybody, and to them alone', async () => {
    const { id } = await callers.asked();
    expect(await click('details', `${id} n-1`)).toContain(`*${id}*: awaiting-approval`);
    expect(callers.workspace.responses[0]?.body).toMatchObject({ response_type: 'ephemeral', replace_original: false });
  });

  test('is refused to a stranger, who is told so and logged', async () => {
    const { id } = await callers.asked();
    for (const verb of ['approve', 'reject'])
      expect(await click(verb, `${id} n-1`, stranger)).toMatch(/^Only approvers can decide that/);
    expect(await state(id)).toBe('awaiting-approval');
    expect(callers.sent).toEqual([]);
    expect(logged()).toContain(stranger);
  });

  test('pressed twice decides once, and the second is told what was decided', async () => {
    const { id } = await callers.asked();
    expect(await click('approve', `${id} n-1`, approver)).toMatch(/^Approved; it is being revoked/);
    expect(await click('approve', `${id} n-1`, approver)).toBe(
      `The incident is received: nothing waits for approval. It was approved by <@${approver}> in Slack`,
    );
    expect(callers.sent).toHaveLength(1);
  });

  test('pressed by two people at once decides once', async () => {
    const { id } = await callers.asked();
    const { workspace, call } = callers;
    await Promise.all([
      call(workspace.click('approve', `${id} n-1`, approver)),
      call(workspace.click('reject', `${id} n-1`, second)),
      call(workspace.click('approve', `${id} n-1`, second)),
    ]);
    const told = workspace.responses.map(({ body }) => String(body.text));
    expect(told.filter((text) => /^(Approved|Rejected);/.test(text))).toHaveLength(1);
    expect(told.filter((text) => /^The incident is .* It was (approved|rejected) by <@U/.test(text))).toHaveLength(2);
    const record = await callers.ledger.read(id);
    expect(record?.timeline.filter(({ stage }) => stage === 'approved' || stage === 'rejected')).toHaveLength(1);
    expect(callers.sent).toHaveLength(record?.outcome === 'rejected' ? 0 : 1);
  });

  test('of an earlier question decides nothing', async () => {
    const { id } = await callers.asked();
    expect(await click('approve', `${id} n-0`, approver)).toMatch(/^The incident is awaiting-approval: /);
    expect(await state(id)).toBe('awaiting-approval');
    expect(callers.sent).toEqual([]);
  });

  test.each([
    '',
    'x',
    'inc_x n-1',
    `inc_${'0'.repeat(26)}`,
    `inc_${'0'.repeat(26)} n-1`,
    `inc_${'0'.repeat(26)} n-1 more`,
  ])('with the value "%s" finds no incident', async (given) => {
    for (const verb of ['approve', 'details'])
      expect(await click(verb, given, approver)).toBe('There is no incident with this id.');
  });

  test('decides also where whoever clicked cannot be told', async () => {
    const { id } = await callers.asked();
    callers.workspace.troubles.push({ on: /./, reply: { status: 500 } });
    const clicked = callers.workspace.click('approve', `${id} n-1`, approver);
    expect(await callers.call(clicked)).toEqual({ status: 200, body: {} });
    expect(await state(id)).toBe('received');
  });

  test.each([
    'http://hooks.slack.com/a',
    'https://hooks.slack.com.evil.example/a',
    'https://evil.example/a',
    'https://hooks.slack.com@evil.example/a',
    undefined,
  ])('is never answered at %s', async (url) => {
    const { id } = await callers.asked();
    const { workspace, call } = callers;
    const payload = {
      ...{ type: 'block_actions', user: { id: approver, team_id: 'T0WORKSPACE' }, response_url: url },
      actions: [{ action_id: 'details', value: `${id} n-1` }],
    };
    const body = new URLSearchParams({ payload: JSON.stringify(payload) }).toString();
    expect((await call(workspace.sign(body, 'application/x-www-form-urlencoded'))).status).toBe(200);
    expect(workspace.arrivals).toEqual([]);
  });

  test('of somebody else’s is nothing to us', async () => {
    const { workspace, call } = callers;
    expect(await call(workspace.click('vote', 'yes'))).toEqual({ status: 200, body: {} });
    expect(workspace.arrivals).toEqual([]);
  });
});
