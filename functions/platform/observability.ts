import { Logger } from '@aws-lambda-powertools/logger';
import { Metrics, MetricUnit } from '@aws-lambda-powertools/metrics';
import type { Note } from '../revocation/run.ts';

/**
 * Logs and metrics of one function. Takes named, harmless fields only: no event, body, header or error object ever comes
 * here, because each may carry a secret.
 */
export interface Observability {
  /** What happened to an incident: a log line, and a metric per stage and per outcome with dimension `provider`. */
  note(provider: string, event: Note): void;
  info(message: string, fields?: Record<string, string | number>): void;
  /** A fault by its class and, for our own classes, its message, which by their contract holds nothing secret. */
  fault(message: string, error: unknown, fields?: Record<string, string | number>): void;
}

/** Errors whose messages are written by us and hold a name, a status and nothing else. */
const speakable = new Set(['Unavailable', 'Refused', 'Unexpected', 'Misconfigured', 'LeaseLost']);

export function createObservability(serviceName: string): Observability {
  const logger = new Logger({ serviceName });
  const metrics = new Metrics({ namespace: 'Leakstop', serviceName });
  return {
    note(provider, { incident, stage, outcome, detail, timeToDeadMs, head, fuse }) {
      if (fuse !== undefined) emit(metrics, provider, `fuse.${fuse}`, MetricUnit.Count, 1);
      logger.info(outcome ? `outcome ${outcome}` : stage ? `stage ${stage}` : 'note', {
        incident,
        provider,
        ...(detail && { detail }),
        ...(head && { head }),
      });
      const name = outcome ? `outcome.${outcome}` : stage && `stage.${stage}`;
      if (name) emit(metrics, provider, name, MetricUnit.Count, 1);
      if (outcome && timeToDeadMs != null) emit(metrics, provider, 'timeToDead', MetricUnit.Milliseconds, timeToDeadMs);
    },
    info(message, fields = {}) {
      logger.info(message, fields);
    },
    fault(message, error, fields = {}) {
      const name = error instanceof Error ? error.name : typeof error;
      logger.error(message, {
        ...fields,
        fault: name,
        ...(error instanceof Error && speakable.has(name) && { reason: error.message }),
      });
    },
  };
}

function emit(
  metrics: Metrics,
  provider: string,
  name: string,
  unit: (typeof MetricUnit)[keyof typeof MetricUnit],
  value: number,
): void {
  const single = metrics.singleMetric();
  single.addDimension('provider', provider);
  single.addMetric(name, unit, value);
}
