import { floorOf } from './floor.ts';
import { alertOf, type Bundles, context, openHouse, quantile, silently } from './house.ts';

/** (a) One leak, everything warm: from the accepted alert, as it lies in its queue, to the key that was proven dead and written down. */
export async function warm(bundles: Bundles, rounds = 150) {
  const house = await openHouse(bundles);
  const [receive, lane] = [await house.load('receive-alert'), await house.lane()];
  const ours: number[] = [];
  const bare: number[] = [];
  const leaks = await house.leaks('datadog', 2 * rounds + 21);
  const queue = house.places.lanes.datadog ?? '';
  const timed = async (into: number[], act: () => Promise<unknown>) => {
    const begun = performance.now();
    await act();
    into.push(performance.now() - begun);
  };
  await silently(async () => {
    await receive(alertOf(leaks.pop() ?? {}), context());
    await lane({ Records: await house.receive(queue) }, context());
    const floor = floorOf(house.places, await house.anIncident());
    for (let round = -10; round < rounds; round += 1) {
      const measured = round >= 0;
      const acts = [
        (record: { body: string }) => timed(measured ? ours : [], () => lane({ Records: [record] }, context())),
        ({ body }: { body: string }) => timed(measured ? bare : [], () => floor(body)),
      ];
      for (const act of round % 2 === 0 ? acts : acts.reverse()) {
        await receive(alertOf(leaks.pop() ?? {}), context());
        const [record] = (await house.receive(queue)) as { body: string }[];
        if (!record) throw new Error('the alert is not in its queue');
        await act(record);
      }
    }
  });
  await house.close();
  const [a, b] = [quantile(ours, 0.5), quantile(bare, 0.5)];
  return {
    ratio: a / b,
    oursMs: a,
    floorMs: b,
    oursP99Ms: quantile(ours, 0.99),
    floorP99Ms: quantile(bare, 0.99),
    rounds,
  };
}
