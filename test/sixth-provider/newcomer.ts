import { PassThrough } from 'node:stream';
import { providers } from '../../functions/providers/index.ts';
import { leaksOf } from '../../functions/revocation/findings.ts';
import { Secret } from '../../functions/revocation/secret.ts';
import { followLeak } from '../../lib/local/follow.ts';
import { readOptions } from '../../lib/local/options.ts';
import { loadWorlds, startStage } from '../../lib/local/stage.ts';
import { everything, ofType, resourcesOf } from '../lib/aws/template.ts';

// Run in a copy of the house that has a sixth provider: says, as JSON, what of it followed by itself.

const resources = resourcesOf(everything);
const nameOf = (type: string, field: string) => ofType(resources, type).map((properties) => properties[field]);
const value = new Secret('exmpl_leaked01');
const [leak] = leaksOf({ scanner: 'gitleaks', detector: 'example-api-key', value }, providers);

const worlds = await loadWorlds();
const options = readOptions(['--port', '0'], worlds);
if (options === 'help') throw new Error('no options');
const variables = { POWERTOOLS_LOG_LEVEL: 'SILENT' };
const stage = await startStage(options, worlds, { variables, logs: new PassThrough().resume() });
const incident = await followLeak(stage.url, { secret: value.expose() }, () => {});
const accepted = stage.vendors.example?.accepts(value.expose());
await stage.close();

process.stdout.write(
  JSON.stringify({
    queues: nameOf('AWS::SQS::Queue', 'QueueName'),
    functions: nameOf('AWS::Lambda::Function', 'FunctionName'),
    secrets: nameOf('AWS::SecretsManager::Secret', 'Name'),
    scanner: leak && [leak.provider, leak.kind],
    outcome: incident.outcome,
    accepted,
  }),
);
process.exit(0);
