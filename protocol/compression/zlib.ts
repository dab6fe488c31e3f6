/**
 * What gzip and zstd share of `node:zlib`, and its CRC-32, which is not the one of record batches.
 *
 * @module
 */

import { crc32 as zlibCrc32 } from "node:zlib";
import { corrupt, tooLarge } from "./error.ts";

/** CRC-32 as gzip has it (ISO 3309), at tens of gigabytes a second. */
export function crc32(bytes: Uint8Array): number {
  return zlibCrc32(bytes);
}

/** How large the pieces should be in which `node:zlib` collects its output: each costs a call, all are joined at the end. */
export function chunkSizeFor(bytes: number): number {
  return Math.min(Math.max(bytes, 1024), 256 * 1024);
}

/** A `Buffer` as what it is underneath, so that `slice` and the like mean what they mean everywhere else. */
export function plain(buffer: Uint8Array): Uint8Array {
  return new Uint8Array(buffer.buffer, buffer.byteOffset, buffer.byteLength);
}

/**
 * Decompresses by one of `node:zlib`'s functions, which stops once it has made more than `maxBytes`.
 *
 * @param expectedBytes a guess at the size of what comes out
 * @throws {CompressionError}
 */
export function decompressBy(
  decompressSync: (bytes: Uint8Array, options: { maxOutputLength: number; chunkSize: number }) => Uint8Array,
  codec: string,
  bytes: Uint8Array,
  maxBytes: number,
  expectedBytes: number,
): Uint8Array {
  let content: Uint8Array;
  try {
    const maxOutputLength = Math.max(maxBytes, 1); // it takes no 0
    content = decompressSync(bytes, { maxOutputLength, chunkSize: chunkSizeFor(expectedBytes) });
  } catch (error) {
    if (isTooLarge(error)) throw tooLarge(codec, maxBytes);
    throw corrupt(`The ${codec} stream of ${bytes.length} bytes is damaged: ${(error as Error).message}`);
  }
  if (content.length > maxBytes) throw tooLarge(codec, maxBytes);
  return plain(content);
}

function isTooLarge(error: unknown): boolean {
  return error instanceof RangeError && "code" in error && error.code === "ERR_BUFFER_TOO_LARGE";
}
