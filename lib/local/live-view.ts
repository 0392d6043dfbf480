import {
  cut,
  duration,
  endLine,
  entryLine,
  type Incident,
  isAtRest,
  labelOf,
  neutral,
  paint,
  type Terminal,
} from './terminal.ts';

/** How much is shown one by one; what is more is counted. */
const limits = {
  /** Incidents in work that are followed at a time. */
  followed: 8,
  /** Incidents that are taken up, and troubles that are told, in one window (ms). */
  perWindow: 8,
  windowMs: 5_000,
  /** Incidents that are remembered, to show what comes later: told, alive again. */
  remembered: 200,
  /** Incidents that are counted and not over. */
  counted: 20_000,
  /** Between two summaries (ms). */
  summaryMs: 15_000,
};

/** What a log line made of the view: what to show now, and which incident to look at. */
export interface Heard {
  lines: string[];
  look?: string;
}

interface Followed {
  /** Entries of the timeline that were shown. */
  shown: number;
  reports: number;
  /** Epoch ms. */
  since: number;
  atRest: boolean;
}

/** What somebody sees who watches a stage. It computes only: log lines, incidents and times (epoch ms) in, lines out. */
export function createLiveView(terminal: Terminal) {
  /** Oldest first. */
  const followed = new Map<string, Followed>();
  const counted = new Set<string>();
  let tally: Record<string, number> = {};
  const totals: Record<string, number> = {};
  let taken = { at: 0, incidents: 0, troubles: 0 };
  let untold = 0;
  let summarisedAt = 0;
  let turns = 0;

  const inWork = () => [...followed.values()].filter(({ atRest }) => !atRest);

  function hear(line: string, now: number): Heard {
    if (line.trim() === '') return { lines: [] };
    const said = readLine(line);
    if (said === undefined) return trouble('a function wrote what is no log line', now);
    if ('_aws' in said) return { lines: [] };
    const { incident, message = '', level } = said;
    if (level === 'ERROR' || level === 'WARN') return trouble(inWords(said), now);
    if (incident === undefined) return remark(inWords(said), now);
    const known = followed.get(incident);
    if (known) {
      // What else is told of it stands in its timeline, or soon will.
      const aside = ['note', 'told later'].includes(message) && said.detail ? [said.detail] : [];
      return { lines: aside.map((text) => asideLine(incident, said.provider ?? null, text)), look: incident };
    }
    return counted.has(incident) || !take('incidents', now) || inWork().length >= limits.followed
      ? count(incident, message, now)
      : follow(incident, now);
  }

  function asideLine(id: string, provider: string | null, text: string): string {
    return paint(
      terminal,
      'dim',
      cut(`${labelOf({ id, provider })}            ${neutral(text)}`, terminal.columns * 2),
    );
  }

  /** Whether there is room in this window for one more. */
  function take(what: 'incidents' | 'troubles', now: number): boolean {
    if (now - taken.at >= limits.windowMs) taken = { at: now, incidents: 0, troubles: 0 };
    taken[what] += 1;
    return taken[what] <= limits.perWindow;
  }

  function follow(incident: string, now: number): Heard {
    followed.set(incident, { shown: 0, reports: 0, since: now, atRest: false });
    if (followed.size > limits.remembered) {
      const [oldest] = followed.keys();
      followed.delete(String(oldest));
    }
    return { lines: [], look: incident };
  }

  function count(incident: string, message: string, now: number): Heard {
    const end = /^outcome (.+)$/.exec(message)?.[1] ?? /^stage (asked|parked)$/.exec(message)?.[1];
    if (end === undefined) {
      // What is told of an incident, and that it is reported again, comes after its end too.
      if (!message.startsWith('stage ') || message === 'stage told') return { lines: [] };
      if (counted.size === 0 && Object.keys(tally).length === 0) summarisedAt = now;
      counted.add(incident);
      if (counted.size > limits.counted) {
        const [oldest] = counted;
        counted.delete(String(oldest));
      }
      return { lines: [] };
    }
    if (counted.delete(incident)) {
      const word = neutral(end, 20);
      tally[word] = (tally[word] ?? 0) + 1;
      totals[word] = (totals[word] ?? 0) + 1;
    }
    return { lines: [] };
  }

  function trouble(text: string, now: number): Heard {
    if (take('troubles', now)) return { lines: [`${paint(terminal, 'red', '!')} ${neutral(text)}`] };
    untold += 1;
    return { lines: [] };
  }

  function remark(text: string, now: number): Heard {
    return { lines: take('troubles', now) ? [paint(terminal, 'dim', `- ${neutral(text)}`)] : [] };
  }

  /** The incident as it stands: what is new of it. */
  function see(incident: Incident, now: number): string[] {
    const known = followed.get(incident.id);
    if (!known) return [];
    const timeline = incident.timeline ?? [];
    const lines = timeline.slice(known.shown).map((entry) => entryLine(terminal, incident, entry));
    known.shown = Math.max(known.shown, timeline.length);
    const rested = known.atRest;
    known.atRest = isAtRest(incident);
    if (rested && !known.atRest) known.since = now;
    if (known.atRest && !rested) {
      lines.push(endLine(terminal, incident));
      const word = neutral(incident.outcome ?? incident.state, 20);
      totals[word] = (totals[word] ?? 0) + 1;
    } else if (rested && lines.length === 0 && incident.sightingCount > known.reports) {
      const again = `reported again, report ${incident.sightingCount}; it is ${incident.outcome ?? incident.state} already`;
      lines.push(`${paint(terminal, 'dim', labelOf(incident))} ${cut(neutral(again), terminal.columns)}`);
    }
    known.reports = incident.sightingCount;
    return lines;
  }

  /** What is to be said because time has gone by: what was only counted, once it is over and every few seconds until then. */
  function pass(now: number): string[] {
    const lines: string[] = [];
    const over = sumOf(tally);
    if (over > 0 && (counted.size === 0 || now - summarisedAt >= limits.summaryMs)) {
      const more = counted.size > 0 ? `; ${counted.size} in work` : '';
      lines.push(
        `${paint(terminal, 'bold', `${over} more ${over === 1 ? 'incident' : 'incidents'}`)}: ${wordsOf(tally)}${more}`,
      );
      tally = {};
      summarisedAt = now;
    }
    if (untold > 0 && now - taken.at >= limits.windowMs) {
      lines.push(`${paint(terminal, 'red', '!')} ${untold} more lines like these; npm start -- --logs shows all`);
      untold = 0;
    }
    return lines;
  }

  /** The one line that is written anew, while anything is in work; it has no colours and fits. */
  function progress(now: number): string | undefined {
    const working = inWork();
    const number = working.length + counted.size;
    if (number === 0) return undefined;
    turns += 1;
    const longest = working.length > 0 ? `, ${duration(now - Math.min(...working.map(({ since }) => since)))}` : '';
    const ended = Object.keys(totals).length > 0 ? `; so far ${wordsOf(totals)}` : '';
    return cut(`${'|/-\\'[turns % 4]} ${number} in work${longest}${ended}`, terminal.columns - 1);
  }

  return { hear, see, pass, progress };
}

interface Said {
  level?: string;
  message?: string;
  service?: string;
  incident?: string;
  provider?: string;
  detail?: string;
  reason?: string;
  fault?: string;
  source?: string;
}

/** One log line of a function; undefined when it is none. */
function readLine(line: string): Said | undefined {
  let json: unknown;
  try {
    json = JSON.parse(line);
  } catch {
    return undefined;
  }
  if (json === null || typeof json !== 'object' || Array.isArray(json)) return undefined;
  const texts = Object.entries(json).filter(([name, value]) => typeof value === 'string' || name === '_aws');
  return Object.fromEntries(texts) as Said;
}

const inWords = ({ service = '', message = '', source, incident, fault, reason, detail }: Said) =>
  [
    `${service}: ${message}`,
    ...(source ? [`(${source})`] : []),
    ...(incident ? [incident] : []),
    ...[reason ?? detail ?? fault].flatMap((text) => (text ? [`- ${text}`] : [])),
  ].join(' ');

const sumOf = (numbers: Record<string, number>) => Object.values(numbers).reduce((sum, number) => sum + number, 0);
const wordsOf = (numbers: Record<string, number>) =>
  Object.entries(numbers)
    .map(([word, number]) => `${number} ${word}`)
    .join(', ');
