import '../lib/closed-pipe.ts';
import { PassThrough } from 'node:stream';
import { followAlert, followLeak } from '../lib/local/follow.ts';
import { readOptions } from '../lib/local/options.ts';
import type { Discovery } from '../lib/local/scanners/scanner.ts';
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
    const decoys: Decoy[] = [];
    const deaths: boolean[] = [];
    for (const [id, { leaks }] of Object.entries(worlds)) {
      for (const leak of leaks) decoys.push(...decoysOf(stage, id, leak));
    }
    for (const [id, { leaks }] of Object.entries(worlds)) {
      for (const leak of leaks) deaths.push(await showDeath(stage, id, leak));
    }
    const deliveries = Object.entries(worlds).flatMap(([id, { finds = {} }]) =>
      Object.entries(finds).map(([source, found]) => ({ id, source, found })),
    );
    for (const { id, source, found } of deliveries) {
      decoys.push(...decoysOf(stage, id, found));
      deaths.push(await showClosing(stage, id, source, found));
    }
    const alive = deaths.filter((dead) => !dead).length;
    const lost = decoys.filter(({ provider, value }) => !stage.vendors[provider]?.accepts(value)).length;
    console.log(
      alive === 0
        ? `\nEvery leaked key is dead: ${deaths.length} at ${Object.keys(worlds).length} providers.`
        : `\n${alive} of ${deaths.length} keys still live.`,
    );
    console.log(
      lost === 0
        ? `Every key beside them that ends in the same four characters lives: ${decoys.length}.`
        : `${lost} of ${decoys.length} keys that only ended in the same four characters are gone.`,
    );
    return alive === 0 && lost === 0 && deaths.length > 0 && decoys.length > 0;
  } finally {
    await stage.close();
  }
}

/** A key that must live: it only ends like the leaked one. */
interface Decoy {
  provider: string;
  value: string;
}

function decoysOf({ vendors }: Stage, provider: string, { secret }: { secret?: string }): Decoy[] {
  const end = secret?.slice(-4);
  const values = vendors[provider]?.values() ?? [];
  return values.filter((value) => value !== secret && value.slice(-4) === end).map((value) => ({ provider, value }));
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

/** An alert that only names the key: it is fetched, the key dies, and the alert is closed where it was raised. */
async function showClosing(
  { url, vendors, scanners }: Stage,
  provider: string,
  source: string,
  found: Discovery,
): Promise<boolean> {
  const scanner = scanners[source];
  if (scanner === undefined) throw new Error(`there is no simulated ${source}`);
  console.log(`\n${source}: has found a ${provider} key; its signed webhook names it, and does not carry it`);
  const incident = await followAlert(url, { source, ...scanner.find(found) }, ({ stage, detail }, ms) => {
    console.log(`  ${String(ms).padStart(6)} ms  ${stage}${detail ? `  ${detail}` : ''}`);
  });
  const accepted = vendors[provider]?.accepts(found.secret) ?? true;
  const open = scanner.alerts.filter(({ state }) => state === 'open').length;
  console.log(`  outcome: ${incident.outcome ?? incident.state}`);
  console.log(`  the simulated vendor ${accepted ? 'STILL ACCEPTS' : 'no longer accepts'} the key`);
  console.log(
    `  the simulated ${source} ${open === 0 ? 'shows its alert as closed' : 'STILL SHOWS ITS ALERT AS OPEN'}`,
  );
  return incident.proof?.dead === true && !accepted && open === 0;
}

process.exit((await main()) ? 0 : 1);
