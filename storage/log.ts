/**
 * The log of one partition: record batches in offset order, appended at one end and deleted at the other.
 *
 *     startOffset ──── recoveryPoint ──── flushedOffset ──── endOffset
 *         │ readable, durable                   │ readable, would be lost with the power │
 *
 * Invariants: batches are contiguous (base offset = previous last offset + 1, in compacted logs too, see `cleaning`); leader epochs never
 * decrease; `startOffset ≤ flushedOffset ≤ endOffset`; a torn tail is cut at recovery, damage below the recovery point is
 * reported and never served.
 *
 * @module
 */
import type { Settle } from "../lib/env.ts";
import type { BatchHeader } from "../protocol/batch.ts";
import type { CleanableLog } from "./cleaning.ts";

export type { Cleaning, CleaningReport, CleaningRequest } from "./cleaning.ts";

/** What of a topic's configuration the log itself obeys; names and defaults are Kafka's. */
export interface LogConfig {
  /** segment.bytes */
  readonly segmentBytes: number;
  /** segment.ms */
  readonly segmentMs: number;
  /** segment.jitter.ms */
  readonly segmentJitterMs: number;
  /** segment.index.bytes */
  readonly segmentIndexBytes: number;
  /** index.interval.bytes */
  readonly indexIntervalBytes: number;
  /** file.delete.delay.ms */
  readonly fileDeleteDelayMs: number;
}

/** Damage that no crash explains: bytes below the recovery point that fail their checks. */
export class CorruptLogError extends Error {
  override readonly name = "CorruptLogError";
  constructor(readonly log: string, readonly file: string, readonly position: number, message: string) {
    super(message);
  }
}

/**
 * State that is derived from the batches of a log (producer ids and sequences), kept by the log's owner and saved beside
 * the segments as `<offset>.snapshot`, so that a restart need not read the whole log.
 */
export interface LogObserver {
  /** Starts over from a saved snapshot, or from nothing. Returns false when the bytes are unusable (the next older is tried). */
  load(snapshot: Uint8Array | undefined, offset: number): boolean;
  /** A batch was found during recovery, in offset order. */
  recovered(header: BatchHeader): void;
  /**
   * The state as of now, to be saved for `endOffset`. The log asks when it rolls, before it appends: so the owner brings
   * its state up to date after {@linkcode Log.append} has returned, not before.
   */
  snapshot(): Uint8Array;
}

/** What opening a log had to cut off: the tail that a crash had torn. */
export interface RecoveryReport {
  /** 0 when nothing was cut. */
  readonly cutBytes: number;
  /** Why, a sentence; undefined when nothing was cut. */
  readonly cutReason: string | undefined;
}

/** Bytes read: whole batches, the first of which contains the offset asked for. */
export interface LogRead {
  /** Owned by the receiver. Empty when there is nothing at or after the offset below the limit. */
  readonly bytes: Uint8Array;
}

/** A record found by time. */
export interface TimestampOffset {
  readonly timestamp: number;
  readonly offset: number;
  readonly leaderEpoch: number;
}

/** One partition's log. All methods are synchronous but `flush`; all may throw DiskError. */
export interface Log extends CleanableLog {
  /** Folder name: `<topic>-<partition>`. */
  readonly name: string;
  /** Uuid of the topic (Kafka's base64 form). */
  readonly topicId: string;
  /** First offset that may be read. */
  readonly startOffset: number;
  /** Offset of the next record. */
  readonly endOffset: number;
  /** Everything below is durable. */
  readonly flushedOffset: number;
  readonly sizeInBytes: number;
  /** Epoch of the newest batch, -1 when there is none. */
  readonly latestEpoch: number;
  readonly observer: LogObserver;
  /** What was cut when it was opened. */
  readonly recovery: RecoveryReport;

  /**
   * Appends one or more whole batches that carry their final offsets and leader epochs. Rolls the segment when due. On ENOSPC
   * nothing was appended and it may be tried again; after any other DiskError the log takes nothing more.
   */
  append(batches: Uint8Array, nowMs: number): void;
  /**
   * Reads whole batches from the one that contains `offset`, none at or above `untilOffset`, about `maxBytes` in all. The first
   * batch comes even when it is larger, if `minOneBatch`. Throws RangeError when `offset` < startOffset or > endOffset,
   * CorruptLogError when the first batch is damaged; damage further on ends the read before it.
   */
  read(offset: number, untilOffset: number, maxBytes: number, minOneBatch: boolean): LogRead;
  /**
   * Settles when everything appended before the call is durable, perhaps before it returns. Calls that overlap share one sync
   * (group commit). After a sync that failed the log takes nothing more.
   */
  flush(done: Settle<void>): void;
  /** Removes everything at and above `offset` (a follower's divergence), and with it the batch that contains `offset`. */
  truncateTo(offset: number): void;
  /** Empties the log and makes it begin at `offset`. */
  restartAt(offset: number): void;
  /** Makes `offset` the first readable one (DeleteRecords); whole segments below it are deleted. */
  advanceStart(offset: number): void;
  /** Deletes whole segments by age and size, never above `untilOffset`; returns how many. -1 means no limit. */
  retain(retentionMs: number, retentionBytes: number, untilOffset: number, nowMs: number): number;
  /** Rolls the active segment if it is older than segment.ms. */
  rollIfDue(nowMs: number): void;
  /** First record with a timestamp ≥ `timestamp`, below `untilOffset`. */
  offsetForTimestamp(timestamp: number, untilOffset: number): TimestampOffset | undefined;
  /** The record with the largest timestamp, below `untilOffset` (KIP-734). */
  offsetOfMaxTimestamp(untilOffset: number): TimestampOffset | undefined;
  /**
   * The largest epoch ≤ `epoch` and the offset where it ends (KIP-101, 279). As Apache Kafka has it: an epoch older than all known
   * ones ends where the first of them begins; one newer than all known ones is undefined.
   */
  endOffsetForEpoch(epoch: number): { readonly epoch: number; readonly endOffset: number } | undefined;
  /** Epoch of the record at `offset`, -1 when unknown. */
  epochAt(offset: number): number;
  /** A new leader epoch begins at the log's end. */
  assignEpoch(epoch: number, startOffset: number): void;
  /** Follows a changed configuration. */
  configure(config: LogConfig): void;
  /** Closes the files; with `clean`, flushes and saves a snapshot first so that the next open need not recover. */
  close(clean: boolean): void;
}

/** The logs of one data folder. */
export interface LogStore {
  /** Opens or creates the log `<topic>-<partition>`, recovering what a crash left. Throws CorruptLogError on bit rot. */
  open(name: string, topicId: string, config: LogConfig, observer: LogObserver): Log;
  /** Deletes a closed log's folder (renamed first, removed afterwards). */
  delete(name: string): void;
  /** Every log folder there is, with the topic id it holds. */
  list(): { readonly name: string; readonly topicId: string }[];
  /** Last checkpointed high watermark of a log, 0 when unknown. */
  highWatermark(name: string): number;
  /** Remembers a high watermark; written to disk now and then and at close. */
  setHighWatermark(name: string, offset: number): void;
  /** Writes the offset checkpoints (recovery points, log starts, high watermarks). */
  checkpoint(): void;
}

/** What a clean close says of the broker that had the folder. */
export interface CleanLife {
  /** The last broker epoch that was heard of; -1 when there was none. */
  readonly brokerEpoch: number;
  /** The incarnations since then, whose registration was not answered; each ended cleanly. */
  readonly unheardIncarnationIds: readonly string[];
}
