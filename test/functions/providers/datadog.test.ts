import { providers } from '../../../functions/providers/index.ts';
import { type DatadogKey, datadogVendor, inventedKeys, keyWithDecoys } from '../../../lib/local/vendors/datadog.ts';
import { providerConformance, type Scene, type Setting } from '../../support/provider-conformance.ts';

const leaked = 'c0ffee00c0ffee00c0ffee00c0ffffff';
const admin = {
  site: 'us5.datadoghq.com',
  apiKey: 'ca9a7e00ca9a7e00ca9a7e00ca9a7e01',
  appKey: 'ca9a7e00ca9a7e00ca9a7e00ca9a7e00ca9a7e02',
};

function scene({ now, manyPages, twins, propagationMs }: Setting): Scene {
  const [target, ...decoys] = keyWithDecoys(leaked, 'checkout', 3) as [DatadogKey, ...DatadogKey[]];
  const [own] = keyWithDecoys(admin.apiKey, 'leakstop', 0) as [DatadogKey];
  const twin: DatadogKey = { ...target, id: '11111111-1111-4111-a111-111111111111', name: 'twin' };
  // The list is sorted by the last four characters, so a key that ends in ffff stands on its last page.
  const keys = [...inventedKeys(manyPages ? 250 : 20, 'conformance'), own, target, ...decoys, ...(twins ? [twin] : [])];
  const organisations = [{ site: admin.site, id: 'org-1', keys, admins: [admin] }];
  const vendor = datadogVendor(organisations, { now, ...(propagationMs !== undefined && { propagationMs }) });
  return {
    vendor,
    admin,
    wrongAdmin: { ...admin, appKey: 'ca9a7e00ca9a7e00ca9a7e00ca9a7e00ca9a7e03' },
    leak: { provider: 'datadog', kind: 'api-key', secret: leaked },
    byId: { provider: 'datadog', kind: 'api-key', identifiers: { keyId: target.id } },
    keyId: target.id,
    unknown: { provider: 'datadog', kind: 'api-key', secret: 'beef0000beef0000beef0000beefffff' },
    own: { provider: 'datadog', kind: 'api-key', identifiers: { keyId: own.id } },
    canaries: [leaked, admin.apiKey, admin.appKey, 'beef0000beef0000beef0000beefffff'],
  };
}

providerConformance({
  provider: providers.datadog,
  kind: 'api-key',
  scene,
  requests: {
    list: /^GET \/api\/v2\/api_keys\?/,
    remove: /^DELETE \/api\/v2\/api_keys\//,
    prove: /^GET \/api\/v1\/validate$/,
  },
  rateLimit: { headers: { 'x-ratelimit-reset': '2111' }, waitMs: 2_111_000 },
  gone: { status: 404, body: { errors: ['API key not found'] } },
});
