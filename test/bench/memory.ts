import { fork } from 'node:child_process';
import { join } from 'node:path';
import { functions } from '../../functions/manifest.ts';
import type { FunctionName } from '../../functions/platform/env.ts';
import type { Bundles } from './house.ts';

/** Functions that are put to work; what the others take to load stands with the cold start. */
const worked = ['receive-alert', 'revoke-key'] as const satisfies FunctionName[];

/** (e) The most memory that a function's process took, loaded and after work: 400 alerts, and as many keys in batches of ten. */
export async function memory(bundles: Bundles) {
  const results = [];
  for (const name of worked) {
    const child = fork(join(import.meta.dirname, 'memory-process.ts'), [name, bundles.folder], {
      stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
    });
    const highMb = await new Promise<number>((resolve, reject) => {
      child.once('message', (mb) => resolve(Number(mb)));
      child.once('exit', (code) => reject(new Error(`the process of ${name} ended with ${code}`)));
    });
    child.kill('SIGKILL');
    results.push({ name: name as FunctionName, highMb, givenMb: functions[name].memoryMb });
  }
  return results;
}
