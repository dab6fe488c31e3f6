/**
 * A classic group handed over to the new protocol, and back (KIP-848's upgrade and downgrade).
 *
 * @module
 */
import type { Group, GroupOutbox } from "../state.ts";
import type { GroupRecord } from "../records.ts";

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
  /** The group epoch in the new protocol. */
  readonly generation: number;
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
export declare function snapshotOf(group: Group): ClassicSnapshot | undefined;

/** The record that takes a classic group out of the log: part of the batch that makes it a modern one. Undefined: it had none. */
export declare function classicTombstone(group: Group): GroupRecord | undefined;

/**
 * Upgrade, in the turn that appended the records: whoever waits for a join or a sync is told REBALANCE_IN_PROGRESS, all timers end, and
 * `group.classic` is undefined.
 */
export declare function toModern(group: Group, out: GroupOutbox): void;

/** Downgrade: the record that puts a classic group into the log, part of the batch that takes the modern one out. */
export declare function classicRecord(snapshot: ClassicSnapshot, nowMs: number): GroupRecord;

/**
 * Downgrade, in the turn that appended the records: `group.classic` is this group, in PreparingRebalance: its members have their rebalance
 * timeout to join again.
 */
export declare function fromModern(group: Group, snapshot: ClassicSnapshot, out: GroupOutbox): void;
