import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { providers } from '../../functions/providers/index.ts';
import { formats } from '../../functions/reports/index.ts';
import { sources } from '../../functions/sources/index.ts';

const page = readFileSync(new URL('../../docs/comparison.md', import.meta.url), 'utf8');

test('what the comparison says of our own providers and sources is what there is', () => {
  const kinds = Object.values(providers).flatMap((provider) => Object.keys(provider.kinds));
  expect(page).toContain(`| ${kinds.length}, at ${Object.keys(providers).length} providers |`);
  expect(page).toContain(
    `| ${Object.keys(sources).length} sources, AWS Health, ${Object.keys(formats).length} formats of reports,`,
  );
});
