import { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { EventBridgeClient } from '@aws-sdk/client-eventbridge';
import { SecretsManagerClient } from '@aws-sdk/client-secrets-manager';
import { SNSClient } from '@aws-sdk/client-sns';
import { SQSClient } from '@aws-sdk/client-sqs';
import { defaultProvider } from './credentials.ts';

/**
 * Waiting for a socket counts as connecting. Deployed, a function asks for one request at a time, over TLS; at the local stage one
 * function has a whole burst in hand, over plain HTTP.
 */
const httpAgent = { maxSockets: 500 };

/** Bounded waits (ms) and tries for every call to AWS; endpoints and credentials come from the environment alone. */
const bounded = {
  credentials: defaultProvider(),
  maxAttempts: 3,
  requestHandler: { httpAgent, connectionTimeout: 1_500, requestTimeout: 4_000, throwOnRequestTimeout: true },
};

/** For who must answer within ten seconds, as GitHub waits: a service that is slow has most of them, and is given up before (ms). */
export const inTime = 7_500;

/** A client whose every try may last as long (ms). */
export const within = (requestTimeout: number): Partial<typeof bounded> => ({
  requestHandler: { ...bounded.requestHandler, requestTimeout },
});

/** For who must answer within three seconds, as Slack waits: what is silent is given up before that. */
export const atOnce: Partial<typeof bounded> = {
  maxAttempts: 2,
  requestHandler: { httpAgent, connectionTimeout: 800, requestTimeout: 1_100, throwOnRequestTimeout: true },
};

export const dynamoDb = (tighter: Partial<typeof bounded> = {}) => new DynamoDBClient({ ...bounded, ...tighter });
export const secretsManager = (tighter: Partial<typeof bounded> = {}) =>
  new SecretsManagerClient({ ...bounded, ...tighter });
/** What has an ARN is reached in the region that the ARN names. */
const at = (arn: string) => (arn.startsWith('arn:') ? { region: arn.split(':')[3] } : {});
export const eventBridge = (bus: string) => new EventBridgeClient({ ...bounded, ...at(bus) });
export const sns = (topic: string) => new SNSClient({ ...bounded, ...at(topic) });
/** The endpoint of the environment counts, not the host that a queue's URL happens to name. */
export const sqs = (tighter: Partial<typeof bounded> = {}) =>
  new SQSClient({ ...bounded, ...tighter, useQueueUrlAsEndpoint: false });
