/**
 * Kafka's `.index`: from offsets to places in the segment, one entry for every few KiB.
 *
 *     entry   relativeOffset i32 (last offset of a batch − base offset) · position i32 (where that batch begins)
 *
 * Entries rise in both. Whoever follows an entry checks that the batch is there, so that a damaged index is noticed.
 *
 * @module
 */
import { readInt32, writeInt32 } from "../lib/big_endian.ts";
import type { Disk } from "./disk.ts";
import { findLast, IndexFile } from "./index_file.ts";

const ENTRY_BYTES = 8;

/** The last offset of a batch, and where the batch begins. */
export interface OffsetPosition {
  readonly offset: number;
  readonly position: number;
}

/** The offset index of one segment. */
export class OffsetIndex {
  readonly file: IndexFile;
  readonly #baseOffset: number;
  readonly #entry = new Uint8Array(ENTRY_BYTES);

  constructor(disk: Disk, path: string, baseOffset: number) {
    this.file = new IndexFile(disk, path, ENTRY_BYTES);
    this.#baseOffset = baseOffset;
  }

  /** Whether another entry would make the file larger than `maxBytes` (segment.index.bytes). */
  isFull(maxBytes: number): boolean {
    return this.file.count >= Math.floor(maxBytes / ENTRY_BYTES);
  }

  append(lastOffset: number, position: number): void {
    writeInt32(this.#entry, 0, lastOffset - this.#baseOffset);
    writeInt32(this.#entry, 4, position);
    this.file.append(this.#entry);
  }

  /** The entry with the largest offset ≤ `offset`; the segment's beginning when there is none. */
  lookup(offset: number): OffsetPosition {
    const index = findLast(this.file.count, (index) => this.#at(index).offset <= offset);
    return index < 0 ? this.#beginning() : this.#at(index);
  }

  /** The last entry; the segment's beginning when there is none. */
  last(): OffsetPosition {
    return this.file.count === 0 ? this.#beginning() : this.#at(this.file.count - 1);
  }

  /** Drops the entries of batches that begin at or after `position`. */
  truncateTo(position: number): void {
    this.file.truncate(findLast(this.file.count, (index) => this.#at(index).position < position) + 1);
  }

  /** Drops everything. */
  clear(): void {
    this.file.truncate(0);
  }

  #at(index: number): OffsetPosition {
    this.file.read(index, this.#entry);
    return { offset: this.#baseOffset + readInt32(this.#entry, 0), position: readInt32(this.#entry, 4) };
  }

  #beginning(): OffsetPosition {
    return { offset: this.#baseOffset, position: 0 };
  }
}
