import { describe, expect, test } from 'vitest';
import type { AlarmDefinition } from '../../../lib/alarms.ts';
import { alarmedAt } from '../../../lib/local/alarm-states.ts';
import type { Datum } from '../../../lib/local/metrics.ts';

const minute = 60_000;
/** The beginning of a period, however long. */
const noon = Date.parse('2026-11-20T12:00:00Z');

const metric = { namespace: 'Leakstop', name: 'seen', dimensions: { service: 'revoke-key', provider: 'coveo' } };
const alarm: AlarmDefinition = {
  name: 'leakstop-seen',
  description: 'It was seen.',
  metric,
  statistic: 'Sum',
  periodSeconds: 60,
  breached: 'above',
  threshold: 0,
  datapointsToAlarm: 1,
  evaluationPeriods: 1,
  missing: 'notBreaching',
};
const datum = (minutes: number, value = 1, given: Partial<Datum> = {}): Datum => ({
  ...metric,
  value,
  at: noon + minutes * minute,
  ...given,
});
/** The minutes after noon at which the alarm is in alarm. */
const alarmed = (given: Partial<AlarmDefinition>, data: Datum[], until = 10, from = 0) =>
  alarmedAt({ ...alarm, ...given }, data, { from: noon + from * minute, until: noon + until * minute }).map(
    (at) => (at - noon) / minute,
  );

describe('an alarm', () => {
  test('is on at the end of the period that breaches, and in no other', () => {
    expect(alarmed({}, [datum(3.5)])).toEqual([4]);
  });

  test('counts what falls on the edge of two periods to the later one', () => {
    expect(alarmed({}, [datum(3)])).toEqual([4]);
    expect(alarmed({}, [datum(3 - 1 / minute)])).toEqual([3]);
  });

  test('is not breached at its threshold', () => {
    expect(alarmed({ threshold: 1 }, [datum(3)])).toEqual([]);
    expect(alarmed({ breached: 'below', threshold: 1 }, [datum(3)])).toEqual([]);
    expect(alarmed({ breached: 'below', threshold: 1 }, [datum(3, 0.9)])).toEqual([4]);
  });

  test('adds up or takes the largest, as its statistic says, within a period', () => {
    const two = [datum(3.1, 2), datum(3.9, 3)];
    expect(alarmed({ threshold: 4 }, two)).toEqual([4]);
    expect(alarmed({ threshold: 4, statistic: 'Maximum' }, two)).toEqual([]);
    expect(alarmed({ threshold: 2, statistic: 'Maximum' }, two)).toEqual([4]);
    expect(alarmed({ threshold: 4 }, [datum(3.9, 2), datum(4, 3)])).toEqual([]);
  });

  test('takes periods as long as it says', () => {
    expect(alarmed({ periodSeconds: 300, threshold: 1 }, [datum(0), datum(4.9)])).toEqual([5]);
    expect(alarmed({ periodSeconds: 300, threshold: 1 }, [datum(4.9), datum(5)])).toEqual([]);
  });

  test('needs as many breached periods as it says, in a row or not', () => {
    const three = { datapointsToAlarm: 3, evaluationPeriods: 3 };
    expect(alarmed(three, [datum(1), datum(2), datum(3)])).toEqual([4]);
    expect(alarmed(three, [datum(1), datum(2), datum(4)])).toEqual([]);
    const threeOfFive = { datapointsToAlarm: 3, evaluationPeriods: 5 };
    expect(alarmed(threeOfFive, [datum(1), datum(3), datum(5)])).toEqual([6]);
    expect(alarmed(threeOfFive, [datum(1), datum(3), datum(6)])).toEqual([]);
  });

  test('knows its metric by namespace, name and all dimensions', () => {
    const others: Partial<Datum>[] = [
      { namespace: 'AWS/SQS' },
      { name: 'heard' },
      { dimensions: { service: 'revoke-key' } },
      { dimensions: { ...metric.dimensions, source: 'gitlab' } },
      { dimensions: { ...metric.dimensions, provider: 'datadog' } },
    ];
    for (const other of others) expect(alarmed({}, [datum(3, 1, other)])).toEqual([]);
  });
});

describe('missing data', () => {
  const heartbeat = { breached: 'below', threshold: 1, missing: 'breaching' } as const;
  const beats = (...minutes: number[]) => minutes.map((at) => datum(at + 0.5));

  test('breach where they are said to, and not where they are not', () => {
    expect(alarmed({}, [])).toEqual([]);
    expect(alarmed(heartbeat, [], 3)).toEqual([1, 2, 3]);
    expect(alarmed(heartbeat, beats(0, 2), 3)).toEqual([2]);
  });

  test('leave an alarm as it was where they are ignored, until something says otherwise', () => {
    const ignoring = { missing: 'ignore' } as const;
    expect(alarmed(ignoring, [])).toEqual([]);
    expect(alarmed(ignoring, [datum(1), datum(4, 0)], 6)).toEqual([2, 3, 4]);
  });

  test('count together with low values, for as many periods as it takes', () => {
    const three = { ...heartbeat, datapointsToAlarm: 3, evaluationPeriods: 3 };
    expect(alarmed(three, beats(0, 3, 6, 9))).toEqual([]);
    expect(alarmed(three, beats(0, 4), 5)).toEqual([4]);
    expect(alarmed(three, [...beats(0), datum(2, 0), ...beats(4)], 5)).toEqual([4]);
  });

  test('are none before the span and after it, nor in a period that it holds in part', () => {
    const three = { ...heartbeat, datapointsToAlarm: 3, evaluationPeriods: 3 };
    expect(alarmed(three, [], 3)).toEqual([3]);
    expect(alarmed(three, [], 2)).toEqual([]);
    expect(alarmed(three, [], 3.5, 0.5)).toEqual([]);
    expect(alarmed(three, [], 3.5)).toEqual([3]);
  });

  test('hide nothing that is there in a period of which the span holds a part', () => {
    expect(alarmed({}, [datum(3.2)], 3.5, 3.1)).toEqual([4]);
  });
});
