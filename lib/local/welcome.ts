import type { StageOptions } from './options.ts';
import { paint, type Terminal } from './terminal.ts';
import type { Vendor, World } from './vendors/vendor.ts';

/** What somebody sees who starts a stage in a terminal: what it is, and what to paste into another one. */
export function welcome(
  terminal: Terminal,
  url: string,
  { vendors: kind, configuration }: Pick<StageOptions, 'vendors' | 'configuration'>,
  worlds: Record<string, World>,
  vendors: Record<string, Vendor>,
): string[] {
  const bold = (text: string) => paint(terminal, 'bold', text);
  const configured = Object.keys(configuration.providers);
  const inDryRun = Object.values(configuration.providers).every(({ action }) => action === 'observe');
  const head =
    kind === 'simulated'
      ? [
          '',
          `${bold('Leakstop')}, whole, on this machine. Providers are simulated: no real key, no network, no cloud account.`,
        ]
      : [
          '',
          `${bold('Leakstop')} on this machine, with ${bold('live')} providers: ${inDryRun ? 'in a dry run, nothing is deleted' : paint(terminal, 'red', 'it deletes real keys')}.`,
        ];
  const samples = configured.flatMap((id) => {
    const leak = worlds[id]?.leaks[0] as Record<string, unknown> | undefined;
    const isThere = typeof leak?.secret === 'string' && vendors[id]?.accepts(leak.secret);
    return leak && isThere ? [{ id, line: request(url, leak) }] : [];
  });
  const width = Math.max(...configured.map((id) => id.length), 0);
  const tries =
    kind === 'live'
      ? [
          'Report a leaked key from a second shell; this is what the request looks like:',
          '',
          example(url, configured[0]),
        ]
      : samples.length === 0
        ? [
            'There are no sample keys to leak here: they live in the accounts of --secrets, of which there are none.',
            'Without --secrets there are some of every provider.',
          ]
        : [
            'Leak a key, from a second shell, and see it die here:',
            '',
            `  ${bold(`npm run leak -- ${samples.find(({ id }) => id === 'datadog')?.id ?? samples[0]?.id}`)}      a fresh key each time, by a signed alert`,
            '',
            'or paste one of these (each has one key to lose):',
            '',
            ...samples.map(({ id, line }) => `${paint(terminal, 'dim', `# ${id}`.padEnd(width + 2))}\n${line}`),
          ];
  return [
    ...head,
    ...tries,
    '',
    paint(terminal, 'dim', `JSON logs: npm start -- --logs   Options: npm start -- --help   End: Ctrl-C`),
    '',
  ];
}

const example = (url: string, provider = 'datadog') => request(url, { provider, secret: '...' });

/** Single quotes hold everything but themselves, in sh, bash and zsh alike. */
const quoted = (text: string) => `'${text.replaceAll("'", `'\\''`)}'`;
const request = (url: string, body: object) =>
  `curl -s ${url}/revocations -H 'prefer: wait=20' -d ${quoted(JSON.stringify(body))}`;
