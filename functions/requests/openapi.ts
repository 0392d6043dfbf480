import * as z from 'zod';
import { formats } from '../reports/index.ts';
import { incidentIdForm } from '../revocation/fingerprint.ts';
import { secretText, secretValue } from '../revocation/secret.ts';
import { forms } from './forms.ts';
import { query } from './incidents.ts';
import { type Answer, type Operation, operationsOf } from './operations.ts';
import type { Route } from './services.ts';

/** The package's. */
const version = '0.1.0';

/**
 * `GET /openapi.json`: all routes, in OpenAPI (https://spec.openapis.org/oas/v3.1.1.html), from the schemas that requests are read with and
 * answers are held to. Made anew each time: it is asked for seldom, and nothing of it is there before.
 */
export const getOpenApi: Route = async (_, { sources }) => ({ status: 200, body: documentOf(sources) });

const about = `Turns a leak alert into a dead API key: once, provably. Deployed, the operators' routes ask for IAM authorization (SigV4, \
\`execute-api:Invoke\`); the local stage asks for none, and listens on loopback only. Sources sign in their own ways.`;

function documentOf(sources: readonly string[]) {
  const { asked, answered } = forms();
  const paths: Record<string, Record<string, object>> = {};
  for (const [route, operation] of Object.entries(operationsOf(sources, Object.keys(formats)))) {
    const [method = '', path = ''] = route.split(' ');
    paths[path] = { ...paths[path], [method.toLowerCase()]: described(operation, path) };
  }
  return {
    openapi: '3.1.1',
    info: {
      title: 'Leakstop',
      description: about,
      version,
      license: { name: 'Apache License 2.0', identifier: 'Apache-2.0' },
    },
    tags: [
      { name: 'operators', description: 'Requests of people and their scripts.' },
      { name: 'sources', description: 'Alerts of those who find leaked keys.' },
    ],
    paths,
    components: {
      schemas: { ...schemasOf(asked, 'input'), ...schemasOf(answered, 'output') },
      securitySchemes: {
        sigv4: {
          type: 'apiKey',
          name: 'Authorization',
          in: 'header',
          description: 'AWS Signature Version 4, of the service execute-api. The local stage asks for none.',
          'x-amazon-apigateway-authtype': 'awsSigv4',
        },
      },
    },
  };
}

function described({ id, summary, description, hasQuery, body, answers, ...operation }: Operation, path: string) {
  const isSource = path.startsWith('/sources/');
  const parameters = [...inPath(path, operation.path), ...inHeaders(operation.headers), ...(hasQuery ? inQuery() : [])];
  return {
    operationId: id,
    tags: [isSource ? 'sources' : 'operators'],
    summary,
    ...(description !== undefined && { description }),
    ...(parameters.length > 0 && { parameters }),
    ...(body !== undefined && {
      requestBody: {
        description: body.description,
        required: body.isRequired,
        content: Object.fromEntries(
          Object.entries(body.content).map(([type, form]) => [type, form === undefined ? {} : { schema: named(form) }]),
        ),
      },
    }),
    responses: Object.fromEntries(Object.entries(answers).map(([status, answer]) => [status, responseOf(answer)])),
    security: isSource ? [] : [{ sigv4: [] }],
  };
}

const named = (form: string) => ({ $ref: uriOf(form) });
const uriOf = (form: string) => `#/components/schemas/${form}`;

function responseOf({ description, body, headers }: Answer) {
  const type = body === 'Problem' ? 'application/problem+json' : 'application/json';
  const schema = body === undefined || body === 'anything' ? { type: 'object' } : named(body);
  return {
    description,
    ...(headers !== undefined && {
      headers: Object.fromEntries(
        Object.entries(headers).map(([name, text]) => [name, { description: text, schema: { type: 'string' } }]),
      ),
    }),
    ...(body !== undefined && { content: { [type]: { schema } } }),
  };
}

function inPath(path: string, known: Operation['path'] = {}): object[] {
  const names = [...path.matchAll(/\{(\w+)\}/g)].map(([, name = '']) => name);
  return names.map((name) => {
    const { description, oneOf } = known[name] ?? { description: 'The id of an incident.' };
    const isIncident = known[name] === undefined;
    // A list of nothing is no schema.
    const values = oneOf !== undefined && oneOf.length > 0 ? { enum: oneOf } : {};
    const schema = { type: 'string', ...(isIncident ? { pattern: incidentIdForm.source } : values) };
    return { name, in: 'path', required: true, description, schema };
  });
}

const inHeaders = (headers: Operation['headers'] = {}): object[] =>
  Object.entries(headers).map(([name, { description, isRequired = false }]) => ({
    name,
    in: 'header',
    required: isRequired,
    description,
    schema: { type: 'string' },
  }));

function inQuery(): object[] {
  const { properties = {}, required = [] } = z.toJSONSchema(query, { ...shared, io: 'input' });
  return Object.entries(properties).map(([name, schema]) => ({
    name,
    in: 'query',
    required: required.includes(name),
    schema,
  }));
}

function schemasOf(named: Record<string, z.ZodType>, io: 'input' | 'output'): Record<string, object> {
  const registry = z.registry<{ id: string }>();
  for (const [id, schema] of Object.entries(named)) registry.add(schema, { id });
  const { schemas } = z.toJSONSchema(registry, { ...shared, io, uri: uriOf });
  return Object.fromEntries(
    Object.entries(schemas).map(([id, { $schema: _, $id: __, ...schema }]) => [id, schema as object]),
  );
}

const shared = {
  target: 'draft-2020-12',
  unrepresentable: 'any',
  override({ zodSchema, jsonSchema }) {
    if (zodSchema === secretValue || zodSchema === secretText)
      Object.assign(jsonSchema, { format: 'password', writeOnly: true });
    // What a value must look like once it is read holds for what is written, where that stays a text.
    const { def } = zodSchema._zod;
    if (def.type === 'pipe' && def.out instanceof z.ZodString) {
      const { pattern } = z.toJSONSchema(def.out);
      const text = jsonSchema.anyOf?.find(({ type }) => type === 'string') ?? jsonSchema;
      if (pattern !== undefined) text.pattern = pattern;
    }
    // In a query every value is a text.
    if (def.type === 'default' && jsonSchema.type === 'string') jsonSchema.default = String(def.defaultValue);
    // The format says it.
    if (jsonSchema.format?.startsWith('date')) delete jsonSchema.pattern;
  },
} as const satisfies z.core.ToJSONSchemaParams;
