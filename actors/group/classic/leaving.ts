/**
 * LeaveGroup, and the silence that means the same.
 *
 * Invariants: who is taken out while a join or a sync of it waits is told UNKNOWN_MEMBER_ID: it may come back as somebody new. An id that
 * nobody has joined with goes without a rebalance: it had nothing.
 *
 * @module
 */
import { errorCode, type ErrorName } from "../../../protocol/errors.ts";
import type { Request, ResponseInput } from "../../../protocol/schema.ts";
import type { leaveGroup } from "../../../protocol/tables/groups.ts";
import type { Asked } from "../protocol.ts";
import type { Group, GroupOutbox } from "../state.ts";
import { completeJoinIfAll, rebalance } from "./rebalance.ts";
import { answerJoin, answerSync } from "./replies.ts";
import { forget } from "./sessions.ts";
import { type ClassicGroup, classicOf, type Member } from "./state.ts";

type LeaveBody = Request<typeof leaveGroup>;
type LeaveReply = ResponseInput<typeof leaveGroup>;
interface Leaving {
  readonly memberId: string;
  readonly groupInstanceId: string | null;
}

export function leave(group: Group, { version, body }: Asked<LeaveBody>, out: GroupOutbox): LeaveReply {
  const classic = classicOf(group);
  const leaving: readonly Leaving[] = version < 3 ? [{ memberId: body.memberId, groupInstanceId: null }] : body.members;
  const size = classic?.members.size;
  const errors = leaving.map((one) => classic ? leaveOne(classic, one, out) : "UNKNOWN_MEMBER_ID");
  if (classic && classic.members.size !== size) goOnWithout(group, classic, out);
  else if (classic) completeJoinIfAll(group, classic, out); // an id may have been waited for
  if (version < 3) return { errorCode: errorCode(errors[0]!) };
  return {
    errorCode: 0,
    members: leaving.map(({ memberId, groupInstanceId }, index) => ({
      memberId,
      groupInstanceId,
      errorCode: errorCode(errors[index]!),
    })),
  };
}

/** A timer of a member, or of an id that was given out, has come. */
export function memberLate(
  group: Group,
  { memberId, token }: { readonly memberId: string; readonly token: number },
  out: GroupOutbox,
): void {
  const classic = classicOf(group);
  if (!classic) return;
  const member = classic.members.get(memberId);
  if (member?.token === token) {
    takeOut(classic, member, out);
    goOnWithout(group, classic, out);
  } else if (classic.pending.get(memberId) === token) {
    classic.pending.delete(memberId);
    completeJoinIfAll(group, classic, out);
  }
}

function leaveOne(classic: ClassicGroup, { memberId, groupInstanceId }: Leaving, out: GroupOutbox): ErrorName {
  if (classic.pending.delete(memberId)) {
    forget(memberId, out);
    return "NONE";
  }
  // An administrator knows the instance only.
  const isByInstance = memberId === "" && groupInstanceId !== null;
  const id = isByInstance ? classic.instances.get(groupInstanceId) ?? "" : memberId;
  const error = classic.judgeMember(id, groupInstanceId);
  if (error === "NONE") takeOut(classic, classic.members.get(id)!, out);
  return error;
}

function takeOut(classic: ClassicGroup, member: Member, out: GroupOutbox): void {
  answerJoin(member, "UNKNOWN_MEMBER_ID", "", out);
  answerSync(member, "UNKNOWN_MEMBER_ID", out);
  forget(member.memberId, out);
  classic.remove(member);
}

/** The others must share what it had; if they are about to, one less is waited for. */
function goOnWithout(group: Group, classic: ClassicGroup, out: GroupOutbox): void {
  if (classic.phase !== "Empty") rebalance(group, classic, out);
}
