import { inFile, type Mutant } from './mutant.ts';

const conformance = ['test/functions/providers/datadog.test.ts'];
const engine = ['test/functions/revocation/respond.test.ts', ...conformance];

const find = inFile('functions/revocation/find.ts', engine);
const ofLists = ['test/functions/revocation/listing.test.ts', ...engine];
const listing = inFile('functions/revocation/listing.ts', ofLists);
const search = inFile('functions/revocation/find.ts', ofLists);
const everywhere = inFile('functions/revocation/find-everywhere.ts', engine);
const respond = inFile('functions/revocation/respond.ts', engine);
const judge = inFile('functions/revocation/judge.ts', engine);
const revoke = inFile('functions/revocation/revoke.ts', engine);
const prove = inFile('functions/revocation/prove.ts', engine);
const ask = inFile('functions/revocation/ask.ts', engine);
const faults = inFile('functions/revocation/faults.ts', engine);
const policy = inFile('functions/revocation/policy.ts', ['test/functions/revocation/policy.test.ts', ...engine]);
const restore = inFile('functions/revocation/restore.ts', ['test/functions/revocation/restore.test.ts']);
const credentials = inFile('functions/platform/credentials.ts', ['test/functions/platform/credentials.test.ts']);
const http = inFile('functions/platform/http.ts', ['test/functions/platform/http.test.ts', ...conformance]);

/** Faults in the engine that the tests must see. */
export const ofTheEngine: readonly Mutant[] = [
  find('a hint becomes a certainty', "valueMatched: leak.secret !== undefined && fit === 'same'", 'valueMatched: true'),
  find(
    'a key named by id is believed whatever its value',
    "if (fit === 'different') return 'conflict';",
    "if (fit === 'different') return 'named';",
  ),
  find(
    'a hint is not confirmed',
    "if (candidate.fit !== 'hint' || !access.kind.get) return [candidate];",
    'return [candidate];',
  ),
  listing('a list that changed is taken for the whole', 'if (seen.size !== (total ?? read)) throw changed(id);', ''),
  listing('only the first page is read', 'take(begin);', 'take(begin);\n  if (begin.length > 0) return begin;'),
  listing(
    'a page that belongs to another state of the list is taken for one of this',
    'if (answer !== undefined && answer.total !== total) throw changed(access.provider.id);',
    '',
  ),
  listing(
    'the last of the pages that are read side by side is left out',
    '{ from: 1, to: pages, total }',
    '{ from: 1, to: pages - 1, total }',
  ),
  listing('what fails does not end the reading of the others', 'isOver = true;', ''),
  listing(
    'a page that failed is taken for an empty one',
    "if (failed?.status === 'rejected') throw failed.reason;",
    '',
  ),
  listing('any number of pages is asked for at a time', 'const inFlightAtMost = 10;', 'const inFlightAtMost = 100;'),
  listing('each run reads as if it were the only one', 'gates.set(send, gate);', ''),
  listing(
    'who waits for its turn is never called',
    'if (following) following();\n      else inside',
    'if (!following) inside',
  ),
  listing('a search ends with the first page that has the mark', 'if (page.last > mark) break;', 'if (true) break;'),
  listing(
    'a search overlooks the page that ends with the mark',
    'if (page.last < mark) low',
    'if (page.last <= mark) low',
  ),
  listing(
    'a page that was read before a search stands for one that is read after it',
    'return { items: isSame ? items : [] };',
    'return { items: isSame ? items : [], first };',
  ),
  search(
    'a search that finds nothing is believed',
    'if (whole.length > 0) return whole;',
    'if (access.kind.sorted !== undefined && begun !== undefined) return whole;',
  ),
  search(
    'a hint that a search finds is taken for the only one',
    "return { whole: confirmed.filter(({ fit }) => fit === 'same'), begun };",
    'return { whole: confirmed, begun };',
  ),
  everywhere(
    'an outage of one account is "not found"',
    'if (faults.length > 0 && found.every(isHint)) {',
    'if (false) {',
  ),
  everywhere(
    'only the first account is asked',
    'const waiting = [...accounts];',
    'const waiting = accounts.slice(0, 1);',
  ),
  everywhere('the admin’s own key is not recognised', 'return account;\n  }', '{}\n  }'),
  judge('the first of two keys is taken', 'if (others.length > 0) {', 'if (others.length > 9) {'),
  judge('a conflict is acted on', "match.fit === 'conflict'", "match.fit === ('never' as never)"),
  respond(
    'a leak with a value joins the story of the id it names',
    'leak.secret !== undefined || run.record.keyId !== null',
    'run.record.keyId !== null',
  ),
  respond(
    'an order is dropped while another run is at work',
    'if (report.order === undefined && !isNew && !report.noted) return;',
    'return;',
  ),
  judge(
    'policy is not asked',
    'const decision = await withFuse(run, decide(services.policy, services.action, report, match, approved));',
    "const decision = { do: 'act', action: 'delete', automatic: true, reason: '' } as ReturnType<typeof decide>;",
  ),
  revoke(
    'a lost answer is taken for success',
    "const ours = result === 'done' || earlierDoubt;",
    "const ours = result === 'done';",
  ),
  revoke('a key is closed without proof', 'if (proof.dead && last !== undefined) {', 'if (last !== undefined) {'),
  judge('doubt is settled by hope', 'if (found === undefined || (action ===', 'if (found !== null || (action ==='),
  revoke('a rate limit leaves doubt behind', 'if (untouched) await save', 'if (false) await save'),
  revoke(
    'a value that is not this key’s proves its death',
    'services.policy.useLeakedKey && valueMatched',
    'services.policy.useLeakedKey',
  ),
  revoke('the leaked key is presented against policy', 'services.policy.useLeakedKey && valueMatched', 'valueMatched'),
  prove(
    'an answer that says nothing is death',
    "result: result ?? 'unknown', isMute",
    "result: result ?? 'dead', isMute",
  ),
  prove('death is not polled for', 'const pauses = [0, 250,', 'const pauses = [0]; [250,'),
  ask(
    'an unwritten answer is a bad moment, never a changed contract',
    'status === 429 || status >= 500',
    'status !== 0',
  ),
  ask('the wait that the provider names is ignored', 'provider.waitHint?.(answer, now) ?? ', ''),
  ask(
    'a dry run shows the credential',
    'headerNames(provider.authenticate(admin)).map((name) => `${name}: [secret]`)',
    'headerNames(provider.authenticate(admin)).map((name) => `${name}: ${(Object.values(Object(provider.authenticate(admin)).headers)[0] as { expose(): string }).expose()}`)',
  ),
  faults('a wait of years is believed', '&& hint <= longestHint', ''),
  faults('a report is tried for ever', 'if (services.now() > end)', 'if (false)'),
  policy('a hint is enough to delete', "if (onHint && (action === 'delete' || found.hasRivals)) {", 'if (false) {'),
  policy('an id alone is enough for anybody', 'if (!withValue && !report.mayNameKeys) {', 'if (false) {'),
  policy(
    'what is meant to be public is deleted',
    'if (found.key.meantToBePublic && !namedWithAction) {',
    'if (false) {',
  ),
  policy('policy protects nothing', 'if (shield) return', 'if (false) return'),
  restore('a key is called restored without a look', 'if (!isOn) throw', 'if (false) throw'),
  http('redirects are followed', "redirect: 'manual'", "redirect: 'follow'"),
  http('an address may leave its origin', 'url.origin !== base.origin || encoded !== path.toLowerCase()', 'false'),
  credentials(
    'requests are signed without the session that the role has',
    '...(AWS_SESSION_TOKEN && { sessionToken: AWS_SESSION_TOKEN }),',
    '',
  ),
];
