import { type EventBridgeClient, PutEventsCommand } from '@aws-sdk/client-eventbridge';
import { Refused, Unavailable } from '../revocation/errors.ts';
import { isLasting } from './lasting.ts';

/** One event. https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_PutEventsRequestEntry.html */
export interface BusEvent {
  source: string;
  detailType: string;
  detail: object;
}

/** Puts events on the bus of this name or ARN. @throws Unavailable; Refused, where nothing but a person's repair helps */
export const createEventBus = (client: EventBridgeClient, bus: string) => ({
  async put({ source, detailType, detail }: BusEvent): Promise<void> {
    const entry = { Source: source, DetailType: detailType, Detail: JSON.stringify(detail), EventBusName: bus };
    const { FailedEntryCount = 0, Entries = [] } = await answered(
      client.send(new PutEventsCommand({ Entries: [entry] })),
    );
    // The answer is 200 even where the one event in it was not taken.
    if (FailedEntryCount > 0 || Entries[0]?.EventId === undefined) throw faultOf(Entries[0]?.ErrorCode ?? '');
  },
});

async function answered<Result>(sending: Promise<Result>): Promise<Result> {
  try {
    return await sending;
  } catch (error) {
    // The client's error can carry the request: it stays here.
    throw faultOf(error instanceof Error ? error.name : '');
  }
}

function faultOf(name: string): Error {
  if (!isLasting(name)) return new Unavailable('the event bus did not take an event');
  const remedy = 'check notices.eventBus, and that send-notice may put events on it';
  return new Refused(`the event bus refuses our events; ${remedy}`, { explained: true, remedy });
}
