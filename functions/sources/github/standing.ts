import * as z from 'zod';
import { path } from '../../revocation/exchange.ts';
import { bearer } from '../../revocation/secret.ts';
import type { Inquiry, SourceCheckup, Standing } from '../../revocation/source.ts';
import { type Access, asApp, isOfApp, must, needsRight } from './rest.ts';

const given = z.object({ permissions: z.object({ secret_scanning_alerts: z.enum(['read', 'write']).optional() }) });
const installations = z.array(given.extend({ suspended_at: z.string().nullish() }));
const toInstall = 'install the GitHub App where alerts are raised, or end its suspension';

/**
 * What the App may do, and whether anybody lets it in: https://docs.github.com/rest/apps/apps. Of a token only the scopes of
 * a classic one are told: https://docs.github.com/apps/oauth-apps/building-oauth-apps/scopes-for-oauth-apps
 */
export async function standingAt(inquiry: Inquiry<Access>): Promise<SourceCheckup> {
  if (!isOfApp(inquiry)) return { standings: await standingOfToken(inquiry) };
  const call = asApp(inquiry);
  const app = must(await call('GET', path`/app`), given, inquiry.now);
  const listed = await call('GET', path`/app/installations`, { query: { per_page: '100' } });
  const all = must(listed, installations, inquiry.now);
  const open = all.filter(({ suspended_at }) => suspended_at == null);
  // Who has installed the App has to accept a right that it asks for later.
  const rights = [app, ...open].map(({ permissions }) => permissions.secret_scanning_alerts);
  return {
    standings: [
      { need: 'being let in (an installation)', is: open.length > 0 ? 'granted' : 'missing', remedy: toInstall },
      ...needs((wanted) => rights.every((right) => right === 'write' || right === wanted)),
    ],
  };
}

async function standingOfToken({ config, ask, now }: Inquiry<Access>): Promise<Standing[]> {
  if (!('token' in config)) return [];
  const headers = { accept: 'application/vnd.github+json', authorization: bearer(config.token) };
  const where = config.apiUrl.base === '' ? path`/rate_limit` : path`/api/v3/rate_limit`;
  const answer = await ask(config.apiUrl.origin, { method: 'GET', path: where, headers });
  must(answer, z.object({}), now);
  const scopes = answer.header('x-oauth-scopes');
  // A fine-grained token has no scopes, and does not say what it may do.
  if (scopes === undefined || scopes === '') return needs(() => undefined);
  const has = scopes.split(',').map((scope) => scope.trim());
  return needs(() => has.includes('repo') || has.includes('security_events'));
}

const needs = (isGiven: (right: 'read' | 'write') => boolean | undefined): Standing[] =>
  (
    [
      ['read', 'fetching alerts (Secret scanning alerts: read)'],
      ['write', 'closing alerts (Secret scanning alerts: write)'],
    ] as const
  ).map(([right, need]) => {
    const is = isGiven(right);
    return { need, is: is === undefined ? 'unknown' : is ? 'granted' : 'missing', remedy: needsRight };
  });
