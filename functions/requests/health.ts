import * as z from 'zod';
import type { Route } from './services.ts';

/** A schema for the answer. */
export const healthForm = () => z.strictObject({ ok: z.literal(true) });
type Health = z.output<ReturnType<typeof healthForm>>;

/** `GET /health`. */
export const getHealth: Route = async () => ({ status: 200, body: { ok: true } satisfies Health });
