import { expect, test } from 'vitest';
import { providers } from '../../../functions/providers/index.ts';
import { leaksOf } from '../../../functions/revocation/findings.ts';
import { gitlabPartner } from '../../../functions/sources/gitlab-partner.ts';
import { signedArrayConformance } from '../../support/signed-array.ts';

signedArrayConformance(gitlabPartner, 'gitlab', 'gitleaks_rule_id_datadog-access-token');

test('GitLab’s keys are where the configuration says, and nowhere else', () => {
  expect(gitlabPartner.config.safeParse({}).success).toBe(false);
  const keysUrl = 'https://keys.gitlab.example/keys';
  expect(gitlabPartner.config.parse({ keysUrl })).toEqual({ keysUrl });
});

test.each([
  'http://127.0.0.1:9999/keys',
  'http://localhost/keys?a=b',
  'https://[::1]:9999/keys',
  'https://keys.example',
])('the keys may be at %s', (keysUrl) => {
  expect(gitlabPartner.config.parse({ keysUrl })).toEqual({ keysUrl });
});

test.each([
  'http://keys.gitlab.example/keys',
  'http://127.0.0.2:9999/keys',
  'http://127.0.0.1.attacker.example/keys',
  'http://localhost.attacker.example/keys',
  'http://169.254.169.254/latest',
  'https://10.0.0.1/keys',
  'https://[::2]/keys',
  'http://user:word@127.0.0.1:9999/keys',
  'ftp://127.0.0.1/keys',
  'file:///etc/keys',
  '/keys',
  '',
])('the keys may not be at %s', (keysUrl) => {
  expect(gitlabPartner.config.safeParse({ keysUrl }).success).toBe(false);
});

test('types are GitLab’s names, with or without the prefix of a rule', () => {
  for (const type of ['gitleaks_rule_id_datadog-access-token', 'datadog-access-token']) {
    const body = new TextEncoder().encode(
      JSON.stringify([{ type, token: 'a'.repeat(40), url: 'https://git.example/x' }]),
    );
    const reading = gitlabPartner.read({ body, headers: {}, config: { keysUrl: 'https://keys.example' }, now: 0 });
    const findings = reading.is === 'alert' ? (reading.findings ?? []) : [];
    expect(findings.flatMap((finding) => leaksOf(finding, providers))).toMatchObject([
      { provider: 'datadog', kind: 'application-key', reference: 'https://git.example/x' },
    ]);
  }
});
