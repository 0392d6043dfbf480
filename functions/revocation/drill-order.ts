import * as z from 'zod';
import { parseJson, plainJson } from './report.ts';

/** Tells a lane to see to the drill of one account. It orders nothing by itself: whether a drill is due is written down. */
export interface DrillOrder {
  account: string;
  /** Epoch ms at which it was sent. */
  at: number;
}

const wire = z.strictObject({ drill: z.strictObject({ account: z.string(), at: z.number() }) });

export const writeDrillOrder = (order: DrillOrder): string => plainJson({ drill: order });

/** The order that a lane's message is; undefined, it is something else. */
export const readDrillOrder = (body: string): DrillOrder | undefined => wire.safeParse(parseJson(body)).data?.drill;
