import { createHash, generateKeyPairSync, type KeyObject, sign } from 'node:crypto';
import type { Headers, Keys, PublicKey, Source } from '../../functions/revocation/source.ts';
import { sourceConformance } from './source-conformance.ts';

/** A key pair as a sender of signed arrays publishes it: its id is the digest of its PEM. */
export interface SigningPair {
  id: string;
  pem: string;
  privateKey: KeyObject;
}

export function signingPair(namedCurve = 'P-256'): SigningPair {
  const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve });
  const pem = publicKey.export({ type: 'spki', format: 'pem' }).toString();
  return { id: createHash('sha256').update(pem).digest('hex'), pem, privateKey };
}

/** A list of published keys, by id. */
export const publishedKeys = (list: Record<string, PublicKey>): Keys => ({
  publicKey: async (_, id) => (Object.hasOwn(list, id) ? list[id] : undefined),
});

/** The headers of a signed array; `prefix` as the sender spells it, in lower case. */
export function signedHeaders(prefix: string, body: Uint8Array, { id, privateKey }: SigningPair): Headers {
  return {
    [`${prefix}-public-key-identifier`]: id,
    [`${prefix}-public-key-signature`]: sign('sha256', body, privateKey).toString('base64'),
  };
}

/** GitHub's published sample, which is signed as all three sign, and the key that PyPI's documentation prints. */
export const publishedSample = {
  id: 'bcb53661c06b4728e59d897fb6165d5c9cda0fd9cdf9d09ead458168deb7518c',
  signature: 'MEQCIQDaMKqrGnE27S0kgMrEK0eYBmyG0LeZismAEz/BgZyt7AIfXt9fErtRS4XaeSt/AO1RtBY66YcAdjxji410VQV4xg==',
  body: '[{"source":"commit","token":"some_token","type":"some_type","url":"https://example.com/base-repo-url/"}]',
  pem: `-----BEGIN PUBLIC KEY-----
MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEYAGMWO8XgCamYKMJS6jc/qgvSlAd
AjPuDPRcXU22YxgBrz+zoN19MzuRyW87qEt9/AmtoNP5GrobzUvQSyJFVw==
-----END PUBLIC KEY-----
`,
};

/** What every sender of signed arrays must do, on top of what every source must. */
export function signedArrayConformance(source: Source<{ keysUrl: string }>, prefix: string, type: string): void {
  const pairs: Record<string, SigningPair> = { ours: signingPair(), older: signingPair(), foreign: signingPair() };
  const pairOf = (name: string) => pairs[name] ?? signingPair();
  const keysUrl = 'https://keys.sender.example/public_keys';
  const entry = (token: string, url: string) => ({ token, type, url, source: 'commit' });
  const { id, signature, body, pem } = publishedSample;
  sourceConformance({
    source,
    secrets: { ours: 'ours', older: 'older', foreign: 'foreign' },
    config: () => ({ keysUrl }),
    keys: (...names) =>
      publishedKeys(Object.fromEntries(names.map(pairOf).map((pair) => [pair.id, { key: pair.pem, isCurrent: true }]))),
    sign: (bytes, { secret, headers }) => ({ ...headers, ...signedHeaders(prefix, bytes, pairOf(secret)) }),
    signedBy: [`${prefix}-public-key-identifier`, `${prefix}-public-key-signature`],
    signsTime: false,
    signsBody: true,
    vector: {
      config: { keysUrl },
      keys: publishedKeys({ [id]: { key: pem, isCurrent: true } }),
      headers: { [`${prefix}-public-key-identifier`]: id, [`${prefix}-public-key-signature`]: signature },
      body,
      at: Date.parse('2026-11-20T12:00:00Z'),
    },
    alert: { body: [entry('canary-token-1', 'https://git.example/acme/app/blob/c0ffee/deploy.env')] },
    another: { body: [entry('canary-token-1', 'https://git.example/acme/other/blob/c0ffee/deploy.env')] },
    canaries: ['canary-token-1'],
    ignored: { 'an empty list': { body: [] } },
    entries: (count) => ({
      body: Array.from({ length: count }, (_, index) => entry(`token-${index}`, `https://git.example/${index}`)),
    }),
  });
}
