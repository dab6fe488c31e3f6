/**
 * One segment of a log: a file of batches with its two indexes.
 *
 *     00000000000000004711.log         batches, one after another, from offset 4711 on
 *     00000000000000004711.index       some offsets, and where their batches begin
 *     00000000000000004711.timeindex   some timestamps, and the offsets of their batches
 *
 * The log is the truth. An index is only ever a hint: what it points at is checked, and an index that is wrong is made anew.
 *
 * @module
 */
import { type BatchHeader, NO_TIMESTAMP } from "../protocol/batch.ts";
import { BatchScanner } from "./batch_scanner.ts";
import { BatchSums } from "./batch_sums.ts";
import { type Disk, DiskError, type DiskFile } from "./disk.ts";
import type { HandlePool, Pooled } from "./handle_pool.ts";
import { CorruptLogError } from "./log.ts";
import { OffsetIndex, type OffsetPosition } from "./offset_index.ts";
import { TimeIndex, type TimestampPosition } from "./time_index.ts";

/** What the segments of a log share. */
export interface SegmentContext {
  readonly disk: Disk;
  /** The log's folder, which is also its name. */
  readonly folder: string;
  readonly pool: HandlePool;
  /** Whether a file must stay open because it is not durable yet. */
  isPinned(file: DiskFile): boolean;
  /** index.interval.bytes */
  indexIntervalBytes(): number;
}

/** What a scan of a whole segment came to. */
export interface SegmentScan {
  /** Offset after the last sound batch. */
  readonly nextOffset: number;
  /** Leader epoch of the last sound batch. */
  readonly epoch: number;
  /** Where the sound batches end. */
  readonly position: number;
  /** What is wrong there; undefined when the segment is sound to its end. */
  readonly problem: string | undefined;
}

/** How to scan. */
export interface SegmentScanOptions {
  /** The leader epoch before the segment. @default -1 */
  readonly epoch?: number;
  /** Batches that end at or above this offset have their CRC checked. @default none */
  readonly verifyFrom?: number;
  /** Told of each sound batch. */
  readonly onBatch?: (header: BatchHeader) => void;
}

const WRITE_AGAIN_BYTES = 256 * 1024;

/** Kafka's name of a file that belongs to an offset: twenty digits. */
export function fileName(offset: number, suffix: string): string {
  return `${String(offset).padStart(20, "0")}.${suffix}`;
}

/** A segment of a log. */
export class Segment implements Pooled {
  readonly baseOffset: number;
  readonly path: string;
  /** Of the batches that were appended in this life. */
  readonly sums: BatchSums = new BatchSums();
  readonly #context: SegmentContext;
  #offsets: OffsetIndex;
  #times: TimeIndex;
  #file: DiskFile | undefined;
  #size: number;
  #bytesSinceEntry = 0;
  #latest: TimestampPosition | undefined;
  #firstTimestamp: number | undefined;

  /** When the first batch came, as far as this process knows; used where records carry no timestamp. */
  createdMs: number | undefined;

  /**
   * A segment that is there (its indexes need not be), or with `create` a new one.
   *
   * @param suffix what the names of its files end with, as long as it is not in its place
   */
  constructor(context: SegmentContext, baseOffset: number, create = false, suffix = "") {
    this.#context = context;
    this.baseOffset = baseOffset;
    const path = (kind: string) => `${context.folder}/${fileName(baseOffset, kind)}${suffix}`;
    this.path = path("log");
    this.#offsets = new OffsetIndex(context.disk, path("index"), baseOffset);
    this.#times = new TimeIndex(context.disk, path("timeindex"), baseOffset);
    if (create) this.#create();
    this.#size = context.disk.size(this.path) ?? 0;
  }

  /** Bytes of batches. */
  get size(): number {
    return this.#size;
  }

  /** The file of batches, opened if need be. */
  get file(): DiskFile {
    this.#context.pool.touch(this);
    return this.#file ??= this.#context.disk.open(this.path, { create: false });
  }

  /** Whether an index has reached `maxBytes` (segment.index.bytes). */
  indexIsFull(maxBytes: number): boolean {
    return this.#offsets.isFull(maxBytes) || this.#times.isFull(maxBytes);
  }

  /** The largest timestamp and the last offset of the first batch that has it; -1 when there is none. */
  get latest(): TimestampPosition {
    if (this.#latest === undefined) {
      const last = this.#times.last();
      const isTrue = this.#times.file.count > 0 ? this.#find(last) !== undefined : this.#size === 0;
      if (isTrue) this.#latest = last;
      else this.rebuildIndexes();
    }
    return this.#latest!;
  }

  /** The largest timestamp of the first batch; -1 when it has none, undefined when there is no batch. */
  get firstTimestamp(): number | undefined {
    if (this.#firstTimestamp === undefined && this.#size > 0) {
      const first = new BatchScanner(this.file, { from: 0, to: this.#size, chunkBytes: 64 });
      if (first.next()) this.#firstTimestamp = first.header.maxTimestamp;
    }
    return this.#firstTimestamp;
  }

  /** Writes bytes at the end, all or none. {@linkcode note} must follow for each batch. */
  append(bytes: Uint8Array): void {
    try {
      this.file.append(bytes);
    } catch (error) {
      this.file.truncate(this.#size);
      throw error;
    }
    this.#size += bytes.length;
  }

  /** Takes note of a batch that was appended or found: indexes it if it is time to. One without records has no timestamp. */
  note(position: number, sizeInBytes: number, lastOffset: number, maxTimestamp: number): void {
    if (position === 0) this.#firstTimestamp = maxTimestamp;
    if (this.#latest === undefined) this.#latest = this.#times.last();
    if (maxTimestamp > this.#latest.timestamp) this.#latest = { timestamp: maxTimestamp, offset: lastOffset };
    if (this.#bytesSinceEntry > this.#context.indexIntervalBytes()) {
      this.#offsets.append(lastOffset, position);
      this.#times.maybeAppend(this.#latest);
      this.#bytesSinceEntry = 0;
    }
    this.#bytesSinceEntry += sizeInBytes;
  }

  /**
   * Where the batch begins that contains `offset`, or the first after it; the segment's size when there is none.
   *
   * @throws {CorruptLogError} the batches on the way there make no sense
   */
  locate(offset: number): number {
    return this.#locate(offset) ?? (this.rebuildIndexes(), this.#locate(offset)) ?? this.#corrupt(0, "cannot be found");
  }

  /** Undefined when the index points at something else than it says. */
  #locate(offset: number): number | undefined {
    const entry = this.#offsets.lookup(offset);
    const scanner = entry.position === 0 ? this.scannerFrom(0) : this.#follow(entry);
    if (scanner === undefined) return undefined;
    if (entry.position !== 0 && entry.offset >= offset) return entry.position;
    while (scanner.next()) if (scanner.lastOffset >= offset) return scanner.position;
    if (scanner.problem !== undefined) this.#corrupt(scanner.position, scanner.problem);
    return this.#size;
  }

  /** A scanner that stands on the batch that an entry of the offset index speaks of; undefined when there is no such batch. */
  #follow(entry: OffsetPosition): BatchScanner | undefined {
    if (entry.position < 0 || entry.position >= this.#size) return undefined;
    const scanner = this.scannerFrom(entry.position);
    return scanner.next() && scanner.lastOffset === entry.offset ? scanner : undefined;
  }

  /**
   * Where to begin looking for records that are at least as late as `timestamp`: no record before that place is.
   *
   * @throws {CorruptLogError} as {@linkcode locate}
   */
  locateTime(timestamp: number): number {
    for (let attempt = 0; attempt < 2; attempt++) {
      const entry = this.#times.lookup(timestamp);
      const position = entry.timestamp < 0 ? 0 : this.#find(entry);
      if (position !== undefined) return position;
      this.rebuildIndexes();
    }
    return 0;
  }

  /** Where the batch begins that an entry of the time index speaks of; undefined when there is no such batch. */
  #find(entry: TimestampPosition): number | undefined {
    const isInside = entry.offset >= this.baseOffset && entry.offset - this.baseOffset <= 0x7fffffff;
    const position = isInside ? this.locate(entry.offset) : this.#size;
    const scanner = this.scannerFrom(position);
    const isThere = scanner.next() && scanner.lastOffset === entry.offset &&
      scanner.header.maxTimestamp === entry.timestamp;
    return isThere ? position : undefined;
  }

  /** A scanner from a place where a batch begins. */
  scannerFrom(from: number): BatchScanner {
    return new BatchScanner(this.file, {
      from,
      to: this.#size,
      ...(from === 0 ? { expectedOffset: this.baseOffset } : {}),
    });
  }

  /** Steps through the whole segment and makes its indexes anew. Stops at the first batch that is not sound. */
  scan(options: SegmentScanOptions = {}): SegmentScan {
    this.#offsets.clear();
    this.#times.clear();
    this.#bytesSinceEntry = 0;
    this.#latest = { timestamp: -1, offset: this.baseOffset };
    return this.#step(
      new BatchScanner(this.file, {
        from: 0,
        to: this.#size,
        expectedOffset: this.baseOffset,
        chunkBytes: 256 * 1024,
        epoch: options.epoch ?? -1,
        ...(options.verifyFrom === undefined ? {} : { verifyFrom: options.verifyFrom }),
      }),
      options,
    );
  }

  /** The same from the last index entry on, for a segment whose indexes can be trusted; undefined when they cannot. */
  scanTail(options: SegmentScanOptions = {}): SegmentScan | undefined {
    const entry = this.#offsets.last();
    const probe = entry.position === 0 ? undefined : this.#follow(entry);
    if (entry.position !== 0 && probe === undefined) return undefined;
    const expectedOffset = probe?.header.baseOffset ?? this.baseOffset;
    const last = this.#times.last();
    if (this.#times.file.count > 0 && this.#find(last) === undefined) return undefined;
    this.#offsets.truncateTo(entry.position); // it is noted again, and then counts the bytes from there
    this.#bytesSinceEntry = entry.position === 0 ? 0 : Number.MAX_SAFE_INTEGER;
    this.#latest = last;
    return this.#step(
      new BatchScanner(this.file, { from: entry.position, to: this.#size, expectedOffset, epoch: options.epoch ?? -1 }),
      options,
    );
  }

  #step(scanner: BatchScanner, options: SegmentScanOptions): SegmentScan {
    while (scanner.next()) {
      const { sizeInBytes, maxTimestamp, recordCount } = scanner.header;
      this.note(scanner.position, sizeInBytes, scanner.lastOffset, recordCount === 0 ? NO_TIMESTAMP : maxTimestamp);
      options.onBatch?.(scanner.header);
    }
    return {
      nextOffset: scanner.nextOffset,
      epoch: scanner.epoch,
      position: scanner.position,
      problem: scanner.problem,
    };
  }

  /**
   * Makes both indexes anew from the batches.
   *
   * @throws {CorruptLogError} the batches make no sense
   */
  rebuildIndexes(): void {
    const { problem, position } = this.scan();
    if (problem !== undefined) this.#corrupt(position, problem);
  }

  /** The offset after the last batch, by way of the last index entry; undefined when something on the way there is wrong. */
  findEnd(): number | undefined {
    const entry = this.#offsets.last();
    const scanner = entry.position === 0 ? this.scannerFrom(0) : this.#follow(entry);
    while (scanner?.next());
    return scanner?.problem === undefined ? scanner?.nextOffset : undefined;
  }

  /** Whether both index files are there, in one piece. */
  hasIndexes(): boolean {
    return [this.#offsets.file, this.#times.file].every(({ path, entryBytes }) => {
      const size = this.#context.disk.size(path);
      return size !== undefined && size % entryBytes === 0;
    });
  }

  /** Cuts off everything from `position` on, where the batch with `offset` begins. */
  truncateTo(position: number, offset: number): void {
    this.file.truncate(position);
    this.sums.truncateTo(position);
    this.#size = position;
    this.#offsets.truncateTo(position);
    this.#times.truncateTo(offset);
    const tail = this.scanTail();
    if (tail === undefined || tail.problem !== undefined) this.rebuildIndexes();
    if (position === 0) this.#firstTimestamp = this.createdMs = undefined;
  }

  /** Completes the index files and returns them; they are not durable yet. */
  seal(): DiskFile[] {
    if (this.#size > 0) this.#times.maybeAppend(this.latest);
    this.#context.pool.touch(this);
    return [this.#offsets.file.write(), this.#times.file.write()];
  }

  /**
   * Writes once more what lies from the batch with `offset` on, so that the next sync makes it durable whatever became of the last.
   *
   * After a sync that failed the system shows bytes that the disk does not have, calls them clean, and does nothing when they
   * are synced again. Whoever opens the file after that, in this process or another, cannot tell; so it does not trust them.
   */
  writeAgain(offset: number): void {
    const from = offset <= this.baseOffset ? 0 : this.locate(offset);
    const buffer = new Uint8Array(Math.min(WRITE_AGAIN_BYTES, this.#size - from));
    for (let at = from; at < this.#size; at += buffer.length) {
      const chunk = buffer.subarray(0, Math.min(buffer.length, this.#size - at));
      this.file.read(at, chunk);
      this.file.write(at, chunk);
    }
  }

  /** Gives the room of the indexes back; they are made anew when they are wanted. */
  emptyIndexes(): void {
    this.#offsets.clear();
    this.#times.clear();
    this.#latest = undefined;
  }

  /** The handles that are open. */
  handles(): DiskFile[] {
    return [this.#file, this.#offsets.file.handle, this.#times.file.handle].filter((file) => file !== undefined);
  }

  closeHandles(): boolean {
    if (this.handles().some((file) => this.#context.isPinned(file))) return false;
    this.#close();
    return true;
  }

  /** Gives the handles back for good. */
  close(): void {
    this.#context.pool.forget(this);
    this.#close();
  }

  /** Closes and removes the files. */
  remove(): void {
    this.close();
    for (const path of [this.#offsets.file.path, this.#times.file.path, this.path]) this.#context.disk.remove(path);
  }

  #create(): void {
    for (const stale of [this.#offsets.file, this.#times.file]) {
      if (this.#context.disk.size(stale.path) === undefined) continue;
      stale.truncate(0);
      stale.close();
    }
    this.#file = this.#context.disk.open(this.path, { create: true });
    if (this.#file.size() > 0) {
      throw new DiskError("EEXIST", this.path, `Cannot begin the segment ${this.path}: it is there and not empty.`);
    }
    this.#context.pool.touch(this);
  }

  #close(): void {
    this.#file?.close();
    this.#file = undefined;
    this.#offsets.file.close();
    this.#times.file.close();
  }

  #corrupt(position: number, problem: string): never {
    throw corruptLog(this.#context.folder, this.path, position, problem);
  }
}

/** The error for a batch that is not what was written. */
export function corruptLog(log: string, file: string, position: number, problem: string): CorruptLogError {
  const message = `The batch at byte ${position} of ${file} ${problem}. It was durable, so the disk has changed it; ` +
    `it must be restored from a replica or a backup.`;
  return new CorruptLogError(log, file, position, message);
}
