import type * as z from 'zod';
import { Refused, Unavailable, Unexpected } from './errors.ts';
import type { Answer } from './exchange.ts';

/** A wait (ms) that an answer names in `Retry-After`, as seconds or as a date. `now` is epoch ms. */
export function retryAfter(answer: Answer, now: number): number | undefined {
  const given = answer.header('retry-after') ?? '';
  if (/^\d{1,12}$/.test(given)) return Number(given) * 1000;
  const date = Date.parse(given);
  return Number.isNaN(date) ? undefined : Math.max(date - now, 0);
}

/**
 * The body of a source's answer that must be 2xx and match `schema`; `who` is the source's id, `remedy` what a person does
 * about a refusal.
 * @throws Refused (401, 403), Unavailable (429, 5xx; with the wait that is named), Unexpected (all else)
 */
export function bodyOf<Value>(
  answer: Answer,
  schema: z.ZodType<Value>,
  { who, remedy, now }: { who: string; remedy: string; now: number },
): Value {
  const { status, json } = answer;
  if (status < 200 || status > 299) throw faultOf(answer, { who, remedy, now });
  const parsed = schema.safeParse(json);
  if (!parsed.success)
    throw new Unexpected(`${who} answered ${status} with something else than its documentation says`);
  return parsed.data;
}

/** What an answer that nobody wrote down means: our token, a bad moment, or a changed contract. */
export function faultOf(
  answer: Answer,
  { who, remedy, now }: { who: string; remedy: string; now: number },
): Refused | Unavailable | Unexpected {
  const { status } = answer;
  const retryAfterMs = retryAfter(answer, now);
  // A rate limit may come as 403: https://docs.github.com/rest/using-the-rest-api/rate-limits-for-the-rest-api
  if (status === 429 || status >= 500 || (status === 403 && retryAfterMs !== undefined))
    return new Unavailable(`${who} answered ${status}`, { retryAfterMs, untouched: status < 500 });
  if (status === 401 || status === 403) return new Refused(`${who} refuses our token (${status})`, { remedy });
  return new Unexpected(`${who} answered ${status}, which its documentation does not say`);
}
