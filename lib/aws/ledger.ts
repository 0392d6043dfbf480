import { AttributeType, Billing, CfnGlobalTable, ProjectionType, TableV2 } from 'aws-cdk-lib/aws-dynamodb';
import { Grant, type IGrantable } from 'aws-cdk-lib/aws-iam';
import { RemovalPolicy } from 'aws-cdk-lib/core';
import { Construct } from 'constructs';
import { type FunctionFacts, names } from '../../functions/manifest.ts';
import { indexes } from '../../functions/platform/ledger-listing.ts';
import type { Foundation } from './foundation.ts';

const text = (name: string) => ({ name, type: AttributeType.STRING });

/** The table of incidents. It is the memory and the evidence of the service, so it outlives the stack. */
export class Ledger extends Construct {
  readonly table: TableV2;

  constructor(scope: Construct, id: string, { foundation }: { foundation: Foundation }) {
    super(scope, id);
    this.table = new TableV2(this, 'Table', {
      tableName: names.table,
      partitionKey: text('id'),
      globalSecondaryIndexes: Object.entries(indexes).map(([indexName, { partition, sort, holds }]) => ({
        indexName,
        partitionKey: text(partition),
        sortKey: text(sort),
        ...(holds === undefined
          ? { projectionType: ProjectionType.ALL }
          : { projectionType: ProjectionType.INCLUDE, nonKeyAttributes: [...holds] }),
      })),
      billing: Billing.onDemand(),
      pointInTimeRecoverySpecification: { pointInTimeRecoveryEnabled: true },
      timeToLiveAttribute: 'expiresAt',
      deletionProtection: true,
      // Not taken back either when the first deployment fails: its deletion protection would make that fail too.
      removalPolicy: RemovalPolicy.RETAIN,
    });
    encryptWith(this.table, foundation);
  }

  /** What a function's code does with the table and no more: no scan, and nothing is ever deleted. */
  grant(grantee: IGrantable, { items, indexes: asked }: FunctionFacts['ledger']): void {
    const { tableArn } = this.table;
    const actions = items.map((action) => `dynamodb:${action}`);
    if (actions.length > 0) Grant.addToPrincipal({ grantee, actions, resourceArns: [tableArn] });
    const resourceArns = asked.map((index) => `${tableArn}/index/${index}`);
    if (asked.length > 0) Grant.addToPrincipal({ grantee, actions: ['dynamodb:Query'], resourceArns });
  }
}

/** As `TableEncryptionV2.customerManagedKey`, which asks for a stack that names its region. */
function encryptWith({ node: { defaultChild } }: TableV2, { key }: Foundation): void {
  if (!(defaultChild instanceof CfnGlobalTable)) throw new Error('CDK makes the table of something else now');
  defaultChild.sseSpecification = { sseEnabled: true, sseType: 'KMS' };
  defaultChild.addPropertyOverride('Replicas.0.SSESpecification.KMSMasterKeyId', key.keyArn);
}
