import { Unavailable } from '../../functions/revocation/errors.ts';

/** What may go wrong at one step that reaches outside. */
export const troubles = [
  /** It gives no answer, and nothing was done. */
  'before',
  /** It was done, and its answer was lost. */
  'after',
  /** The whole function dies just before it, or just after. */
  'crash-before',
  'crash-after',
  /** The whole function stands still before it for longer than its lease, and goes on when others have done its work. */
  'stall',
] as const;
export type Trouble = (typeof troubles)[number];

/** A death just before a step is one just after the step before it, so where faults are combined it says nothing of its own. */
export const apartTroubles = troubles.filter((trouble) => trouble !== 'crash-before');

/** Trouble at the n-th step (from 0) of a history that reaches outside, counted over all its runs. */
export interface Fault {
  step: number;
  trouble: Trouble;
}

class Dead extends Error {
  override readonly name = 'Dead';
}

/** One run of a function, which may die or stand still at any step. */
export interface MortalRun {
  /** A step that reaches outside. */
  at<Result>(name: string, act: () => Promise<Result>): Promise<Result>;
  /** How a run goes on until it ends or stands still: `failed`, whoever called it must call again. */
  course(run: Promise<unknown>): Promise<'over' | 'failed' | 'stalled'>;
  /** Lets one that stands still go on. */
  wake(): void;
}

/** Starts a run; `steps` counts those of all runs. */
export function startMortal(steps: string[], faults: readonly Fault[]): MortalRun {
  let isDead = false;
  let stall = Promise.withResolvers<void>();
  let waking = Promise.withResolvers<void>();

  async function at<Result>(name: string, act: () => Promise<Result>): Promise<Result> {
    const live = () => {
      if (isDead) throw new Dead('the function has died');
    };
    live();
    const step = steps.push(name) - 1;
    const trouble = faults.find((fault) => fault.step === step)?.trouble;
    if (trouble === 'stall') {
      stall.resolve();
      await waking.promise;
    }
    if (trouble === 'before') throw new Unavailable(`${name} gave no answer`);
    if (trouble === 'crash-before') isDead = true;
    live();
    const result = await act();
    if (trouble === 'crash-after') isDead = true;
    live();
    if (trouble === 'after') throw new Unavailable(`the answer of ${name} was lost`);
    return result;
  }

  return {
    at,
    async course(run) {
      const end = run.then(
        () => (isDead ? 'failed' : 'over'),
        () => 'failed' as const,
      );
      return Promise.race([end, stall.promise.then(() => 'stalled' as const)]);
    },
    wake() {
      const sleeping = waking;
      stall = Promise.withResolvers();
      waking = Promise.withResolvers();
      sleeping.resolve();
    },
  };
}
