import * as z from 'zod';
import { isLoopback, originAlone } from '../revocation/address.ts';
import { Refused, Unexpected } from '../revocation/errors.ts';
import { path } from '../revocation/exchange.ts';
import { bodyOf } from '../revocation/inquire.ts';
import { leakFromSource } from '../revocation/leak.ts';
import { bearer, Secret, secretText, secretValue } from '../revocation/secret.ts';
import { isStandardSecret, isStandardWebhook } from '../revocation/signature.ts';
import type {
  Closed,
  Delivery,
  Ending,
  Fetched,
  Inquiry,
  Reading,
  Reference,
  Source,
  SourceCheckup,
} from '../revocation/source.ts';
import { ifText, isOneOf, jsonBytes } from './gitlab/forms.ts';
import { endpoints } from './gitlab/token-revocation.ts';

const signingToken = z
  .string()
  .refine(isStandardSecret, 'must be whsec_ and 1 to 64 bytes in base64')
  .transform((value) => new Secret(value));
/** One to ten for rotation; an empty list is none, as where it is left out. */
const listOf = <Schema extends z.ZodType>(one: Schema) => z.array(one).max(10).optional();
const config = z
  .strictObject({
    signingTokens: listOf(signingToken),
    webhookTokens: listOf(secretValue),
    revocationToken: z.union([secretValue.transform((only) => [only]), listOf(secretValue)]),
    token: secretValue.optional(),
    url: z
      .string()
      .refine((value) => originAlone(value) !== undefined, 'must be https:// and a host, without a path')
      .transform((value) => new URL(value).origin)
      .default('https://gitlab.com'),
  })
  .refine(
    ({ signingTokens, webhookTokens, revocationToken }) =>
      [signingTokens, webhookTokens, revocationToken].some((tokens) => tokens !== undefined && tokens.length > 0),
    'needs at least one of signingTokens, webhookTokens and revocationToken',
  );
type Config = z.infer<typeof config>;

const page = /^https?:\/\/[^\s/]+\/(?:[\w.-]+\/){2,}-\/security\/vulnerabilities\/([1-9]\d{0,18})$/;
/** The number of the vulnerability whose page this is, wherever that page stands. */
const numberOf = (link: string) => (link.length <= 2048 ? page.exec(link)?.[1] : undefined);
/** Where the pages of the configured GitLab are; what answers on this machine may stand in for gitlab.com. */
const homesOf = ({ url }: Config) => (isLoopback(new URL(url)) ? [url, 'https://gitlab.com'] : [url]);
const owns = (link: string, config: Config) =>
  homesOf(config).some((home) => link.startsWith(`${home}/`)) && numberOf(link) !== undefined;

const { location: place, detectedAt } = leakFromSource.shape;

const over = ['resolved', 'dismissed', 'closed'];
/** Whatever a hook sends names its event; those of a whole instance have another word for it. */
const named = z
  .looseObject({ object_kind: z.string().optional() })
  .refine((hook) => hook.object_kind !== undefined || typeof hook.event_name === 'string', {
    error: 'must name the event',
    path: ['object_kind'],
  })
  .refine(
    (hook) => hook.object_kind !== 'vulnerability' || z.looseObject({}).safeParse(hook.object_attributes).success,
    {
      error: 'must be an object',
      path: ['object_attributes'],
    },
  );
const event = z.object({
  object_kind: z.literal('vulnerability'),
  object_attributes: z.object({
    report_type: z.literal('secret_detection'),
    state: ifText(64),
    url: ifText(2048),
    location: z
      .object({ file: ifText(1024), start_line: z.int().min(0).optional().catch(undefined) })
      .optional()
      .catch(undefined),
  }),
});

function read({ body, headers }: Delivery<Config>): Reading {
  const json = jsonBytes.safeParse(body);
  if (!json.success) return { is: 'malformed', error: json.error };
  const known = named.safeParse(json.data);
  if (!known.success) return { is: 'malformed', error: known.error };
  // Whatever else GitLab sends, a 400 would switch the hook off: https://docs.gitlab.com/user/project/integrations/webhooks/#auto-disabled-webhooks
  const { data } = event.safeParse(json.data);
  if (data === undefined) return { is: 'nothing' };
  const { state, url = '', location } = data.object_attributes;
  // A state that nobody wrote down is not "closed": fetching tells.
  if (state !== undefined && over.includes(state)) return { is: 'nothing' };
  const number = numberOf(url);
  const ids = [headers['webhook-id'], headers['idempotency-key'], headers['x-gitlab-event-uuid']];
  const delivery = ids.find((id) => id && /^[\w.:-]{1,128}$/.test(id)) ?? `vulnerability-${number ?? 'unknown'}`;
  if (number === undefined)
    return { is: 'alert', delivery, skipped: [{ index: 0, reason: 'it gives no address of a vulnerability' }] };
  const line = location?.start_line?.toString();
  const hints = { ...(location?.file && { file: location.file }), ...(line && { line }) };
  return { is: 'alert', delivery, references: [{ link: url, hints }] };
}

const who = 'gitlab';
const remedy =
  'give "token" in leakstop/sources/gitlab the scope api and a role that may read and resolve vulnerabilities there';
const vulnerability = z.object({
  state: z.enum(['detected', 'confirmed', 'opened', ...over]),
  report_type: z.string(),
  created_at: detectedAt,
  finding: z.object({ raw_metadata: z.string().nullish() }).nullish(),
});
/** A finding as the scanner reported it: https://docs.gitlab.com/development/integrations/secure/#report */
const reported = z.object({
  raw_source_code_extract: secretText,
  identifiers: z.array(z.object({ type: z.string(), value: z.string() })).catch([]),
  location: z
    .object({
      file: z.unknown().optional(),
      start_line: z.unknown().optional(),
      commit: z.object({ sha: z.unknown() }).optional().catch(undefined),
    })
    .optional()
    .catch(undefined),
});

/**
 * GraphQL does not show the matched text, nor do the lists of findings. The older interface, deprecated and not gone, does, in
 * `raw_metadata`: https://docs.gitlab.com/api/project_vulnerabilities/
 */
async function fetchFinding({ link }: Reference, { config, ask, now }: Inquiry<Config>): Promise<Fetched> {
  const outOfReach = (reason: string): Fetched => ({ is: 'out-of-reach', reason });
  const number = owns(link, config) ? numberOf(link) : undefined;
  if (number === undefined) return outOfReach('it is not at the GitLab that "url" in leakstop/sources/gitlab names');
  if (!config.token) return outOfReach('leakstop/sources/gitlab has no "token" to fetch it with');
  const headers = { authorization: bearer(config.token) };
  const answer = await ask(config.url, { method: 'GET', path: path`/api/v4/vulnerabilities/${number}`, headers });
  // Also for who may not see the project: https://docs.gitlab.com/api/vulnerabilities/
  if (answer.status === 404) return outOfReach(`gitlab shows our token no such vulnerability (404); ${remedy}`);
  const { state, report_type, created_at, finding } = bodyOf(answer, vulnerability, { who, remedy, now });
  if (over.includes(state)) return { is: 'over', reason: 'it is resolved or dismissed in GitLab' };
  if (report_type !== 'secret_detection') return { is: 'over', reason: 'it is not about a secret' };
  const { data } = jsonBytes.pipe(reported).safeParse(Buffer.from(finding?.raw_metadata ?? ''));
  if (data === undefined) return outOfReach('gitlab does not show the text that was matched');
  const { raw_source_code_extract: value, identifiers, location } = data;
  const [first] = identifiers;
  // As the Token Revocation API names a type.
  const detector = first ? `${first.type}_${first.value.replaceAll(' ', '_')}`.toLowerCase() : '';
  const sha = location?.commit?.sha;
  // Zeros are how the scanner says that it looked at no commit.
  const commit = /^0+$/.test(String(sha)) ? undefined : sha;
  const where = place.parse({ path: location?.file, line: location?.start_line, commit });
  const circumstances = { location: where, detectedAt: created_at, reference: link };
  return { is: 'found', findings: [{ scanner: 'gitlab', detector, value, circumstances }] };
}

/** What GraphQL says to who may not, or asks for what is not there. */
const denied = "The resource that you are attempting to access does not exist or you don't have permission";
const faults = z.object({ errors: z.array(z.object({ message: z.string() })).min(1) });
const noErrors = z.array(z.unknown()).max(0);
const seen = z.object({
  vulnerability: z
    .object({
      state: z.enum(['DETECTED', 'CONFIRMED', 'RESOLVED', 'DISMISSED']),
      notes: z.object({ nodes: z.array(z.object({ body: z.string() }).nullable()) }).nullish(),
    })
    .nullable(),
});
const resolved = z.object({
  vulnerabilityResolve: z.object({ vulnerability: z.object({ state: z.literal('RESOLVED') }), errors: noErrors }),
});
const noted = z.object({ createNote: z.object({ note: z.object({ id: z.string() }), errors: noErrors }) });
const seeing = 'query($id: VulnerabilityID!) { vulnerability(id: $id) { state notes(last: 50) { nodes { body } } } }';
const resolving =
  'mutation($id: VulnerabilityID!, $comment: String) { vulnerabilityResolve(input: { id: $id, comment: $comment }) { vulnerability { state } errors } }';
const noting =
  'mutation($id: NoteableID!, $comment: String!) { createNote(input: { noteableId: $id, body: $comment }) { note { id } errors } }';

/** https://docs.gitlab.com/api/graphql/reference/#mutationvulnerabilityresolve */
async function close({ link }: Reference, ending: Ending, inquiry: Inquiry<Config>): Promise<Closed> {
  const number = owns(link, inquiry.config) ? numberOf(link) : undefined;
  if (number === undefined) throw new Refused('gitlab has no such page', { remedy: 'close the alert by hand' });
  const id = `gid://gitlab/Vulnerability/${number}`;
  const { comment, incident } = ending;
  const { vulnerability: before } = (await query(inquiry, seeing, { id }, seen)) ?? {};
  if (!before) throw new Refused('gitlab shows our token no such vulnerability', { remedy });
  if (before.state === 'RESOLVED' || before.state === 'DISMISSED') return 'nothing';
  if (await query(inquiry, resolving, { id, comment }, resolved)) return 'closed';
  if (before.notes?.nodes.some((note) => note?.body.includes(incident))) return 'noted';
  if (await query(inquiry, noting, { id, comment }, noted)) return 'noted';
  throw new Refused('gitlab lets our token neither resolve the vulnerability nor comment on it', { remedy });
}

/** The data of an answer, or undefined when our token may not. @throws Refused, Unavailable, Unexpected */
async function query<Data>(
  { config: { token, url }, ask, now }: Inquiry<Config>,
  text: string,
  variables: Record<string, string>,
  data: z.ZodType<Data>,
): Promise<Data | undefined> {
  if (!token) throw new Refused('gitlab answers nobody without a token', { remedy });
  const headers = { authorization: bearer(token) };
  const body = { query: text, variables };
  const answer = await ask(url, { method: 'POST', path: path`/api/graphql`, headers, body });
  const errors = answer.status === 200 ? faults.safeParse(answer.json).data?.errors : undefined;
  if (errors?.every(({ message }) => message.startsWith(denied))) return undefined;
  if (errors) throw new Unexpected('gitlab answered 200 with errors');
  return bodyOf(answer, z.object({ data }), { who, remedy, now }).data;
}

const ownToken = z.object({
  active: z.boolean(),
  scopes: z.array(z.string()),
  expires_at: z.string().nullish().catch(undefined),
});

/** What the token says of itself, which every token may ask: https://docs.gitlab.com/api/personal_access_tokens/#get-details-on-a-personal-access-token */
async function checkup({ config, ask, now }: Inquiry<Config>): Promise<SourceCheckup> {
  const need = 'fetching and closing vulnerabilities (scope api)';
  if (!config.token)
    return { standings: [{ need, is: 'missing', remedy: 'put "token" into leakstop/sources/gitlab' }] };
  const headers = { authorization: bearer(config.token) };
  const answer = await ask(config.url, { method: 'GET', path: path`/api/v4/personal_access_tokens/self`, headers });
  const { active, scopes, expires_at } = bodyOf(answer, ownToken, { who, remedy, now });
  return {
    standings: [{ need, is: active && scopes.includes('api') ? 'granted' : 'missing', remedy }],
    endsAt: expires_at ?? undefined,
  };
}

/** https://docs.gitlab.com/user/project/integrations/webhook_events/#vulnerability-events */
export const gitlab: Source<Config> = {
  id: 'gitlab',
  title: 'GitLab',
  docs: 'https://docs.gitlab.com/user/project/integrations/webhook_events/#vulnerability-events',
  mayNameKeys: false,
  config,
  verify({ body, headers, config: { signingTokens = [], webhookTokens = [] }, now }) {
    // A signature that is there must be right: the token beside it proves less.
    if (headers['webhook-signature'] !== undefined) return isStandardWebhook({ body, headers, now }, signingTokens);
    return isOneOf(headers['x-gitlab-token'], webhookTokens);
  },
  read,
  endpoints,
  owns,
  fetch: fetchFinding,
  close,
  checkup,
};
