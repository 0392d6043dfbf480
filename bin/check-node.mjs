// Loaded before a command, in plain JavaScript, so that whoever lacks the right Node or the packages is told what to do
// instead of where the parser stopped. Type stripping is there without an option from 22.18 on:
// https://nodejs.org/docs/latest-v22.x/api/typescript.html#type-stripping
import * as loading from 'node:module';
import { isMainThread } from 'node:worker_threads';

const needed = ['zod', 'dynalite'];

function complaint() {
  const [major = 0, minor = 0] = process.versions.node.split('.').map(Number);
  const isInstalled = needed.every(isThere);
  if (!isInstalled)
    return 'The packages are not here, or not all of them: run npm ci, without --omit=dev, in the folder of Leakstop.';
  if (major > 22 || (major === 22 && minor >= 18)) return undefined;
  return process.env.npm_lifecycle_event === undefined
    ? `This is Node ${process.versions.node}. Start it by npm start or npm run, which take the Node 24 that npm ci brings along.`
    : `This is Node ${process.versions.node}. npm ci brings Node 24 along, unless it ran without scripts: run npm rebuild node, or install Node 24.`;
}

function isThere(name) {
  try {
    return import.meta.resolve(name) !== '';
  } catch {
    return false;
  }
}

if (isMainThread) {
  const line = complaint();
  if (line !== undefined) {
    process.stderr.write(`${line}\n`);
    process.exit(2);
  }
  // What was compiled once is there for the next start.
  loading.enableCompileCache();
}
