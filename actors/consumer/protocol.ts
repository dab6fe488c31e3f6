/**
 * What can be said to a consumer: a client that reads topics, alone or as a member of a group.
 *
 * A consumer is an actor on the client's side. It speaks Kafka's requests over a network that it is given, so that it is the same towards a
 * Samsa in this process, one behind TCP, and an Apache Kafka. When it crashes it is gone without a word, as a client whose process
 * has died: its partitions go to others when its session is over.
 *
 *     application ──subscribe, poll, commit──▶ consumer ──frames──▶ brokers
 *         └◀─ records, rebalances ─────────────────┘
 *
 * Delivery. Positions move when records are handed out. *At least once* (the default): what is committed, by itself or by hand, is
 * what was handed out before the last poll, so a crash repeats what was not committed. *At most once*: a batch is handed out after
 * its end has been committed, so a crash loses it, and nothing comes twice.
 *
 * @module
 */
import type { ErrorName } from "../../protocol/errors.ts";
import type { ActorKind, Ref } from "../actor.ts";
import type { NodeAddress } from "./network.ts";

export interface TopicPartition {
  readonly topic: string;
  readonly partition: number;
}

/** Where to go on, and what is remembered with it. */
export interface OffsetAndMetadata extends TopicPartition {
  /** Of the next record to read. */
  readonly offset: number;
  /** Epoch of the record before it, -1 when unknown. */
  readonly leaderEpoch: number;
  readonly metadata: string;
  /** As of the record before it, when it was handed out here; undefined for an offset that somebody has named. */
  readonly setbacks?: number;
}

/** A record, handed out. Its bytes belong to the receiver. */
export interface ConsumedRecord extends TopicPartition {
  readonly offset: number;
  /** -1 for none. */
  readonly timestamp: number;
  readonly timestampType: "CreateTime" | "LogAppendTime";
  readonly key: Uint8Array | null;
  readonly value: Uint8Array | null;
  readonly headers: readonly (readonly [key: string, value: Uint8Array | null])[];
  readonly leaderEpoch: number;
  /** How often reading of its partition had been set back by then: the log was cut, was another one, or nothing was committed. */
  readonly setbacks: number;
}

/**
 * Kafka's consumer configs, in camel case (`max.poll.interval.ms` is `maxPollIntervalMs`), with Kafka's defaults unless it says otherwise.
 * Times are milliseconds, sizes bytes; both are whole numbers from 1 to 2 147 483 647, as requests carry them. Texts are not empty.
 */
export interface ConsumerConfig {
  /** How it calls itself in requests; brokers write it into their logs and tell it of members. Default `samsa`. */
  readonly clientId: string;
  /** The group that it is a member of, or commits for; null: no group, `assign` only, and nothing is committed. Default null. */
  readonly groupId: string | null;
  /**
   * Makes it a static member (KIP-345): its place waits for it as long as its session lasts. Two at the same time: the newer one wins in the
   * classic protocol, the older one in KIP-848. Has to be as a topic's name is. Default null.
   */
  readonly groupInstanceId: string | null;
  /** `consumer` is KIP-848, where the coordinator assigns; in `classic` a member does. Default `classic`. */
  readonly groupProtocol: "classic" | "consumer";
  /**
   * Classic: assignors by preference, of `range`, `roundrobin`, `sticky` and `cooperative-sticky`. Members keep what they have while others join
   * only if all of theirs are cooperative. Default range, cooperative-sticky.
   */
  readonly partitionAssignors: readonly string[];
  /** KIP-848: `uniform` or `range`, or another that the brokers have, for which the members vote; null to have no say. Default null. */
  readonly groupRemoteAssignor: string | null;
  /** Where it is: followers whose `broker.rack` is the same are read from (KIP-392). Null: leaders only. Default null. */
  readonly clientRack: string | null;
  /**
   * After so long without an answer from the coordinator it stops using what it has: that may be somebody else's. A classic group goes by
   * it, too. In KIP-848 the coordinator goes by its own `group.consumer.session.timeout.ms`, and is asked for that: the shorter one counts here
   * (Kafka's Java client uses on what it has until it hears that it was put out). One that does not say is trusted to have no shorter
   * one than this. Default 45 000, as in brokers.
   */
  readonly sessionTimeoutMs: number;
  /**
   * How often a member of a classic group reports; less than `sessionTimeoutMs`. In KIP-848 the coordinator says how often, and a member
   * reports three times in a session at least. Default 3 000; 50 in `cluster.consumer`.
   */
  readonly heartbeatIntervalMs: number;
  /**
   * Who does not ask for records for so long leaves the group, until the next poll (KIP-62); also how long its listener is waited for, and how
   * long a rebalance waits for it, but two sessions at least: a program that stood still goes by its session. Default 300 000.
   */
  readonly maxPollIntervalMs: number;
  /**
   * Where to begin when nothing is committed, and where to go on when the offset is not there any more, or the topic has been made anew; with
   * `none` a poll throws OFFSET_OUT_OF_RANGE until there was a seek. Default `latest`: what was written before it began is not read.
   */
  readonly autoOffsetReset: "latest" | "earliest" | "none";
  /** Whether records of transactions wait for their commit, and are left out when it was aborted (KIP-98). Default `read_uncommitted`. */
  readonly isolationLevel: "read_uncommitted" | "read_committed";
  /**
   * Ours. `at-least-once`: an offset is committed after its record was handed out, so that a crash repeats some. `at-most-once`: before, so that a
   * crash loses some. Default `at-least-once`.
   */
  readonly delivery: "at-least-once" | "at-most-once";
  /** Whether what was dealt with is committed by itself: when the next records are asked for, in a rebalance, and at the end. Default true. */
  readonly enableAutoCommit: boolean;
  /** How often at most it does so, between rebalances. Default 5 000. */
  readonly autoCommitIntervalMs: number;
  /** How many bytes a fetch waits for; may be 0. Default 1. */
  readonly fetchMinBytes: number;
  /** How long a fetch waits for them; may be 0. Default 500. */
  readonly fetchMaxWaitMs: number;
  /** How much one fetch brings, or one batch if that is larger. Default 50 MiB. */
  readonly fetchMaxBytes: number;
  /** How much of it is of one partition, or one batch if that is larger. Default 1 MiB. */
  readonly maxPartitionFetchBytes: number;
  /** Ours: how much may lie here, fetched and not handed out, as it came; more is not fetched before. Default 64 MiB. */
  readonly bufferBytes: number;
  /** After so long it asks again what there is, and who leads it. Default 300 000. */
  readonly metadataMaxAgeMs: number;
  /**
   * How long a request may take (a fetch, and a join that waits for others, may take longer by what they wait for); and how long a commit,
   * `committed` and `position` go on trying before they throw REQUEST_TIMED_OUT. Default 30 000.
   */
  readonly requestTimeoutMs: number;
  /** How long it waits before it tries something a second time; twice as long each further time. Default 100. */
  readonly retryBackoffMs: number;
  /** How long it waits at most (KIP-580). Default 1 000. */
  readonly retryBackoffMaxMs: number;
  /** Whether asking for a topic by name may create it, where brokers have `auto.create.topics.enable`. Default true. */
  readonly allowAutoCreateTopics: boolean;
}

/** What a consumer is started with. */
export interface ConsumerArgs {
  readonly bootstrap: readonly NodeAddress[];
  readonly config: ConsumerConfig;
}

/** What came of something that was asked for. */
export interface Outcome {
  readonly error: ErrorName;
  /** A sentence when there is an error. */
  readonly message: string | null;
}

/** What has to be known of a rebalance, one after the other. */
export interface RebalanceEvent {
  readonly number: number;
  readonly type: "assigned" | "revoked" | "lost";
  readonly partitions: readonly TopicPartition[];
}

/** Where to go. Back to a record that was read, with its `setbacks`: only as far as the log that it was of is there still. */
export type SeekTo =
  | { readonly offset: number; readonly setbacks?: number }
  | { readonly timestamp: number }
  | "beginning"
  | "end"
  | "committed";

/** Everything a consumer can be told. Errors that cannot be got over stay: every later poll says so. */
export interface ConsumerProtocol {
  /** Topics by name or by a pattern (RE2 as Kafka has it for KIP-848, tried here for the classic protocol). Replaces what was subscribed to. */
  subscribe(to: { readonly topics: readonly string[] } | { readonly pattern: string }): Outcome;
  /** These partitions, without a group's help. */
  assign(partitions: readonly TopicPartition[]): Outcome;
  unsubscribe(_: void): Outcome;
  /**
   * The next records, in order within each partition; waits for some for `timeoutMs`. One poll at a time: a second one answers the first with
   * nothing. Polling is a sign of life (`maxPollIntervalMs`).
   */
  poll(request: { readonly maxRecords: number; readonly timeoutMs: number }): Outcome & {
    readonly records: readonly ConsumedRecord[];
  };
  /**
   * Commits, and replies when the coordinator has. null: what was handed out so far. With `onlyOwned`, those of the offsets whose partitions
   * are here, and that are neither behind what is committed, nor ahead of the position, nor of before a setback; ILLEGAL_GENERATION when a member
   * has some of the partitions no more.
   */
  commit(
    request: { readonly offsets: readonly OffsetAndMetadata[] | null; readonly onlyOwned?: boolean },
  ): Outcome;
  committed(partitions: readonly TopicPartition[]): Outcome & { readonly offsets: readonly OffsetAndMetadata[] };
  seek(request: { readonly partitions: readonly TopicPartition[]; readonly to: SeekTo }): Outcome;
  position(partition: TopicPartition): Outcome & { readonly offset: number };
  pause(partitions: readonly TopicPartition[]): Outcome;
  resume(partitions: readonly TopicPartition[]): Outcome;
  assignment(_: void): readonly TopicPartition[];
  /**
   * Polled records wait in the program, and it has asked for the next of them: a sign of life as a poll is, and the offsets, of those that it
   * is through with, may be committed by itself. Says what is its own still.
   */
  alive(offsets: readonly OffsetAndMetadata[]): readonly TopicPartition[];
  /** By how much it is behind, as of the last fetches: -1 where that is not known. */
  lag(_: void): readonly (TopicPartition & { readonly records: number })[];
  /**
   * Waits for the next rebalance event after `after`. Asking once makes the caller the listener: from then on the group waits, within
   * `maxPollIntervalMs`, until each event has been `handled`.
   */
  nextRebalance(request: { readonly after: number }): RebalanceEvent;
  handled(event: { readonly number: number }): void;
  /** Commits what is due, leaves the group (a static member stays in it), and ends. */
  close(_: { readonly timeoutMs: number }): Outcome;
  /** For tests, the console and the simulator. */
  describe(_: void): {
    readonly memberId: string;
    readonly epoch: number;
    readonly state: "unsubscribed" | "assigned" | "joining" | "stable" | "reconciling" | "failed" | "closed";
    readonly owned: readonly TopicPartition[];
    readonly positions: readonly OffsetAndMetadata[];
    /** In batches that were fetched and not read through. */
    readonly bufferedRecords: number;
  };
  /** From the consumer to itself. */
  tick(what: "membership" | "fetch" | "metadata" | "autoCommit" | "pollOver" | "close"): void;
}

export type ConsumerRef = Ref<ConsumerProtocol>;

/** For spawning a consumer; it has any name. It is never restarted by its supervisor. */
export const CONSUMER: ActorKind<ConsumerProtocol, ConsumerArgs> = { kind: "consumer" };
