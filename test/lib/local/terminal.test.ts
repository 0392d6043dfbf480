import { stripVTControlCharacters } from 'node:util';
import { describe, expect, test } from 'vitest';
import { readConfiguration } from '../../../lib/configuration.ts';
import { followLive } from '../../../lib/local/live.ts';
import { createLiveView } from '../../../lib/local/live-view.ts';
import {
  cut,
  duration,
  endLine,
  entryLine,
  type Incident,
  neutral,
  type Terminal,
  terminalOf,
} from '../../../lib/local/terminal.ts';
import { welcome } from '../../../lib/local/welcome.ts';

const plain: Terminal = { columns: 100, colour: false, rewrites: false };
const began = Date.parse('2026-11-21T12:00:00.000Z');
const at = (ms: number) => new Date(began + ms).toISOString();

const id = 'inc_6tay95wy555zh6z32zpqnrq77m';
const timeline = [
  { at: at(0), stage: 'received' as const, previous: '' },
  { at: at(40), stage: 'claimed' as const, previous: '' },
  { at: at(1240), stage: 'dead' as const, detail: 'the provider refuses the leaked key', previous: '' },
];
function incident(differs: Partial<Incident> = {}): Incident {
  const sightings = [{ source: 'standard', at: at(0), reference: null, location: {} }];
  const proof = {
    dead: true,
    method: 'leaked-key-refused' as const,
    checks: [{ at: at(1240), result: 'dead' as const }],
  };
  return {
    ...{ id, provider: 'datadog', account: 'prod', kind: 'api-key', keyId: null, action: 'delete', reason: null },
    ...{ state: 'closed', outcome: 'revoked', sightings, sightingCount: 1, timeline, head: '', proof },
    ...{ timeToDeadMs: 1240, attempts: 1, ...differs },
  } as Incident;
}
const inWork = () =>
  incident({ state: 'claimed', outcome: null, proof: null, timeToDeadMs: null, timeline: timeline.slice(0, 2) });

const logLine = (message: string, fields: object = {}) =>
  JSON.stringify({ level: 'INFO', message, service: 'revoke-key', incident: id, provider: 'datadog', ...fields });

describe('what a terminal can show', () => {
  test('is lines of 80 where nobody says how wide it is', () => {
    expect(terminalOf({ isTTY: true }, {}).columns).toBe(80);
    expect(terminalOf({ isTTY: true, columns: 0 }, {}).columns).toBe(80);
    expect(terminalOf({ isTTY: true, columns: 132 }, {}).columns).toBe(132);
  });

  test.each([
    ['colours and a line written anew in a terminal', true, {}, true, true],
    ['no colours with NO_COLOR', true, { NO_COLOR: '1' }, false, true],
    ['colours with an empty NO_COLOR', true, { NO_COLOR: '' }, true, true],
    ['neither in a dumb terminal', true, { TERM: 'dumb' }, false, false],
    ['neither where there is no terminal', false, {}, false, false],
  ])('is %s', (_, isTTY, variables, colour, rewrites) => {
    expect(terminalOf({ isTTY, columns: 90 }, variables)).toEqual({ columns: 90, colour, rewrites });
  });
});

describe('text of others', () => {
  test.each([
    ['a sequence that clears the screen', '\u001b[2Jgone', '[2Jgone'],
    ['a sequence that sets the title', '\u001b]0;owned\u0007x', ']0;owned x'],
    ['a C1 control character', 'a\u009b31mb', 'a 31mb'],
    ['a carriage return and a line end', 'safe\r\nforged', 'safe forged'],
    ['a mark that turns text around', 'key\u202egpj.exe', 'key gpj.exe'],
    ['a line separator', 'a\u2028b', 'a b'],
    ['half a character', 'a\ud800b', 'a b'],
  ])('loses %s', (_, text, expected) => expect(neutral(text)).toBe(expected));

  test('is cut where it is very long', () => {
    expect(neutral('x'.repeat(10_000))).toHaveLength(300);
    expect(neutral('x'.repeat(10_000), 20)).toBe(`${'x'.repeat(17)}...`);
  });

  test('takes two columns for a wide character', () => {
    expect(cut('漢字漢字', 5)).toBe('漢字');
    expect(cut('abc', 2)).toBe('ab');
  });

  test.each([
    [0, '0.00 s'],
    [1240, '1.24 s'],
    [-5, '0.00 s'],
    [150_000, '2 min'],
    [7_300_000, '2 h'],
    [Number.NaN, '?'],
  ])('says %d ms as %s', (ms, expected) => expect(duration(ms)).toBe(expected));
});

describe('a line', () => {
  test('of a stage has the time since the first report, the stage, and the sentence with it', () => {
    const [received, , dead] = timeline;
    expect(entryLine(plain, incident(), received as never)).toBe(
      `datadog        6tay95    0.00 s  received  ${id}, reported by standard`,
    );
    expect(entryLine(plain, incident(), dead as never)).toBe(
      'datadog        6tay95    1.24 s  dead      the provider refuses the leaked key',
    );
  });

  test('of a stage has its sentence below where the terminal is narrow, and nothing is lost', () => {
    const line = entryLine({ ...plain, columns: 40 }, incident(), timeline[2] as never);
    expect(line.split('\n')).toEqual([
      expect.stringMatching(/^datadog +6tay95 +1\.24 s {2}dead +$/),
      '  the provider refuses the leaked key',
    ]);
  });

  test('of the end says what became of the key, how fast, how that is known and how often it was reported', () => {
    expect(endLine({ ...plain, columns: 200 }, incident({ sightingCount: 3 }))).toBe(
      'datadog        6tay95 revoked dead after 1.24 s, proven: the provider refuses the leaked key (1 check); 3 reports',
    );
  });

  test('of the end says what a person is needed for', () => {
    const waiting = incident({
      state: 'awaiting-approval',
      outcome: null,
      proof: null,
      reason: 'policy asks a person',
    });
    expect(endLine(plain, waiting)).toContain('awaiting-approval policy asks a person; 1 report');
  });

  test('holds no control character, whatever an incident holds', () => {
    const evil = '\u001b[2J\u0007\r\n';
    const hostile = incident({
      ...{ provider: `x${evil}`, reason: evil, outcome: null, state: 'parked', proof: null },
      sightings: [{ source: `s${evil}`, at: evil, reference: null, location: {} }],
      timeline: [{ at: evil, stage: `dead${evil}` as 'dead', detail: `d${evil}`, previous: '' }],
    });
    const lines = [entryLine(plain, hostile, hostile.timeline[0] as never), endLine(plain, hostile)];
    for (const line of lines) expect(line).not.toMatch(/[\p{Cc}]/u);
  });

  test('has colours where there are some, and the same words', () => {
    const colourful = endLine({ ...plain, colour: true }, incident());
    expect(colourful).toContain('\u001b[32m');
    expect(stripVTControlCharacters(colourful)).toBe(endLine(plain, incident()));
  });
});

describe('the live view', () => {
  test('looks at an incident that moves, shows each stage once, and its end', () => {
    const view = createLiveView(plain);
    expect(view.hear(logLine('stage claimed'), began)).toEqual({ lines: [], look: id });
    expect(view.see(inWork(), began)).toHaveLength(2);
    expect(view.see(inWork(), began)).toEqual([]);
    expect(view.hear(logLine('outcome revoked'), began).look).toBe(id);
    expect(view.see(incident(), began)).toEqual([
      expect.stringMatching(/dead +the provider refuses/),
      expect.stringMatching(/revoked dead after 1\.24 s/),
    ]);
    expect(view.see(incident(), began)).toEqual([]);
  });

  test('says of a dead key that it is reported again, and dead already', () => {
    const view = createLiveView(plain);
    view.hear(logLine('stage claimed'), began);
    view.see(incident(), began);
    expect(view.see(incident({ sightingCount: 2 }), began)).toEqual([
      'datadog        6tay95 reported again, report 2; it is revoked already',
    ]);
  });

  test('has a progress line while something is in work, and none when nothing is', () => {
    const view = createLiveView({ ...plain, columns: 30 });
    expect(view.progress(began)).toBeUndefined();
    view.hear(logLine('stage claimed'), began);
    expect(view.progress(began + 4200)).toMatch(/^[|/\\-] 1 in work, 4\.20 s$/);
    view.see(incident(), began);
    expect(view.progress(began + 5000)).toBeUndefined();
    view.hear(logLine('stage claimed', { incident: 'inc_other1' }), began);
    expect(view.progress(began)).toHaveLength(29);
  });

  test('shows metrics nowhere, and remarks of a provider beside their incident', () => {
    const view = createLiveView(plain);
    expect(view.hear('{"_aws":{},"stage.claimed":1,"provider":"datadog"}', began)).toEqual({ lines: [] });
    view.hear(logLine('stage claimed'), began);
    expect(view.hear(logLine('note', { detail: 'datadog answered 429; trying again' }), began).lines).toEqual([
      expect.stringMatching(/^datadog +6tay95 +datadog answered 429; trying again$/),
    ]);
  });

  test('shows what went wrong with its reason, and counts what is too much of it', () => {
    const view = createLiveView(plain);
    const wrong = JSON.stringify({
      level: 'ERROR',
      message: 'failed\u001b[2J',
      service: 'revoke-key',
      reason: 'datadog answered 503',
    });
    expect(view.hear(wrong, began).lines).toEqual(['! revoke-key: failed [2J - datadog answered 503']);
    const more = Array.from({ length: 99 }, () => view.hear(wrong, began).lines).flat();
    expect(more.length).toBeLessThan(10);
    expect(view.pass(began + 6_000)).toEqual([
      `! ${99 - more.length} more lines like these; npm start -- --logs shows all`,
    ]);
  });

  test('repeats nothing of a line that is no log line', () => {
    const view = createLiveView(plain);
    for (const line of ['Error: hush', '"hush"', '["hush"]', 'null', '{"hush'])
      expect(view.hear(line, began).lines.join()).not.toContain('hush');
  });

  test('tells the sum of a burst of a thousand leaks, follows a few of them, and forgets them', () => {
    const view = createLiveView(plain);
    const ids = Array.from({ length: 1000 }, (_, index) => `inc_${index}`);
    const looked: string[] = [];
    const shown: string[] = [];
    for (const [index, one] of ids.entries()) {
      const { look, lines } = view.hear(logLine('stage claimed', { incident: one }), began + index);
      if (look !== undefined) looked.push(look);
      shown.push(...lines);
    }
    expect(looked.length).toBeLessThan(20);
    expect(view.progress(began + 1000)).toMatch(/^. 1000 in work/);
    for (const one of ids) {
      shown.push(...view.hear(logLine('outcome revoked', { incident: one }), began + 2000).lines);
      view.hear(logLine('stage told', { incident: one }), began + 2000);
      view.hear(logLine('leaks queued', { incident: one }), began + 2000);
    }
    for (const one of looked) shown.push(...view.see(incident({ id: one, timeline: [] }), began + 2000));
    shown.push(...view.pass(began + 2001));
    expect(shown.length).toBeLessThan(20);
    expect(shown.at(-1)).toBe(`${1000 - looked.length} more incidents: ${1000 - looked.length} revoked`);
    expect(view.progress(began + 3000)).toBeUndefined();
    expect(view.pass(began + 60_000)).toEqual([]);
  });

  test('says how far a long burst is while it goes on', () => {
    const view = createLiveView(plain);
    const ids = Array.from({ length: 100 }, (_, index) => `inc_${index}`);
    for (const one of ids) view.hear(logLine('stage claimed', { incident: one }), began);
    for (const one of ids.slice(50, 70)) view.hear(logLine('outcome not-found', { incident: one }), began + 100);
    expect(view.pass(began + 200)).toEqual([]);
    expect(view.pass(began + 16_000)).toEqual(['20 more incidents: 20 not-found; 72 in work']);
  });
});

describe('what the live view keeps', () => {
  test('is bounded where nothing of a flood ever ends', () => {
    const view = createLiveView(plain);
    for (let index = 0; index < 21_000; index += 1)
      view.hear(logLine('stage claimed', { incident: `inc_${index}` }), began);
    const [, inWork] = /^. (\d+) in work/.exec(view.progress(began) ?? '') ?? [];
    expect(Number(inWork)).toBeGreaterThanOrEqual(20_000);
    expect(Number(inWork)).toBeLessThan(20_100);
  });

  test('is the last incidents: one that is long over begins anew when it is told of again', () => {
    const view = createLiveView(plain);
    const follow = (one: string, ms: number) => {
      expect(view.hear(logLine('stage claimed', { incident: one }), began + ms).look).toBe(one);
      return view.see(incident({ id: one }), began + ms).length;
    };
    const whole = follow('inc_0', 0);
    expect(follow('inc_0', 1)).toBe(0);
    for (let index = 1; index <= 200; index += 1) follow(`inc_${index}`, index * 10_000);
    expect(follow('inc_0', 3_000_000)).toBe(whole);
  });
});

describe('a stage that is watched', () => {
  const watched = (terminal: Terminal, incidents: Incident[]) => {
    let seen = '';
    let reads = 0;
    const live = followLive({
      terminal,
      now: () => began,
      write: (text) => {
        seen += text;
      },
      read: async () => incidents[Math.min(reads++, incidents.length - 1)],
    });
    return { live, seen: () => seen };
  };

  test('takes log lines in any pieces', async () => {
    const { live, seen } = watched(plain, [incident()]);
    const bytes = `${logLine('stage claimed')}\n${logLine('outcome revoked')}\n`;
    for (const piece of [bytes.slice(0, 30), bytes.slice(30, 200), bytes.slice(200)]) live.logs.write(piece);
    await expect.poll(seen, { timeout: 45_000 }).toMatch(/revoked dead after/);
    expect(seen().match(/claimed/g)).toHaveLength(1);
    live.close();
  });

  test('drops a line that never ends, and goes on with the next', async () => {
    const { live, seen } = watched(plain, [incident()]);
    const endless = logLine('note', { level: 'ERROR', detail: 'x'.repeat(100_000) });
    for (let begin = 0; begin < endless.length; begin += 70_000) live.logs.write(endless.slice(begin, begin + 70_000));
    live.logs.write(`\n${logLine('outcome revoked')}\n`);
    await expect.poll(seen, { timeout: 45_000 }).toMatch(/revoked dead after/);
    expect(seen()).not.toContain('xxx');
    live.close();
  });

  test('writes its progress anew in the same line, and wipes it at the end', async () => {
    const { live, seen } = watched({ ...plain, rewrites: true }, [inWork()]);
    live.logs.write(`${logLine('stage claimed')}\n`);
    await expect.poll(seen, { timeout: 45_000 }).toMatch(/in work.*\r\p{Cc}\[K/su);
    live.close();
    expect(seen().endsWith('\r\u001b[K')).toBe(true);
  });

  test('writes no escape sequence to a dumb terminal', async () => {
    const { live, seen } = watched(plain, [inWork(), incident()]);
    live.logs.write(`${logLine('stage claimed')}\n`);
    await expect.poll(seen, { timeout: 45_000 }).toMatch(/claimed/);
    live.logs.write(`${logLine('outcome revoked')}\n`);
    await expect.poll(seen, { timeout: 45_000 }).toMatch(/revoked/);
    expect(seen().replaceAll('\n', '')).not.toMatch(/\p{Cc}/u);
    live.close();
  });
});

describe('the welcome', () => {
  const url = 'http://127.0.0.1:8787';
  const worlds = { datadog: { leaks: [{ provider: 'datadog', secret: "it's" }] } };
  const introduced = ({
    accepts = true,
    action = 'delete' as const,
    vendors = 'simulated' as 'simulated' | 'live',
  } = {}) => ({
    ...{
      url,
      vendors,
      simulated: Object.fromEntries(vendors === 'live' ? [] : [['datadog', { accepts: () => accepts }]]),
    },
    configuration: readConfiguration({ providers: { datadog: { accounts: ['prod'], action } } }),
  });

  test('has a line to paste for a key that lives, safe in quotes', () => {
    const lines = welcome(plain, introduced(), worlds, true);
    expect(lines).toContain(
      `curl -s ${url}/revocations -H 'prefer: wait=20' -d '{"provider":"datadog","secret":"it'\\''s"}'`,
    );
    expect(lines.join('\n')).toContain('npm run leak -- datadog  ');
  });

  test('names the address where it is not the usual one', () => {
    const elsewhere = { ...introduced(), url: 'http://127.0.0.1:9' };
    expect(welcome(plain, elsewhere, worlds).join('\n')).toContain('npm run leak -- datadog --url http://127.0.0.1:9 ');
  });

  test('has no line for a POSIX shell where there is none', () => {
    const lines = welcome(plain, introduced(), worlds, false).join('\n');
    expect(lines).not.toContain('curl');
    expect(lines).toContain('npm run leak');
  });

  test('says so where there is no sample key', () => {
    const lines = welcome(plain, introduced({ accepts: false }), worlds).join('\n');
    expect(lines).toContain('no sample keys');
    expect(lines).not.toContain("it's");
  });

  test('says that live providers lose real keys, and that a dry run touches none', () => {
    const lines = welcome(plain, introduced({ vendors: 'live' }), worlds).join('\n');
    expect(lines).toContain('it ends real keys.');
    expect(lines).not.toContain('npm run leak');
    const dry = introduced({ vendors: 'live', action: 'observe' as never });
    expect(welcome(plain, dry, worlds).join('\n')).toContain('no key is touched');
  });
});
