import type { Sources } from '../revocation/source.ts';
import { depsDev } from './deps-dev.ts';
import { gitguardian } from './gitguardian.ts';
import { github } from './github.ts';
import { githubPartner } from './github-partner.ts';
import { gitlab } from './gitlab.ts';
import { gitlabPartner } from './gitlab-partner.ts';
import { standard } from './standard.ts';
import { trufflehog } from './trufflehog.ts';

/** Every source of alerts, by its id. */
export const sources = {
  github,
  'github-partner': githubPartner,
  gitlab,
  'gitlab-partner': gitlabPartner,
  'deps-dev': depsDev,
  gitguardian,
  trufflehog,
  standard,
} as const satisfies Sources;
