import { parseArgs } from 'node:util';
import { fingerprintName } from '../../functions/platform/fingerprint.ts';
import { BadOption, complaintOf, readerOf, readJson } from '../local/options.ts';
import { type SecretValues, sampleSecrets } from '../local/samples.ts';
import { type BadState, badStates, type World } from '../local/vendors/vendor.ts';

/** What `npm run doctor` was asked for. */
export interface DoctorOptions {
  /** As it is written: whether it is right is one of the things to find out. */
  configuration: unknown;
  /** Where that stands, for people. */
  configurationName: string;
  /** Absent: what is deployed. */
  secrets: SecretValues | undefined;
  vendors: 'simulated' | 'live';
  /** Bad states to put simulated vendors into first. */
  spoilt: { provider: string; account: string; state: BadState }[];
  json: boolean;
}

export const usage = `Usage: npm run doctor                        what is deployed: bin/config.ts, with your AWS credentials and region
       npm run doctor -- [options]

  --config FILE                JSON configuration, instead of bin/config.ts
  --secrets FILE               JSON object, secret name -> value, instead of Secrets Manager
  --vendors simulated|live     as npm start has it: simulated, where --secrets is given or nothing is deployed
  --spoil PROVIDER/ACCOUNT=STATE   puts a simulated account into a bad state, to see what is said of it;
                               STATE is ${badStates.join(', ')}
  --json                       one JSON document instead of lines
  --help                       this text

Asks only what changes nothing. Exit 0: all well; 1: something is wrong, or cannot be told; 2: wrong usage.

Examples:
  npm run doctor -- --vendors simulated
  npm run doctor -- --vendors simulated --spoil mongodb-atlas/prod=blocked
  npm run doctor -- --vendors live --secrets secrets.json --config config.json
`;

/** `own` is the configuration of this deployment. @throws BadOption */
export function readDoctorOptions(args: string[], own: unknown, worlds: Record<string, World>): DoctorOptions | 'help' {
  const { config, secrets: file, vendors: who, spoil = [], json = false, help } = parse(args);
  if (help) return 'help';
  if (who !== undefined && who !== 'simulated' && who !== 'live')
    throw new BadOption('--vendors: must be simulated or live');
  const vendors = who ?? (file === undefined ? 'live' : 'simulated');
  if (spoil.length > 0 && vendors === 'live') throw new BadOption('--spoil: needs --vendors simulated');
  const given = file === undefined ? undefined : (readJson('--secrets', file) as SecretValues);
  const secrets = given ?? (vendors === 'simulated' ? sampleSecrets(worlds) : undefined);
  const written = config === undefined ? undefined : readJson('--config', config);
  const configuration = written ?? (secrets === undefined ? own : configurationOf(secrets));
  return {
    configuration,
    configurationName: config ?? (secrets === undefined ? 'bin/config.ts' : 'configuration'),
    secrets,
    vendors,
    spoilt: spoil.map(spoilOf),
    json,
  };
}

function parse(args: string[]) {
  try {
    return parseArgs({
      args,
      strict: true,
      options: {
        config: { type: 'string' },
        secrets: { type: 'string' },
        vendors: { type: 'string' },
        spoil: { type: 'string', multiple: true },
        json: { type: 'boolean' },
        help: { type: 'boolean', short: 'h' },
      },
    }).values;
  } catch (error) {
    throw new BadOption(`${complaintOf(error)}; see npm run doctor -- --help`);
  }
}

function spoilOf(text: string): DoctorOptions['spoilt'][number] {
  const [, provider = '', account = '', wanted] = /^([^/=]+)\/([^/=]+)=(.+)$/.exec(text) ?? [];
  const state = badStates.find((known) => known === wanted);
  if (state === undefined)
    throw new BadOption(`--spoil: must be PROVIDER/ACCOUNT=STATE, and STATE one of ${badStates.join(', ')}`);
  return { provider, account, state };
}

/** Every provider, account and source that has a secret, as `npm start` has it. */
function configurationOf(secrets: SecretValues): object {
  const providers: Record<string, { accounts: string[] }> = {};
  const sources: string[] = [];
  for (const name of Object.keys(secrets)) {
    const reader = name.startsWith('leakstop/') && name !== fingerprintName ? readerOf(name) : undefined;
    if (reader === undefined) continue;
    const { id, account } = reader;
    if (account === undefined) sources.push(id);
    else providers[id] = { accounts: [...(providers[id]?.accounts ?? []), account] };
  }
  return { providers, sources };
}
