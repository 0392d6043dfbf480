import { createHash, scryptSync } from 'node:crypto';
import * as z from 'zod';
import { Unavailable } from '../../revocation/errors.ts';
import { path, type Request } from '../../revocation/exchange.ts';
import { faultOf } from '../../revocation/inquire.ts';
import { bearer, Secret, sameText } from '../../revocation/secret.ts';
import type { Inquiry } from '../../revocation/source.ts';
import { commit, fileName, ifReadable, isFileName, page, readable, sub, word } from './forms.ts';

/** What of the source's secret leads to a file. */
interface Config {
  /** Host of a repository → a token that may read its files. */
  repositoryTokens: Readonly<Record<string, Secret>>;
}

const match = z
  .object({
    name: ifReadable(word),
    indice_start: z.int().min(0),
    indice_end: z.int(),
    post_line_start: z.int().positive(),
  })
  .refine(({ indice_start: start, indice_end: end }) => end > start && end - start <= 4096, 'must be of some length');
type Match = z.infer<typeof match>;
const occurrence = z.object({
  sha: commit,
  filepath: fileName,
  url: ifReadable(page),
  change_type: ifReadable(word),
  source: z.object({ url: page, type: word, visibility: ifReadable(word) }),
  matches: z.array(z.unknown()).max(1000),
});
type Occurrence = z.infer<typeof occurrence>;
const file = z.object({ encoding: z.literal('base64'), content: z.string().max(2 * 1024 * 1024) });

const occurrencesAtMost = 20;
const matchesAtMost = 5;
const filesAtMost = 5;
const candidatesAtMost = 10_000;
/** One costs some five milliseconds. */
const hashesAtMost = 256;
const fileRemedy = 'give the token in repositoryTokens the right to read the files of the repository, then retry';
/** Why a value is out of reach, from what is farthest from it to what is nearest. */
const reasons = [
  'GitGuardian never gives a value away, and names no file in a repository that holds it',
  'GitGuardian never gives a value away, and there is no token for the host of its repository: add one to repositoryTokens in leakstop/sources/gitguardian',
  'the file that holds it is not there, is too large, or may not be read with the token in repositoryTokens',
  'nothing in the file that holds it has the hash that GitGuardian has of it',
] as const;
type Stage = 0 | 1 | 2 | 3;

/** The value whose hash is the incident's, from the files of its occurrences; or why it is out of reach. @throws as `fetch` does */
export async function provenIn(
  hash: string,
  occurrences: readonly unknown[],
  inquiry: Inquiry<Config>,
): Promise<{ value: Secret; part: Match; place: Occurrence } | { reason: string }> {
  let farthest: Stage = 0;
  const tried = new Set<string>();
  let files = 0;
  let looked = 0;
  let fault: unknown;
  for (const place of readable(occurrences, occurrence, occurrencesAtMost)) {
    const matches = readable(place.matches, match, matchesAtMost);
    // What a commit took away is not in its files.
    if (place.change_type === 'deletion' || matches.length === 0) continue;
    const request = fileRequest(place, inquiry.config);
    farthest = Math.max(farthest, request === undefined ? 1 : 2) as Stage;
    if (request === undefined || files === filesAtMost) continue;
    files += 1;
    // Another place may hold it, and be open to us.
    const content = await contentOf(request, inquiry).catch((error: unknown) => {
      // One that passes says more: it is tried again.
      if (!(fault instanceof Unavailable)) fault = error;
    });
    if (content === undefined) continue;
    farthest = 3;
    for (const { text, part } of candidatesIn(content, matches)) {
      looked += 1;
      if (tried.size === hashesAtMost || looked > candidatesAtMost) break;
      if (tried.has(text)) continue;
      tried.add(text);
      if (sameText(hashOf(text), hash)) return { value: new Secret(text), part, place };
    }
  }
  if (fault !== undefined) throw fault;
  return { reason: reasons[farthest] };
}

/** Asks for a file by its repository's own address, where the configuration has a token for just that host. */
function fileRequest({ source, sha, filepath }: Occurrence, { repositoryTokens }: Config) {
  const { host, pathname } = new URL(source.url);
  const token = Object.hasOwn(repositoryTokens, host) ? repositoryTokens[host] : undefined;
  const name = pathname.replace(/^\/|(\.git)?\/?$/g, '');
  if (token === undefined || !isFileName(name) || !/^[\w./-]{3,512}$/.test(name)) return undefined;
  const rest = { method: 'GET', query: { ref: sha }, headers: { authorization: bearer(token) } } as const;
  if (source.type.startsWith('gitlab'))
    return {
      origin: `https://${host}`,
      request: { ...rest, path: path`/api/v4/projects/${name}/repository/files/${filepath}` },
    };
  const [owner = '', repository = '', ...others] = name.split('/');
  if (!source.type.startsWith('github') || repository === '' || others.length > 0) return undefined;
  const at = path`/repos/${owner}/${repository}/contents/${filepath}`;
  if (host === 'github.com') return { origin: 'https://api.github.com', request: { ...rest, path: at } };
  return { origin: `https://${host}`, request: { ...rest, path: sub(path`/api/v3`, at) } };
}

async function contentOf(
  { origin, request }: { origin: string; request: Request },
  inquiry: Inquiry<Config>,
): Promise<string | undefined> {
  const answer = await inquiry.ask(origin, request);
  if (answer.status === 404) return undefined;
  if (answer.status !== 200)
    throw faultOf(answer, { who: 'gitguardian repository', remedy: fileRemedy, now: inquiry.now });
  const given = file.safeParse(answer.json);
  return given.success ? Buffer.from(given.data.content, 'base64').toString('utf8') : undefined;
}

/**
 * Texts of a match's length in its line: those that stand alone first. A match's indices count in the commit's patch, so of
 * them its length alone helps in a file.
 */
function* candidatesIn(content: string, matches: readonly Match[]): Generator<{ text: string; part: Match }> {
  const lines = content.split('\n');
  for (const standsAlone of [true, false]) {
    for (const at of matches) {
      const size = at.indice_end - at.indice_start;
      const line = lines[at.post_line_start - 1] ?? '';
      for (let start = 0; start + size <= line.length; start += 1) {
        const isPart = isOfWord(line[start - 1]) || isOfWord(line[start + size]);
        if (isPart !== standsAlone) yield { text: line.slice(start, start + size), part: at };
      }
    }
  }
}

const isOfWord = (letter: string | undefined) => letter !== undefined && /[\w-]/.test(letter);

const salt = createHash('sha256').update('GitGuardian').digest();
/** HasMySecretLeaked's hash: https://github.com/GitGuardian/ggshield/blob/main/ggshield/verticals/hmsl/crypto.py */
const hashOf = (value: string) => scryptSync(value, salt, 32, { N: 2048, r: 8, p: 1 }).toString('hex');
