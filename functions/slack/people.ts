import * as z from 'zod';
import type { Person } from '../revocation/decisions.ts';

/** A user's id; names are no proof of anybody. */
export const userId = z.string().regex(/^[UW][A-Z0-9]{1,20}$/);
/** A workspace's id, or an organisation's. */
export const teamId = z.string().regex(/^[TE][A-Z0-9]{1,20}$/);

/** Somebody in Slack, as Slack signed it. */
export interface Member {
  user: string;
  team: string | undefined;
}

/** Whether policy lets them decide. An approver that names a team is a member of that team alone. */
export const isApprover = ({ user, team }: Member, approvers: readonly string[]): boolean =>
  approvers.some((approver) => approver === user || (team !== undefined && approver === `${team}/${user}`));

export const personOf = ({ user }: Member): Person => ({ id: user, words: `<@${user}> in Slack` });
