import { Misconfigured, Unavailable } from '../revocation/errors.ts';
import type { IncidentRecord, Stage } from '../revocation/incident.ts';

/** A section's text has at most 3,000 characters: https://docs.slack.dev/reference/block-kit/blocks/section-block */
const textAtMost = 3_000;
const stepsAtMost = 8;

/** Text of at most so many characters that Slack reads as text: no link, no mention. https://docs.slack.dev/messaging/formatting-message-text */
const escaped = (text: string, atMost = textAtMost) =>
  text.slice(0, atMost).replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');

/** A step of the timeline. Whoever decided in Slack is shown by their name; anybody else may have written what else stands there. */
const told = (stage: Stage, detail: string, atMost: number) =>
  stage === 'approved' || stage === 'rejected'
    ? escaped(detail, atMost).replace(/^by &lt;(@[UW][A-Z0-9]{1,20})&gt; in Slack/, 'by <$1> in Slack')
    : escaped(detail, atMost);

/** The words for whoever waits, also where nothing can be done now: Slack sends neither commands nor clicks again. */
export async function unlessUnavailable(
  act: () => Promise<string>,
  { fault }: { fault(message: string, error: unknown): void },
): Promise<string> {
  try {
    return await act();
  } catch (error) {
    if (!(error instanceof Unavailable) && !(error instanceof Misconfigured)) throw error;
    fault('a person gets no answer', error);
    return 'Leakstop cannot answer now; try again in a minute.';
  }
}

/** What only the one who asked sees. */
export const forYou = (text: string) => ({ response_type: 'ephemeral', text: text.slice(0, textAtMost) });

/** The same in answer to a click, beside the message that was clicked on. */
export const besides = (text: string) => ({ ...forYou(text), replace_original: false });

export const noSuchIncident = 'There is no incident with this id.';

/** Which key an incident is about. */
export function subjectOf({ provider, kind, account, keyId }: IncidentRecord): string {
  const names = [provider ?? 'unknown provider', kind, account && `account ${account}`, keyId && `key ${keyId}`];
  return escaped(names.filter(Boolean).join(', '));
}

/** An incident in one line. */
export const lineOf = (record: IncidentRecord): string =>
  `${record.id}: ${record.outcome ?? record.state}; ${subjectOf(record)}`;

/** What became of an incident so far. */
export function summaryOf(record: IncidentRecord): string {
  const { id, state, outcome, reason, sightings, sightingCount, timeline, proof } = record;
  const seen = sightings.findLast(({ reference }) => reference !== undefined)?.reference;
  const steps = timeline
    .slice(-stepsAtMost)
    .map(({ at, stage, detail }) => `• ${at.slice(0, 19)}Z ${stage}${detail ? `: ${told(stage, detail, 240)}` : ''}`);
  const lines = [
    `*${id}*: ${outcome ?? state}${outcome === null ? '' : ` (${state})`}`,
    subjectOf(record),
    reason !== null && escaped(reason, 500),
    `seen ${sightingCount === 1 ? 'once' : `${sightingCount} times`}${seen ? `, last at ${escaped(seen, 300)}` : ''}`,
    proof !== null && `proof: ${proof.dead ? 'dead' : 'not dead'}, ${proof.method}`,
    ...steps,
  ];
  return lines.filter(Boolean).join('\n');
}

/** What was decided last, for whoever came too late. */
export function lastDecision({ timeline }: IncidentRecord): string {
  const last = timeline.findLast(({ stage }) => stage === 'approved' || stage === 'rejected');
  return last === undefined ? '' : ` It was ${last.stage} ${told(last.stage, last.detail ?? '', 300)}`.trimEnd();
}
