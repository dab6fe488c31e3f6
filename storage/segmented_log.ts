/**
 * The log of one partition, in segments on a disk.
 *
 *     append ──▶ active segment ──roll──▶ sealed … sealed ──retain, advanceStart──▶ gone
 *                     │ flush (group commit): active, sealed meanwhile, their indexes, the folder
 *                     ▼
 *               flushedOffset moves
 *
 * Here is in which order things happen; what they are is in the parts: {@linkcode LogSegments}, {@linkcode LogDurability},
 * {@linkcode EpochCache}, {@linkcode ObserverState}, {@linkcode Compaction}.
 *
 * Invariants: what lies below the recovery point on disk is durable, so that point falls, durably, before anything above its new place
 * is cut; the start moves, durably, before anything below it is removed; what is to begin anew is found empty after a crash, for its
 * observer too, or whole from its new start on; after a failed write or sync nothing more is written.
 *
 * @module
 */
import type { Settle } from "../lib/env.ts";
import {
  baseOffsetOf,
  lastOffsetOf,
  maxTimestampOf,
  NO_TIMESTAMP,
  partitionLeaderEpochOf,
  recordCountOf,
  sizeInBytesOf,
} from "../protocol/batch.ts";
import { analyzeAppend } from "./append_info.ts";
import { Compaction } from "./cleaner/compaction.ts";
import type { Cleaning, CleaningRequest } from "./cleaning.ts";
import { EpochCache } from "./epoch_cache.ts";
import type { Log, LogConfig, LogObserver, LogRead, RecoveryReport, TimestampOffset } from "./log.ts";
import { isFull, LogDurability } from "./log_durability.ts";
import { readSegment } from "./log_reader.ts";
import type { SegmentedLogOptions } from "./log_options.ts";
import { LogSegments } from "./log_segments.ts";
import { ObserverState } from "./observer_state.ts";
import { ReadEnds } from "./read_ends.ts";
import { recoverSegments } from "./recovery.ts";
import { countDeletable } from "./retention.ts";
import { drawJitterMs, isOlderThanSegmentMs, isRollDue, SEGMENT_BYTES_LIMIT } from "./roll.ts";
import { corruptLog, Segment, type SegmentContext } from "./segment.ts";
import { Snapshots } from "./snapshots.ts";
import { findMaxTimestamp, findTimestamp, type TimeScope } from "./time_lookup.ts";

const NOTHING: LogRead = { bytes: new Uint8Array(0) };

/** A log on a disk. */
export class SegmentedLog implements Log {
  readonly name: string;
  readonly topicId: string;
  readonly observer: LogObserver;
  /** What opening it found. */
  readonly recovery: RecoveryReport;
  readonly #options: SegmentedLogOptions;
  readonly #context: SegmentContext;
  readonly #segments: LogSegments;
  readonly #durability: LogDurability;
  readonly #epochs: EpochCache;
  readonly #observerState: ObserverState;
  readonly #compaction: Compaction;
  readonly #readEnds = new ReadEnds();
  #config: LogConfig;
  #startOffset: number;
  #endOffset: number;
  #jitterMs = 0;

  /**
   * Opens the log and recovers what a crash left.
   *
   * @throws {CorruptLogError} something below the recovery point is damaged or missing
   * @throws {DiskError}
   */
  constructor(options: SegmentedLogOptions) {
    const { disk, name, owner, observer } = options;
    this.#options = options;
    this.name = name;
    this.topicId = options.topicId;
    this.observer = observer;
    this.#config = options.config;
    const endOffset = () => this.#endOffset;
    const flushed = (bytes: number, rolled: boolean) => owner.flushed(this, bytes, rolled);
    const durability = this.#durability = new LogDurability({ disk, name, endOffset, flushed });
    const epochs = this.#epochs = new EpochCache(disk, `${name}/leader-epoch-checkpoint`);
    const context: SegmentContext = this.#context = {
      disk,
      folder: name,
      pool: options.pool,
      isPinned: (file) => durability.isPinned(file),
      indexIntervalBytes: () => this.#config.indexIntervalBytes,
    };
    const found = recoverSegments({ ...options, context, epochs });
    this.recovery = { cutBytes: found.cutBytes, cutReason: found.cutReason };
    const segments = this.#segments = new LogSegments(found.segments, (segment) => durability.forget(segment));
    this.#startOffset = found.startOffset;
    this.#endOffset = found.endOffset;
    durability.begin(found.endOffset);
    const snapshots = new Snapshots(disk, name);
    const observerState = this.#observerState = new ObserverState(
      { name, segments, durability, endOffset },
      observer,
      snapshots,
    );
    this.#compaction = new Compaction(
      {
        name,
        disk,
        context,
        segments,
        durability,
        epochs,
        observerState,
        readEnds: this.#readEnds,
        startOffset: () => this.#startOffset,
        segmentBytes: () => Math.min(this.#config.segmentBytes, SEGMENT_BYTES_LIMIT),
        replaces: () => owner.replaces(this),
        cleanedMoves: (offset) => owner.cleanedMoves(this, offset),
        tombstonesGo: (offset) => owner.tombstonesGo(this, offset),
      },
      options.cleanedTo,
      options.tombstonesGoneTo,
    );
    this.#compaction.forget(this.#endOffset);
    this.#compaction.ended(this.#endOffset);
    this.#makeDurable(found.unsynced);
  }

  get startOffset(): number {
    return this.#startOffset;
  }

  get endOffset(): number {
    return this.#endOffset;
  }

  get flushedOffset(): number {
    return this.#durability.flushedOffset;
  }

  get sizeInBytes(): number {
    return this.#segments.sizeInBytes;
  }

  get cleanedTo(): number {
    return this.#compaction.cleanedTo;
  }

  get wasCleaned(): boolean {
    return this.#compaction.wasCleaned;
  }

  get rewrittenTo(): number {
    return this.#compaction.rewrittenTo;
  }

  get tombstonesGoneTo(): number {
    return this.#compaction.tombstonesGoneTo;
  }

  get latestEpoch(): number {
    return this.#epochs.latest;
  }

  /** How many segments there are, the active one included. */
  get segmentCount(): number {
    return this.#segments.all.length;
  }

  append(batches: Uint8Array, nowMs: number): void {
    this.#durability.demandUsable();
    const info = analyzeAppend(batches, this);
    if (info.isCleaned) this.#compaction.noteCleaned();
    if (isRollDue(this.#segments.active, info, this.#config, this.#jitterMs, nowMs)) this.#roll();
    const segment = this.#segments.active;
    const position = segment.size;
    this.#durability.orFailUnlessFull(() => segment.append(batches));
    this.#durability.appended(segment, batches.length);
    segment.createdMs ??= nowMs;
    this.#endOffset = info.lastOffset + 1;
    this.#durability.orFail(() => {
      for (let at = 0, size = 0; at < batches.length; at += size) {
        size = sizeInBytesOf(batches, at);
        this.#epochs.assign(partitionLeaderEpochOf(batches, at), baseOffsetOf(batches, at));
        const maxTimestamp = recordCountOf(batches, at) === 0 ? NO_TIMESTAMP : maxTimestampOf(batches, at);
        segment.note(position + at, size, lastOffsetOf(batches, at), maxTimestamp);
        segment.sums.remember(position + at, batches.subarray(at, at + size));
      }
    });
  }

  read(offset: number, untilOffset: number, maxBytes: number, minOneBatch: boolean): LogRead {
    if (!(offset >= this.#startOffset && offset <= this.#endOffset)) {
      throw new RangeError(
        `Offset ${offset} of ${this.name} is out of range: it has ${this.#startOffset} to ${this.#endOffset}.`,
      );
    }
    const limit = Math.min(untilOffset, this.#endOffset);
    if (offset >= limit) return NOTHING;
    const segment = this.#segments.at(this.#segments.indexOf(offset));
    const known = this.#readEnds.get(offset, segment);
    const position = known ?? segment.locate(offset);
    if (position >= segment.size) {
      throw corruptLog(this.name, segment.path, position, `with offset ${offset} is missing`);
    }
    const { bytes, nextOffset, nextPosition } = readSegment({
      buffers: this.#options.buffers,
      log: this.name,
      segment,
      epochs: this.#epochs,
      position,
      expectedOffset: known === undefined ? -1 : offset,
      untilOffset: limit,
      maxBytes,
      minOneBatch,
    });
    if (bytes.length > 0) this.#readEnds.remember(nextOffset, segment, nextPosition);
    return { bytes };
  }

  flush(done: Settle<void>): void {
    this.#durability.flush(done);
  }

  truncateTo(offset: number): void {
    this.#durability.demandUsable();
    if (offset >= this.#endOffset) return this.#epochs.truncateFromEnd(offset); // one may begin at the end
    if (offset < this.#startOffset) return this.restartAt(offset);
    const index = this.#segments.indexOf(offset);
    const segment = this.#segments.at(index);
    const position = segment.locate(offset);
    const cut = segment.scannerFrom(position);
    const newEnd = cut.next() ? cut.header.baseOffset : offset;
    if (newEnd < this.#startOffset) return this.restartAt(offset);
    this.#compaction.cancel();
    this.#compaction.forget(newEnd);
    this.#options.owner.recoveryPointFalls(this, newEnd);
    this.#durability.orFail(() => {
      this.#segments.removeFrom(index + 1);
      segment.truncateTo(position, newEnd);
      this.#durability.touch(segment, false);
      this.#readEnds.clear();
      this.#endOffset = newEnd;
      this.#epochs.truncateFromEnd(newEnd);
      this.#observerState.removeStrays();
      this.#durability.syncNow();
      this.#observerState.restore();
    });
    this.#compaction.ended(newEnd);
  }

  restartAt(offset: number): void {
    this.#durability.demandUsable();
    this.#compaction.cancel();
    this.#compaction.forget(offset);
    const { disk, owner } = this.#options;
    owner.recoveryPointFalls(this, Math.min(offset, this.#segments.firstOffset));
    owner.startMoves(this, offset);
    this.#startOffset = offset;
    this.#durability.orFail(() => {
      // First what the log is whole without from `offset` on: the segments before the one with `offset`, and the snapshots.
      this.#segments.removeBefore(this.#segments.indexOf(offset));
      this.#observerState.remove(() => true);
      disk.syncFolder(this.name);
      // Then the segment with `offset`, the first by now, alone: of a log without its head recovery leaves nothing. Were an older segment
      // there, the log would go on in that; and were newer ones going at the same time, those that a crash leaves might pass for the whole.
      this.#segments.removeBefore(1);
      disk.syncFolder(this.name);
      this.#segments.removeFrom(0);
      disk.syncFolder(this.name);
      this.#begin(offset);
      this.#readEnds.clear();
      this.#endOffset = offset;
      this.#epochs.clear();
      this.#durability.syncNow();
      this.#observerState.clear(offset);
    });
    this.#compaction.ended(offset);
  }

  advanceStart(offset: number): void {
    this.#durability.demandUsable();
    if (offset <= this.#startOffset) return;
    if (offset > this.#endOffset) {
      throw new RangeError(`${this.name} cannot begin at ${offset}: it ends at ${this.#endOffset}.`);
    }
    const first = this.#segments.indexOf(offset);
    this.#moveStart(offset);
    this.#compaction.dropBefore(this.#segments.at(first).baseOffset);
    this.#durability.orFail(() => {
      this.#segments.removeBefore(first);
      this.#epochs.truncateFromStart(offset);
      const { firstOffset } = this.#segments;
      this.#observerState.remove((snapshot) => snapshot < firstOffset);
    });
  }

  retain(retentionMs: number, retentionBytes: number, untilOffset: number, nowMs: number): number {
    this.#durability.demandUsable();
    const retention = { retentionMs, retentionBytes, untilOffset, nowMs };
    const count = countDeletable(this.#segments, this.#endOffset, retention);
    if (count === 0) return 0;
    if (count === this.segmentCount) this.#roll();
    const before = this.segmentCount;
    this.advanceStart(this.#segments.at(count).baseOffset);
    return before - this.segmentCount;
  }

  rollIfDue(nowMs: number): void {
    this.#durability.demandUsable();
    if (isOlderThanSegmentMs(this.#segments.active, nowMs, this.#config, this.#jitterMs, nowMs)) this.#roll();
  }

  offsetForTimestamp(timestamp: number, untilOffset: number): TimestampOffset | undefined {
    return findTimestamp(this.#timeScope(untilOffset), timestamp);
  }

  offsetOfMaxTimestamp(untilOffset: number): TimestampOffset | undefined {
    return findMaxTimestamp(this.#timeScope(untilOffset));
  }

  endOffsetForEpoch(epoch: number): { readonly epoch: number; readonly endOffset: number } | undefined {
    return this.#epochs.endOffsetFor(epoch, this.#endOffset);
  }

  epochAt(offset: number): number {
    return this.#epochs.spanAt(offset).epoch;
  }

  assignEpoch(epoch: number, startOffset: number): void {
    this.#epochs.assign(epoch, startOffset);
  }

  /** Makes the epochs file durable, before the recovery point on disk moves. False when that must stay: the log has failed. */
  writeEpochs(): boolean {
    if (!this.#durability.isUsable) return false;
    this.#epochs.write();
    return true;
  }

  beginCleaning(request: CleaningRequest): Cleaning | undefined {
    this.#durability.demandUsable();
    return this.#compaction.begin(request);
  }

  fillWithout(tombstonesBelow: number): void {
    this.#durability.demandUsable();
    this.#compaction.fillWithout(tombstonesBelow, this.#endOffset);
  }

  configure(config: LogConfig): void {
    this.#config = config;
  }

  close(clean: boolean): void {
    if (this.#durability.isClosed) return;
    let isClean = false;
    this.#compaction.cancel();
    try {
      if (clean && this.#durability.isUsable) {
        this.#durability.touch(this.#segments.active, true);
        this.#observerState.save();
        this.#durability.syncNow();
        this.#epochs.write();
        isClean = true;
      }
    } finally {
      this.#durability.close();
      this.#segments.close();
      this.#options.owner.closed(this, isClean);
    }
  }

  /** What opening found that the last life may not have made durable. */
  #makeDurable(unsynced: readonly Segment[]): void {
    const { recoveryPoint, clean } = this.#options;
    for (const segment of unsynced) {
      segment.writeAgain(recoveryPoint);
      this.#durability.touch(segment, segment !== this.#segments.active);
    }
    this.#observerState.removeStrays();
    if (!clean) this.#observerState.writeAgain(recoveryPoint);
    if (unsynced.length > 0 || this.#durability.folderIsDirty) this.#durability.syncNow();
    this.#observerState.restore();
  }

  /** Writes the new start down. On a full disk that takes the room of indexes that are about to go anyway. */
  #moveStart(offset: number): void {
    try {
      this.#options.owner.startMoves(this, offset);
    } catch (error) {
      const leaving = this.#segments.all.slice(0, this.#segments.indexOf(offset));
      if (!isFull(error) || leaving.length === 0) throw error;
      for (const segment of leaving) segment.emptyIndexes();
      this.#options.owner.startMoves(this, offset);
    }
    this.#startOffset = offset;
  }

  /** Seals the active segment and begins the next one at the log's end. On a full disk it can be tried again. */
  #roll(): void {
    this.#durability.orFailUnlessFull(() => {
      this.#durability.touch(this.#segments.active, true);
      this.#observerState.save();
      this.#begin(this.#endOffset);
      this.#durability.rolled();
    });
  }

  #begin(offset: number): void {
    const segment = new Segment(this.#context, offset, true);
    this.#segments.push(segment);
    this.#durability.touch(segment, false);
    this.#jitterMs = drawJitterMs(this.#config, this.#options.random);
  }

  #timeScope(untilOffset: number): TimeScope {
    const until = Math.min(untilOffset, this.#endOffset);
    return { log: this.name, segments: this.#segments.all, startOffset: this.#startOffset, untilOffset: until };
  }
}
