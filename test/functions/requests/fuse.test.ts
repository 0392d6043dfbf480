import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import type { HttpRequest } from '../../../functions/platform/lambda.ts';
import { answer } from '../../../functions/requests/index.ts';
import type { Ledger } from '../../../functions/revocation/ledger.ts';
import { testClock, testLedger } from '../../support/lane.ts';

const clock = testClock();
let ledger: Ledger;
let close: () => Promise<void>;
beforeAll(async () => {
  ({ ledger, close } = await testLedger(clock));
});
afterAll(() => close());
beforeEach(() => ledger.resetFuse());

const logs: unknown[] = [];
async function ask(route: string, caller?: string) {
  const services = { ledger, info: (...line: unknown[]) => void logs.push(line) };
  const request = { route, parameters: {}, query: {}, headers: {}, body: new Uint8Array(), id: 'r-1', caller };
  return answer(request satisfies HttpRequest, services as unknown as Parameters<typeof answer>[1]);
}
const blow = async () => {
  for (const incident of ['inc_1', 'inc_2']) await ledger.countAgainstFuse(incident, { limit: 1, windowMinutes: 60 });
};

describe('the fuse', () => {
  test('is whole until it blows, and then says since when', async () => {
    expect(await ask('GET /fuse')).toEqual({ status: 200, body: { blown: false, since: null } });
    await blow();
    const since = new Date(clock.now()).toISOString();
    clock.advance(86_400_000);
    expect(await ask('GET /fuse')).toEqual({ status: 200, body: { blown: true, since } });
  });

  test('is whole again when a person resets it, and the log names them', async () => {
    await blow();
    const blown = new Date(clock.now()).toISOString();
    expect(await ask('POST /fuse/reset', 'arn:aws:iam::123456789012:user/ben')).toEqual({
      status: 200,
      body: { blown: false, since: null },
    });
    expect(logs).toEqual([['the fuse was reset', { by: 'arn:aws:iam::123456789012:user/ben', blown }]]);
  });

  test('may be reset when it is whole, which is nothing', async () => {
    logs.splice(0);
    expect(await ask('POST /fuse/reset')).toEqual({ status: 200, body: { blown: false, since: null } });
    expect(logs).toEqual([]);
  });
});
