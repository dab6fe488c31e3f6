/**
 * The content of a file that lives in memory: bytes that grow at the end and are read and overwritten anywhere.
 *
 * Kept in blocks, so that growing never copies what is there; a small file takes one small block. Bytes beyond the end
 * of a block that was cut are zero again before they are seen.
 *
 * @module
 */

const BLOCK = 256 * 1024;
const FIRST_BLOCK = 256;

/** Bytes in memory with the reading and writing of a file. */
export class GrowingBytes {
  #blocks: Uint8Array[] = [];
  #size = 0;

  /** How many bytes there are. */
  get size(): number {
    return this.#size;
  }

  /** Writes at `position`; what lies between the end and there becomes zero. */
  write(position: number, bytes: Uint8Array): void {
    this.#reserve(position + bytes.length);
    for (let done = 0; done < bytes.length;) {
      const block = this.#blocks[Math.floor((position + done) / BLOCK)]!;
      const at = (position + done) % BLOCK;
      const count = Math.min(bytes.length - done, BLOCK - at);
      block.set(bytes.subarray(done, done + count), at);
      done += count;
    }
    this.#size = Math.max(this.#size, position + bytes.length);
  }

  /** Fills `into` from `position` and returns how many bytes there were. */
  read(position: number, into: Uint8Array): number {
    const available = Math.max(0, Math.min(into.length, this.#size - position));
    for (let done = 0; done < available;) {
      const block = this.#blocks[Math.floor((position + done) / BLOCK)]!;
      const at = (position + done) % BLOCK;
      const count = Math.min(available - done, BLOCK - at);
      into.set(block.subarray(at, at + count), done);
      done += count;
    }
    return available;
  }

  /** Cuts to `size` bytes, or fills up to it with zeros. */
  resize(size: number): void {
    if (size < this.#size) {
      this.#blocks.length = Math.ceil(size / BLOCK);
      this.#blocks[this.#blocks.length - 1]?.fill(0, size - (this.#blocks.length - 1) * BLOCK);
    } else {
      this.#reserve(size);
    }
    this.#size = size;
  }

  /** A copy of everything. */
  toBytes(): Uint8Array<ArrayBuffer> {
    const bytes = new Uint8Array(this.#size);
    this.read(0, bytes);
    return bytes;
  }

  #reserve(size: number): void {
    const first = this.#blocks[0];
    if (size > 0 && (first === undefined || (first.length < size && first.length < BLOCK))) {
      let capacity = first?.length ?? FIRST_BLOCK;
      while (capacity < size && capacity < BLOCK) capacity *= 2;
      const larger = new Uint8Array(capacity);
      if (first !== undefined) larger.set(first);
      this.#blocks[0] = larger;
    }
    while (this.#blocks.length * BLOCK < size) this.#blocks.push(new Uint8Array(BLOCK));
  }
}
