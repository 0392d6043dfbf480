import * as z from 'zod';

type Json = Record<string, unknown>;
export interface Parameter {
  name: string;
  in: 'path' | 'query' | 'header';
  required: boolean;
  description?: string;
  schema: Json;
}
export interface Operation {
  operationId: string;
  tags: string[];
  summary: string;
  parameters?: Parameter[];
  requestBody?: { required: boolean; content: Record<string, { schema?: Json }> };
  responses: Record<string, { description: string; headers?: Json; content?: Record<string, { schema: Json }> }>;
  security: Record<string, string[]>[];
}
/** What of an OpenAPI document is read here. */
export interface Document {
  openapi: string;
  info: { title: string; version: string };
  tags: { name: string }[];
  paths: Record<string, Record<string, Operation>>;
  components: { schemas: Record<string, Json>; securitySchemes: Record<string, Json> };
}

/** Route keys as API Gateway writes them, and what the document says of each. */
export const operationsIn = ({ paths }: Document): [route: string, operation: Operation][] =>
  Object.entries(paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, operation]): [string, Operation] => [
      `${method.toUpperCase()} ${path}`,
      operation,
    ]),
  );

/** What the address in a `$ref` stands for; undefined where there is nothing. */
export function lookedUp(document: Document, address: string): unknown {
  const parts = address.startsWith('#/') ? address.slice(2).split('/') : [];
  return parts.reduce<unknown>(
    (value, part) => (value as Json | undefined)?.[part],
    parts.length > 0 ? document : undefined,
  );
}

/** Every `$ref` in a value. */
export function referencesIn(value: unknown): string[] {
  if (value === null || typeof value !== 'object') return [];
  return Object.entries(value).flatMap(([key, inner]) =>
    key === '$ref' && typeof inner === 'string' ? [inner] : referencesIn(inner),
  );
}

/** A schema of the document as one that values can be held to. */
export function schemaOf(document: Document, schema: unknown): z.ZodType {
  const whole = (part: unknown): unknown => {
    if (part === null || typeof part !== 'object') return part;
    if (Array.isArray(part)) return part.map(whole);
    const { $ref } = part as { $ref?: string };
    if ($ref !== undefined) return whole(lookedUp(document, $ref));
    return Object.fromEntries(Object.entries(part).map(([key, inner]) => [key, whole(inner)]));
  };
  return z.fromJSONSchema(whole(schema) as Parameters<typeof z.fromJSONSchema>[0]);
}

/** What is wrong with an answer, by what the document says of its route; nothing, if it is as it is said. */
export function flawsIn(
  document: Document,
  route: string,
  { status, type, body }: { status: number; type: string | null; body: unknown },
): string[] {
  const operation = operationsIn(document).find(([each]) => each === route)?.[1];
  if (!operation) return [`${route} is not described`];
  const response = operation.responses[status];
  if (!response) return [`${route} may not answer ${status}`];
  if (!response.content) return body === undefined ? [] : [`${route} ${status} should be empty`];
  const content = response.content[type ?? ''];
  if (!content) return [`${route} ${status} may not be ${type}`];
  const { error } = schemaOf(document, content.schema).safeParse(body);
  return (error?.issues ?? []).map(({ path, message }) => `${route} ${status} ${path.join('.')}: ${message}`);
}
