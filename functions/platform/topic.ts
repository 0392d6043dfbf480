import { PublishCommand, type SNSClient } from '@aws-sdk/client-sns';
import { Refused, Unavailable } from '../revocation/errors.ts';
import { isLasting } from './lasting.ts';

/**
 * Publishes to the topic of this ARN. @throws Unavailable; Refused, where nothing but a person's repair helps
 * https://docs.aws.amazon.com/sns/latest/api/API_Publish.html
 */
export const createTopic = (client: SNSClient, topic: string) => ({
  async publish({ subject, text }: { subject: string; text: string }): Promise<void> {
    try {
      await client.send(new PublishCommand({ TopicArn: topic, Subject: subject, Message: text }));
    } catch (error) {
      // The client's error can carry the request: it stays here.
      if (!isLasting(error instanceof Error ? error.name : ''))
        throw new Unavailable('the topic did not take a message');
      const remedy = 'check notices.topic, and that send-notice may publish to it';
      throw new Refused(`the topic refuses our messages; ${remedy}`, { explained: true, remedy });
    }
  },
});
