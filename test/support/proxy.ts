import { createServer, request, type Server } from 'node:http';

/** Stands in front of an AWS service, and tells every call that is made: its operation, its body, and who it says it is. */
export function proxyTo(target: string, told: (operation: string, body: string, who: string) => void): Server {
  return createServer(async (incoming, outgoing) => {
    const chunks: Buffer[] = [];
    for await (const chunk of incoming) chunks.push(chunk);
    const body = Buffer.concat(chunks);
    told(
      String(incoming.headers['x-amz-target']),
      body.toString('utf8'),
      String(incoming.headers['x-amz-security-token'] ?? ''),
    );
    const { method, url = '/', headers } = incoming;
    const onward = request(new URL(url, target), { method, headers }, (answer) => {
      outgoing.writeHead(answer.statusCode ?? 500, answer.headers);
      answer.pipe(outgoing);
    });
    onward.once('error', () => outgoing.destroy());
    onward.end(body);
  });
}
