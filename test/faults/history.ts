import { randomUUID } from 'node:crypto';
import { providers } from '../../functions/providers/index.ts';
import { Unavailable } from '../../functions/revocation/errors.ts';
import { incidentId } from '../../functions/revocation/fingerprint.ts';
import type { IncidentRecord } from '../../functions/revocation/incident.ts';
import { leakFromSource } from '../../functions/revocation/leak.ts';
import type { Ledger } from '../../functions/revocation/ledger.ts';
import { readReport, writeReport } from '../../functions/revocation/report.ts';
import { respond } from '../../functions/revocation/respond.ts';
import type { Services } from '../../functions/revocation/run.ts';
import { type DatadogKey, datadogVendor, inventedKeys } from '../../lib/local/vendors/datadog.ts';
import { testClock, testLane, testLedger, vendorNetwork } from '../support/lane.ts';

/** What may go wrong at one step that reaches outside. */
export const troubles = [
  /** It gives no answer, and nothing was done. */
  'before',
  /** It was done, and its answer was lost. */
  'after',
  /** The whole function dies just before it, or just after. */
  'crash-before',
  'crash-after',
] as const;
export type Trouble = (typeof troubles)[number];

/** Trouble at the n-th step (from 0) of a history that reaches outside, counted over all its runs. */
export interface Fault {
  step: number;
  trouble: Trouble;
}

/** What a history came to. */
export interface Ending {
  /** What was asked of the outside, in order. */
  steps: string[];
  incident: IncidentRecord | undefined;
  /** What must never be, in words. */
  violations: string[];
}

/** The provider's day: how it behaves towards deletions. */
export type Day = 'fine' | 'limited' | 'failing' | 'failing-after' | 'dropping' | 'gone';

const admin = { site: 'datadoghq.com', apiKey: 'a1'.repeat(16), appKey: 'b2'.repeat(20) };
/** As long as the queue keeps a message to itself (ms), and as a function may run. */
const visibility = 30_000;
const functionMs = 24_000;
/** More deliveries than any history needs: a loop, not a story. */
const deliveriesAtMost = 200;

class Dead extends Error {
  override readonly name = 'Dead';
}

/** A ledger, a vendor and a clock that many histories share, each with a key of its own. */
export async function openWorld() {
  const clock = testClock();
  const keys = inventedKeys(20_000, 'faults');
  const crowd = inventedKeys(8, 'crowd');
  const vendor = datadogVendor([{ site: admin.site, id: 'org', keys: [...crowd], admins: [admin] }], {
    now: clock.now,
    propagationMs: 700,
  });
  const network = await vendorNetwork(vendor);
  const { ledger, close } = await testLedger(clock);
  let next = 0;

  /**
   * Lets one leaked key's story happen, with these faults, and says what came of it: each of so many reporters' alerts is
   * delivered so many times, and so many deliveries are in hand at once.
   */
  async function tell(
    faults: readonly Fault[],
    { copies = 1, day = 'fine' as Day, atOnce = 1, reporters = 1 } = {},
  ): Promise<Ending> {
    const key = keys[next] as DatadogKey;
    const decoy = { ...(keys[next + 1] as DatadogKey) };
    next += 2;
    decoy.key = decoy.key.slice(0, -4) + key.key.slice(-4);
    vendor.organisations[0]?.keys.push(key, decoy);
    vendor.troubles.splice(0);
    const onDelete = new RegExp(`^DELETE .*${key.id}`);
    const busy = { status: 429, headers: { 'x-ratelimit-reset': '40' }, body: { errors: ['Too many requests'] } };
    if (day === 'limited') vendor.troubles.push({ on: onDelete, times: 1, reply: busy });
    if (day === 'failing') vendor.troubles.push({ on: onDelete, times: 2, reply: { status: 500 } });
    if (day === 'failing-after')
      vendor.troubles.push({ on: onDelete, times: 1, reply: { status: 502 }, afterActing: true });
    if (day === 'dropping') vendor.troubles.push({ on: onDelete, times: 1, reply: 'drop-after' });
    if (day === 'gone')
      vendor.troubles.push({
        on: onDelete,
        times: 1,
        reply: { status: 404, body: { errors: ['API key not found'] } },
        afterActing: true,
      });

    const steps: string[] = [];
    const violations: string[] = [];
    let fence = 0;
    const queue: { body: string; at: number }[] = [];
    const base = testLane({
      provider: providers.datadog,
      vendor,
      accounts: { main: admin },
      ledger,
      clock,
      fetch: network.fetch,
    });

    /** The services of one run, which may die. */
    function mortal(): { services: Services; died(): boolean } {
      let dead = false;
      const at = async <Result>(name: string, act: () => Promise<Result>): Promise<Result> => {
        if (dead) throw new Dead('the function has died');
        const number = steps.length;
        steps.push(name);
        const trouble = faults.find(({ step }) => step === number)?.trouble;
        if (trouble === 'before') throw new Unavailable(`${name} gave no answer`);
        if (trouble === 'crash-before') dead = true;
        if (dead) throw new Dead('the function has died');
        const result = await act();
        if (trouble === 'crash-after') dead = true;
        if (dead) throw new Dead('the function has died');
        if (trouble === 'after') throw new Unavailable(`the answer of ${name} was lost`);
        return result;
      };
      const watched: Ledger = { ...ledger };
      for (const name of ['claim', 'save', 'nameKey', 'merge', 'keepSealed', 'sealed', 'incidentOfKey'] as const) {
        const act = ledger[name] as (...given: unknown[]) => Promise<unknown>;
        Object.assign(watched, { [name]: (...given: unknown[]) => at(`ledger.${name}`, () => act(...given)) });
      }
      const { save } = watched;
      watched.save = (record, change) => {
        const said = change.outcome === 'revoked' || change.outcome === 'already-gone';
        if (said && vendor.accepts(key.key)) violations.push(`${change.outcome} while the vendor accepts the key`);
        if (record.fence < fence) violations.push('the fence went back');
        fence = Math.max(fence, record.fence);
        return save(record, change);
      };
      const services: Services = {
        ...base.services,
        ledger: watched,
        send: (to, request) =>
          at(`${request.method} ${request.path.replace(/[0-9a-f-]{36}$/, '{id}')}`, () =>
            base.services.send(to, request),
          ),
        adminOf: (account, fresh) => at('secret', () => base.services.adminOf(account, fresh)),
        putBack: (report, delayMs) =>
          at('put back', async () => {
            queue.push({ body: writeReport(report), at: clock.now() + Math.min(delayMs, 900_000) });
          }),
      };
      return { services, died: () => dead };
    }

    const leak = { provider: 'datadog', kind: 'api-key', secret: key.key };
    for (let reporter = 0; reporter < reporters; reporter += 1) {
      // Every other one names the key by its id beside the value.
      const named = reporter % 2 === 1 ? { ...leak, identifiers: { keyId: key.id } } : leak;
      const alert = base.reportOf(named, { source: `scanner-${reporter}`, delivery: `msg_${randomUUID()}` });
      for (let copy = 0; copy < copies; copy += 1) queue.push({ body: writeReport(alert), at: clock.now() });
    }
    /** One delivery: what fails, or dies with its function, comes again when its visibility is over. */
    async function deliver(body: string): Promise<void> {
      const { services, died } = mortal();
      const failed = await respond(readReport(body), services, clock.now() + functionMs).then(
        () => false,
        () => true,
      );
      if (failed || died()) queue.push({ body, at: clock.now() + visibility });
    }
    let deliveries = 0;
    while (queue.length > 0 && deliveries < deliveriesAtMost) {
      queue.sort((left, right) => left.at - right.at);
      clock.advance(Math.max((queue[0]?.at ?? 0) - clock.now(), 0));
      const due = queue.filter(({ at }) => at <= clock.now()).slice(0, atOnce);
      queue.splice(0, due.length);
      deliveries += due.length;
      await Promise.all(due.map(({ body }) => deliver(body)));
    }
    const incident = await ledger.read(
      incidentId(await base.services.fingerprint(), 'datadog', 'api-key', leakFromSource.parse(leak)),
    );
    if (deliveries >= deliveriesAtMost) violations.push('its messages never came to an end');
    if (incident === undefined) violations.push('the incident is lost');
    else if (incident.state !== 'closed') violations.push(`it ends ${incident.state}: ${incident.reason}`);
    const taken = vendor.deletions.filter((id) => id === key.id).length;
    if (taken !== 1) violations.push(`${taken} effective deletions of the key`);
    if (!vendor.accepts(decoy.key)) violations.push('a second key was touched');
    if (vendor.accepts(key.key)) violations.push('the key lives');
    const acted = day !== 'gone';
    if (acted && incident?.state === 'closed' && incident.outcome !== 'revoked')
      violations.push(`we deleted it, and the incident says ${incident.outcome}`);
    const org = vendor.organisations[0];
    if (org) org.keys = [...crowd];
    return { steps, incident, violations };
  }

  const end = async () => {
    await network.close();
    await close();
  };
  return { tell, end };
}
