/**
 * Large buffers that are used again and again, so that the system need not map and clear new memory for each.
 *
 * ```text
 *   take ──▶ filled, passed on, sent ──give──▶ in the pool ──take──▶ …
 *                                        └ every view over it is detached: who still looks sees nothing, not another's bytes
 * ```
 *
 * Invariant: a buffer in the pool is reachable by nobody else, because giving it moves its memory into a new one.
 *
 * @module
 */

/** Smaller buffers are not worth keeping. */
const POOLED_BYTES_MIN: number = 64 << 10;

/** Buffers of at least {@linkcode POOLED_BYTES_MIN} bytes that are free. */
export class BufferPool {
  readonly #limitBytes: number;
  readonly #free: ArrayBuffer[] = [];
  #heldBytes = 0;

  /** @param limitBytes most bytes that are kept while nobody uses them */
  constructor(limitBytes: number) {
    this.#limitBytes = limitBytes;
  }

  /** Bytes kept at the moment. */
  get heldBytes(): number {
    return this.#heldBytes;
  }

  /** A buffer of `length` bytes, whose content is whatever was there: fill all of it. */
  take(length: number): Uint8Array<ArrayBuffer> {
    if (length >= POOLED_BYTES_MIN) {
      for (let index = this.#free.length - 1; index >= 0; index--) {
        const buffer = this.#free[index]!;
        if (buffer.byteLength < length || buffer.byteLength > length * 2) continue;
        this.#free.splice(index, 1);
        this.#heldBytes -= buffer.byteLength;
        return new Uint8Array(buffer, 0, length);
      }
    }
    return new Uint8Array(length);
  }

  /** Takes a buffer back, with everything that lies in it. The giver must be its only owner; small ones are left alone. */
  give({ buffer }: Uint8Array): void {
    if (!(buffer instanceof ArrayBuffer) || buffer.byteLength < POOLED_BYTES_MIN) return;
    if (this.#heldBytes + buffer.byteLength > this.#limitBytes) {
      buffer.transfer(0); // gives the memory back to the system at once
      return;
    }
    this.#heldBytes += buffer.byteLength;
    this.#free.push(buffer.transfer());
  }
}
