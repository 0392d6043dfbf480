import { createHash, generateKeyPairSync, sign } from 'node:crypto';
import { type Arrival, type Trouble, vendorServer } from '../vendors/vendor.ts';
import type { ScannerAlert, ScannerWorld } from './scanner.ts';

/** How one sender of signed arrays names its headers, and where it publishes its keys. */
interface Partner {
  id: string;
  headers: string;
  keysUrl: string;
  secret: object;
}

/**
 * A sender of signed arrays: tells of keys it saw in public, signed with a key of its own, which it publishes.
 * https://docs.github.com/code-security/secret-scanning/secret-scanning-partnership-program/secret-scanning-partner-program
 */
function partnerWorld({ id, headers, keysUrl, secret }: Partner): ScannerWorld {
  return {
    secret,
    simulate(given) {
      const { keysUrl: url = keysUrl } = given as { keysUrl?: string };
      const { hostname, pathname } = new URL(url);
      const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
      const key = publicKey.export({ type: 'spki', format: 'pem' }).toString();
      const identifier = createHash('sha256').update(key).digest('hex');
      const arrivals: Arrival[] = [];
      const troubles: Trouble[] = [];
      const alerts: ScannerAlert[] = [];
      const published = { public_keys: [{ key_identifier: identifier, key, is_current: true }] };
      const server = vendorServer({ arrivals, troubles }, ({ method, target }) =>
        method === 'GET' && target === pathname ? { status: 200, body: published } : { status: 404 },
      );
      return {
        ...{ id, hosts: [hostname], server, arrivals, troubles, alerts },
        find({ secret: token, detector: type }) {
          const link = `https://packages.example/${id}/${alerts.length + 1}`;
          alerts.push({ link, state: 'open', comments: [] });
          const body = JSON.stringify([{ token, type, url: link, source: 'content' }]);
          const signature = sign('sha256', Buffer.from(body), privateKey).toString('base64');
          return {
            ...{ body, link },
            headers: {
              'content-type': 'application/json',
              [`${headers}-Public-Key-Identifier`]: identifier,
              [`${headers}-Public-Key-Signature`]: signature,
            },
          };
        },
      };
    },
  };
}

const gitlabKeys = 'https://keys.gitlab.example/public_keys/secret_scanning';

/** The senders of signed arrays whose keys no other simulated scanner publishes. */
export const partners: Readonly<Record<string, ScannerWorld>> = {
  'gitlab-partner': partnerWorld({
    id: 'gitlab-partner',
    headers: 'Gitlab',
    keysUrl: gitlabKeys,
    secret: { keysUrl: gitlabKeys },
  }),
  'deps-dev': partnerWorld({
    id: 'deps-dev',
    headers: 'DepsDev',
    keysUrl: 'https://storage.googleapis.com/depsdev-gcp-public-keys/secret_scanning',
    secret: {},
  }),
};
