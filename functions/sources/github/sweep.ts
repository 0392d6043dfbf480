import * as z from 'zod';
import { Refused, Unavailable, Unexpected } from '../../revocation/errors.ts';
import { type Path, path } from '../../revocation/exchange.ts';
import type { Inquiry } from '../../revocation/source.ts';
import {
  type Access,
  type App,
  asApp,
  asInstallation,
  type Call,
  isOfApp,
  type Listed,
  listed,
  must,
  pageSize,
  pagesAtMost,
} from './rest.ts';

const alerts = z.array(z.object({ html_url: z.string(), created_at: z.iso.datetime({ offset: true }) }));
const installations = z.array(
  z.object({
    id: z.int().positive(),
    account: z.object({ login: z.string(), type: z.string().nullish() }).nullish(),
    suspended_at: z.string().nullish(),
  }),
);
const repositories = z
  .object({ repositories: z.array(z.object({ name: z.string(), owner: z.object({ login: z.string() }) })) })
  .transform((shown) => shown.repositories);

const needsApp = 'for missed alerts to be found, put the appId and privateKey of an App into leakstop/sources/github';

const day = 86_400_000;
/** How long GitHub keeps a delivery: https://docs.github.com/webhooks/using-webhooks/handling-failed-webhook-deliveries */
const deliveriesKept = 3 * day;
const redeliveriesAtMost = 50;
const triesAtMost = 5;
const deliveries = z.array(
  z.object({
    // Larger than a number can tell exactly, and then read as text: https://github.com/octokit/request.js/issues/797
    id: z.union([z.string().regex(/^\d{1,20}$/), z.int().transform(String)]),
    guid: z.string(),
    delivered_at: z.iso.datetime({ offset: true }),
    status_code: z.number().nullish(),
    event: z.string(),
    action: z.string().nullish(),
  }),
);
type WebhookDelivery = z.infer<typeof deliveries>[number];

/**
 * The pages of the alerts that are open and were found after `after` (ISO 8601), wherever the App is installed. `more`: some were
 * not read. @throws Refused with a token, which does not say what it is for; as every question does
 */
export async function openAlerts(inquiry: Inquiry<Access>, after: string): Promise<Listed<string>> {
  if (!isOfApp(inquiry)) throw new Refused('github does not say what a token is for', { remedy: needsApp });
  const known = await listed(asApp(inquiry), path`/app/installations`, installations, { now: inquiry.now });
  const found: Listed<string>[] = [{ items: [], more: known.more }];
  for (const installation of known.items.filter(({ suspended_at }) => !suspended_at)) {
    const list = await openIn(inquiry, installation, after).catch(unreadable);
    // What was found by now is not lost with the rest.
    if (list instanceof Unavailable && found.every(({ items }) => items.length === 0)) throw list;
    if (list instanceof Unavailable) return joined([...found, { items: [], more: true }]);
    found.push(list);
  }
  return joined(found);
}

/** One installation that keeps us out does not hide the others. */
function unreadable(error: unknown): Listed<string> | Unavailable {
  if (error instanceof Refused || error instanceof Unexpected) return { items: [], more: true };
  if (error instanceof Unavailable) return error;
  throw error;
}

const joined = (lists: Listed<string>[]): Listed<string> => ({
  items: lists.flatMap(({ items }) => items),
  more: lists.some(({ more }) => more),
});

/** Of an organisation in one list, of a person repository by repository. */
async function openIn(
  inquiry: Inquiry<App>,
  { id, account }: z.infer<typeof installations>[number],
  after: string,
): Promise<Listed<string>> {
  const call = await asInstallation(inquiry, id, { permissions: { secret_scanning_alerts: 'read' } });
  const { now } = inquiry;
  const query = { state: 'open', hide_secret: 'true' };
  const isOld = ({ created_at }: z.infer<typeof alerts>[number]) => Date.parse(created_at) < Date.parse(after);
  const openAt = async (where: Path) => {
    const { items, more } = await listed(call, where, alerts, { now, query, isEnough: isOld });
    return { items: items.filter((alert) => !isOld(alert)).map(({ html_url }) => html_url), more };
  };
  if (account?.type === 'Organization') return openAt(path`/orgs/${account.login}/secret-scanning/alerts`);
  const known = await listed(call, path`/installation/repositories`, repositories, { now, pages: 1 });
  const found: Listed<string>[] = [{ items: [], more: known.more }];
  for (const { name, owner } of known.items)
    found.push(await openAt(path`/repos/${owner.login}/${name}/secret-scanning/alerts`));
  return joined(found);
}

/**
 * Has GitHub send again what `isWanted` and did not arrive; answers how many deliveries. It sends nothing twice by itself. One that
 * it does not send again holds back no other. @throws Unexpected when it sends none of them, and as every question does
 */
export async function redeliver(
  inquiry: Inquiry<Access>,
  isWanted: (delivery: WebhookDelivery) => boolean,
): Promise<number> {
  if (!isOfApp(inquiry)) return 0;
  const call = asApp(inquiry);
  const lost = lostOf((await recentDeliveries(call, inquiry.now)).filter(isWanted)).slice(0, redeliveriesAtMost);
  let sent = 0;
  let refused: unknown;
  for (const id of lost) {
    try {
      must(await call('POST', path`/app/hook/deliveries/${id}/attempts`), z.unknown(), inquiry.now);
      sent += 1;
    } catch (error) {
      if (!(error instanceof Unexpected)) throw error;
      refused = error;
    }
  }
  if (refused !== undefined && sent === 0) throw refused;
  return sent;
}

/** Newest first. */
async function recentDeliveries(call: Call, now: number): Promise<WebhookDelivery[]> {
  const recent: WebhookDelivery[] = [];
  let cursor: string | undefined;
  for (let page = 0; page < pagesAtMost; page += 1) {
    const query = { per_page: String(pageSize), ...(cursor !== undefined && { cursor }) };
    const answer = await call('GET', path`/app/hook/deliveries`, { query });
    const next = must(answer, deliveries, now);
    const young = next.filter(({ delivered_at }) => Date.parse(delivered_at) >= now - deliveriesKept);
    recent.push(...young);
    cursor = cursorIn(answer.header('link') ?? '');
    if (cursor === undefined || young.length < next.length) break;
  }
  return recent;
}

const cursorIn = (link: string) => {
  const [, given] = /<[^>]*[?&]cursor=([\w.~%+=-]{1,500})[^>]*>;\s*rel="next"/.exec(link) ?? [];
  return given === undefined ? undefined : (new URLSearchParams(`cursor=${given}`).get('cursor') ?? undefined);
};

/** The newest id of each message that has not arrived once and was not tried too often. */
function lostOf(newestFirst: WebhookDelivery[]): string[] {
  const told = Object.groupBy(newestFirst, ({ guid }) => guid);
  return Object.values(told).flatMap((tries = []) => {
    const arrived = tries.some(({ status_code }) => status_code != null && status_code >= 200 && status_code < 400);
    const id = tries[0]?.id;
    return arrived || tries.length >= triesAtMost || id === undefined ? [] : [id];
  });
}
