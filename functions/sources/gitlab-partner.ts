import { signedArray } from '../revocation/signed-array.ts';

/**
 * GitLab's partner programme for leaked credentials; GitLab tells partners where its keys are:
 * https://docs.gitlab.com/user/application_security/secret_detection/automatic_response/
 */
export const gitlabPartner = signedArray({
  id: 'gitlab-partner',
  title: 'GitLab partner programme',
  docs: 'https://docs.gitlab.com/user/application_security/secret_detection/automatic_response/',
  headers: 'gitlab',
  scanner: 'gitlab',
});
