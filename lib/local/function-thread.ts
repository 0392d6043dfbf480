import { enableCompileCache } from 'node:module';
import { parentPort, workerData } from 'node:worker_threads';
import { setGlobalDispatcher } from 'undici';
import type { Reply } from './function-host.ts';
import { simulatedNetwork } from './simulated-network.ts';

// The inside of a function's thread: what Lambda's runtime is to a deployed function.
const { entry, network } = workerData as { entry: string; network: Record<string, number> | undefined };
const port = parentPort;
if (!port) throw new Error('this file is the inside of a thread');
const reply = (message: Reply) => port.postMessage(message);

// Simulated vendors: every connection of `fetch` ends on loopback.
if (network) setGlobalDispatcher(simulatedNetwork(network));

// Ten functions load much the same code: compiled once, it is there for the others and for the next start.
enableCompileCache();
const { handler } = (await import(entry)) as { handler(event: unknown, context: unknown): Promise<unknown> };

port.on('message', async ({ id, event, endsAt }: { id: string; event: unknown; endsAt: number }) => {
  const context = { awsRequestId: id, getRemainingTimeInMillis: () => endsAt - Date.now() };
  try {
    reply({ id, result: (await handler(event, context)) ?? null });
  } catch (error) {
    reply({ id, error: error instanceof Error ? error.name : 'Error' });
  }
});
reply({ ready: true });
