/**
 * Steps through the batches of a segment file by their headers, and says where and why they stop making sense.
 *
 * The first 21 bytes of a batch lie outside its CRC, so offset, size and epoch are judged by their neighbours: a batch
 * begins where the one before it ended, and its leader epoch is no older.
 *
 * @module
 */
import {
  baseOffsetOf,
  type BatchHeader,
  crcMatches,
  lastOffsetDeltaOf,
  MAGIC_V2,
  magicOf,
  partitionLeaderEpochOf,
  readBatchHeader,
  recordCountOf,
  RECORDS,
  sizeInBytesOf,
} from "../protocol/batch.ts";
import type { DiskFile } from "./disk.ts";

/** For an offset that is not known beforehand: anything goes. */
export const ANY_OFFSET = -1;

const UNREADABLE = new Set(["InvalidBatchError", "CompressionError"]);

/** Whether a batch whose bytes are as they were written cannot be read all the same. */
export function isUnreadable(error: unknown): error is Error {
  return error instanceof Error && UNREADABLE.has(error.name);
}

/**
 * What is wrong with the batch at a place, as a clause; `undefined` when its header is plausible. The bytes need to hold
 * the header only (61 bytes); the CRC is not looked at.
 *
 * @param remaining bytes from the batch's start to the end of the segment
 * @param expectedOffset where the batch before it ended, or {@linkcode ANY_OFFSET}
 * @param minEpoch the epoch of the batch before it
 */
export function problemOf(
  bytes: Uint8Array,
  at: number,
  remaining: number,
  expectedOffset: number,
  minEpoch: number,
): string | undefined {
  if (magicOf(bytes, at) !== MAGIC_V2) return `has magic ${magicOf(bytes, at)} where 2 must be`;
  const size = sizeInBytesOf(bytes, at);
  if (size < RECORDS || size > remaining) return `says it takes ${size} bytes where ${remaining} are left`;
  const baseOffset = baseOffsetOf(bytes, at);
  if (expectedOffset === ANY_OFFSET ? !Number.isSafeInteger(baseOffset) : baseOffset !== expectedOffset) {
    return `has base offset ${baseOffset} where ${expectedOffset} must follow`;
  }
  const lastOffsetDelta = lastOffsetDeltaOf(bytes, at);
  const recordCount = recordCountOf(bytes, at);
  if (lastOffsetDelta < 0 || recordCount < 0 || recordCount > lastOffsetDelta + 1) {
    return `says it holds ${recordCount} records up to offset delta ${lastOffsetDelta}`;
  }
  const epoch = partitionLeaderEpochOf(bytes, at);
  return epoch < minEpoch ? `has leader epoch ${epoch} after ${minEpoch}` : undefined;
}

/** Where to scan, and what is known of what is there. */
export interface ScanOptions {
  /** Where a batch begins. */
  readonly from: number;
  /** Where the segment ends. */
  readonly to: number;
  /** Offset that the first batch must have. @default any */
  readonly expectedOffset?: number;
  /** The least leader epoch that the first batch may have. @default -1 */
  readonly epoch?: number;
  /** Batches that end at or above this offset have their CRC checked. @default none */
  readonly verifyFrom?: number;
  /** Bytes that are read at once. @default 16 KiB */
  readonly chunkBytes?: number;
}

/**
 * A cursor over the batches of a file. After a {@linkcode BatchScanner.next} that answered true, `position` and `header`
 * describe a batch; after false, `problem` says what is wrong at `position`, if anything is.
 */
export class BatchScanner {
  readonly #file: DiskFile;
  readonly #to: number;
  readonly #verifyFrom: number;
  #buffer: Uint8Array;
  #bufferAt = 0;
  #buffered = 0;
  #next: number;
  #header: BatchHeader | undefined;

  /** Where the batch begins in the file; after the last one, where the sound bytes end. */
  position: number;
  /** The offset that must come next. */
  nextOffset: number;
  /** The leader epoch of the last sound batch. */
  epoch: number;
  /** Why the scan stopped before the end; undefined when it did not. */
  problem: string | undefined;

  constructor(file: DiskFile, options: ScanOptions) {
    this.#file = file;
    this.#to = options.to;
    this.#verifyFrom = options.verifyFrom ?? Number.MAX_SAFE_INTEGER;
    this.#buffer = new Uint8Array(options.chunkBytes ?? 16 * 1024);
    this.#next = this.position = options.from;
    this.nextOffset = options.expectedOffset ?? ANY_OFFSET;
    this.epoch = options.epoch ?? -1;
  }

  /** The batch under the cursor. Its `at` is not a place in the file: that is `position`. */
  get header(): BatchHeader {
    return this.#header!;
  }

  /** The bytes of the batch under the cursor, a view until the next step. The whole of it must be there: see `verifyFrom`. */
  get batch(): Uint8Array {
    const { sizeInBytes } = this.header;
    const at = this.#load(sizeInBytes) ?? 0;
    return this.#buffer.subarray(at, at + sizeInBytes);
  }

  /** Offset of the last record of the batch under the cursor. */
  get lastOffset(): number {
    return this.nextOffset - 1;
  }

  /** Steps to the next batch; false at the end and at the first batch that is not sound. */
  next(): boolean {
    this.position = this.#next;
    this.#header = undefined;
    if (this.position >= this.#to || this.problem !== undefined) return false;
    this.problem = this.#judge();
    return this.problem === undefined;
  }

  #judge(): string | undefined {
    const remaining = this.#to - this.position;
    if (remaining < RECORDS) return `is cut off: ${remaining} bytes are left where a header takes ${RECORDS}`;
    let at = this.#load(RECORDS);
    if (at === undefined) return "is cut off by the end of the file";
    const problem = problemOf(this.#buffer, at, remaining, this.nextOffset, this.epoch);
    if (problem !== undefined) return problem;
    const lastOffset = baseOffsetOf(this.#buffer, at) + lastOffsetDeltaOf(this.#buffer, at);
    const size = sizeInBytesOf(this.#buffer, at);
    if (lastOffset >= this.#verifyFrom) {
      at = this.#load(size);
      if (at === undefined) return "is cut off by the end of the file";
      if (!crcMatches(this.#buffer, at)) return "does not match its CRC";
    }
    let header: BatchHeader;
    try {
      header = readBatchHeader(this.#buffer, at, Infinity);
    } catch (error) {
      return `is not readable: ${(error as Error).message}`;
    }
    this.#header = header;
    this.#next = this.position + size;
    this.nextOffset = lastOffset + 1;
    this.epoch = header.partitionLeaderEpoch;
    return undefined;
  }

  /** Sees to it that `length` bytes from the cursor are in the buffer; where they begin there. */
  #load(length: number): number | undefined {
    const at = this.position - this.#bufferAt;
    if (at >= 0 && at + length <= this.#buffered) return at;
    if (length > this.#buffer.length) this.#buffer = new Uint8Array(Math.max(length, this.#buffer.length * 2));
    this.#bufferAt = this.position;
    const wanted = Math.min(this.#buffer.length, this.#to - this.position);
    this.#buffered = this.#file.read(this.position, this.#buffer.subarray(0, wanted));
    return length <= this.#buffered ? 0 : undefined;
  }
}
