/**
 * What waits to be written to one socket, as the chunks in which it will be written.
 *
 *     add ──▶ heads: copied together, so that many small frames leave in one write
 *         └─▶ byte arrays beside: as they are, each a write of its own
 *
 * Invariant: nothing is added once the limits are reached; so what waits is at most the limits and one frame.
 *
 * @module
 */
import { Ring } from "../lib/ring.ts";
import type { Frame } from "./frames.ts";

const CHUNK_BYTES = 64 << 10;

/** One piece to be written. */
interface Chunk {
  readonly bytes: Uint8Array<ArrayBufferLike>;
  /** How many of them count. */
  length: number;
  /** Frames that end in it. */
  frames: number;
  /** Whether it is this queue's own, to be filled again. */
  readonly own: boolean;
}

/** How much may wait. */
export interface QueueLimits {
  readonly bytesMax: number;
  readonly framesMax: number;
}

/** The way out to one socket. */
export class SendQueue {
  readonly #limits: QueueLimits;
  readonly #chunks = new Ring<Chunk>();
  /** The last chunk, while there is room in it and nobody writes it. */
  #open: Chunk | undefined;
  /** A buffer that has been written and can be used again. */
  #spare: Uint8Array | undefined;
  #bytes = 0;
  #frames = 0;

  constructor(limits: QueueLimits) {
    this.#limits = limits;
  }

  /** Bytes that wait, the chunk that is being written included. */
  get bytes(): number {
    return this.#bytes;
  }

  get empty(): boolean {
    return this.#chunks.length === 0;
  }

  /** Adds a frame, unless too much waits already. Its byte arrays are not copied: they must not change any more. */
  add({ head, beside, bytes }: Frame): boolean {
    if (this.#frames >= this.#limits.framesMax || this.#bytes >= this.#limits.bytesMax) return false;
    this.#frames++;
    this.#bytes += bytes;
    let last = this.#copy(head);
    for (const array of beside) last = this.#push({ bytes: array, length: array.length, frames: 0, own: false });
    last.frames++;
    return true;
  }

  /**
   * What to write next; undefined when nothing waits. It stays until {@linkcode SendQueue.written}.
   *
   * @throws {Error} when somebody has taken away the memory of a byte array that was sent
   */
  next(): Uint8Array<ArrayBufferLike> | undefined {
    const chunk = this.#chunks.peek();
    if (chunk === undefined) return undefined;
    if (chunk === this.#open) this.#open = undefined;
    if (chunk.bytes.length < chunk.length) {
      throw new Error("a byte array was given away by its sender before it was written");
    }
    return chunk.bytes.subarray(0, chunk.length);
  }

  /** Says that what {@linkcode SendQueue.next} gave has been written. */
  written(): void {
    const { bytes, length, frames, own } = this.#chunks.shift()!;
    this.#bytes -= length;
    this.#frames -= frames;
    if (own) this.#spare = bytes;
  }

  #copy(head: Uint8Array): Chunk {
    let chunk = this.#open;
    if (chunk === undefined || chunk.bytes.length - chunk.length < head.length) {
      if (head.length > CHUNK_BYTES) {
        return this.#push({ bytes: head.slice(), length: head.length, frames: 0, own: false });
      }
      chunk = this.#push({ bytes: this.#spare ?? new Uint8Array(CHUNK_BYTES), length: 0, frames: 0, own: true });
      this.#spare = undefined;
      this.#open = chunk;
    }
    chunk.bytes.set(head, chunk.length);
    chunk.length += head.length;
    return chunk;
  }

  #push(chunk: Chunk): Chunk {
    this.#open = undefined;
    this.#chunks.push(chunk);
    return chunk;
  }
}
