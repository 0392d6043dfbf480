import { HttpApi, type HttpMethod, HttpNoneAuthorizer, HttpStage } from 'aws-cdk-lib/aws-apigatewayv2';
import { HttpIamAuthorizer } from 'aws-cdk-lib/aws-apigatewayv2-authorizers';
import { HttpLambdaIntegration } from 'aws-cdk-lib/aws-apigatewayv2-integrations';
import type { IFunction } from 'aws-cdk-lib/aws-lambda';
import { Construct } from 'constructs';
import { functions } from '../../functions/manifest.ts';
import type { FunctionName } from '../../functions/platform/env.ts';

/**
 * Requests a second, and at once. Well above what scanners send: most never send again what was turned away with 429.
 * It bounds what a stranger can make the public route cost.
 */
const throttle = { rateLimit: 100, burstLimit: 200 };

/** The HTTP API: alerts come in signed by their source, operators' requests signed for IAM. */
export class IntakeApi extends Construct {
  readonly url: string;
  readonly #api: HttpApi;

  constructor(scope: Construct, id: string) {
    super(scope, id);
    this.#api = new HttpApi(this, 'Api', {
      apiName: 'leakstop',
      description: 'Leak alerts and requests of operators',
      createDefaultStage: false,
    });
    this.url = new HttpStage(this, 'Stage', { httpApi: this.#api, autoDeploy: true, throttle }).url;
  }

  /** Adds the routes that the manifest gives a function. */
  route(name: FunctionName, handler: IFunction): void {
    const integration = new HttpLambdaIntegration(`${name}-integration`, handler);
    for (const { route, access } of functions[name].routes) {
      const [method, path = ''] = route.split(' ');
      const authorizer = access === 'operator' ? new HttpIamAuthorizer() : new HttpNoneAuthorizer();
      this.#api.addRoutes({ path, methods: [method as HttpMethod], integration, authorizer });
    }
  }
}
