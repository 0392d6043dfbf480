import type { Leak } from '../revocation/leak.ts';
import type { Providers } from '../revocation/provider.ts';
import { route } from '../revocation/routing.ts';
import { Secret } from '../revocation/secret.ts';

/** What is looked at of one message: a message is a hint, and a stranger may write as many as they like. */
const partsAtMost = 2_000;
const depthAtMost = 20;
const charactersAtMost = 100_000;
const linksAtMost = 100;
const valuesAtMost = 20;

/** What a message names without anybody having to believe it. */
export interface Hints {
  /** Addresses that stand in it, each in the forms that may be an alert's page. */
  links: string[][];
  /** Credentials whose form alone proves what they are. */
  leaks: Leak[];
  /** It holds more than is looked at. */
  more: boolean;
}

/** What stands in a message's text, blocks and attachments. */
export function hintsIn(message: unknown, providers: Providers): Hints {
  const { texts, more } = textsIn(message);
  const links = new Map<string, string[]>();
  const values = new Map<string, Leak>();
  for (const text of texts) {
    for (const link of linksIn(text)) links.set(String(link[0]), link);
    for (const [value, leak] of leaksIn(text, providers)) values.set(value, leak);
  }
  return {
    links: [...links.values()].slice(0, linksAtMost),
    leaks: [...values.values()].slice(0, valuesAtMost),
    more: more || links.size > linksAtMost || values.size > valuesAtMost,
  };
}

/** Whether a text holds a credential whose form alone proves what it is. */
export const holdsKey = (text: string, providers: Providers): boolean => leaksIn(text, providers).length > 0;

/** Every text in a value, in its order and however deep it stands, within bounds. */
function textsIn(message: unknown): { texts: string[]; more: boolean } {
  const texts: string[] = [];
  const open: { value: unknown; depth: number }[] = [{ value: message, depth: 0 }];
  let [parts, characters, more] = [0, 0, false];
  for (let next = open.shift(); next !== undefined; next = open.shift()) {
    const { value, depth } = next;
    parts += 1;
    if (parts > partsAtMost || characters > charactersAtMost) return { texts, more: true };
    if (typeof value === 'string') {
      texts.push(value.slice(0, charactersAtMost - characters));
      characters += value.length;
    } else if (value !== null && typeof value === 'object' && depth < depthAtMost) {
      const inner = Object.values(value).slice(0, partsAtMost);
      open.unshift(...inner.map((part: unknown) => ({ value: part, depth: depth + 1 })));
    } else more ||= value !== null && typeof value === 'object';
  }
  return { texts, more: more || characters > charactersAtMost };
}

/** Slack writes `<url|words>`, and `&`, `<` and `>` as entities: https://docs.slack.dev/messaging/formatting-message-text */
function linksIn(text: string): string[][] {
  const found = text.match(/https:\/\/[^\s<>|"'`\\^{}]{1,2048}/g) ?? [];
  return found.map((raw) => {
    const link = raw.replaceAll('&lt;', '<').replaceAll('&gt;', '>').replaceAll('&amp;', '&');
    const bare = link.replace(/[?#].*$/s, '').replace(/[.,;:!?)\]*_~/]+$/, '');
    return [...new Set([bare, link])];
  });
}

/** Every word that may be a value, as it stands and without the marks that people put around a word. */
function leaksIn(text: string, providers: Providers): [string, Leak][] {
  const words = text.match(/[A-Za-z0-9_~-]{16,512}/g) ?? [];
  const bare = words.map((word) => word.replace(/^([_~-]{1,4})(.+)\1$/, '$2').replace(/~+$/, ''));
  return [...new Set([...words, ...bare])].flatMap((word): [string, Leak][] => {
    const routed = route({ secret: new Secret(word) }, providers);
    return routed.is === 'routed' ? [[word, routed.leak]] : [];
  });
}
