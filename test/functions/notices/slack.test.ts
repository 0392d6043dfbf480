import { describe, expect, test } from 'vitest';
import { type Message, messageOf, type SlackServices, slack } from '../../../functions/notices/slack.ts';
import { Refused, Unavailable } from '../../../functions/revocation/errors.ts';
import { type IncidentRecord, outcomes, restsIn } from '../../../functions/revocation/incident.ts';
import { slackConfig } from '../../../functions/revocation/slack.ts';
import type { Told } from '../../../functions/revocation/tell.ts';
import { beginning, recordOf } from '../../support/reports.ts';

const minute = 60_000;
const at = (ms: number) => new Date(beginning + ms).toISOString();
const entry = (ms: number, stage: IncidentRecord['timeline'][number]['stage'], detail?: string) => ({
  ...{ at: at(ms), stage, previous: '' },
  ...(detail !== undefined && { detail }),
});
const found = { account: 'prod', keyId: 'key-1', owner: 'user-7', fence: 1, attempts: 1 };
const asking: IncidentRecord['asking'] = {
  ...{ nonce: 'nonce-1', action: 'delete', account: 'prod', keyId: 'key-1', askedAt: beginning },
  ...{ until: beginning + 125 * minute, onDeadline: 'park' },
};
const proof: NonNullable<IncidentRecord['proof']> = {
  ...{ dead: true, method: 'leaked-key-refused' },
  checks: [
    { at: at(1_000), result: 'alive' },
    { at: at(1_240), result: 'dead' },
  ],
};
const dead = { ...found, state: 'closed', outcome: 'revoked', proof, timeToDeadMs: 1_240 } as const;
const waiting = { ...found, state: 'awaiting-approval', reason: 'policy asks a person', asking } as const;
const alive = {
  ...found,
  state: 'sent',
  accepted: 'revoked',
  reason: 'accepted by the provider but still alive',
  watch: { since: beginning, at: beginning + 5 * minute },
} as const;

const checks = [...proof.checks, { at: at(minute), result: 'alive' as const }];
const revived = { ...found, state: 'unknown', proof: { ...proof, dead: false, checks } } as const;

/** What a person sees, one line for each part. */
function seen({ blocks }: Message): string {
  const texts: string[] = [];
  JSON.stringify(blocks, (name, value) => {
    if (name === 'text' && typeof value === 'string') texts.push(value);
    return value;
  });
  return texts.join('\n');
}
const show = (given: Partial<IncidentRecord>) => messageOf(recordOf(given), beginning + minute);
const buttonsIn = ({ blocks }: Message) =>
  (blocks as { type: string; elements?: { action_id: string; value: string }[] }[])
    .filter(({ type }) => type === 'actions')
    .flatMap(({ elements = [] }) => elements.map(({ action_id, value }) => [action_id, value]));

const approved: IncidentRecord['approved'] = {
  ...{ account: 'prod', keyId: 'key-1', action: 'delete' },
  by: 'person',
};

describe('a message', () => {
  test('that waits for a person says what, until when and what then, and has the buttons for it', () => {
    const message = show(waiting);
    expect(seen(message)).toContain('A leaked datadog key waits for your decision');
    expect(seen(message)).toContain('Approve to delete it');
    expect(seen(message)).toContain('Waiting for you until 14:05 UTC; then it parks');
    expect(seen(message)).toContain('policy asks a person');
    for (const fact of ['datadog', 'api-key', 'key-1', 'prod', 'user-7']) expect(seen(message)).toContain(fact);
    const { id } = recordOf();
    expect(buttonsIn(message)).toEqual([
      ['approve', `${id} nonce-1`],
      ['reject', `${id} nonce-1`],
      ['details', `${id} nonce-1`],
    ]);
  });

  test('says so where policy goes on by itself, and where it waits for ever', () => {
    expect(seen(show({ ...waiting, asking: { ...asking, onDeadline: 'revoke', action: 'disable' } }))).toContain(
      'then we switch it off by ourselves',
    );
    expect(seen(show({ ...waiting, asking: { ...asking, until: null } }))).toContain('for as long as it takes');
  });

  test('whose time ran out still asks', () => {
    const message = show({ ...waiting, state: 'parked', asking: { ...asking, until: null } });
    expect(seen(message)).toContain('nobody answered in time');
    expect(buttonsIn(message).map(([action]) => action)).toEqual(['approve', 'reject', 'details']);
  });

  test('of a dead key shows the proof, and asks nothing any more', () => {
    const message = show(dead);
    expect(seen(message)).toContain('A leaked datadog key is dead: deleted and proven');
    expect(seen(message)).toContain(
      'the provider refuses the leaked key (seen at 12:00 UTC, 1.2 s after it was reported)',
    );
    expect(buttonsIn(message).map(([action]) => action)).toEqual(['details']);
    expect(message.text).toMatch(/^✅ A leaked datadog key is dead/);
  });

  test('of a key that outlives its deletion cries out', () => {
    const message = show(alive);
    expect(message.text).toMatch(/^🚨 .*STILL ALIVE/);
    expect(seen(message)).toContain('We look again at 12:05 UTC');
    expect(message.text).not.toMatch(/revoked/);
  });

  test('of a key that lives again after its death does not call it dead until it is', () => {
    const message = show(revived);
    expect(message.text).toMatch(/^🚨 .*ALIVE AGAIN after it was proven dead/);
    expect(seen(message)).not.toContain('the provider refuses');
    expect(show({ ...revived, state: 'awaiting-approval', asking }).text).toMatch(/^🚨 .*waits for your decision/);
  });

  test('of the fuse says that further keys wait too, and for whom', () => {
    const message = show({ ...waiting, asking: { ...asking, until: null, onDeadline: 'wait' } });
    expect(seen(message)).toContain('every further key until somebody resets the fuse');
  });

  test('of a restore that failed does not say that the key may be alive', () => {
    const message = show({ ...found, state: 'parked', outcome: 'failed', restoring: true });
    expect(seen(message)).toContain('could not be switched on again');
    expect(seen(message)).not.toMatch(/may be alive|could not be revoked/);
  });

  test.each(outcomes)('of what is %s says what to do', (outcome) => {
    const message = show({ ...found, state: restsIn[outcome], outcome, reason: 'because of that', proof });
    expect(seen(message)).toMatch(/\*What to do:\* \S.{5,}/);
    if (restsIn[outcome] === 'parked') expect(seen(message)).toContain('because of that');
    if (restsIn[outcome] === 'parked') expect(message.text).toContain('needs you');
    expect(seen(message)).not.toMatch(/undefined|null|NaN/);
  });

  test('of a person’s yes asks nothing any more', () => {
    const message = show({ ...found, state: 'received', approved });
    expect(seen(message)).toContain('is being worked on');
    expect(buttonsIn(message).map(([action]) => action)).toEqual(['details']);
  });

  test('tells the story in steps with their times, who decided by their name there, and its label', () => {
    const timeline = [
      entry(0, 'received'),
      entry(900, 'found', '"ingest of checkout" key-1 in account prod'),
      entry(2 * minute, 'approved', 'by <@U012ABC> in Slack: it is <@U999> <!channel>'),
      entry(3 * minute, 'told', 'github: alert closed'),
    ];
    const text = seen(show({ ...dead, timeline }));
    expect(text).toContain('12:00 UTC *received*');
    expect(text).toContain('12:02 UTC *approved*: by <@U012ABC> in Slack: it is &lt;@U999&gt; &lt;!channel&gt;');
    expect(text).toContain('*Label*\ningest of checkout');
    expect(text).not.toContain('alert closed');
  });

  test('says where it was seen, with a link where that is one', () => {
    const sighting = { source: 'github', at: at(0), delivery: 'd', reference: 'https://github.com/a/b/1?x=1&y=<2>|z' };
    const sightings = [
      { source: 'standard', at: at(0), delivery: 'e', reference: 'javascript:alert(1)' },
      { ...sighting, location: { path: 'src/<a>.py', line: 3 } },
    ];
    const text = seen(show({ ...dead, sightings, sightingCount: 12 }));
    expect(text).toContain('github · <https://github.com/a/b/1?x=1&amp;y=%3C2%3E%7Cz|src/&lt;a&gt;.py:3>');
    expect(text).toContain('standard · javascript:alert(1)');
    expect(text).toContain('and 10 more');
  });

  test('has a date where the day is another', () => {
    const text = seen(messageOf(recordOf(waiting), beginning + 24 * 60 * minute));
    expect(text).toContain('until 2026-11-20 14:05 UTC');
  });

  test.each(['&<>', '<!channel> ', '\n*bold*\n', '\u{1F511}', 'a b\u0000\u202e'])(
    'stays within the bounds of Slack, and is nobody’s markup, whatever it is made of: %j',
    (piece) => {
      const long = piece.repeat(3_000);
      const record = recordOf({
        ...{ ...waiting, reason: long, account: long, keyId: long, owner: long, provider: long, kind: long },
        asking: { ...asking, keyId: long, account: long },
        timeline: Array.from({ length: 60 }, () => entry(0, 'found', long)),
        sightings: Array.from({ length: 60 }, () => ({
          ...{ source: long, at: at(0), delivery: 'd', reference: `https://example.com/${long}` },
          location: { path: long, line: 1, url: long },
        })),
      });
      for (const message of [messageOf(record, beginning), messageOf({ ...record, ...dead, keyId: long }, beginning)]) {
        expect(message.blocks.length).toBeLessThanOrEqual(50);
        expect(message.text.length).toBeLessThanOrEqual(3_000);
        JSON.stringify(message.blocks, (_, value) => {
          if (value?.type === 'header') expect(value.text.text.length).toBeLessThanOrEqual(150);
          if (value?.type === 'mrkdwn') expect(value.text.length).toBeLessThanOrEqual(3_000);
          if (value?.type === 'button' && value.confirm)
            expect(value.confirm.text.text.length).toBeLessThanOrEqual(300);
          for (const field of value?.fields ?? []) expect(field.text.length).toBeLessThanOrEqual(2_000);
          return value;
        });
        // What is plain text is shown as it stands.
        const marked = JSON.stringify(message.blocks).match(/"mrkdwn","text":"(?:[^"\\]|\\.)*"/g) ?? [];
        expect(marked.length).toBeGreaterThan(5);
        expect(marked.join('\n')).not.toContain('<!');
        expect(marked.join('\n').replaceAll(/&(amp|lt|gt);/g, '')).not.toMatch(/&/);
        expect(message.text.replaceAll(/&(amp|lt|gt);/g, '')).not.toMatch(/[&<>]/);
      }
    },
  );

  test('that nobody needs to act on is short', () => {
    const long = { ...found, timeline: [entry(0, 'received'), entry(1, 'planned', 'DELETE …')] };
    for (const outcome of ['observed', 'not-found'] as const)
      expect(seen(show({ ...long, state: 'closed', outcome }))).not.toContain('*What happened*');
  });
});

describe('the channel', () => {
  const config = slackConfig.parse({ signingSecret: 'a signing secret', botToken: 'xoxb-1', channel: 'C012345' });
  const workspace = (given: Partial<SlackServices> = {}) => {
    const posts: { ts: string; text: string; edits: number }[] = [];
    const services: SlackServices = {
      config: async () => config,
      post: async (_, { text }) => {
        posts.push({ ts: `${posts.length + 1}.0`, text, edits: 0 });
        return `${posts.length}.0`;
      },
      update: async (_, { ts, text }) => {
        const post = posts.find((one) => one.ts === ts);
        if (post) Object.assign(post, { text, edits: post.edits + 1 });
        return post !== undefined;
      },
      deadline: beginning + minute,
      now: () => beginning,
      ...given,
    };
    const noticesOf = (record: Partial<IncidentRecord>) => slack(services).noticesOf(recordOf(record));
    const deliver = async (record: Partial<IncidentRecord>) => (await noticesOf(record)[0]?.deliver()) as Told;
    return { posts, noticesOf, deliver };
  };

  test('posts one message and changes it in place, and the timeline is not filled with that', async () => {
    const { posts, deliver } = workspace();
    expect(await deliver(waiting)).toEqual({ detail: '', keep: { slack: 'C012345/1.0' } });
    expect(await deliver({ ...dead, kept: { slack: 'C012345/1.0' } })).toEqual({ detail: '' });
    expect(posts).toMatchObject([{ edits: 1, text: expect.stringMatching(/is dead/) }]);
  });

  test('posts anew where the message is not there any more', async () => {
    const { posts, deliver } = workspace();
    expect(await deliver({ ...dead, kept: { slack: 'C099/7.0' } })).toEqual({
      detail: '',
      keep: { slack: 'C012345/1.0' },
    });
    expect(posts).toHaveLength(1);
  });

  test('has a name for every state, one turn for all of them, and nothing to tell of what is on its way', () => {
    const { noticesOf } = workspace();
    const named = (record: Partial<IncidentRecord>) => noticesOf(record).map(({ name, turn }) => [name, turn]);
    expect(named(waiting)).toEqual([['slack 1 awaiting-approval -', 'slack']]);
    expect(named({ ...waiting, state: 'parked' })).toEqual([['slack 1 parked -', 'slack']]);
    expect(named({ ...dead, fence: 3 })).toEqual([['slack 3 closed revoked', 'slack']]);
    expect(named(alive)).toEqual([[`slack alive ${beginning} ${alive.watch.at}`, 'slack']]);
    const later = { ...alive, watch: { ...alive.watch, at: alive.watch.at + minute } };
    expect(named(later)).not.toEqual(named(alive));
    expect(named({ ...found, state: 'claimed' })).toEqual([]);
    const said = { ...found, state: 'received', approved } as const;
    expect(named(said)).toEqual([]);
    expect(named({ ...said, kept: { slack: 'C012345/1.0' } })).toEqual([['slack 1 approved', 'slack']]);
    expect(named(revived)).toEqual([]);
    expect(named({ ...revived, kept: { slack: 'C012345/1.0' } })).toEqual([[`slack revived ${at(1_240)}`, 'slack']]);
  });

  test('posts anew where the channel of the message is closed to us, and another one is configured', async () => {
    const closed = async () => {
      throw new Refused('slack answered is_archived');
    };
    const { posts, deliver } = workspace({ update: closed });
    expect(await deliver({ ...dead, kept: { slack: 'C099/7.0' } })).toMatchObject({ keep: { slack: 'C012345/1.0' } });
    await expect(deliver({ ...dead, kept: { slack: 'C012345/7.0' } })).rejects.toThrow(Refused);
    expect(posts).toHaveLength(1);
  });

  test('lets what goes wrong go on to who tries again', async () => {
    const down = async () => {
      throw new Unavailable('slack answered 503');
    };
    await expect(workspace({ post: down }).deliver(dead)).rejects.toThrow(Unavailable);
    const { deliver, posts } = workspace({ update: down });
    await expect(deliver({ ...dead, kept: { slack: 'C012345/1.0' } })).rejects.toThrow(Unavailable);
    expect(posts).toEqual([]);
  });
});
