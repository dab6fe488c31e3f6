/**
 * Steps through the records of a batch without making anything: each step only says where the parts of a record lie.
 *
 *     length · attributes i8 · timestampDelta · offsetDelta · key · value · headerCount · {key · value} …
 *
 * All numbers are zigzag varints; a key or value is its length (-1: null) and its bytes. Validation, iteration, lookup and
 * compaction all step the same way, so a record that one of them accepts is whole for the others too.
 *
 * @module
 */

import { type Cursor, readSafeVarlong, readVarint, VarintError } from "../lib/varint.ts";
import { InvalidBatchError } from "./batch.ts";

/**
 * A cursor over plain (decompressed) records. After a {@linkcode RecordCursor.next} that answered true its fields
 * describe one record, and they hold until the next step.
 */
export class RecordCursor implements Cursor {
  readonly bytes: Uint8Array;
  at: number;
  readonly end: number;

  /** How many records have been stepped over, this one included. */
  count = 0;
  /** Where the record starts, at its length. */
  recordAt = 0;
  timestampDelta = 0;
  offsetDelta = 0;
  keyAt = 0;
  /** The key's size in bytes; -1 for no key. */
  keyLength = 0;
  valueAt = 0;
  /** The value's size in bytes; -1 for no value (a tombstone). */
  valueLength = 0;
  /** Where the first header starts, at the length of its key. */
  headersAt = 0;
  headerCount = 0;

  /** A cursor before the first of the records that fill `bytes[start..end)`. */
  constructor(bytes: Uint8Array, start = 0, end: number = bytes.length) {
    this.bytes = bytes;
    this.at = start;
    this.end = end;
  }

  /**
   * Steps to the next record; false when there is none.
   *
   * @throws {InvalidBatchError} (`INVALID_RECORD`) the record's parts do not fill its length exactly
   */
  next(): boolean {
    if (this.at >= this.end) return false;
    this.recordAt = this.at;
    try {
      this.#step();
    } catch (error) {
      if (error instanceof VarintError) throw this.#invalid(error.message);
      throw error;
    }
    this.count++;
    return true;
  }

  #step(): void {
    const length = readVarint(this);
    const recordEnd = this.at + length;
    if (length < 0 || recordEnd > this.end) {
      throw this.#invalid(`it says it has ${length} bytes, but ${this.end - this.at} are left`);
    }
    this.at++; // attributes, which mean nothing so far
    this.timestampDelta = readSafeVarlong(this);
    this.offsetDelta = readVarint(this);
    this.keyLength = readVarint(this);
    this.keyAt = this.at;
    this.#skip("key", this.keyLength, -1, recordEnd);
    this.valueLength = readVarint(this);
    this.valueAt = this.at;
    this.#skip("value", this.valueLength, -1, recordEnd);
    this.headerCount = readVarint(this);
    this.headersAt = this.at;
    if (this.headerCount !== 0) this.#skipHeaders(recordEnd);
    if (this.at !== recordEnd) throw this.#invalid(`its parts take ${this.at - recordEnd} bytes more than its length`);
  }

  #skipHeaders(recordEnd: number): void {
    const { headerCount } = this;
    if (headerCount < 0 || headerCount > recordEnd - this.at) {
      throw this.#invalid(`it says it has ${headerCount} headers, but ${recordEnd - this.at} bytes are left`);
    }
    for (let header = 0; header < headerCount; header++) {
      this.#skip("header key", readVarint(this), 0, recordEnd);
      this.#skip("header value", readVarint(this), -1, recordEnd);
    }
  }

  #skip(part: string, length: number, shortest: number, recordEnd: number): void {
    if (length < shortest || length > recordEnd - this.at) {
      throw this.#invalid(`its ${part} says it has ${length} bytes, but ${recordEnd - this.at} are left`);
    }
    if (length > 0) this.at += length;
  }

  #invalid(why: string): InvalidBatchError {
    return new InvalidBatchError("INVALID_RECORD", `Record ${this.count} of the batch is not well formed: ${why}`);
  }
}
