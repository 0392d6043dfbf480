import { expect, test, vi } from 'vitest';
import { readDeployment } from '../../../lib/aws/deployment.ts';
import { everything, ofType, resourcesOf } from './template.ts';

// One test synthesizes, twice.
vi.setConfig({ testTimeout: 120_000 });

test('nothing need be said: no network, no traces, logs for a year, a topic that is made', () => {
  expect(readDeployment({})).toEqual({
    fixedEgress: false,
    tracing: false,
    logRetentionDays: 365,
    reserveConcurrency: false,
  });
});

test.each([
  [{ fixedEgress: 'yes' }, 'deployment.fixedEgress: must be true, false, { zones: 1 } or { zones: 2 }'],
  [{ fixedEgress: { zones: 3 } }, /^deployment\.fixedEgress: must be /],
  [{ fixedEgress: { vpc: 'vpc-1' } }, /^deployment\.fixedEgress: must be /],
  [{ logRetentionDays: 100 }, /^deployment\.logRetentionDays: must be one of 1, 3, .*3653$/],
  [{ alarmTopic: 'leakstop-alarms' }, 'deployment.alarmTopic: must be the ARN of an SNS standard topic'],
  [{ alarmEmail: 'ops' }, 'deployment.alarmEmail: must be an email address'],
  [
    { alarmEmail: 'ops@example.com', alarmTopic: 'arn:aws:sns:us-east-1:111122223333:alarms' },
    'deployment.alarmEmail: goes with no alarmTopic: subscribe it there',
  ],
  [{ runbookUrl: 'http://wiki.example.com/leakstop' }, /^deployment\.runbookUrl: must be an https address /],
  [{ runbookUrl: 'https://wiki.example.com/leakstop#alarms' }, /^deployment\.runbookUrl: must be an https address /],
  [{ traceing: true }, 'deployment.traceing: is not a field that is known here'],
  ['all', /^deployment: /],
])('refuses %j with one line that names the field', (input, line) => {
  expect(() => readDeployment(input)).toThrow(line);
});

test('the dashboard leads to the runbook where it is said to be', () => {
  const runbookUrl = 'https://wiki.example.com/leakstop/operate.md';
  const shown = (deployment: { runbookUrl?: string }) =>
    JSON.stringify(ofType(resourcesOf(everything, deployment), 'AWS::CloudWatch::Dashboard'));
  expect(shown({ runbookUrl })).toContain(`(${runbookUrl}#alarms)`);
  expect(shown({})).not.toContain('](http');
});
