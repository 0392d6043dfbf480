import { CfnSecret, Secret } from 'aws-cdk-lib/aws-secretsmanager';
import { Validations } from 'aws-cdk-lib/core';
import type { Construct } from 'constructs';
import { fingerprintName } from '../../functions/platform/fingerprint.ts';
import { type Foundation, kept } from './foundation.ts';

interface EnteredSecretProperties {
  name: string;
  description: string;
  foundation: Foundation;
}

/**
 * A secret whose value a person enters. It is made as `{}`, which a function that needs more refuses naming the missing
 * field. That initial value must never change: a deployment would write it over what was entered.
 */
export class EnteredSecret extends Secret {
  constructor(scope: Construct, id: string, { name, description, foundation }: EnteredSecretProperties) {
    super(scope, id, { removalPolicy: kept, secretName: name, description, secretObjectValue: {} });
    encryptWith(this, foundation);
    acceptNoRotation(this, 'The value is of a provider or a source: a person makes a new one there and puts it in.');
  }
}

/** The key that incident ids and seals are made with. Made once; to make it anew would orphan every incident. */
export class FingerprintSecret extends Secret {
  constructor(scope: Construct, id: string, { foundation }: { foundation: Foundation }) {
    super(scope, id, {
      removalPolicy: kept,
      secretName: fingerprintName,
      description: 'Leakstop: the key of incident ids and seals. Never change it',
      generateSecretString: {
        secretStringTemplate: '{}',
        generateStringKey: 'key',
        passwordLength: 64,
        excludePunctuation: true,
      },
    });
    encryptWith(this, foundation);
    acceptNoRotation(
      this,
      'With another key every known incident would be a new one, and no sealed leak could be opened.',
    );
  }
}

/** Not by the secret's own `encryptionKey`, which would let the whole account use the key in ways that nobody needs. */
function encryptWith(secret: Secret, { key }: Foundation): void {
  const { defaultChild } = secret.node;
  if (!(defaultChild instanceof CfnSecret)) throw new Error('CDK makes secrets of something else now');
  defaultChild.kmsKeyId = key.keyArn;
}

const acceptNoRotation = (secret: Secret, reason: string) =>
  Validations.of(secret).acknowledge({ id: 'AwsSolutions-SMG4', reason });
