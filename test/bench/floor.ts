import { randomUUID } from 'node:crypto';
import { type AttributeValue, DynamoDBClient, PutItemCommand, UpdateItemCommand } from '@aws-sdk/client-dynamodb';
import { SendMessageBatchCommand, SQSClient } from '@aws-sdk/client-sqs';
import type { Places } from './world.ts';

/**
 * What it takes at least to end one leaked key, as one would write it by hand: the calls that the lane makes, one after the other, and
 * nothing else. No lease, no fence, no doubt, no policy, no log; a call that fails ends it. What it writes is as large as what we write:
 * `pattern` is an incident that we have closed, as it stands in the table.
 */
export function floorOf({ endpoints, table, noticesQueue, accounts }: Places, pattern: Record<string, AttributeValue>) {
  const common = { region: 'us-east-1', credentials: { accessKeyId: 'bench', secretAccessKey: 'bench' } };
  const dynamoDb = new DynamoDBClient({ ...common, endpoint: endpoints.AWS_ENDPOINT_URL_DYNAMODB });
  const sqs = new SQSClient({ ...common, endpoint: endpoints.AWS_ENDPOINT_URL_SQS, useQueueUrlAsEndpoint: false });
  const [admin] = Object.values(accounts.datadog ?? {}) as { site: string; apiKey: string; appKey: string }[];
  const asAdmin = { 'dd-api-key': admin?.apiKey ?? '', 'dd-application-key': admin?.appKey ?? '' };
  const origin = `https://api.${admin?.site}`;

  async function ask(path: string, headers: Record<string, string>, method = 'GET') {
    const response = await fetch(origin + path, { method, headers });
    const text = await response.text();
    return { status: response.status, json: text === '' ? undefined : JSON.parse(text) };
  }
  const { timeline, outcome, proof, watch, keyId: key, timeToDeadMs, ...kept } = pattern;
  const story = (entries: number) => ({ L: (timeline?.L ?? []).slice(0, entries) });
  const write = (id: string, given: Record<string, AttributeValue>) => {
    const names = Object.keys(given);
    return dynamoDb.send(
      new UpdateItemCommand({
        TableName: table,
        Key: { id: { S: id } },
        UpdateExpression: `SET ${names.map((name) => `#${name} = :${name}`).join(', ')}`,
        ConditionExpression: 'attribute_exists(id)',
        ExpressionAttributeNames: Object.fromEntries(names.map((name) => [`#${name}`, name])),
        ExpressionAttributeValues: Object.fromEntries(names.map((name) => [`:${name}`, given[name] ?? { NULL: true }])),
      }),
    );
  };

  return async (body: string): Promise<void> => {
    const { leak } = JSON.parse(body) as { leak: { secret: string } };
    const id = `inc_${randomUUID()}`;
    const due = { watched: { S: 'due' }, dueAt: { S: new Date().toISOString() } };
    const at = (state: string) => ({ state: { S: state }, byState: { S: state } });
    const claim = { ...kept, id: { S: id }, ...at('claimed'), ...due, timeline: story(2) };
    await dynamoDb.send(
      new PutItemCommand({ TableName: table, Item: claim, ConditionExpression: 'attribute_not_exists(id)' }),
    );
    const leaked = { 'dd-api-key': leak.secret };
    const { json } = await ask('/api/v2/validate', leaked);
    const keyId: string = json.data.attributes.api_key_id;
    const found = await ask(`/api/v2/api_keys/${keyId}`, asAdmin);
    if (found.json.data.attributes.key !== leak.secret) throw new Error('another key');
    const name = { id: { S: `key#${keyId}` }, sameAs: { S: id } };
    await dynamoDb.send(
      new PutItemCommand({ TableName: table, Item: name, ConditionExpression: 'attribute_not_exists(id)' }),
    );
    await write(id, { ...at('sent'), ...due, keyId: { S: keyId }, timeline: story(4) });
    const deleted = await ask(`/api/v2/api_keys/${keyId}`, asAdmin, 'DELETE');
    if (deleted.status !== 204) throw new Error('not deleted');
    const { status } = await ask('/api/v1/validate', leaked);
    if (status !== 403) throw new Error('not dead');
    const ended = { outcome, proof, watch, keyId: key, timeToDeadMs } as Record<string, AttributeValue>;
    await write(id, { ...ended, ...at('closed'), byOutcome: { S: 'revoked' }, ...due, timeline: story(10) });
    const entry = { Id: '0', MessageBody: JSON.stringify({ incident: id }) };
    await sqs.send(new SendMessageBatchCommand({ QueueUrl: noticesQueue, Entries: [entry] }));
  };
}
