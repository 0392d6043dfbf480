import { Misconfigured } from '../revocation/errors.ts';

/**
 * The credentials of the environment, which is where Lambda puts those of the function's role:
 * https://docs.aws.amazon.com/lambda/latest/dg/configuration-envvars.html#configuration-envvars-runtime
 * In the bundles this stands in for the SDK's own chain, whose other links (profiles, SSO, web identity, instance metadata) a function
 * never takes and would load at every cold start. They last as long as the function's process does.
 * @throws Misconfigured naming the variables
 */
export const defaultProvider = () => async () => {
  const { AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_SESSION_TOKEN } = process.env;
  if (!AWS_ACCESS_KEY_ID || !AWS_SECRET_ACCESS_KEY)
    throw new Misconfigured('environment: AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY must be set');
  return {
    accessKeyId: AWS_ACCESS_KEY_ID,
    secretAccessKey: AWS_SECRET_ACCESS_KEY,
    ...(AWS_SESSION_TOKEN && { sessionToken: AWS_SESSION_TOKEN }),
  };
};
