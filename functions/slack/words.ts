import { Misconfigured, Unavailable } from '../revocation/errors.ts';
import type { IncidentRecord } from '../revocation/incident.ts';

/** A section's text has at most 3,000 characters: https://docs.slack.dev/reference/block-kit/blocks/section-block */
const textAtMost = 3_000;
const stepsAtMost = 8;

/** Text that Slack reads as text: no link, no mention but those of users that we write ourselves. https://docs.slack.dev/messaging/formatting-message-text */
const escaped = (text: string) =>
  text
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;')
    .replaceAll(/&lt;(@[UW][A-Z0-9]{2,20})&gt;/g, '<$1>');

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
    .map(
      ({ at, stage, detail }) => `• ${at.slice(0, 19)}Z ${stage}${detail ? `: ${escaped(detail).slice(0, 240)}` : ''}`,
    );
  const lines = [
    `*${id}*: ${outcome ?? state}${outcome === null ? '' : ` (${state})`}`,
    subjectOf(record),
    reason !== null && escaped(reason).slice(0, 500),
    `seen ${sightingCount === 1 ? 'once' : `${sightingCount} times`}${seen ? `, last at ${escaped(seen).slice(0, 300)}` : ''}`,
    proof !== null && `proof: ${proof.dead ? 'dead' : 'not dead'}, ${proof.method}`,
    ...steps,
  ];
  return lines.filter(Boolean).join('\n');
}

/** What was decided last, for whoever came too late. */
export function lastDecision({ timeline }: IncidentRecord): string {
  const last = timeline.findLast(({ stage }) => stage === 'approved' || stage === 'rejected');
  return last === undefined ? '' : ` It was ${last.stage} ${escaped(last.detail ?? '').slice(0, 300)}`.trimEnd();
}
