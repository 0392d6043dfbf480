import { DeleteItemCommand } from '@aws-sdk/client-dynamodb';
import { drillBook } from '../../functions/platform/drill-book.ts';
import { providers } from '../../functions/providers/index.ts';
import { type DrillServices, drill } from '../../functions/revocation/drill.ts';
import { drillName } from '../../functions/revocation/drill-key.ts';
import type { Action } from '../../functions/revocation/incident.ts';
import { type DatadogKey, type DatadogTraits, datadogVendor, inventedKeys } from '../../lib/local/vendors/datadog.ts';
import { testClock, testLane, testLedger, vendorNetwork } from './lane.ts';

/** The admin secret of the account `main`. */
export const admin = { site: 'datadoghq.com', apiKey: 'a1'.repeat(16), appKey: 'b2'.repeat(20) };

export interface Scene {
  policy?: object;
  action?: Action;
  traits?: DatadogTraits;
  rights?: string[];
  accounts?: Record<string, object>;
  others?: (name: (account: string, at: number) => string) => Partial<DatadogKey>[];
}

/** A lane to one Datadog account that is drilled every six hours, to be dead within a minute. */
export async function drilledLane({
  policy,
  action,
  traits,
  rights,
  accounts = { main: admin },
  others = () => [],
}: Scene = {}) {
  const clock = testClock();
  const keys = inventedKeys(6, 'drill');
  const organisation = { site: admin.site, id: 'org', keys, admins: [{ ...admin, ...(rights && { rights }) }] };
  const vendor = datadogVendor([organisation], { now: clock.now, ...traits });
  const network = await vendorNetwork(vendor);
  const { ledger, close, dynamoDb, table } = await testLedger(clock);
  const end = async () => void (await Promise.all([network.close(), close()]));
  const lane = testLane({
    ...{ provider: providers.datadog, vendor, accounts, ledger, clock, fetch: network.fetch },
    ...(policy && { policy }),
    ...(action && { action }),
  });
  const book = drillBook({ client: dynamoDb, table }, 'datadog');
  const plan = { accounts: ['main'], everyHours: 6, objectiveSeconds: 60 };
  const services: DrillServices = { ...lane.services, drills: { plan, book } };
  const key = await services.fingerprint();
  keys.push(
    ...others((account, at) => drillName({ key, provider: 'datadog', account }, at)).map((other, index) => ({
      ...(inventedKeys(9, 'left behind')[index] as DatadogKey),
      ...other,
    })),
  );
  /** One order of the watch, and what the lane does about it. */
  const order = (given: DrillServices = services, account = 'main', at = clock.now()) =>
    drill({ account, at }, given, clock.now() + 24_000);
  /** The lane works off what waits in it, for as long as no drill is due. */
  const work = (withinMs = 120_000) => lane.drain(withinMs);
  const told = () => lane.notes.filter(({ drill: word }) => word !== undefined);
  const made = () => vendor.arrivals.filter(({ method }) => method === 'POST').length;
  const livingDrills = () => organisation.keys.filter(({ name }) => name.startsWith('leakstop-drill-'));
  const incident = async () => {
    const id = (await book.read('main'))?.incident;
    return id ? await ledger.read(id) : undefined;
  };
  /** Deletes what is remembered under this id. */
  const forget = (id: string) => dynamoDb.send(new DeleteItemCommand({ TableName: table, Key: { id: { S: id } } }));
  return {
    ...lane,
    forget,
    services,
    clock,
    vendor,
    ledger,
    book,
    keys,
    order,
    work,
    told,
    made,
    livingDrills,
    incident,
    end,
  };
}
