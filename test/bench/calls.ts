import diagnostics from 'node:diagnostics_channel';
import { alertOf, type Bundles, context, openHouse, silently } from './house.ts';

/** What goes out of this process while `act` is at work: call → how often. */
export async function callsOf(act: () => Promise<unknown>): Promise<Record<string, number>> {
  const calls: Record<string, number> = {};
  const count = (call: string) => {
    calls[call] = (calls[call] ?? 0) + 1;
  };
  const toAws = (message: unknown) => {
    const { request } = message as { request: { getHeader(name: string): unknown } };
    count(String(request.getHeader('x-amz-target')).split('.').at(-1) ?? '');
  };
  const toProvider = (message: unknown) => {
    const { request } = message as { request: { method: string; path: string } };
    count(`${request.method} ${request.path.replace(/[0-9a-f-]{36}$/, '{id}')}`);
  };
  diagnostics.subscribe('http.client.request.start', toAws);
  diagnostics.subscribe('undici:request:create', toProvider);
  try {
    await act();
  } finally {
    diagnostics.unsubscribe('http.client.request.start', toAws);
    diagnostics.unsubscribe('undici:request:create', toProvider);
  }
  return calls;
}

/** (b) What one incident calls, warm, from the alert to the proof; and a forged alert, cold and warm. */
export async function calls(bundles: Bundles) {
  const house = await openHouse(bundles);
  const [receive, lane] = [await house.load('receive-alert'), await house.lane()];
  const [first, second, third] = await house.leaks('datadog', 3);
  const queue = house.places.lanes.datadog ?? '';
  const result = await silently(async () => {
    const forged = () => receive(alertOf(third ?? {}, { forged: true }), context());
    const accept = (leak: object) => receive(alertOf(leak), context());
    const end = async () => {
      const Records = await house.receive(queue);
      return callsOf(() => lane({ Records }, context()));
    };
    const forgedCold = await callsOf(forged);
    const acceptCold = await callsOf(() => accept(first ?? {}));
    const laneCold = await end();
    const acceptWarm = await callsOf(() => accept(second ?? {}));
    const laneWarm = await end();
    return { forgedCold, forgedWarm: await callsOf(forged), acceptCold, acceptWarm, laneCold, laneWarm };
  });
  await house.close();
  return result;
}
