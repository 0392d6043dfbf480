import * as z from 'zod';
import { path } from '../../functions/revocation/exchange.ts';
import { kind, provider } from '../../functions/revocation/provider.ts';
import { bearer, sameText, secretValue } from '../../functions/revocation/secret.ts';

const admin = z.strictObject({ token: secretValue });
type Admin = z.infer<typeof admin>;
const record = z.object({ id: z.string().min(1), value: z.string() });
/** Example's own word that it does not have a key: a proxy's page is none. */
const problem = z.object({ error: z.literal('no such key') });

const apiKey = kind<Admin, z.infer<typeof record>>()({
  docs: 'https://docs.example.com/keys',
  identifiers: ['keyId'],
  unmistakable: /^exmpl_[a-z0-9]{8}$/,
  detectors: { gitleaks: [{ name: 'example-api-key' }] },
  facts: {
    carries: 'the value, or `keyId`',
    permission: '`keys:write`',
    rateLimit: 'none',
    proof: 'its id is no longer known',
    propagation: 'at once',
    verified: ['all of it: we wrote it'],
    believed: [],
  },
  list: {
    request: ({ page }) => (page === 0 ? { method: 'GET', path: path`/keys` } : undefined),
    read: ({ status, json }) => {
      const answer = status === 200 ? z.array(record).safeParse(json) : undefined;
      return answer?.success ? { items: answer.data } : undefined;
    },
  },
  describe: ({ id }) => ({ keyId: id, active: true }),
  compare: ({ value }, { secret }) => (secret && sameText(value, secret.expose()) ? 'same' : 'different'),
  // Our credential is a token, and no token is a key.
  isOwn: () => false,
  remove: {
    request: ({ keyId }) => ({ method: 'DELETE', path: path`/keys/${keyId}` }),
    read: ({ status, json }) => {
      if (status === 204) return 'done';
      return status === 404 && problem.safeParse(json).success ? 'gone' : undefined;
    },
  },
});

/** A provider that nobody but this test knows. */
export const example = provider<Admin>()({
  id: 'example',
  title: 'Example',
  admin,
  origin: () => 'https://api.example.com',
  authenticate: ({ token }) => ({ by: 'headers', headers: { Authorization: bearer(token) } }),
  kinds: { 'api-key': apiKey },
});
