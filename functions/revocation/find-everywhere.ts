import type { Access } from './ask.ts';
import { Unavailable, Unexpected } from './errors.ts';
import { type Found, findInAccount } from './find.ts';
import type { Leak } from './leak.ts';
import { type Run, withFreshAdmin } from './run.ts';

/** Accounts that are asked at a time. */
const atOnce = 4;

/** Asks every account, a few at a time. One that cannot answer neither hides a key in another nor makes it "not found". */
export async function findEverywhere(run: Run, leak: Leak, accounts: readonly string[]): Promise<Found[]> {
  const found: Found[] = [];
  const faults: unknown[] = [];
  const waiting = [...accounts];
  const look = (access: Access) => findInAccount(access, leak, run.services.policy.useLeakedKey);
  const askOneByOne = async () => {
    for (let account = waiting.shift(); account !== undefined; account = waiting.shift()) {
      const answer = await withFreshAdmin(run, account, look).catch((error) => void faults.push(error));
      if (answer) found.push(...answer);
    }
  };
  await Promise.all(Array.from({ length: Math.min(atOnce, accounts.length) }, askOneByOne));
  if (faults.length > 0 && !found.some(({ fit, own }) => own || fit === 'same')) {
    throw (
      faults.find((fault) => fault instanceof Unavailable) ??
      faults.find((fault) => fault instanceof Unexpected) ??
      faults[0]
    );
  }
  return found;
}
