/**
 * What a join says of itself, and the wait that it begins.
 *
 * @module
 */
import type { Request } from "../../../protocol/schema.ts";
import type { joinGroup } from "../../../protocol/tables/groups.ts";
import { LATER } from "../../actor.ts";
import type { Asked } from "../protocol.ts";
import type { Group, GroupOutbox } from "../state.ts";
import { rebalance } from "./rebalance.ts";
import { answerJoin } from "./replies.ts";
import { touch } from "./sessions.ts";
import type { ClassicGroup, JoinReply, Member } from "./state.ts";

export type JoinAsked = Asked<Request<typeof joinGroup>>;
export type JoinOutbox = GroupOutbox<JoinReply>;

/** How the request says that its sender is to be waited for. Version 0 had no time for rebalances: it is the session's. */
export function timeoutsOf({ body }: JoinAsked): { sessionTimeoutMs: number; rebalanceTimeoutMs: number } {
  const { sessionTimeoutMs, rebalanceTimeoutMs } = body;
  return { sessionTimeoutMs, rebalanceTimeoutMs: rebalanceTimeoutMs < 0 ? sessionTimeoutMs : rebalanceTimeoutMs };
}

/** The member has joined, and is answered when the others have. */
export function waitForOthers(
  group: Group,
  classic: ClassicGroup,
  member: Member,
  { version }: JoinAsked,
  out: JoinOutbox,
): typeof LATER {
  answerJoin(member, "REBALANCE_IN_PROGRESS", member.memberId, out); // its connection is gone, or it will ask again
  member.joining = { asker: out.asker(), version };
  touch(classic, member, out);
  rebalance(group, classic, out);
  return LATER;
}
