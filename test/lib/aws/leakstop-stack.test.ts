import { describe, expect, test, vi } from 'vitest';
import { functions, names } from '../../../functions/manifest.ts';
import type { FunctionName } from '../../../functions/platform/env.ts';
import type { Sources } from '../../../functions/revocation/source.ts';
import { sources } from '../../../functions/sources/index.ts';
import type { Configuration } from '../../../lib/configuration.ts';
import { everything, ofType, permissionsOf, resourcesOf } from './template.ts';

// A test that synthesizes waits for CDK, which a busy machine is slow to load.
vi.setConfig({ testTimeout: 120_000 });

// A neighbour that no registry needs to know: what a lane must not reach is there, however many providers there are.
const neighbour = { accounts: ['prod', 'eu'], action: 'delete' as const };
const configuration = { ...everything, providers: { ...everything.providers, neighbour } };
const resources = resourcesOf(configuration);
const permissions = permissionsOf(resources);
const ids = Object.keys(configuration.providers);
const lanes = ids.map((id) => ({ id, who: names.function('revoke-key', id) }));
const shared = (Object.keys(functions) as FunctionName[]).filter((name) => functions[name].consumes !== 'lane');
const fingerprint = 'leakstop/fingerprint';

const allowed = (who: string, action: string) =>
  permissions.flatMap((each) => (each.who === who && each.action === action ? [each.resource] : [])).sort();
const holders = (action: string, resource: string) =>
  permissions.flatMap((each) => (each.resource === resource && each.action === action ? [each.who] : [])).sort();

describe('what is deployed', () => {
  test('every function once, and the one that revokes once per provider', () => {
    const deployed = ofType(resources, 'AWS::Lambda::Function').map(({ FunctionName: name }) => name);
    const expected = [...shared.map((name) => names.function(name)), ...lanes.map(({ who }) => who)];
    expect(deployed.sort()).toEqual(expected.sort());
  });

  test('a secret per account and source, and the fingerprint', () => {
    const secrets = ofType(resources, 'AWS::SecretsManager::Secret').map(({ Name }) => Name);
    const accounts = ids.flatMap((id) => ['prod', 'eu'].map((account) => names.providerSecret(id, account)));
    const expected = [...accounts, ...everything.sources.map((id) => names.sourceSecret(id)), fingerprint];
    expect(secrets.sort()).toEqual(expected.sort());
  });

  test('nothing of a provider or a source that is not configured', () => {
    const bare = resourcesOf({ ...everything, providers: {}, sources: [], notices: { eventBus: null } });
    expect(ofType(bare, 'AWS::SecretsManager::Secret').map(({ Name }) => Name)).toEqual([fingerprint]);
    expect(JSON.stringify(bare)).not.toContain('leakstop-lane-');
    expect(JSON.stringify(bare)).not.toContain(names.notices);
    const absent = shared.filter((name) => functions[name].consumes === 'notices' || name === 'receive-slack');
    expect(ofType(bare, 'AWS::Lambda::Function')).toHaveLength(shared.length - absent.length);
  });

  test('secrets outlive the stack; the fingerprint is made by it and the others are entered by a person', () => {
    for (const { Type, Properties, DeletionPolicy } of Object.values(resources)) {
      if (Type !== 'AWS::SecretsManager::Secret') continue;
      expect(DeletionPolicy).toMatch(/^Retain/);
      if (Properties.Name !== fingerprint) expect(Properties.SecretString).toBe('{}');
    }
    const made = { SecretStringTemplate: '{}', GenerateStringKey: 'key', PasswordLength: 64, ExcludePunctuation: true };
    const [secret] = ofType(resources, 'AWS::SecretsManager::Secret').filter(({ Name }) => Name === fingerprint);
    expect(secret?.GenerateSecretString).toEqual(made);
  });
});

describe('who may do what', () => {
  test.each(lanes)('the lane of $id reads the secrets of its own accounts and the fingerprint', ({ id, who }) => {
    const own = ['prod', 'eu'].map((account) => names.providerSecret(id, account));
    expect(allowed(who, 'secretsmanager:GetSecretValue')).toEqual([...own, fingerprint].sort());
  });

  test.each(lanes)('a credential of $id has one reader', ({ id, who }) => {
    const secret = names.providerSecret(id, 'prod');
    expect(holders('secretsmanager:GetSecretValue', secret)).toEqual([who]);
  });

  test.each(shared)('%s reads no credential of a provider', (name) => {
    const read = allowed(names.function(name), 'secretsmanager:GetSecretValue');
    expect(read.filter((secret) => secret.startsWith('leakstop/providers/'))).toEqual([]);
  });

  test('the secret of a source is read where its alerts come in, where they are fetched and where they are closed', () => {
    for (const [id, source] of Object.entries(sources as Sources)) {
      const readers = [
        'receive-alert',
        ...(source.fetch ? (['receive-slack', 'resolve-alert'] as const) : []),
        ...(source.close ? (['send-notice'] as const) : []),
      ] as const;
      const expected = readers.map((name) => names.function(name)).sort();
      expect(holders('secretsmanager:GetSecretValue', names.sourceSecret(id))).toEqual(expected);
    }
    const inSlack = [names.function('receive-slack'), names.function('send-notice')];
    expect(holders('secretsmanager:GetSecretValue', names.sourceSecret('slack'))).toEqual(inSlack);
  });

  test.each(lanes)('only the lane of $id receives from its queue', ({ id, who }) => {
    expect(holders('sqs:ReceiveMessage', names.lane(id))).toEqual([who]);
  });

  test.each(lanes)('the lane of $id sends to its own queue, announces, and sends to no other', ({ id, who }) => {
    expect(allowed(who, 'sqs:SendMessage')).toEqual([names.lane(id), names.notices].sort());
  });

  test('who tells of incidents may put events on the one bus and publish to the one topic, and nobody else may', () => {
    const topic = 'arn:aws:sns:us-east-1:111122223333:alarms';
    const arn = 'arn:aws:events:us-east-1:111122223333:event-bus/security';
    const own = names.function('send-notice');
    const published = (notices: Configuration['notices']) =>
      permissionsOf(resourcesOf({ ...everything, notices }))
        .filter(({ action }) => /^(events|sns):/.test(action))
        .map(({ who, action, resource }) => [who, action, resource.replace(/^arn:AWS::Partition:events:.*:/, '…:')]);
    expect(published({ eventBus: 'default' })).toEqual([[own, 'events:PutEvents', '…:event-bus/default']]);
    expect(published({ eventBus: arn })).toEqual([[own, 'events:PutEvents', arn]]);
    expect(published({ eventBus: null, topic })).toEqual([[own, 'sns:Publish', topic]]);
  });

  test('nobody touches what was set aside', () => {
    expect(permissions.filter(({ resource }) => resource.endsWith('-dead'))).toEqual([]);
  });

  test('the ledger is never scanned, and nothing in it is deleted', () => {
    const actions = permissions.flatMap(({ action }) => (action.startsWith('dynamodb:') ? [action.slice(9)] : []));
    expect([...new Set(actions)].sort()).toEqual(['BatchGetItem', 'GetItem', 'PutItem', 'Query', 'UpdateItem']);
  });

  test('receive-alert has no way to the ledger', () => {
    const who = names.function('receive-alert');
    expect(permissions.filter((each) => each.who === who && each.action.startsWith('dynamodb:'))).toEqual([]);
  });
});
