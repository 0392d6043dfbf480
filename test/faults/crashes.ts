import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { closed, listen, startEmulators } from '../../lib/local/emulators.ts';
import { cloudOf } from '../../lib/local/resources.ts';
import { type Surroundings, startApart, startBeside } from '../support/stage-apart.ts';
import { endingOf, incidentsIn, isOver, killAtRandom, type Storm, seeded, sendAll, stormOf } from '../support/storm.ts';

/**
 * `npm run crashes [-- --seed N --keys N --deliveries N]`: a storm of reports through the whole service on this machine,
 * twice: once while its functions are killed at random moments, once while all of it is. Prints what it came to; exit 0
 * only if every key is dead, every decoy lives, and every report that was accepted is in its incident once.
 */
const { values } = parseArgs({
  options: {
    seed: { type: 'string', default: '1' },
    keys: { type: 'string', default: '100' },
    deliveries: { type: 'string', default: '1000' },
  },
});
const [seed, keys, deliveries] = [Number(values.seed), Number(values.keys), Number(values.deliveries)];
if (![seed, keys, deliveries].every((value) => Number.isInteger(value) && value > 0)) {
  process.stderr.write('--seed, --keys and --deliveries: must be whole numbers above 0\n');
  process.exit(2);
}

/** Lives short enough (s) that a death is survived soon: a lease ends before its message comes again. */
const tuning = { timeoutSeconds: 10, visibilitySeconds: 13 };
/** Everything must be over by then (ms); a death costs a visibility, and a message may die more than once. */
const patience = 10 * 60_000;
const say = (line: string) => void process.stdout.write(`${line}\n`);

/** Looks until nothing is left to happen, and tells how far it is. */
async function untilOver(storm: Storm, read: () => ReturnType<typeof incidentsIn>): Promise<void> {
  for (const end = Date.now() + patience; Date.now() < end; await sleep(1000)) {
    const records = await read();
    if (isOver(storm, records)) return;
    const open = records.filter(({ outcome }) => outcome === null).length;
    const accepted = storm.deliveries.filter(({ answer }) => answer).length;
    say(`  ${accepted} accepted, ${records.length} incidents, ${open} open, ${storm.vendor.deletions.length} deleted`);
  }
}

function tell(
  name: string,
  { storm, kills, repeats, began }: { storm: Storm; kills: Record<string, number>; repeats: number; began: number },
  records: Awaited<ReturnType<typeof incidentsIn>>,
): boolean {
  const { accepted, deletions, extra, lost, violations } = endingOf(storm, records);
  say(`\n${name}, seed ${seed}`);
  const rows: [string, string | number][] = [
    ['keys', keys],
    ['deliveries', storm.deliveries.length],
    ['accepted', accepted],
    ['sent again', repeats],
    ...Object.entries(kills).map(([name, count]): [string, number] => [`kills of ${name}`, count]),
    ['deletions', deletions],
    ['extra', extra],
    ['lost', lost],
    ['attempts', records.reduce((sum, { attempts }) => sum + attempts, 0)],
    ['seconds', ((Date.now() - began) / 1000).toFixed(1)],
    ['violations', violations.length],
  ];
  for (const [what, value] of rows) say(`${String(value).padStart(8)}  ${what}`);
  for (const violation of violations.slice(0, 40)) say(`VIOLATION  ${violation}`);
  say('');
  return violations.length === 0;
}

/** Function threads die; the stage lives. */
async function killFunctions(): Promise<boolean> {
  const storm = stormOf({ seed, keys, deliveries });
  const stage = await startBeside({ vendorUrl: await listen(storm.vendor.server), tuning });
  const began = Date.now();
  const killer = killAtRandom(stage.functions, seeded(seed + 1));
  const read = () => incidentsIn(stage.cloud.dynamoDb);
  const over = untilOver(storm, read);
  const repeats = await sendAll(storm, () => stage.url);
  await over;
  const kills = await killer.stop();
  const isWell = tell('functions are killed', { storm, kills, repeats, began }, await read());
  await stage.close();
  await closed(storm.vendor.server);
  return isWell;
}

/** The whole stage dies, again and again; what outlives it are the AWS services and the vendor. */
async function killStages(): Promise<boolean> {
  const storm = stormOf({ seed: seed + 1, keys, deliveries });
  const random = seeded(seed + 2);
  const services = await startEmulators({}, undefined);
  const { dynamoDb } = cloudOf({ ...services.endpoints, AWS_ACCESS_KEY_ID: 'local', AWS_SECRET_ACCESS_KEY: 'local' });
  const surroundings: Surroundings = {
    vendorUrl: await listen(storm.vendor.server),
    endpoints: services.endpoints,
    tuning,
  };
  const began = Date.now();
  let current = await startApart(surroundings);
  const sending = sendAll(storm, () => current.url, { pauseMs: 20 });
  const stages = 6;
  const accepted = () => storm.deliveries.filter(({ answer }) => answer).length;
  for (let life = 1; life < stages; life += 1) {
    const enough = (storm.deliveries.length * (life - random())) / stages;
    while (accepted() < enough) await sleep(10);
    await sleep(random() * 1_500);
    await current.kill();
    say(`  the stage is killed: ${accepted()} accepted, ${storm.vendor.deletions.length} deleted`);
    current = await startApart(surroundings);
  }
  const repeats = await sending;
  const read = () => incidentsIn(dynamoDb);
  await untilOver(storm, read);
  const kills = { 'the whole stage': stages - 1 };
  const isWell = tell('the stage is killed', { storm, kills, repeats, began }, await read());
  await current.kill();
  dynamoDb.destroy();
  await closed(storm.vendor.server);
  await services.close();
  return isWell;
}

const areWell = [await killFunctions(), await killStages()];
process.exit(areWell.every(Boolean) ? 0 : 1);
