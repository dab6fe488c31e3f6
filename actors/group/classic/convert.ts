/**
 * A classic group handed over to the new protocol, and back (KIP-848's upgrade and downgrade).
 *
 *     upgrade:   snapshotOf ─▶ append(classicTombstone, …) ─▶ toModern
 *     downgrade: append(…, classicRecord) ─▶ fromModern
 *
 * Invariant: nobody who waited on the one side is forgotten on the other: it is told to join again.
 *
 * @module
 */
import type { GroupRecord } from "../records.ts";
import type { Group, GroupOutbox } from "../state.ts";
import { recordOf } from "./durable.ts";
import { cancelPhase, prepareRebalance } from "./rebalance.ts";
import { answerJoin, answerSync } from "./replies.ts";
import { forget, touch } from "./sessions.ts";
import { ClassicGroup, classicOf } from "./state.ts";

/** A protocol that a member offers, with what it says of itself in it. */
export interface ClassicProtocol {
  readonly name: string;
  readonly metadata: Uint8Array;
}

/** A member, as the classic protocol knows it. */
export interface ClassicSnapshotMember {
  readonly memberId: string;
  readonly instanceId: string | null;
  readonly clientId: string;
  readonly clientHost: string;
  readonly sessionTimeoutMs: number;
  readonly rebalanceTimeoutMs: number;
  /** By preference, the best one first; never empty. */
  readonly protocols: readonly ClassicProtocol[];
  /** As its leader sent it; no bytes when it has none (the group had not got so far, or the leader left it out). */
  readonly assignment: Uint8Array;
}

/** A group at one moment, in the terms of the classic protocol. */
export interface ClassicSnapshot {
  readonly groupId: string;
  /** In the new protocol: the group epoch where it becomes one of these, the newest member epoch where it was one. */
  readonly generation: number;
  /**
   * Up to here numbers have been epochs of members, of whom some may have gone, and come back by the same ids: none of these is used again,
   * or what one has sent in its former life would count in the next. (A group that has become empty begins anew at 0, as in Apache Kafka.
   * The log has no room for it: a coordinator that takes over before the next generation is written down goes on from `generation`.)
   */
  readonly usedUpTo: number;
  /** "consumer" for a group that can be converted. */
  readonly protocolType: string;
  /** Which of the members' protocols is spoken; null before the first generation. */
  readonly protocol: string | null;
  /** The member id of the leader; null: the first member. */
  readonly leader: string | null;
  /** In the order in which they came. */
  readonly members: readonly ClassicSnapshotMember[];
}

/** The classic group as it is now; undefined when there is none. It changes nothing. */
export function snapshotOf(group: Group): ClassicSnapshot | undefined {
  const classic = classicOf(group);
  if (!classic) return undefined;
  const { generation, usedUpTo, protocolType, protocol, leader } = classic;
  const members = [...classic.members.values()].map((member) => ({
    memberId: member.memberId,
    instanceId: member.instanceId,
    clientId: member.clientId,
    clientHost: member.clientHost,
    sessionTimeoutMs: member.sessionTimeoutMs,
    rebalanceTimeoutMs: member.rebalanceTimeoutMs,
    protocols: member.protocols,
    assignment: member.assignment,
  }));
  return { groupId: group.args.groupId, generation, usedUpTo, protocolType, protocol, leader, members };
}

/** The record that takes a classic group out of the log: part of the batch that makes it a modern one. Undefined: it had none. */
export function classicTombstone(group: Group): GroupRecord | undefined {
  if (!classicOf(group)?.isDurable) return undefined;
  return { type: "classicGroup", group: group.args.groupId, value: null };
}

/**
 * Upgrade, in the turn that appended the records: whoever waits for a join or a sync is told REBALANCE_IN_PROGRESS, all timers end, and
 * `group.classic` is undefined.
 */
export function toModern(group: Group, out: GroupOutbox): void {
  const classic = classicOf(group);
  if (!classic) return;
  cancelPhase(classic, out);
  for (const member of classic.members.values()) {
    answerJoin(member, "REBALANCE_IN_PROGRESS", member.memberId, out);
    answerSync(member, "REBALANCE_IN_PROGRESS", out);
    forget(member.memberId, out);
  }
  for (const memberId of classic.pending.keys()) forget(memberId, out);
  group.classic = undefined;
}

/** Downgrade: the record that puts a classic group into the log, part of the batch that takes the modern one out. */
export function classicRecord(snapshot: ClassicSnapshot, nowMs: number): GroupRecord {
  return recordOf(snapshot, nowMs);
}

/**
 * Downgrade, in the turn that appended the records: `group.classic` is this group, in PreparingRebalance: its members have their rebalance
 * timeout to join again.
 */
export function fromModern(group: Group, snapshot: ClassicSnapshot, out: GroupOutbox): void {
  const classic = new ClassicGroup(group.args.groupId, true);
  classic.generation = snapshot.generation;
  classic.usedUpTo = snapshot.usedUpTo;
  classic.protocolType = snapshot.protocolType;
  classic.protocol = snapshot.protocol;
  classic.graceUntilMs = group.graceUntilMs;
  for (const member of snapshot.members) {
    classic.add({ ...member, joining: undefined, syncing: undefined, isNew: false, token: 0 });
  }
  if (snapshot.leader !== null && classic.members.has(snapshot.leader)) classic.leader = snapshot.leader;
  for (const member of classic.members.values()) touch(classic, member, out);
  classic.phase = classic.hasMembers ? "Stable" : "Empty";
  classic.emptySince = classic.hasMembers ? undefined : out.now();
  group.classic = classic;
  if (classic.hasMembers) prepareRebalance(group, classic, out);
}
