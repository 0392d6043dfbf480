import { createServer, type Server } from 'node:http';

/** A secret as the stand-in keeps it. */
type Values = Map<string, string>;

/**
 * Secrets Manager's JSON protocol, as much of it as the stage and its functions speak: GetSecretValue, CreateSecret,
 * PutSecretValue. Names, targets and error types are the real service's:
 * https://docs.aws.amazon.com/secretsmanager/latest/apireference/
 */
export function secretsManagerServer(values: Values = new Map()): Server {
  return createServer(async (request, response) => {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk);
    const [status, body] = answer(
      values,
      String(request.headers['x-amz-target']),
      Buffer.concat(chunks).toString('utf8'),
    );
    response.writeHead(status, { 'content-type': 'application/x-amz-json-1.1' }).end(JSON.stringify(body));
  });
}

function answer(values: Values, target: string, body: string): [number, object] {
  const { SecretId, Name, SecretString } = JSON.parse(body || '{}') as Record<string, string | undefined>;
  const name = SecretId ?? Name ?? '';
  const arn = { ARN: `arn:aws:secretsmanager:us-east-1:000000000000:secret:${name}`, Name: name };
  const known = values.get(name);
  switch (target) {
    case 'secretsmanager.GetSecretValue':
      return known === undefined ? missing : [200, { ...arn, SecretString: known, VersionStages: ['AWSCURRENT'] }];
    case 'secretsmanager.CreateSecret':
      if (known !== undefined)
        return [400, { __type: 'ResourceExistsException', Message: 'The secret exists already.' }];
      values.set(name, SecretString ?? '');
      return [200, arn];
    case 'secretsmanager.PutSecretValue':
      if (known === undefined) return missing;
      values.set(name, SecretString ?? '');
      return [200, arn];
    default:
      return [400, { __type: 'InvalidRequestException', Message: 'The stage does not know this operation.' }];
  }
}

const missing: [number, object] = [
  400,
  { __type: 'ResourceNotFoundException', Message: "Secrets Manager can't find the specified secret." },
];
