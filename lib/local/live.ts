import { Writable } from 'node:stream';
import { createLiveView } from './live-view.ts';
import type { Incident, Terminal } from './terminal.ts';

/** A log line longer than this (characters) is dropped; the functions write none. */
const longestLine = 64 * 1024;
/** How often the progress line is written anew, and what is only counted is looked at (ms). */
const turnEvery = 150;

/** Where somebody watches, and how an incident is read: the stage's own API. */
export interface LiveOptions {
  terminal: Terminal;
  write(text: string): void;
  /** Undefined: it cannot be read now. */
  read(id: string): Promise<Incident | undefined>;
  now?: () => number;
}

/** Shows a stage's incidents instead of its logs: give it `logs` for the functions' lines. */
export function followLive({ terminal, write, read, now = Date.now }: LiveOptions) {
  const view = createLiveView(terminal);
  let rest = '';
  let drawn = false;
  /** Incidents that are being read; true when they moved meanwhile. */
  const reading = new Map<string, boolean>();

  function show(lines: readonly string[]): void {
    const progress = terminal.rewrites ? view.progress(now()) : undefined;
    if (lines.length === 0 && progress === undefined && !drawn) return;
    const wiped = drawn ? '\r\u001b[K' : '';
    drawn = progress !== undefined;
    write(wiped + lines.map((line) => `${line}\n`).join('') + (progress ?? ''));
  }

  async function look(id: string): Promise<void> {
    if (reading.has(id)) return void reading.set(id, true);
    do {
      reading.set(id, false);
      const incident = await read(id).catch(() => undefined);
      const lines = incident === undefined ? [] : view.see(incident, now());
      if (lines.length > 0) show(lines);
    } while (reading.get(id));
    reading.delete(id);
  }

  function take(line: string): void {
    const heard = view.hear(line, now());
    if (heard.lines.length > 0) show(heard.lines);
    if (heard.look !== undefined) void look(heard.look);
  }

  const logs = new Writable({
    decodeStrings: false,
    write(chunk: Buffer | string, _encoding, done) {
      const lines = (rest + chunk.toString()).split('\n');
      rest = lines.pop() ?? '';
      if (rest.length > longestLine) rest = '';
      for (const line of lines) take(line);
      done();
    },
  });
  const timer = setInterval(() => show(view.pass(now())), turnEvery);
  timer.unref();

  return {
    logs,
    /** Ends the progress line, so that what comes next stands by itself. */
    close() {
      clearInterval(timer);
      if (drawn) write('\r\u001b[K');
      drawn = false;
    },
  };
}
