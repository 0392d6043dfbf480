import { names, queues } from '../functions/manifest.ts';
import type { FunctionName } from '../functions/platform/env.ts';
import type { Sources } from '../functions/revocation/source.ts';
import { sources } from '../functions/sources/index.ts';
import { type Configuration, isToldOf } from './configuration.ts';

/**
 * An alarm of CloudWatch, as data: what is deployed and what a test judges are the same.
 * https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/alarm-evaluation.html
 */
export interface AlarmDefinition {
  name: string;
  /** What happened, what to do first, and where it is described: the words that reach whoever is called. At most 1024 characters. */
  description: string;
  metric: { namespace: string; name: string; dimensions: Readonly<Record<string, string>> };
  statistic: 'Sum' | 'Maximum';
  periodSeconds: number;
  /** It is breached on this side of the threshold, and not at it. */
  breached: 'above' | 'below';
  threshold: number;
  /** So many of the last `evaluationPeriods` periods must be breached. */
  datapointsToAlarm: number;
  evaluationPeriods: number;
  /** What a period without data counts as; `ignore`: nothing, the alarm stays as it is. */
  missing: 'breaching' | 'notBreaching' | 'ignore';
}

/** How a leak is called old (s): longer than a rate limit or an outage that passes, and soon enough for a key that lives on. */
const oldLeak = 3600;
/** A queue's messages are held back 15 minutes at most; one that is older is taken by nobody (s). */
const oldMessage = 1200;

const minute = 60;
const once = { datapointsToAlarm: 1, evaluationPeriods: 1, breached: 'above', missing: 'notBreaching' } as const;
/** Something that must not happen has been counted. */
const counted = { ...once, statistic: 'Sum', periodSeconds: 5 * minute, threshold: 0 } as const;

/** For what may be tried again no more often than every 15 minutes while it lasts: one call for all of it, and no word in between that it is over. */
const untilTriedAgain = { evaluationPeriods: 4 } as const;

const ours = (service: FunctionName, name: string, more: Record<string, string> = {}) => ({
  namespace: 'Leakstop',
  name,
  dimensions: { service, ...more },
});
const ofQueue = (queue: string, name: string) => ({ namespace: 'AWS/SQS', name, dimensions: { QueueName: queue } });

/**
 * Every alarm that a configuration needs. Each means that a person must act; what only is of interest is on the dashboard.
 * `apiId`: the HTTP API that takes alerts and requests.
 */
export function alarmsOf(configuration: Configuration, { apiId }: { apiId: string }): AlarmDefinition[] {
  const providers = Object.keys(configuration.providers);
  const fetched = configuration.sources.filter((id) => (sources as Sources)[id]?.fetch !== undefined);
  const isTold = isToldOf(configuration);
  const consumed = [...providers.map(names.lane), names.unrouted, ...(isTold ? [names.notices] : [])];
  const intakes: FunctionName[] = ['receive-alert', 'receive-request'];
  if (configuration.sources.includes('slack')) intakes.push('receive-slack');
  return [
    ...consumed.flatMap(ofMessages),
    ...providers.flatMap(ofLane),
    ...(configuration.policy.fuse === undefined ? [] : providers.map(ofFuse)),
    ...fetched.flatMap(ofSource),
    ...intakes.map(ofSecrets),
    ofIntake(apiId),
    ...ofWatch,
    ...drills(configuration),
    ...(isTold ? ofNotices : []),
  ];
}

/** The alarms of one queue. */
const ofMessages = (queue: string): AlarmDefinition[] => [
  {
    ...once,
    // A queue that nobody touches says nothing any more after some hours, whether or not there is something in it:
    // https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-available-cloudwatch-metrics.html
    missing: 'ignore',
    name: names.deadLetters(queue),
    description:
      `Messages wait unhandled in ${names.deadLetters(queue)}: their function failed ${queues.receivesAtMost} times. ` +
      `Find the reason in the log of the function that ${queue} feeds and repair it (mostly a right, or our code), ` +
      `then redrive the messages to ${queue}, at most ${queues.retentionSeconds / 86_400} days after they were sent; ` +
      'handling one twice is harmless. See docs/operate.md, "Dead letters".',
    metric: ofQueue(names.deadLetters(queue), 'ApproximateNumberOfMessagesVisible'),
    statistic: 'Maximum',
    periodSeconds: minute,
    threshold: 0,
  },
  {
    ...once,
    name: `${queue}-stuck`,
    description:
      `The oldest message in ${queue} waits longer than ${oldMessage / minute} minutes: nobody takes messages from it, or not enough. ` +
      'Leaked keys may live meanwhile. See whether its function runs: is its event source enabled, is it throttled, does it time out? ' +
      'What waits is handled as soon as it runs. See docs/operate.md, "Alarms".',
    metric: ofQueue(queue, 'ApproximateAgeOfOldestMessage'),
    statistic: 'Maximum',
    periodSeconds: minute,
    threshold: oldMessage,
  },
];

const notNow = (what: string, where: string) =>
  `${what} is tried for more than an hour and does not get there. Its key lives. ` +
  `List them with GET /incidents?state=claimed and see "reason"; ${where} See docs/operate.md, "Alarms".`;

/** The alarms of one provider's lane. */
const ofLane = (provider: string): AlarmDefinition[] => {
  const metric = (name: string) => ours('revoke-key', name, { provider });
  return [
    {
      ...once,
      ...untilTriedAgain,
      name: `leakstop-waiting-${provider}`,
      description: notNow(
        `A leak of ${provider}`,
        'if the provider is down or limits us for long, end the key by hand in its own console.',
      ),
      metric: metric('age'),
      statistic: 'Maximum',
      periodSeconds: 5 * minute,
      threshold: oldLeak,
    },
    {
      ...counted,
      name: `leakstop-refused-${provider}`,
      description:
        `${provider} refuses the admin credential, or a right of it: no key of that account is revoked until that is repaired. ` +
        'GET /incidents?outcome=failed names account and right in "reason", the saved query "What was refused, and why" where the key was ' +
        'found in another account. Put a valid credential into its secret, or grant the right, then POST /incidents/{id}/retry for each. See docs/operate.md, "Alarms".',
      metric: metric('fault.Refused'),
    },
    {
      ...counted,
      name: `leakstop-contract-${provider}`,
      description:
        `${provider} answers outside its documentation, three times within a minute: its API has changed, or a proxy is in between. ` +
        'Nothing was guessed; the key may live. End it by hand in the console of the provider, then see what "reason" of ' +
        'GET /incidents?outcome=failed says of the answer, and take a version of Leakstop that knows it. See docs/operate.md, "Alarms".',
      metric: metric('failed.Unexpected'),
    },
    {
      ...counted,
      name: `leakstop-alive-${provider}`,
      description:
        `${provider} accepted the deletion of a leaked key more than a minute ago and still honours the key. ` +
        'It is looked at again for a day. See the incident (GET /incidents?state=sent), end the key in the console of the provider, ' +
        'and open a ticket there. See docs/operate.md, "Alarms".',
      metric: metric('stillAlive'),
    },
    {
      ...counted,
      name: `leakstop-secret-${provider}`,
      description:
        `A secret that the lane of ${provider} needs is missing or does not match its schema: no key of that account is revoked. ` +
        `The log of ${names.function('revoke-key', provider)} names secret and field ("fault":"Misconfigured"). Put the right value in: ` +
        'what waits goes on within a minute. See docs/operate.md, "Alarms".',
      metric: metric('fault.Misconfigured'),
    },
  ];
};

const ofFuse = (provider: string): AlarmDefinition => ({
  ...counted,
  name: `leakstop-fuse-${provider}`,
  description:
    'The fuse has blown: more keys leaked than policy.fuse lets die without a person, and now every key waits for approval. ' +
    'See whether the alerts are real, then POST /fuse/reset; what waits is approved or rejected one by one. ' +
    'See docs/operate.md, "When the fuse has blown".',
  metric: ours('revoke-key', 'fuse.blown', { provider }),
  periodSeconds: minute,
});

/** The alarms of what is drilled. */
const drills = ({ drill }: Configuration): AlarmDefinition[] =>
  drill === undefined ? [] : Object.keys(drill.accounts).flatMap((provider) => ofDrill(provider, drill));

const hour = 60 * minute;

/** A drill is late, was missed, or nobody began one. The last is judged over half as long again as lies between two. */
const ofDrill = (provider: string, { everyHours, objectiveSeconds }: NonNullable<Configuration['drill']>) => {
  const metric = (name: string) => ours('revoke-key', name, { provider });
  const periods = Math.ceil(1.5 * everyHours) + 1;
  return [
    {
      ...counted,
      name: `leakstop-drill-late-${provider}`,
      description:
        `A key that a drill had made at ${provider} was not dead after ${objectiveSeconds} seconds: a key that leaks now would not be ` +
        'either. Its incident says where the time goes (GET /incidents, source "drill"): waiting in the queue, the provider\'s answers, or ' +
        'its proof. See docs/operate.md, "Drill".',
      metric: metric('drill.late'),
    },
    {
      ...counted,
      name: `leakstop-drill-missed-${provider}`,
      description:
        `A drill at ${provider} was due and has not ended with a dead key. The log of ${names.function('revoke-key', provider)} says why ` +
        '("drill"): mostly the right to make keys is missing, or the lane cannot end what it finds, which leaks need as well. It also says ' +
        'whether its key may be alive; the next drill ends it. See docs/operate.md, "Drill".',
      metric: metric('drill.missed'),
    },
    {
      name: `leakstop-drill-none-${provider}`,
      description:
        `No drill has ended at ${provider} for ${periods} hours, though one is due every ${everyHours}: nobody orders it, or the lane does ` +
        `not run. See whether leakstop-heartbeat is on, and the log of ${names.function('revoke-key', provider)}. Until the first drill has ` +
        'ended it is normal. See docs/operate.md, "Drill".',
      metric: metric('drill.timeToDead'),
      statistic: 'Maximum',
      periodSeconds: hour,
      breached: 'below',
      threshold: 0,
      datapointsToAlarm: periods,
      evaluationPeriods: periods,
      missing: 'breaching',
    },
  ] satisfies AlarmDefinition[];
};

/** The alarms of a source whose alerts have to be fetched. */
const ofSource = (source: string): AlarmDefinition[] => {
  const metric = (name: string) => ours('resolve-alert', name, { source });
  return [
    {
      ...once,
      ...untilTriedAgain,
      name: `leakstop-waiting-source-${source}`,
      description:
        `An alert of ${source} cannot be fetched for more than an hour: which key leaked is not known, and the key lives. ` +
        `The log of ${names.function('resolve-alert')} says why ("the alert is fetched later"). Repair that, or open the alerts at ` +
        `${source} and report the keys with POST /revocations. See docs/operate.md, "Alarms".`,
      metric: metric('age'),
      statistic: 'Maximum',
      periodSeconds: 5 * minute,
      threshold: oldLeak,
    },
    {
      ...counted,
      name: `leakstop-refused-source-${source}`,
      description:
        `${source} refuses our token: its alerts are not fetched, and the keys in them live. ` +
        `Put a valid token into ${names.sourceSecret(source)}, with the right that "reason" of GET /incidents?outcome=unrouted names, ` +
        'then POST /incidents/{id}/retry for each. See docs/operate.md, "Alarms".',
      metric: metric('failed.Refused'),
    },
    {
      ...counted,
      name: `leakstop-contract-source-${source}`,
      description:
        `${source} answers outside its documentation when an alert is fetched, three times within a minute. ` +
        'Open the alert by the link in "reason" of GET /incidents?outcome=unrouted, report its key with POST /revocations, then see what ' +
        'has changed there. See docs/operate.md, "Alarms".',
      metric: metric('failed.Unexpected'),
    },
  ];
};

/** An intake without its secret turns away what is sent to it. */
const ofSecrets = (name: FunctionName): AlarmDefinition => ({
  ...counted,
  name: `leakstop-secret-${name}`,
  description:
    `${names.function(name)} turned something away with 503, because a secret is missing or does not match its schema. Some senders ` +
    'do not send again. Its log names secret and field ("fault":"Misconfigured"): put the right value in, or take the source out of the ' +
    'configuration; then have senders send again what they sent. See docs/operate.md, "Alarms".',
  metric: ours(name, 'fault.Misconfigured'),
});

/**
 * An outage that passes touches two periods at most. Who gets one alert in an hour has one failure in an hour too, where every one
 * fails: so a day is looked at, which is as long as periods this short allow.
 * https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_PutMetricAlarm.html
 */
const ofIntake = (apiId: string): AlarmDefinition => ({
  name: 'leakstop-intake',
  description:
    'Alerts and requests are answered with 5xx again and again, three times within a day: they are not accepted. Some ' +
    'senders do not send again. See "request failed" in the logs of the functions receive-alert, receive-request and receive-slack, and ' +
    'whether they are throttled; repair it, then have senders send again. See docs/operate.md, "Alarms".',
  metric: { namespace: 'AWS/ApiGateway', name: '5xx', dimensions: { ApiId: apiId } },
  statistic: 'Sum',
  periodSeconds: 5 * minute,
  breached: 'above',
  threshold: 0,
  datapointsToAlarm: 3,
  evaluationPeriods: (24 * 60) / 5,
  missing: 'notBreaching',
});

const ofWatch: readonly AlarmDefinition[] = [
  {
    name: 'leakstop-heartbeat',
    description:
      'keep-watch has not ended a round for five minutes: dead keys are not looked at again, deadlines are not seen, lost work is not taken ' +
      `up, nothing is swept. New leaks are still handled. See the log of ${names.function('keep-watch')} ("round failed") and whether its ` +
      'schedule is enabled. Right after the first deployment it is normal for some minutes. See docs/operate.md, "Alarms".',
    metric: ours('keep-watch', 'heartbeat'),
    statistic: 'Sum',
    periodSeconds: minute,
    breached: 'below',
    threshold: 1,
    datapointsToAlarm: 5,
    evaluationPeriods: 5,
    missing: 'breaching',
  },
];

const ofNotices: readonly AlarmDefinition[] = [
  {
    ...counted,
    ...untilTriedAgain,
    name: 'leakstop-secret-send-notice',
    description:
      'A secret with which Slack or a source is told is missing or does not match its schema: people who may be needed hear nothing. ' +
      `The log of ${names.function('send-notice')} names secret and field ("fault":"Misconfigured"). Put the right value in: what waits is ` +
      'told within 15 minutes. Until then see GET /incidents?state=awaiting-approval and state=parked. See docs/operate.md, "Alarms".',
    metric: ours('send-notice', 'fault.Misconfigured'),
  },
  {
    ...counted,
    ...untilTriedAgain,
    name: 'leakstop-refused-send-notice',
    description:
      'Slack, a source, the event bus or the topic refuses us, so people who may be needed hear nothing, or an alert stays open. ' +
      `The log of ${names.function('send-notice')} says who and why ("told later", "fault":"Refused"). Repair the token or the right: what ` +
      'waits is told within 15 minutes, for a day. Until then see GET /incidents?state=awaiting-approval and state=parked. ' +
      'See docs/operate.md, "Alarms".',
    metric: ours('send-notice', 'fault.Refused'),
  },
  {
    ...once,
    ...untilTriedAgain,
    name: 'leakstop-waiting-send-notice',
    description:
      'Somebody cannot be told of an incident for more than an hour: Slack, a source, the event bus or the topic gives no answer. It is tried ' +
      'for a day. Whoever is to approve a key may not have been asked, and the key lives: see GET /incidents?state=awaiting-approval and ' +
      `approve or reject there; the log of ${names.function('send-notice')} says who is not reached ("told later"). ` +
      'See docs/operate.md, "Alarms".',
    metric: ours('send-notice', 'age'),
    statistic: 'Maximum',
    periodSeconds: 5 * minute,
    threshold: oldLeak,
  },
  {
    ...counted,
    name: 'leakstop-untold',
    description:
      'Somebody who is to be told of an incident could not be told in a day, and that is not tried any more. The incident says who, and why, ' +
      `at stage "told"; the log of ${names.function('send-notice')} has its id ("not told"). Tell them yourself, or close the alert by hand. ` +
      'See docs/operate.md, "Alarms".',
    metric: ours('send-notice', 'notTold'),
  },
];
