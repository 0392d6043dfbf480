import * as z from 'zod';
import { incidentId } from './fingerprint.ts';
import type { Sighting } from './leak.ts';
import type { Secret } from './secret.ts';

/** What AWS calls the events that tell of an exposed access key. */
export const riskCodes = [
  'AWS_RISK_CREDENTIALS_EXPOSED',
  'AWS_RISK_CREDENTIALS_EXPOSURE_SUSPECTED',
  'AWS_RISK_CREDENTIALS_COMPROMISED',
  'AWS_RISK_CREDENTIALS_COMPROMISE_SUSPECTED',
  'AWS_RISK_IAM_QUARANTINE',
] as const;

const entitiesAtMost = 1000;
const accountId = z.string().regex(/^\d{12}$/);

/**
 * An event of AWS Health about an exposed key, as EventBridge delivers it. No source signs it: EventBridge alone may send it.
 * https://docs.aws.amazon.com/health/latest/ug/aws-health-events-eventbridge-schema.html
 */
export const healthEvent = z.object({
  source: z.literal('aws.health'),
  id: z.string().min(1).max(256),
  account: accountId,
  detail: z.object({
    service: z.literal('RISK'),
    eventTypeCode: z.enum(riskCodes),
    eventArn: z.string().min(1).max(1600),
    /** The account of an organisation that it is about, where that is another. */
    affectedAccount: accountId.nullish().catch(undefined),
    affectedEntities: z
      .array(
        z
          .object({ entityValue: z.string().max(1024) })
          .nullable()
          .catch(null),
      )
      .max(entitiesAtMost)
      .nullish(),
  }),
});
export type HealthEvent = z.infer<typeof healthEvent>;

/** An access key's id: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_identifiers.html */
const keyIdForm = /^A[KS]IA[A-Z0-9]{12,124}$/;

/** One incident to park. */
export interface Exposure {
  incident: string;
  sighting: Sighting;
  reason: string;
}

/**
 * The access keys that an event names, one incident each: the same key meets in the same one. An event that names none is one
 * too. `account`: whose events are believed; `at`: ISO 8601, now.
 * @throws Error for an event of another account: nobody but that account's EventBridge can have sent it here
 */
export function exposuresIn(event: HealthEvent, key: Secret, account: string, at: string): Exposure[] {
  if (event.account !== account) throw new Error('the event is not of our own account');
  const { eventTypeCode: code, eventArn, affectedAccount, affectedEntities } = event.detail;
  const sighting = { source: 'aws-health', at, delivery: event.id, reference: eventArn };
  const values = (affectedEntities ?? []).flatMap((entity) => entity?.entityValue ?? []);
  const keyIds = [...new Set(values)].filter((value) => keyIdForm.test(value));
  const owner = affectedAccount ?? account;
  const exposure = (identifiers: Record<string, string>, reason: string): Exposure => ({
    incident: incidentId(key, 'aws', '', { identifiers }),
    sighting,
    reason,
  });
  if (keyIds.length === 0)
    return [exposure({ event: eventArn }, `AWS says ${code} of account ${owner} and names no key; ${lookThere}`)];
  return keyIds.map((keyId) =>
    exposure({ keyId }, `AWS says ${code} of access key ${keyId} of account ${owner}; ${deactivate}`),
  );
}

const lookThere = 'open the event in AWS Health';
const deactivate = 'no provider here revokes AWS keys: deactivate it in IAM, and look at what it did';
