import { spawn } from 'node:child_process';
import { statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { build } from 'esbuild';
import { functions } from '../../functions/manifest.ts';
import type { FunctionName } from '../../functions/platform/env.ts';
import { bundleOf } from '../../lib/bundling.ts';
import { type Bundles, quantile } from './house.ts';

/** What each function reaches, by the manifest; the bare handler has the same clients and commands, and nothing else. */
const parts = {
  dynamoDb: `import { BatchGetItemCommand, DynamoDBClient, GetItemCommand, PutItemCommand, QueryCommand, UpdateItemCommand } from '@aws-sdk/client-dynamodb';
    const dynamoDb = new DynamoDBClient({}); uses.push(...[BatchGetItemCommand, GetItemCommand, PutItemCommand, QueryCommand, UpdateItemCommand].map((one) => (input) => dynamoDb.send(new one(input))));`,
  secretsManager: `import { GetSecretValueCommand, SecretsManagerClient } from '@aws-sdk/client-secrets-manager';
    const secretsManager = new SecretsManagerClient({}); uses.push((input) => secretsManager.send(new GetSecretValueCommand(input)));`,
  sqs: `import { SendMessageBatchCommand, SendMessageCommand, SQSClient } from '@aws-sdk/client-sqs';
    const sqs = new SQSClient({}); uses.push(...[SendMessageBatchCommand, SendMessageCommand].map((one) => (input) => sqs.send(new one(input))));`,
  eventBridge: `import { EventBridgeClient, PutEventsCommand } from '@aws-sdk/client-eventbridge';
    const eventBridge = new EventBridgeClient({}); uses.push((input) => eventBridge.send(new PutEventsCommand(input)));`,
  sns: `import { PublishCommand, SNSClient } from '@aws-sdk/client-sns';
    const sns = new SNSClient({}); uses.push((input) => sns.send(new PublishCommand(input)));`,
};

function bareOf(name: FunctionName): string {
  const { ledger, reads, sendsTo } = functions[name];
  const wanted = [
    ledger.items.length + ledger.indexes.length === 0 ? '' : parts.dynamoDb,
    (reads as readonly string[]).length > 0 ? parts.secretsManager : '',
    (sendsTo as readonly string[]).length > 0 ? parts.sqs : '',
    'publishes' in functions[name] ? parts.eventBridge + parts.sns : '',
  ];
  return `const uses = [];\n${wanted.join('\n')}\nexport const handler = async (event) => { for (const use of uses) await use(event); };`;
}

/** Loads a handler as Lambda's runtime does; prints the ms from the start of the process, and the memory it took. */
const runtime = `
const { handler } = await import(process.argv[2]);
if (typeof handler !== 'function') process.exit(1);
process.stdout.write(JSON.stringify([performance.now(), process.resourceUsage().maxRSS / 1024]));
process.exit();
`;

async function start(main: string, file: string): Promise<[number, number]> {
  const env = { AWS_REGION: 'us-east-1', AWS_ACCESS_KEY_ID: 'bench', AWS_SECRET_ACCESS_KEY: 'bench' };
  const child = spawn(process.execPath, [main, file], { env, stdio: ['ignore', 'pipe', 'inherit'] });
  let printed = '';
  for await (const chunk of child.stdout) printed += chunk;
  return JSON.parse(printed);
}

export interface ColdStart {
  name: FunctionName;
  bytes: number;
  oursMs: number;
  bareMs: number;
  /** The bare handler in a bundle made as ours are: what is left is our own code. */
  slimMs: number;
  ratio: number;
  slimRatio: number;
  memoryMb: number;
  bareMemoryMb: number;
}

/** (c) From the start of the process to a handler that can be called, for each bundle as it is uploaded. */
export async function cold(bundles: Bundles, rounds = 11): Promise<ColdStart[]> {
  const main = join(bundles.folder, 'runtime.mjs');
  writeFileSync(main, runtime);
  const names = Object.keys(functions) as FunctionName[];
  const cases = await Promise.all(
    names.map(async (name) => {
      const entry = join(import.meta.dirname, `bare-${name}.js`);
      const stdin = { contents: bareOf(name), resolveDir: import.meta.dirname, sourcefile: entry };
      const [bare, slim] = ['bare', 'slim'].map((kind) => join(bundles.folder, kind, `${name}.mjs`)) as [
        string,
        string,
      ];
      const { entryPoints: _, ...options } = bundleOf('', slim);
      await build({ ...options, stdin });
      // As esbuild and the stack's construct do it by themselves, minified too.
      await build({ ...options, alias: {}, outfile: bare, stdin });
      return { name, files: [bundles.fileOf(name), bare, slim] };
    }),
  );
  const taken = cases.map(({ files }) => files.map(() => ({ ms: [] as number[], mb: [] as number[] })));
  for (let round = 0; round < rounds; round += 1)
    for (const [index, { files }] of cases.entries())
      for (const [at, file] of files.entries()) {
        const [ms, mb] = await start(main, file);
        taken[index]?.[at]?.ms.push(ms);
        taken[index]?.[at]?.mb.push(mb);
      }
  return cases.map(({ name, files: [own = ''] }, index) => {
    const [ours, bare, slim] = (taken[index] ?? []).map(({ ms, mb }) => ({
      ms: quantile(ms, 0.5),
      mb: quantile(mb, 0.5),
    }));
    if (!ours || !bare || !slim) throw new Error('nothing was measured');
    // Round by round: what disturbs the machine disturbs neighbours alike.
    const toOurs = (other: number) =>
      quantile(
        (taken[index]?.[0]?.ms ?? []).map((each, round) => each / (taken[index]?.[other]?.ms[round] ?? Number.NaN)),
        0.5,
      );
    return {
      name,
      bytes: statSync(own).size,
      oursMs: ours.ms,
      bareMs: bare.ms,
      slimMs: slim.ms,
      ratio: toOurs(1),
      slimRatio: toOurs(2),
      memoryMb: ours.mb,
      bareMemoryMb: bare.mb,
    };
  });
}
