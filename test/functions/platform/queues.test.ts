import { createHash } from 'node:crypto';
import { createServer } from 'node:http';
import { setImmediate } from 'node:timers/promises';
import { inspect } from 'node:util';
import { CreateQueueCommand, ReceiveMessageCommand, SQSClient } from '@aws-sdk/client-sqs';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { createQueues } from '../../../functions/platform/queues.ts';
import { Unavailable } from '../../../functions/revocation/errors.ts';
import { closed, type Emulators, listen, startEmulators } from '../../../lib/local/emulators.ts';

const canary = 'canary-5e7a11ed';
const queueUrl = 'http://127.0.0.1:1/000000000000/leakstop-lane-acme';

function clientOf(endpoint: string): SQSClient {
  const credentials = { accessKeyId: 'test', secretAccessKey: 'test' };
  return new SQSClient({ endpoint, region: 'us-east-1', credentials, useQueueUrlAsEndpoint: false, maxAttempts: 1 });
}

describe('messages on the emulator', () => {
  let emulators: Emulators;
  let client: SQSClient;
  let url: string;
  beforeEach(async () => {
    const unused = {
      AWS_ENDPOINT_URL_DYNAMODB: 'http://127.0.0.1:1',
      AWS_ENDPOINT_URL_SECRETS_MANAGER: 'http://127.0.0.1:1',
    };
    emulators = await startEmulators(unused, undefined);
    client = clientOf(emulators.endpoints.AWS_ENDPOINT_URL_SQS);
    url = String((await client.send(new CreateQueueCommand({ QueueName: 'lane' }))).QueueUrl);
  });
  afterEach(async () => {
    client.destroy();
    await emulators.close();
  });

  async function received(): Promise<string[]> {
    const bodies: string[] = [];
    const command = new ReceiveMessageCommand({ QueueUrl: url, MaxNumberOfMessages: 10 });
    for (;;) {
      const { Messages = [] } = await client.send(command);
      if (Messages.length === 0) return bodies;
      bodies.push(...Messages.map(({ Body = '' }) => Body));
    }
  }

  test.each([0, 1, 10, 11, 25])('arrive whole, each once, when there are %i', async (count) => {
    const bodies = Array.from({ length: count }, (_, index) => `${index} ä漢 "quoted" \n line`);
    await createQueues(client).send(url, bodies);
    expect((await received()).sort()).toEqual(bodies.sort());
  });

  test('arrive when together they are more than a batch may be', async () => {
    const bodies = Array.from({ length: 5 }, (_, index) => String(index).repeat(400_000));
    await createQueues(client).send(url, bodies);
    expect((await received()).map((body) => [body[0], body.length]).sort()).toEqual(
      bodies.map((body) => [body[0], body.length]),
    );
  });

  test('arrive at once when they are sent without a delay', async () => {
    await createQueues(client).sendLater(url, 'now', 0);
    expect(await received()).toEqual(['now']);
  });

  test('stay away until their delay is over', async () => {
    await createQueues(client).sendLater(url, 'later', 1);
    expect(await received()).toEqual([]);
  });

  test('to a queue that is not there are not sent', async () => {
    const queues = createQueues(client);
    await expect(queues.send(`${url}-none`, [canary])).rejects.toThrow(Unavailable);
    await expect(queues.sendLater(`${url}-none`, canary, 0)).rejects.toThrow(Unavailable);
  });
});

describe('what goes to the queue', () => {
  interface Sent {
    MessageBody?: string;
    DelaySeconds?: number;
    Entries?: { Id: string; MessageBody: string }[];
  }
  let sent: Sent[];
  let refuse: (body: string) => boolean;
  /** What an answer waits for. */
  let held: () => Promise<unknown>;
  /** Requests without an answer, now and at most. */
  let open: { now: number; most: number };
  /** The queue service's own protocol, as far as sending goes. */
  const server = () =>
    createServer(async (request, response) => {
      const chunks: Buffer[] = [];
      for await (const chunk of request) chunks.push(chunk);
      const given = JSON.parse(Buffer.concat(chunks).toString('utf8')) as Sent;
      sent.push(given);
      open.now += 1;
      open.most = Math.max(open.most, open.now);
      await held();
      open.now -= 1;
      const taken = (body: string) => ({
        MessageId: 'x',
        MD5OfMessageBody: createHash('md5').update(body).digest('hex'),
      });
      const entries = given.Entries ?? [];
      const answer = given.Entries
        ? {
            Successful: entries
              .filter((one) => !refuse(one.MessageBody))
              .map((one) => ({ Id: one.Id, ...taken(one.MessageBody) })),
            Failed: entries
              .filter((one) => refuse(one.MessageBody))
              .map(({ Id }) => ({ Id, Code: 'InternalError', SenderFault: false, Message: canary })),
          }
        : taken(given.MessageBody ?? '');
      response.writeHead(200, { 'content-type': 'application/x-amz-json-1.0' }).end(JSON.stringify(answer));
    });
  let listening: ReturnType<typeof server>;
  let client: SQSClient;
  beforeEach(async () => {
    sent = [];
    refuse = () => false;
    held = async () => {};
    open = { now: 0, most: 0 };
    listening = server();
    client = clientOf(await listen(listening));
  });
  afterEach(async () => {
    client.destroy();
    await closed(listening);
  });

  const sizes = () => sent.map(({ Entries = [] }) => Entries.map(({ MessageBody }) => Buffer.byteLength(MessageBody)));

  test('is ten messages at a time at most', async () => {
    await createQueues(client).send(
      queueUrl,
      Array.from({ length: 25 }, () => 'x'),
    );
    expect(sizes().map((batch) => batch.length)).toEqual(expect.arrayContaining([10, 10, 5]));
    expect(sent).toHaveLength(3);
  });

  test('is ten batches side by side, and no more', async () => {
    const { promise: full, resolve: fill } = Promise.withResolvers<void>();
    held = async () => {
      if (sent.length === 10) fill();
      await full;
      // An eleventh would have arrived by now.
      for (let turn = 0; turn < 50; turn += 1) await setImmediate();
    };
    const bodies = Array.from({ length: 345 }, (_, index) => String(index));
    await createQueues(client).send(queueUrl, bodies);
    expect(open.most).toBe(10);
    const arrived = sent.flatMap(({ Entries = [] }) => Entries.map(({ MessageBody }) => MessageBody));
    expect(arrived.sort()).toEqual(bodies.sort());
  });

  test('is less than 1 MiB at a time, in bytes', async () => {
    const large = '漢'.repeat(150_000);
    await createQueues(client).send(queueUrl, [large, large, large, 'x', large, 'y']);
    expect(sizes().sort((left, right) => Number(right[1]) - Number(left[1]))).toEqual([
      [450_000, 450_000],
      [450_000, 1],
      [450_000, 1],
    ]);
    for (const batch of sizes()) expect(batch.reduce((sum, size) => sum + size)).toBeLessThan(1024 * 1024);
  });

  test('is one message alone when that is larger than a batch', async () => {
    await createQueues(client).send(queueUrl, ['x', 'y'.repeat(950_000), 'z']);
    expect(sizes().sort(([left = 0], [right = 0]) => left - right)).toEqual([[1], [1], [950_000]]);
  });

  test('is nothing at all when there is nothing to send', async () => {
    await createQueues(client).send(queueUrl, []);
    expect(sent).toEqual([]);
  });

  test.each([
    [0, 0],
    [-5_000, 0],
    [1, 1],
    [1_000, 1],
    [1_001, 2],
    [60_000, 60],
    [900_000, 900],
    [900_001, 900],
    [86_400_000, 900],
  ])('waits %i ms as %i s, and never more than a queue can', async (delayMs, seconds) => {
    await createQueues(client).sendLater(queueUrl, 'x', delayMs);
    expect(sent).toMatchObject([{ MessageBody: 'x', DelaySeconds: seconds }]);
  });

  test('is a failure when a single message was not taken, without its content', async () => {
    refuse = (body) => body.includes(canary);
    const bodies = Array.from({ length: 12 }, (_, index) => (index === 3 ? canary : 'x'));
    const error = await createQueues(client)
      .send(queueUrl, bodies)
      .catch((thrown: unknown) => thrown);
    expect(error).toEqual(new Unavailable('the queue did not take every message'));
    expect(inspect(error, { depth: null, showHidden: true })).not.toContain(canary);
  });

  test('ends with a failure: after one, nothing more is begun', async () => {
    refuse = (body) => body === '0';
    const { promise: full, resolve: fill } = Promise.withResolvers<void>();
    held = () => {
      if (sent.length === 10) fill();
      return full;
    };
    const bodies = Array.from({ length: 5_000 }, (_, index) => String(index));
    await expect(createQueues(client).send(queueUrl, bodies)).rejects.toThrow(Unavailable);
    expect(sent.length).toBeLessThan(100);
  });
});

test('a queue that cannot be reached is a bad moment, told without address or content', async () => {
  const server = createServer();
  const endpoint = await listen(server);
  await closed(server);
  const client = clientOf(endpoint);
  const queues = createQueues(client);
  for (const sending of [queues.send(queueUrl, [canary]), queues.sendLater(queueUrl, canary, 0)]) {
    const error = await sending.catch((thrown: unknown) => thrown);
    expect(error).toEqual(new Unavailable('the queue did not give an answer'));
    const everything = inspect(error, { depth: null, showHidden: true });
    for (const part of [canary, new URL(endpoint).port, 'leakstop-lane']) expect(everything).not.toContain(part);
  }
  client.destroy();
});
