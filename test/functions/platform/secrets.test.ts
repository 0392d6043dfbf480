import { inspect } from 'node:util';
import { PutSecretValueCommand, SecretsManagerClient } from '@aws-sdk/client-secrets-manager';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import * as z from 'zod';
import { fingerprintName, fingerprintOf } from '../../../functions/platform/fingerprint.ts';
import { check, createSecrets, type Secrets } from '../../../functions/platform/secrets.ts';
import { datadog } from '../../../functions/providers/datadog.ts';
import { resolver } from '../../../functions/providers/resolver.ts';
import { Misconfigured, Unavailable } from '../../../functions/revocation/errors.ts';
import { secretValue } from '../../../functions/revocation/secret.ts';
import { closed, listen } from '../../../lib/local/emulators.ts';
import { secretsManagerServer } from '../../../lib/local/secrets-manager.ts';
import { testClock } from '../../support/lane.ts';

const canary = 'canary5e7a11ed';
const name = 'leakstop/providers/acme/prod';
const schema = z.strictObject({ site: z.enum(['one', 'two']), apiKey: secretValue });
const good = JSON.stringify({ site: 'one', apiKey: `${canary}-1` });

let values: Map<string, string>;
let server: ReturnType<typeof secretsManagerServer>;
let client: SecretsManagerClient;
let clock: ReturnType<typeof testClock>;
let secrets: Secrets;
/** How often the service was asked. */
let reads: number;

beforeEach(async () => {
  values = new Map([[name, good]]);
  server = secretsManagerServer(values);
  reads = 0;
  server.on('request', () => {
    reads += 1;
  });
  client = clientOf(await listen(server));
  clock = testClock();
  secrets = createSecrets(client, clock.now);
});
afterEach(async () => {
  client.destroy();
  if (server.listening) await closed(server);
});

function clientOf(endpoint: string): SecretsManagerClient {
  const credentials = { accessKeyId: 'test', secretAccessKey: 'test' };
  return new SecretsManagerClient({ endpoint, region: 'us-east-1', credentials, maxAttempts: 1 });
}

const read = async (fresh?: boolean) => (await secrets.read(name, schema, fresh)).apiKey.expose();
const put = (given: object | string) =>
  client.send(
    new PutSecretValueCommand({
      SecretId: name,
      SecretString: typeof given === 'string' ? given : JSON.stringify(given),
    }),
  );
const rotated = { site: 'one', apiKey: `${canary}-2` };

describe('a secret', () => {
  test('is read and given as its schema gives it', async () => {
    const value = await secrets.read(name, schema);
    expect([value.site, value.apiKey.expose()]).toEqual(['one', `${canary}-1`]);
    expect(inspect(value, { depth: null })).not.toContain(canary);
  });

  test('is read once in five minutes', async () => {
    expect(await read()).toBe(`${canary}-1`);
    await put(rotated);
    reads = 0;
    clock.advance(299_999);
    expect([await read(), reads]).toEqual([`${canary}-1`, 0]);
    clock.advance(1);
    expect([await read(), reads]).toEqual([`${canary}-2`, 1]);
  });

  test('is read anew when that is asked for, and kept from then on', async () => {
    await read();
    await put(rotated);
    clock.advance(200_000);
    expect(await read(true)).toBe(`${canary}-2`);
    reads = 0;
    clock.advance(200_000);
    expect([await read(), reads]).toEqual([`${canary}-2`, 0]);
  });

  test('is read once for all who ask at the same time', async () => {
    const all = await Promise.all(Array.from({ length: 50 }, () => read()));
    expect([new Set(all), reads]).toEqual([new Set([`${canary}-1`]), 1]);
  });

  test('is kept apart from others', async () => {
    values.set('leakstop/providers/acme/eu', JSON.stringify({ site: 'two', apiKey: `${canary}-eu` }));
    await read();
    expect((await secrets.read('leakstop/providers/acme/eu', schema)).apiKey.expose()).toBe(`${canary}-eu`);
    expect([await read(), reads]).toEqual([`${canary}-1`, 2]);
  });
});

describe('a secret that cannot be used', () => {
  test('is named when it does not exist', async () => {
    await expect(secrets.read('leakstop/none', schema)).rejects.toThrow(
      new Misconfigured('secret leakstop/none does not exist'),
    );
  });

  test.each([
    ['an empty text', '', `secret ${name} is not JSON`],
    ['no JSON', `{"apiKey":"${canary}`, `secret ${name} is not JSON`],
    ['the bare value', canary, `secret ${name} is not JSON`],
    ['a JSON text', JSON.stringify(canary), `secret ${name}: (the whole): `],
    ['null', 'null', `secret ${name}: (the whole): `],
    ['a list', JSON.stringify([canary]), `secret ${name}: (the whole): `],
    ['a missing field', JSON.stringify({ site: 'one' }), `secret ${name}: apiKey: `],
    ['a wrong field', JSON.stringify({ site: canary, apiKey: canary }), `secret ${name}: site: `],
    [
      'a value in two words',
      JSON.stringify({ site: 'one', apiKey: `${canary} ${canary}` }),
      `secret ${name}: apiKey: `,
    ],
    [
      'a value that is no text',
      JSON.stringify({ site: 'one', apiKey: { [canary]: canary } }),
      `secret ${name}: apiKey: `,
    ],
    [
      'a field that is not known',
      JSON.stringify({ site: 'one', apiKey: canary, [canary]: canary }),
      `secret ${name}: (the whole): has a field that is not known here; known are site, apiKey`,
    ],
  ])('is told by its name and the field, never by its value, with %s', async (_, text, beginning) => {
    await put(text);
    const error = await secrets.read(name, schema).catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(Misconfigured);
    expect((error as Misconfigured).message.slice(0, beginning.length)).toBe(beginning);
    expect(inspect(error, { depth: null, showHidden: true })).not.toContain(canary);
  });

  test.each([
    ['site', { site: `${canary}.example`, apiKey: canary, appKey: canary }],
    ['site', { site: canary, accessToken: canary }],
    ['appKey', { site: 'datadoghq.com', apiKey: canary }],
    ['apiKey', { site: 'datadoghq.com', apiKey: '', appKey: canary }],
    ['accessToken', { site: 'datadoghq.com', accessToken: `${canary} ${canary}` }],
  ])('of several forms is told by the field %s of the nearest one', (field, given) => {
    let message = '';
    try {
      check(name, JSON.stringify(given), datadog.admin);
    } catch (error) {
      message = String(error);
    }
    expect(message).toContain(`secret ${name}: ${field}: `);
    expect(message).not.toContain(canary);
  });

  test.each([
    [{ host: 'us.core.resolver.com', apiKey: canary, user: 7 }, 'host, apiKey, userIds'],
    [
      { host: 'us.core.resolver.com', email: 'a', apiKey: canary, org: 1, password: canary },
      'host, email, password, org, userIds',
    ],
  ])('of several forms is told what fields the nearest one has: %j', (given, known) => {
    const line = `secret ${name}: (the whole): has a field that is not known here; known are ${known}`;
    expect(() => check(name, JSON.stringify(given), resolver.admin)).toThrow(new Misconfigured(line));
  });

  test.each<[string, z.ZodType, unknown, string]>([
    ['nothing', z.string(), undefined, 'is missing'],
    ['no text', z.string(), 7, 'must be text'],
    ['no number', z.number(), '7', 'must be a number'],
    ['half a number', z.int(), 7.5, 'must be a whole number'],
    ['neither true nor false', z.boolean(), 'yes', 'must be true or false'],
    ['no list', z.array(z.string()), 'x', 'must be a list'],
    ['no object', z.object({}), [], 'must be an object'],
    ['no object of any names', z.record(z.string(), z.string()), 7, 'must be an object'],
    ['none of a choice', z.enum(['one', 'two']), 'three', 'must be one of one, two'],
    ['nothing of a choice', z.enum(['one', 'two']), undefined, 'is missing; must be one of one, two'],
    ['not the only one', z.literal('one'), 'two', 'must be one'],
    ['an empty list', z.array(z.string()).min(1), [], 'must have at least 1 entry'],
    ['too long a list', z.array(z.string()).max(2), ['', '', ''], 'must have at most 2 entries'],
    ['an empty text', z.string().min(1), '', 'must have at least 1 character'],
    ['too long a text', z.string().max(2), 'xyz', 'must have at most 2 characters'],
    ['too little', z.int().min(1), 0, 'must be at least 1'],
    ['too much', z.int().max(9), 10, 'must be at most 9'],
    ['no time', z.iso.datetime(), 'noon', 'must be a date and time in ISO 8601, such as 2026-11-20T12:00:00Z'],
    ['another form', z.string().regex(/^a/), 'b', 'does not have the right form'],
    ['a rule that is broken', z.string().refine(() => false), 'b', 'does not have the right form'],
    ['words of its own', z.string().min(3, 'must be longer'), 'b', 'must be longer'],
    ['none of several forms', z.union([z.string(), z.int()]), {}, 'must be text'],
  ])('says in our own words what it must be, with %s', (_, field, value, words) => {
    const line = `secret ${name}: field: ${words}`;
    expect(() => check(name, JSON.stringify({ field: value }), z.object({ field }))).toThrow(new Misconfigured(line));
  });

  test('says what a name in it must be', () => {
    const schema = z.record(z.string().regex(/^[a-z]+$/, 'must be in small letters'), z.string());
    const line = `secret ${name}: A: its name must be in small letters`;
    expect(() => check(name, JSON.stringify({ A: 'x' }), schema)).toThrow(new Misconfigured(line));
  });

  test('is read again at the next question, so that a repair counts at once', async () => {
    await put({ site: 'one' });
    await expect(read()).rejects.toThrow(Misconfigured);
    await put(rotated);
    expect(await read()).toBe(`${canary}-2`);
  });

  test('fails for all who ask at the same time with one read', async () => {
    await put({ site: 'one' });
    reads = 0;
    const all = await Promise.allSettled(Array.from({ length: 10 }, () => read()));
    expect(all.every(({ status }) => status === 'rejected')).toBe(true);
    expect(reads).toBe(1);
  });
});

describe('a service that gives no answer', () => {
  const refused = new Unavailable('Secrets Manager did not give an answer', { untouched: true });

  test('is a bad moment that touched nothing, when nobody listens', async () => {
    await closed(server);
    const error = await read().catch((thrown: unknown) => thrown);
    expect(error).toEqual(refused);
    expect((error as Unavailable).cause).toBe(undefined);
  });

  test('is a bad moment, when it fails or refuses us', async () => {
    for (const [status, type] of [
      [500, 'InternalServiceError'],
      [400, 'ThrottlingException'],
      [400, 'AccessDeniedException'],
    ] as const) {
      server.removeAllListeners('request');
      server.on('request', (request, response) => {
        request.resume();
        response.writeHead(status, { 'content-type': 'application/x-amz-json-1.1' });
        response.end(JSON.stringify({ __type: type, Message: canary }));
      });
      const error = await read().catch((thrown: unknown) => thrown);
      expect(error).toEqual(refused);
      expect(inspect(error, { depth: null, showHidden: true })).not.toContain(canary);
    }
  });

  test('does not take away what is still kept', async () => {
    await read();
    await closed(server);
    clock.advance(299_999);
    expect(await read()).toBe(`${canary}-1`);
  });

  test('lets what was read last count for an hour, and no longer, nor where it does not do', async () => {
    await read();
    await closed(server);
    clock.advance(300_000);
    expect(await read()).toBe(`${canary}-1`);
    await expect(read(true)).rejects.toThrow(Unavailable);
    clock.advance(3_600_000 - 300_000 - 1);
    expect(await read()).toBe(`${canary}-1`);
    clock.advance(30_000);
    await expect(read()).rejects.toThrow(Unavailable);
  });
});

describe('the fingerprint key', () => {
  test('is whatever text it is given', async () => {
    for (const key of ['k'.repeat(32), 'k', 'a local key', 'ключ']) {
      values.set(fingerprintName, JSON.stringify({ key }));
      expect((await fingerprintOf(createSecrets(client, clock.now))).expose()).toBe(key);
    }
  });

  test.each([{ key: '' }, { key: ' ' }, { key: 7 }, {}])('is refused as %o', async (value) => {
    values.set(fingerprintName, JSON.stringify(value));
    const wrong = fingerprintOf(createSecrets(client, clock.now));
    await expect(wrong).rejects.toThrow(Misconfigured);
    await expect(wrong).rejects.toThrow(/^secret leakstop\/fingerprint: key: /);
  });
});
