import { expect, test } from 'vitest';
import { providers } from '../../../functions/providers/index.ts';
import { Misconfigured, Unavailable } from '../../../functions/revocation/errors.ts';
import { accountActingWith } from '../../../functions/revocation/find-everywhere.ts';
import { leakFromSource } from '../../../functions/revocation/leak.ts';
import { type Services, startRun } from '../../../functions/revocation/run.ts';
import { Secret } from '../../../functions/revocation/secret.ts';
import { recordOf, reportOf } from '../../support/reports.ts';

const leaked = '0123456789abcdef0123456789abcdef';
const leak = leakFromSource.parse({ provider: 'datadog', secret: leaked });
const admin = { site: 'datadoghq.com', apiKey: new Secret('f'.repeat(32)), appKey: new Secret('e'.repeat(40)) };

const runWith = (accounts: string[], adminOf: (account: string) => Promise<unknown>) =>
  startRun(
    recordOf(),
    reportOf({ kind: 'api-key' }),
    { provider: providers.datadog, accounts, adminOf, now: () => 0 } as unknown as Services,
    10_000,
  );

test('the admin credentials of all accounts are read side by side', async () => {
  let open = 0;
  const everybody = Promise.withResolvers<void>();
  const adminOf = async () => {
    open += 1;
    if (open === 3) everybody.resolve();
    await everybody.promise;
    return admin;
  };
  expect(await accountActingWith(runWith(['one', 'two', 'three'], adminOf), leak)).toBeUndefined();
});

test('an account that acts with the leaked key is told, whatever cannot be read of those after it', async () => {
  const adminOf = async (account: string) => {
    if (account === 'two') return { ...admin, apiKey: new Secret(leaked) };
    if (account === 'three') throw new Unavailable('Secrets Manager did not give an answer');
    throw new Misconfigured('secret of one does not exist');
  };
  expect(await accountActingWith(runWith(['one', 'two', 'three'], adminOf), leak)).toBe('two');
});

test('while an account before it cannot be read, nobody can say that no account acts with the leaked key', async () => {
  const adminOf = async (account: string) => {
    if (account === 'one') throw new Unavailable('Secrets Manager did not give an answer');
    return admin;
  };
  await expect(accountActingWith(runWith(['one', 'two'], adminOf), leak)).rejects.toThrow(Unavailable);
});
