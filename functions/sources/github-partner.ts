import { signedArray } from '../revocation/signed-array.ts';

/**
 * GitHub's partner programme:
 * https://docs.github.com/code-security/secret-scanning/secret-scanning-partnership-program/secret-scanning-partner-program
 */
export const githubPartner = signedArray({
  id: 'github-partner',
  title: 'GitHub secret scanning partner programme',
  docs: 'https://docs.github.com/code-security/secret-scanning/secret-scanning-partnership-program/secret-scanning-partner-program',
  headers: 'github',
  scanner: 'github',
  keysUrl: 'https://api.github.com/meta/public_keys/secret_scanning',
});
