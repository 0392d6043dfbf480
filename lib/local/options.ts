import { mkdirSync, readFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { names } from '../../functions/manifest.ts';
import { fingerprintName, fingerprintSchema } from '../../functions/platform/fingerprint.ts';
import { check } from '../../functions/platform/secrets.ts';
import { providers } from '../../functions/providers/index.ts';
import { policySchema } from '../../functions/revocation/policy.ts';
import type { Providers } from '../../functions/revocation/provider.ts';
import { slackConfig } from '../../functions/revocation/slack.ts';
import type { Sources } from '../../functions/revocation/source.ts';
import { sources } from '../../functions/sources/index.ts';
import { accountName, type Configuration, readConfiguration } from '../configuration.ts';
import { type SecretValues, sampleSecrets, withFingerprint } from './samples.ts';
import type { World } from './vendors/vendor.ts';

/** What `npm start` was asked for, checked: nothing of it can fail for its form any more. */
export interface StageOptions {
  port: number;
  vendors: 'simulated' | 'live';
  data: string | undefined;
  /** JSON logs, also where somebody watches. */
  logs?: boolean;
  secrets: SecretValues;
  configuration: Configuration;
  /** Remarks for the person who started it. */
  remarks: string[];
}

/** An option or file that is wrong. Its message is one line that names the field and the remedy. */
export class BadOption extends Error {
  override readonly name = 'BadOption';

  constructor(message: string) {
    super(message.replaceAll(/[\s\p{Cc}]+/gu, ' '));
  }
}

export const usage = `Usage: npm start -- [options]

  --port N                     HTTP port on 127.0.0.1; 0 picks a free one (8787)
  --secrets FILE               JSON object, secret name -> value (built-in samples)
  --config FILE                JSON configuration (every provider, account and source that has a secret)
  --vendors simulated|live     who answers for the hosts of providers, sources and Slack (simulated)
  --data DIR                   keeps the ledger across restarts (in memory)
  --logs                       JSON logs in a terminal too, instead of the incidents as they happen
  --help                       this text

Examples:
  npm start                            simulated providers and sample keys; then, in a second shell: npm run leak -- datadog
  npm start -- --port 0 --data .stage  on any free port, keeping what happened
  npm start -- --vendors live --secrets secrets.json --config config.json
                                       your own accounts; with "action": "observe" in config.json nothing is deleted
`;

/** @throws BadOption */
export function readOptions(args: string[], worlds: Record<string, World>): StageOptions | 'help' {
  const { port, secrets: secretsFile, config, vendors, data, logs = false, help } = parse(args);
  if (help) return 'help';
  if (!/^\d{1,5}$/.test(port) || Number(port) > 65_535) throw new BadOption('--port: must be a number from 0 to 65535');
  if (vendors !== 'simulated' && vendors !== 'live') throw new BadOption('--vendors: must be simulated or live');
  const given =
    secretsFile === undefined ? sampleSecrets(worlds, data) : (readJson('--secrets', secretsFile) as SecretValues);
  const secrets = keeping(given, data);
  const { accounts, enabled, remarks } = checkSecrets(secrets);
  const defaults = {
    providers: Object.fromEntries(Object.entries(accounts).map(([id, list]) => [id, { accounts: list }])),
    sources: enabled,
  };
  const configuration = configure(config === undefined ? defaults : filled(readJson('--config', config), defaults));
  requireSecrets(configuration, secrets);
  return { port: Number(port), vendors, data, logs, secrets, configuration, remarks };
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
        logs: { type: 'boolean' },
        help: { type: 'boolean', short: 'h' },
      },
    });
    return { ...values, port: String(values.port), vendors: String(values.vendors) };
  } catch (error) {
    throw new BadOption(`${complaintOf(error)}; see npm start -- --help`);
  }
}

/** What `parseArgs` found wrong, in one line. */
export function complaintOf(error: unknown): string {
  const [line = ''] = error instanceof Error ? error.message.split('\n') : [];
  return line.replace(/\. (To specify|This command).*$/, '');
}

/**
 * npm takes options before `--` for its own and passes them on as variables alone.
 * @throws BadOption with the command as it was meant
 */
export function refuseEaten(command: string, options: readonly string[], variables: NodeJS.ProcessEnv): void {
  for (const option of options) {
    if (variables[`npm_config_${option}`] !== undefined)
      throw new BadOption(`--${option}: npm has taken it for itself; put -- before it: ${command} -- --${option} ...`);
  }
}

/** A port that cannot be had, in words that help; undefined where it is something else. */
export function portTrouble(error: unknown, port: number): string | undefined {
  const code = error instanceof Error && 'code' in error ? error.code : undefined;
  if (code === 'EADDRINUSE')
    return `--port: ${port} is in use, perhaps by another stage; end that, or take a free port: npm start -- --port 0`;
  if (code === 'EACCES')
    return `--port: ${port} is not for everyone on this machine; take one from 1024 on: npm start -- --port 8787`;
  return undefined;
}

/** The secrets with a fingerprint key, and the data folder made. */
function keeping(given: SecretValues, data: string | undefined): SecretValues {
  if (data === '') throw new BadOption('--data: must name a folder');
  try {
    if (data !== undefined) mkdirSync(data, { recursive: true, mode: 0o700 });
    return withFingerprint(given, data);
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? error.code : 'unknown error';
    throw new BadOption(`--data: cannot keep anything in ${data}: ${code}`);
  }
}

export function readJson(option: string, file: string): object {
  let text: string;
  try {
    text = readFileSync(file, 'utf8').replace(/^\uFEFF/, '');
  } catch (error) {
    const code = String(error instanceof Error && 'code' in error ? error.code : 'unknown error');
    const why =
      { ENOENT: 'there is no such file', EISDIR: 'it is a folder', EACCES: 'it may not be read' }[code] ?? code;
    throw new BadOption(`${option}: cannot read ${file}: ${why}`);
  }
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch {
    throw new BadOption(`${option}: ${file} is not JSON: ${placeOf(text)}`);
  }
  if (json === null || typeof json !== 'object' || Array.isArray(json))
    throw new BadOption(`${option}: ${file} must hold a JSON object`);
  return json;
}

/** Where a text stops being JSON, by line and column; never what stands there, which may be a secret. */
function placeOf(text: string): string {
  if (text.trim() === '') return 'it is empty';
  let [good, bad] = [0, text.length];
  if (!stopsWithin(text)) return `it ends too early, in line ${text.trimEnd().split('\n').length}`;
  while (bad - good > 1) {
    const middle = Math.floor((good + bad) / 2);
    if (stopsWithin(text.slice(0, middle))) bad = middle;
    else good = middle;
  }
  const before = text.slice(0, bad - 1).split('\n');
  return `see line ${before.length}, column ${(before.at(-1)?.length ?? 0) + 1}`;
}

/** Whether a text could not go on to be JSON, whatever followed it. */
function stopsWithin(text: string): boolean {
  try {
    JSON.parse(text);
    return false;
  } catch (error) {
    const { message } = error as SyntaxError;
    if (/end of JSON input|Unterminated/.test(message)) return false;
    const [, position] = /position (\d+)/.exec(message) ?? [];
    return position === undefined || Number(position) < text.length;
  }
}

/** Every secret that is read here matches its schema, and no provider's name is misspelt; what they configure is told. */
function checkSecrets(secrets: SecretValues) {
  const accounts: Record<string, string[]> = {};
  const enabled: string[] = [];
  const remarks: string[] = [];
  for (const [name, value] of Object.entries(secrets)) {
    if (name === fingerprintName) {
      matches(name, value, fingerprintSchema);
      continue;
    }
    const reader = name.startsWith('leakstop/') ? readerOf(name) : undefined;
    if (reader === undefined) {
      remarks.push(`--secrets: ${name} is not a secret that anything here reads`);
      continue;
    }
    const { id, account, schema } = reader;
    matches(name, value, schema);
    if (account === undefined) enabled.push(id);
    else accounts[id] = [...(accounts[id] ?? []), account];
  }
  return { accounts, enabled, remarks };
}

/** Whose secret it is by its name: a source's, or a provider's for one account. Undefined: of a source that is not here. */
export function readerOf(
  name: string,
): { id: string; account?: string; schema: Parameters<typeof check>[2] } | undefined {
  const wrong = (problem: string) => new BadOption(`--secrets: ${name}: ${problem}`);
  const [, kind, id = '', account, ...more] = name.split('/');
  if (kind === 'sources') {
    const source = Object.hasOwn(sources, id) ? (sources as Sources)[id] : undefined;
    const schema = id === 'slack' ? slackConfig : source?.config;
    // One secrets file may serve versions that know more sources than this one.
    if (!schema) return undefined;
    if (account !== undefined) throw wrong(`a source has one secret, ${names.sourceSecret(id)}`);
    return { id, schema };
  }
  if (kind !== 'providers') throw wrong('must be a name under leakstop/providers or leakstop/sources');
  const provider = Object.hasOwn(providers, id) ? (providers as Providers)[id] : undefined;
  if (!provider) throw wrong(`no such provider; there are ${Object.keys(providers).join(', ')}`);
  if (account === undefined || more.length > 0 || !accountName.safeParse(account).success)
    throw wrong(`must end with the name of an account, ${names.providerSecret(id, '<account>')}`);
  return { id, account, schema: provider.admin };
}

function matches(name: string, value: unknown, schema: Parameters<typeof check>[2]): void {
  try {
    check(name, typeof value === 'string' ? value : JSON.stringify(value), schema);
  } catch (error) {
    throw new BadOption(`--secrets: ${error instanceof Error ? error.message.replace(/^secret /, '') : 'is wrong'}`);
  }
}

/** Where nobody says which providers or sources, those with a secret are there; Slack only for somebody who may decide in it. */
function filled(
  input: { policy?: unknown },
  { providers, sources: enabled }: { providers: object; sources: string[] },
) {
  const approvers = policySchema.safeParse(input.policy).data?.approval.approvers ?? [];
  return { providers, sources: enabled.filter((id) => id !== 'slack' || approvers.length > 0), ...input };
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
