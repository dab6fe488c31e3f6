/**
 * Kafka's `.timeindex`: the largest timestamp so far, and the batch that has it.
 *
 *     entry   timestamp i64 · relativeOffset i32 (last offset of the batch with that timestamp − base offset)
 *
 * Entries rise in both. Before an entry's batch nothing has a larger timestamp. A sealed segment's last entry holds the
 * largest timestamp of the segment.
 *
 * @module
 */
import { readInt32, readInt64, writeInt32, writeInt64 } from "../lib/big_endian.ts";
import { NO_TIMESTAMP } from "../protocol/batch.ts";
import type { Disk } from "./disk.ts";
import { findLast, IndexFile } from "./index_file.ts";

const ENTRY_BYTES = 12;

/** A timestamp, and the last offset of the batch that has it. */
export interface TimestampPosition {
  readonly timestamp: number;
  readonly offset: number;
}

/** The time index of one segment. */
export class TimeIndex {
  readonly file: IndexFile;
  readonly #baseOffset: number;
  readonly #entry = new Uint8Array(ENTRY_BYTES);
  #lastTimestamp: number | undefined;

  constructor(disk: Disk, path: string, baseOffset: number) {
    this.file = new IndexFile(disk, path, ENTRY_BYTES);
    this.#baseOffset = baseOffset;
  }

  /** Whether only the place for the last entry is left below `maxBytes` (segment.index.bytes). */
  isFull(maxBytes: number): boolean {
    return this.file.count >= Math.floor(maxBytes / ENTRY_BYTES) - 1;
  }

  /** Adds an entry if its timestamp is larger than the last one's. */
  maybeAppend({ timestamp, offset }: TimestampPosition): void {
    this.#lastTimestamp ??= this.last().timestamp;
    if (timestamp <= this.#lastTimestamp) return;
    writeInt64(this.#entry, 0, timestamp);
    writeInt32(this.#entry, 8, offset - this.#baseOffset);
    this.file.append(this.#entry);
    this.#lastTimestamp = timestamp;
  }

  /** The entry with the largest timestamp ≤ `timestamp`; the segment's beginning when there is none. */
  lookup(timestamp: number): TimestampPosition {
    const index = findLast(this.file.count, (index) => this.#at(index).timestamp <= timestamp);
    return index < 0 ? this.#beginning() : this.#at(index);
  }

  /** The last entry; no timestamp at the segment's beginning when there is none. */
  last(): TimestampPosition {
    return this.file.count === 0 ? this.#beginning() : this.#at(this.file.count - 1);
  }

  /** Drops the entries of batches at and above `offset`. */
  truncateTo(offset: number): void {
    this.file.truncate(findLast(this.file.count, (index) => this.#at(index).offset < offset) + 1);
    this.#lastTimestamp = undefined;
  }

  /** Drops everything. */
  clear(): void {
    this.file.truncate(0);
    this.#lastTimestamp = undefined;
  }

  #at(index: number): TimestampPosition {
    this.file.read(index, this.#entry);
    return { timestamp: readInt64(this.#entry, 0), offset: this.#baseOffset + readInt32(this.#entry, 8) };
  }

  #beginning(): TimestampPosition {
    return { timestamp: NO_TIMESTAMP, offset: this.#baseOffset };
  }
}
