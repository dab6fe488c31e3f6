/**
 * Snappy, raw and in the framing of xerial's Java library.
 *
 *     raw     uvarint size · element …    element: literal, or copy of 1 to 64 bytes from at most 32 bits back
 *     xerial  82 "SNAPPY" 00 · i32 version · i32 compatible · {i32 size · raw} …
 *
 * Java's and Python's clients write the framing, all others raw; every client reads both. Raw is written here.
 *
 * @module
 */

import { readInt32 } from "../../lib/big_endian.ts";
import {
  type Cursor,
  readUnsignedVarint,
  sizeOfUnsignedVarint,
  VarintError,
  writeUnsignedVarint,
} from "../../lib/varint.ts";
import type { Codec } from "./codec.ts";
import { CompressionError, corrupt, tooLarge } from "./error.ts";
import { BLOCK_BYTES, copyLiterals, copyMatch, findMatches, type MatchSink } from "./matches.ts";

const XERIAL_MAGIC = [0x82, 0x53, 0x4e, 0x41, 0x50, 0x50, 0x59, 0x00];
const XERIAL_HEADER_BYTES = 16;
/** Three bytes of input give at most a copy of 64 bytes. */
const LARGEST_RATIO = 22;

/** The snappy codec. */
export const snappy: Codec = {
  id: 2,
  name: "snappy",
  compress,
  decompress(bytes, maxBytes) {
    if (!isXerial(bytes)) {
      const block = openBlock(bytes, 0, bytes.length, maxBytes);
      const out = new Uint8Array(block.size);
      decompressBlock(block, out, 0);
      return out;
    }
    let total = 0;
    for (const block of xerialBlocks(bytes, maxBytes)) total += block.size;
    const out = new Uint8Array(total);
    let at = 0;
    for (const block of xerialBlocks(bytes, maxBytes)) at = decompressBlock(block, out, at);
    return out;
  },
};

/** A raw block: where its elements are, and the size it says they give. */
interface Block extends Cursor {
  readonly size: number;
}

function isXerial(bytes: Uint8Array): boolean {
  return bytes.length >= XERIAL_HEADER_BYTES && XERIAL_MAGIC.every((byte, at) => bytes[at] === byte);
}

function* xerialBlocks(bytes: Uint8Array, maxBytes: number): Generator<Block> {
  let total = 0;
  for (let at = XERIAL_HEADER_BYTES; at < bytes.length;) {
    if (bytes.length - at < 4) throw corrupt("The snappy stream is cut off in the size of a block");
    const size = readInt32(bytes, at);
    at += 4;
    if (size <= 0 || size > bytes.length - at) {
      throw corrupt(`A snappy block says it has ${size} bytes, but ${bytes.length - at} are left`);
    }
    const block = openBlock(bytes, at, at + size, maxBytes - total);
    total += block.size;
    yield block;
    at += size;
  }
}

/** Reads the size before a raw block and judges whether it can be true, before anything is allocated for it. */
function openBlock(bytes: Uint8Array, start: number, end: number, maxBytes: number): Block {
  const cursor: Cursor = { bytes, at: start, end };
  let size: number;
  try {
    size = readUnsignedVarint(cursor);
  } catch (error) {
    if (error instanceof VarintError) throw corrupt("The snappy block does not begin with a size");
    throw error;
  }
  if (size > maxBytes) throw tooLarge("snappy", maxBytes);
  if (size > (end - cursor.at) * LARGEST_RATIO) {
    throw corrupt(`${end - cursor.at} bytes of snappy cannot expand to the ${size} that they promise`);
  }
  return { bytes, at: cursor.at, end, size };
}

/** Writes what a block holds into `out`; answers where it ends there. */
function decompressBlock({ bytes, at, end, size }: Block, out: Uint8Array, start: number): number {
  const outEnd = start + size;
  let to = start;
  while (at < end) {
    const tag = bytes[at++]!;
    const kind = tag & 3;
    if (kind === 0) {
      let length = (tag >>> 2) + 1;
      if (length > 60) {
        const sizeBytes = length - 60;
        if (sizeBytes > end - at) throw cutOff();
        length = littleEndian(bytes, at, sizeBytes) + 1;
        at += sizeBytes;
      }
      if (length > end - at) throw cutOff();
      if (length > outEnd - to) throw overrun(size);
      copyLiterals(bytes, at, length, out, to);
      at += length;
      to += length;
      continue;
    }
    const distanceBytes = kind === 3 ? 4 : kind;
    if (distanceBytes > end - at) throw cutOff();
    const length = kind === 1 ? ((tag >>> 2) & 7) + 4 : (tag >>> 2) + 1;
    const distance = (kind === 1 ? (tag >>> 5) << 8 : 0) + littleEndian(bytes, at, distanceBytes);
    at += distanceBytes;
    if (distance === 0 || distance > to - start) {
      throw corrupt(`Snappy copies from ${distance} bytes back, but only ${to - start} were there`);
    }
    if (length > outEnd - to) throw overrun(size);
    copyMatch(out, to, distance, length);
    to += length;
  }
  if (to !== outEnd) throw corrupt(`The snappy block promises ${size} bytes, but gives ${to - start}`);
  return to;
}

function littleEndian(bytes: Uint8Array, at: number, size: number): number {
  let value = 0;
  for (let i = size - 1; i >= 0; i--) value = value * 256 + bytes[at + i]!;
  return value;
}

function cutOff(): CompressionError {
  return corrupt("The snappy block is cut off within an element");
}

function overrun(size: number): CompressionError {
  return corrupt(`The snappy block promises ${size} bytes, but gives more`);
}

function compress(bytes: Uint8Array): Uint8Array {
  const writer = new Writer(sizeOfUnsignedVarint(bytes.length) + bytes.length + Math.ceil(bytes.length / 6) + 32);
  writer.at = writeUnsignedVarint(writer.out, 0, bytes.length);
  for (let start = 0; start < bytes.length; start += BLOCK_BYTES) {
    const end = Math.min(start + BLOCK_BYTES, bytes.length);
    writer.literal(bytes, findMatches(bytes, start, end, writer), end);
  }
  return writer.out.slice(0, writer.at);
}

/** Writes snappy's elements. */
class Writer implements MatchSink {
  readonly out: Uint8Array;
  at = 0;

  constructor(capacity: number) {
    this.out = new Uint8Array(capacity);
  }

  match(bytes: Uint8Array, literals: number, start: number, distance: number, length: number): void {
    this.literal(bytes, literals, start);
    while (length >= 68) {
      this.#copy(distance, 64);
      length -= 64;
    }
    if (length > 64) { // so that at least four bytes are left for the last copy
      this.#copy(distance, 60);
      length -= 60;
    }
    this.#copy(distance, length);
  }

  literal(bytes: Uint8Array, start: number, end: number): void {
    const length = end - start;
    if (length === 0) return;
    const { out } = this;
    if (length <= 60) {
      out[this.at++] = (length - 1) << 2;
    } else if (length <= 256) {
      out[this.at++] = 60 << 2;
      out[this.at++] = length - 1;
    } else {
      out[this.at++] = 61 << 2;
      out[this.at++] = length - 1;
      out[this.at++] = (length - 1) >>> 8;
    }
    copyLiterals(bytes, start, length, out, this.at);
    this.at += length;
  }

  #copy(distance: number, length: number): void {
    const { out } = this;
    if (length <= 11 && distance < 2048) {
      out[this.at++] = 1 | ((length - 4) << 2) | ((distance >>> 8) << 5);
      out[this.at++] = distance;
    } else {
      out[this.at++] = 2 | ((length - 1) << 2);
      out[this.at++] = distance;
      out[this.at++] = distance >>> 8;
    }
  }
}
