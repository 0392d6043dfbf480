import { spawn } from 'node:child_process';
import {
  CreateQueueCommand,
  ReceiveMessageCommand,
  SendMessageBatchCommand,
  SendMessageCommand,
  type SQSClient,
} from '@aws-sdk/client-sqs';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { type Emulators, startEmulators } from '../../lib/local/emulators.ts';
import { cloudOf } from '../../lib/local/resources.ts';
import { readRedrive, redrive } from '../../lib/redrive.ts';

let emulators: Emulators;
let sqs: SQSClient;
const credentials = { AWS_REGION: 'us-east-1', AWS_ACCESS_KEY_ID: 'test', AWS_SECRET_ACCESS_KEY: 'test' };
const nowhere = 'http://127.0.0.1:1';

beforeEach(async () => {
  const elsewhere = { AWS_ENDPOINT_URL_DYNAMODB: nowhere, AWS_ENDPOINT_URL_SECRETS_MANAGER: nowhere };
  emulators = await startEmulators(elsewhere, undefined);
  sqs = cloudOf({ ...emulators.endpoints, ...credentials }).sqs;
});
afterEach(async () => {
  sqs.destroy();
  await emulators.close();
});

/** A queue and its dead letters, which hold these. */
async function queueWithDead(name: string, bodies: string[]): Promise<{ queue: string; dead: string }> {
  const create = async (QueueName: string) =>
    String((await sqs.send(new CreateQueueCommand({ QueueName, Attributes: { VisibilityTimeout: '30' } }))).QueueUrl);
  const [queue, dead] = [await create(name), await create(`${name}-dead`)];
  for (let at = 0; at < bodies.length; at += 10) {
    const Entries = bodies.slice(at, at + 10).map((MessageBody, index) => ({ Id: String(index), MessageBody }));
    await sqs.send(new SendMessageBatchCommand({ QueueUrl: dead, Entries }));
  }
  return { queue, dead };
}

async function bodiesIn(QueueUrl: string): Promise<string[]> {
  const bodies: string[] = [];
  for (;;) {
    const { Messages = [] } = await sqs.send(new ReceiveMessageCommand({ QueueUrl, MaxNumberOfMessages: 10 }));
    if (Messages.length === 0) return bodies.sort();
    bodies.push(...Messages.map(({ Body = '' }) => Body));
  }
}

const canary = 'ca9a7ea1eacedca9a7ea1eacedca9a7e';
const letters = (count: number) => Array.from({ length: count }, (_, index) => `${canary} ${index}`).sort();

/** The client, whose sends or deletions fail where told. */
function failing(on: (command: object) => boolean): SQSClient {
  const send = (command: object) =>
    on(command) ? Promise.reject(new Error(`refused ${canary}`)) : sqs.send(command as never);
  return { send } as never;
}

describe('bringing dead letters back', () => {
  test('moves every message of a queue, and tells no word of any', async () => {
    const { queue, dead } = await queueWithDead('leakstop-lane-one', letters(23));
    const lines: string[] = [];
    expect(await redrive(sqs, { queue: 'leakstop-lane-one', dryRun: false }, (line) => lines.push(line))).toBe(true);
    expect(await bodiesIn(queue)).toEqual(letters(23));
    expect(await bodiesIn(dead)).toEqual([]);
    expect(lines.at(-1)).toBe('leakstop-lane-one: 23 moved, 0 left behind');
    expect(lines.length).toBeGreaterThan(2);
    expect(lines.join('\n')).not.toContain(canary);
  });

  test('is content where nothing is', async () => {
    await queueWithDead('leakstop-lane-empty', []);
    const lines: string[] = [];
    expect(await redrive(sqs, { queue: 'leakstop-lane-empty', dryRun: false }, (line) => lines.push(line))).toBe(true);
    expect(lines).toEqual(['leakstop-lane-empty: 0 moved, 0 left behind']);
  });

  test('counts in a dry run, and moves none', async () => {
    const { queue, dead } = await queueWithDead('leakstop-lane-dry', letters(3));
    const lines: string[] = [];
    expect(await redrive(sqs, { queue: 'leakstop-lane-dry', dryRun: true }, (line) => lines.push(line))).toBe(true);
    expect(lines).toEqual(['leakstop-lane-dry: 3 to move']);
    expect(await bodiesIn(queue)).toEqual([]);
    expect(await bodiesIn(dead)).toEqual(letters(3));
  });

  test('leaves a message that the queue does not take where it is, moves the others, and says so', async () => {
    const { queue, dead } = await queueWithDead('leakstop-lane-refusing', letters(12));
    const refused = letters(12)[4];
    const client = failing((command) => command instanceof SendMessageCommand && command.input.MessageBody === refused);
    const lines: string[] = [];
    const wanted = { queue: 'leakstop-lane-refusing', dryRun: false };
    expect(await redrive(client, wanted, (line) => lines.push(line))).toBe(false);
    expect(lines.at(-1)).toBe('leakstop-lane-refusing: 11 moved, 1 left behind');
    expect(lines.join('\n')).not.toContain(canary);
    expect(await bodiesIn(queue)).toEqual(letters(12).filter((letter) => letter !== refused));
    // It is in hand for a minute, and shows again then.
    expect(await bodiesIn(dead)).toEqual([]);
  });

  test('sends before it deletes: dying in between leaves a duplicate and no gap', async () => {
    const { queue } = await queueWithDead('leakstop-lane-dying', letters(4));
    const client = failing((command) => command.constructor.name === 'DeleteMessageBatchCommand');
    expect(await redrive(client, { queue: 'leakstop-lane-dying', dryRun: false }, () => {})).toBe(false);
    expect(await bodiesIn(queue)).toEqual(letters(4));
  });

  test('ends where its messages come back at once', async () => {
    const { dead } = await queueWithDead('leakstop-lane-stuck', letters(2));
    const client = {
      send: (command: object) => {
        if (command instanceof SendMessageCommand) return Promise.reject(new Error('refused'));
        if (command instanceof ReceiveMessageCommand) command.input.VisibilityTimeout = 0;
        return sqs.send(command as never);
      },
    } as never;
    const lines: string[] = [];
    const wanted = { queue: 'leakstop-lane-stuck', dryRun: false };
    expect(await redrive(client, wanted, (line) => lines.push(line))).toBe(false);
    expect(lines.at(-1)).toBe('leakstop-lane-stuck: 0 moved, 2 left behind');
    expect(await bodiesIn(dead)).toEqual(letters(2));
  });

  test('takes one queue by its own name, or all', () => {
    expect(readRedrive(['leakstop-unrouted'])).toEqual({ queue: 'leakstop-unrouted', dryRun: false });
    expect(readRedrive(['--dry-run', 'all'])).toEqual({ queue: 'all', dryRun: true });
    expect(readRedrive(['--help'])).toBe('help');
  });

  test.each([
    [[], 'name one queue, or all'],
    [['one', 'two'], 'name one queue, or all'],
    [['all', '--hurry'], '--hurry: is not known'],
    [['leakstop-unrouted-dead'], 'without -dead'],
  ])('refuses %j in one line', (args, words) => {
    expect(() => readRedrive(args)).toThrow(words);
  });
});

describe('npm run redrive', () => {
  const run = (args: string[], variables: Record<string, string> = {}) =>
    new Promise<{ code: number | null; out: string; err: string }>((resolve) => {
      const child = spawn(process.execPath, ['bin/redrive.ts', ...args], {
        env: { ...process.env, ...emulators.endpoints, ...credentials, ...variables },
      });
      let [out, err] = ['', ''];
      child.stdout.on('data', (chunk: Buffer) => {
        out += chunk.toString('utf8');
      });
      child.stderr.on('data', (chunk: Buffer) => {
        err += chunk.toString('utf8');
      });
      child.once('close', (code) => resolve({ code, out, err }));
    });

  test('brings the dead letters of every queue back where the environment says SQS is', async () => {
    const one = await queueWithDead('leakstop-lane-first', letters(2));
    const other = await queueWithDead('leakstop-unrouted', letters(1));
    const { code, out, err } = await run(['all']);
    expect({ code, err }).toEqual({ code: 0, err: '' });
    expect(out).toContain('leakstop-lane-first: 2 moved, 0 left behind\n');
    expect(out).toContain('leakstop-unrouted: 1 moved, 0 left behind\n');
    expect(out).not.toContain(canary);
    expect(await bodiesIn(one.queue)).toEqual(letters(2));
    expect(await bodiesIn(other.queue)).toEqual(letters(1));
  }, 60_000);

  test.each([
    ['wrong usage', ['one', 'two'], {}, 2, 'name one queue, or all; see --help\n'],
    [
      'a queue that is not there',
      ['leakstop-lane-nobody'],
      {},
      2,
      'leakstop-lane-nobody: there is no such queue here\n',
    ],
    ['an SQS that is not there', ['all'], { AWS_ENDPOINT_URL_SQS: nowhere }, 1, /^SQS gave no answer: \w+\n$/],
  ])(
    'says %s in one line',
    async (_, args, variables, code, line) => {
      const ended = await run(args, variables as Record<string, string>);
      expect(ended.code).toBe(code);
      expect(ended.err).toEqual(typeof line === 'string' ? line : expect.stringMatching(line));
      expect(ended.out).toBe('');
    },
    60_000,
  );
});
