import { describe, expect, test } from 'vitest';
import { functions, names } from '../../../functions/manifest.ts';
import { providers } from '../../../functions/providers/index.ts';
import { outcomes } from '../../../functions/revocation/incident.ts';
import { savedQueries } from '../../../lib/aws/saved-queries.ts';
import { readConfiguration } from '../../../lib/configuration.ts';
import { everything, nameOf, ofType, resourcesOf, textOf } from './template.ts';

const resources = resourcesOf(everything);
const named = (value: unknown) => textOf(value, (id) => nameOf(resources, id));

interface Widget {
  type: string;
  properties: { title?: string; metrics?: unknown[]; query?: string; alarms?: string[]; markdown?: string };
}
const bodyOf = (given: Record<string, { Type: string; Properties: Record<string, unknown> }>): Widget[] => {
  const [dashboard] = ofType(given, 'AWS::CloudWatch::Dashboard');
  return JSON.parse(textOf(dashboard?.DashboardBody, (id) => nameOf(given, id))).widgets;
};
const widgets = bodyOf(resources);
const widget = (title: RegExp) => widgets.find(({ properties }) => title.test(properties.title ?? ''))?.properties;
const shown = (title: RegExp) => JSON.stringify(widget(title)?.metrics);

describe('the dashboard', () => {
  test('is one, and has a name that people can find', () => {
    expect(ofType(resources, 'AWS::CloudWatch::Dashboard').map(({ DashboardName }) => DashboardName)).toEqual([
      'leakstop',
    ]);
  });

  test('shows leaks by source, and every outcome', () => {
    expect(shown(/leaks per source/i)).toContain(
      JSON.stringify('{Leakstop,service,source} MetricName="leaks"').slice(1, -1),
    );
    for (const outcome of outcomes) expect(shown(/^outcomes/i)).toContain(`outcome.${outcome}`);
  });

  test.each(Object.keys(providers))('shows how fast the keys of %s die, and what waits there', (provider) => {
    expect(shown(/p50/)).toMatch(new RegExp(`"timeToDead","provider","${provider}",.*"p50"`));
    expect(shown(/p99/)).toMatch(new RegExp(`"timeToDead","provider","${provider}",.*"p99"`));
    for (const [title, metric] of [
      [/in doubt/i, 'inDoubt'],
      [/a person was asked/i, 'stage.asked'],
      [/a person was asked/i, 'stage.parked'],
      [/oldest leak/i, 'age'],
      [/refusals/i, 'fault.Refused'],
      [/refusals/i, 'fault.Unexpected'],
    ] as const)
      expect(shown(title)).toContain(`"Leakstop","${metric}","provider","${provider}"`);
  });

  test('shows age and depth of every queue, and its dead letters', () => {
    for (const queue of [names.unrouted, names.notices, ...Object.keys(providers).map(names.lane)]) {
      expect(shown(/age of the oldest message/i)).toContain(`"QueueName","${queue}"`);
      expect(shown(/messages waiting/i)).toContain(`"QueueName","${queue}"`);
      expect(shown(/dead letters/i)).toContain(`"QueueName","${names.deadLetters(queue)}"`);
    }
  });

  test('shows every alarm, who waits for a person, and where it is said what to do', () => {
    const alarms = widgets.find(({ type }) => type === 'alarm')?.properties.alarms ?? [];
    expect(alarms).toHaveLength(ofType(resources, 'AWS::CloudWatch::Alarm').length);
    expect(widget(/waits for a person/i)?.query).toMatch(/stage asked/);
    const text = widgets.find(({ type }) => type === 'text')?.properties.markdown;
    expect(text).toMatch(/docs\/operate\.md/);
  });

  test('estimates what grows with use from every function, the API and the table, in plain decimals', () => {
    const costs = shown(/dollars/i) ?? '';
    for (const name of Object.keys(functions).filter((each) => each !== 'revoke-key'))
      expect(costs).toContain(`"${names.function(name as keyof typeof functions)}"`);
    for (const provider of Object.keys(providers))
      expect(costs).toContain(`"${names.function('revoke-key', provider)}"`);
    expect(costs).toContain('ConsumedWriteCapacityUnits');
    expect(costs).not.toMatch(/\de-\d/);
  });

  test('stays in what CloudWatch takes', () => {
    expect(JSON.stringify(widgets).length).toBeLessThan(100_000);
    for (const { properties } of widgets) expect(properties.metrics?.length ?? 0).toBeLessThanOrEqual(500);
    const queried = widgets.flatMap(({ properties }) => (properties.query ? [properties.query] : []));
    // https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/CWL_AnalyzeLogData-MultipleLogGroups.html
    for (const query of queried) expect(query.split('SOURCE').length - 1).toBeLessThanOrEqual(50);
  });

  test('is there for a stack that has next to nothing', () => {
    const bare = resourcesOf(readConfiguration({ providers: {}, notices: { eventBus: null } }));
    expect(bodyOf(bare).length).toBe(widgets.length);
  });
});

describe('the saved queries', () => {
  const definitions = ofType(resources, 'AWS::Logs::QueryDefinition');

  test('are there under one folder, over the logs of every function', () => {
    const groups = ofType(resources, 'AWS::Lambda::Function').map(({ LoggingConfig }) =>
      named((LoggingConfig as { LogGroup: unknown }).LogGroup),
    );
    expect(definitions.map(({ Name }) => Name).sort()).toEqual(
      Object.keys(savedQueries)
        .map((name) => `leakstop/${name}`)
        .sort(),
    );
    for (const { LogGroupNames } of definitions)
      expect((LogGroupNames as unknown[]).map(named).sort()).toEqual(groups.toSorted());
  });

  test('ask for fields and messages that functions write', () => {
    const text = definitions.map(({ QueryString }) => QueryString).join('\n');
    expect(text).toContain("incident = 'INCIDENT'");
    for (const message of ['entry skipped', 'entries skipped', 'decided', 'the fuse was reset'])
      expect(text).toContain(message);
  });
});
