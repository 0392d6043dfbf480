import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DynamoDBClient, ListTablesCommand } from '@aws-sdk/client-dynamodb';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { startEmulators } from '../../../lib/local/emulators.ts';
import { BadOption } from '../../../lib/local/options.ts';

const elsewhere = {
  AWS_ENDPOINT_URL_DYNAMODB: 'http://127.0.0.1:1',
  AWS_ENDPOINT_URL_SQS: 'http://127.0.0.1:2/',
  AWS_ENDPOINT_URL_SECRETS_MANAGER: 'https://localhost:3',
  AWS_ENDPOINT_URL_EVENTBRIDGE: 'http://localhost:4',
  AWS_ENDPOINT_URL_SNS: 'https://127.0.0.1:5',
};
const variables = Object.keys(elsewhere) as (keyof typeof elsewhere)[];

describe('the endpoints of a stage', () => {
  test('are those that are given', async () => {
    const { endpoints, close } = await startEmulators(elsewhere, undefined);
    expect(endpoints).toEqual(elsewhere);
    await close();
  });

  test.each(variables)('are its own, and never the real AWS, where %s is set to nothing', async (name) => {
    const { endpoints, close } = await startEmulators({ ...elsewhere, [name]: '' }, undefined);
    expect(endpoints[name]).toMatch(/^http:\/\/127\.0\.0\.1:\d{2,5}$/);
    await close();
  });

  test.each(variables.flatMap((name) => ['localhost:8000', 'ftp://localhost', 'http://', ' '].map((v) => [name, v])))(
    'are refused, naming the variable, where %s is "%s"',
    async (name = '', value) => {
      const starting = startEmulators({ ...elsewhere, [name]: value }, undefined);
      await expect(starting).rejects.toThrow(BadOption);
      await expect(starting).rejects.toThrow(`${name}: must be an http or https URL`);
    },
  );
});

describe('the data folder', () => {
  let folder: string;
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'leakstop-'));
  });
  afterAll(() => rmSync(folder, { recursive: true }));
  const services = { ...elsewhere, AWS_ENDPOINT_URL_DYNAMODB: '' };

  test('is refused while another stage uses it, and may be used when that has ended', async () => {
    const data = join(folder, 'used');
    const first = await startEmulators(services, data);
    // Its first answer says that it has the folder open.
    const client = new DynamoDBClient({
      ...{ endpoint: first.endpoints.AWS_ENDPOINT_URL_DYNAMODB, region: 'us-east-1' },
      credentials: { accessKeyId: 'local', secretAccessKey: 'local' },
    });
    await client.send(new ListTablesCommand({}));
    client.destroy();
    const second = startEmulators(services, data);
    await expect(second).rejects.toThrow(BadOption);
    await expect(second).rejects.toThrow(`--data: ${data} is in use by another stage`);
    await first.close();
    await (await startEmulators(services, data)).close();
  });

  test('is refused when it holds something else', async () => {
    const data = join(folder, 'else');
    await (await startEmulators(services, data)).close();
    writeFileSync(join(data, 'CURRENT'), 'nonsense');
    const starting = startEmulators(services, data);
    await expect(starting).rejects.toThrow(BadOption);
    await expect(starting).rejects.toThrow(/^--data: .* cannot be opened: /);
  });
});
