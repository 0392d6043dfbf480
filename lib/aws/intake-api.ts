import { AccessLogFormat } from 'aws-cdk-lib/aws-apigateway';
import {
  CfnStage,
  HttpApi,
  type HttpMethod,
  HttpNoneAuthorizer,
  HttpStage,
  LogGroupLogDestination,
} from 'aws-cdk-lib/aws-apigatewayv2';
import { HttpIamAuthorizer } from 'aws-cdk-lib/aws-apigatewayv2-authorizers';
import { HttpLambdaIntegration } from 'aws-cdk-lib/aws-apigatewayv2-integrations';
import type { IFunction } from 'aws-cdk-lib/aws-lambda';
import type { LogGroup } from 'aws-cdk-lib/aws-logs';
import { Validations } from 'aws-cdk-lib/core';
import { Construct } from 'constructs';
import { functions } from '../../functions/manifest.ts';
import type { FunctionName } from '../../functions/platform/env.ts';
import { deployedNames, type Foundation } from './foundation.ts';

interface Throttle {
  rateLimit: number;
  burstLimit: number;
}

/**
 * Requests a second, and at once, of each route. They bound what a stranger can make a public route cost, and keep one kind of
 * caller from taking the functions away from the others.
 */
const throttles = {
  /** Well above what scanners send: most never send again what was turned away with 429. */
  sources: { rateLimit: 100, burstLimit: 200 },
  /** A workspace's events come at most 30,000 an hour: https://docs.slack.dev/apis/events-api/#rate-limiting */
  slack: { rateLimit: 20, burstLimit: 50 },
  /** People and their scripts, with a signature of theirs. */
  operators: { rateLimit: 20, burstLimit: 40 },
} satisfies Record<string, Throttle>;

function throttleOf(name: FunctionName, access: 'public' | 'operator'): Throttle {
  if (access === 'operator') return throttles.operators;
  return name === 'receive-slack' ? throttles.slack : throttles.sources;
}

/** What is kept of a request. Of what was sent nothing: no path, which may name an incident, no query, header or body. */
const logged = {
  requestId: '$context.requestId',
  at: '$context.requestTimeEpoch',
  route: '$context.routeKey',
  status: '$context.status',
  latencyMs: '$context.responseLatency',
  integrationError: '$context.integrationErrorMessage',
  ip: '$context.identity.sourceIp',
  protocol: '$context.protocol',
};

/** The HTTP API: alerts come in signed by their source, operators' requests signed for IAM. */
export class IntakeApi extends Construct {
  readonly api: HttpApi;
  readonly url: string;
  readonly accessLog: LogGroup;
  readonly #stage: HttpStage;
  readonly #routeSettings: Record<string, object> = {};

  constructor(scope: Construct, id: string, { foundation }: { foundation: Foundation }) {
    super(scope, id);
    this.api = new HttpApi(this, 'Api', {
      apiName: deployedNames.api,
      description: 'Leak alerts and requests of operators',
      createDefaultStage: false,
    });
    this.accessLog = foundation.logGroup(this, 'AccessLog');
    this.#stage = new HttpStage(this, 'Stage', {
      httpApi: this.api,
      autoDeploy: true,
      // Of what is no route, which is answered without a function.
      throttle: throttles.operators,
      accessLogSettings: {
        destination: new LogGroupLogDestination(this.accessLog),
        format: AccessLogFormat.custom(JSON.stringify(logged)),
      },
    });
    this.url = this.#stage.url;
    const { defaultChild } = this.#stage.node;
    if (!(defaultChild instanceof CfnStage)) throw new Error('CDK makes stages of something else now');
    defaultChild.routeSettings = this.#routeSettings;
  }

  /** Adds the routes that the manifest gives a function. */
  route(name: FunctionName, handler: IFunction): void {
    const integration = new HttpLambdaIntegration(`${name}-integration`, handler);
    for (const { route, access } of functions[name].routes) {
      const [method, path = ''] = route.split(' ');
      const authorizer = access === 'operator' ? new HttpIamAuthorizer() : new HttpNoneAuthorizer();
      const added = this.api.addRoutes({ path, methods: [method as HttpMethod], integration, authorizer });
      const { rateLimit, burstLimit } = throttleOf(name, access);
      this.#routeSettings[route] = { ThrottlingRateLimit: rateLimit, ThrottlingBurstLimit: burstLimit };
      // A stage that limits a route must find it.
      this.#stage.node.addDependency(...added);
      if (access === 'public') for (const one of added) acceptNoAuthorizer(one);
    }
  }
}

const acceptNoAuthorizer = (route: Construct) =>
  Validations.of(route).acknowledge({
    id: 'AwsSolutions-APIG4',
    reason:
      'Senders cannot sign for IAM: the function checks their own signature over the raw bytes before it reads them.',
  });
