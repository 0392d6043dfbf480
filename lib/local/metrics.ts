import type { Server } from 'node:http';
import { Writable } from 'node:stream';
import type { SQSClient } from '@aws-sdk/client-sqs';
import type { FunctionHost } from './function-host.ts';

/** One value of one metric. */
export interface Datum {
  namespace: string;
  name: string;
  dimensions: Readonly<Record<string, string>>;
  value: number;
  /** Epoch ms, by the collector's own clock: whoever injects one says what time it is. */
  at: number;
}

/** The name that the one HTTP API of this machine has among metrics. */
export const localApi = 'local';

/** A message as the queue emulator shows it to who only looks. */
interface Message {
  /** Epoch ms. */
  sentTimestamp: number;
}
interface Inspected {
  messages: { ready: Message[]; delayed: Message[]; inflight: { message: Message }[] };
}

/** What CloudWatch would know of a stage: what its functions tell, and what AWS tells of queues, functions and the API. */
export class LocalMetrics {
  readonly data: Datum[] = [];
  /** Where functions write their logs; all of it is passed on to `logs`, if there is one. */
  readonly lines: Writable;
  readonly #now: () => number;

  constructor({ now, logs }: { now: () => number; logs?: Writable | undefined }) {
    this.#now = now;
    this.lines = new Writable({
      write: (chunk: Buffer, _encoding, done) => {
        this.take(chunk.toString('utf8'));
        if (logs === undefined) done();
        else logs.write(chunk, () => done());
      },
    });
  }

  put(namespace: string, name: string, dimensions: Record<string, string>, value: number): void {
    this.data.push({ namespace, name, dimensions, value, at: this.#now() });
  }

  /** Takes what a function has written: whole lines, of which those in the embedded metric format count. */
  take(text: string): void {
    for (const line of text.split('\n'))
      for (const datum of measuredIn(line)) this.data.push({ ...datum, at: this.#now() });
  }

  /** A function whose invocations and errors are counted, as Lambda does. */
  measured(functionName: string, host: FunctionHost): FunctionHost {
    const own = { FunctionName: functionName };
    return {
      ...host,
      invoke: async (event) => {
        this.put('AWS/Lambda', 'Invocations', own, 1);
        try {
          return await host.invoke(event);
        } catch (error) {
          this.put('AWS/Lambda', 'Errors', own, 1);
          throw error;
        }
      },
    };
  }

  /** Counts requests and what they are answered with, as API Gateway does. */
  watchGateway(gateway: Server): void {
    gateway.on('request', (_, response) => {
      response.on('finish', () => {
        this.put('AWS/ApiGateway', 'Count', { ApiId: localApi }, 1);
        const { statusCode } = response;
        this.put('AWS/ApiGateway', '4xx', { ApiId: localApi }, statusCode >= 400 && statusCode < 500 ? 1 : 0);
        this.put('AWS/ApiGateway', '5xx', { ApiId: localApi }, statusCode >= 500 ? 1 : 0);
      });
    });
  }

  /** Looks at queues of the stage's own emulator as SQS does each minute: how many messages there are, and how old the oldest is. */
  async sampleQueues(sqs: SQSClient, queues: readonly string[]): Promise<void> {
    const endpoint = await sqs.config.endpoint?.();
    if (endpoint === undefined) throw new Error('the queues are not on this machine');
    const origin = `${endpoint.protocol}//${endpoint.hostname}:${endpoint.port}`;
    for (const QueueName of queues) {
      const response = await fetch(`${origin}/_fauxqs/queues/${QueueName}`);
      if (!response.ok) throw new Error(`there is no queue ${QueueName}`);
      const { ready, delayed, inflight } = ((await response.json()) as Inspected).messages;
      const all = [...ready, ...delayed, ...inflight.map(({ message }) => message)];
      this.sampleQueue(
        QueueName,
        all.map(({ sentTimestamp }) => sentTimestamp),
        ready.length,
      );
    }
  }

  /** What SQS tells of a queue whose messages were sent at `sent` (epoch ms), and of which so many may be received now. */
  sampleQueue(QueueName: string, sent: readonly number[], visible: number): void {
    const oldest = sent.length === 0 ? 0 : this.#now() - Math.min(...sent);
    this.put('AWS/SQS', 'ApproximateNumberOfMessagesVisible', { QueueName }, visible);
    this.put('AWS/SQS', 'ApproximateAgeOfOldestMessage', { QueueName }, Math.max(0, Math.floor(oldest / 1000)));
  }
}

interface EmbeddedMetrics {
  _aws: {
    CloudWatchMetrics: { Namespace: string; Dimensions: string[][]; Metrics: { Name: string }[] }[];
  };
  [field: string]: unknown;
}

/** The values in one line: https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html */
function measuredIn(line: string): Omit<Datum, 'at'>[] {
  if (!line.includes('"CloudWatchMetrics"')) return [];
  const fields = JSON.parse(line) as EmbeddedMetrics;
  return fields._aws.CloudWatchMetrics.flatMap(({ Namespace, Dimensions, Metrics }) =>
    Dimensions.flatMap((names) =>
      Metrics.flatMap(({ Name }) =>
        [fields[Name]].flat().map((value) => ({
          namespace: Namespace,
          name: Name,
          dimensions: Object.fromEntries(names.map((each) => [each, String(fields[each])])),
          value: Number(value),
        })),
      ),
    ),
  );
}
