/**
 * CRC-32C (Castagnoli, reflected polynomial 0x82f63b78), the checksum of record batches (KIP-98; RFC 3720 B.4).
 *
 * Sixteen bytes a step through sixteen tables ("slicing"). Long inputs are read as aligned little-endian words, wherever
 * their view starts; short ones as bytes, since making the word view costs more than it saves.
 *
 * The order of the terms matters for speed: the lookups that wait for the step before come last, so that the other
 * twelve are done meanwhile.
 *
 * @module
 */

const POLYNOMIAL = 0x82f63b78;
const WORDS_FROM_LENGTH = 1024;

/** Sixteen tables of 256, one after the other: table k advances a byte over k further zero bytes. */
const TABLES = makeTables();

function makeTables(): Int32Array {
  const tables = new Int32Array(16 * 256);
  for (let byte = 0; byte < 256; byte++) {
    let crc = byte;
    for (let bit = 0; bit < 8; bit++) crc = (crc >>> 1) ^ (POLYNOMIAL & -(crc & 1));
    tables[byte] = crc;
  }
  for (let at = 256; at < tables.length; at++) {
    const shorter = tables[at - 256]!;
    tables[at] = (shorter >>> 8) ^ tables[shorter & 0xff]!;
  }
  return tables;
}

/**
 * The CRC-32C of `bytes[start..end)` as a uint32.
 *
 * @param previous the CRC of what comes before, to go on from there
 * @example
 * ```ts
 * import { crc32c } from "./crc32c.ts";
 *
 * console.assert(crc32c(new TextEncoder().encode("123456789")) === 0xe3069283);
 * ```
 */
export function crc32c(bytes: Uint8Array, start = 0, end: number = bytes.length, previous = 0): number {
  let crc = ~previous;
  let at = start;
  if (end - start >= WORDS_FROM_LENGTH) {
    const aligned = start + (-(bytes.byteOffset + start) & 3);
    crc = overBytes(crc, bytes, start, aligned);
    const words = new Int32Array(bytes.buffer, bytes.byteOffset + aligned, ((end - aligned) >>> 4) * 4);
    crc = overWords(crc, words);
    at = aligned + words.byteLength;
  }
  return ~overBytes(crc, bytes, at, end) >>> 0;
}

/** Advances over whole groups of four little-endian words (every machine that V8 runs on here has that order). */
function overWords(crc: number, words: Int32Array): number {
  const t = TABLES;
  for (let at = 0; at < words.length; at += 4) {
    const b = words[at + 1]!;
    const c = words[at + 2]!;
    const d = words[at + 3]!;
    const later = ((t[2816 + (b & 0xff)]! ^ t[2560 + ((b >>> 8) & 0xff)]!) ^
      (t[2304 + ((b >>> 16) & 0xff)]! ^ t[2048 + (b >>> 24)]!)) ^
      ((t[1792 + (c & 0xff)]! ^ t[1536 + ((c >>> 8) & 0xff)]!) ^
        (t[1280 + ((c >>> 16) & 0xff)]! ^ t[1024 + (c >>> 24)]!)) ^
      ((t[768 + (d & 0xff)]! ^ t[512 + ((d >>> 8) & 0xff)]!) ^
        (t[256 + ((d >>> 16) & 0xff)]! ^ t[d >>> 24]!));
    const a = crc ^ words[at]!;
    crc = later ^ ((t[3840 + (a & 0xff)]! ^ t[3584 + ((a >>> 8) & 0xff)]!) ^
      (t[3328 + ((a >>> 16) & 0xff)]! ^ t[3072 + (a >>> 24)]!));
  }
  return crc;
}

/** Advances over any bytes, sixteen a step while there are that many. */
function overBytes(crc: number, bytes: Uint8Array, at: number, end: number): number {
  const t = TABLES;
  for (const last = end - 16; at <= last; at += 16) {
    const later = ((t[2816 + bytes[at + 4]!]! ^ t[2560 + bytes[at + 5]!]!) ^
      (t[2304 + bytes[at + 6]!]! ^ t[2048 + bytes[at + 7]!]!)) ^
      ((t[1792 + bytes[at + 8]!]! ^ t[1536 + bytes[at + 9]!]!) ^
        (t[1280 + bytes[at + 10]!]! ^ t[1024 + bytes[at + 11]!]!)) ^
      ((t[768 + bytes[at + 12]!]! ^ t[512 + bytes[at + 13]!]!) ^
        (t[256 + bytes[at + 14]!]! ^ t[bytes[at + 15]!]!));
    crc = later ^ ((t[3840 + (bytes[at]! ^ (crc & 0xff))]! ^ t[3584 + (bytes[at + 1]! ^ ((crc >>> 8) & 0xff))]!) ^
      (t[3328 + (bytes[at + 2]! ^ ((crc >>> 16) & 0xff))]! ^ t[3072 + (bytes[at + 3]! ^ (crc >>> 24))]!));
  }
  for (; at < end; at++) crc = (crc >>> 8) ^ t[(crc ^ bytes[at]!) & 0xff]!;
  return crc;
}
