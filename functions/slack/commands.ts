import * as z from 'zod';
import { approve, reject } from '../revocation/decisions.ts';
import { incidentIdForm } from '../revocation/fingerprint.ts';
import type { IncidentRecord, State } from '../revocation/incident.ts';
import { holdsKey } from './hints.ts';
import { isApprover, type Member, personOf, teamId, userId } from './people.ts';
import type { SlackServices } from './services.ts';
import { forYou, lastDecision, lineOf, noSuchIncident, subjectOf, summaryOf, unlessUnavailable } from './words.ts';

/** https://docs.slack.dev/interactivity/implementing-slash-commands */
const command = z.object({
  command: z.string(),
  user_id: userId,
  team_id: teamId.optional().catch(undefined),
  text: z.string().max(8_000).default(''),
});

const help = [
  '`/leakstop status`: what waits, what is parked, what is moving',
  '`/leakstop show ID`: one incident',
  '`/leakstop approve ID [reason]`, `/leakstop reject ID [reason]`: for approvers',
  'ID is the id of an incident, `inc_` and 26 letters and digits. Never type a key here: Slack keeps what you type.',
].join('\n');
const keyAsReason =
  'The reason holds a key. Nothing was decided. That key is in Slack’s logs now: report it as leaked.';
const noId =
  'That is not the id of an incident, which is `inc_` and 26 letters and digits. If it was a key, it is in Slack’s logs now: report it as leaked.';

/** Counted no further than this: whoever wants more has the list of incidents. */
const countedAtMost = 25;
const listedAtMost = 5;
const moving: readonly State[] = ['received', 'claimed', 'sent', 'unknown'];

/** Answers a slash command; undefined when it is none. */
export async function answerCommand(fields: unknown, services: SlackServices): Promise<object | undefined> {
  const given = command.safeParse(fields).data;
  return given && forYou(await unlessUnavailable(() => wordsFor(given, services), services));
}

async function wordsFor(given: z.infer<typeof command>, services: SlackServices): Promise<string> {
  const [verb = 'help', id = '', ...rest] = given.text.trim().split(/\s+/);
  if (verb === 'status') return statusOf(services);
  if (verb !== 'show' && verb !== 'approve' && verb !== 'reject') return help;
  if (!incidentIdForm.test(id)) return noId;
  const record = await services.ledger.read(id);
  if (verb === 'show') return record === undefined ? noSuchIncident : summaryOf(record);
  const whole = rest.join(' ');
  if (holdsKey(whole, services.intake.providers)) return keyAsReason;
  const reason = withoutValues(whole).slice(0, 300) || undefined;
  return settle(verb, record, { user: given.user_id, team: given.team_id }, { reason }, services);
}

/** Decides for somebody, if they may; in words what came of it. Two people, or one twice: one result. */
export async function settle(
  verb: 'approve' | 'reject',
  record: IncidentRecord | undefined,
  member: Member,
  { reason, nonce }: { reason?: string | undefined; nonce?: string | undefined },
  { decisions, policy, info }: SlackServices,
): Promise<string> {
  if (!isApprover(member, policy.approval.approvers)) {
    info('refused to decide', { user: member.user, team: member.team ?? '', incident: record?.id ?? '', verb });
    return 'Only approvers can decide that, and you are none here. The configuration names them: policy.approval.approvers.';
  }
  if (record === undefined) return noSuchIncident;
  const decide = verb === 'approve' ? approve : reject;
  const decided = await decide(record, { by: personOf(member), reason, nonce }, decisions);
  info('decided', { user: member.user, incident: record.id, verb, is: decided.is });
  if (decided.is === 'conflict') {
    const { state } = decided.record;
    return `The incident is ${state}: ${decided.why}.${lastDecision(decided.record)}`;
  }
  const what = verb === 'approve' ? 'Approved; it is being revoked' : 'Rejected; nothing is done to it';
  return `${what}: ${subjectOf(decided.record)} (${record.id}).`;
}

/** A word that may be a key is left out of what is kept for good; ids of incidents are not. Half a word would look like none. */
const withoutValues = (reason: string) =>
  reason.replaceAll(/[A-Za-z0-9_+=~-]{16,}/g, (word) =>
    /\d/.test(word) && /[A-Za-z]/.test(word) && !incidentIdForm.test(word) ? '[left out]' : word,
  );

async function statusOf({ ledger, policy }: SlackServices): Promise<string> {
  const list = (state: State) => ledger.list({ state, limit: countedAtMost });
  const [blown, waiting, parked, ...others] = await Promise.all([
    ledger.fuseBlown(),
    list('awaiting-approval'),
    list('parked'),
    ...moving.map(list),
  ]);
  const count = (lists: Awaited<ReturnType<typeof list>>[]) => {
    const total = lists.reduce((sum, { records }) => sum + records.length, 0);
    return lists.some(({ cursor }) => cursor !== undefined) ? `${total} or more` : String(total);
  };
  const { fuse: limits } = policy;
  const fuse = limits === undefined ? 'none' : `blows past ${limits.limit} in ${limits.windowMinutes} minutes`;
  const since =
    blown &&
    ` has blown at ${blown.slice(0, 19)}Z; further keys wait for approval until a person resets it, with POST /fuse/reset`;
  return [
    `awaiting approval: ${count([waiting])}`,
    ...waiting.records.slice(0, listedAtMost).map((record) => `• ${lineOf(record)}`),
    `parked: ${count([parked])}`,
    `moving: ${count(others)}`,
    `fuse: ${fuse}${since ? `;${since}` : ''}`,
  ].join('\n');
}
