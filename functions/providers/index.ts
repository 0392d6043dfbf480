import type { Providers } from '../revocation/provider.ts';
import { datadog } from './datadog.ts';

/** Every provider, by its id. */
export const providers = { datadog } as const satisfies Providers;
