import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { providers as registry } from '../../../functions/providers/index.ts';
import { leakFromSource } from '../../../functions/revocation/leak.ts';
import type { AnyKind, Providers } from '../../../functions/revocation/provider.ts';
import { readReport, writeReport } from '../../../functions/revocation/report.ts';
import { route } from '../../../functions/revocation/routing.ts';
import { reportOf } from '../../support/reports.ts';

const plain = registry.datadog.kinds['api-key'];
const kind = (given: Pick<AnyKind, 'identifiers'> & { unmistakable?: RegExp; form?: RegExp }): AnyKind => ({
  ...plain,
  form: undefined,
  ...given,
});
const provider = (id: string, kinds: Record<string, AnyKind>) => ({ ...registry.datadog, id, title: id, kinds });

/** Two providers that share a form, one kind that is known by its form alone, and one that is not. */
const providers: Providers = {
  acme: provider('acme', {
    'api-key': kind({ identifiers: ['keyId', 'userId'], form: /^[0-9]{4,6}$/ }),
    token: kind({ identifiers: ['tokenId'], unmistakable: /^acme_[a-z0-9]+$/, form: /^t-[a-z]+$|_acme$/ }),
    shared: kind({ identifiers: ['keyId'], unmistakable: /^both_/, form: /^[0-9]{6,8}$/ }),
  }),
  other: provider('other', {
    'api-key': { ...kind({ identifiers: ['keyId'], unmistakable: /^both_/ }), shared: ['userId'], locators: ['name'] },
  }),
};
const routed = (given: object) => route(leakFromSource.parse(given), providers);

describe('a leak that names its provider', () => {
  test('goes there, as the first kind', () => {
    expect(routed({ provider: 'acme', secret: 'x1' })).toMatchObject({
      is: 'routed',
      provider: 'acme',
      kind: 'api-key',
    });
  });

  test('is of the kind that its form proves, whatever it is called', () => {
    expect(routed({ provider: 'acme', kind: 'api-key', secret: 'acme_1' })).toMatchObject({ kind: 'token' });
    expect(routed({ provider: 'acme', kind: 'token', secret: 'plain' })).toMatchObject({ kind: 'token' });
  });

  test('is of the kind that its form proves when it names none', () => {
    expect(routed({ provider: 'acme', secret: 'acme_1' })).toMatchObject({ is: 'routed', kind: 'token' });
    expect(routed({ provider: 'acme', secret: 'both_1' })).toMatchObject({ is: 'routed', kind: 'shared' });
  });

  test('is of the kind whose form it has when it names none, where no other there has that form', () => {
    expect(routed({ provider: 'acme', secret: 't-word' })).toMatchObject({ is: 'routed', kind: 'token' });
    expect(routed({ provider: 'acme', secret: '12345678' })).toMatchObject({ kind: 'shared' });
    expect(routed({ provider: 'acme', secret: '123456' })).toMatchObject({ kind: 'api-key' });
    expect(routed({ provider: 'acme', secret: '123456', identifiers: { tokenId: 't' } })).toMatchObject({
      kind: 'token',
    });
  });

  test('is of the kind that it names, or that its form proves, before one whose form it only has', () => {
    expect(routed({ provider: 'acme', kind: 'api-key', secret: 't-word' })).toMatchObject({ kind: 'api-key' });
    expect(routed({ provider: 'acme', secret: 'both_acme' })).toMatchObject({ kind: 'shared' });
    expect(routed({ provider: 'acme', secret: '12345678', identifiers: { tokenId: 't' } })).toMatchObject({
      kind: 'shared',
      leak: { identifiers: {} },
    });
  });

  test('goes nowhere when its form is that of another provider: one of the two is wrong', () => {
    expect(routed({ provider: 'other', secret: 'acme_1' })).toMatchObject({
      is: 'unrouted',
      field: 'provider',
      problem: 'does not go with the secret, whose form is one of acme',
    });
  });

  test.each(['nobody', 'constructor', 'tostring', 'hasownproperty'])('goes nowhere when it names %s', (id) => {
    expect(routed({ provider: id, secret: 'acme_1' })).toMatchObject({
      is: 'unrouted',
      provider: null,
      kind: null,
      field: 'provider',
      problem: 'is not one of acme, other',
    });
  });

  test.each(['nothing', 'constructor'])('goes nowhere when it names the kind %s', (named) => {
    for (const rest of [{ secret: 'x1' }, { identifiers: { keyId: 'k-1' } }]) {
      expect(routed({ provider: 'acme', kind: named, ...rest })).toMatchObject({
        is: 'unrouted',
        provider: 'acme',
        kind: null,
        field: 'kind',
        problem: 'is not one of api-key, token, shared',
      });
    }
  });
});

describe('a leak that does not name its provider', () => {
  test('goes to the one that its form proves', () => {
    expect(routed({ secret: 'acme_1' })).toMatchObject({ is: 'routed', provider: 'acme', kind: 'token' });
  });

  test('goes nowhere when its form proves nothing', () => {
    for (const secret of ['anything', 't-word', '12345678'])
      expect(routed({ secret })).toMatchObject({ is: 'unrouted', provider: null, field: 'provider' });
  });

  test('goes nowhere when its form fits two', () => {
    expect(routed({ secret: 'both_1' })).toMatchObject({ is: 'unrouted', provider: null, field: 'provider' });
  });

  test('goes nowhere on identifiers alone', () => {
    expect(routed({ identifiers: { keyId: 'k-1' } })).toMatchObject({
      is: 'unrouted',
      problem: 'cannot be told from the secret; name one of acme, other',
    });
  });
});

describe('identifiers', () => {
  test('that the kind does not know are dropped', () => {
    expect(routed({ provider: 'acme', secret: 'x1', identifiers: { keyId: 'k-1', nothing: 't' } }).leak).toMatchObject({
      identifiers: { keyId: 'k-1' },
    });
  });

  test('name no key when the kind knows none of them and there is no secret', () => {
    expect(routed({ provider: 'acme', identifiers: { nothing: 't' } })).toMatchObject({
      is: 'unrouted',
      provider: 'acme',
      kind: 'api-key',
      field: 'identifiers',
      problem: 'names no key; acme api-key knows keyId, userId',
    });
  });

  test('name a key where several may share them, but not where they only say where to look', () => {
    const identifiers = { userId: 'u', name: 'n' };
    expect(routed({ provider: 'other', identifiers })).toMatchObject({ is: 'routed', leak: { identifiers } });
    expect(routed({ provider: 'other', identifiers: { name: 'n' } })).toMatchObject({
      is: 'unrouted',
      problem: 'names no key; other api-key knows keyId, userId',
    });
  });

  test('that only one kind has tell the kind, where no value does', () => {
    expect(routed({ provider: 'acme', identifiers: { tokenId: 't' } })).toMatchObject({ kind: 'token' });
    expect(routed({ provider: 'acme', secret: 'x', identifiers: { tokenId: 't' } })).toMatchObject({ kind: 'token' });
    expect(routed({ provider: 'acme', kind: 'api-key', secret: 'x', identifiers: { tokenId: 't' } })).toMatchObject({
      kind: 'api-key',
      leak: { identifiers: {} },
    });
  });

  test('that hold the secret name nothing', () => {
    const { leak } = routed({ provider: 'acme', secret: 'canary-1', identifiers: { keyId: 'canary-1', userId: 'u' } });
    expect(leak.identifiers).toEqual({ userId: 'u' });
    expect(routed({ provider: 'acme', secret: 'canary-1', identifiers: { keyId: 'canary-1' } }).leak).toMatchObject({
      identifiers: {},
    });
  });
});

describe('what travels beside the secret', () => {
  test('is cleaned of a secret that is no text, too', () => {
    const odd = { secret: 'abc\ud800def', reference: 'https://x.example/abc\ud800def' };
    expect(routed(odd)).toMatchObject({
      is: 'unrouted',
      field: 'secret',
      leak: { reference: expect.stringMatching(/^https:\/\/x\.example\/\[secret/) },
    });
  });

  const secret = 'canary-5e7a11ed/1';

  test('loses every echo of it, routed or not', () => {
    const echoes = {
      location: { url: `https://x.example/${secret}`, path: `${secret}.env`, commit: secret },
      reference: `https://x.example/?q=${encodeURIComponent(secret)}`,
    };
    const names = { kind: `kind-${secret}`, account: secret.toUpperCase() };
    for (const named of [{ provider: 'acme' }, { provider: 'nobody' }, {}, names, { provider: `x ${secret}` }]) {
      const { leak, ...rest } = routed({ ...named, secret, ...echoes });
      expect(JSON.stringify({ leak, rest })).not.toMatch(/canary/i);
      expect(leak.secret?.expose()).toBe(secret);
    }
  });

  test('loses the name and password that an address carries, and nothing else of it', () => {
    for (const [given, kept] of [
      ['https://oauth2:canary@git.example/acme/app?by=me@acme', 'https://git.example/acme/app?by=me@acme'],
      ['https://canary@p4ss@git.example', 'https://git.example'],
      ['https://git.example/@acme/app//x@y', 'https://git.example/@acme/app//y'],
      ['finding 7 of me@acme.example', 'finding 7 of me@acme.example'],
    ]) {
      const { leak } = routed({ provider: 'acme', secret, location: { url: given, line: 3 }, reference: given });
      expect(leak).toMatchObject({ location: { url: kept, line: 3 }, reference: kept });
    }
    expect(routed({ provider: 'acme', secret }).leak.location).toBeUndefined();
  });

  test.each([
    ['acme', { account: 'prod', exposure: 'public', detectedAt: '2026-11-20T12:00:00Z' }],
    ['public', { exposure: 'public' }],
    ['2026', { detectedAt: '2026-11-20T12:00:00Z' }],
    ['prod', { account: 'prod' }],
    ['api', { kind: 'api-key' }],
    ['a', { account: 'a', kind: 'api-key', exposure: 'private' }],
  ])('still belongs where it says when the secret is as short as %s', (short, rest) => {
    const result = routed({ provider: 'acme', secret: short, ...rest });
    expect(result).toMatchObject({ is: 'routed', provider: 'acme', kind: 'api-key', leak: rest });
    const { leak } = readReport(writeReport(reportOf({ leak: result.leak })));
    expect(leak).toMatchObject(rest);
  });

  test('still fits its message when a short secret fills a long text', () => {
    const reference = 'a'.repeat(2048);
    const { leak } = routed({ provider: 'acme', secret: 'a', reference });
    expect(readReport(writeReport(reportOf({ leak }))).leak).toEqual(leak);
  });

  test('travels whole, whatever the secret is', () => {
    const text = fc.string({ unit: 'grapheme-ascii', minLength: 1, maxLength: 20 });
    fc.assert(
      fc.property(text, text, text, (given, path, keyId) => {
        const parsed = leakFromSource.safeParse({
          provider: 'acme',
          secret: given,
          account: 'prod',
          exposure: 'unknown',
          detectedAt: '2026-11-20T12:00:00Z',
          location: { path },
          identifiers: { keyId },
        });
        fc.pre(parsed.success);
        const { leak } = route(parsed.data as ReturnType<typeof leakFromSource.parse>, providers);
        expect(readReport(writeReport(reportOf({ leak }))).leak).toEqual(leak);
      }),
    );
  });
});
