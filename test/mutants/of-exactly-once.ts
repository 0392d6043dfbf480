import { inFile, type Mutant } from './mutant.ts';

const faults = ['test/faults/faults.test.ts'];

const ledger = inFile('functions/platform/ledger.ts', ['test/functions/platform/ledger.test.ts', ...faults]);
const rules = inFile('functions/revocation/ledger.ts', [
  'test/functions/revocation/ledger-standing.test.ts',
  ...faults,
]);
const revoke = inFile('functions/revocation/revoke.ts', faults);
const look = ['test/functions/revocation/look.test.ts', ...faults];
const judge = inFile('functions/revocation/judge.ts', look);
const prove = inFile('functions/revocation/prove.ts', look);
const ask = inFile('functions/revocation/ask.ts', look);
const http = inFile('functions/platform/http.ts', faults);
const keepWatch = inFile('functions/revocation/keep-watch.ts', faults);
const tell = inFile('functions/revocation/tell.ts', faults);
const run = inFile('functions/revocation/run.ts', faults);
const approval = inFile('functions/revocation/approval.ts', faults);
const record = inFile('functions/platform/ledger-record.ts', faults);

/** Faults in what makes a key die exactly once, and in what tells the truth about it, that the fault matrix must see. */
export const ofExactlyOnce: readonly Mutant[] = [
  ledger(
    'a run that lost its lease may write',
    "const only = { fence: record.fence, revision: record.revision, 'lease.message': record.lease.message };",
    "const only = { 'lease.message': record.lease.message };",
  ),
  ledger('a list goes on showing an incident where it was', '...anew(indexKeys(record), indexKeys(next)),', ''),
  ledger('an incident is due where it was due before', '        ...dueKeys(next, now()),\n', ''),
  ledger(
    'what a write takes away stays',
    'filter(([name, value]) => was[name as keyof Values] !== value)',
    'filter(([name, value]) => value != null && was[name as keyof Values] !== value)',
  ),
  ledger(
    'another write at the same revision is taken for ours',
    '  Object.keys(change).every((name) =>',
    '  Object.keys({}).every((name) =>',
  ),
  ledger(
    'the claim of another incident to the key is not honoured',
    'return owner?.id ?? record.id;',
    'return owner === undefined ? record.id : record.id;',
  ),
  ledger(
    'who amends does not look whether it changed meanwhile',
    'const only = { fence, revision: record.revision, sightingCount, state: record.state };',
    'const only = fence + sightingCount < 0 ? { fence, sightingCount } : { state: record.state };',
  ),
  rules(
    'a lease is not waited for',
    "return lease.until > now && !(lease.scheduled && isOrder) ? 'held' : 'claimed';",
    "return lease.until > now && isOrder ? 'held' : 'claimed';",
  ),
  rules('an order that comes too late is carried out', 'if (isOverruled(record, report)) return false;', ''),
  revoke(
    'nothing is written before the deletion is sent',
    "await save(run, { ...named, state: 'sent', action, reason: null, inDoubt: true, counted: true });",
    '',
  ),
  revoke(
    'nobody keeps that a request may have been carried out',
    "state: 'sent', action, reason: null, inDoubt: true, counted: true",
    "state: 'sent', action, reason: null, inDoubt: false, counted: true",
  ),
  judge(
    'what is in doubt is settled by hope for the matrix',
    'if (found === undefined || (action ===',
    'if (found !== null || (action ===',
  ),
  judge(
    'what was sent is sent again though policy protects it by now',
    '(!isRevived && !isProtected(services.policy, report, found.key.keyId))',
    '!isRevived',
  ),
  judge(
    'a key that lives again is ended whatever policy says',
    'const isRevived = record.proof !== null;',
    'const isRevived = record === null;',
  ),
  prove(
    'a key that was seen alive is dead when it is absent',
    "if (result === 'alive' && proof.method === 'leaked-key-refused') mayFallSilent = false;",
    '',
  ),
  prove(
    'a key that an earlier run saw alive is dead when it is absent',
    "let mayFallSilent = target.seenAliveBy !== 'leaked-key-refused';",
    'let mayFallSilent = Boolean(target);',
  ),
  prove(
    'a provider that names a wait is asked on whether the key is dead',
    'if (retryAfterMs !== undefined) return { proof, timeline, retryAfterMs };',
    '',
  ),
  ask(
    'a proof that cannot be had for a moment is done without',
    'if (result === undefined && isBadMoment(answer))',
    'if (result === null)',
  ),
  revoke(
    'no watch is kept after a death',
    'timeToDeadMs, watch: watchFrom(at), sealed }',
    'timeToDeadMs, watch: null, sealed }',
  ),
  revoke(
    'a key that lives on is not looked at again',
    'await save(run, { reason: again, watch, lease: released(run),',
    'await save(run, { reason: again, watch: null, lease: released(run),',
  ),
  prove(
    'a deletion is believed without a proof',
    "if (result === 'dead') {\n      proof.dead",
    "if (result !== 'unknown') {\n      proof.dead",
  ),
  ask(
    'the wait that the provider named is not waited',
    'retryAfterMs: waitHint(provider, answer, now()),',
    'retryAfterMs: undefined,',
  ),
  http(
    'a run asks the vendor after its deadline',
    'const wait = Math.min(patience, deadline - now());',
    'const wait = deadline > 0 ? patience : 0;',
  ),
  run(
    'the value is forgotten when a later report names the key by its id',
    'leak.secret !== undefined || !record.valueMatched',
    'leak !== null || !record.valueMatched',
  ),
  keepWatch('who keeps watch forgets the untold', 'due.filter(({ telling }) => telling)', 'due.filter(() => false)'),
  keepWatch(
    'who keeps watch forgets what is stuck',
    'const lookedAt = due.filter((one) => needsLook(one, now()));',
    'const lookedAt = due.filter((one) => isResting(one) && needsLook(one, now()));',
  ),
  tell('what was told is not remembered', 'const told = [...record.told,', 'const told = [...[],'),
  run(
    'nobody is sent for when an incident rests, now or later',
    'telling: services.announce !== undefined }',
    'telling: false }',
  ),
  approval(
    'nobody is told that a person is asked',
    'telling: services.announce !== undefined, approved: null }',
    'telling: false, approved: null }',
  ),
  record('a sighting is counted twice', '...(isNews(record, report) && sighted(', '...(report.leak && sighted('),
  rules(
    'the value that a dead run had in hand does not count when it comes again',
    'if (record.outcome === null && settles) return true;',
    '',
  ),
  revoke(
    'a key that lives for ever is asked about every minute',
    'services.now() < watchFrom(watch.since).at',
    'services.now() < watch.at',
  ),
];
