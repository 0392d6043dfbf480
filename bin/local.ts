import { BadOption, readOptions, usage } from '../lib/local/options.ts';
import { loadWorlds, startStage } from '../lib/local/stage.ts';

/** `npm start`: the whole service on this machine. Prints one line when it listens; logs go to stderr. */
async function main(): Promise<void> {
  const worlds = await loadWorlds();
  const options = readOptions(process.argv.slice(2), worlds);
  if (options === 'help') {
    process.stdout.write(usage);
    return;
  }
  for (const remark of options.remarks) console.error(remark);
  const stage = await startStage(options, worlds, { variables: process.env, logs: process.stderr });
  let stopping = false;
  const stop = async () => {
    if (stopping) return;
    stopping = true;
    await stage.close();
    process.exit(0);
  };
  process.on('SIGINT', stop).on('SIGTERM', stop);
  process.stdout.write(`Leakstop listening on ${stage.url}\n`);
}

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
