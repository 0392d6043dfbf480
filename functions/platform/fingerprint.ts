import * as z from 'zod';
import { type Secret, secretText } from '../revocation/secret.ts';
import type { Secrets } from './secrets.ts';

/** The secret that incident ids and seals are made with; made once by the deployment, never changed. */
export const fingerprintName = 'leakstop/fingerprint';
export const fingerprintSchema = z.object({ key: secretText });

/** @throws Misconfigured, Unavailable */
export const fingerprintOf = async (secrets: Secrets): Promise<Secret> =>
  (await secrets.read(fingerprintName, fingerprintSchema)).key;
