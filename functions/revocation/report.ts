import * as z from 'zod';
import type { Action } from './incident.ts';
import type { Leak, Sighting } from './leak.ts';
import { namesCredential } from './leak-contents.ts';
import { Secret } from './secret.ts';

/** What an operator asked for beyond the leak itself. */
export interface Order {
  action?: Action | undefined;
  /** What would be done is only written down. */
  dryRun?: boolean | undefined;
  reason?: string | undefined;
  /** A person undoes our `disable`. */
  restore?: boolean | undefined;
  /** It names no action, so what is configured happens, as it does about an alert: it counts against the fuse. */
  asReported?: boolean | undefined;
  /** No person: a drill, which may end the one key that it has made and no other. */
  drill?: { keyId: string } | undefined;
}

/** How often a report was put back, and why: each kind of trouble has a ceiling of its own. */
export interface Tries {
  unavailable: number;
  unexpected: number;
}

/** One report on its way to a lane: everything a run needs to act. It travels in the lane's own queue and nowhere else. */
export interface Report {
  /** Names this message; the lease of a run carries it, so a message that comes twice is recognised. */
  message: string;
  incident: string;
  provider: string;
  kind: string;
  /** Absent when a person asks for another try: the leak is then read from where it was sealed. */
  leak: Leak | undefined;
  sighting: Sighting;
  /** Whether the sender may name a key by its id alone. */
  mayNameKeys: boolean;
  /** Somebody wrote it in a chat: nothing is done to the key before a person has approved it. */
  hearsay?: boolean | undefined;
  order?: Order | undefined;
  tries: Tries;
  /** Epoch ms from when trying again has its limit; absent, since the sighting. */
  since?: number | undefined;
  /** Its sighting is noted, but what it brings has not been looked at: another run held the incident. */
  noted?: boolean | undefined;
  /** For a message that a run put back: the fence of that run. A later claim makes the message superfluous. */
  fence?: number | undefined;
  /** Epoch ms before which there is no point in trying. */
  notBefore?: number | undefined;
  /** The leak, encrypted for its incident (base64), so that the ledger can keep it. */
  sealed?: string | undefined;
  /** Nobody reports: it is time to look at the incident. */
  look?: Look | undefined;
}

/** A look at an incident whose time has come. */
export interface Look {
  /** The key was seen alive after it was proven dead, when its incident stood at this revision. */
  alive?: { at: string; revision: number } | undefined;
}

const order = z.object({
  action: z.enum(['delete', 'disable', 'approve', 'observe']).optional(),
  dryRun: z.boolean().optional(),
  reason: z.string().optional(),
  restore: z.boolean().optional(),
  asReported: z.boolean().optional(),
  drill: z.object({ keyId: z.string() }).optional(),
});
/** A leak as it was written by us: checked when it came in, so taken as it is. */
const leak = z
  .object({
    provider: z.string().optional(),
    kind: z.string().optional(),
    account: z.string().optional(),
    secret: z
      .string()
      .transform((value) => new Secret(value))
      .optional(),
    identifiers: z.record(z.string(), z.string()).optional(),
    location: z
      .object({
        url: z.string().optional(),
        path: z.string().optional(),
        line: z.number().optional(),
        commit: z.string().optional(),
      })
      .optional(),
    exposure: z.enum(['public', 'private', 'unknown']).optional(),
    detectedAt: z.string().optional(),
    reference: z.string().optional(),
  })
  .refine(namesCredential);
const kept = z.object({
  leak,
  mayNameKeys: z.boolean(),
  hearsay: z.boolean().optional(),
  order: order.optional(),
});
/** A sighting as it travels. */
export const sightingForm = z.object({
  source: z.string(),
  at: z.string(),
  delivery: z.string(),
  reference: z.string().optional(),
  location: z.record(z.string(), z.union([z.string(), z.number()])).optional(),
});

const wire = z.object({
  message: z.string(),
  incident: z.string(),
  provider: z.string(),
  kind: z.string(),
  leak: leak.optional(),
  sighting: sightingForm,
  mayNameKeys: z.boolean(),
  hearsay: z.boolean().optional(),
  order: order.optional(),
  tries: z.object({ unavailable: z.int(), unexpected: z.int() }),
  since: z.number().optional(),
  noted: z.boolean().optional(),
  fence: z.int().optional(),
  notBefore: z.number().optional(),
  sealed: z.string().optional(),
  look: z.object({ alive: z.object({ at: z.string(), revision: z.int() }).optional() }).optional(),
});

/** A leak as text, its secret exposed: for the lane's queue and for sealing, nothing else. */
export function writeLeak(leak: Leak): unknown {
  return { ...leak, secret: leak.secret?.expose() };
}

/** JSON in plain ASCII: queues refuse some characters that an alert may well hold. */
export function plainJson(value: unknown): string {
  return JSON.stringify(value).replaceAll(
    /[\u007f-\uffff]/g,
    (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
}

export function writeReport(report: Report): string {
  return plainJson({ ...report, leak: report.leak && writeLeak(report.leak) });
}

/** @throws Error without its content when the text is not a report. */
export function readReport(body: string): Report {
  const parsed = wire.safeParse(parseJson(body));
  if (!parsed.success) throw new Error('the message is not a report');
  return parsed.data as Report;
}

/** @throws Error when a sealed text is not what was sealed */
export const readKept = (json: unknown) => kept.parse(json);

/** What a text says, or undefined where it is no JSON. */
export function parseJson(body: string): unknown {
  try {
    return JSON.parse(body);
  } catch {
    return undefined;
  }
}
