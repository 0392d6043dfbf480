import { App } from 'aws-cdk-lib/core';
import { LeakstopStack } from '../lib/aws/leakstop-stack.ts';
import { type Configuration, readConfiguration } from '../lib/configuration.ts';
import { configuration } from './config.ts';

/** The CDK app: configuration in, one stack out. */
const app = new App();
new LeakstopStack(app, 'Leakstop', { configuration: checked(configuration) });
app.synth();

function checked(input: unknown): Configuration {
  try {
    return readConfiguration(input);
  } catch (error) {
    console.error(`bin/config.ts: ${error instanceof Error ? error.message : 'is wrong'}`);
    process.exit(2);
  }
}
