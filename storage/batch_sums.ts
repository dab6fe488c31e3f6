/**
 * Sums of the batches that this process has written, taken from memory as they were written.
 *
 * Every read is checked, and a batch carries its own CRC-32C; but the sum that the runtime computes natively (CRC-32, from zlib)
 * is twenty times as fast, and covers the header too. So what was written in this life is checked by the sum kept here, and the
 * rest by what the batch says of itself.
 *
 * Invariant: forgetting a sum costs time, never safety.
 *
 * @module
 */
import { crc32 } from "../protocol/compression/zlib.ts";

/** Smaller batches are checked by their own CRC: a sum would take more room than it saves time. */
const SUMMED_BYTES_MIN = 1024;
/** Sums kept of one segment, in 256 KiB; the older half is forgotten when there would be more. */
const SUMS_MAX = 32_768;

/** The sums of one segment's batches, by where they begin. */
export class BatchSums {
  #positions = new Uint32Array(16);
  #sums = new Uint32Array(16);
  #count = 0;

  /** Remembers a batch that is written at `position`, after those remembered before. */
  remember(position: number, batch: Uint8Array): void {
    if (batch.length < SUMMED_BYTES_MIN) return;
    if (this.#count === this.#positions.length) this.#makeRoom();
    this.#positions[this.#count] = position;
    this.#sums[this.#count++] = crc32(batch);
  }

  /** Whether a batch is still what was written at `position`; undefined when that is not known. */
  matches(position: number, batch: Uint8Array): boolean | undefined {
    const index = this.#find(position);
    return index < 0 ? undefined : this.#sums[index] === crc32(batch);
  }

  /** Forgets what begins at or after `position`, or reaches past it. */
  truncateTo(position: number): void {
    while (this.#count > 0 && this.#positions[this.#count - 1]! >= position) this.#count--;
    if (this.#count > 0) this.#count--; // the last one before may have been cut in two
  }

  #find(position: number): number {
    let low = 0;
    let high = this.#count - 1;
    while (low <= high) {
      const middle = (low + high) >>> 1;
      const found = this.#positions[middle]!;
      if (found === position) return middle;
      if (found < position) low = middle + 1;
      else high = middle - 1;
    }
    return -1;
  }

  #makeRoom(): void {
    if (this.#count < SUMS_MAX) {
      this.#positions = grown(this.#positions);
      this.#sums = grown(this.#sums);
      return;
    }
    const half = this.#count >>> 1;
    this.#positions.copyWithin(0, half);
    this.#sums.copyWithin(0, half);
    this.#count -= half;
  }
}

function grown(values: Uint32Array<ArrayBuffer>): Uint32Array<ArrayBuffer> {
  const larger = new Uint32Array(values.length * 2);
  larger.set(values);
  return larger;
}
