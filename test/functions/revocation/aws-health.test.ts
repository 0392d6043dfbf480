import { describe, expect, test } from 'vitest';
import { exposuresIn, healthEvent, riskCodes } from '../../../functions/revocation/aws-health.ts';
import { incidentIdForm } from '../../../functions/revocation/fingerprint.ts';
import { type ResolveServices, resolve } from '../../../functions/revocation/resolve.ts';
import { Secret } from '../../../functions/revocation/secret.ts';
import { beginning } from '../../support/reports.ts';

const key = new Secret('a fingerprint key that only tests have');
const account = '111122223333';
const at = new Date(beginning).toISOString();
const arn = 'arn:aws:health:us-east-1::event/RISK/AWS_RISK_CREDENTIALS_EXPOSED/1';
const keyId = 'AKIAINVENTED00000001';

const eventAbout = (entities: unknown, detail: object = {}, more: object = {}) => ({
  ...{ version: '0', id: 'e-1', 'detail-type': 'AWS Health Event', source: 'aws.health', account },
  ...{ time: '2026-11-20T12:00:00Z', region: 'us-east-1', resources: [] },
  detail: {
    ...{ service: 'RISK', eventTypeCode: riskCodes[0], eventTypeCategory: 'issue', eventArn: arn },
    ...{ affectedEntities: entities, ...detail },
  },
  ...more,
});
const entity = (entityValue: unknown) => ({ entityValue });
const exposures = (event: object) => exposuresIn(healthEvent.parse(event), key, account, at);

describe('an event of AWS Health', () => {
  test('names the exposed key, its account and what to do', () => {
    const [exposure, ...others] = exposures(eventAbout([entity(keyId)]));
    expect(others).toEqual([]);
    expect(exposure).toEqual({
      incident: expect.stringMatching(incidentIdForm),
      sighting: { source: 'aws-health', at, delivery: 'e-1', reference: arn },
      reason: `AWS says AWS_RISK_CREDENTIALS_EXPOSED of access key ${keyId} of account ${account}; no provider here revokes AWS keys: deactivate it in IAM, and look at what it did`,
    });
  });

  test('about several keys is an incident for each, and the same key is the same incident whatever tells of it', () => {
    const second = 'ASIAINVENTED00000002';
    const both = exposures(eventAbout([entity(keyId), entity(second), entity(keyId)]));
    expect(both.map(({ reason }) => [keyId, second].find((id) => reason.includes(id)))).toEqual([keyId, second]);
    const later = exposures(eventAbout([entity(second)], { eventTypeCode: riskCodes[4] }, { id: 'e-2' }));
    expect(later[0]?.incident).toBe(both[1]?.incident);
    expect(both[0]?.incident).not.toBe(both[1]?.incident);
  });

  test('about another account of the organisation says which', () => {
    const [exposure] = exposures(eventAbout([entity(keyId)], { affectedAccount: '444455556666' }));
    expect(exposure?.reason).toContain('of account 444455556666;');
  });

  test.each([
    ['nothing', undefined],
    ['nobody', null],
    ['an empty list', []],
    ['something that is no key', [entity('canary someone'), entity('AKIA'), null, { entityValue: 7 }, 'x']],
  ])('that names %s is an incident all the same, and repeats nothing', (_, entities) => {
    const found = exposures(eventAbout(entities));
    expect(found).toHaveLength(1);
    expect(found[0]?.reason).toContain('names no key; open the event in AWS Health');
    expect(JSON.stringify(found)).not.toContain('canary');
  });

  test.each([
    ['another service', { service: 'EC2' }, {}],
    ['another code', { eventTypeCode: 'AWS_RISK_SOMETHING' }, {}],
    ['another sender', {}, { source: 'acme.health' }],
  ])('of %s is none', (_, detail, more) => {
    expect(healthEvent.safeParse(eventAbout([entity(keyId)], detail, more)).success).toBe(false);
  });
});

describe('the queue that EventBridge delivers into', () => {
  const parks: unknown[][] = [];
  const services = {
    account,
    intake: { fingerprint: async () => key, now: () => beginning },
    ledger: { park: async (...given: [{ incident: string }]) => parks.push(given) && { id: given[0].incident } },
    note: () => {},
  } as unknown as ResolveServices;

  test('has each key parked for a person', async () => {
    await resolve(JSON.stringify(eventAbout([entity(keyId)])), services, 0);
    const [{ incident, sighting, reason } = {}] = exposures(eventAbout([entity(keyId)]));
    expect(parks).toEqual([[{ incident, sighting, provider: null, kind: null }, 'unrouted', reason, false]]);
  });

  test('has nothing of another account believed: the message stays, and is set aside', async () => {
    parks.length = 0;
    const stranger = eventAbout([entity(keyId)], {}, { account: '999999999999' });
    await expect(resolve(JSON.stringify(stranger), services, 0)).rejects.toThrow('not of our own account');
    for (const body of ['{}', '[]', 'null', '{"source":"aws.health"}', 'x'])
      await expect(resolve(body, services, 0)).rejects.toThrow(Error);
    expect(parks).toEqual([]);
  });
});
