import { App } from 'aws-cdk-lib/core';
import { readDeployment } from '../lib/aws/deployment.ts';
import { LeakstopStack } from '../lib/aws/leakstop-stack.ts';
import { holdToRules } from '../lib/aws/rules.ts';
import { readConfiguration } from '../lib/configuration.ts';
import * as adopted from './config.ts';

/** The CDK app: configuration in, one stack out, held against the rules that AWS gives. */
const app = new App();
holdToRules(app);
const { configuration, deployment } = checked(() => ({
  configuration: readConfiguration(adopted.configuration),
  // Who adopted it before there was anything to say about the deployment says nothing.
  deployment: readDeployment('deployment' in adopted ? adopted.deployment : {}),
}));
new LeakstopStack(app, 'Leakstop', { configuration, deployment });
app.synth();

function checked<Read>(read: () => Read): Read {
  try {
    return read();
  } catch (error) {
    console.error(`bin/config.ts: ${error instanceof Error ? error.message : 'is wrong'}`);
    process.exit(2);
  }
}
