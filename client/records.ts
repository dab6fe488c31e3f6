/**
 * What a program gets from a consumer, and what it says to one.
 *
 * @module
 */
/** One partition of a topic. */
export interface TopicPartition {
  /** The topic's name. */
  readonly topic: string;
  /** From 0. */
  readonly partition: number;
}

/**
 * A record. Its bytes are the program's; they are views of the answer that brought them, so copy what is to be kept for long, or the whole
 * answer is kept with it.
 */
export interface ConsumerRecord extends TopicPartition {
  /** Its place in the partition. */
  readonly offset: bigint;
  /** Milliseconds since the epoch; -1 for none. */
  readonly timestamp: number;
  /** Who set the timestamp: the producer, or the broker. */
  readonly timestampType: "CreateTime" | "LogAppendTime";
  /** Null for none. */
  readonly key: Uint8Array | null;
  /** Null in a tombstone. */
  readonly value: Uint8Array | null;
  /** Names may repeat. */
  readonly headers: readonly (readonly [key: string, value: Uint8Array | null])[];
  /** Of the leader that appended it (KIP-320); -1 when the batch does not say. */
  readonly leaderEpoch: number;
}

/** Records of one partition that follow each other. */
export interface ConsumerBatch extends TopicPartition {
  /** In the order of their offsets; at least one. */
  readonly records: readonly ConsumerRecord[];
}

/** An offset to be committed, or that is. */
export interface CommittedOffset extends TopicPartition {
  /** Of the next record to be read. */
  readonly offset: bigint;
  /** Of the record before it; -1, or left out, when it is not known. */
  readonly leaderEpoch?: number;
  /** A text that is kept with it, up to `offset.metadata.max.bytes` of the brokers. Default empty. */
  readonly metadata?: string;
}

/**
 * Where to go: an offset such as `3n`, the first record whose timestamp is not before a time (milliseconds since the epoch), the first or behind
 * the last record that there is, or what the group has committed (else as `autoOffsetReset` says).
 */
export type SeekTarget = bigint | { readonly timestamp: number } | "beginning" | "end" | "committed";

/**
 * Told of rebalances, one after the other; the group waits for what is returned, as long as `maxPollIntervalMs` allows. What it throws, the next
 * poll or loop throws as a {@linkcode ConsumerError}, before it hands anything out; the rebalance goes on. It may commit and seek; it
 * must not wait for `poll`, `unsubscribe` or `close`, which may wait for it.
 *
 * @example Begin where another store says
 * ```ts
 * import { type Consumer, startCluster } from "@samsa/samsa";
 *
 * const offsets = new Map([["orders-0", 0n]]);
 * await using cluster = await startCluster();
 * await using consumer: Consumer = cluster.consumer({
 *   groupId: "billing",
 *   topics: ["orders"],
 *   assigned: async (partitions) => {
 *     for (const one of partitions) await consumer.seek(one, offsets.get(`${one.topic}-${one.partition}`) ?? "beginning");
 *   },
 *   lost: (partitions) => console.log("somebody else may have", partitions),
 * });
 * console.assert((await consumer.poll({ timeoutMs: 1 })).length === 0);
 * ```
 */
export interface RebalanceListener {
  /** They are this consumer's own now; nothing of them has been handed out yet. */
  readonly assigned?: ((partitions: readonly TopicPartition[]) => void | Promise<void>) | undefined;
  /** They are about to be somebody else's: what was handed out can still be committed. */
  readonly revoked?: ((partitions: readonly TopicPartition[]) => void | Promise<void>) | undefined;
  /** They may be somebody else's already: nothing can be committed. */
  readonly lost?: ((partitions: readonly TopicPartition[]) => void | Promise<void>) | undefined;
}

/**
 * Why a consumer cannot do what was asked.
 *
 * @example
 * ```ts
 * import { ConsumerError, startCluster } from "@samsa/samsa";
 *
 * await using cluster = await startCluster();
 * const consumer = cluster.consumer({ groupId: "billing" });
 * await consumer.close();
 * try {
 *   await consumer.poll();
 * } catch (error) {
 *   console.assert(error instanceof ConsumerError && error.code === "INVALID_REQUEST");
 * }
 * ```
 */
export class ConsumerError extends Error {
  /** What it is, for those who cannot tell by its class. */
  override readonly name = "ConsumerError";
  /** The name that Kafka's documentation has for the error, such as `ILLEGAL_GENERATION`. */
  readonly code: string;

  /** An error by its name and in a sentence; `cause` is what was thrown, if something was. */
  constructor(code: string, message: string, cause?: unknown) {
    super(message, cause === undefined ? {} : { cause });
    this.code = code;
  }
}
