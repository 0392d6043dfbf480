import { join } from 'node:path';
import { alertOf, context, openHouse } from './house.ts';

// One function's process: what the other function of a leak's way does is done before, or not at all.

const [, , name = '', folder = ''] = process.argv;
const bundles = { folder, fileOf: (one: string) => join(folder, one, 'index.mjs'), close: () => {} };
const house = await openHouse(bundles);
const receive = await house.load('receive-alert');
const lane = name === 'revoke-key' ? await house.lane() : undefined;
const leaks = await house.leaks('datadog', 400);
while (leaks.length > 0) await Promise.all(leaks.splice(0, 10).map((leak) => receive(alertOf(leak), context())));
for (let left = lane ? 400 : 0; left > 0; ) {
  const Records = await house.receive(house.places.lanes.datadog ?? '');
  await lane?.({ Records }, context());
  left -= Math.max(Records.length, 1);
}
process.send?.(process.resourceUsage().maxRSS / 1024);
await house.close();
process.disconnect?.();
