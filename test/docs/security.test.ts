import { existsSync, readFileSync } from 'node:fs';
import { expect, test } from 'vitest';

const root = new URL('../../', import.meta.url);
const page = readFileSync(new URL('docs/security.md', root), 'utf8');

test('what the threat model shows as proof is there', () => {
  const named = [...page.matchAll(/`((?:functions|lib|test)\/[\w./-]+)`/g)].map(([, path]) => String(path));
  expect(named.length).toBeGreaterThan(20);
  expect(named.filter((path) => !existsSync(new URL(path, root)))).toEqual([]);
});
