import type { Server } from 'node:http';
import { names } from '../../functions/manifest.ts';
import { fingerprintName } from '../../functions/platform/fingerprint.ts';
import { closed } from '../local/emulators.ts';
import { BadOption, readerOf } from '../local/options.ts';
import type { SecretValues } from '../local/samples.ts';
import type { Scanner } from '../local/scanners/scanner.ts';
import { simulatedNetwork } from '../local/simulated-network.ts';
import type { SlackWorkspace } from '../local/slack.ts';
import { simulate } from '../local/stage.ts';
import type { Vendor, World } from '../local/vendors/vendor.ts';
import type { DoctorOptions } from './options.ts';

/** The simulated vendors, and the way to them: no host that nobody simulates is reached, or looked up. */
interface Simulation {
  vendors: Record<string, Vendor>;
  scanners: Record<string, Scanner>;
  slack: SlackWorkspace;
  fetch: typeof globalThis.fetch;
  close(): Promise<void>;
}

/** Starts vendors, scanners and a Slack that know these secrets, as the stage does, and spoils what is to be spoilt. @throws BadOption */
export async function startSimulation(
  worlds: Record<string, World>,
  { secrets = {}, spoilt = [] }: Partial<Pick<DoctorOptions, 'secrets' | 'spoilt'>>,
): Promise<Simulation> {
  const known = readable(secrets);
  const { vendors, scanners, slack, network } = await simulate(worlds, known);
  const dispatcher = simulatedNetwork(network);
  const servers: { server: Server }[] = [...Object.values(vendors), ...Object.values(scanners), slack];
  const simulation: Simulation = {
    vendors,
    scanners,
    slack,
    fetch: ((url: URL, init: RequestInit) => fetch(url, { ...init, dispatcher } as RequestInit)) as typeof fetch,
    async close() {
      await dispatcher.destroy();
      await Promise.all(servers.map(({ server }) => closed(server)));
    },
  };
  for (const { provider, account, state } of spoilt ?? []) {
    const admin = known[names.providerSecret(provider, account)];
    if (vendors[provider]?.spoil?.(state, Object(admin))) continue;
    await simulation.close();
    throw new BadOption(`--spoil: there is no account ${provider}/${account} that can be ${state}`);
  }
  return simulation;
}

/** The secrets that a simulated vendor can be made to know: one that is wrong is nobody's. */
function readable(secrets: SecretValues): SecretValues {
  const fits = ([name, value]: [string, unknown]) => {
    const schema = name.startsWith('leakstop/') && name !== fingerprintName ? readerOf(name)?.schema : undefined;
    return schema?.safeParse(parsed(value)).success === true;
  };
  return Object.fromEntries(
    Object.entries(secrets)
      .filter(fits)
      .map(([name, value]) => [name, parsed(value)]),
  );
}

function parsed(value: unknown): unknown {
  try {
    return typeof value === 'string' ? JSON.parse(value) : value;
  } catch {
    return undefined;
  }
}
