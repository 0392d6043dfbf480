import { setTimeout as sleep } from 'node:timers/promises';
import { CreateTableCommand, DescribeTableCommand, DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { CreateSecretCommand, SecretsManagerClient } from '@aws-sdk/client-secrets-manager';
import { CreateQueueCommand, GetQueueAttributesCommand, GetQueueUrlCommand, SQSClient } from '@aws-sdk/client-sqs';
import { names, queues } from '../../functions/manifest.ts';
import { indexes } from '../../functions/platform/ledger-listing.ts';
import type { Places } from '../configuration.ts';

/** The account that everything on this machine is said to be in. */
const localAccount = '000000000000';

/** How the stage itself, as a deployment, reaches the AWS services. */
export interface Cloud {
  dynamoDb: DynamoDBClient;
  sqs: SQSClient;
  secretsManager: SecretsManagerClient;
}

/** Clients for the endpoints and credentials in `variables`. */
export function cloudOf(variables: Record<string, string>): Cloud {
  const common = {
    region: variables.AWS_REGION ?? 'us-east-1',
    credentials: {
      accessKeyId: variables.AWS_ACCESS_KEY_ID ?? '',
      secretAccessKey: variables.AWS_SECRET_ACCESS_KEY ?? '',
      ...(variables.AWS_SESSION_TOKEN && { sessionToken: variables.AWS_SESSION_TOKEN }),
    },
  };
  return {
    dynamoDb: new DynamoDBClient({ ...common, endpoint: String(variables.AWS_ENDPOINT_URL_DYNAMODB) }),
    sqs: new SQSClient({ ...common, endpoint: String(variables.AWS_ENDPOINT_URL_SQS), useQueueUrlAsEndpoint: false }),
    secretsManager: new SecretsManagerClient({
      ...common,
      endpoint: String(variables.AWS_ENDPOINT_URL_SECRETS_MANAGER),
    }),
  };
}

/** Creates the table, queues and secrets that are missing; what is there stays as it is. */
export async function createResources(
  cloud: Cloud,
  {
    providers,
    isTold,
    secrets,
    visibilitySeconds,
  }: { providers: string[]; isTold: boolean; secrets: Record<string, unknown>; visibilitySeconds: number },
): Promise<Places> {
  const queue = (name: string) => createQueue(cloud.sqs, name, visibilitySeconds);
  const [, , unroutedQueue, noticesQueue, ...urls] = await Promise.all([
    createTable(cloud.dynamoDb),
    Promise.all(Object.entries(secrets).map(([name, value]) => createSecret(cloud.secretsManager, name, value))),
    queue(names.unrouted),
    isTold ? queue(names.notices) : undefined,
    ...providers.map((id) => queue(names.lane(id))),
  ]);
  const lanes = Object.fromEntries(providers.map((id, index) => [id, String(urls[index])]));
  return { table: names.table, lanes, unroutedQueue, noticesQueue, account: localAccount };
}

/** Creates the ledger's table and waits until it can be used. */
export async function createTable(client: DynamoDBClient, name: string = names.table): Promise<void> {
  const text = (AttributeName: string) => ({ AttributeName, AttributeType: 'S' as const });
  const key = (AttributeName: string, KeyType: 'HASH' | 'RANGE') => ({ AttributeName, KeyType });
  const command = new CreateTableCommand({
    TableName: name,
    BillingMode: 'PAY_PER_REQUEST',
    AttributeDefinitions: [
      ...new Set(['id', ...Object.values(indexes).flatMap(({ partition, sort }) => [partition, sort])]),
    ].map(text),
    KeySchema: [key('id', 'HASH')],
    GlobalSecondaryIndexes: Object.entries(indexes).map(([IndexName, { partition, sort, holds }]) => ({
      IndexName,
      KeySchema: [key(partition, 'HASH'), key(sort, 'RANGE')],
      Projection:
        holds === undefined ? { ProjectionType: 'ALL' } : { ProjectionType: 'INCLUDE', NonKeyAttributes: [...holds] },
    })),
  });
  await unless('ResourceInUseException', client.send(command));
  for (let look = 0; look < 600; look += 1) {
    const { Table } = await client.send(new DescribeTableCommand({ TableName: name }));
    if (Table?.TableStatus === 'ACTIVE') return;
    await sleep(look < 10 ? 5 : 100);
  }
  throw new Error(`table ${name} does not become active`);
}

async function createSecret(client: SecretsManagerClient, Name: string, value: unknown): Promise<void> {
  const SecretString = typeof value === 'string' ? value : JSON.stringify(value);
  await unless('ResourceExistsException', client.send(new CreateSecretCommand({ Name, SecretString })));
}

async function createQueue(client: SQSClient, name: string, visibilitySeconds: number): Promise<string> {
  const retention = { MessageRetentionPeriod: String(queues.retentionSeconds) };
  const deadUrl = await queueUrl(client, names.deadLetters(name), retention);
  const { Attributes } = await client.send(
    new GetQueueAttributesCommand({ QueueUrl: deadUrl, AttributeNames: ['QueueArn'] }),
  );
  const redrive = { deadLetterTargetArn: Attributes?.QueueArn, maxReceiveCount: queues.receivesAtMost };
  return queueUrl(client, name, {
    ...retention,
    VisibilityTimeout: String(visibilitySeconds),
    RedrivePolicy: JSON.stringify(redrive),
  });
}

async function queueUrl(client: SQSClient, QueueName: string, Attributes: Record<string, string>): Promise<string> {
  try {
    return String((await client.send(new GetQueueUrlCommand({ QueueName }))).QueueUrl);
  } catch {
    return String((await client.send(new CreateQueueCommand({ QueueName, Attributes }))).QueueUrl);
  }
}

async function unless(expected: string, call: Promise<unknown>): Promise<void> {
  await call.catch((error) => {
    if (!(error instanceof Error && error.name === expected)) throw error;
  });
}
