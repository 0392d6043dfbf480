import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, test, vi } from 'vitest';
import { closed, listen } from '../../../lib/local/emulators.ts';
import { startApart, startBeside } from '../../support/stage-apart.ts';
import { endingOf, incidentsIn, isOver, killAtRandom, seeded, sendAll, stormOf } from '../../support/storm.ts';

/** Lives short enough (s) that a death is survived within the test: a lease ends before its message comes again. */
const tuning = { timeoutSeconds: 8, visibilitySeconds: 11 };

/** What many stages at once on a busy machine may take (ms). */
const patience = { timeout: 90_000, interval: 200 };

describe.concurrent('a storm of reports', () => {
  test('whose functions are killed at random moments kills each key once, and no report is lost or told twice', async () => {
    const storm = stormOf({ seed: 7, keys: 12, deliveries: 120 });
    const stage = await startBeside({ vendorUrl: await listen(storm.vendor.server), tuning });
    const sending = sendAll(storm, () => stage.url);
    await vi.waitUntil(() => storm.vendor.arrivals.length > 0, { ...patience, interval: 5 });
    await stage.functions['revoke-key-datadog']?.kill();
    const killer = killAtRandom(stage.functions, seeded(8));
    await sending;
    await killer.stop();
    const read = () => incidentsIn(stage.cloud.dynamoDb);
    await vi.waitUntil(async () => isOver(storm, await read()), patience).catch(() => {});
    const { violations, deletions } = endingOf(storm, await read());
    expect(violations).toEqual([]);
    expect(deletions).toBe(12);
    await stage.close();
    await closed(storm.vendor.server);
  }, 120_000);
});

describe.concurrent('a stage that is killed with its queues', () => {
  test('and finds its ledger again goes on from the sealed leak as soon as its leases are over', async () => {
    const storm = stormOf({ seed: 9, keys: 2, deliveries: 2 });
    const { vendor } = storm;
    const vendorUrl = await listen(vendor.server);
    const data = mkdtempSync(join(tmpdir(), 'leakstop-'));
    // One run hangs while it looks its key up, the other while it deletes: then nobody knows whether it did.
    vendor.troubles.push({ on: /^GET \/api\/v2\/validate$/, times: 1, reply: 'hang' });
    vendor.troubles.push({ on: /^DELETE /, reply: 'hang' });
    const first = await startApart({ vendorUrl, data, tuning });
    await sendAll(storm, () => first.url);
    const isDeleted = () => vendor.arrivals.some(({ method }) => method === 'DELETE');
    await vi.waitUntil(() => vendor.troubles.length === 1 && isDeleted(), patience);
    await first.kill();
    vendor.troubles.splice(0);
    expect(vendor.deletions).toEqual([]);

    const second = await startBeside({ vendorUrl, data, tuning });
    const read = () => incidentsIn(second.cloud.dynamoDb);
    const stuck = await read();
    // On a slow machine a function may have been ended for its time before the kill, and its work begun anew.
    expect(stuck).toHaveLength(2);
    expect(stuck.filter(({ state }) => !['claimed', 'sent', 'unknown'].includes(state))).toEqual([]);
    await vi.waitUntil(async () => isOver(storm, await read()), patience).catch(() => {});
    const { violations, deletions } = endingOf(storm, await read());
    expect(violations).toEqual([]);
    expect(deletions).toBe(2);
    await second.close();
    await closed(vendor.server);
    rmSync(data, { recursive: true });
  }, 120_000);
});
