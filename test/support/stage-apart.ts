import { type ChildProcess, spawn } from 'node:child_process';
import { createServer, request as requestOf, type Server } from 'node:http';
import { PassThrough } from 'node:stream';
import { fileURLToPath } from 'node:url';
import { readConfiguration } from '../../lib/configuration.ts';
import { sampleSigningSecret, withFingerprint } from '../../lib/local/samples.ts';
import { type Stage, type StageTuning, startStage } from '../../lib/local/stage.ts';
import { datadogVendor } from '../../lib/local/vendors/datadog.ts';
import { admin } from './stage.ts';

/** Where a stage finds what outlives it: its vendor, and the AWS services or the folder of its ledger. */
export interface Surroundings {
  vendorUrl: string;
  endpoints?: Record<string, string>;
  data?: string | undefined;
  tuning: Pick<StageTuning, 'timeoutSeconds' | 'visibilitySeconds'>;
}

/** A stage in this process whose vendor is somewhere else, and lives on when the stage is killed. */
export function startBeside({ vendorUrl, endpoints = {}, data, tuning }: Surroundings): Promise<Stage> {
  const logs = new PassThrough();
  logs.resume();
  const secrets = withFingerprint(
    {
      'leakstop/providers/datadog/prod': admin,
      'leakstop/sources/standard': { secrets: [sampleSigningSecret] },
    },
    data,
  );
  const configuration = readConfiguration({ providers: { datadog: { accounts: ['prod'] } }, sources: ['standard'] });
  const vendor = () => ({ ...datadogVendor([]), server: passingOn(vendorUrl) });
  const world = { accounts: {}, leaks: [], simulate: vendor };
  return startStage(
    { port: 0, vendors: 'simulated', data, secrets, configuration, remarks: [] },
    { datadog: world },
    { variables: { POWERTOOLS_LOG_LEVEL: 'SILENT', ...endpoints }, logs, ...tuning },
  );
}

/** Hands each request on as it came, host name and all. */
function passingOn(url: string): Server {
  const { hostname, port } = new URL(url);
  return createServer((request, response) => {
    const { method, url: path, headers } = request;
    const onward = requestOf({ hostname, port, method, path, headers }, (answer) => {
      response.writeHead(answer.statusCode ?? 502, answer.headers);
      answer.pipe(response);
    });
    onward.once('error', () => response.destroy());
    request.pipe(onward);
  });
}

/** The same stage in a process of its own, which can be killed. */
export async function startApart(surroundings: Surroundings): Promise<{ url: string; kill(): Promise<void> }> {
  const child: ChildProcess = spawn(process.execPath, [fileURLToPath(import.meta.url), JSON.stringify(surroundings)], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const ended = new Promise<void>((resolve) => child.once('exit', () => resolve()));
  const kill = async () => {
    child.kill('SIGKILL');
    await ended;
  };
  const url = await new Promise<string>((resolve, reject) => {
    child.stdout?.once('data', (chunk: Buffer) => resolve(chunk.toString('utf8').trim()));
    child.once('exit', () => reject(new Error('the stage did not start')));
  });
  return { url, kill };
}

if (import.meta.main) {
  const stage = await startBeside(JSON.parse(process.argv[2] ?? '') as Surroundings);
  process.stdout.write(`${stage.url}\n`);
  // Who started it may die first, and then nobody is there to end it.
  const parent = process.ppid;
  setInterval(() => process.ppid === parent || process.exit(1), 1000);
}
