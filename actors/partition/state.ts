/**
 * The state of a replica: its log, its role, the ends that matter, and who waits for them to move.
 *
 *     start ──▶ leader ⇄ follower          (assume)
 *       │          │        │
 *       └──────────┴────────┴──▶ offline   (the disk failed: until restarted)   ──▶ removed
 *
 *     startOffset ≤ highWatermark ≤ ownEnd ≤ endOffset
 *
 * Invariant: the high watermark never moves back within a leader epoch, and never above what is safe here: flushed when
 * `flush.before.ack` is set, else written. What a leader knows (`leadership`) or a follower (`following`) is of one leader epoch
 * and is dropped with it.
 *
 * @module
 */
import { assert } from "../../lib/assert.ts";
import type { ErrorName } from "../../protocol/errors.ts";
import type { Cleaning, Log, LogObserver, LogStore } from "../../storage/log.ts";
import type { Outbox } from "../actor.ts";
import type { IsrChange } from "../controller/protocol.ts";
import type { CleanerTurn } from "./cleaning.ts";
import type { Following } from "./following.ts";
import { endOfGap } from "./gaps.ts";
import { isUnderMinIsr } from "./isr.ts";
import type { Leadership } from "./leadership.ts";
import { Producers } from "./producers.ts";
import type { FetchRequest, ReplicaArgs, ReplicaConfig, ReplicaProtocol, ReplicaRole } from "./protocol.ts";
import { WaitingFetches, WaitingProduces } from "./purgatory.ts";

/** For so many times delete.retention.ms tombstones wait for a replica that is away: a week, if nobody has said anything else. */
const AWAY_RETENTIONS = 7;

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

/** What outlives a crash of a replica, since its arguments are those of its first life. */
export interface LastWord {
  /** What it was last told. */
  role: ReplicaRole;
  config: ReplicaConfig;
  /** The last epoch that it led, and where the records end that followers have been given in it; undefined if it never led. */
  led: { readonly epoch: number; given: number } | undefined;
  /** An ISR that it has proposed and that the controller may have accepted; undefined when none is open. */
  proposed: IsrChange | undefined;
  /** Its broker was last told that it serves nothing. */
  toldOffline: boolean;
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
  /** What it knows as the leader; null while it does not lead. */
  leadership: Leadership | null = null;
  /** What it knows as a follower; null while it follows nobody. */
  following: Following | null = null;
  /** Why nothing is served, or null. */
  offline: string | null = null;
  /** Why it does not lead although it is told to, or null. Another role ends that. */
  abstention: string | null = null;
  /** Its broker has not heard from the controller for so long; undefined while it does. */
  isolatedMs: number | undefined;
  /** Told to delete itself. */
  removed = false;
  /** One flush is on its way; what is appended meanwhile waits for the next. */
  flushing = false;
  /** The timer of flush.ms is set. */
  flushDue = false;
  /** The cleaning of its log that is under way; null when there is none. */
  cleaning: Cleaning | null = null;
  /** For when the timer of waiting fetches and pulls is set (monotonic); Infinity when it is not. */
  expiryMs = Infinity;
  #log: Log | undefined;

  constructor(
    readonly host: ReplicaHost,
    readonly args: ReplicaArgs,
    readonly lastWord: LastWord,
    readonly turn: CleanerTurn,
  ) {
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

  /** Whether it is told to lead. */
  get isLeader(): boolean {
    return this.role.leader === this.host.brokerId;
  }

  get isInIsr(): boolean {
    return this.role.isr.includes(this.host.brokerId);
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

  /**
   * Below this every replica of the partition has everything safe, in sync or not, but those that the leader has not heard for so long
   * that nobody waits for them any more; -1 when that is not known.
   */
  heldByAll(nowMs: number): number {
    const { leadership, following, role, host, config } = this;
    if (leadership === null) return following?.heldByAll ?? -1;
    const retentionMs = config.compaction?.deleteRetentionMs ?? Infinity;
    const patienceMs = Math.max(AWAY_RETENTIONS * retentionMs, config.replicaLagTimeMaxMs);
    const { followers } = leadership;
    const others = role.replicas.filter((id) => id !== host.brokerId && nowMs - followers.heardMs(id) <= patienceMs);
    return Math.min(this.ownEnd, followers.heldByAll(others));
  }

  /** Where a reader of that isolation has to stop. */
  readableEnd(isolation: FetchRequest["isolation"]): number {
    return isolation === "read_committed" ? this.lastStableOffset : this.highWatermark;
  }

  /** Why nothing at all is served, if so. */
  get outage(): Exclude<ErrorName, "NONE"> | undefined {
    if (this.removed) return "UNKNOWN_TOPIC_OR_PARTITION";
    return this.offline === null && this.abstention === null ? undefined : "KAFKA_STORAGE_ERROR";
  }

  /**
   * Why a request must be refused, if it must.
   *
   * @param currentLeaderEpoch the epoch that the client takes for the current one (KIP-320), -1 when it does not say
   * @param by who may serve it
   */
  refusal(currentLeaderEpoch: number, by: "leader" | "any replica" = "leader"): Exclude<ErrorName, "NONE"> | undefined {
    const { outage } = this;
    if (outage !== undefined) return outage;
    if (currentLeaderEpoch >= 0) {
      if (currentLeaderEpoch < this.role.leaderEpoch) return "FENCED_LEADER_EPOCH";
      if (currentLeaderEpoch > this.role.leaderEpoch) return "UNKNOWN_LEADER_EPOCH";
    }
    return this.isLeader || by === "any replica" ? undefined : "NOT_LEADER_OR_FOLLOWER";
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
    this.highWatermark = this.#wholeGap(Math.max(known, log.startOffset));
  }

  /**
   * Follows the controller's word. False when it is no newer than what is known: by partition epoch, and where that is the same
   * by leader epoch and this broker's own. Neither of those ever goes back.
   */
  assume(role: ReplicaRole): boolean {
    const { partitionEpoch, leaderEpoch, brokerEpoch } = this.role;
    if (role.leaderEpoch < leaderEpoch || role.brokerEpoch < brokerEpoch) return false;
    if (role.partitionEpoch < partitionEpoch) return false;
    const isSame = role.partitionEpoch === partitionEpoch && role.leaderEpoch === leaderEpoch;
    if (isSame && role.brokerEpoch === brokerEpoch) return false;
    this.lastWord.role = role;
    return true;
  }

  /** Moves the high watermark up to `end`; never back. True if it moved. */
  raiseHighWatermark(end: number): boolean {
    if (end <= this.highWatermark) return false;
    this.#setHighWatermark(end);
    return true;
  }

  /** The log is not what it was: it has been cut, or begins elsewhere. */
  resetEnds(): void {
    const { startOffset, endOffset } = this.log;
    this.endOffset = endOffset;
    const end = Math.max(startOffset, Math.min(this.highWatermark, endOffset));
    if (end !== this.highWatermark) this.#setHighWatermark(end);
  }

  /** Gives the log back. */
  close(clean: boolean): void {
    const log = this.#log;
    this.#log = undefined;
    log?.close(clean);
  }

  /**
   * The checkpoint may be older than the last cleaning, and lie where batches ended before that made one header of them. A reader who comes
   * there would be told again and again that there is more to read, and could be given nothing. One batch is read for it; rot in that is no
   * reason not to open the log, and found by who reads it, as in any other.
   */
  #wholeGap(end: number): number {
    const { log, ownEnd } = this;
    if (end <= log.startOffset || end >= ownEnd) return end; // whatever the policy is now: an earlier one may have cleaned here
    try {
      return Math.min(endOfGap(log.read(end, log.endOffset, 0, true).bytes, end), ownEnd);
    } catch (error) {
      if (error instanceof Error && error.name === "CorruptLogError") return end;
      throw error;
    }
  }

  #setHighWatermark(end: number): void {
    this.highWatermark = end;
    this.host.logs.setHighWatermark(this.name, end);
  }
}
