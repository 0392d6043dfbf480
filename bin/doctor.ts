import '../lib/closed-pipe.ts';
import { type Check, lineOf, summaryOf } from '../lib/doctor/check.ts';
import { deployed, inFile } from '../lib/doctor/deployed.ts';
import { type DoctorOptions, readDoctorOptions, usage } from '../lib/doctor/options.ts';
import { startSimulation } from '../lib/doctor/simulated.ts';
import { diagnose } from '../lib/doctor.ts';
import { BadOption, refuseEaten } from '../lib/local/options.ts';
import { loadWorlds } from '../lib/local/stage.ts';
import { configuration } from './config.ts';

/** `npm run doctor`: says what is missing before a leak does. Exit 0: all well; 1: something is not; 2: wrong usage. */
async function main(): Promise<number> {
  refuseEaten('npm run doctor', ['config', 'secrets', 'vendors', 'spoil'], process.env);
  const worlds = await loadWorlds();
  const options = readDoctorOptions(process.argv.slice(2), configuration, worlds);
  if (options === 'help') {
    process.stdout.write(usage);
    return 0;
  }
  const simulation = options.vendors === 'simulated' ? await startSimulation(worlds, options) : undefined;
  try {
    return await report(options, simulation?.fetch ?? globalThis.fetch);
  } finally {
    await simulation?.close();
  }
}

async function report(options: DoctorOptions, fetch: typeof globalThis.fetch): Promise<number> {
  const { secrets, configurationName, json, vendors } = options;
  const safe = secrets === undefined ? await deployed() : inFile(secrets);
  const checks: Check[] = [];
  for await (const check of diagnose({
    configuration: options.configuration,
    configurationName,
    safe,
    fetch,
    now: Date.now,
  })) {
    checks.push(check);
    if (!json) console.log(lineOf(check));
  }
  const isWell = checks.every(({ is }) => is === 'well');
  if (json) console.log(JSON.stringify({ well: isWell, vendors, summary: summaryOf(checks), checks }, null, 2));
  else console.log(`\n${summaryOf(checks)}${vendors === 'simulated' ? ', with simulated providers and sources' : ''}`);
  return isWell ? 0 : 1;
}

try {
  process.exitCode = await main();
} catch (error) {
  if (!(error instanceof BadOption)) throw error;
  console.error(error.message);
  process.exitCode = 2;
}
