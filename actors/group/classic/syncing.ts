/**
 * SyncGroup and Heartbeat: the leader hands out what each member is to have, and each says that it is there.
 *
 * Invariant: nobody has an assignment that is not in the log. The record comes first in its turn, so the answers wait for it.
 *
 * @module
 */
import { errorCode, type ErrorName } from "../../../protocol/errors.ts";
import type { Request, ResponseInput } from "../../../protocol/schema.ts";
import type { heartbeat as heartbeatApi, syncGroup } from "../../../protocol/tables/groups.ts";
import { LATER } from "../../actor.ts";
import type { Asked } from "../protocol.ts";
import { complain } from "../complaints.ts";
import type { Group, GroupOutbox } from "../state.ts";
import { tooLargeFor } from "../write_size.ts";
import { isTooLarge, recordOf } from "./durable.ts";
import { hasSynced, prepareRebalance } from "./rebalance.ts";
import { answerSync, synced, syncRefused } from "./replies.ts";
import { touch } from "./sessions.ts";
import { type ClassicGroup, classicOf, type Member, NOTHING, type SyncReply } from "./state.ts";

type SyncBody = Request<typeof syncGroup>;
type HeartbeatReply = ResponseInput<typeof heartbeatApi>;

export function sync(
  group: Group,
  { version, body }: Asked<SyncBody>,
  out: GroupOutbox<SyncReply>,
): SyncReply | typeof LATER {
  const classic = classicOf(group);
  const error = judgeSync(classic, body);
  if (!classic || error !== "NONE") return syncRefused(error);
  const member = classic.members.get(body.memberId)!;
  hasSynced(classic, member.memberId, out);
  if (classic.phase === "Stable") {
    touch(classic, member, out);
    return synced(classic, member);
  }
  if (classic.leader === member.memberId) return handOut(group, classic, member, body, out);
  answerSync(member, "REBALANCE_IN_PROGRESS", out); // an earlier one, whose connection is gone
  member.syncing = { asker: out.asker(), version };
  touch(classic, member, out);
  return LATER;
}

export function heartbeat(
  group: Group,
  { body }: Asked<Request<typeof heartbeatApi>>,
  out: GroupOutbox,
): HeartbeatReply {
  const classic = classicOf(group);
  const error = judgeHeartbeat(classic, body);
  const member = classic?.members.get(body.memberId);
  if (classic && member && (error === "NONE" || error === "REBALANCE_IN_PROGRESS")) touch(classic, member, out);
  return { errorCode: errorCode(error) };
}

function judgeSync(classic: ClassicGroup | undefined, body: SyncBody): ErrorName {
  if (!classic) return "UNKNOWN_MEMBER_ID";
  const error = classic.judgeMember(body.memberId, body.groupInstanceId);
  if (error !== "NONE") return error;
  if (body.generationId !== classic.generation) return "ILLEGAL_GENERATION";
  if (body.protocolType !== null && body.protocolType !== classic.protocolType) return "INCONSISTENT_GROUP_PROTOCOL";
  if (body.protocolName !== null && body.protocolName !== classic.protocol) return "INCONSISTENT_GROUP_PROTOCOL";
  if (classic.phase === "PreparingRebalance") return "REBALANCE_IN_PROGRESS";
  return "NONE";
}

function judgeHeartbeat(classic: ClassicGroup | undefined, body: Request<typeof heartbeatApi>): ErrorName {
  if (!classic) return "UNKNOWN_MEMBER_ID";
  const error = classic.judgeMember(body.memberId, body.groupInstanceId);
  if (error !== "NONE") return error;
  if (body.generationId !== classic.generation) return "ILLEGAL_GENERATION";
  return classic.phase === "PreparingRebalance" ? "REBALANCE_IN_PROGRESS" : "NONE";
}

/** The leader has decided. Who is not in its list has nothing; who is in it and not in the group is passed over. */
function handOut(group: Group, classic: ClassicGroup, leader: Member, body: SyncBody, out: GroupOutbox): SyncReply {
  const given = new Map(body.assignments.map(({ memberId, assignment }) => [memberId, assignment]));
  const assigned = (member: Member) => given.get(member.memberId) ?? NOTHING;
  const { generation, protocolType, protocol } = classic;
  const members = [...classic.members.values()].map((member) => ({ ...member, assignment: assigned(member) }));
  const record = recordOf(
    { groupId: group.args.groupId, generation, protocolType, protocol, leader: classic.leader, members },
    out.now(),
  );
  if (isTooLarge(group, record)) return refuseAll(group, classic, leader, out);
  out.append(record);
  classic.phase = "Stable";
  for (const member of classic.members.values()) {
    member.assignment = assigned(member);
    const { syncing } = member;
    if (!syncing) continue;
    member.syncing = undefined;
    out.reply(syncing.asker, synced(classic, member));
    touch(classic, member, out);
  }
  touch(classic, leader, out);
  return synced(classic, leader);
}

/** It cannot be written down: all hear of it, and may join with less. */
function refuseAll(group: Group, classic: ClassicGroup, leader: Member, out: GroupOutbox): SyncReply {
  complain(group, tooLargeFor(group), out);
  for (const member of classic.members.values()) {
    if (!member.syncing) continue;
    answerSync(member, "UNKNOWN_SERVER_ERROR", out);
    touch(classic, member, out);
  }
  touch(classic, leader, out);
  prepareRebalance(group, classic, out);
  return syncRefused("UNKNOWN_SERVER_ERROR");
}
