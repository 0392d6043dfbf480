import { describe, expect, test } from 'vitest';
import { isToldOf, laneEnvironment, readConfiguration, sharedEnvironments } from '../../lib/configuration.ts';

describe('a configuration that is wrong', () => {
  test.each<[object, RegExp]>([
    [{ providers: { datadg: { accounts: ['prod'] } } }, /^providers\.datadg: is not a provider; there are .*datadog/],
    [{ providers: { datadog: { accounts: [] } } }, /^providers\.datadog\.accounts: /],
    [{ providers: { datadog: { accounts: ['a', 'a'] } } }, /^providers\.datadog\.accounts: names an account twice/],
    [{ providers: { datadog: { accounts: ['prod/eu'] } } }, /^providers\.datadog\.accounts\.0: must be/],
    [
      { providers: { datadog: { accounts: ['prod'], action: 'disable' } } },
      /cannot be disable: datadog can only delete/,
    ],
    [{ providers: {}, sources: ['standard', 'pigeon'] }, /^sources\.1: is not a source; there are .*standard/],
    [{ provders: {} }, /^provders: /],
    [
      { providers: {}, policy: { protected: [{ provider: 'acme', keyId: 'k', reason: 'r' }] } },
      /protected\.0\.provider/,
    ],
    [{ providers: {}, policy: { fuse: { limit: 0, windowMinutes: 60 } } }, /^policy\.fuse\.limit: /],
    [
      { providers: {}, policy: { approval: { approvers: ['@anna'] } } },
      /^policy\.approval\.approvers\.0: must be a Slack user id such as U012ABCDEF, or T012ABCDEF\/U012ABCDEF/,
    ],
    [{ providers: {}, policy: { approval: { deadlineMinutes: 0 } } }, /^policy\.approval\.deadlineMinutes: /],
    [{ providers: {}, policy: { approval: { onDeadline: 'delete' } } }, /^policy\.approval\.onDeadline: /],
    [{ providers: {}, policy: { fuse: { limit: 5, windowMinutes: 20_000 } } }, /^policy\.fuse\.windowMinutes: /],
    [{ providers: {}, notices: { eventBus: 'my bus' } }, /^notices\.eventBus: must be the name or the ARN/],
    [{ providers: {}, notices: { topic: 'alarms' } }, /^notices\.topic: must be the ARN/],
    [{ providers: {}, notices: { bus: 'default' } }, /^notices\.bus: /],
  ])('is refused in one line that names the field: %j', (input, line) => {
    expect(() => readConfiguration(input)).toThrow(line);
    expect(() => readConfiguration(input)).toThrow(/^[^\n]+$/);
  });

  test('is one that wants keys disabled where the provider can only delete, and no other', () => {
    for (const id of ['coveo', 'docspace'])
      expect(readConfiguration({ providers: { [id]: { accounts: ['a'], action: 'disable' } } }).providers[id]).toEqual({
        accounts: ['a'],
        action: 'disable',
      });
    for (const id of ['datadog', 'mongodb-atlas', 'resolver'])
      expect(() => readConfiguration({ providers: { [id]: { accounts: ['a'], action: 'disable' } } })).toThrow(id);
  });
});

describe('a time that nobody names', () => {
  const approvalOf = (approval: object) => readConfiguration({ providers: {}, policy: { approval } }).policy.approval;

  test('is a quarter of an hour where something goes on by itself, and never where it only parks', () => {
    expect(approvalOf({ onDeadline: 'revoke' })).toMatchObject({ deadlineMinutes: 15 });
    expect(approvalOf({ onDeadline: 'revoke', deadlineMinutes: 0.5 })).toMatchObject({ deadlineMinutes: 0.5 });
    expect(approvalOf({}).deadlineMinutes).toBeUndefined();
  });

  test('is an hour for the window of a fuse', () => {
    const { policy } = readConfiguration({ providers: {}, policy: { fuse: { limit: 5 } } });
    expect(policy.fuse).toEqual({ limit: 5, windowMinutes: 60 });
  });
});

describe('approval in Slack', () => {
  const input = (approvers: string[], action = 'approve', sources = ['standard', 'slack']) => ({
    providers: { coveo: { accounts: ['a'] }, datadog: { accounts: ['prod'], action } },
    sources,
    policy: { approval: { approvers } },
  });

  test('by nobody is refused, with the field and the remedy', () => {
    expect(() => readConfiguration(input([]))).toThrow(
      /^policy\.approval\.approvers: is empty, and datadog asks people in Slack: name who may approve$/,
    );
  });

  test.each([
    ['somebody may approve', input(['U012ABCDEF'])],
    ['somebody of one team may approve', input(['T012ABCDEF/U012ABCDEF'])],
    ['nothing asks for approval by configuration', input([], 'delete')],
    ['people are not in Slack: operators decide through the API', input([], 'approve', ['standard'])],
  ])('is taken where %s', (_, given) => {
    expect(readConfiguration(given).policy.approval.approvers).toEqual(given.policy.approval.approvers);
  });
});

test('a configuration says what is meant by what it leaves out', () => {
  expect(readConfiguration({ providers: { datadog: { accounts: ['prod'] } } })).toEqual({
    providers: { datadog: { accounts: ['prod'], action: 'delete' } },
    sources: [],
    policy: { protected: [], approval: { approvers: [], onDeadline: 'park' }, useLeakedKey: true },
    notices: { eventBus: 'default' },
  });
});

describe('drills', () => {
  const providers = { datadog: { accounts: ['prod', 'eu'] }, coveo: { accounts: ['main'] } };
  const places = { table: 't', lanes: { datadog: 'https://lane', coveo: 'https://other' }, noticesQueue: undefined };
  const environments = (drill?: object) => {
    const configuration = readConfiguration({ providers, ...(drill && { drill }) });
    const shared = sharedEnvironments(configuration, { ...places, unroutedQueue: 'https://unrouted', account: '1' });
    return [shared['keep-watch'], laneEnvironment(configuration, 'datadog', places)] as const;
  };

  test('are of the accounts that are named, once a day and to be dead within a minute where nothing else is said', () => {
    const [watch, lane] = environments({ accounts: { datadog: ['prod'] } });
    expect(JSON.parse(String(watch.DRILLS))).toEqual({ datadog: ['prod'] });
    expect(JSON.parse(String(lane.DRILL))).toEqual({ accounts: ['prod'], everyHours: 24, objectiveSeconds: 60 });
  });

  test('are nobody’s business where none is configured, nor a lane’s whose provider has none', () => {
    const [watch, lane] = environments();
    expect(watch).not.toHaveProperty('DRILLS');
    expect(lane).not.toHaveProperty('DRILL');
    const configuration = readConfiguration({ providers, drill: { accounts: { datadog: ['prod'] } } });
    expect(laneEnvironment(configuration, 'coveo', places)).not.toHaveProperty('DRILL');
  });

  test.each([
    [
      { accounts: { coveo: ['main'] } },
      /^drill\.accounts\.coveo: cannot be drilled: no key can be made there; .*datadog.* can be$/,
    ],
    [{ accounts: { nobody: ['main'] } }, /^drill\.accounts\.nobody: cannot be drilled/],
    [{ accounts: { datadog: ['us'] } }, /^drill\.accounts\.datadog: names us, which is not among providers\.datadog/],
    [{ accounts: { docspace: ['main'] } }, /^drill\.accounts\.docspace: names main, which is not among/],
    [{ accounts: { datadog: ['prod', 'prod'] } }, /^drill\.accounts\.datadog: names an account twice$/],
    [{ accounts: { datadog: [] } }, /^drill\.accounts\.datadog: /],
    [{ accounts: {}, everyHours: 0.1 }, /^drill\.everyHours: /],
    [{ accounts: {}, objectiveSeconds: 4000 }, /^drill\.objectiveSeconds: /],
    [{ accounts: {}, everyHours: 0.25, objectiveSeconds: 900 }, /^drill\.objectiveSeconds: must be less than the time/],
    [{ accounts: {}, often: true }, /^drill\.often: /],
  ])('are refused in one line that names the field: %j', (drill, line) => {
    expect(() => readConfiguration({ providers, drill })).toThrow(line);
  });
});

describe('somebody is told', () => {
  const silent = { providers: {}, notices: { eventBus: null } };
  test.each<[string, object]>([
    ['there is an event bus, which there is where nothing else is said', { providers: {} }],
    [
      'there is a topic',
      { ...silent, notices: { eventBus: null, topic: 'arn:aws:sns:us-east-1:111122223333:alarms' } },
    ],
    ['there is Slack', { ...silent, sources: ['slack'] }],
    ['there is a source whose alerts are closed', { ...silent, sources: ['github'] }],
  ])('where %s', (_, input) => {
    expect(isToldOf(readConfiguration(input))).toBe(true);
  });

  test('nowhere else', () => {
    expect(isToldOf(readConfiguration({ ...silent, sources: ['standard'] }))).toBe(false);
  });
});
