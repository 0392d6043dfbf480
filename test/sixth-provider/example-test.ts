import { providerConformance, type Scene, type Setting } from '../support/provider-conformance.ts';
import { example } from './example.ts';
import { exampleVendor, inventedKeys } from './example-vendor.ts';

const named = { provider: 'example', kind: 'api-key' };
const admin = { token: 'canary-of-the-admin' };
const leaked = { id: 'k-leaked', value: 'exmpl_c0ffee01' };
/** Ends like the leaked key, and is another. */
const decoy = { id: 'k-decoy', value: 'exmpl_decaee01' };
const unknown = 'exmpl_beef0002';

function scene({ twins }: Setting): Scene {
  const keys = [...inventedKeys(20), decoy, leaked, ...(twins ? [{ ...leaked, id: 'k-twin' }] : [])];
  return {
    vendor: exampleVendor(keys, [admin.token]),
    admin,
    wrongAdmin: { token: 'canary-of-nobody' },
    leak: { ...named, secret: leaked.value },
    byId: { ...named, identifiers: { keyId: leaked.id } },
    keyId: leaked.id,
    unknown: { ...named, secret: unknown },
    own: 'never-this-kind',
    onHint: 'value-always-tells',
    canaries: [leaked.value, admin.token, unknown],
  };
}

providerConformance({
  provider: example,
  kind: 'api-key',
  scene,
  requests: { list: /^GET \/keys$/, remove: /^DELETE \/keys\//, disable: 'none', prove: 'none' },
  pages: 'one',
  rateLimit: 'none',
  gone: { status: 404, body: { error: 'no such key' }, told: true },
  success: [204],
});
