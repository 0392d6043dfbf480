import type { Server } from 'node:http';
import { closed, type Emulators, listen, startEmulators } from '../../lib/local/emulators.ts';
import { proxyTo } from './proxy.ts';

/** One thing that a function did at AWS, in the words of IAM. */
export interface RecordedCall {
  /** The function's name. */
  who: string;
  action: string;
  /** The name of the table, `table/index/name`, the queue or the secret; of a bus and a topic, what the caller named. */
  resource: string;
}

/** What stands in front of a stage's AWS services and writes down every call that a function makes. */
export interface Recorder {
  /** For the stage: where its services are. */
  variables: Record<string, string>;
  /** Each call once, in the order in which they came first. */
  calls(): RecordedCall[];
  close(): Promise<void>;
}

/** Starts the services and the recorder before them. What no function asked for, the stage itself did: that is not written down. */
export async function startRecorder(): Promise<Recorder> {
  const emulators: Emulators = await startEmulators({}, undefined);
  const seen = new Map<string, RecordedCall>();
  const proxies: Server[] = [];
  const through = async ([name, target]: [string, string]) => {
    const proxy = proxyTo(target, (operation, body, who) => {
      if (who === '') return;
      for (const { action, resource } of meantBy(operation, body)) {
        const call = { who, action, resource };
        seen.set(JSON.stringify(call), call);
      }
    });
    proxies.push(proxy);
    return [name, await listen(proxy)] as const;
  };
  const endpoints = Object.entries(emulators.endpoints) as [string, string][];
  return {
    variables: Object.fromEntries(await Promise.all(endpoints.map(through))),
    calls: () => [...seen.values()],
    async close() {
      await Promise.all(proxies.map((proxy) => closed(proxy)));
      await emulators.close();
    },
  };
}

/** What IAM is asked for a batch: the action of each of its entries. */
const batches: Readonly<Record<string, string>> = {
  SendMessageBatch: 'SendMessage',
  DeleteMessageBatch: 'DeleteMessage',
};

/**
 * The actions and resources that a request means, as IAM names them: https://docs.aws.amazon.com/service-authorization/latest/reference/
 * A request that is not known here is told as it came: nobody is granted that.
 */
export function meantBy(operation: string, body: string): Pick<RecordedCall, 'action' | 'resource'>[] {
  const [service = '', name = ''] = operation.split('.');
  // SNS speaks in forms.
  if (operation === 'undefined') {
    const form = new URLSearchParams(body);
    return [{ action: `sns:${form.get('Action')}`, resource: form.get('TopicArn') ?? '' }];
  }
  const given = JSON.parse(body || '{}');
  const at = (prefix: string, ...resources: string[]) =>
    resources.map((resource) => ({ action: `${prefix}:${batches[name] ?? name}`, resource }));
  if (service === 'DynamoDB_20120810') {
    if (given.RequestItems !== undefined) return at('dynamodb', ...Object.keys(given.RequestItems));
    return at(
      'dynamodb',
      given.IndexName === undefined ? given.TableName : `${given.TableName}/index/${given.IndexName}`,
    );
  }
  if (service === 'AmazonSQS') return at('sqs', String(given.QueueUrl).split('/').at(-1) ?? '');
  if (service === 'secretsmanager') return at('secretsmanager', given.SecretId);
  if (service === 'AWSEvents') {
    const entries = given.Entries as { EventBusName: string }[];
    return at('events', ...entries.map(({ EventBusName }) => EventBusName));
  }
  return [{ action: operation, resource: 'what nobody here can tell' }];
}
