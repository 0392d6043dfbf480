import { type DynamoDBClient, QueryCommand, type QueryCommandOutput } from '@aws-sdk/client-dynamodb';
import { marshall, unmarshall } from '@aws-sdk/util-dynamodb';
import * as z from 'zod';
import type { Asking, IncidentRecord, Lease } from '../revocation/incident.ts';
import type { Due, Query } from '../revocation/ledger.ts';
import type { Watch } from '../revocation/watch.ts';

/** The table's indexes. Both ways to deploy make them from this. `holds`: attributes beside the keys; absent, all. */
export const indexes: Readonly<Record<string, { partition: string; sort: string; holds?: readonly string[] }>> = {
  newest: { partition: 'listing', sort: 'newest' },
  'by-state': { partition: 'byState', sort: 'newest' },
  'by-outcome': { partition: 'byOutcome', sort: 'newest' },
  'by-provider': { partition: 'byProvider', sort: 'newest' },
  /** Only incidents that somebody must look at by a certain time. */
  due: {
    partition: 'watched',
    sort: 'dueAt',
    holds: ['provider', 'kind', 'state', 'telling', 'watch', 'lease', 'asking'],
  },
};

/** Queries a listing makes before it hands out a cursor instead of a full page. */
const queriesAtMost = 10;

const cursorForm = z.strictObject({ id: z.string(), newest: z.string() });

/** A cursor that this query could not have given. */
export class BadCursor extends Error {
  override readonly name = 'BadCursor';
}

/** Incidents newest first, filtered. @throws BadCursor */
export async function listIncidents(
  { client, table }: { client: Pick<DynamoDBClient, 'send'>; table: string },
  { state, outcome, provider, since, limit, cursor }: Query,
): Promise<{ records: IncidentRecord[]; cursor: string | undefined }> {
  const wanted = { byState: state, byOutcome: outcome, byProvider: provider };
  const [index, partition, value] =
    outcome !== undefined
      ? (['by-outcome', 'byOutcome', outcome] as const)
      : state !== undefined
        ? (['by-state', 'byState', state] as const)
        : provider !== undefined
          ? (['by-provider', 'byProvider', provider] as const)
          : (['newest', 'listing', 'incident'] as const);
  const filters = Object.entries(wanted).filter(([name, given]) => given !== undefined && name !== partition);
  let from = cursor === undefined ? undefined : openCursor(cursor);
  const records: IncidentRecord[] = [];
  for (let queries = 0; queries < queriesAtMost && records.length < limit; queries += 1) {
    const { Items = [], LastEvaluatedKey } = await goOn(
      client,
      new QueryCommand({
        TableName: table,
        IndexName: index,
        ScanIndexForward: false,
        Limit: filters.length > 0 ? 100 : limit - records.length,
        KeyConditionExpression: since === undefined ? '#p = :p' : '#p = :p AND newest >= :since',
        ...(filters.length > 0 && { FilterExpression: filters.map(([name]) => `${name} = :${name}`).join(' AND ') }),
        ExpressionAttributeNames: { '#p': partition },
        ExpressionAttributeValues: marshall({
          ':p': value,
          ...(since !== undefined && { ':since': since }),
          ...Object.fromEntries(filters.map(([name, given]) => [`:${name}`, given])),
        }),
        ...(from && { ExclusiveStartKey: marshall({ ...from, [partition]: value }) }),
      }),
    );
    for (const item of Items) {
      const record = unmarshall(item) as IncidentRecord & { newest: string };
      if (records.length === limit) return { records, cursor: from && writeCursor(from) };
      records.push(record);
      from = { id: record.id, newest: record.newest };
    }
    if (LastEvaluatedKey === undefined) return { records, cursor: undefined };
    if (records.length < limit) from = openKey(unmarshall(LastEvaluatedKey));
  }
  return { records, cursor: from && writeCursor(from) };
}

const openKey = ({ id, newest }: Record<string, unknown>) => cursorForm.parse({ id, newest });

const writeCursor = (key: z.infer<typeof cursorForm>) => Buffer.from(JSON.stringify(key)).toString('base64url');

function openCursor(cursor: string): z.infer<typeof cursorForm> {
  try {
    return cursorForm.parse(JSON.parse(Buffer.from(cursor, 'base64url').toString('utf8')));
  } catch {
    throw new BadCursor('the cursor is not one of ours');
  }
}

/** A cursor that another question gave may lie outside this one: DynamoDB then refuses the key it stands for. */
async function goOn(client: Pick<DynamoDBClient, 'send'>, query: QueryCommand): Promise<QueryCommandOutput> {
  try {
    return await client.send(query);
  } catch (error) {
    const refused = query.input.ExclusiveStartKey && error instanceof Error && error.name === 'ValidationException';
    throw refused ? new BadCursor('the cursor is not one of this question') : error;
  }
}

/** What is due by `now` (ISO 8601), the most overdue first. */
export async function listDue(
  { client, table }: { client: Pick<DynamoDBClient, 'send'>; table: string },
  { now, limit }: { now: string; limit: number },
): Promise<Due[]> {
  const due: Due[] = [];
  let from: QueryCommandOutput['LastEvaluatedKey'];
  do {
    const { Items = [], LastEvaluatedKey }: QueryCommandOutput = await client.send(
      new QueryCommand({
        TableName: table,
        IndexName: 'due',
        Limit: limit - due.length,
        KeyConditionExpression: 'watched = :due AND dueAt <= :now',
        ExpressionAttributeValues: marshall({ ':due': 'due', ':now': now }),
        ...(from && { ExclusiveStartKey: from }),
      }),
    );
    due.push(...Items.map((item) => readDue(unmarshall(item))));
    from = LastEvaluatedKey;
  } while (from !== undefined && due.length < limit);
  return due;
}

const readDue = ({
  id,
  dueAt,
  provider,
  kind,
  state,
  telling,
  watch,
  lease,
  asking,
}: Record<string, unknown>): Due => ({
  incident: String(id),
  at: String(dueAt),
  provider: typeof provider === 'string' ? provider : null,
  kind: typeof kind === 'string' ? kind : null,
  state: state as Due['state'],
  telling: telling === true,
  lookAt: (watch as Watch | null)?.at ?? (asking as Asking | null)?.until ?? null,
  isLeased: lease != null && (lease as Lease).until > 0,
});
