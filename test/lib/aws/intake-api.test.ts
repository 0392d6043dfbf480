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

test('requests are throttled', () => {
  const [stage] = ofType(resources, 'AWS::ApiGatewayV2::Stage');
  expect(stage).toMatchObject({
    StageName: '$default',
    DefaultRouteSettings: { ThrottlingRateLimit: expect.any(Number), ThrottlingBurstLimit: expect.any(Number) },
  });
});
