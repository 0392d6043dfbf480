import { type DynamoDBClient, GetItemCommand, PutItemCommand } from '@aws-sdk/client-dynamodb';
import { marshall, unmarshall } from '@aws-sdk/util-dynamodb';
import type { DrillBook, DrillState } from '../revocation/drill.ts';
import { holds } from './conditional-write.ts';
import { tellingOutages } from './ledger.ts';

/** What is remembered of a provider's drills: one item for each account, in the ledger's table. It holds no key. */
export function drillBook(
  { client: given, table }: { client: DynamoDBClient; table: string },
  provider: string,
): DrillBook {
  const client = tellingOutages(given);
  const idOf = (account: string) => `drill#${provider}#${account}`;
  return {
    async read(account) {
      const Key = { id: { S: idOf(account) } };
      const { Item } = await client.send(new GetItemCommand({ TableName: table, Key, ConsistentRead: true }));
      return Item && (unmarshall(Item) as DrillState);
    },
    write: (account, state, revision) =>
      holds(
        client.send(
          new PutItemCommand({
            TableName: table,
            Item: marshall({ ...state, id: idOf(account) }),
            ConditionExpression: revision === undefined ? 'attribute_not_exists(id)' : 'revision = :revision',
            ...(revision !== undefined && { ExpressionAttributeValues: { ':revision': { N: String(revision) } } }),
          }),
        ),
      ),
  };
}
