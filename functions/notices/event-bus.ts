import { type IncidentRecord, view } from '../revocation/incident.ts';
import { momentOf } from '../revocation/moment.ts';
import type { Channel } from '../revocation/tell.ts';

/** What an event is called. Rules match on both: https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-events-structure.html */
export const eventNames = { source: 'leakstop', detailType: 'leakstop.incident' } as const;

/** An event's `detail` (docs/events.md). It changes only by fields that are added, or else by its version. */
export interface IncidentEvent {
  version: 1;
  /** Names what is told: together with the incident's id the same for every copy of this event. */
  notice: string;
  incident: ReturnType<typeof view>;
  /** What was left out because an event may not be larger: the older entries. */
  omitted: { timeline: number; sightings: number };
}

/** An event may have 256 kB with everything around its detail (bytes). */
const detailAtMost = 240_000;

/** What EventBridge is told of an incident. */
export function eventOf(record: IncidentRecord, notice: string): IncidentEvent {
  const incident = view(record);
  const timeline = [...incident.timeline];
  const sightings = [...incident.sightings];
  const event = (): IncidentEvent => ({
    version: 1,
    notice,
    incident: { ...incident, timeline, sightings },
    omitted: {
      timeline: incident.timeline.length - timeline.length,
      sightings: incident.sightings.length - sightings.length,
    },
  });
  const sizeOf = (value: unknown) => Buffer.byteLength(JSON.stringify(value));
  // Each is cut to its newer half, whichever is larger, until it fits.
  while (sizeOf(event()) > detailAtMost && timeline.length + sightings.length > 2) {
    const larger: unknown[] = sizeOf(sightings) > sizeOf(timeline) ? sightings : timeline;
    larger.splice(0, Math.ceil(larger.length / 2));
  }
  return event();
}

/** What telling EventBridge needs from outside. */
export interface EventBusServices {
  /** Puts one event on the bus. @throws Unavailable, Refused */
  put(event: { source: string; detailType: string; detail: object }): Promise<void>;
}

/** One event for every moment at which there is something to tell. Its copies have the same `notice`. */
export const eventBus = ({ put }: EventBusServices): Channel => ({
  id: 'event-bus',
  noticesOf(record) {
    const moment = momentOf(record);
    if (moment === undefined) return [];
    const deliver = async () => {
      await put({ ...eventNames, detail: eventOf(record, moment) });
      return { detail: '' };
    };
    return [{ name: `event-bus ${moment}`, deliver }];
  },
});
