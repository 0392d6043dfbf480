import { describe, expect, test } from 'vitest';
import { type DatadogKey, inventedKeys } from '../../../lib/local/vendors/datadog.ts';
import { testStage } from '../../support/stage.ts';

/** Lives short enough (s) that a death is survived within the test: a lease ends before its message comes again. */
const tuning = { timeoutSeconds: 8, visibilitySeconds: 11 };

describe('a function thread that is killed', () => {
  test.concurrent.each([
    ['before it claims', () => true],
    ['while it looks the key up', ({ target }: { target: string }) => target.startsWith('/api/v2/validate')],
    ['while it deletes', ({ method }: { method: string }) => method === 'DELETE'],
    ['while it proves', ({ target }: { target: string }) => target === '/api/v1/validate'],
  ] as const)(
    '%s loses nothing: the queue delivers again and the key dies once',
    async (when, moment) => {
      const [victim, ...others] = inventedKeys(3, `killed ${when}`) as [DatadogKey, ...DatadogKey[]];
      const stage = await testStage({ keys: [victim, ...others], tuning });
      const lane = stage.functions['revoke-key-datadog'];
      let killed = false;
      const strike = () => {
        killed = true;
        void lane?.kill();
      };
      const push = stage.vendor.arrivals.push.bind(stage.vendor.arrivals);
      stage.vendor.arrivals.push = (...arrived) => {
        const result = push(...arrived);
        if (!killed && when !== 'before it claims' && arrived.some((arrival) => moment(arrival as never))) strike();
        return result;
      };
      const { json } = await stage.alert({ provider: 'datadog', secret: victim.key });
      if (when === 'before it claims') strike();
      const incident = await stage.resting(json.incidents[0].id, 45_000);
      expect(killed).toBe(true);
      expect(incident).toMatchObject({ state: 'closed', outcome: 'revoked', keyId: victim.id });
      expect(stage.vendor.deletions).toEqual([victim.id]);
      await stage.close();
    },
    60_000,
  );
});
