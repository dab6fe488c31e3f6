/**
 * Static members (KIP-345): an instance that comes back takes the place of the member that it was, under a new id.
 *
 *     same subscription, Stable ──▶ it has what it had; nobody else notices
 *     anything else             ──▶ all join again
 *
 * Invariants: the id that the instance had before is fenced from this turn on, and is told so if it waits; nobody is told a new id before the
 * log has it in place of the old one, so that the next coordinator fences the same.
 *
 * @module
 */
import { CONSUMER_PROTOCOL_TYPE, decodeSubscription } from "../../../protocol/consumer_protocol.ts";
import { LATER } from "../../actor.ts";
import { complain } from "../complaints.ts";
import type { Group } from "../state.ts";
import { tooLargeFor } from "../write_size.ts";
import type { ClassicSnapshotMember } from "./convert.ts";
import { isTooLarge, recordOf, renamed } from "./durable.ts";
import { type JoinAsked, type JoinOutbox, timeoutsOf, waitForOthers } from "./waiting.ts";
import { awaitSyncOf } from "./rebalance.ts";
import { answerJoin, answerSync, joined, joinRefused } from "./replies.ts";
import { forget, touch } from "./sessions.ts";
import type { ClassicGroup, JoinReply, Member } from "./state.ts";
import { selectProtocol } from "./vote.ts";

/** From this version on a leader can be told that there is nothing to assign (KIP-814). */
const SKIPS_ASSIGNMENT_SINCE = 9;

/** The instance that `old` was comes back. */
export function replaceStatic(
  group: Group,
  classic: ClassicGroup,
  old: Member,
  memberId: string,
  asked: JoinAsked,
  out: JoinOutbox,
): JoinReply | typeof LATER {
  const { client, body } = asked;
  const member: Member = {
    ...old,
    memberId,
    clientId: client.id,
    clientHost: client.host,
    ...timeoutsOf(asked),
    protocols: body.protocols,
    joining: undefined,
    syncing: undefined,
    token: 0,
  };
  if (classic.phase === "Stable" && wantsTheSame(classic, old, member)) {
    return takePlace(group, classic, old, member, asked, out);
  }
  if (!writeHolder(group, classic, memberId, old.instanceId!, out)) {
    return joinRefused(asked.version, "UNKNOWN_SERVER_ERROR", "");
  }
  swap(classic, old, member, out);
  return waitForOthers(group, classic, member, asked, out);
}

/**
 * Writes down who is the instance from now on, if the log knows it by another id; false if that cannot be written. The generation that it
 * joins is written later, or never: if the coordinator fails before, the next one has to fence the older of the two, not the newer.
 */
export function writeHolder(
  group: Group,
  classic: ClassicGroup,
  memberId: string,
  instanceId: string,
  out: JoinOutbox,
): boolean {
  const record = renamed(classic, instanceId, memberId);
  if (record === undefined) return true;
  if (isTooLarge(group, record)) {
    complain(group, tooLargeFor(group), out);
    return false;
  }
  out.append(record);
  return true;
}

/** Nothing changes but the id: that is written down, or a failover would fence the wrong one. */
function takePlace(
  group: Group,
  classic: ClassicGroup,
  old: Member,
  member: Member,
  { version }: JoinAsked,
  out: JoinOutbox,
): JoinReply {
  const leaderBefore = classic.leader!;
  const members: ClassicSnapshotMember[] = [...classic.members.values()].map((one) => one === old ? member : one);
  const leader = leaderBefore === old.memberId ? member.memberId : leaderBefore;
  const { generation, protocolType, protocol } = classic;
  const record = recordOf(
    { groupId: group.args.groupId, generation, protocolType, protocol, leader, members },
    out.now(),
  );
  if (isTooLarge(group, record)) {
    complain(group, tooLargeFor(group), out);
    return joinRefused(version, "UNKNOWN_SERVER_ERROR", "");
  }
  out.append(record);
  const wasAway = classic.away.has(old.memberId);
  swap(classic, old, member, out);
  if (wasAway) awaitSyncOf(classic, member.memberId, out);
  touch(classic, member, out);
  if (version >= SKIPS_ASSIGNMENT_SINCE) {
    return { ...joined(classic, version, member.memberId), skipAssignment: leader === member.memberId };
  }
  // An older client must not believe that it leads: it would work out an assignment that nobody waits for.
  return { ...joined(classic, version, member.memberId), leader: leaderBefore, members: [] };
}

/** The new id is in, the old one is out. */
function swap(classic: ClassicGroup, old: Member, member: Member, out: JoinOutbox): void {
  answerJoin(old, "FENCED_INSTANCE_ID", old.memberId, out);
  answerSync(old, "FENCED_INSTANCE_ID", out);
  forget(old.memberId, out);
  const isLeader = classic.leader === old.memberId;
  const isUnsynced = classic.unsynced.has(old.memberId);
  classic.remove(old);
  classic.add(member);
  if (isLeader) classic.leader = member.memberId;
  if (isUnsynced) classic.unsynced.add(member.memberId);
}

/**
 * Whether the assignment that it had is still right for it. A consumer's metadata also says what it owned when it joined, which it does
 * not after a restart: only its topics count.
 */
function wantsTheSame(classic: ClassicGroup, old: Member, member: Member): boolean {
  const voters = [...classic.members.values()].map((one) => one === old ? member : one);
  if (selectProtocol(voters) !== classic.protocol) return false;
  if (classic.protocolType !== CONSUMER_PROTOCOL_TYPE) return true;
  const before = decodeSubscription(classic.metadataOf(old));
  const now = decodeSubscription(classic.metadataOf(member));
  if (!before || !now) return true;
  return new Set(before.topics).symmetricDifference(new Set(now.topics)).size === 0;
}
