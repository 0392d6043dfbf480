import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { createObservability } from '../../../functions/platform/observability.ts';
import type { Note } from '../../../functions/revocation/run.ts';
import { alarmsOf } from '../../../lib/alarms.ts';
import { readConfiguration } from '../../../lib/configuration.ts';
import { alarmedAt } from '../../../lib/local/alarm-states.ts';
import { LocalMetrics } from '../../../lib/local/metrics.ts';
import { drilledLane, type Scene } from '../../support/drilled-lane.ts';

// Hours of virtual time are many steps, and the machine may have others to serve.
vi.setConfig({ testTimeout: 120_000 });

const minute = 60_000;
const hour = 60 * minute;
const alarms = alarmsOf(
  readConfiguration({
    providers: { datadog: { accounts: ['main'] } },
    drill: { accounts: { datadog: ['main'] }, everyHours: 6, objectiveSeconds: 60 },
  }),
  { apiId: 'local' },
).filter(({ name }) => name.startsWith('leakstop-drill-'));

const { write } = process.stdout;
let end: (() => Promise<void>) | undefined;
let metrics: LocalMetrics;
let now = Date.now;
beforeEach(() => {
  metrics = new LocalMetrics({ now: () => now() });
});
afterEach(async () => {
  process.stdout.write = write;
  await end?.();
});

/** Everything that the lane notes goes the way of its metrics, as it would in its function. */
async function begin(scene?: Scene) {
  const lane = await drilledLane(scene);
  end = lane.end;
  now = lane.clock.now;
  const from = now();
  const { note } = createObservability('revoke-key');
  lane.services.note = (event: Note) => {
    process.stdout.write = ((chunk: string | Uint8Array) => {
      metrics.take(Buffer.from(chunk as Uint8Array).toString('utf8'));
      return true;
    }) as typeof write;
    note('datadog', event);
    process.stdout.write = write;
  };
  /** Keeps watch every so often, and lets the lane work off what waits. */
  const pass = async (hours: number, isOrdered = () => true) => {
    for (const until = lane.clock.now() + hours * hour; lane.clock.now() < until; ) {
      if (isOrdered()) await lane.order();
      await lane.work(5 * minute);
      lane.clock.advance(10 * minute);
    }
  };
  const fired = () =>
    alarms.filter((alarm) => alarmedAt(alarm, metrics.data, { from, until: now() }).length > 0).map(({ name }) => name);
  return { ...lane, pass, fired };
}

describe('the alarms of drills', () => {
  test('are silent for as long as keys die in time', async () => {
    const { pass, fired } = await begin();
    await pass(30);
    expect(metrics.data.filter(({ name }) => name === 'drill.timeToDead').length).toBeGreaterThan(3);
    expect(fired()).toEqual([]);
  });

  test('call a person when a key outlives the objective', async () => {
    const { pass, fired } = await begin({ traits: { propagationMs: 10 * minute } });
    await pass(2);
    expect(fired()).toEqual(['leakstop-drill-late-datadog']);
  });

  test('call a person when no key can be made', async () => {
    const { pass, fired } = await begin({ rights: ['api_keys_read', 'api_keys_delete'] });
    await pass(1);
    expect(fired()).toEqual(['leakstop-drill-missed-datadog']);
  });

  test('call a person when nobody orders drills any more', async () => {
    const { pass, fired } = await begin();
    await pass(7);
    expect(fired()).toEqual([]);
    await pass(12, () => false);
    expect(fired()).toEqual(['leakstop-drill-none-datadog']);
  });
});
