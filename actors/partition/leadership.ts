/**
 * What a leader knows and has promised in one leader epoch: its followers, whose pulls wait, and the ISR that it has proposed.
 *
 * Invariant: it is made anew for each leader epoch, so nothing that was heard in an earlier one counts in a later.
 *
 * @module
 */
import type { ErrorName } from "../../protocol/errors.ts";
import type { Asker } from "../actor.ts";
import type { IsrChange } from "../controller/protocol.ts";
import { Followers } from "./followers.ts";
import type { PullReply, PullRequest, ReplicaProtocol, ReplicaRole } from "./protocol.ts";

type Deleted = ReturnType<ReplicaProtocol["deleteRecords"]>;

/** A pull that waits until there is something to tell. */
export interface ParkedPull {
  readonly request: PullRequest;
  readonly asker: Asker<PullReply>;
  /** Where the leader's log ended when it came. */
  readonly leaderEnd: number;
  /** When it is answered in any case (monotonic). */
  deadlineMs: number;
}

/** An ISR that the controller has been asked for, and may have decided on. */
export interface IsrProposal {
  /** The question, the same each time that it is asked: with the broker epochs that were known at first. */
  readonly change: IsrChange;
  /** Whom it names. */
  readonly isr: readonly number[];
  /** An answer is here; the question is put again by a timer. */
  isAnswered: boolean;
  /** How often it was asked without a clear answer. */
  attempts: number;
  /** The partition epoch in which the controller has been heard to accept it; -1 as long as it has not. */
  decidedEpoch: number;
  /** When an answer was first missing (monotonic): from then on nobody knows whether it was accepted. */
  doubtfulSinceMs: number | undefined;
}

/** A DeleteRecords that waits until every in-sync replica begins at or above an offset. */
export interface WaitingDeletion {
  readonly offset: number;
  readonly asker: Asker<Deleted>;
}

/** Somebody who wants to know whether this leader may speak for its epoch: see `confirming.ts`. */
export interface WaitingQuestion {
  readonly asker: Asker<ErrorName>;
  /** When it came (monotonic). */
  readonly askedMs: number;
  readonly deadlineMs: number;
}

/** A leader in one epoch. */
export class Leadership {
  readonly followers: Followers;
  /** By follower, at most one each. */
  readonly pulls: Map<number, ParkedPull> = new Map();
  proposal: IsrProposal | null = null;
  /** Followers that were to leave the ISR because they lagged. */
  readonly laggards: Set<number> = new Set();
  /** No follower is proposed before (monotonic): the controller has just refused one. */
  proposeAfterMs = -Infinity;
  deletions: WaitingDeletion[] = [];
  /** In the order in which they came. */
  questions: WaitingQuestion[] = [];

  constructor(role: ReplicaRole, nowMs: number) {
    this.followers = new Followers(role.isr, nowMs);
  }

  /** When the first pull or question that waits has waited long enough (monotonic); Infinity when none waits. */
  get nextDeadlineMs(): number {
    let first = this.questions[0]?.deadlineMs ?? Infinity;
    for (const { deadlineMs } of this.pulls.values()) first = Math.min(first, deadlineMs);
    return first;
  }

  /** Takes out the pull of a follower that waits. */
  takePull(brokerId: number): ParkedPull | undefined {
    const parked = this.pulls.get(brokerId);
    this.pulls.delete(brokerId);
    return parked;
  }
}
