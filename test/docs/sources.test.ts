import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { incidentId } from '../../functions/revocation/fingerprint.ts';
import { leakFromSource } from '../../functions/revocation/leak.ts';
import { Secret } from '../../functions/revocation/secret.ts';
import { signedHeaders } from '../../lib/local/follow.ts';
import { sampleFingerprintKey } from '../../lib/local/samples.ts';
import { world } from '../../lib/local/vendors/datadog.ts';

const page = readFileSync(new URL('../../docs/sources.md', import.meta.url), 'utf8');
const [, script = ''] = /```sh\n(BODY=[\s\S]*?)```/.exec(page) ?? [];
const [, body = ''] = /^BODY='(.*)'$/m.exec(script) ?? [];
const { data } = JSON.parse(body);

test.skipIf(process.platform === 'win32')('the alert on the page is signed as a sender would sign it', () => {
  const signing = script.slice(0, script.indexOf('\ncurl '));
  const { stdout } = spawnSync('sh', ['-c', `${signing}\nprintf '%s %s' "$AT" "$SIGNATURE"`], { encoding: 'utf8' });
  const [at = '', signature] = stdout.split(' ');
  const { 'webhook-signature': expected } = signedHeaders(body, { id: 'msg_1', at: Number(at) * 1000 });
  expect(`v1,${signature}`).toBe(expected);
});

test('the alert on the page leaks a key of the simulated Datadog, and gives the incident that is shown', () => {
  expect(world.leaks).toContainEqual({ ...data, kind: 'api-key' });
  const id = incidentId(new Secret(sampleFingerprintKey), data.provider, 'api-key', leakFromSource.parse(data));
  expect(script).toContain(`# {"incidents":[{"id":"${id}"}]}`);
});
