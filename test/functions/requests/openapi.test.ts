import { readFileSync } from 'node:fs';
import { describe, expect, expectTypeOf, test } from 'vitest';
import type * as z from 'zod';
import { functions } from '../../../functions/manifest.ts';
import { formats } from '../../../functions/reports/index.ts';
import { answer } from '../../../functions/requests/index.ts';
import type { RequestServices } from '../../../functions/requests/services.ts';
import * as incidents from '../../../functions/revocation/incident.ts';
import { newRecord, type view } from '../../../functions/revocation/incident.ts';
import { incidentForm } from '../../../functions/revocation/incident-form.ts';
import type { Sources } from '../../../functions/revocation/source.ts';
import { sources } from '../../../functions/sources/index.ts';
import { type Document, lookedUp, operationsIn, referencesIn, schemaOf } from '../../support/openapi.ts';

const asked = { route: 'GET /openapi.json', parameters: {}, query: {}, headers: {}, body: new Uint8Array(), id: 'r-1' };
async function documentFor(configured: readonly string[]): Promise<Document> {
  const { status, body } = await answer(asked, { sources: configured } as RequestServices);
  expect(status).toBe(200);
  return JSON.parse(JSON.stringify(body));
}
const everySource = [...Object.keys(sources), 'slack'];
const document = await documentFor(everySource);
const operations = operationsIn(document);
const operation = (route: string) => Object.fromEntries(operations)[route];
const manifest = Object.values(functions).flatMap(({ routes }) => [...routes]);
const schema = (name: string) => schemaOf(document, document.components.schemas[name]);

describe('the description of the routes', () => {
  test('is OpenAPI 3.1, of the version that the package has', () => {
    const { version } = JSON.parse(readFileSync(new URL('../../../package.json', import.meta.url), 'utf8'));
    expect(document).toMatchObject({ openapi: '3.1.1', info: { title: 'Leakstop', version } });
    const fields = ['openapi', 'info', 'tags', 'paths', 'components'];
    expect(Object.keys(document)).toEqual(fields);
  });

  test('has every route of the manifest and no other', () => {
    expect(operations.map(([route]) => route).sort()).toEqual(manifest.map(({ route }) => route).sort());
  });

  test('names each operation once, says what it does, and under which head it stands', () => {
    const ids = operations.map(([, { operationId }]) => operationId);
    expect(new Set(ids).size).toBe(ids.length);
    const heads = document.tags.map(({ name }) => name);
    for (const [, { operationId, summary, tags }] of operations) {
      expect(operationId).toMatch(/^[a-z][A-Za-z]+$/);
      expect(summary).toMatch(/^\S.{8,}/);
      expect(heads).toEqual(expect.arrayContaining(tags));
    }
  });

  test('refers to nothing that is not there, and describes no body that nothing refers to', () => {
    const references = referencesIn(document);
    expect(references.filter((address) => lookedUp(document, address) === undefined)).toEqual([]);
    const schemas = Object.keys(document.components.schemas).map((name) => `#/components/schemas/${name}`);
    expect(schemas.filter((address) => !references.includes(address))).toEqual([]);
  });

  test.each(operations)(
    'declares what stands in the path of %s, and no parameter twice',
    (route, { parameters = [] }) => {
      const inPath = parameters.filter((each) => each.in === 'path');
      expect(inPath.map(({ name }) => name)).toEqual([...route.matchAll(/\{(\w+)\}/g)].map(([, name]) => name));
      for (const { required, schema: form } of inPath)
        expect([required, form]).toEqual([true, expect.objectContaining({ type: 'string' })]);
      const keys = parameters.map((each) => `${each.in} ${each.name.toLowerCase()}`);
      expect(new Set(keys).size).toBe(keys.length);
      for (const { description = '', ...each } of parameters) if (each.in !== 'query') expect(description).not.toBe('');
    },
  );

  test.each(operations)('has one answer at least that says that %s went well, and what each other means', (_, one) => {
    const statuses = Object.keys(one.responses);
    expect(statuses.some((status) => status.startsWith('2'))).toBe(true);
    expect(statuses.filter((status) => !/^[245]\d\d$/.test(status))).toEqual([]);
    for (const { description, content = {} } of Object.values(one.responses)) {
      expect(description).toMatch(/^[A-Z].*\.$/);
      for (const { schema: form } of Object.values(content)) expect(form).toBeTypeOf('object');
    }
    for (const [status, { content }] of Object.entries(one.responses))
      if (content && !status.startsWith('2')) expect(Object.keys(content)).toEqual(['application/problem+json']);
  });

  test("asks for IAM's signature on the operators' routes, and for none on the sources'", () => {
    expect(document.components.securitySchemes.sigv4).toMatchObject({
      type: 'apiKey',
      name: 'Authorization',
      in: 'header',
      'x-amazon-apigateway-authtype': 'awsSigv4',
    });
    for (const { route, access } of manifest)
      expect(operation(route)?.security).toEqual(access === 'operator' ? [{ sigv4: [] }] : []);
  });

  test('names the sources that are configured here, of GitLab the addresses that it has, and the formats of reports', async () => {
    const valuesOf = (one: Document, route: string) =>
      (Object.fromEntries(operationsIn(one))[route]?.parameters ?? []).flatMap((each) =>
        each.in === 'path' ? [[each.name, each.schema.enum]] : [],
      );
    expect(valuesOf(document, 'POST /sources/{source}')).toEqual([['source', Object.keys(sources)]]);
    expect(valuesOf(document, 'POST /reports/{format}')).toEqual([['format', Object.keys(formats)]]);
    const some = await documentFor(['slack', 'standard']);
    expect(valuesOf(some, 'POST /sources/{source}')).toEqual([['source', ['standard']]]);
    expect(valuesOf(await documentFor(['slack']), 'POST /sources/{source}')).toEqual([['source', undefined]]);
    const endpoints = Object.values(sources as Sources).flatMap(({ id, endpoints: own = [] }) =>
      own.map(({ method, path }) => `${method} ${id} ${path}`),
    );
    const described = ['GET', 'POST'].flatMap((method) => {
      const [[, ids], [, paths]] = valuesOf(document, `${method} /sources/{source}/{endpoint}`) as [
        [string, string[]],
        [string, string[]],
      ];
      return ids.flatMap((id) => paths.map((path) => `${method} ${id} ${path}`));
    });
    expect(described).toEqual(endpoints);
  });

  test('takes what the list takes, as texts', () => {
    const parameters = operation('GET /incidents')?.parameters ?? [];
    expect(parameters.map(({ name }) => name)).toEqual(['state', 'outcome', 'provider', 'since', 'limit', 'cursor']);
    const forms = Object.fromEntries(parameters.map(({ name, schema: form }) => [name, form]));
    expect(forms.state).toMatchObject({ enum: expect.arrayContaining(['parked', 'awaiting-approval']) });
    expect(forms.limit).toMatchObject({ type: 'string', default: '50' });
    expect(parameters.filter(({ required }) => required)).toEqual([]);
  });

  test('holds no schema of one dialect in another', () => {
    expect(JSON.stringify(document)).not.toMatch(/"\$(schema|id|defs)"|"nullable"/);
  });
});

describe('the body of a request', () => {
  const whole = {
    ...{ provider: 'datadog', kind: 'api-key', account: 'prod', secret: 'a-value', identifiers: { keyId: 'k-1' } },
    location: { url: 'https://git.example/a', path: 'src/a.py', line: 3, commit: 'c0ffee' },
    ...{ exposure: 'public', detectedAt: '2026-11-20T12:00:00Z', reference: 'https://git.example/alerts/1' },
  };
  const ordered = { ...whole, action: 'delete', dryRun: true, reason: 'a drill' };

  test('is described as it is read: whole, and in each part', () => {
    expect(schema('OperatorLeak').safeParse(ordered).error).toBeUndefined();
    expect(schema('LeakAlert').safeParse({ type: 'credential.leaked', data: whole, more: 1 }).error).toBeUndefined();
    expect(schema('Decision').safeParse({ reason: 'it is ours' }).error).toBeUndefined();
    expect(schema('Decision').safeParse({}).error).toBeUndefined();
  });

  test.each([
    ['a field that nobody knows', { ...ordered, more: 1 }],
    ['a provider that is no id', { ...ordered, provider: 'Data Dog' }],
    ['an identifier that is none', { ...ordered, identifiers: { keyId: '../k' } }],
    ['an action that nobody knows', { ...ordered, action: 'burn' }],
    ['a reason without end', { ...ordered, reason: 'x'.repeat(1025) }],
  ])('is described as it is refused: with %s', (_, body) => {
    expect(schema('OperatorLeak').safeParse(body).success).toBe(false);
  });

  test('holds the secret as a text that is only sent, never told', () => {
    const { OperatorLeak, LeakAlert, ...others } = document.components.schemas;
    const secret = { type: 'string', maxLength: expect.any(Number), format: 'password', writeOnly: true };
    expect(OperatorLeak).toMatchObject({ properties: { secret } });
    expect(LeakAlert).toMatchObject({ properties: { data: { properties: { secret } } } });
    expect(JSON.stringify(others)).not.toMatch(/"secret"|password|writeOnly/);
  });
});

describe('the description of an incident', () => {
  const sighting = { source: 'standard', at: '2026-11-20T12:00:00.000Z', delivery: 'd-1' };
  const seen = incidents.view(newRecord(`inc_${'0'.repeat(26)}`, 'datadog', 'api-key', sighting));

  test('is of what is told, to the type', () => {
    expectTypeOf<ReturnType<typeof view>>().toEqualTypeOf<z.output<ReturnType<typeof incidentForm>>>();
    expect(Object.keys(incidentForm().shape)).toEqual(Object.keys(seen));
  });

  test('fits one that has just begun, and none with a field more or less', () => {
    expect(schema('Incident').safeParse(seen).error).toBeUndefined();
    expect(schema('Incident').safeParse({ ...seen, sealed: null }).success).toBe(false);
    const { head: _, ...less } = seen;
    expect(schema('Incident').safeParse(less).success).toBe(false);
  });
});
