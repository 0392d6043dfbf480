import { createServer, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { GetItemCommand } from '@aws-sdk/client-dynamodb';
import { GetSecretValueCommand } from '@aws-sdk/client-secrets-manager';
import { SendMessageCommand } from '@aws-sdk/client-sqs';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { atOnce, dynamoDb, secretsManager, sqs } from '../../../functions/platform/clients.ts';

/** A service that takes every request and answers none. */
const silent = createServer(() => {});
beforeAll(async () => {
  await new Promise<void>((resolve) => silent.listen(0, '127.0.0.1', resolve));
  vi.stubEnv('AWS_ENDPOINT_URL', `http://127.0.0.1:${(silent.address() as AddressInfo).port}`);
  vi.stubEnv('AWS_REGION', 'eu-central-1');
  vi.stubEnv('AWS_ACCESS_KEY_ID', 'nobody');
  vi.stubEnv('AWS_SECRET_ACCESS_KEY', 'nothing');
});
afterAll(() => {
  vi.unstubAllEnvs();
  silent.closeAllConnections();
  silent.close();
});

/** Slack waits three seconds, and somebody has to be told within them that it cannot be done now; a machine that is busy with much else has another try. */
test.each([
  ['DynamoDB', () => dynamoDb(atOnce).send(new GetItemCommand({ TableName: 't', Key: { id: { S: 'i' } } }))],
  ['Secrets Manager', () => secretsManager(atOnce).send(new GetSecretValueCommand({ SecretId: 's' }))],
  ['SQS', () => sqs(atOnce).send(new SendMessageCommand({ QueueUrl: 'http://queue', MessageBody: 'm' }))],
])('who must answer at once gives a silent %s up in time', { retry: 2 }, async (_, ask) => {
  const begun = Date.now();
  await expect(ask()).rejects.toThrow();
  expect(Date.now() - begun).toBeLessThan(2_900);
});

test('a burst is asked for at once: nobody waits for another to be answered', { retry: 2 }, async () => {
  const burst = 120;
  const waiting: ServerResponse[] = [];
  // Who is asked answers nobody before all have asked.
  const patient = createServer((request, response) => {
    request.resume();
    waiting.push(response);
    if (waiting.length < burst) return;
    for (const each of waiting) each.setHeader('content-type', 'application/x-amz-json-1.0').end('{}');
  });
  await new Promise<void>((resolve) => patient.listen(0, '127.0.0.1', resolve));
  vi.stubEnv('AWS_ENDPOINT_URL_DYNAMODB', `http://127.0.0.1:${(patient.address() as AddressInfo).port}`);
  const client = dynamoDb({ maxAttempts: 1 });
  const ask = () => client.send(new GetItemCommand({ TableName: 't', Key: { id: { S: 'i' } } }));
  const answers = await Promise.allSettled(Array.from({ length: burst }, ask));
  expect(answers.filter(({ status }) => status === 'rejected')).toEqual([]);
  client.destroy();
  patient.closeAllConnections();
  patient.close();
});
