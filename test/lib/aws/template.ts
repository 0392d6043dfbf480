import { readFileSync } from 'node:fs';
import { Template } from 'aws-cdk-lib/assertions';
import { App } from 'aws-cdk-lib/core';
import { providers } from '../../../functions/providers/index.ts';
import { sources } from '../../../functions/sources/index.ts';
import { type DeploymentInput, readDeployment } from '../../../lib/aws/deployment.ts';
import { LeakstopStack } from '../../../lib/aws/leakstop-stack.ts';
import { type Configuration, readConfiguration } from '../../../lib/configuration.ts';

/** Every provider with two accounts, and every source. */
export const everything: Configuration = readConfiguration({
  providers: Object.fromEntries(Object.keys(providers).map((id) => [id, { accounts: ['prod', 'eu'] }])),
  sources: [...Object.keys(sources), 'slack'],
});

export interface Resource {
  Type: string;
  Properties: Record<string, unknown>;
  DeletionPolicy?: string;
  DependsOn?: string[];
}

const { context } = JSON.parse(readFileSync(new URL('../../../cdk.json', import.meta.url), 'utf8'));

/** The app as `cdk synth` sees it; what only looks at the template neither makes bundles nor validates. */
export function stackOf(
  configuration: Configuration,
  bundles?: { outdir: string },
  deployment: DeploymentInput = {},
): { app: App; stack: LeakstopStack } {
  const app = new App({
    ...bundles,
    analyticsReporting: false,
    builtinCloudFormationValidation: bundles !== undefined,
    context: { ...context, ...(!bundles && { 'aws:cdk:bundling-stacks': [] }) },
  });
  return { app, stack: new LeakstopStack(app, 'Leakstop', { configuration, deployment: readDeployment(deployment) }) };
}

/** The resources that a configuration becomes, by logical id. */
export const resourcesOf = (configuration: Configuration, deployment: DeploymentInput = {}): Record<string, Resource> =>
  Template.fromStack(stackOf(configuration, undefined, deployment).stack).toJSON().Resources;

/** The properties of all resources of a type. */
export const ofType = (resources: Record<string, Resource>, type: string) =>
  Object.values(resources).flatMap(({ Type, Properties }) => (Type === type ? [Properties] : []));

/** The name that a person would know a resource by. */
export function nameOf(resources: Record<string, Resource>, id: string): string {
  const { Type, Properties = {} } = resources[id] ?? {};
  const { Name, QueueName, TableName, FunctionName, TopicName } = Properties;
  // There is one of them.
  const key = Type === 'AWS::KMS::Key' ? 'key' : id;
  return String(Name ?? QueueName ?? TableName ?? FunctionName ?? TopicName ?? key);
}

/** A value of a template as text: what it refers to is put in as `referred` says. */
export function textOf(value: unknown, referred: (id: string) => string): string {
  if (typeof value !== 'object' || value === null) return String(value);
  const [[kind, content] = ['', undefined]] = Object.entries(value);
  if (kind === 'Ref') return referred(String(content));
  if (kind === 'Fn::GetAtt') return referred(String((content as string[])[0]));
  if (kind === 'Fn::Join') {
    const [separator, parts] = content as [string, unknown[]];
    return parts.map((part) => textOf(part, referred)).join(separator);
  }
  throw new Error(`the template holds ${kind}, which is not understood here`);
}

/** One thing that one function is allowed. */
export interface Permission {
  who: string;
  action: string;
  resource: string;
}

/** One statement of a policy. */
interface Statement {
  Effect: string;
  Action: string | string[];
  Resource: unknown;
  Principal?: Record<string, unknown>;
  Condition?: Record<string, Record<string, unknown>>;
}

/** What a policy says, one statement after the other. */
export const statementsOf = (document: unknown) =>
  (document as { Statement: Statement[] } | undefined)?.Statement ?? [];

/** Everything that the functions are allowed, one action on one resource each. */
export function permissionsOf(resources: Record<string, Resource>): Permission[] {
  const named = (value: unknown) => textOf(value, (id) => nameOf(resources, id));
  const holders = ofType(resources, 'AWS::Lambda::Function').map((properties) => ({
    who: String(properties.FunctionName),
    role: textOf(properties.Role, (id) => id),
  }));
  return ofType(resources, 'AWS::IAM::Policy').flatMap(({ PolicyDocument, Roles }) => {
    const roles = (Roles as unknown[]).map((role) => textOf(role, (id) => id));
    const who = holders.filter(({ role }) => roles.includes(role)).map((holder) => holder.who);
    return statementsOf(PolicyDocument).flatMap(({ Effect, Action, Resource }) =>
      (Effect === 'Allow' ? [Action] : [])
        .flat()
        .flatMap((action) =>
          [Resource]
            .flat()
            .flatMap((resource) => who.map((each) => ({ who: each, action, resource: named(resource) }))),
        ),
    );
  });
}
