import type { Channel } from '../revocation/tell.ts';
import { type AlertServices, alerts } from './alerts.ts';
import { type EventBusServices, eventBus } from './event-bus.ts';
import { type SlackServices, slack } from './slack.ts';
import { type TopicServices, topic } from './topic.ts';

/** What each way to tell needs; one that is not configured is not given. */
export interface ChannelServices {
  alerts: AlertServices;
  slack: SlackServices | undefined;
  eventBus: EventBusServices | undefined;
  topic: TopicServices | undefined;
  now(): number;
}

/** Every configured way to tell somebody what became of an incident. People come first. */
export const channelsOf = (services: ChannelServices): Channel[] => [
  ...(services.slack ? [slack(services.slack)] : []),
  ...(services.topic ? [topic(services.topic, services.now)] : []),
  ...(services.eventBus ? [eventBus(services.eventBus)] : []),
  alerts(services.alerts),
];
