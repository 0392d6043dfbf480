import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { functions } from '../../functions/manifest.ts';
import { slackConfig } from '../../functions/revocation/slack.ts';

const text = (file: string) => readFileSync(new URL(`../../${file}`, import.meta.url), 'utf8');
const page = text('docs/slack.md');
const [manifest = '', hearing = ''] = [...page.matchAll(/```yaml\n([\s\S]*?)```/g)].map(([, yaml = '']) => yaml);
/** The entries of the list under a key. */
const listIn = (yaml: string, key: string) =>
  (new RegExp(`^ *${key}:\\n((?: *- \\S.*\\n)+)`, 'm').exec(yaml)?.[1] ?? '')
    .split('\n')
    .flatMap((line) => /- (\S+)/.exec(line)?.[1] ?? []);

describe('the page about Slack', () => {
  test('asks for no more than telling, commands and the shortcut need', () => {
    expect(listIn(manifest, 'bot')).toEqual(['chat:write', 'commands']);
    expect(manifest).not.toContain('event_subscriptions');
  });

  test('asks for reading messages only where they are to be heard, and for nothing of anybody', () => {
    expect(listIn(hearing, 'bot')).toEqual([
      ...listIn(manifest, 'bot'),
      ...['app_mentions:read', 'channels:history', 'groups:history'],
    ]);
    expect(listIn(hearing, 'bot_events')).toEqual(['app_mention', 'message.channels', 'message.groups']);
  });

  test('has Slack send everything to the one address that there is', () => {
    const [route] = functions['receive-slack'].routes;
    const path = route.route.replace('POST ', '');
    const addresses = `${manifest}${hearing}`.match(/https:\S+/g) ?? [];
    expect(addresses).toHaveLength(3);
    for (const address of addresses) expect(new URL(address).pathname).toBe(path);
  });

  test('has a manifest that Slack takes: nothing in it is longer than it may be', () => {
    const lengthOf = (entry: RegExp) => entry.exec(manifest)?.[1]?.length;
    expect(lengthOf(/- name: (.*)\n *type: message/)).toBeLessThanOrEqual(24);
    expect(lengthOf(/display_information:\n *name: (.*)/)).toBeLessThanOrEqual(35);
    expect(lengthOf(/display_information:\n.*\n *description: (.*)/)).toBeLessThan(140);
  });

  test('names the command and the shortcut as the code hears them', () => {
    const callback = /callback_id: (\S+)/.exec(manifest)?.[1];
    expect(text('functions/slack/buttons.ts')).toContain(`'${callback}'`);
    const command = /command: (\S+)/.exec(manifest)?.[1];
    expect(text('functions/slack/commands.ts')).toContain(`\`${command} status\``);
  });

  test('shows a secret in the form that is taken', () => {
    const shown = /\{ "signingSecret".*\}/.exec(page)?.[0] ?? '';
    const filled = shown.replace('xoxb-…', 'xoxb-1-2').replace('…', '0123456789abcdef');
    expect(slackConfig.safeParse(JSON.parse(filled)).success).toBe(true);
  });
});
