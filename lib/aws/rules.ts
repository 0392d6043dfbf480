import { type App, Validations } from 'aws-cdk-lib/core';
import { AwsSolutionsChecks } from 'cdk-nag';

/** Has every synth hold what is deployed against the rules that AWS gives; what breaks one without a reason fails it. */
export const holdToRules = (app: App): void => Validations.of(app).addPlugins(new AwsSolutionsChecks(app));
