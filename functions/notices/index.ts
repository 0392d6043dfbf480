import { alerts } from './alerts.ts';

/** Every way to tell somebody what became of an incident. */
export const channels = { alerts } as const;
