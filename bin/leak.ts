import '../lib/closed-pipe.ts';
import { leak, leakUsage, readLeakOrder } from '../lib/local/leak.ts';
import { BadOption } from '../lib/local/options.ts';
import { terminalOf } from '../lib/local/terminal.ts';

/** `npm run leak -- PROVIDER`: leaks a fresh simulated key at a running stage. Exit 0: it is dead; 1: it is not; 2: wrong usage, or no stage. */
try {
  const order = readLeakOrder(process.argv.slice(2), process.env);
  if (order === 'help') process.stdout.write(leakUsage);
  else {
    const terminal = terminalOf(process.stdout, process.env);
    process.exitCode = (await leak(order, terminal, (line) => console.log(line))) ? 0 : 1;
  }
} catch (error) {
  console.error(error instanceof Error ? error.message : 'cannot leak anything');
  process.exitCode = error instanceof BadOption ? 2 : 1;
}
