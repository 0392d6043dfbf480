import { randomUUID } from 'node:crypto';
import { createServer, type Server } from 'node:http';

/** One message as it was published. */
export interface Publication {
  topic: string;
  subject: string;
  text: string;
}

/**
 * SNS' query protocol, as much of it as the functions speak: Publish. What was published is kept, the newest thousand.
 * https://docs.aws.amazon.com/sns/latest/api/API_Publish.html
 */
export function topicServer(publications: Publication[]): Server {
  return createServer(async (request, response) => {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk);
    const [status, body] = answer(publications, new URLSearchParams(Buffer.concat(chunks).toString('utf8')));
    response.writeHead(status, { 'content-type': 'text/xml' }).end(body);
  });
}

function answer(publications: Publication[], form: URLSearchParams): [number, string] {
  const field = (name: string) => form.get(name) ?? '';
  const subject = field('Subject');
  const isTaken = field('Action') === 'Publish' && field('TopicArn') !== '' && field('Message') !== '';
  if (!isTaken || !/^[\x20-\x7e]{0,100}$/.test(subject)) return [400, refusal];
  publications.push({ topic: field('TopicArn'), subject, text: field('Message') });
  publications.splice(0, Math.max(publications.length - 1_000, 0));
  return [200, inXml('PublishResponse', `<PublishResult><MessageId>${randomUUID()}</MessageId></PublishResult>`)];
}

const inXml = (name: string, content: string) =>
  `<${name} xmlns="http://sns.amazonaws.com/doc/2010-03-31/">${content}<ResponseMetadata><RequestId>${randomUUID()}</RequestId></ResponseMetadata></${name}>`;

const refusal = inXml(
  'ErrorResponse',
  '<Error><Type>Sender</Type><Code>InvalidParameter</Code><Message>Invalid parameter</Message></Error>',
);
