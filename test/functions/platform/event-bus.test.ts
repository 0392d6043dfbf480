import type { Server } from 'node:http';
import { createServer } from 'node:http';
import { EventBridgeClient } from '@aws-sdk/client-eventbridge';
import { SNSClient } from '@aws-sdk/client-sns';
import { afterEach, describe, expect, test } from 'vitest';
import { createEventBus } from '../../../functions/platform/event-bus.ts';
import { createTopic } from '../../../functions/platform/topic.ts';
import { Refused, Unavailable } from '../../../functions/revocation/errors.ts';
import { closed, listen } from '../../../lib/local/emulators.ts';
import { eventBusServer, type PutEvent } from '../../../lib/local/event-bus.ts';
import { type Publication, topicServer } from '../../../lib/local/topic.ts';

const servers: Server[] = [];
afterEach(async () => void (await Promise.all(servers.splice(0).map((server) => closed(server)))));
const serve = async (server: Server) => {
  servers.push(server);
  const credentials = { accessKeyId: 'test', secretAccessKey: 'test' };
  return { endpoint: await listen(server), region: 'us-east-1', credentials, maxAttempts: 1 };
};
const answering = (status: number, body: string) =>
  createServer((request, response) => {
    request.resume();
    response.writeHead(status, { 'content-type': body.startsWith('{') ? 'application/x-amz-json-1.1' : 'text/xml' });
    response.end(body);
  });
const event = { source: 'leakstop', detailType: 'leakstop.incident', detail: { canary: 'canary-5e7a11ed' } };
const message = { subject: 'A key', text: 'is dead, canary-5e7a11ed' };
const arn = 'arn:aws:sns:us-east-1:111122223333:alarms';

async function faultOf(act: Promise<unknown>): Promise<unknown> {
  const thrown = await act.then(
    () => undefined,
    (error) => error,
  );
  expect(String(thrown)).not.toContain('canary');
  return thrown;
}

describe('the event bus', () => {
  test('gets an event whole', async () => {
    const events: PutEvent[] = [];
    await createEventBus(new EventBridgeClient(await serve(eventBusServer(events))), 'security').put(event);
    expect(events).toEqual([{ bus: 'security', ...event }]);
  });

  test.each<[string, number, object, typeof Refused | typeof Unavailable]>([
    ['refuses by its answer', 400, { __type: 'AccessDeniedException', message: 'canary' }, Refused],
    ['is not there', 400, { __type: 'ResourceNotFoundException', message: 'canary' }, Refused],
    ['is broken', 500, { __type: 'InternalException', message: 'canary' }, Unavailable],
    [
      'did not take the one event',
      200,
      { FailedEntryCount: 1, Entries: [{ ErrorCode: 'ThrottlingException' }] },
      Unavailable,
    ],
    [
      'may not take the one event',
      200,
      { FailedEntryCount: 1, Entries: [{ ErrorCode: 'NotAuthorizedForSourceException' }] },
      Refused,
    ],
    ['says nothing of the event', 200, {}, Unavailable],
  ])('that %s is told by what helps', async (_, status, body, fault) => {
    const client = new EventBridgeClient(await serve(answering(status, JSON.stringify(body))));
    expect(await faultOf(createEventBus(client, 'default').put(event))).toBeInstanceOf(fault);
  });
});

describe('a topic', () => {
  test('gets a message whole', async () => {
    const publications: Publication[] = [];
    await createTopic(new SNSClient(await serve(topicServer(publications))), arn).publish(message);
    expect(publications).toEqual([{ topic: arn, ...message }]);
  });

  test.each([
    ['AuthorizationError', 403, Refused],
    ['NotFound', 404, Refused],
    ['InternalError', 500, Unavailable],
    ['Throttled', 429, Unavailable],
  ] as const)('that answers %s is told by what helps', async (code, status, fault) => {
    const body = `<ErrorResponse xmlns="http://sns.amazonaws.com/doc/2010-03-31/"><Error><Type>Sender</Type><Code>${code}</Code><Message>canary</Message></Error></ErrorResponse>`;
    const client = new SNSClient(await serve(answering(status, body)));
    expect(await faultOf(createTopic(client, arn).publish(message))).toBeInstanceOf(fault);
  });
});
