import { Logger } from '@aws-lambda-powertools/logger';
import { Metrics, MetricUnit } from '@aws-lambda-powertools/metrics';
import { type Fault, faultClass } from '../revocation/errors.ts';
import type { Stage } from '../revocation/incident.ts';
import type { Queued } from '../revocation/intake.ts';
import type { Note } from '../revocation/run.ts';

/**
 * Logs and metrics of one function. Takes named, harmless fields only: no event, body, header or error object ever comes
 * here, because each may carry a secret. What is about an incident names it in `incident`, or several in `incidents`.
 */
export interface Observability {
  /** What happened to an incident at a provider: a log line, and metrics with dimension `provider`. */
  note(provider: string, event: Note): void;
  /** What was accepted: a log line with who reported it and which incidents it is about, and a metric with dimension `source`. */
  queued(what: Queued): void;
  /** An alert could not be fetched from its source: metrics with dimension `source`. The log line is `info`'s. */
  notFetched(source: string, trouble: { fault: Fault; isFinal: boolean; waitedMs: number }): void;
  /** A round of the watch is over, and a metric says that there is one. */
  heartbeat(): void;
  /** What became of one notice about an incident; `fault` where it did not get out. */
  told(incident: string, detail: string, fault?: { is: Fault; isFinal: boolean; waitedMs: number }): void;
  /** Which incidents a line is about, some hundred to a line. */
  passedOn(message: string, incidents: readonly string[], fields?: Record<string, string | number>): void;
  info(message: string, fields?: Record<string, string | number>): void;
  /** A fault by its class and, for our own classes, its message, which by their contract holds nothing secret. */
  fault(message: string, error: unknown, fields?: Record<string, string | number>): void;
}

/** The stages that are counted: each metric costs, and the others are in the log. */
const counted: readonly Stage[] = ['asked', 'sent', 'parked'];
/** A line of the log must stay one that CloudWatch takes and people can read. */
const incidentsPerLine = 100;

export function createObservability(serviceName: string): Observability {
  const logger = new Logger({ serviceName });
  const metrics = new Metrics({ namespace: 'Leakstop', serviceName });
  const emit: Emit = (dimensions, name, value = 1, unit = MetricUnit.Count) => {
    const single = metrics.singleMetric();
    single.addDimensions(dimensions);
    single.addMetric(name, unit, value);
  };
  const passedOn: Observability['passedOn'] = (message, incidents, fields = {}) => {
    for (let from = 0; from < incidents.length; from += incidentsPerLine) {
      const some = incidents.slice(from, from + incidentsPerLine);
      logger.info(message, {
        ...(some.length === 1 ? { incident: some[0] } : { incidents: some.join(' ') }),
        ...fields,
      });
    }
  };
  return {
    note(provider, event) {
      const { incident, detail, head, fault, outcome, timeToDeadMs } = event;
      logger.info(headlineOf(event), {
        incident,
        provider,
        ...(detail && { detail }),
        ...(head && { head }),
        ...(outcome && timeToDeadMs != null && { timeToDeadMs }),
        ...(fault && { fault: fault.is }),
      });
      measure(provider, event, emit);
    },
    queued({ source, delivery, incidents, references = 0 }) {
      passedOn('leaks queued', incidents, { source, delivery });
      if (references > 0) logger.info('references queued', { source, delivery, references });
      if (incidents.length > 0) emit({ source }, 'leaks', incidents.length);
    },
    notFetched(source, { fault, isFinal, waitedMs }) {
      emit({ source }, `fault.${fault}`);
      if (isFinal) emit({ source }, `failed.${fault}`);
      else emit({ source }, 'age', Math.round(waitedMs / 1000), MetricUnit.Seconds);
    },
    heartbeat: () => emit({}, 'heartbeat'),
    told(incident, detail, fault) {
      const headline = fault === undefined ? 'told' : fault.isFinal ? 'not told' : 'told later';
      logger.info(headline, { incident, detail, ...(fault && { fault: fault.is }) });
      if (fault !== undefined) emit({}, `fault.${fault.is}`);
      if (fault?.isFinal) emit({}, 'notTold');
      else if (fault !== undefined) emit({}, 'age', Math.round(fault.waitedMs / 1000), MetricUnit.Seconds);
    },
    passedOn,
    info(message, fields = {}) {
      logger.info(message, fields);
    },
    fault(message, error, fields = {}) {
      const fault = faultClass(error);
      const isOurs = fault !== undefined || (error instanceof Error && error.name === 'LeaseLost');
      logger.error(message, {
        ...fields,
        fault: error instanceof Error ? error.name : typeof error,
        // The messages of our own classes are written by us and hold a name, a status and nothing else.
        ...(isOurs && { reason: (error as Error).message }),
      });
      if (fault !== undefined) emit({}, `fault.${fault}`);
    },
  };
}

type Emit = (
  dimensions: Record<string, string>,
  name: string,
  value?: number,
  unit?: (typeof MetricUnit)[keyof typeof MetricUnit],
) => void;

function headlineOf({ outcome, stage, fault, drill, waitedMs }: Note): string {
  if (drill !== undefined) return `drill ${drill}`;
  if (outcome !== undefined) return `outcome ${outcome}`;
  if (stage !== undefined) return `stage ${stage}`;
  if (fault === undefined) return 'note';
  if (fault.isFinal) return 'given up';
  return waitedMs === undefined ? 'gone on without it' : 'tried again later';
}

/** The metrics of one note, each on a line of its own with the provider's id. */
function measure(provider: string, event: Note, emit: Emit): void {
  const { stage, outcome, timeToDeadMs, fuse, drill, fault, waitedMs, stillAlive, inDoubt } = event;
  const own = { provider };
  if (fuse !== undefined) emit(own, `fuse.${fuse}`);
  if (drill === 'dead') emit(own, 'drill.timeToDead', timeToDeadMs ?? 0, MetricUnit.Milliseconds);
  else if (drill !== undefined) emit(own, `drill.${drill}`);
  if (stage !== undefined && counted.includes(stage)) emit(own, `stage.${stage}`);
  if (outcome !== undefined) emit(own, `outcome.${outcome}`);
  if (outcome !== undefined && timeToDeadMs != null) emit(own, 'timeToDead', timeToDeadMs, MetricUnit.Milliseconds);
  if (fault !== undefined) emit(own, `fault.${fault.is}`);
  if (fault?.isFinal) emit(own, `failed.${fault.is}`);
  if (waitedMs !== undefined) emit(own, 'age', Math.round(waitedMs / 1000), MetricUnit.Seconds);
  if (stillAlive) emit(own, 'stillAlive');
  if (inDoubt) emit(own, 'inDoubt');
}
