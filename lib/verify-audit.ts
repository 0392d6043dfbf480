import { DynamoDBClient, GetItemCommand, paginateScan } from '@aws-sdk/client-dynamodb';
import { unmarshall } from '@aws-sdk/util-dynamodb';
import * as z from 'zod';
import { archiveId } from '../functions/platform/ledger-record.ts';
import { isDeath, type Outcome, restsIn, type Stage } from '../functions/revocation/incident.ts';
import { beginningOf, flawsOf, type TimelineEntry } from '../functions/revocation/timeline.ts';

/** One item of the table, or one incident as the API gives it. */
export type Item = Record<string, unknown> & { id: string };

/** Where what is verified comes from. */
export interface Evidence {
  items: AsyncIterable<Item>;
  /** One item by its id, as it stands now: a table that is in use changes while it is read. */
  find?: ((id: string) => Promise<Item | undefined>) | undefined;
  /** The items hold the older entries as well; what is missing then is a flaw. */
  isWhole: boolean;
  /** What others are about was left out. */
  isPart?: boolean;
}

/** What came of it. No line holds more of an incident than its id, and of an entry than its index and its stage. */
export interface Verdict {
  incidents: number;
  entries: number;
  flaws: string[];
  /** What is worth knowing and no flaw. */
  remarks: string[];
}

/** What cannot be read. Its message is one line that names the field and the remedy. */
export class Unreadable extends Error {
  override readonly name = 'Unreadable';

  constructor(message: string) {
    super(message.replaceAll(/[\s\p{Cc}]+/gu, ' '));
  }
}

const stages = {
  ...{ received: true, claimed: true, found: true, planned: true, asked: true, approved: true, rejected: true },
  ...{ sent: true, accepted: true, alive: true, dead: true, parked: true, told: true },
} satisfies Record<Stage, true>;
const text = z.string().refine((value) => value.isWellFormed());
const entryForm = z.looseObject({
  at: text,
  stage: z.enum(Object.keys(stages)),
  detail: text.optional(),
  previous: text,
});
const timelineForm = z.array(z.unknown());

const archived = 'timeline#';
const isIncident = ({ id }: Item) => id.startsWith('inc_');

/** What stands in the ledger and was not written by us can hold anything, its id too. */
const shown = (id: string) => (/^inc_[0-9a-z]{1,40}$/.test(id) ? id : 'inc_?');

/** Verifies every incident, merged ones too: its chain of entries from the beginning to its head, and that its end is plausible. */
export async function verify({ items, find, isWhole, isPart }: Evidence): Promise<Verdict> {
  const verdict: Verdict = { incidents: 0, entries: 0, flaws: [], remarks: [] };
  const archives = new Map<string, Item>();
  const used = new Set<string>();
  const incidents = new Set<string>();
  const targets = new Map<string, string>();
  const waiting: Item[] = [];
  for await (const item of items) {
    if (item.id.startsWith(archived)) archives.set(item.id, item);
    if (typeof item.sameAs === 'string') targets.set(item.sameAs, isIncident(item) ? shown(item.id) : 'a key');
    if (!isIncident(item)) continue;
    incidents.add(item.id);
    if (isComplete(item)) judge(item, [], verdict);
    else waiting.push(item);
  }
  for (const item of waiting) {
    const parts = await older(item, async (id) => archives.get(id) ?? (await find?.(id)));
    for (const { id } of parts) used.add(id);
    judge(item, parts, verdict, isWhole);
  }
  for (const id of archives.keys()) {
    const [, incident = ''] = id.split('#');
    if (!used.has(id)) verdict.remarks.push(`${shown(incident)}: nothing leads to one of its archived parts`);
  }
  for (const [id, from] of targets) {
    if (isWhole && !isPart && !incidents.has(id) && (await find?.(id)) === undefined)
      verdict.remarks.push(`${shown(id)}: ${from} leads to it, and it is not there`);
  }
  return verdict;
}

const entriesOf = (item: Item): unknown[] => timelineForm.safeParse(item.timeline).data ?? [];
const previousOf = (entries: unknown[]): unknown => (entries[0] as { previous?: unknown } | undefined)?.previous;
const isComplete = (item: Item) => {
  const previous = previousOf(entriesOf(item));
  return typeof previous !== 'string' || previous === beginningOf(item.id);
};

/** The archived parts of a timeline, the oldest first, as far as the way back leads. */
async function older(item: Item, find: (id: string) => Promise<Item | undefined>): Promise<Item[]> {
  const parts: Item[] = [];
  const seen = new Set<string>();
  for (let entries = entriesOf(item); ; ) {
    const previous = previousOf(entries);
    if (typeof previous !== 'string' || previous === beginningOf(item.id)) return parts;
    const id = archiveId(item.id, [{ previous }] as TimelineEntry[]);
    const part = seen.has(id) ? undefined : await find(id);
    if (part === undefined) return parts;
    seen.add(id);
    parts.unshift(part);
    entries = entriesOf(part);
  }
}

function judge(item: Item, parts: Item[], verdict: Verdict, isWhole = true): void {
  verdict.incidents += 1;
  const name = shown(item.id);
  const flaw = (problem: string) => {
    verdict.flaws.push(`${name}: ${problem}`);
  };
  const entries = [...parts, item].flatMap(entriesOf);
  verdict.entries += entries.length;
  for (const part of parts) if (part.incident !== item.id) flaw('an archived part says that it is of another incident');
  const { head } = item;
  if (typeof head !== 'string') flaw('it has no head: whether its last entries are there cannot be told');
  if (entries.length === 0) {
    flaw('it has no entries');
    return;
  }
  const timeline: TimelineEntry[] = [];
  for (const [index, entry] of entries.entries()) {
    const { success } = entryForm.safeParse(entry);
    if (!success) {
      flaw(`entry ${index}: it is none that was ever written, so nothing here was checked`);
      return;
    }
    timeline.push(entry as TimelineEntry);
  }
  const start = timeline[0]?.previous;
  const isBeginning = start === beginningOf(item.id);
  const mayBegin = isBeginning || (!isWhole && parts.length === 0);
  if (!isBeginning && mayBegin)
    verdict.remarks.push(`${name}: entries before the first one here are archived, and were not checked`);
  const given = { start: mayBegin ? start : undefined, head: typeof head === 'string' ? head : undefined };
  for (const { index, problem } of flawsOf(item.id, timeline, given)) {
    const entry = timeline[index];
    const place = entry === undefined ? 'after the last entry' : `entry ${index} (${entry.stage})`;
    flaw(`${place}: ${index === 0 ? 'what came before it is missing, or is of another incident' : problem}`);
  }
  if (isBeginning && timeline[0]?.stage !== 'received') flaw('entry 0: a story begins with `received`');
  // A pointer has no end of its own.
  if (typeof item.sameAs !== 'string') for (const problem of implausible(item, timeline, isBeginning)) flaw(problem);
}

const proofForm = z.looseObject({
  dead: z.literal(true),
  method: z.enum(['leaked-key-refused', 'key-absent', 'key-disabled']),
  checks: z.array(z.looseObject({ at: z.string(), result: z.string() })),
});
/** Of more checks than this an incident keeps the newest. */
const checksKept = 100;

/** What an incident says of its end and its story does not bear out: those fields are not in the chain. */
function* implausible(item: Item, timeline: TimelineEntry[], isFromBeginning: boolean): Generator<string> {
  const { state, outcome } = item;
  const isKnown = typeof outcome === 'string' && Object.hasOwn(restsIn, outcome);
  if (state === 'closed' ? !isKnown : outcome != null && !isKnown) return yield 'its outcome is none that there is';
  if (!isKnown) return;
  const known = outcome as Outcome;
  if (state !== restsIn[known]) yield 'its state is not the one that its outcome rests in';
  if (!isDeath(known)) return;
  const last = timeline.findLastIndex(({ stage }) => ['received', 'claimed', 'alive', 'dead'].includes(stage));
  const death = timeline[last];
  if (death?.stage !== 'dead') yield `it is closed as a death, and no entry since it was last taken up says \`dead\``;
  const proof = proofForm.safeParse(item.proof);
  if (!proof.success) return yield 'it is closed as a death, and its proof does not show one';
  const { checks } = proof.data;
  const isShown = checks.some(({ at, result }) => result === 'dead' && at === death?.at);
  if (death?.stage === 'dead' && !isShown && checks.length < checksKept)
    yield `entry ${last} (dead): its proof has no check of that time that saw the key dead`;
  const first = timeline[0];
  if (death?.stage !== 'dead' || first === undefined || !isFromBeginning || item.timeToDeadMs == null) return;
  if (item.timeToDeadMs !== Date.parse(death.at) - Date.parse(first.at))
    yield 'its `timeToDeadMs` is not the time from its first entry to its death';
}

/** With the credentials, region and endpoint that the AWS environment variables and profiles say. */
export const dynamoDbOfEnvironment = () => new DynamoDBClient({ maxAttempts: 3 });

/** Every item of a table. `told` hears how many there were, page by page. @throws Unreadable */
export function tableEvidence(client: DynamoDBClient, table: string, told: (items: number) => void): Evidence {
  return {
    isWhole: true,
    find: (id) => itemOf(client, table, id),
    items: readable(table, async function* () {
      let items = 0;
      for await (const { Items = [] } of paginateScan({ client }, { TableName: table, ConsistentRead: true })) {
        yield* Items.map((item) => unmarshall(item) as Item);
        items += Items.length;
        told(items);
      }
    }),
  };
}

/** One incident of a table, and what was merged into nothing else: its own item and that of the one it belongs to. @throws Unreadable */
export function incidentEvidence(client: DynamoDBClient, table: string, incident: string): Evidence {
  return {
    isWhole: true,
    find: (id) => itemOf(client, table, id),
    items: readable(table, async function* () {
      const seen = new Set<string>();
      for (let id = incident; !seen.has(id); ) {
        seen.add(id);
        const item = await itemOf(client, table, id);
        if (item === undefined && id === incident)
          throw new Unreadable(`--incident: there is no ${incident} in table ${table}; it may have expired`);
        if (item !== undefined) yield item;
        if (typeof item?.sameAs === 'string') id = item.sameAs;
      }
    }),
  };
}

async function itemOf(client: DynamoDBClient, table: string, id: string): Promise<Item | undefined> {
  const key = { TableName: table, Key: { id: { S: id } }, ConsistentRead: true };
  try {
    const { Item } = await client.send(new GetItemCommand(key));
    return Item && (unmarshall(Item) as Item);
  } catch (error) {
    throw unreadable(table, error);
  }
}

async function* readable(table: string, read: () => AsyncIterable<Item>): AsyncIterable<Item> {
  try {
    yield* read();
  } catch (error) {
    throw unreadable(table, error);
  }
}

/** What the table said of a request is told by its name alone. */
function unreadable(table: string, error: unknown): Unreadable {
  if (error instanceof Unreadable) return error;
  const name = error instanceof Error ? error.name : 'unknown error';
  return new Unreadable(
    name === 'ResourceNotFoundException'
      ? `--table: there is no table ${table} here; see the name, AWS_REGION and AWS_ENDPOINT_URL_DYNAMODB`
      : `--table: ${table} cannot be read (${name}); see the credentials, their right to dynamodb:Scan and GetItem, and AWS_REGION`,
  );
}

const typed = z.looseObject({ id: z.looseObject({ S: z.string() }) });
const incidentForm = z.looseObject({ id: z.string().startsWith('inc_'), timeline: z.array(z.unknown()) });
const documentForm = z.union([
  z.looseObject({ Item: typed }).transform(({ Item }) => ({ kind: 'item' as const, Item })),
  z
    .looseObject({ incidents: z.array(incidentForm), cursor: z.string().nullish() })
    .transform(({ incidents }) => ({ kind: 'incidents' as const, incidents })),
  incidentForm.transform((incident) => ({ kind: 'incidents' as const, incidents: [incident] })),
]);

/**
 * An export: the lines of DynamoDB's own, or what the API answered, one document a line or a single one. Of a DynamoDB
 * export every file is needed. @throws Unreadable
 */
export async function exportEvidence(name: string, chunks: AsyncIterable<Uint8Array>): Promise<Evidence> {
  const documents = documentsOf(name, chunks)[Symbol.asyncIterator]();
  const first = await documents.next();
  if (first.done) throw new Unreadable(`${name}: holds nothing; give an export of the table, or an answer of the API`);
  const all = async function* (): AsyncIterable<Item> {
    for (let next: IteratorResult<unknown> = first; !next.done; next = await documents.next()) {
      const { success, data } = documentForm.safeParse(next.value);
      if (!success) throw new Unreadable(`${name}: holds ${neither}`);
      if (data.kind === 'incidents') yield* data.incidents;
      else yield readItem(name, data.Item);
    }
  };
  return { items: all(), isWhole: z.looseObject({ Item: typed }).safeParse(first.value).success };
}

const neither =
  'something that is neither an incident of the API nor a line of an export of the table; give one of the two';

function readItem(name: string, item: z.infer<typeof typed>): Item {
  try {
    return unmarshall(item as unknown as Parameters<typeof unmarshall>[0]) as Item;
  } catch {
    throw new Unreadable(`${name}: Item: is not in the JSON of DynamoDB; give the export as it was made`);
  }
}

/** The JSON documents of a text: one a line, or a single one over many lines. */
async function* documentsOf(name: string, chunks: AsyncIterable<Uint8Array>): AsyncIterable<unknown> {
  let lines = 0;
  let whole: string | undefined;
  for await (const line of linesOf(chunks)) {
    if (whole !== undefined) {
      whole += `\n${line}`;
      continue;
    }
    if (line.trim() === '') continue;
    const json = parsed(line);
    lines += 1;
    if (json !== undefined) yield json.value;
    else if (lines === 1) whole = line;
    else throw new Unreadable(`${name}: document ${lines} is not JSON; give the file as it was exported`);
  }
  if (whole === undefined) return;
  const json = parsed(whole);
  if (json === undefined) throw new Unreadable(`${name}: is not JSON; unpack it first if it is packed`);
  yield json.value;
}

async function* linesOf(chunks: AsyncIterable<Uint8Array>): AsyncIterable<string> {
  const decoder = new TextDecoder();
  let rest = '';
  for await (const chunk of chunks) {
    const lines = (rest + decoder.decode(chunk, { stream: true })).split('\n');
    rest = lines.pop() ?? '';
    yield* lines;
  }
  yield rest + decoder.decode();
}

function parsed(line: string): { value: unknown } | undefined {
  try {
    return { value: JSON.parse(line) };
  } catch {
    return undefined;
  }
}

/** Only what concerns one incident. @throws Unreadable when it is not among them */
export function only(evidence: Evidence, incident: string): Evidence {
  const items = async function* (): AsyncIterable<Item> {
    let isThere = false;
    for await (const item of evidence.items) {
      if (item.id === incident) isThere = true;
      if (item.id === incident || item.id.startsWith(`${archived}${incident}#`)) yield item;
    }
    if (!isThere) throw new Unreadable(`--incident: ${incident} is not among what was given; see the id`);
  };
  return { ...evidence, isPart: true, items: items() };
}
