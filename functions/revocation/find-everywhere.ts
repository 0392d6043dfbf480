import type { Access } from './ask.ts';
import { faultClass, Misconfigured, Unavailable, Unexpected } from './errors.ts';
import { type Found, findInAccount, isPartOf } from './find.ts';
import type { Leak } from './leak.ts';
import { namesOneKey } from './routing.ts';
import { accessTo, type Run, withFreshAdmin } from './run.ts';

/** Accounts that are asked at a time. */
const atOnce = 4;

/** Asks every account, a few at a time. One that cannot answer neither hides a key in another nor makes it "not found". */
export async function findEverywhere(run: Run, leak: Leak, accounts: readonly string[]): Promise<Found[]> {
  const found: Found[] = [];
  const faults: { account: string; error: unknown }[] = [];
  const waiting = [...accounts];
  const look = (access: Access) => findInAccount(access, leak, run.services.policy.useLeakedKey);
  const askOneByOne = async () => {
    for (let account = waiting.shift(); account !== undefined; account = waiting.shift()) {
      const answer = await withFreshAdmin(run, account, look).catch((error) => void faults.push({ account, error }));
      if (answer) found.push(...answer);
    }
  };
  await Promise.all(Array.from({ length: Math.min(atOnce, accounts.length) }, askOneByOne));
  // A hint, or a name that keys share, is only worth something when everybody was asked whether theirs fits too.
  const isShared = mayMeanAnother(run, leak);
  const isHint = ({ fit }: Found) =>
    isShared || fit === 'hint' || (fit === 'named' && leak.secret !== undefined && !run.report.mayNameKeys);
  if (faults.length > 0 && found.every(isHint)) {
    const errors = faults.map(({ error }) => error);
    throw (
      errors.find((error) => error instanceof Unavailable) ??
      errors.find((error) => error instanceof Unexpected) ??
      errors[0]
    );
  }
  for (const { account, error } of faults) noteUnasked(run, account, error);
  return found;
}

/** Whether a leak says only what several keys may share, such as their owner: it may mean another key next time. */
export function mayMeanAnother({ services, report }: Run, leak: Leak): boolean {
  const kind = services.provider.kinds[report.kind];
  return kind !== undefined && !namesOneKey(kind, leak);
}

/** This key was found all the same; the next one may be where nobody can look. */
function noteUnasked({ services, record }: Run, account: string, error: unknown): void {
  const fault = faultClass(error);
  if (fault === undefined) return;
  const detail = `account ${account} could not be asked: ${(error as Error).message}`;
  services.note({ incident: record.id, detail, fault: { is: fault, isFinal: false } });
}

/**
 * The account whose admin credential is leaked, or is the key that was found. Every configured account counts: what one
 * account can see may be what another acts with. An admin credential that does not exist cannot be hit.
 * @throws Unavailable
 */
export async function accountActingWith(run: Run, leak: Leak, found?: Found): Promise<string | undefined> {
  // A function that was just started has none of these secrets yet: they are read side by side, and looked at in their order.
  const reading = run.services.accounts.map(
    async (account) => [account, await accessTo(run, account).catch((error: unknown) => ({ error }))] as const,
  );
  for (const each of reading) {
    const [account, access] = await each;
    if ('error' in access) {
      if (access.error instanceof Misconfigured) continue;
      throw access.error;
    }
    const { admin, provider, kind } = access;
    if (leak.secret !== undefined && isPartOf(admin, leak.secret)) return account;
    if (found?.valueMatched && kind.wholeValues) continue;
    if (found && provider.origin(admin) === found.origin && kind.isOwn(found.record as never, admin)) return account;
  }
  return undefined;
}
