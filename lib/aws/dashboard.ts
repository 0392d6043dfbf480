import {
  AlarmStatusWidget,
  Dashboard as CloudWatchDashboard,
  GraphWidget,
  GraphWidgetView,
  type IAlarm,
  type IMetric,
  LogQueryWidget,
  MathExpression,
  Metric,
  Stats,
  TextWidget,
} from 'aws-cdk-lib/aws-cloudwatch';
import { Duration } from 'aws-cdk-lib/core';
import { Construct } from 'constructs';
import { type FunctionFacts, functions, names } from '../../functions/manifest.ts';
import type { FunctionName } from '../../functions/platform/env.ts';
import { outcomes } from '../../functions/revocation/incident.ts';
import { type Configuration, isToldOf } from '../configuration.ts';
import { waitingForAPerson } from './saved-queries.ts';

interface Properties {
  configuration: Configuration;
  apiId: string;
  tableName: string;
  logGroupNames: string[];
  alarms: readonly IAlarm[];
  /** Where your copy of docs/operate.md can be read, without a fragment; absent, the page is only named. */
  runbookUrl?: string | undefined;
}

/**
 * List prices in us-east-1, in dollars, as they were believed in November 2026: enough to see which part grows.
 * https://aws.amazon.com/lambda/pricing/ and its like
 */
const prices = {
  gigabyteSecond: 0.0000133334,
  invocation: 0.0000002,
  request: 0.000001,
  write: 0.000000625,
  read: 0.000000125,
};

const whole = 24;
const half = 12;
const third = 8;
const hourly = Duration.hours(1);

/** What is going on, at a glance: what leaked, what became of it, how fast, what waits for whom, and what it costs. */
export class Dashboard extends Construct {
  constructor(scope: Construct, id: string, given: Properties) {
    super(scope, id);
    const { configuration, logGroupNames, alarms } = given;
    const lanes = Object.keys(configuration.providers);
    const queues = [...lanes.map(names.lane), names.unrouted, ...(isToldOf(configuration) ? [names.notices] : [])];
    const perLane = (name: string, label = '', statistic: string = Stats.SUM) =>
      lanes.map((provider) => laneMetric(provider, name, `${provider}${label}`, statistic));
    const perQueue = (name: string, of = (queue: string) => queue) =>
      queues.map((queue) => queueMetric(of(queue), name));
    const graph = (title: string, left: IMetric[], width: number, more: object = {}) =>
      new GraphWidget({ title, left, width, height: 6, liveData: true, leftYAxis: { min: 0 }, ...more });
    const dashboard = new CloudWatchDashboard(this, 'Dashboard', {
      dashboardName: 'leakstop',
      defaultInterval: Duration.hours(24),
    });
    dashboard.addWidgets(
      new TextWidget({ markdown: introduction(given.runbookUrl), width: third, height: 6 }),
      new AlarmStatusWidget({
        title: 'Alarms: each means that a person must act',
        alarms: [...alarms],
        width: 16,
        height: 6,
      }),
    );
    dashboard.addWidgets(
      graph('Leaks per source', [search('leaks', '{Leakstop,service,source}')], half, { stacked: true }),
      graph(
        'Outcomes',
        outcomes.map((outcome) => sumOf(`outcome.${outcome}`, outcome)),
        half,
        { stacked: true },
      ),
    );
    dashboard.addWidgets(
      graph('Time to dead (ms): half of the keys (p50)', perLane('timeToDead', '', 'p50'), half),
      graph('Time to dead (ms): all but one in a hundred (p99)', perLane('timeToDead', '', 'p99'), half),
    );
    dashboard.addWidgets(
      graph('In doubt: sent, and the answer was lost', perLane('inDoubt'), third),
      graph(
        'A person was asked, or is needed (parked)',
        [...perLane('stage.asked', ' asked'), ...perLane('stage.parked', ' parked')],
        third,
      ),
      graph(
        'Oldest leak that is tried again (s)',
        [...perLane('age', '', Stats.MAXIMUM), search('age', '{Leakstop,service,source}', 'Maximum')],
        third,
      ),
    );
    dashboard.addWidgets(
      new LogQueryWidget({
        title: 'Waits for a person, of what was said in the time shown above',
        logGroupNames,
        queryLines: [...waitingForAPerson],
        width: whole,
        height: 6,
      }),
    );
    dashboard.addWidgets(
      graph('Age of the oldest message (s)', perQueue('ApproximateAgeOfOldestMessage'), third),
      graph('Messages waiting', perQueue('ApproximateNumberOfMessagesVisible'), third),
      graph('Dead letters', perQueue('ApproximateNumberOfMessagesVisible', names.deadLetters), third),
    );
    dashboard.addWidgets(
      graph(
        'Refusals and faults of providers',
        faults.flatMap((fault) => perLane(`fault.${fault}`, ` ${fault}`)),
        half,
      ),
      graph('Accepted, and alive after a minute', perLane('stillAlive'), third / 2),
      graph(
        'Answers of the API',
        [apiMetric(given.apiId, 'Count'), apiMetric(given.apiId, '4xx'), apiMetric(given.apiId, '5xx')],
        third,
      ),
    );
    dashboard.addWidgets(
      graph('Dollars an hour by list prices: an estimate of what grows with use', costs(given), whole, {
        period: hourly,
        stacked: true,
        view: GraphWidgetView.TIME_SERIES,
      }),
    );
  }
}

const faults = ['Refused', 'Unexpected', 'Misconfigured', 'Unavailable'] as const;

function introduction(runbookUrl: string | undefined): string {
  const section = (title: string, fragment: string) =>
    runbookUrl === undefined ? `- ${title}` : `- [${title}](${runbookUrl}#${fragment})`;
  return [
    '# Leakstop',
    `What to do is in **docs/operate.md**${runbookUrl === undefined ? ', sections' : ''}:`,
    section('Alarms', 'alarms'),
    section('Read an incident', 'read-an-incident'),
    section('What a reason means, and what to do', 'what-a-reason-means-and-what-to-do'),
    section('When the fuse has blown', 'when-the-fuse-has-blown'),
    section('Dead letters', 'dead-letters'),
    '',
    'Saved queries: Logs Insights, folder `leakstop`.',
  ].join('\n');
}

const laneMetric = (provider: string, metricName: string, label: string, statistic: string = Stats.SUM) =>
  new Metric({
    namespace: 'Leakstop',
    metricName,
    dimensionsMap: { service: 'revoke-key', provider },
    label,
    statistic,
    period: Duration.minutes(5),
  });

/** Of all lanes together, and of what no lane takes. */
const sumOf = (name: string, label: string) =>
  new MathExpression({
    expression: `SUM(SEARCH('{Leakstop,service,provider} MetricName="${name}"', 'Sum', 300))`,
    usingMetrics: {},
    label,
    period: Duration.minutes(5),
  });

/** One line for each value of the last dimension. */
const search = (name: string, schema: string, statistic = 'Sum') =>
  new MathExpression({
    expression: `SEARCH('${schema} MetricName="${name}"', '${statistic}', 300)`,
    usingMetrics: {},
    label: '',
    period: Duration.minutes(5),
  });

const queueMetric = (QueueName: string, metricName: string) =>
  new Metric({
    namespace: 'AWS/SQS',
    metricName,
    dimensionsMap: { QueueName },
    label: QueueName,
    statistic: Stats.MAXIMUM,
    period: Duration.minutes(1),
  });

const apiMetric = (ApiId: string, metricName: string) =>
  new Metric({
    namespace: 'AWS/ApiGateway',
    metricName,
    dimensionsMap: { ApiId },
    label: metricName,
    statistic: Stats.SUM,
    period: Duration.minutes(5),
  });

/** Metric math reads plain decimals. */
const plain = (price: number) => price.toFixed(14);

/**
 * What an hour costs by its use. AWS/Billing has true sums, but of the whole account, a day late and in us-east-1 alone; what is
 * paid for by the month (secrets, alarms, the key) does not change with use.
 */
function costs({ configuration, apiId, tableName }: Properties): IMetric[] {
  const lanes = Object.keys(configuration.providers);
  const deployed = (Object.keys(functions) as FunctionName[]).flatMap((name) => {
    const facts: FunctionFacts = functions[name];
    const each = facts.consumes === 'lane' ? lanes : [undefined];
    return each.map((provider) => ({ FunctionName: names.function(name, provider), gigabytes: facts.memoryMb / 1024 }));
  });
  const sum = (namespace: string, metricName: string, dimensionsMap: Record<string, string>) =>
    new Metric({ namespace, metricName, dimensionsMap, statistic: Stats.SUM, period: hourly });
  const lambda = deployed.map(({ FunctionName, gigabytes }, index) => ({
    metrics: {
      [`d${index}`]: sum('AWS/Lambda', 'Duration', { FunctionName }),
      [`i${index}`]: sum('AWS/Lambda', 'Invocations', { FunctionName }),
    },
    term: `FILL(d${index},0)*${plain((gigabytes * prices.gigabyteSecond) / 1000)}+FILL(i${index},0)*${plain(prices.invocation)}`,
  }));
  const total = (label: string, expression: string, usingMetrics: Record<string, IMetric>) =>
    new MathExpression({ expression, usingMetrics, label, period: hourly });
  return [
    total(
      'Lambda',
      lambda.map(({ term }) => term).join('+'),
      Object.assign({}, ...lambda.map(({ metrics }) => metrics)),
    ),
    total('API', `FILL(requests,0)*${plain(prices.request)}`, {
      requests: sum('AWS/ApiGateway', 'Count', { ApiId: apiId }),
    }),
    total('DynamoDB', `FILL(writes,0)*${plain(prices.write)}+FILL(reads,0)*${plain(prices.read)}`, {
      writes: sum('AWS/DynamoDB', 'ConsumedWriteCapacityUnits', { TableName: tableName }),
      reads: sum('AWS/DynamoDB', 'ConsumedReadCapacityUnits', { TableName: tableName }),
    }),
  ];
}
