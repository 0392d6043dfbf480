import { afterEach, describe, expect, test } from 'vitest';
import { type DatadogTraits, inventedKeys, keyWithDecoys } from '../../../lib/local/vendors/datadog.ts';
import { admin, type Incident, testStage } from '../../support/stage.ts';

let stage: Awaited<ReturnType<typeof testStage>> | undefined;
afterEach(async () => {
  await stage?.close();
  stage = undefined;
});

/** A stage whose account is drilled, where everything else is a dry run. */
async function drilled(objectiveSeconds: number, traits: DatadogTraits = {}) {
  const config = {
    providers: { datadog: { accounts: ['prod'], action: 'observe' } },
    drill: { accounts: { datadog: ['prod'] }, everyHours: 24, objectiveSeconds },
    notices: { eventBus: null },
  };
  const keys = [...inventedKeys(30, 'stage'), ...keyWithDecoys(admin.apiKey, 'leakstop', 0)];
  const started = await testStage({ keys, traits, config });
  stage = started;
  const keepWatch = () => started.functions['keep-watch']?.invoke({});
  const seen = () => started.vendor.values();
  /** Keeps watch until what is wanted is there, however slow the machine is. */
  async function watchUntil<Result>(look: () => Promise<Result | undefined>): Promise<Result> {
    for (const end = Date.now() + 60_000; ; ) {
      await keepWatch();
      const found = await look();
      if (found !== undefined) return found;
      if (Date.now() > end) throw new Error(`it did not come: ${started.logged().slice(-4000)}`);
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
  }
  const incident = async (): Promise<Incident | undefined> => {
    const { json } = await started.call('GET', '/incidents');
    return json.incidents[0];
  };
  return { ...started, watchUntil, incident, seen };
}

/** Values of a metric, as CloudWatch would read them from the log. */
const valuesOf = (logged: string, name: string): number[] =>
  logged.split('\n').flatMap((line) => {
    if (!line.includes('"_aws"')) return [];
    const value = (JSON.parse(line) as Record<string, unknown>)[name];
    return value === undefined ? [] : [value].flat().map(Number);
  });

describe('a stage that is drilled', () => {
  test('makes a key at the simulated vendor, kills it, and measures how long it lived', async () => {
    const { watchUntil, incident, logged, vendor, seen } = await drilled(60);
    const before = seen();
    const closed = await watchUntil(async () => {
      const one = await incident();
      return one?.state === 'closed' ? one : undefined;
    });
    expect(closed).toMatchObject({
      outcome: 'revoked',
      action: 'delete',
      account: 'prod',
      sightings: [{ source: 'drill', reference: expect.stringMatching(/^leakstop-drill-/) }],
      proof: { dead: true, method: 'leaked-key-refused' },
    });
    expect(vendor.deletions).toEqual([closed.keyId]);
    expect(seen().sort()).toEqual(before.sort());
    const [measured] = await watchUntil(async () => {
      const values = valuesOf(logged(), 'drill.timeToDead');
      return values.length > 0 ? values : undefined;
    });
    expect(measured).toBe(closed.timeToDeadMs);
    expect(valuesOf(logged(), 'drill.missed')).toEqual([]);
    // One was due, however often it was asked for.
    expect(vendor.arrivals.filter(({ method }) => method === 'POST')).toHaveLength(1);
  }, 120_000);

  test('says that the objective is exceeded while the vendor goes on accepting the key', async () => {
    const { watchUntil, incident, logged } = await drilled(5, { propagationMs: 600_000 });
    const late = await watchUntil(async () => {
      const values = valuesOf(logged(), 'drill.late');
      return values.length > 0 ? values : undefined;
    });
    expect(late).toEqual([1]);
    expect(valuesOf(logged(), 'drill.timeToDead')).toEqual([]);
    expect((await incident())?.state).toBe('sent');
  }, 120_000);
});
