import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { HttpRequest } from '../../../functions/platform/lambda.ts';
import { answer } from '../../../functions/requests/index.ts';
import { incidentId } from '../../../functions/revocation/fingerprint.ts';
import type { Ledger } from '../../../functions/revocation/ledger.ts';
import { Secret } from '../../../functions/revocation/secret.ts';
import { testClock, testLedger } from '../../support/lane.ts';

const clock = testClock();
let ledger: Ledger;
let close: () => Promise<void>;
beforeAll(async () => {
  ({ ledger, close } = await testLedger(clock));
});
afterAll(() => close());

const key = new Secret('a fingerprint key that only tests have');
const anyId = () => incidentId(key, 'datadog', 'api-key', { secret: new Secret(randomUUID()) });

/** Asks about an incident; `meanwhile` happens at the first pause. */
async function asked(route: string, id: string, meanwhile: () => Promise<unknown> = async () => {}) {
  const begun = clock.now();
  let pauses = 0;
  const request: HttpRequest = {
    route,
    parameters: { id },
    query: {},
    headers: {},
    body: new Uint8Array(),
    id: randomUUID(),
  };
  const sleep = async (ms: number) => {
    pauses += 1;
    await clock.sleep(ms);
    if (pauses === 1) await meanwhile();
  };
  const services = { ledger, sleep } as unknown as Parameters<typeof answer>[1];
  const status = await answer(request, services).then(
    ({ status }) => status,
    ({ status }: { status: number }) => status,
  );
  return { status, waitedMs: clock.now() - begun };
}

describe('an incident that nobody knows', () => {
  test('is looked for a moment by who asks what became of it', async () => {
    expect(await asked('GET /incidents/{id}', anyId())).toEqual({ status: 404, waitedMs: 900 });
  });

  test('is found as soon as it is claimed', async () => {
    const incident = anyId();
    const sighting = { source: 'standard', at: new Date(clock.now()).toISOString(), delivery: randomUUID() };
    const park = () => ledger.park({ incident, sighting, provider: null, kind: null }, 'unrouted', 'x');
    expect(await asked('GET /incidents/{id}', incident, park)).toEqual({ status: 200, waitedMs: 100 });
  });

  test.each(['inc_x', 'inc_', '', `inc_${'u'.repeat(26)}`])('is no question of time with the id "%s"', async (id) => {
    expect(await asked('GET /incidents/{id}', id)).toEqual({ status: 404, waitedMs: 0 });
  });

  test.each(['approve', 'reject', 'retry', 'restore'])('leaves nothing to %s, which is told at once', async (verb) => {
    expect(await asked(`POST /incidents/{id}/${verb}`, anyId())).toEqual({ status: 404, waitedMs: 0 });
  });
});
