import { createHash, createHmac, scryptSync } from 'node:crypto';
import type { Server } from 'node:http';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { formats } from '../../../functions/reports/index.ts';
import { sources } from '../../../functions/sources/index.ts';
import { closed, type Emulators, listen, startEmulators } from '../../../lib/local/emulators.ts';
import { signedHeaders } from '../../../lib/local/follow.ts';
import { sampleSigningSecret } from '../../../lib/local/samples.ts';
import { scanners as worlds } from '../../../lib/local/scanners/index.ts';
import type { Scanner } from '../../../lib/local/scanners/scanner.ts';
import { type DatadogKey, inventedKeys, keyWithDecoys } from '../../../lib/local/vendors/datadog.ts';
import { proxyTo } from '../../support/proxy.ts';
import { admin, type Incident, testStage } from '../../support/stage.ts';

/** A key that is there to be revoked, and one that nobody knows, for every way in. */
const ways = [...Object.keys(sources), 'revoke_tokens', ...Object.keys(formats).map((id) => `report ${id}`)];
const live = inventedKeys(ways.length, 'canaries') as DatadogKey[];
const isLive = (value: string) => live.some(({ key }) => key === value);
const canariesOf = (way: string) => {
  const index = ways.indexOf(way);
  const known = live[index];
  if (known === undefined) throw new Error(`there is no way ${way}`);
  return [known.key, `canary-${index}-5e7a11ed/of+nobody`] as const;
};
const token = 'a-token-of-these-tests';
const userInfo = 'canary-of-a-clone';
const secrets: Record<string, unknown> = {
  ...Object.fromEntries(Object.entries(worlds).map(([id, { secret }]) => [id, secret])),
  ...{ standard: { secrets: [sampleSigningSecret] }, trufflehog: { tokens: [token] }, 'github-partner': {} },
};

/** A place that echoes the secret wherever it can, and the token that a repository was cloned with. */
const url = (secret: string) =>
  `https://me:${userInfo}@git.example/${encodeURIComponent(secret)}/blob?key=${encodeURIComponent(secret)}`;
const gitleaks = (secret: string) => ({ ruleId: 'generic-api-key', secret, path: `${secret}.env` });

/** What hands a report in, by its format. */
const reports: Record<keyof typeof formats, (found: readonly string[]) => unknown> = {
  gitleaks: (found) =>
    found.map((secret) => ({
      ...{ RuleID: 'generic-api-key', Secret: secret, Match: `key=${secret}`, File: `${secret}.env`, StartLine: 1 },
      ...{ Link: url(secret), Fingerprint: `${secret}.env:rule:1`, Message: secret },
    })),
  trufflehog: (found) =>
    found
      .map((secret) => ({
        ...{ DetectorName: 'DatadogApikey', Raw: secret, RawV2: secret, ExtraData: { note: secret } },
        SourceMetadata: { Data: { Git: { repository: url(secret), file: `${secret}.env`, line: 1 } } },
      }))
      .map((line) => JSON.stringify(line))
      .join('\n'),
  gitlab: (found) => ({
    vulnerabilities: found.map((secret) => ({
      ...{ id: createHash('sha256').update(secret).digest('hex'), cve: `${secret}.env:${secret}` },
      ...{ raw_source_code_extract: secret, identifiers: [{ type: 'gitleaks_rule_id', value: 'generic' }] },
      location: { file: `${secret}.env`, start_line: 1 },
    })),
  }),
  sarif: (found) => ({
    runs: [
      {
        tool: { driver: { name: 'gitleaks' } },
        results: found.map(gitleaks).map(({ ruleId, secret, path }) => ({
          ...{ ruleId, message: { text: secret } },
          locations: [{ physicalLocation: { artifactLocation: { uri: path }, region: { snippet: { text: secret } } } }],
        })),
      },
    ],
  }),
  ggshield: (found) => ({
    total_incidents: found.length,
    entities_with_incidents: found.map((secret) => ({
      filename: `${secret}.env`,
      incidents: [{ type: 'Generic', incident_url: url(secret), occurrences: [{ match: secret, line_start: 1 }] }],
    })),
  }),
};

describe('a secret that is reported', () => {
  let emulators: Emulators;
  let stage: Awaited<ReturnType<typeof testStage>>;
  const proxies: Server[] = [];
  /** What functions sent to queues outside the lane and wrote into the ledger, and what was answered to senders and operators. */
  const written: string[] = [];
  const laned: string[] = [];
  const answered: string[] = [];

  const heard = (operation: string, body: string) => {
    if (!/SendMessage|PutItem|UpdateItem/.test(operation)) return;
    (JSON.parse(body).QueueUrl?.endsWith('/leakstop-lane-datadog') ? laned : written).push(body);
  };
  const post = async (path: string, body: string, headers: Record<string, string> = {}) => {
    const answer = await stage.call('POST', path, body, headers);
    answered.push(answer.text, JSON.stringify([...answer.headers]));
    return answer;
  };
  const scanner = (id: string) => stage.scanners[id] as Scanner;

  /** How each source is told of a secret, with a signature over a body that echoes it. */
  const told: Record<string, (secret: string) => { path?: string; body: string; headers: Record<string, string> }> = {
    standard: (secret) => {
      const names = (known: string) =>
        isLive(known) ? { provider: 'datadog' } : { provider: known, account: known, [known]: known };
      const echoes = { location: { url: url(secret), path: secret }, reference: url(secret) };
      const body = JSON.stringify({ type: 'credential.leaked', data: { ...names(secret), secret, ...echoes } });
      return { body, headers: signedHeaders(body) };
    },
    'github-partner': (secret) => {
      const body = JSON.stringify([
        { token: secret, type: isLive(secret) ? 'datadog_api_key' : secret, url: url(secret), source: secret },
      ]);
      const { signAsPartner } = scanner('github') as Scanner & { signAsPartner(of: string): Record<string, string> };
      return { body, headers: signAsPartner(body) };
    },
    trufflehog: (secret) => {
      const SourceMetadata = { Data: { Git: { repository: url(secret), file: `${secret}.env` } } };
      const notice = { DetectorName: 'DatadogApikey', SourceMetadata };
      const body = JSON.stringify([
        { ...notice, Raw: secret },
        { ...notice, Raw: secret, link: url(secret) },
      ]);
      return { body, headers: { 'x-hub-signature': createHmac('sha256', token).update(body).digest('hex') } };
    },
    revoke_tokens: (secret) => {
      const gitlab = scanner('gitlab') as Scanner & {
        revoke(found: object[]): { body: string; headers: Record<string, string> };
      };
      const { headers } = gitlab.revoke([]);
      const body = JSON.stringify([{ type: secret, token: secret, location: url(secret), vulnerability: { secret } }]);
      return { path: '/sources/gitlab/revoke_tokens', body, headers };
    },
  };
  const deliveryOf = (way: string, secret: string) =>
    told[way]?.(secret) ?? scanner(way).find({ secret, detector: detectors[way] ?? 'datadog_api_key' });
  const detectors: Record<string, string> = {
    gitlab: 'gitleaks_rule_id_datadog-access-token',
    gitguardian: 'datadog_api_credentials',
  };

  beforeAll(async () => {
    emulators = await startEmulators({}, undefined);
    const through = async ([name, target]: [string, string]) => {
      const proxy = proxyTo(target, heard);
      proxies.push(proxy);
      return [name, await listen(proxy)] as const;
    };
    const endpoints = Object.entries(emulators.endpoints) as [string, string][];
    const variables = Object.fromEntries(await Promise.all(endpoints.map(through)));
    stage = await testStage({
      keys: [...live, ...keyWithDecoys(admin.apiKey, 'leakstop', 0)],
      secrets: {
        'leakstop/providers/datadog/prod': admin,
        ...Object.fromEntries(Object.keys(sources).map((id) => [`leakstop/sources/${id}`, secrets[id]])),
      },
      config: { providers: { datadog: { accounts: ['prod'] } }, sources: Object.keys(sources) },
      tuning: { variables },
    });
  });
  afterAll(async () => {
    await stage.close();
    await Promise.all(proxies.map((proxy) => closed(proxy)));
    await emulators.close();
  });

  const list = async (): Promise<Incident[]> => {
    const { json, text } = await stage.call('GET', '/incidents?limit=100');
    answered.push(text);
    return json.incidents;
  };
  /** Waits until every incident rests and no more come. */
  async function quiet(): Promise<Incident[]> {
    for (let [same, before] = [0, ''], end = Date.now() + 40_000; ; ) {
      const incidents = await list();
      const now = JSON.stringify(incidents);
      const isQuiet = now === before && incidents.every(({ state }) => state === 'closed' || state === 'parked');
      [same, before] = [isQuiet ? same + 1 : 0, now];
      if (same >= 8) return incidents;
      if (Date.now() > end) throw new Error(`not quiet: ${now}`);
      await new Promise((resolve) => setTimeout(resolve, 250));
    }
  }

  test('comes by every source and in every format, and ends in an incident', async () => {
    for (const way of [...Object.keys(sources), 'revoke_tokens']) {
      for (const secret of canariesOf(way)) {
        const {
          path = `/sources/${way}`,
          body,
          headers,
        } = deliveryOf(way, secret) as ReturnType<typeof deliveryOf> & {
          path?: string;
        };
        expect([way, (await post(path, `${body} `, { ...headers, authorization: 'x' })).text]).toEqual([way, '']);
        expect([way, (await post(path, body, headers)).status]).toEqual([way, path.includes('revoke') ? 204 : 202]);
      }
    }
    for (const id of Object.keys(formats) as (keyof typeof formats)[]) {
      const found = canariesOf(`report ${id}`);
      const report = reports[id](found);
      const body = typeof report === 'string' ? report : JSON.stringify(report);
      const { status, json } = await post(`/reports/${id}`, body);
      expect([id, status, json.accepted]).toEqual([id, 202, 2]);
      // What is refused echoes nothing either.
      expect((await post(`/reports/${id}`, `{"${found[0]}":${body.slice(0, -1)}`)).status).toBe(400);
      expect((await post(`/reports/${found[0]}`, body)).status).toBe(404);
    }
    const incidents = await quiet();
    for (const { id } of incidents) answered.push((await stage.call('GET', `/incidents/${id}`)).text);
    const seen = new Set(incidents.flatMap(({ sightings }) => sightings.map(({ source }) => source)));
    expect([...seen].sort()).toEqual([...new Set([...Object.keys(sources), ...Object.keys(formats)])].sort());
    const revoked = incidents.filter(({ outcome }) => outcome === 'revoked').flatMap(({ sightings }) => sightings);
    for (const source of ['standard', 'github', 'github-partner', 'gitguardian', 'trufflehog'])
      expect(revoked.map((sighting) => sighting.source)).toContain(source);
  }, 60_000);

  test('is seen in no log, ledger, answer or queue but its lane’s, nor a digest of it, nor what our sources sign with', async () => {
    const places = {
      log: stage.logged(),
      ledger: JSON.stringify(await stage.items()),
      written: written.join('\n'),
      answers: answered.join('\n'),
    };
    // It would be seen, were it there.
    expect(laned.some((body) => body.includes(canariesOf('standard')[0]))).toBe(true);
    const own = [token, sampleSigningSecret, admin.apiKey, admin.appKey, userInfo, ...textsIn(Object.values(worlds))];
    const values = [...ways.flatMap((way) => canariesOf(way).flatMap(formsOf)), ...own];
    for (const [place, text] of Object.entries(places)) {
      expect([place, text.length > 1000]).toEqual([place, true]);
      const small = text.toLowerCase();
      expect([place, values.filter((value) => small.includes(value.toLowerCase()))]).toEqual([place, []]);
    }
  });
});

/** A value as it stands, as it is written elsewhere, and as anyone could test a guess of it. */
function formsOf(value: string): string[] {
  const digests = ['md5', 'sha1', 'sha256', 'sha512'].flatMap((name) => {
    const digest = createHash(name).update(value).digest();
    return [digest.toString('hex'), digest.toString('base64')];
  });
  const salt = createHash('sha256').update('GitGuardian').digest();
  const hmsl = scryptSync(value, salt, 32, { N: 2048, r: 8, p: 1 }).toString('hex');
  return [value, encodeURIComponent(value), Buffer.from(value).toString('base64'), hmsl, ...digests];
}

/** The secret texts in what the simulated scanners are given; public addresses and names are none. */
function textsIn(values: { secret: object }[]): string[] {
  const texts = (value: unknown): string[] =>
    typeof value === 'string' ? [value] : Object.values(value ?? {}).flatMap(texts);
  return values
    .flatMap(({ secret }) => texts(secret))
    .filter((text) => text.length >= 16 && !text.startsWith('https:'));
}
