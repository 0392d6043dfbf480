import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { incidentId } from '../../functions/revocation/fingerprint.ts';
import { leakFromSource } from '../../functions/revocation/leak.ts';
import { Secret } from '../../functions/revocation/secret.ts';
import { sampleFingerprintKey, sampleSigningSecret } from '../../lib/local/samples.ts';
import { world } from '../../lib/local/vendors/datadog.ts';

const readme = readFileSync(new URL('../../README.md', import.meta.url), 'utf8');
const [, alert = ''] = /^BODY='(.*)'$/m.exec(readme) ?? [];
const [, request = ''] = /-d '(\{"provider".*\})'$/m.exec(readme) ?? [];

test('the README shows the incident id that its alert gives', () => {
  const { data } = JSON.parse(alert);
  const id = incidentId(new Secret(sampleFingerprintKey), data.provider, 'api-key', leakFromSource.parse(data));
  const shown = readme.match(/inc_\w+/g);
  expect(shown?.length).toBeGreaterThan(1);
  expect(new Set(shown)).toEqual(new Set([id]));
});

test('the README leaks a key of the simulated Datadog, by alert and by request, and signs with the sample secret', () => {
  const leak = JSON.parse(alert).data;
  expect(world.leaks).toContainEqual({ ...leak, kind: 'api-key' });
  expect(JSON.parse(request)).toEqual(leak);
  expect(readme).toContain(`"${sampleSigningSecret}"`);
});

test('the README is read in one go: it has 120 lines at most', () => {
  expect(readme.trimEnd().split('\n').length).toBeLessThanOrEqual(120);
});
