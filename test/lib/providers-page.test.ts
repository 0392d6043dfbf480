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
