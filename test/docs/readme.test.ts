import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { providers } from '../../functions/providers/index.ts';
import { incidentId } from '../../functions/revocation/fingerprint.ts';
import { leakFromSource } from '../../functions/revocation/leak.ts';
import { Secret } from '../../functions/revocation/secret.ts';
import { sampleFingerprintKey } from '../../lib/local/samples.ts';
import { world } from '../../lib/local/vendors/datadog.ts';

const text = (name: string) => readFileSync(new URL(`../../${name}`, import.meta.url), 'utf8');
const readme = text('README.md');
const [, request = ''] = /-d '(\{"provider".*\})'$/m.exec(readme) ?? [];

const leak = JSON.parse(request);

test('the README shows the incident id that its request gives', () => {
  const read = leakFromSource.parse(leak);
  const id = incidentId(new Secret(sampleFingerprintKey), leak.provider, 'api-key', read);
  expect(readme).toContain(`# { "id": "${id}", "state": "closed", "outcome": "revoked"`);
});

test('the README reports a key of the simulated Datadog', () => {
  expect(world.leaks).toContainEqual({ ...leak, kind: 'api-key' });
});

test('the README leaks fresh keys at a provider that there is, by the command that there is', () => {
  const [, provider = ''] = /^npm run leak -- (\S+)/m.exec(readme) ?? [];
  expect(Object.keys(providers)).toContain(provider);
  expect(JSON.parse(text('package.json')).scripts).toHaveProperty('leak');
});

test('the README is read in one go: it has 120 lines at most', () => {
  expect(readme.trimEnd().split('\n').length).toBeLessThanOrEqual(120);
});
