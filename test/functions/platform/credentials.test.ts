import { createServer, type IncomingHttpHeaders } from 'node:http';
import { GetItemCommand } from '@aws-sdk/client-dynamodb';
import { afterEach, expect, test, vi } from 'vitest';
import { dynamoDb } from '../../../functions/platform/clients.ts';
import { defaultProvider } from '../../../functions/platform/credentials.ts';
import { closed, listen } from '../../../lib/local/emulators.ts';

afterEach(() => void vi.unstubAllEnvs());

/** What a request is signed with, by what the service gets of it. */
async function signedWith(variables: Record<string, string | undefined>): Promise<IncomingHttpHeaders> {
  const { promise, resolve } = Promise.withResolvers<IncomingHttpHeaders>();
  const server = createServer((request, response) => {
    resolve(request.headers);
    response.writeHead(200, { 'content-type': 'application/x-amz-json-1.0' }).end('{}');
  });
  vi.stubEnv('AWS_ENDPOINT_URL', await listen(server));
  vi.stubEnv('AWS_REGION', 'eu-central-1');
  for (const [name, value] of Object.entries(variables)) vi.stubEnv(name, value);
  const client = dynamoDb();
  await client.send(new GetItemCommand({ TableName: 't', Key: { id: { S: 'i' } } }));
  client.destroy();
  await closed(server);
  return promise;
}

test('requests are signed with the credentials of the role, its session token among them', async () => {
  const headers = await signedWith({
    AWS_ACCESS_KEY_ID: 'ASIAROLE',
    AWS_SECRET_ACCESS_KEY: 'secret',
    AWS_SESSION_TOKEN: 'session',
  });
  expect(headers.authorization).toContain('Credential=ASIAROLE/');
  expect(headers['x-amz-security-token']).toBe('session');
});

test('without a session they carry no token', async () => {
  const headers = await signedWith({
    AWS_ACCESS_KEY_ID: 'AKIAUSER',
    AWS_SECRET_ACCESS_KEY: 'secret',
    AWS_SESSION_TOKEN: undefined,
  });
  expect(headers.authorization).toContain('Credential=AKIAUSER/');
  expect(headers).not.toHaveProperty('x-amz-security-token');
});

test('an environment without credentials is told by the names of its variables', async () => {
  vi.stubEnv('AWS_ACCESS_KEY_ID', undefined);
  await expect(defaultProvider()()).rejects.toThrow(/AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY must be set/);
});
