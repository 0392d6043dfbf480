import { DeleteMessageBatchCommand, type Message, ReceiveMessageCommand, type SQSClient } from '@aws-sdk/client-sqs';
import type { SQSBatchResponse } from 'aws-lambda';
import { queues } from '../../functions/manifest.ts';

/**
 * Lambda's SQS event source: hands batches to a function, deletes what it did not name as failed, and leaves the rest to
 * the queue, which shows it again when the visibility timeout is over, or sets it aside after too many tries.
 */
export function startPump({
  client,
  queueUrl,
  invoke,
}: {
  client: SQSClient;
  queueUrl: string;
  invoke(event: unknown): Promise<unknown>;
}) {
  const stopping = new AbortController();
  const inHand = new Set<Promise<void>>();

  async function deliver(messages: Message[]): Promise<void> {
    let failed: Set<string>;
    try {
      const response = (await invoke({
        Records: messages.map((message) => recordOf(message, queueUrl)),
      })) as SQSBatchResponse | null;
      failed = new Set(response?.batchItemFailures.map(({ itemIdentifier }) => itemIdentifier));
    } catch {
      return; // The function died or failed whole: nothing was handled, every message comes again.
    }
    const Entries = messages
      .filter(({ MessageId = '' }) => !failed.has(MessageId))
      .map(({ ReceiptHandle = '' }, index) => ({ Id: String(index), ReceiptHandle }));
    if (Entries.length > 0)
      await client.send(new DeleteMessageBatchCommand({ QueueUrl: queueUrl, Entries })).catch(() => {});
  }

  async function poll(): Promise<void> {
    while (!stopping.signal.aborted) {
      if (inHand.size >= queues.concurrency) await Promise.race(inHand);
      const messages = await receive();
      if (messages.length === 0) continue;
      const delivery = deliver(messages).finally(() => inHand.delete(delivery));
      inHand.add(delivery);
    }
  }

  async function receive(): Promise<Message[]> {
    const command = new ReceiveMessageCommand({
      QueueUrl: queueUrl,
      MaxNumberOfMessages: queues.batchSize,
      WaitTimeSeconds: 5,
      MessageSystemAttributeNames: ['All'],
    });
    try {
      return (await client.send(command, { abortSignal: stopping.signal })).Messages ?? [];
    } catch {
      if (!stopping.signal.aborted) await new Promise((resolve) => setTimeout(resolve, 500));
      return [];
    }
  }

  const polling = poll();
  return {
    /** Takes no more, and waits for what is in hand. */
    async stop(): Promise<void> {
      stopping.abort();
      await polling;
      await Promise.all(inHand);
    },
  };
}

const recordOf = ({ MessageId = '', ReceiptHandle = '', Body = '', Attributes = {} }: Message, queueUrl: string) => ({
  messageId: MessageId,
  receiptHandle: ReceiptHandle,
  body: Body,
  attributes: Attributes,
  messageAttributes: {},
  eventSource: 'aws:sqs',
  eventSourceARN: `arn:aws:sqs:us-east-1:000000000000:${queueUrl.split('/').at(-1)}`,
  awsRegion: 'us-east-1',
});
