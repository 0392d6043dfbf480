import type { Server } from 'node:http';
import type { Writable } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import { type FunctionFacts, functions, names, queues } from '../../functions/manifest.ts';
import type { FunctionName } from '../../functions/platform/env.ts';
import { providers } from '../../functions/providers/index.ts';
import { isToldOf, laneEnvironment, sharedEnvironments } from '../configuration.ts';
import { bringForward } from './bring-forward.ts';
import { startClock } from './clock.ts';
import { closed, type Emulators, listen, startEmulators } from './emulators.ts';
import { freshLeakRoutes } from './fresh-leaks.ts';
import { type FunctionHost, hostFunction } from './function-host.ts';
import { type GatewayRoute, gatewayServer } from './gateway.ts';
import type { LocalMetrics } from './metrics.ts';
import type { StageOptions } from './options.ts';
import { startPump } from './pump.ts';
import { type Cloud, cloudOf, createResources } from './resources.ts';
import { scanners as scannerWorlds } from './scanners/index.ts';
import type { Scanner } from './scanners/scanner.ts';
import { type SlackWorkspace, sampleSlackSecret, slackWorkspace } from './slack.ts';
import type { Vendor, World } from './vendors/vendor.ts';

/** The whole service on this machine. */
export interface Stage {
  url: string;
  /** The simulated vendors, by provider; empty when requests go where they say. */
  vendors: Record<string, Vendor>;
  /** The simulated scanners, by source; empty when requests go where they say. */
  scanners: Record<string, Scanner>;
  /** The simulated Slack workspace; undefined when requests go where they say. */
  slack: SlackWorkspace | undefined;
  /** The functions as they are deployed here, by name; a lane's function carries its provider's id. */
  functions: Record<string, FunctionHost>;
  /** The stage's own way to the AWS services. */
  cloud: Cloud;
  /** What was put on the stage's own event bus, and published to its own topics. */
  events: Emulators['events'];
  publications: Emulators['publications'];
  /** Stops accepting, finishes what is in hand, ends everything. */
  close(): Promise<void>;
}

/** Where and how fast: what tests change, and nothing a handler could see. */
export interface StageTuning {
  variables: NodeJS.ProcessEnv;
  logs: Writable;
  /** Shorter lives (s) for functions and messages, so that a death is seen without waiting long. */
  timeoutSeconds?: number;
  visibilitySeconds?: number;
  /** Functions that no sender waits for are loaded when they are called. */
  cold?: boolean;
  /** No function is called by the clock: who counts calls calls it. */
  clockless?: boolean;
  /** Counts what AWS would count of functions and the API. */
  metrics?: LocalMetrics;
}

/** Every simulated vendor: one file per provider, `vendors/<provider>.ts`. */
export async function loadWorlds(): Promise<Record<string, World>> {
  const load = async (id: string) => [id, ((await import(`./vendors/${id}.ts`)) as { world: World }).world] as const;
  return Object.fromEntries(await Promise.all(Object.keys(providers).map(load)));
}

/** Starts a stage; when it returns, the service listens and is ready to accept. The other functions are loaded meanwhile. */
export async function startStage(
  options: StageOptions,
  worlds: Record<string, World>,
  tuning: StageTuning,
): Promise<Stage> {
  const { configuration, secrets, data, port } = options;
  const emulators = await startEmulators(tuning.variables, data);
  const variables = awsVariables(tuning.variables, emulators);
  const cloud = cloudOf(variables);
  const visibilitySeconds = tuning.visibilitySeconds ?? queues.visibilitySeconds;
  const places = await createResources(cloud, {
    providers: Object.keys(configuration.providers),
    isTold: isToldOf(configuration),
    secrets,
    visibilitySeconds,
  });
  if (variables.AWS_ENDPOINT_URL_SQS !== tuning.variables.AWS_ENDPOINT_URL_SQS)
    await bringForward(cloud.dynamoDb, Date.now());
  const { vendors, scanners, slack, network } =
    options.vendors === 'simulated'
      ? await simulate(worlds, secrets)
      : { vendors: {}, scanners: {}, slack: undefined, network: undefined };

  const host = (name: FunctionName, environment: Record<string, string>, provider?: string) => {
    const hosted = hostFunction({
      name: names.function(name, provider),
      entry: new URL(`../../functions/${functions[name].entry}`, import.meta.url),
      environment: { ...variables, ...namedAs(names.function(name, provider), tuning.variables), ...environment },
      timeoutSeconds: tuning.timeoutSeconds ?? functions[name].timeoutSeconds,
      network,
      logs: tuning.logs,
    });
    return tuning.metrics?.measured(names.function(name, provider), hosted) ?? hosted;
  };
  const shared = sharedEnvironments(configuration, places);
  const hosts: Record<string, FunctionHost> = {};
  for (const [name, environment] of Object.entries(shared)) hosts[name] = host(name as FunctionName, environment);
  const lanes = Object.keys(configuration.providers).map((id) => {
    const lane = host('revoke-key', laneEnvironment(configuration, id, places), id);
    hosts[`revoke-key-${id}`] = lane;
    return { queueUrl: String(places.lanes[id]), lane };
  });
  const ownRoutes = options.vendors === 'simulated' ? freshLeakRoutes(options, worlds, vendors) : [];
  const gateway = gatewayServer([...routesOf(hosts), ...ownRoutes]);
  tuning.metrics?.watchGateway(gateway);
  const [awaited, called] = byNeed(hosts);
  await Promise.all(awaited.map((each) => each.ready()));
  // From here on nothing waits: who ends a stage that has not started yet cuts no request off.
  const url = await listen(gateway, port);
  const queueUrls = { unrouted: places.unroutedQueue, notices: places.noticesQueue };
  const others = Object.entries(queueUrls).flatMap(([consumes, queueUrl]) => {
    const name = Object.keys(shared).find((one) => functions[one as FunctionName].consumes === consumes);
    const lane = name === undefined ? undefined : hosts[name];
    return lane && queueUrl !== undefined ? [{ queueUrl, lane }] : [];
  });
  const consumers = [...lanes, ...others];
  const pumps = consumers.map(({ queueUrl, lane }) => startPump({ client: cloud.sqs, queueUrl, invoke: lane.invoke }));
  const clocks = Object.entries(hosts).flatMap(([name, { invoke }]) => {
    const { everySeconds } = (functions as Record<string, FunctionFacts>)[name] ?? {};
    return everySeconds === undefined || tuning.clockless
      ? []
      : [startClock({ everySeconds: Math.min(everySeconds, soonest), invoke })];
  });
  if (!tuning.cold) void warm(called);
  return {
    url,
    vendors,
    scanners,
    slack,
    functions: hosts,
    cloud,
    events: emulators.events,
    publications: emulators.publications,
    close: () =>
      close({
        gateway,
        pumps: [...pumps, ...clocks],
        hosts,
        simulated: [...Object.values(vendors), ...Object.values(scanners), ...(slack ? [slack] : [])],
        cloud,
        emulators,
      }),
  };
}

/** The functions that senders wait for, and those that a queue or a clock calls. */
function byNeed(hosts: Record<string, FunctionHost>): [FunctionHost[], FunctionHost[]] {
  const isAwaited = (name: string) => ((functions as Record<string, FunctionFacts>)[name]?.routes.length ?? 0) > 0;
  const named = Object.entries(hosts);
  return [true, false].map((wanted) => named.flatMap(([name, each]) => (isAwaited(name) === wanted ? [each] : []))) as [
    FunctionHost[],
    FunctionHost[],
  ];
}

/** Clocks go more often here (s) than EventBridge lets them: whoever tries a deadline is sitting in front of it. */
const soonest = 15;

/** Who starts a stage looks at it first (ms); the machine has nothing better to do from then on. */
const warmAfter = 400;

/** Loads functions one after another, so that the first leak finds them warm. One that cannot be loaded says so when it is called. */
async function warm(hosts: FunctionHost[]): Promise<void> {
  await sleep(warmAfter, undefined, { ref: false });
  for (const each of hosts) await each.ready().catch(() => {});
}

/** What the runtime itself reads: its options, whom it trusts, and the way out of this network. */
const runtimeVariables = [
  ...['NODE_OPTIONS', 'NODE_EXTRA_CA_CERTS', 'NODE_TLS_REJECT_UNAUTHORIZED', 'NODE_USE_ENV_PROXY', 'HTTPS_PROXY'],
  ...['NO_PROXY', 'TZ'],
];

/** The environment every function shares: where AWS is and who asks. Nothing else of this machine's environment reaches them. */
function awsVariables(given: NodeJS.ProcessEnv, { endpoints }: Emulators): Record<string, string> {
  const kept = [...runtimeVariables, 'AWS_SESSION_TOKEN', 'POWERTOOLS_LOG_LEVEL'].flatMap((name) => {
    const value = given[name];
    return value === undefined ? [] : [[name, value] as const];
  });
  return {
    ...Object.fromEntries(kept),
    AWS_REGION: given.AWS_REGION || 'us-east-1',
    AWS_ACCESS_KEY_ID: given.AWS_ACCESS_KEY_ID || 'local',
    AWS_SECRET_ACCESS_KEY: given.AWS_SECRET_ACCESS_KEY || 'local',
    AWS_EC2_METADATA_DISABLED: 'true',
    ...endpoints,
  };
}

/**
 * Every function asks AWS under a name of its own, as each has a role of its own when it is deployed: the session token that comes
 * with invented credentials carries it. Credentials that were given stay as they are.
 */
const namedAs = (name: string, given: NodeJS.ProcessEnv): Record<string, string> =>
  given.AWS_ACCESS_KEY_ID || given.AWS_SESSION_TOKEN ? {} : { AWS_SESSION_TOKEN: name };

export async function simulate(worlds: Record<string, World>, secrets: StageOptions['secrets']) {
  const vendors: Record<string, Vendor> = {};
  const scanners: Record<string, Scanner> = {};
  const network: Record<string, number> = {};
  const parsed = (value: unknown) => (typeof value === 'string' ? JSON.parse(value) : value);
  const serve = async ({ server, hosts }: { server: Server; hosts: string[] }) => {
    const { port } = new URL(await listen(server));
    for (const name of hosts) network[name] = Number(port);
  };
  for (const [id, world] of Object.entries(worlds)) {
    const prefix = names.providerSecret(id, '');
    const accounts = Object.entries(secrets).flatMap(([name, value]) =>
      name.startsWith(prefix) ? [[name.slice(prefix.length), parsed(value)] as const] : [],
    );
    const vendor = world.simulate(Object.fromEntries(accounts));
    await serve(vendor);
    vendors[id] = vendor;
  }
  for (const [id, world] of Object.entries(scannerWorlds)) {
    // One that is given no secret is there all the same: others' public keys may be among what it publishes.
    const scanner = world.simulate(parsed(secrets[names.sourceSecret(id)]) ?? world.secret);
    await serve(scanner);
    scanners[id] = scanner;
  }
  const slack = slackWorkspace(
    (parsed(secrets[names.sourceSecret('slack')]) as typeof sampleSlackSecret) ?? sampleSlackSecret,
  );
  await serve(slack);
  return { vendors, scanners, slack, network };
}

function routesOf(hosts: Record<string, FunctionHost>): GatewayRoute[] {
  return Object.entries(functions).flatMap(([name, { routes }]) => {
    const target = hosts[name];
    return target ? routes.map((route) => ({ ...route, invoke: target.invoke })) : [];
  });
}

/** No request takes longer than the function behind it may (ms). */
const longestRequestMs = 30_000;

async function close(parts: {
  gateway: Server;
  pumps: { stop(): Promise<void> }[];
  hosts: Record<string, FunctionHost>;
  simulated: { server: Server }[];
  cloud: Cloud;
  emulators: Emulators;
}): Promise<void> {
  await closed(parts.gateway, longestRequestMs);
  await Promise.all(parts.pumps.map((pump) => pump.stop()));
  await Promise.all(Object.values(parts.hosts).map((host) => host.close()));
  await Promise.all(parts.simulated.map(({ server }) => closed(server)));
  for (const client of Object.values(parts.cloud)) client.destroy();
  await parts.emulators.close();
}
