import middy from '@middy/core';
import type {
  APIGatewayProxyEventV2,
  APIGatewayProxyStructuredResultV2,
  Context,
  SQSBatchResponse,
  SQSEvent,
} from 'aws-lambda';
import * as z from 'zod';
import { Misconfigured, Unavailable } from '../revocation/errors.ts';
import { incidentIdForm } from '../revocation/fingerprint.ts';
import type { FunctionName } from './env.ts';
import { createObservability } from './observability.ts';
import { nearest } from './secrets.ts';

/** A body larger than this (bytes) is not read. */
const bodyAtMost = 4 * 1024 * 1024;

/** An HTTP request, its body as the bytes that were sent and its header names in lower case. */
export interface HttpRequest {
  /** API Gateway's route key, such as `GET /incidents/{id}`. */
  route: string;
  parameters: Readonly<Record<string, string | undefined>>;
  query: Readonly<Record<string, string | undefined>>;
  headers: Readonly<Record<string, string | undefined>>;
  body: Uint8Array;
  /** Names this one request. */
  id: string;
  /** Who sent it, by the name IAM has for them; absent where nobody has to say. */
  caller?: string | undefined;
}

export interface HttpAnswer {
  status: number;
  headers?: Record<string, string>;
  /** Sent as JSON; absent, the answer is empty. */
  body?: unknown;
}

/** An answer that says what is wrong with a request and how to mend it (RFC 9457). Never repeats what was sent. */
export class Problem extends Error {
  override readonly name = 'Problem';
  readonly status: number;
  readonly title: string;
  readonly errors: { field: string; problem: string }[];

  constructor(status: number, title: string, detail: string, errors: { field: string; problem: string }[] = []) {
    super(detail);
    this.status = status;
    this.title = title;
    this.errors = errors;
  }
}

/** The JSON in a body. @throws Problem 400 */
export function readJson<Value>(body: Uint8Array, schema: z.ZodType<Value>): Value {
  let json: unknown;
  try {
    json = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(body));
  } catch {
    throw new Problem(400, 'Bad request', 'The body is not JSON in UTF-8.');
  }
  return matching(json, schema, '(body)');
}

/** A value as its schema gives it; `whole` is what it is called where no field is at fault. @throws Problem 400 naming the fields */
export function matching<Value>(value: unknown, schema: z.ZodType<Value>, whole = '(query)'): Value {
  const parsed = schema.safeParse(value);
  if (parsed.success) return parsed.data;
  throw new Problem(
    400,
    'Bad request',
    'The request does not match what this route takes; see errors.',
    fieldsOf(parsed.error, whole),
  );
}

/** The names of fields that our schemas give themselves. Any other may be the sender's own word, so a secret too. */
const ownNames = new Set([
  ...['provider', 'kind', 'account', 'secret', 'identifiers', 'exposure', 'detectedAt', 'reference', 'location'],
  ...['keyId', 'publicKey', 'clientId', 'accessKey', 'userId', 'url', 'path', 'line', 'commit'],
  ...['action', 'dryRun', 'reason', 'type', 'timestamp', 'data'],
  ...['state', 'outcome', 'since', 'limit', 'cursor'],
  ...['alert', 'html_url', 'validity', 'object_kind', 'object_attributes', 'incident', 'id', 'gitguardian_url'],
]);

/** What a schema found wrong, field by field. A name that is not our own is told as `?`. */
export function fieldsOf(error: z.ZodError, whole = '(body)'): { field: string; problem: string }[] {
  return error.issues.slice(0, 20).map((issue) => {
    const { path, message } = nearest(issue);
    const known = path.map((part) => (typeof part === 'number' || ownNames.has(String(part)) ? String(part) : '?'));
    return { field: known.join('.') || whole, problem: message };
  });
}

/** A Lambda behind API Gateway: composed on the first call, bytes in, problems out. */
export function httpFunction<Services>(
  name: FunctionName,
  compose: () => Services,
  handle: (request: HttpRequest, services: Services) => Promise<HttpAnswer>,
) {
  const services = once(compose);
  const observability = once(() => createObservability(name));
  return middy<APIGatewayProxyEventV2, APIGatewayProxyStructuredResultV2>({ timeoutEarlyInMillis: 0 })
    .onError((request) => {
      const { error } = request;
      if (!(error instanceof Problem)) observability().fault('request failed', error, namedBy(request.event));
      request.response = write(problemOf(error));
    })
    .handler(async (event: APIGatewayProxyEventV2) => write(await handle(read(event), services())));
}

/** A Lambda behind a queue: messages side by side; one that fails stays in the queue and holds back no other. */
export function queueFunction<Services>(
  name: FunctionName,
  compose: () => Services,
  handle: (body: string, services: Services, endsAt: number) => Promise<void>,
) {
  const services = once(compose);
  const observability = once(() => createObservability(name));
  return middy<SQSEvent, SQSBatchResponse>({ timeoutEarlyInMillis: 0 }).handler(
    async (event: SQSEvent, context: Context) => {
      const endsAt = Date.now() + context.getRemainingTimeInMillis();
      const failed = await Promise.all(
        event.Records.map(async ({ body, messageId }) => {
          try {
            await handle(body, services(), endsAt);
            return [];
          } catch (error) {
            observability().fault('message failed', error, { messageId, ...namedIn(body) });
            return [{ itemIdentifier: messageId }];
          }
        }),
      );
      return { batchItemFailures: failed.flat() };
    },
  );
}

/** The incident that a message is about, for the log: an id of our own form and nothing else of it. */
function namedIn(body: string): { incident?: string } {
  try {
    const { incident } = JSON.parse(body) as { incident?: unknown };
    return typeof incident === 'string' && incidentIdForm.test(incident) ? { incident } : {};
  } catch {
    return {};
  }
}

/** What a request is known by, for the log: its own id, its route, and the incident or the source in its path. */
function namedBy({ requestContext, routeKey, pathParameters }: APIGatewayProxyEventV2): Record<string, string> {
  const { id, source } = pathParameters ?? {};
  return {
    request: requestContext.requestId,
    route: routeKey,
    ...(id !== undefined && incidentIdForm.test(id) && { incident: id }),
    // Whatever a stranger puts there must not go into the log; a source's id is short and plain.
    ...(source !== undefined && /^[a-z-]{1,32}$/.test(source) && { source }),
  };
}

/** A Lambda that runs on a schedule. What fails is told, and tried again when its time comes again. */
export function scheduledFunction<Services>(
  name: FunctionName,
  compose: () => Services,
  handle: (services: Services) => Promise<void>,
) {
  const services = once(compose);
  const observability = once(() => createObservability(name));
  return middy<unknown, void>({ timeoutEarlyInMillis: 0 }).handler(async () => {
    try {
      await handle(services());
    } catch (error) {
      observability().fault('round failed', error);
      // Without what it carried: who runs the function writes down what it throws.
      throw new Error(`${name} failed`);
    }
  });
}

function once<Value>(make: () => Value): () => Value {
  let made: { value: Value } | undefined;
  return () => {
    made ??= { value: make() };
    return made.value;
  };
}

function read(event: APIGatewayProxyEventV2): HttpRequest {
  const body = Buffer.from(event.body ?? '', event.isBase64Encoded ? 'base64' : 'utf8');
  if (body.length > bodyAtMost)
    throw new Problem(413, 'Content too large', 'A body may have 4 MiB; send less at a time.');
  return {
    route: event.routeKey,
    parameters: event.pathParameters ?? {},
    query: Object.fromEntries(new URLSearchParams(event.rawQueryString)),
    headers: Object.fromEntries(Object.entries(event.headers).map(([name, value]) => [name.toLowerCase(), value])),
    body,
    id: event.requestContext.requestId,
    caller: (event.requestContext as { authorizer?: { iam?: { userArn?: string } } }).authorizer?.iam?.userArn,
  };
}

function write({ status, headers = {}, body }: HttpAnswer): APIGatewayProxyStructuredResultV2 {
  if (body === undefined) return { statusCode: status, headers };
  return {
    statusCode: status,
    headers: { 'content-type': 'application/json', ...headers },
    body: JSON.stringify(body),
  };
}

/** A schema for the body of an answer that says what is wrong: https://www.rfc-editor.org/rfc/rfc9457 */
export const problemForm = () =>
  z.strictObject({
    type: z.literal('about:blank'),
    title: z.string(),
    status: z.int().min(400).max(599),
    detail: z.string(),
    errors: z.array(z.strictObject({ field: z.string(), problem: z.string() })).optional(),
  });

function problemOf(error: unknown): HttpAnswer & { body: z.output<ReturnType<typeof problemForm>> } {
  const headers = { 'content-type': 'application/problem+json' };
  if (error instanceof Problem) {
    const { status, title, message: detail, errors } = error;
    return {
      status,
      headers,
      body: { type: 'about:blank', title, status, detail, ...(errors.length > 0 && { errors }) },
    };
  }
  const ours = error instanceof Unavailable || error instanceof Misconfigured;
  const status = ours ? 503 : 500;
  const title = ours ? 'Service unavailable' : 'Internal error';
  const detail = ours
    ? 'Nothing is promised; send the whole of it again.'
    : 'Something failed here; whether it was accepted is not known, so send it again.';
  return { status, headers, body: { type: 'about:blank', title, status, detail } };
}
