import { readFileSync, writeFileSync } from 'node:fs';
import { loadWorlds } from '../lib/local/stage.ts';
import { providersPage, sampleOf, withProvidersTable } from '../lib/providers-page.ts';

/** `npm run docs`: writes what the docs say about providers from the providers themselves. */
const file = (name: string) => new URL(`../${name}`, import.meta.url);
writeFileSync(file('docs/providers.md'), providersPage(sampleOf(await loadWorlds())));
writeFileSync(file('README.md'), withProvidersTable(readFileSync(file('README.md'), 'utf8')));
console.log('docs/providers.md and the table in README.md are written');
