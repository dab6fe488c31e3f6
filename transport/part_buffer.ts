/**
 * Bytes of a known number that come piece by piece, into a buffer that grows as they come.
 *
 * Invariant: at most four times as much is allocated as has come, or 1 MiB.
 *
 * @module
 */

const FIRST_BYTES = 1 << 20;

/** One byte array on its way. */
export class PartBuffer {
  readonly #size: number;
  #bytes: Uint8Array<ArrayBuffer>;
  #filled = 0;

  constructor(size: number) {
    this.#size = size;
    this.#bytes = new Uint8Array(Math.min(size, FIRST_BYTES));
  }

  get missingBytes(): number {
    return this.#size - this.#filled;
  }

  /** Where the next bytes belong; not empty while some are missing. */
  space(): Uint8Array<ArrayBuffer> {
    if (this.#filled === this.#bytes.length && this.#filled < this.#size) {
      const grown = new Uint8Array(Math.min(this.#size, this.#bytes.length * 4));
      grown.set(this.#bytes);
      this.#bytes = grown;
    }
    return this.#bytes.subarray(this.#filled);
  }

  /** Says that `count` bytes have been put at the beginning of {@linkcode PartBuffer.space}. */
  filled(count: number): void {
    this.#filled += count;
  }

  /** Takes what is missing from between two places of `source`; returns how many bytes it took. */
  feed(source: Uint8Array, start: number, end: number): number {
    let at = start;
    while (at < end && this.#filled < this.#size) {
      const space = this.space();
      const piece = source.subarray(at, Math.min(end, at + space.length));
      space.set(piece);
      this.#filled += piece.length;
      at += piece.length;
    }
    return at - start;
  }

  /** All of it, in a buffer of its own that nobody else has. */
  bytes(): Uint8Array<ArrayBuffer> {
    return this.#bytes;
  }
}
