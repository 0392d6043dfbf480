import { signedArray } from '../revocation/signed-array.ts';

/**
 * Open Source Insights, which scans published packages. It has no page of its own for this: it sends as GitHub's partner
 * programme does, and registries such as crates.io take it so.
 */
export const depsDev = signedArray({
  id: 'deps-dev',
  title: 'Open Source Insights (deps.dev)',
  docs: 'https://docs.github.com/code-security/secret-scanning/secret-scanning-partnership-program/secret-scanning-partner-program',
  headers: 'depsdev',
  scanner: 'github',
  keysUrl: 'https://storage.googleapis.com/depsdev-gcp-public-keys/secret_scanning',
});
