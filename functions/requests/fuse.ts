import * as z from 'zod';
import type { RequestServices, Route } from './services.ts';

/** A schema for how the fuse stands. */
export const fuseForm = () => z.strictObject({ blown: z.boolean(), since: z.iso.datetime().nullable() });

const stateOf = async ({ ledger }: RequestServices): Promise<z.output<ReturnType<typeof fuseForm>>> => {
  const since = await ledger.fuseBlown();
  return { blown: since !== undefined, since: since ?? null };
};

/** `GET /fuse`: whether the fuse has blown, and since when. */
export const getFuse: Route = async (_, services) => ({ status: 200, body: await stateOf(services) });

/** `POST /fuse/reset`: from here on keys are revoked without asking again; what waits for a person goes on waiting. */
export const resetFuse: Route = async ({ caller }, services) => {
  const blown = await services.ledger.fuseBlown();
  if (await services.ledger.resetFuse())
    services.info?.('the fuse was reset', { by: caller ?? 'operator', blown: blown ?? '' });
  return { status: 200, body: await stateOf(services) };
};
