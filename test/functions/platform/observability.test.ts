import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { createObservability, type Observability } from '../../../functions/platform/observability.ts';
import { LeaseLost, Misconfigured, Refused, Unavailable } from '../../../functions/revocation/errors.ts';
import type { Note } from '../../../functions/revocation/run.ts';

const incident = 'inc_0123456789abcdefghjkmnpqrs';

let written: Record<string, unknown>[];
let release: () => void;
let observability: Observability;
beforeEach(() => {
  const { stdout, env } = process;
  const [write, level] = [stdout.write, env.POWERTOOLS_LOG_LEVEL];
  written = [];
  env.POWERTOOLS_LOG_LEVEL = 'INFO';
  observability = createObservability('revoke-key');
  const taken = (text: string) => text.split('\n').filter((line) => line.startsWith('{"'));
  const catching = (chunk: string | Uint8Array) => {
    written.push(...taken(String(chunk)).map((line) => JSON.parse(line)));
    return true;
  };
  stdout.write = catching as typeof stdout.write;
  const { stderr } = process;
  const writeError = stderr.write;
  stderr.write = catching as typeof stderr.write;
  release = () => {
    [stdout.write, stderr.write, env.POWERTOOLS_LOG_LEVEL] = [write, writeError, level];
  };
});
afterEach(() => release());

const lines = () => written.filter((line) => line._aws === undefined);
/** `name=value` with the dimensions, of every metric that was written. */
const metrics = () =>
  written.flatMap((line) => {
    const { CloudWatchMetrics = [] } = (line._aws ?? {}) as {
      CloudWatchMetrics?: { Namespace: string; Dimensions: string[][]; Metrics: { Name: string; Unit: string }[] }[];
    };
    return CloudWatchMetrics.flatMap(({ Namespace, Dimensions, Metrics }) =>
      Metrics.map(({ Name, Unit }) => {
        const own = (Dimensions[0] ?? []).map((name) => `${name}=${line[name]}`).join(' ');
        return `${Namespace} ${Name}=${line[Name]} ${Unit} ${own}`;
      }),
    );
  });
const lane = (name: string, unit = 'Count') => `Leakstop ${name} ${unit} service=revoke-key provider=coveo`;
const note = (event: Partial<Note>) => observability.note('coveo', { incident, ...event });

describe('what happens to an incident', () => {
  test.each<[Partial<Note>, string, string[]]>([
    [{ stage: 'claimed' }, 'stage claimed', []],
    [{ stage: 'claimed', inDoubt: false }, 'stage claimed', []],
    [{ stage: 'claimed', inDoubt: true }, 'stage claimed', [lane('inDoubt=1')]],
    [{ stage: 'asked' }, 'stage asked', [lane('stage.asked=1')]],
    [{ outcome: 'failed' }, 'outcome failed', [lane('outcome.failed=1')]],
    [
      { outcome: 'revoked', timeToDeadMs: 1240 },
      'outcome revoked',
      [lane('outcome.revoked=1'), lane('timeToDead=1240', 'Milliseconds')],
    ],
    [{ outcome: 'already-gone', timeToDeadMs: null }, 'outcome already-gone', [lane('outcome.already-gone=1')]],
    [{ fuse: 'blown' }, 'note', [lane('fuse.blown=1')]],
    [{ stillAlive: true }, 'note', [lane('stillAlive=1')]],
    [{ fault: { is: 'Refused', isFinal: true } }, 'given up', [lane('fault.Refused=1'), lane('failed.Refused=1')]],
    [{ fault: { is: 'Refused', isFinal: false } }, 'gone on without it', [lane('fault.Refused=1')]],
    [
      { fault: { is: 'Unavailable', isFinal: false }, waitedMs: 61_400 },
      'tried again later',
      [lane('fault.Unavailable=1'), lane('age=61', 'Seconds')],
    ],
  ])('is a line with its id, and these metrics: %j', (event, message, expected) => {
    note(event);
    expect(lines()).toMatchObject([{ message, incident, provider: 'coveo', service: 'revoke-key' }]);
    expect(metrics()).toEqual(expected);
  });

  test('says how long a death took, and what vouches for it', () => {
    note({ outcome: 'revoked', timeToDeadMs: 1240, head: 'abc' });
    expect(lines()).toMatchObject([{ timeToDeadMs: 1240, head: 'abc' }]);
  });
});

describe('what is accepted', () => {
  test('is a line with its incident, who told of it and in which delivery, and is counted by source', () => {
    observability.queued({ source: 'github', delivery: 'd-1', incidents: [incident] });
    expect(lines()).toMatchObject([{ message: 'leaks queued', incident, source: 'github', delivery: 'd-1' }]);
    expect(metrics()).toEqual(['Leakstop leaks=1 Count service=revoke-key source=github']);
  });

  test('names every incident, a hundred to a line', () => {
    const incidents = Array.from({ length: 201 }, (_, index) => `inc_${index}`);
    observability.queued({ source: 'gitleaks', delivery: 'd-1', incidents });
    const named = lines().map(({ incident: one, incidents: several }) => String(one ?? several).split(' '));
    expect(named.map(({ length }) => length)).toEqual([100, 100, 1]);
    expect(named.flat()).toEqual(incidents);
    expect(metrics()).toEqual(['Leakstop leaks=201 Count service=revoke-key source=gitleaks']);
  });

  test('is no leak yet where it has to be fetched', () => {
    observability.queued({ source: 'github', delivery: 'd-1', incidents: [], references: 2 });
    expect(lines()).toMatchObject([{ message: 'references queued', references: 2, delivery: 'd-1' }]);
    expect(metrics()).toEqual([]);
  });
});

describe('what is wrong', () => {
  const own = (name: string, unit = 'Count') => `Leakstop ${name} ${unit} service=revoke-key`;

  test.each([
    new Unavailable('coveo did not answer'),
    new Refused('coveo refuses'),
    new Misconfigured('secret leakstop/x is not JSON'),
  ])('is told in our own words where they are ours: $name', (error) => {
    observability.fault('message failed', error, { incident });
    expect(lines()).toMatchObject([{ level: 'ERROR', incident, fault: error.name, reason: error.message }]);
    expect(metrics()).toEqual([own(`fault.${error.name}=1`)]);
  });

  test('is told by its class alone where it is of others, whatever they call themselves', () => {
    const disguised = Object.assign(new Error('canary'), { name: 'Refused' });
    for (const error of [new TypeError('canary'), disguised, 'canary']) observability.fault('message failed', error);
    expect(JSON.stringify(written)).not.toContain('canary');
    expect(metrics()).toEqual([]);
    observability.fault('message failed', new LeaseLost('another run has it'));
    expect(lines().at(-1)).toMatchObject({ reason: 'another run has it' });
    expect(metrics()).toEqual([]);
  });

  test('is told with its age while a notice is tried again, and by another metric once it is not', () => {
    observability.told(incident, 'slack inc', undefined);
    const later = { is: 'Unavailable', isFinal: false, waitedMs: 61_400 } as const;
    observability.told(incident, 'slack inc: slack answered 503', later);
    observability.told(incident, 'slack inc: slack answered 503', { ...later, isFinal: true });
    expect(lines().map(({ message }) => message)).toEqual(['told', 'told later', 'not told']);
    expect(metrics()).toEqual([
      own('fault.Unavailable=1'),
      own('age=61', 'Seconds'),
      own('fault.Unavailable=1'),
      own('notTold=1'),
    ]);
  });

  test('at a source is counted by source, with the age of what waits and without that of what does not', () => {
    const of = (name: string, unit = 'Count') => `Leakstop ${name} ${unit} service=revoke-key source=github`;
    observability.notFetched('github', { fault: 'Refused', isFinal: false, waitedMs: 5_000 });
    observability.notFetched('github', { fault: 'Refused', isFinal: true, waitedMs: 20_000 });
    expect(metrics()).toEqual([
      of('fault.Refused=1'),
      of('age=5', 'Seconds'),
      of('fault.Refused=1'),
      of('failed.Refused=1'),
    ]);
  });

  test('leaves the heartbeat out', () => {
    observability.heartbeat();
    expect(metrics()).toEqual([own('heartbeat=1')]);
  });
});
