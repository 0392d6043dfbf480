import { type Access, askAsAdmin } from './ask.ts';
import { Refused, Unavailable } from './errors.ts';
import { getByKeyId } from './look-up.ts';
import { type Run, rest, save, tell, withFreshAdmin } from './run.ts';

type Target = { keyId: string; owner?: string | undefined };

/** A person undoes our `disable`: the key is switched on again and seen to be on. Doing it twice is harmless. */
export async function restore(run: Run): Promise<void> {
  const { account, keyId, owner } = run.record;
  if (account === null || keyId === null) return rest(run, 'failed', 'the incident names no key to restore');
  if (!run.services.accounts.includes(account))
    return rest(run, 'failed', `account ${account} is not configured any more; configure it, then retry`);
  const target = { keyId, owner: owner ?? undefined };
  const isOn = await withFreshAdmin(run, account, async (access) => {
    const before = await looksOn(access, target);
    if (before !== false) return before;
    tell(run, 'sent', 'restore: a person undoes the disable');
    await save(run, { state: 'sent', accepted: null, inDoubt: false });
    await switchOn(access, target);
    tell(run, 'accepted');
    return looksOn(access, target);
  });
  if (isOn === undefined)
    return rest(run, 'failed', 'the provider does not have the key any more; make a new one', {
      restoring: false,
      switchedOff: false,
      accepted: null,
      proof: null,
    });
  if (!isOn) throw new Unavailable('the provider took the request, but still shows the key as switched off');
  tell(run, 'alive', 'the provider shows the key as switched on');
  await rest(run, 'restored', null, {
    proof: null,
    timeToDeadMs: null,
    accepted: null,
    switchedOff: false,
    restoring: false,
  });
}

/** Whether the provider shows the key as on; undefined when it does not have it. */
async function looksOn(access: Access, target: Target): Promise<boolean | undefined> {
  const record = await getByKeyId(access, {}, target);
  return record === undefined ? undefined : access.kind.describe(record as never, access.now()).active;
}

async function switchOn(access: Access, target: Target): Promise<void> {
  const { provider, kind, account } = access;
  const why = { explained: true };
  if (kind.enable === undefined) throw new Refused(`${provider.id} cannot switch a key on again`, why);
  if ((await askAsAdmin(access, kind.enable, target)) === 'denied')
    throw new Refused(`${provider.id} does not let the admin credential of account ${account} restore this key`, why);
}
