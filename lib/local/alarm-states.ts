import type { AlarmDefinition } from '../alarms.ts';
import type { Datum } from './metrics.ts';

/**
 * The ends (epoch ms) of the periods in a span at which an alarm is in alarm, by its own definition and the metrics that were
 * collected. Simpler than CloudWatch in one thing: that takes older data in place of missing ones where there are some, so an alarm may
 * last longer there; it begins at the same time or, where missing data breach, a little later.
 * A period that the span holds only in part breaches by what is in it, and never for what is missing.
 * https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/alarms-and-missing-data.html
 */
export function alarmedAt(
  alarm: AlarmDefinition,
  data: readonly Datum[],
  { from, until }: { from: number; until: number },
): number[] {
  const period = alarm.periodSeconds * 1000;
  const values = new Map<number, number[]>();
  for (const datum of data) {
    if (!isOf(alarm, datum)) continue;
    const start = startOf(datum.at, period);
    const known = values.get(start) ?? [];
    values.set(start, known);
    known.push(datum.value);
  }
  const isBreached = (start: number): boolean => {
    const found = values.get(start);
    if (found === undefined) return alarm.missing === 'breaching' && start >= from && start + period <= until;
    const value = alarm.statistic === 'Sum' ? found.reduce((sum, each) => sum + each, 0) : Math.max(...found);
    return alarm.breached === 'above' ? value > alarm.threshold : value < alarm.threshold;
  };
  const alarmed: number[] = [];
  let wasAlarmed = false;
  for (let start = startOf(from, period); start < until; start += period) {
    const range = Array.from({ length: alarm.evaluationPeriods }, (_, index) => start - index * period);
    const staysSo = alarm.missing === 'ignore' && !range.some((each) => values.has(each));
    const isAlarmed: boolean = staysSo ? wasAlarmed : range.filter(isBreached).length >= alarm.datapointsToAlarm;
    if (isAlarmed) alarmed.push(start + period);
    wasAlarmed = isAlarmed;
  }
  return alarmed;
}

const startOf = (at: number, period: number) => Math.floor(at / period) * period;

/** A metric is its namespace, its name and exactly its dimensions. */
const isOf = ({ metric }: AlarmDefinition, { namespace, name, dimensions }: Datum) => {
  const wanted = Object.entries(metric.dimensions);
  const sameDimensions =
    wanted.length === Object.keys(dimensions).length && wanted.every(([key, value]) => dimensions[key] === value);
  return metric.namespace === namespace && metric.name === name && sameDimensions;
};
