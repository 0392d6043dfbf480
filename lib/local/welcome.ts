import { leakUrl } from './leak.ts';
import type { StageOptions } from './options.ts';
import { paint, type Terminal } from './terminal.ts';
import type { Vendor, World } from './vendors/vendor.ts';

/** A stage as far as it introduces itself. */
export interface Introduced extends Pick<StageOptions, 'vendors' | 'configuration'> {
  url: string;
  /** The simulated vendors that are there; none are where providers are live. */
  simulated: Record<string, Pick<Vendor, 'accepts'>>;
}

/** What somebody sees who starts a stage in a terminal: what it is, and what to paste into another one. */
export function welcome(
  terminal: Terminal,
  stage: Introduced,
  worlds: Record<string, Pick<World, 'leaks'>>,
  hasPosixShell = process.platform !== 'win32',
): string[] {
  return [
    '',
    stage.vendors === 'live' ? warning(terminal, stage) : `${name(terminal)}, whole, on this machine. ${harmless}`,
    ...(stage.vendors === 'live' ? firstReport(stage) : firstLeaks(terminal, stage, worlds, hasPosixShell)),
    '',
    paint(terminal, 'dim', 'JSON logs: npm start -- --logs   Options: npm start -- --help   End: Ctrl-C'),
    '',
  ];
}

const name = (terminal: Terminal) => paint(terminal, 'bold', 'Leakstop');
const harmless = 'Providers are simulated: no real key, no network, no cloud account.';

function warning(terminal: Terminal, { configuration }: Introduced): string {
  const actions = Object.values(configuration.providers).map(({ action }) => action);
  const does = actions.some((action) => action === 'delete' || action === 'disable')
    ? paint(terminal, 'red', 'it ends real keys')
    : actions.includes('approve')
      ? paint(terminal, 'red', 'it ends real keys once a person approves')
      : 'a dry run, no key is touched';
  return `${name(terminal)} on this machine, with live providers: ${does}.`;
}

const firstReport = ({ url, configuration }: Introduced) => [
  'Report a leaked key from a second shell; this is what the request looks like:',
  '',
  request(url, { provider: Object.keys(configuration.providers)[0] ?? 'datadog', secret: '...' }),
];

function firstLeaks(
  terminal: Terminal,
  { url, configuration, simulated }: Introduced,
  worlds: Record<string, Pick<World, 'leaks'>>,
  hasPosixShell: boolean,
): string[] {
  const samples = Object.keys(configuration.providers).flatMap((id) => {
    const sample = worlds[id]?.leaks[0] as { secret?: unknown } | undefined;
    return typeof sample?.secret === 'string' && simulated[id]?.accepts(sample.secret) ? [{ id, sample }] : [];
  });
  if (samples.length === 0)
    return [
      'There are no sample keys to leak here: they live in the accounts of --secrets, of which there are none.',
      'Without --secrets there are some of every provider.',
    ];
  const first = samples.find(({ id }) => id === 'datadog') ?? samples[0];
  const there = url === leakUrl ? '' : ` --url ${url}`;
  const width = Math.max(...samples.map(({ id }) => id.length));
  const paste = samples.flatMap(({ id, sample }) => [
    paint(terminal, 'dim', `# ${id}`.padEnd(width + 2)),
    request(url, sample),
  ]);
  return [
    'Leak a key, from a second shell, and see it die here:',
    '',
    `  ${paint(terminal, 'bold', `npm run leak -- ${first?.id}${there}`)}      a fresh key each time, by a signed alert`,
    ...(hasPosixShell ? ['', 'or paste one of these (each has one key to lose):', '', ...paste] : []),
  ];
}

/** Single quotes hold everything but themselves, in sh, bash and zsh alike. */
const quoted = (text: string) => `'${text.replaceAll("'", `'\\''`)}'`;
const request = (url: string, body: object) =>
  `curl -s ${url}/revocations -H 'prefer: wait=20' -d ${quoted(JSON.stringify(body))}`;
