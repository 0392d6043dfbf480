import { randomUUID } from 'node:crypto';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { APIGatewayProxyStructuredResultV2 } from 'aws-lambda';

/** A route key and what answers it. */
export interface GatewayRoute {
  route: string;
  /** `public`: for anybody who can reach it, as it asks for a signature itself; else for somebody on this machine. */
  access?: 'public' | 'operator';
  invoke(event: unknown): Promise<unknown>;
}

/** What Lambda takes in one synchronous call (bytes); API Gateway answers 413 beyond it. */
const eventAtMost = 6 * 1024 * 1024;
/** Bodies that API Gateway hands on as text; everything else travels in base64. */
const textual = /^(text\/|application\/(json|xml|javascript|x-www-form-urlencoded)|application\/[^;]*\+(json|xml))/i;

/** Turns HTTP into API Gateway's HTTP API events (payload format 2.0) and the functions' results back into HTTP. Of routes that fit, the one with the fewest parameters has it, as there. */
export function gatewayServer(routes: GatewayRoute[]): Server {
  const parametersIn = ({ route }: GatewayRoute) => route.split('{').length;
  const matchers = routes
    .toSorted((left, right) => parametersIn(left) - parametersIn(right))
    .map((each) => ({ ...each, match: matcher(each.route) }));
  return createServer(async (request, response) => {
    try {
      const url = addressOf(request.url ?? '/');
      const found = matchers.flatMap(({ match, ...each }) => {
        const parameters = url && match(request.method ?? '', url.pathname);
        return parameters ? [{ ...each, parameters }] : [];
      })[0];
      const body = await read(request);
      if (!url || !found) return refuse(response, 404);
      if (found.access !== 'public' && isFromElsewhere(request.headers)) return refuse(response, 403);
      if (body === undefined) return refuse(response, 413);
      const event = eventOf(request, url, body, found);
      // Lambda counts the event as JSON, in which every quotation mark and line end of a text takes two.
      if (Buffer.byteLength(JSON.stringify(event)) > eventAtMost) return refuse(response, 413);
      write(response, (await found.invoke(event)) as APIGatewayProxyStructuredResultV2);
    } catch {
      if (!response.headersSent) refuse(response, 503);
    }
  });
}

/** What a request asks for; a path that begins with two slashes is a path all the same, and names no host. */
const addressOf = (target: string) => URL.parse(target.startsWith('/') ? `http://gateway${target}` : target);

/**
 * Loopback keeps other machines out, and not the pages in this one's browser: they can send anywhere, with their `origin`, and a name of
 * their own that has been turned to 127.0.0.1 lets them read the answer too, with that name as `host`.
 */
const isFromElsewhere = ({ host = '', origin }: IncomingMessage['headers']) =>
  origin !== undefined || !/^(localhost|127\.0\.0\.1|\[::1\])(:\d+)?$/i.test(host);

function matcher(route: string): (method: string, path: string) => Record<string, string> | undefined {
  const [wanted, pattern = ''] = route.split(' ');
  const expression = new RegExp(`^${pattern.replaceAll('.', '\\.').replaceAll(/\{(\w+)\}/g, '(?<$1>[^/]+)')}$`);
  return (method, path) => {
    const groups = method === wanted ? expression.exec(path) : null;
    if (!groups) return undefined;
    return Object.fromEntries(Object.entries(groups.groups ?? {}).map(([name, value]) => [name, decoded(value)]));
  };
}

function decoded(value: string): string {
  try {
    return decodeURIComponent(value);
  } catch {
    return value;
  }
}

/** The body, or undefined when it is more than any function could be given. The rest is read and dropped, so that the sender hears the answer. */
async function read(request: IncomingMessage): Promise<Buffer | undefined> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    size += chunk.length;
    if (size <= eventAtMost) chunks.push(chunk);
    if (size > 5 * eventAtMost) break;
  }
  return size > eventAtMost ? undefined : Buffer.concat(chunks);
}

function eventOf(
  request: IncomingMessage,
  url: URL,
  body: Buffer,
  { route, parameters }: { route: string; parameters: Record<string, string> },
) {
  const text = body.toString('utf8');
  const isText = textual.test(request.headers['content-type'] ?? '') && Buffer.from(text, 'utf8').equals(body);
  const headers = Object.fromEntries(
    Object.entries(request.headersDistinct).map(([name, values]) => [name, values?.join(',')]),
  );
  const hasQuery = url.searchParams.size > 0;
  return {
    version: '2.0',
    routeKey: route,
    rawPath: url.pathname,
    rawQueryString: url.search.slice(1),
    headers,
    ...(hasQuery && { queryStringParameters: Object.fromEntries(url.searchParams) }),
    ...(Object.keys(parameters).length > 0 && { pathParameters: parameters }),
    requestContext: {
      accountId: '000000000000',
      apiId: 'local',
      domainName: request.headers.host ?? 'localhost',
      domainPrefix: 'local',
      http: {
        method: request.method,
        path: url.pathname,
        protocol: `HTTP/${request.httpVersion}`,
        sourceIp: request.socket.remoteAddress,
        userAgent: request.headers['user-agent'] ?? '',
      },
      requestId: randomUUID(),
      routeKey: route,
      stage: '$default',
      time: new Date().toUTCString(),
      timeEpoch: Date.now(),
    },
    ...(body.length > 0 && { body: isText ? text : body.toString('base64') }),
    isBase64Encoded: body.length > 0 && !isText,
  };
}

function write(
  response: ServerResponse,
  { statusCode = 200, headers = {}, body = '', isBase64Encoded }: APIGatewayProxyStructuredResultV2,
): void {
  const bytes = Buffer.from(body, isBase64Encoded ? 'base64' : 'utf8');
  for (const [name, value] of Object.entries(headers)) response.setHeader(name, String(value));
  if (statusCode !== 204) response.setHeader('content-length', bytes.length);
  response.writeHead(statusCode).end(bytes);
}

const refusals = {
  403: [
    'Forbidden',
    'For requests to 127.0.0.1, localhost or [::1] alone, and none from a page in a browser: here nobody is asked to sign.',
  ],
  404: ['Not found', 'There is no such route.'],
  413: ['Content too large', 'A body may have 4 MiB; send less at a time.'],
  503: [
    'Service unavailable',
    'The function gave no answer; whether it accepted anything is not known, so send it again.',
  ],
} as const;

/** A refusal of API Gateway's own, in the form that the functions give theirs. */
function refuse(response: ServerResponse, status: keyof typeof refusals): void {
  const [title, detail] = refusals[status];
  const problem = { type: 'about:blank', title, status, detail };
  response.writeHead(status, { 'content-type': 'application/problem+json' }).end(JSON.stringify(problem));
}
