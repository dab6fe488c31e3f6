/**
 * LZ4 in the frame format (version 1.6), as Kafka uses it: independent blocks, no dictionary.
 *
 *     magic · flags · block size · [content size] · header checksum · {u32 size · block · [checksum]} … · u32 0 · [checksum]
 *
 * All checksums that a frame has are checked. Written are blocks of 64 KiB without checksums, as Java's client does: the
 * batch has a CRC of its own.
 *
 * @module
 */

import { xxhash32 } from "../../lib/xxhash32.ts";
import type { Codec } from "./codec.ts";
import { CompressionError, corrupt, tooLarge } from "./error.ts";
import { BLOCK_BYTES, copyLiterals, copyMatch, findMatches, type MatchSink } from "./matches.ts";

const MAGIC = 0x184d2204;
const RAW_BLOCK = 0x80000000;
/** Sizes of blocks by the code in the header; below 4 there are none. */
const LARGEST_BLOCK: readonly number[] = [0, 0, 0, 0, 1 << 16, 1 << 18, 1 << 20, 1 << 22];

const VERSION_1 = 0x40;
const VERSION_MASK = 0xc0;
const INDEPENDENT_BLOCKS = 0x20;
const BLOCK_CHECKSUMS = 0x10;
const CONTENT_SIZE = 0x08;
const CONTENT_CHECKSUM = 0x04;
const RESERVED = 0x02;
const DICTIONARY = 0x01;

/** The lz4 codec. */
export const lz4: Codec = { id: 3, name: "lz4", compress, decompress };

/** What a frame's header says. */
interface Header {
  /** Where the first block begins. */
  readonly at: number;
  readonly flags: number;
  readonly largestBlock: number;
  readonly contentSize: number | undefined;
}

function decompress(bytes: Uint8Array, maxBytes: number): Uint8Array {
  const { flags, largestBlock, contentSize, at: start } = readHeader(bytes);
  if (contentSize !== undefined && contentSize > maxBytes) throw tooLarge("lz4", maxBytes);
  const output = new Output(Math.min(contentSize ?? bytes.length * 4, bytes.length * 256, maxBytes), maxBytes);
  let at = start;
  for (;;) {
    const word = readWord(bytes, at);
    at += 4;
    if (word === 0) break;
    const size = word & ~RAW_BLOCK; // 31 bits, so never negative
    if (size > largestBlock) {
      throw corrupt(`An LZ4 block has ${size} bytes, but ${largestBlock} is the frame's largest`);
    }
    const end = at + size;
    if (end > bytes.length) throw cutOff();
    if ((flags & BLOCK_CHECKSUMS) !== 0 && readWord(bytes, end) !== xxhash32(bytes, at, end)) {
      throw corrupt("An LZ4 block does not match its checksum");
    }
    const limit = Math.min(largestBlock, maxBytes - output.at);
    const isWhole = word >= RAW_BLOCK ? output.literals(bytes, at, size, limit) : output.block(bytes, at, end, limit);
    if (!isWhole) {
      if (limit < largestBlock) throw tooLarge("lz4", maxBytes);
      throw corrupt(`An LZ4 block expands to more than ${largestBlock} bytes, the frame's largest`);
    }
    at = end + ((flags & BLOCK_CHECKSUMS) !== 0 ? 4 : 0);
  }
  const content = output.out.subarray(0, output.at);
  if (contentSize !== undefined && contentSize !== content.length) {
    throw corrupt(`The LZ4 frame promises ${contentSize} bytes, but gives ${content.length}`);
  }
  if ((flags & CONTENT_CHECKSUM) !== 0) {
    if (readWord(bytes, at) !== xxhash32(content)) throw corrupt("The LZ4 frame does not match its checksum");
    at += 4;
  }
  if (at !== bytes.length) throw corrupt(`${bytes.length - at} bytes follow the end of the LZ4 frame`);
  return content;
}

function readHeader(bytes: Uint8Array): Header {
  const magic = readWord(bytes, 0);
  if (magic !== MAGIC) throw corrupt(`There should be an LZ4 frame, but its magic is ${magic.toString(16)}`);
  if (bytes.length < 7) throw cutOff();
  const flags = bytes[4]!;
  if ((flags & VERSION_MASK) !== VERSION_1) {
    throw corrupt(`The LZ4 frame has version ${flags >>> 6}, but 1 is the only one`);
  }
  if ((flags & INDEPENDENT_BLOCKS) === 0) {
    throw new CompressionError(
      "unsupported",
      "The LZ4 frame has blocks that depend on each other, but Kafka allows none",
    );
  }
  if ((flags & DICTIONARY) !== 0) {
    throw new CompressionError("unsupported", "The LZ4 frame needs a dictionary, but records have none");
  }
  const largestBlock = LARGEST_BLOCK[(bytes[5]! >>> 4) & 7]!;
  if ((flags & RESERVED) !== 0 || (bytes[5]! & 0x8f) !== 0 || largestBlock === 0) {
    throw corrupt(`The LZ4 frame's flags ${flags.toString(16)} ${bytes[5]!.toString(16)} have no meaning`);
  }
  let at = 6;
  let contentSize: number | undefined;
  if ((flags & CONTENT_SIZE) !== 0) {
    contentSize = readWord(bytes, at) + readWord(bytes, at + 4) * 0x1_0000_0000;
    at += 8;
  }
  if (at >= bytes.length) throw cutOff();
  if (bytes[at] !== ((xxhash32(bytes, 4, at) >>> 8) & 0xff)) {
    throw corrupt("The LZ4 frame's header does not match its checksum");
  }
  return { at: at + 1, flags, largestBlock, contentSize };
}

/** A little-endian uint32. */
function readWord(bytes: Uint8Array, at: number): number {
  if (at + 4 > bytes.length) throw cutOff();
  return (bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16) | (bytes[at + 3]! << 24)) >>> 0;
}

function cutOff(): CompressionError {
  return corrupt("The LZ4 frame is cut off");
}

/** Bytes that grow as they are decompressed. */
class Output {
  out: Uint8Array;
  at = 0;

  constructor(capacity: number, readonly maxBytes: number) {
    this.out = new Uint8Array(capacity);
  }

  /** Adds bytes as they are; false, and nothing, when that is more than `limit`. */
  literals(bytes: Uint8Array, from: number, length: number, limit: number): boolean {
    if (length > limit) return false;
    this.#reserve(length);
    copyLiterals(bytes, from, length, this.out, this.at);
    this.at += length;
    return true;
  }

  /** Adds what a block holds; false as soon as that is more than `limit`. */
  block(bytes: Uint8Array, at: number, end: number, limit: number): boolean {
    const start = this.at;
    const outEnd = start + limit;
    while (at < end) {
      const token = bytes[at++]!;
      let literals = token >>> 4;
      if (literals === 15) {
        let more = 255;
        while (more === 255 && at < end) literals += more = bytes[at++]!;
      }
      if (literals > end - at) throw corrupt("An LZ4 block is cut off within its literals");
      if (literals > outEnd - this.at) return false;
      this.#reserve(literals);
      copyLiterals(bytes, at, literals, this.out, this.at);
      at += literals;
      this.at += literals;
      if (at === end) return true; // the last sequence has no match
      if (end - at < 2) throw corrupt("An LZ4 block is cut off within a match");
      const distance = bytes[at]! | (bytes[at + 1]! << 8);
      at += 2;
      if (distance === 0 || distance > this.at - start) {
        throw corrupt(`An LZ4 match lies ${distance} bytes back, but only ${this.at - start} were there`);
      }
      let length = (token & 15) + 4;
      if (length === 19) {
        let more = 255;
        while (more === 255 && at < end) length += more = bytes[at++]!;
      }
      if (length > outEnd - this.at) return false;
      this.#reserve(length);
      copyMatch(this.out, this.at, distance, length);
      this.at += length;
    }
    throw corrupt("An LZ4 block ends with a match, but the last sequence must be literals");
  }

  /** Makes room for `length` more bytes, doubling (growing block by block would copy all of them each time) up to the most there may be. */
  #reserve(length: number): void {
    const needed = this.at + length;
    if (needed <= this.out.length) return;
    const grown = new Uint8Array(Math.max(needed, Math.min(this.out.length * 2, this.maxBytes)));
    grown.set(this.out.subarray(0, this.at));
    this.out = grown;
  }
}

function compress(bytes: Uint8Array): Uint8Array {
  const blockCount = Math.ceil(bytes.length / BLOCK_BYTES);
  // A block that did not shrink is stored raw; until that is known, it may take a little more than its own size.
  const writer = new Writer(7 + bytes.length + blockCount * 4 + Math.ceil(BLOCK_BYTES / 255) + 16 + 4);
  const { out } = writer;
  writer.word(MAGIC);
  out[4] = VERSION_1 | INDEPENDENT_BLOCKS;
  out[5] = LARGEST_BLOCK.indexOf(BLOCK_BYTES) << 4;
  out[6] = xxhash32(out, 4, 6) >>> 8;
  writer.at = 7;
  for (let start = 0; start < bytes.length; start += BLOCK_BYTES) {
    const end = Math.min(start + BLOCK_BYTES, bytes.length);
    const sizeAt = writer.at;
    writer.at += 4;
    writer.literal(bytes, findMatches(bytes, start, end, writer), end, 0);
    let size = writer.at - sizeAt - 4;
    if (size >= end - start) {
      out.set(bytes.subarray(start, end), sizeAt + 4);
      size = (end - start) | RAW_BLOCK;
      writer.at = sizeAt + 4 + (end - start);
    }
    const after = writer.at;
    writer.at = sizeAt;
    writer.word(size);
    writer.at = after;
  }
  writer.word(0);
  return out.slice(0, writer.at);
}

/** Writes LZ4's sequences. */
class Writer implements MatchSink {
  readonly out: Uint8Array;
  at = 0;

  constructor(capacity: number) {
    this.out = new Uint8Array(capacity);
  }

  match(bytes: Uint8Array, literals: number, start: number, distance: number, length: number): void {
    this.literal(bytes, literals, start, Math.min(length - 4, 15));
    this.out[this.at++] = distance;
    this.out[this.at++] = distance >>> 8;
    if (length >= 19) this.#more(length - 19);
  }

  /** Literals behind a token that also holds the four bits of the match that follows. */
  literal(bytes: Uint8Array, start: number, end: number, matchBits: number): void {
    const length = end - start;
    this.out[this.at++] = (Math.min(length, 15) << 4) | matchBits;
    if (length >= 15) this.#more(length - 15);
    copyLiterals(bytes, start, length, this.out, this.at);
    this.at += length;
  }

  word(value: number): void {
    for (let shift = 0; shift < 32; shift += 8) this.out[this.at++] = value >>> shift;
  }

  #more(rest: number): void {
    for (; rest >= 255; rest -= 255) this.out[this.at++] = 255;
    this.out[this.at++] = rest;
  }
}
