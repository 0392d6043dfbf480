import * as z from 'zod';
import { deliveryName, jsonOf } from '../revocation/delivery.ts';
import { Refused, Unavailable, Unexpected } from '../revocation/errors.ts';
import { path } from '../revocation/exchange.ts';
import type { Leak } from '../revocation/leak.ts';
import { isSecretValue, Secret, secretText, secretValue } from '../revocation/secret.ts';
import { isHmacHex } from '../revocation/signature.ts';
import type { Delivery, Fetched, Reading, Source } from '../revocation/source.ts';
import { appId, type Call, enter, isGone, listed, must, needsRight, privateKey, site, waitOf } from './github/rest.ts';
import { standingAt } from './github/standing.ts';
import { openAlerts, redeliver } from './github/sweep.ts';

const webhookSecret = z
  .string()
  .min(1)
  .max(1024)
  .transform((value) => new Secret(value));
const shared = { webhookSecrets: z.array(webhookSecret).min(1).max(10), apiUrl: site };
const config = z.union([
  z.strictObject({ ...shared, token: secretValue }),
  z.strictObject({ ...shared, appId, privateKey }),
]);
type Config = z.infer<typeof config>;

interface Place {
  owner: string;
  repository: string;
  number: string;
}

/** What an alert's page is about; undefined for any other page, and for pages of another GitHub than ours. */
function placeOf(link: string, { apiUrl: { pages } }: Config): Place | undefined {
  const home = pages.find((one) => link.startsWith(`${one}/`));
  if (home === undefined) return undefined;
  const form = /^\/([A-Za-z0-9][\w-]{0,99})\/([\w.-]{1,100})\/security\/secret-scanning\/([1-9]\d{0,9})$/;
  const [, owner, repository, number] = form.exec(link.slice(home.length)) ?? [];
  if (owner === undefined || repository === undefined || number === undefined) return undefined;
  return /^\.\.?$/.test(repository) ? undefined : { owner, repository, number };
}

const alertPath = ({ owner, repository, number }: Place) =>
  path`/repos/${owner}/${repository}/secret-scanning/alerts/${number}`;

/** Event → the actions that tell of a key to kill. Closing ones are left out: most of them are our own doing. */
const news: Readonly<Record<string, readonly string[]>> = {
  secret_scanning_alert: ['created', 'publicly_leaked', 'reopened', 'validated'],
  secret_scanning_alert_location: ['created'],
};
const isNews = (event: string, action: string | null | undefined) =>
  Object.hasOwn(news, event) && news[event]?.includes(action ?? '') === true;

const titles = z.object({
  'x-github-event': z.string(),
  'x-github-delivery': z
    .string()
    .regex(/^[\w.:-]{1,128}$/)
    .optional(),
});
// The payload may hold the alert's secret: it is not looked at, the alert is fetched.
const message = z.object({ action: z.string() });
/** What every message about an alert has; the page's address is made where it is not told. */
const messageOf = (config: Config) =>
  z
    .object({
      alert: z.object({
        html_url: z.string().nullish(),
        number: z.union([z.int(), z.string()]).optional().catch(undefined),
        validity: z.string().nullish(),
      }),
      repository: z.object({ full_name: z.string() }).nullish().catch(undefined),
    })
    .transform(({ alert: { html_url, number, validity }, repository }) => ({
      link: html_url ?? `${config.apiUrl.pages[0]}/${repository?.full_name}/security/secret-scanning/${number}`,
      validity,
    }))
    .refine(({ link }) => placeOf(link, config) !== undefined, {
      error: 'must name an alert at the GitHub that is configured',
      path: ['alert', 'html_url'],
    });

/** GitHub sends JSON, or a form with the JSON in its one field. */
function contentOf({ body, headers }: Pick<Delivery<Config>, 'body' | 'headers'>): unknown {
  if (!/^application\/x-www-form-urlencoded\b/i.test(headers['content-type'] ?? '')) return jsonOf(body);
  const form = new URLSearchParams(new TextDecoder().decode(body));
  return jsonOf(Buffer.from(form.get('payload') ?? ''));
}

const text = (max: number) => z.string().min(1).max(max).nullish().catch(undefined);
const flag = z.boolean().nullish().catch(undefined);
const details = z.object({
  path: text(1024),
  start_line: z.int().min(0).nullish().catch(undefined),
  commit_sha: text(128),
  html_url: text(2048),
  page_url: text(2048),
});
const locations = z.array(z.object({ details }));
const state = z.enum(['open', 'resolved']);
const shownAlert = z.object({
  state,
  secret_type: text(256),
  secret: z.unknown().optional(),
  is_base64_encoded: flag,
  publicly_leaked: flag,
  created_at: z.iso.datetime({ offset: true }).nullish().catch(undefined),
  first_location_detected: details.nullish().catch(undefined),
  has_more_locations: flag,
});
type ShownAlert = z.infer<typeof shownAlert>;
type Details = z.infer<typeof details>;

/** The value of an alert. Whether an encoded one is shown encoded is not documented, so it is decoded where that gives a value. */
function keyOf({ secret, is_base64_encoded }: ShownAlert): Secret | undefined {
  const shown = secretText.safeParse(secret);
  if (!shown.success || !is_base64_encoded) return shown.data;
  const encoded = shown.data.expose();
  const decoded = new Secret(Buffer.from(encoded, 'base64').toString('utf8').trim());
  return /^[\w+/-]+={0,2}$/.test(encoded) && isSecretValue(decoded) ? decoded : shown.data;
}

const isCommit = (place: Details) => Boolean(place.path && place.commit_sha && !place.page_url);

/** Where it was found: in a commit, if in any. This only describes the leak: that it is missing keeps nobody from acting. */
async function locationOf(call: Call, place: Place, alert: ShownAlert, now: number): Promise<Leak['location']> {
  const first = alert.first_location_detected;
  const isEnough = first && (isCommit(first) || alert.has_more_locations === false);
  const { owner, repository, number } = place;
  const where = path`/repos/${owner}/${repository}/secret-scanning/alerts/${number}/locations`;
  const others = isEnough ? [] : (await listed(call, where, locations, { now, pages: 2 }).catch(unreadable)).items;
  const all = [...(first ? [first] : []), ...others.map((other) => other.details)];
  const best = all.find(isCommit) ?? all[0];
  if (best === undefined) return undefined;
  const { path: file, start_line, commit_sha, html_url, page_url } = best;
  const given = { url: html_url ?? page_url, path: file, line: start_line, commit: commit_sha };
  return Object.fromEntries(Object.entries(given).filter(([, value]) => value != null));
}

/** A list that cannot be had now, or not by us. */
function unreadable(error: unknown): { items: never[] } {
  if ([Unavailable, Refused, Unexpected].some((fault) => error instanceof fault)) return { items: [] };
  throw error;
}

const outOfReach = (reason: string): Fetched => ({ is: 'out-of-reach', reason });
const unknownLink = 'the link is not of an alert at the GitHub that leakstop/sources/github names (apiUrl)';
const notInstalled =
  'the GitHub App is not installed on the repository (install it there), or the repository has moved';
const notShown = `GitHub does not show us the alert: the repository has moved, secret scanning is off there, or a right is missing: ${needsRight}`;
const noValue = 'GitHub shows no value for this alert';

/** GitHub secret scanning: https://docs.github.com/webhooks/webhook-events-and-payloads#secret_scanning_alert, https://docs.github.com/rest/secret-scanning/secret-scanning */
export const github: Source<Config> = {
  id: 'github',
  title: 'GitHub',
  docs: 'https://docs.github.com/webhooks/webhook-events-and-payloads#secret_scanning_alert',
  mayNameKeys: false,
  config,
  verify({ body, headers, config }) {
    const [, given] = /^sha256=([0-9a-f]{64})$/.exec(headers['x-hub-signature-256'] ?? '') ?? [];
    return given !== undefined && isHmacHex(given, body, config.webhookSecrets);
  },
  read({ body, headers, config, now }): Reading {
    const titled = titles.safeParse(headers);
    if (!titled.success) return { is: 'malformed', error: titled.error };
    const { 'x-github-event': event, 'x-github-delivery': name } = titled.data;
    const json = contentOf({ body, headers });
    const told = (Object.hasOwn(news, event) ? message : z.looseObject({})).safeParse(json);
    if (!told.success) return { is: 'malformed', error: told.error };
    const { action } = told.data;
    if (typeof action !== 'string' || !isNews(event, action)) return { is: 'nothing' };
    const about = messageOf(config).safeParse(json);
    if (!about.success) return { is: 'malformed', error: about.error };
    const { link, validity } = about.data;
    if (action === 'validated' && validity !== 'active') return { is: 'nothing' };
    return { is: 'alert', delivery: name ?? deliveryName([[event, action, link]], now), references: [{ link }] };
  },
  owns: (link, config) => placeOf(link, config) !== undefined,
  async fetch({ link }, inquiry) {
    const { config, now } = inquiry;
    const place = placeOf(link, config);
    if (place === undefined) return outOfReach(unknownLink);
    const call = await enter(inquiry, place, 'read');
    if (call === undefined) return outOfReach(notInstalled);
    const answer = await call('GET', alertPath(place));
    if (isGone(answer)) return outOfReach(notShown);
    const alert = must(answer, shownAlert, now);
    if (alert.state === 'resolved') return { is: 'over', reason: 'the alert is closed at GitHub' };
    const value = keyOf(alert);
    if (value === undefined) return outOfReach(noValue);
    const circumstances = {
      location: await locationOf(call, place, alert, now),
      exposure: alert.publicly_leaked ? ('public' as const) : ('unknown' as const),
      detectedAt: alert.created_at ?? undefined,
      reference: link,
    };
    return { is: 'found', findings: [{ scanner: 'github', detector: alert.secret_type ?? '', value, circumstances }] };
  },
  async close({ link }, { comment }, inquiry) {
    const { config, now } = inquiry;
    const place = placeOf(link, config);
    if (place === undefined) throw new Refused('github has no such alert', { remedy: unknownLink });
    const call = await enter(inquiry, place, 'write');
    if (call === undefined) throw new Refused('github does not let the App in', { remedy: notInstalled });
    const where = alertPath(place);
    const isClosed = async () => {
      const answer = await call('GET', where, { query: { hide_secret: 'true' } });
      if (isGone(answer)) throw new Refused('github does not show the alert', { remedy: notShown });
      return must(answer, z.object({ state }), now).state === 'resolved';
    };
    if (await isClosed()) return 'nothing';
    // First that the key is dead: that stays, if closing is for reviewers only. Servers up to 3.19 do not know it (422).
    const marked = await call('PATCH', where, { body: { validity: 'inactive' } });
    const isMarked = ![400, 422].includes(marked.status) && must(marked, z.object({ state }), now) !== undefined;
    const body = { state: 'resolved', resolution: 'revoked', resolution_comment: comment.slice(0, 280) };
    const resolved = await call('PATCH', where, { body });
    if (resolved.status === 403 && waitOf(resolved, now) === undefined && isMarked) return 'noted';
    if ([400, 422].includes(resolved.status) && (await isClosed())) return 'nothing';
    must(resolved, z.object({ state: z.literal('resolved') }), now);
    return 'closed';
  },
  async listOpen(after, inquiry) {
    const { items, more } = await openAlerts(inquiry, after);
    const links = new Set(items);
    const own = [...links].filter((link) => placeOf(link, inquiry.config) !== undefined);
    const references = own.slice(0, 1000).map((link) => ({ link }));
    return { references, skipped: links.size - own.length, more: more || own.length > references.length };
  },
  checkup: standingAt,
  redeliver: (inquiry) => redeliver(inquiry, ({ event, action }) => isNews(event, action)),
};
