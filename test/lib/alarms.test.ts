import { readFileSync } from 'node:fs';
import { afterEach, describe, expect, test, vi } from 'vitest';
import { Misconfigured, Refused, Unavailable, Unexpected } from '../../functions/revocation/errors.ts';
import { Secret } from '../../functions/revocation/secret.ts';
import { type AlarmDefinition, alarmsOf } from '../../lib/alarms.ts';
import { readConfiguration } from '../../lib/configuration.ts';
import { alarmedAt } from '../../lib/local/alarm-states.ts';
import { datadogVendor, inventedKeys } from '../../lib/local/vendors/datadog.ts';
import { virtualService } from '../support/virtual-service.ts';
import { everything } from './aws/template.ts';

// Hours of virtual time are many steps, and the machine may have others to serve.
vi.setConfig({ testTimeout: 120_000 });

const open: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const close of open.splice(0)) await close();
});

type Service = Awaited<ReturnType<typeof virtualService>>;

async function begin(options: Parameters<typeof virtualService>[0]) {
  const service = await virtualService(options);
  open.push(service.close);
  return service;
}

const fused = {
  ...everything,
  policy: { ...everything.policy, fuse: { limit: 5, windowMinutes: 60 } },
  drill: { accounts: { datadog: ['prod'] }, everyHours: 24, objectiveSeconds: 60 },
};
const all = alarmsOf(fused, { apiId: 'local' });

describe('an alarm', () => {
  const page = readFileSync(new URL('../../docs/operate.md', import.meta.url), 'utf8');

  test.each(all)('$name says what happened, and names a section that says what to do', ({ name, description }) => {
    expect(description.length).toBeGreaterThan(80);
    // https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_PutMetricAlarm.html
    expect(description.length).toBeLessThanOrEqual(1024);
    expect(name).toMatch(/^[\w-]{1,255}$/);
    const section = /See docs\/operate\.md, "([^"]+)"\.$/.exec(description)?.[1];
    expect(page).toContain(`\n## ${section}\n`);
  });

  test.each(all)('$name stands in the table of alarms', ({ name }) => {
    const [, section = ''] = page.split('\n## Alarms\n');
    const own = ['receive-alert', 'receive-request', 'receive-slack', 'send-notice'];
    const subject = [...own, ...Object.keys(everything.providers), ...everything.sources];
    const general = subject.reduce((text, one) => text.replace(new RegExp(`-${one}$`), '-…'), name);
    const row = general.replace(/^leakstop-(lane-[\w-]+|unrouted|notices)-(dead|stuck)$/, '<queue>-$2');
    expect(section.split('\n## ')[0]).toContain(`\`${row}\``);
  });

  test('has a name of its own, and can be judged', () => {
    expect(new Set(all.map(({ name }) => name)).size).toBe(all.length);
    for (const { evaluationPeriods, datapointsToAlarm, periodSeconds } of all) {
      expect(datapointsToAlarm).toBeLessThanOrEqual(evaluationPeriods);
      // https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_PutMetricAlarm.html
      expect(evaluationPeriods * periodSeconds).toBeLessThanOrEqual(periodSeconds >= 3600 ? 7 * 86_400 : 86_400);
    }
  });

  test('is about what is configured, and nothing else', () => {
    const few = readConfiguration({
      providers: { coveo: { accounts: ['a'] } },
      sources: ['standard'],
      notices: { eventBus: null },
    });
    const subjects = alarmsOf(few, { apiId: 'local' }).map(({ name }) => name);
    expect(subjects.filter((name) => /datadog|github|notice|untold|slack|leakstop-fuse/.test(name))).toEqual([]);
    expect(subjects).toContain('leakstop-refused-coveo');
  });
});

const leak = {
  provider: 'coveo',
  kind: 'api-key',
  secret: 'xxc0ffee00-c0ff-4e00-a0ff-ee00c0ffee00',
  location: { url: 'https://github.com/example/shop/blob/main/src/search.js' },
};
const throwing = (error: Error) => () => {
  throw error;
};
/** Which requests of a provider, all of them, and what is answered. */
const answering = (status: number, body: object = {}) => ({ on: /./, reply: { status, body } });

/** What makes an alarm go off, by its kind: the alarms that are on in the end, and none beside them. */
const causes: Record<string, () => Promise<{ fired: Record<string, number>; wanted: string[] }>> = {
  'leakstop-refused-': async () => {
    const service = await begin({ providers: ['coveo', 'datadog'] });
    service.lanes.coveo?.vendor.troubles.push(answering(401));
    await service.report(leak);
    await service.pass(10);
    return { fired: service.fired(), wanted: ['leakstop-refused-coveo'] };
  },
  'leakstop-contract-': async () => {
    const service = await begin({ providers: ['coveo'] });
    service.lanes.coveo?.vendor.troubles.push(answering(418));
    await service.report(leak);
    await service.pass(10);
    return { fired: service.fired(), wanted: ['leakstop-contract-coveo'] };
  },
  'leakstop-waiting-': async () => {
    const service = await begin({ providers: ['coveo'] });
    service.lanes.coveo?.vendor.troubles.push(answering(503));
    await service.report(leak);
    await service.pass(55);
    expect(service.fired()).toEqual({});
    await service.pass(15);
    return { fired: service.fired(), wanted: ['leakstop-waiting-coveo'] };
  },
  'leakstop-alive-': async () => {
    const admin = { site: 'datadoghq.com', apiKey: 'a1'.repeat(16), appKey: 'b2'.repeat(20) };
    const keys = inventedKeys(4, 'alive');
    let now = () => 0;
    const organisation = { site: admin.site, id: 'org-1', keys, admins: [admin] };
    const vendor = datadogVendor([organisation], { propagationMs: 30 * 60_000, now: () => now() });
    const service = await begin({ providers: ['datadog'], vendors: { datadog: vendor }, secrets: { datadog: admin } });
    now = service.clock.now;
    await service.report({ provider: 'datadog', secret: keys[0]?.key });
    await service.pass(10);
    return { fired: service.fired(), wanted: ['leakstop-alive-datadog'] };
  },
  'leakstop-secret-': async () => {
    const service = await begin({ providers: ['coveo'], secrets: { coveo: {} } });
    await service.report(leak);
    await service.pass(10);
    return { fired: service.fired(), wanted: ['leakstop-secret-coveo'] };
  },
  'leakstop-fuse-': async () => {
    const keys = inventedKeys(3, 'fuse');
    const admin = { site: 'datadoghq.com', apiKey: 'a1'.repeat(16), appKey: 'b2'.repeat(20) };
    const vendor = datadogVendor([{ site: admin.site, id: 'org-1', keys, admins: [admin] }]);
    const policy = { fuse: { limit: 1, windowMinutes: 60 } };
    const service = await begin({
      providers: ['coveo', 'datadog'],
      policy,
      vendors: { datadog: vendor },
      secrets: { datadog: admin },
    });
    for (const { key } of keys) await service.report({ provider: 'datadog', secret: key });
    await service.pass(10);
    return { fired: service.fired(), wanted: ['leakstop-fuse-datadog'] };
  },
  '-stuck': async () => {
    const service = await begin({ providers: ['coveo'], idle: () => ['leakstop-lane-coveo'] });
    await service.report(leak);
    await service.pass(18);
    expect(service.fired()).toEqual({});
    await service.pass(7);
    return { fired: service.fired(), wanted: ['leakstop-lane-coveo-stuck'] };
  },
  'leakstop-heartbeat': async () => {
    const idle: string[] = [];
    const service = await begin({ providers: [], idle: () => idle });
    await service.pass(3);
    idle.push('keep-watch');
    await service.pass(4);
    expect(service.fired()).toEqual({});
    await service.pass(2);
    return { fired: service.fired(), wanted: ['leakstop-heartbeat'] };
  },
  'leakstop-waiting-send-notice': async () => {
    const service = await begin({ providers: ['coveo'], tell: throwing(new Unavailable('chat answered 503')) });
    await service.report(leak);
    await service.pass(55);
    expect(service.fired()).toEqual({});
    await service.pass(60);
    return { fired: service.fired(), wanted: ['leakstop-waiting-send-notice'] };
  },
  'leakstop-untold': async () => {
    const service = await begin({ providers: ['coveo'], tell: throwing(new Unavailable('chat answered 503')) });
    await service.report(leak);
    await service.pass(25 * 60);
    return { fired: service.fired(), wanted: ['leakstop-waiting-send-notice', 'leakstop-untold'] };
  },
  'leakstop-secret-send-notice': async () => {
    const error = new Misconfigured('secret leakstop/sources/slack: botToken: is missing');
    const service = await begin({ providers: ['coveo'], tell: throwing(error) });
    await service.report(leak);
    await service.pass(10);
    return { fired: service.fired(), wanted: ['leakstop-secret-send-notice'] };
  },
  'leakstop-refused-send-notice': async () => {
    const error = new Refused('slack answered token_revoked', { remedy: 'install the app again' });
    const service = await begin({ providers: ['coveo'], tell: throwing(error) });
    await service.report(leak);
    await service.pass(10);
    return { fired: service.fired(), wanted: ['leakstop-refused-send-notice'] };
  },
  'leakstop-waiting-source-': async () => {
    const service = await begin({ providers: ['coveo'], fetch: throwing(new Unavailable('github answered 503')) });
    service.refer(7);
    await service.pass(90);
    return { fired: service.fired(), wanted: ['leakstop-waiting-source-github'] };
  },
  'leakstop-refused-source-': async () => {
    const error = new Refused('github refuses our token (401)', { remedy: 'put a valid one in' });
    const service = await begin({ providers: ['coveo'], fetch: throwing(error) });
    service.refer(7);
    await service.pass(10);
    return { fired: service.fired(), wanted: ['leakstop-refused-source-github'] };
  },
  'leakstop-contract-source-': async () => {
    const service = await begin({ providers: ['coveo'], fetch: throwing(new Unexpected('github answered 302')) });
    service.refer(7);
    await service.pass(10);
    return { fired: service.fired(), wanted: ['leakstop-contract-source-github'] };
  },
};

describe('in virtual time', () => {
  test('a provider that has us wait for hours is told of at once, and not when it is over', async () => {
    const service = await begin({ providers: ['coveo'] });
    const reply = { status: 429, headers: { 'retry-after': '7200' }, body: {} };
    service.lanes.coveo?.vendor.troubles.push({ on: /./, reply });
    await service.report(leak);
    await service.pass(10);
    expect(service.fired()).toEqual({ 'leakstop-waiting-coveo': 5 });
  });

  test('the time that a person takes to decide makes no leak old', async () => {
    const service = await begin({ providers: ['coveo'] });
    const fresh = service.lanes.coveo?.vendor.leakFresh?.('api-key') ?? {};
    const incident = await service.report(fresh, { source: 'slack', hearsay: true });
    await service.pass(300);
    service.lanes.coveo?.vendor.troubles.push({ ...answering(503), times: 3 });
    await service.decide('coveo', incident, 'approve');
    await service.pass(10);
    expect(service.metrics.data.filter(({ name }) => name === 'age')).not.toEqual([]);
    expect(service.fired()).toEqual({});
  });

  test.each<[string, (service: Service) => unknown, Parameters<typeof virtualService>[0]]>([
    [
      'leakstop-waiting-source-github',
      ({ refer }) => refer(7),
      { providers: [], fetch: throwing(new Unavailable('github answered 503')) },
    ],
    [
      'leakstop-refused-send-notice',
      ({ report }) => report(leak),
      { providers: ['coveo'], tell: throwing(new Refused('slack answered token_revoked')) },
    ],
    [
      'leakstop-secret-send-notice',
      ({ report }) => report(leak),
      { providers: ['coveo'], tell: throwing(new Misconfigured('secret leakstop/sources/slack is not JSON')) },
    ],
  ])('%s calls once for trouble that lasts for hours, however seldom it is tried again', async (name, act, options) => {
    const service = await begin(options);
    const from = service.clock.now();
    await act(service);
    await service.pass(5 * 60);
    const [alarm] = service.alarms.filter((one) => one.name === name);
    if (alarm === undefined) throw new Error(`there is no alarm ${name}`);
    const until = service.clock.now();
    const on = alarmedAt(alarm, service.metrics.data, { from, until });
    expect(on.length).toBeGreaterThan(3);
    const first = on[0] ?? 0;
    expect(on).toEqual(on.map((_, index) => first + index * alarm.periodSeconds * 1000));
    expect(on.at(-1)).toBeGreaterThanOrEqual(until);
  });

  test('an intake that fails for every one of few senders is told of within a day', async () => {
    const service = await begin({ providers: [] });
    const failAt = [0, 300, 600];
    await service.pass(11 * 60, (minute) => {
      if (failAt.includes(minute)) service.metrics.put('AWS/ApiGateway', '5xx', { ApiId: 'local' }, 1);
    });
    expect(Object.keys(service.fired())).toEqual(['leakstop-intake']);
  });

  test('a key that lives again hours after its death is no old leak', async () => {
    const admin = { site: 'datadoghq.com', apiKey: 'a1'.repeat(16), appKey: 'b2'.repeat(20) };
    const [key] = inventedKeys(1, 'again');
    const vendor = datadogVendor([{ site: admin.site, id: 'org-1', keys: key ? [key] : [], admins: [admin] }]);
    const service = await begin({ providers: ['datadog'], vendors: { datadog: vendor }, secrets: { datadog: admin } });
    const incident = await service.report({ provider: 'datadog', secret: key?.key });
    await service.pass(90);
    vendor.revive(key?.id ?? '');
    vendor.troubles.push({ on: /\/api_keys\//, times: 1, reply: { status: 503 } });
    await service.report({ provider: 'datadog', secret: key?.key }, { delivery: 'once more' });
    await service.pass(10);
    expect(vendor.deletions).toHaveLength(2);
    expect((await service.ledger.read(incident))?.outcome).toBe('revoked');
    expect(service.metrics.data.filter(({ name }) => name === 'age')).toHaveLength(1);
    expect(service.fired()).toEqual({});
  });

  test.each(Object.entries(causes))(
    '%s goes off for its cause, and nothing else does',
    async (_, cause) => {
      const { fired, wanted } = await cause();
      expect(Object.keys(fired)).toEqual(wanted);
    },
    120_000,
  );
});

/** Those whose cause is made in a stage (test/lib/local/alarms.test.ts), and those of drills (test/functions/revocation/drill-alarms.test.ts). */
const elsewhere = [/-dead$/, /^leakstop-intake$/, /^leakstop-secret-receive-/, /^leakstop-drill-/];

test('every alarm has its cause in a test', () => {
  const isCaused = ({ name }: AlarmDefinition) =>
    elsewhere.some((one) => one.test(name)) ||
    Object.keys(causes).some((kind) => (kind.startsWith('-') ? name.endsWith(kind) : name.startsWith(kind)));
  expect(all.filter((alarm) => !isCaused(alarm)).map(({ name }) => name)).toEqual([]);
});

describe('a day of normal traffic', () => {
  test('sets off no alarm', async () => {
    let now = 0;
    const between = (from: number, seconds: number) => now >= from && now < from + seconds * 1000;
    const fetched = new Secret('0123456789abcdef0123456789abcdef');
    const outages = { chat: 0, source: 0 };
    const service = await begin({
      providers: ['coveo', 'datadog', 'docspace', 'mongodb-atlas', 'resolver'],
      policy: { fuse: { limit: 25, windowMinutes: 60 }, approval: { deadlineMinutes: 600, approvers: [] } },
      tell: () => {
        now = service.clock.now();
        if (between(outages.chat, 20)) throw new Unavailable('chat answered 503');
      },
      fetch: () => {
        now = service.clock.now();
        if (between(outages.source, 20)) throw new Unavailable('github answered 502', { retryAfterMs: 30_000 });
        return { is: 'found', findings: [{ scanner: 'github', detector: 'datadog_api_key', value: fetched }] };
      },
    });
    const { clock, lanes } = service;
    const worlds = await import('../../lib/local/stage.ts').then(({ loadWorlds }) => loadWorlds());
    const samples = Object.keys(lanes).flatMap((id) => worlds[id]?.leaks ?? []);
    const incidents: string[] = [];
    const asked: string[] = [];
    const trouble = (provider: string, reply: { status: number; headers?: Record<string, string> }, times: number) =>
      lanes[provider]?.vendor.troubles.push({ on: /./, times, reply: { body: {}, ...reply } });
    const fresh = (provider: string, kind: string) => lanes[provider]?.vendor.leakFresh?.(kind) ?? {};

    await service.pass(24 * 60 + 10, async (minute) => {
      // Each sample key leaks once in the morning, and is reported again by another sender and hours later.
      const sample = minute % 20 === 5 ? samples[Math.floor(minute / 20)] : undefined;
      if (sample !== undefined) incidents.push(await service.report(sample));
      if (sample !== undefined) await service.report(sample, { source: 'github', delivery: `again ${minute}` });
      if (minute === 700) for (const one of samples) await service.report(one, { delivery: 'much later' });
      // A provider limits us, once with a wait and once in a burst; another is down for some seconds.
      if (minute === 300) trouble('datadog', { status: 429, headers: { 'x-ratelimit-reset': '90' } }, 3);
      if (minute === 300)
        for (let i = 0; i < 4; i += 1) incidents.push(await service.report(fresh('datadog', 'api-key')));
      if (minute === 330) trouble('coveo', { status: 429, headers: { 'retry-after': '120' } }, 2);
      if (minute === 330) incidents.push(await service.report(fresh('coveo', 'api-key')));
      if (minute === 360) trouble('docspace', { status: 503 }, 4);
      if (minute === 360) incidents.push(await service.report(fresh('docspace', 'api-key')));
      // Alerts by reference, while their source and the chat are down for some seconds.
      if (minute === 400) [outages.source, outages.chat] = [clock.now(), clock.now()];
      if (minute >= 400 && minute < 404) service.refer(minute);
      // Our own intake is away for some seconds, at the edge of two periods.
      if (minute === 449 || minute === 450) service.metrics.put('AWS/ApiGateway', '5xx', { ApiId: 'local' }, 1);
      // Keys that somebody wrote in a chat wait for a person, who answers hours later.
      if (minute === 500)
        for (let i = 0; i < 2; i += 1)
          asked.push(await service.report(fresh('docspace', 'api-key'), { source: 'slack', hearsay: true }));
      if (minute === 800) trouble('docspace', { status: 429, headers: { 'retry-after': '60' } }, 1);
      if (minute === 800) await service.decide('docspace', asked[0] ?? '', 'approve');
      if (minute === 900) await service.decide('docspace', asked[1] ?? '', 'reject');
    });
    expect(service.fired()).toEqual({});
    const outcomes = await Promise.all(incidents.map(async (id) => (await service.ledger.read(id))?.outcome));
    expect(outcomes).toEqual(incidents.map(() => 'revoked'));
    const answers = await Promise.all(asked.map(async (id) => (await service.ledger.read(id))?.outcome));
    expect(answers).toEqual(['revoked', 'rejected']);
    const seen = (name: string) => service.metrics.data.filter((datum) => datum.name === name).length;
    for (const name of [
      'leaks',
      'timeToDead',
      'fault.Unavailable',
      'age',
      'heartbeat',
      'ApproximateAgeOfOldestMessage',
    ])
      expect(seen(name)).toBeGreaterThan(0);
    const looked = await service.ledger.read(incidents[0] ?? '');
    expect(looked?.proof?.checks.length).toBeGreaterThan(3);
  }, 240_000);
});
