import {
  type Arrival,
  type Trouble,
  type VendorAnswer,
  vendorServer,
  type World,
} from '../../lib/local/vendors/vendor.ts';

/** The vendor of a provider that nobody but this test knows: three keys, one of them leaked. */
export const world: World = {
  accounts: { prod: { token: 'an-admin-token' } },
  leaks: [{ secret: 'exmpl_leaked01' }],
  simulate() {
    const keys = new Map([
      ['k-1', 'exmpl_other001'],
      ['k-2', 'exmpl_leaked01'],
      ['k-3', 'exmpl_other002'],
    ]);
    const arrivals: Arrival[] = [];
    const troubles: Trouble[] = [];
    const deletions: string[] = [];
    const answer = ({ method, target, headers }: Arrival): VendorAnswer => {
      if (headers.authorization !== 'Bearer an-admin-token') return { status: 401 };
      if (method === 'GET') return { status: 200, body: [...keys].map(([id, value]) => ({ id, value })) };
      const id = target.slice('/keys/'.length);
      if (!keys.delete(id)) return { status: 404 };
      deletions.push(id);
      return { status: 204 };
    };
    return {
      id: 'example',
      hosts: ['api.example.com'],
      server: vendorServer({ arrivals, troubles }, answer),
      arrivals,
      troubles,
      accepts: (secret) => [...keys.values()].includes(secret),
      values: () => [...keys.values()],
      deletions,
    };
  },
};
