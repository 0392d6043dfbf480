import { type Access, askAsLeaked } from './ask.ts';
import { Unavailable } from './errors.ts';
import type { Proof } from './incident.ts';
import type { Leak } from './leak.ts';
import { getByKeyId } from './look-up.ts';
import type { LeakedValue } from './provider.ts';
import type { Step } from './timeline.ts';

/** Pauses between checks (ms): death is usually seen at once, and propagation takes seconds where it takes any time. */
const pauses = [0, 250, 400, 600, 1000, 1500, 2000, 3000, 5000];
/**
 * This many answers of the leaked-key check that nobody wrote down, one after another, and absence is asked instead. None at
 * all, a rate limit and a failure are over some time; and a key that was itself seen alive may be absent and live on.
 */
const mute = 3;

interface Clock {
  now(): number;
  sleep(ms: number): Promise<void>;
}

/** The key to be proven dead. */
export interface Suspect {
  keyId: string;
  owner?: string | undefined;
  /** The leak, as far as it tells where to look. */
  leak: Leak;
  /** Its value may be presented: policy allows it, and it was seen to be this key's. */
  mayPresent: boolean;
  /** It was switched off, so its record remains. */
  disabled: boolean;
  /** How it was last asked for after its deletion, where it was then seen alive. */
  seenAliveBy?: Proof['method'] | undefined;
}

type Result = Proof['checks'][number]['result'];

/**
 * Asks until the key is dead or the time is up: with the leaked key itself where that may be presented, else by its
 * absence (for a disabled key: by its record). Never returns dead for an answer that does not say so. A
 * provider that names a wait is not asked on: `retryAfterMs`.
 * @throws Refused, Unexpected from the look-up by absence
 */
export async function prove(
  access: Access,
  target: Suspect,
  clock: Clock,
): Promise<{ proof: Proof; timeline: Step[]; retryAfterMs?: number | undefined }> {
  const proof: Proof = { dead: false, method: methodOf(access, target), checks: [] };
  const timeline: Step[] = [];
  let silent = 0;
  let mayFallSilent = target.seenAliveBy !== 'leaked-key-refused';
  for (const pause of pauses) {
    if (clock.now() + pause >= access.deadline) break;
    if (pause > 0) await clock.sleep(pause);
    if (silent >= mute && mayFallSilent) proof.method = target.disabled ? 'key-disabled' : 'key-absent';
    const { result, isMute, retryAfterMs } = await check(access, target, proof.method);
    const at = new Date(clock.now()).toISOString();
    proof.checks.push({ at, result });
    silent = isMute ? silent + 1 : 0;
    if (result === 'alive' && proof.method === 'leaked-key-refused') mayFallSilent = false;
    if (retryAfterMs !== undefined) return { proof, timeline, retryAfterMs };
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

/** One check, long after the proof; a record that shows the key as switched off is none of a key that lives. */
export const seenNow = async (access: Access, suspect: Suspect): Promise<Result> =>
  (await check(access, suspect, methodOf(access, suspect))).result;

const sentences = {
  'leaked-key-refused': 'the provider refuses the leaked key',
  'key-absent': 'the provider no longer lists the key',
  'key-disabled': 'the provider shows the key as disabled',
} as const;

function methodOf({ kind }: Access, suspect: Suspect): Proof['method'] {
  const leaked = presentable(suspect);
  if (leaked !== undefined && kind.proof?.request(leaked) !== undefined) return 'leaked-key-refused';
  return suspect.disabled ? 'key-disabled' : 'key-absent';
}

const presentable = ({ leak, mayPresent }: Suspect): LeakedValue | undefined =>
  mayPresent && leak.secret !== undefined ? { ...leak, secret: leak.secret } : undefined;

/** One check; `isMute`: there was an answer, and nobody wrote down what it means. */
async function check(
  access: Access,
  suspect: Suspect,
  method: Proof['method'],
): Promise<{ result: Result; isMute?: boolean; retryAfterMs?: number | undefined }> {
  const { kind } = access;
  try {
    const leaked = presentable(suspect);
    if (method === 'leaked-key-refused' && leaked !== undefined && kind.proof !== undefined) {
      const result = await askAsLeaked(access, kind.proof, leaked);
      return { result: result ?? 'unknown', isMute: result === undefined };
    }
    const record = await getByKeyId(access, suspect.leak, suspect);
    if (record === undefined) return { result: 'dead' };
    const isOff = method === 'key-disabled' && !kind.describe(record as never, access.now()).active;
    return { result: isOff ? 'dead' : 'alive' };
  } catch (error) {
    if (error instanceof Unavailable) return { result: 'unknown', retryAfterMs: error.retryAfterMs };
    throw error;
  }
}
