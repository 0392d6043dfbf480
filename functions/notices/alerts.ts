import type { IncidentRecord } from '../revocation/incident.ts';
import { isDeath } from '../revocation/incident.ts';
import type { AnySource, Closed, Ending, Inquiry, Sources } from '../revocation/source.ts';
import { type Channel, type Notice, noticeOf } from '../revocation/tell.ts';

/** What telling sources needs from outside. */
export interface AlertServices {
  /** Those that may report here. */
  sources: Sources;
  /** A source's secret. @throws Misconfigured, Unavailable */
  configOf(source: AnySource): Promise<unknown>;
  /** The way to a source's interface. */
  inquiry(id: string, config: unknown): Inquiry<unknown>;
}

/** Closes the alerts that reported a key, where they were raised, once the key is proven dead. */
export const alerts = (services: AlertServices): Channel => ({
  id: 'alerts',
  noticesOf(record) {
    const { outcome, proof, sightings } = record;
    if (record.state !== 'closed' || !isDeath(outcome) || proof?.dead !== true) return [];
    const seen = new Set<string>();
    return sightings.flatMap(({ source: id, reference }): Notice[] => {
      const source = Object.hasOwn(services.sources, id) ? services.sources[id] : undefined;
      if (source?.close === undefined || reference === undefined) return [];
      const name = noticeOf(id, reference);
      if (seen.has(name)) return [];
      seen.add(name);
      return [{ name, deliver: () => closeAt(source, reference, endingOf({ ...record, outcome }), services) }];
    });
  },
});

async function closeAt(
  source: AnySource,
  link: string,
  ending: Ending,
  { configOf, inquiry }: AlertServices,
): Promise<string> {
  const config = await configOf(source);
  if (source.owns?.(link, config) === false) return `${source.id}: left alone, it is none of its alerts: ${link}`;
  const closed = (await source.close?.({ link }, ending, inquiry(source.id, config))) ?? 'nothing';
  return `${source.id}: ${words[closed]}: ${link}`;
}

const words: Record<Closed, string> = {
  closed: 'alert closed',
  noted: 'a remark was left, closing is for others to do',
  nothing: 'alert was closed already',
};

function endingOf({ id, provider, keyId, outcome, proof }: IncidentRecord & { outcome: Ending['outcome'] }): Ending {
  const at = proof?.checks.findLast(({ result }) => result === 'dead')?.at ?? '';
  const what = outcome === 'already-gone' ? 'was dead already' : `was ${outcome}`;
  const comment = `Leakstop: the ${provider ?? ''} key ${what} and is proven dead (${at}). Incident ${id}.`;
  return { incident: id, outcome, provider: provider ?? '', keyId, comment: comment.slice(0, 280) };
}
