import { callsOf } from './calls.ts';
import { alertOf, type Bundles, context, openHouse, quantile, silently } from './house.ts';

/** Alerts in hand at a time where requests per second are counted. */
const atOnce = 10;

/** (f) What accepting costs: one after another for the time of each, ten at a time for how many. */
export async function intake(bundles: Bundles, rounds = 400) {
  const house = await openHouse(bundles);
  const receive = await house.load('receive-alert');
  const [leak = {}] = await house.leaks('datadog', 1);
  const one = async (forged: boolean) => {
    const event = alertOf(leak, { forged });
    const begun = performance.now();
    const { statusCode } = (await receive(event, context())) as { statusCode: number };
    if (statusCode !== (forged ? 401 : 202)) throw new Error(`an alert was answered ${statusCode}`);
    return performance.now() - begun;
  };
  const measured = await silently(async () => {
    const times = { valid: [] as number[], forged: [] as number[] };
    for (let round = -30; round < rounds; round += 1) {
      const [valid, forged] = [await one(false), await one(true)];
      if (round < 0) continue;
      times.valid.push(valid);
      times.forged.push(forged);
    }
    const rate = async (forged: boolean) => {
      const [begun, before] = [performance.now(), process.cpuUsage()];
      for (let sent = 0; sent < rounds; sent += atOnce)
        await Promise.all(Array.from({ length: atOnce }, () => one(forged)));
      const { user, system } = process.cpuUsage(before);
      return { perSecond: (rounds * 1000) / (performance.now() - begun), cpuMs: (user + system) / 1000 / rounds };
    };
    const summary = async (kind: 'valid' | 'forged') => ({
      p50Ms: quantile(times[kind], 0.5),
      p99Ms: quantile(times[kind], 0.99),
      ...(await rate(kind === 'forged')),
    });
    const [valid, forged] = [await summary('valid'), await summary('forged')];
    const calls = await callsOf(() => one(true));
    return { valid, forged, forgedToValid: forged.p50Ms / valid.p50Ms, forgedCalls: Object.keys(calls).length };
  });
  await house.close();
  return measured;
}
