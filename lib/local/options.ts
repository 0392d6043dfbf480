import { readFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { names } from '../../functions/manifest.ts';
import { fingerprintName, fingerprintSchema } from '../../functions/platform/fingerprint.ts';
import { check } from '../../functions/platform/secrets.ts';
import { providers } from '../../functions/providers/index.ts';
import type { Providers } from '../../functions/revocation/provider.ts';
import type { Sources } from '../../functions/revocation/source.ts';
import { sources } from '../../functions/sources/index.ts';
import { type Configuration, readConfiguration } from '../configuration.ts';
import { type SecretValues, sampleSecrets, withFingerprint } from './samples.ts';
import type { World } from './vendors/vendor.ts';

/** What `npm start` was asked for, checked: nothing of it can fail for its form any more. */
export interface StageOptions {
  port: number;
  vendors: 'simulated' | 'live';
  data: string | undefined;
  secrets: SecretValues;
  configuration: Configuration;
  /** Remarks for the person who started it. */
  remarks: string[];
}

/** An option or file that is wrong. Its message is one line that names the field and the remedy. */
export class BadOption extends Error {
  override readonly name = 'BadOption';
}

export const usage = `Usage: npm start -- [options]

  --port N                     HTTP port on 127.0.0.1; 0 picks a free one (8787)
  --secrets FILE               JSON object, secret name -> value (built-in samples)
  --config FILE                JSON configuration (every provider and account that has a secret)
  --vendors simulated|live     who answers for the providers' hosts (simulated)
  --data DIR                   keeps the ledger across restarts (in memory)
  --help                       this text
`;

/** @throws BadOption */
export function readOptions(args: string[], worlds: Record<string, World>): StageOptions | 'help' {
  const { port, secrets: secretsFile, config, vendors, data, help } = parse(args);
  if (help) return 'help';
  if (!/^\d{1,5}$/.test(port) || Number(port) > 65_535) throw new BadOption('--port: must be a number from 0 to 65535');
  if (vendors !== 'simulated' && vendors !== 'live') throw new BadOption('--vendors: must be simulated or live');
  const given =
    secretsFile === undefined ? sampleSecrets(worlds) : (readJson('--secrets', secretsFile) as SecretValues);
  const secrets = withFingerprint(given, data);
  const { accounts, enabled, remarks } = checkSecrets(secrets);
  const defaults = {
    providers: Object.fromEntries(Object.entries(accounts).map(([id, list]) => [id, { accounts: list }])),
    sources: enabled,
  };
  const configuration = configure(config === undefined ? defaults : readJson('--config', config));
  requireSecrets(configuration, secrets);
  return { port: Number(port), vendors, data, secrets, configuration, remarks };
}

function parse(args: string[]) {
  const text = (fallback?: string) => ({
    type: 'string' as const,
    ...(fallback !== undefined && { default: fallback }),
  });
  try {
    const { values } = parseArgs({
      args,
      strict: true,
      options: {
        port: text('8787'),
        secrets: text(),
        config: text(),
        vendors: text('simulated'),
        data: text(),
        help: { type: 'boolean', short: 'h' },
      },
    });
    return { ...values, port: String(values.port), vendors: String(values.vendors) };
  } catch (error) {
    const [line = ''] = error instanceof Error ? error.message.split('\n') : [];
    throw new BadOption(`${line.replace(/\. To specify.*$/, '')}; see npm start -- --help`);
  }
}

function readJson(option: string, file: string): object {
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch {
    throw new BadOption(`${option}: cannot read ${file}`);
  }
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch {
    throw new BadOption(`${option}: ${file} is not JSON`);
  }
  if (json === null || typeof json !== 'object' || Array.isArray(json))
    throw new BadOption(`${option}: ${file} must hold a JSON object`);
  return json;
}

/** Every secret that has a schema matches it; what they configure is told. */
function checkSecrets(secrets: SecretValues) {
  const accounts: Record<string, string[]> = {};
  const enabled: string[] = [];
  const remarks: string[] = [];
  for (const [name, value] of Object.entries(secrets)) {
    const [, kind = '', id = '', account] =
      /^leakstop\/(providers|sources)\/([a-z0-9-]+)(?:\/([A-Za-z0-9_-]+))?$/.exec(name) ?? [];
    const provider = kind === 'providers' && account !== undefined ? (providers as Providers)[id] : undefined;
    const source = kind === 'sources' && account === undefined ? (sources as Sources)[id] : undefined;
    const schema = name === fingerprintName ? fingerprintSchema : (provider?.admin ?? source?.config);
    if (!schema) {
      remarks.push(`--secrets: ${name} is not a secret that anything here reads`);
      continue;
    }
    matches(name, value, schema);
    if (provider && account !== undefined) accounts[id] = [...(accounts[id] ?? []), account];
    if (source) enabled.push(id);
  }
  return { accounts, enabled, remarks };
}

function matches(name: string, value: unknown, schema: Parameters<typeof check>[2]): void {
  try {
    check(name, typeof value === 'string' ? value : JSON.stringify(value), schema);
  } catch (error) {
    throw new BadOption(`--secrets: ${error instanceof Error ? error.message.replace(/^secret /, '') : 'is wrong'}`);
  }
}

function configure(input: object): Configuration {
  try {
    return readConfiguration(input);
  } catch (error) {
    throw new BadOption(`--config: ${error instanceof Error ? error.message : 'is wrong'}`);
  }
}

function requireSecrets({ providers: configured, sources: enabled }: Configuration, secrets: SecretValues): void {
  for (const [id, { accounts }] of Object.entries(configured)) {
    for (const account of accounts) {
      const name = names.providerSecret(id, account);
      if (secrets[name] === undefined)
        throw new BadOption(`--config: providers.${id}.accounts: ${account} has no secret ${name}`);
    }
  }
  for (const id of enabled) {
    if (secrets[names.sourceSecret(id)] === undefined)
      throw new BadOption(`--config: sources: ${id} has no secret ${names.sourceSecret(id)}`);
  }
}
