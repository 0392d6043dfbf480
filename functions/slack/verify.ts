import type { Secret } from '../revocation/secret.ts';
import { isHmacHex, isTimely } from '../revocation/signature.ts';
import type { Headers } from '../revocation/source.ts';

/** Whether Slack sent it: signature v0, over the bytes as they came. https://docs.slack.dev/authentication/verifying-requests-from-slack */
export function isFromSlack(
  { body, headers, now }: { body: Uint8Array; headers: Headers; now: number },
  secrets: readonly Secret[],
): boolean {
  const { 'x-slack-signature': signature = '', 'x-slack-request-timestamp': timestamp = '' } = headers;
  const [, given] = /^v0=([0-9a-f]{64})$/.exec(signature) ?? [];
  if (given === undefined || !/^\d{1,12}$/.test(timestamp) || !isTimely(Number(timestamp), now)) return false;
  return isHmacHex(given, Buffer.concat([Buffer.from(`v0:${timestamp}:`), body]), secrets);
}
