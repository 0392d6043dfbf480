import * as z from 'zod';
import { type Secret, sameText } from '../../revocation/secret.ts';

/** Whether the text is one of the tokens; all are compared, whichever fits. */
export const isOneOf = (given: string | undefined, tokens: readonly Secret[]) =>
  tokens.filter((token) => sameText(given ?? '', token.expose())).length > 0;

/** A schema for JSON in UTF-8. */
export const jsonBytes = z.instanceof(Uint8Array).transform((bytes, context): unknown => {
  try {
    return JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes));
  } catch {
    context.addIssue('must be JSON');
    return z.NEVER;
  }
});
/** What only describes: malformed, it is left out. */
export const ifText = (max: number) => z.string().min(1).max(max).optional().catch(undefined);
