import '../lib/closed-pipe.ts';
import { followLive } from '../lib/local/live.ts';
import { BadOption, portTrouble, readOptions, refuseEaten, type StageOptions, usage } from '../lib/local/options.ts';
import { loadWorlds, type Stage, startStage } from '../lib/local/stage.ts';
import { type Incident, terminalOf } from '../lib/local/terminal.ts';
import { welcome } from '../lib/local/welcome.ts';

let stage: Stage | undefined;
let live: ReturnType<typeof followLive> | undefined;
let stoppingSince: number | undefined;

/** On a Ctrl-C the terminal tells everyone and npm passes it on: what comes again within this time (ms) is the same one. */
const passedOnWithin = process.env.npm_lifecycle_event === 'start' ? 200 : 0;

/** Finishes what is in hand, of which there is none before it listens; asked a second time, ends at once. */
async function stop(signal: NodeJS.Signals): Promise<void> {
  if (stoppingSince !== undefined) {
    if (Date.now() - stoppingSince < passedOnWithin) return;
    live?.close();
    process.exit(signal === 'SIGINT' ? 130 : 143);
  }
  stoppingSince = Date.now();
  await stage?.close();
  live?.close();
  process.exit(0);
}

/** `npm start`: the whole service on this machine. Prints one line when it listens; logs, or incidents, go to stderr. */
async function main(options: StageOptions, worlds: Awaited<ReturnType<typeof loadWorlds>>): Promise<void> {
  const watched = process.stderr.isTTY && !options.logs;
  const terminal = terminalOf(process.stderr, process.env);
  if (watched) live = followLive({ terminal, write: (text) => process.stderr.write(text), read });
  const variables = { ...process.env, ...(watched && { POWERTOOLS_LOG_LEVEL: undefined }) };
  stage = await startStage(options, worlds, { variables, logs: live?.logs ?? process.stderr });
  for (const remark of options.remarks) console.error(remark);
  process.stdout.write(`Leakstop listening on ${stage.url}\n`);
  const introduced = { ...options, url: stage.url, simulated: stage.vendors };
  if (watched) process.stderr.write(`${welcome(terminal, introduced, worlds).join('\n')}\n`);
}

/** What stands in the ledger, asked for as anybody would. */
async function read(id: string): Promise<Incident | undefined> {
  const answer = await fetch(`${stage?.url}/incidents/${id}`, { signal: AbortSignal.timeout(10_000) });
  return answer.ok ? ((await answer.json()) as Incident) : undefined;
}

process.on('SIGINT', stop).on('SIGTERM', stop);
let port = 0;
try {
  refuseEaten('npm start', ['port', 'secrets', 'vendors', 'data', 'logs'], process.env);
  const worlds = await loadWorlds();
  const options = readOptions(process.argv.slice(2), worlds);
  if (options === 'help') process.stdout.write(usage);
  else {
    port = options.port;
    await main(options, worlds);
  }
} catch (error) {
  live?.close();
  const trouble = portTrouble(error, port);
  console.error(trouble ?? (error instanceof Error ? error.message : 'cannot start'));
  process.exit(error instanceof BadOption || trouble !== undefined ? 2 : 1);
}
