import { names } from '../../functions/manifest.ts';
import { signedHeaders } from './follow.ts';
import type { GatewayRoute } from './gateway.ts';
import type { StageOptions } from './options.ts';
import type { Vendor, World } from './vendors/vendor.ts';

/** How a leak comes in: `standard`, as a signed alert; `operator`, as an operator's request. */
export const ways = ['standard', 'operator'] as const;

/** What `POST /local/leaks/{provider}` answers: a leak of a key that was just made, and the request that tells of it. */
export interface FreshLeak {
  provider: string;
  kind: string;
  source: (typeof ways)[number];
  request: { path: string; headers: Record<string, string>; body: string };
}

/** Keys that one stage makes at most: each stays in the memory of its vendor. */
const freshAtMost = 10_000;

/**
 * The local stage's own routes (contract, section 1): they make keys at simulated vendors, so they are there only where
 * vendors are simulated. No function has them, and what they answer leaks by the same door as every other leak.
 */
export function freshLeakRoutes(
  { configuration, secrets }: Pick<StageOptions, 'configuration' | 'secrets'>,
  worlds: Record<string, World>,
  vendors: Record<string, Vendor>,
): GatewayRoute[] {
  const kinds = new Map(
    Object.keys(configuration.providers).flatMap((id) =>
      vendors[id]?.leakFresh && worlds[id] ? [[id, kindsOf(worlds[id])] as const] : [],
    ),
  );
  const signingSecret = configuration.sources.includes('standard')
    ? firstOf(secrets[names.sourceSecret('standard')])
    : undefined;
  let made = 0;

  function leak(event: unknown) {
    const { pathParameters = {}, queryStringParameters = {} } = event as Asked;
    const { provider = '' } = pathParameters;
    const { kind = kinds.get(provider)?.[0] ?? '', source = 'standard' } = queryStringParameters;
    if (!kinds.has(provider)) return problem(404, `provider: there are ${[...kinds.keys()].join(', ')}`);
    if (!kinds.get(provider)?.includes(kind))
      return problem(400, `kind: ${provider} has ${kinds.get(provider)?.join(', ')}`);
    if (source !== 'standard' && source !== 'operator') return problem(400, `source: there are ${ways.join(', ')}`);
    if (source === 'standard' && signingSecret === undefined)
      return problem(400, 'source: standard has no secret here, so nothing can be signed; use operator');
    if (made >= freshAtMost) return problem(429, `this stage has made ${freshAtMost} keys; start it again`);
    const fresh = vendors[provider]?.leakFresh?.(kind);
    if (!fresh) return problem(409, `${provider} has no account that could have a key of this kind`);
    made += 1;
    const answer: FreshLeak = { provider, kind, source, request: requestOf(fresh, source, signingSecret) };
    return json(201, answer);
  }

  return [
    { route: 'GET /local/leaks', invoke: async () => json(200, { providers: Object.fromEntries(kinds) }) },
    { route: 'POST /local/leaks/{provider}', invoke: async (event) => leak(event) },
  ];
}

interface Asked {
  pathParameters?: Record<string, string>;
  queryStringParameters?: Record<string, string>;
}

const kindsOf = ({ leaks }: World) => [
  ...new Set((leaks as { kind?: string }[]).flatMap(({ kind }) => (kind === undefined ? [] : [kind]))),
];

/** The secret that senders sign with now: the first of those that pass. */
function firstOf(value: unknown): string | undefined {
  const { secrets } = (typeof value === 'string' ? JSON.parse(value) : (value ?? {})) as { secrets?: string[] };
  return secrets?.[0];
}

function requestOf(leak: object, source: FreshLeak['source'], secret: string | undefined): FreshLeak['request'] {
  if (source === 'operator')
    return { path: '/revocations', headers: { 'content-type': 'application/json' }, body: JSON.stringify(leak) };
  const body = JSON.stringify({ type: 'credential.leaked', timestamp: new Date().toISOString(), data: leak });
  return { path: '/sources/standard', headers: signedHeaders(body, { ...(secret && { secret }) }), body };
}

const json = (statusCode: number, body: object) => ({
  statusCode,
  headers: { 'content-type': 'application/json' },
  body: JSON.stringify(body),
});
const problem = (statusCode: number, detail: string) => ({
  statusCode,
  headers: { 'content-type': 'application/problem+json' },
  body: JSON.stringify({ type: 'about:blank', title: 'Nothing leaks', status: statusCode, detail }),
});
