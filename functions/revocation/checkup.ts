import type { Answer, Request } from './exchange.ts';

/** What is done with an admin credential. */
export type Task = 'list' | 'read one' | 'delete' | 'disable' | 'make';

/** Why a credential is of no use at all. */
export interface Complaint {
  /**
   * `refused`: wrong, deleted or switched off. `expired`: its time is over. `elsewhere`: good, but not for the site, region,
   * organization or portal that the secret names. `blocked`: not from the address that this runs from.
   */
  is: 'refused' | 'expired' | 'elsewhere' | 'blocked';
  detail: string;
  /** What a person does about it. */
  remedy: string;
}

/** What one answer tells of a credential. What is not told stays unknown: nothing is granted because nobody said no. */
export interface Told {
  credential?: 'accepted' | Complaint;
  /** Right, by its name → whether the credential has it. Where several answers speak of one, `missing` has the last word, then `unknown`. */
  rights?: Readonly<Record<string, 'granted' | 'missing' | 'unknown'>>;
  /** When the credential ends (ISO 8601). */
  endsAt?: string | undefined;
  /** What a later question needs to know. */
  learnt?: Readonly<Record<string, string>>;
}

interface Asked<Admin> {
  admin: Admin;
  /** What earlier answers told. */
  learnt: Readonly<Record<string, string>>;
}

/** A harmless question, put as the admin. `request` returns undefined where it cannot be put, or is not needed. */
export interface Question<Admin> {
  request(asked: Asked<Admin>): Request | undefined;
  /** Undefined for what the documentation does not say. */
  read(answer: Answer, asked: Asked<Admin>): Told | undefined;
}

/** A right of an admin credential, and what cannot be done without it. */
export interface Right {
  /** The provider's own name for it. */
  name: string;
  tasks: readonly Task[];
  /** Of which kinds of keys; absent, all. */
  kinds?: readonly string[];
  /** Without it a list is answered all the same, and is not whole. */
  hides?: true;
  /** What a person does when it is missing. */
  remedy: string;
  /** Why it may stay unknown. */
  unknown: string;
}

/** How an admin credential is looked at before a leak needs it: by requests that change nothing, which `docs` describe. */
export interface Checkup<Admin> {
  docs: readonly string[];
  /** Put in this order. A complaint ends it. */
  questions: readonly Question<Admin>[];
  rights: readonly Right[];
  /** What it means that signing in is refused, where that takes a request of its own. */
  signIn?(admin: Admin): Complaint;
  /** What an answer to any request says against the credential itself, and not against one of its rights. */
  complaint?(answer: Answer, admin: Admin): Complaint | undefined;
}
