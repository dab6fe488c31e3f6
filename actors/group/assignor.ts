/**
 * Who is to have which partition, in groups of the new protocol: a pure function of members and topics.
 *
 * Two implementations pass one contract suite: `uniform` (as even as can be, moves as little as can be) and `range` (each topic by
 * itself, the same partition numbers of topics that share their subscribers to the same member).
 *
 * Invariants, of every assignor: each partition of each subscribed topic is given to exactly one member that is subscribed to it, none if
 * nobody is; the same input gives the same output, in whatever order maps are filled; nothing depends on time or chance.
 *
 * @module
 */
import type { Topology } from "./protocol.ts";

/** Partition numbers by topic id, each ascending. An empty list is left out. */
export type Assignment = ReadonlyMap<string, readonly number[]>;

/** A member as an assignor sees it. */
export interface AssignorMember {
  readonly memberId: string;
  /** Stands for the member where it is static: another incarnation gets what the last one had. */
  readonly instanceId: string | null;
  readonly rackId: string | null;
  /** Ids of topics that exist. */
  readonly topicIds: ReadonlySet<string>;
  /** Its target so far: what a sticky assignor leaves it, where it can. */
  readonly assigned: Assignment;
}

export interface AssignorInput {
  /** By member id. Iterate sorted by id. */
  readonly members: ReadonlyMap<string, AssignorMember>;
  /** All have the same subscription: there is a simpler way then. */
  readonly isHomogeneous: boolean;
  readonly topology: Topology;
}

/** An assignor by its name (`group.consumer.assignors`). */
export interface Assignor {
  readonly name: string;
  /** The target of every member, by member id; members that get nothing are there with an empty map. */
  assign(input: AssignorInput): ReadonlyMap<string, Assignment>;
}
