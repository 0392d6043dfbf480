import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { ofExactlyOnce } from './of-exactly-once.ts';
import { ofProviders } from './of-providers.ts';
import { ofSources } from './of-sources.ts';
import { ofTheEngine } from './of-the-engine.ts';

const all = [...ofTheEngine, ...ofExactlyOnce, ...ofProviders, ...ofSources];

test('every fault that is kept for planting fits the code as it is, and says something of its own', () => {
  const code = (file: string) => readFileSync(new URL(`../../${file}`, import.meta.url), 'utf8');
  const strays = all.filter(({ file, from }) => code(file).split(from).length !== 2).map(({ fault }) => fault);
  expect(strays).toEqual([]);
  const said = all.map(({ fault, file }) => `${file}: ${fault}`);
  expect(said.filter((one, index) => said.indexOf(one) !== index)).toEqual([]);
});
