import type { forms } from './forms.ts';

type FormName = keyof ReturnType<typeof forms>['asked'] | keyof ReturnType<typeof forms>['answered'];

/** What one route takes and answers, as the contract says it in words; bodies by the name that their schema has. */
export interface Operation {
  id: string;
  summary: string;
  description?: string;
  /** What may stand in its path: ids, or anything of a form. Absent, the form of an incident's id. */
  path?: Record<string, { description: string; oneOf?: readonly string[] }>;
  hasQuery?: true;
  headers?: Record<string, { description: string; isRequired?: true }>;
  /** The body by media type; one without a schema is as its sender writes it. */
  body?: { description: string; isRequired: boolean; content: Record<string, FormName | undefined> };
  answers: Record<number, Answer>;
}

export interface Answer {
  description: string;
  /** `anything`: an object of the one who asks, not of ours. Absent, the answer is empty, or not ours. */
  body?: FormName | 'anything';
  headers?: Record<string, string>;
}

const problem = (description: string): Answer => ({ description, body: 'Problem' });

const failures: Operation['answers'] = {
  500: problem('Something failed here; whether it was accepted is not known, so send it again.'),
  503: problem('Nothing is promised: send the whole of it again.'),
};
const tooLarge = problem('The body has more than 4 MiB.');

/** What each of the operators' routes may answer beside its own. */
const operators: Operation['answers'] = {
  403: {
    description:
      'Deployed: not signed for IAM, or not allowed. The local stage: for requests to this machine alone, and none from a page in a browser.',
  },
  429: { description: 'Deployed: more than 20 requests a second on this route. Nothing was done; send again.' },
  ...failures,
};
/** What each of the sources' routes may answer beside its own. */
const senders: Operation['answers'] = {
  401: { description: 'The signature is missing, wrong, or outside the time tolerance.' },
  404: { description: 'The source is unknown, or not configured.' },
  429: { description: 'Deployed: more requests a second than the route takes. Nothing was accepted; send again.' },
  ...failures,
};

const decision = (id: string, summary: string): Operation => ({
  id,
  summary,
  body: {
    description: 'Why, if you like; the leaked value in it is replaced by `[secret]`.',
    isRequired: false,
    content: { 'application/json': 'Decision' },
  },
  answers: {
    ...operators,
    200: { description: 'The incident.', body: 'Incident' },
    400: problem('The body is not what this route takes.'),
    404: problem('There is no incident with this id.'),
    409: problem('Its state does not allow it, or somebody else was first.'),
    413: tooLarge,
  },
});

const gitlab = {
  source: { description: 'The source that has such an address.', oneOf: ['gitlab'] },
  token: 'Authenticated by `revocationToken` of the source, whole, as the header `Authorization`.',
};

/** What every route takes and answers, by API Gateway's route key; `sources` are the configured ones, `formats` those of reports. */
export const operationsOf = (sources: readonly string[], formats: readonly string[]): Record<string, Operation> => ({
  'POST /revocations': {
    id: 'postRevocation',
    summary: 'Report a leak, with an order if you like',
    description: 'Needs at least one of `secret` and `identifiers`.',
    headers: {
      Prefer: {
        description:
          '`wait=N`: answers as soon as the incident is closed, parked or awaiting approval, at most after N seconds; at most 25 are waited.',
      },
    },
    body: {
      description: 'The leak, and what to do about it.',
      isRequired: true,
      content: { 'application/json': 'OperatorLeak' },
    },
    answers: {
      ...operators,
      200: {
        description: 'With `Prefer: wait`: the incident, which is closed, parked or awaiting approval.',
        body: 'Incident',
        headers: { Location: 'Where the incident is.', 'Preference-Applied': 'What was waited at most.' },
      },
      202: {
        description: 'Accepted: it is durably queued.',
        body: 'Incident',
        headers: { Location: 'Where the incident is.', 'Preference-Applied': 'What was waited at most, if asked for.' },
      },
      400: problem(
        'The body is not what this route takes, a provider, account or kind is unknown or not configured, or the key cannot be disabled.',
      ),
      413: tooLarge,
    },
  },
  'POST /reports/{format}': {
    id: 'postReport',
    summary: "Hand in a scanner's report",
    path: { format: { description: 'Who wrote the report.', oneOf: formats } },
    body: {
      description: 'The report as the scanner wrote it, whatever its content type; of `trufflehog`, JSON lines.',
      isRequired: true,
      content: { 'application/json': undefined, 'application/x-ndjson': undefined },
    },
    answers: {
      ...operators,
      202: { description: 'Every leak in it is durably queued.', body: 'ReportAnswer' },
      400: problem('It is not a report of this format, or holds more than 20,000 findings.'),
      404: problem('There is no such format.'),
      413: tooLarge,
    },
  },
  'GET /incidents': {
    id: 'listIncidents',
    summary: 'List incidents, newest first',
    hasQuery: true,
    answers: {
      ...operators,
      200: { description: 'Incidents, and the cursor of the next ones if there are more.', body: 'IncidentList' },
      400: problem('The query makes no sense.'),
    },
  },
  'GET /incidents/{id}': {
    id: 'getIncident',
    summary: 'Read one incident',
    answers: {
      ...operators,
      200: { description: 'The incident.', body: 'Incident' },
      404: problem('There is no incident with this id.'),
    },
  },
  'POST /incidents/{id}/retry': decision('retryIncident', 'Start a parked incident again'),
  'POST /incidents/{id}/approve': decision(
    'approveIncident',
    'Act on the key that was found when a person was asked, and on no other',
  ),
  'POST /incidents/{id}/reject': decision('rejectIncident', 'Say no: closes the incident as rejected'),
  'POST /incidents/{id}/restore': decision('restoreIncident', 'Undo our disabling of the key'),
  'GET /fuse': {
    id: 'getFuse',
    summary: 'Whether the fuse has blown',
    answers: { ...operators, 200: { description: 'How it stands.', body: 'Fuse' } },
  },
  'POST /fuse/reset': {
    id: 'resetFuse',
    summary: 'Make the fuse whole: keys are revoked without asking again',
    answers: { ...operators, 200: { description: 'How it stands.', body: 'Fuse' } },
  },
  'GET /health': {
    id: 'getHealth',
    summary: 'Whether the service answers',
    answers: { ...operators, 200: { description: 'It does.', body: 'Health' } },
  },
  'GET /openapi.json': {
    id: 'getOpenApi',
    summary: 'This document',
    answers: { ...operators, 200: { description: 'OpenAPI 3.1.', body: 'anything' } },
  },
  'POST /sources/{source}': {
    id: 'postAlert',
    summary: 'Report a leak by a signed alert',
    description:
      "Authenticated by the source's own signature over the raw bytes, before they are parsed; what else a source sends, and how it signs, is said by its own documentation.",
    path: {
      source: { description: 'Who sends.', oneOf: sources.filter((source) => source !== 'slack') },
    },
    headers: {
      'webhook-id': { description: 'Of `standard`: names the message.' },
      'webhook-timestamp': { description: 'Of `standard`: when it was sent (s since 1970).' },
      'webhook-signature': { description: 'Of `standard`: `v1,` and the signature in base64.' },
    },
    body: {
      description:
        'Of `standard`, what is described here; other types of events are answered with 204. Of any other source, what it sends.',
      isRequired: true,
      content: { 'application/json': 'LeakAlert', '*/*': undefined },
    },
    answers: {
      ...senders,
      202: {
        description:
          'Every leak in it is durably queued; or, without incidents, what it names is queued to be fetched from the source.',
        body: 'AlertAnswer',
      },
      204: { description: 'Authentic, and not about a leaked credential.' },
      400: problem('Authentic, but not what this source sends.'),
      413: tooLarge,
    },
  },
  'GET /sources/{source}/{endpoint}': {
    id: 'getRevocableTypes',
    summary: "GitLab's Token Revocation API: the kinds of credentials that can be revoked",
    description: gitlab.token,
    path: {
      source: gitlab.source,
      endpoint: { description: 'What is asked for.', oneOf: ['revocable_token_types'] },
    },
    answers: {
      ...senders,
      200: { description: 'What GitLab calls the kinds that the configured providers have.', body: 'RevocableTypes' },
    },
  },
  'POST /sources/{source}/{endpoint}': {
    id: 'revokeTokens',
    summary: "GitLab's Token Revocation API: credentials that were found",
    description: gitlab.token,
    path: { source: gitlab.source, endpoint: { description: 'What is asked for.', oneOf: ['revoke_tokens'] } },
    body: {
      description: 'A list of `{type, token, location}`, as GitLab sends it.',
      isRequired: true,
      content: { 'application/json': undefined },
    },
    answers: {
      ...senders,
      204: { description: 'Every credential in it is durably queued, or there is none.' },
      400: problem('Authentic, but no such list.'),
      413: tooLarge,
    },
  },
  'POST /sources/slack': {
    id: 'postSlack',
    summary: 'Messages, commands and clicks in Slack',
    description: "Authenticated by Slack's v0 signature over the raw bytes.",
    headers: {
      'X-Slack-Signature': { description: '`v0=` and the signature in hexadecimal.', isRequired: true },
      'X-Slack-Request-Timestamp': { description: 'When it was sent (s since 1970).', isRequired: true },
    },
    body: {
      description: 'What Slack sends.',
      isRequired: true,
      content: { 'application/json': undefined, 'application/x-www-form-urlencoded': undefined },
    },
    answers: {
      ...senders,
      200: { description: 'An empty object, a challenge, or an answer to the one who typed.', body: 'anything' },
      413: tooLarge,
    },
  },
});
