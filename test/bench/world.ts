import { type Emulators, listen, startEmulators } from '../../lib/local/emulators.ts';
import { cloudOf, createResources } from '../../lib/local/resources.ts';
import { loadWorlds } from '../../lib/local/stage.ts';
import {
  type DatadogOrganisation,
  datadogVendor,
  inventedKeys,
  keyWithDecoys,
} from '../../lib/local/vendors/datadog.ts';
import type { Vendor } from '../../lib/local/vendors/vendor.ts';

// A process of its own: AWS and the vendors, so that what they cost is not taken for the work of those who ask them.

/** What a world is made of. */
export interface WorldOptions {
  /** Keys in each organisation of Datadog. */
  keys: number;
  /** Accounts at Datadog, each an organisation on a site of its own. */
  accounts: number;
  /** Every other provider too, each with its sample account. */
  others: boolean;
  /** Whether a key may name itself at Datadog. */
  selfLookup: boolean;
  secrets: Record<string, unknown>;
}

/** Where everything is. */
export interface Places {
  endpoints: Emulators['endpoints'];
  table: string;
  lanes: Record<string, string>;
  unroutedQueue: string;
  noticesQueue: string;
  /** Host name → loopback port. */
  network: Record<string, number>;
  /** Provider → its accounts, each with its admin credential. */
  accounts: Record<string, Record<string, object>>;
}

export type Asked = { is: 'begin'; options: WorldOptions } | { is: 'leak'; provider: string; count: number };

const sites = ['datadoghq.com', 'us3.datadoghq.com', 'us5.datadoghq.com', 'ap1.datadoghq.com', 'ap2.datadoghq.com'];
const adminOf = (site: string, index: number) => ({
  site,
  apiKey: `ad${String(index).padStart(30, '0')}`,
  appKey: `ad${String(index).padStart(38, '0')}`,
});

let organisations: DatadogOrganisation[] = [];
let vendors: Record<string, Vendor> = {};
let made = 0;

async function begin({ keys, accounts, others, selfLookup, secrets }: WorldOptions): Promise<Places> {
  const emulators = await startEmulators({}, undefined);
  const worlds = await loadWorlds();
  const admins = sites.slice(0, accounts).map(adminOf);
  organisations = admins.map((admin, index) => ({
    site: admin.site,
    id: `org-${index}`,
    admins: [admin],
    // In the order in which they are listed, so that the vendor has little to sort.
    keys: [...inventedKeys(keys, admin.site), ...keyWithDecoys(admin.apiKey, `leakstop-${index}`, 0)].sort(
      (left, right) => left.key.slice(-4).localeCompare(right.key.slice(-4)),
    ),
  }));
  vendors = { datadog: datadogVendor(organisations, { selfLookup }) };
  const datadog = Object.fromEntries(admins.map((admin, index) => [`account-${index}`, admin as object]));
  const known: Places['accounts'] = { datadog };
  for (const [id, world] of Object.entries(worlds)) {
    if (!others || id === 'datadog') continue;
    vendors[id] = world.simulate(world.accounts);
    known[id] = world.accounts as Record<string, object>;
  }
  const network: Places['network'] = {};
  for (const vendor of Object.values(vendors)) {
    // What is kept of each request would be searched at the next one.
    vendor.server.on('request', (_, response) => response.once('close', () => vendor.arrivals.splice(0)));
    const { port } = new URL(await listen(vendor.server));
    for (const host of vendor.hosts) network[host] = Number(port);
  }
  const cloud = cloudOf({ ...emulators.endpoints, AWS_ACCESS_KEY_ID: 'bench', AWS_SECRET_ACCESS_KEY: 'bench' });
  const admin = Object.entries(known).flatMap(([id, each]) =>
    Object.entries(each).map(([account, value]) => [`leakstop/providers/${id}/${account}`, value] as const),
  );
  const {
    table,
    lanes,
    unroutedQueue,
    noticesQueue = '',
  } = await createResources(cloud, {
    providers: Object.keys(known),
    isTold: true,
    secrets: { ...secrets, ...Object.fromEntries(admin) },
    visibilitySeconds: 600,
  });
  return { endpoints: emulators.endpoints, table, lanes, unroutedQueue, noticesQueue, network, accounts: known };
}

/** Makes keys, and says what leaks of each. At Datadog they are spread over the organisations. */
function leak({ provider, count }: Extract<Asked, { is: 'leak' }>): object[] {
  return Array.from({ length: count }, () => {
    made += 1;
    const organisation = organisations[made % organisations.length];
    if (provider !== 'datadog' || !organisation) {
      const fresh = vendors[provider]?.leakFresh?.(provider === 'datadog' ? '' : 'api-key');
      if (!fresh) throw new Error(`no fresh key at ${provider}`);
      return fresh;
    }
    const [key] = inventedKeys(1, `leak ${made} ${process.pid}`);
    if (!key) throw new Error('no key was invented');
    organisation.keys.push(key);
    return { provider: 'datadog', kind: 'api-key', secret: key.key };
  });
}

process.on('message', async (asked: Asked) => {
  process.send?.(asked.is === 'begin' ? await begin(asked.options) : leak(asked));
});
process.on('disconnect', () => process.exit());
