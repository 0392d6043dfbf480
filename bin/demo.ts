import { PassThrough } from 'node:stream';
import { followLeak } from '../lib/local/follow.ts';
import { readOptions } from '../lib/local/options.ts';
import { loadWorlds, type Stage, startStage } from '../lib/local/stage.ts';

/** `npm run demo`: leaks one simulated key at every provider, shows each die, exits 0 only if all did. */
async function main(): Promise<boolean> {
  const worlds = await loadWorlds();
  const options = readOptions(['--port', '0'], worlds);
  if (options === 'help') return false;
  console.log('Starting a local stage with simulated vendors; no cloud account, no network.');
  const stage = await startStage(options, worlds, {
    variables: { POWERTOOLS_LOG_LEVEL: 'SILENT' },
    logs: new PassThrough().resume(),
  });
  try {
    const deaths: boolean[] = [];
    for (const [id, { leaks }] of Object.entries(worlds)) {
      for (const leak of leaks) deaths.push(await showDeath(stage, id, leak));
    }
    const alive = deaths.filter((dead) => !dead).length;
    console.log(
      alive === 0
        ? `\nEvery leaked key is dead (${deaths.length}).`
        : `\n${alive} of ${deaths.length} keys still live.`,
    );
    return alive === 0 && deaths.length > 0;
  } finally {
    await stage.close();
  }
}

async function showDeath({ url, vendors }: Stage, provider: string, leak: { secret?: string }): Promise<boolean> {
  const vendor = vendors[provider];
  console.log(`\n${provider}: a key has leaked; a signed alert is on its way`);
  const incident = await followLeak(url, leak, ({ stage, detail }, ms) => {
    console.log(`  ${String(ms).padStart(6)} ms  ${stage}${detail ? `  ${detail}` : ''}`);
  });
  const { state, outcome, reason, proof, timeToDeadMs } = incident;
  console.log(`  outcome: ${outcome ?? state}${reason ? ` (${reason})` : ''}`);
  const checks = proof?.checks.map(({ at, result }) => `${result} at ${at}`).join(', ');
  console.log(`  proof: ${proof?.dead ? 'dead' : 'not dead'}${proof ? ` by ${proof.method}: ${checks}` : ''}`);
  if (timeToDeadMs !== null) console.log(`  time to dead: ${timeToDeadMs} ms`);
  const accepted = vendor === undefined || leak.secret === undefined || vendor.accepts(leak.secret);
  console.log(`  the simulated vendor ${accepted ? 'STILL ACCEPTS' : 'no longer accepts'} the key`);
  return proof?.dead === true && !accepted;
}

process.exit((await main()) ? 0 : 1);
