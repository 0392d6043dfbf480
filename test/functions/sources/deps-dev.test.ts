import { expect, test } from 'vitest';
import { depsDev } from '../../../functions/sources/deps-dev.ts';
import { signedArrayConformance } from '../../support/signed-array.ts';

signedArrayConformance(depsDev, 'depsdev', 'datadog_api_key');

test('deps.dev publishes its keys at one address, which the configuration may replace', () => {
  const known = 'https://storage.googleapis.com/depsdev-gcp-public-keys/secret_scanning';
  expect(depsDev.config.parse({})).toEqual({ keysUrl: known });
  expect(depsDev.config.parse({ keysUrl: 'https://mirror.example/keys' })).toEqual({
    keysUrl: 'https://mirror.example/keys',
  });
});
