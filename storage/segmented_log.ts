/**
 * The log of one partition, in segments on a disk.
 *
 *     append ──▶ active segment ──roll──▶ sealed … sealed ──retain, advanceStart──▶ gone
 *                     │ flush (group commit): active, sealed meanwhile, their indexes, the folder
 *                     ▼
 *               flushedOffset moves
 *
 * Invariants: the last segment is the active one; a segment begins where the one before it ends; what lies below the
 * recovery point on disk is durable, so that point falls, durably, before anything above its new place is cut; the start
 * moves, durably, before anything below it is removed; after a failed write or sync nothing more is written.
 *
 * @module
 */
import type { Settle } from "../lib/env.ts";
import type { BufferPool } from "../lib/buffer_pool.ts";
import type { Random } from "../lib/prng.ts";
import {
  baseOffsetOf,
  lastOffsetOf,
  maxTimestampOf,
  NO_TIMESTAMP,
  partitionLeaderEpochOf,
  recordCountOf,
  sizeInBytesOf,
} from "../protocol/batch.ts";
import { assert } from "../lib/assert.ts";
import { choose } from "./cleaner/choosing.ts";
import { LogCleaning } from "./cleaner/cleaner.ts";
import { swapIn } from "./cleaner/swap.ts";
import type { Cleaning, CleaningRequest } from "./cleaning.ts";
import { type Disk, DiskError } from "./disk.ts";
import { EpochCache } from "./epoch_cache.ts";
import { closedError, GroupCommit } from "./group_commit.ts";
import type { HandlePool } from "./handle_pool.ts";
import { readSegment } from "./log_reader.ts";
import type { Log, LogConfig, LogObserver, LogRead, RecoveryReport, TimestampOffset } from "./log.ts";
import { recoverSegments } from "./recovery.ts";
import { corruptLog, Segment, type SegmentContext } from "./segment.ts";
import { Snapshots } from "./snapshots.ts";
import { findMaxTimestamp, findTimestamp, type TimeScope } from "./time_lookup.ts";

/** Whoever keeps the checkpoints that speak of a log. */
export interface LogOwner {
  /** What is at and above `offset` is about to be cut: the recovery point on disk must not be above it on return. */
  recoveryPointFalls(log: SegmentedLog, offset: number): void;
  /** What is below the log's start is about to be removed: the start on disk must be `offset` on return. */
  startMoves(log: SegmentedLog, offset: number): void;
  /** What is below `offset`, and nothing else, has been cleaned: so on disk on return. */
  cleanedMoves(log: SegmentedLog, offset: number): void;
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
  /** Below it the log was cleaned. */
  readonly cleanedTo: number;
}

const NOTHING: LogRead = { bytes: new Uint8Array(0) };
const SEGMENT_BYTES_LIMIT = 0x7fffffff;
const RELATIVE_OFFSET_LIMIT = 0x7fffffff;
const READ_ENDS = 64;

/** A log on a disk. */
export class SegmentedLog implements Log {
  readonly name: string;
  readonly topicId: string;
  readonly observer: LogObserver;
  /** What opening it found. */
  readonly recovery: RecoveryReport;
  readonly #options: SegmentedLogOptions;
  readonly #epochs: EpochCache;
  readonly #snapshots: Snapshots;
  readonly #commit: GroupCommit;
  readonly #context: SegmentContext;
  /** Where recent reads ended, which is where the next ones begin: they need no index. */
  readonly #readEnds = new Map<number, { readonly segment: Segment; readonly position: number }>();
  #config: LogConfig;
  #segments: Segment[];
  #startOffset: number;
  #endOffset: number;
  #flushedOffset: number;
  #sizeInBytes: number;
  #bytesSinceFlush = 0;
  #rolledSinceFlush = false;
  #folderIsDirty = false;
  #jitterMs = 0;
  #cleanedTo: number;
  #cleaning: LogCleaning | undefined;
  #closed = false;

  /**
   * Opens the log and recovers what a crash left.
   *
   * @throws {CorruptLogError} something below the recovery point is damaged or missing
   * @throws {DiskError}
   */
  constructor(options: SegmentedLogOptions) {
    const { disk, name } = options;
    this.#options = options;
    this.name = name;
    this.topicId = options.topicId;
    this.observer = options.observer;
    this.#config = options.config;
    this.#epochs = new EpochCache(disk, `${name}/leader-epoch-checkpoint`);
    this.#snapshots = new Snapshots(disk, name);
    this.#commit = new GroupCommit({ begin: () => this.#beginSync(), durable: (mark) => this.#moveFlushed(mark) });
    this.#context = {
      disk,
      folder: name,
      pool: options.pool,
      isPinned: (file) => this.#commit.isPinned(file),
      indexIntervalBytes: () => this.#config.indexIntervalBytes,
    };
    const found = recoverSegments({ ...options, context: this.#context, epochs: this.#epochs });
    this.recovery = { cutBytes: found.cutBytes, cutReason: found.cutReason };
    this.#segments = found.segments;
    this.#startOffset = found.startOffset;
    this.#endOffset = this.#flushedOffset = found.endOffset;
    this.#sizeInBytes = found.segments.reduce((sum, { size }) => sum + size, 0);
    this.#cleanedTo = options.cleanedTo;
    this.#forgetCleaned(this.#endOffset);
    for (const segment of found.unsynced) {
      segment.writeAgain(options.recoveryPoint);
      this.#touch(segment, segment !== this.#active);
    }
    this.#removeStraySnapshots();
    if (!options.clean) this.#keepSnapshots(options.recoveryPoint);
    if (found.unsynced.length > 0 || this.#folderIsDirty) this.#syncNow();
    this.#restoreObserver();
  }

  get startOffset(): number {
    return this.#startOffset;
  }

  get endOffset(): number {
    return this.#endOffset;
  }

  get flushedOffset(): number {
    return this.#flushedOffset;
  }

  get sizeInBytes(): number {
    return this.#sizeInBytes;
  }

  get cleanedTo(): number {
    return this.#cleanedTo;
  }

  get latestEpoch(): number {
    return this.#epochs.latest;
  }

  /** How many segments there are, the active one included. */
  get segmentCount(): number {
    return this.#segments.length;
  }

  get #active(): Segment {
    return this.#segments[this.#segments.length - 1]!;
  }

  append(batches: Uint8Array, nowMs: number): void {
    this.#demandUsable();
    const { lastOffset, maxTimestamp } = this.#demandSequel(batches);
    if (this.#isRollDue(batches.length, lastOffset, maxTimestamp, nowMs)) this.#roll();
    const segment = this.#active;
    const position = segment.size;
    try {
      segment.append(batches);
    } catch (error) {
      if (!isFull(error)) this.#commit.fail(error as Error);
      throw error;
    }
    this.#commit.touch(segment.file);
    segment.createdMs ??= nowMs;
    this.#endOffset = lastOffset + 1;
    this.#sizeInBytes += batches.length;
    this.#bytesSinceFlush += batches.length;
    this.#orFail(() => {
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
    const segment = this.#segments[this.#indexOf(offset)]!;
    const known = this.#readEnds.get(offset);
    const position = known?.segment === segment ? known.position : segment.locate(offset);
    if (position >= segment.size) {
      throw corruptLog(this.name, segment.path, position, `with offset ${offset} is missing`);
    }
    const { bytes, nextOffset, nextPosition } = readSegment({
      buffers: this.#options.buffers,
      log: this.name,
      segment,
      epochs: this.#epochs,
      position,
      expectedOffset: known?.segment === segment ? offset : -1,
      untilOffset: limit,
      maxBytes,
      minOneBatch,
    });
    if (bytes.length > 0) this.#rememberReadEnd(nextOffset, segment, nextPosition);
    return { bytes };
  }

  flush(done: Settle<void>): void {
    if (this.#closed) return done({ ok: false, error: closedError(this.name) });
    this.#commit.flush(done);
  }

  truncateTo(offset: number): void {
    this.#demandUsable();
    if (offset >= this.#endOffset) return this.#epochs.truncateFromEnd(offset); // one may begin at the end
    if (offset < this.#startOffset) return this.restartAt(offset);
    const index = this.#indexOf(offset);
    const segment = this.#segments[index]!;
    const position = segment.locate(offset);
    const cut = segment.scannerFrom(position);
    const newEnd = cut.next() ? cut.header.baseOffset : offset;
    if (newEnd < this.#startOffset) return this.restartAt(offset);
    this.#cleaning?.cancel();
    this.#forgetCleaned(newEnd);
    this.#options.owner.recoveryPointFalls(this, newEnd);
    this.#orFail(() => {
      for (const later of this.#segments.splice(index + 1).reverse()) this.#remove(later);
      this.#sizeInBytes -= segment.size - position;
      segment.truncateTo(position, newEnd);
      this.#commit.touch(segment.file);
      this.#readEnds.clear();
      this.#endOffset = newEnd;
      this.#epochs.truncateFromEnd(newEnd);
      this.#removeStraySnapshots();
      this.#folderIsDirty = true;
      this.#syncNow();
      this.#restoreObserver();
    });
  }

  restartAt(offset: number): void {
    this.#demandUsable();
    this.#cleaning?.cancel();
    this.#forgetCleaned(offset);
    this.#options.owner.recoveryPointFalls(this, offset);
    this.#options.owner.startMoves(this, offset);
    this.#orFail(() => {
      for (const segment of this.#segments.splice(0).reverse()) this.#remove(segment);
      this.#snapshots.remove(() => true);
      this.#options.disk.syncFolder(this.name);
      this.#begin(offset);
      this.#readEnds.clear();
      this.#startOffset = this.#endOffset = offset;
      this.#epochs.clear();
      this.#syncNow();
      this.observer.load(undefined, offset);
    });
  }

  advanceStart(offset: number): void {
    this.#demandUsable();
    if (offset <= this.#startOffset) return;
    if (offset > this.#endOffset) {
      throw new RangeError(`${this.name} cannot begin at ${offset}: it ends at ${this.#endOffset}.`);
    }
    if (this.#indexOf(offset) > 0) this.#cleaning?.cancel();
    this.#moveStart(offset);
    this.#orFail(() => {
      for (const segment of this.#segments.splice(0, this.#indexOf(offset))) this.#remove(segment);
      this.#epochs.truncateFromStart(offset);
      const first = this.#segments[0]!.baseOffset;
      this.#snapshots.remove((snapshot) => snapshot < first);
    });
  }

  retain(retentionMs: number, retentionBytes: number, untilOffset: number, nowMs: number): number {
    this.#demandUsable();
    let size = this.#sizeInBytes;
    let count = 0;
    for (const segment of this.#segments) {
      const end = this.#segments[count + 1]?.baseOffset ?? this.#endOffset;
      if (end > untilOffset || segment.size === 0) break;
      const isTooOld = retentionMs >= 0 && nowMs - this.#latestMs(count, nowMs) > retentionMs;
      const isTooMuch = retentionBytes >= 0 && size - segment.size >= retentionBytes;
      if (!isTooOld && !isTooMuch) break;
      size -= segment.size;
      count++;
    }
    if (count === 0) return 0;
    if (count === this.#segments.length) this.#roll();
    const before = this.#segments.length;
    this.advanceStart(this.#segments[count]!.baseOffset);
    return before - this.#segments.length;
  }

  /** The time of a segment's newest record. One whose records say nothing, or are gone, is as old as the next that knows. */
  #latestMs(index: number, nowMs: number): number {
    for (const segment of this.#segments.slice(index)) {
      if (segment.latest.timestamp >= 0) return segment.latest.timestamp;
      if (segment.createdMs !== undefined) return segment.createdMs;
    }
    return nowMs;
  }

  rollIfDue(nowMs: number): void {
    this.#demandUsable();
    if (this.#isOlderThanSegmentMs(nowMs, nowMs)) this.#roll();
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
    if (this.#commit.failure !== undefined || this.#closed) return false;
    this.#epochs.write();
    return true;
  }

  beginCleaning(request: CleaningRequest): Cleaning | undefined {
    this.#demandUsable();
    if (this.#cleaning !== undefined) return undefined;
    const cleanable = choose({
      segments: this.#segments,
      startOffset: this.#startOffset,
      flushedOffset: this.#flushedOffset,
      cleanedTo: this.#cleanedTo,
    }, request);
    if (cleanable === undefined) return undefined;
    return this.#cleaning = new LogCleaning(
      {
        name: this.name,
        context: this.#context,
        segmentBytes: () => Math.min(this.#config.segmentBytes, SEGMENT_BYTES_LIMIT),
        epochAt: (offset) => this.epochAt(offset),
        cleanedTo: () => this.#cleanedTo,
        putInPlace: (old, cleaned) => this.#putInPlace(old, cleaned),
        cleaned: (to) => {
          this.#options.owner.cleanedMoves(this, to);
          this.#cleanedTo = to;
        },
        over: () => this.#cleaning = undefined,
      },
      cleanable,
      request,
    );
  }

  configure(config: LogConfig): void {
    this.#config = config;
  }

  close(clean: boolean): void {
    if (this.#closed) return;
    let isClean = false;
    this.#cleaning?.cancel();
    try {
      if (clean && this.#commit.failure === undefined) {
        this.#touch(this.#active, true);
        this.#commit.touchAndClose(this.#snapshots.save(this.#endOffset, this.observer.snapshot()));
        this.#syncNow();
        this.#epochs.write();
        isClean = true;
      }
    } finally {
      this.#commit.fail(closedError(this.name));
      this.#closed = true;
      for (const segment of this.#segments) segment.close();
      this.#options.owner.closed(this, isClean);
    }
  }

  /** What is from `offset` on is about to go, and what comes in its place has not been cleaned. */
  #forgetCleaned(offset: number): void {
    if (this.#cleanedTo <= offset) return;
    this.#options.owner.cleanedMoves(this, offset);
    this.#cleanedTo = offset;
  }

  /** One segment takes the place of some, with the same offsets. An error leaves it to the next opening which of them are there. */
  #putInPlace(old: readonly Segment[], cleaned: Segment): void {
    this.#demandUsable();
    const first = this.#segments.indexOf(old[0]!);
    const end = this.#segments[first + old.length]!.baseOffset;
    assert(
      first >= 0 && end <= this.#flushedOffset,
      `${this.name}: what is put in place must be below its durable end.`,
    );
    cleaned.close();
    this.#orFail(() => {
      for (const segment of old) {
        for (const file of segment.handles()) this.#commit.forget(file);
        segment.close();
        this.#sizeInBytes -= segment.size;
      }
      this.#swap(old.map(({ baseOffset }) => baseOffset));
      const segment = new Segment(this.#context, cleaned.baseOffset);
      this.#segments.splice(first, old.length, segment);
      this.#sizeInBytes += segment.size;
      this.#readEnds.clear();
      this.#snapshots.remove((offset) => offset > segment.baseOffset && offset < end);
    });
  }

  /** A disk that is full in the middle of it has failed like any other: nobody knows which files are there. */
  #swap(bases: readonly number[]): void {
    try {
      swapIn(this.#options.disk, this.name, bases);
    } catch (error) {
      if (!isFull(error)) throw error;
      const message = `${this.name} was being cleaned when its disk was full. ${(error as Error).message}`;
      throw new DiskError("EIO", this.name, message, { cause: error });
    }
  }

  /** Writes the new start down. On a full disk that takes the room of indexes that are about to go anyway. */
  #moveStart(offset: number): void {
    try {
      this.#options.owner.startMoves(this, offset);
    } catch (error) {
      const leaving = this.#segments.slice(0, this.#indexOf(offset));
      if (!isFull(error) || leaving.length === 0) throw error;
      for (const segment of leaving) segment.emptyIndexes();
      this.#options.owner.startMoves(this, offset);
    }
    this.#startOffset = offset;
  }

  #moveFlushed(mark: number): void {
    const bytes = this.#bytesSinceFlush;
    this.#flushedOffset = mark;
    this.#bytesSinceFlush = 0;
    const rolled = this.#rolledSinceFlush;
    this.#rolledSinceFlush = false;
    this.#options.owner.flushed(this, bytes, rolled);
  }

  #beginSync(): number {
    this.#syncFolder();
    return this.#endOffset;
  }

  #syncFolder(): void {
    if (!this.#folderIsDirty) return;
    this.#options.disk.syncFolder(this.name);
    this.#folderIsDirty = false;
  }

  #syncNow(): void {
    this.#syncFolder(); // first: the other settles those who wait
    this.#commit.syncNow();
    this.#flushedOffset = this.#endOffset;
    this.#bytesSinceFlush = 0;
    this.#rolledSinceFlush = false;
  }

  /** Seals the active segment and begins the next one at the log's end. On a full disk it can be tried again. */
  #roll(): void {
    try {
      this.#touch(this.#active, true);
      this.#commit.touchAndClose(this.#snapshots.save(this.#endOffset, this.observer.snapshot()));
      this.#begin(this.#endOffset);
      this.#rolledSinceFlush = true;
    } catch (error) {
      if (!isFull(error)) this.#commit.fail(error as Error);
      throw error;
    }
  }

  #begin(offset: number): void {
    const segment = new Segment(this.#context, offset, true);
    this.#segments.push(segment);
    this.#commit.touch(segment.file);
    this.#folderIsDirty = true;
    const jitterMs = Math.min(this.#config.segmentJitterMs, this.#config.segmentMs, 0xffffffff);
    this.#jitterMs = jitterMs > 0 ? this.#options.random.below(jitterMs) : 0;
  }

  /** A segment's files are to be made durable; its indexes too when they are to be `complete`. */
  #touch(segment: Segment, complete: boolean): void {
    this.#commit.touch(segment.file);
    if (complete) { for (const file of segment.seal()) this.#commit.touch(file); }
    this.#folderIsDirty = true;
  }

  #remove(segment: Segment): void {
    this.#sizeInBytes -= segment.size;
    for (const file of segment.handles()) this.#commit.forget(file);
    segment.remove();
  }

  #isRollDue(bytes: number, lastOffset: number, maxTimestamp: number, nowMs: number): boolean {
    const active = this.#active;
    if (active.size === 0) return false;
    return active.size + bytes > Math.min(this.#config.segmentBytes, SEGMENT_BYTES_LIMIT) ||
      lastOffset - active.baseOffset > RELATIVE_OFFSET_LIMIT ||
      active.indexIsFull(this.#config.segmentIndexBytes) ||
      this.#isOlderThanSegmentMs(maxTimestamp, nowMs);
  }

  /** By the first record's timestamp, as Kafka has it; by this process's clock when records carry none. */
  #isOlderThanSegmentMs(timestamp: number, nowMs: number): boolean {
    const active = this.#active;
    if (active.size === 0) return false;
    const first = active.firstTimestamp ?? -1;
    const waitedMs = first >= 0 ? timestamp - first : nowMs - (active.createdMs ??= nowMs);
    return waitedMs > this.#config.segmentMs - this.#jitterMs;
  }

  /** Batches must go on where the log ends; anything else is a bug of the caller. */
  #demandSequel(batches: Uint8Array): { readonly lastOffset: number; readonly maxTimestamp: number } {
    let next = this.#endOffset;
    let epoch = this.latestEpoch;
    let maxTimestamp = -1;
    for (let at = 0; at < batches.length;) {
      const size = sizeInBytesOf(batches, at);
      assert(size > 0 && at + size <= batches.length, `${this.name}: only whole batches can be appended.`);
      const baseOffset = baseOffsetOf(batches, at);
      assert(baseOffset === next, `${this.name}: a batch with offset ${baseOffset} cannot follow ${next - 1}.`);
      const batchEpoch = partitionLeaderEpochOf(batches, at);
      assert(batchEpoch >= epoch, `${this.name}: a batch of epoch ${batchEpoch} cannot follow one of epoch ${epoch}.`);
      epoch = batchEpoch;
      next = lastOffsetOf(batches, at) + 1;
      maxTimestamp = Math.max(maxTimestamp, maxTimestampOf(batches, at));
      at += size;
    }
    return { lastOffset: next - 1, maxTimestamp };
  }

  /** The number of the segment that contains `offset`. */
  #indexOf(offset: number): number {
    let low = 0;
    let high = this.#segments.length - 1;
    if (offset >= this.#segments[high]!.baseOffset) return high;
    while (low < high) {
      const middle = Math.ceil((low + high) / 2);
      if (this.#segments[middle]!.baseOffset <= offset) low = middle;
      else high = middle - 1;
    }
    return low;
  }

  #rememberReadEnd(offset: number, segment: Segment, position: number): void {
    this.#readEnds.delete(offset);
    this.#readEnds.set(offset, { segment, position });
    if (this.#readEnds.size <= READ_ENDS) return;
    for (const oldest of this.#readEnds.keys()) {
      this.#readEnds.delete(oldest);
      return;
    }
  }

  #timeScope(untilOffset: number): TimeScope {
    const until = Math.min(untilOffset, this.#endOffset);
    return { log: this.name, segments: this.#segments, startOffset: this.#startOffset, untilOffset: until };
  }

  /**
   * A snapshot above the log's end must be gone for good before other batches take the place of those that it sums up; one
   * below the first segment may sum up another history.
   */
  #removeStraySnapshots(): void {
    const first = this.#segments[0]!.baseOffset;
    const isStray = (offset: number) => offset > this.#endOffset || offset < first;
    if (this.#snapshots.remove(isStray) > 0) this.#folderIsDirty = true;
  }

  /** A snapshot that the last life had not synced yet must become durable before those are removed whose place it takes. */
  #keepSnapshots(recoveryPoint: number): void {
    for (const offset of this.#snapshots.offsets()) {
      if (offset >= recoveryPoint) this.#commit.touchAndClose(this.#snapshots.writeAgain(offset));
    }
  }

  /**
   * From the newest usable snapshot and all batches after it, those below the start that are still there included.
   *
   * Older segments can go only because the newest begins with a snapshot. If that is unusable, there is a new one now; of the
   * others those stay that segments begin with.
   */
  #restoreObserver(): void {
    const from = this.#snapshots.restore(this.observer, this.#segments[0]!.baseOffset, this.#endOffset);
    for (let offset = from, index = this.#indexOf(from); offset < this.#endOffset; index++) {
      const segment = this.#segments[index]!;
      const scanner = segment.scannerFrom(segment.locate(offset));
      while (scanner.next()) this.observer.recovered(scanner.header);
      if (scanner.problem !== undefined) throw corruptLog(this.name, segment.path, scanner.position, scanner.problem);
      offset = this.#segments[index + 1]?.baseOffset ?? this.#endOffset;
    }
    if (from < this.#active.baseOffset) {
      this.#commit.touchAndClose(this.#snapshots.save(this.#endOffset, this.observer.snapshot()));
      this.#folderIsDirty = true;
      this.#syncNow();
    }
    const bases = new Set(this.#segments.map(({ baseOffset }) => baseOffset));
    this.#snapshots.remove((offset) => offset < from && !bases.has(offset));
  }

  #demandUsable(): void {
    if (this.#closed) throw closedError(this.name);
    const failure = this.#commit.failure;
    if (failure === undefined) return;
    throw new DiskError(
      "EIO",
      this.name,
      `The log ${this.name} takes nothing more since its disk failed. ${failure.message}`,
      {
        cause: failure,
      },
    );
  }

  /** Half a change cannot be gone on with: an error in the middle ends the log. */
  #orFail(change: () => void): void {
    try {
      change();
    } catch (error) {
      this.#commit.fail(error as Error);
      throw error;
    }
  }
}

function isFull(error: unknown): boolean {
  return error instanceof DiskError && error.code === "ENOSPC";
}
