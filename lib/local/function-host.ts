import { randomUUID } from 'node:crypto';
import type { Writable } from 'node:stream';
import { Worker } from 'node:worker_threads';

/** Why an invocation gave no result: its thread ended, or ran past the function's timeout and was ended. */
export class FunctionDied extends Error {
  override readonly name = 'FunctionDied';
}

/** One deployed function: a thread of its own with an environment of its own, started again when it died. */
export interface FunctionHost {
  /** Calls the handler; `event` is copied. @throws FunctionDied, or Error when the handler failed */
  invoke(event: unknown): Promise<unknown>;
  /** Resolves when the code is loaded. */
  ready(): Promise<void>;
  /** Ends the thread at once, as a crash would; the next invocation starts a new one. */
  kill(): Promise<void>;
  /** Ends the thread for good, when nothing is in hand any more. */
  close(): Promise<void>;
}

interface Options {
  name: string;
  entry: URL;
  environment: Record<string, string>;
  timeoutSeconds: number;
  /** Host name → loopback port that answers for it; absent, requests go where they say. */
  network: Record<string, number> | undefined;
  logs: Writable;
}

interface Waiting {
  resolve(result: unknown): void;
  reject(error: Error): void;
}

export type Reply = { ready: true } | { id: string; result: unknown } | { id: string; error: string };

export function hostFunction({ name, entry, environment, timeoutSeconds, network, logs }: Options): FunctionHost {
  const waiting = new Map<string, Waiting>();
  let thread: { worker: Worker; loaded: Promise<void> } | undefined;
  let closing = false;

  function start() {
    const worker = new Worker(new URL('./function-thread.ts', import.meta.url), {
      name,
      env: environment,
      workerData: { entry: entry.href, network },
      stdout: true,
      stderr: true,
    });
    worker.stdout.pipe(logs, { end: false });
    worker.stderr.pipe(logs, { end: false });
    const loaded = new Promise<void>((resolve, reject) => {
      worker.on('message', (reply: Reply) => ('ready' in reply ? resolve() : settle(reply)));
      worker.once('error', reject);
      worker.once('exit', () => {
        reject(new FunctionDied(`${name} ended`));
        if (thread?.worker === worker) thread = undefined;
        for (const { reject: lost } of waiting.values()) lost(new FunctionDied(`${name} ended`));
        waiting.clear();
      });
    });
    loaded.catch(() => {});
    thread = { worker, loaded };
    return thread;
  }

  function settle(reply: Exclude<Reply, { ready: true }>): void {
    const call = waiting.get(reply.id);
    waiting.delete(reply.id);
    if ('error' in reply) call?.reject(new Error(`${name} failed: ${reply.error}`));
    else call?.resolve(reply.result);
  }

  async function kill(): Promise<void> {
    await thread?.worker.terminate();
  }

  return {
    kill,
    ready: () => (thread ?? start()).loaded,
    async invoke(event) {
      if (closing) throw new FunctionDied(`${name} is closed`);
      const { worker, loaded } = thread ?? start();
      await loaded;
      if (thread?.worker !== worker) throw new FunctionDied(`${name} ended`);
      const id = randomUUID();
      const timer = setTimeout(() => void worker.terminate(), timeoutSeconds * 1000);
      try {
        return await new Promise((resolve, reject) => {
          waiting.set(id, { resolve, reject });
          worker.postMessage({ id, event, endsAt: Date.now() + timeoutSeconds * 1000 });
        });
      } finally {
        clearTimeout(timer);
      }
    },
    async close() {
      closing = true;
      while (waiting.size > 0) await new Promise((resolve) => setTimeout(resolve, 20));
      await kill();
    },
  };
}
