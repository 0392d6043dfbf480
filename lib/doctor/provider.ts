import type { Checkup, Complaint, Question, Task, Told } from '../../functions/revocation/checkup.ts';
import { Refused, Unavailable, Unexpected } from '../../functions/revocation/errors.ts';
import type { Answer, Request, Send } from '../../functions/revocation/exchange.ts';
import { retryAfter } from '../../functions/revocation/inquire.ts';
import { type AnyKind, type AnyProvider, drilledKind } from '../../functions/revocation/provider.ts';
import { type Check, lasting, type Trouble } from './check.ts';

/** One account, with its admin credential and the way there. */
export interface Patient {
  provider: AnyProvider;
  account: string;
  /** Keys are made there for drills. */
  isDrilled?: boolean | undefined;
  admin: unknown;
  send: Send;
  /** Epoch ms. */
  now(): number;
}

/** Longer than any one request may take (ms). */
const patience = 15_000;
/** Owners of keys are looked through for one whose keys can be listed; so many pages of them. */
const ownerPages = 5;

type Verdict = 'granted' | 'missing' | 'unknown';

/** What is known of the credential so far. */
interface Findings {
  isAccepted: boolean;
  rights: Map<string, Verdict>;
  learnt: Record<string, string>;
  endsAt?: string | undefined;
}

/** What ends the examination of an account: nothing after it could be told. */
class Stop extends Error {
  readonly trouble: Trouble;
  constructor(trouble: Trouble) {
    super('nothing more can be told');
    this.trouble = trouble;
  }
}

/** Looks, with requests that change nothing, at what the admin credential of an account can do; tells as it goes. */
export async function* examine(patient: Patient): AsyncGenerator<Check> {
  const { provider, account, now } = patient;
  const nameOf = (what: string) => `${provider.id} ${account}: ${what}`;
  const findings: Findings = { isAccepted: false, rights: new Map(), learnt: {} };
  let isTold = false;
  try {
    for (const question of (provider.checkup as Checkup<unknown> | undefined)?.questions ?? [])
      await put(patient, question, findings);
    if (findings.isAccepted) {
      isTold = true;
      yield { name: nameOf('sign in'), is: 'well' };
    }
    if (findings.endsAt !== undefined) yield lasting(nameOf('lasts'), findings.endsAt, now());
    for (const [id, kind] of Object.entries(provider.kinds)) {
      for await (const [task, result] of tasksOf(patient, id, kind, findings)) {
        if (result === 'granted') findings.isAccepted = true;
        if (findings.isAccepted && !isTold) {
          isTold = true;
          yield { name: nameOf('sign in'), is: 'well' };
        }
        const name = nameOf(task === 'list' ? `list ${id}s` : `${task} ${id}`);
        yield result === 'granted' ? { name, is: 'well' } : { name, ...result };
      }
    }
  } catch (error) {
    if (!(error instanceof Stop)) throw error;
    yield { name: nameOf(isTold ? 'answers' : 'sign in'), ...error.trouble };
  }
}

/** Puts one question and notes what it tells. @throws Stop for a complaint, and where there is no answer */
async function put(patient: Patient, question: Question<unknown>, findings: Findings): Promise<void> {
  const asked = { admin: patient.admin, learnt: findings.learnt };
  const request = requestOf(() => question.request(asked));
  if (request === undefined) return;
  const told: Told = question.read(await answerTo(patient, request), asked) ?? {};
  if (told.credential === 'accepted') findings.isAccepted = true;
  else if (told.credential !== undefined) throw new Stop(troubleOf(told.credential));
  for (const [name, is] of Object.entries(told.rights ?? {}))
    findings.rights.set(name, worse(findings.rights.get(name), is));
  Object.assign(findings.learnt, told.learnt);
  findings.endsAt = told.endsAt ?? findings.endsAt;
}

const worse = (one: Verdict | undefined, other: Verdict): Verdict =>
  (['missing', 'unknown', 'granted'] as const).find((verdict) => verdict === one || verdict === other) ?? other;

/** What can be done with keys of one kind: reading is tried, changing is told by the rights. */
async function* tasksOf(
  patient: Patient,
  id: string,
  kind: AnyKind,
  findings: Findings,
): AsyncGenerator<[Task, 'granted' | Trouble]> {
  const { admin, now } = patient;
  const verdict = (task: Task) => verdictOf(patient, id, task, findings);
  const owner = await ownerOf(patient, kind);
  if (owner === undefined) yield ['list', verdict('list')];
  else if (typeof owner === 'object') yield ['list', refusal(owner, verdict('list'), findings)];
  else {
    const asked = { admin, owner, page: 0 };
    const listed = await reading(
      patient,
      requestOf(() => kind.list.request(asked)),
      (answer) => kind.list.read(answer, asked),
    );
    if ('is' in listed) yield ['list', refusal(listed, verdict('list'), findings)];
    else {
      // A list that is answered and not whole is no list.
      yield ['list', verdictOf(patient, id, 'list', findings, true)];
      const [first] = listed.read.items;
      const described = first === undefined ? undefined : kind.describe(first as never, now());
      const target = described && { admin, keyId: described.keyId, owner: described.owner };
      const request = target && requestOf(() => kind.get?.request(target));
      if (target && request) {
        const one = await reading(patient, request, (answer) => kind.get?.read(answer, target));
        yield ['read one', 'is' in one ? refusal(one, verdict('read one'), findings) : 'granted'];
      }
    }
  }
  yield ['delete', verdict('delete')];
  if (kind.disable) yield ['disable', verdict('disable')];
  if (patient.isDrilled && id === drilledKind(patient.provider)) yield ['make', verdict('make')];
}

/** Whose keys can be listed, where they are listed owner by owner; `''` where they are not; undefined where nobody is known. */
async function ownerOf(patient: Patient, kind: AnyKind): Promise<string | Trouble | undefined> {
  if (!kind.owners) return '';
  const { admin } = patient;
  const [named] = kind.owners.named({ admin, leak: {} }) ?? [];
  const { list } = kind.owners;
  if (named !== undefined || list === undefined) return named;
  for (let page = 0; page < ownerPages; page += 1) {
    const owners = await reading(
      patient,
      requestOf(() => list.request({ admin, page })),
      (answer) => list.read(answer, { admin, page }),
    );
    if ('is' in owners) return owners;
    const first = owners.read.items.find(({ mayHoldKeys }) => mayHoldKeys);
    if (first !== undefined) return first.id;
    if (owners.read.items.length === 0) return undefined;
  }
  return undefined;
}

/** What a request brought, or why it brought nothing. */
async function reading<Result>(
  patient: Patient,
  request: Request | undefined,
  read: (answer: Answer) => Result | undefined,
): Promise<{ read: Result } | Trouble> {
  const { provider, admin, account } = patient;
  if (request === undefined) return cannotTell('there is no request that would tell');
  const answer = await answerTo(patient, request);
  const result = read(answer);
  if (result !== undefined) return { read: result };
  const { status } = answer;
  if (status !== 401 && status !== 403)
    return unexpected(`${provider.id} answered ${status}, which its documentation does not say`);
  const said = provider.explain?.(answer, admin)?.replaceAll('<account>', account);
  return { is: 'wrong', problem: 'refused', detail: `refused (${status})`, ...(said && { remedy: said }) };
}

/** A refusal of a credential that is accepted is about a right: the one that is known to be needed. */
function refusal(trouble: Trouble, verdict: 'granted' | Trouble, { isAccepted }: Findings): Trouble {
  if (trouble.problem !== 'refused') return trouble;
  const about = verdict === 'granted' ? undefined : verdict.remedy;
  const remedy = about ?? trouble.remedy ?? 'see docs/providers.md for the right that it needs';
  const isRight = isAccepted || verdict === 'granted' || verdict.problem === 'right-missing';
  return { ...trouble, problem: isRight ? 'right-missing' : 'refused', remedy };
}

/** What the rights say of a task, or of a task that was done: those alone whose lack would not have shown. */
function verdictOf(
  { provider }: Patient,
  kind: string,
  task: Task,
  { rights }: Findings,
  isDone = false,
): 'granted' | Trouble {
  const needed = (provider.checkup?.rights ?? []).filter(
    ({ tasks, kinds, hides }) => tasks.includes(task) && (kinds?.includes(kind) ?? true) && (!isDone || hides === true),
  );
  if (isDone && needed.length === 0) return 'granted';
  if (needed.length === 0) return cannotTell(`no request that changes nothing tells it at ${provider.id}`);
  const missing = needed.filter(({ name }) => rights.get(name) === 'missing');
  const names = missing.map(({ name }) => name).join(' and ');
  if (missing.length > 0)
    return {
      is: 'wrong',
      problem: 'right-missing',
      detail: `the right is missing: ${names}`,
      remedy: missing.map(({ remedy }) => remedy).join('; '),
    };
  const unknown = needed.filter(({ name }) => rights.get(name) !== 'granted');
  const [first] = unknown;
  if (first === undefined) return 'granted';
  const untold = unknown.map(({ name }) => name).join(' and ');
  const remedy = `look there whether it has ${untold}; if not, ${unknown.map((right) => right.remedy).join('; ')}`;
  return { ...cannotTell(`${first.unknown}: it needs ${untold}`), remedy };
}

/** The answer to a request as the admin. @throws Stop where there is none, or none for now, or one against the credential */
async function answerTo({ provider, admin, send, now }: Patient, request: Request): Promise<Answer> {
  const checkup = provider.checkup as Checkup<unknown> | undefined;
  let answer: Answer;
  try {
    const to = { provider: provider.id, origin: provider.origin(admin), deadline: now() + patience };
    answer = await send(to, { ...request, as: provider.authenticate(admin) });
  } catch (error) {
    if (error instanceof Refused && checkup?.signIn) throw new Stop(troubleOf(checkup.signIn(admin)));
    throw new Stop(troubleOfFault(error));
  }
  const wait = provider.waitHint?.(answer, now()) ?? retryAfter(answer, now());
  if (answer.status === 429 || answer.status >= 500)
    throw new Stop(
      troubleOfFault(
        new Unavailable(`${provider.id} answered ${answer.status}`, { retryAfterMs: wait }),
        answer.status === 429,
      ),
    );
  const complaint = checkup?.complaint?.(answer, admin);
  if (complaint) throw new Stop(troubleOf(complaint));
  return answer;
}

const troubleOf = ({ is, detail, remedy }: Complaint): Trouble => ({ is: 'wrong', problem: is, detail, remedy });
const cannotTell = (detail: string): Trouble => ({ is: 'unknown', problem: 'cannot-tell', detail });
const unexpected = (detail: string): Trouble => ({
  is: 'unknown',
  problem: 'unexpected-answer',
  detail,
  remedy: 'see there what changed, and whether a proxy is in between',
});

/** What a fault means that was thrown on the way. Others than these are ours. */
export function troubleOfFault(
  error: unknown,
  isLimit = error instanceof Error && /\b429\b/.test(error.message),
): Trouble {
  if (error instanceof Refused) return { is: 'wrong', problem: 'refused', detail: error.message, remedy: error.remedy };
  if (error instanceof Unexpected) return unexpected(error.message);
  if (!(error instanceof Unavailable)) throw error;
  const { retryAfterMs, message } = error;
  if (!isLimit)
    return {
      is: 'unknown',
      problem: 'no-answer',
      detail: message,
      remedy: 'see whether it is well, and whether this machine reaches it; then run this again',
    };
  const wait = retryAfterMs === undefined ? 'in a while' : `in ${Math.ceil(retryAfterMs / 1000)} s`;
  return { is: 'unknown', problem: 'rate-limited', detail: message, remedy: `run this again ${wait}` };
}

/** A request whose parts an answer gave: one that cannot stand in a path asks for nothing. */
function requestOf(make: () => Request | undefined): Request | undefined {
  try {
    return make();
  } catch (error) {
    if (error instanceof Unexpected) return undefined;
    throw error;
  }
}
