import { Secret } from 'aws-cdk-lib/aws-secretsmanager';
import { RemovalPolicy } from 'aws-cdk-lib/core';
import type { Construct } from 'constructs';
import { fingerprintName } from '../../functions/platform/fingerprint.ts';

/** Kept when the stack or an account goes: a credential that a person entered, or one the ledger depends on. */
const kept = { removalPolicy: RemovalPolicy.RETAIN_ON_UPDATE_OR_DELETE };

/**
 * A secret whose value a person enters. It is made as `{}`, which a function that needs more refuses naming the missing
 * field. That initial value must never change: a deployment would write it over what was entered.
 */
export class EnteredSecret extends Secret {
  constructor(scope: Construct, id: string, { name, description }: { name: string; description: string }) {
    super(scope, id, { ...kept, secretName: name, description, secretObjectValue: {} });
  }
}

/** The key that incident ids and seals are made with. Made once; to make it anew would orphan every incident. */
export class FingerprintSecret extends Secret {
  constructor(scope: Construct, id: string) {
    super(scope, id, {
      ...kept,
      secretName: fingerprintName,
      description: 'Leakstop: the key of incident ids and seals. Never change it',
      generateSecretString: {
        secretStringTemplate: '{}',
        generateStringKey: 'key',
        passwordLength: 64,
        excludePunctuation: true,
      },
    });
  }
}
