/**
 * JoinGroup: somebody wants to be in the next generation, or to know the present one.
 *
 * @module
 */
import { randomUuid } from "../../../lib/uuid.ts";
import type { Random } from "../../../lib/prng.ts";
import { LATER } from "../../actor.ts";
import type { Group, GroupOutbox } from "../state.ts";
import { awaitSyncOf, completeJoinIfAll } from "./rebalance.ts";
import { joined, joinRefused } from "./replies.ts";
import { awaitPending, forget, touch } from "./sessions.ts";
import { ClassicGroup, classicOf, type JoinReply, type Member, NOTHING } from "./state.ts";
import { replaceStatic, writeHolder } from "./static.ts";
import { type JoinAsked, type JoinOutbox, timeoutsOf, waitForOthers } from "./waiting.ts";

export { timeoutsOf } from "./waiting.ts";

/** From this version on a client must come back with the id that it was given, so that ids which nobody holds do not pile up (KIP-394). */
const ID_REQUIRED_SINCE = 4;

export function join(group: Group, asked: JoinAsked, out: JoinOutbox): JoinReply | typeof LATER {
  const { version, body } = asked;
  const { config } = group.news;
  if (body.sessionTimeoutMs < config.minSessionTimeoutMs || body.sessionTimeoutMs > config.maxSessionTimeoutMs) {
    return joinRefused(version, "INVALID_SESSION_TIMEOUT", body.memberId);
  }
  let classic = classicOf(group);
  if (!classic) {
    if (body.memberId !== "") return joinRefused(version, "UNKNOWN_MEMBER_ID", body.memberId);
    classic = new ClassicGroup(group.args.groupId, true);
    classic.emptySince = out.now();
    group.classic = classic;
  }
  if (!hasRoom(classic, body, config.maxSize)) {
    if (classic.pending.delete(body.memberId)) forget(body.memberId, out);
    const member = classic.members.get(body.memberId);
    if (member) putOut(classic, member, out);
    completeJoinIfAll(group, classic, out);
    return joinRefused(version, "GROUP_MAX_SIZE_REACHED", "");
  }
  if (!speaksWith(classic, body)) return joinRefused(version, "INCONSISTENT_GROUP_PROTOCOL", body.memberId);
  return body.memberId === "" ? joinNew(group, classic, asked, out) : joinKnown(group, classic, asked, out);
}

/** An id for a member: Kafka's form, the client's own name (or that of the instance) and a uuid. */
export function newMemberId(prefix: string, random: Random): string {
  const bytes = random.bytes(16);
  randomUuid(bytes); // marks the bytes as a uuid of version 4
  const hex = [...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join("");
  return `${prefix}-${hex.replace(/^(.{8})(.{4})(.{4})(.{4})/, "$1-$2-$3-$4-")}`;
}

function joinNew(group: Group, classic: ClassicGroup, asked: JoinAsked, out: JoinOutbox): JoinReply | typeof LATER {
  const { version, client, body } = asked;
  const instanceId = body.groupInstanceId;
  if (instanceId !== null) {
    const holder = classic.members.get(classic.instances.get(instanceId) ?? "");
    const memberId = newMemberId(instanceId, out.random);
    if (holder) return replaceStatic(group, classic, holder, memberId, asked, out);
    // One that has been put out, or has left, may be in the log still.
    if (writeHolder(group, classic, memberId, instanceId, out)) return enter(group, classic, memberId, asked, out);
    return joinRefused(version, "UNKNOWN_SERVER_ERROR", "");
  }
  const memberId = newMemberId(client.id, out.random);
  if (version < ID_REQUIRED_SINCE) return enter(group, classic, memberId, asked, out);
  awaitPending(classic, memberId, body.sessionTimeoutMs, out);
  return joinRefused(version, "MEMBER_ID_REQUIRED", memberId);
}

function joinKnown(group: Group, classic: ClassicGroup, asked: JoinAsked, out: JoinOutbox): JoinReply | typeof LATER {
  const { version, body } = asked;
  const { memberId } = body;
  if (classic.pending.has(memberId) && body.groupInstanceId === null) {
    return enter(group, classic, memberId, asked, out);
  }
  const error = classic.judgeMember(memberId, body.groupInstanceId);
  if (error !== "NONE") return joinRefused(version, error, memberId);
  const member = classic.members.get(memberId)!;
  const isSame = matches(member, body);
  const isLeader = classic.leader === memberId;
  // Its answer was lost, or it only wants to know: a leader of a stable group wants to assign again.
  if (isSame && (classic.phase === "CompletingRebalance" || classic.phase === "Stable" && !isLeader)) {
    if (classic.away.delete(memberId)) awaitSyncOf(classic, memberId, out);
    touch(classic, member, out);
    return joined(classic, version, memberId);
  }
  update(classic, member, asked);
  return waitForOthers(group, classic, member, asked, out);
}

/** Somebody new is in. */
function enter(
  group: Group,
  classic: ClassicGroup,
  memberId: string,
  asked: JoinAsked,
  out: JoinOutbox,
): typeof LATER {
  const { client, body } = asked;
  if (!classic.hasMembers) classic.protocolType = body.protocolType;
  const member: Member = {
    memberId,
    instanceId: body.groupInstanceId,
    clientId: client.id,
    clientHost: client.host,
    ...timeoutsOf(asked),
    protocols: body.protocols,
    assignment: NOTHING,
    joining: undefined,
    syncing: undefined,
    isNew: true,
    token: 0,
  };
  classic.add(member);
  if (classic.initial) classic.initial.isNewcomer = true;
  return waitForOthers(group, classic, member, asked, out);
}

/** What the member wants from now on. */
function update(classic: ClassicGroup, member: Member, asked: JoinAsked): void {
  Object.assign(member, timeoutsOf(asked));
  classic.setProtocols(member, asked.body.protocols);
}

/**
 * Whether there is room for it: an instance that comes back takes the place that it has. While members join, only those who have joined
 * count: so a group that has become too large (by another config) goes on with the first that come.
 */
function hasRoom(classic: ClassicGroup, { memberId, groupInstanceId }: JoinAsked["body"], maxSize: number): boolean {
  if (classic.phase === "Empty" || classic.members.size < maxSize) return true;
  const isBack = memberId === "" && groupInstanceId !== null;
  const member = classic.members.get(isBack ? classic.instances.get(groupInstanceId) ?? "" : memberId);
  if (classic.phase !== "PreparingRebalance") return member !== undefined || classic.members.size < maxSize;
  if (member?.joining) return true;
  let waiting = 0;
  for (const { joining } of classic.members.values()) if (joining) waiting++;
  return waiting < maxSize;
}

/** A member for whom there is no room any more. */
function putOut(classic: ClassicGroup, member: Member, out: GroupOutbox): void {
  classic.remove(member);
  forget(member.memberId, out);
}

/** Whether it can speak with the members that there are. */
function speaksWith(classic: ClassicGroup, { protocolType, protocols }: JoinAsked["body"]): boolean {
  if (!classic.hasMembers) return protocolType !== "" && protocols.length > 0;
  if (protocolType !== classic.protocolType) return false;
  return protocols.some(({ name }) => classic.isSpokenByAll(name));
}

function matches(member: Member, { protocols }: JoinAsked["body"]): boolean {
  return member.protocols.length === protocols.length &&
    protocols.every(({ name, metadata }, index) => {
      const known = member.protocols[index]!;
      return known.name === name && areEqual(known.metadata, metadata);
    });
}

function areEqual(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && a.every((byte, at) => byte === b[at]);
}
