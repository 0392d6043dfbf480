import { randomUUID } from 'node:crypto';
import type { Writable } from 'node:stream';
import { Worker } from 'node:worker_threads';

/** Why an invocation gave no result: its thread ended, or it ran past the function's timeout. */
export class FunctionDied extends Error {
  override readonly name = 'FunctionDied';
}

/** One deployed function: a thread of its own with an environment of its own, started again when it died. */
export interface FunctionHost {
  /**
   * Calls the handler; `event` is copied. One that runs past the timeout fails alone: its thread takes no more, and ends
   * when the others that it has in hand are over. @throws FunctionDied, or Error when the handler failed
   */
  invoke(event: unknown): Promise<unknown>;
  /** Resolves when the code is loaded. */
  ready(): Promise<void>;
  /** Ends every thread at once, as a crash would; the next invocation starts a new one. */
  kill(): Promise<void>;
  /** Ends every thread for good, when nothing is in hand any more. */
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

interface Call {
  resolve(result: unknown): void;
  reject(error: Error): void;
}

interface Thread {
  worker: Worker;
  loaded: Promise<void>;
  /** What it has in hand, by the id of the invocation. */
  calls: Map<string, Call>;
}

export type Reply = { ready: true } | { id: string; result: unknown } | { id: string; error: string };

export function hostFunction({ name, entry, environment, timeoutSeconds, network, logs }: Options): FunctionHost {
  const threads = new Set<Thread>();
  /** The one that takes invocations; the others only finish theirs. */
  let current: Thread | undefined;
  let closing = false;

  function start(): Thread {
    const worker = new Worker(new URL('./function-thread.ts', import.meta.url), {
      name,
      env: environment,
      workerData: { entry: entry.href, network },
      stdout: true,
      stderr: true,
    });
    for (const output of [worker.stdout, worker.stderr]) output.on('data', (chunk: Buffer) => void logs.write(chunk));
    const { promise: loaded, resolve, reject } = Promise.withResolvers<void>();
    loaded.catch(() => {});
    const thread: Thread = { worker, loaded, calls: new Map() };
    worker.on('message', (reply: Reply) => ('ready' in reply ? resolve() : settle(thread, reply)));
    worker.once('error', reject);
    worker.once('exit', () => {
      const ended = new FunctionDied(`${name} ended`);
      reject(ended);
      threads.delete(thread);
      if (current === thread) current = undefined;
      for (const call of thread.calls.values()) call.reject(ended);
      thread.calls.clear();
    });
    threads.add(thread);
    current = thread;
    return thread;
  }

  function settle(thread: Thread, reply: Exclude<Reply, { ready: true }>): void {
    const call = thread.calls.get(reply.id);
    if ('error' in reply) call?.reject(new Error(`${name} failed: ${reply.error}`));
    else call?.resolve(reply.result);
    drop(thread, reply.id);
  }

  /** An invocation is over, and so is a thread that was retired for another one and has nothing else in hand. */
  function drop(thread: Thread, id: string): void {
    thread.calls.delete(id);
    if (thread !== current && thread.calls.size === 0) void thread.worker.terminate();
  }

  /** Every invocation that is left has a timeout of its own, so a retired thread ends within one. */
  function expire(thread: Thread, id: string): void {
    if (current === thread) current = undefined;
    thread.calls.get(id)?.reject(new FunctionDied(`${name} ran longer than ${timeoutSeconds} s`));
    drop(thread, id);
  }

  async function kill(): Promise<void> {
    await Promise.all([...threads].map(({ worker }) => worker.terminate()));
  }

  return {
    kill,
    ready: async () => {
      if (closing) throw new FunctionDied(`${name} is closed`);
      await (current ?? start()).loaded;
    },
    async invoke(event) {
      if (closing) throw new FunctionDied(`${name} is closed`);
      const thread = current ?? start();
      await thread.loaded;
      if (!threads.has(thread)) throw new FunctionDied(`${name} ended`);
      const id = randomUUID();
      const timer = setTimeout(() => expire(thread, id), timeoutSeconds * 1000);
      try {
        return await new Promise((resolve, reject) => {
          thread.calls.set(id, { resolve, reject });
          thread.worker.postMessage({ id, event, endsAt: Date.now() + timeoutSeconds * 1000 });
        });
      } finally {
        clearTimeout(timer);
      }
    },
    async close() {
      closing = true;
      while ([...threads].some(({ calls }) => calls.size > 0)) await new Promise((resolve) => setTimeout(resolve, 20));
      await kill();
    },
  };
}
