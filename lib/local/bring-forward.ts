import {
  type DynamoDBClient,
  QueryCommand,
  type QueryCommandOutput,
  UpdateItemCommand,
} from '@aws-sdk/client-dynamodb';
import { unmarshall } from '@aws-sdk/util-dynamodb';
import { names } from '../../functions/manifest.ts';
import type { IncidentRecord, State } from '../../functions/revocation/incident.ts';

/**
 * The queues of a stage that ended went with it, and their messages: what they were about, which stands in a ledger that was kept, is
 * due at once, and a run when its lease is over. `now`: epoch ms. Two minutes later it would be all the same, by which a queue that
 * lives on has brought its messages again.
 */
export async function bringForward(client: DynamoDBClient, now: number): Promise<void> {
  let from: QueryCommandOutput['LastEvaluatedKey'];
  do {
    const { Items = [], LastEvaluatedKey }: QueryCommandOutput = await client.send(
      new QueryCommand({
        TableName: names.table,
        IndexName: 'due',
        KeyConditionExpression: 'watched = :due',
        ExpressionAttributeValues: { ':due': { S: 'due' } },
        ...(from && { ExclusiveStartKey: from }),
      }),
    );
    for (const item of Items) await dueSooner(client, unmarshall(item) as Waiting, now);
    from = LastEvaluatedKey;
  } while (from !== undefined);
}

/** Whose next step was to come by a message. */
const atWork: readonly State[] = ['received', 'claimed', 'sent', 'unknown'];

type Waiting = Pick<IncidentRecord, 'id' | 'state' | 'telling' | 'lease'> & { dueAt: string };

async function dueSooner(client: DynamoDBClient, waiting: Waiting, now: number): Promise<void> {
  const { id, dueAt, state, telling, lease } = waiting;
  const isRunning = atWork.includes(state);
  if (!isRunning && !telling) return;
  const soon = new Date(isRunning ? Math.max(lease.until, now) : now).toISOString();
  if (soon >= dueAt) return;
  await client.send(
    new UpdateItemCommand({
      TableName: names.table,
      Key: { id: { S: id } },
      UpdateExpression: 'SET dueAt = :soon',
      ExpressionAttributeValues: { ':soon': { S: soon } },
    }),
  );
}
