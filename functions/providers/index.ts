import type { Providers } from '../revocation/provider.ts';
import { coveo } from './coveo.ts';
import { datadog } from './datadog.ts';
import { docspace } from './docspace.ts';
import { mongodbAtlas } from './mongodb-atlas.ts';
import { resolver } from './resolver.ts';

/** Every provider, by its id. */
export const providers = {
  coveo,
  datadog,
  docspace,
  'mongodb-atlas': mongodbAtlas,
  resolver,
} as const satisfies Providers;
