import { Problem } from '../platform/lambda.ts';
import { getFuse, resetFuse } from './fuse.ts';
import { getHealth } from './health.ts';
import {
  approveIncident,
  getIncident,
  listIncidents,
  rejectIncident,
  restoreIncident,
  retryIncident,
} from './incidents.ts';
import { getOpenApi } from './openapi.ts';
import { postReport } from './reports.ts';
import { postRevocation } from './revocations.ts';
import type { Route } from './services.ts';

/** The operators' routes, by API Gateway's route key. */
export const routes: Readonly<Record<string, Route>> = {
  'POST /revocations': postRevocation,
  'POST /reports/{format}': postReport,
  'GET /incidents': listIncidents,
  'GET /incidents/{id}': getIncident,
  'POST /incidents/{id}/retry': retryIncident,
  'POST /incidents/{id}/approve': approveIncident,
  'POST /incidents/{id}/reject': rejectIncident,
  'POST /incidents/{id}/restore': restoreIncident,
  'GET /fuse': getFuse,
  'POST /fuse/reset': resetFuse,
  'GET /health': getHealth,
  'GET /openapi.json': getOpenApi,
};

/** Answers one operator's request. @throws Problem */
export const answer: Route = (request, services) => {
  const route = Object.hasOwn(routes, request.route) ? routes[request.route] : undefined;
  if (!route) throw new Problem(404, 'Not found', 'There is no such route.');
  return route(request, services);
};
