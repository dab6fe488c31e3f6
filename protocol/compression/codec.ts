/**
 * The compressions that a record batch may carry, by the number in its attributes and by the name that
 * `compression.type` gives them.
 *
 * Whatever is decompressed has a limit that no input can pass: neither by what it says of its size nor by what it
 * expands to.
 *
 * @module
 */

import { gzip } from "./gzip.ts";
import { lz4 } from "./lz4.ts";
import { snappy } from "./snappy.ts";
import { zstd } from "./zstd.ts";

/** The names of Kafka's codecs. */
export type CompressionName = "none" | "gzip" | "snappy" | "lz4" | "zstd";

/** One way to make bytes smaller and to get them back. */
export interface Codec {
  /** The number in bits 0 to 2 of a batch's attributes. */
  readonly id: number;
  readonly name: CompressionName;
  /**
   * @param level as `compression.gzip.level` and `compression.zstd.level` mean it; the codec's own default where it is
   *   left out. Snappy and LZ4 have one level here.
   */
  compress(bytes: Uint8Array, level?: number): Uint8Array;
  /**
   * The bytes that `compress` was given. The answer shares no memory with what is used again, but `none` answers
   * `bytes` itself.
   *
   * @throws {CompressionError} the bytes are damaged, use what Kafka does not, or expand to more than `maxBytes`
   */
  decompress(bytes: Uint8Array, maxBytes: number): Uint8Array;
}

const none: Codec = { id: 0, name: "none", compress: (bytes) => bytes, decompress: (bytes) => bytes };

const CODECS: readonly Codec[] = [none, gzip, snappy, lz4, zstd];

/** The codec with that number; `undefined` for 5 to 7, which Kafka does not know. */
export function codecById(id: number): Codec | undefined {
  return CODECS[id];
}

/** The codec that a `compression.type` names (`uncompressed` is `none`); `undefined` for `producer` and what is unknown. */
export function codecByName(name: CompressionName): Codec;
export function codecByName(name: string): Codec | undefined;
export function codecByName(name: string): Codec | undefined {
  return name === "uncompressed" ? none : CODECS.find((codec) => codec.name === name);
}
