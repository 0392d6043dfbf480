import { askAsAdmin } from './ask.ts';
import { Refused, Unavailable } from './errors.ts';
import { getByKeyId } from './find.ts';
import { type Run, rest, save, tell, withFreshAdmin } from './run.ts';

/** A person undoes our `disable`: the key is switched on again and seen to be on. Doing it twice is harmless. */
export async function restore(run: Run): Promise<void> {
  const { account, keyId, owner } = run.record;
  if (account === null || keyId === null) return rest(run, 'failed', 'the incident names no key to restore');
  const target = { keyId, owner: owner ?? undefined };
  tell(run, 'sent', 'restore: a person undoes the disable');
  await save(run, { state: 'sent', accepted: null, inDoubt: false });
  const isOn = await withFreshAdmin(run, account, async (access) => {
    if (access.kind.enable === undefined) throw new Refused(`${access.provider.id} cannot switch a key on again`);
    const answer = await askAsAdmin(access, access.kind.enable, target);
    if (answer === 'denied') throw new Refused(`${access.provider.id} does not let the key be switched on again`);
    if (answer === 'gone') return undefined;
    const record = await getByKeyId(access, {}, target);
    return record === undefined ? undefined : access.kind.describe(record as never).active;
  });
  if (isOn === undefined) return rest(run, 'failed', 'the provider does not have the key any more; make a new one');
  if (!isOn) throw new Unavailable('the provider took the request, but still shows the key as switched off');
  tell(run, 'accepted');
  tell(run, 'alive', 'the provider shows the key as switched on');
  await rest(run, 'restored', null, { proof: null });
}
