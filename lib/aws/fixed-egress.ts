import {
  CfnEIP,
  FlowLogDestination,
  GatewayVpcEndpointAwsService,
  IpAddresses,
  type ISecurityGroup,
  type IVpc,
  NatProvider,
  Peer,
  Port,
  SecurityGroup,
  SubnetType,
  Vpc,
} from 'aws-cdk-lib/aws-ec2';
import { Role, ServicePrincipal } from 'aws-cdk-lib/aws-iam';
import { CfnOutput } from 'aws-cdk-lib/core';
import { Construct } from 'constructs';
import type { Foundation, Network } from './foundation.ts';

/**
 * A network that what talks to providers and sources runs in, so that it comes from addresses that can be put on their
 * lists. What it says to AWS goes the same way, except to the table, whose gateway costs nothing.
 */
export class FixedEgress extends Construct {
  readonly network: Network;

  constructor(scope: Construct, id: string, { foundation, zones }: { foundation: Foundation; zones: number }) {
    super(scope, id);
    const addresses = Array.from(
      { length: zones },
      (_, zone) => new CfnEIP(this, `Address${zone + 1}`, { domain: 'vpc' }),
    );
    const vpc = new Vpc(this, 'Network', {
      ipAddresses: IpAddresses.cidr('10.0.0.0/24'),
      maxAzs: zones,
      natGateways: zones,
      natGatewayProvider: NatProvider.gateway({
        eipAllocationIds: addresses.map(({ attrAllocationId }) => attrAllocationId),
      }),
      subnetConfiguration: [
        { name: 'Out', subnetType: SubnetType.PUBLIC, cidrMask: 28, mapPublicIpOnLaunch: false },
        { name: 'Functions', subnetType: SubnetType.PRIVATE_WITH_EGRESS, cidrMask: 26 },
      ],
      gatewayEndpoints: { Table: { service: GatewayVpcEndpointAwsService.DYNAMODB } },
      // What would empty it is a function of its own, with rights of its own, for a group that nothing here is in.
      restrictDefaultSecurityGroup: false,
    });
    const role = new Role(this, 'FlowLogRole', { assumedBy: new ServicePrincipal('vpc-flow-logs.amazonaws.com') });
    vpc.addFlowLog('Flows', {
      destination: FlowLogDestination.toCloudWatchLogs(foundation.logGroup(this, 'FlowLogs'), role),
    });
    this.network = networkIn(this, vpc);
    for (const [index, { attrPublicIp }] of addresses.entries())
      new CfnOutput(this, `Egress${index + 1}`, {
        value: attrPublicIp,
        description: 'Providers and sources are asked from here',
      });
  }
}

/** A place in somebody's own network: its private subnets, and no way but out, by HTTPS. */
export function networkIn(scope: Construct, vpc: IVpc): Network {
  const group: ISecurityGroup = new SecurityGroup(scope, 'Functions', {
    vpc,
    description: 'Leakstop: HTTPS out, nothing in',
    allowAllOutbound: false,
  });
  group.addEgressRule(Peer.anyIpv4(), Port.tcp(443), 'HTTPS to providers, sources and AWS');
  return { vpc, vpcSubnets: { subnetType: SubnetType.PRIVATE_WITH_EGRESS }, securityGroups: [group] };
}
