/**
 * What the invariants see of a cluster: nodes, and on each a quorum actor, a broker and replicas, as plain fields.
 *
 * `lens.ts` makes these out of the actors' states; unit tests write them by hand.
 *
 * @module
 */
import type { MetadataImage, MetadataRecord } from "../../../actors/controller/protocol.ts";
import type { GroupRecord } from "../../../actors/group/records.ts";

/** A log that can be looked at. */
export interface LogView {
  readonly startOffset: number;
  readonly endOffset: number;
  /** Everything below is durable. */
  readonly flushedOffset: number;
  /** Everything below is committed, as far as this replica knows. */
  readonly highWatermark: number;
  readonly isLeader: boolean;
  /** The epoch of the last record before the start, where a snapshot says it. */
  readonly startEpoch?: number | undefined;
  /** The headers of the batches from `offset` to the end; "damaged" when one of them is, undefined when they cannot be read just now. */
  read(offset: number): readonly Batch[] | "damaged" | undefined;
}

/** What of a batch's header matters here. */
export interface Batch {
  readonly base: number;
  readonly last: number;
  readonly epoch: number;
  readonly crc: number;
  /** Negative for none. */
  readonly producerId: bigint;
  readonly producerEpoch: number;
  readonly baseSequence: number;
  /** What a batch of the metadata log holds. */
  readonly records?: readonly MetadataRecord[];
}

/** A record of a topic that is compacted. */
export interface Entry {
  readonly offset: number;
  /** Where its batch begins, and of which epoch that is. */
  readonly base: number;
  readonly epoch: number;
  /** The bytes of its key, a character each; null where it has none. */
  readonly key: string | null;
  /** null for a tombstone. */
  readonly value: Uint8Array | null;
}

/** One life of a partition's replica that is open for business. */
export interface ReplicaView extends LogView {
  /**
   * Below this, batches may have lost records that later ones have taken the place of; 0 where nothing was cleaned. A cleaning that did not
   * come to its end counts as far as it came.
   */
  readonly cleanedTo: number;
  /** Below this, tombstones may be gone. */
  readonly tombstonesGoneTo: number;
  /** `<topic>-<partition>` */
  readonly name: string;
  readonly topicId: string;
  readonly partition: number;
  /** Whether this life goes on. */
  readonly isCurrent: boolean;
  readonly isLeader: boolean;
  readonly leaderEpoch: number;
  readonly partitionEpoch: number;
  readonly lastStableOffset: number;
  /** The ISR as it was last told. */
  readonly isr: readonly number[];
  /** Leaders only: the ISR that it has proposed, if one is open; the same object as long as it is the same proposal. */
  readonly proposed: readonly number[] | undefined;
  /** It has asked a leader for records, and would take the answer. */
  readonly isPulling: boolean;
  /** How many must be in sync, but never more than there are. */
  readonly minIsr: number;
  readonly flushBeforeAck: boolean;
  /** Its idempotent producers, with the last sequence of each. */
  producers(): readonly {
    readonly producerId: bigint;
    readonly producerEpoch: number;
    readonly lastSequence: number;
  }[];
  /** Where the log says that an epoch ends; undefined when it knows none so new. */
  endOffsetForEpoch(epoch: number): { readonly epoch: number; readonly endOffset: number } | undefined;
  /** The records from `offset` up to `untilOffset`, without those of control batches; undefined when they cannot be read, or have rotted. */
  entries(offset: number, untilOffset: number): readonly Entry[] | undefined;
}

/** One life of a quorum actor. */
export interface QuorumView extends LogView {
  readonly epoch: number;
  /** Whom it has given its vote of this epoch, -1 for nobody. */
  readonly votedFor: number;
  readonly isLeader: boolean;
  /** It votes, and its epoch and vote are on disk whenever it can be seen. */
  readonly isVoting: boolean;
  /** Candidates only: who has given it a vote of this epoch. The same object, which grows, as long as it is the same candidacy. */
  readonly votes: ReadonlySet<number> | undefined;
}

/** One life of a broker. */
export interface BrokerView {
  /** What it has applied; the same object as long as that is the same. */
  readonly image: MetadataImage;
}

/** One life of the coordinator of a partition of `__consumer_offsets`. */
export interface CoordinatorView {
  readonly partition: number;
  readonly leaderEpoch: number;
  /** It has read its partition, and answers. */
  readonly isActive: boolean;
  /** Counts the groups that it has started. */
  readonly term: number;
  /** The groups that it has now. */
  groups(): readonly string[];
  /** Which of those that it has started stands for the group now; undefined when none does. */
  termOf(groupId: string): number | undefined;
}

/** One life of a group. */
export interface GroupView {
  readonly groupId: string;
  /** The number of the partition that it is kept in. */
  readonly partition: number;
  /** The number that its coordinator has given it. */
  readonly term: number;
  /** Something that it has decided is not known to be committed yet. */
  readonly isWriting: boolean;
  /** As ListGroups shows it; "" when it has no members' part. */
  readonly state: string;
  /** All that is durable of it, as it is now. */
  records(): readonly GroupRecord[];
}

/** A process, or what is left of it. */
export interface NodeView {
  readonly id: number;
  /** It runs (or is only paused). */
  readonly isAlive: boolean;
  /** Counts the processes of this node. */
  readonly life: number;
  /** Counts the disks that it has had. */
  readonly disks: number;
  readonly incarnationId: string;
  /** The same object as long as it is the same life of the actor. */
  quorum(): QuorumView | undefined;
  /** The same object as long as it is the same life of the actor. */
  broker(): BrokerView | undefined;
  /** The same array as long as nothing was added, restarted or stopped; without those that are offline. */
  replicas(): readonly ReplicaView[];
  /** The coordinator of a partition, if it runs here. */
  coordinator(partition: number): CoordinatorView | undefined;
  /** The group of this id, if it runs here. */
  group(groupId: string): GroupView | undefined;
}

/** Where problems are told. */
export type Tell = (sentence: string) => void;
