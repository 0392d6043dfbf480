import { createHash, randomBytes } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { names } from '../../functions/manifest.ts';
import { fingerprintName } from '../../functions/platform/fingerprint.ts';
import { sources } from '../../functions/sources/index.ts';
import { scanners } from './scanners/index.ts';
import type { World } from './vendors/vendor.ts';

/** Secret name → value. */
export type SecretValues = Record<string, unknown>;

/** The signing secret of the sample source `standard`: for this machine only, and in the README. */
export const sampleSigningSecret = `whsec_${Buffer.from('leakstop local stage sample 0001').toString('base64')}`;

/** The token of the sample source `trufflehog`: for this machine only. */
const sampleToken = 'leakstop-local-stage-sample-token-0001';

/** The secrets of the sources that a stage listens to when it is given none: those of the simulated scanners fit them. */
const sampleSources: Readonly<Record<string, object>> = {
  ...Object.fromEntries(Object.entries(scanners).map(([id, { secret }]) => [id, secret])),
  standard: { secrets: [sampleSigningSecret] },
  trufflehog: { tokens: [sampleToken] },
  'github-partner': {},
};

/** The fingerprint key of the samples: for this machine only. The README shows an incident id that is made with it. */
export const sampleFingerprintKey = 'leakstop-local-stage-sample-fingerprint-0001';

/** The secrets of a stage that is given none. A data folder has a fingerprint key of its own, which nobody else knows. */
export function sampleSecrets(worlds: Record<string, World>, data?: string): SecretValues {
  const accounts = Object.entries(worlds).flatMap(([id, world]) =>
    Object.entries(world.accounts).map(([account, value]) => [names.providerSecret(id, account), value]),
  );
  return {
    ...Object.fromEntries(accounts),
    ...Object.fromEntries(
      Object.entries(sampleSources)
        .filter(([id]) => Object.hasOwn(sources, id))
        .map(([id, value]) => [names.sourceSecret(id), value]),
    ),
    ...(data === undefined && { [fingerprintName]: { key: sampleFingerprintKey } }),
  };
}

/**
 * Adds the fingerprint key where the secrets hold none. It must stay the same for as long as the ledger does: with a data
 * folder it is made once and kept there; without one it follows from the secrets themselves.
 */
export function withFingerprint(secrets: SecretValues, data: string | undefined): SecretValues {
  if (secrets[fingerprintName] !== undefined) return secrets;
  return { ...secrets, [fingerprintName]: { key: data === undefined ? derived(secrets) : kept(data) } };
}

const derived = (secrets: SecretValues) =>
  createHash('sha256')
    .update(`leakstop local stage ${JSON.stringify(secrets)}`)
    .digest('hex');

function kept(data: string): string {
  const file = join(data, 'fingerprint');
  mkdirSync(data, { recursive: true, mode: 0o700 });
  const known = existsSync(file) ? readFileSync(file, 'utf8').trim() : '';
  if (known !== '') return known;
  // Never seen half written, whenever the machine stops: it is whole on the disk before it has its name.
  const key = randomBytes(32).toString('hex');
  const unnamed = `${file}.${process.pid}`;
  writeFileSync(unnamed, key, { mode: 0o600, flush: true });
  renameSync(unnamed, file);
  return key;
}
