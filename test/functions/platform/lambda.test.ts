import type { APIGatewayProxyEventV2, Context, SQSEvent } from 'aws-lambda';
import { describe, expect, test } from 'vitest';
import * as z from 'zod';
import {
  fieldsOf,
  type HttpAnswer,
  type HttpRequest,
  httpFunction,
  matching,
  Problem,
  queueFunction,
  readJson,
} from '../../../functions/platform/lambda.ts';
import { Misconfigured, Refused, Unavailable } from '../../../functions/revocation/errors.ts';
import { gitguardian } from '../../../functions/sources/gitguardian.ts';
import { github } from '../../../functions/sources/github.ts';
import { gitlab } from '../../../functions/sources/gitlab.ts';

const canary = 'canary5e7a11ed';
const context = { awsRequestId: 'request-1', getRemainingTimeInMillis: () => 5_000 } as Context;

function eventOf(given: Partial<APIGatewayProxyEventV2> = {}): APIGatewayProxyEventV2 {
  return {
    version: '2.0',
    routeKey: 'POST /sources/{source}',
    rawPath: '/sources/standard',
    rawQueryString: '',
    headers: {},
    isBase64Encoded: false,
    requestContext: { requestId: 'delivery-1' } as APIGatewayProxyEventV2['requestContext'],
    ...given,
  };
}

/** Calls an HTTP function with one event, as Lambda would. */
function called(
  handle: (request: HttpRequest, services: object) => Promise<HttpAnswer>,
  given: Partial<APIGatewayProxyEventV2> = {},
) {
  return httpFunction('receive-alert', () => ({}), handle)(eventOf(given), context);
}

/** The request that a function is given for an event. */
async function requestOf(given: Partial<APIGatewayProxyEventV2>): Promise<HttpRequest> {
  const requests: HttpRequest[] = [];
  await called(async (request) => {
    requests.push(request);
    return { status: 204 };
  }, given);
  const [request] = requests;
  if (!request) throw new Error('the function was not called');
  return request;
}

const failing = (error: unknown) => async (): Promise<HttpAnswer> => {
  throw error;
};
const problemOf = (body: string | undefined) => JSON.parse(body ?? '') as Record<string, unknown>;

describe('a request', () => {
  test('has its route, parameters, query, id, and headers by lower-case name', async () => {
    const request = await requestOf({
      pathParameters: { source: 'standard' },
      rawQueryString: 'state=closed&since=2026-11-20T12%3A00%3A00%2B01%3A00&empty=',
      headers: { 'Webhook-ID': 'msg_1', PREFER: 'wait=5' },
    });
    expect(request).toMatchObject({
      route: 'POST /sources/{source}',
      parameters: { source: 'standard' },
      query: { state: 'closed', since: '2026-11-20T12:00:00+01:00', empty: '' },
      headers: { 'webhook-id': 'msg_1', prefer: 'wait=5' },
      id: 'delivery-1',
    });
  });

  test('may have no parameters, query, headers or body', async () => {
    const request = await requestOf({});
    expect(request).toMatchObject({ parameters: {}, query: {}, headers: {} });
    expect(request.body).toHaveLength(0);
  });

  test('has every byte of a body that came in base64', async () => {
    const bytes = Uint8Array.from({ length: 1024 }, (_, index) => index % 256);
    const { body } = await requestOf({ body: Buffer.from(bytes).toString('base64'), isBase64Encoded: true });
    expect(Buffer.from(body).equals(bytes)).toBe(true);
  });

  test('has the same bytes whether its body came as text or in base64', async () => {
    const text = '{"path":"schlüssel/漢字/😀","nul":"\u0000"}\r\n';
    const asText = await requestOf({ body: text });
    const inBase64 = await requestOf({ body: Buffer.from(text).toString('base64'), isBase64Encoded: true });
    for (const { body } of [asText, inBase64]) expect(Buffer.from(body).equals(Buffer.from(text))).toBe(true);
  });

  test.each([
    ['as text', false, 'x'],
    ['in base64', true, 'x'],
    ['in letters of three bytes', false, '漢'],
  ])('may have a body of 4 MiB and no byte more: %s', async (_, isBase64Encoded, letter) => {
    const size = 4 * 1024 * 1024;
    const bodyOf = (bytes: number) => {
      const text = letter.repeat(Math.floor(bytes / Buffer.byteLength(letter))).padEnd(0);
      const padded = text + 'x'.repeat(bytes - Buffer.byteLength(text));
      return isBase64Encoded ? Buffer.from(padded).toString('base64') : padded;
    };
    expect((await requestOf({ body: bodyOf(size), isBase64Encoded })).body).toHaveLength(size);
    const calls: HttpRequest[] = [];
    const refused = await called(
      async (request) => {
        calls.push(request);
        return { status: 202 };
      },
      { body: bodyOf(size + 1), isBase64Encoded },
    );
    expect(calls).toEqual([]);
    expect(refused).toMatchObject({ statusCode: 413, headers: { 'content-type': 'application/problem+json' } });
    expect(problemOf(refused.body)).toEqual({
      type: 'about:blank',
      title: 'Content too large',
      status: 413,
      detail: 'A body may have 4 MiB; send less at a time.',
    });
  });
});

describe('an answer', () => {
  test('with a body is JSON', async () => {
    expect(await called(async () => ({ status: 202, body: { incidents: [] }, headers: { location: '/x' } }))).toEqual({
      statusCode: 202,
      headers: { 'content-type': 'application/json', location: '/x' },
      body: '{"incidents":[]}',
    });
  });

  test.each([204, 401, 404])('without a body is empty: %i', async (status) => {
    const answer = await called(async () => ({ status }));
    expect(answer.statusCode).toBe(status);
    expect(answer.body ?? '').toBe('');
    expect(Object.keys(answer.headers ?? {})).toEqual([]);
  });
});

describe('a problem', () => {
  test('says what is wrong, in the form of RFC 9457', async () => {
    const errors = [{ field: 'provider', problem: 'is not one of datadog' }];
    const answer = await called(failing(new Problem(400, 'Bad request', 'See errors.', errors)));
    expect(answer).toMatchObject({ statusCode: 400, headers: { 'content-type': 'application/problem+json' } });
    expect(problemOf(answer.body)).toEqual({
      type: 'about:blank',
      title: 'Bad request',
      status: 400,
      detail: 'See errors.',
      errors,
    });
  });

  test.each([
    [
      'a queue or key service that gives no answer',
      new Unavailable(canary),
      503,
      'Nothing is promised; send the whole of it again.',
    ],
    [
      'a secret of ours that is wrong',
      new Misconfigured(canary),
      503,
      'Nothing is promised; send the whole of it again.',
    ],
    [
      'a fault that nobody foresaw',
      new Error(canary, { cause: canary }),
      500,
      'Something failed here; whether it was accepted is not known, so send it again.',
    ],
    [
      'a refusal that does not belong here',
      new Refused(canary),
      500,
      'Something failed here; whether it was accepted is not known, so send it again.',
    ],
    [
      'something thrown that is no error',
      canary,
      500,
      'Something failed here; whether it was accepted is not known, so send it again.',
    ],
  ])('says nothing about %s but whether to send again', async (_, error, status, detail) => {
    const answer = await called(failing(error), { body: canary, headers: { [canary]: canary } });
    expect(answer).toMatchObject({ statusCode: status, headers: { 'content-type': 'application/problem+json' } });
    expect(problemOf(answer.body)).toMatchObject({ type: 'about:blank', status, detail });
    expect(JSON.stringify(answer)).not.toContain(canary);
  });

  test.each([
    ['what it needs is misconfigured', new Misconfigured(canary), 503],
    ['what it needs fails', new Error(canary), 500],
  ])('is the answer, too, of a function that cannot begin because %s', async (_, error, status) => {
    const handler = httpFunction(
      'receive-alert',
      (): object => {
        throw error;
      },
      async () => ({ status: 202 }),
    );
    const answer = await handler(eventOf({ body: canary }), context);
    expect(answer).toMatchObject({ statusCode: status, headers: { 'content-type': 'application/problem+json' } });
    expect(JSON.stringify(answer)).not.toContain(canary);
  });
});

describe('what does not match its schema', () => {
  const schema = z.strictObject({
    provider: z.string().regex(/^[a-z]+$/, 'must be a provider id'),
    location: z.strictObject({ line: z.int() }).optional(),
    names: z.record(z.string().regex(/^[a-z]+$/), z.string()).optional(),
    data: z.array(z.int()).optional(),
    identifiers: z.union([z.record(z.string(), z.int()), z.null()]).optional(),
  });
  const answered = async (body: unknown) => {
    const bytes = body instanceof Uint8Array ? body : new TextEncoder().encode(JSON.stringify(body));
    const event = { body: Buffer.from(bytes).toString('base64'), isBase64Encoded: true };
    return called(async (request) => ({ status: 200, body: readJson(request.body, schema) }), event);
  };
  const errorsOf = async (body: unknown) => problemOf((await answered(body)).body).errors;

  test('is answered 400 with the fields and what they must be', async () => {
    expect((await answered({ provider: 'acme' })).statusCode).toBe(200);
    expect((await answered({ provider: 'A' })).statusCode).toBe(400);
    expect(await errorsOf({ provider: 'A', location: { line: 'x' }, data: [1, 'x'] })).toEqual([
      { field: 'provider', problem: 'must be a provider id' },
      { field: 'location.line', problem: 'must be a number' },
      { field: 'data.1', problem: 'must be a number' },
    ]);
  });

  test.each([
    ['a wrong value', { provider: `${canary}!` }],
    ['a wrong type', { provider: { [canary]: canary } }],
    ['a field nobody knows', { provider: 'acme', [canary]: canary }],
    ['a field nobody knows, deeper', { provider: 'acme', location: { line: 1, [canary]: canary } }],
    ['a name that cannot be one', { provider: 'acme', names: { [`${canary}-${canary}`]: canary } }],
    ['a value under a name that could be a secret', { provider: 'acme', names: { [canary.repeat(2)]: 7 } }],
    ['a text', canary],
    ['bytes that are not UTF-8', new Uint8Array([0x22, 0xff, 0x22])],
    ['no JSON', new TextEncoder().encode(`{"provider":"${canary}"`)],
    ['nothing', new Uint8Array()],
  ])('is never repeated in the answer: %s', async (_, body) => {
    const answer = await answered(body);
    expect(answer).toMatchObject({ statusCode: 400, headers: { 'content-type': 'application/problem+json' } });
    expect(JSON.stringify(answer)).not.toContain(canary);
  });

  test('is told by the names that our schemas give, and by no other, whatever its form', async () => {
    for (const word of ['hunter', 'MyHunterTwo', '12345678', 'constructor']) {
      expect(await errorsOf({ provider: 'acme', identifiers: { [word]: 'x' } }), word).toEqual([
        { field: 'identifiers.?', problem: 'must be a number' },
      ]);
    }
    expect(await errorsOf({ provider: 'acme', names: { hunter: 7 } })).toEqual([
      { field: '?.?', problem: 'must be text' },
    ]);
    expect(await errorsOf({ provider: 'acme', identifiers: { keyId: 'x' } })).toEqual([
      { field: 'identifiers.keyId', problem: 'must be a number' },
    ]);
  });

  test('names a field that is not known by its place alone, beside those that are', async () => {
    expect(await errorsOf({ provider: 'acme', [canary]: 1 })).toEqual([
      {
        field: '(body)',
        problem: 'has a field that is not known here; known are provider, location, names, data, identifiers',
      },
    ]);
    expect(await errorsOf({ provider: 'acme', location: { line: 1, [canary]: 1 } })).toEqual([
      { field: 'location', problem: 'has a field that is not known here; known are line' },
    ]);
  });

  test('is told of the query where it stands there', () => {
    const query = z.strictObject({ limit: z.string().optional() });
    const errors = [{ field: '(query)', problem: 'has a field that is not known here; known are limit' }];
    expect(() => matching({ [canary]: '1' }, query)).toThrow(expect.objectContaining({ errors }));
  });

  test('is told in twenty errors at most', () => {
    const { error } = z.array(z.int()).safeParse(Array.from({ length: 100 }, () => 'x'));
    expect(error && fieldsOf(error)).toHaveLength(20);
  });

  const page = 'https://github.com/acme/checkout/security/secret-scanning/1';
  const triggered = { action: 'incident_triggered', incident: { id: 1 } };
  test.each([
    ['github', { action: 7 }, 'action'],
    ['github', { action: 'created', alert: canary }, 'alert'],
    ['github', { action: 'created', alert: { html_url: canary } }, 'alert.html_url'],
    ['github', { action: 'created', alert: { html_url: page, validity: 7 } }, 'alert.validity'],
    ['gitlab', { [canary]: canary }, 'object_kind'],
    ['gitlab', { object_kind: 'vulnerability', object_attributes: canary }, 'object_attributes'],
    ['gitguardian', { ...triggered, incident: { id: canary } }, 'incident.id'],
    ['gitguardian', { ...triggered, incident: { id: 1, gitguardian_url: canary } }, 'incident.gitguardian_url'],
  ] as const)('is named in what %s sends: %o', (source, json, field) => {
    const delivery = { body: Buffer.from(JSON.stringify(json)), now: Date.now() };
    const headers = { 'x-github-event': 'secret_scanning_alert' };
    const reading = {
      github: () =>
        github.read({ ...delivery, headers, config: github.config.parse({ webhookSecrets: ['s'], token: 't' }) }),
      gitlab: () => gitlab.read({ ...delivery, headers, config: gitlab.config.parse({ webhookTokens: ['t'] }) }),
      gitguardian: () =>
        gitguardian.read({
          ...delivery,
          headers,
          config: gitguardian.config.parse({ signatureTokens: ['a token'], token: 't' }),
        }),
    }[source]();
    const told = reading.is === 'malformed' ? fieldsOf(reading.error) : [];
    expect(told).toMatchObject([{ field }]);
    expect(JSON.stringify(told)).not.toContain(canary);
  });

  test('is a problem for whoever asks', () => {
    expect(matching('7', z.string())).toBe('7');
    expect(() => matching(7, z.string())).toThrow(Problem);
  });
});

describe('services', () => {
  test('are made on the first call, once, however many come at the same time', async () => {
    let made = 0;
    const handler = httpFunction(
      'receive-alert',
      () => {
        made += 1;
        return { made };
      },
      async (_, services) => ({ status: 200, body: services }),
    );
    expect(made).toBe(0);
    const answers = await Promise.all(Array.from({ length: 10 }, () => handler(eventOf(), context)));
    expect([made, new Set(answers.map(({ body }) => body))]).toEqual([1, new Set(['{"made":1}'])]);
  });

  test('are tried again on the next call when they could not be made', async () => {
    let repaired = false;
    const handler = httpFunction(
      'receive-alert',
      () => {
        if (!repaired) throw new Misconfigured('secret x does not exist');
        return {};
      },
      async () => ({ status: 200, body: {} }),
    );
    expect((await handler(eventOf(), context)).statusCode).toBe(503);
    repaired = true;
    expect((await handler(eventOf(), context)).statusCode).toBe(200);
  });
});

describe('a batch of messages', () => {
  const batch = (...bodies: string[]): SQSEvent => ({
    Records: bodies.map((body, index) => ({ messageId: `id-${index}`, body }) as SQSEvent['Records'][number]),
  });

  test('is handled whole, each message once, with the time that is left', async () => {
    const seen: string[] = [];
    const left: number[] = [];
    const before = Date.now();
    const handler = queueFunction(
      'resolve-alert',
      () => ({}),
      async (body, _, endsAt) => {
        seen.push(body);
        left.push(endsAt);
      },
    );
    expect(await handler(batch('a', 'b', 'ä😀'), context)).toEqual({ batchItemFailures: [] });
    expect(seen.sort()).toEqual(['a', 'b', 'ä😀'].sort());
    for (const endsAt of left) {
      expect(endsAt).toBeGreaterThanOrEqual(before + 5_000);
      expect(endsAt).toBeLessThanOrEqual(Date.now() + 5_000);
    }
  });

  test('leaves in the queue what failed, and nothing else', async () => {
    const handler = queueFunction(
      'resolve-alert',
      () => ({}),
      async (body) => {
        if (body.startsWith('bad')) throw new Error(canary);
      },
    );
    const answer = await handler(batch('good', 'bad 1', 'good', 'bad 2'), context);
    expect(answer).toEqual({ batchItemFailures: [{ itemIdentifier: 'id-1' }, { itemIdentifier: 'id-3' }] });
  });

  test('leaves in the queue what failed before it could begin, and holds back no other', async () => {
    const handler = queueFunction(
      'resolve-alert',
      () => ({}),
      (body) => {
        if (body === 'bad') throw new Error(canary);
        return Promise.resolve();
      },
    );
    expect(await handler(batch('bad', 'good'), context)).toEqual({ batchItemFailures: [{ itemIdentifier: 'id-0' }] });
  });

  test('is handled side by side: one that waits holds back no other', async () => {
    const open: { go(): void } = { go: () => {} };
    const gate = new Promise<void>((resolve) => {
      open.go = resolve;
    });
    const order: string[] = [];
    const handler = queueFunction(
      'resolve-alert',
      () => ({}),
      async (body) => {
        if (body === 'first') await gate;
        order.push(body);
        open.go();
      },
    );
    await handler(batch('first', 'second'), context);
    expect(order).toEqual(['second', 'first']);
  });

  test('stays in the queue whole when the function cannot begin', async () => {
    const handler = queueFunction(
      'resolve-alert',
      (): object => {
        throw new Misconfigured(canary);
      },
      async () => {},
    );
    expect(await handler(batch('a', 'b'), context)).toEqual({
      batchItemFailures: [{ itemIdentifier: 'id-0' }, { itemIdentifier: 'id-1' }],
    });
  });
});
