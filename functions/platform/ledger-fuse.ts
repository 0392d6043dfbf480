import { type DynamoDBClient, GetItemCommand, PutItemCommand, UpdateItemCommand } from '@aws-sdk/client-dynamodb';
import { marshall, unmarshall } from '@aws-sdk/util-dynamodb';
import { Unavailable } from '../revocation/errors.ts';
import { holds } from './conditional-write.ts';

/** One item for the one fuse: the window that is counted, who was counted in it, since when it has blown, and by whom. */
const Key = { id: { S: 'fuse' } };
const contested = 60;

interface Place {
  client: Pick<DynamoDBClient, 'send'>;
  table: string;
}

/**
 * Counts an incident in the window that `now` (epoch ms) lies in, once however often it is asked. Past `limit` the fuse blows: for
 * everybody and for good, until it is reset. One incident is told that it `blows`, also when it asks again: whoever asked for it
 * may have died before anybody heard of it.
 * @throws Unavailable when others count all the time
 */
export async function countAgainstFuse(
  { client, table, now }: Place & { now(): number },
  incident: string,
  { limit, windowMinutes }: { limit: number; windowMinutes: number },
): Promise<'within' | 'blows' | 'blown'> {
  let window = windowAt(now(), windowMinutes);
  for (let round = 0; round < contested; round += 1) {
    const counted = new UpdateItemCommand({
      TableName: table,
      Key,
      UpdateExpression: 'ADD incidents :one',
      ConditionExpression:
        'attribute_not_exists(blown) AND #window = :window AND (contains(incidents, :id) OR size(incidents) < :limit)',
      ExpressionAttributeNames: { '#window': 'window' },
      ExpressionAttributeValues: {
        ':one': { SS: [incident] },
        ...marshall({ ':id': incident, ':limit': limit, ':window': window }),
      },
    });
    if (await holds(client.send(counted))) return 'within';
    const fuse = await read({ client, table });
    if (fuse?.blown !== undefined) {
      if (fuse.incidents?.has(incident) === true) return 'within';
      return fuse.blownBy === incident ? 'blows' : 'blown';
    }
    if (fuse?.window !== window) {
      // Another clock may be ahead, or the window have turned while we asked: what was counted is never forgotten for that.
      if (fuse?.window !== undefined && beginOf(fuse.window) >= beginOf(window)) {
        window = fuse.window;
        continue;
      }
      await holds(client.send(opening({ table, window, was: fuse?.window, incident })));
      continue;
    }
    const blowing = new UpdateItemCommand({
      TableName: table,
      Key,
      UpdateExpression: 'SET blown = :at, blownBy = :id',
      ConditionExpression: 'attribute_not_exists(blown) AND #window = :window AND size(incidents) >= :limit',
      ExpressionAttributeNames: { '#window': 'window' },
      ExpressionAttributeValues: marshall({
        ':at': new Date(now()).toISOString(),
        ':id': incident,
        ':window': window,
        ':limit': limit,
      }),
    });
    if (await holds(client.send(blowing))) return 'blows';
  }
  throw new Unavailable('the fuse is contested');
}

const windowAt = (now: number, minutes: number) => `${minutes}#${Math.floor(now / (minutes * 60_000))}`;

/** Epoch minutes. */
function beginOf(window: string): number {
  const [minutes = 0, index = 0] = window.split('#').map(Number);
  return minutes * index;
}

/** Begins a window with the first that is counted in it. */
const opening = ({
  table,
  window,
  was,
  incident,
}: {
  table: string;
  window: string;
  was: string | undefined;
  incident: string;
}) =>
  new PutItemCommand({
    TableName: table,
    Item: { ...Key, window: { S: window }, incidents: { SS: [incident] } },
    ConditionExpression:
      was === undefined ? 'attribute_not_exists(#window)' : '#window = :was AND attribute_not_exists(blown)',
    ExpressionAttributeNames: { '#window': 'window' },
    ...(was !== undefined && { ExpressionAttributeValues: marshall({ ':was': was }) }),
  });

export const fuseBlown = async (place: Place): Promise<string | undefined> => (await read(place))?.blown;

export async function resetFuse({ client, table }: Place): Promise<boolean> {
  const whole = new UpdateItemCommand({
    TableName: table,
    Key,
    UpdateExpression: 'REMOVE blown, blownBy, incidents, #window',
    ConditionExpression: 'attribute_exists(blown)',
    ExpressionAttributeNames: { '#window': 'window' },
  });
  return holds(client.send(whole));
}

async function read({ client, table }: Place) {
  const { Item } = await client.send(new GetItemCommand({ TableName: table, Key, ConsistentRead: true }));
  return Item && (unmarshall(Item) as { window?: string; incidents?: Set<string>; blown?: string; blownBy?: string });
}
