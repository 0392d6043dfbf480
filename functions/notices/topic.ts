import type { IncidentRecord } from '../revocation/incident.ts';
import { momentOf } from '../revocation/moment.ts';
import type { Channel } from '../revocation/tell.ts';
import { headlineOf, whatToDo } from './words.ts';

/** What telling a topic needs from outside. */
export interface TopicServices {
  /** Publishes one message. @throws Unavailable, Refused */
  publish(message: { subject: string; text: string }): Promise<void>;
}

/** A subject has at most 100 characters of ASCII: https://docs.aws.amazon.com/sns/latest/api/API_Publish.html */
const subjectOf = (record: IncidentRecord) =>
  `Leakstop: ${headlineOf(record)}`
    .replaceAll(/[^\x20-\x7e]+/g, ' ')
    .slice(0, 100)
    .trim();

/** A few lines for whoever reads mail or a pager. */
export function shortMessageOf(record: IncidentRecord, now: number): { subject: string; text: string } {
  const { id, provider, kind, account, keyId, reason } = record;
  const what = [provider, kind, keyId, account && `account ${account}`].filter(Boolean).join(', ');
  const lines = [`${headlineOf(record)}.`, what, reason, whatToDo(record, now), `Incident ${id}`];
  return { subject: subjectOf(record), text: lines.filter(Boolean).join('\n').slice(0, 4_000).toWellFormed() };
}

/** One short message to an SNS topic for every moment at which there is something to tell. */
export const topic = ({ publish }: TopicServices, now: () => number): Channel => ({
  id: 'topic',
  noticesOf(record) {
    const moment = momentOf(record);
    if (moment === undefined) return [];
    const deliver = async () => {
      await publish(shortMessageOf(record, now()));
      return { detail: '' };
    };
    return [{ name: `topic ${moment}`, deliver }];
  },
});
