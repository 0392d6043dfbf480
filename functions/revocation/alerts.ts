import * as z from 'zod';
import { leaksOf } from './findings.ts';
import { incidentIdForm } from './fingerprint.ts';
import { accept, type Intake } from './intake.ts';
import type { Providers } from './provider.ts';
import { writeReferral } from './references.ts';
import type { Alert, AnySource, Skipped } from './source.ts';

/** Where alerts go: leaks as every intake takes them, references to where they are fetched. */
export type AlertIntake = Intake & { unroutedQueue: string };

/** A schema for the incidents that an answer names. */
export const incidentIds = () => z.array(z.strictObject({ id: z.string().regex(incidentIdForm) }));
/** A schema for the answer to an alert. */
export const alertAnswer = () => z.strictObject({ incidents: incidentIds() });
export type Accepted = z.output<ReturnType<typeof alertAnswer>>;
/** A schema for the answer to who asks which kinds of credentials there are. */
export const typesAnswer = () => z.strictObject({ types: z.array(z.string()) });

/**
 * Queues everything an alert says and answers the incident ids of the leaks it carries; a reference has none before it is
 * fetched. `skip` is told of each entry that says nothing. When this returns, all else is durable.
 * @throws Unavailable, Misconfigured: send the whole delivery again, what was queued of it is recognised
 */
export async function acceptAlert(
  intake: AlertIntake,
  { id: source, mayNameKeys }: Pick<AnySource, 'id' | 'mayNameKeys'>,
  { delivery, leaks = [], findings = [], references = [], skipped = [] }: Alert,
  skip: (skipped: Skipped) => void,
): Promise<string[]> {
  for (const each of skipped) skip(each);
  const found = findings.flatMap((finding, index) => {
    const own = leaksOf(finding, intake.providers);
    if (own.length === 0) skip({ index, reason: 'the finding holds no value' });
    return own;
  });
  const carried = [...leaks, ...found];
  const at = new Date(intake.now()).toISOString();
  const tries = { unavailable: 0, unexpected: 0 };
  const referrals = references.map((reference) => writeReferral({ source, delivery, at, reference, tries }));
  const [incidents] = await Promise.all([
    carried.length === 0 ? [] : accept(intake, { source, delivery, mayNameKeys }, carried),
    referrals.length === 0 ? undefined : intake.send(intake.unroutedQueue, referrals),
  ]);
  if (referrals.length > 0) intake.queued?.({ source, delivery, incidents: [], references: referrals.length });
  return incidents;
}

/**
 * What GitLab calls the kinds of credentials that the providers in `ids` have: its own names, and gitleaks' with its prefix.
 * https://docs.gitlab.com/user/application_security/secret_detection/automatic_response/
 */
export function revocableTypes(providers: Providers, ids: readonly string[]): string[] {
  const kinds = ids.flatMap((id) => Object.values(providers[id]?.kinds ?? {}));
  const names = kinds.flatMap(({ detectors = {} }) => [
    ...(detectors.gitlab ?? []).map(({ name }) => name),
    ...(detectors.gitleaks ?? []).map(({ name }) => `gitleaks_rule_id_${name}`),
  ]);
  return [...new Set(names.map((name) => name.toLowerCase()))].sort();
}
