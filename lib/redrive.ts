import {
  DeleteMessageBatchCommand,
  GetQueueAttributesCommand,
  GetQueueUrlCommand,
  ListQueuesCommand,
  type Message,
  ReceiveMessageCommand,
  SendMessageCommand,
  SQSClient,
} from '@aws-sdk/client-sqs';
import { names } from '../functions/manifest.ts';

/** Messages moved at a time: what SQS hands out at once. */
const batchSize = 10;
/** A message in hand is ours for this long (s); one that was not moved shows again afterwards. */
const inHandSeconds = 60;

/** What was asked for cannot be done as it was asked; its message is one clear line. */
export class BadRequest extends Error {
  override readonly name = 'BadRequest';
}

interface Wanted {
  /** A queue's own name, or `all`. */
  queue: string;
  /** Counts and moves nothing. */
  dryRun: boolean;
}

export const usage = `Usage: npm run redrive -- QUEUE [--dry-run]

  QUEUE        a queue such as ${names.lane('datadog')} or ${names.unrouted}, or all
  --dry-run    counts the dead letters and moves none
`;

/** @throws BadRequest */
export function readRedrive(args: readonly string[]): Wanted | 'help' {
  if (args.includes('--help')) return 'help';
  const unknown = args.find((arg) => arg.startsWith('-') && arg !== '--dry-run');
  if (unknown !== undefined) throw new BadRequest(`${oneLine(unknown)}: is not known; see --help`);
  const [queue, ...more] = args.filter((arg) => !arg.startsWith('-'));
  if (queue === undefined || more.length > 0) throw new BadRequest('name one queue, or all; see --help');
  const ending = names.deadLetters('');
  if (queue.endsWith(ending))
    throw new BadRequest(`${oneLine(queue)}: name the queue that the messages go back to, without ${ending}`);
  return { queue, dryRun: args.includes('--dry-run') };
}

/** The SQS that the environment names, with its credentials. */
export const sqsOfEnvironment = () => new SQSClient({ maxAttempts: 3, useQueueUrlAsEndpoint: false });

/**
 * Brings dead letters back to the queue they came from: each is sent first and deleted then, so that dying in between leaves
 * a duplicate, which is harmless, and never a gap. Tells how it goes, and nothing of what the messages hold.
 * Returns whether none was left behind.
 * @throws BadRequest when there is no such queue; Error from the client
 */
export async function redrive(
  client: SQSClient,
  { queue, dryRun }: Wanted,
  tell: (line: string) => void,
): Promise<boolean> {
  const queues = queue === 'all' ? await queuesWithDeadLetters(client) : [queue];
  if (queues.length === 0) throw new BadRequest('all: there is no queue of this service here');
  let isWhole = true;
  for (const name of queues) {
    const to = await urlOf(client, name);
    const from = await urlOf(client, names.deadLetters(name));
    if (dryRun) tell(`${name}: ${await countOf(client, from)} to move`);
    else isWhole = (await redriveOne(client, { name, from, to }, tell)) && isWhole;
  }
  return isWhole;
}

async function redriveOne(
  client: SQSClient,
  { name, from, to }: { name: string; from: string; to: string },
  tell: (line: string) => void,
): Promise<boolean> {
  let moved = 0;
  const leftBehind = new Set<string>();
  for (;;) {
    const messages = await receive(client, from);
    // One that comes again was left behind before: whatever is left by now is left for good.
    if (messages.length === 0 || messages.some(({ MessageId = '' }) => leftBehind.has(MessageId))) break;
    const sent = await Promise.all(messages.map((message) => send(client, to, message)));
    const away = await remove(
      client,
      from,
      messages.filter((_, index) => sent[index]),
    );
    for (const { MessageId = '' } of messages) if (!away.has(MessageId)) leftBehind.add(MessageId);
    moved += away.size;
    tell(`${name}: ${moved} moved so far`);
  }
  tell(`${name}: ${moved} moved, ${leftBehind.size} left behind`);
  return leftBehind.size === 0;
}

async function receive(client: SQSClient, QueueUrl: string): Promise<Message[]> {
  // Waiting makes SQS ask every server it has, so that an empty answer means an empty queue.
  const command = new ReceiveMessageCommand({
    QueueUrl,
    MaxNumberOfMessages: batchSize,
    VisibilityTimeout: inHandSeconds,
    WaitTimeSeconds: 1,
    MessageAttributeNames: ['All'],
  });
  return (await client.send(command)).Messages ?? [];
}

/** Whether it was taken. Why not is told by no message of the client: it may quote what was sent. */
async function send(client: SQSClient, QueueUrl: string, { Body, MessageAttributes }: Message): Promise<boolean> {
  const command = new SendMessageCommand({ QueueUrl, MessageBody: Body, MessageAttributes });
  return client.send(command).then(
    () => true,
    () => false,
  );
}

/** The ids of those that are gone now. */
async function remove(client: SQSClient, QueueUrl: string, messages: Message[]): Promise<Set<string>> {
  if (messages.length === 0) return new Set();
  const Entries = messages.map(({ ReceiptHandle }, index) => ({ Id: String(index), ReceiptHandle }));
  const { Successful = [] } = await client
    .send(new DeleteMessageBatchCommand({ QueueUrl, Entries }))
    .catch(() => ({ Successful: [] }));
  return new Set(Successful.map(({ Id }) => messages[Number(Id)]?.MessageId ?? ''));
}

/** Every queue of this service that sets messages aside, also of a provider that is not configured any more. */
async function queuesWithDeadLetters(client: SQSClient): Promise<string[]> {
  const [prefix, ending] = [names.lane('').split('-')[0], names.deadLetters('')];
  const found: string[] = [];
  let NextToken: string | undefined;
  do {
    const answer = await client.send(
      new ListQueuesCommand({ QueueNamePrefix: `${prefix}-`, MaxResults: 1000, NextToken }),
    );
    found.push(...(answer.QueueUrls ?? []).map((url) => url.split('/').at(-1) ?? ''));
    NextToken = answer.NextToken;
  } while (NextToken !== undefined);
  return found.filter((name) => name.endsWith(ending)).map((name) => name.slice(0, -ending.length));
}

async function urlOf(client: SQSClient, QueueName: string): Promise<string> {
  try {
    return String((await client.send(new GetQueueUrlCommand({ QueueName }))).QueueUrl);
  } catch (error) {
    const isMissing = error instanceof Error && /QueueDoesNotExist|NonExistentQueue/.test(error.name);
    throw isMissing ? new BadRequest(`${oneLine(QueueName)}: there is no such queue here`) : error;
  }
}

/** As SQS counts, which is about right. */
async function countOf(client: SQSClient, QueueUrl: string): Promise<number> {
  const { Attributes } = await client.send(
    new GetQueueAttributesCommand({ QueueUrl, AttributeNames: ['ApproximateNumberOfMessages'] }),
  );
  return Number(Attributes?.ApproximateNumberOfMessages ?? 0);
}

const oneLine = (text: string) => text.replaceAll(/[\s\p{Cc}]+/gu, ' ').slice(0, 100);
