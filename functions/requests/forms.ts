import { problemForm } from '../platform/lambda.ts';
import { alertAnswer, typesAnswer } from '../revocation/alerts.ts';
import { incidentForm } from '../revocation/incident-form.ts';
import { leakAlert, leakFromOperator } from '../revocation/leak.ts';
import { fuseForm } from './fuse.ts';
import { healthForm } from './health.ts';
import { decisionForm, incidentList } from './incidents.ts';
import { reportAnswer } from './reports.ts';

/** The schemas of bodies, by the names they have outside: those that requests are read with, and those that answers are held to. */
export function forms() {
  const Incident = incidentForm();
  return {
    asked: { OperatorLeak: leakFromOperator, LeakAlert: leakAlert(), Decision: decisionForm },
    answered: {
      Incident,
      IncidentList: incidentList(Incident),
      ReportAnswer: reportAnswer(),
      Fuse: fuseForm(),
      Health: healthForm(),
      AlertAnswer: alertAnswer(),
      RevocableTypes: typesAnswer(),
      Problem: problemForm(),
    },
  };
}
