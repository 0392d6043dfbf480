import { expect, test } from 'vitest';
import { names } from '../../../functions/manifest.ts';
import { indexes } from '../../../functions/platform/ledger-listing.ts';
import { everything, resourcesOf } from './template.ts';

const tables = Object.values(resourcesOf(everything)).filter(({ Type }) => Type === 'AWS::DynamoDB::GlobalTable');
const [table] = tables;

test('there is one table, keyed by id, paid per request', () => {
  expect(tables).toHaveLength(1);
  expect(table?.Properties).toMatchObject({
    TableName: names.table,
    BillingMode: 'PAY_PER_REQUEST',
    KeySchema: [{ AttributeName: 'id', KeyType: 'HASH' }],
  });
});

test('it can be restored to any second, and is neither deleted with the stack nor by mistake', () => {
  expect(table?.DeletionPolicy).toBe('Retain');
  expect(table?.Properties.Replicas).toMatchObject([
    { DeletionProtectionEnabled: true, PointInTimeRecoverySpecification: { PointInTimeRecoveryEnabled: true } },
  ]);
});

test('items expire at the time that the ledger writes', () => {
  expect(table?.Properties.TimeToLiveSpecification).toEqual({ AttributeName: 'expiresAt', Enabled: true });
});

test('every index the ledger lists by exists, with what it holds', () => {
  const expected = Object.entries(indexes).map(([IndexName, { partition, sort, holds }]) => ({
    IndexName,
    KeySchema: [
      { AttributeName: partition, KeyType: 'HASH' },
      { AttributeName: sort, KeyType: 'RANGE' },
    ],
    Projection:
      holds === undefined ? { ProjectionType: 'ALL' } : { ProjectionType: 'INCLUDE', NonKeyAttributes: holds },
  }));
  expect(table?.Properties.GlobalSecondaryIndexes).toEqual(expected);
});
