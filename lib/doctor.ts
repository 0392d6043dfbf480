import { names } from '../functions/manifest.ts';
import { fingerprintName, fingerprintSchema } from '../functions/platform/fingerprint.ts';
import { createSend } from '../functions/platform/http.ts';
import { check as checkSecret } from '../functions/platform/secrets.ts';
import { signingIn } from '../functions/platform/sign-in.ts';
import { providers } from '../functions/providers/index.ts';
import type { Providers } from '../functions/revocation/provider.ts';
import { Secret, sameSecret } from '../functions/revocation/secret.ts';
import { type SlackConfig, slackConfig } from '../functions/revocation/slack.ts';
import type { Sources } from '../functions/revocation/source.ts';
import { sources } from '../functions/sources/index.ts';
import { type Configuration, readConfiguration } from './configuration.ts';
import type { Check, Trouble } from './doctor/check.ts';
import type { Deployed, Safe } from './doctor/deployed.ts';
import { examine } from './doctor/provider.ts';
import { readingOnly } from './doctor/reading-only.ts';
import { examineSlack, examineSource } from './doctor/source.ts';

/** What the doctor needs from outside. */
export interface Surgery {
  /** As it is written. */
  configuration: unknown;
  /** Where that stands, for people. */
  configurationName: string;
  /** Where secrets are; trouble, where nothing there can be looked at. */
  safe: Safe | Deployed | Trouble;
  /** The way to providers and sources. */
  fetch: typeof globalThis.fetch;
  /** Epoch ms. */
  now(): number;
}

/**
 * Looks at the configuration, at every secret that it needs, and at what each admin credential may do, before a leak needs it.
 * Tells as it goes. Changes nothing anywhere: a request that could is not sent.
 */
export async function* diagnose(surgery: Surgery): AsyncGenerator<Check> {
  const { configurationName, safe, fetch, now } = surgery;
  const configuration = read(surgery.configuration);
  if (typeof configuration === 'string') {
    const remedy = 'correct it; the fields: docs/contract.md, section 4';
    yield { name: configurationName, is: 'wrong', problem: 'configuration', detail: configuration, remedy };
    return;
  }
  yield { name: configurationName, is: 'well' };
  if ('is' in safe) {
    yield { name: 'AWS', ...safe };
    return;
  }
  if ('checks' in safe) yield* safe.checks(configuration);
  if ('checks' in safe) yield (await secretOf(safe, fingerprintName, fingerprintSchema)).check;
  const clock = { now };
  const way = { send: readingOnly(signingIn(createSend({ ...clock, fetch }), clock)), now };
  for (const [id, { accounts }] of Object.entries(configuration.providers)) {
    const provider = (providers as Providers)[id];
    if (!provider) continue;
    const seen: { account: string; admin: unknown }[] = [];
    for (const account of accounts) {
      const { check, value: admin } = await secretOf(safe, names.providerSecret(id, account), provider.admin);
      yield check;
      if (check.is !== 'well') continue;
      const twin = seen.find((other) => isSame(other.admin, admin));
      if (twin)
        yield {
          name: `${id} ${account}: credential`,
          is: 'wrong',
          problem: 'same-credential',
          detail: `it is the same as that of account ${twin.account}, so one of the two accounts is not watched`,
          remedy: `put the admin credential of ${account} into ${names.providerSecret(id, account)}, or take the account out`,
        };
      seen.push({ account, admin });
      const isDrilled = configuration.drill?.accounts[id]?.includes(account);
      yield* examine({ provider, account, isDrilled, admin, ...way });
    }
  }
  for (const id of configuration.sources) {
    const source = (sources as Sources)[id];
    const schema = id === 'slack' ? slackConfig : source?.config;
    if (!schema) continue;
    const { check, value } = await secretOf(safe, names.sourceSecret(id), schema);
    yield check;
    if (check.is !== 'well') continue;
    if (id === 'slack') yield* examineSlack(value as SlackConfig, way);
    else if (source) yield* examineSource(source, value, way);
  }
}

/** The configuration, or what is wrong with it. */
function read(input: unknown): Configuration | string {
  try {
    return readConfiguration(input);
  } catch (error) {
    return error instanceof Error ? error.message : 'it is wrong';
  }
}

async function secretOf(
  safe: Safe,
  name: string,
  schema: Parameters<typeof checkSecret>[2],
): Promise<{ check: Check; value?: unknown }> {
  const about = `secret ${name}`;
  const text = await safe.read(name);
  if (typeof text === 'object') return { check: { name: about, ...text } };
  const wrong = (problem: 'secret-missing' | 'secret-empty' | 'secret-wrong', detail: string, remedy: string) => ({
    check: { name: about, is: 'wrong', problem, detail, remedy } satisfies Check,
  });
  if (text === undefined)
    return wrong(
      'secret-missing',
      `there is none of that name in ${safe.place}`,
      [safe.toMake, safe.toFill(name)].filter(Boolean).join('; then '),
    );
  try {
    return { check: { name: about, is: 'well' }, value: checkSecret(name, text, schema) };
  } catch (error) {
    // A secret that was never filled in is as the stack has made it.
    if (/^\s*\{\s*\}\s*$/.test(text)) return wrong('secret-empty', 'it is {} still', safe.toFill(name));
    const message = error instanceof Error ? error.message : '';
    const detail = message.startsWith(about) ? message.slice(about.length).replace(/^:? /, '') : 'it is wrong';
    return wrong('secret-wrong', detail, `correct it (docs/contract.md, section 3): ${safe.toFill(name)}`);
  }
}

/** Whether two credentials are one: the same place, and the same secrets. */
function isSame(left: unknown, right: unknown): boolean {
  if (left instanceof Secret || right instanceof Secret)
    return left instanceof Secret && right instanceof Secret && sameSecret(left, right);
  if (left === null || right === null || typeof left !== 'object' || typeof right !== 'object') return left === right;
  const [one, other] = [Object.entries(left), right as Record<string, unknown>];
  return one.length === Object.keys(other).length && one.every(([name, value]) => isSame(value, other[name]));
}
