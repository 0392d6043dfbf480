import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { providers } from '../../functions/providers/index.ts';
import type { Providers } from '../../functions/revocation/provider.ts';
import { loadWorlds } from '../../lib/local/stage.ts';
import { providersPage, sampleOf, withProvidersTable } from '../../lib/providers-page.ts';

const text = (file: string) => readFileSync(new URL(`../../${file}`, import.meta.url), 'utf8');
const kinds = Object.entries(providers as Providers).flatMap(([id, provider]) =>
  Object.entries(provider.kinds).map(([name, kind]) => ({ id, name, kind })),
);

describe('the page about providers', () => {
  test('is what the providers say; `npm run docs` writes it', async () => {
    expect(text('docs/providers.md')).toBe(providersPage(sampleOf(await loadWorlds())));
  });

  test('lists every request that a provider can make', async () => {
    const page = providersPage(sampleOf(await loadWorlds()));
    for (const id of Object.keys(providers)) {
      const section = page.split(/^## /m).find((part) => part.startsWith(`${id}\n`)) ?? '';
      const paths = [...text(`functions/providers/${id}.ts`).matchAll(/\bpath`([^`]+)`/g)].map(([, path = '']) => path);
      const requests = [...section.matchAll(/^\| `([A-Z]+ \/[^`]*)` \|/gm)].map(([, request = '']) => request);
      expect(paths.length).toBeGreaterThan(0);
      for (const path of paths) {
        const parts = path.split(/\$\{[^}]*\}/).map((part) => part.replaceAll(/[.*+?^$()|[\]\\]/g, '\\$&'));
        const form = new RegExp(`^[A-Z]+ ${parts.join('[^/ ]+')}(\\?|$)`);
        expect(
          requests.some((request) => form.test(request)),
          path,
        ).toBe(true);
      }
    }
  });

  test('lists a request once in a table, under a title that says what it is for', async () => {
    const tables = providersPage(sampleOf(await loadWorlds()))
      .split('\n\n')
      .filter((part) => part.startsWith('|'));
    for (const table of tables) {
      const [head = '', , ...rows] = table.split('\n');
      expect(head).not.toMatch(/\|\s*\|/);
      if (!/^\| request/.test(head)) continue;
      const requests = rows.map((row) => row.split('`')[1]);
      expect(requests.length).toBeGreaterThan(0);
      expect(new Set(requests).size).toBe(requests.length);
    }
  });

  test('tells how to sign in, why that was refused, and what only some admin secrets lead to', async () => {
    const page = providersPage(sampleOf(await loadWorlds()));
    for (const row of [
      '| `POST /api/oauth/token` | sign in |',
      '| `POST /user/authenticate` | sign in |',
      '| `GET /api/v2/validate_keys` | why the admin credential was refused; what the admin credential may do (`npm run doctor`) |',
      '| `GET /api/v2/current_user` | what the admin credential may do (`npm run doctor`) |',
      '| `GET /user/apiKey/{keyId}` | one record, where its owner is not known |',
      '| `DELETE /api/v1/api_key/{secret}` | delete, where the value is known, with `"api":"v1"` |',
      '| `DELETE /api/atlas/v1.0/orgs/{orgId}/apiKeys/{keyId}` | delete, with `"api":"v1.0"` |',
    ])
      expect(page).toContain(row);
    expect(page).toContain('"clientSecret": "…", "api"?: "v2" }');
  });

  test('shows no value of a sample: neither a leaked one nor an admin’s', async () => {
    const worlds = await loadWorlds();
    const page = providersPage(sampleOf(worlds));
    const secrets = Object.values(worlds).flatMap(({ accounts, leaks }) => [
      ...leaks.map((leak) => (leak as { secret: string }).secret),
      ...Object.values(accounts).flatMap((account) =>
        Object.entries(account).flatMap(([name, value]) =>
          /key|token|secret|password/i.test(name) && typeof value === 'string' ? [value] : [],
        ),
      ),
    ]);
    expect(secrets.length).toBeGreaterThan(10);
    for (const secret of secrets)
      for (const form of [secret, encodeURIComponent(secret)]) expect(page).not.toContain(form);
  });

  test('is not written without an account and a leak of every kind', async () => {
    const samples = sampleOf(await loadWorlds());
    expect(() => providersPage({ ...samples, coveo: undefined })).toThrow('coveo has no sample account');
    expect(() => providersPage({ ...samples, coveo: { accounts: samples.coveo?.accounts ?? [], leaks: [] } })).toThrow(
      'coveo api-key has no sample leak',
    );
  });

  test.each(kinds)('has no empty word about $id $name', ({ kind: { facts } }) => {
    const { carries, permission, rateLimit, proof, propagation, verified, believed } = facts;
    for (const word of [carries, permission, rateLimit, proof, propagation, ...verified, ...believed])
      expect(word.trim().length).toBeGreaterThan(3);
    expect(verified.length + believed.length).toBeGreaterThan(0);
  });

  test('is summed up in the README, which `npm run docs` writes too', () => {
    expect(text('README.md')).toBe(withProvidersTable(text('README.md')));
  });
});
