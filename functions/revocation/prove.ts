import { type Access, askAsLeaked } from './ask.ts';
import { Unavailable } from './errors.ts';
import { getByKeyId } from './find.ts';
import type { Proof, TimelineEntry } from './incident.ts';
import type { Secret } from './secret.ts';

/** Pauses between checks (ms): death is usually seen at once, and propagation takes seconds where it takes any time. */
const pauses = [0, 250, 400, 600, 1000, 1500, 2000, 3000, 5000];
/** This many answers of the leaked-key check that say nothing, one after another, and absence is asked instead. */
const mute = 3;

interface Clock {
  now(): number;
  sleep(ms: number): Promise<void>;
}

/**
 * Asks until the key is dead or the time is up: with the leaked key itself where there is one and policy allows, else by
 * its absence (for a disabled key: by its record). Never returns dead for an answer that does not say so.
 * @throws Refused, Unexpected from the look-up by absence
 */
export async function prove(
  access: Access,
  target: { keyId: string; leaked: Secret | undefined; disabled: boolean },
  clock: Clock,
): Promise<{ proof: Proof; timeline: TimelineEntry[] }> {
  const proof: Proof = { dead: false, method: methodOf(access, target), checks: [] };
  const timeline: TimelineEntry[] = [];
  let silent = 0;
  for (const pause of pauses) {
    if (clock.now() + pause >= access.deadline) break;
    if (pause > 0) await clock.sleep(pause);
    if (silent >= mute) proof.method = target.disabled ? 'key-disabled' : 'key-absent';
    const result = await check(access, target, proof.method);
    const at = new Date(clock.now()).toISOString();
    proof.checks.push({ at, result });
    silent = result === 'unknown' ? silent + 1 : 0;
    if (result === 'dead') {
      proof.dead = true;
      timeline.push({ at, stage: 'dead', detail: sentences[proof.method] });
      break;
    }
    if (result === 'alive' && !timeline.some(({ stage }) => stage === 'alive')) {
      timeline.push({ at, stage: 'alive', detail: 'still accepted by the provider; asking again' });
    }
  }
  return { proof, timeline };
}

const sentences = {
  'leaked-key-refused': 'the provider refuses the leaked key',
  'key-absent': 'the provider no longer lists the key',
  'key-disabled': 'the provider shows the key as disabled',
} as const;

function methodOf(
  { kind }: Access,
  { leaked, disabled }: { leaked: Secret | undefined; disabled: boolean },
): Proof['method'] {
  if (leaked !== undefined && kind.proof !== undefined) return 'leaked-key-refused';
  return disabled ? 'key-disabled' : 'key-absent';
}

async function check(
  access: Access,
  { keyId, leaked }: { keyId: string; leaked: Secret | undefined },
  method: Proof['method'],
): Promise<'alive' | 'dead' | 'unknown'> {
  try {
    if (method === 'leaked-key-refused' && leaked !== undefined && access.kind.proof !== undefined) {
      return (await askAsLeaked(access, access.kind.proof, leaked)) ?? 'unknown';
    }
    const record = await getByKeyId(access, keyId);
    if (record === undefined) return 'dead';
    return method === 'key-disabled' && !access.kind.describe(record as never).active ? 'dead' : 'alive';
  } catch (error) {
    if (error instanceof Unavailable) return 'unknown';
    throw error;
  }
}
