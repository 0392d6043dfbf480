import { createHash, generateKeyPairSync, sign } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { providers } from '../../../functions/providers/index.ts';
import { Unavailable } from '../../../functions/revocation/errors.ts';
import { leaksOf } from '../../../functions/revocation/findings.ts';
import type { Alert, Headers, Keys, PublicKey } from '../../../functions/revocation/source.ts';
import { githubPartner } from '../../../functions/sources/github-partner.ts';
import {
  publishedKeys,
  publishedSample,
  type SigningPair,
  signedArrayConformance,
  signedHeaders,
  signingPair,
} from '../../support/signed-array.ts';

signedArrayConformance(githubPartner, 'github', 'datadog_api_key');

const now = Date.parse('2026-11-20T12:00:00Z');
const config = githubPartner.config.parse({});
const bytes = (value: unknown) => new TextEncoder().encode(typeof value === 'string' ? value : JSON.stringify(value));
const url = 'https://github.com/acme/app/blob/c0ffee/deploy.env';
const entry = { token: 'canary-1', type: 'datadog_api_key', url, source: 'commit' };
const body = bytes([entry]);
const pair = signingPair();
const idHeader = 'github-public-key-identifier';
const signatureHeader = 'github-public-key-signature';
const good = signedHeaders('github', body, pair);
const signature = Buffer.from(good[signatureHeader] ?? '', 'base64');

const listing = ({ id, pem }: SigningPair, published: Partial<PublicKey> = {}) =>
  publishedKeys({ [id]: { key: pem, isCurrent: true, ...published } });
const passes = async (headers: Headers, { keys = listing(pair), of = body }: { keys?: Keys; of?: Uint8Array } = {}) =>
  githubPartner.verify({ body: of, headers, config, now }, keys);
const signedAs = (value: string) => ({ ...good, [signatureHeader]: value });

describe('the key that signs', () => {
  test('is looked up by its id in GitHub’s list, or in the one that the configuration names', async () => {
    const asked: string[][] = [];
    const keys: Keys = {
      publicKey: async (...question) => {
        asked.push(question);
        return { key: pair.pem, isCurrent: true };
      },
    };
    const elsewhere = githubPartner.config.parse({ keysUrl: 'https://github.acme.example/keys' });
    await githubPartner.verify({ body, headers: good, config, now }, keys);
    await githubPartner.verify({ body, headers: good, config: elsewhere, now }, keys);
    expect(asked).toEqual([
      ['https://api.github.com/meta/public_keys/secret_scanning', pair.id],
      ['https://github.acme.example/keys', pair.id],
    ]);
  });

  test.each(['http://127.0.0.1:9999/keys', 'https://localhost/keys'])(
    'may be published on this machine, at %s',
    (keysUrl) => {
      expect(githubPartner.config.parse({ keysUrl })).toEqual({ keysUrl });
    },
  );

  test.each(['http://keys.acme.example/keys', 'https://10.0.0.1/keys', 'http://10.0.0.1/keys', 'https://[::2]/keys'])(
    'may not be published at %s',
    (keysUrl) => {
      expect(githubPartner.config.safeParse({ keysUrl }).success).toBe(false);
    },
  );

  test('fails when it is no longer current', async () => {
    expect(await passes(good, { keys: listing(pair, { isCurrent: false }) })).toBe(false);
  });

  test('that cannot be looked up is our trouble, and no word about the sender', async () => {
    const keys: Keys = { publicKey: () => Promise.reject(new Unavailable('the key service answered 503')) };
    await expect(passes(good, { keys })).rejects.toThrow(Unavailable);
  });

  test('is not even asked for when a header cannot be one', async () => {
    const keys: Keys = { publicKey: () => Promise.reject(new Error('asked')) };
    for (const id of ['', ' ', 'a,b', 'a b', 'ä', 'x'.repeat(129), '"', 'a\nb'])
      expect(await passes({ ...good, [idHeader]: id }, { keys })).toBe(false);
    for (const value of ['', '!', 'A'.repeat(100), '=', ' MEQ='])
      expect(await passes(signedAs(value), { keys })).toBe(false);
  });

  test.each(['P-384', 'P-521', 'secp256k1'])('fails on the curve %s', async (curve) => {
    const other = signingPair(curve);
    const headers = signedHeaders('github', body, other);
    expect(await passes(headers, { keys: listing(other) })).toBe(false);
  });

  test.each([
    ['Ed25519', generateKeyPairSync('ed25519')],
    ['RSA', generateKeyPairSync('rsa', { modulusLength: 512 })],
  ])('fails as %s', async (_, { publicKey, privateKey }) => {
    const pem = publicKey.export({ type: 'spki', format: 'pem' }).toString();
    const algorithm = publicKey.asymmetricKeyType === 'rsa' ? 'sha256' : undefined;
    const made = sign(algorithm, body, privateKey).toString('base64');
    expect(made.length).toBeLessThanOrEqual(96);
    expect(await passes(signedAs(made), { keys: listing(pair, { key: pem }) })).toBe(false);
  });

  test.each(['', 'x', '-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n'])('fails as %j', async (key) => {
    expect(await passes(good, { keys: listing(pair, { key }) })).toBe(false);
  });
});

describe('the signature', () => {
  test('is of SHA-256', async () => {
    for (const digest of ['sha1', 'sha384', 'sha512'])
      expect(await passes(signedAs(sign(digest, body, pair.privateKey).toString('base64')))).toBe(false);
  });

  test('is DER, and not the two numbers side by side', async () => {
    const flat = sign('sha256', body, { key: pair.privateKey, dsaEncoding: 'ieee-p1363' });
    expect(await passes(signedAs(flat.toString('base64')))).toBe(false);
  });

  test('is DER in its one strict form', async () => {
    const [tag = 0, length = 0] = signature;
    const content = signature.subarray(2);
    const rLength = content[1] ?? 0;
    const padded = [0x02, rLength + 1, 0x00, ...content.subarray(2)];
    const zero = [0x02, 0x01, 0x00];
    const odd = [
      [...signature, 0x00],
      [tag, 0x81, length, ...content],
      [tag, 0x80, ...content, 0x00, 0x00],
      [tag, length + 1, ...content, 0x00],
      [tag, length + 1, ...padded],
      [0x31, length, ...content],
      [tag, zero.length * 2, ...zero, ...zero],
      [tag, 0],
    ];
    for (const form of odd) expect(await passes(signedAs(Buffer.from(form).toString('base64')))).toBe(false);
    expect(await passes(signedAs(signature.toString('base64')))).toBe(true);
  });

  test('is base64 as base64 is written', async () => {
    const text = signature.toString('base64');
    const odd = [
      signature.toString('hex'),
      text.replace(/=*$/, '===='),
      `${text.slice(0, 8)}\n${text.slice(8)}`,
      `${text.slice(0, 8)}.${text.slice(8)}`,
      ` ${text}`,
      `${text}\t`,
      `"${text}"`,
    ];
    for (const value of odd) expect(await passes(signedAs(value))).toBe(false);
    const sample = { [idHeader]: publishedSample.id, [signatureHeader]: publishedSample.signature };
    const keys = publishedKeys({ [publishedSample.id]: { key: publishedSample.pem, isCurrent: true } });
    const of = bytes(publishedSample.body);
    expect(await passes(sample, { keys, of })).toBe(true);
    // The last letter before the padding holds four bits that are not read: only one way to write them passes.
    for (const last of ['h', 'n', 'v'])
      expect(
        await passes(
          { ...sample, [signatureHeader]: sample[signatureHeader].replace(/g==$/, `${last}==`) },
          { keys, of },
        ),
      ).toBe(false);
    expect(
      await passes({ ...sample, [signatureHeader]: sample[signatureHeader].replace(/==$/, '') }, { keys, of }),
    ).toBe(false);
  });

  test('stands in GitHub’s own headers', async () => {
    for (const prefix of ['gitlab', 'depsdev', 'x-github'])
      expect(await passes(signedHeaders(prefix, body, pair))).toBe(false);
  });
});

describe('an array', () => {
  const read = (list: unknown, at = now) =>
    githubPartner.read({ body: bytes(list), headers: good, config, now: at }) as Alert;

  test('gives what GitHub calls the credential, its value and its place', () => {
    const reading = read([entry]);
    expect(reading).toMatchObject({
      is: 'alert',
      findings: [
        {
          scanner: 'github',
          detector: 'datadog_api_key',
          circumstances: { exposure: 'public', location: { url }, reference: url },
        },
      ],
      skipped: [],
    });
    const [leak] = (reading.findings ?? []).flatMap((finding) => leaksOf(finding, providers));
    expect(leak).toMatchObject({ provider: 'datadog', kind: 'api-key', reference: url, exposure: 'public' });
    expect(leak?.secret?.expose()).toBe('canary-1');
  });

  test('is acted on where one entry says nothing, which is told by its place', () => {
    const odd = [
      null,
      7,
      'canary-1',
      [],
      {},
      { token: '' },
      { token: ['canary-1'] },
      { ...entry, token: 'x'.repeat(1e5) },
    ];
    for (const other of odd) {
      for (const [list, index] of [
        [[entry, other, { ...entry, token: 'canary-2' }], 1],
        [[other, entry, { ...entry, token: 'canary-2' }], 0],
      ] as const) {
        const { findings, skipped } = read(list);
        expect(findings?.map(({ value }) => value?.expose())).toEqual(['canary-1', 'canary-2']);
        expect(skipped).toEqual([{ index, reason: 'it holds no token' }]);
      }
    }
  });

  test('is acted on without type and address, which deps.dev and packages leave out', () => {
    for (const nothing of [undefined, null, '', 7, 'x'.repeat(5000)]) {
      const { findings } = read([{ token: 'canary-1', type: nothing, url: nothing, source: nothing }]);
      expect(findings).toMatchObject([{ scanner: 'github', detector: '' }]);
      expect(findings?.[0]?.circumstances?.reference).toBeUndefined();
      expect(findings?.[0]?.value?.expose()).toBe('canary-1');
    }
  });

  test('does not keep the token where an address or a type repeats it', () => {
    const token = 'canary/1+x';
    const echo = `https://git.example/?a=${token}&b=${encodeURIComponent(token)}&c=CANARY/1+X`;
    const reading = read([{ token, type: `key ${token}`, url: echo, source: token }]);
    expect(JSON.stringify(reading).toLowerCase()).not.toMatch(/canary/);
    expect(reading.findings?.[0]?.circumstances?.reference).toBe(
      'https://git.example/?a=[secret]&b=[secret]&c=[secret]',
    );
  });

  test('of more entries than anyone sends is refused as a whole: nothing of it is taken and the rest dropped', () => {
    const many = Array.from({ length: 3001 }, (_, index) => ({ ...entry, token: `token-${index}` }));
    expect(read(many.slice(1)).skipped).toEqual([]);
    expect(read(many)).toMatchObject({ is: 'malformed' });
  });

  test('is named by what it tells and never by its tokens, which could be tried out on a digest', () => {
    const other = { ...entry, token: 'canary-2', url: `${url}?x=canary-2` };
    expect(read([other]).delivery).toBe(read([{ ...other, token: 'canary-3', url: `${url}?x=canary-3` }]).delivery);
    expect(read([entry]).delivery).not.toBe(read([{ ...entry, type: 'datadog_app_key' }]).delivery);
    expect(read([entry]).delivery).not.toBe(read([entry, entry]).delivery);
  });

  test('without an address is told anew on another day, and not before', () => {
    const list = [{ ...entry, url: '' }];
    expect(read(list, now + 3_600_000).delivery).toBe(read(list).delivery);
    expect(read(list, now + 86_400_000).delivery).not.toBe(read(list).delivery);
  });

  test('of nothing but entries that say nothing is not what GitHub sends', () => {
    expect(read([{}, { url }])).toMatchObject({ is: 'malformed', error: { issues: [{ path: ['token'] }] } });
  });
});

test('GitHub may name keys: whoever holds its key is GitHub', () => {
  expect(githubPartner.mayNameKeys).toBe(true);
});

test('the published key’s id is the digest of its PEM', () => {
  expect(createHash('sha256').update(publishedSample.pem).digest('hex')).toBe(publishedSample.id);
});
