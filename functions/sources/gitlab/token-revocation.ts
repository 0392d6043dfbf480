import * as z from 'zod';
import { deliveryName, tooMany } from '../../revocation/delivery.ts';
import type { Finding } from '../../revocation/findings.ts';
import { withoutEcho, withoutUser } from '../../revocation/leak-contents.ts';
import { type Secret, secretText } from '../../revocation/secret.ts';
import type { Delivery, Endpoint, Reading, Skipped } from '../../revocation/source.ts';
import { ifText, isOneOf, jsonBytes } from './forms.ts';

/** What of the source's secret tells that it is GitLab who asks. */
interface Config {
  revocationToken?: readonly Secret[] | undefined;
}

const entriesAtMost = 5000;
const entry = z.object({
  type: z.string().max(256).catch(''),
  token: secretText,
  location: ifText(2048).transform(withoutUser),
});
const isRevoker = ({ headers, config: { revocationToken = [] } }: Delivery<Config>) =>
  isOneOf(headers.authorization, revocationToken);

function revocable({ type, token, location: url }: z.infer<typeof entry>): Finding {
  const circumstances = {
    location: url === undefined ? undefined : { url },
    reference: url,
    exposure: 'public' as const,
  };
  return { scanner: 'gitlab', detector: type, value: token, circumstances: withoutEcho(circumstances, token) };
}

function readTokens({ body, now }: Delivery<Config>): Reading {
  const list = jsonBytes.pipe(z.array(z.unknown())).safeParse(body);
  if (!list.success) return { is: 'malformed', error: list.error };
  if (list.data.length === 0) return { is: 'nothing' };
  if (list.data.length > entriesAtMost) return { is: 'malformed', error: tooMany(entriesAtMost) };
  const findings: Finding[] = [];
  const skipped: Skipped[] = [];
  for (const [index, given] of list.data.entries()) {
    const { data } = entry.safeParse(given);
    if (data === undefined) skipped.push({ index, reason: 'it holds no token that can be read' });
    else findings.push(revocable(data));
  }
  // GitLab names no delivery and repeats a failed one 17 times. A digest of places: one that covers a token could be tried out.
  const places = findings.map(({ detector, value, circumstances }) =>
    withoutEcho([detector, circumstances?.reference], value),
  );
  return { is: 'alert', delivery: deliveryName(places, now), findings, skipped };
}

/** https://docs.gitlab.com/development/sec/token_revocation_api/ */
export const endpoints: readonly Endpoint<Config>[] = [
  {
    method: 'GET',
    path: 'revocable_token_types',
    verify: isRevoker,
    answer: (_, types) => ({ is: 'answer', body: { types } }),
  },
  { method: 'POST', path: 'revoke_tokens', verify: isRevoker, answer: readTokens },
];
