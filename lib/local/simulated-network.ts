import net from 'node:net';
import { Agent, buildConnector } from 'undici';
import { isLoopback } from '../../functions/revocation/address.ts';

/**
 * The way out of `fetch` where vendors are simulated: `network` says which loopback port answers for a host. What runs on this machine
 * is reached where it says, because that is no real network; any other host is refused, never looked up.
 */
export function simulatedNetwork(network: Readonly<Record<string, number>>): Agent {
  const direct = buildConnector({});
  return new Agent({
    connect: (options, callback) => {
      const { hostname } = options;
      // The name of a host as it is connected to has lost the brackets of an address.
      if (isLoopback({ hostname: hostname === '::1' ? '[::1]' : hostname })) return direct(options, callback);
      const target = network[hostname];
      if (target === undefined) return callback(Object.assign(new Error('refused'), { code: 'ECONNREFUSED' }), null);
      const socket = net.connect(target, '127.0.0.1');
      socket.once('connect', () => callback(null, socket));
      socket.once('error', (error) => callback(error, null));
    },
  });
}
