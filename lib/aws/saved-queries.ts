import { CfnQueryDefinition } from 'aws-cdk-lib/aws-logs';
import { Construct } from 'constructs';

/**
 * The questions that people ask of the logs, in CloudWatch Logs Insights. `INCIDENT` is replaced by an id before it is run.
 * https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/CWL_QuerySyntax.html
 */
export const savedQueries = {
  'One incident through all functions': [
    'fields @timestamp, service, message, detail, reason, source, delivery, fault',
    "filter incident = 'INCIDENT' or incidents like 'INCIDENT'",
    'sort @timestamp asc',
    'limit 1000',
  ],
  'What was refused, and why': [
    'fields @timestamp, service, provider, source, message, fault, coalesce(detail, reason) as why, incident',
    "filter ispresent(fault) and fault in ['Refused', 'Unexpected', 'Misconfigured']",
    'sort @timestamp desc',
    'limit 200',
  ],
  'The slowest deaths': [
    'fields @timestamp, provider, incident, timeToDeadMs / 1000 as seconds',
    'filter ispresent(timeToDeadMs)',
    'sort timeToDeadMs desc',
    'limit 50',
  ],
  'What intake skipped': [
    'fields @timestamp, service, source, delivery, index, reason, count',
    "filter message in ['entry skipped', 'entries skipped', 'a message holds more than is looked at']",
    'sort @timestamp desc',
    'limit 200',
  ],
  'Who decided': [
    'fields @timestamp, service, user, verb, is, incident, by',
    "filter message in ['decided', 'refused to decide', 'the fuse was reset']",
    'sort @timestamp desc',
    'limit 200',
  ],
} as const satisfies Record<string, readonly string[]>;

/** What waits for a person now: the last that was said of an incident is that somebody is needed. */
export const waitingForAPerson = [
  "filter ispresent(incident) and (message like /^(stage|outcome) / or message = 'decided')",
  'stats latest(message) as stands, latest(provider) as heldAt, latest(@timestamp) as since by incident',
  "filter stands in ['stage asked', 'stage parked', 'outcome failed', 'outcome unrouted', 'outcome ambiguous', 'outcome protected']",
  'sort since desc',
  'limit 50',
] as const;

/** The saved queries, over the logs of all functions. */
export class SavedQueries extends Construct {
  constructor(scope: Construct, id: string, { logGroupNames }: { logGroupNames: string[] }) {
    super(scope, id);
    for (const [name, lines] of Object.entries(savedQueries)) {
      new CfnQueryDefinition(this, name.replaceAll(/\W+/g, '-'), {
        name: `leakstop/${name}`,
        queryString: lines.join('\n| '),
        logGroupNames,
      });
    }
  }
}
