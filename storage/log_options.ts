/**
 * What a log on a disk is opened with, and what it tells those who keep the checkpoints that speak of it.
 *
 * @module
 */
import type { BufferPool } from "../lib/buffer_pool.ts";
import type { Random } from "../lib/prng.ts";
import type { Disk } from "./disk.ts";
import type { HandlePool } from "./handle_pool.ts";
import type { LogConfig, LogObserver } from "./log.ts";
import type { SegmentedLog } from "./segmented_log.ts";

/** Whoever keeps the checkpoints that speak of a log. */
export interface LogOwner {
  /** What is at and above `offset` is about to be cut: the recovery point on disk must not be above it on return. */
  recoveryPointFalls(log: SegmentedLog, offset: number): void;
  /** What is below the log's start is about to be removed: the start on disk must be `offset` on return. */
  startMoves(log: SegmentedLog, offset: number): void;
  /** Batches are about to be replaced, by what is committed: the high watermark on disk must be as it was last set on return. */
  replaces(log: SegmentedLog): void;
  /**
   * What is below `offset`, and nothing else, has been cleaned as far as it can be: so on disk on return. With 0 it is known that something
   * was, or is about to be.
   */
  cleanedMoves(log: SegmentedLog, offset: number): void;
  /** Below `offset`, and nowhere else, tombstones may be gone: so on disk on return. */
  tombstonesGo(log: SegmentedLog, offset: number): void;
  /** So many bytes more are durable; `rolled` when segments were sealed among them. */
  flushed(log: SegmentedLog, bytes: number, rolled: boolean): void;
  closed(log: SegmentedLog, clean: boolean): void;
}

/** What a log is opened with. */
export interface SegmentedLogOptions {
  readonly disk: Disk;
  /** The folder, `<topic>-<partition>`, which must be there. */
  readonly name: string;
  readonly topicId: string;
  readonly config: LogConfig;
  readonly observer: LogObserver;
  readonly owner: LogOwner;
  readonly pool: HandlePool;
  /** Where the buffers of reads come from. */
  readonly buffers: BufferPool;
  /** For segment.jitter.ms. */
  readonly random: Random;
  /** See {@linkcode recoverSegments}. */
  readonly recoveryPoint: number;
  readonly startOffset: number | undefined;
  readonly clean: boolean;
  /** Below it the log was cleaned; undefined when nothing in it ever was. */
  readonly cleanedTo: number | undefined;
  /** Below it tombstones may be gone; where nobody knows, this is beyond any log's end. */
  readonly tombstonesGoneTo: number;
}
