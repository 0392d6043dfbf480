import { fork } from 'node:child_process';
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import type { App } from 'aws-cdk-lib/core';
import { type Resource, textOf } from './template.ts';

/** One function of a synthesized app: what would be uploaded, and how Lambda is told to start it. */
export interface Bundle {
  name: string;
  folder: string;
  files: string[];
  /** Of the code alone, without its source map (bytes). */
  size: number;
  start: { module: string; export: string };
  /** What the template sets, references resolved. */
  environment: Record<string, string>;
}

/** Writes the app's assembly and finds every function's bundle there. `referred`: what a logical id stands for. */
export function synthesize(app: App, referred: (id: string, resources: Record<string, Resource>) => string) {
  const { directory, stacks } = app.synth();
  const resources: Record<string, Resource> = stacks[0]?.template.Resources;
  const bundles = Object.values(resources).flatMap(({ Type, Properties }): Bundle[] => {
    if (Type !== 'AWS::Lambda::Function') return [];
    const { FunctionName, Code, Handler, Environment } = Properties;
    const folder = join(directory, `asset.${(Code as { S3Key: string }).S3Key.replace('.zip', '')}`);
    const [file = '', exported = ''] = String(Handler).split('.');
    const module = existsSync(join(folder, `${file}.mjs`)) ? `${file}.mjs` : `${file}.js`;
    const { Variables } = Environment as { Variables: Record<string, unknown> };
    const variables = Object.entries(Variables).map(([name, value]) => [
      name,
      textOf(value, (id) => referred(id, resources)),
    ]);
    return [
      {
        name: String(FunctionName),
        folder,
        files: readdirSync(folder),
        size: readFileSync(join(folder, module)).length,
        start: { module, export: exported },
        environment: Object.fromEntries(variables),
      },
    ];
  });
  return { bundles, template: JSON.stringify(stacks[0]?.template), remarks: stacks[0]?.messages };
}

/** Calls an exported function with the event it is sent, as Lambda's runtime does. */
const runtime = `
const [, , module, name] = process.argv;
process.on('message', async (event) => {
  const context = { awsRequestId: 'request', getRemainingTimeInMillis: () => 20_000 };
  try {
    const { [name]: handler } = await import(module);
    process.send({ result: await handler(event, context) });
  } catch (error) {
    process.send({ error: String(error?.stack ?? error) });
  }
});
`;

/**
 * Starts a bundle in a process of its own, where it finds no installed package and no variable but its own and `aws`,
 * and lets it handle the events one after the other. @throws Error with what it printed when it does not answer
 */
export async function handle<Result>(
  bundle: Bundle,
  aws: Record<string, string>,
  events: unknown[],
): Promise<Result[]> {
  const main = join(bundle.folder, '..', `runtime-${bundle.name}.mjs`);
  writeFileSync(main, runtime);
  const module = pathToFileURL(join(bundle.folder, bundle.start.module)).href;
  const env = { ...aws, ...bundle.environment };
  const child = fork(main, [module, bundle.start.export], { cwd: bundle.folder, env, execArgv: [], silent: true });
  let printed = '';
  child.stdout?.on('data', (text) => {
    printed += text;
  });
  child.stderr?.on('data', (text) => {
    printed += text;
  });
  const answer = (event: unknown) =>
    new Promise<Result>((resolve, reject) => {
      child.once('message', (reply: { result: Result } | { error: string }) =>
        'error' in reply ? reject(new Error(`${reply.error}\n${printed}`)) : resolve(reply.result),
      );
      child.once('exit', (code) => reject(new Error(`${bundle.name} ended with ${code}\n${printed}`)));
      child.send(event as object);
    });
  try {
    const results: Result[] = [];
    for (const event of events) results.push(await answer(event));
    return results;
  } finally {
    child.kill('SIGKILL');
  }
}
