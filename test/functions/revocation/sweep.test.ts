import { generateKeyPairSync } from 'node:crypto';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { createSend } from '../../../functions/platform/http.ts';
import { inquiryOf } from '../../../functions/platform/inquiry.ts';
import { providers } from '../../../functions/providers/index.ts';
import { Misconfigured, Unavailable } from '../../../functions/revocation/errors.ts';
import { askForSweeps } from '../../../functions/revocation/keep-watch.ts';
import { referenceIncident, referralForm, writeReferral } from '../../../functions/revocation/references.ts';
import { readReport } from '../../../functions/revocation/report.ts';
import { type ResolveServices, resolve } from '../../../functions/revocation/resolve.ts';
import { Secret } from '../../../functions/revocation/secret.ts';
import type { AnySource, Source } from '../../../functions/revocation/source.ts';
import { writeSweep } from '../../../functions/revocation/sweep.ts';
import { gitguardian } from '../../../functions/sources/gitguardian.ts';
import { github } from '../../../functions/sources/github.ts';
import { standard } from '../../../functions/sources/standard.ts';
import { gitguardianScanner } from '../../../lib/local/scanners/gitguardian.ts';
import { type GitHubSecret, githubScanner } from '../../../lib/local/scanners/github.ts';
import { testClock, testLedger, vendorNetwork } from '../../support/lane.ts';

const lane = 'http://queues/lane-datadog';
const unrouted = 'http://queues/unrouted';
const key = new Secret('a fingerprint key that only tests have');
const hour = 3_600_000;
const found = { secret: 'ca9a7ea1eacedca9a7ea1eacedca9a7e', detector: 'datadog_api_key' };
const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
const byApp: GitHubSecret = {
  webhookSecrets: ['a webhook secret of these tests'],
  appId: '4242',
  privateKey: privateKey.export({ type: 'pkcs1', format: 'pem' }).toString(),
};
const byToken: GitHubSecret = { webhookSecrets: byApp.webhookSecrets, token: 'github_pat_OfTheseTests' };

let clock: ReturnType<typeof testClock>;
let ledgers: Awaited<ReturnType<typeof testLedger>>;
beforeAll(async () => {
  clock = testClock();
  ledgers = await testLedger(clock);
});
afterAll(() => ledgers.close());

/** What was sent to the lane, what waits where this reads, what was put back, and what the log says. */
let queues: { laned: string[]; own: string[]; later: string[] };
let told: string[];
let ends: (() => Promise<void>)[];
beforeEach(() => {
  clock.advance(1000 * hour);
  [queues, told, ends] = [{ laned: [], own: [], later: [] }, [], []];
});
afterEach(async () => {
  for (const end of ends) await end();
});

/** A function's services with one source, whose interface is at the simulated scanner. */
async function begin(
  source: AnySource,
  secret: object,
  scanner: Parameters<typeof vendorNetwork>[0],
  change: Partial<ResolveServices> = {},
) {
  const network = await vendorNetwork(scanner);
  ends.push(() => network.close());
  const way = { send: createSend({ now: clock.now, fetch: network.fetch }), now: clock.now };
  const services: ResolveServices = {
    sources: { [source.id]: source, standard },
    intake: {
      ...{ providers, lanes: { datadog: lane }, unroutedQueue: unrouted },
      fingerprint: async () => key,
      send: async (queue, bodies) => void (queue === lane ? queues.laned : queues.own).push(...bodies),
      now: clock.now,
      newId: () => 'message',
    },
    ledger: ledgers.ledger,
    account: '111122223333',
    configOf: async () => source.config.parse(secret),
    inquiry: (id, config, deadline) => inquiryOf({ id, config, deadline }, way),
    putBack: async (referral) => void queues.later.push(writeReferral(referral)),
    random: () => 0.5,
    note: (_, event) => told.push(JSON.stringify(event)),
    info: (message, fields) => told.push(`${message} ${JSON.stringify(fields)}`),
    ...change,
  };
  /** Handles what is there, and what comes of it. */
  const run = async (...bodies: string[]) => {
    queues.own.push(...bodies);
    for (let body = queues.own.shift(); body !== undefined; body = queues.own.shift())
      await resolve(body, services, clock.now() + 24_000);
  };
  const sweep = () => run(writeSweep(source.id));
  return { services, run, sweep };
}

async function atGitHub(secret = byApp, change: Partial<ResolveServices> = {}) {
  const scanner = githubScanner(secret, { now: clock.now });
  const fetches = () => scanner.arrivals.filter(({ target }) => /\/alerts\/\d+$/.test(target)).length;
  const lines = () => scanner.arrivals.map(({ method, target }) => `${method} ${target}`);
  return { scanner, fetches, lines, ...(await begin(github, secret, scanner, change)) };
}

async function atGitGuardian() {
  const repositoryTokens = { 'git.acme.example': 'a-repository-token' };
  const secret = { signatureTokens: ['a-signature-token'], token: 'a-token', repositoryTokens };
  const scanner = gitguardianScanner(secret, { now: clock.now });
  const fetches = () => scanner.arrivals.filter(({ target }) => /\/secrets\/\d+\?/.test(target)).length;
  return { scanner, fetches, ...(await begin(gitguardian, secret, scanner)) };
}

describe.each([
  ['github', atGitHub, found],
  ['gitguardian', atGitGuardian, { ...found, detector: 'datadog_api_credentials' }],
])('an alert of %s whose delivery never came', (id, at, found) => {
  test('is found by a sweep, fetched once, and its key is on its way to be revoked', async () => {
    const { scanner, sweep, fetches } = await at();
    const { link } = scanner.open(found);
    await sweep();
    const [report, ...others] = queues.laned.map(readReport);
    expect(report?.leak?.secret?.expose()).toBe(found.secret);
    const sighting = { source: id, delivery: `sweep ${id} ${link}`, reference: link };
    expect(report).toMatchObject({ provider: 'datadog', mayNameKeys: false, sighting });
    expect([others, fetches()]).toEqual([[], 1]);
    expect(told.join()).not.toContain(found.secret);
    expect(told[0]).toContain('"open":1,"queued":1,"skipped":0,"redelivered":0,"more":"false"');
  });

  test('is not fetched again by the sweeps that follow', async () => {
    const { scanner, sweep, fetches } = await at();
    scanner.open(found);
    await sweep();
    clock.advance(hour);
    await sweep();
    expect([queues.laned.length, fetches()]).toEqual([1, 1]);
  });

  test('is not found when it came some other way', async () => {
    const { scanner, sweep, run, fetches } = await at();
    const { link } = scanner.open(found);
    const tries = { unavailable: 0, unexpected: 0 };
    const accepted = new Date(clock.now()).toISOString();
    await run(writeReferral({ source: id, delivery: 'd-1', at: accepted, reference: { link }, tries }));
    await sweep();
    expect([queues.laned.length, fetches()]).toEqual([1, 1]);
  });

  test('is left alone when it is older than three days', async () => {
    const { scanner, sweep, fetches } = await at();
    scanner.open(found);
    clock.advance(72 * hour + 1);
    await sweep();
    expect([queues.laned.length, fetches()]).toEqual([0, 0]);
  });

  test('is parked once when nobody can fetch it', async () => {
    const { scanner, sweep, services, fetches } = await at();
    const { link } = scanner.open({ ...found, secret: '' });
    if (id === 'gitguardian') services.configOf = async () => ({ ...gitguardian.config.parse(secretless) });
    await sweep();
    await sweep();
    const record = await ledgers.ledger.read(referenceIncident(key, id, { link }));
    expect(record).toMatchObject({ state: 'parked', outcome: 'unrouted', sightingCount: 1 });
    expect([queues.laned.length, fetches()]).toEqual([0, 1]);
  });
});
const secretless = { signatureTokens: ['a-signature-token'], token: 'a-token' };

describe('a sweep', () => {
  test('queues an alert once while it waits to be fetched, for a day', async () => {
    const { scanner, sweep, fetches } = await atGitHub();
    scanner.open(found);
    scanner.troubles.push({ on: /\/alerts\/1$/, reply: { status: 503 } });
    await sweep();
    await sweep();
    expect([fetches(), queues.later.length]).toEqual([1, 1]);
    clock.advance(25 * hour + 1000);
    await sweep();
    expect([fetches(), queues.later.length]).toEqual([2, 2]);
  });

  test('leaves one alone that came otherwise and waits to be fetched', async () => {
    const { scanner, sweep, run, fetches } = await atGitHub();
    const { link } = scanner.open(found);
    scanner.troubles.push({ on: /\/alerts\/1$/, reply: { status: 503 } });
    const tries = { unavailable: 0, unexpected: 0 };
    const at = new Date(clock.now()).toISOString();
    await run(writeReferral({ source: 'github', delivery: 'd-1', at, reference: { link }, tries }));
    await sweep();
    expect([fetches(), queues.later.length]).toEqual([1, 1]);
  });

  test('has GitHub send again what failed to arrive', async () => {
    const { scanner, sweep } = await atGitHub();
    const { headers } = scanner.tell(scanner.open(found), { statusCode: 503 });
    await sweep();
    expect(scanner.deliveries.at(-1)).toMatchObject({ guid: headers['x-github-delivery'], redelivery: true });
    expect(told[0]).toContain('"redelivered":1');
  });

  test('goes on to the list when nothing can be sent again', async () => {
    const { scanner, sweep } = await atGitHub();
    scanner.open(found);
    scanner.troubles.push({ on: /hook\/deliveries/, reply: { status: 500 } });
    await sweep();
    expect(told[0]).toBe('a sweep failed {"source":"github","what":"redelivery","reason":"github answered 500"}');
    expect(queues.laned).toHaveLength(1);
  });

  test('is not made with a token, and the log says what to do', async () => {
    const { scanner, sweep } = await atGitHub(byToken);
    scanner.open(found);
    await sweep();
    expect(told).toEqual([
      'a sweep failed {"source":"github","what":"listing","reason":"github does not say what a token is for; for missed alerts to be found, put the appId and privateKey of an App into leakstop/sources/github"}',
    ]);
    expect([scanner.arrivals, queues]).toEqual([[], { laned: [], own: [], later: [] }]);
  });

  test.each<[string, { status: number; body?: unknown }]>([
    ['unavailable', { status: 503 }],
    ['refused', { status: 401 }],
    ['something else', { status: 200, body: { canary: found.secret } }],
  ])('of a list that is %s is told, and left to the next one', async (_, reply) => {
    const { scanner, sweep } = await atGitHub();
    scanner.open(found);
    const trouble = { on: /app\/installations/, times: 1, reply };
    scanner.troubles.push(trouble);
    await sweep();
    expect(queues).toEqual({ laned: [], own: [], later: [] });
    expect(told).toEqual([expect.stringMatching(/^a sweep failed .*"what":"listing","reason":"github /)]);
    expect(told[0]).not.toContain(found.secret);
    await sweep();
    expect(queues.laned).toHaveLength(1);
  });

  test.each([new Misconfigured('secret leakstop/sources/github: token: is missing'), new Unavailable('no answer')])(
    'without our own secret is told, and left to the next one: %s',
    async (fault) => {
      const { sweep } = await atGitHub(byApp, { configOf: () => Promise.reject(fault) });
      await sweep();
      expect(told).toEqual([expect.stringContaining(fault.message)]);
    },
  );

  test('that could not queue what it found finds it again', async () => {
    const { scanner, sweep, services } = await atGitHub();
    scanner.open(found);
    const { send } = services.intake;
    services.intake = { ...services.intake, send: () => Promise.reject(new Unavailable('the queue did not take it')) };
    await sweep();
    services.intake = { ...services.intake, send };
    await sweep();
    expect(queues.laned).toHaveLength(1);
  });

  test('through a fault of our own code is no sweep', async () => {
    const { run, services } = await atGitHub();
    services.sources = { github: { ...github, listOpen: () => Promise.reject(new TypeError('a bug')) } };
    await expect(run(writeSweep('github'))).rejects.toThrow(TypeError);
  });

  test.each(['standard', 'nobody', 'constructor'])('of %s, which has no list, is nothing', async (id) => {
    const { run, scanner } = await atGitHub();
    await run(writeSweep(id));
    expect(told).toEqual([`the source has no list {"source":"${id}"}`]);
    expect(scanner.arrivals).toEqual([]);
  });

  test('leaves what is more than a thousand to the next one', async () => {
    const link = (index: number) => `https://acme.example/${'x'.repeat(index % 7 === 0 ? 2000 : 3)}/${index}`;
    const references = Array.from({ length: 2500 }, (_, index) => ({ link: link(index) }));
    const many: Source<never> = {
      ...(standard as unknown as Source<never>),
      id: 'many',
      listOpen: async () => ({ references: [...references, ...references], skipped: 3, more: false }),
    };
    const { services } = await atGitHub();
    services.sources = { many };
    const lengths: number[] = [];
    const seen = new Set<string>();
    for (let round = 0; round < 4; round += 1) {
      await resolve(writeSweep('many'), services, clock.now() + 24_000);
      lengths.push(queues.own.length);
      for (const body of queues.own.splice(0)) seen.add(referralForm.parse(JSON.parse(body)).reference.link);
    }
    expect(lengths).toEqual([1000, 1000, 500, 0]);
    expect(seen.size).toBe(2500);
    expect(told.map((line) => /"more":"(\w+)"/.exec(line)?.[1])).toEqual(['true', 'true', 'false', 'false']);
  });
});

describe('the rounds of keeping watch', () => {
  test('ask for a sweep of each source every quarter of an hour, by the clock alone', async () => {
    const sent: { minute: number; queue: string; bodies: string[] }[] = [];
    for (let minute = 0; minute < 60; minute += 1) {
      const now = () => Date.parse('2026-11-20T12:00:59.999Z') + minute * 60_000;
      const send = async (queue: string, bodies: string[]) => void sent.push({ minute, queue, bodies });
      await askForSweeps(['github', 'gitguardian'], { send, now }, unrouted);
    }
    expect(sent.map(({ minute }) => minute)).toEqual([0, 15, 30, 45]);
    expect(sent[0]).toMatchObject({ queue: unrouted, bodies: ['{"sweep":"github"}', '{"sweep":"gitguardian"}'] });
  });
});
