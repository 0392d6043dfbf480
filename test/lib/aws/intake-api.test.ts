import { expect, test } from 'vitest';
import { functions, names } from '../../../functions/manifest.ts';
import { everything, nameOf, ofType, resourcesOf, textOf } from './template.ts';

const resources = resourcesOf(everything);
const deployed = ofType(resources, 'AWS::ApiGatewayV2::Route');
const declared = Object.entries(functions).flatMap(([name, { routes }]) => routes.map((each) => ({ name, ...each })));

test('the API has the routes of the manifest and no catch-all', () => {
  expect(deployed.map(({ RouteKey }) => RouteKey).sort()).toEqual(declared.map(({ route }) => route).sort());
});

test.each(declared)('$route asks for the authorization that the manifest says', ({ route, access }) => {
  const found = deployed.find(({ RouteKey }) => RouteKey === route);
  expect(found?.AuthorizationType).toBe(access === 'operator' ? 'AWS_IAM' : 'NONE');
});

test('nothing but sources is open to the public', () => {
  const open = deployed.filter(({ AuthorizationType }) => AuthorizationType !== 'AWS_IAM');
  for (const { RouteKey } of open) expect(RouteKey).toMatch(/^(GET|POST) \/sources\//);
});

test.each(declared)('$route reaches $name', ({ name, route }) => {
  const found = deployed.find(({ RouteKey }) => RouteKey === route);
  const integration = resources[textOf(found?.Target, (id) => id).replace('integrations/', '')];
  const target = textOf(integration?.Properties.IntegrationUri, (id) => nameOf(resources, id));
  expect(target).toBe(names.function(name as keyof typeof functions));
  expect(integration?.Properties.PayloadFormatVersion).toBe('2.0');
});

test('only this API may invoke the functions, and the clock those that have a schedule', () => {
  const permissions = ofType(resources, 'AWS::Lambda::Permission');
  const byClock = permissions.filter(({ Principal }) => Principal === 'events.amazonaws.com');
  expect(byClock).toHaveLength(Object.values(functions).filter((facts) => 'everySeconds' in facts).length);
  for (const { Principal, SourceArn } of permissions.filter((one) => !byClock.includes(one))) {
    expect(Principal).toBe('apigateway.amazonaws.com');
    expect(textOf(SourceArn, (id) => nameOf(resources, id))).toContain(':leakstop/*/*/');
  }
});

const [stage] = ofType(resources, 'AWS::ApiGatewayV2::Stage');
const limits = stage?.RouteSettings as Record<string, { ThrottlingRateLimit: number; ThrottlingBurstLimit: number }>;

test.each(declared)('$route has a limit of its own', ({ name, route, access }) => {
  const [rate, burst] = access === 'operator' ? [20, 40] : name === 'receive-slack' ? [20, 50] : [100, 200];
  expect(limits[route]).toEqual({ ThrottlingRateLimit: rate, ThrottlingBurstLimit: burst });
});

test('what is no route is limited too, and no limit is of a route that is not there', () => {
  expect(stage).toMatchObject({
    StageName: '$default',
    DefaultRouteSettings: { ThrottlingRateLimit: 20, ThrottlingBurstLimit: 40 },
  });
  expect(Object.keys(limits).sort()).toEqual(declared.map(({ route }) => route).sort());
});

test('the stage waits for the routes that it limits', () => {
  const routes = Object.entries(resources).flatMap(([id, { Type }]) =>
    Type === 'AWS::ApiGatewayV2::Route' ? [id] : [],
  );
  const staged = Object.values(resources).find(({ Type }) => Type === 'AWS::ApiGatewayV2::Stage');
  expect(staged?.DependsOn).toEqual(expect.arrayContaining(routes));
});

test('of a request the access log keeps what it takes to follow it, and nothing of what was sent', () => {
  const settings = stage?.AccessLogSettings as { DestinationArn: unknown; Format: string } | undefined;
  expect(resources[textOf(settings?.DestinationArn, (id) => id)]?.Type).toBe('AWS::Logs::LogGroup');
  const kept = Object.values(JSON.parse(String(settings?.Format)) as Record<string, string>).sort();
  expect(kept).toEqual([
    '$context.identity.sourceIp',
    '$context.integrationErrorMessage',
    '$context.protocol',
    '$context.requestId',
    '$context.requestTimeEpoch',
    '$context.responseLatency',
    '$context.routeKey',
    '$context.status',
  ]);
});
