import { Template } from 'aws-cdk-lib/assertions';
import { expect, test, vi } from 'vitest';
import { functions, names } from '../../../functions/manifest.ts';
import type { FunctionName } from '../../../functions/platform/env.ts';
import { everything, ofType, resourcesOf, stackOf, textOf } from './template.ts';

// A test that synthesizes waits for CDK, which a busy machine is slow to load.
vi.setConfig({ testTimeout: 120_000 });

const { stack } = stackOf(everything, undefined, { fixedEgress: true });
const template = Template.fromStack(stack).toJSON();
const resources: ReturnType<typeof resourcesOf> = template.Resources;

test('without it there is no network', () => {
  const types = Object.values(resourcesOf(everything)).map(({ Type }) => Type);
  expect(types.filter((type) => type.startsWith('AWS::EC2::'))).toEqual([]);
});

test('what works off a queue, and so talks to providers and sources, runs in it; what answers requests does not', () => {
  const shared = (Object.keys(functions) as FunctionName[]).filter((name) => functions[name].consumes === 'nothing');
  for (const { FunctionName, VpcConfig } of ofType(resources, 'AWS::Lambda::Function')) {
    const isOutside = shared.some((name) => names.function(name) === FunctionName);
    expect([FunctionName, VpcConfig !== undefined]).toEqual([FunctionName, !isOutside]);
  }
});

test('its addresses are made for it and told when it is deployed, one for each zone', () => {
  const addresses = Object.keys(resources).filter((id) => resources[id]?.Type === 'AWS::EC2::EIP');
  expect(addresses).toHaveLength(2);
  const gateways = ofType(resources, 'AWS::EC2::NatGateway').map(({ AllocationId }) =>
    textOf(AllocationId, (id) => id),
  );
  expect(gateways.sort()).toEqual(addresses.sort());
  const told = Object.entries(template.Outputs as Record<string, { Value: unknown }>).flatMap(([name, { Value }]) =>
    name.includes('Egress') ? [textOf(Value, (id) => id)] : [],
  );
  expect(told.sort()).toEqual(addresses.sort());
  expect(ofType(resourcesOf(everything, { fixedEgress: { zones: 1 } }), 'AWS::EC2::EIP')).toHaveLength(1);
});

test('every function leaves by such an address', () => {
  const routes = Object.values(resources).filter(({ Type }) => Type === 'AWS::EC2::Route');
  const out = (subnet: string) => {
    const [association] = ofType(resources, 'AWS::EC2::SubnetRouteTableAssociation').filter(
      ({ SubnetId }) => textOf(SubnetId, (id) => id) === subnet,
    );
    const table = textOf(association?.RouteTableId, (id) => id);
    return routes.filter(({ Properties }) => textOf(Properties.RouteTableId, (id) => id) === table);
  };
  for (const { VpcConfig } of ofType(resources, 'AWS::Lambda::Function')) {
    for (const subnet of (VpcConfig as { SubnetIds: unknown[] } | undefined)?.SubnetIds ?? []) {
      const [route, ...others] = out(textOf(subnet, (id) => id));
      expect(others).toEqual([]);
      expect(route?.Properties).toMatchObject({ DestinationCidrBlock: '0.0.0.0/0', NatGatewayId: expect.anything() });
    }
  }
});

test('nothing comes in, and what goes out is HTTPS', () => {
  const [group, ...others] = ofType(resources, 'AWS::EC2::SecurityGroup');
  expect(others).toEqual([]);
  expect(group?.SecurityGroupIngress).toBeUndefined();
  expect(ofType(resources, 'AWS::EC2::SecurityGroupIngress')).toEqual([]);
  expect(group?.SecurityGroupEgress).toMatchObject([{ IpProtocol: 'tcp', FromPort: 443, ToPort: 443 }]);
  const [first] = ofType(resources, 'AWS::Lambda::Function').flatMap(({ VpcConfig }) => (VpcConfig ? [VpcConfig] : []));
  expect((first as { SecurityGroupIds: unknown[] }).SecurityGroupIds).toHaveLength(1);
});

test('the table is reached without a gateway that costs, and every flow is written down', () => {
  const [endpoint] = ofType(resources, 'AWS::EC2::VPCEndpoint');
  expect(JSON.stringify(endpoint?.ServiceName)).toContain('.dynamodb');
  expect(endpoint?.VpcEndpointType).toBe('Gateway');
  expect(ofType(resources, 'AWS::EC2::FlowLog')).toMatchObject([{ TrafficType: 'ALL' }]);
});

test('no function of somebody else is made for the network', () => {
  const own = ofType(resourcesOf(everything), 'AWS::Lambda::Function').length;
  expect(ofType(resources, 'AWS::Lambda::Function')).toHaveLength(own);
});
