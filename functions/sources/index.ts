import type { Sources } from '../revocation/source.ts';
import { standard } from './standard.ts';

/** Every source of alerts, by its id. */
export const sources = { standard } as const satisfies Sources;
