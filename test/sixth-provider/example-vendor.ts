import {
  type Arrival,
  undertaker,
  type Vendor,
  type VendorAnswer,
  vendorServer,
  type World,
} from '../../lib/local/vendors/vendor.ts';

/** A key as Example keeps it. */
export interface ExampleKey {
  id: string;
  value: string;
}

/** Example's keys: https://docs.example.com/keys. Whoever has one of `tokens` is an admin. */
export function exampleVendor(keys: ExampleKey[], tokens: string[]): Vendor {
  const vendor = { arrivals: [] as Arrival[], troubles: [] as Vendor['troubles'], deletions: [] as string[] };
  const { bury, revive } = undertaker(vendor.deletions);
  const answer = ({ method, target, headers }: Arrival): VendorAnswer => {
    const [, token = ''] = /^Bearer (.+)$/.exec(headers.authorization ?? '') ?? [];
    if (!tokens.includes(token)) return { status: 401 };
    if (method === 'GET' && target === '/keys') return { status: 200, body: keys };
    const key = keys.find(({ id }) => target === `/keys/${id}`);
    if (method !== 'DELETE' || key === undefined) return { status: 404, body: { error: 'no such key' } };
    bury(keys, key);
    return { status: 204 };
  };
  return {
    ...vendor,
    id: 'example',
    hosts: ['api.example.com'],
    server: vendorServer(vendor, answer),
    revive,
    accepts: (secret) => keys.some(({ value }) => value === secret),
    values: () => keys.map(({ value }) => value),
  };
}

/** Keys, the same every time. */
export const inventedKeys = (count: number): ExampleKey[] =>
  Array.from({ length: count }, (_, index) => ({
    id: `k-${index}`,
    value: `exmpl_other${String(index).padStart(3, '0')}`,
  }));

/** The Example of the local stage: a few keys, one of them leaked. */
export const world: World = {
  accounts: { prod: { token: 'an-admin-token' } },
  leaks: [{ provider: 'example', kind: 'api-key', secret: 'exmpl_leaked01' }],
  simulate: (accounts) =>
    exampleVendor(
      [...inventedKeys(3), { id: 'k-leaked', value: 'exmpl_leaked01' }],
      Object.values(accounts).map((account) => (account as { token: string }).token),
    ),
};
