/**
 * What a follower knows in one leader epoch: whom it pulls from, which question is the newest, and what it has told.
 *
 * Invariant: it is made anew for each role that names another leader or epoch, so an answer finds its own or is dropped.
 *
 * @module
 */
import type { Ref } from "../actor.ts";
import { refOf } from "../address.ts";
import { REPLICA, type ReplicaProtocol, type ReplicaRole } from "./protocol.ts";

/** A follower of one leader in one epoch. */
export class Following {
  readonly leader: Ref<ReplicaProtocol>;
  /** Number of the newest pull. */
  sequence = 0;
  /** The newest pull has not been answered. */
  pulling = false;
  /** The leader has found this log to be the beginning of its own: from now on nothing is cut in this epoch. */
  confirmed = false;
  /** As the leader has last told it. */
  leaderHighWatermark = -1;
  /** When its newest answer was given, by its own clock; it is told so with the next pull. */
  leaderMs = -1;
  /** Below this every replica that is waited for has everything, as the leader has last told it. */
  heldByAll = -1;
  /** What is here was read where tombstones below this were gone, and with them what they took back; 0 if some of it may not have been. */
  filledWithout = 0;
  /** Below this everything is safe, as the leader has last been told. */
  toldSafe = -1;
  /** Errors in a row. */
  failures = 0;
  /** What was last reported, so that it is not said again and again. */
  problem = "";

  /** @param name of the replica, which is the same on every node */
  constructor(role: ReplicaRole, name: string) {
    this.leader = refOf<ReplicaProtocol>(role.leader, REPLICA.kind, name);
  }
}
