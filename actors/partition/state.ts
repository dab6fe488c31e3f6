/**
 * The state of a replica: its log, its role, the ends that matter, and who waits for them to move.
 *
 *     start ──▶ leader ⇄ follower          (assume)
 *       │          │        │
 *       └──────────┴────────┴──▶ offline   (the disk failed: until restarted)   ──▶ removed
 *
 *     startOffset ≤ highWatermark ≤ ownEnd ≤ endOffset
 *
 * Invariant: the high watermark never moves back while this replica lives, and never above what is safe here: flushed when
 * `flush.before.ack` is set, else written.
 *
 * @module
 */
import { assert } from "../../lib/assert.ts";
import type { ErrorName } from "../../protocol/errors.ts";
import type { Log, LogObserver, LogStore } from "../../storage/log.ts";
import type { Outbox } from "../actor.ts";
import { committedEnd, isUnderMinIsr } from "./isr.ts";
import { Producers } from "./producers.ts";
import type { FetchRequest, ReplicaArgs, ReplicaConfig, ReplicaProtocol, ReplicaRole } from "./protocol.ts";
import { WaitingFetches, WaitingProduces } from "./purgatory.ts";

/** What all replicas of a broker share. */
export interface ReplicaHost {
  readonly logs: LogStore;
  /** The node that this broker is among a partition's replicas. */
  readonly brokerId: number;
  /** Told, in a sentence, what an operator has to know: a replica that went offline, a torn tail that was cut. */
  readonly report?: (sentence: string) => void;
}

/** The outbox of a replica. */
export type ReplicaOutbox<R = unknown> = Outbox<ReplicaProtocol, Replica, R>;

/** What a replica was last told, which outlives a crash of it: its arguments are those of its first life. */
export interface LastWord {
  role: ReplicaRole;
  config: ReplicaConfig;
}

/** The state of one replica. */
export class Replica {
  /** Folder of its log: `<topic>-<partition>`. */
  readonly name: string;
  readonly producers: Producers = new Producers();
  /** Fetches that wait for more to read. */
  readonly fetches: WaitingFetches = new WaitingFetches();
  /** Produces with acks=all: they wait for the high watermark. */
  readonly committing: WaitingProduces = new WaitingProduces();
  /** Produces with acks=1: they wait for {@linkcode ownEnd}. */
  readonly persisting: WaitingProduces = new WaitingProduces();
  /** Offset of the next record. Ahead of the log's own end while a batch is on its way there. */
  endOffset = 0;
  highWatermark = 0;
  /** Where this leader's epoch begins; what lies below may not be committed by it yet. */
  leaderEpochStart = 0;
  /** Why nothing is served, or null. */
  offline: string | null = null;
  /** Told to delete itself. */
  removed = false;
  /** One flush is on its way; what is appended meanwhile waits for the next. */
  flushing = false;
  /** The timer of flush.ms is set. */
  flushDue = false;
  /** For when the timer of waiting fetches is set (monotonic); Infinity when it is not. */
  expiryMs = Infinity;
  #log: Log | undefined;

  constructor(readonly host: ReplicaHost, readonly args: ReplicaArgs, readonly lastWord: LastWord) {
    this.name = `${args.topic}-${args.partition}`;
  }

  get role(): ReplicaRole {
    return this.lastWord.role;
  }

  get config(): ReplicaConfig {
    return this.lastWord.config;
  }

  /** The log of a replica that is not offline. */
  get log(): Log {
    assert(this.#log !== undefined, `${this.name} has no open log: check \`refusal\` first`);
    return this.#log;
  }

  get hasLog(): boolean {
    return this.#log !== undefined;
  }

  get isLeader(): boolean {
    return this.role.leader === this.host.brokerId;
  }

  /** Whether too few replicas are in sync for acks=all. */
  get isUnderMinIsr(): boolean {
    return isUnderMinIsr(this.role, this.config.minInsyncReplicas);
  }

  /** Below this every record is as safe here as the topic demands. */
  get ownEnd(): number {
    return this.config.flushBeforeAck ? this.log.flushedOffset : this.log.endOffset;
  }

  /** First offset that is not decided: that of the oldest open transaction, or the high watermark. */
  get lastStableOffset(): number {
    return Math.min(this.highWatermark, this.producers.firstUnstableOffset() ?? Infinity);
  }

  /** Where a reader of that isolation has to stop. */
  readableEnd(isolation: FetchRequest["isolation"]): number {
    return isolation === "read_committed" ? this.lastStableOffset : this.highWatermark;
  }

  /** Why nothing at all is served, if so. */
  get outage(): Exclude<ErrorName, "NONE"> | undefined {
    if (this.removed) return "UNKNOWN_TOPIC_OR_PARTITION";
    return this.offline === null ? undefined : "KAFKA_STORAGE_ERROR";
  }

  /**
   * Why a request for the leader must be refused, if it must.
   *
   * @param currentLeaderEpoch the epoch that the client takes for the current one (KIP-320), -1 when it does not say
   */
  refusal(currentLeaderEpoch: number): Exclude<ErrorName, "NONE"> | undefined {
    const { outage } = this;
    if (outage !== undefined) return outage;
    if (currentLeaderEpoch >= 0) {
      if (currentLeaderEpoch < this.role.leaderEpoch) return "FENCED_LEADER_EPOCH";
      if (currentLeaderEpoch > this.role.leaderEpoch) return "UNKNOWN_LEADER_EPOCH";
    }
    return this.isLeader ? undefined : "NOT_LEADER_OR_FOLLOWER";
  }

  /** Opens the log and takes up where it ends. Throws what the disk throws. */
  open(): void {
    const observer: LogObserver = {
      load: (snapshot) => this.producers.load(snapshot),
      recovered: (header) => this.producers.recovered(header),
      snapshot: () => this.producers.snapshot(this.#log?.endOffset ?? Infinity),
    };
    const { logs } = this.host;
    const log = logs.open(this.name, this.args.topicId, this.config.log, observer);
    this.#log = log;
    this.endOffset = log.endOffset;
    const known = Math.min(logs.highWatermark(this.name), this.ownEnd); // what was lost was not committed
    this.highWatermark = Math.max(known, log.startOffset);
  }

  /** Follows the controller's word. False when it is older than what is known. */
  assume(role: ReplicaRole): boolean {
    const { partitionEpoch, leaderEpoch } = this.role;
    if (role.partitionEpoch <= partitionEpoch || role.leaderEpoch < leaderEpoch) return false;
    this.lastWord.role = role;
    return true;
  }

  /** Moves the high watermark up to what the in-sync replicas have, unless too few are in sync. True if it moved. */
  advanceHighWatermark(): boolean {
    if (!this.isLeader || this.isUnderMinIsr) return false;
    const end = committedEnd(this.role, this.ownEnd, NO_FOLLOWERS);
    if (end <= this.highWatermark) return false;
    this.highWatermark = end;
    this.host.logs.setHighWatermark(this.name, end);
    return true;
  }

  /** Gives the log back. */
  close(clean: boolean): void {
    const log = this.#log;
    this.#log = undefined;
    log?.close(clean);
  }
}

/** Followers do not pull yet: the leader's ISR is itself. */
const NO_FOLLOWERS: ReadonlyMap<number, number> = new Map();
