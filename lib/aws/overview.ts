import type { ITopic } from 'aws-cdk-lib/aws-sns';
import { Construct } from 'constructs';
import type { Configuration } from '../configuration.ts';
import { Alarms } from './alarms.ts';
import { Dashboard } from './dashboard.ts';
import { SavedQueries } from './saved-queries.ts';
import type { ServiceFunction } from './service-function.ts';

interface Properties {
  configuration: Configuration;
  apiId: string;
  tableName: string;
  functions: Readonly<Record<string, ServiceFunction>>;
  topic?: ITopic | undefined;
  /** Where docs/operate.md can be read, without a fragment. */
  runbookUrl?: string | undefined;
}

/** What people see and hear of the service: alarms, the dashboard, questions to the logs. */
export class Overview extends Construct {
  readonly alarms: Alarms;

  constructor(scope: Construct, id: string, { functions, topic, configuration, apiId, ...given }: Properties) {
    super(scope, id);
    const logGroupNames = Object.values(functions).map(({ lambda }) => lambda.logGroup.logGroupName);
    this.alarms = new Alarms(this, 'Alarms', { configuration, apiId, topic });
    new SavedQueries(this, 'SavedQueries', { logGroupNames });
    new Dashboard(this, 'Dashboard', { ...given, configuration, apiId, logGroupNames, alarms: this.alarms.all });
  }
}
