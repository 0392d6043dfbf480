import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { names } from '../../functions/manifest.ts';
import { createSend } from '../../functions/platform/http.ts';
import { providers } from '../../functions/providers/index.ts';
import type { Path } from '../../functions/revocation/exchange.ts';
import type { Providers } from '../../functions/revocation/provider.ts';
import { Secret } from '../../functions/revocation/secret.ts';
import { type Check, lineOf, type Problem } from '../../lib/doctor/check.ts';
import { inFile } from '../../lib/doctor/deployed.ts';
import { type DoctorOptions, readDoctorOptions } from '../../lib/doctor/options.ts';
import { examine } from '../../lib/doctor/provider.ts';
import { readingOnly } from '../../lib/doctor/reading-only.ts';
import { startSimulation } from '../../lib/doctor/simulated.ts';
import { diagnose } from '../../lib/doctor.ts';
import { startEmulators } from '../../lib/local/emulators.ts';
import { BadOption } from '../../lib/local/options.ts';
import { cloudOf, createResources } from '../../lib/local/resources.ts';
import { type SecretValues, sampleSecrets } from '../../lib/local/samples.ts';
import { sampleSlackSecret } from '../../lib/local/slack.ts';
import { loadWorlds } from '../../lib/local/stage.ts';
import { inventedKeys } from '../../lib/local/vendors/datadog.ts';
import { type BadState, badStates, type Trouble, type World } from '../../lib/local/vendors/vendor.ts';

const registry: Providers = providers;
let worlds: Record<string, World>;
let folder: string;
beforeAll(async () => {
  worlds = await loadWorlds();
  folder = mkdtempSync(join(tmpdir(), 'leakstop-'));
});
afterAll(() => rmSync(folder, { recursive: true }));

function file(name: string, content: unknown): string {
  const path = join(folder, name);
  writeFileSync(path, typeof content === 'string' ? content : JSON.stringify(content));
  return path;
}

/** Every text in a secret that somebody could use. */
function secretsIn(values: unknown): string[] {
  if (typeof values === 'string') return values.length >= 12 ? [values] : [];
  if (values === null || typeof values !== 'object') return [];
  const open =
    /^(site|portal|region|host|orgId|organizationId|clientId|publicKey|email|channel|appId|apiUrl|keysUrl|url)$/;
  return Object.entries(values).flatMap(([name, value]) => (open.test(name) ? [] : secretsIn(value)));
}

/** Signing in, and what asks Slack who we are: nothing else is sent but to read. */
const harmless = /^(GET |POST \/api\/oauth\/token$|POST \/user\/authenticate$|POST \/api\/auth\.test$)/;

interface Scene {
  /** What the file of secrets holds; the simulated world knows the samples. */
  secrets?: SecretValues;
  configuration?: object;
  spoilt?: DoctorOptions['spoilt'];
  /** Bad days of a provider or source, by its id. */
  troubles?: Record<string, Trouble[]>;
  alter?(simulation: Simulation): void;
}
type Simulation = Awaited<ReturnType<typeof startSimulation>>;

/** Has the doctor look at a simulated world; whatever the world, nothing is changed in it and nothing secret is told. */
async function seen({ secrets, configuration, spoilt = [], troubles = {}, alter }: Scene = {}): Promise<Check[]> {
  const known = sampleSecrets(worlds);
  const simulation = await startSimulation(worlds, { secrets: { ...known, ...secrets }, spoilt });
  const everybody = { ...simulation.vendors, ...simulation.scanners, slack: simulation.slack };
  for (const [id, bad] of Object.entries(troubles)) everybody[id as 'slack']?.troubles.push(...bad);
  alter?.(simulation);
  const values = { ...known, ...secrets };
  const { configuration: written } = readDoctorOptions(
    ['--secrets', file('secrets.json', values)],
    {},
    worlds,
  ) as DoctorOptions;
  try {
    const checks: Check[] = [];
    for await (const check of diagnose({
      configuration: configuration ?? written,
      configurationName: 'configuration',
      safe: inFile(values),
      fetch: simulation.fetch,
      now: Date.now,
    }))
      checks.push(check);
    const sent = Object.values(everybody).flatMap(({ arrivals }) =>
      arrivals.map(({ method, target }) => `${method} ${target}`),
    );
    expect(sent.filter((line) => !harmless.test(line))).toEqual([]);
    const vendors = Object.values(simulation.vendors);
    expect(vendors.flatMap(({ deletions }) => deletions)).toEqual([]);
    const told = checks.map(lineOf).join('\n') + JSON.stringify(checks);
    expect(secretsIn(values).filter((secret) => told.includes(secret))).toEqual([]);
    for (const { is, problem, detail } of checks)
      expect(is === 'well' ? [problem] : [typeof problem, typeof detail]).toEqual(
        is === 'well' ? [undefined] : ['string', 'string'],
      );
    return checks;
  } finally {
    await simulation.close();
  }
}

const wrongIn = (checks: Check[]) => checks.filter(({ is }) => is !== 'well');
const only = (id: string, accounts: string[]) => ({ providers: { [id]: { accounts } } });
const sampleAccounts = () =>
  Object.entries(worlds).flatMap(([id, { accounts }]) => Object.keys(accounts).map((account) => ({ id, account })));

describe('the doctor', () => {
  test('finds everything well in the sample world, and names each thing that it looked at', async () => {
    const checks = await seen();
    expect(wrongIn(checks)).toEqual([]);
    const told = checks.map(({ name }) => name);
    for (const { id, account } of sampleAccounts()) {
      expect(told).toContain(`secret ${names.providerSecret(id, account)}`);
      expect(told).toContain(`${id} ${account}: sign in`);
      for (const [kind, { disable }] of Object.entries(registry[id]?.kinds ?? {})) {
        expect(told).toEqual(
          expect.arrayContaining([`${id} ${account}: list ${kind}s`, `${id} ${account}: delete ${kind}`]),
        );
        expect(told.includes(`${id} ${account}: disable ${kind}`)).toBe(disable !== undefined);
      }
    }
  });

  test('knows of every kind of key which right deletes it, and which one disables it', () => {
    for (const { checkup, kinds } of Object.values(registry))
      for (const [id, { disable }] of Object.entries(kinds)) {
        const named = (checkup?.rights ?? []).filter(({ kinds: own }) => own?.includes(id) ?? true);
        const tasks = named.flatMap((right) => right.tasks);
        expect(tasks).toEqual(expect.arrayContaining(['list', 'delete', ...(disable ? ['disable'] : [])]));
      }
  });

  /** What each provider lets be told of each state: Datadog answers a wrong key, a wrong site and a blocked address alike. */
  const told: Record<string, Partial<Record<BadState, [Problem, RegExp, RegExp]>>> = {
    datadog: {
      'wrong-key': ['refused', /does not accept its (API key|access token)/, /site/],
      'missing-right': ['right-missing', /api_keys_delete/, /permission api_keys_delete/],
      expired: ['refused', /expired/, /new access token/],
      'expires-soon': ['expires-soon', /ends on \d{4}-\d\d-\d\d/, /new one/],
      elsewhere: ['refused', /another site's/, /site/],
      blocked: ['refused', /does not accept/, /IP allowlist/],
    },
    'mongodb-atlas': {
      'wrong-key': ['refused', /wrong, deleted or expired/, /secret/],
      'missing-right': ['right-missing', /Organization Owner/, /ORG_OWNER/],
      expired: ['refused', /expired/, /secret/],
      'expires-soon': ['expires-soon', /ends on/, /new one/],
      elsewhere: ['elsewhere', /does not belong to the organization/, /orgId/],
      blocked: ['blocked', /access list/, /add 203\.0\.113\.7 to the API access list/],
    },
    docspace: {
      'wrong-key': ['refused', /wrong, deleted, switched off or expired/, /new API key/],
      'missing-right': ['right-missing', /DocSpace admin/, /DocSpace admin made/],
      expired: ['refused', /expired/, /new API key/],
      'expires-soon': ['expires-soon', /ends on/, /new one/],
      elsewhere: ['elsewhere', /no DocSpace portal/, /portal/],
      blocked: ['blocked', /address/, /IP security/],
    },
    coveo: {
      'wrong-key': ['expired', /4 hours at most, or it is wrong/, /new access token/],
      'missing-right': ['right-missing', /API_KEY: EDIT/, /edit all API keys/],
      expired: ['expired', /4 hours/, /new access token/],
      elsewhere: ['elsewhere', /no organization/, /organizationId and region/],
      blocked: ['blocked', /firewall/, /ask Coveo/],
    },
    resolver: {
      'wrong-key': ['refused', /does not accept it|refuses the sign-in/, /host/],
      'missing-right': ['right-missing', /./, /administrator/],
      elsewhere: ['elsewhere', /does not know|refuses/, /host/],
    },
  };

  test.each(Object.keys(providers).flatMap((id) => badStates.map((state) => ({ id, state }))))(
    'names $state at $id, with the remedy, and leaves the other accounts as they are',
    async ({ id, state }) => {
      const expected = told[id]?.[state];
      let met = 0;
      for (const account of Object.keys(worlds[id]?.accounts ?? {})) {
        const spoilt = [{ provider: id, account, state }];
        const configuration = only(id, Object.keys(worlds[id]?.accounts ?? {}));
        const simulated = await seen({ spoilt, configuration }).catch((error) => {
          if (error instanceof BadOption) return undefined;
          throw error;
        });
        if (simulated === undefined) continue;
        met += 1;
        const wrong = wrongIn(simulated);
        expect(wrong.length).toBeGreaterThan(0);
        for (const { name, problem, detail, remedy } of wrong) {
          expect(name.startsWith(`${id} ${account}: `)).toBe(true);
          // An organisation that a sign-in does not know is refused like a wrong password.
          expect([expected?.[0], ...(id === 'resolver' ? ['refused'] : [])]).toContain(problem);
          expect(detail).toMatch(
            state === 'missing-right' ? /right is missing|refused \(403\)/ : (expected?.[1] ?? /^$/),
          );
          expect(remedy).toMatch(expected?.[2] ?? /^$/);
        }
      }
      expect(met > 0).toBe(expected !== undefined);
    },
  );

  test.each([
    'api_keys_read',
    'api_keys_delete',
    'api_keys_write',
    'org_app_keys_read',
    'org_app_keys_write',
    'user_access_read',
    'service_account_write',
  ])(
    'says what Leakstop could not do at Datadog without %s, for keys and for tokens, by roles and by scopes',
    async (missing) => {
      const all = (registry.datadog?.checkup?.rights ?? []).map(({ name }) => name);
      const rest = [...all.filter((name) => name !== missing), 'user_app_keys'];
      const right = (registry.datadog?.checkup?.rights ?? []).find(({ name }) => name === missing);
      // A service account's token that may not list tokens is not shown its own scopes either.
      const areHidden = missing === 'service_account_write';
      const limits = [
        (org: DatadogWorld['organisations'][number]) => {
          for (const admin of org.admins) admin.rights = rest;
        },
        (org: DatadogWorld['organisations'][number]) => {
          const tokens = (org.users ?? []).flatMap(({ accessTokens = [] }) => accessTokens);
          const own = [...(org.applicationKeys ?? []), ...tokens].filter(({ key }) =>
            org.admins.some(({ appKey, accessToken }) => key === appKey || key === accessToken),
          );
          expect(own.length).toBeGreaterThan(0);
          for (const key of own) key.scopes = rest;
        },
      ];
      for (const limit of limits) {
        const checks = await seen({
          configuration: { ...only('datadog', ['prod', 'eu']), drill: { accounts: { datadog: ['prod', 'eu'] } } },
          alter: ({ vendors }) => (vendors.datadog as unknown as DatadogWorld).organisations.forEach(limit),
        });
        for (const account of ['prod', 'eu'])
          for (const kind of right?.kinds ?? [])
            for (const task of right?.tasks ?? []) {
              const name = `datadog ${account}: ${task === 'list' ? `list ${kind}s` : `${task} ${kind}`}`;
              const check = checks.find((one) => one.name === name);
              if (check === undefined) expect(task).toBe('read one');
              else {
                expect(areHidden ? ['right-missing', 'cannot-tell'] : ['right-missing']).toContain(check.problem);
                expect(check.remedy).toContain(missing);
              }
            }
        const others = wrongIn(checks).filter(({ remedy }) => !remedy?.includes(missing));
        expect(others.filter(({ problem }) => !(areHidden && problem === 'cannot-tell'))).toEqual([]);
      }
    },
  );

  test('looks where drills are whether their keys can be made, and nowhere else', async () => {
    const drill = { accounts: { datadog: ['prod'], docspace: ['prod'], 'mongodb-atlas': ['prod'] } };
    const both = { accounts: ['prod', 'eu'] };
    const one = { accounts: ['prod'] };
    const providers = { datadog: both, docspace: one, 'mongodb-atlas': one };
    const checks = await seen({ configuration: { providers, drill } });
    expect(wrongIn(checks)).toEqual([]);
    const made = checks.flatMap(({ name }) => (name.includes(': make ') ? [name] : []));
    expect(made).toEqual(Object.keys(providers).map((id) => `${id} prod: make api-key`));
  });

  test('grants nothing by a key that is among more than Datadog lists at once', async () => {
    const checks = await seen({
      configuration: only('datadog', ['prod']),
      alter: ({ vendors }) => {
        for (const org of (vendors.datadog as unknown as DatadogWorld).organisations) {
          const own = org.applicationKeys?.find(({ key }) => org.admins.some(({ appKey }) => appKey === key));
          const others = inventedKeys(150, 'many').map((key) => ({ ...key, owner: own?.owner }));
          if (own) org.applicationKeys?.unshift(...(others as typeof org.applicationKeys));
        }
      },
    });
    const deletions = checks.filter(({ name }) => name.startsWith('datadog prod: delete '));
    expect(deletions.map(({ problem }) => problem)).toEqual(deletions.map(() => 'cannot-tell'));
    expect(deletions.length).toBeGreaterThan(0);
  });

  test.each([
    ['datadog', 'DELETE', '/api/v2/api_keys/key-1', false],
    ['datadog', 'POST', '/api/v2/api_keys', false],
    ['coveo', 'PUT', '/rest/organizations/acme/apikeys/key-1/disable', false],
    ['datadog', 'POST', '/api/auth.test', false],
    ['slack', 'POST', '/api/chat.postMessage', false],
    ['slack', 'POST', '/api/auth.test', true],
    ['datadog', 'GET', '/api/v2/api_keys', true],
  ] as const)('sends to %s, of what it is asked for, %s %s: %j', async (provider, method, where, isSent) => {
    const sent: string[] = [];
    const send = readingOnly(async (_, request) => {
      sent.push(request.path);
      return { status: 200, json: {}, empty: false, header: () => undefined };
    });
    const to = { provider, origin: 'https://api.example.com', deadline: Date.now() + 1000 };
    const sending = send(to, { method, path: where as Path }).then(
      () => true,
      () => false,
    );
    expect(await sending).toBe(isSent);
    expect(sent).toEqual(isSent ? [where] : []);
  });

  test('takes a list of the own keys alone for no list', async () => {
    const spoilt = [{ provider: 'docspace', account: 'prod', state: 'missing-right' as const }];
    const checks = await seen({ configuration: only('docspace', ['prod']), spoilt });
    expect(wrongIn(checks).map(({ name }) => name)).toEqual(
      ['list api-keys', 'delete api-key', 'disable api-key'].map((what) => `docspace prod: ${what}`),
    );
  });

  test('cannot tell what a key may delete whose scopes it is not shown, and does not take that for a right', async () => {
    const hide = { on: /current_user\/application_keys/, reply: { status: 403, body: { errors: ['Forbidden'] } } };
    const checks = await seen({ configuration: only('datadog', ['prod']), troubles: { datadog: [hide] } });
    const wrong = wrongIn(checks);
    expect(wrong.map(({ name, is, problem }) => [name, is, problem])).toEqual(
      ['api-key', 'application-key', 'personal-access-token', 'service-access-token'].map((kind) => [
        `datadog prod: delete ${kind}`,
        'unknown',
        'cannot-tell',
      ]),
    );
    for (const { detail } of wrong) expect(detail).toMatch(/did not show the permissions and the scopes/);
  });

  test.each([
    { id: 'coveo', on: /privileges\/me/ },
    { id: 'docspace', on: /people/ },
    { id: 'resolver', on: /users\/me/ },
    { id: 'mongodb-atlas', on: /v2$|serviceAccounts\/mdb/ },
    { id: 'datadog', on: /current_user$/ },
  ])('grants nothing at $id where an answer is none that its documentation knows', async ({ id, on }) => {
    const replies = [{ status: 200, body: '<html>maintenance</html>' }, { status: 200, body: {} }, { status: 418 }];
    for (const reply of replies) {
      const account = Object.keys(worlds[id]?.accounts ?? {})[0] ?? '';
      const checks = await seen({ configuration: only(id, [account]), troubles: { [id]: [{ on, reply }] } });
      for (const check of checks.filter(({ name }) => /: (delete|disable) /.test(name)))
        expect(check).toMatchObject({ is: 'unknown', problem: 'cannot-tell' });
    }
  });

  test('grants nothing at a provider that has no such questions', async () => {
    const simulation = await startSimulation(worlds, { secrets: sampleSecrets(worlds) });
    const { checkup: _, ...provider } = registry.coveo as Providers[string];
    const admin = provider.admin.parse(worlds.coveo?.accounts.prod);
    const checks: Check[] = [];
    const send = createSend({ now: Date.now, fetch: simulation.fetch });
    const signed: typeof send = (to, { as, ...request }) =>
      send(to, { ...request, headers: as?.by === 'headers' ? as.headers : {} });
    for await (const check of examine({ provider, account: 'prod', admin, send: signed, now: Date.now }))
      checks.push(check);
    await simulation.close();
    expect(checks.map(({ name, is }) => [name, is])).toEqual([
      ['coveo prod: sign in', 'well'],
      ['coveo prod: list api-keys', 'well'],
      ['coveo prod: delete api-key', 'unknown'],
      ['coveo prod: disable api-key', 'unknown'],
    ]);
  });

  test.each(Object.keys(providers))(
    'tells %s that does not answer, fails or asks to wait from one that refuses',
    async (id) => {
      const account = Object.keys(worlds[id]?.accounts ?? {})[0] ?? '';
      const look = async (reply: Trouble['reply']) =>
        wrongIn(await seen({ configuration: only(id, [account]), troubles: { [id]: [{ on: /./, reply }] } }));
      expect(await look('drop-before')).toMatchObject([
        { is: 'unknown', problem: 'no-answer', detail: `${id} did not answer` },
      ]);
      expect(await look({ status: 503, body: 'no' })).toMatchObject([{ is: 'unknown', problem: 'no-answer' }]);
      const wait = { 'retry-after': '70', 'x-ratelimit-reset': '70' };
      const [limited] = await look({ status: 429, headers: wait, body: {} });
      expect(limited).toMatchObject({ is: 'unknown', problem: 'rate-limited', remedy: 'run this again in 70 s' });
    },
  );
});

type DatadogWorld = ReturnType<typeof import('../../lib/local/vendors/datadog.ts').datadogVendor>;

describe('of secrets and the configuration the doctor', () => {
  const coveo = names.providerSecret('coveo', 'prod');
  test.each([
    { what: 'is missing', value: undefined, problem: 'secret-missing', detail: /none of that name in the file/ },
    { what: 'is {} still', value: {}, problem: 'secret-empty', detail: /\{\} still/ },
    { what: 'is not JSON', value: '{"region"', problem: 'secret-wrong', detail: /is not JSON/ },
    {
      what: 'lacks a field',
      value: { organizationId: 'acme', region: 'us' },
      problem: 'secret-wrong',
      detail: /accessToken: is missing/,
    },
    {
      what: 'has a wrong field',
      value: { organizationId: 'acme', region: 'mars', accessToken: 'a-very-secret-canary' },
      problem: 'secret-wrong',
      detail: /^region: must be one of us, eu/,
    },
  ])('says that a secret $what, and asks nobody with it', async ({ value, problem, detail }) => {
    const checks = await seen({ configuration: only('coveo', ['prod']), secrets: { [coveo]: value } });
    expect(wrongIn(checks)).toMatchObject([{ name: `secret ${coveo}`, is: 'wrong', problem }]);
    expect(checks).toHaveLength(2);
    expect(wrongIn(checks)[0]?.detail).toMatch(detail);
    expect(wrongIn(checks)[0]?.remedy).toContain(coveo);
  });

  test('says that two accounts have the same admin credential', async () => {
    const prod = { ...worlds.coveo?.accounts.prod };
    const checks = await seen({
      configuration: only('coveo', ['prod', 'eu']),
      secrets: { [names.providerSecret('coveo', 'eu')]: prod },
    });
    expect(wrongIn(checks)).toMatchObject([
      { name: 'coveo eu: credential', problem: 'same-credential', detail: expect.stringContaining('account prod') },
    ]);
  });

  test('names the field that is wrong in a configuration, and looks no further', async () => {
    const checks = await seen({ configuration: { providers: { datadog: { accounts: [] } } } });
    expect(checks).toMatchObject([
      { is: 'wrong', problem: 'configuration', detail: expect.stringContaining('providers.datadog.accounts') },
    ]);
  });
});

describe('of sources the doctor', () => {
  const source = (id: string) => ({ providers: {}, sources: [id] });
  const github = (traits: object) => async () =>
    wrongIn(
      await seen({
        configuration: source('github'),
        alter: ({ scanners }) => void Object.assign((scanners.github as unknown as { traits: object }).traits, traits),
      }),
    );

  test('says which right the GitHub App lacks, and that nobody lets it in', async () => {
    expect(await github({ right: 'read' })()).toMatchObject([
      {
        name: 'github: closing alerts (Secret scanning alerts: write)',
        problem: 'right-missing',
        remedy: expect.stringContaining('Secret scanning alerts'),
      },
    ]);
    // Who has installed the App before it asked for more has yet to agree to that.
    const app = { status: 200, body: { permissions: { secret_scanning_alerts: 'write' } } };
    const older = await seen({
      configuration: source('github'),
      troubles: { github: [{ on: /^GET \/app$/, reply: app }] },
      alter: ({ scanners }) =>
        void Object.assign((scanners.github as unknown as { traits: object }).traits, { right: 'read' }),
    });
    expect(wrongIn(older).map(({ problem }) => problem)).toEqual(['right-missing']);
    expect((await github({ right: 'none' })()).map(({ problem }) => problem)).toEqual([
      'right-missing',
      'right-missing',
    ]);
    for (const traits of [{ isInstalled: false }, { isSuspended: true }])
      expect((await github(traits)())[0]).toMatchObject({
        name: 'github: being let in (an installation)',
        is: 'wrong',
      });
  });

  test('says of a token of GitHub what its scopes tell, and that a fine-grained one tells nothing', async () => {
    const look = async (scopes: string) =>
      wrongIn(
        await seen({
          configuration: source('github'),
          secrets: {
            'leakstop/sources/github': {
              webhookSecrets: ['a-webhook-secret'],
              token: 'ghp_a-token-of-the-local-stage',
            },
          },
          alter: ({ scanners }) =>
            void Object.assign((scanners.github as unknown as { traits: object }).traits, { scopes }),
        }),
      ).map(({ problem }) => problem);
    expect(await look('security_events, read:org')).toEqual([]);
    expect(await look('read:org')).toEqual(['right-missing', 'right-missing']);
    expect(await look('')).toEqual(['cannot-tell', 'cannot-tell']);
  });

  test.each(['github', 'gitlab', 'gitguardian'])('names a token that %s refuses, and a bad moment', async (id) => {
    const look = async (reply: Trouble['reply']) =>
      wrongIn(await seen({ configuration: source(id), troubles: { [id]: [{ on: /./, reply }] } }));
    expect(await look({ status: 401, body: { message: 'no' } })).toMatchObject([
      {
        name: `${id}: token`,
        is: 'wrong',
        problem: 'refused',
        remedy: expect.stringContaining(`leakstop/sources/${id}`),
      },
    ]);
    expect(await look({ status: 429, headers: { 'retry-after': '9' }, body: {} })).toMatchObject([
      { problem: 'rate-limited' },
    ]);
    expect(await look({ status: 502 })).toMatchObject([{ problem: 'no-answer' }]);
    expect(await look('drop-before')).toMatchObject([{ problem: 'no-answer' }]);
    expect(await look({ status: 200, body: [] })).toMatchObject([{ is: 'unknown', problem: 'unexpected-answer' }]);
  });

  test('says which scope a token of GitLab or GitGuardian lacks, and when it ends', async () => {
    const soon = new Date(Date.now() + 3 * 86_400_000).toISOString().slice(0, 10);
    const gitlab = { status: 200, body: { active: true, scopes: ['read_api'], expires_at: soon } };
    expect(
      wrongIn(await seen({ configuration: source('gitlab'), troubles: { gitlab: [{ on: /./, reply: gitlab }] } })),
    ).toMatchObject([
      { name: 'gitlab: lasts', problem: 'expires-soon' },
      { problem: 'right-missing', remedy: expect.stringContaining('scope api') },
    ]);
    const guardian = { status: 200, body: { scopes: ['scan'], expire_at: '2020-01-01T00:00:00Z' } };
    expect(
      wrongIn(
        await seen({ configuration: source('gitguardian'), troubles: { gitguardian: [{ on: /./, reply: guardian }] } }),
      ),
    ).toMatchObject([
      { name: 'gitguardian: lasts', problem: 'expired' },
      { problem: 'right-missing', remedy: expect.stringContaining('incidents:read') },
      { problem: 'right-missing', remedy: expect.stringContaining('incidents:write') },
    ]);
  });

  test('looks at the token, the scopes and the channel of Slack', async () => {
    const secrets = { 'leakstop/sources/slack': sampleSlackSecret };
    const look = async (troubles: Trouble[], more: object = {}) =>
      wrongIn(
        await seen({
          configuration: source('slack'),
          secrets: { 'leakstop/sources/slack': { ...sampleSlackSecret, ...more } },
          troubles: { slack: troubles },
        }),
      );
    expect(wrongIn(await seen({ configuration: source('slack'), secrets }))).toEqual([]);
    const no = (error: string) => ({ status: 200, body: { ok: false, error } });
    expect(await look([{ on: /auth\.test/, reply: no('token_revoked') }])).toMatchObject([
      { name: 'slack: token', problem: 'refused' },
    ]);
    expect(await look([{ on: /auth\.test/, reply: no('token_expired') }])).toMatchObject([{ problem: 'expired' }]);
    expect(await look([{ on: /history/, reply: no('not_in_channel') }])).toMatchObject([
      { name: 'slack: channel', remedy: expect.stringContaining('invite') },
    ]);
    const scopes = { status: 200, headers: { 'x-oauth-scopes': 'commands,app_mentions:read' }, body: { ok: true } };
    expect(await look([{ on: /auth\.test/, reply: scopes }])).toMatchObject([
      { name: 'slack: scope chat:write', problem: 'right-missing' },
    ]);
    const silent = await look([{ on: /auth\.test/, reply: { status: 200, body: { ok: true } } }]);
    expect(silent.map(({ problem }) => problem)).toEqual(['cannot-tell', 'cannot-tell', 'cannot-tell']);
    expect(await look([{ on: /auth\.test/, reply: { status: 429, headers: { 'retry-after': '3' } } }])).toMatchObject([
      { problem: 'rate-limited' },
    ]);
  });
});

describe('npm run doctor', () => {
  const children = new Set<ReturnType<typeof spawn>>();
  afterEach(() => {
    for (const child of children) child.kill('SIGKILL');
    children.clear();
  });

  async function run(args: string[], variables: NodeJS.ProcessEnv = {}) {
    const child = spawn(process.execPath, ['bin/doctor.ts', ...args], { env: { ...process.env, ...variables } });
    children.add(child);
    let [out, errors] = ['', ''];
    child.stdout.setEncoding('utf8').on('data', (text) => (out += text));
    child.stderr.setEncoding('utf8').on('data', (text) => (errors += text));
    const code = await new Promise<number | null>((resolve) => child.on('close', resolve));
    return { code, out, errors };
  }

  test('says a line for each thing and exits 0 where all is well, and 1 where something is not', async () => {
    const well = await run(['--vendors', 'simulated']);
    expect(well).toMatchObject({ code: 0, errors: '' });
    expect(well.out).toMatch(/^✓ configuration\n/);
    expect(well.out).toMatch(/\nAll well: \d+ checks, with simulated providers and sources\n$/);
    const ill = await run(['--vendors', 'simulated', '--spoil', 'mongodb-atlas/prod=blocked']);
    expect(ill.code).toBe(1);
    expect(ill.out).toMatch(/\n✗ mongodb-atlas prod: sign in: .*access list\. To do: add 203\.0\.113\.7 /);
    expect(ill.out).toMatch(/\n\d+ checks: \d+ well, 1 wrong, 0 cannot be told/);
  });

  test('goes on when its reader has seen enough', async () => {
    const child = spawn(process.execPath, ['bin/doctor.ts', '--vendors', 'simulated']);
    children.add(child);
    let errors = '';
    child.stderr.setEncoding('utf8').on('data', (text) => (errors += text));
    child.stdout.once('data', () => child.stdout.destroy());
    expect(await new Promise((resolve) => child.on('exit', resolve))).toBe(0);
    expect(errors).toBe('');
  });

  test('gives one JSON document to a program', async () => {
    const { code, out } = await run(['--vendors', 'simulated', '--spoil', 'coveo/eu=expired', '--json']);
    expect(code).toBe(1);
    const { well, checks } = JSON.parse(out) as { well: boolean; checks: Check[] };
    expect(well).toBe(false);
    expect(wrongIn(checks)).toMatchObject([{ name: 'coveo eu: sign in', problem: 'expired' }]);
  });

  test.each([
    { args: ['--vendors', 'real'], says: /^--vendors: must be/ },
    { args: ['--spoil', 'coveo/eu=expired'], says: /^--spoil: needs --vendors simulated/ },
    { args: ['--vendors', 'simulated', '--spoil', 'coveo/eu=sick'], says: /^--spoil: must be PROVIDER/ },
    {
      args: ['--vendors', 'simulated', '--spoil', 'coveo/mars=expired'],
      says: /^--spoil: there is no account coveo\/mars/,
    },
    { args: ['--secrets', '/nowhere/at/all.json'], says: /^--secrets: cannot read/ },
    { args: ['--sekrets', 'x'], says: /--sekrets.*see npm run doctor -- --help/ },
  ])('exits 2 with one line for wrong usage: $args', async ({ args, says }) => {
    const { code, out, errors } = await run(args);
    expect([code, out]).toEqual([2, '']);
    expect(errors).toMatch(says);
    expect(errors.trim().split('\n')).toHaveLength(1);
  });

  test('says how it is used', async () => {
    const { code, out } = await run(['--help']);
    expect(code).toBe(0);
    for (const option of ['--config', '--secrets', '--vendors', '--spoil', '--json']) expect(out).toContain(option);
  });

  test('looks at what is deployed: table, queues and secrets, in the region that the environment names', async () => {
    const emulators = await startEmulators({}, undefined);
    const given = {
      AWS_REGION: 'eu-west-1',
      AWS_ACCESS_KEY_ID: 'local',
      AWS_SECRET_ACCESS_KEY: 'local',
      ...emulators.endpoints,
    };
    const config = file('deployed.json', { providers: {}, sources: ['standard', 'trufflehog'] });
    const cloud = cloudOf(given);
    try {
      const before = await run(['--config', config], given);
      expect(before.code).toBe(1);
      expect(before.out).toMatch(
        /✗ table leakstop-incidents: it is not there in eu-west-1\. To do: run npx cdk deploy.*AWS_REGION/,
      );
      expect(before.out).toMatch(/✗ queue leakstop-unrouted: it is not there in eu-west-1/);
      expect(before.out).toMatch(/✗ secret leakstop\/sources\/standard: there is none of that name in eu-west-1/);
      const samples = sampleSecrets(worlds);
      const secrets = Object.fromEntries(
        ['leakstop/fingerprint', 'leakstop/sources/standard'].map((name) => [name, samples[name]]),
      );
      await createResources(cloud, {
        providers: [],
        isTold: true,
        secrets: { ...secrets, 'leakstop/sources/trufflehog': {} },
        visibilitySeconds: 30,
      });
      const after = await run(['--config', config], given);
      expect(after.out.match(/^[✗?].*$/gm)).toEqual([
        expect.stringMatching(/trufflehog: it is \{\} still\. To do: .*put-secret-value/),
      ]);
      expect(after.code).toBe(1);
      expect(after.out).not.toContain('whsec_');
    } finally {
      for (const client of Object.values(cloud)) client.destroy();
      await emulators.close();
    }
  });

  test('says that there are no AWS credentials, or no region', async () => {
    const nobody = {
      AWS_ACCESS_KEY_ID: undefined,
      AWS_SECRET_ACCESS_KEY: undefined,
      AWS_SESSION_TOKEN: undefined,
      AWS_PROFILE: undefined,
    };
    const bare = {
      ...nobody,
      HOME: folder,
      AWS_CONFIG_FILE: join(folder, 'none'),
      AWS_SHARED_CREDENTIALS_FILE: join(folder, 'none'),
      AWS_EC2_METADATA_DISABLED: 'true',
    };
    const config = file('none.json', { providers: {}, sources: ['standard'] });
    const lost = await run(['--config', config], { ...bare, AWS_REGION: undefined, AWS_DEFAULT_REGION: undefined });
    expect(lost.out).toMatch(/✗ AWS: no region is named\. To do: set AWS_REGION/);
    const unknown = await run(['--config', config], { ...bare, AWS_REGION: 'eu-west-1' });
    expect(unknown.out).toMatch(/✗ AWS: there are no AWS credentials/);
    expect([lost.code, unknown.code]).toEqual([1, 1]);
  });

  test('reads what is deployed from bin/config.ts where nothing else is told', () => {
    const own = { providers: {} };
    expect(readDoctorOptions([], own, worlds)).toMatchObject({
      configuration: own,
      secrets: undefined,
      vendors: 'live',
      configurationName: 'bin/config.ts',
    });
    expect(readDoctorOptions(['--secrets', file('s.json', {})], own, worlds)).toMatchObject({
      vendors: 'simulated',
      secrets: {},
    });
  });
});

test('a line about a check stays one line', () => {
  expect(lineOf({ name: 'a', is: 'wrong', problem: 'refused', detail: 'b\nc', remedy: `${new Secret('x')}` })).toBe(
    '✗ a: b c. To do: [secret]',
  );
});
