import { randomUUID } from 'node:crypto';
import { createServer, type Server } from 'node:http';

/** One event as it was put. */
export interface PutEvent {
  bus: string;
  source: string;
  detailType: string;
  detail: unknown;
}

/** EventBridge takes entries of this size at most, all together (bytes). */
const entriesAtMost = 256 * 1024;

/**
 * EventBridge's JSON protocol, as much of it as the functions speak: PutEvents. What was put is kept, the newest thousand.
 * https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_PutEvents.html
 */
export function eventBusServer(events: PutEvent[]): Server {
  return createServer(async (request, response) => {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk);
    const [status, body] = answer(
      events,
      String(request.headers['x-amz-target']),
      Buffer.concat(chunks).toString('utf8'),
    );
    response.writeHead(status, { 'content-type': 'application/x-amz-json-1.1' }).end(JSON.stringify(body));
  });
}

type Entry = Partial<Record<'Source' | 'DetailType' | 'Detail' | 'EventBusName', string>>;

function answer(events: PutEvent[], target: string, body: string): [number, object] {
  if (target !== 'AWSEvents.PutEvents')
    return [400, { __type: 'ValidationException', message: 'The stage does not know this operation.' }];
  const { Entries = [] } = JSON.parse(body || '{}') as { Entries?: Entry[] };
  if (Buffer.byteLength(JSON.stringify(Entries)) > entriesAtMost)
    return [
      400,
      { __type: 'ValidationException', message: 'Total size of the entries in the request is over the limit.' },
    ];
  const results = Entries.map((entry) => put(events, entry));
  events.splice(0, Math.max(events.length - 1_000, 0));
  const FailedEntryCount = results.filter((result) => !('EventId' in result)).length;
  return [200, { FailedEntryCount, Entries: results }];
}

function put(events: PutEvent[], { Source, DetailType, Detail, EventBusName = 'default' }: Entry) {
  const malformed = { ErrorCode: 'MalformedDetail', ErrorMessage: 'Detail is malformed.' };
  if (!Source || !DetailType || Detail === undefined)
    return { ErrorCode: 'InvalidArgument', ErrorMessage: 'Parameter is not valid.' };
  try {
    const detail: unknown = JSON.parse(Detail);
    if (typeof detail !== 'object' || detail === null) return malformed;
    events.push({ bus: EventBusName, source: Source, detailType: DetailType, detail });
    return { EventId: randomUUID() };
  } catch {
    return malformed;
  }
}
