import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type AttributeValue, DeleteItemCommand, PutItemCommand, ScanCommand } from '@aws-sdk/client-dynamodb';
import { marshall, unmarshall } from '@aws-sdk/util-dynamodb';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { type IncidentRecord, view } from '../../functions/revocation/incident.ts';
import type { Ledger } from '../../functions/revocation/ledger.ts';
import { extended, headOf, type TimelineEntry } from '../../functions/revocation/timeline.ts';
import {
  exportEvidence,
  type Item,
  incidentEvidence,
  only,
  tableEvidence,
  Unreadable,
  verify,
} from '../../lib/verify-audit.ts';
import { testClock, testLedger } from '../support/lane.ts';
import { beginning, incidentNamed, reportOf } from '../support/reports.ts';
import { leaked, testStage } from '../support/stage.ts';

let clock: ReturnType<typeof testClock>;
let table: Awaited<ReturnType<typeof testLedger>>;
let ledger: Ledger;
beforeEach(async () => {
  clock = testClock(beginning);
  table = await testLedger(clock);
  ledger = table.ledger;
});
afterEach(() => table.close());

const [a, b] = [incidentNamed('a'), incidentNamed('b')];

async function claimed(incident: string): Promise<IncidentRecord> {
  const claim = await ledger.claim(reportOf({ incident, message: incident, delivery: incident }), clock.now() + 60_000);
  expect(claim.is).toBe('claimed');
  return claim.record;
}

/** An incident whose key was revoked and proven dead, as the engine writes it. */
async function death(incident: string): Promise<IncidentRecord> {
  const record = await claimed(incident);
  clock.advance(1500);
  const at = new Date(clock.now()).toISOString();
  const stages = ['found', 'sent', 'accepted', 'dead'] as const;
  return ledger.save(record, {
    state: 'closed',
    outcome: 'revoked',
    proof: { dead: true, method: 'leaked-key-refused', checks: [{ at, result: 'dead' }] },
    timeToDeadMs: 1500,
    lease: { ...record.lease, until: 0 },
    timeline: stages.map((stage) => ({ at, stage, detail: `detail of ${stage}` })),
  });
}

/** A story too long for its item: its older entries have moved to parts of their own. */
async function longStory(incident: string): Promise<IncidentRecord> {
  let record = await claimed(incident);
  for (let round = 0; round < 6; round += 1) {
    const timeline = Array.from({ length: 30 }, () => ({
      at: new Date(clock.now()).toISOString(),
      stage: 'found' as const,
      detail: 'x'.repeat(2000),
    }));
    record = await ledger.save(record, { timeline });
  }
  return record;
}

async function items(): Promise<Item[]> {
  const { Items = [] } = await table.dynamoDb.send(new ScanCommand({ TableName: table.table }));
  return Items.map((item) => unmarshall(item) as Item);
}
const archives = async () => (await items()).filter(({ id }) => id.startsWith('timeline#'));

const store = (item: object) =>
  table.dynamoDb.send(
    new PutItemCommand({ TableName: table.table, Item: marshall(item, { removeUndefinedValues: true }) }),
  );
const remove = (id: string) =>
  table.dynamoDb.send(new DeleteItemCommand({ TableName: table.table, Key: { id: { S: id } } }));

/** Changes an item behind the ledger's back. */
async function tamper(id: string, change: (item: Item & { timeline: TimelineEntry[] }) => object): Promise<void> {
  const item = (await items()).find((one) => one.id === id);
  if (item === undefined) throw new Error(`${id} is not in the ledger`);
  await store({ ...item, ...change(item as Item & { timeline: TimelineEntry[] }) });
}

const verified = () => verify(tableEvidence(table.dynamoDb, table.table, () => undefined));
const flaws = async () => (await verified()).flaws;

describe('a table as it was written', () => {
  test('has no flaw, and every incident and entry is counted', async () => {
    await death(a);
    await claimed(b);
    expect(await verified()).toEqual({ incidents: 2, entries: 8, flaws: [], remarks: [] });
  });

  test('has none where a story is too long for its item: its parts are read together', async () => {
    await longStory(a);
    expect((await archives()).length).toBeGreaterThan(1);
    expect(await verified()).toEqual({ incidents: 1, entries: 182, flaws: [], remarks: [] });
  });

  test('has none where one incident was merged into another, and both stories count', async () => {
    await death(a);
    await ledger.merge(await claimed(b), a);
    expect(await verified()).toEqual({ incidents: 2, entries: 8, flaws: [], remarks: [] });
  });

  test('has none when it goes on while it is read: what was moved meanwhile is found where it is now', async () => {
    await longStory(a);
    const evidence = tableEvidence(table.dynamoDb, table.table, () => undefined);
    const late = {
      ...evidence,
      items: (async function* () {
        for await (const item of evidence.items) if (!item.id.startsWith('timeline#')) yield item;
      })(),
    };
    expect((await verify(late)).flaws).toEqual([]);
  });

  test('is read page by page, and how far is told', async () => {
    for (const word of ['a', 'b', 'c', 'd', 'e', 'f', 'g', 'h', 'j', 'k', 'm', 'n'])
      await longStory(incidentNamed(word));
    const told: number[] = [];
    const { incidents } = await verify(tableEvidence(table.dynamoDb, table.table, (count) => told.push(count)));
    expect(incidents).toBe(12);
    expect(told.length).toBeGreaterThan(1);
    expect(told).toEqual(told.toSorted((left, right) => left - right));
  });

  test('has a remark, and no flaw, where a run that lost its lease left a part behind', async () => {
    await death(a);
    const timeline = extended(a, [], [{ at: 'then', stage: 'received' }]);
    await store({ id: `timeline#${a}#${headOf(a, timeline)}`, incident: a, timeline });
    expect(await verified()).toMatchObject({
      flaws: [],
      remarks: [`${a}: nothing leads to one of its archived parts`],
    });
  });

  test('has a remark where a key or a merged incident leads to one that is not there', async () => {
    const record = await death(a);
    await ledger.nameKey(record, { provider: 'datadog', account: 'prod', kind: 'api-key', keyId: 'k-1' });
    await remove(a);
    expect((await verified()).remarks).toEqual([`${a}: a key leads to it, and it is not there`]);
  });
});

describe('what shows', () => {
  const broken = 'it does not follow from the entry before it: that one was edited, or one is missing';
  const cut = 'after the last entry: the end is not as it was written: the last entry was edited or removed';

  test('an entry that was edited, by the entry after it', async () => {
    await death(a);
    await tamper(a, ({ timeline }) => ({ timeline: timeline.with(3, { ...timeline[3], detail: 'nothing' } as never) }));
    expect(await flaws()).toEqual([`${a}: entry 4 (accepted): ${broken}`]);
  });

  test('an entry that was taken out', async () => {
    await death(a);
    await tamper(a, ({ timeline }) => ({ timeline: timeline.toSpliced(3, 1) }));
    expect(await flaws()).toEqual([`${a}: entry 3 (accepted): ${broken}`]);
  });

  test('an entry that was put in', async () => {
    await death(a);
    await tamper(a, ({ timeline }) => ({ timeline: timeline.toSpliced(3, 0, timeline[2] as TimelineEntry) }));
    expect(await flaws()).toContain(`${a}: entry 3 (found): ${broken}`);
  });

  test('a last entry that was edited or taken off', async () => {
    await death(a);
    await tamper(a, ({ timeline }) => ({ timeline: timeline.slice(0, -1) }));
    expect(await flaws()).toContain(`${a}: ${cut}`);
  });

  test('a first entry that was taken off', async () => {
    await death(a);
    await tamper(a, ({ timeline }) => ({ timeline: timeline.slice(1) }));
    expect(await flaws()).toContain(
      `${a}: entry 0 (claimed): what came before it is missing, or is of another incident`,
    );
  });

  test('stories that were exchanged between two incidents', async () => {
    const [of, other] = [await death(a), await death(b)];
    await tamper(a, () => ({ timeline: other.timeline, head: other.head }));
    await tamper(b, () => ({ timeline: of.timeline, head: of.head }));
    expect(await flaws()).toEqual(
      expect.arrayContaining([
        `${a}: entry 0 (received): what came before it is missing, or is of another incident`,
        `${b}: entry 0 (received): what came before it is missing, or is of another incident`,
      ]),
    );
  });

  test('a story that was taken away whole, or its head', async () => {
    await death(a);
    await claimed(b);
    await tamper(a, () => ({ timeline: [] }));
    await tamper(b, () => ({ head: undefined }));
    expect((await flaws()).toSorted()).toEqual([
      `${a}: it has no entries`,
      `${b}: it has no head: whether its last entries are there cannot be told`,
    ]);
  });

  test('an archived part that is missing, edited, or said to be of another incident', async () => {
    await longStory(a);
    const [part, ...others] = (await archives()) as (Item & { timeline: TimelineEntry[] })[];
    if (part === undefined) throw new Error('nothing was archived');
    expect(others.length).toBeGreaterThan(0);
    await remove(part.id);
    expect(await flaws()).toEqual([expect.stringMatching(/entry 0 \(found\): what came before it is missing/)]);
    await store({ ...part, timeline: part.timeline.with(-1, { ...part.timeline.at(-1), detail: 'y' } as never) });
    expect(await flaws()).toEqual([expect.stringMatching(new RegExp(`entry \\d+ \\(found\\): ${broken}`))]);
    await store({ ...part, incident: b });
    expect(await flaws()).toEqual([`${a}: an archived part says that it is of another incident`]);
  });

  test('the same in the story of an incident that was merged into another', async () => {
    await death(a);
    await ledger.merge(await claimed(b), a);
    await tamper(b, ({ timeline }) => ({ timeline: timeline.slice(0, 1) }));
    expect(await flaws()).toEqual([`${b}: ${cut}`]);
  });

  test('an entry that is none', async () => {
    await death(a);
    await tamper(a, ({ timeline }) => ({ timeline: timeline.with(2, { stage: 'sold' } as never) }));
    expect(await flaws()).toEqual([`${a}: entry 2: it is none that was ever written, so nothing here was checked`]);
  });

  test.each<[string, (record: IncidentRecord) => object, string]>([
    ['without a proof', () => ({ proof: null }), 'it is closed as a death, and its proof does not show one'],
    [
      'whose proof says that it lives',
      ({ proof }) => ({ proof: { ...proof, dead: false } }),
      'it is closed as a death, and its proof does not show one',
    ],
    [
      'whose proof was put in later',
      ({ proof }) => ({ proof: { ...proof, checks: [{ at: '2026-12-01T00:00:00.000Z', result: 'dead' }] } }),
      'entry 5 (dead): its proof has no check of that time that saw the key dead',
    ],
    [
      'in another time',
      () => ({ timeToDeadMs: 3 }),
      'its `timeToDeadMs` is not the time from its first entry to its death',
    ],
    ['that is still open', () => ({ state: 'claimed' }), 'its state is not the one that its outcome rests in'],
    ['by another name', () => ({ outcome: 'deleted' }), 'its outcome is none that there is'],
  ])('a death %s', async (_, change, problem) => {
    await death(a);
    await tamper(a, (item) => change(item as never));
    expect(await flaws()).toEqual([`${a}: ${problem}`]);
  });

  test('a death that its story does not tell of, for all that the chain holds', async () => {
    const record = await claimed(a);
    const proof = { dead: true, method: 'key-absent', checks: [{ at: 'then', result: 'dead' }] } as const;
    await ledger.save(record, {
      state: 'closed',
      outcome: 'already-gone',
      proof: { ...proof, checks: [...proof.checks] },
      lease: { ...record.lease, until: 0 },
    });
    expect(await flaws()).toEqual([
      `${a}: it is closed as a death, and no entry since it was last taken up says \`dead\``,
    ]);
  });

  test('nothing of what an entry or a strange id holds', async () => {
    await death(a);
    await tamper(a, ({ timeline }) => ({
      timeline: timeline.with(3, { ...timeline[3], detail: 'ca9a7e', stage: 'ca9a7e' } as never),
    }));
    await store({ id: 'inc_\u001b[31mca9a7e', timeline: ['ca9a7e'], head: 'ca9a7e', state: 'ca9a7e' });
    const { flaws, remarks } = await verified();
    expect(flaws).toHaveLength(2);
    expect(JSON.stringify([flaws, remarks])).not.toContain('ca9a7e');
  });
});

describe('one incident', () => {
  test('is read with its parts and with the one that it was merged into', async () => {
    await longStory(a);
    await ledger.merge(await claimed(b), a);
    const one = (id: string) => verify(incidentEvidence(table.dynamoDb, table.table, id));
    expect(await one(a)).toEqual({ incidents: 1, entries: 182, flaws: [], remarks: [] });
    expect(await one(b)).toEqual({ incidents: 2, entries: 184, flaws: [], remarks: [] });
  });

  test('that is not there is told as such', async () => {
    const missing = verify(incidentEvidence(table.dynamoDb, table.table, a));
    await expect(missing).rejects.toThrow(
      new Unreadable(`--incident: there is no ${a} in table ${table.table}; it may have expired`),
    );
  });
});

/** A file in pieces of a few bytes. */
async function* inPieces(text: string): AsyncIterable<Uint8Array> {
  const bytes = Buffer.from(text);
  for (let at = 0; at < bytes.length; at += 1013) yield bytes.subarray(at, at + 1013);
}
const ofExport = async (text: string) => verify(await exportEvidence('export.json', inPieces(text)));

describe('an export of the table', () => {
  const line = (item: Record<string, AttributeValue>) =>
    JSON.stringify({ Item: item }, (_, value) =>
      value instanceof Uint8Array || value?.type === 'Buffer'
        ? Buffer.from(value.data ?? value).toString('base64')
        : value,
    );
  async function exported() {
    const { Items = [] } = await table.dynamoDb.send(new ScanCommand({ TableName: table.table }));
    return Items.map(line);
  }

  test('is read line by line, in any order', async () => {
    await longStory(a);
    await ledger.keepSealed(a, new Uint8Array([1, 2, 3]));
    const lines = await exported();
    for (const order of [lines, lines.toReversed()])
      expect(await ofExport(`${order.join('\n')}\n`)).toEqual({ incidents: 1, entries: 182, flaws: [], remarks: [] });
  });

  test('keeps apart what other programs take for the end of a line', async () => {
    const record = await claimed(a);
    await ledger.save(record, {
      timeline: [{ at: 'then', stage: 'found', detail: 'one\u2028two\u0085three\rfour é 🔑' }],
    });
    expect(await ofExport((await exported()).join('\r\n'))).toMatchObject({ entries: 3, flaws: [] });
  });

  test('lacks a part: that is a flaw', async () => {
    await longStory(a);
    const lines = (await exported()).filter((text) => !text.includes('timeline#'));
    expect((await ofExport(lines.join('\n'))).flaws).toHaveLength(1);
  });

  test('can be asked about one incident alone', async () => {
    await longStory(a);
    await ledger.merge(await claimed(b), a);
    await death(incidentNamed('c'));
    const text = (await exported()).join('\n');
    const of = async (id: string) => verify(only(await exportEvidence('export.json', inPieces(text)), id));
    expect(await of(a)).toEqual({ incidents: 1, entries: 182, flaws: [], remarks: [] });
    expect(await of(b)).toEqual({ incidents: 1, entries: 2, flaws: [], remarks: [] });
    await expect(of(incidentNamed('d'))).rejects.toThrow(/^--incident: inc_d0+ is not among what was given/);
  });
});

describe('what the API answered', () => {
  test('is checked, a listing or one incident, on one line or on many', async () => {
    const [one, other] = [view(await death(a)), view(await claimed(b))];
    const listing = { incidents: [one, other], cursor: null };
    for (const indent of [0, 2]) {
      expect(await ofExport(JSON.stringify(one, null, indent))).toMatchObject({ incidents: 1, entries: 6, flaws: [] });
      expect(await ofExport(JSON.stringify(listing, null, indent))).toMatchObject({ incidents: 2, flaws: [] });
    }
    const pages = [listing, listing].map((page) => JSON.stringify(page)).join('\n');
    expect(await ofExport(pages)).toMatchObject({ incidents: 4, flaws: [] });
  });

  test('lacks what was archived: that is said, and the rest is checked', async () => {
    const incident = view(await longStory(a));
    const { flaws, remarks } = await ofExport(JSON.stringify(incident));
    expect(flaws).toEqual([]);
    expect(remarks).toEqual([`${a}: entries before the first one here are archived, and were not checked`]);
    const edited = { ...incident, timeline: incident.timeline.slice(0, -1) };
    expect((await ofExport(JSON.stringify(edited))).flaws).toHaveLength(1);
  });

  test.each([
    ['', 'export.json: holds nothing; give an export of the table, or an answer of the API'],
    ['{"type":"about:blank","status":404}', /^export\.json: holds something that is neither/],
    ['[1]', /^export\.json: holds something that is neither/],
    ['{\n"a": ', 'export.json: is not JSON; unpack it first if it is packed'],
    ['{"Item":{"id":{"S":"fuse#1"}}}\n{"Item', 'export.json: document 2 is not JSON; give the file as it was exported'],
    ['{"Item":{"id":{"S":"inc_a"},"timeline":{"Q":1}}}', /^export\.json: Item: is not in the JSON of DynamoDB/],
  ])('that is something else is refused in one line: %j', async (text, message) => {
    await expect(ofExport(text)).rejects.toThrow(message);
    await expect(ofExport(text)).rejects.toBeInstanceOf(Unreadable);
  });
});

describe('the command', () => {
  let folder: string;
  let stage: Awaited<ReturnType<typeof testStage>>;
  let answered: string;
  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'verify-audit-'));
    stage = await testStage();
    const { json } = await stage.alert({ provider: 'datadog', secret: leaked });
    expect(await stage.resting(json.incidents[0].id)).toMatchObject({ outcome: 'revoked' });
    answered = (await stage.call('GET', '/incidents')).text;
  });
  afterAll(async () => {
    await stage.close();
    rmSync(folder, { recursive: true });
  });

  const run = (args: string[], input = '', variables: Record<string, string> = {}) =>
    new Promise<{ code: unknown; out: string; err: string }>((resolve) => {
      const aws = { AWS_REGION: 'us-east-1', AWS_ACCESS_KEY_ID: 'test', AWS_SECRET_ACCESS_KEY: 'test' };
      const env = { PATH: process.env.PATH, ...aws, ...variables };
      const command = join(import.meta.dirname, '../../bin/verify-audit.ts');
      const child = execFile(process.execPath, [command, ...args], { env }, (error, out, err) =>
        resolve({ code: error?.code ?? 0, out, err }),
      );
      child.stdin?.end(input);
    });
  const file = (text: string) => {
    const path = join(folder, 'incidents.json');
    writeFileSync(path, text);
    return path;
  };

  test('finds no flaw in what a stage wrote, in its table or in its answer, and exits 0', async () => {
    const endpoint = String((await stage.cloud.dynamoDb.config.endpoint?.())?.port);
    const variables = { AWS_ENDPOINT_URL_DYNAMODB: `http://127.0.0.1:${endpoint}` };
    const [ofTable, ofFile, ofInput] = await Promise.all([
      run(['--table', 'leakstop-incidents'], '', variables),
      run([file(answered)]),
      run(['-'], answered),
    ]);
    expect(ofTable).toMatchObject({ code: 0, out: expect.stringMatching(/^1 incidents, \d+ entries, 0 flaws\n$/) });
    expect(ofTable.err).toMatch(/^\d+ items read\n$/);
    expect(ofFile).toEqual({ code: 0, out: ofTable.out, err: '' });
    expect(ofInput).toEqual(ofFile);
  });

  test('has the log to stand against a story that was written anew: it holds a head that the story went through', async () => {
    const [incident] = JSON.parse(answered).incidents as ReturnType<typeof view>[];
    const lines = stage
      .logged()
      .split('\n')
      .filter((line) => line.includes('outcome revoked') && line.includes('"head"'));
    const heads = [incident?.head, ...(incident?.timeline ?? []).map(({ previous }) => previous)];
    expect(lines).toHaveLength(1);
    expect(JSON.parse(String(lines[0]))).toMatchObject({ incident: incident?.id });
    expect(heads).toContain(JSON.parse(String(lines[0])).head);
  });

  test('names each flaw on a line of its own, and exits 1', async () => {
    const { code, out, err } = await run(['-'], answered.replace('"stage":"sent"', '"stage":"asked"'));
    expect({ code, err }).toEqual({ code: 1, err: '' });
    expect(out).toMatch(/^inc_\w+: entry \d+ \(accepted\): .+\n1 incidents, \d+ entries, 1 flaws\n$/);
  });

  test('exits 2 with one line that names what is wrong', async () => {
    const nowhere = { AWS_ENDPOINT_URL_DYNAMODB: String(stage.url) };
    const wrong: [string[], RegExp, Record<string, string>?][] = [
      [[], /^give either --table NAME or one FILE; /],
      [['--table', 'x', 'y'], /^give either --table NAME or one FILE; /],
      [['--tabel', 'x'], /^Unknown option '--tabel'; see /],
      [['--table', ''], /^--table: must name a table$/],
      [['-', '--incident', 'x'], /^--incident: must be the id of an incident/],
      [[join(folder, 'none')], /none: cannot be read \(ENOENT\); /],
      [['--table', 'x'], /^--table: x cannot be read \(\w+\); /, nowhere],
    ];
    for (const { code, out, err, line } of await Promise.all(
      wrong.map(async ([args, line, variables]) => ({ ...(await run(args, '', variables)), line })),
    )) {
      expect({ code, out }).toEqual({ code: 2, out: '' });
      expect(err.trimEnd()).toMatch(line);
      expect(err.trimEnd()).not.toContain('\n');
    }
  });
});
