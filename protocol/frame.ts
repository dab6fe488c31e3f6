/**
 * Cuts a stream of bytes into frames: four bytes of size, then that many bytes.
 *
 * ```text
 *   between frames   space() is a small buffer of its own      many small frames come out of one read, a copy each
 *   in a large one   space() is the frame's own rest           the socket writes into the frame, nothing is copied
 * ```
 *
 * The invariant: a frame's buffer grows with the bytes that have come (256 KiB, then fourfold, at most to the size), never
 * with the size that was announced; and no frame shares its buffer with another or with a later read. Between frames a
 * framer holds 4 KiB, and 64 KiB for the one read that follows a read which filled it.
 *
 * @module
 */

import { BufferPool } from "../lib/buffer_pool.ts";

/** Kafka's default of socket.request.max.bytes: 100 MiB. */
export const MAX_FRAME_BYTES = 100 * 1024 * 1024;

const SIZE_BYTES = 4;
const IDLE_BYTES = 4 * 1024;
const BUSY_BYTES = 64 * 1024;
const FIRST_BYTES = 256 * 1024;
// Below this rest, one read into the buffer between frames may bring what follows the frame as well.
const DIRECT_BYTES = 4 * 1024;

/** A size that no frame may have. The stream cannot be read any further: close the connection. */
export class FrameError extends Error {
  override readonly name = "FrameError";
  /** The size that was announced. */
  readonly size: number;

  constructor(size: number, maxBytes: number) {
    super(
      size < 0
        ? `A frame announces the negative size ${size}.`
        : `A frame announces ${size} bytes, more than the limit of ${maxBytes} (socket.request.max.bytes).`,
    );
    this.size = size;
  }
}

/**
 * Cuts one connection's bytes into frames.
 *
 * @example Read a socket
 * ```ts ignore
 * const framer = new Framer();
 * for (let count; (count = await socket.read(framer.space())) !== null;) {
 *   for (const frame of framer.filled(count)) handle(frame);
 * }
 * ```
 */
export class Framer {
  /** The largest frame that is accepted. May be changed at any time: it counts for frames that begin later. */
  maxBytes: number;
  readonly #buffers: BufferPool;
  /** Where reads land between frames; empty until asked for. */
  #scratch: Uint8Array<ArrayBuffer> | undefined;
  #scratchBytes = IDLE_BYTES;
  #direct = false;
  /** The size's bytes that have come, and how many. */
  #size = 0;
  #sizeBytes = 0;
  /** The frame that is not complete: its bytes so far, and how many of them count. */
  #frame: Uint8Array<ArrayBuffer> | undefined;
  #filled = 0;

  /**
   * @param maxBytes the largest frame that is accepted, its size not counted
   * @param buffers where the buffers of large frames come from
   */
  constructor(maxBytes: number = MAX_FRAME_BYTES, buffers: BufferPool = new BufferPool(0)) {
    this.maxBytes = maxBytes;
    this.#buffers = buffers;
  }

  /** How many bytes have come that belong to a frame which is not complete. */
  get pendingBytes(): number {
    return this.#sizeBytes + this.#filled;
  }

  /** How many bytes are known to be missing of what has begun, a frame or its size; 0 between frames. */
  get missingBytes(): number {
    if (this.#frame !== undefined) return this.#size - this.#filled;
    return this.#sizeBytes === 0 ? 0 : SIZE_BYTES - this.#sizeBytes;
  }

  /** Where the next read should land; valid until {@linkcode Framer.filled}. Never empty. */
  space(): Uint8Array<ArrayBuffer> {
    const frame = this.#frame;
    this.#direct = frame !== undefined && this.#size - this.#filled >= DIRECT_BYTES;
    if (this.#direct) {
      const grown = this.#grown(frame!);
      return grown.subarray(this.#filled);
    }
    if (this.#scratch?.length !== this.#scratchBytes) this.#scratch = new Uint8Array(this.#scratchBytes);
    return this.#scratch;
  }

  /**
   * Says that a read has put `count` bytes at the beginning of {@linkcode Framer.space}.
   *
   * @returns the frames that are complete, each in a buffer of its own, without their sizes
   * @throws {FrameError} for a size that is negative or above `maxBytes`
   */
  filled(count: number): Uint8Array<ArrayBuffer>[] {
    const frames: Uint8Array<ArrayBuffer>[] = [];
    if (this.#direct) {
      this.#direct = false;
      this.#filled += count;
      this.#complete(frames);
      return frames;
    }
    const scratch = this.#scratch!;
    this.#cut(scratch.subarray(0, count), frames);
    // A read that filled everything promises more; any other read is the sign of an idle connection.
    this.#scratchBytes = count === scratch.length ? BUSY_BYTES : IDLE_BYTES;
    if (this.#scratchBytes < scratch.length) this.#scratch = undefined;
    return frames;
  }

  /**
   * Takes a chunk that was read elsewhere. The frames do not share its buffer.
   *
   * @returns the frames that are complete, without their sizes
   * @throws {FrameError} for a size that is negative or above `maxBytes`
   */
  feed(chunk: Uint8Array): Uint8Array<ArrayBuffer>[] {
    const frames: Uint8Array<ArrayBuffer>[] = [];
    this.#cut(chunk, frames);
    return frames;
  }

  #cut(chunk: Uint8Array, frames: Uint8Array<ArrayBuffer>[]): void {
    let at = 0;
    while (at < chunk.length) {
      if (this.#frame !== undefined) {
        at += this.#append(chunk, at, frames);
        continue;
      }
      this.#size = (this.#size << 8) | chunk[at++]!;
      if (++this.#sizeBytes < SIZE_BYTES) continue;
      if (this.#size < 0 || this.#size > this.maxBytes) throw new FrameError(this.#size, this.maxBytes);
      if (this.#size <= chunk.length - at) {
        frames.push(new Uint8Array(chunk.subarray(at, at + this.#size)));
        at += this.#size;
        this.#reset();
      } else {
        this.#frame = this.#buffers.take(Math.min(this.#size, FIRST_BYTES));
      }
    }
  }

  /** Moves bytes of a chunk into the frame that is not complete, and says how many. */
  #append(chunk: Uint8Array, at: number, frames: Uint8Array<ArrayBuffer>[]): number {
    const frame = this.#grown(this.#frame!);
    const count = Math.min(frame.length - this.#filled, chunk.length - at);
    frame.set(chunk.subarray(at, at + count), this.#filled);
    this.#filled += count;
    this.#complete(frames);
    return count;
  }

  /** The frame with room for more. */
  #grown(frame: Uint8Array<ArrayBuffer>): Uint8Array<ArrayBuffer> {
    if (this.#filled < frame.length) return frame;
    const grown = this.#buffers.take(Math.min(this.#size, frame.length * 4));
    grown.set(frame);
    this.#buffers.give(frame);
    return this.#frame = grown;
  }

  #complete(frames: Uint8Array<ArrayBuffer>[]): void {
    if (this.#filled < this.#size) return;
    frames.push(this.#frame!);
    this.#reset();
  }

  #reset(): void {
    this.#frame = undefined;
    this.#filled = 0;
    this.#size = 0;
    this.#sizeBytes = 0;
  }
}
