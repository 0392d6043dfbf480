import { createHmac } from 'node:crypto';
import { type Arrival, type VendorAnswer, vendorServer } from '../vendors/vendor.ts';
import type { Discovery, Scanner, ScannerAlert, ScannerDelivery, ScannerWorld } from './scanner.ts';

/** The part of the source's secret that a GitLab has to know. */
interface GitLabSecret {
  signingTokens?: string[];
  webhookTokens?: string[];
  revocationToken?: string;
  token?: string;
  url?: string;
}

/** A vulnerability as GitLab keeps it. */
export interface Vulnerability extends ScannerAlert {
  number: number;
  is: 'detected' | 'confirmed' | 'resolved' | 'dismissed';
  reportType: string;
  /** What the scanner reported, as JSON; null where it is kept no more. */
  rawMetadata: string | null;
  file: string;
  line: number;
  identifier: { type: string; name: string; value: string };
}

/** A request to the Token Revocation API, as GitLab would make it. */
export interface RevocationRequest {
  method: 'GET' | 'POST';
  path: string;
  body: string;
  headers: Record<string, string>;
}

/** How a simulated GitLab differs from the plain one. */
export interface GitLabTraits {
  /** What the token may: a guest sees nothing, a reader no more than read, a developer comment, a maintainer resolve. */
  role?: 'guest' | 'reader' | 'developer' | 'maintainer';
  /** What the token says of itself. */
  ofToken?: { scopes: string[]; expires_at: string | null };
  now?: () => number;
}

const commit = 'c0ffee00c0ffee00c0ffee00c0ffee00c0ffee00';
const project = { id: 50, path: 'acme/payments/shop' };
const denied =
  "The resource that you are attempting to access does not exist or you don't have permission to perform this action";
const rank = { guest: 0, reader: 1, developer: 2, maintainer: 3 };

/** GitLab's vulnerabilities: https://docs.gitlab.com/api/graphql/reference/ and https://docs.gitlab.com/api/vulnerabilities/ */
export function gitlabScanner(
  { signingTokens, webhookTokens, revocationToken = '', token, url = 'https://gitlab.com' }: GitLabSecret,
  { role = 'maintainer', ofToken = { scopes: ['api'], expires_at: null }, now = Date.now }: GitLabTraits = {},
) {
  const traffic = { arrivals: [] as Arrival[], troubles: [] as Scanner['troubles'] };
  const alerts: Vulnerability[] = [];
  const may = (needed: keyof typeof rank) => rank[role] >= rank[needed];
  let sent = 0;

  function answer({ method, target, headers, body }: Arrival): VendorAnswer {
    const isGraphql = target === '/api/graphql' && method === 'POST';
    if (token === undefined || headers.authorization !== `Bearer ${token}`)
      return {
        status: 401,
        body: isGraphql ? { errors: [{ message: 'Invalid token' }] } : { message: '401 Unauthorized' },
      };
    if (isGraphql) return { status: 200, body: graphql(JSON.parse(body)) };
    if (method === 'GET' && target === '/api/v4/personal_access_tokens/self')
      return { status: 200, body: { id: 4, name: 'leakstop', revoked: false, active: true, ...ofToken } };
    const number = /^\/api\/v4\/vulnerabilities\/(\d+)$/.exec(target)?.[1];
    const found = method === 'GET' ? alerts.find((each) => String(each.number) === number) : undefined;
    if (found === undefined) return { status: 404, body: { message: '404 Not found' } };
    return may('reader') ? { status: 200, body: record(found) } : { status: 403, body: { message: '403 Forbidden' } };
  }

  function graphql({ query, variables }: { query: string; variables: Record<string, string> }) {
    const used = [...query.matchAll(/\$(\w+)/g)].map(([, name]) => name ?? '');
    for (const name of Object.keys(variables)) if (!used.includes(name)) return refused(`${name} is not declared`);
    const field = /\{\s*(\w+)\(/.exec(query)?.[1] ?? '';
    const found = alerts.find(({ number }) => variables.id === `gid://gitlab/Vulnerability/${number}`);
    if (field === 'vulnerability') return { data: { vulnerability: found && may('reader') ? shown(found) : null } };
    const needed = ({ vulnerabilityResolve: 'maintainer', createNote: 'developer' } as const)[field];
    if (needed === undefined) return refused(`Field '${field}' doesn't exist on type 'Mutation'`);
    if (found === undefined || !may(needed))
      return { data: { [field]: null }, errors: [{ message: denied, path: [field] }] };
    if (variables.comment !== undefined) found.comments.push(variables.comment);
    if (field === 'createNote')
      return { data: { createNote: { note: { id: `gid://gitlab/Note/${sent}` }, errors: [] } } };
    found.is = 'resolved';
    found.resolution = 'resolved';
    return { data: { vulnerabilityResolve: { vulnerability: shown(found), errors: [] } } };
  }

  const refused = (message: string) => ({ errors: [{ message }] });
  const shown = ({ is, comments }: Vulnerability) => ({
    state: is.toUpperCase(),
    notes: { nodes: comments.map((body) => ({ body })) },
  });
  const record = ({ number, is, reportType, rawMetadata, identifier }: Vulnerability) => ({
    id: number,
    title: identifier.value,
    description: null,
    state: is,
    severity: 'critical',
    report_type: reportType,
    project: { id: project.id, path_with_namespace: project.path },
    finding: { id: number, vulnerability_id: number, report_type: reportType, raw_metadata: rawMetadata },
    created_at: new Date(now()).toISOString(),
  });

  function find({ secret, detector }: Discovery): ScannerDelivery {
    const number = 1000 + alerts.length;
    const link = `${url}/${project.path}/-/security/vulnerabilities/${number}`;
    const [file, line] = [`config/deploy-${number}.env`, 3];
    const value = detector.replace(/^gitleaks_rule_id_/, '');
    const identifier = { type: 'gitleaks_rule_id', name: `Gitleaks rule ID ${value}`, value };
    const rawMetadata = JSON.stringify({
      id: `finding-${number}`,
      category: 'secret_detection',
      name: value,
      severity: 'Critical',
      raw_source_code_extract: secret,
      scanner: { id: 'gitleaks', name: 'Gitleaks' },
      location: { file, start_line: line, end_line: line, commit: { sha: commit } },
      identifiers: [identifier],
    });
    const vulnerability: Vulnerability = {
      number,
      link,
      is: 'detected',
      get state() {
        return this.is === 'resolved' || this.is === 'dismissed' ? 'closed' : 'open';
      },
      reportType: 'secret_detection',
      rawMetadata,
      file,
      line,
      identifier,
      comments: [],
    };
    alerts.push(vulnerability);
    return tell(vulnerability);
  }

  /** The webhook that tells how a vulnerability stands. */
  function tell({ link, is, reportType, file, line, identifier }: Vulnerability): ScannerDelivery {
    sent += 1;
    const at = new Date(now()).toISOString();
    const body = JSON.stringify({
      object_kind: 'vulnerability',
      object_attributes: {
        url: link,
        title: identifier.value,
        state: is,
        project_id: project.id,
        location: { file, start_line: line, end_line: line, commit: { sha: commit } },
        cvss: [],
        severity: 'critical',
        severity_overridden: false,
        identifiers: [
          { name: identifier.name, external_id: identifier.value, external_type: identifier.type, url: null },
        ],
        issues: [],
        report_type: reportType,
        confidence: 'unknown',
        resolved_at: null,
        dismissed_at: null,
        resolved_on_default_branch: false,
        created_at: at,
        updated_at: at,
      },
    });
    return { link, body, headers: headersOf(body) };
  }

  /** https://docs.gitlab.com/user/project/integrations/webhooks/#delivery-headers */
  function headersOf(body: string): Record<string, string> {
    const id = `00000000-0000-4000-8000-${String(sent).padStart(12, '0')}`;
    const timestamp = String(Math.floor(now() / 1000));
    const [signingToken] = signingTokens ?? [];
    const [webhookToken] = webhookTokens ?? [];
    const key = Buffer.from(signingToken?.slice('whsec_'.length) ?? '', 'base64');
    const signature = createHmac('sha256', key).update(`${id}.${timestamp}.${body}`).digest('base64');
    return {
      'content-type': 'application/json',
      'user-agent': 'GitLab/19.0.0',
      'x-gitlab-event': 'Vulnerability Hook',
      'x-gitlab-instance': url,
      'x-gitlab-event-uuid': id,
      'idempotency-key': id,
      'webhook-id': id,
      'webhook-timestamp': timestamp,
      ...(signingToken !== undefined && { 'webhook-signature': `v1,${signature}` }),
      ...(webhookToken !== undefined && { 'x-gitlab-token': webhookToken }),
    };
  }

  const asked = { 'content-type': 'application/json', authorization: revocationToken };
  return {
    ...traffic,
    id: 'gitlab',
    hosts: [new URL(url).hostname],
    server: vendorServer(traffic, answer),
    alerts,
    find,
    tell,
    /** What a GitLab that runs in house asks the Token Revocation API, and what it sends there. */
    revocableTypes: (): RevocationRequest => ({
      method: 'GET',
      path: 'revocable_token_types',
      body: '',
      headers: asked,
    }),
    revoke: (discoveries: Discovery[]): RevocationRequest => ({
      method: 'POST',
      path: 'revoke_tokens',
      body: JSON.stringify(
        discoveries.map(({ secret, detector }, index) => ({
          type: `gitleaks_rule_id_${detector.replace(/^gitleaks_rule_id_/, '')}`.replaceAll(' ', '_').toLowerCase(),
          token: secret,
          location: `${url}/${project.path}/-/raw/${commit}/config/public-${index}.env`,
          vulnerability: null,
        })),
      ),
      headers: asked,
    }),
  } satisfies Scanner & Record<string, unknown>;
}

export const world: ScannerWorld = {
  secret: {
    signingTokens: [`whsec_${Buffer.from('a sample for this machine only!!').toString('base64')}`],
    revocationToken: 'local-stage-sample-of-a-revocation-token',
    token: 'local-stage-sample-of-a-gitlab-token',
    url: 'https://gitlab.com',
  },
  simulate: (secret, now) => gitlabScanner(secret as GitLabSecret, now ? { now } : {}),
};
