/**
 * What can be said to a node's quorum actor: the one that has the metadata log.
 *
 * Every node has one, named "quorum". Those of the voters elect a leader among themselves (Raft, in the pulling form of KIP-595: with
 * pre-vote, KIP-996, and check-quorum); the others observe. The leader spawns the node's controller as its child, which appends
 * to the log through {@linkcode QuorumProtocol.append} and is the only one that does; every quorum actor hands what is committed to the broker
 * of its node.
 *
 * Offsets count metadata records; an append is one batch, which is there whole or not at all. Everything here may be lost,
 * repeated or late.
 *
 * @module
 */
import type { ErrorName } from "../../protocol/errors.ts";
import type { ActorKind, Ref } from "../actor.ts";
import type { MetadataFollower, MetadataRecord } from "../controller/protocol.ts";

/** What a quorum actor is started with. */
export interface QuorumArgs {
  readonly nodeId: number;
  /** Ids of the nodes that vote, the same on every node. */
  readonly voters: readonly number[];
}

/** Asks for a vote, or (`preVote`) whether one would be given. */
export interface VoteRequest {
  readonly candidateId: number;
  /** Of the vote; a pre-vote names the candidate's own epoch, which it does not raise. */
  readonly epoch: number;
  readonly preVote: boolean;
  /** Epoch of the last record of the candidate's log, -1 for none. */
  readonly lastEpoch: number;
  readonly endOffset: number;
}

export interface VoteReply {
  readonly granted: boolean;
  /** The voter's epoch. */
  readonly epoch: number;
  /** Whom it takes for the leader of that epoch, -1 for nobody. */
  readonly leaderId: number;
}

/** A follower or an observer asks for what comes after its log. */
export interface QuorumFetch {
  readonly replicaId: number;
  /** The epoch that the replica is in. */
  readonly epoch: number;
  /** Where its log ends; below this everything is durable there. */
  readonly endOffset: number;
  /** Epoch of the last record that it has, -1 for none. */
  readonly lastEpoch: number;
  /** What it has counts for the high watermark: false for observers, and for a voter that may have forgotten a vote. */
  readonly votes: boolean;
  /** The high watermark that it knows. */
  readonly highWatermark: number;
  readonly maxBytes: number;
  /** The leader keeps the question so long if it has nothing to tell. */
  readonly waitMs: number;
}

export interface QuorumFetchReply {
  /** NONE, NOT_LEADER_OR_FOLLOWER (also by a leader that learns of a later epoch from the asker), FENCED_LEADER_EPOCH (the asker is behind). */
  readonly error: ErrorName;
  readonly epoch: number;
  readonly leaderId: number;
  /** Whole batches from `endOffset` on, with their offsets and epochs. */
  readonly records: Uint8Array;
  readonly highWatermark: number;
  /** Where the logs part: cut there and ask again. */
  readonly divergingEpoch: { readonly epoch: number; readonly endOffset: number } | null;
  /** The log does not reach back so far: fetch this snapshot first. */
  readonly snapshot: SnapshotId | null;
}

/** A snapshot holds everything below `endOffset`; `epoch` is that of the last record in it. */
export interface SnapshotId {
  readonly endOffset: number;
  readonly epoch: number;
}

export interface SnapshotFetch {
  readonly replicaId: number;
  readonly epoch: number;
  readonly snapshot: SnapshotId;
  readonly position: number;
  readonly maxBytes: number;
}

export interface SnapshotFetchReply {
  /** NONE, SNAPSHOT_NOT_FOUND, POSITION_OUT_OF_RANGE, or as in {@linkcode QuorumFetchReply}. */
  readonly error: ErrorName;
  readonly epoch: number;
  readonly leaderId: number;
  readonly bytes: Uint8Array;
  readonly totalBytes: number;
}

/** What one node's replica of the metadata log has come to, as the leader knows it. */
export interface QuorumReplica {
  readonly replicaId: number;
  readonly endOffset: number;
  /** Wall-clock milliseconds; -1 when it is not known. */
  readonly lastFetchMs: number;
  readonly lastCaughtUpMs: number;
}

export interface QuorumDescription {
  readonly nodeId: number;
  readonly role: "unattached" | "prospective" | "candidate" | "leader" | "follower" | "observer";
  readonly epoch: number;
  readonly leaderId: number;
  readonly highWatermark: number;
  readonly startOffset: number;
  readonly endOffset: number;
  readonly voters: readonly QuorumReplica[];
  /** Filled in by the leader only. */
  readonly observers: readonly QuorumReplica[];
}

/** Everything a quorum actor can be told. */
export interface QuorumProtocol {
  // From other nodes.

  vote(request: VoteRequest): VoteReply;
  fetch(request: QuorumFetch): QuorumFetchReply;
  fetchSnapshot(request: SnapshotFetch): SnapshotFetchReply;
  /** The leader of `epoch` introduces itself to a voter that does not fetch from it yet. */
  beginEpoch(news: { readonly leaderId: number; readonly epoch: number }): { readonly epoch: number };
  /**
   * The leader of `epoch` goes: the first of `successors` should stand at once, the others a little later. Replies whether this node
   * may stand.
   */
  endEpoch(
    news: { readonly leaderId: number; readonly epoch: number; readonly successors: readonly number[] },
  ): boolean;
  /**
   * A node that does not know whether it ever voted (its folder is new) asks what has been. `formed` says whether there is a
   * cluster already as far as this node knows.
   */
  enquire(request: { readonly replicaId: number }): {
    readonly epoch: number;
    readonly leaderId: number;
    readonly formed: boolean;
  };

  // On its own node.

  /**
   * The follower has applied everything below `fromOffset` and wants what is committed from there on, now and later, and to hear who
   * leads; asking again begins anew.
   */
  follow(request: { readonly follower: Ref<MetadataFollower>; readonly fromOffset: number }): void;
  /**
   * The controller of `epoch` appends one batch at `baseOffset`, which must be the end of the log. Replies true once it is committed,
   * false when it will never be known to be: another leader may yet commit it.
   */
  append(
    request: { readonly epoch: number; readonly baseOffset: number; readonly records: readonly MetadataRecord[] },
  ): boolean;
  describe(_: void): QuorumDescription;
  /** A clean stop: hands leadership over if it has it. Replies when another leads or `timeoutMs` has passed; it does not stand again. */
  resign(request: { readonly timeoutMs: number }): boolean;

  // From the actor to itself.

  /** A timer rang: election, fetch, check-quorum … by its name. */
  tick(what: string): void;
}

export type QuorumRef = Ref<QuorumProtocol>;

/** For spawning a quorum actor; its name is "quorum". */
export const QUORUM: ActorKind<QuorumProtocol, QuorumArgs> = { kind: "quorum" };
