import { readdirSync, readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';

const root = new URL('../../', import.meta.url);
const text = (file: string) => readFileSync(new URL(file, root), 'utf8');
const page = text('docs/operate.md').replaceAll(/\s+/g, ' ');

/** What an incident's reason may hold, `…` where it varies → the words on the page that explain it. */
const explained: Readonly<Record<string, string>> = {
  'the leak is not kept any more': '`the leak is not kept any more; report it again`',
  'report it again': '`the leak is not kept any more; report it again`',
  '… has no kind …': '`has no kind …`',
  '… refuses the admin credential of account … (…)': '`refuses the admin credential of account …`',
  '… answered …': '`answered 429`, `answered 5xx`',
  '… answered …, which its documentation does not say': '`answered N, which its documentation does not say`',
  '… answered the sign-in with …': '`answered the sign-in with 429` or `5xx`',
  '… answered the sign-in with …, which its documentation does not say':
    '`answered the sign-in with N, which its documentation does not say`',
  '… answered the sign-in with something that is no token': '`answered the sign-in with something that is no token`',
  '… refuses to sign the admin credential in (…)': '`refuses to sign the admin credential in`',
  '… did not answer': '`did not answer`',
  'no time was left to ask …': '`no time was left`',
  "…'s answer is larger than 1 MiB": '`answer is larger than 1 MiB`',
  'too little time was left in this run': '`too little time was left`',
  "…'s list changed while it was read": '`list changed while it was read`',
  "…'s list has more than … pages": "`'s list has more than 500 pages`",
  'an id cannot stand in a path': '`an id cannot stand in a path`',
  '… accepts the leaked key, but does not show it to the admin credential of account …':
    '`accepts the leaked key, but does not show it to the admin credential`',
  '… cannot be searched in account …: …': '`cannot be searched in account …`',
  '… does not let the admin credential of account … … this key':
    '`does not let the admin credential of account … delete this key`, or `disable`',
  '… does not let the admin credential of account … delete this key':
    '`does not let the admin credential of account … delete this key`',
  '… does not let the admin credential of account … restore this key': 'or `restore this key`',
  '… cannot … this kind of key': '`cannot disable this kind of key`',
  '… cannot switch a key on again': '`cannot switch a key on again`',
  'the incident names no key to restore': '`the incident names no key to restore`',
  'account … is not configured any more; configure it, then retry':
    '`account … is not configured any more; configure it, then retry`',
  'the provider does not have the key any more; make a new one':
    '`the provider does not have the key any more; make a new one`',
  'the provider took the request, but still shows the key as switched off':
    '`the provider took the request, but still shows the key as switched off`',
  'accepted by the provider but still alive': '`accepted by the provider but still alive; looked at again at …`',
  '… a day later; ask the provider to end it, then retry':
    '`accepted by the provider but still alive a day later; ask the provider to end it, then retry`',
  'the provider shows the key as gone, and it is not seen dead':
    '`the provider shows the key as gone, and it is not seen dead`',
  'only the credential that we act with ends like it, and that has another value':
    '`only the credential that we act with ends like it, and that has another value`',
  'the key that the alert names is switched off, and others fit its value as well':
    '`the key that the alert names is switched off, and others fit its value as well`',
  'accepted by the provider but not yet seen dead': '`accepted by the provider but not yet seen dead`',
  '…; see what changed, then retry': 'see at the provider what changed',
  '…; trying again at …': 'with `trying again at …`, what it waits for',
  '…; tried for a day, retry when it is over': '`tried for a day, retry when it is over`',
  'secret … does not exist': '`secret leakstop/… does not exist`',
  'secret … is not JSON': '`is not JSON`',
  'secret …: …': 'or a field with what is wrong',
  'Secrets Manager did not give an answer': '`Secrets Manager did not give an answer`',
  'the ledger gave no answer': '`the ledger gave no answer`',
  'the fuse is contested': '`the fuse is contested`',
  'incident … is contested': '`incident … is contested`',
  'the queue did not take every message': '`the queue did not take every message`',
  'the queue did not give an answer': '`the queue did not give an answer`',
  'none of the accounts asked has it: …': '`none of the accounts asked has it: …`',
  'dry run: nothing is sent': '`dry run: nothing is sent`',
  'a person said no': '`a person said no`',
  '… keys fit: …': '`N keys fit: account/key, …`',
  'the alert names one key by an identifier and another by its value':
    '`the alert names one key by an identifier and another by its value`',
  'it is the very credential we act with; replace it by hand':
    '`it is the very credential we act with; replace it by hand`',
  'a drill may end the key that it has made, and this is another':
    '`a drill may end the key that it has made, and this is another`',
  'the key of the drill is not shown yet': '`the key of the drill is not shown yet`',
  'policy protects this key: …': '`policy protects this key: …`',
  'the provider marks this key as meant to be public': '`the provider marks this key as meant to be public`',
  'policy asks a person before it acts at this provider': '`policy asks a person before it acts at this provider`',
  '… named the key without its value; a person must confirm it':
    '`<source> named the key without its value; a person must confirm it`',
  'somebody wrote it in …; a person must confirm it': '`somebody wrote it in <source>; a person must confirm it`',
  'exactly one key fits, but only on a hint; a person must confirm it':
    '`exactly one key fits, but only on a hint; a person must confirm it`',
  'the fuse has blown: … automatic revocations in … minutes':
    '`the fuse has blown: N automatic revocations in M minutes`',
  'nobody answered in time; approve or reject it': '`nobody answered in time; approve or reject it`',
  'the alert names an account that is not configured': '`the alert names an account that is not configured`',
  'holds spaces, line ends or other characters that no key here has':
    '`secret holds spaces, line ends or other characters that no key here has`',
  'cannot be told from the secret; name one of …': '`provider cannot be told from the secret; name one of …`',
  'is not one of …': '`provider is not one of …`',
  'does not go with the secret, whose form is one of …':
    '`provider does not go with the secret, whose form is one of …`',
  'names no key; … … knows …': '`identifiers names no key; … knows …`',
  'provider … is not configured here': '`provider … is not configured here`',
  'look for': '`… ; open …` or `… ; look for …`',
  'the source has no way to fetch what the alert names': '`the source has no way to fetch what the alert names`',
  'the alert is not at the address that leakstop/sources/… names':
    '`the alert is not at the address that leakstop/sources/<source> names`',
  'what was fetched for the alert holds no value': '`what was fetched for the alert holds no value`',
  'the alert is fetched: see …': '`the alert is fetched: see …`',
  'the alert is over: …': '`the alert is over: …`',
  "the alert's reference cannot be fetched: …": "`the alert's reference cannot be fetched: …`",
  '…; tried for a day': '… `; tried for a day`',
  '… refuses our token (…)': '`refuses our token (401)` or `(403)`',
  '… answered … with something else than its documentation says':
    '`answered N with something else than its documentation says`',
  'github answered …': '`answered 429`, `answered 5xx`',
  'github refuses the App a token (422)': '`github refuses the App a token (422)`',
  'github has no such alert': '`github has no such alert`',
  'github does not let the App in': '`github does not let the App in`',
  'github does not show the alert': '`github does not show the alert`',
  'the link is not of an alert at the GitHub that leakstop/sources/github names (apiUrl)':
    '`the link is not of an alert at the GitHub that leakstop/sources/github names (apiUrl)`',
  'the GitHub App is not installed on the repository (install it there), or the repository has moved':
    '`the GitHub App is not installed on the repository (install it there), or the repository has moved`',
  'GitHub does not show us the alert: the repository has moved, secret scanning is off there, or a right is missing: …':
    '`GitHub does not show us the alert: …`',
  'GitHub shows no value for this alert': '`GitHub shows no value for this alert`',
  'it is not at the GitLab that "url" in leakstop/sources/gitlab names':
    '`it is not at the GitLab that "url" in leakstop/sources/gitlab names`',
  'leakstop/sources/gitlab has no "token" to fetch it with':
    '`leakstop/sources/gitlab has no "token" to fetch it with`',
  'gitlab shows our token no such vulnerability (404); …': '`gitlab shows our token no such vulnerability (404); …`',
  'gitlab does not show the text that was matched': '`gitlab does not show the text that was matched`',
  'gitlab has no such page': '`gitlab has no such page`',
  'close the alert by hand': '`close the alert by hand`',
  'gitlab shows our token no such vulnerability': '`gitlab shows our token no such vulnerability`',
  'gitlab lets our token neither resolve the vulnerability nor comment on it':
    '`gitlab lets our token neither resolve the vulnerability nor comment on it`',
  'gitlab answers nobody without a token': '`gitlab answers nobody without a token`',
  'gitlab answered 200 with errors': '`gitlab answered 200 with errors`',
  'its address at GitGuardian names no incident': '`its address at GitGuardian names no incident`',
  'GitGuardian shows no such incident to our token: …': '`GitGuardian shows no such incident to our token: …`',
  'GitGuardian gives no hash of it, which would prove a value':
    '`GitGuardian gives no hash of it, which would prove a value`',
  'GitGuardian never gives a value away, and names no file in a repository that holds it':
    '`GitGuardian never gives a value away, and names no file in a repository that holds it`',
  'GitGuardian never gives a value away, and there is no token for the host of its repository: add one to repositoryTokens in leakstop/sources/gitguardian':
    '`GitGuardian never gives a value away, and there is no token for the host of its repository: …`',
  'the file that holds it is not there, is too large, or may not be read with the token in repositoryTokens':
    '`the file that holds it is not there, is too large, or may not be read with the token in repositoryTokens`',
  'nothing in the file that holds it has the hash that GitGuardian has of it':
    '`nothing in the file that holds it has the hash that GitGuardian has of it`',
  'gitguardian does not know the incident that is to be closed':
    '`gitguardian does not know the incident that is to be closed`',
  'gitguardian answered with another incident': '`gitguardian answered with another incident`',
  'slack answered 200 with something else than its documentation says':
    '`slack answered 200 with something else than its documentation says`',
  'slack took a message and did not name it…': '`slack took a message and did not name it`',
  'the event bus did not take an event': '`the event bus did not take an event`',
  'the event bus refuses our events; …': '`the event bus refuses our events; …`',
  'the topic did not take a message': '`the topic did not take a message`',
  'the topic refuses our messages; …': '`the topic refuses our messages; …`',
  'AWS says … of access key … of account …; …': '`AWS says … of access key … of account …; …`',
  'AWS says … of account … and names no key; …': '`AWS says … of account … and names no key; …`',
};

/** Said in the timeline, at `sent`; or in a log alone, since no incident can be written. */
const noReasons = [
  'a person approved it',
  'nobody answered in time, and policy then goes on',
  'whether it was done was in doubt, and the provider still has the key',
  // Said by who verifies the audit.
  'it does not follow from the entry before it: that one was edited, or one is missing',
  'the end is not as it was written: the last entry was edited or removed',
  'environment of …: …: …',
  // Of a function without a role; who asked AWS says that there was no answer.
  'environment: AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY must be set',
  'is not JSON',
  '… cannot be drilled',
  // Said in a log of an entry that is skipped, or of an alert that is over.
  'the finding holds no value',
  // Answered to the sender.
  'holds more than … entries; send less at a time',
  'it holds no token',
  'it holds no token that can be read',
  'it names neither a detector nor a source',
  'it gives no address of a vulnerability',
  'the alert is closed at GitHub',
  'it is resolved or dismissed in GitLab',
  'it is not about a secret',
  'it is resolved or ignored at GitGuardian',
  // Said in a log of a sweep.
  'github does not say what a token is for',
  // Said in a log of who answers a click.
  'the address to answer at is none of Slack',
  // Said to the sender by a 503.
  'the list of public keys could not be read a moment ago',
  'the service of public keys answered … without a list',
];

const sources = [
  ...['functions/revocation', 'functions/platform', 'functions/sources'].flatMap((folder) =>
    readdirSync(new URL(folder, root), { recursive: true, encoding: 'utf8' })
      .filter((file) => file.endsWith('.ts'))
      .map((file) => `${folder}/${file}`),
  ),
  'functions/requests/incidents.ts',
];

/** Where reasons are given: what is thrown with one, what rests with one, and what is called one. */
const places = [
  /\b(?:new (?:Refused|Unexpected|Unavailable|Misconfigured)|throw notYet)\(/g,
  /\brest\(\s*run,/g,
  /\b(?:outOfReach|giveUp|exposure)\(|\b(?:park|conclude)\(referral, services,/g,
  /\bconst (?:unknownLink|notInstalled|notShown|noValue)\b[^=;]*=/g,
  /\bconst reasons = (?=\[)/g,
  /\b(?:const (?:message|untold|reason|problem)\b[^=;]*=|(?:reason|problem|message):)/g,
];

const withoutComments = (code: string) => code.replaceAll(/\/\*[\s\S]*?\*\/|^\s*\/\/.*$/gm, '');

/** The texts of the code from `at` to the end of the expression that begins there; `…` for what is filled in. */
function textsFrom(code: string, at: number): string[] {
  const texts: string[] = [];
  let depth = 0;
  for (let index = at; index < code.length; index += 1) {
    const sign = code[index] ?? '';
    if ('([{'.includes(sign)) depth += 1;
    else if (')]}'.includes(sign)) {
      if (depth === 0) return texts;
      depth -= 1;
    } else if (depth === 0 && (sign === ';' || (sign === ',' && /\w:\s*$/.test(code.slice(0, at))))) return texts;
    else if ('\'"`'.includes(sign)) {
      const { text, inner, end } = textAt(code, index);
      texts.push(text, ...inner);
      index = end;
    }
  }
  return texts;
}

function textAt(code: string, start: number): { text: string; inner: string[]; end: number } {
  const quote = code[start];
  let text = '';
  const inner: string[] = [];
  for (let index = start + 1; index < code.length; index += 1) {
    if (code[index] === quote) return { text, inner, end: index };
    if (quote !== '`' || !code.startsWith('${', index)) {
      text += code[index];
      continue;
    }
    inner.push(...textsFrom(code, index + 2));
    text += '…';
    for (let depth = 0; ; index += 1) {
      if (code[index] === '{') depth += 1;
      if (code[index] === '}') depth -= 1;
      if (depth === 0 && code[index] === '}') break;
    }
  }
  throw new Error('a text does not end');
}

/** Sentences only: an outcome, a field's name or a comma between two ids is no reason. */
const isSentence = (words: string) => /\s/.test(words) && /[a-z]{3}/.test(words);

const given = new Map<string, string>();
for (const file of sources) {
  const code = withoutComments(text(file));
  for (const place of places) {
    for (const { index, 0: found } of code.matchAll(place)) {
      for (const words of textsFrom(code, index + found.length).filter(isSentence)) given.set(words, file);
    }
  }
}

describe('the page for operators', () => {
  test('explains every reason that an incident can have', () => {
    const unexplained = [...given].filter(([words]) => !Object.hasOwn(explained, words) && !noReasons.includes(words));
    expect(unexplained).toEqual([]);
  });

  test.each(Object.entries(explained))('explains "%s"', (_, words) => {
    expect(page).toContain(words);
  });

  test('explains none that the code does not give', () => {
    expect(Object.keys(explained).filter((words) => !given.has(words))).toEqual([]);
  });

  const written = text('docs/operate.md');
  const headings = [...written.matchAll(/^##+ (.+)$/gm)].map(([, title = '']) => title);
  const fragmentOf = (title: string) =>
    title
      .toLowerCase()
      .replaceAll(/[^\w -]/g, '')
      .replaceAll(' ', '-');

  test('names every section at its head, under what somebody looks for', () => {
    const [head = ''] = written.split('\n## ');
    const sections = [...written.matchAll(/^## (.+)$/gm)].map(([, title = '']) => `[${title}](#${fragmentOf(title)})`);
    expect(sections.filter((link) => !head.includes(link))).toEqual([]);
  });

  test('has every section that it refers to', () => {
    const links = [...written.matchAll(/\]\(#([^)]+)\)/g)].map(([, fragment = '']) => fragment);
    expect(links.filter((fragment) => !headings.map(fragmentOf).includes(fragment))).toEqual([]);
  });
});
