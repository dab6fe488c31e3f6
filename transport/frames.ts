/**
 * Envelopes as frames: what travels on a link between two nodes.
 *
 * ```text
 *   u32 size of the rest │ u32 size of the head │ head                                               │ bytes beside …
 *                                                 type, plain values …, u32 size of each of those, u16 how many
 * ```
 *
 * Large byte arrays (records, mostly) are neither copied into a frame nor out of one: the sender writes them to the socket as they are,
 * and the socket's bytes are read straight into an array of exactly their size, which then belongs to the message.
 *
 * Invariant: a reader's memory grows with the bytes that have come (1 MiB, then fourfold), never with the size that was announced.
 *
 * @module
 */
import { readInt16, readUint32 } from "../lib/big_endian.ts";
import { PlainReader } from "../lib/plain_reader.ts";
import { DecodeError } from "../lib/plain_tags.ts";
import { PlainWriter } from "../lib/plain_writer.ts";
import { PartBuffer } from "./part_buffer.ts";
import type { Envelope } from "./transport.ts";

/** Byte arrays of at least this size travel beside the head: below, a copy is cheaper than another write. */
export const BESIDE_BYTES_MIN: number = 16 << 10;

const SIZES_BYTES = 8;
const SCRATCH_BYTES = 64 << 10;
/** Below this rest of a large frame, a read may bring what follows the frame as well. */
const DIRECT_BYTES = 4 << 10;
const PING = 0;
const ENVELOPE = 1;
const NONE: readonly never[] = [];

/** One frame to be written. The writer's next frame makes it meaningless: both its head and its list are used again. */
export interface Frame {
  /** Everything but the byte arrays beside. */
  readonly head: Uint8Array;
  readonly beside: readonly Uint8Array[];
  /** All of it. */
  readonly bytes: number;
}

/** One frame that has come. */
export type Arrival =
  | { readonly type: "envelope"; readonly envelope: Envelope }
  /** The other side is alive; and its cluster's id, "" when it does not know it. */
  | { readonly type: "ping"; readonly clusterId: string };

/** A frame that cannot be: the stream cannot be read any further. */
export class FrameError extends Error {
  override readonly name = "FrameError";
}

/** Makes frames; one serves all links of a node. */
export class FrameWriter {
  readonly #plain = new PlainWriter(BESIDE_BYTES_MIN);

  /**
   * An envelope's frame, valid until the next call.
   *
   * @throws {TypeError} when its body is not plain data
   */
  envelope({ to, from, call, verb, body }: Envelope): Frame {
    const plain = this.#begin(ENVELOPE);
    plain.value(to, "to");
    plain.value(from, "from");
    plain.value(call, "call");
    plain.value(verb, "verb");
    plain.value(body, `the body of ${verb}`);
    return this.#end();
  }

  /** A sign of life, valid until the next call. */
  ping(clusterId: string): Frame {
    this.#begin(PING).value(clusterId, "clusterId");
    return this.#end();
  }

  #begin(type: number): PlainWriter {
    const plain = this.#plain;
    plain.clear();
    plain.uint32(0);
    plain.uint32(0);
    plain.byte(type);
    return plain;
  }

  #end(): Frame {
    const plain = this.#plain;
    const { beside } = plain;
    let besideBytes = 0;
    for (const { length } of beside) {
      plain.uint32(length);
      besideBytes += length;
    }
    plain.byte(beside.length >>> 8);
    plain.byte(beside.length);
    const bytes = plain.length + besideBytes;
    plain.patchUint32(0, bytes - 4);
    plain.patchUint32(4, plain.length - SIZES_BYTES);
    return { head: plain.written(), beside, bytes };
  }
}

/** Turns one connection's bytes into what was sent. */
export class FrameReader {
  readonly #maxBytes: number;
  readonly #plain: PlainReader;
  readonly #scratch = new Uint8Array(SCRATCH_BYTES);
  /** What has come and is not read yet lies between these. */
  #start = 0;
  #end = 0;
  /** A frame that is larger than the scratch, while it comes. */
  #large: LargeFrame | undefined;
  #direct = false;

  /**
   * @param maxBytes the largest frame that is accepted
   * @param plain may serve many readers
   */
  constructor(maxBytes: number, plain: PlainReader = new PlainReader()) {
    this.#maxBytes = maxBytes;
    this.#plain = plain;
  }

  /** Where the next read should land; valid until {@linkcode FrameReader.filled}. Ask when {@linkcode FrameReader.next} has no more. */
  space(): Uint8Array<ArrayBuffer> {
    this.#direct = this.#large !== undefined && this.#large.part.missingBytes >= DIRECT_BYTES;
    if (this.#direct) return this.#large!.part.space();
    if (this.#start > 0) {
      this.#scratch.copyWithin(0, this.#start, this.#end);
      this.#end -= this.#start;
      this.#start = 0;
    }
    return this.#scratch.subarray(this.#end);
  }

  /** Says that a read has put `count` bytes at the beginning of {@linkcode FrameReader.space}. */
  filled(count: number): void {
    if (this.#direct) this.#large!.part.filled(count);
    else this.#end += count;
    this.#direct = false;
  }

  /**
   * The next frame that is there in full.
   *
   * @throws {FrameError} for a frame that is too large or at odds with itself
   * @throws {DecodeError} for a frame that does not hold what it should
   */
  next(): Arrival | undefined {
    if (this.#large === undefined && !this.#begun()) return undefined;
    const large = this.#large;
    if (large === undefined) return this.#small();
    while (true) {
      const { part } = large;
      this.#start += part.feed(this.#scratch, this.#start, this.#end);
      if (part.missingBytes > 0) return undefined;
      if (large.complete()) break;
    }
    this.#large = undefined;
    const { head, beside } = large;
    return this.#read(head, 0, head.length, beside);
  }

  /** Whether a frame is there in full, or is a large one of which there is something. */
  #begun(): boolean {
    const scratch = this.#scratch;
    const start = this.#start;
    const have = this.#end - start;
    if (have < SIZES_BYTES) return false;
    const size = 4 + readUint32(scratch, start);
    const headBytes = readUint32(scratch, start + 4);
    if (size > this.#maxBytes) {
      throw new FrameError(`a frame of ${size} bytes, more than the limit of ${this.#maxBytes}`);
    }
    if (headBytes < 3 || headBytes > size - SIZES_BYTES) {
      throw new FrameError(`a frame of ${size} bytes with a head of ${headBytes}`);
    }
    if (size <= SCRATCH_BYTES) return have >= size;
    this.#start += SIZES_BYTES;
    this.#large = new LargeFrame(headBytes, size - SIZES_BYTES - headBytes);
    return true;
  }

  /** Reads the frame that lies in the scratch in full. */
  #small(): Arrival {
    const scratch = this.#scratch;
    const head = this.#start + SIZES_BYTES;
    const size = 4 + readUint32(scratch, this.#start);
    const end = head + readUint32(scratch, this.#start + 4);
    const sizes = besideSizes(scratch, head, end, this.#start + size - end);
    let at = end;
    const beside = sizes === NONE ? NONE : sizes.map((bytes) => scratch.slice(at, at += bytes));
    this.#start += size;
    return this.#read(scratch, head, end, beside);
  }

  #read(head: Uint8Array, start: number, end: number, beside: readonly Uint8Array[]): Arrival {
    const plain = this.#plain;
    plain.begin(head, start + 1, end - 2 - 4 * beside.length, beside);
    let arrival: Arrival;
    switch (head[start]) {
      case ENVELOPE: {
        const to = plain.string();
        const from = plain.string();
        const call = plain.count();
        arrival = { type: "envelope", envelope: { to, from, call, verb: plain.string(), body: plain.value() } };
        break;
      }
      case PING:
        arrival = { type: "ping", clusterId: plain.string() };
        break;
      default:
        throw new DecodeError(`No frame is of type ${head[start]}`);
    }
    plain.end();
    return arrival;
  }
}

/** A frame that comes in many reads: its head, then each of the byte arrays beside. */
class LargeFrame {
  readonly #besideBytes: number;
  readonly beside: Uint8Array[] = [];
  /** The sizes of what comes after the head; undefined before that has come. */
  #sizes: readonly number[] | undefined;
  head: Uint8Array = new Uint8Array();
  /** What comes now. */
  part: PartBuffer;

  constructor(headBytes: number, besideBytes: number) {
    this.part = new PartBuffer(headBytes);
    this.#besideBytes = besideBytes;
  }

  /** Goes on behind a part that has come in full; returns whether that was the last. */
  complete(): boolean {
    const bytes = this.part.bytes();
    if (this.#sizes === undefined) {
      this.head = bytes;
      this.#sizes = besideSizes(bytes, 0, bytes.length, this.#besideBytes);
    } else this.beside.push(bytes);
    if (this.beside.length === this.#sizes.length) return true;
    this.part = new PartBuffer(this.#sizes[this.beside.length]!);
    return false;
  }
}

/** The sizes of the byte arrays beside, from the end of a head. */
function besideSizes(head: Uint8Array, start: number, end: number, besideBytes: number): readonly number[] {
  const count = readInt16(head, end - 2) & 0xffff;
  if (count === 0 && besideBytes === 0) return NONE;
  const first = end - 2 - 4 * count;
  if (first <= start) throw new FrameError(`a frame with a head of ${end - start} bytes and ${count} byte arrays`);
  const sizes = Array.from({ length: count }, (_, index) => readUint32(head, first + 4 * index));
  const sum = sizes.reduce((total, size) => total + size, 0);
  if (sum !== besideBytes) throw new FrameError(`a frame with ${besideBytes} bytes for byte arrays of ${sum}`);
  return sizes;
}
