import { type Access, askAsAdmin } from './ask.ts';
import { Refused, Unavailable } from './errors.ts';
import { drillMark } from './fingerprint.ts';
import { listAll } from './look-up.ts';
import type { Policy } from './policy.ts';
import type { MadeKey } from './provider.ts';
import { type Secret, sameText } from './secret.ts';

/** A key is not made with less time than this left (ms): its answer has to come, and the leak to be planted. */
const needed = 6_000;

const nameForm = /^leakstop-drill-([0-9a-z]{6,8})-([0-9a-f]{8})$/;

/** Whose drills they are: nobody without our fingerprint key can make up a name that this account's sweeps take for theirs. */
export interface Drilled {
  key: Secret;
  provider: string;
  account: string;
}

const markOf = ({ key, provider, account }: Drilled, stamp: string) => drillMark(key, [provider, account, stamp]);

/** The name of a key made at `now` (epoch ms): at most 30 characters, which is what the strictest provider takes. */
export function drillName(drilled: Drilled, now: number): string {
  const stamp = Math.floor(now / 1000).toString(36);
  return `leakstop-drill-${stamp}-${markOf(drilled, stamp)}`;
}

/** Whether a key of this name was made by a drill of ours, in this account. */
export function isDrillName(drilled: Drilled, name: string): boolean {
  const [, stamp, mark] = nameForm.exec(name) ?? [];
  return stamp !== undefined && mark !== undefined && sameText(mark, markOf(drilled, stamp));
}

/**
 * Ends every key that a drill of ours has left behind in this account, told by its name. The admin credential and what policy
 * protects are left alone, whatever they are called. Returns how many were there.
 * @throws Refused, Unavailable, Unexpected
 */
export async function endLeftovers(access: Access, drilled: Drilled, policy: Policy): Promise<number> {
  const { kind, provider, admin, now } = access;
  const { records, fault } = await listAll(access, {} as never);
  if (fault !== undefined) throw fault;
  let ended = 0;
  for (const record of records) {
    const { keyId, owner, label = '' } = kind.describe(record as never, now());
    const isShielded = policy.protected.some((shield) => shield.provider === provider.id && shield.keyId === keyId);
    if (!isDrillName(drilled, label) || isShielded || kind.isOwn(record as never, admin)) continue;
    if ((await askAsAdmin(access, kind.remove, { keyId, owner })) === 'denied') {
      const message = `${provider.id} does not let the admin credential of account ${access.account} delete this key`;
      throw new Refused(message, { explained: true });
    }
    ended += 1;
  }
  return ended;
}

/**
 * Makes a key, after whatever earlier drills have left behind was ended: an answer that was lost leaves a key that nobody
 * knows the value of, and only its name tells.
 * @throws Refused, Unavailable, Unexpected: a key may have been made all the same
 */
export async function makeDrillKey(
  access: Access,
  drilled: Drilled,
  policy: Policy,
): Promise<MadeKey & { name: string }> {
  await endLeftovers(access, drilled, policy);
  if (access.now() > access.deadline - needed) throw new Unavailable('too little time was left in this run');
  const name = drillName(drilled, access.now());
  const made = access.kind.make && (await askAsAdmin(access, access.kind.make, { name }));
  if (made === undefined) throw new Error(`${access.provider.id} cannot be drilled`);
  return { ...made, name };
}
