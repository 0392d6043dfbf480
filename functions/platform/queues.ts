import { SendMessageBatchCommand, SendMessageCommand, type SQSClient } from '@aws-sdk/client-sqs';
import { Unavailable } from '../revocation/errors.ts';
import { newErrand, writeErrand } from '../revocation/tell.ts';

/** The longest a queue holds a message back (ms); a longer wait is made of several. */
const delayAtMost = 900_000;
/** SQS takes ten messages and 1 MiB at a time. */
const batchAtMost = 10;
const batchSizeAtMost = 900_000;
/** Batches on their way at a time: thousands of messages, one batch after another, would outlast a request. */
const inFlightAtMost = 10;

export interface Queues {
  /** Sends all of them or throws. @throws Unavailable when not all were taken; some may have been */
  send(queueUrl: string, bodies: string[]): Promise<void>;
  /** Sends one, to be delivered after `delayMs` or the queue's limit, whichever is sooner. @throws Unavailable */
  sendLater(queueUrl: string, body: string, delayMs: number): Promise<void>;
}

/** `withinMs`: what is sent at once takes no longer, all tries together; absent, as long as the client's own. */
export function createQueues(client: SQSClient, withinMs?: number): Queues {
  return {
    async send(queueUrl, bodies) {
      const left = batches(bodies);
      const bounds = withinMs === undefined ? {} : { abortSignal: AbortSignal.timeout(withinMs) };
      // They share what is left: one that fails ends it for all, so nothing more is begun.
      const sending = Array.from({ length: inFlightAtMost }, async () => {
        for (const batch of left) {
          const Entries = batch.map((body, index) => ({ Id: String(index), MessageBody: body }));
          const { Failed = [] } = await reachable(
            client.send(new SendMessageBatchCommand({ QueueUrl: queueUrl, Entries }), bounds),
          );
          if (Failed.length > 0) throw new Unavailable('the queue did not take every message');
        }
      });
      const failed = (await Promise.allSettled(sending)).find(({ status }) => status === 'rejected');
      if (failed?.status === 'rejected') throw failed.reason;
    },
    async sendLater(queueUrl, body, delayMs) {
      const DelaySeconds = Math.ceil(Math.min(Math.max(delayMs, 0), delayAtMost) / 1000);
      await reachable(client.send(new SendMessageCommand({ QueueUrl: queueUrl, MessageBody: body, DelaySeconds })));
    },
  };
}

async function reachable<Result>(sending: Promise<Result>): Promise<Result> {
  try {
    return await sending;
  } catch {
    // The client's error can carry the request, and with it the message: it stays here.
    throw new Unavailable('the queue did not give an answer');
  }
}

function* batches(bodies: string[]): Generator<string[]> {
  let batch: string[] = [];
  let size = 0;
  for (const body of bodies) {
    const length = Buffer.byteLength(body);
    if (batch.length === batchAtMost || (batch.length > 0 && size + length > batchSizeAtMost)) {
      yield batch;
      batch = [];
      size = 0;
    }
    batch.push(body);
    size += length;
  }
  if (batch.length > 0) yield batch;
}

/** Sends for who tells of an incident; undefined where nobody is told. `now` in epoch ms. */
export const announcing = ({ send }: Queues, noticesQueue: string | undefined, now: () => number) =>
  noticesQueue === undefined
    ? undefined
    : (incident: string) => send(noticesQueue, [writeErrand(newErrand(incident, now()))]);
