import { PassThrough } from 'node:stream';
import { ScanCommand } from '@aws-sdk/client-dynamodb';
import { unmarshall } from '@aws-sdk/util-dynamodb';
import type { view } from '../../functions/revocation/incident.ts';
import { readConfiguration } from '../../lib/configuration.ts';
import { signedHeaders } from '../../lib/local/follow.ts';
import { type SecretValues, sampleSigningSecret, withFingerprint } from '../../lib/local/samples.ts';
import { type StageTuning, startStage } from '../../lib/local/stage.ts';
import {
  type DatadogOrganisation,
  type DatadogTraits,
  datadogVendor,
  inventedKeys,
  keyWithDecoys,
} from '../../lib/local/vendors/datadog.ts';
import type { World } from '../../lib/local/vendors/vendor.ts';

export type Incident = ReturnType<typeof view>;

/** Marked values: none of them may be seen anywhere but on the wire to the vendor, in the lane's queue and in Secrets Manager. */
export const leaked = 'ca9a7ea1eacedca9a7ea1eacedca9a7e';
export const admin = {
  site: 'datadoghq.com',
  apiKey: 'ca9a7ead0ca9a7ead0ca9a7ead0ca9a7',
  appKey: 'ca9a7ead1ca9a7ead1ca9a7ead1ca9a7ead1ca9a',
};
export const canaries = [leaked, admin.apiKey, admin.appKey, sampleSigningSecret];

interface Options {
  keys?: DatadogOrganisation['keys'];
  traits?: DatadogTraits;
  secrets?: SecretValues;
  config?: object;
  tuning?: Partial<StageTuning>;
  data?: string;
}

/** A stage in this process with one Datadog account whose organisation holds the leaked key and three decoys. */
export async function testStage({ keys, traits, secrets, config, tuning, data }: Options = {}) {
  const logs = new PassThrough();
  const lines: string[] = [];
  logs.on('data', (chunk: Buffer) => lines.push(chunk.toString('utf8')));
  const organisation = {
    site: admin.site,
    id: 'org-1',
    admins: [admin],
    keys: keys ?? [
      ...inventedKeys(30, 'stage'),
      ...keyWithDecoys(leaked, 'checkout', 3),
      ...keyWithDecoys(admin.apiKey, 'leakstop', 0),
    ],
  };
  const vendor = datadogVendor([organisation], traits);
  const world: World = { accounts: {}, leaks: [], simulate: () => vendor };
  const values = withFingerprint(
    secrets ?? {
      'leakstop/providers/datadog/prod': admin,
      'leakstop/sources/standard': { secrets: [sampleSigningSecret] },
    },
    data,
  );
  const configuration = readConfiguration(
    config ?? {
      providers: { datadog: { accounts: ['prod'] } },
      sources: ['standard'],
      notices: { eventBus: null },
    },
  );
  const stage = await startStage(
    { port: 0, vendors: 'simulated', data, secrets: values, configuration, remarks: [] },
    { datadog: world },
    { variables: {}, logs, cold: true, ...tuning },
  );

  const call = async (method: string, path: string, body?: unknown, headers: Record<string, string> = {}) => {
    const raw =
      typeof body === 'string' || body instanceof Uint8Array
        ? body
        : body === undefined
          ? undefined
          : JSON.stringify(body);
    const response = await fetch(stage.url + path, {
      method,
      headers: { 'content-type': 'application/json', ...headers },
      ...(raw !== undefined && { body: raw }),
    });
    const text = await response.text();
    return {
      status: response.status,
      headers: response.headers,
      text,
      json: text.startsWith('{') ? JSON.parse(text) : undefined,
    };
  };
  const alert = (leak: object, options: Parameters<typeof signedHeaders>[1] = {}) => {
    const body = JSON.stringify({ type: 'credential.leaked', timestamp: '2026-11-20T12:00:00Z', data: leak });
    return call('POST', '/sources/standard', body, signedHeaders(body, options));
  };
  /** Looks until the incident is as wanted. */
  const until = async (id: string, wanted: (incident: Incident) => boolean, withinMs = 45_000): Promise<Incident> => {
    for (const end = Date.now() + withinMs; ; ) {
      const { status, json } = await call('GET', `/incidents/${id}`);
      if (status === 200 && wanted(json)) return json;
      if (Date.now() > end) throw new Error(`incident ${id} did not get there: ${status} ${JSON.stringify(json)}`);
      await new Promise((resolve) => setTimeout(resolve, 25));
    }
  };
  const resting = (id: string, withinMs?: number) =>
    until(id, ({ state }) => ['closed', 'parked', 'awaiting-approval'].includes(state), withinMs);
  const items = async () => {
    const { Items = [] } = await stage.cloud.dynamoDb.send(new ScanCommand({ TableName: 'leakstop-incidents' }));
    return Items.map((item) => unmarshall(item));
  };
  return { ...stage, vendor, call, alert, until, resting, items, logged: () => lines.join('') };
}
