import { BadOption, readOptions, usage } from '../lib/local/options.ts';
import { loadWorlds, type Stage, startStage } from '../lib/local/stage.ts';

let stage: Stage | undefined;
let stoppingSince: number | undefined;

/** On a Ctrl-C the terminal tells everyone and npm passes it on: what comes again within this time (ms) is the same one. */
const passedOnWithin = process.env.npm_lifecycle_event === 'start' ? 200 : 0;

/** Finishes what is in hand, of which there is none before it listens; asked a second time, ends at once. */
async function stop(signal: NodeJS.Signals): Promise<void> {
  if (stoppingSince !== undefined) {
    if (Date.now() - stoppingSince < passedOnWithin) return;
    process.exit(signal === 'SIGINT' ? 130 : 143);
  }
  stoppingSince = Date.now();
  await stage?.close();
  process.exit(0);
}

/** `npm start`: the whole service on this machine. Prints one line when it listens; logs go to stderr. */
async function main(): Promise<void> {
  const worlds = await loadWorlds();
  const options = readOptions(process.argv.slice(2), worlds);
  if (options === 'help') {
    process.stdout.write(usage);
    return;
  }
  stage = await startStage(options, worlds, { variables: process.env, logs: process.stderr });
  for (const remark of options.remarks) console.error(remark);
  process.stdout.write(`Leakstop listening on ${stage.url}\n`);
}

process.on('SIGINT', stop).on('SIGTERM', stop);
try {
  await main();
} catch (error) {
  const inUse = error instanceof Error && 'code' in error && error.code === 'EADDRINUSE';
  const known = error instanceof BadOption || inUse;
  console.error(
    inUse
      ? '--port: is in use; choose another, or 0 for any free one'
      : error instanceof Error
        ? error.message
        : 'cannot start',
  );
  process.exit(known ? 2 : 1);
}
