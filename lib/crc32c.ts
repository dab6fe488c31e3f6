/**
 * CRC-32C (Castagnoli, reflected polynomial 0x82f63b78), the checksum of record batches (KIP-98; RFC 3720 B.4).
 *
 * Sixteen bytes a step through sixteen tables ("slicing"), read as bytes, so a view may start at any address.
 *
 * @module
 */

const POLYNOMIAL = 0x82f63b78;

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
  const t = TABLES;
  let crc = ~previous;
  let at = start;
  for (const last = end - 16; at <= last; at += 16) {
    crc = t[3840 + (bytes[at]! ^ (crc & 0xff))]! ^
      t[3584 + (bytes[at + 1]! ^ ((crc >>> 8) & 0xff))]! ^
      t[3328 + (bytes[at + 2]! ^ ((crc >>> 16) & 0xff))]! ^
      t[3072 + (bytes[at + 3]! ^ (crc >>> 24))]! ^
      t[2816 + bytes[at + 4]!]! ^
      t[2560 + bytes[at + 5]!]! ^
      t[2304 + bytes[at + 6]!]! ^
      t[2048 + bytes[at + 7]!]! ^
      t[1792 + bytes[at + 8]!]! ^
      t[1536 + bytes[at + 9]!]! ^
      t[1280 + bytes[at + 10]!]! ^
      t[1024 + bytes[at + 11]!]! ^
      t[768 + bytes[at + 12]!]! ^
      t[512 + bytes[at + 13]!]! ^
      t[256 + bytes[at + 14]!]! ^
      t[bytes[at + 15]!]!;
  }
  for (; at < end; at++) crc = (crc >>> 8) ^ t[(crc ^ bytes[at]!) & 0xff]!;
  return ~crc >>> 0;
}
