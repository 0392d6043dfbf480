import type { view } from '../../functions/revocation/incident.ts';
import { isDeath } from '../../functions/revocation/incident.ts';

/** An incident as the stage's API gives it (contract, 2.4). */
export type Incident = ReturnType<typeof view>;

/** What can be shown where somebody looks. */
export interface Terminal {
  /** Characters in a line. */
  columns: number;
  colour: boolean;
  /** Whether a line can be written anew; a dumb terminal only appends. */
  rewrites: boolean;
}

/** What stderr or stdout can show; `NO_COLOR` is as on https://no-color.org */
export function terminalOf(
  { isTTY = false, columns = 0 }: { isTTY?: boolean; columns?: number },
  { NO_COLOR, TERM }: NodeJS.ProcessEnv,
): Terminal {
  const able = isTTY && TERM !== 'dumb';
  return { columns: columns > 0 ? columns : 80, colour: able && !NO_COLOR, rewrites: able };
}

const colours = { red: 31, green: 32, yellow: 33, cyan: 36, dim: 2, bold: 1 };

export const paint = ({ colour }: Terminal, how: keyof typeof colours, text: string) =>
  colour ? `\u001b[${colours[how]}m${text}\u001b[0m` : text;

/** What steers a terminal, turns text around or is not to be seen has no business in what others gave us. */
export const neutral = (text: string, atMost = 300) => {
  const clean = text.replaceAll(/[\p{Cc}\p{Cf}\p{Cs}\p{Co}\p{Zl}\p{Zp}]+/gu, ' ').trim();
  const characters = [...clean.slice(0, 4 * atMost)];
  return characters.length > atMost ? `${characters.slice(0, atMost - 3).join('')}...` : clean;
};

const wide = /[\u1100-\u115f\u2e80-\ua4cf\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff00-\uff60\uffe0-\uffe6]/;
const widthOf = (character: string) =>
  /\p{M}/u.test(character) ? 0 : wide.test(character) || /\p{Emoji_Presentation}/u.test(character) ? 2 : 1;

/** As much of a plain line as has room. */
export function cut(text: string, columns: number): string {
  let room = columns;
  let kept = '';
  for (const character of text) {
    room -= widthOf(character);
    if (room < 0) return kept;
    kept += character;
  }
  return kept;
}

/** Plain text broken between words, the further lines below the first one's text. */
function broken(text: string, columns: number, indent: number): string {
  const room = Math.max(columns - indent - 1, 12);
  const lines: string[] = [];
  let line = '';
  for (const word of text.split(' ')) {
    if (line !== '' && line.length + 1 + word.length > room) {
      lines.push(line);
      line = word;
    } else line = line === '' ? word : `${line} ${word}`;
  }
  return [...lines, line].join(`\n${' '.repeat(indent)}`);
}

/** A length of time (ms) for people. */
export function duration(ms: number): string {
  const seconds = Math.max(ms, 0) / 1000;
  if (!Number.isFinite(seconds)) return '?';
  if (seconds < 99.995) return `${seconds.toFixed(2)} s`;
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min`;
  return `${Math.floor(seconds / 3600)} h`;
}

/** Provider and the beginning of the id: enough to tell a few incidents apart. */
export const labelOf = ({ id, provider }: Pick<Incident, 'id' | 'provider'>) =>
  `${neutral(provider ?? 'unrouted', 14).padEnd(14)} ${neutral(id).slice(4, 10)}`;

const colourOf: Record<string, keyof typeof colours> = {
  dead: 'green',
  alive: 'yellow',
  asked: 'yellow',
  parked: 'yellow',
  rejected: 'yellow',
};

const startOf = ({ timeline }: Incident) => Date.parse(timeline[0]?.at ?? '');

/** What happened, how long after the first report; labelled where several incidents are shown. */
export function entryLine(
  terminal: Terminal,
  incident: Incident,
  { at, stage, detail }: Incident['timeline'][number],
  isLabelled = true,
): string {
  const what = neutral(stage, 12).padEnd(9);
  const head = `${isLabelled ? `${labelOf(incident)} ` : ''}${duration(Date.parse(at) - startOf(incident)).padStart(9)}  `;
  const text = detail ?? (stage === 'received' ? `${incident.id}${reportedBy(incident)}` : '');
  const painted = colourOf[stage] ? paint(terminal, colourOf[stage], what) : what;
  return `${paint(terminal, 'dim', head)}${painted} ${placed(terminal, neutral(text), head.length + 10)}`.trimEnd();
}

/** Beside what stands before it, where there is room for words; else below. */
const placed = ({ columns }: Terminal, text: string, indent: number) =>
  text === '' ? '' : columns - indent >= 24 ? broken(text, columns, indent) : `\n  ${broken(text, columns, 2)}`;

const reportedBy = ({ sightings }: Incident) => (sightings[0] ? `, reported by ${sightings[0].source}` : '');

/** An incident that rests: what became of the key, and how that is known. */
export function endLine(terminal: Terminal, incident: Incident, isLabelled = true): string {
  const { state, outcome, reason, proof, timeline, timeToDeadMs, sightingCount } = incident;
  const word = neutral(outcome ?? state, 20);
  const how = outcome === 'failed' ? 'red' : isDeath(outcome) ? 'green' : 'yellow';
  const facts = [
    proof?.dead ? `dead${timeToDeadMs === null ? '' : ` after ${duration(timeToDeadMs)}`}, ${provenBy(proof)}` : '',
    reason !== null && reason !== timeline.at(-1)?.detail ? reason : '',
    `${sightingCount} ${sightingCount === 1 ? 'report' : 'reports'}`,
  ].filter((fact) => fact !== '');
  const head = isLabelled ? `${labelOf(incident)} ` : '  ';
  const text = placed(terminal, neutral(facts.join('; ')), head.length + word.length + 1);
  return `${paint(terminal, 'dim', head)}${paint(terminal, how, paint(terminal, 'bold', word))} ${text}`;
}

const methods: Record<string, string> = {
  'leaked-key-refused': 'proven: the provider refuses the leaked key',
  'key-absent': 'proven: the provider no longer has the key',
  'key-disabled': 'proven: the provider shows the key as switched off',
};
const provenBy = ({ method, checks }: NonNullable<Incident['proof']>) =>
  `${methods[method] ?? method} (${checks.length} ${checks.length === 1 ? 'check' : 'checks'})`;

/** Whether nothing moves any more until a person, a source or a clock says so. */
export const isAtRest = ({ state }: Pick<Incident, 'state'>) =>
  ['closed', 'parked', 'awaiting-approval'].includes(state);
