/**
 * The answers of the classic protocol, in the version that was asked, and who waits for one.
 *
 * Invariant: an answer that was promised (`LATER`) is given: whatever ends a wait goes through `answerJoin` or `answerSync`.
 *
 * @module
 */
import { errorCode, type ErrorName } from "../../../protocol/errors.ts";
import type { GroupOutbox } from "../state.ts";
import { type ClassicGroup, type JoinReply, type Member, NOTHING, type SyncReply } from "./state.ts";

/** A join that is refused. Before version 7 a protocol name could not be null. */
export function joinRefused(version: number, error: ErrorName, memberId: string): JoinReply {
  return {
    errorCode: errorCode(error),
    generationId: -1,
    protocolType: null,
    protocolName: version < 7 ? "" : null,
    leader: "",
    memberId,
    members: [],
  };
}

/** The generation, as one of its members is told it: only the leader hears of the others. */
export function joined(classic: ClassicGroup, version: number, memberId: string): JoinReply {
  return {
    errorCode: 0,
    generationId: classic.generation,
    protocolType: classic.protocolType,
    protocolName: classic.protocol ?? (version < 7 ? "" : null),
    leader: classic.leader ?? "",
    memberId,
    members: classic.leader === memberId ? membersFor(classic) : [],
  };
}

/** A sync that is refused. */
export function syncRefused(error: ErrorName): SyncReply {
  return { errorCode: errorCode(error), protocolType: null, protocolName: null, assignment: NOTHING };
}

/** What a member has in this generation. */
export function synced(classic: ClassicGroup, { assignment }: Member): SyncReply {
  return { errorCode: 0, protocolType: classic.protocolType, protocolName: classic.protocol, assignment };
}

/** Answers a join that waits, if one does. */
export function answerJoin(member: Member, error: ErrorName, memberId: string, out: GroupOutbox): void {
  const { joining } = member;
  if (!joining) return;
  member.joining = undefined;
  out.reply(joining.asker, joinRefused(joining.version, error, memberId));
}

/** Answers a sync that waits, if one does. */
export function answerSync(member: Member, error: ErrorName, out: GroupOutbox): void {
  const { syncing } = member;
  if (!syncing) return;
  member.syncing = undefined;
  out.reply(syncing.asker, syncRefused(error));
}

function membersFor(classic: ClassicGroup): JoinReply["members"] {
  return [...classic.members.values()].map((member) => ({
    memberId: member.memberId,
    groupInstanceId: member.instanceId,
    metadata: classic.metadataOf(member),
  }));
}
