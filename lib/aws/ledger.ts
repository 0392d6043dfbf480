import { AttributeType, Billing, ProjectionType, TableEncryptionV2, TableV2 } from 'aws-cdk-lib/aws-dynamodb';
import { Grant, type IGrantable } from 'aws-cdk-lib/aws-iam';
import { RemovalPolicy } from 'aws-cdk-lib/core';
import { Construct } from 'constructs';
import { type FunctionFacts, names } from '../../functions/manifest.ts';
import { indexes } from '../../functions/platform/ledger-listing.ts';

const text = (name: string) => ({ name, type: AttributeType.STRING });

/** The table of incidents. It is the memory and the evidence of the service, so it outlives the stack. */
export class Ledger extends Construct {
  readonly table: TableV2;

  constructor(scope: Construct, id: string) {
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
      encryption: TableEncryptionV2.dynamoOwnedKey(),
      pointInTimeRecoverySpecification: { pointInTimeRecoveryEnabled: true },
      timeToLiveAttribute: 'expiresAt',
      deletionProtection: true,
      removalPolicy: RemovalPolicy.RETAIN,
    });
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
