import { readFileSync } from 'node:fs';
import { expect, test, vi } from 'vitest';
import { providers } from '../../functions/providers/index.ts';
import { readConfiguration } from '../../lib/configuration.ts';
import { ofType, resourcesOf } from '../lib/aws/template.ts';

// One test synthesizes, and may be the first to load CDK.
vi.setConfig({ testTimeout: 120_000 });

const page = readFileSync(new URL('../../docs/operate.md', import.meta.url), 'utf8');
const [, section = ''] = page.split('\n## Cost\n');
const number = (text: string) => Number(text.replaceAll(',', ''));
/** The tables of the section: rows of cells, without the heads. */
const tables = section
  .split('\n## ')[0]
  ?.split('\n\n')
  .filter((part) => part.startsWith('|'))
  .map((table) =>
    table
      .split('\n')
      .slice(2)
      .map((row) => row.split('|').map((cell) => cell.trim())),
  );

test('what is said to cost so much is its number times its price, and the sum of its parts', () => {
  expect(tables).toHaveLength(2);
  for (const rows of tables ?? []) {
    const parts = rows.slice(0, -1);
    expect(rows.at(-1)?.[1]).toBe('together');
    for (const [, item, , quantity = '', price = '', cost = ''] of parts)
      expect(Math.abs(number(quantity) * number(price) - number(cost)), item).toBeLessThanOrEqual(0.0006);
    const sum = parts.reduce((total, row) => total + number(row[5] ?? ''), 0);
    expect(sum).toBeCloseTo(number(rows.at(-1)?.[5] ?? ''), 3);
  }
});

test('an idle month has as many of everything as are deployed', () => {
  const resources = resourcesOf(
    readConfiguration({
      providers: Object.fromEntries(Object.keys(providers).map((id) => [id, { accounts: ['prod'] }])),
      sources: ['standard', 'github', 'slack'],
      policy: { fuse: { limit: 25, windowMinutes: 60 } },
    }),
  );
  const [, idle = []] = tables ?? [];
  const said = (item: string) => number(idle.find((row) => row[1] === item)?.[3] ?? '');
  expect(said('Secrets')).toBe(ofType(resources, 'AWS::SecretsManager::Secret').length);
  expect(said('KMS key')).toBe(ofType(resources, 'AWS::KMS::Key').length);
  expect(said('Alarms')).toBe(ofType(resources, 'AWS::CloudWatch::Alarm').length);
  expect(said('Dashboard')).toBe(ofType(resources, 'AWS::CloudWatch::Dashboard').length);
  const polled = ofType(resources, 'AWS::Lambda::EventSourceMapping').length;
  expect(said("SQS, Lambda's own polling")).toBe(polled * 5 * 3 * 43_200);
});
