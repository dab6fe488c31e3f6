/**
 * Compaction of one log: of records with the same key, the last one stays.
 *
 *     firstUncleaned ──key map──▶ end of the sealed, committed segments            (what is dirty is read, its keys remembered)
 *     start ──every batch, rewritten──▶ <base>.log.cleaned ──synced──▶ .swap ──▶ .log  (one group of segments becomes one)
 *
 * Work comes in steps of a bounded size, so that the replica serves between them; appends, reads, flushes and deletions of the oldest
 * segments may come in between, while a truncation or a close ends the cleaning.
 *
 * Invariants:
 * - The offsets of batches stay contiguous. A batch keeps its base offset, its last offset delta and its leader epoch; one that has lost
 *   all its records stays as a header, and neighbours of that kind, in one segment and of one leader epoch, become one header (of no
 *   producer) that spans them. So nothing that walks a log needs to know of gaps.
 * - Nothing at or above `untilOffset`, and nothing in the active segment, is touched: what could be cut, or is not committed, is as it was
 *   written.
 * - The last record of every key survives; a tombstone goes only in a cleaning that begins after its delete horizon (KIP-534), which
 *   the first cleaning that saw it wrote into its batch, and where the log's owner waits for it no longer. Up to where tombstones have
 *   gone is on disk before they go: who has less of the log may still have what they took back, and must not go on from here.
 * - A crash at any point leaves, after recovery, either the old segments or the new one, whole.
 *
 * @module
 */
import type { BatchHeader } from "../protocol/batch.ts";

/** What a cleaning may do. */
export interface CleaningRequest {
  /** The high watermark, and no open transaction's first record: nothing from here on is touched. */
  readonly untilOffset: number;
  readonly nowMs: number;
  readonly deleteRetentionMs: number;
  readonly minLagMs: number;
  readonly maxLagMs: number;
  readonly minDirtyRatio: number;
  readonly mapBytesMax: number;
  /** Tombstones from there on stay, whatever their horizon says: a replica has yet to read them. Asked anew whenever one would go. */
  readonly tombstonesUntil: () => number;
  /** Batches that stay although they are empty: the last one of a producer that is remembered, so that its state can be read back. */
  readonly mustKeep: (header: BatchHeader) => boolean;
}

/** What came of a cleaning. */
export interface CleaningReport {
  readonly bytesBefore: number;
  readonly bytesAfter: number;
  /** Everything below is clean. */
  readonly cleanedTo: number;
  /** How many tombstones have gone. */
  readonly tombstones: number;
}

/** A cleaning under way. At most one per log. */
export interface Cleaning {
  /**
   * Does about `bytes` of reading and writing. The report when it is over, by whatever ended it; undefined when there is more to do.
   * Throws DiskError, CorruptLogError: the log takes no harm then, but it is over.
   */
  step(bytes: number): CleaningReport | undefined;
  /** Calls back when the next step has something to do: now, or when the disk has made durable what it was given. */
  ready(then: () => void): void;
  /** Gives up, and removes what was not put in place. */
  cancel(): void;
}

/** What a log that can be cleaned can do. */
export interface CleanableLog {
  /** Begins to clean if there is enough to do; undefined when there is not, or one is under way. */
  beginCleaning(request: CleaningRequest): Cleaning | undefined;
  /** Everything below has been cleaned: kept in the checkpoint `cleaner-offset-checkpoint`, 0 when unknown. */
  readonly cleanedTo: number;
  /**
   * Records may be gone from this log because of newer ones, here or where it was filled from: that there is an entry in the checkpoint
   * `cleaner-offset-checkpoint` says so, also of what an earlier life has left.
   */
  readonly wasCleaned: boolean;
  /**
   * From here on, batches are those that were appended. It is more than what has been cleaned while a cleaning replaces segments, and when
   * it has not come to its end; how far an earlier life has come in that way is not known.
   */
  readonly rewrittenTo: number;
  /** From here on no tombstone has gone, nor where this log was filled from: kept in the checkpoint `tombstone-offset-checkpoint`. */
  readonly tombstonesGoneTo: number;
  /**
   * What is appended next is read from a log from which tombstones below this had gone when this one was empty; 0 if what is here comes
   * from elsewhere. Known on disk on return.
   */
  fillWithout(tombstonesBelow: number): void;
}
