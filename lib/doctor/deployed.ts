import { DescribeTableCommand, DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { GetSecretValueCommand, SecretsManagerClient } from '@aws-sdk/client-secrets-manager';
import { GetQueueUrlCommand, SQSClient } from '@aws-sdk/client-sqs';
import { names } from '../../functions/manifest.ts';
import { type Configuration, isToldOf } from '../configuration.ts';
import type { Check, Trouble } from './check.ts';

/** Where secrets are read. */
export interface Safe {
  /** What a person reads of where that is. */
  place: string;
  /** The text of a secret; undefined, there is none of that name. */
  read(name: string): Promise<string | undefined | Trouble>;
  /** How a person gives a secret its value. */
  toFill(name: string): string;
  /** How a person has a secret that is not there made first; absent, filling it makes it. */
  toMake?: string;
}

/** What is deployed in the account and region that the environment names. */
export interface Deployed extends Safe {
  /** Whether the table and the queues are there that a configuration needs; secrets are looked at one by one. */
  checks(configuration: Configuration): AsyncGenerator<Check>;
}

const bounded = {
  maxAttempts: 3,
  requestHandler: { connectionTimeout: 3_000, requestTimeout: 8_000, throwOnRequestTimeout: true },
};

/** @throws nothing: what is wrong with the credentials or the region is answered as trouble */
export async function deployed(): Promise<Deployed | Trouble> {
  const secrets = new SecretsManagerClient(bounded);
  const [dynamoDb, sqs] = [new DynamoDBClient(bounded), new SQSClient(bounded)];
  let region: string;
  try {
    region = await secrets.config.region();
  } catch {
    const remedy = 'set AWS_REGION to the region that Leakstop is deployed in';
    return { is: 'wrong', problem: 'aws', detail: 'no region is named', remedy };
  }
  try {
    await secrets.config.credentials();
  } catch {
    const remedy = 'sign in to AWS, or set AWS_PROFILE; to look at a file of secrets instead, use --secrets';
    return { is: 'wrong', problem: 'aws', detail: 'there are no AWS credentials', remedy };
  }
  return {
    place: region,
    async read(name) {
      try {
        return (await secrets.send(new GetSecretValueCommand({ SecretId: name }))).SecretString ?? '';
      } catch (error) {
        return nameOf(error) === 'ResourceNotFoundException' ? undefined : troubleOf(error, `read ${name}`);
      }
    },
    toFill: (name) =>
      `aws secretsmanager put-secret-value --region ${region} --secret-id ${name} --secret-string file://FILE`,
    toMake: 'run npx cdk deploy with this configuration, or set AWS_REGION to the region where it is deployed',
    async *checks(configuration) {
      const table = new DescribeTableCommand({ TableName: names.table });
      yield await there(`table ${names.table}`, region, () => dynamoDb.send(table));
      const lanes = Object.keys(configuration.providers).map(names.lane);
      for (const queue of [...lanes, names.unrouted, ...(isToldOf(configuration) ? [names.notices] : [])]) {
        const command = new GetQueueUrlCommand({ QueueName: queue });
        yield await there(`queue ${queue}`, region, () => sqs.send(command));
      }
    },
  };
}

async function there(name: string, region: string, look: () => Promise<unknown>): Promise<Check> {
  try {
    await look();
    return { name, is: 'well' };
  } catch (error) {
    if (!/ResourceNotFound|QueueDoesNotExist|NonExistentQueue/.test(nameOf(error)))
      return { name, ...troubleOf(error, `look at ${name}`) };
    const remedy = `run npx cdk deploy with this configuration, or set AWS_REGION to the region where it is deployed`;
    return { name, is: 'wrong', problem: 'not-deployed', detail: `it is not there in ${region}`, remedy };
  }
}

const nameOf = (error: unknown) => (error instanceof Error ? error.name : 'Error');

/** The client's own message may quote what was sent: its name says enough. */
function troubleOf(error: unknown, deed: string): Trouble {
  const name = nameOf(error);
  if (/AccessDenied|NotAuthorized|UnauthorizedOperation/.test(name)) {
    const remedy = 'run this with AWS credentials that may, those that deploy for example';
    return { is: 'unknown', problem: 'aws', detail: `your AWS credentials may not ${deed}`, remedy };
  }
  if (/Credentials|Token|Signature|UnrecognizedClient/.test(name)) {
    const remedy = 'sign in to AWS anew, or set AWS_PROFILE';
    return { is: 'wrong', problem: 'aws', detail: `AWS does not accept your credentials (${name})`, remedy };
  }
  const remedy = 'see whether this machine reaches AWS, then run this again';
  return { is: 'unknown', problem: 'no-answer', detail: `AWS gave no answer (${name})`, remedy };
}

/** Secrets as a file has them: name → value. */
export const inFile = (values: Readonly<Record<string, unknown>>): Safe => ({
  place: 'the file of secrets',
  read: async (name) => {
    const value = Object.hasOwn(values, name) ? values[name] : undefined;
    return value === undefined || typeof value === 'string' ? value : JSON.stringify(value);
  },
  toFill: (name) => `put its value under ${name} in the file`,
});
