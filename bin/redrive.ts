import '../lib/closed-pipe.ts';
import { BadRequest, readRedrive, redrive, sqsOfEnvironment, usage } from '../lib/redrive.ts';

/**
 * `npm run redrive -- QUEUE`: brings dead letters back. Exit 0: all moved, or nothing there; 1: some were left behind, or
 * SQS gave no answer; 2: wrong usage.
 */
try {
  const wanted = readRedrive(process.argv.slice(2));
  if (wanted === 'help') process.stdout.write(usage);
  else process.exitCode = (await redrive(sqsOfEnvironment(), wanted, (line) => console.log(line))) ? 0 : 1;
} catch (error) {
  const isUsage = error instanceof BadRequest;
  // The client's own message may quote what was sent: its name says enough.
  console.error(isUsage ? error.message : `SQS gave no answer: ${error instanceof Error ? error.name : 'Error'}`);
  process.exitCode = isUsage ? 2 : 1;
}
