import { fileURLToPath } from 'node:url';
import type { BundlingOptions, LogLevel, OutputFormat } from 'aws-cdk-lib/aws-lambda-nodejs';
import type { BuildOptions } from 'esbuild';

const root = (path: string) => fileURLToPath(new URL(`../${path}`, import.meta.url));

/** A package that is loaded at every start and never used, and what stands in for it. */
const replaced = { '@aws-sdk/credential-provider-node': root('functions/platform/credentials.ts') };
/** Dependencies in CommonJS ask for Node's own modules through `require`, which a module does not have. */
const banner =
  "import { createRequire as requireFrom } from 'node:module'; const require = requireFrom(import.meta.url);";
const shared = { mainFields: ['module', 'main'], minify: true, sourcesContent: false };

/**
 * How a function is bundled by the stack. Everything goes in, the AWS SDK too: what was tested is what runs. The source map lies beside
 * the code for whoever reads a stack; the function does not load it, which would cost every cold start a fifth.
 */
export const bundling: BundlingOptions = {
  ...shared,
  format: 'esm' as OutputFormat,
  externalModules: [],
  sourceMap: true,
  logLevel: 'warning' as LogLevel,
  banner,
  esbuildArgs: { '--alias': Object.entries(replaced).map(([name, file]) => `${name}=${file}`) },
};

/** The same for esbuild itself, for whoever makes one bundle without a stack. */
export const bundleOf = (entry: string, outfile: string): BuildOptions => ({
  ...shared,
  entryPoints: [root(entry)],
  outfile,
  bundle: true,
  platform: 'node',
  target: 'node24',
  format: 'esm',
  sourcemap: true,
  logLevel: 'warning',
  banner: { js: banner },
  alias: replaced,
  absWorkingDir: root(''),
});
