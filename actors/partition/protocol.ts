/**
 * What can be said to a partition replica.
 *
 * One replica actor holds one copy of one partition. Offsets are safe integers, epochs int32; -1 stands for "unknown" or
 * "do not check" wherever Kafka's wire has it so.
 *
 * @module
 */
import type { ErrorName } from "../../protocol/errors.ts";
import type { LogConfig } from "../../storage/log.ts";
import type { ActorKind, Ref } from "../actor.ts";

/** What of a topic's configuration a replica obeys. */
export interface ReplicaConfig {
  readonly log: LogConfig;
  /** cleanup.policy */
  readonly compact: boolean;
  readonly delete: boolean;
  /** retention.ms, -1 for no limit */
  readonly retentionMs: number;
  /** retention.bytes, -1 for no limit */
  readonly retentionBytes: number;
  /** max.message.bytes: the largest batch, as it comes over the wire */
  readonly maxMessageBytes: number;
  /** What a batch may take once decompressed; keeps a decompression bomb from taking the memory. */
  readonly maxDecompressedBytes: number;
  readonly minInsyncReplicas: number;
  /** message.timestamp.type */
  readonly timestampType: "CreateTime" | "LogAppendTime";
  /** message.timestamp.before.max.ms */
  readonly timestampBeforeMaxMs: number;
  /** message.timestamp.after.max.ms */
  readonly timestampAfterMaxMs: number;
  /** compression.type */
  readonly compressionType: "producer" | "uncompressed" | "gzip" | "snappy" | "lz4" | "zstd";
  /** compression.gzip.level, compression.lz4.level, compression.zstd.level */
  readonly gzipLevel: number;
  readonly lz4Level: number;
  readonly zstdLevel: number;
  /** flush.before.ack: an acknowledged record has been synced to disk (ours; default true) */
  readonly flushBeforeAck: boolean;
  /** flush.messages and flush.ms: when to flush if not before the ack */
  readonly flushMessages: number;
  readonly flushMs: number;
  /** producer.id.expiration.ms */
  readonly producerIdExpirationMs: number;
  /** log.retention.check.interval.ms */
  readonly retentionCheckIntervalMs: number;
  /** replica.lag.time.max.ms: a follower that is behind for so long leaves the ISR */
  readonly replicaLagTimeMaxMs: number;
  /** replica.fetch.wait.max.ms: the leader keeps a follower's question so long when there is nothing new */
  readonly replicaFetchWaitMaxMs: number;
  /** replica.fetch.max.bytes: what a follower asks for at once */
  readonly replicaFetchMaxBytes: number;
  /** replica.fetch.backoff.ms: how long a follower waits after an error */
  readonly replicaFetchBackoffMs: number;
  /** How the log is compacted, where {@linkcode compact} is set; undefined: it is not (log.cleaner.enable is false). */
  readonly compaction?: CompactionConfig;
}

/** What of a topic's and a broker's configuration the cleaner of a compacted log obeys. */
export interface CompactionConfig {
  /** delete.retention.ms: how long a tombstone stays after everything that it takes back has gone */
  readonly deleteRetentionMs: number;
  /** min.compaction.lag.ms: what is younger is left alone */
  readonly minLagMs: number;
  /** max.compaction.lag.ms: what is older is cleaned however little there is */
  readonly maxLagMs: number;
  /** min.cleanable.dirty.ratio: the part of the log's bytes that must be uncleaned before it is worth the work */
  readonly minDirtyRatio: number;
  /** log.cleaner.backoff.ms: how often it is looked whether there is something to do */
  readonly backoffMs: number;
  /** log.cleaner.dedupe.buffer.size: what the map of keys may take */
  readonly mapBytesMax: number;
}

/** What a replica is started with. */
export interface ReplicaArgs {
  readonly topic: string;
  readonly topicId: string;
  readonly partition: number;
  readonly config: ReplicaConfig;
  readonly role: ReplicaRole;
}

/** Who leads the partition, as the controller decided. */
export interface ReplicaRole {
  readonly leader: number;
  readonly leaderEpoch: number;
  readonly partitionEpoch: number;
  readonly replicas: readonly number[];
  readonly isr: readonly number[];
  /** This broker's own epoch, with which it follows; a new one counts even when the partition epoch is the same. */
  readonly brokerEpoch: number;
}

/** Records on their way into a partition. */
export interface AppendRequest {
  /** One record batch; owned by this message and stamped in place. */
  readonly records: Uint8Array;
  readonly acks: -1 | 0 | 1;
  /** Whether the request's version may carry zstd (Produce 7 and up). */
  readonly zstdAllowed: boolean;
  /**
   * From the only one who writes to this partition, in this leader epoch: at this offset or not at all. FENCED_LEADER_EPOCH and
   * UNKNOWN_LEADER_EPOCH for another epoch, OFFSET_OUT_OF_RANGE when the log ends elsewhere; nothing was written then.
   */
  readonly fence?: { readonly leaderEpoch: number; readonly baseOffset: number };
}

/** One record that was refused, by its place in the batch. */
export interface RecordRefusal {
  readonly batchIndex: number;
  readonly message: string;
}

export interface AppendReply {
  readonly error: ErrorName;
  /** A sentence when there is an error that wants one. */
  readonly message: string | null;
  readonly recordErrors: readonly RecordRefusal[];
  /** -1 on error. */
  readonly baseOffset: number;
  /** -1 unless the topic stamps LogAppendTime. */
  readonly logAppendTimeMs: number;
  readonly logStartOffset: number;
  /** As the replica knows it; for the hints of KIP-951. */
  readonly leader: number;
  readonly leaderEpoch: number;
}

export interface FetchRequest {
  readonly offset: number;
  readonly maxBytes: number;
  /** The first batch comes even when it is larger than `maxBytes`. */
  readonly minOneBatch: boolean;
  readonly currentLeaderEpoch: number;
  /** -1 when the fetcher does not say (before v12). */
  readonly lastFetchedEpoch: number;
  readonly isolation: "read_uncommitted" | "read_committed";
  /** Followers nearer to the reader than the leader is (KIP-392), best first; without them the leader serves it. */
  readonly nearer?: readonly number[];
  /** The reader has said where it is: whoever hears from a follower that an offset is out of range asks the leader then. */
  readonly knowsFollowers?: boolean;
}

export interface FetchReply {
  readonly error: ErrorName;
  readonly highWatermark: number;
  readonly lastStableOffset: number;
  readonly logStartOffset: number;
  readonly records: Uint8Array;
  readonly abortedTransactions: readonly { readonly producerId: bigint; readonly firstOffset: number }[] | null;
  /** Set when the fetcher's log has diverged from the leader's. */
  readonly divergingEpoch: { readonly epoch: number; readonly endOffset: number } | null;
  /** One of `nearer` that is in sync and has the offset: read there instead; then there are no records. -1 for none. */
  readonly preferredReadReplica: number;
  readonly leader: number;
  readonly leaderEpoch: number;
}

/** A follower asks its leader for what comes after its log, and says how far it has come. */
export interface PullRequest {
  readonly brokerId: number;
  /** Of the follower: an older one than the leader knows is refused (KIP-903). */
  readonly brokerEpoch: number;
  /** The leader epoch that the follower is in. */
  readonly leaderEpoch: number;
  /** Where its log ends. */
  readonly offset: number;
  /** Where what it has durably ends (its log's end when the topic does not flush before it acknowledges). */
  readonly safeOffset: number;
  /** Epoch of the last record that it has, -1 for none. */
  readonly lastFetchedEpoch: number;
  readonly startOffset: number;
  /** The high watermark that it knows: a newer one is worth an answer. */
  readonly highWatermark: number;
  /** When the newest answer was given that it has had in this epoch, as that answer says; -1 for none. */
  readonly leaderMs: number;
  readonly maxBytes: number;
  readonly waitMs: number;
}

export interface PullReply {
  /**
   * NONE, NOT_LEADER_OR_FOLLOWER, FENCED_LEADER_EPOCH, UNKNOWN_LEADER_EPOCH, STALE_BROKER_EPOCH, OFFSET_OUT_OF_RANGE,
   * KAFKA_STORAGE_ERROR, UNKNOWN_TOPIC_OR_PARTITION.
   */
  readonly error: ErrorName;
  readonly records: Uint8Array;
  readonly highWatermark: number;
  readonly startOffset: number;
  readonly divergingEpoch: { readonly epoch: number; readonly endOffset: number } | null;
  /** When this was said, by the leader's clock (monotonic); -1 in a refusal. The follower's next pull says it again. */
  readonly leaderMs: number;
  /** Below this every replica that is waited for, in sync or not, has everything safe; -1 when the leader has not heard one of them. */
  readonly heldByAll: number;
  /** Tombstones below this may be gone from the leader's log: who has read less may still have what they took back. */
  readonly tombstonesGoneTo: number;
}

/** Special timestamps of ListOffsets. */
export const LATEST_TIMESTAMP = -1;
export const EARLIEST_TIMESTAMP = -2;
export const MAX_TIMESTAMP = -3;
export const EARLIEST_LOCAL_TIMESTAMP = -4;
export const LATEST_TIERED_TIMESTAMP = -5;
export const EARLIEST_PENDING_UPLOAD_TIMESTAMP = -6;

export interface OffsetReply {
  readonly error: ErrorName;
  /** -1 when nothing was found. */
  readonly offset: number;
  readonly timestamp: number;
  readonly leaderEpoch: number;
}

/** State of one idempotent producer in one partition (DescribeProducers). */
export interface ProducerDescription {
  readonly producerId: bigint;
  readonly producerEpoch: number;
  readonly lastSequence: number;
  readonly lastTimestamp: number;
  readonly coordinatorEpoch: number;
  readonly currentTransactionStartOffset: number;
}

export interface ReplicaDescription {
  readonly error: ErrorName;
  readonly startOffset: number;
  readonly endOffset: number;
  readonly flushedOffset: number;
  readonly highWatermark: number;
  readonly lastStableOffset: number;
  readonly sizeInBytes: number;
  readonly leader: number;
  readonly leaderEpoch: number;
  readonly partitionEpoch: number;
  /** The ISR as this replica knows it to be decided. */
  readonly isr: readonly number[];
  /** Leaders: the ISR and whom it has proposed to add; what the high watermark is the minimum over. */
  readonly maximalIsr: readonly number[];
  /** A leader that can commit nothing, while others may lead by now: it turns writers away. */
  readonly isCutOff: boolean;
  /** Why the replica serves nothing, or null. */
  readonly offline: string | null;
}

/** Everything a replica can be told. */
export interface ReplicaProtocol {
  /** Appends a batch; the reply waits for what `acks` demands. acks=0 replies too (the caller ignores it). */
  append(request: AppendRequest): AppendReply;
  /** Reads now, without waiting. */
  fetch(request: FetchRequest): FetchReply;
  /**
   * Replies true once what this isolation may read ends above `above`, or as soon as something else changed that a waiting
   * fetch must know (leadership, deletion); false at `deadlineMs` (monotonic). A later wait with the same key replaces this one,
   * which is then answered false.
   */
  awaitData(
    wait: {
      readonly key: string;
      readonly above: number;
      readonly isolation: FetchRequest["isolation"];
      readonly deadlineMs: number;
    },
  ): boolean;
  listOffsets(
    request: {
      readonly timestamp: number;
      readonly currentLeaderEpoch: number;
      readonly isolation: FetchRequest["isolation"];
    },
  ): OffsetReply;
  endOffsetForEpoch(
    request: { readonly epoch: number; readonly currentLeaderEpoch: number },
  ): { readonly error: ErrorName; readonly epoch: number; readonly endOffset: number };
  /** Offset -1 means the high watermark. */
  deleteRecords(request: { readonly beforeOffset: number }): {
    readonly error: ErrorName;
    readonly lowWatermark: number;
  };
  describe(_: void): ReplicaDescription;
  /**
   * Whether this replica may still speak as the leader of this epoch: NONE, or why not. Whoever answers from memory what the log has asks
   * first. A leader asks its followers before it answers.
   */
  confirm(request: { readonly leaderEpoch: number }): ErrorName;
  describeProducers(
    _: void,
  ): { readonly error: ErrorName; readonly producers: readonly ProducerDescription[] };
  /**
   * A follower on another node pulls; answered when there are records, a newer high watermark or a divergence, else after `waitMs`. A
   * later pull of the same follower replaces this one, which is then answered with nothing.
   */
  pull(request: PullRequest): PullReply;
  /** A follower has more of its log safe than its last pull said. */
  safe(
    progress: {
      readonly brokerId: number;
      readonly brokerEpoch: number;
      readonly leaderEpoch: number;
      readonly safeOffset: number;
    },
  ): void;
  /**
   * From this replica's broker. `isolated`: the active controller has not answered it for `silenceMs`; said again and again while that
   * lasts. Not `isolated`: it has answered.
   */
  isolation(news: { readonly isolated: boolean; readonly silenceMs: number }): void;
  /** From the follower to itself: pull again. */
  pullAgain(_: void): void;
  /** From the leader to itself: look for followers that are behind for too long. */
  checkIsr(_: void): void;
  /** From the leader to itself: ask for the ISR that it wants again. */
  askAgain(_: void): void;
  /** The controller's newest word on who leads. Older words (by partition epoch) are ignored. */
  assume(role: ReplicaRole): void;
  /** The topic's configuration has changed. */
  configure(config: ReplicaConfig): void;
  /**
   * Both at once. A leader that had the new ISR with the old min.insync.replicas for a moment, or the other way round, might commit what one
   * who may be elected does not have.
   */
  become(news: { readonly role: ReplicaRole; readonly config: ReplicaConfig }): void;
  /** From the replica to itself: retention, segment rolls, expiry of producer ids. */
  tidy(_: void): void;
  /** From the replica to itself: look whether the log is worth cleaning, or go on cleaning it. */
  clean(_: void): void;
  /** From the replica to itself: waits whose time is over. */
  expire(_: void): void;
  /** From the replica to itself: the first record that is not on disk yet has waited for flush.ms. */
  flush(_: void): void;
  /**
   * The partition is deleted, or has moved away: whoever waits is answered UNKNOWN_TOPIC_OR_PARTITION, the log is deleted, and
   * the replica stops. Its name and folder are free again when those who watch it hear that it has.
   */
  remove(_: void): void;
}

export type ReplicaRef = Ref<ReplicaProtocol>;

/** For spawning a replica; its name is `<topic>-<partition>`. */
export const REPLICA: ActorKind<ReplicaProtocol, ReplicaArgs> = { kind: "replica" };
